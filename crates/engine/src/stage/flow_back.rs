//! Flow back: after the switch a worker carries what the application writes on the new set to the old one, pass by pass, so that
//! a rollback finds next to nothing left. Deletes flow too; a document that can't go back is remembered, and doesn't stop the
//! others.
//!
//! The old set stays blocked for writes. A pass that has something to carry opens the indices that it writes to, for Lockstep
//! alone and for as long as that takes, and blocks them again: the application must be writable on exactly one set. The journal
//! says so before they are opened, and whoever comes next blocks them again. Every pass ends after seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::{
    plan::model::{Plan, Strategy},
    run::{
        state::{BadDocument, Problem, RunState},
        task::{Stretch, Tally},
    },
};
use lockstep_elastic::Cluster;
use serde::Serialize;
use tokio::time;

use super::{
    CopyPair, Direction, StageContext,
    back::{back_key, way_back_missing},
    carry::{carry, rejected_documents},
    delta::compare_delta,
    fence::live_names,
    follow::{Follower, Moment, ShardKey},
    gate::reconcile_deletes,
    guard::{After, set_guard, take_guard_away},
    mend::wait_for_copies,
    problem,
    window::{WindowReader, WindowWidth},
};
use crate::{
    error::EngineError,
    journal::{
        FlowRecord, Journal, Kept, PositionRecord, RejectedBack, ReturnRecord, RunRecord, Write,
    },
    lease::Lease,
};

/// Time between two passes; the block is set all that time.
const PASS_PAUSE: Duration = Duration::from_secs(3);
/// A pause is so many times as long as the pass before it, so that the block is set most of the time.
const PAUSE_FACTOR: u32 = 3;
/// After this time a pass carries nothing more: what is left waits for the next one.
const CARRY_TIME_MAX: Duration = Duration::from_secs(3);
/// Looking for deletes reads the ids of an index: at most one part in so many of the time goes into it.
const DELETES_SHARE: u32 = 10;
/// Documents that can't go back and are remembered one by one; with more of them the way back stands still.
const REJECTED_MAX: usize = 100;
/// How long is waited when the way back stands still, until it is tried again.
const STUCK_PAUSE: Duration = Duration::from_secs(30);

/// Writes that flow back, with the lease that makes this process the one that carries them.
struct Flow<'a> {
    context: &'a StageContext,
    lease: &'a Lease,
    kept: Kept<FlowRecord>,
    record: FlowRecord,
    deletes_after: Instant,
    /// How far an index was covered when deletes were looked for.
    deletes_seen: BTreeMap<usize, i64>,
}

/// What one pass has to do.
struct Work {
    stretches: Vec<Stretch>,
    /// Indices in which deletes are looked for.
    deletes: Vec<CopyPair>,
    /// Whether contents are compared as well. While a document can't go back they aren't: the comparison would stop at it.
    is_to_settle: bool,
    /// Every index of the plan that is written to.
    positions: BTreeSet<usize>,
}

/// What carrying one stretch came to.
struct Carried {
    key: ShardKey,
    /// Everything up to here was carried, or is in `rejected`.
    last: i64,
    /// Everything up to here was carried.
    last_before_rejected: i64,
    tally: Tally,
    rejected: Vec<BadDocument>,
    /// Whether a page rejected more than are known one by one.
    is_overfull: bool,
}

