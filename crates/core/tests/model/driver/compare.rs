//! Compare: both sets are read, at different moments, and what differs is looked at once more. Delta: what was carried
//! over last is compared by id. Counts: by them deletes are found, which leave nothing that could be followed.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::{
    compare::{Judgement, judge},
    run::task::{Stretch, cut, task_width},
};

use super::{
    super::{
        request::{Hit, Place, Request},
        rules::Change,
        shape::{Id, Set},
    },
    FOREIGN, UNSTABLE,
    clone::cloned,
    follow::{Follower, window},
    link::{Link, Stop, halted},
    mend::{Outcome, Scanned, documents, expected, found, hash, look_at},
};

/// How often documents are put right before somebody is asked.
const ATTEMPTS_MAX: usize = 3;
/// Numbers that one task of a comparison spans at the most.
const TASK_WIDTH_MAX: u64 = 40;

/// What of each document is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Contents,
    Identities,
}

/// Reads an index of both sets up to what was carried over, and mends.
pub(super) async fn compare_one(
    follower: &Follower<'_>,
    position: usize,
    depth: Depth,
) -> Result<Outcome, Stop> {
    let (link, way) = (follower.link, follower.way);
    let visible = link.call(Request::Positions(way.into)).await?.positions();
    link.call(Request::Refresh(vec![way.target(position)])).await?;
    let visible: Vec<i64> = visible[position].iter().map(|shard| shard.checkpoint).collect();
    let covered: Vec<i64> = follower
        .marks
        .iter()
        .filter(|(key, _)| key.0 == position)
        .map(|(_, mark)| mark.covered)
        .collect();
    // Up to there both sides are the same files.
    let clones = cloned(link).await?;
    let same = match depth {
        Depth::Contents if way.to == Set::New => clones.get(&position).map(Vec::as_slice),
        Depth::Contents | Depth::Identities => None,
    };
    let live = read_all(link, (way.from, position), (same, &covered)).await?;
    let there = read_all(link, (way.into, position), (same, &visible)).await?;
    let by_depth = |entry: u128| if depth == Depth::Contents { entry } else { 0 };
    let scanned: Scanned = match depth {
        Depth::Contents => expected(way, position, &live)?
            .into_iter()
            .map(|(id, expected)| (id, expected.entry_hash))
            .collect(),
        Depth::Identities => live.iter().map(|hit| (hit.id, 0)).collect(),
    };
    let there: BTreeMap<Id, u128> =
        there.iter().map(|hit| (hit.id, by_depth(hash(hit.content)))).collect();
    let ids: BTreeSet<Id> = scanned.keys().chain(there.keys()).copied().collect();
    let differing: Vec<Id> =
        ids.into_iter().filter(|id| scanned.get(id) != there.get(id)).collect();
    if differing.is_empty() {
        return Ok(Outcome::default());
    }
    look_at(link, way, position, (&differing, &scanned)).await
}

async fn read_all(
    link: &Link,
    (set, position): (Set, usize),
    (same, last): (Option<&[i64]>, &[i64]),
) -> Result<Vec<Hit>, Stop> {
    let first = |shard: usize| same.map_or(0, |same| same[shard] + 1);
    let stretches: Vec<Stretch> = (0_u32..)
        .zip(last.iter().enumerate())
        .map(|(shard, (at, last))| Stretch {
            index: position,
            shard,
            first: first(at),
            last: *last,
        })
        .filter(|stretch| stretch.first <= stretch.last)
        .collect();
    let mut hits = Vec::new();
    for task in cut(&stretches, 0, 0, task_width(&stretches, TASK_WIDTH_MAX, TASK_WIDTH_MAX)) {
        let place: Place = (set, position, usize::try_from(task.shard).expect("few shards"));
        hits.extend(window(link, place, (task.first, task.last)).await?);
    }
    Ok(hits)
}

/// Compares everything that was carried over and not compared yet, and puts right what isn't.
pub(super) async fn compare_delta(follower: &mut Follower<'_>) -> Result<(), Stop> {
    for _ in 0..ATTEMPTS_MAX {
        let outcome = compare_once(follower).await?;
        if outcome.foreign > 0 {
            return Err(halted(FOREIGN, "somebody else writes into the set carried into"));
        }
        if outcome.differing == 0 {
            for mark in follower.marks.values_mut() {
                mark.settled = mark.settled.max(mark.covered);
            }
            return Ok(());
        }
    }
    Err(halted(UNSTABLE, "documents don't stay as they were written"))
}

async fn compare_once(follower: &Follower<'_>) -> Result<Outcome, Stop> {
    let (link, way) = (follower.link, follower.way);
    let open: Vec<_> =
        follower.marks.iter().filter(|(_, mark)| mark.settled < mark.covered).collect();
    let mut all = Outcome::default();
    if open.is_empty() {
        return Ok(all);
    }
    let mut targets: Vec<_> = open.iter().map(|(key, _)| way.target(key.0)).collect();
    targets.dedup();
    link.call(Request::Refresh(targets)).await?;
    for ((position, shard), mark) in open {
        let mut first = mark.settled + 1;
        while first <= mark.covered {
            let last = mark.covered.min(first + link.width() * 2);
            let live = window(link, (way.from, *position, *shard), (first, last)).await?;
            first = last + 1;
            if live.is_empty() {
                continue;
            }
            let expected = expected(way, *position, &live)?;
            let ids: Vec<Id> = expected.keys().copied().collect();
            let there = found(&documents(link, way.target(*position), &ids).await?);
            let suspects: Vec<Id> = expected
                .iter()
                .filter(|(id, e)| judge(Some(**e), there.get(id).copied()) != Judgement::Equal)
                .map(|(id, _)| *id)
                .collect();
            if !suspects.is_empty() {
                let scanned = expected.iter().map(|(id, e)| (*id, e.entry_hash)).collect();
                let outcome = look_at(link, way, *position, (&suspects, &scanned)).await?;
                all.merge(&outcome);
            }
        }
    }
    Ok(all)
}

/// Finds deletes where the numbers of documents tell of some, and deletes the copies. Gives how many.
pub(super) async fn reconcile_deletes(
    follower: &Follower<'_>,
    positions: &[usize],
) -> Result<usize, Stop> {
    let mut deleted = 0;
    for position in unequal(follower, positions).await? {
        deleted += compare_one(follower, position, Depth::Identities).await?.deleted;
    }
    Ok(deleted)
}

/// Indices that don't hold equally many documents in both sets.
pub(super) async fn unequal(
    follower: &Follower<'_>,
    positions: &[usize],
) -> Result<Vec<usize>, Stop> {
    let (link, way) = (follower.link, follower.way);
    if positions.is_empty() || link.is(Change::NoCounts) {
        return Ok(Vec::new());
    }
    let targets = positions.iter().map(|position| way.target(*position)).collect();
    link.call(Request::Refresh(targets)).await?;
    let mut unequal = Vec::new();
    for position in positions {
        let live = link.call(Request::Count(way.source(*position))).await?.count();
        let there = link.call(Request::Count(way.target(*position))).await?.count();
        if live != there {
            unequal.push(*position);
        }
    }
    Ok(unequal)
}
