//! The names that indices, aliases and templates get: whether they can be made, and whether engines take them.
//!
//! Whether two of them can be taken for one another is in `confusion`.

use crate::{
    names::{NameText, Slot},
    pack::{
        code,
        diagnostic::Findings,
        draft::{Draft, DraftRelease},
        model::SwitchMode,
        nearest::suggestion,
        place::{At, Place},
        wire::{IndexWire, NamingWire},
    },
};

use super::legal::{FIRST_REFUSED, Stars, illegal_character, illegal_whole};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let files = draft.releases.iter().filter_map(|release| release.file.as_ref());
    let variants = draft.pack.iter().flat_map(|pack| pack.naming.values());
    for naming in variants.chain(files.clone().flat_map(|file| file.naming.values())) {
        check_literals(naming, findings);
    }
    for file in files {
        if let Some(label) = &file.label {
            check_part("label", label, findings);
        }
    }
    for release in &draft.releases {
        check_release(draft, release, findings);
    }
    check_labels(draft, findings);
}

/// Two releases with one label would share all names.
fn check_labels(draft: &Draft, findings: &mut Findings) {
    for (position, release) in draft.releases.iter().enumerate() {
        let mut earlier = draft.releases.iter().take(position);
        let Some(other) = earlier.find(|other| other.label() == release.label()) else { continue };
        let label = release.file.as_ref().and_then(|file| file.label.as_ref());
        let place = label.map_or(&release.place, |label| &label.place);
        let message = format!(
            "the releases {} and {} have the same label `{}`, so they would share all names",
            other.version,
            release.version,
            release.label()
        );
        findings.error(code::NAMES_EQUAL, place, message, "give one of them another `label`");
    }
}

fn check_literals(naming: &NamingWire, findings: &mut Findings) {
    let NamingWire { place: _, index, partitioned, alias, template, template_pattern } = naming;
    let plain = [index, partitioned, alias, template].map(|text| (text, Stars::Refused));
    for (text, stars) in plain.into_iter().chain([(template_pattern, Stars::Allowed)]) {
        let Some(text) = text else { continue };
        if text.value.starts_with(FIRST_REFUSED) {
            let place = text.place.within(&text.value, 0..1);
            let message = "a name can't start with `-`, `_` or `+`: engines refuse it";
            let fix = "start with a letter or a placeholder";
            findings.error(code::NAME_ILLEGAL, &place, message, fix);
        }
        let Ok(parsed) = text.value.parse::<NameText>() else { continue };
        let illegal = parsed.literals().find_map(|literal| illegal_character(literal, stars));
        if let Some(illegal) = illegal {
            let start = text.value.find(illegal).unwrap_or_default();
            let place = text.place.within(&text.value, start..start + illegal.len_utf8());
            illegal_at("a name", illegal, &place, findings);
        }
    }
}

fn check_part(what: &str, part: &At<String>, findings: &mut Findings) {
    if part.value.is_empty() {
        let message = format!("`{what}` is empty");
        findings.error(code::NAME_ILLEGAL, &part.place, message, "write at least one character");
    } else if let Some(illegal) = illegal_character(&part.value, Stars::Refused) {
        illegal_at(&format!("`{what}`"), illegal, &part.place, findings);
    }
}

fn illegal_at(what: &str, illegal: char, place: &Place, findings: &mut Findings) {
    let message = format!("{what} can't hold {illegal:?}: engines refuse it in names");
    let fix = "use lower case letters, digits, `-`, `_` and `.`";
    findings.error(code::NAME_ILLEGAL, place, message, fix);
}

fn check_release(draft: &Draft, release: &DraftRelease, findings: &mut Findings) {
    let naming = draft.naming(release);
    let mut seen = Seen::default();
    for (key, index) in release.indices() {
        if let Some(name) = &index.name {
            check_part("name", name, findings);
        } else if let Some(illegal) = illegal_character(key, Stars::Refused) {
            illegal_at("the name of an index", illegal, &index.place, findings);
        }
        let Some(variant) = naming.get(index.naming()) else {
            // A missing `default` is told at the naming itself.
            if let Some(written) = &index.naming {
                let message = format!("there is no naming variant `{}`", written.value);
                let fix = suggestion(&written.value, naming.keys().copied());
                findings.error(code::NAMING_UNKNOWN, &written.place, message, fix);
            }
            continue;
        };
        let logical = Logical { key, index, variant, label: release.label() };
        check_variant(draft, &logical, findings);
        check_names(&logical, &mut seen, findings);
    }
}

