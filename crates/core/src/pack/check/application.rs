//! The application's own words: its name, its version rule, its tenants.

use regex::Regex;

use crate::{
    names::tenant_group,
    pack::{code, diagnostic::Findings, draft::Draft, place::At, wire::PackFile},
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let Some(pack) = &draft.pack else { return };
    check_name(pack, findings);
    if let Some(parts) = pack.data_parts.as_ref().filter(|parts| parts.value == 0) {
        let message = "a data version of 0 numbers would make every upgrade minor";
        let fix =
            "write how many leading numbers of a version change when the data changes, 1 or more";
        findings.error(code::DATA_PARTS, &parts.place, message, fix);
    }
    if let Some(pattern) = &pack.tenant_pattern {
        check_pattern(pattern, findings);
    }
    check_tenants(draft, pack, findings);
}

fn check_name(pack: &PackFile, findings: &mut Findings) {
    let is_legal = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '-'))
    };
    if let Some(name) = pack.name.as_ref().filter(|name| !is_legal(&name.value)) {
        let message = format!("`{}` can't name an application", name.value);
        let fix = "use a lower case letter, then lower case letters, digits and `-`";
        findings.error(code::PACK_NAME, &name.place, message, fix);
    }
}

/// The pattern as it is used on a whole tenant name; `None` when it does not compile.
pub(super) fn tenant_matcher(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^{}$", tenant_group(pattern))).ok()
}

fn check_pattern(pattern: &At<String>, findings: &mut Findings) {
    let (text, place) = (pattern.value.as_str(), &pattern.place);
    if let Err(error) = Regex::new(text) {
        // The compiler draws the pattern and the mistake; its last line says what it is.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let message = format!("the tenant pattern is no regular expression: {reason}");
        findings.error(code::TENANT_PATTERN, place, message, "write one such as \"[a-z0-9]+\"");
        return;
    }
    let (problem, fix) = if text.starts_with('^') || text.ends_with('$') {
        (
            "has an anchor",
            "leave `^` and `$` out: the pattern is always matched against the whole name",
        )
    } else if let Some(matcher) = tenant_matcher(text) {
        if !matcher.is_match("") {
            return;
        }
        ("fits a tenant without a name", "ask for at least one character, with `+` instead of `*`")
    } else {
        (
            "does not work inside a larger pattern",
            "use no named groups, no comments and no lone flags",
        )
    };
    findings.error(code::TENANT_PATTERN, place, format!("the tenant pattern {problem}"), fix);
}

/// Tenants that are named must be possible.
fn check_tenants(draft: &Draft, pack: &PackFile, findings: &mut Findings) {
    let pattern = draft.tenant_pattern();
    let Some(matcher) = tenant_matcher(pattern) else { return };
    let message = |tenant: &At<String>| {
        format!("the tenant `{}` does not fit the tenant pattern `{pattern}`", tenant.value)
    };
    let fix = "correct the name, or widen `tenants.pattern` in pack.yaml";
    let is_impossible = |tenant: &&At<String>| !matcher.is_match(&tenant.value);
    for tenant in pack.tenants_ignored.iter().filter(is_impossible) {
        findings.warning(code::TENANT_NAME, &tenant.place, message(tenant), fix);
    }
    let files = draft.releases.iter().filter_map(|release| release.file.as_ref());
    for tenant in files.filter_map(|file| file.default_tenant.as_ref()).filter(is_impossible) {
        findings.error(code::TENANT_NAME, &tenant.place, message(tenant), fix);
    }
}
