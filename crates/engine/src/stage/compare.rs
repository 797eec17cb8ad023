//! Compare: both sets are read in windows, document by document, through the steps, while the application may be writing.
//!
//! Each side adds up a hash of every document (id, routing, content by value) in buckets by id; sums don't depend on
//! order. Where buckets differ, both sides are read once more for these buckets alone, which gives the ids, and
//! [`mend`](super::mend) looks at each of these documents as it is now. What this can't detect: two different documents with
//! the same 128-bit hash.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{TryStreamExt as _, stream};
use lockstep_core::{
    compare::{BUCKET_COUNT, BucketedDigest, Difference, EntryHashes},
    plan::model::Strategy,
    rehearsal::sample::taken,
    run::{
        state::BadDocument,
        task::{Stretch, cut, task_width},
    },
};
use tokio::sync::Mutex;

use super::{
    CopyPair, StageContext,
    delivery::{envelopes_gone, look_at_deliveries},
    delta::FOREIGN,
    follow::ShardKey,
    mend::{Mode, Outcome, look_at},
    meter::Meter,
    position::Covered,
    side::{Depth, Side, SideReader, explain},
    table::look_at_tables,
    window::WindowWidth,
};
use crate::{
    error::EngineError,
    report::{Event as ReportEvent, Unit},
};

/// Ids of all indices that are kept.
const IDS_KEPT: usize = 200;
/// Entries that drilling down holds in memory at the same time, both sides together.
const ENTRIES_HELD_MAX: u64 = 1_000_000;
/// Differing documents that are shown field by field.
const DOCUMENTS_EXPLAINED: usize = 3;
/// Indices that are compared at the same time. Each holds two digests of about 100 KB and reads in windows of its own.
const COMPARISONS_IN_FLIGHT: usize = 3;
/// Ranges of one side that are read at the same time.
const RANGES_IN_FLIGHT: usize = 2;
/// Documents that are looked at together.
const DOCUMENTS_AT_ONCE: usize = 500;

/// What a comparison of both sets found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Documents that the live set makes through the steps.
    pub expected: u64,
    /// Documents of the new set.
    pub found: u64,
    /// What differs although it had been carried over, all indices together.
    pub difference: Difference,
    /// Documents by which it shows, with reasons.
    pub documents: Vec<BadDocument>,
    /// Documents that the application wrote meanwhile, carried over in the course of it.
    pub carried: u64,
    /// Copies that were deleted in the course of it, because the live set has the document no more.
    pub deleted: u64,
    /// Documents that somebody else wrote into the new set.
    pub foreign: u64,
}

impl Verdict {
    /// Whether nothing had to be mended, and nothing is left that can't be.
    pub fn is_clean(&self) -> bool {
        self.difference.is_empty() && self.foreign == 0
    }

    /// Takes in what was found elsewhere.
    pub(super) fn merge(&mut self, other: Self) {
        let Self { expected, found, difference, documents, carried, deleted, foreign } = other;
        self.expected += expected;
        self.found += found;
        self.difference.merge(difference, IDS_KEPT);
        let room = IDS_KEPT.saturating_sub(self.documents.len());
        self.documents.extend(documents.into_iter().take(room));
        self.carried += carried;
        self.deleted += deleted;
        self.foreign += foreign;
    }
}

/// How to compare.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    /// Whether differences are mended.
    pub(super) mode: Mode,
    /// What is compared of each document.
    pub(super) depth: Depth,
    /// Up to where the live set is compared: what was carried over. `None`: everything that is visible.
    pub(super) covered: Option<&'a BTreeMap<ShardKey, i64>>,
    /// Up to where both sides are the same files, of indices that were cloned: only what is newer on either side is read.
    pub(super) cloned: Option<&'a Covered>,
}