/// A logical index with what its names are made of.
struct Logical<'a> {
    key: &'a str,
    index: &'a IndexWire,
    variant: &'a NamingWire,
    label: &'a str,
}

/// The names of the indices before, with their keys.
#[derive(Default)]
struct Seen {
    indices: Vec<(String, String)>,
    aliases: Vec<(String, String)>,
}

fn check_variant(draft: &Draft, logical: &Logical<'_>, findings: &mut Findings) {
    let Logical { key, index, variant, label: _ } = logical;
    if index.is_partitioned() && variant.partitioned.is_none() {
        let message = format!(
            "the index `{key}` has partitions, but its naming variant `{}` has no `partitioned`",
            index.naming()
        );
        let fix = "add `partitioned: \"{tenant}-{name}-v{version}-{partition}\"` to the variant";
        findings.error(code::PARTITIONED_MISSING, &index.place, message, fix);
    }
    let mode = draft.pack.as_ref().and_then(|pack| pack.mode.as_ref());
    let needs_alias = mode.is_some_and(|mode| mode.value == SwitchMode::Alias);
    if needs_alias && variant.alias.is_none() {
        let message = format!(
            "in mode `alias` every index needs an alias, but the naming variant `{}` has none",
            index.naming()
        );
        let fix = "add `alias: \"{tenant}-{name}\"`, or use mode `versioned`";
        findings.error(code::ALIAS_MISSING, &variant.place, message, fix);
    }
}

/// Tenants are not known here; the shortest one shows what is wrong for all.
const TENANT_SAMPLE: &str = "t";

/// The longest form of a suffix.
const PARTITION_SAMPLE: &str = "2022-10-05";

fn check_names(logical: &Logical<'_>, seen: &mut Seen, findings: &mut Findings) {
    let Logical { key, index, variant, label } = logical;
    let render = |text: &Option<At<String>>| {
        let parsed: NameText = text.as_ref()?.value.parse().ok()?;
        let has_name = parsed.has(Slot::Name);
        let name = parsed.render(|slot| match slot {
            Slot::Version => (*label).to_owned(),
            Slot::Tenant => TENANT_SAMPLE.to_owned(),
            Slot::Name => index.name(key).to_owned(),
            Slot::Partition => PARTITION_SAMPLE.to_owned(),
        });
        Some((name, has_name))
    };
    // A text that starts with an illegal letter is told where it is written.
    let is_told = |text: &Option<At<String>>| {
        text.as_ref().is_some_and(|text| text.value.starts_with(FIRST_REFUSED))
    };
    let own = if index.is_partitioned() { &variant.partitioned } else { &variant.index };
    for (what, text, others) in
        [("index", own, &mut seen.indices), ("alias", &variant.alias, &mut seen.aliases)]
    {
        let Some((name, has_name)) = render(text) else { continue };
        if let Some(why) = illegal_whole(&name).filter(|_| !is_told(text)) {
            let message = format!("the index `{key}` can't have the {what} name `{name}`: {why}");
            let fix = "change the naming text, `name` or `label`";
            findings.error(code::NAME_ILLEGAL, &index.place, message, fix);
        }
        match others.iter().find(|(_, other)| *other == name) {
            Some((other, _)) => {
                let message = format!(
                    "the indices `{other}` and `{key}` have the same {what} name, such as `{name}`"
                );
                let fix = if has_name {
                    "give one of them another `name`, or another naming variant".to_owned()
                } else {
                    format!(
                        "put `{{name}}` into `{what}` of the naming variant `{}`",
                        index.naming()
                    )
                };
                findings.error(code::NAMES_EQUAL, &index.place, message, fix);
            }
            None => others.push(((*key).to_owned(), name)),
        }
    }
    if let Some((name, _)) = render(&variant.template).filter(|_| index.is_partitioned())
        && let Some(why) = illegal_whole(&name).filter(|_| !is_told(&variant.template))
    {
        let message = format!("the index `{key}` can't have the template name `{name}`: {why}");
        findings.error(
            code::NAME_ILLEGAL,
            &index.place,
            message,
            "change `template` of the naming",
        );
    }
}
