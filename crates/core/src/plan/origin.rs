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
    /// From several indices of the live release, each through the operations of its own way; at least two.
    Gathered(Vec<Source>),
    /// It starts empty.
    New {
        /// The suffix of the partition that it becomes on the way, if it began as one piece.
        partition: Option<String>,
    },
    /// It starts empty, in the places where another index is.
    Like(Places),
}

/// An index of the live release, and what its documents go through.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    pub(super) places: Places,
    pub(super) operations: Vec<Operation>,
}

/// One way on which documents come to an index.
#[derive(Debug, Clone)]
pub(super) struct Way<'a> {
    /// The key of its program: that of the index, and behind a slash, which no key has, that of the live index if there are several.
    pub(super) program: String,
    pub(super) places: &'a Places,
    pub(super) operations: &'a [Operation],
}

impl Origin {
    /// The ways on which documents come to the index with this key; none where it starts empty.
    pub(super) fn ways(&self, key: &str) -> Vec<Way<'_>> {
        match self {
            Self::From { places, operations } => {
                vec![Way { program: key.to_owned(), places, operations }]
            }
            Self::Gathered(sources) => sources
                .iter()
                .map(|Source { places, operations }| Way {
                    program: format!("{key}/{}", places.key),
                    places,
                    operations,
                })
                .collect(),
            Self::New { partition: _ } | Self::Like(_) => Vec::new(),
        }
    }
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
            let ways = from.iter().map(|from| {
                // Templates may name the index that documents come from; from here on they hold its key.
                let operations: Vec<_> =
                    operations.iter().cloned().map(|one| one.bound(from)).collect();
                extend(before.get(from), partition.as_ref(), &operations)
            });
            gathered(ways)
        }
        // A pack that was loaded without errors names an index that isn't `new_like` itself.
        IndexStep::NewLike { like } => match step.indices.get(like) {
            Some(other @ (IndexStep::Unchanged | IndexStep::Migrate { .. })) => {
                match next_origin((like, other), step, before) {
                    Origin::From { places, operations: _ } | Origin::Like(places) => {
                        Origin::Like(places)
                    }
                    Origin::Gathered(sources) => match sources.into_iter().next() {
                        Some(Source { places, operations: _ }) => Origin::Like(places),
                        None => Origin::New { partition: None },
                    },
                    empty @ Origin::New { .. } => empty,
                }
            }
            Some(IndexStep::New | IndexStep::NewLike { .. }) | None => {
                Origin::New { partition: None }
            }
        },
    }
}

/// Where an index gets its documents that is filled in several ways; what starts empty adds nothing to the others.
fn gathered(ways: impl Iterator<Item = Origin>) -> Origin {
    let (mut sources, mut empty) = (Vec::new(), None);
    for way in ways {
        match way {
            Origin::From { places, operations } => sources.push(Source { places, operations }),
            Origin::Gathered(more) => sources.extend(more),
            Origin::New { .. } | Origin::Like(_) => empty = empty.or(Some(way)),
        }
    }
    match (sources.pop(), sources.is_empty(), empty) {
        (Some(Source { places, operations }), true, _) => Origin::From { places, operations },
        (Some(last), false, _) => {
            sources.push(last);
            Origin::Gathered(sources)
        }
        (None, _, Some(empty)) => empty,
        (None, _, None) => Origin::New { partition: None },
    }
}

fn extend(before: Option<&Origin>, given: Option<&String>, operations: &[Operation]) -> Origin {
    let becomes = |earlier: &Option<String>| given.or(earlier.as_ref()).cloned();
    let further = |places: &Places, earlier: &[Operation]| {
        let operations = earlier.iter().chain(operations).cloned().collect();
        let Places { key, partition } = places;
        Source { places: Places { key: key.clone(), partition: becomes(partition) }, operations }
    };
    match before {
        Some(Origin::From { places, operations: earlier }) => {
            let Source { places, operations } = further(places, earlier);
            Origin::From { places, operations }
        }
        Some(Origin::Gathered(sources)) => {
            let all = sources.iter().map(|source| further(&source.places, &source.operations));
            Origin::Gathered(all.collect())
        }
        Some(Origin::New { partition }) => Origin::New { partition: becomes(partition) },
        Some(Origin::Like(Places { key, partition })) => {
            Origin::Like(Places { key: key.clone(), partition: becomes(partition) })
        }
        None => Origin::New { partition: given.cloned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(key: &str, operation: &str) -> Origin {
        let places = Places { key: key.to_owned(), partition: None };
        let json = format!(r#"[{{"send":{{"to":"{operation}"}}}}]"#);
        Origin::From { places, operations: serde_json::from_str(&json).expect("an operation") }
    }

    fn told(origin: &Origin) -> String {
        let way = |places: &Places, operations: &[Operation]| {
            let steps: Vec<_> = operations.iter().flat_map(Operation::destinations).collect();
            format!("{}:{}", places.key, steps.join(""))
        };
        match origin {
            Origin::From { places, operations } => way(places, operations),
            Origin::Gathered(sources) => {
                let ways = sources.iter().map(|one| way(&one.places, &one.operations));
                ways.collect::<Vec<_>>().join("+")
            }
            Origin::New { .. } => "new".to_owned(),
            Origin::Like(places) => format!("like {}", places.key),
        }
    }

    #[test]
    fn several_ways_into_one_index_go_on_side_by_side() {
        let new = Origin::New { partition: None };
        let both = gathered([from("a", "1"), new.clone(), from("b", "2")].into_iter());
        assert_eq!(told(&both), "a:1+b:2");
        let Origin::From { operations, .. } = from("x", "3") else { unreachable!() };
        let further = extend(Some(&both), None, &operations);
        assert_eq!(told(&further), "a:13+b:23");
        assert_eq!(told(&gathered([further, from("c", "4")].into_iter())), "a:13+b:23+c:4");
        assert_eq!(told(&gathered([new.clone(), from("a", "1")].into_iter())), "a:1");
        assert_eq!(told(&gathered([new].into_iter())), "new");
    }
}