/// Carries back what is written on the new set until somebody asks to stop; `is_once`, until nothing is left.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with; the old set is blocked as it was, if that was
/// possible, and else the journal says that it isn't.
pub(crate) async fn flow_back(
    context: &StageContext,
    lease: &Lease,
    is_once: bool,
) -> Result<(), EngineError> {
    close_left_open(context).await?;
    // What was discarded stays in the old set as it was, and isn't taken for deleted.
    context.quarantine.load().await?;
    let mut flow = Flow::open(context, lease).await?;
    let mut follower = Follower::open(context, Direction::Back).await?;
    loop {
        context.check_stop()?;
        let begun = Instant::now();
        let pause = match flow.pass(&mut follower).await {
            Ok(is_in_step) if is_in_step && is_once => return Ok(()),
            Ok(_) => PASS_PAUSE.max(begun.elapsed() * PAUSE_FACTOR),
            Err(EngineError::Halted(problem)) => {
                flow.stick(*problem).await?;
                if is_once {
                    return Ok(());
                }
                STUCK_PAUSE
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            () = time::sleep(pause) => {}
            () = context.stop.cancelled() => {}
        }
    }
}

/// Blocks the old set again where a pass that was ended with its process left it open. For whoever holds the lease of a run
/// that is switched.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(crate) async fn close_left_open(context: &StageContext) -> Result<(), EngineError> {
    let Some(kept) = context.journal.read::<FlowRecord>(&context.run).await? else {
        return Ok(());
    };
    let run = context.journal.read::<RunRecord>(&context.run).await?;
    let is_switched = run.is_some_and(|run| run.record.state == RunState::Switched);
    // On any other way the old set may be the live one.
    if !kept.record.is_open || !is_switched {
        return Ok(());
    }
    take_guard_away(context, &live_names(context, Direction::Forward), After::Blocked).await?;
    let closed = FlowRecord { is_open: false, ..kept.record.clone() };
    match context.journal.replace(&context.run, &kept, closed).await? {
        Write::Kept(_) => Ok(()),
        Write::Conflict => Err(EngineError::LeaseLost),
    }
}

/// Where the way back of a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WayBackStatus {
    /// Operations on the new set that the old one doesn't have; `None` when that can't be told now.
    pub behind: Option<u64>,
    /// What a worker carries, if one did since the switch.
    pub flow: Option<FlowRecord>,
}

/// Looks how far the old set of a switched run is behind. Changes nothing; `None` without a way back.
///
/// # Errors
/// [`EngineError`] when the journal can't be read.
pub(crate) async fn way_back_status(
    cluster: &Cluster,
    journal: &Journal,
    (run, plan): (&str, &Plan),
) -> Result<Option<WayBackStatus>, EngineError> {
    if way_back_missing(plan).is_some() {
        return Ok(None);
    }
    let flow = journal.read::<FlowRecord>(run).await?.map(|kept| kept.record);
    let covered: BTreeMap<ShardKey, i64> =
        match journal.read::<PositionRecord>(&back_key(run)).await? {
            Some(kept) => {
                let shards = kept.record.shards.into_iter();
                shards.map(|(position, shard, covered, ..)| ((position, shard), covered)).collect()
            }
            None => match journal.read::<ReturnRecord>(run).await? {
                Some(kept) => kept
                    .record
                    .indices
                    .into_iter()
                    .flat_map(|index| {
                        let position = index.position;
                        index.shards.into_iter().map(move |(shard, last)| ((position, shard), last))
                    })
                    .collect(),
                None => return Ok(None),
            },
        };
    let targets: Vec<(usize, &str)> = plan
        .indices
        .iter()
        .enumerate()
        .filter_map(|(position, index)| match &index.strategy {
            Strategy::Copy { target, .. } => Some((position, target.index.as_str())),
            Strategy::Empty { .. } | Strategy::Deliver { .. } | Strategy::Drop { .. } => None,
        })
        .collect();
    let names: Vec<&str> = targets.iter().map(|(_, name)| *name).collect();
    let behind = match cluster.positions_of(&names).await {
        Ok(found) => Some(
            targets
                .iter()
                .filter_map(|(position, name)| Some((position, found.get(*name)?)))
                .flat_map(|(position, index)| {
                    let covered = &covered;
                    index.shards.iter().map(move |shard| {
                        let covered = covered.get(&(*position, shard.number)).copied();
                        let behind = shard.max_seq_no.saturating_sub(covered.unwrap_or(-1));
                        u64::try_from(behind).unwrap_or_default()
                    })
                })
                .sum(),
        ),
        Err(failure) => {
            tracing::warn!(%failure, "how far the way back is behind can't be told now");
            None
        }
    };
    Ok(Some(WayBackStatus { behind, flow }))
}

