//! Deletes: what the live set has no more is found by the ids of both sides, and its copy deleted.
//!
//! A delete leaves nothing that a search could find, but every document of the live set that is covered has its copy. So
//! where the numbers of documents differ, the ids of both sides are read. With an application that deletes, that is nearly
//! every index, and most are small: many of these are read in one request, and what to do about all their documents is
//! found out and done together. A large one is read by [`compare_one`], without contents.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::{
    compare::{EntryHashes, entry_hash},
    run::task::Stretch,
};
use lockstep_elastic::WindowRequest;

use super::{
    CopyPair, StageContext,
    compare::{Comparison, NUMBERS_HELD_AT_ONCE, Way, compare_one},
    follow::{Follower, Moment},
    mend::{Mode, Outcome, Suspects, look_at_all},
    meter::Meter,
    side::Depth,
};
use crate::{error::EngineError, report::Unit};

/// Groups of small indices, and large indices, that are worked on at the same time.
const GROUPS_IN_FLIGHT: usize = 4;
const LARGE_IN_FLIGHT: usize = 4;
/// Small indices of one group.
const INDICES_MAX: usize = 100;
/// Numbers that one window of ids spans: the engines give no more hits a page.
const WINDOW_NUMBERS: u64 = 10_000;
/// Documents that are looked at together.
const DOCUMENTS_AT_ONCE: usize = 1_000;

/// A pair whose indices don't hold equally many documents.
#[derive(Debug, Clone)]
pub(super) struct Unequal {
    pub(super) pair: CopyPair,
    /// Documents of the live index.
    pub(super) live: u64,
    /// Documents of the new one.
    pub(super) new: u64,
}

/// A small pair, and the ranges of both sides.
struct Small {
    pair: CopyPair,
    expected: Vec<Stretch>,
    found: Vec<Stretch>,
}

impl Small {
    fn number_count(&self) -> u64 {
        self.expected.iter().chain(&self.found).map(Stretch::number_count).sum()
    }
}

/// Finds what was deleted from the live indices of these pairs, and deletes the copies. Gives how many.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub(super) async fn delete_gone(
    follower: &mut Follower<'_>,
    unequal: Vec<Unequal>,
    moment: Moment,
) -> Result<u64, EngineError> {
    if unequal.is_empty() {
        return Ok(0);
    }
    let context = follower.context;
    let mode = Mode::from(moment);
    let total = unequal.iter().map(|one| one.live + one.new).sum();
    let meter = Meter::start("deletes", Unit::Documents, total, &context.reporter);
    let (small, large) = sort_by_size(follower, unequal).await?;
    let covered = follower.covered();
    let way = Way { mode, depth: Depth::Identities, covered: Some(&covered), cloned: None };
    let (way, meter) = (&way, &meter);
    let small = stream::iter(groups(small))
        .map(|group| async move { compare_group(context, &group, mode, meter).await })
        .buffer_unordered(GROUPS_IN_FLIGHT);
    let large = stream::iter(large)
        .map(|pair| async move { compare_one(context, &Comparison::from(pair), *way, meter).await })
        .buffer_unordered(LARGE_IN_FLIGHT);
    let (outcomes, verdicts) =
        tokio::try_join!(small.try_collect::<Vec<_>>(), large.try_collect::<Vec<_>>())?;
    let mut deleted = 0;
    for outcome in outcomes {
        follower.count(outcome.deleted, outcome.difference.missing_count);
        deleted += outcome.deleted;
    }
    for verdict in verdicts {
        follower.count(verdict.deleted, verdict.difference.missing_count);
        deleted += verdict.deleted;
    }
    Ok(deleted)
}

/// Tells pairs whose ids fit into memory from the others.
async fn sort_by_size(
    follower: &Follower<'_>,
    unequal: Vec<Unequal>,
) -> Result<(Vec<Small>, Vec<CopyPair>), EngineError> {
    let targets: Vec<&str> = unequal.iter().map(|one| one.pair.target.as_str()).collect();
    let positions = follower.context.cluster.positions_of(&targets).await?;
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for Unequal { pair, .. } in unequal {
        let shards = positions.get(&pair.target).map(|found| found.shards.as_slice());
        let range = |shard, last| Stretch { index: pair.position, shard, first: 0, last };
        let found: Vec<Stretch> = shards
            .unwrap_or_default()
            .iter()
            .map(|shard| range(shard.number, shard.max_seq_no))
            .collect();
        let expected: Vec<Stretch> = follower
            .marks
            .iter()
            .filter(|(key, _)| key.0 == pair.position)
            .map(|(key, mark)| range(key.1, mark.covered))
            .collect();
        let one = Small { pair, expected, found };
        if one.number_count() <= NUMBERS_HELD_AT_ONCE {
            small.push(one);
        } else {
            large.push(one.pair);
        }
    }
    Ok((small, large))
}

