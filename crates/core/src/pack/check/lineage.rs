//! Where the documents of each index come from: every index of a release is accounted for, and none is lost.

use std::collections::BTreeSet;

use crate::{
    names::{Slot, is_coarser, partition_pattern, respelt},
    pack::{
        code,
        diagnostic::Findings,
        draft::{Draft, DraftRelease},
        model::{Partition, Partitions, SwitchMode},
        nearest::suggestion,
        place::{At, Place},
        wire::{Fate, IndexStepWire, StepWire},
    },
};

use super::chain::data_parts;

/// Two releases of which the second one's step starts at the first one.
#[derive(Clone, Copy)]
pub(in crate::pack) struct Hop<'a> {
    pub(in crate::pack) before: &'a DraftRelease,
    pub(in crate::pack) release: &'a DraftRelease,
    pub(in crate::pack) step: &'a StepWire,
}

/// All hops whose two ends could be read.
pub(in crate::pack) fn hops(draft: &Draft) -> impl Iterator<Item = Hop<'_>> {
    let data_parts = data_parts(draft);
    draft.pairs().filter_map(move |(before, release)| {
        let step = release.file.as_ref()?.step.as_ref()?;
        let starts_there =
            step.from.as_ref()?.value.data(data_parts?) == before.version.data(data_parts?);
        (starts_there && before.file.is_some()).then_some(Hop { before, release, step })
    })
}

/// An index that gets the documents of another one.
pub(in crate::pack) struct Flow<'a> {
    pub(in crate::pack) key: &'a str,
    pub(in crate::pack) source_key: &'a str,
    pub(in crate::pack) entry: &'a IndexStepWire,
}

impl<'a> Hop<'a> {
    /// Every index of the release that gets documents, with the index that it names as their source.
    pub(in crate::pack) fn flows(self) -> impl Iterator<Item = Flow<'a>> {
        self.step.indices.iter().flat_map(|(key, entry)| {
            let sources: Vec<&str> = match entry.fate.as_ref() {
                Some(Fate::Unchanged) => vec![key],
                Some(Fate::Migrate { from, partition: _, operations: _, way_back: _ }) => {
                    if from.is_empty() {
                        vec![key]
                    } else {
                        from.iter().map(|from| from.value.as_str()).collect()
                    }
                }
                Some(Fate::New | Fate::NewLike { .. } | Fate::Dropped) | None => Vec::new(),
            };
            sources.into_iter().map(move |source_key| Flow { key, source_key, entry })
        })
    }
}

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let mode = draft.pack.as_ref().and_then(|pack| pack.mode.as_ref()).map(|mode| mode.value);
    for hop in hops(draft) {
        check_mentioned(hop, findings);
        for (key, entry) in &hop.step.indices {
            check_entry(hop, key, entry, findings);
        }
        check_lost(hop, findings);
        for flow in hop.flows() {
            check_flow(hop, &flow, findings);
            if mode == Some(SwitchMode::Alias) {
                check_alias(draft, hop, &flow, findings);
            }
        }
    }
}

fn check_mentioned(hop: Hop<'_>, findings: &mut Findings) {
    for (key, index) in hop.release.indices() {
        if hop.step.indices.contains_key(key) {
            continue;
        }
        let message = format!(
            "the step into {} does not say where the index `{key}` gets its documents",
            hop.release.version
        );
        let word = if hop.before.index(key).is_some() { "unchanged" } else { "new" };
        let fix =
            format!("add `{key}: {word}`, or `{key}: {{migrate: {{…}}}}`, to the step's `indices`");
        findings.error(code::INDEX_UNMENTIONED, &index.place, message, fix);
    }
}

fn check_entry(hop: Hop<'_>, key: &str, entry: &IndexStepWire, findings: &mut Findings) {
    let Some(fate) = &entry.fate else { return };
    if !matches!(fate, Fate::Dropped) && hop.release.index(key).is_none() {
        let message = format!("the release {} has no index `{key}`", hop.release.version);
        let fix = if hop.before.index(key).is_some() {
            format!("write `{key}: dropped`, or describe the index under `indices`")
        } else {
            suggestion(key, hop.release.indices().map(|(key, _)| key))
        };
        findings.error(code::INDEX_UNKNOWN, &entry.place, message, fix);
        return;
    }
    match fate {
        Fate::Unchanged => known_before(hop, key, &entry.place, findings),
        Fate::Migrate { from, partition: _, operations: _, way_back: _ } => {
            if from.is_empty() {
                known_before(hop, key, &entry.place, findings);
            }
            for from in from {
                known_before(hop, &from.value, &from.place, findings);
            }
        }
        Fate::NewLike { like } => check_like(hop, key, like, findings),
        Fate::Dropped => check_dropped(hop, key, entry, findings),
        Fate::New => {}
    }
}

