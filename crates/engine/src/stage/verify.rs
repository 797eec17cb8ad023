//! Verify: both sets are read in windows and compared, document by document, through the steps.
//!
//! Each side adds up a hash of every document (id, routing, content by value) in buckets by id; sums don't depend on
//! order. Where buckets differ, both sides are read once more for these buckets alone, which gives the ids. What this
//! can't detect: two different documents with the same 128-bit hash, and changes that come after the watermark, which
//! the fence looks for.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{TryStreamExt as _, stream};
use lockstep_core::{
    compare::{BucketedDigest, Difference, EntryHashes},
    plan::model::{Strategy, TargetPlan},
    run::{
        state::{BadDocument, Event, Problem},
        task::{Stretch, cut, task_width},
    },
};
use lockstep_elastic::IndexState;
use tokio::sync::Mutex;

use super::{
    CopyPair, StageContext,
    copy::source_replaced,
    meter::Meter,
    position::{covered, is_covered},
    side::{Side, SideReader, explain},
    window::WindowWidth,
};
use crate::{
    error::{EngineError, SETS_DIFFER},
    journal::{VerdictRecord, Write},
    report::Unit,
};

/// Ids of each kind of difference that are kept for one index.
const IDS_KEPT_BY_INDEX: usize = 50;
/// Ids of all indices that are kept.
const IDS_KEPT: usize = 200;
/// Entries that drilling down holds in memory at the same time, both sides together.
const ENTRIES_HELD_MAX: u64 = 1_000_000;
/// Differing documents that are shown field by field.
const DOCUMENTS_EXPLAINED: usize = 3;

/// What a comparison of both sets found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Documents that the live set makes through the steps.
    pub expected: u64,
    /// Documents of the new set.
    pub found: u64,
    /// What differs, all indices together.
    pub difference: Difference,
    /// Documents by which it shows, with reasons.
    pub documents: Vec<BadDocument>,
}

/// Compares both sets as of the last round.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub async fn compare_sets(context: &StageContext, round: u32) -> Result<Event, EngineError> {
    if !are_sources_still(context, round).await? {
        return Ok(Event::SourcesMoved);
    }
    let verdict = compare(context).await?;
    // A difference counts only if it is stable: a write during the comparison shows as one.
    if !verdict.difference.is_empty() && !are_sources_still(context, round).await? {
        return Ok(Event::SourcesMoved);
    }
    record(context, round, &verdict).await?;
    if verdict.difference.is_empty() {
        return Ok(Event::SetsEqual);
    }
    Ok(Event::Stuck(differing(verdict)))
}