/// Reads both sets and compares them. Changes nothing.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub async fn compare(context: &StageContext) -> Result<Verdict, EngineError> {
    let way = Way { mode: Mode::Look, depth: Depth::Contents, covered: None, cloned: None };
    let gone = envelopes_gone(context).await?;
    let mut whole = comparisons(context)?;
    whole.retain(|comparison| !gone.contains(&comparison.target));
    let mut verdict = compare_all(context, whole, way).await?;
    if gone.is_empty() {
        verdict.merge(look_at_deliveries(context).await?);
    } else {
        let count = gone.len();
        let message = format!(
            "what came out of envelopes is not compared: {count} indices of envelopes are gone, as after `lockstep finalize`"
        );
        context.reporter.report(ReportEvent::Notice { message });
    }
    verdict.merge(look_at_tables(context).await?);
    Ok(verdict)
}

/// Compares several indices of both sets.
pub(super) async fn compare_all(
    context: &StageContext,
    comparisons: Vec<Comparison>,
    way: Way<'_>,
) -> Result<Verdict, EngineError> {
    let total = context.plan.document_count().saturating_mul(2);
    let meter = Meter::start("verifying", Unit::Documents, total, &context.reporter);
    let verdict = Mutex::new(Verdict::default());
    stream::iter(comparisons.into_iter().map(Ok::<_, EngineError>))
        .try_for_each_concurrent(COMPARISONS_IN_FLIGHT, |comparison| {
            let (verdict, meter) = (&verdict, &meter);
            async move {
                let one = compare_one(context, &comparison, way, meter).await?;
                verdict.lock().await.merge(one);
                Ok(())
            }
        })
        .await?;
    meter.finish(&context.reporter);
    Ok(verdict.into_inner())
}

/// A target and where its documents come from; nowhere for one that has to be empty.
pub(super) struct Comparison {
    pub(super) source: Option<CopyPair>,
    pub(super) target: String,
}

impl From<CopyPair> for Comparison {
    fn from(pair: CopyPair) -> Self {
        Self { target: pair.target.clone(), source: Some(pair) }
    }
}

/// Every index of the new set, and where its documents come from.
pub(super) fn comparisons(context: &StageContext) -> Result<Vec<Comparison>, EngineError> {
    let copied = context.pairs()?.into_iter().map(Comparison::from);
    let empty = context.plan.indices.iter().filter_map(|index| match &index.strategy {
        Strategy::Empty { target } => {
            Some(Comparison { source: None, target: target.index.clone() })
        }
        // What is delivered is held against its envelopes.
        Strategy::Copy { .. } | Strategy::Deliver { .. } | Strategy::Drop { .. } => None,
    });
    Ok(copied.chain(empty).collect())
}

/// Compares one index of either set.
pub(super) async fn compare_one(
    context: &StageContext,
    comparison: &Comparison,
    way: Way<'_>,
    meter: &Meter,
) -> Result<Verdict, EngineError> {
    let found_side = Side::Found {
        index: comparison.target.clone(),
        depth: way.depth,
        withheld: context.quarantine.withheld(&comparison.target),
    };
    let expected_side = comparison.source.as_ref().map(|pair| Side::Expected {
        index: pair.source.index.clone(),
        course: Arc::clone(&pair.course),
        depth: way.depth,
        withheld: context.quarantine.withheld(&pair.source.index),
    });
    // Both sides are read up to the same moment: what is written later is on neither.
    let mut found_ranges = visible_ranges(context, &comparison.target).await?;
    let mut expected_ranges = match &comparison.source {
        Some(pair) => expected_ranges(context, pair, way).await?,
        None => Vec::new(),
    };
    if let (Some(pair), Some(cloned)) = (&comparison.source, way.cloned) {
        leave_out_cloned(&mut found_ranges, (pair, cloned));
        leave_out_cloned(&mut expected_ranges, (pair, cloned));
    }
    let sides = Sides { expected: expected_side, expected_ranges, found: found_side, found_ranges };
    let (mut verdict, buckets) = sides.differing_buckets(context, meter).await?;
    let mut outcome = Outcome::default();
    for part in buckets.chunks(buckets_at_once(verdict.expected + verdict.found)) {
        let (expected, found) = sides.entries(context, part).await?;
        let ids = expected.differing_ids(&found);
        for ids in ids.chunks(DOCUMENTS_AT_ONCE) {
            context.check_stop()?;
            outcome.merge(look_at(context, comparison, ids, (&expected, way.mode)).await?);
        }
    }
    verdict.documents = name_documents(context, comparison, &outcome).await?;
    let Outcome { difference, foreign, carried, deleted, .. } = outcome;
    (verdict.difference, verdict.foreign) = (difference, foreign.len() as u64);
    (verdict.carried, verdict.deleted) = (carried, deleted);
    Ok(verdict)
}