fn known_before(hop: Hop<'_>, key: &str, place: &Place, findings: &mut Findings) {
    if hop.before.index(key).is_none() {
        let message = format!("the release {} has no index `{key}`", hop.before.version);
        let fix = suggestion(key, hop.before.indices().map(|(key, _)| key));
        findings.error(code::INDEX_UNKNOWN, place, message, fix);
    }
}

fn check_dropped(hop: Hop<'_>, key: &str, entry: &IndexStepWire, findings: &mut Findings) {
    known_before(hop, key, &entry.place, findings);
    let reader = hop.flows().find(|flow| flow.source_key == key);
    let (message, fix) = if hop.release.index(key).is_some() {
        (
            format!(
                "the index `{key}` is dropped, but the release {} has an index with this key",
                hop.release.version
            ),
            format!(
                "write `{key}: unchanged` or `{key}: {{migrate: {{…}}}}`, or give the new index another key"
            ),
        )
    } else if let Some(reader) = reader {
        (
            format!("the index `{key}` is dropped, but `{}` gets its documents", reader.key),
            "remove this line: an index whose documents go elsewhere ends by itself".to_owned(),
        )
    } else {
        return;
    };
    findings.error(code::INDEX_UNKNOWN, &entry.place, message, fix);
}

fn check_like(hop: Hop<'_>, key: &str, like: &At<String>, findings: &mut Findings) {
    let Hop { before: _, release, step } = hop;
    let Some(other) = release.index(&like.value) else {
        let message = format!("the release {} has no index `{}`", release.version, like.value);
        let fix = suggestion(&like.value, release.indices().map(|(key, _)| key));
        findings.error(code::INDEX_UNKNOWN, &like.place, message, fix);
        return;
    };
    let partitions = release.index(key).and_then(|index| index.partitions);
    let (Some(partitions), Some(others)) = (partitions, other.partitions) else { return };
    let fate = step.indices.get(&like.value).and_then(|entry| entry.fate.as_ref());
    let (message, fix) = if partitions.is_none() || !others.is_alike(partitions) {
        (
            format!(
                "`{key}` can't have the partitions of `{}`: the two are not partitioned alike",
                like.value
            ),
            "write the same `partition` for both, or `new` here",
        )
    } else if matches!(fate, Some(Fate::New | Fate::NewLike { .. })) {
        (
            format!(
                "`{key}` can't have the partitions of `{}`: that index starts empty as well",
                like.value
            ),
            "name an index that is `unchanged` or gets documents by `migrate`",
        )
    } else {
        return;
    };
    findings.error(code::LIKE, &like.place, message, fix);
}

fn check_lost(hop: Hop<'_>, findings: &mut Findings) {
    let Hop { before, release, step } = hop;
    if step.indices.values().any(|entry| entry.fate.is_none()) {
        // The entry that could not be read may be the one that carries it on.
        return;
    }
    let carried: BTreeSet<&str> = hop.flows().map(|flow| flow.source_key).collect();
    if carried.iter().any(|key| before.index(key).is_none()) {
        // The same for a misspelt source.
        return;
    }
    for (key, _) in before.indices() {
        let entry = step.indices.get(key);
        let is_dropped = entry.is_some_and(|entry| matches!(entry.fate, Some(Fate::Dropped)));
        if carried.contains(key) || is_dropped {
            continue;
        }
        let message = format!(
            "the index `{key}` of {} is neither carried on nor dropped: its documents would be lost in silence",
            before.version
        );
        let (place, fix) = match (entry, release.index(key)) {
            (Some(entry), Some(_)) => (
                &entry.place,
                format!(
                    "carry it on, or give the new index another key (its `name` may stay) and write `{key}: dropped`"
                ),
            ),
            (_, Some(_)) => continue,
            _ => (
                &step.place,
                format!("add `{key}: dropped` to the step's `indices`, or name it in a `from`"),
            ),
        };
        findings.error(code::INDEX_LOST, place, message, fix);
    }
}

fn check_flow(hop: Hop<'_>, flow: &Flow<'_>, findings: &mut Findings) {
    let Flow { key, source_key, entry } = flow;
    let (Some(source), Some(target)) = (hop.before.index(source_key), hop.release.index(key))
    else {
        return;
    };
    if let (Some(old), Some(new)) = (source.partitions, target.partitions) {
        check_partitions((key, entry), old, new, findings);
    }
    let mappings = (hop.before.mappings.get(*source_key), hop.release.mappings.get(*key));
    if let (Some(Fate::Unchanged), (Some(old), Some(new))) = (&entry.fate, mappings)
        && !same_fields(old, new)
    {
        let message = format!(
            "the index `{key}` is `unchanged`, but its mapping is another one than in {}",
            hop.before.version
        );
        let fix = "write `{migrate: {operations: […]}}`, or make the two mappings equal";
        findings.error(code::UNCHANGED_DIFFERS, &entry.place, message, fix);
    }
}

