//! Mend: documents by which two sets seem to differ are looked at as they are now, on both sides, and put right.
//!
//! Nearly all of them are documents that the application wrote or deleted since; these are carried over right away. What
//! had been carried over before and still isn't right is a difference: it is put right as well, and counted, so that
//! another comparison has to find nothing any more. Every write carries the version of the live document, so mending may
//! be repeated, and can't overwrite anything newer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use lockstep_core::{
    compare::{
        Difference, Digest, EntryHashes, Expected, Found, Judgement, document_hash, entry_hash,
        judge,
    },
    transform::Workspace,
};
use lockstep_elastic::{BulkBody, IndexName, Key, Page, Version};
use tokio::time;

use super::{
    CopyPair, StageContext,
    carry::{carry_whole, write_body},
    compare::Comparison,
    follow::Moment,
    problem,
    quarantine::{Withheld, place},
    side::{explain, for_documents, rejected_hash, unreadable},
    steps::Steps,
};
use crate::error::EngineError;

/// Ids of each kind of difference that are kept for one index.
const IDS_KEPT: usize = 50;
/// Differing documents that are shown field by field, before they are put right.
const DOCUMENTS_EXPLAINED: usize = 3;
/// How long copies of the live set's shards may lag behind before somebody is asked.
const COPIES_WAIT_MAX: Duration = Duration::from_secs(30);
/// Time between two looks at them.
const COPIES_LOOK_TIME: Duration = Duration::from_millis(50);

/// Whether differences are put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are only told.
    Look,
    /// They are put right, while the application may be writing.
    Mend,
    /// They are put right under a write block, and every copy of the live set's shards has everything: nothing that was
    /// read can be rolled back or come again, so nobody has to be waited for, and nothing looked at twice.
    MendBlocked,
}

impl From<Moment> for Mode {
    fn from(moment: Moment) -> Self {
        match moment {
            Moment::Live => Self::Mend,
            Moment::Blocked => Self::MendBlocked,
        }
    }
}

/// What looking at documents came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What had been carried over and wasn't right.
    pub(super) difference: Difference,
    /// How documents differed, before they were put right, for some of them.
    pub(super) explained: BTreeMap<String, String>,
    /// Documents that somebody else wrote into the new set, as index and id.
    pub(super) foreign: BTreeSet<(String, String)>,
    /// Documents that the application wrote since, carried over now.
    pub(super) carried: u64,
    /// Copies deleted now.
    pub(super) deleted: u64,
}

impl Outcome {
    pub(super) fn merge(&mut self, other: Self) {
        let Self { difference, explained, foreign, carried, deleted } = other;
        self.difference.merge(difference, IDS_KEPT);
        self.explained.extend(explained);
        self.foreign.extend(foreign);
        self.carried += carried;
        self.deleted += deleted;
    }
}

/// A document's place: id and routing.
pub(super) type Place = (String, Option<String>);

/// What is to be done about some documents.
#[derive(Debug, Default)]
struct Work {
    outcome: Outcome,
    writes: BTreeSet<String>,
    deletes: BTreeMap<Place, u64>,
}

/// Documents of one index by which both sets seem to differ.
#[derive(Debug)]
pub(super) struct Suspects<'a> {
    pub(super) pair: &'a CopyPair,
    pub(super) ids: Vec<&'a str>,
    /// What the live set made of them when it was read: what is still the same had been carried over before.
    pub(super) scanned: &'a EntryHashes,
}

/// Looks at the documents with these ids, and puts them right if the mode says so. `scanned` is what the live set made of
/// them when it was read: what is still the same had been carried over before.
pub(super) async fn look_at(
    context: &StageContext,
    comparison: &Comparison,
    ids: &[&str],
    (scanned, mode): (&EntryHashes, Mode),
) -> Result<Outcome, EngineError> {
    let Some(pair) = &comparison.source else {
        return Ok(without_source(&comparison.target, ids));
    };
    let suspects = Suspects { pair, ids: ids.to_vec(), scanned };
    look_at_all(context, &[suspects], mode).await
}

