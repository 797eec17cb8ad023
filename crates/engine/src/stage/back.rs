//! The way back: what the application wrote on the new set since the switch is carried to the old one through `down`, and all
//! tenants move back in one alias call.
//!
//! It is the same log, read from the other side. Documents get versions above everything that the old set ever gave: the
//! highest number of the old index at the switch, two, and the new number. Documents that nobody touched since the switch
//! stay in the old set as they were, byte for byte.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use lockstep_core::{
    inventory::ShardFacts,
    plan::model::{Plan, SourcePlan, Strategy, WayBack},
    run::state::Event,
};

use super::{
    CopyPair, Course, Direction, StageContext,
    catch_up::catch_up,
    delta::compare_delta,
    fence::{live_names, unblock},
    flow_back::retry_rejected,
    follow::{Follower, Moment},
    gate::{Standing, milliseconds},
    guard::{After, set_guard, take_guard_away},
    hold::come_close,
    prepare::read_set,
    problem,
    switch::move_aliases_back,
    verify::compare_until_clean,
};
use crate::{
    error::EngineError,
    journal::{Kept, PairTerms, PositionRecord, ReturnIndex, ReturnRecord, SwitchRecord, Write},
};

/// The key of the record of how far the way back got.
pub(super) fn back_key(run: &str) -> String {
    format!("{run}:back")
}

/// Why there is no way back, if there is none: the first index without one, in words.
pub(crate) fn way_back_missing(plan: &Plan) -> Option<String> {
    plan.indices.iter().find_map(|index| {
        let Strategy::Copy { program, target, delivery, .. } = &index.strategy else { return None };
        let delivered = delivery.as_ref().and_then(|delivery| delivery.to.get(&index.logical));
        let name = delivered.unwrap_or(&target.index);
        match plan.ways_back.get(program) {
            Some(WayBack::Program { .. }) => None,
            Some(WayBack::None { step, reason }) => {
                Some(format!("`{name}`: the step into {step} can't be undone: {reason}"))
            }
            None => Some(format!("`{name}`: the plan has no way back for it")),
        }
    })
}

/// Journals where the way back begins. Both sets are blocked or untouched, so nothing moves meanwhile.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(super) async fn remember_return(
    follower: &Follower<'_>,
    standing: &Standing,
    known: Option<Kept<ReturnRecord>>,
) -> Result<(), EngineError> {
    let context = follower.context;
    let set = read_set(context).await?.record;
    let mut indices = Vec::new();
    for (position, pair) in &follower.pairs {
        let found = standing.positions.get(&pair.target);
        let found = found.filter(|found| Some(&found.uuid) == set.targets.get(&pair.target));
        let Some(found) = found else {
            return Err(EngineError::Halted(Box::new(problem(
                "R0302",
                format!(
                    "the new index `{}` was deleted or made anew by somebody else during the run",
                    pair.target
                ),
                "give this run up with `lockstep abort`, remove what is left under that name, and start again",
            ))));
        };
        let marks = follower.marks.iter().filter(|(key, _)| key.0 == *position);
        let highest = marks.map(|(_, mark)| mark.covered).max().unwrap_or(-1);
        indices.push(ReturnIndex {
            position: *position,
            // The highest version that the old index can hold is one above its highest number.
            version_base: u64::try_from(highest.saturating_add(2)).unwrap_or_default(),
            shards: found.shards.iter().map(|shard| (shard.number, shard.max_seq_no)).collect(),
        });
    }
    let record = ReturnRecord { indices, terms: standing.terms.clone() };
    match context.journal.put(&context.run, known.as_ref(), record).await? {
        Write::Kept(_) => Ok(()),
        Write::Conflict => Err(EngineError::LeaseLost),
    }
}

/// Where the way back begins, as an earlier fence left it.
pub(super) async fn known_return(
    context: &StageContext,
) -> Result<Option<Kept<ReturnRecord>>, EngineError> {
    context.journal.read(&context.run).await
}

async fn read_return(context: &StageContext) -> Result<ReturnRecord, EngineError> {
    known_return(context).await?.map(|kept| kept.record).ok_or_else(|| {
        EngineError::JournalUnreadable {
            id: format!("return:{}", context.run),
            reason: "it is not there, although the run was switched".to_owned(),
        }
    })
}

