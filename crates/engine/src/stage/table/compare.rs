//! Compare: every row is read back and held against the document that it was made of. What differs is put right, and then
//! everything is compared once more.

use std::time::{Duration, Instant};

use lockstep_core::{
    run::state::{BadDocument, Problem},
    table::Row,
};
use lockstep_tables::{Applied, Batch};
use tokio::time;

use super::{
    TableLog,
    follow::{Patience, REFERENCE_WAIT_MAX, follow_tables},
    open_tables,
    settle::{Unsettled, count, settle_tables},
};
use crate::{
    error::{EngineError, TABLES_DIFFER},
    report::{Event as ReportEvent, Unit},
    stage::{
        StageContext,
        compare::Verdict,
        follow::Follower,
        meter::Meter,
        problem,
        rejected::set_aside,
        window::{WindowReader, WindowWidth},
    },
};

/// Comparisons that may find something to put right before somebody is asked.
const COMPARISONS_MAX: u32 = 3;
/// Time between two passes while rows wait for those that they refer to.
const REFERENCE_LOOK_TIME: Duration = Duration::from_millis(500);
/// Passes in which nothing comes, after which nothing is waited for any more.
const PASSES_WITHOUT_MAX: u32 = 2;
/// Rows that are named when a table differs.
const ROWS_NAMED: usize = 20;

/// Brings all tables in step and compares them, until a comparison finds nothing. Gives a problem when that doesn't come
/// about.
///
/// # Errors
/// [`EngineError`] when a database or the cluster can't be worked with.
pub(in crate::stage) async fn compare_tables(
    follower: &mut Follower<'_>,
) -> Result<Option<Problem>, EngineError> {
    if follower.tables.is_empty() {
        return Ok(None);
    }
    let context = follower.context;
    let mut last = Differing::default();
    for _ in 0..COMPARISONS_MAX {
        wait_for_references(follower).await?;
        let unsettled = settle_tables(follower, Patience::Waiting).await?;
        let mut differing = Differing { unsettled, ..Differing::default() };
        for table in &follower.tables {
            compare_table(context, table, (Hand::Write, &mut differing)).await?;
        }
        if differing.count == 0 && differing.unsettled.is_none() {
            return Ok(None);
        }
        context.reporter.report(ReportEvent::Notice {
            message: format!("{}; comparing once more", differing.told()),
        });
        last = differing;
    }
    Ok(Some(Problem {
        document_count: last.count,
        documents: last.documents.clone(),
        ..problem(
            TABLES_DIFFER,
            format!(
                "tables differ again after they were put right {COMPARISONS_MAX} times: {}",
                last.told()
            ),
            "look whether somebody else writes into the table, or a trigger changes what is written; then run the same command again",
        )
    }))
}

/// Carries over until no row waits for one that it refers to. What waits in vain is set aside: once nothing comes any more, or
/// after a while.
async fn wait_for_references(follower: &mut Follower<'_>) -> Result<(), EngineError> {
    let (begun, mut passes_without) = (Instant::now(), 0);
    while follow_tables(follower, Patience::Waiting).await? > 0 {
        if passes_without >= PASSES_WITHOUT_MAX || begun.elapsed() >= REFERENCE_WAIT_MAX {
            follow_tables(follower, Patience::Over).await?;
            break;
        }
        follower.context.check_stop()?;
        time::sleep(REFERENCE_LOOK_TIME).await;
        passes_without = if follower.pass().await?.numbers == 0 { passes_without + 1 } else { 0 };
    }
    Ok(())
}

/// Compares all tables with their row indices, as far as they were followed, and changes nothing.
///
/// # Errors
/// [`EngineError`] when a database or the cluster can't be worked with.
pub(in crate::stage) async fn look_at_tables(
    context: &StageContext,
) -> Result<Verdict, EngineError> {
    let tables = open_tables(context).await?;
    let mut all = Verdict::default();
    for table in &tables {
        let mut differing = Differing::default();
        compare_table(context, table, (Hand::Look, &mut differing)).await?;
        let Differing { count: wrong, missing, documents, .. } = differing;
        let mut verdict = Verdict { documents, ..Verdict::default() };
        verdict.difference.missing_count = missing;
        verdict.difference.differing_count = wrong - missing;
        for (_, Unsettled { rows, documents, .. }) in count(context, vec![table]).await? {
            verdict.difference.extra_count = (rows + missing).saturating_sub(documents);
        }
        all.merge(verdict);
    }
    Ok(all)
}

