//! Which indices get their documents out of envelopes: those whose documents don't stay one to one on the way.
//!
//! Everything that makes a copy right (versions by sequence number, catching up, deletes, comparison) wants one document for one.
//! Where steps drop, split, re-key or send documents, or several indices become one, the copy writes an *envelope* for every
//! document instead, with all that the steps made of it, into an index of Lockstep's own. From there documents are delivered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    finding::Finding,
    model::{Plan, Schema, TargetPlan, WayBack},
};
use crate::{
    names::{coarser, kind_of, respelt},
    pack::model::{Partitions, Spelling},
    transform::{Transform, operation::Operation},
};

/// What names of indices with envelopes begin with; the name of the index follows whose documents are in them.
const NAME_PREFIX: &str = "lockstep-envelopes-";
/// The engines' limit on the name of an index.
const NAME_BYTES_MAX: usize = 255;

/// The key of the schema of the envelopes for a logical index. No logical index is called like that: a slash can't be in a key.
pub(super) fn schema_key(key: &str) -> String {
    format!("envelopes/{key}")
}

/// The logical indices of the new release that are filled from envelopes.
///
/// `programs` are the operations that lead to them, by the key of the program, and `gathering` those in which documents of several
/// live indices come together. An index that others send documents to gets all of its documents that way, so that they can be counted.
pub(super) fn delivered_keys(
    programs: &BTreeMap<String, Vec<Operation>>,
    gathering: &BTreeSet<String>,
) -> BTreeSet<String> {
    let mut keys = gathering.clone();
    for (key, operations) in programs {
        let transform = Transform::new(operations.clone());
        if transform.is_spreading() {
            // Of several ways to an index each has a program, and all are gathering.
            keys.insert(key.split('/').next().unwrap_or(key).to_owned());
        }
        keys.extend(transform.destinations().iter().cloned());
    }
    keys
}

/// The logical indices that documents of a delivered index may go to, itself included.
pub(super) fn destinations(key: &str, operations: &[Operation]) -> BTreeSet<String> {
    let transform = Transform::new(operations.to_vec());
    transform.destinations().iter().cloned().chain([key.to_owned()]).collect()
}

/// The suffix of the partition of an index that documents of a partition go to: its own, if the index has partitions of that kind,
/// else that of the shortest longer time which it lies in; written as the application does. `None` when there is none.
pub(super) fn partition_within(suffix: &str, partitions: Partitions) -> Option<String> {
    if kind_of(suffix).is_some_and(|kind| partitions.include(Partitions::of([kind]))) {
        return Some(respelt(suffix, partitions));
    }
    let longer = |kind| coarser(suffix, kind, partitions.spelling(kind).unwrap_or(Spelling::Short));
    partitions.kinds().find_map(longer)
}

/// Whether documents of an index with partitions of some kinds come together in partitions of a longer time, or in one piece.
pub(super) fn is_put_together(live: Partitions, new: Partitions) -> bool {
    !live.is_none() && !new.include(live)
}

/// The index that holds the envelopes of the documents of a live index.
pub(super) fn envelope_target(key: &str, source: &str, replicas: u32) -> TargetPlan {
    let whole = format!("{NAME_PREFIX}{source}");
    let index = if whole.len() <= NAME_BYTES_MAX {
        whole
    } else {
        format!("{NAME_PREFIX}{}", blake3::hash(source.as_bytes()).to_hex())
    };
    TargetPlan {
        index,
        schema: schema_key(key),
        meta: None,
        // One log, so that of two documents that get one id one after the other the later one has the higher number.
        shards: 1,
        replicas,
        table: None,
    }
}

/// Mapping and settings of an index of envelopes: documents are kept as they are, and found by what is in them.
pub(super) fn envelope_schema(destinations: &BTreeSet<String>) -> Schema {
    let counts: Map<String, Value> =
        destinations.iter().map(|key| (key.clone(), json!({"type": "integer"}))).collect();
    Schema {
        mapping: json!({
            "dynamic": "strict",
            "properties": {
                "counts": {"properties": counts},
                "keys": {"type": "keyword"},
                "documents": {"type": "object", "enabled": false},
            },
        }),
        settings: BTreeMap::from([("hidden".to_owned(), json!(true))]),
    }
}

/// Says what envelopes mean for an index, and that there is no way back from it.
pub(super) fn look(plan: &mut Plan, keys: &BTreeSet<String>) {
    for key in keys {
        let parts = format!("{key}/");
        let is_own = |program: &&String| *program == key || program.starts_with(&parts);
        let programs: Vec<String> = plan.programs.keys().filter(is_own).cloned().collect();
        if programs.is_empty() {
            continue;
        }
        plan.findings.push(Finding::note(
            "F0906",
            key,
            "its documents don't stay one to one: each is put into an envelope first, in an index of its own that takes about as much disk again until `lockstep finalize`",
        ));
        // What the steps say is the better reason.
        let back = match plan.ways_back.remove(key) {
            Some(back @ WayBack::None { .. }) => back,
            Some(WayBack::Program { .. }) | None => WayBack::None {
                step: plan.to.clone(),
                reason: "documents come together in it that can't be told apart any more"
                    .to_owned(),
            },
        };
        for program in programs {
            plan.ways_back.insert(program, back.clone());
        }
    }
    let tables: Vec<String> = plan
        .delivered()
        .filter(|(_, target)| target.table.is_some())
        .map(|(_, target)| target.index.clone())
        .collect();
    for index in tables {
        plan.findings.push(Finding::refuse(
            "F0505",
            &index,
            "its documents become rows of a table, and don't come one to one from the live set: which of them a row was made of could not be told",
            "let them come one to one, or keep them without a table in this release",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::model::Partition;

    #[test]
    fn a_partition_goes_to_the_shortest_time_that_it_lies_in() {
        let within = |suffix: &str, kinds: &[Partition]| {
            partition_within(suffix, Partitions::of(kinds.iter().copied()))
        };
        let cases = [
            ("2022-10", &[Partition::Month, Partition::Year][..], Some("2022-10")),
            ("2022-10", &[Partition::Quarter, Partition::Year], Some("2022-q4")),
            ("2022-10-5", &[Partition::Year], Some("2022")),
            ("2022-q4", &[Partition::Month], None),
            ("2022-w41", &[Partition::Month], None),
        ];
        for (suffix, kinds, expected) in cases {
            assert_eq!(within(suffix, kinds).as_deref(), expected, "{suffix} {kinds:?}");
        }
        let months = Partitions::NONE.with(Partition::Month, Spelling::Padded);
        for suffix in ["2022-1-5", "2022-1", "2022.01", "2022-01"] {
            assert_eq!(partition_within(suffix, months).as_deref(), Some("2022-01"), "{suffix}");
        }
    }

    #[test]
    fn a_name_is_never_too_long() {
        assert_eq!(envelope_target("a", "acme-a-v1", 1).index, "lockstep-envelopes-acme-a-v1");
        let long = "x".repeat(250);
        let target = envelope_target("a", &long, 1);
        assert_eq!(target.index.len(), NAME_PREFIX.len() + 64);
        assert_ne!(target.index, envelope_target("a", &format!("{long}y"), 1).index);
    }
}