/// `_meta` is a label, not part of how documents are kept.
pub(in crate::pack) fn same_fields(old: &serde_json::Value, new: &serde_json::Value) -> bool {
    let without_meta = |mapping: &serde_json::Value| {
        let mut fields = mapping.as_object().cloned().unwrap_or_default();
        fields.remove("_meta");
        fields
    };
    without_meta(old) == without_meta(new)
}

/// Whether every partition of some kinds is one of these, or lies within one of them.
fn lie_within(old: Partitions, new: Partitions) -> bool {
    let lies_within = |kind| {
        new.include(Partitions::of([kind])) || new.kinds().any(|longer| is_coarser(longer, kind))
    };
    old.kinds().all(lies_within)
}

/// Partitions keep their suffix, or come together in those of a longer time, or in one piece; one piece needs a suffix.
fn check_partitions(
    (key, entry): (&str, &IndexStepWire),
    old: Partitions,
    new: Partitions,
    findings: &mut Findings,
) {
    let suffix = match &entry.fate {
        Some(Fate::Migrate { from: _, partition: Some(suffix), operations: _, way_back: _ }) => {
            suffix
        }
        _ if old.is_none() && new.is_none() => return,
        _ if !old.is_none() && (new.is_none() || lie_within(old, new)) => return,
        _ => {
            let message = format!(
                "the step changes how `{key}` is partitioned, from {} to {}: {}",
                words(old),
                words(new),
                if old.is_none() {
                    "its documents need a partition"
                } else {
                    "which of the new ones a document belongs to can't be told by the old one that it is in"
                }
            );
            let fix = if old.is_none() {
                "say which one they get: `{migrate: {partition: \"2000-1\"}}`".to_owned()
            } else {
                let both = Partitions::of(new.kinds().chain(old.kinds()));
                format!(
                    "write `partition: {}`: the new kind, and what is kept of the old one",
                    words(both)
                )
            };
            findings.error(code::PARTITION_CHANGES, &entry.place, message, fix);
            return;
        }
    };
    let matcher = regex::Regex::new(&format!("^{}$", partition_pattern(new)));
    let fits = matcher.is_ok_and(|matcher| matcher.is_match(&suffix.value));
    let as_written = respelt(&suffix.value, new);
    let (message, fix) = if !old.is_none() {
        (
            format!("`{key}` has partitions already, which keep their suffix"),
            "remove `partition`: it is for an index of one piece that gets partitions".to_owned(),
        )
    } else if new.is_none() {
        (format!("`{key}` has no partitions"), "remove `partition`".to_owned())
    } else if !fits {
        (
            format!("`{}` is no partition of `{key}`, which has them by {}", suffix.value, words(new)),
            "write a suffix as the application would, such as \"2000-1\", \"2000-q1\" or \"2000-year\"".to_owned(),
        )
    } else if as_written != suffix.value {
        (
            format!("the partitions of `{key}` are written otherwise than `{}`", suffix.value),
            format!("did you mean `{as_written}`?"),
        )
    } else {
        return;
    };
    findings.error(code::PARTITION_CHANGES, &suffix.place, message, fix);
}

/// As a pack writes it.
fn words(partitions: Partitions) -> String {
    let words: Vec<&str> = partitions.kinds().map(Partition::word).collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        [only] => (*only).to_owned(),
        _ => format!("[{}]", words.join(", ")),
    }
}

/// In mode `alias` the application finds its data only if the alias stays.
fn check_alias(draft: &Draft, hop: Hop<'_>, flow: &Flow<'_>, findings: &mut Findings) {
    let alias = |release: &DraftRelease, key: &str| {
        let index = release.index(key)?;
        let text = draft.naming(release).get(index.naming())?.alias.as_ref()?.value.clone();
        Some(text.replace(Slot::Name.braced(), index.name(key)))
    };
    let (Some(old), Some(new)) = (alias(hop.before, flow.source_key), alias(hop.release, flow.key))
    else {
        return;
    };
    if old != new {
        let message =
            format!("the step changes the alias of `{}` from `{old}` to `{new}`", flow.key);
        let fix = format!(
            "if the application of {} does not know the new alias, keep the `name` or the naming",
            hop.release.version
        );
        findings.warning(code::ALIAS_CHANGES, &flow.entry.place, message, fix);
    }
}