/// Whether rows that aren't right are written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Look,
    Write,
}

/// Rows that were not as they should be.
#[derive(Debug, Default)]
struct Differing {
    count: u64,
    /// Those of them that were not there.
    missing: u64,
    documents: Vec<BadDocument>,
    unsettled: Option<Unsettled>,
}

impl Differing {
    fn told(&self) -> String {
        let mut parts = Vec::new();
        if let Some(first) = self.documents.first() {
            parts.push(format!(
                "{} rows were not what their documents say and were written anew, such as that of `{}` in `{}`: {}",
                self.count, first.id, first.index, first.reason
            ));
        }
        parts.extend(self.unsettled.as_ref().map(Unsettled::told));
        parts.join("; ")
    }
}

async fn compare_table(
    context: &StageContext,
    table: &TableLog,
    (hand, differing): (Hand, &mut Differing),
) -> Result<(), EngineError> {
    let limits = &context.plan.limits;
    let numbers =
        table.covered.values().map(|covered| u64::try_from(*covered + 1).unwrap_or_default());
    let meter = Meter::start("comparing rows", Unit::Documents, numbers.sum(), &context.reporter);
    for (&shard, &covered) in &table.covered {
        let place = (table.pair.target.as_str(), shard);
        let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
        let mut reader = WindowReader::new(&context.cluster, place, (0, covered), width);
        let mut before = -1;
        while let Some((page, last)) = reader.next().await? {
            context.check_stop()?;
            let (meant, rejected) = table.rows_of(&page);
            if !rejected.is_empty() && hand == Hand::Write {
                set_aside(context, &table.pair, rejected).await?;
            }
            let wrong = wrong_rows(table, &meant, differing).await?;
            if hand == Hand::Write && !wrong.is_empty() {
                put_right(table, (shard, covered), &wrong).await?;
            }
            meter.add(last.abs_diff(before), 0);
            before = last;
        }
    }
    meter.finish(&context.reporter);
    Ok(())
}

/// Reads rows back, and gives those that are not what was meant.
async fn wrong_rows(
    table: &TableLog,
    meant: &[Row],
    differing: &mut Differing,
) -> Result<Vec<Row>, EngineError> {
    let ids: Vec<&str> = meant.iter().filter_map(|row| table.maker.id(row)).collect();
    let found =
        table.database.rows(&table.maker, &ids).await.map_err(|error| table.failed(error))?;
    let mut wrong: Vec<Row> = Vec::new();
    for row in meant {
        let id = table.maker.id(row).unwrap_or_default();
        let difference = if let Some(found) = found.get(id) {
            table.maker.difference(row, found)
        } else {
            differing.missing += 1;
            Some("it has no row".to_owned())
        };
        let Some(reason) = difference else { continue };
        differing.count += 1;
        if differing.documents.len() < ROWS_NAMED {
            let (index, id) = (table.pair.target.clone(), id.to_owned());
            differing.documents.push(BadDocument { index, id, reason });
        }
        wrong.push(row.clone());
    }
    Ok(wrong)
}

/// Writes rows anew.
async fn put_right(
    table: &TableLog,
    (shard, covered): (u32, i64),
    wrong: &[Row],
) -> Result<(), EngineError> {
    let batch =
        Batch { log: &table.log, shard, from: covered, to: covered, rows: wrong, gone: &[] };
    let applied = table.database.apply(&table.maker, batch).await;
    match applied.map_err(|error| table.failed(error))? {
        // What is elsewhere or refused, the next comparison finds again.
        Applied::Done | Applied::Elsewhere { .. } | Applied::Refused(_) => Ok(()),
    }
}
