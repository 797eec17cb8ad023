//! Follow: what came to a row index since is written into its table, window by window, each with the checkpoint.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_elastic::Page;
use lockstep_tables::{Applied, Batch};

use super::TableLog;
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

/// Writes all tables up to where their row indices are.
///
/// # Errors
/// [`EngineError`] when a database or the cluster can't be worked with, or a rejected document can't be set aside.
pub(in crate::stage) async fn follow_tables(
    follower: &mut Follower<'_>,
) -> Result<(), EngineError> {
    let context = follower.context;
    for table in &mut follower.tables {
        follow_table(context, table).await?;
    }
    Ok(())
}

/// One shard, from what is written to where it is.
struct Way {
    shard: u32,
    from: i64,
    to: i64,
}

async fn follow_table(context: &StageContext, table: &mut TableLog) -> Result<(), EngineError> {
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
    let written: BTreeMap<u32, i64> = stream::iter(ways)
        .map(|way| async move {
            let shard = way.shard;
            follow_shard(context, one, way, meter).await.map(|covered| (shard, covered))
        })
        .buffer_unordered(SHARDS_IN_FLIGHT)
        .try_collect()
        .await?;
    table.covered.extend(written);
    Ok(())
}

/// Gives how far it is written now, which is at least as far as was asked for.
async fn follow_shard(
    context: &StageContext,
    table: &TableLog,
    Way { shard, from, to }: Way,
    meter: Option<&Meter>,
) -> Result<i64, EngineError> {
    let limits = &context.plan.limits;
    let place = (table.pair.target.as_str(), shard);
    let mut covered = from;
    for _ in 0..ELSEWHERE_MAX {
        let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
        let range = (covered.saturating_add(1), to);
        let mut reader = WindowReader::new(&context.cluster, place, range, width);
        loop {
            context.check_stop()?;
            let Some((page, last)) = reader.next().await? else { return Ok(covered) };
            match write_page(context, table, (shard, covered, last), &page).await? {
                None => {
                    if let Some(meter) = meter {
                        meter.add(last.abs_diff(covered), 0);
                    }
                    covered = last;
                }
                Some(elsewhere) => {
                    covered = elsewhere;
                    break;
                }
            }
        }
        if covered >= to {
            return Ok(covered);
        }
    }
    // Somebody moves it as well: two drivers would go on like that for ever.
    Err(EngineError::LeaseLost)
}

/// Writes the rows of a window. Gives where the table is when it isn't where this driver thinks.
async fn write_page(
    context: &StageContext,
    table: &TableLog,
    (shard, from, to): (u32, i64, i64),
    page: &Page,
) -> Result<Option<i64>, EngineError> {
    let (mut rows, mut rejected) = table.rows_of(page);
    let mut gone: Vec<String> = Vec::new();
    // Every turn but the last takes a row out.
    loop {
        if !rejected.is_empty() {
            // Before the checkpoint moves: whoever is killed in between meets them once more.
            gone.extend(rejected.iter().map(|one| one.place.0.clone()));
            set_aside(context, &table.pair, std::mem::take(&mut rejected)).await?;
            rows.retain(|row| {
                table.maker.id(row).is_some_and(|id| !gone.iter().any(|gone| gone == id))
            });
        }
        let batch = Batch { log: &table.log, shard, from, to, rows: &rows, gone: &gone };
        let applied = table.database.apply(&table.maker, batch).await;
        match applied.map_err(|error| table.failed(error))? {
            Applied::Done => return Ok(None),
            Applied::Elsewhere { covered } => return Ok(Some(covered)),
            Applied::Refused(refused) => {
                let reasons: BTreeMap<&str, &str> =
                    refused.iter().map(|one| (one.id.as_str(), one.reason.as_str())).collect();
                let hits = page.hits().filter_map(|hit| {
                    let reason = reasons.get(hit.id.as_ref())?;
                    Some(table.rejected(&hit, (*reason).to_owned()))
                });
                rejected = hits.collect();
                if rejected.is_empty() {
                    return Err(EngineError::Bug(format!(
                        "`{}` refused a row that was never written",
                        table.name()
                    )));
                }
            }
        }
    }
}
