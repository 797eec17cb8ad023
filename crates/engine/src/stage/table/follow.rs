//! Follow: what came to a row index since is written into its table, window by window, each with the checkpoint.
//!
//! A row may refer to one that isn't there yet: it comes later in the same log, or by another one. Such a row is left out, and the
//! checkpoint stays before it, so that the next turn meets it again. Only when nothing that it waits for comes is it set aside.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_elastic::Page;
use lockstep_tables::{Applied, Batch, Refused};

use super::{Held, TableLog};
use crate::{
    error::EngineError,
    report::Unit,
    stage::{
        StageContext,
        follow::Follower,
        meter::Meter,
        rejected::set_aside,
        window::{WindowReader, WindowWidth},
    },
};

/// Shards that are written at the same time: a database has a few connections, and others work with it too.
const SHARDS_IN_FLIGHT: usize = 4;
/// How often a checkpoint may be found elsewhere before whoever moves it is left alone.
const ELSEWHERE_MAX: u32 = 20;
/// Passes over fewer numbers are over before anybody could read how far they are.
const NUMBERS_TOLD_MIN: u64 = 5_000;

/// How long rows wait for those that they refer to: what the application writes at the same time is carried over within two passes.
pub(in crate::stage) const REFERENCE_WAIT_MAX: Duration = Duration::from_secs(20);

/// Whether what rows refer to may still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stage) enum Patience {
    /// With a later pass; they are waited for [`REFERENCE_WAIT_MAX`].
    Waiting,
    /// No: everything was carried over.
    Over,
}

/// Writes all tables up to where their row indices are, or to the first row that waits for another one. Gives how many wait.
///
/// # Errors
/// [`EngineError`] when a database or the cluster can't be worked with, or a rejected document can't be set aside.
pub(in crate::stage) async fn follow_tables(
    follower: &mut Follower<'_>,
    patience: Patience,
) -> Result<u64, EngineError> {
    let context = follower.context;
    let mut waiting_before = u64::MAX;
    // Every turn but the last lets fewer rows wait.
    let waiting = loop {
        let mut waiting = 0;
        for table in &mut follower.tables {
            waiting += follow_table(context, table, Patience::Waiting).await?;
        }
        if waiting == 0 || waiting >= waiting_before {
            break waiting;
        }
        waiting_before = waiting;
    };
    let is_over =
        |held: &Held| patience == Patience::Over || held.since.elapsed() >= REFERENCE_WAIT_MAX;
    if !follower.tables.iter().any(|table| table.held.values().any(is_over)) {
        return Ok(waiting);
    }
    // Tables that others refer to come first, so that a row follows the one that it can't be without.
    let mut left = 0;
    for table in &mut follower.tables {
        left += follow_table(context, table, Patience::Over).await?;
    }
    Ok(left)
}

/// One shard, from what is written to where it is.
#[derive(Debug, Clone, Copy)]
struct Way {
    shard: u32,
    from: i64,
    to: i64,
}

/// How far a shard is written, and how many of its rows wait.
struct Reached {
    covered: i64,
    waiting: u64,
}

async fn follow_table(
    context: &StageContext,
    table: &mut TableLog,
    patience: Patience,
) -> Result<u64, EngineError> {
    let position = table.position(context).await?;
    let mut ways = Vec::new();
    for shard in &position.shards {
        let from = table.covered.get(&shard.number).copied().unwrap_or(-1);
        let to = shard.global_checkpoint;
        if from < to {
            ways.push(Way { shard: shard.number, from, to });
        }
    }
    let numbers: u64 = ways.iter().map(|way| way.to.abs_diff(way.from)).sum();
    let meter = (numbers >= NUMBERS_TOLD_MIN)
        .then(|| Meter::start("tables", Unit::Documents, numbers, &context.reporter));
    let (one, meter) = (&*table, meter.as_ref());
    // Two transactions whose rows refer to each other's wait for each other, until the database ends one of them.
    let at_once = if one.refers_to_itself { 1 } else { SHARDS_IN_FLIGHT };
    let written: BTreeMap<u32, Reached> = stream::iter(ways)
        .map(|way| async move {
            let shard = way.shard;
            let reached = follow_shard(context, one, way, (patience, meter)).await;
            reached.map(|reached| (shard, reached))
        })
        .buffer_unordered(at_once)
        .try_collect()
        .await?;
    let waiting = written.values().map(|reached| reached.waiting).sum();
    let now = Instant::now();
    for (shard, Reached { covered, waiting }) in written {
        table.covered.insert(shard, covered);
        let before = table.held.remove(&shard).filter(|held| held.covered == covered);
        if waiting > 0 {
            table.held.insert(shard, before.unwrap_or(Held { covered, since: now }));
        }
    }
    Ok(waiting)
}