/// Numbers that both sides may span for their ids to be compared without digests before: reading them twice costs more than
/// holding them.
pub(super) const NUMBERS_HELD_AT_ONCE: u64 = 50_000;

/// Both sides of a comparison, and what is read of them.
struct Sides {
    expected: Option<Side>,
    expected_ranges: Vec<Stretch>,
    found: Side,
    found_ranges: Vec<Stretch>,
}

impl Sides {
    /// The buckets to drill down, and how many documents there are. Of few ids all are looked at right away; then nothing
    /// is counted.
    async fn differing_buckets(
        &self,
        context: &StageContext,
        meter: &Meter,
    ) -> Result<(Verdict, Vec<u16>), EngineError> {
        let numbers: u64 =
            self.expected_ranges.iter().chain(&self.found_ranges).map(Stretch::number_count).sum();
        if self.found.depth() == Depth::Identities && numbers <= NUMBERS_HELD_AT_ONCE {
            let all = 0..u16::try_from(BUCKET_COUNT).unwrap_or(u16::MAX);
            return Ok((Verdict::default(), all.collect()));
        }
        let (expected, found) = self.digests(context, meter).await?;
        let verdict = Verdict {
            expected: expected.total().count,
            found: found.total().count,
            ..Verdict::default()
        };
        Ok((verdict, expected.differing_buckets(&found)))
    }

    async fn digests(
        &self,
        context: &StageContext,
        meter: &Meter,
    ) -> Result<(BucketedDigest, BucketedDigest), EngineError> {
        let expected = async {
            match &self.expected {
                Some(side) => digest(context, (side, &self.expected_ranges), meter).await,
                None => Ok(BucketedDigest::new()),
            }
        };
        tokio::try_join!(expected, digest(context, (&self.found, &self.found_ranges), meter))
    }

    async fn entries(
        &self,
        context: &StageContext,
        buckets: &[u16],
    ) -> Result<(EntryHashes, EntryHashes), EngineError> {
        let expected = async {
            match &self.expected {
                Some(side) => entries_of(context, (side, &self.expected_ranges), buckets).await,
                None => Ok(EntryHashes::new()),
            }
        };
        tokio::try_join!(expected, entries_of(context, (&self.found, &self.found_ranges), buckets))
    }
}

/// How many buckets are drilled down together, so that their entries fit into memory.
fn buckets_at_once(entries: u64) -> usize {
    let by_bucket = (entries / BUCKET_COUNT as u64).max(1);
    usize::try_from(ENTRIES_HELD_MAX / by_bucket).unwrap_or(1).max(1)
}

/// Ranges of all shards of an index, after a watermark: all of it is visible.
async fn visible_ranges(context: &StageContext, index: &str) -> Result<Vec<Stretch>, EngineError> {
    let shards = context.cluster.watermark(index).await?;
    Ok(ranges(context, shards.iter().map(|shard| (shard.number, shard.global_checkpoint))))
}

/// Ranges of a source up to what was carried over, or up to what is visible.
async fn expected_ranges(
    context: &StageContext,
    pair: &CopyPair,
    way: Way<'_>,
) -> Result<Vec<Stretch>, EngineError> {
    let Some(covered) = way.covered else {
        return visible_ranges(context, &pair.source.index).await;
    };
    let shards = covered
        .iter()
        .filter(|((position, _), _)| *position == pair.position)
        .map(|((_, shard), last)| (*shard, *last));
    if context.plan.sample().is_some() {
        let sample = context.sample_of(pair).await?;
        return Ok(cut_ranges(context, &taken(&sample, shards)));
    }
    Ok(ranges(context, shards))
}

