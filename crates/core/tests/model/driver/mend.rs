//! Mend: documents by which the sets seem to differ are looked at as they are now, on both sides, and put right.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::compare::{Expected, Found, Judgement, judge};

use super::{
    super::{
        request::{Hit, Request},
        rules::{Change, Gap},
        shape::{Content, Id},
        shard::{Item, Versioning},
    },
    COPIES_LAG, REJECTED, UNREADABLE,
    follow::{Way, carry},
    link::{Link, Stop, halted},
};

/// How often copies are looked at that lag behind.
const COPIES_LOOKS_MAX: usize = 300;

/// What looking at documents came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Documents that had been carried over and weren't right.
    pub(super) differing: usize,
    /// Documents that the set has which is carried into, newer than the other one gave them.
    pub(super) foreign: usize,
    /// Copies that were deleted.
    pub(super) deleted: usize,
}

impl Outcome {
    pub(super) fn merge(&mut self, other: &Self) {
        self.differing += other.differing;
        self.foreign += other.foreign;
        self.deleted += other.deleted;
    }
}

/// By id: what a set made of it when it was read.
pub(super) type Scanned = BTreeMap<Id, u128>;

/// Contents are all there is of a document here, so they are its hash.
pub(super) fn hash(content: Content) -> u128 {
    content.into()
}

/// What the step makes of documents.
pub(super) fn expected(
    way: &Way,
    position: usize,
    hits: &[Hit],
) -> Result<BTreeMap<Id, Expected>, Stop> {
    let mut entries = BTreeMap::new();
    for hit in hits {
        let made = way.steps[position].apply(way.to, hit.content);
        let made = made.ok_or_else(|| halted(UNREADABLE, "a document can't be compared"))?;
        let version = way.version(position, hit.number);
        entries.insert(hit.id, Expected { version, entry_hash: hash(made) });
    }
    Ok(entries)
}

pub(super) fn found(hits: &[Hit]) -> BTreeMap<Id, Found> {
    let found = |hit: &Hit| Found { version: hit.version, entry_hash: hash(hit.content) };
    hits.iter().map(|hit| (hit.id, found(hit))).collect()
}

pub(super) async fn documents(
    link: &Link,
    index: super::super::request::IndexName,
    ids: &[Id],
) -> Result<Vec<Hit>, Stop> {
    Ok(link.call(Request::Documents { index, ids: ids.to_vec() }).await?.hits())
}

/// Looks at documents as they are now, and puts them right. `scanned` is what the source made of them before: what is
/// still the same had been carried over.
pub(super) async fn look_at(
    link: &Link,
    way: &Way,
    position: usize,
    (ids, scanned): (&[Id], &Scanned),
) -> Result<Outcome, Stop> {
    let (source, target) = (way.source(position), way.target(position));
    link.call(Request::Refresh(vec![source, target])).await?;
    let is_safe = safe_numbers(link, way, position).await?;
    let live = documents(link, source, ids).await?;
    let there = documents(link, target, ids).await?;
    let unsafe_ids: BTreeSet<Id> =
        live.iter().filter(|hit| !is_safe(hit)).map(|hit| hit.id).collect();
    let (expected, found) = (expected(way, position, &live)?, found(&there));
    let places: BTreeSet<Id> = expected.keys().chain(found.keys()).copied().collect();
    let mut outcome = Outcome::default();
    let (mut writes, mut deletes) = (Vec::new(), BTreeMap::new());
    // What isn't on every copy yet comes by following, when it is.
    for id in places.into_iter().filter(|id| !unsafe_ids.contains(id)) {
        let (expected, found) = (expected.get(&id).copied(), found.get(&id).copied());
        match judge(expected, found) {
            Judgement::Equal => {}
            Judgement::Write => {
                writes.push(id);
                let now = expected.map(|expected| expected.entry_hash);
                let is_of_same_write =
                    expected.zip(found).is_some_and(|(live, copy)| live.version == copy.version);
                outcome.differing +=
                    usize::from(is_of_same_write || now == scanned.get(&id).copied());
            }
            Judgement::Delete { version } => {
                let less = u64::from(link.is(Change::DeleteAtCopyVersion));
                deletes.insert(id, version - less);
            }
            Judgement::Foreign => outcome.foreign += 1,
        }
    }
    if !writes.is_empty() {
        let live = documents(link, source, &writes).await?;
        let is_safe = safe_numbers_before(&live, is_safe);
        if !carry(link, way, position, &is_safe).await?.is_empty() {
            return Err(halted(REJECTED, "documents were rejected by a step"));
        }
    }
    if !deletes.is_empty() {
        outcome.deleted = delete(link, way, position, deletes).await?;
    }
    Ok(outcome)
}

/// Those of the documents that every copy has.
fn safe_numbers_before(hits: &[Hit], is_safe: impl Fn(&Hit) -> bool) -> Vec<Hit> {
    hits.iter().filter(|hit| is_safe(hit)).copied().collect()
}

/// Tells whether every copy of its shard has a document that is read afterwards.
async fn safe_numbers(
    link: &Link,
    way: &Way,
    position: usize,
) -> Result<impl Fn(&Hit) -> bool + use<>, Stop> {
    let is_bounded = !link.has(Gap::MendAboveCheckpoint);
    let checkpoints: Vec<i64> = if is_bounded {
        let positions = link.call(Request::Positions(way.from)).await?.positions();
        positions[position].iter().map(|shard| shard.checkpoint).collect()
    } else {
        Vec::new()
    };
    Ok(move |hit: &Hit| {
        let shard = usize::from(hit.id) % checkpoints.len().max(1);
        checkpoints.get(shard).is_none_or(|checkpoint| hit.number <= *checkpoint)
    })
}

/// Deletes copies of documents that the source has no more, once their deletes can't be rolled back any more.
async fn delete(
    link: &Link,
    way: &Way,
    position: usize,
    mut deletes: BTreeMap<Id, u64>,
) -> Result<usize, Stop> {
    if !link.is(Change::DeleteAtOnce) {
        wait_for_copies(link, way, position).await?;
        link.call(Request::Refresh(vec![way.source(position)])).await?;
        let ids: Vec<Id> = deletes.keys().copied().collect();
        for hit in documents(link, way.source(position), &ids).await? {
            deletes.remove(&hit.id);
        }
    }
    let items: Vec<Item> = deletes
        .into_iter()
        .map(|(id, version)| {
            let versioning = Versioning::AtLeast(version);
            Item { id, versioning, content: None }
        })
        .collect();
    let count = items.len();
    if count > 0 {
        link.call(Request::Bulk { index: way.target(position), items }).await?;
    }
    Ok(count)
}

/// Waits until every copy has every operation that its primary has now.
pub(super) async fn wait_for_copies(link: &Link, way: &Way, position: usize) -> Result<(), Stop> {
    let mut wanted: Option<Vec<i64>> = None;
    for _ in 0..COPIES_LOOKS_MAX {
        let mut positions = link.call(Request::Positions(way.from)).await?.positions();
        let shards = positions.swap_remove(position);
        let wanted =
            wanted.get_or_insert_with(|| shards.iter().map(|shard| shard.highest).collect());
        if shards.iter().zip(wanted.iter()).all(|(shard, highest)| shard.checkpoint >= *highest) {
            return Ok(());
        }
        link.call(Request::Nap).await?;
    }
    Err(halted(COPIES_LAG, "copies lag behind their primaries"))
}
