//! The way back: for every index that gets documents, the operations that lead them from the new set to the live one.
//!
//! Each step of the chain is undone by what the pack says, else by what can be derived. One step that can't be undone
//! leaves the index without a way back. Indices that start empty have none either: they stay behind. Who goes the way
//! is not here.

use std::collections::BTreeMap;

use super::{
    finding::Finding,
    model::{Plan, Strategy, WayBack},
};
use crate::{
    pack::model::{Down, IndexStep, Release},
    transform::{
        inverse::{NotInvertible, Outset, inverse},
        operation::{FieldPath, Operation},
    },
};

/// What leads back, by the keys of the last release that get documents.
pub fn ways_back(chain: &[Release]) -> BTreeMap<String, WayBack> {
    let Some((live, rest)) = chain.split_first() else { return BTreeMap::new() };
    let mut trails: BTreeMap<&str, Trail<'_>> =
        live.indices.keys().map(|key| (key.as_str(), Trail::begin(key))).collect();
    let mut before = live;
    for release in rest {
        let Some(step) = &release.step else { continue };
        let hop = Hop { live, before, release };
        let mut next = BTreeMap::new();
        for (key, index_step) in &step.indices {
            let trail = match index_step {
                IndexStep::New | IndexStep::NewLike { like: _ } => None,
                IndexStep::Unchanged => trails.get(key.as_str()).cloned(),
                IndexStep::Migrate { from, partition: _, operations, down } => {
                    let trail = from.first().and_then(|from| trails.get(from.as_str()));
                    trail.map(|trail| match from.len() {
                        0 | 1 => trail.migrated(hop, operations, down),
                        _ => trail.ended(hop),
                    })
                }
            };
            if let Some(mut trail) = trail {
                trail.keys.push(key);
                next.insert(key.as_str(), trail);
            }
        }
        trails = next;
        before = release;
    }
    let parted = shared_origins(&trails, chain);
    let backs = trails.into_iter().map(|(key, trail)| (key.to_owned(), trail.back));
    backs.chain(parted).collect()
}

/// Tells which indices that are copied have no way back.
pub(super) fn look(plan: &mut Plan) {
    let copied = |key: &str| {
        plan.indices.iter().any(|index| match &index.strategy {
            Strategy::Copy { source: _, target: _, program, clone: _, delivery: _ } => {
                program == key
            }
            Strategy::Empty { .. } | Strategy::Deliver { .. } | Strategy::Drop { .. } => false,
        })
    };
    let mut findings = Vec::new();
    for (key, back) in &plan.ways_back {
        if let WayBack::None { step, reason } = back
            && copied(key)
        {
            findings.push(Finding::warn(
                "F0105",
                key,
                format!("after the switch there is no way back for its documents, because of the step into {step}: {reason}"),
                "nothing, if the old set may stay as it is at the switch; else write `down` for this index in that step",
            ));
        }
    }
    plan.findings.extend(findings);
}

/// A step of the chain.
#[derive(Debug, Clone, Copy)]
struct Hop<'a> {
    /// The release that the chain begins with.
    live: &'a Release,
    /// The release that the step starts from.
    before: &'a Release,
    /// The release that it leads to.
    release: &'a Release,
}

/// An index on its way through the chain.
#[derive(Debug, Clone)]
struct Trail<'a> {
    /// Its key in each release so far, from the live one on.
    keys: Vec<&'a str>,
    /// All operations so far.
    up: Vec<Operation>,
    /// What leads back to the live release.
    back: WayBack,
}

impl<'a> Trail<'a> {
    fn begin(key: &'a str) -> Self {
        let back = WayBack::Program { operations: Vec::new() };
        Self { keys: vec![key], up: Vec::new(), back }
    }

    /// Documents of several indices come together: nothing tells where each came from.
    fn ended(&self, hop: Hop<'_>) -> Self {
        let reason = "documents of several indices come together in it, and nothing tells where each came from";
        let back = match &self.back {
            WayBack::None { .. } => self.back.clone(),
            WayBack::Program { operations: _ } => {
                WayBack::None { step: hop.release.version.clone(), reason: reason.to_owned() }
            }
        };
        Self { keys: self.keys.clone(), up: self.up.clone(), back }
    }

    fn migrated(&self, hop: Hop<'_>, operations: &[Operation], down: &Down) -> Self {
        let back = match &self.back {
            WayBack::None { .. } => self.back.clone(),
            WayBack::Program { operations: later } => {
                let undoing = match down {
                    Down::Written(written) => Ok(written.clone()),
                    Down::Irreversible { reason } => Err(reason.clone()),
                    Down::Unwritten => {
                        self.derived(hop, operations).map_err(|error| error.to_string())
                    }
                };
                match undoing {
                    Ok(first) => WayBack::Program {
                        operations: first.into_iter().chain(later.iter().cloned()).collect(),
                    },
                    Err(reason) => WayBack::None { step: hop.release.version.clone(), reason },
                }
            }
        };
        let up = self.up.iter().chain(operations).cloned().collect();
        Self { keys: self.keys.clone(), up, back }
    }

    /// What undoes a step. A document never meets the mappings in the middle of a chain, so a field must be ruled out
    /// by the live release's mapping as well.
    fn derived(
        &self,
        hop: Hop<'_>,
        operations: &[Operation],
    ) -> Result<Vec<Operation>, NotInvertible> {
        let rules_out = |release: &Release, key: Option<&&str>, path: &FieldPath| {
            let index = key.and_then(|key| release.indices.get(*key));
            index.is_some_and(|index| index.rules_out(path))
        };
        let is_ruled_out = |path: &FieldPath| {
            rules_out(hop.live, self.keys.first(), path)
                && rules_out(hop.before, self.keys.last(), path)
        };
        inverse(operations, Outset { earlier: &self.up, is_ruled_out: &is_ruled_out })
    }
}

/// Indices that got copies of one index have no way back: their documents would overwrite each other there.
fn shared_origins(
    trails: &BTreeMap<&str, Trail<'_>>,
    chain: &[Release],
) -> BTreeMap<String, WayBack> {
    let mut by_origin: BTreeMap<&str, Vec<(&str, &Trail<'_>)>> = BTreeMap::new();
    for (key, trail) in trails {
        if let (WayBack::Program { operations: _ }, Some(origin)) =
            (&trail.back, trail.keys.first())
        {
            by_origin.entry(origin).or_default().push((key, trail));
        }
    }
    let mut parted = BTreeMap::new();
    for (origin, group) in by_origin.into_iter().filter(|(_, group)| group.len() > 1) {
        let names: Vec<String> = group.iter().map(|(key, _)| format!("`{key}`")).collect();
        let reason = format!(
            "documents of {} would meet in `{origin}`; say `irreversible` for all of them but one",
            names.join(", ")
        );
        for (key, trail) in &group {
            let others = group.iter().filter(|(other, _)| other != key);
            let parting = others.filter_map(|(_, other)| parting(&trail.keys, &other.keys)).min();
            if let Some(release) = parting.and_then(|position| chain.get(position)) {
                let step = release.version.clone();
                parted.insert((*key).to_owned(), WayBack::None { step, reason: reason.clone() });
            }
        }
    }
    parted
}

/// The first position at which two ways through the chain differ.
fn parting(one: &[&str], other: &[&str]) -> Option<usize> {
    one.iter().zip(other).position(|(one, other)| one != other)
}