/// The pairs of the way back, in the plan's order.
pub(super) async fn pairs_back(context: &StageContext) -> Result<Vec<CopyPair>, EngineError> {
    let set = read_set(context).await?.record;
    let starts: BTreeMap<usize, ReturnIndex> = read_return(context)
        .await?
        .indices
        .into_iter()
        .map(|index| (index.position, index))
        .collect();
    let bug = |what: &str| EngineError::Bug(format!("the way back: {what}"));
    let mut transforms: BTreeMap<&str, Arc<Course>> = BTreeMap::new();
    let mut pairs = Vec::new();
    for (position, index) in context.plan.indices.iter().enumerate() {
        let Strategy::Copy { source, target, program, clone: _, delivery: _ } = &index.strategy
        else {
            continue;
        };
        let Some(WayBack::Program { operations }) = context.plan.ways_back.get(program) else {
            return Err(bug("the plan has none for an index"));
        };
        let course = transforms.entry(program).or_insert_with(|| context.course(operations));
        let start = starts.get(&position).ok_or_else(|| bug("an index has no start"))?;
        let uuid = set.targets.get(&target.index).ok_or_else(|| bug("an index has no id"))?;
        let facts = |(number, highest): &(u32, i64)| ShardFacts {
            shard: *number,
            max_seq_no: *highest,
            global_checkpoint: *highest,
            document_count: 0,
        };
        pairs.push(CopyPair {
            position,
            source: SourcePlan {
                index: target.index.clone(),
                uuid: uuid.clone(),
                documents: source.documents,
                bytes: source.bytes,
                shards: start.shards.iter().map(facts).collect(),
            },
            target: source.index.clone(),
            direction: Direction::Back,
            course: Arc::clone(course),
            version_base: start.version_base,
        });
    }
    Ok(pairs)
}

/// Where following back begins: at the switch, both sets were equal.
pub(super) async fn first_record_back(
    context: &StageContext,
) -> Result<PositionRecord, EngineError> {
    let start = read_return(context).await?;
    let reversed = |PairTerms { position, source, target }| PairTerms {
        position,
        source: target,
        target: source,
    };
    let terms = start.terms.into_iter().map(reversed).collect();
    let shards = start.indices.iter().flat_map(|index| {
        let position = index.position;
        index.shards.iter().map(move |&(shard, last)| (position, shard, last, last, last))
    });
    Ok(PositionRecord { shards: shards.collect(), terms, ..PositionRecord::default() })
}

/// Opens the old set for Lockstep alone, and carries back what was written on the new one until next to nothing is left; past
/// `round_last` somebody is asked first.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or a document can't go back.
pub async fn follow_back(
    context: &StageContext,
    round: u32,
    round_last: u32,
) -> Result<Event, EngineError> {
    if round > round_last {
        return Ok(Event::Stuck(problem(
            "R0702",
            format!(
                "the fence of the way back was missed {} times",
                context.plan.limits.rounds_max
            ),
            "the new set takes writes; look what it was missed for, then run `lockstep rollback` again",
        )));
    }
    if let Some(problem) = context.find_unplanned(Direction::Back).await? {
        return Ok(Event::Stuck(problem));
    }
    set_guard(context, &live_names(context, Direction::Forward)).await?;
    let mut follower = Follower::open(context, Direction::Back).await?;
    if let Some(problem) = retry_rejected(context, &follower.pairs).await? {
        return Ok(Event::Stuck(problem));
    }
    if let Some(problem) = catch_up(&mut follower).await? {
        return Ok(Event::Stuck(problem));
    }
    if follower.failed_over(&follower.terms().await?).is_some() {
        // What a failed primary hid is found by comparing everything.
        if let Some(problem) = compare_until_clean(&mut follower, round).await? {
            return Ok(Event::Stuck(problem));
        }
    }
    context.wait_until_quiet().await?;
    compare_delta(&mut follower, Moment::Live).await?;
    come_close(&mut follower).await?;
    Ok(Event::BackInStep)
}

/// Moves all aliases back in one call, and then opens the old set to everybody.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; the same command rolls on.
pub(crate) async fn return_to_sources(
    context: &StageContext,
    times: &mut SwitchRecord,
) -> Result<Event, EngineError> {
    let event = move_aliases_back(context, times).await?;
    if matches!(event, Event::AliasesMoved) {
        let begun = Instant::now();
        take_guard_away(context, &live_names(context, Direction::Forward), After::Open).await?;
        times.alias_ms += milliseconds(begun);
    }
    Ok(event)
}

/// Lets the new set take writes, and blocks the old one as the switch left it.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub async fn stay_on_targets(context: &StageContext) -> Result<Event, EngineError> {
    unblock(context, Direction::Back).await?;
    take_guard_away(context, &live_names(context, Direction::Forward), After::Blocked).await?;
    Ok(Event::Stayed)
}
