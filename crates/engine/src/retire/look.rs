//! A look: the journal's old indices, held against what the cluster has.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use lockstep_core::{
    plan::model::Plan,
    run::{
        retire::{Counters, Facts, Found, Reason, Rules, Verdict, given_up, judge, seconds_left},
        state::RunState,
    },
};
use lockstep_elastic::{Cluster, IndexState, IndexUsage, OpenState};
use serde_json::{Map, Value};

use super::{Fate, OldIndex, OldSet, Told};
use crate::{
    error::EngineError,
    journal::{
        Journal, Kept, PlanRecord, ReceiptRecord, ReceiptState, RunRecord, SetRecord, UsageRecord,
    },
};

/// An old set, and what is needed to work on it.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) set: OldSet,
    /// What was seen of each of its indices, in the same order.
    pub(super) seen: Vec<Seen>,
    pub(super) noted: Option<Kept<UsageRecord>>,
    /// Index → alias → properties, as they were before the switch.
    pub(super) aliases: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
}

/// What was seen of an index.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) verdict: Verdict,
    pub(super) facts: Facts,
    pub(super) receipt: Option<Kept<ReceiptRecord>>,
}

impl Seen {
    /// Whether nothing is left to do about it: its receipt is complete, or it is gone and Lockstep had no part in that.
    pub(super) fn is_settled(&self) -> bool {
        match &self.receipt {
            Some(kept) => kept.record.state == ReceiptState::Deleted,
            None => self.verdict == Verdict::Gone,
        }
    }
}

/// A run with what it left behind.
struct Left {
    run: RunRecord,
    plan: Plan,
    set: SetRecord,
}

/// What the cluster has.
struct Present {
    indices: BTreeMap<String, IndexState>,
    usage: BTreeMap<String, IndexUsage>,
    /// Unique id → the run that works with the index, or could go back to it.
    wanted: BTreeMap<String, String>,
}

/// Looks at every old set of an application that isn't retired yet.
pub(super) async fn look(
    cluster: &Cluster,
    journal: &Journal,
    rules: &Rules,
) -> Result<Vec<Looked>, EngineError> {
    let runs = runs(journal, journal.all::<RunRecord>().await?).await?;
    let mut found = Vec::new();
    for (position, left) in runs.iter().enumerate() {
        let old = old_indices(left);
        if old.is_empty() {
            continue;
        }
        let later = runs.iter().skip(position + 1);
        let later = later.map(|later| (&later.run.state, later.run.changed_at.as_str()));
        let own = (&left.run.state, left.run.changed_at.as_str());
        let since = match left.run.state {
            RunState::Aborted => Some(left.run.changed_at.as_str()),
            _ => given_up(own, later),
        };
        let receipts =
            journal.find::<ReceiptRecord>(&left.run.id, &["deleting", "deleted"]).await?;
        let receipts: BTreeMap<String, Kept<ReceiptRecord>> =
            receipts.into_iter().map(|kept| (kept.record.index.clone(), kept)).collect();
        let is_gone = |index: &String| {
            receipts.get(index).is_some_and(|kept| kept.record.state == ReceiptState::Deleted)
        };
        if !old.keys().all(is_gone) {
            found.push((left, since.map(str::to_owned), old, receipts));
        }
    }
    let names: Vec<&String> = found.iter().flat_map(|(_, _, old, _)| old.keys()).collect();
    let present = Present {
        indices: indices_of(cluster).await?,
        usage: if names.is_empty() { BTreeMap::new() } else { cluster.usage_of(&names).await? },
        wanted: wanted(journal).await?,
    };
    let now = Timestamp::now();
    let mut looked = Vec::new();
    for (left, since, mut old, receipts) in found {
        if left.run.state == RunState::Aborted {
            // Giving it up dropped what it had made; what has such a name now is another run's.
            let is_left = |index: &String, uuid: &String| {
                present.indices.get(index).is_some_and(|found| found.uuid == *uuid)
            };
            old.retain(|index, uuid| is_left(index, uuid));
        }
        let noted = journal.read::<UsageRecord>(&left.run.id).await?;
        let one = assemble((left, since), (old, receipts), (noted, &present), (rules, now));
        // They may have been deleted by hand.
        if !one.seen.iter().all(Seen::is_settled) {
            looked.push(one);
        }
    }
    Ok(looked)
}

