//! Naming texts: which placeholders each may and must hold. What the names become is in `names`.

use std::fmt;

use crate::{
    names::{NameText, NotANameText, Slot},
    pack::{
        code,
        diagnostic::Findings,
        draft::{Draft, NAMING_DEFAULT},
        model::SwitchMode,
        nearest::listed,
        place::At,
        wire::NamingWire,
    },
};

/// What a naming text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Index,
    Partitioned,
    Alias,
    Template,
    TemplatePattern,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Index => "index",
            Self::Partitioned => "partitioned",
            Self::Alias => "alias",
            Self::Template => "template",
            Self::TemplatePattern => "template_pattern",
        })
    }
}

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let Some(pack) = &draft.pack else { return };
    if !pack.naming.contains_key(NAMING_DEFAULT) && pack.naming_place.span.is_some() {
        let message = "the naming has no variant `default`, which every index uses that names none";
        let fix = "add `default: {index: \"{tenant}-{name}-v{version}\"}` or rename a variant";
        findings.error(code::NAMING_DEFAULT, &pack.naming_place, message, fix);
    }
    let files = draft.releases.iter().filter_map(|release| release.file.as_ref());
    let variants: Vec<&NamingWire> =
        pack.naming.values().chain(files.flat_map(|file| file.naming.values())).collect();
    let rule = Rule {
        // Where no name holds a tenant there is only one.
        has_tenants: variants.iter().any(|naming| {
            texts(naming).any(|(_, text)| text.value.contains(Slot::Tenant.braced()))
        }),
        mode: pack.mode.as_ref().map(|mode| mode.value),
    };
    for naming in variants {
        for (role, text) in texts(naming) {
            check_text(role, text, &rule, findings);
        }
        check_template(naming, findings);
    }
}

struct Rule {
    has_tenants: bool,
    mode: Option<SwitchMode>,
}

fn texts(naming: &NamingWire) -> impl Iterator<Item = (Role, &At<String>)> {
    let NamingWire { place: _, index, partitioned, alias, template, template_pattern } = naming;
    let all = [
        (Role::Index, index),
        (Role::Partitioned, partitioned),
        (Role::Alias, alias),
        (Role::Template, template),
        (Role::TemplatePattern, template_pattern),
    ];
    all.into_iter().filter_map(|(role, text)| Some((role, text.as_ref()?)))
}

fn check_text(role: Role, text: &At<String>, rule: &Rule, findings: &mut Findings) {
    let parsed = match text.value.parse::<NameText>() {
        Ok(parsed) => parsed,
        Err(error) => {
            let place = text.place.within(&text.value, error.range());
            let fix = match &error {
                NotANameText::UnknownSlot { .. } => {
                    format!("the placeholders are {}", listed(Slot::ALL.map(Slot::braced)))
                }
                NotANameText::LoneBrace { .. } => "close or remove the brace".to_owned(),
            };
            findings.error(code::PLACEHOLDER_UNKNOWN, &place, error.to_string(), fix);
            return;
        }
    };
    for (slot, why) in missing(role, &parsed, rule) {
        let message = format!("`{role}` lacks the placeholder `{slot}`: {why}");
        let fix = format!("put `{slot}` into the text");
        findings.error(code::PLACEHOLDER_MISSING, &text.place, message, fix);
    }
    for (slot, why, fix) in misplaced(role, &parsed, rule) {
        let word = slot.braced();
        let start = text.value.rfind(word).unwrap_or_default();
        let place = text.place.within(&text.value, start..start + word.len());
        let message = format!("`{role}` can't hold `{slot}` here: {why}");
        findings.error(code::PLACEHOLDER_MISPLACED, &place, message, fix);
    }
}

fn missing(role: Role, text: &NameText, rule: &Rule) -> Vec<(Slot, &'static str)> {
    let mut missing = Vec::new();
    if rule.has_tenants && !text.has(Slot::Tenant) {
        missing.push((
            Slot::Tenant,
            "other texts hold it, and without it all tenants would share one name",
        ));
    }
    let is_of_release = match role {
        Role::Index | Role::Partitioned | Role::TemplatePattern => true,
        Role::Alias | Role::Template => false,
    };
    if is_of_release && !text.has(Slot::Version) {
        missing.push((Slot::Version, "two releases would share one name"));
    }
    if role == Role::Partitioned && !text.has(Slot::Partition) {
        missing.push((Slot::Partition, "all partitions would share one name"));
    }
    missing
}

fn misplaced(role: Role, text: &NameText, rule: &Rule) -> Vec<(Slot, &'static str, &'static str)> {
    let mut misplaced = Vec::new();
    let slots: Vec<Slot> = text.slots().collect();
    for slot in Slot::ALL {
        if slots.iter().filter(|own| **own == slot).count() > 1 {
            misplaced.push((slot, "it stands there twice", "keep one of the two"));
        }
    }
    if role != Role::Partitioned && text.has(Slot::Partition) {
        misplaced.push((
            Slot::Partition,
            "only the names of partitions have one",
            "write it in `partitioned`, and `*` for it in `template_pattern`",
        ));
    }
    if role == Role::Alias && rule.mode == Some(SwitchMode::Alias) && text.has(Slot::Version) {
        misplaced.push((
            Slot::Version,
            "in mode `alias` an alias must stay the same from release to release",
            "remove it, or use mode `versioned`",
        ));
    }
    let at = |slot| slots.iter().position(|own| *own == slot);
    if let (Some(partition), Some(tenant)) = (at(Slot::Partition), at(Slot::Tenant))
        && partition < tenant
    {
        misplaced.push((
            Slot::Tenant,
            "behind `{partition}` a name could be taken apart in two ways",
            "put `{tenant}` before `{partition}`",
        ));
    }
    misplaced
}

fn check_template(naming: &NamingWire, findings: &mut Findings) {
    let (present, absent) = match (&naming.template, &naming.template_pattern) {
        (Some(template), None) => (template, Role::TemplatePattern),
        (None, Some(pattern)) => (pattern, Role::Template),
        (Some(_), Some(pattern)) => {
            if !pattern.value.contains('*') {
                let message = "`template_pattern` has no `*`, so it fits no partition";
                let fix = "write `*` where the partition stands";
                findings.error(code::TEMPLATE_HALF, &pattern.place, message, fix);
            }
            return;
        }
        (None, None) => return,
    };
    let message = format!("an index template needs `{absent}` as well");
    let fix = format!("add `{absent}`, or remove this line");
    findings.error(code::TEMPLATE_HALF, &present.place, message, fix);
}