/// Whether every source is the planned one and stands where the rounds ended. It takes a few calls however many indices
/// there are: writes are blocked while the fence asks.
pub(super) async fn are_sources_still(
    context: &StageContext,
    round: u32,
) -> Result<bool, EngineError> {
    let covered = covered(&context.rounds(round).await?);
    let seen: BTreeMap<String, IndexState> = context
        .cluster
        .indices()
        .await?
        .into_iter()
        .map(|index| (index.name.clone(), index))
        .collect();
    for pair in context.pairs()? {
        let Some(index) =
            seen.get(&pair.source.index).filter(|index| index.uuid == pair.source.uuid)
        else {
            return Err(EngineError::Halted(Box::new(source_replaced(&pair))));
        };
        // A primary that isn't there can't say where it stands.
        let all_there =
            index.shards.len() == usize::try_from(index.primaries).unwrap_or(usize::MAX);
        if !all_there || !is_covered(pair.position, &index.shards, &covered) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads both sets and compares them.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub async fn compare(context: &StageContext) -> Result<Verdict, EngineError> {
    let pairs = comparisons(context)?;
    let total = context.plan.document_count().saturating_mul(2);
    let meter = Meter::start("verifying", Unit::Documents, total, &context.reporter);
    let verdict = Mutex::new(Verdict::default());
    stream::iter(pairs.into_iter().map(Ok::<_, EngineError>))
        .try_for_each_concurrent(COMPARISONS_IN_FLIGHT, |comparison| {
            let (verdict, meter) = (&verdict, &meter);
            async move {
                let one = compare_one(context, &comparison, meter).await?;
                let mut verdict = verdict.lock().await;
                verdict.expected += one.expected;
                verdict.found += one.found;
                verdict.difference.merge(one.difference, IDS_KEPT);
                let room = IDS_KEPT.saturating_sub(verdict.documents.len());
                verdict.documents.extend(one.documents.into_iter().take(room));
                Ok(())
            }
        })
        .await?;
    meter.finish(&context.reporter);
    Ok(verdict.into_inner())
}

/// Indices that are compared at the same time. Each holds two digests of about 100 KB and reads in windows of its own.
const COMPARISONS_IN_FLIGHT: usize = 3;
/// Ranges of one side that are read at the same time.
const RANGES_IN_FLIGHT: usize = 2;

/// A target and where its documents come from; nowhere for one that has to be empty.
struct Comparison {
    source: Option<CopyPair>,
    target: TargetPlan,
}

fn comparisons(context: &StageContext) -> Result<Vec<Comparison>, EngineError> {
    let copied = context
        .pairs()?
        .into_iter()
        .map(|pair| Comparison { target: pair.target.clone(), source: Some(pair) });
    let empty = context.plan.indices.iter().filter_map(|index| match &index.strategy {
        Strategy::Empty { target } => Some(Comparison { source: None, target: target.clone() }),
        Strategy::Copy { .. } | Strategy::Drop { .. } => None,
    });
    Ok(copied.chain(empty).collect())
}

async fn compare_one(
    context: &StageContext,
    comparison: &Comparison,
    meter: &Meter,
) -> Result<Verdict, EngineError> {
    let found_side = Side::Found { index: comparison.target.index.clone() };
    let expected_side = comparison.source.as_ref().map(|pair| Side::Expected {
        index: pair.source.index.clone(),
        program: Arc::clone(&pair.program),
    });
    let digest_expected = async {
        match &expected_side {
            Some(side) => digest(context, side, meter).await,
            None => Ok(BucketedDigest::new()),
        }
    };
    let (expected, found) = tokio::try_join!(digest_expected, digest(context, &found_side, meter))?;
    let mut verdict = Verdict {
        expected: expected.total().count,
        found: found.total().count,
        ..Verdict::default()
    };
    let buckets = expected.differing_buckets(&found);
    if buckets.is_empty() {
        return Ok(verdict);
    }
    let entries = verdict.expected + verdict.found;
    for part in buckets.chunks(buckets_at_once(entries)) {
        let expected = match &expected_side {
            Some(side) => entries_of(context, side, part).await?,
            None => EntryHashes::new(),
        };
        let found = entries_of(context, &found_side, part).await?;
        verdict
            .difference
            .merge(Difference::between(&expected, &found, IDS_KEPT_BY_INDEX), IDS_KEPT_BY_INDEX);
    }
    verdict.documents = name_documents(context, comparison, &verdict.difference).await?;
    Ok(verdict)
}

/// How many buckets are drilled down together, so that their entries fit into memory.
fn buckets_at_once(entries: u64) -> usize {
    let by_bucket = (entries / lockstep_core::compare::BUCKET_COUNT as u64).max(1);
    usize::try_from(ENTRIES_HELD_MAX / by_bucket).unwrap_or(1).max(1)
}

/// Ranges of all shards of one side, after a watermark: all of it is visible.
async fn ranges(context: &StageContext, index: &str) -> Result<Vec<Stretch>, EngineError> {
    let shards = context.cluster.watermark(index).await?;
    let stretches: Vec<Stretch> = shards
        .iter()
        .map(|shard| Stretch {
            index: 0,
            shard: shard.number,
            first: 0,
            last: shard.global_checkpoint,
        })
        .collect();
    let width = task_width(&stretches, context.plan.limits.task_width_max);
    let tasks = cut(&stretches, 0, 0, width);
    Ok(tasks
        .iter()
        .map(|task| Stretch { index: 0, shard: task.shard, first: task.first, last: task.last })
        .collect())
}

async fn digest(
    context: &StageContext,
    side: &Side,
    meter: &Meter,
) -> Result<BucketedDigest, EngineError> {
    let digest = Mutex::new(BucketedDigest::new());
    read_side(context, side, async |reader: &mut SideReader<'_>| {
        while let Some(part) = reader.next_digest().await? {
            context.check_stop()?;
            meter.add(part.documents, part.bytes);
            digest.lock().await.merge(&part.digest);
        }
        Ok(())
    })
    .await?;
    Ok(digest.into_inner())
}

async fn entries_of(
    context: &StageContext,
    side: &Side,
    buckets: &[u16],
) -> Result<EntryHashes, EngineError> {
    let entries = Mutex::new(EntryHashes::new());
    read_side(context, side, async |reader: &mut SideReader<'_>| {
        while let Some(part) = reader.next_entries(buckets).await? {
            context.check_stop()?;
            entries.lock().await.merge(part);
        }
        Ok(())
    })
    .await?;
    Ok(entries.into_inner())
}

