//! Delta: what was carried over last is compared document by document, by id. For little it is faster than reading both
//! sets, and it needs no moment without writes: a document that changes meanwhile leaves the window that is looked at.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::{
    compare::{EntryHashes, Judgement, judge},
    run::{
        state::{BadDocument, Problem},
        task::Stretch,
    },
};

use super::{
    CopyPair, StageContext,
    compare::Comparison,
    follow::{Follower, workers},
    mend::{Mode, Outcome, expected, found, look_at},
    problem,
    window::{WindowReader, WindowWidth},
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

/// Compares everything that was carried over and not compared yet, and puts right what isn't. Gives how many were.
///
/// # Errors
/// [`EngineError::Halted`] when documents don't stay right, or somebody else writes into the new set.
pub(super) async fn compare_delta(follower: &mut Follower<'_>) -> Result<u64, EngineError> {
    let mut repaired = 0;
    for _ in 0..ATTEMPTS_MAX {
        let outcome = compare_once(follower).await?;
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
        if differing == 0 {
            for mark in follower.marks.values_mut() {
                mark.settled = mark.settled.max(mark.covered);
            }
            return Ok(repaired);
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

async fn compare_once(follower: &Follower<'_>) -> Result<Outcome, EngineError> {
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
        work.push((pair.clone(), Stretch { index: key.0, shard: key.1, first, last }));
    }
    if work.is_empty() {
        return Ok(Outcome::default());
    }
    let targets: Vec<&str> = targets.into_iter().collect();
    context.cluster.refresh(&targets).await?;
    let workers = workers(context, work.iter().map(|(_, stretch)| stretch));
    let outcomes: Vec<Outcome> = stream::iter(work)
        .map(|(pair, stretch)| async move { compare_stretch(context, pair, stretch).await })
        .buffer_unordered(workers)
        .try_collect()
        .await?;
    let mut all = Outcome::default();
    for outcome in outcomes {
        all.merge(outcome);
    }
    Ok(all)
}

async fn compare_stretch(
    context: &StageContext,
    pair: CopyPair,
    stretch: Stretch,
) -> Result<Outcome, EngineError> {
    let limits = &context.plan.limits;
    let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
    let comparison = Comparison::from(pair.clone());
    let place = (pair.source.index.as_str(), stretch.shard);
    let range = (stretch.first, stretch.last);
    let mut reader = WindowReader::new(&context.cluster, place, range, width);
    let mut all = Outcome::default();
    while let Some((page, _)) = reader.next().await? {
        context.check_stop()?;
        let expected = expected(context, &pair, &page)?;
        let places: Vec<_> = expected.iter().collect();
        for part in places.chunks(DOCUMENTS_AT_ONCE) {
            let ids: Vec<&str> = part.iter().map(|((id, _), _)| id.as_str()).collect();
            let page = context.cluster.documents(&pair.target, &ids).await?;
            let found = found(context, &pair, &page)?;
            let mut scanned = EntryHashes::new();
            let mut suspects = BTreeSet::new();
            for (place, expected) in part {
                if judge(Some(**expected), found.get(*place).copied()) != Judgement::Equal {
                    scanned.add(&place.0, expected.entry_hash);
                    suspects.insert(place.0.as_str());
                }
            }
            if !suspects.is_empty() {
                let suspects: Vec<&str> = suspects.into_iter().collect();
                all.merge(look_at(context, &comparison, &suspects, (&scanned, Mode::Mend)).await?);
            }
        }
    }
    Ok(all)
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
            "stop whoever writes there; delete these documents from the new set and run the same command again, or give the run up with `lockstep abort`",
        )
    }
}