/// Puts small pairs together, as many as may be held at once.
fn groups(small: Vec<Small>) -> Vec<Vec<Small>> {
    let mut groups: Vec<Vec<Small>> = Vec::new();
    let mut numbers = u64::MAX;
    for one in small {
        let more = one.number_count();
        let is_full = groups.last().is_none_or(|group| group.len() >= INDICES_MAX);
        if is_full || numbers.saturating_add(more) > NUMBERS_HELD_AT_ONCE {
            groups.push(Vec::new());
            numbers = 0;
        }
        numbers += more;
        if let Some(group) = groups.last_mut() {
            group.push(one);
        }
    }
    groups
}

/// Compares the ids of small pairs, and puts right what differs.
async fn compare_group(
    context: &StageContext,
    group: &[Small],
    mode: Mode,
    meter: &Meter,
) -> Result<Outcome, EngineError> {
    context.check_stop()?;
    let mut sides = read_ids(context, group, meter).await?.into_iter();
    let mut scanned = Vec::with_capacity(group.len());
    while let (Some(expected), Some(found)) = (sides.next(), sides.next()) {
        scanned.push((expected, found));
    }
    let mut parts: Vec<Vec<Suspects<'_>>> = vec![Vec::new()];
    let mut documents = 0;
    for (Small { pair, .. }, (expected, found)) in group.iter().zip(&scanned) {
        for ids in expected.differing_ids(found).chunks(DOCUMENTS_AT_ONCE) {
            if documents + ids.len() > DOCUMENTS_AT_ONCE {
                parts.push(Vec::new());
                documents = 0;
            }
            documents += ids.len();
            if let Some(part) = parts.last_mut() {
                part.push(Suspects { pair, ids: ids.to_vec(), scanned: expected });
            }
        }
    }
    let mut all = Outcome::default();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        context.check_stop()?;
        all.merge(look_at_all(context, part, mode).await?);
    }
    Ok(all)
}

/// Reads the ids of both sides: first what is expected of a pair, then what was found, pair by pair.
async fn read_ids(
    context: &StageContext,
    group: &[Small],
    meter: &Meter,
) -> Result<Vec<EntryHashes>, EngineError> {
    let mut windows: Vec<WindowRequest<'_>> = Vec::new();
    let mut owners = Vec::new();
    for (place, Small { pair, expected, found }) in group.iter().enumerate() {
        let sides = [(&pair.source.index, expected), (&pair.target, found)];
        for (side, (index, ranges)) in sides.into_iter().enumerate() {
            for window in ranges.iter().flat_map(|range| windows_of(index, *range)) {
                windows.push(window);
                owners.push(2 * place + side);
            }
        }
    }
    let mut sides = vec![EntryHashes::new(); 2 * group.len()];
    let pages = context.cluster.windows_identities(&windows).await?;
    for (owner, page) in owners.into_iter().zip(pages) {
        meter.add(page.len() as u64, 0);
        let Some(side) = sides.get_mut(owner) else { continue };
        let Some(Small { pair, .. }) = group.get(owner / 2) else { continue };
        let index = if owner % 2 == 0 { &pair.source.index } else { &pair.target };
        let withheld = context.quarantine.withheld(index);
        for hit in page.hits() {
            if withheld.has(&hit) {
                continue;
            }
            // Operations change neither ids nor routing, and drop no document.
            side.add(&hit.id, entry_hash(&hit.id, hit.routing.as_deref(), 0));
        }
    }
    Ok(sides)
}

fn windows_of(index: &str, range: Stretch) -> impl Iterator<Item = WindowRequest<'_>> {
    let width = i64::try_from(WINDOW_NUMBERS).unwrap_or(i64::MAX);
    let size = u32::try_from(WINDOW_NUMBERS).unwrap_or(u32::MAX);
    let mut first = range.first;
    std::iter::from_fn(move || {
        if first > range.last {
            return None;
        }
        let last = range.last.min(first.saturating_add(width - 1));
        let window = WindowRequest { index, shard: range.shard, first, last, size };
        first = last.saturating_add(1);
        Some(window)
    })
}