/// Tries once more what couldn't go back while writes flowed. For a rollback, which has opened the old set: gives a problem
/// before anything is fenced.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(super) async fn retry_rejected(
    context: &StageContext,
    pairs: &BTreeMap<usize, CopyPair>,
) -> Result<Option<Problem>, EngineError> {
    let Some(kept) = context.journal.read::<FlowRecord>(&context.run).await? else {
        return Ok(None);
    };
    let rejected = still_rejected(context, pairs, &kept.record.rejected).await?;
    let record = FlowRecord { rejected, stuck: None, ..kept.record.clone() };
    if record != kept.record
        && let Write::Conflict =
            context.journal.replace(&context.run, &kept, record.clone()).await?
    {
        return Err(EngineError::LeaseLost);
    }
    let documents: Vec<BadDocument> =
        record.rejected.into_iter().map(|rejected| rejected.document).collect();
    let counted = documents.iter().map(|document| (document.index.clone(), 1));
    let counts: Vec<(String, u64)> = counted.collect();
    let counts: Vec<(&str, u64)> =
        counts.iter().map(|(index, count)| (index.as_str(), *count)).collect();
    Ok((!counts.is_empty())
        .then(|| rejected_documents(context, Direction::Back, documents, &counts)))
}

/// Carries documents back as they are now; gives those that still can't.
async fn still_rejected(
    context: &StageContext,
    pairs: &BTreeMap<usize, CopyPair>,
    rejected: &[RejectedBack],
) -> Result<Vec<RejectedBack>, EngineError> {
    let mut still = Vec::new();
    for (position, pair) in pairs {
        let own = rejected.iter().filter(|rejected| rejected.position == *position);
        let ids: Vec<&str> = own.map(|rejected| rejected.document.id.as_str()).collect();
        if ids.is_empty() {
            continue;
        }
        context.cluster.refresh(&[&pair.source.index]).await?;
        // One that was deleted since isn't there, and its copy is looked for with all deletes.
        let page = context.cluster.documents(&pair.source.index, &ids).await?;
        // Read by id it may have a write that isn't on every copy yet.
        wait_for_copies(context, &[pair]).await?;
        let mut documents = Vec::new();
        carry(context, pair, page, &mut documents).await?;
        let known = |document| RejectedBack { position: *position, document };
        still.extend(documents.into_iter().map(known));
    }
    Ok(still)
}

impl<'a> Flow<'a> {
    async fn open(context: &'a StageContext, lease: &'a Lease) -> Result<Self, EngineError> {
        let kept = if let Some(kept) = context.journal.read(&context.run).await? {
            kept
        } else {
            let record = FlowRecord { at: now(), ..FlowRecord::default() };
            match context.journal.create(&context.run, record).await? {
                Write::Kept(kept) => kept,
                Write::Conflict => return Err(EngineError::LeaseLost),
            }
        };
        let record = kept.record.clone();
        let deletes_after = Instant::now();
        Ok(Self { context, lease, kept, record, deletes_after, deletes_seen: BTreeMap::new() })
    }

    /// One pass. Gives whether nothing was left to do.
    async fn pass(&mut self, follower: &mut Follower<'_>) -> Result<bool, EngineError> {
        let look = follower.look().await?;
        let is_safe = look.unsafe_numbers == 0;
        let work = self.work(follower, look.stretches);
        if work.positions.is_empty() {
            return Ok(is_safe);
        }
        let names = self.names(follower, &work.positions);
        self.lift_block(&names).await?;
        let carried = self.carry(follower, &work).await;
        // Whatever came of it: the application must be writable on one set only.
        let closed = self.set_block(&names).await;
        carried?;
        closed?;
        self.record.stuck = None;
        self.write().await?;
        Ok(false)
    }

