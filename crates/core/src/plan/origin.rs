//! Where every index of the last release gets its documents, seen across all steps of a chain: that is all of fusing.

use std::collections::BTreeMap;

use crate::{
    pack::model::{IndexStep, Release, Step},
    transform::operation::Operation,
};

/// Where a logical index of the new release gets its documents, seen across the whole chain.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Origin {
    /// From an index of the live release, through the operations of all steps.
    From { places: Places, operations: Vec<Operation> },
    /// It starts empty.
    New {
        /// The suffix of the partition that it becomes on the way, if it began as one piece.
        partition: Option<String>,
    },
    /// It starts empty, in the places where another index is.
    Like(Places),
}

/// The indices of the live release with one key, each with the partition that it becomes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Places {
    /// The key in the live release.
    pub(super) key: String,
    /// The suffix of the partition that an index of one piece becomes on the way; else each keeps its own.
    pub(super) partition: Option<String>,
}

/// Follows every index of the last release back to the first one of the chain, collecting operations.
pub(super) fn origins(chain: &[Release]) -> BTreeMap<String, Origin> {
    let Some((first, rest)) = chain.split_first() else { return BTreeMap::new() };
    let mut origins: BTreeMap<String, Origin> = first
        .indices
        .keys()
        .map(|key| {
            let places = Places { key: key.clone(), partition: None };
            (key.clone(), Origin::From { places, operations: Vec::new() })
        })
        .collect();
    for release in rest {
        let Some(step) = &release.step else { continue };
        origins = step
            .indices
            .iter()
            .map(|(key, index_step)| (key.clone(), next_origin((key, index_step), step, &origins)))
            .collect();
    }
    origins
}

fn next_origin(
    (key, index_step): (&String, &IndexStep),
    step: &Step,
    before: &BTreeMap<String, Origin>,
) -> Origin {
    match index_step {
        IndexStep::New => Origin::New { partition: None },
        IndexStep::Unchanged => before.get(key).cloned().unwrap_or(Origin::New { partition: None }),
        IndexStep::Migrate { from, partition, operations, down: _ } => {
            // Templates may name the index that documents come from; from here on they hold its key.
            let operations = operations.iter().cloned().map(|one| one.bound(from)).collect();
            extend(before.get(from), partition.as_ref(), operations)
        }
        // A pack that was loaded without errors names an index that isn't `new_like` itself.
        IndexStep::NewLike { like } => match step.indices.get(like) {
            Some(other @ (IndexStep::Unchanged | IndexStep::Migrate { .. })) => {
                match next_origin((like, other), step, before) {
                    Origin::From { places, operations: _ } | Origin::Like(places) => {
                        Origin::Like(places)
                    }
                    empty @ Origin::New { .. } => empty,
                }
            }
            Some(IndexStep::New | IndexStep::NewLike { .. }) | None => {
                Origin::New { partition: None }
            }
        },
    }
}

fn extend(before: Option<&Origin>, given: Option<&String>, operations: Vec<Operation>) -> Origin {
    let becomes = |earlier: &Option<String>| given.or(earlier.as_ref()).cloned();
    match before {
        Some(Origin::From { places: Places { key, partition }, operations: earlier }) => {
            let operations = earlier.iter().cloned().chain(operations).collect();
            let places = Places { key: key.clone(), partition: becomes(partition) };
            Origin::From { places, operations }
        }
        Some(Origin::New { partition }) => Origin::New { partition: becomes(partition) },
        Some(Origin::Like(Places { key, partition })) => {
            Origin::Like(Places { key: key.clone(), partition: becomes(partition) })
        }
        None => Origin::New { partition: given.cloned() },
    }
}