async fn indices_of(cluster: &Cluster) -> Result<BTreeMap<String, IndexState>, EngineError> {
    let indices = cluster.indices().await?;
    Ok(indices.into_iter().map(|index| (index.name.clone(), index)).collect())
}

/// Runs with their plans, the oldest first.
async fn runs(journal: &Journal, kept: Vec<Kept<RunRecord>>) -> Result<Vec<Left>, EngineError> {
    let mut runs = Vec::new();
    for Kept { record: run, .. } in kept {
        // Without a plan a run never began.
        let Some(plan) = journal.read::<PlanRecord>(&run.id).await? else { continue };
        let set = journal.read::<SetRecord>(&run.id).await?.map(|kept| kept.record);
        runs.push(Left { run, plan: plan.record.plan, set: set.unwrap_or_default() });
    }
    runs.sort_by(|one, other| one.run.id.cmp(&other.run.id));
    Ok(runs)
}

/// What a run left behind, by name, with unique ids: the set that it led away from, or, once it was given up, what it made.
fn old_indices(left: &Left) -> BTreeMap<String, String> {
    match left.run.state {
        RunState::Finalized | RunState::Switched => {
            let old = left.plan.sources().map(|source| (source.index.clone(), source.uuid.clone()));
            old.collect()
        }
        RunState::Aborted => left.set.targets.clone(),
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Rehearsing { .. }
        | RunState::Switching { .. }
        | RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. }
        | RunState::Returned
        | RunState::Staying
        | RunState::Halted { .. }
        | RunState::Aborting => BTreeMap::new(),
    }
}

/// The indices that runs work with or could go back to, of whatever application: unique id → run.
async fn wanted(journal: &Journal) -> Result<BTreeMap<String, String>, EngineError> {
    let mut wanted = BTreeMap::new();
    let runs = runs(journal, journal.everyones::<RunRecord>().await?).await?;
    for (position, left) in runs.iter().enumerate() {
        let later = runs.iter().skip(position + 1);
        let later = later
            .filter(|later| later.plan.application == left.plan.application)
            .map(|later| (&later.run.state, ()));
        if left.run.state == RunState::Aborted || given_up((&left.run.state, ()), later).is_some() {
            continue;
        }
        let uuids = left.plan.sources().map(|source| &source.uuid).chain(left.set.targets.values());
        wanted.extend(uuids.map(|uuid| (uuid.clone(), left.run.id.clone())));
    }
    Ok(wanted)
}

fn assemble(
    (left, since): (&Left, Option<String>),
    (old, mut receipts): (BTreeMap<String, String>, BTreeMap<String, Kept<ReceiptRecord>>),
    (noted, present): (Option<Kept<UsageRecord>>, &Present),
    (rules, now): (&Rules, Timestamp),
) -> Looked {
    let mut indices = Vec::new();
    let mut seen = Vec::new();
    let usage = noted.as_ref().map(|kept| &kept.record);
    for (index, uuid) in old {
        let receipt = receipts.remove(&index);
        let mut facts = facts((&index, &uuid), present, usage, now);
        facts.is_begun = receipt.is_some();
        if since.is_none() {
            // The run itself needs it; that is told of the whole set.
            facts.wanted_by = None;
        }
        let verdict = judge(&facts, rules);
        let reason = match &verdict {
            Verdict::Waits(reason) | Verdict::Stays(reason) => Some(Told::from(reason.clone())),
            Verdict::Gone | Verdict::Due => None,
        };
        let found = present.usage.get(&index).filter(|usage| usage.uuid == uuid);
        let (documents, bytes) = match (found, &receipt) {
            (Some(usage), _) => (usage.documents, usage.bytes),
            (None, Some(kept)) => (kept.record.documents, kept.record.bytes),
            (None, None) => (0, 0),
        };
        let is_gone = verdict == Verdict::Gone;
        indices.push(OldIndex { index, uuid, documents, bytes, is_gone, reason });
        seen.push(Seen { verdict, facts, receipt });
    }
    let reason = whole(&left.run.state, since.as_deref(), rules, now);
    let set = OldSet {
        run: left.run.id.clone(),
        release: match left.run.state {
            RunState::Aborted => left.plan.to.to_string(),
            _ => left.plan.from.to_string(),
        },
        given_up_at: since,
        fate: fate(reason.as_ref(), &seen),
        reason: reason.map(Told::from),
        archive: None,
        indices,
    };
    Looked { set, seen, noted, aliases: aliases_before(&left.plan) }
}