    fn work(&self, follower: &Follower<'_>, stretches: Vec<Stretch>) -> Work {
        let is_deletes_time = Instant::now() >= self.deletes_after;
        let rejected: BTreeSet<usize> =
            self.record.rejected.iter().map(|rejected| rejected.position).collect();
        let is_to_settle = rejected.is_empty();
        let moved: BTreeSet<usize> = stretches.iter().map(|stretch| stretch.index).collect();
        // Where a document can't go back, the numbers of documents tell nothing.
        let deletes: Vec<CopyPair> = follower
            .pairs
            .values()
            .filter(|_| is_deletes_time)
            .filter(|pair| !rejected.contains(&pair.position))
            .filter(|pair| {
                moved.contains(&pair.position) || self.is_deletes_due(follower, pair.position)
            })
            .cloned()
            .collect();
        let mut positions = moved;
        positions.extend(deletes.iter().map(|pair| pair.position));
        let unsettled = follower.marks.iter().filter(|(_, mark)| mark.settled < mark.covered);
        positions.extend(unsettled.filter(|_| is_to_settle).map(|(key, _)| key.0));
        Work { stretches, deletes, is_to_settle, positions }
    }

    /// Whether an index moved since deletes were looked for in it.
    fn is_deletes_due(&self, follower: &Follower<'_>, position: usize) -> bool {
        let mut marks = follower.marks.iter().filter(|(key, _)| key.0 == position);
        match self.deletes_seen.get(&position) {
            Some(seen) => *seen != covered(follower, position),
            None => marks.any(|(_, mark)| mark.compared < mark.covered),
        }
    }

    /// The old indices that a pass writes to, without those that somebody else had blocked.
    fn names(&self, follower: &Follower<'_>, positions: &BTreeSet<usize>) -> Vec<String> {
        let blocked_by_us: BTreeSet<&str> =
            live_names(self.context, Direction::Forward).into_iter().collect();
        positions
            .iter()
            .filter_map(|position| follower.pairs.get(position))
            .map(|pair| pair.target.clone())
            .filter(|name| blocked_by_us.contains(name.as_str()))
            .collect()
    }

    async fn lift_block(&mut self, names: &[String]) -> Result<(), EngineError> {
        self.record.is_open = true;
        self.write().await?;
        self.lease.confirm().await?;
        set_guard(self.context, names).await
    }

    /// Only who holds the lease for certain may block anything: the old set may be the live one again by now.
    async fn set_block(&mut self, names: &[String]) -> Result<(), EngineError> {
        self.lease.confirm().await?;
        take_guard_away(self.context, names, After::Blocked).await?;
        self.record.is_open = false;
        self.write().await
    }

    async fn carry(&mut self, follower: &mut Follower<'_>, work: &Work) -> Result<(), EngineError> {
        let moved: BTreeSet<usize> = work.stretches.iter().map(|stretch| stretch.index).collect();
        self.carry_stretches(follower, &work.stretches).await?;
        let (again, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.record.rejected)
            .into_iter()
            .partition(|rejected| moved.contains(&rejected.position));
        // Known until it is known better.
        self.record.rejected = again.iter().chain(&others).cloned().collect();
        let again = still_rejected(self.context, &follower.pairs, &again).await?;
        self.record.rejected = others.into_iter().chain(again).collect();
        self.write().await?;
        follower.write().await?;
        if work.is_to_settle && self.record.rejected.is_empty() {
            compare_delta(follower, Moment::Live).await?;
        }
        // Some may just have turned out to have a document that can't go back.
        let is_whole = |pair: &&CopyPair| {
            !self.record.rejected.iter().any(|rejected| rejected.position == pair.position)
        };
        let deletes: Vec<CopyPair> = work.deletes.iter().filter(is_whole).cloned().collect();
        if !deletes.is_empty() {
            let begun = Instant::now();
            self.record.deleted += reconcile_deletes(follower, &deletes).await?;
            for pair in &deletes {
                self.deletes_seen.insert(pair.position, covered(follower, pair.position));
            }
            self.deletes_after = Instant::now() + begun.elapsed() * DELETES_SHARE;
        }
        follower.write().await
    }

