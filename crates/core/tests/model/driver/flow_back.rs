//! Flow back: after the switch a worker carries what is written on the new set into the old one, pass by pass. The journal says
//! so before a pass opens the old set for Lockstep; whoever comes next blocks it again, should the worker not live to.

use std::collections::BTreeSet;

use lockstep_core::run::{
    state::{Problem, RunState},
    task::Stretch,
};

use super::{
    super::{
        journal::{Kept, Key, Record, Rejected},
        request::{IndexName, Request},
        rules::Change,
        shape::{Id, Set},
        world::Sight,
    },
    compare::{compare_delta, reconcile_deletes},
    follow::{Follower, Look, Way, carry, shard_of, window},
    lease::Lease,
    link::{Link, Stop},
    mend::{documents, wait_for_copies},
};

/// Passes of one worker, at the most. A real one goes on until somebody asks it to stop.
const PASSES_MAX: usize = 3;

/// The record of what flows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct FlowRecord {
    is_open: bool,
    rejected: Rejected,
    stuck: Option<Problem>,
}

impl FlowRecord {
    async fn read(link: &Link) -> Result<Option<(Self, u64)>, Stop> {
        match link.read(Key::Flow).await? {
            Some(Kept { version, record: Record::Flow { is_open, rejected, stuck } }) => {
                Ok(Some((Self { is_open, rejected, stuck }, version)))
            }
            Some(other) => panic!("not a flow: {other:?}"),
            None => Ok(None),
        }
    }

    async fn write(&self, link: &Link, expected: Option<u64>) -> Result<u64, Stop> {
        let Self { is_open, rejected, stuck } = self.clone();
        let record = Record::Flow { is_open, rejected, stuck };
        Ok(link.write(Key::Flow, expected, record).await?.version)
    }
}

/// Lifts the block of indices of the old set for Lockstep alone; for everybody under a change.
pub(super) async fn set_guard(
    link: &Link,
    positions: &[usize],
    to_all: Change,
) -> Result<(), Stop> {
    let request = if link.is(to_all) {
        Request::OpenToAll(names(positions))
    } else {
        Request::Guard(names(positions))
    };
    link.call(request).await.map(drop)
}

/// Lets everybody write to indices of the old set.
pub(super) async fn open_to_all(link: &Link, positions: &[usize]) -> Result<(), Stop> {
    link.call(Request::OpenToAll(names(positions))).await.map(drop)
}

/// Blocks indices of the old set again.
pub(super) async fn block_again(link: &Link, positions: &[usize]) -> Result<(), Stop> {
    link.call(Request::BlockAgain(names(positions))).await.map(drop)
}

fn names(positions: &[usize]) -> Vec<IndexName> {
    positions.iter().map(|position| (Set::Old, *position)).collect()
}

/// Carries back what is written on the new set, for some passes.
pub(super) async fn flow_back(link: &Link, lease: &mut Lease) -> Result<(), Stop> {
    close_left_open(link).await?;
    let way = Way::back(link).await?;
    let (record, version) = if let Some(found) = FlowRecord::read(link).await? {
        found
    } else {
        let record = FlowRecord::default();
        let version = record.write(link, None).await?;
        (record, version)
    };
    let mut flow = Flow { link, lease, kept: record.clone(), record, version };
    let mut follower = Follower::open(link, &way).await?;
    for _ in 0..PASSES_MAX {
        match flow.pass(&mut follower).await {
            Ok(()) => {}
            Err(Stop::Halted(problem)) => {
                flow.record.stuck = Some(*problem);
                flow.write().await?;
            }
            Err(stop) => return Err(stop),
        }
        if link.chance(400) {
            break;
        }
        link.call(Request::Nap).await?;
    }
    Ok(())
}

/// Blocks the old set again where a pass that was ended with its process left it open.
pub(super) async fn close_left_open(link: &Link) -> Result<(), Stop> {
    let Some((record, version)) = FlowRecord::read(link).await? else { return Ok(()) };
    let run = link.read(Key::Run).await?.map(|kept| kept.record);
    let is_switched = matches!(run, Some(Record::Run { state: RunState::Switched, .. }));
    // On any other way the old set may be the live one.
    if !record.is_open || !is_switched {
        return Ok(());
    }
    link.see(Sight::LeftOpen);
    block_again(link, &(0..link.indices().len()).collect::<Vec<_>>()).await?;
    FlowRecord { is_open: false, ..record }.write(link, Some(version)).await.map(drop)
}

/// Tries once more what couldn't go back. Gives what still can't.
pub(super) async fn retry_rejected(link: &Link, way: &Way) -> Result<Rejected, Stop> {
    let Some((record, version)) = FlowRecord::read(link).await? else {
        return Ok(Rejected::new());
    };
    let rejected = still_rejected(link, way, &record.rejected).await?;
    let tried = FlowRecord { rejected, stuck: None, ..record.clone() };
    if tried != record {
        tried.write(link, Some(version)).await?;
    }
    Ok(tried.rejected)
}

/// Carries documents back as they are now. Gives those that still can't go.
async fn still_rejected(link: &Link, way: &Way, rejected: &Rejected) -> Result<Rejected, Stop> {
    let mut still = Rejected::new();
    for position in 0..way.steps.len() {
        let own = rejected.iter().filter(|(of, _)| *of == position);
        let ids: Vec<Id> = own.map(|(_, id)| *id).collect();
        if ids.is_empty() {
            continue;
        }
        link.call(Request::Refresh(vec![way.source(position)])).await?;
        let hits = documents(link, way.source(position), &ids).await?;
        // Read by id one may have a write that isn't on every copy yet.
        wait_for_copies(link, way, position).await?;
        let ids = carry(link, way, position, &hits).await?;
        still.extend(ids.into_iter().map(|id| (position, id)));
    }
    Ok(still)
}