/// Like [`look_at`], for documents of several indices, in as few requests.
pub(super) async fn look_at_all(
    context: &StageContext,
    suspects: &[Suspects<'_>],
    mode: Mode,
) -> Result<Outcome, EngineError> {
    let mut all = Outcome::default();
    let mut deletes = Vec::new();
    for (suspects, mut work) in suspects.iter().zip(find_work(context, suspects, mode).await?) {
        if mode == Mode::Look {
            let extra: Vec<String> = work.deletes.into_keys().map(|(id, _)| id).collect();
            work.outcome.difference.extra_count += extra.len() as u64;
            work.outcome.difference.extra.extend(extra.into_iter().take(IDS_KEPT));
            all.merge(work.outcome);
            continue;
        }
        let differing: Vec<&String> =
            work.outcome.difference.differing.iter().take(DOCUMENTS_EXPLAINED).collect();
        work.outcome.explained = explain(&context.cluster, suspects.pair, &differing).await?;
        write(context, suspects.pair, &work.writes, mode).await?;
        if !work.deletes.is_empty() {
            deletes.push((suspects.pair, work.deletes));
        }
        all.merge(work.outcome);
    }
    all.deleted += delete(context, deletes, mode).await?;
    Ok(all)
}

/// An index that has to be empty: everything in it is somebody else's.
fn without_source(index: &str, ids: &[&str]) -> Outcome {
    let foreign = ids.iter().map(|id| (index.to_owned(), (*id).to_owned())).collect();
    Outcome { foreign, ..Outcome::default() }
}

/// Judges documents by both sides as they are now; what is to be done in each index, in their order.
async fn find_work(
    context: &StageContext,
    suspects: &[Suspects<'_>],
    mode: Mode,
) -> Result<Vec<Work>, EngineError> {
    let mut indices: Vec<&str> = suspects.iter().map(|one| one.pair.target.as_str()).collect();
    if mode != Mode::MendBlocked {
        // Under the block all of the live set is visible already.
        indices.extend(suspects.iter().map(|one| one.pair.source.index.as_str()));
    }
    context.cluster.refresh(&indices).await?;
    let wanted = |index: fn(&CopyPair) -> &str| -> Vec<(&str, Vec<&str>)> {
        suspects.iter().map(|one| (index(one.pair), one.ids.clone())).collect()
    };
    // The copies first: one that is carried between both reads is taken for older than it is, and carried again. The other way
    // round it would be newer than the live document that it came from, and taken for somebody else's.
    let new = context.cluster.documents_of(&wanted(|pair| &pair.target)).await?;
    let live = context.cluster.documents_of(&wanted(|pair| &pair.source.index)).await?;
    let pages = live.iter().zip(&new);
    let mut all = Vec::with_capacity(suspects.len());
    for (suspects, pages) in suspects.iter().zip(pages) {
        all.push(judge_pages(context, suspects, pages).await?);
    }
    Ok(all)
}

/// Judges documents of one index by a page of each side.
async fn judge_pages(
    context: &StageContext,
    suspects: &Suspects<'_>,
    (live, new): (&Page, &Page),
) -> Result<Work, EngineError> {
    let Suspects { pair, scanned, .. } = suspects;
    let expected = expected(context, pair, live).await?;
    let found = found(context, pair, new)?;
    let versions = withheld_versions(context, pair, live);
    let mut now: BTreeMap<&str, Digest> = BTreeMap::new();
    for ((id, _), expected) in &expected {
        now.entry(id).or_default().add(expected.entry_hash);
    }
    let places: BTreeSet<&Place> = expected.keys().chain(found.keys()).collect();
    let mut work = Work::default();
    for place in places {
        let (expected, found) = (expected.get(place).copied(), found.get(place).copied());
        let id = &place.0;
        match judge(expected, found) {
            Judgement::Equal => {}
            Judgement::Write => {
                work.writes.insert(id.clone());
                let is_as_scanned =
                    scanned.get(id).is_some_and(|then| now.get(id.as_str()) == Some(&then));
                // Also where the steps give something else every time: then no two looks at the live set are alike, but the
                // copy was made of the very write that is there.
                let was_carried = is_as_scanned || is_of_same_write(expected, found);
                let difference = &mut work.outcome.difference;
                match (was_carried, found) {
                    (false, _) => work.outcome.carried += 1,
                    (true, None) => {
                        difference.missing_count += 1;
                        difference.missing.push(id.clone());
                    }
                    (true, Some(_)) => {
                        difference.differing_count += 1;
                        difference.differing.push(id.clone());
                    }
                }
            }
            Judgement::Delete { version } => {
                work.deletes.insert(place.clone(), versions.get(place).copied().unwrap_or(version));
            }
            Judgement::Foreign => {
                work.outcome.foreign.insert((pair.target.clone(), id.clone()));
            }
        }
    }
    work.outcome.difference.missing.truncate(IDS_KEPT);
    work.outcome.difference.differing.truncate(IDS_KEPT);
    Ok(work)
}

/// Whether a copy was made of the write that the live document has.
fn is_of_same_write(expected: Option<Expected>, found: Option<Found>) -> bool {
    expected.zip(found).is_some_and(|(expected, found)| expected.version == found.version)
}

/// Under which versions copies of documents in quarantine are deleted: that of the state which is there, and not one more,
/// or another try to carry it over would be refused.
fn withheld_versions(context: &StageContext, pair: &CopyPair, page: &Page) -> BTreeMap<Place, u64> {
    let withheld = context.quarantine.withheld(&pair.source.index);
    page.hits()
        .filter(|hit| withheld.has(hit))
        .map(|hit| (place(&hit), pair.version_of(hit.seq_no)))
        .collect()
}

/// What the new set should hold of the documents of a page of the live one: nothing of those that are in quarantine.
pub(super) async fn expected(
    context: &StageContext,
    pair: &CopyPair,
    page: &Page,
) -> Result<BTreeMap<Place, Expected>, EngineError> {
    let mut workspace = Workspace::default();
    let mut entries = BTreeMap::new();
    let index = &pair.source.index;
    let withheld = context.quarantine.withheld(index);
    let steps = Steps::of(&context.cluster, &pair.course, (index, page)).await?;
    for (position, hit) in page.hits().enumerate() {
        if withheld.has(&hit) {
            continue;
        }
        let version = pair.version_of(hit.seq_no);
        let taken = (position, &hit);
        let is_taken = for_documents(taken, &steps, &mut workspace, &mut |made| {
            let hash = document_hash(made.source)
                .map_err(|error| unreadable(index, made.id, &error.to_string()))?;
            let entry_hash = entry_hash(made.id, made.routing, hash);
            let place = (made.id.to_owned(), made.routing.map(str::to_owned));
            entries.insert(place, Expected { version, entry_hash });
            Ok(())
        })?;
        if !is_taken {
            entries.insert(place(&hit), Expected { version, entry_hash: rejected_hash(&hit) });
        }
    }
    Ok(entries)
}

/// What the new set holds. On the way back that is the old one, and what was discarded stays there as it was.
pub(super) fn found(
    context: &StageContext,
    pair: &CopyPair,
    page: &Page,
) -> Result<BTreeMap<Place, Found>, EngineError> {
    found_in(&pair.target, page, &context.quarantine.withheld(&pair.target))
}

/// What an index holds of the documents of a page, but those that are withheld.
pub(super) fn found_in(
    index: &str,
    page: &Page,
    withheld: &Withheld,
) -> Result<BTreeMap<Place, Found>, EngineError> {
    let mut entries = BTreeMap::new();
    for hit in page.hits() {
        if withheld.has(&hit) {
            continue;
        }
        let hash = document_hash(hit.source)
            .map_err(|error| unreadable(index, &hit.id, &error.to_string()))?;
        let entry_hash = entry_hash(&hit.id, hit.routing.as_deref(), hash);
        let place = (hit.id.into_owned(), hit.routing.map(std::borrow::Cow::into_owned));
        entries.insert(place, Found { version: hit.version, entry_hash });
    }
    Ok(entries)
}

/// Carries documents over once more.
pub(super) async fn write(
    context: &StageContext,
    pair: &CopyPair,
    ids: &BTreeSet<String>,
    mode: Mode,
) -> Result<(), EngineError> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<&String> = ids.iter().collect();
    let page = context.cluster.documents(&pair.source.index, &ids).await?;
    // Read by id, a document may have a write that isn't on every copy yet and can be rolled back: once these copies have
    // what was there now, it can't.
    if mode != Mode::MendBlocked {
        wait_for_copies(context, &[pair]).await?;
    }
    carry_whole(context, vec![(pair.clone(), page)]).await.map(drop)
}

/// Deletes copies of documents that the live set has no more, of several indices. Gives how many.
///
/// A delete that is not on every copy of its shard yet could be rolled back with the primary that made it, and the document
/// would be there again. So the copies are waited for, and the documents looked for once more.
async fn delete(
    context: &StageContext,
    mut deletes: Vec<(&CopyPair, BTreeMap<Place, u64>)>,
    mode: Mode,
) -> Result<u64, EngineError> {
    if deletes.is_empty() {
        return Ok(0);
    }
    if mode != Mode::MendBlocked {
        let pairs: Vec<&CopyPair> = deletes.iter().map(|(pair, _)| *pair).collect();
        wait_for_copies(context, &pairs).await?;
        let sources: Vec<&str> = pairs.iter().map(|pair| pair.source.index.as_str()).collect();
        context.cluster.refresh(&sources).await?;
        let wanted: Vec<(&str, Vec<&str>)> = deletes
            .iter()
            .map(|(pair, places)| {
                let ids: BTreeSet<&str> = places.keys().map(|(id, _)| id.as_str()).collect();
                (pair.source.index.as_str(), ids.into_iter().collect())
            })
            .collect();
        let there = context.cluster.documents_of(&wanted).await?;
        for ((pair, places), page) in deletes.iter_mut().zip(&there) {
            let withheld = context.quarantine.withheld(&pair.source.index);
            for hit in page.hits().filter(|hit| !withheld.has(hit)) {
                // Steps change neither ids nor routing.
                places.remove(&place(&hit));
            }
        }
    }
    let bug = |error: String| EngineError::Bug(error);
    let mut body = BulkBody::default();
    for (pair, places) in &deletes {
        let target = IndexName::parse(&pair.target).map_err(|error| bug(error.to_string()))?;
        for ((id, routing), version) in places {
            let key = Key { id, routing: routing.as_deref() };
            body.delete(&target, key, Version::AtLeast(*version))
                .map_err(|error| bug(error.to_string()))?;
        }
    }
    if body.is_empty() {
        return Ok(0);
    }
    let report = write_body(context, body).await?;
    if let Some(poison) = report.poison.first() {
        return Err(EngineError::Bug(format!(
            "the copy `{}` can't be deleted: {}",
            poison.item.id, poison.rejection.reason
        )));
    }
    Ok(report.done_count as u64)
}

/// Waits until every copy of these live indices has every operation that its primaries have now.
pub(super) async fn wait_for_copies(
    context: &StageContext,
    pairs: &[&CopyPair],
) -> Result<(), EngineError> {
    let begun = Instant::now();
    let mut waiting = pairs.to_vec();
    let mut wanted: BTreeMap<(&str, u32), i64> = BTreeMap::new();
    let mut is_first = true;
    loop {
        context.check_stop()?;
        let names: Vec<&str> = waiting.iter().map(|pair| pair.source.index.as_str()).collect();
        let positions = context.cluster.positions_of(&names).await?;
        let shards = |pair: &CopyPair| {
            positions
                .get(&pair.source.index)
                .map(|index| index.shards.as_slice())
                .unwrap_or_default()
        };
        if is_first {
            is_first = false;
            for pair in &waiting {
                let highest = shards(pair).iter().map(|shard| (shard.number, shard.max_seq_no));
                wanted.extend(
                    highest.map(|(shard, highest)| ((pair.source.index.as_str(), shard), highest)),
                );
            }
        }
        // A shard whose primary was away at the first look has no wanted number, and is waited for until the time is up.
        let is_behind = |pair: &&CopyPair| {
            let is_there = |shard: u32| {
                let highest = wanted.get(&(pair.source.index.as_str(), shard));
                let now = shards(pair).iter().find(|now| now.number == shard);
                highest.zip(now).is_some_and(|(highest, now)| now.global_checkpoint >= *highest)
            };
            !pair.source.shards.iter().all(|shard| is_there(shard.shard))
        };
        waiting.retain(is_behind);
        let Some(pair) = waiting.first() else { return Ok(()) };
        if begun.elapsed() > COPIES_WAIT_MAX {
            return Err(EngineError::Halted(Box::new(problem(
                "R0207",
                format!(
                    "copies of the live index `{}` lag behind its primaries",
                    pair.source.index
                ),
                "look at `GET _cat/shards`, then run the same command again",
            ))));
        }
        time::sleep(COPIES_LOOK_TIME).await;
    }
}