/// Gives how far it is written now, which is at least as far as was asked for, or to where a row waits.
async fn follow_shard(
    context: &StageContext,
    table: &TableLog,
    Way { shard, from, to }: Way,
    (patience, meter): (Patience, Option<&Meter>),
) -> Result<Reached, EngineError> {
    let limits = &context.plan.limits;
    let place = (table.pair.target.as_str(), shard);
    let mut covered = from;
    for _ in 0..ELSEWHERE_MAX {
        let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
        let range = (covered.saturating_add(1), to);
        let mut reader = WindowReader::new(&context.cluster, place, range, width);
        let (mut waiting, mut before) = (0, covered);
        loop {
            context.check_stop()?;
            let Some((page, last)) = reader.next().await? else {
                return Ok(Reached { covered, waiting });
            };
            // Behind a row that waits the others are written, and met again.
            let target = if waiting == 0 { last } else { covered };
            match write_page(context, table, (shard, covered, target), (&page, patience)).await? {
                Written::Done { waiting: 0 } => covered = target,
                Written::Done { waiting: more } => waiting += more,
                Written::Elsewhere(elsewhere) => {
                    covered = elsewhere;
                    break;
                }
            }
            if let Some(meter) = meter {
                meter.add(last.abs_diff(before), 0);
            }
            before = last;
        }
        if covered >= to {
            return Ok(Reached { covered, waiting: 0 });
        }
    }
    // Somebody moves it as well: two drivers would go on like that for ever.
    Err(EngineError::LeaseLost)
}

/// What came of a window.
enum Written {
    /// It is written, but for so many rows that wait; with any the checkpoint stays.
    Done { waiting: u64 },
    /// Nothing was: the table isn't where this driver thinks.
    Elsewhere(i64),
}

/// Writes the rows of a window.
async fn write_page(
    context: &StageContext,
    table: &TableLog,
    (shard, from, to): (u32, i64, i64),
    (page, patience): (&Page, Patience),
) -> Result<Written, EngineError> {
    let (mut rows, mut rejected) = table.rows_of(page);
    let mut gone: Vec<String> = Vec::new();
    let mut waiting: BTreeSet<String> = BTreeSet::new();
    // Every turn but the last takes a row out.
    loop {
        if !rejected.is_empty() {
            // Before the checkpoint moves: whoever is killed in between meets them once more.
            gone.extend(rejected.iter().map(|one| one.place.0.clone()));
            set_aside(context, &table.pair, std::mem::take(&mut rejected)).await?;
        }
        rows.retain(|row| {
            table
                .maker
                .id(row)
                .is_some_and(|id| !waiting.contains(id) && !gone.iter().any(|gone| gone == id))
        });
        let to = if waiting.is_empty() { to } else { from };
        let batch = Batch { log: &table.log, shard, from, to, rows: &rows, gone: &gone };
        let applied = table.database.apply(&table.maker, batch).await;
        match applied.map_err(|error| table.failed(error))? {
            Applied::Done => return Ok(Written::Done { waiting: waiting.len() as u64 }),
            Applied::Elsewhere { covered } => return Ok(Written::Elsewhere(covered)),
            Applied::Refused(refused) => {
                let waits = |one: &&Refused| one.refers_to_none && patience == Patience::Waiting;
                let count = waiting.len();
                waiting.extend(refused.iter().filter(waits).map(|one| one.id.clone()));
                let reasons: BTreeMap<&str, String> = refused
                    .iter()
                    .filter(|one| !waits(one))
                    .map(|one| (one.id.as_str(), reason(one)))
                    .collect();
                let hits = page.hits().filter_map(|hit| {
                    let reason = reasons.get(hit.id.as_ref())?;
                    Some(table.rejected(&hit, reason.clone()))
                });
                rejected = hits.collect();
                if rejected.is_empty() && waiting.len() == count {
                    return Err(EngineError::Bug(format!(
                        "`{}` refused a row that was never written",
                        table.name()
                    )));
                }
            }
        }
    }
}

/// Why a row is refused, with what helps where the database doesn't know it.
fn reason(refused: &Refused) -> String {
    if refused.refers_to_none {
        format!(
            "it refers to a row that isn't there, and none came: {}; write the document of that row, or take the reference out of this one",
            refused.reason
        )
    } else {
        refused.reason.clone()
    }
}
