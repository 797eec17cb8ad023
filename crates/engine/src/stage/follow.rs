//! Follow: what the application wrote since copying ended is carried over, pass by pass, until next to nothing is left.
//!
//! A pass reads every shard's log from where the last one ended up to the watermark. An updated document comes again under a
//! higher number; one that was deleted doesn't come at all, which is [`compare`](super::compare)'s business. How far each
//! shard got is journalled once a second, so a killed driver repeats about a second of work.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{TryStreamExt as _, stream};
use lockstep_core::run::task::{Stretch, Tally};
use lockstep_elastic::IndexPosition;
use tokio::{sync::mpsc, time};

use super::{
    CopyPair, Direction, StageContext,
    back::{back_key, first_record_back, pairs_back},
    batch::{Piece, batches, read_batch},
    carry::carry_whole,
    copy::source_replaced,
    delivery::{Deliveries, deliver},
    position::covered,
    problem,
    table::{Patience, TableLog, follow_tables, open_tables},
    window::{WindowReader, WindowWidth},
};
use crate::{
    error::EngineError,
    journal::{Kept, PairTerms, PositionRecord, Write},
};

/// How often positions are written to the journal.
const WRITE_TIME: Duration = Duration::from_secs(1);
/// Steps that wait to be noted; workers wait when there are more.
const STEPS_WAITING_MAX: usize = 256;
/// How long primaries of the live set are waited for before somebody is asked.
const PRIMARIES_WAIT_MAX: Duration = Duration::from_mins(2);
/// Time between two looks for them.
const PRIMARIES_LOOK_TIME: Duration = Duration::from_millis(500);
/// Whether the live set may change meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The application writes to it.
    Live,
    /// It is blocked, and all that was written to it is on every copy of its shards.
    Blocked,
}

/// `(position in the plan, shard)`.
pub(super) type ShardKey = (usize, u32);

/// How far one shard of a source got. Numbers are sequence numbers, included; -1 before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Everything up to here was carried over.
    pub(super) covered: i64,
    /// The content of everything up to here was compared.
    pub(super) settled: i64,
    /// Everything up to here was compared as a whole, deletes included.
    pub(super) compared: i64,
}

/// Follows the live set.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    pub(super) context: &'a StageContext,
    pub(super) direction: Direction,
    /// The key of its record.
    key: String,
    pub(super) pairs: BTreeMap<usize, CopyPair>,
    pub(super) marks: BTreeMap<ShardKey, Mark>,
    widths: BTreeMap<usize, WindowWidth>,
    /// Tables that follow the new set; none on the way back.
    pub(super) tables: Vec<TableLog>,
    /// Documents that are delivered; none on the way back.
    pub(super) deliveries: Deliveries,
    record: PositionRecord,
    kept: Kept<PositionRecord>,
    written_at: Instant,
}

/// Where the live set stands, compared to what was carried over.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What can be carried over now: from what is covered to the watermarks.
    pub(super) stretches: Vec<Stretch>,
    /// The highest number that each shard has given.
    pub(super) highest: BTreeMap<ShardKey, i64>,
    /// Numbers above the watermarks: not yet on every copy of their shard.
    pub(super) unsafe_numbers: u64,
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pass {
    /// What was carried over.
    pub(super) tally: Tally,
    /// Numbers that the pass began with.
    pub(super) numbers: u64,
}

/// A step of one shard within a pass.
struct Step {
    key: ShardKey,
    last: i64,
    tally: Tally,
    width: WindowWidth,
}

