//! Compare: every row is read back and held against the document that it was made of. What differs is put right, and then
//! everything is compared once more.

use lockstep_core::{
    run::state::{BadDocument, Problem},
    table::Row,
};
use lockstep_tables::{Applied, Batch};

use super::{
    TableLog,
    rejected::set_aside,
    settle::{Unsettled, settle_tables},
};
use crate::{
    error::{EngineError, TABLES_DIFFER},
    report::{Event as ReportEvent, Unit},
    stage::{
        StageContext,
        follow::Follower,
        meter::Meter,
        problem,
        window::{WindowReader, WindowWidth},
    },
};

/// Comparisons that may find something to put right before somebody is asked.
const COMPARISONS_MAX: u32 = 3;
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
        let unsettled = settle_tables(follower).await?;
        let mut differing = Differing { unsettled, ..Differing::default() };
        for table in &follower.tables {
            compare_table(context, table, &mut differing).await?;
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

/// Rows that were not as they should be.
#[derive(Debug, Default)]
struct Differing {
    count: u64,
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
        if let Some(Unsettled { table, rows, index, documents }) = &self.unsettled {
            parts
                .push(format!("`{table}` has {rows} rows and `{index}` has {documents} documents"));
        }
        parts.join("; ")
    }
}

async fn compare_table(
    context: &StageContext,
    table: &TableLog,
    differing: &mut Differing,
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
            if !rejected.is_empty() {
                set_aside(context, table, rejected).await?;
            }
            put_right(table, (shard, covered), &meant, differing).await?;
            meter.add(last.abs_diff(before), 0);
            before = last;
        }
    }
    meter.finish(&context.reporter);
    Ok(())
}

/// Reads rows back, and writes those anew that are not what was meant.
async fn put_right(
    table: &TableLog,
    (shard, covered): (u32, i64),
    meant: &[Row],
    differing: &mut Differing,
) -> Result<(), EngineError> {
    let ids: Vec<&str> = meant.iter().filter_map(|row| table.maker.id(row)).collect();
    let found =
        table.database.rows(&table.maker, &ids).await.map_err(|error| table.failed(error))?;
    let mut wrong: Vec<Row> = Vec::new();
    for row in meant {
        let id = table.maker.id(row).unwrap_or_default();
        let difference = match found.get(id) {
            Some(found) => table.maker.difference(row, found),
            None => Some("it has no row".to_owned()),
        };
        let Some(reason) = difference else { continue };
        differing.count += 1;
        if differing.documents.len() < ROWS_NAMED {
            let (index, id) = (table.pair.target.clone(), id.to_owned());
            differing.documents.push(BadDocument { index, id, reason });
        }
        wrong.push(row.clone());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let batch =
        Batch { log: &table.log, shard, from: covered, to: covered, rows: &wrong, gone: &[] };
    let applied = table.database.apply(&table.maker, batch).await;
    match applied.map_err(|error| table.failed(error))? {
        // What is elsewhere or refused, the next comparison finds again.
        Applied::Done | Applied::Elsewhere { .. } | Applied::Refused(_) => Ok(()),
    }
}
