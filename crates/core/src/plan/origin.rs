//! Where every index of the last release gets its documents, seen across all steps of a chain: that is all of fusing.

use std::collections::BTreeMap;

use super::delivery::{is_put_together, partition_within};
use crate::{
    pack::model::{IndexStep, Partitions, Release, Step},
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
    /// How the index is partitioned in each release from there on.
    pub(super) on_the_way: Vec<Partitions>,
}

impl Places {
    fn of(key: &str) -> Self {
        Self { key: key.to_owned(), partition: None, on_the_way: Vec::new() }
    }

    /// One step further, into an index with such partitions.
    fn further(&self, given: Option<&String>, partitions: Partitions) -> Self {
        let Self { key, partition, on_the_way } = self;
        let before = if given.is_some() { &[] } else { on_the_way.as_slice() };
        Self {
            key: key.clone(),
            partition: given.or(partition.as_ref()).cloned(),
            on_the_way: before.iter().copied().chain([partitions]).collect(),
        }
    }

    /// The partition that a live one with this suffix becomes; `None` in one piece.
    ///
    /// # Errors
    /// When it lies in no single partition of one of the releases on the way.
    pub(super) fn follow(&self, suffix: Option<&str>) -> Result<Option<String>, Nowhere> {
        let mut place = self.partition.as_deref().or(suffix).map(str::to_owned);
        for partitions in &self.on_the_way {
            place = match place {
                Some(_) if partitions.is_none() => None,
                Some(suffix) => Some(partition_within(&suffix, *partitions).ok_or(Nowhere)?),
                None => None,
            };
        }
        Ok(place)
    }

    /// Whether documents of several live partitions may come together on the way.
    pub(super) fn are_put_together(&self, live: Partitions) -> bool {
        let mut before = if self.partition.is_some() { Partitions::NONE } else { live };
        self.on_the_way.iter().any(|partitions| {
            let here = std::mem::replace(&mut before, *partitions);
            is_put_together(here, *partitions)
        })
    }
}

/// That nothing says into which partition documents of an index belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nowhere;

/// Follows every index of the last release back to the first one of the chain, collecting operations.
pub(super) fn origins(chain: &[Release]) -> BTreeMap<String, Origin> {
    let Some((first, rest)) = chain.split_first() else { return BTreeMap::new() };
    let mut origins: BTreeMap<String, Origin> = first
        .indices
        .keys()
        .map(|key| (key.clone(), Origin::From { places: Places::of(key), operations: Vec::new() }))
        .collect();
    for release in rest {
        let Some(step) = &release.step else { continue };
        origins = step
            .indices
            .iter()
            .map(|(key, index_step)| {
                (key.clone(), next_origin((key, index_step), (release, step), &origins))
            })
            .collect();
    }
    origins
}

fn next_origin(
    (key, index_step): (&String, &IndexStep),
    (release, step): (&Release, &Step),
    before: &BTreeMap<String, Origin>,
) -> Origin {
    let partitions = release.indices.get(key).map_or(Partitions::NONE, |index| index.partitions);
    match index_step {
        IndexStep::New => Origin::New { partition: None },
        IndexStep::Unchanged => extend(before.get(key), (None, partitions), &[]),
        IndexStep::Migrate { from, partition, operations, down: _ } => {
            let ways = from.iter().map(|from| {
                // Templates may name the index that documents come from; from here on they hold its key.
                let operations: Vec<_> =
                    operations.iter().cloned().map(|one| one.bound(from)).collect();
                extend(before.get(from), (partition.as_ref(), partitions), &operations)
            });
            gathered(ways)
        }
        // A pack that was loaded without errors names an index that isn't `new_like` itself.
        IndexStep::NewLike { like } => match step.indices.get(like) {
            Some(other @ (IndexStep::Unchanged | IndexStep::Migrate { .. })) => {
                match next_origin((like, other), (release, step), before) {
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

fn extend(
    before: Option<&Origin>,
    (given, partitions): (Option<&String>, Partitions),
    operations: &[Operation],
) -> Origin {
    let further = |places: &Places, earlier: &[Operation]| {
        let operations = earlier.iter().chain(operations).cloned().collect();
        Source { places: places.further(given, partitions), operations }
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
        Some(Origin::New { partition }) => {
            Origin::New { partition: given.or(partition.as_ref()).cloned() }
        }
        Some(Origin::Like(places)) => Origin::Like(places.further(given, partitions)),
        None => Origin::New { partition: given.cloned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(key: &str, operation: &str) -> Origin {
        let places = Places::of(key);
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
    fn a_partition_becomes_what_every_release_on_the_way_makes_of_it() {
        use crate::pack::model::{
            Partition::{Day, Month, Quarter, Year},
            Spelling::{Padded, Word},
        };
        let only = |kind| Partitions::of([kind]);
        let padded = Partitions::NONE.with(Month, Padded);
        let cases = [
            (&[only(Month)][..], Ok(Some("2022-1"))),
            (&[padded], Ok(Some("2022-01"))),
            // What a release made of it stays, where a later one says nothing.
            (&[padded, only(Month)], Ok(Some("2022-01"))),
            (&[padded, only(Quarter).and(Month)], Ok(Some("2022-01"))),
            (&[padded, only(Quarter)], Ok(Some("2022-q1"))),
            (&[only(Quarter), Partitions::NONE.with(Year, Word)], Ok(Some("2022-year"))),
            (&[only(Month), Partitions::NONE], Ok(None)),
            (&[only(Year), only(Day)], Err(Nowhere)),
        ];
        for (on_the_way, expected) in cases {
            let places = on_the_way
                .iter()
                .fold(Places::of("event"), |places, partitions| places.further(None, *partitions));
            let found = places.follow(Some("2022-1-5"));
            let found = found.as_ref().map(Option::as_deref).map_err(|nowhere| *nowhere);
            assert_eq!(found, expected, "{on_the_way:?}");
        }
        let given = "2000-q1".to_owned();
        let places = Places::of("event").further(None, Partitions::NONE);
        let places = places.further(Some(&given), only(Quarter)).further(None, only(Year));
        assert_eq!(places.follow(None), Ok(Some("2000".to_owned())));
    }

    #[test]
    fn several_ways_into_one_index_go_on_side_by_side() {
        let new = Origin::New { partition: None };
        let both = gathered([from("a", "1"), new.clone(), from("b", "2")].into_iter());
        assert_eq!(told(&both), "a:1+b:2");
        let Origin::From { operations, .. } = from("x", "3") else { unreachable!() };
        let further = extend(Some(&both), (None, Partitions::NONE), &operations);
        assert_eq!(told(&further), "a:13+b:23");
        assert_eq!(told(&gathered([further, from("c", "4")].into_iter())), "a:13+b:23+c:4");
        assert_eq!(told(&gathered([new.clone(), from("a", "1")].into_iter())), "a:1");
        assert_eq!(told(&gathered([new].into_iter())), "new");
    }
}
