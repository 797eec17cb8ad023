//! Fence and gate: writes to the live set are blocked while the last of them are carried over and both sets found equal.

use std::collections::BTreeMap;

use lockstep_core::run::state::Event;

use super::{
    super::{
        journal::{Kept, Key, Mark, Record},
        request::{Request, ShardPosition},
        rules::{Change, Gap},
        shape::Set,
    },
    compare::{compare_delta, reconcile_deletes, unequal},
    follow::{Follower, Look, Terms, Way},
    link::{Link, Stop},
};

/// Blocks writes and passes the gate. The block stays only with [`Event::GatePassed`].
pub(super) async fn pass_fence(link: &Link, way: &Way) -> Result<Event, Stop> {
    let outcome = fence(link, way).await;
    link.limit_time(false);
    let outcome = match outcome {
        Ok(true) => return Ok(Event::GatePassed),
        Ok(false) | Err(Stop::TimeOver) => Ok(Event::FenceMissed),
        Err(stop) => Err(stop),
    };
    if link.knows_lost() || link.is(Change::BlockLeft) {
        return outcome;
    }
    link.call(Request::Unblock(way.from)).await?;
    outcome
}

async fn fence(link: &Link, way: &Way) -> Result<bool, Stop> {
    if link.follows_dead() && !link.is(Change::NoSilence) {
        // What a dead driver sent last may still arrive: everything is looked at once more.
        return Ok(false);
    }
    let mut follower = Follower::open(link, way).await?;
    // Read before anything is looked at: whoever passed the gate since has written it.
    let version = link.read(Key::Fence).await?.map(|Kept { version, .. }| version);
    link.limit_time(true);
    if !link.is(Change::NoBlock) {
        link.call(Request::Block(way.from)).await?;
    }
    let is_passed = pass_gate(&mut follower, version).await?;
    if is_passed && link.is(Change::UnblockAtSwitch) {
        link.call(Request::Unblock(way.from)).await?;
    }
    Ok(is_passed)
}

/// Brings the sets in step, and looks whether they are equal.
async fn pass_gate(follower: &mut Follower<'_>, version: Option<u64>) -> Result<bool, Stop> {
    let link = follower.link;
    let Look { stretches, highest, .. } = settled_look(follower).await?;
    let terms = follower.terms(true).await?;
    if !link.has(Gap::FailoverUnseen) && !follower.is_of(&terms) {
        return Ok(false);
    }
    if !link.is(Change::NoLastCarry) {
        follower.carry_all(stretches).await?;
    }
    compare_delta(follower).await?;
    let counts_all = !link.has(Gap::GateCountsMoved);
    let moved = follower.positions(|key, mark| {
        counts_all || highest.get(&key).is_none_or(|highest| mark.compared < *highest)
    });
    reconcile_deletes(follower, &moved).await?;
    if !unequal(follower, &moved).await?.is_empty() {
        return Ok(false);
    }
    if !deliveries_are_in(follower).await? {
        return Ok(false);
    }
    for (key, mark) in &mut follower.marks {
        let is_behind = highest.get(key).is_some_and(|highest| mark.covered < *highest);
        if is_behind && !link.is(Change::NoLastCarry) && !link.is(Change::NoSettledLook) {
            return Ok(false);
        }
        mark.compared = mark.covered;
    }
    follower.write().await?;
    if follower.way.to == Set::New {
        keep_fence(follower, (&highest, &terms), version).await?;
    }
    Ok(true)
}

/// Delivers what is left, and looks whether every index that is delivered to is as it should be.
async fn deliveries_are_in(follower: &mut Follower<'_>) -> Result<bool, Stop> {
    let link = follower.link;
    let Some(deliveries) = &mut follower.deliveries else { return Ok(true) };
    if !link.is(Change::GateLeavesEnvelopes) {
        deliveries.wait_for_copies(link).await?;
    }
    if deliveries.settle(link).await?.is_some() && deliveries.settle(link).await?.is_some() {
        return Ok(false);
    }
    let terms = follower.terms(true).await?;
    Ok(link.has(Gap::FailoverUnseen) || follower.is_of(&terms))
}

/// Looks until every copy of every shard has everything.
async fn settled_look(follower: &Follower<'_>) -> Result<Look, Stop> {
    loop {
        let look = follower.look().await?;
        if look.unsafe_numbers == 0 || follower.link.is(Change::NoSettledLook) {
            return Ok(look);
        }
        follower.link.call(Request::Nap).await?;
    }
}

/// Journals what the way back begins with: versions above everything that the old index ever gave, on whichever of its
/// shards, and the new set's log from here on.
async fn keep_fence(
    follower: &Follower<'_>,
    (highest, terms): (&BTreeMap<(usize, usize), i64>, &Terms),
    version: Option<u64>,
) -> Result<(), Stop> {
    let (link, way) = (follower.link, follower.way);
    let rules = link.rules();
    let bases = (0..way.steps.len())
        .map(|position| {
            let of_index = highest.iter().filter(|(key, _)| key.0 == position);
            let all: Vec<i64> = of_index.map(|(_, highest)| *highest).collect();
            let base = if rules.is(Change::BaseOfFirstShard) {
                all.first().copied()
            } else {
                all.iter().max().copied()
            };
            let base = u64::try_from(base.unwrap_or(-1) + 2).expect("numbers begin at -1");
            if rules.is(Change::NoBase) { 1 } else { base }
        })
        .collect();
    let new = link.call(Request::Positions(way.into)).await?.positions();
    let begin = new
        .iter()
        .enumerate()
        .flat_map(|(position, shards)| {
            let shards = shards.iter().enumerate();
            let there = terms.iter().filter(|(key, _)| key.0 == position);
            let there = there.map(|(_, terms)| terms.0).sum();
            shards.map(move |(shard, stands)| ((position, shard), equal_up_to(*stands, there)))
        })
        .collect();
    let record = Record::Fence { bases, begin };
    link.write(Key::Fence, version, record).await?;
    Ok(())
}

/// A shard of a set that was found equal to the other one, with the sum of the terms there.
fn equal_up_to(stands: ShardPosition, there: u64) -> Mark {
    let ShardPosition { highest: _, checkpoint, term } = stands;
    let terms = (term, there);
    Mark { covered: checkpoint, settled: checkpoint, compared: checkpoint, terms }
}