impl<'a> Follower<'a> {
    /// Takes up following where the journal says that it got, or where copying or the switch ended.
    ///
    /// # Errors
    /// [`EngineError`] when the journal can't be worked with.
    pub(super) async fn open(
        context: &'a StageContext,
        direction: Direction,
    ) -> Result<Self, EngineError> {
        let (key, pairs) = match direction {
            Direction::Forward => (context.run.clone(), context.pairs()?),
            Direction::Back => (back_key(&context.run), pairs_back(context).await?),
        };
        let pairs: BTreeMap<usize, CopyPair> =
            pairs.into_iter().map(|pair| (pair.position, pair)).collect();
        let kept = if let Some(kept) = context.journal.read(&key).await? {
            kept
        } else {
            let record = match direction {
                Direction::Forward => first_record(context, &pairs).await?,
                Direction::Back => first_record_back(context).await?,
            };
            match context.journal.create(&key, record).await? {
                Write::Kept(kept) => kept,
                Write::Conflict => return Err(EngineError::LeaseLost),
            }
        };
        let record = kept.record.clone();
        let marks = record
            .shards
            .iter()
            .map(|&(position, shard, covered, settled, compared)| {
                ((position, shard), Mark { covered, settled, compared })
            })
            .collect();
        let written_at = Instant::now();
        let widths = BTreeMap::new();
        let tables = match direction {
            Direction::Forward => open_tables(context).await?,
            Direction::Back => Vec::new(),
        };
        let deliveries = match direction {
            Direction::Forward => Deliveries::open(context).await?,
            Direction::Back => Deliveries::default(),
        };
        Ok(Self {
            context,
            direction,
            key,
            pairs,
            marks,
            widths,
            tables,
            deliveries,
            record,
            kept,
            written_at,
        })
    }

    /// Looks where the live set stands. Everything that a stretch spans is visible to searches afterwards.
    ///
    /// # Errors
    /// [`EngineError::Halted`] when an index isn't the planned one any more, or its primaries don't come back.
    pub(super) async fn look(&self) -> Result<Look, EngineError> {
        let look = self.look_unrefreshed().await?;
        let moved: BTreeSet<&str> = look
            .stretches
            .iter()
            .filter_map(|stretch| self.pairs.get(&stretch.index))
            .map(|pair| pair.source.index.as_str())
            .collect();
        if !moved.is_empty() {
            // After the positions were read: the other way round a number could be promised that no search sees yet.
            let moved: Vec<&str> = moved.into_iter().collect();
            self.context.cluster.refresh(&moved).await?;
        }
        Ok(look)
    }

    async fn look_unrefreshed(&self) -> Result<Look, EngineError> {
        let begun = Instant::now();
        loop {
            self.context.check_stop()?;
            let positions = self.positions().await?;
            match self.compare_positions(&positions)? {
                Ok(look) => return Ok(look),
                Err(absent) if begun.elapsed() > PRIMARIES_WAIT_MAX => {
                    return Err(EngineError::Halted(Box::new(problem(
                        "R0205",
                        format!("primary shards of the live index `{absent}` are not there"),
                        "look at `GET _cluster/allocation/explain`, then run the same command again",
                    ))));
                }
                Err(_absent) => time::sleep(PRIMARIES_LOOK_TIME).await,
            }
        }
    }

