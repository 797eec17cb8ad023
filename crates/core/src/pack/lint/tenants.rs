//! L7: tenants and names.

use std::collections::BTreeSet;

use super::rule;
use crate::{
    names::{Glob, NameText, Slot},
    pack::{
        check::{automaton::overlaps, lineage::hops},
        diagnostic::Findings,
        draft::{Draft, DraftRelease},
        place::At,
        wire::{NamingWire, PackFile},
    },
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let Some(pack) = &draft.pack else { return };
    check_separators(draft, pack, findings);
    for ignored in &pack.indices_ignored {
        check_ignored(draft, ignored, findings);
    }
    check_default_tenants(draft, pack, findings);
    check_templates(draft, findings);
}

/// A tenant `a-b` beside `-` in a name: machines tell where the tenant ends, people don't.
fn check_separators(draft: &Draft, pack: &PackFile, findings: &mut Findings) {
    let Some(pattern) = &pack.tenant_pattern else { return };
    let files = draft.releases.iter().filter_map(|release| release.file.as_ref());
    let namings = pack.naming.values().chain(files.flat_map(|file| file.naming.values()));
    let texts = namings.flat_map(|naming| [&naming.index, &naming.partitioned, &naming.alias]);
    let separators: BTreeSet<char> =
        texts.flatten().flat_map(|text| beside_tenant(&text.value)).collect();
    for separator in separators {
        let within = format!("^.*{}.*$", regex::escape(&separator.to_string()));
        let own = format!("^(?:{})$", pattern.value);
        // A pattern too large to decide this is told by `check`.
        let Ok(found) = overlaps(&[own, within]) else { continue };
        if let Some(name) = found.values().next() {
            let message = format!(
                "a tenant may be called `{name}`, and `{separator}` stands beside `{{tenant}}` in names: nobody sees where the tenant ends"
            );
            let fix = format!(
                "leave `{separator}` out of the pattern, or put another letter between the parts of names"
            );
            let at = "tenants.pattern".to_owned();
            findings.lint((rule::TENANT_SEPARATOR, at), &pattern.place, message, fix);
        }
    }
}

/// The letters beside `{tenant}` that part it from the rest of a name.
fn beside_tenant(text: &str) -> impl Iterator<Item = char> {
    let parts = text.split_once(Slot::Tenant.braced());
    let (before, after) = parts.unwrap_or_default();
    let beside = [before.chars().next_back(), after.chars().next()];
    let is_separator = |letter: &char| !letter.is_alphanumeric() && !matches!(letter, '{' | '}');
    beside.into_iter().flatten().filter(is_separator)
}

/// No name holds this, so only `*` stands for it.
const ANY: &str = "\u{0}";

fn check_ignored(draft: &Draft, ignored: &At<String>, findings: &mut Findings) {
    let glob = Glob::new(&ignored.value);
    let covered = draft.releases.iter().find_map(|release| {
        let naming = draft.naming(release);
        release.indices().find_map(|(key, index)| {
            let variant = naming.get(index.naming())?;
            let text = if index.is_partitioned() { &variant.partitioned } else { &variant.index };
            let text: NameText = text.as_ref()?.value.parse().ok()?;
            let name = text.render(|slot| match slot {
                Slot::Version => release.label().to_owned(),
                Slot::Name => index.name(key).to_owned(),
                Slot::Tenant | Slot::Partition => ANY.to_owned(),
            });
            glob.matches(&name).then_some((release, key))
        })
    });
    if let Some((release, key)) = covered {
        let message = format!(
            "`{}` leaves `{key}` of {} alone for every tenant: its documents stay behind",
            ignored.value, release.version
        );
        let fix = "make it narrower; an index that is not needed any more is `dropped` in a step";
        let at = format!("ignore.{}", ignored.value);
        findings.lint((rule::IGNORES_ALL, at), &ignored.place, message, fix.to_owned());
    }
}

fn check_default_tenants(draft: &Draft, pack: &PackFile, findings: &mut Findings) {
    let of = |release: &DraftRelease| {
        release
            .file
            .as_ref()
            .and_then(|file| file.default_tenant.as_ref())
            .map(|name| name.value.clone())
    };
    let at = || "default_tenant".to_owned();
    let named = draft.releases.iter().find(|release| of(release).is_some());
    for release in &draft.releases {
        match (of(release), named) {
            (None, Some(named)) => {
                let message = format!(
                    "{} has a default tenant, but {} has none: there the tenant keeps the name that it had before",
                    named.version, release.version
                );
                let fix = "write `default_tenant` in every release, or in none";
                findings.lint(
                    (rule::DEFAULT_TENANT_MISSING, at()),
                    &release.place,
                    message,
                    fix.to_owned(),
                );
            }
            (Some(name), _) if pack.tenants_ignored.iter().any(|ignored| ignored.value == name) => {
                let place = release.file.as_ref().and_then(|file| file.default_tenant.as_ref());
                let place = place.map_or(&release.place, |name| &name.place);
                let message = format!(
                    "the default tenant `{name}` is among the tenants that are left alone: nothing of it is upgraded"
                );
                let fix = "take it out of `tenants.ignore` in pack.yaml";
                findings.lint((rule::DEFAULT_TENANT_IGNORED, at()), place, message, fix.to_owned());
            }
            (None, None) | (Some(_), _) => {}
        }
    }
}

/// While the old application still writes, it needs the template of its own version for its next partition.
fn check_templates(draft: &Draft, findings: &mut Findings) {
    for hop in hops(draft) {
        for flow in hop.flows() {
            let old = template(draft, (hop.before, flow.source_key));
            let new = template(draft, (hop.release, flow.key));
            let (Some((_, before)), Some((naming, after))) = (old, new) else { continue };
            if before != after {
                continue;
            }
            let Some(text) = &naming.template else { continue };
            let message = format!(
                "the template `{}` is called the same in every release: the new one replaces the old one, and partitions that the old application begins are made without",
                text.value
            );
            let fix = format!("write `{}` into the name", Slot::Version.braced());
            findings.lint(
                (rule::TEMPLATE_REPLACED, "template".to_owned()),
                &text.place,
                message,
                fix,
            );
        }
    }
}

/// The name of an index's template with the tenant left open, and where it comes from.
fn template<'a>(
    draft: &'a Draft,
    (release, key): (&'a DraftRelease, &str),
) -> Option<(&'a NamingWire, String)> {
    let index = release.index(key).filter(|index| index.is_partitioned())?;
    let naming = *draft.naming(release).get(index.naming())?;
    let text: NameText = naming.template.as_ref()?.value.parse().ok()?;
    let name = text.render(|slot| match slot {
        Slot::Version => release.label().to_owned(),
        Slot::Name => index.name(key).to_owned(),
        Slot::Tenant | Slot::Partition => slot.braced().to_owned(),
    });
    Some((naming, name))
}
