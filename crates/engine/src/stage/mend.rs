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
    carry::{carry, rejected_documents},
    compare::Comparison,
    problem,
    side::{explain, for_documents, unreadable},
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
    /// They are put right.
    Mend,
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
type Place = (String, Option<String>);

/// What is to be done about some documents.
#[derive(Debug, Default)]
struct Work {
    outcome: Outcome,
    writes: BTreeSet<String>,
    deletes: BTreeMap<Place, u64>,
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
    let mut work = find_work(context, pair, ids, scanned).await?;
    if mode == Mode::Look {
        let extra: Vec<String> = work.deletes.into_keys().map(|(id, _)| id).collect();
        work.outcome.difference.extra_count += extra.len() as u64;
        work.outcome.difference.extra.extend(extra.into_iter().take(IDS_KEPT));
        return Ok(work.outcome);
    }
    let differing: Vec<&String> =
        work.outcome.difference.differing.iter().take(DOCUMENTS_EXPLAINED).collect();
    work.outcome.explained = explain(&context.cluster, pair, &differing).await?;
    write(context, pair, &work.writes).await?;
    if !work.deletes.is_empty() {
        work.outcome.deleted = delete(context, pair, work.deletes).await?;
    }
    Ok(work.outcome)
}

/// An index that has to be empty: everything in it is somebody else's.
fn without_source(index: &str, ids: &[&str]) -> Outcome {
    let foreign = ids.iter().map(|id| (index.to_owned(), (*id).to_owned())).collect();
    Outcome { foreign, ..Outcome::default() }
}

/// Judges documents by both sides as they are now.
async fn find_work(
    context: &StageContext,
    pair: &CopyPair,
    ids: &[&str],
    scanned: &EntryHashes,
) -> Result<Work, EngineError> {
    context.cluster.refresh(&[&pair.source.index, &pair.target]).await?;
    let expected = expected(pair, &context.cluster.documents(&pair.source.index, ids).await?)?;
    let found = found(pair, &context.cluster.documents(&pair.target, ids).await?)?;
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
                let was_carried =
                    scanned.get(id).is_some_and(|then| now.get(id.as_str()) == Some(&then));
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
                work.deletes.insert(place.clone(), version);
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

/// What the new set should hold of the documents of a page of the live one.
pub(super) fn expected(
    pair: &CopyPair,
    page: &Page,
) -> Result<BTreeMap<Place, Expected>, EngineError> {
    let mut workspace = Workspace::default();
    let mut entries = BTreeMap::new();
    let index = &pair.source.index;
    for hit in page.hits() {
        let version = pair.version_of(hit.seq_no);
        for_documents(&hit, Some(&pair.program), &mut workspace, index, &mut |made| {
            let hash = document_hash(made.source)
                .map_err(|error| unreadable(index, made.id, &error.to_string()))?;
            let entry_hash = entry_hash(made.id, made.routing, hash);
            let place = (made.id.to_owned(), made.routing.map(str::to_owned));
            entries.insert(place, Expected { version, entry_hash });
            Ok(())
        })?;
    }
    Ok(entries)
}

/// What the new set holds.
pub(super) fn found(pair: &CopyPair, page: &Page) -> Result<BTreeMap<Place, Found>, EngineError> {
    let mut entries = BTreeMap::new();
    for hit in page.hits() {
        let hash = document_hash(hit.source)
            .map_err(|error| unreadable(&pair.target, &hit.id, &error.to_string()))?;
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
) -> Result<(), EngineError> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<&String> = ids.iter().collect();
    let page = context.cluster.documents(&pair.source.index, &ids).await?;
    // Read by id, a document may have a write that isn't on every copy yet and can be rolled back: once these copies have
    // what was there now, it can't.
    wait_for_copies(context, pair).await?;
    let mut rejected = Vec::new();
    let tally = carry(context, pair, page, &mut rejected).await?;
    if tally.rejected > 0 {
        return Err(EngineError::Halted(Box::new(rejected_documents(rejected, tally.rejected))));
    }
    Ok(())
}

/// Deletes copies of documents that the live set has no more.
///
/// A delete that is not on every copy of its shard yet could be rolled back with the primary that made it, and the document
/// would be there again. So the copies are waited for, and the documents looked for once more.
async fn delete(
    context: &StageContext,
    pair: &CopyPair,
    mut deletes: BTreeMap<Place, u64>,
) -> Result<u64, EngineError> {
    wait_for_copies(context, pair).await?;
    context.cluster.refresh(&[&pair.source.index]).await?;
    let ids: BTreeSet<&String> = deletes.keys().map(|(id, _)| id).collect();
    let ids: Vec<&String> = ids.into_iter().collect();
    let there = context.cluster.documents(&pair.source.index, &ids).await?;
    for place in expected(pair, &there)?.into_keys() {
        deletes.remove(&place);
    }
    let bug = |error: String| EngineError::Bug(error);
    let target = IndexName::parse(&pair.target).map_err(|error| bug(error.to_string()))?;
    let mut body = BulkBody::default();
    for ((id, routing), version) in &deletes {
        let key = Key { id, routing: routing.as_deref() };
        body.delete(&target, key, Version::AtLeast(*version))
            .map_err(|error| bug(error.to_string()))?;
    }
    if body.is_empty() {
        return Ok(0);
    }
    let report = context.cluster.write_all(body).await?;
    if let Some(poison) = report.poison.first() {
        return Err(EngineError::Bug(format!(
            "the copy `{}` can't be deleted: {}",
            poison.item.id, poison.rejection.reason
        )));
    }
    Ok(report.done_count as u64)
}

/// Waits until every copy of the live index has every operation that its primaries have now.
pub(super) async fn wait_for_copies(
    context: &StageContext,
    pair: &CopyPair,
) -> Result<(), EngineError> {
    let begun = Instant::now();
    let mut wanted: Option<BTreeMap<u32, i64>> = None;
    loop {
        context.check_stop()?;
        let positions = context.cluster.positions_of(&[&pair.source.index]).await?;
        let shards = positions.get(&pair.source.index).map(|index| index.shards.as_slice());
        let shards = shards.unwrap_or_default();
        let wanted = wanted.get_or_insert_with(|| {
            shards.iter().map(|shard| (shard.number, shard.max_seq_no)).collect()
        });
        let is_there = |(number, highest): (&u32, &i64)| {
            shards
                .iter()
                .any(|shard| shard.number == *number && shard.global_checkpoint >= *highest)
        };
        if wanted.len() == pair.source.shards.len() && wanted.iter().all(is_there) {
            return Ok(());
        }
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