async fn read_side(
    context: &StageContext,
    side: &Side,
    take: impl AsyncFn(&mut SideReader<'_>) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let limits = &context.plan.limits;
    // Twelve windows may be in memory at the same time here, more than while copying.
    let width = WindowWidth::new(limits.window_bytes / 2, limits.window_width_max);
    let ranges = ranges(context, side.index()).await?;
    stream::iter(ranges.into_iter().map(Ok::<_, EngineError>))
        .try_for_each_concurrent(RANGES_IN_FLIGHT, |range| {
            let mut reader = SideReader::new(&context.cluster, side, range, width.clone());
            let take = &take;
            async move { take(&mut reader).await }
        })
        .await
}

/// Names the differing documents of an index, some of them field by field.
async fn name_documents(
    context: &StageContext,
    comparison: &Comparison,
    difference: &Difference,
) -> Result<Vec<BadDocument>, EngineError> {
    let index = &comparison.target.index;
    let bad =
        |id: &String, reason: String| BadDocument { index: index.clone(), id: id.clone(), reason };
    let mut documents = Vec::new();
    documents.extend(
        difference.missing.iter().map(|id| bad(id, "is missing in the new set".to_owned())),
    );
    documents
        .extend(difference.extra.iter().map(|id| bad(id, "is in the new set only".to_owned())));
    let mut reasons: BTreeMap<String, String> = BTreeMap::new();
    if let Some(pair) = &comparison.source {
        let ids: Vec<&String> = difference.differing.iter().take(DOCUMENTS_EXPLAINED).collect();
        reasons = explain(&context.cluster, pair, &ids).await?;
    }
    for id in &difference.differing {
        let reason = reasons.remove(id).unwrap_or_else(|| "differs in content".to_owned());
        documents.push(bad(id, reason));
    }
    Ok(documents)
}

async fn record(context: &StageContext, round: u32, verdict: &Verdict) -> Result<(), EngineError> {
    let key = context.round_key(round);
    let record = VerdictRecord {
        round,
        documents: verdict.expected,
        missing: verdict.difference.missing_count,
        extra: verdict.difference.extra_count,
        differing: verdict.difference.differing_count,
        at: jiff::Timestamp::now().to_string(),
    };
    let write = match context.journal.read::<VerdictRecord>(&key).await? {
        Some(kept) => context.journal.replace(&key, &kept, record).await?,
        None => context.journal.create(&key, record).await?,
    };
    match write {
        Write::Kept(_) => Ok(()),
        Write::Conflict => Err(EngineError::LeaseLost),
    }
}

fn differing(verdict: Verdict) -> Problem {
    let Difference { missing_count, extra_count, differing_count, .. } = verdict.difference;
    Problem {
        code: SETS_DIFFER.to_owned(),
        message: format!(
            "both sets differ although nobody writes: {missing_count} documents are missing, {extra_count} are extra, {differing_count} differ"
        ),
        hint: "documents that the application deleted during the run show as extra: give the run up with `lockstep abort` and start again. Anything else: run the same command again, and report it if it stays".to_owned(),
        documents: verdict.documents,
        document_count: missing_count + extra_count + differing_count,
    }
}