/// What a worker has in hand.
struct Flow<'a> {
    link: &'a Link,
    lease: &'a mut Lease,
    kept: FlowRecord,
    record: FlowRecord,
    version: u64,
}

/// What one pass has to do.
struct Work {
    stretches: Vec<Stretch>,
    /// Indices in which deletes are looked for.
    deletes: Vec<usize>,
    is_to_settle: bool,
    /// Every index that is written to.
    positions: Vec<usize>,
}

impl Flow<'_> {
    async fn pass(&mut self, follower: &mut Follower<'_>) -> Result<(), Stop> {
        self.link.may_have_slept(true);
        let Look { stretches, .. } = follower.look().await?;
        let work = self.work(follower, stretches);
        if work.positions.is_empty() {
            return Ok(());
        }
        self.lift_block(&work.positions).await?;
        self.link.may_have_slept(true);
        let carried = self.carry(follower, &work).await;
        // Whatever came of it: the application must be writable on one set only.
        let closed = self.set_block(&work.positions).await;
        carried?;
        closed?;
        self.link.see(Sight::Flowed);
        self.record.stuck = None;
        self.write().await
    }

    fn work(&self, follower: &Follower<'_>, stretches: Vec<Stretch>) -> Work {
        let is_whole = |position: &usize| !self.is_rejected(*position);
        let is_to_settle = self.record.rejected.is_empty();
        let moved: BTreeSet<usize> = stretches.iter().map(|stretch| stretch.index).collect();
        let uncounted = follower.positions(|_, mark| mark.compared < mark.covered);
        let deletes: BTreeSet<usize> = if self.link.chance(500) {
            moved.iter().copied().chain(uncounted).filter(is_whole).collect()
        } else {
            BTreeSet::new()
        };
        let mut positions = moved;
        positions.extend(&deletes);
        if is_to_settle {
            positions.extend(follower.positions(|_, mark| mark.settled < mark.covered));
        }
        let (deletes, positions) = (deletes.into_iter().collect(), positions.into_iter().collect());
        Work { stretches, deletes, is_to_settle, positions }
    }

    async fn lift_block(&mut self, positions: &[usize]) -> Result<(), Stop> {
        if self.link.is(Change::FlowOpensUntold) {
            set_guard(self.link, positions, Change::FlowOpensToAll).await?;
        }
        self.record.is_open = true;
        self.write().await?;
        self.lease.confirm(self.link).await?;
        set_guard(self.link, positions, Change::FlowOpensToAll).await
    }

    /// Only who holds the lease for certain may block anything: the old set may be the live one again by now.
    async fn set_block(&mut self, positions: &[usize]) -> Result<(), Stop> {
        if !self.link.is(Change::FlowBlocksUnsure) {
            self.lease.confirm(self.link).await?;
        }
        block_again(self.link, positions).await?;
        self.record.is_open = false;
        self.write().await
    }

    async fn carry(&mut self, follower: &mut Follower<'_>, work: &Work) -> Result<(), Stop> {
        let moved: BTreeSet<usize> = work.stretches.iter().map(|stretch| stretch.index).collect();
        self.carry_stretches(follower, &work.stretches).await?;
        let is_again = |(position, _): &(usize, Id)| moved.contains(position);
        let (again, others): (Rejected, Rejected) =
            self.record.rejected.iter().copied().partition(is_again);
        let again = still_rejected(self.link, follower.way, &again).await?;
        self.record.rejected = others.into_iter().chain(again).collect();
        self.write().await?;
        follower.write().await?;
        if work.is_to_settle && self.record.rejected.is_empty() {
            compare_delta(follower).await?;
        }
        // Some may just have turned out to have a document that can't go back.
        let is_whole = |position: &usize| !self.is_rejected(*position);
        let deletes: Vec<usize> = work.deletes.iter().copied().filter(is_whole).collect();
        reconcile_deletes(follower, &deletes).await?;
        follower.write().await
    }

    /// Carries some of what is new. What can't go back is journalled before a mark goes past it.
    async fn carry_stretches(
        &mut self,
        follower: &mut Follower<'_>,
        stretches: &[Stretch],
    ) -> Result<(), Stop> {
        let mut steps = Vec::new();
        for stretch in stretches {
            let key = shard_of(stretch);
            let mut first = stretch.first;
            // What is left when its time is over waits for the next pass.
            while first <= stretch.last && !self.link.chance(100) {
                let last = stretch.last.min(first + self.link.width() - 1);
                let place = (follower.way.from, key.0, key.1);
                let hits = window(self.link, place, (first, last)).await?;
                let ids = carry(self.link, follower.way, key.0, &hits).await?;
                if !ids.is_empty() {
                    self.link.see(Sight::FlowRejected);
                }
                self.record.rejected.extend(ids.into_iter().map(|id| (key.0, id)));
                steps.push((key, last));
                first = last + 1;
            }
        }
        self.write().await?;
        for (key, last) in steps {
            follower.cover(key, last);
        }
        follower.write().await
    }

    fn is_rejected(&self, position: usize) -> bool {
        self.record.rejected.iter().any(|(of, _)| *of == position)
    }

    async fn write(&mut self) -> Result<(), Stop> {
        if self.record != self.kept {
            self.version = self.record.write(self.link, Some(self.version)).await?;
            self.kept = self.record.clone();
        }
        Ok(())
    }
}
