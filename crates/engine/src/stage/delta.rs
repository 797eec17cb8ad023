//! Delta: what was carried over last is compared document by document, by id. For little it is faster than reading both
//! sets, and it needs no moment without writes: a document that changes meanwhile leaves the window that is looked at.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::{
    compare::{EntryHashes, Expected, Judgement, judge},
    run::{
        state::{BadDocument, Problem},
        task::Stretch,
    },
};
use lockstep_elastic::Page;

use super::{
    CopyPair, StageContext,
    batch::{Piece, batches, read_batch},
    follow::{Follower, Moment},
    mend::{Mode, Outcome, Place, Suspects, expected, found, look_at_all},
    problem,
    window::WindowReader,
};
use crate::error::EngineError;

/// Documents that are looked up together.
const DOCUMENTS_AT_ONCE: usize = 500;
/// How often documents are put right before somebody is asked.
const ATTEMPTS_MAX: u32 = 3;
/// Documents of somebody else's that are shown.
const DOCUMENTS_SHOWN: usize = 50;
/// What is said of such a document.
pub(super) const FOREIGN: &str = "was written into the new set by somebody else";

/// What the new set should hold of some documents.
type Entries = Vec<(Place, Expected)>;

/// Compares everything that was carried over and not compared yet, and puts right what isn't. Gives how many documents were
/// written or deleted for it.
///
/// Under the block the new set is refreshed already.
///
/// # Errors
/// [`EngineError::Halted`] when documents don't stay right, or somebody else writes into the new set.
pub(super) async fn compare_delta(
    follower: &mut Follower<'_>,
    moment: Moment,
) -> Result<u64, EngineError> {
    let (mut repaired, mut touched) = (0, 0);
    for attempt in 0..ATTEMPTS_MAX {
        let is_visible = moment == Moment::Blocked && attempt == 0;
        let outcome = compare_once(follower, moment, is_visible).await?;
        if !outcome.foreign.is_empty() {
            let count = outcome.foreign.len() as u64;
            let bad = |(index, id): (String, String)| BadDocument {
                index,
                id,
                reason: FOREIGN.to_owned(),
            };
            let documents = outcome.foreign.into_iter().take(DOCUMENTS_SHOWN).map(bad).collect();
            return Err(EngineError::Halted(Box::new(foreign(documents, count))));
        }
        let differing = outcome.difference.missing_count + outcome.difference.differing_count;
        follower.count(outcome.deleted, differing);
        repaired += differing;
        touched += differing + outcome.carried + outcome.deleted;
        if differing == 0 {
            for mark in follower.marks.values_mut() {
                mark.settled = mark.settled.max(mark.covered);
            }
            return Ok(touched);
        }
    }
    Err(EngineError::Halted(Box::new(problem(
        "R0401",
        format!(
            "documents of the new set don't stay as they were written; {repaired} were put right in {ATTEMPTS_MAX} attempts"
        ),
        "look whether somebody else writes into the new set or its shards were lost, then run the same command again",
    ))))
}

async fn compare_once(
    follower: &Follower<'_>,
    moment: Moment,
    is_visible: bool,
) -> Result<Outcome, EngineError> {
    let context = follower.context;
    let mut work = Vec::new();
    let mut targets = BTreeSet::new();
    for (key, mark) in &follower.marks {
        if mark.settled >= mark.covered {
            continue;
        }
        let Some(pair) = follower.pairs.get(&key.0) else { continue };
        targets.insert(pair.target.as_str());
        let (first, last) = (mark.settled.saturating_add(1), mark.covered);
        work.push(follower.piece(pair, Stretch { index: key.0, shard: key.1, first, last }));
    }
    if work.is_empty() {
        return Ok(Outcome::default());
    }
    if !is_visible {
        let targets: Vec<&str> = targets.into_iter().collect();
        context.cluster.refresh(&targets).await?;
    }
    let mode = Mode::from(moment);
    let outcomes: Vec<Outcome> = stream::iter(batches(work))
        .map(|batch| async move { compare_batch(context, batch, mode).await })
        .buffer_unordered(context.plan.limits.windows_in_flight.max(1))
        .try_collect()
        .await?;
    let mut all = Outcome::default();
    for outcome in outcomes {
        all.merge(outcome);
    }
    Ok(all)
}