    async fn positions(&self) -> Result<BTreeMap<String, IndexPosition>, EngineError> {
        let names: Vec<&str> = self.pairs.values().map(|pair| pair.source.index.as_str()).collect();
        match self.context.cluster.positions_of(&names).await {
            Ok(positions) => Ok(positions),
            Err(failure) if failure.is_index_absent() => {
                for pair in self.pairs.values() {
                    let uuid = self.context.cluster.index_uuid(&pair.source.index).await?;
                    if uuid.as_ref() != Some(&pair.source.uuid) {
                        return Err(EngineError::Halted(Box::new(source_replaced(pair))));
                    }
                }
                Err(failure.into())
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// What is new since the marks; the inner error names an index whose primaries are not all there.
    fn compare_positions(
        &self,
        positions: &BTreeMap<String, IndexPosition>,
    ) -> Result<Result<Look, String>, EngineError> {
        let mut look = Look::default();
        for (position, pair) in &self.pairs {
            let index = &pair.source.index;
            let Some(found) = positions.get(index) else { return Ok(Err(index.clone())) };
            if found.uuid != pair.source.uuid {
                return Err(EngineError::Halted(Box::new(source_replaced(pair))));
            }
            if found.shards.len() != pair.source.shards.len() {
                return Ok(Err(index.clone()));
            }
            for shard in &found.shards {
                let key = (*position, shard.number);
                let covered = self.marks.get(&key).map_or(-1, |mark| mark.covered);
                let (first, last) = (covered.saturating_add(1), shard.global_checkpoint);
                if first <= last {
                    look.stretches.push(Stretch { index: key.0, shard: key.1, first, last });
                }
                look.highest.insert(key, shard.max_seq_no);
                look.unsafe_numbers +=
                    u64::try_from(shard.max_seq_no.saturating_sub(last)).unwrap_or_default();
            }
        }
        Ok(Ok(look))
    }

    /// Carries over everything up to the watermarks.
    ///
    /// # Errors
    /// [`EngineError::Halted`] when a rejected document can't be set aside; what was carried over before is kept.
    pub(super) async fn pass(&mut self) -> Result<Pass, EngineError> {
        let look = self.look().await?;
        let pass = self.carry_all(look.stretches).await?;
        deliver(self).await?;
        deliver(self).await?;
        follow_tables(self, Patience::Waiting).await?;
        Ok(pass)
    }

    /// Carries stretches over, several shards at the same time, each from its first number to its last.
    pub(super) async fn carry_all(&mut self, stretches: Vec<Stretch>) -> Result<Pass, EngineError> {
        let numbers = stretches.iter().map(Stretch::number_count).sum();
        let mut pass = Pass { tally: Tally::default(), numbers };
        if stretches.is_empty() {
            return Ok(pass);
        }
        let (steps, mut stepped) = mpsc::channel(STEPS_WAITING_MAX);
        let mut work = Vec::new();
        for stretch in stretches {
            let pair = self.pairs.get(&stretch.index).ok_or_else(|| {
                EngineError::Bug(format!(
                    "a stretch names index {}, which is not copied",
                    stretch.index
                ))
            })?;
            work.push(self.piece(pair, stretch));
        }
        let context = self.context;
        let batches = batches(work);
        let carrying = async move {
            let steps = &steps;
            stream::iter(batches.into_iter().map(Ok::<_, EngineError>))
                .try_for_each_concurrent(
                    context.plan.limits.windows_in_flight.max(1),
                    |batch| async move { carry_batch(context, batch, steps).await },
                )
                .await
        };
        let noting = async {
            while let Some(Step { key, last, tally, width }) = stepped.recv().await {
                self.widths.insert(key.0, width);
                pass.tally.add(tally);
                self.record.carried.add(tally);
                if let Some(mark) = self.marks.get_mut(&key) {
                    mark.covered = mark.covered.max(last);
                }
                if self.written_at.elapsed() >= WRITE_TIME {
                    self.write().await?;
                }
            }
            Ok::<_, EngineError>(())
        };
        let (carried, noted) = tokio::join!(carrying, noting);
        noted?;
        // What was carried over is kept, also when something else went wrong.
        self.write().await?;
        carried?;
        Ok(pass)
    }

    /// A stretch of a pair, with what is known of the size of its documents.
    pub(super) fn piece(&self, pair: &CopyPair, stretch: Stretch) -> Piece {
        let limits = &self.context.plan.limits;
        let fresh = || WindowWidth::new(limits.window_bytes, limits.window_width_max);
        let width = self.widths.get(&stretch.index).cloned().unwrap_or_else(fresh);
        Piece { pair: pair.clone(), stretch, width }
    }

    /// Writes positions to the journal, if they changed.
    ///
    /// # Errors
    /// [`EngineError::LeaseLost`] when somebody else wrote them.
    pub(super) async fn write(&mut self) -> Result<(), EngineError> {
        self.written_at = Instant::now();
        self.record.shards = self
            .marks
            .iter()
            .map(|(&(position, shard), mark)| {
                (position, shard, mark.covered, mark.settled, mark.compared)
            })
            .collect();
        if self.record == self.kept.record {
            return Ok(());
        }
        let written =
            self.context.journal.replace(&self.key, &self.kept, self.record.clone()).await?;
        match written {
            Write::Kept(kept) => self.kept = kept,
            Write::Conflict => return Err(EngineError::LeaseLost),
        }
        Ok(())
    }

    /// Takes in how far a shard was carried by somebody else than [`Self::carry_all`].
    pub(super) fn note(&mut self, key: ShardKey, last: i64, tally: Tally) {
        self.record.carried.add(tally);
        if let Some(mark) = self.marks.get_mut(&key) {
            mark.covered = mark.covered.max(last);
        }
    }

    /// Counts what a comparison did.
    pub(super) fn count(&mut self, deleted: u64, repaired: u64) {
        self.record.deleted += deleted;
        self.record.repaired += repaired;
    }

    /// The terms that shards had when both sets were compared last.
    pub(super) fn compared_terms(&self) -> &[PairTerms] {
        &self.record.terms
    }

    /// Notes the terms that shards had right before both sets were compared.
    pub(super) fn note_terms(&mut self, terms: Vec<PairTerms>) {
        self.record.terms = terms;
    }

    /// How far every shard was carried over.
    pub(super) fn covered(&self) -> BTreeMap<ShardKey, i64> {
        self.marks.iter().map(|(key, mark)| (*key, mark.covered)).collect()
    }
}

/// Where following begins: where cloning and the rounds of copying ended; nothing of what was copied is compared yet.
async fn first_record(
    context: &StageContext,
    pairs: &BTreeMap<usize, CopyPair>,
) -> Result<PositionRecord, EngineError> {
    let copied = covered(&context.rounds(1).await?);
    let cloned = context.cloned().await?;
    let shards = pairs
        .iter()
        .flat_map(|(position, pair)| {
            pair.source.shards.iter().map(|shard| (*position, shard.shard))
        })
        .map(|key| {
            let equal = cloned.get(&key).copied().unwrap_or(-1);
            (key.0, key.1, copied.get(&key).copied().unwrap_or(equal), equal, equal)
        })
        .collect();
    Ok(PositionRecord { shards, ..PositionRecord::default() })
}

/// Carries stretches over that are read together, and tells each step.
async fn carry_batch(
    context: &StageContext,
    batch: Vec<Piece>,
    steps: &mpsc::Sender<Step>,
) -> Result<(), EngineError> {
    context.check_stop()?;
    let Some(pages) = read_batch(&context.cluster, &batch).await? else {
        for Piece { pair, stretch, width } in batch {
            carry_stretch(context, &pair, stretch, (width, steps)).await?;
        }
        return Ok(());
    };
    let mut steps_done = Vec::with_capacity(batch.len());
    let mut loads = Vec::with_capacity(batch.len());
    for (Piece { pair, stretch, mut width }, page) in batch.into_iter().zip(pages) {
        width.observe(stretch.number_count(), page.len_bytes() as u64);
        let key = (stretch.index, stretch.shard);
        steps_done.push(Step { key, last: stretch.last, tally: Tally::default(), width });
        if !page.is_empty() {
            loads.push((pair, page));
        }
    }
    // They were written together, and so they are counted.
    if let Some(first) = steps_done.first_mut() {
        first.tally = carry_whole(context, loads).await?;
    }
    for step in steps_done {
        tell(steps, step).await?;
    }
    Ok(())
}

/// Carries one stretch over, window by window, and tells each step.
async fn carry_stretch(
    context: &StageContext,
    pair: &CopyPair,
    stretch: Stretch,
    (width, steps): (WindowWidth, &mpsc::Sender<Step>),
) -> Result<(), EngineError> {
    let place = (pair.source.index.as_str(), stretch.shard);
    let range = (stretch.first, stretch.last);
    let mut reader = WindowReader::new(&context.cluster, place, range, width);
    loop {
        context.check_stop()?;
        let Some((page, last)) = reader.next().await? else { return Ok(()) };
        let pages = if page.is_empty() { Vec::new() } else { vec![(pair.clone(), page)] };
        let tally = carry_whole(context, pages).await?;
        let key = (stretch.index, stretch.shard);
        tell(steps, Step { key, last, tally, width: reader.width().clone() }).await?;
    }
}

async fn tell(steps: &mpsc::Sender<Step>, step: Step) -> Result<(), EngineError> {
    // Whoever notes steps ended with an error, which is the one to tell.
    steps.send(step).await.map_err(|_gone| EngineError::Interrupted)
}