/// The aliases that a plan found, by index.
fn aliases_before(plan: &Plan) -> BTreeMap<String, BTreeMap<String, Map<String, Value>>> {
    let mut found: BTreeMap<String, BTreeMap<String, Map<String, Value>>> = BTreeMap::new();
    for alias in &plan.aliases {
        for (index, properties) in &alias.before {
            let properties = properties.as_object().cloned().unwrap_or_default();
            found.entry(index.clone()).or_default().insert(alias.alias.clone(), properties);
        }
    }
    found
}

/// What is known of one index.
fn facts(
    (index, uuid): (&str, &str),
    present: &Present,
    noted: Option<&UsageRecord>,
    now: Timestamp,
) -> Facts {
    let found = present.indices.get(index).map(|state| found(state, present.usage.get(index)));
    let noted = noted.and_then(|record| record.indices.get(index));
    let noted = noted.filter(|noted| noted.uuid == uuid).map(|noted| {
        let ago = noted.at.parse::<Timestamp>().map_or(Duration::ZERO, |at| since(at, now));
        (noted.counters.clone(), ago)
    });
    Facts {
        uuid: uuid.to_owned(),
        found,
        noted,
        wanted_by: present.wanted.get(uuid).cloned(),
        is_begun: false,
    }
}

/// What has the name of an index now.
pub(super) fn found(state: &IndexState, usage: Option<&IndexUsage>) -> Found {
    let counters = usage.filter(|usage| usage.uuid == state.uuid).map(counters);
    Found {
        uuid: state.uuid.clone(),
        aliases: state.aliases.keys().cloned().collect(),
        counters: counters.filter(|_| state.state == OpenState::Open),
    }
}

pub(super) fn counters(usage: &IndexUsage) -> Counters {
    let IndexUsage { searches, gets, seq_nos, uuid: _, documents: _, bytes: _ } = usage;
    Counters { searches: *searches, gets: *gets, seq_nos: seq_nos.clone() }
}

/// Why a set stays as a whole.
fn whole(
    state: &RunState,
    given_up_at: Option<&str>,
    rules: &Rules,
    now: Timestamp,
) -> Option<Reason> {
    let Some(at) = given_up_at else {
        return Some(Reason::NotFinalized { state: state.to_string() });
    };
    let age = at.parse::<Timestamp>().map_or(Duration::ZERO, |at| since(at, now));
    let left_seconds = seconds_left(rules.older_than, age);
    (left_seconds > 0).then_some(Reason::TooYoung { left_seconds })
}

/// How long ago something was. Clocks of machines differ: what seems to be to come was just now.
fn since(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}

fn fate(whole: Option<&Reason>, seen: &[Seen]) -> Fate {
    let any = |wanted: fn(&Verdict) -> bool| seen.iter().any(|seen| wanted(&seen.verdict));
    match whole {
        Some(Reason::NotFinalized { .. }) => Fate::Stays,
        _ if any(|verdict| matches!(verdict, Verdict::Stays(_))) => Fate::Stays,
        Some(_) => Fate::Waits,
        None if any(|verdict| matches!(verdict, Verdict::Waits(_))) => Fate::Waits,
        None => Fate::Due,
    }
}