async fn compare_batch(
    context: &StageContext,
    batch: Vec<Piece>,
    mode: Mode,
) -> Result<Outcome, EngineError> {
    context.check_stop()?;
    if let Some(pages) = read_batch(&context.cluster, &batch).await? {
        let pages: Vec<(&CopyPair, &Page)> =
            batch.iter().map(|piece| &piece.pair).zip(&pages).collect();
        return compare_pages(context, &pages, mode).await;
    }
    let mut all = Outcome::default();
    for Piece { pair, stretch, width } in batch {
        let place = (pair.source.index.as_str(), stretch.shard);
        let range = (stretch.first, stretch.last);
        let mut reader = WindowReader::new(&context.cluster, place, range, width);
        while let Some((page, _)) = reader.next().await? {
            context.check_stop()?;
            all.merge(compare_pages(context, &[(&pair, &page)], mode).await?);
        }
    }
    Ok(all)
}

/// Compares what pages of live indices become with what the new set holds of it.
async fn compare_pages(
    context: &StageContext,
    pages: &[(&CopyPair, &Page)],
    mode: Mode,
) -> Result<Outcome, EngineError> {
    // What is expected, index by index, in parts that are looked up together.
    let mut parts: Vec<Vec<(&CopyPair, Entries)>> = vec![Vec::new()];
    let mut documents = 0;
    for (pair, page) in pages {
        let mut entries: Entries = expected(context, pair, page).await?.into_iter().collect();
        while !entries.is_empty() {
            if documents >= DOCUMENTS_AT_ONCE {
                parts.push(Vec::new());
                documents = 0;
            }
            let rest = entries.split_off(entries.len().min(DOCUMENTS_AT_ONCE - documents));
            documents += entries.len();
            if let Some(part) = parts.last_mut() {
                part.push((pair, std::mem::replace(&mut entries, rest)));
            }
        }
    }
    let mut all = Outcome::default();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        all.merge(compare_part(context, part, mode).await?);
    }
    Ok(all)
}

async fn compare_part(
    context: &StageContext,
    part: &[(&CopyPair, Entries)],
    mode: Mode,
) -> Result<Outcome, EngineError> {
    let wanted: Vec<(&str, Vec<&str>)> = part
        .iter()
        .map(|(pair, entries)| {
            let ids: BTreeSet<&str> = entries.iter().map(|((id, _), _)| id.as_str()).collect();
            (pair.target.as_str(), ids.into_iter().collect())
        })
        .collect();
    let pages = context.cluster.documents_of(&wanted).await?;
    let mut differing = Vec::new();
    for ((pair, entries), page) in part.iter().zip(&pages) {
        let found = found(context, pair, page)?;
        let mut scanned = EntryHashes::new();
        let mut ids = BTreeSet::new();
        for (place, expected) in entries {
            if judge(Some(*expected), found.get(place).copied()) != Judgement::Equal {
                scanned.add(&place.0, expected.entry_hash);
                ids.insert(place.0.as_str());
            }
        }
        if !ids.is_empty() {
            differing.push((*pair, ids, scanned));
        }
    }
    if differing.is_empty() {
        return Ok(Outcome::default());
    }
    let suspects: Vec<Suspects<'_>> = differing
        .iter()
        .map(|(pair, ids, scanned)| Suspects { pair, ids: ids.iter().copied().collect(), scanned })
        .collect();
    look_at_all(context, &suspects, mode).await
}

/// The problem of documents that somebody else wrote into the new set.
pub(super) fn foreign(documents: Vec<BadDocument>, document_count: u64) -> Problem {
    Problem {
        documents,
        document_count,
        ..problem(
            "R0403",
            format!(
                "somebody else writes into the new set: {document_count} documents there never came from the live set in this state"
            ),
            "stop whoever writes there; delete these documents from the new set and run the same command again, or give the run up with `lockstep abort`; if their index was cloned and the application gives documents versions of its own, start again with `--clone-from never`",
        )
    }
}
