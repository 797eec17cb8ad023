//! Whether a name can be taken for another index's name, over all releases: a document would end in the wrong place.

use std::collections::BTreeMap;

use crate::{
    names::{KnownName, NameText},
    pack::{
        code,
        diagnostic::Findings,
        draft::{Draft, DraftRelease},
        load::PACK_FILE,
        place::{At, Place},
        wire::{IndexWire, NamingWire},
    },
};

use super::{
    application::tenant_matcher,
    automaton::{Undecided, overlaps},
};

/// What a kind of name is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Index,
    Alias,
    Template,
}

/// The names of one kind of one index of one release.
struct Names<'a> {
    role: Role,
    release: &'a DraftRelease,
    key: &'a str,
    place: &'a Place,
    pattern: String,
}

/// One tenant: a template that only catches indices of an odd tenant is no mistake.
const TENANT_SAMPLE: &str = "t";

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    if tenant_matcher(draft.tenant_pattern()).is_none_or(|matcher| matcher.is_match("")) {
        return;
    }
    let names = all_names(draft, draft.tenant_pattern(), &[Role::Index, Role::Alias]);
    for (left, right, name) in confused(draft, &names, findings) {
        note_confused(left, right, &name, findings);
    }
    let names = all_names(draft, TENANT_SAMPLE, &[Role::Index, Role::Template]);
    for (left, right, name) in confused(draft, &names, findings) {
        note_caught(left, right, &name, findings);
    }
}

/// The pairs that share a name, with that name.
fn confused<'n, 'a>(
    draft: &Draft,
    names: &'n [Names<'a>],
    findings: &mut Findings,
) -> Vec<(&'n Names<'a>, &'n Names<'a>, String)> {
    let patterns: Vec<String> = names.iter().map(|names| names.pattern.clone()).collect();
    let pairs = overlaps(&patterns).unwrap_or_else(|error| {
        note_undecided(draft, &error, findings);
        BTreeMap::new()
    });
    let pair = |((left, right), name)| Some((names.get(left)?, names.get(right)?, name));
    pairs.into_iter().filter_map(pair).collect()
}

fn all_names<'a>(draft: &'a Draft, tenant_pattern: &str, roles: &[Role]) -> Vec<Names<'a>> {
    let mut all = Vec::new();
    for release in &draft.releases {
        let naming = draft.naming(release);
        for (key, index) in release.indices() {
            let Some(variant) = naming.get(index.naming()) else { continue };
            for role in roles {
                let Some(pattern) =
                    pattern((release, key, index), variant, (*role, tenant_pattern))
                else {
                    continue;
                };
                all.push(Names { role: *role, release, key, place: &index.place, pattern });
            }
        }
    }
    all
}

/// The anchored regular expression of the names; `None` when there are none.
fn pattern(
    (release, key, index): (&DraftRelease, &str, &IndexWire),
    naming: &NamingWire,
    (role, tenant_pattern): (Role, &str),
) -> Option<String> {
    let partitions = index.partitions?;
    let text: &Option<At<String>> = match role {
        Role::Index if index.is_partitioned() => &naming.partitioned,
        Role::Index => &naming.index,
        Role::Alias => &naming.alias,
        Role::Template if index.is_partitioned() => &naming.template_pattern,
        Role::Template => return None,
    };
    let text: NameText = text.as_ref()?.value.parse().ok()?;
    let known = KnownName { label: release.label(), name: index.name(key), partitions };
    let pattern = known.pattern(&text, tenant_pattern);
    Some(if role == Role::Template { pattern.replace(r"\*", ".*") } else { pattern })
}

fn note_undecided(draft: &Draft, error: &Undecided, findings: &mut Findings) {
    let written = draft.pack.as_ref().and_then(|pack| pack.tenant_pattern.as_ref());
    let place = written.map_or_else(|| Place::file(PACK_FILE), |pattern| pattern.place.clone());
    let message =
        format!("with this tenant pattern it can't be told whether names can be confused: {error}");
    let fix = "use a simpler tenant pattern, such as \"[a-z0-9]+\"";
    findings.warning(code::NAMES_CONFUSED, &place, message, fix);
}

impl Names<'_> {
    /// The index, with its release where `other` is of another one.
    fn called(&self, other: &Self) -> String {
        if self.is_beside(other) {
            format!("`{}`", self.key)
        } else {
            format!("`{}` of {}", self.key, self.release.version)
        }
    }

    /// Whether both are of one release.
    fn is_beside(&self, other: &Self) -> bool {
        self.release.version == other.release.version
    }
}

/// `left` is from the same release as `right` or from an older one.
fn note_confused(left: &Names<'_>, right: &Names<'_>, name: &str, findings: &mut Findings) {
    let (older, newer) = (left.called(right), right.called(left));
    let (message, fix) = match (left.role, right.role) {
        (Role::Index, Role::Index) => (
            format!("`{name}` could be an index of {older} and of {newer}"),
            "change `name`, `label` or the naming so that one name belongs to one index",
        ),
        (Role::Alias, Role::Alias) if left.is_beside(right) => (
            format!("`{name}` could be the alias of {older} and of {newer}"),
            "change `name` or `alias` so that one alias belongs to one index",
        ),
        (Role::Index, Role::Alias) => (
            format!("`{name}` could be an index of {older} and the alias of {newer}"),
            "change `alias` or the naming: an alias can't be called like an index",
        ),
        (Role::Alias, Role::Index) => (
            format!("`{name}` could be the alias of {older} and an index of {newer}"),
            "change `alias` or the naming: an alias can't be called like an index",
        ),
        // The alias of another release is the same one by intention.
        (Role::Alias, Role::Alias) | (Role::Template, _) | (_, Role::Template) => return,
    };
    findings.error(code::NAMES_CONFUSED, right.place, message, fix);
}

fn note_caught(left: &Names<'_>, right: &Names<'_>, name: &str, findings: &mut Findings) {
    let (index, template) = match (left.role, right.role) {
        (Role::Index, Role::Template) => (left, right),
        (Role::Template, Role::Index) => (right, left),
        // Two templates of one release share a name only if they share an index, which is told.
        _ => return,
    };
    if left.is_beside(right) && left.key == right.key {
        return;
    }
    let message = format!(
        "the index template of {} catches `{name}`, an index of {}",
        template.called(index),
        index.called(template)
    );
    let fix = "make `template_pattern` narrower, or change `name`";
    findings.warning(code::TEMPLATE_CATCHES, right.place, message, fix);
}