/// Takes what a clone had from the beginning out of the ranges of either side. Whatever anybody wrote since, on either side,
/// has a higher number there, for the clone goes on counting where its source stood.
fn leave_out_cloned(ranges: &mut Vec<Stretch>, (pair, cloned): (&CopyPair, &Covered)) {
    for range in ranges.iter_mut() {
        if let Some(last) = cloned.get(&(pair.position, range.shard)) {
            range.first = range.first.max(last.saturating_add(1));
        }
    }
    ranges.retain(|range| range.first <= range.last);
}

fn ranges(context: &StageContext, shards: impl Iterator<Item = (u32, i64)>) -> Vec<Stretch> {
    let stretches: Vec<Stretch> =
        shards.map(|(shard, last)| Stretch { index: 0, shard, first: 0, last }).collect();
    cut_ranges(context, &stretches)
}

fn cut_ranges(context: &StageContext, stretches: &[Stretch]) -> Vec<Stretch> {
    let width = task_width(
        stretches,
        context.plan.limits.task_width_max,
        context.plan.limits.window_width_max,
    );
    let tasks = cut(stretches, 0, 0, width);
    tasks
        .iter()
        .map(|task| Stretch { index: 0, shard: task.shard, first: task.first, last: task.last })
        .collect()
}

async fn digest(
    context: &StageContext,
    (side, ranges): (&Side, &[Stretch]),
    meter: &Meter,
) -> Result<BucketedDigest, EngineError> {
    let digest = Mutex::new(BucketedDigest::new());
    read_side(context, (side, ranges), async |reader: &mut SideReader<'_>| {
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
    (side, ranges): (&Side, &[Stretch]),
    buckets: &[u16],
) -> Result<EntryHashes, EngineError> {
    let entries = Mutex::new(EntryHashes::new());
    read_side(context, (side, ranges), async |reader: &mut SideReader<'_>| {
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
    (side, ranges): (&Side, &[Stretch]),
    take: impl AsyncFn(&mut SideReader<'_>) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let limits = &context.plan.limits;
    let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
    stream::iter(ranges.iter().map(Ok::<_, EngineError>))
        .try_for_each_concurrent(RANGES_IN_FLIGHT, |range| {
            let mut reader = SideReader::new(&context.cluster, side, *range, width.clone());
            let take = &take;
            async move { take(&mut reader).await }
        })
        .await
}

/// Names the differing documents of an index, some of them field by field.
async fn name_documents(
    context: &StageContext,
    comparison: &Comparison,
    outcome: &Outcome,
) -> Result<Vec<BadDocument>, EngineError> {
    let index = &comparison.target;
    let bad = |id: &String, reason: &str| BadDocument {
        index: index.clone(),
        id: id.clone(),
        reason: reason.to_owned(),
    };
    let Outcome { difference, foreign, explained, .. } = outcome;
    let mut documents: Vec<BadDocument> = Vec::new();
    documents.extend(difference.missing.iter().map(|id| bad(id, "is missing in the new set")));
    documents.extend(difference.extra.iter().map(|id| bad(id, "is in the new set only")));
    documents.extend(foreign.iter().map(|(_, id)| bad(id, FOREIGN)));
    let mut reasons: BTreeMap<String, String> = explained.clone();
    if let Some(pair) = comparison.source.as_ref().filter(|_| reasons.is_empty()) {
        let ids: Vec<&String> = difference.differing.iter().take(DOCUMENTS_EXPLAINED).collect();
        reasons = explain(&context.cluster, pair, &ids).await?;
    }
    for id in &difference.differing {
        let reason = reasons.remove(id).unwrap_or_else(|| "differs in content".to_owned());
        documents.push(bad(id, &reason));
    }
    Ok(documents)
}