    /// Carries several shards at the same time. What can't go back is journalled before a mark goes past it.
    async fn carry_stretches(
        &mut self,
        follower: &mut Follower<'_>,
        stretches: &[Stretch],
    ) -> Result<(), EngineError> {
        let context = self.context;
        let deadline = Instant::now() + CARRY_TIME_MAX;
        let at_once = context.plan.limits.windows_in_flight.max(1);
        let mut work = Vec::new();
        for stretch in stretches {
            let Some(pair) = follower.pairs.get(&stretch.index).cloned() else { continue };
            work.push(carry_stretch(context, pair, *stretch, deadline));
        }
        let carried: Vec<Carried> =
            stream::iter(work).buffer_unordered(at_once).try_collect().await?;
        let mut steps = Vec::new();
        let mut is_overfull = false;
        for Carried { key, last, last_before_rejected, tally, rejected, is_overfull: is_full } in
            carried
        {
            let room = REJECTED_MAX.saturating_sub(self.record.rejected.len());
            let fits = !is_full && rejected.len() <= room;
            is_overfull |= !fits;
            if fits {
                let known = |document| RejectedBack { position: key.0, document };
                let ids: BTreeSet<&str> =
                    rejected.iter().map(|document| document.id.as_str()).collect();
                // A document that was rejected before is told as it is now.
                self.record.rejected.retain(|before| {
                    before.position != key.0 || !ids.contains(before.document.id.as_str())
                });
                self.record.rejected.extend(rejected.iter().cloned().map(known));
            }
            steps.push((key, if fits { last } else { last_before_rejected }, tally));
        }
        self.write().await?;
        for (key, last, tally) in steps {
            follower.note(key, last, tally);
        }
        follower.write().await?;
        if is_overfull {
            return Err(EngineError::Halted(Box::new(problem(
                "R0703",
                format!("more than {REJECTED_MAX} documents of the new set can't go back"),
                "mend the documents, or the step's `down` in the next release; until then `lockstep rollback` is refused by them",
            ))));
        }
        Ok(())
    }

    /// Remembers why it stands still, for `lockstep status`.
    async fn stick(&mut self, problem: Problem) -> Result<(), EngineError> {
        tracing::warn!(code = problem.code, message = problem.message, "the way back stands still");
        self.record.stuck = Some(problem);
        self.write().await
    }

    async fn write(&mut self) -> Result<(), EngineError> {
        if self.record == self.kept.record {
            return Ok(());
        }
        self.record.at = now();
        let record = self.record.clone();
        match self.context.journal.replace(&self.context.run, &self.kept, record).await? {
            Write::Kept(kept) => self.kept = kept,
            Write::Conflict => return Err(EngineError::LeaseLost),
        }
        Ok(())
    }
}

fn covered(follower: &Follower<'_>, position: usize) -> i64 {
    let own = follower.marks.iter().filter(|(key, _)| key.0 == position);
    own.map(|(_, mark)| mark.covered).fold(0, i64::saturating_add)
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// Carries one stretch back, window by window, until its end, the deadline, or the wish to stop.
async fn carry_stretch(
    context: &StageContext,
    pair: CopyPair,
    stretch: Stretch,
    deadline: Instant,
) -> Result<Carried, EngineError> {
    let limits = &context.plan.limits;
    let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
    let place = (pair.source.index.as_str(), stretch.shard);
    let range = (stretch.first, stretch.last);
    let mut reader = WindowReader::new(&context.cluster, place, range, width);
    let before = stretch.first.saturating_sub(1);
    let mut carried = Carried {
        key: (stretch.index, stretch.shard),
        last: before,
        last_before_rejected: before,
        tally: Tally::default(),
        rejected: Vec::new(),
        is_overfull: false,
    };
    while !context.stop.is_cancelled() && Instant::now() < deadline {
        let Some((page, last)) = reader.next().await? else { break };
        let mut rejected = Vec::new();
        let tally = if page.is_empty() {
            Tally::default()
        } else {
            carry(context, &pair, page, &mut rejected).await?
        };
        carried.is_overfull |= tally.rejected > rejected.len() as u64;
        carried.rejected.extend(rejected);
        if carried.is_overfull || carried.rejected.len() > REJECTED_MAX {
            carried.is_overfull = true;
            break;
        }
        carried.tally.add(tally);
        carried.last = last;
        if carried.rejected.is_empty() {
            carried.last_before_rejected = last;
        }
    }
    Ok(carried)
}
