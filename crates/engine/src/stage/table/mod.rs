//! Tables: the documents of some new indices become rows of databases.
//!
//! A table follows *its row index in the new set*, as a numbered log, with the same windows as copying; nothing of the live
//! set is read for it. So the new set is what it is without tables, and a table is one step behind. Its checkpoint stands in
//! the table's own database and moves with the rows. Before the switch every row is read back and compared, and under the
//! fence the table has to be where its index is.

mod follow;

mod settle;

mod compare;

use std::{collections::BTreeMap, time::Instant};

use lockstep_core::{
    plan::model::{Strategy, TargetPlan},
    run::quarantine::RejectedBy,
    table::{Row, RowMaker, Table},
    transform::Workspace,
};
use lockstep_elastic::{Hit, IndexPosition, Page};
use lockstep_tables::{Database, Log, TableError, parents_first};

pub(super) use self::{
    compare::{compare_tables, look_at_tables},
    follow::{Patience, follow_tables},
    settle::settle_tables,
};
use super::{CopyPair, StageContext, prepare::read_set, rejected::RejectedCopy};
use crate::error::EngineError;

/// A table, and the row index that it follows.
#[derive(Debug, Clone)]
pub(super) struct TableLog {
    /// From where the row index gets its documents.
    pub(super) pair: CopyPair,
    maker: RowMaker,
    database: Database,
    log: Log,
    /// How far each shard of the row index is known to be written.
    covered: BTreeMap<u32, i64>,
    /// Shards in which a row waits for another one: where that is, and since when.
    held: BTreeMap<u32, Held>,
    /// Whether its rows refer to each other.
    refers_to_itself: bool,
}

/// Where a shard's checkpoint stays before a row that waits.
#[derive(Debug, Clone, Copy)]
struct Held {
    covered: i64,
    since: Instant,
}

impl TableLog {
    /// The table's name for people.
    fn name(&self) -> String {
        self.maker.table().full_name()
    }

    fn failed(&self, error: TableError) -> EngineError {
        failed(self.maker.table(), error)
    }
}

fn failed(table: &Table, error: TableError) -> EngineError {
    match error {
        // Whoever gave the run up took it away, so this driver is nobody any more.
        TableError::CheckpointGone => EngineError::LeaseLost,
        error => EngineError::Database { database: table.database.clone(), error },
    }
}

/// Every index of the new set that has a table.
fn with_tables(context: &StageContext) -> impl Iterator<Item = (&TargetPlan, &Table)> {
    context.plan.targets().filter_map(|target| Some((target, target.table.as_ref()?)))
}

fn maker(table: &Table) -> Result<RowMaker, EngineError> {
    RowMaker::new(table.clone()).map_err(EngineError::Bug)
}

/// Makes the tables that are not there.
///
/// # Errors
/// [`EngineError`] when a database can't be worked with; what was made is known by it, and found again.
pub(super) async fn make_tables(context: &StageContext) -> Result<(), EngineError> {
    for (_, table) in with_tables(context) {
        context.check_stop()?;
        let database = context.databases.of(table).await?;
        database.make(&context.run, table).await.map_err(|error| failed(table, error))?;
    }
    Ok(())
}

/// Takes away what the run wrote into tables, and the tables that it made.
///
/// # Errors
/// [`EngineError`] when a database can't be worked with.
pub(super) async fn take_tables_away(context: &StageContext) -> Result<(), EngineError> {
    let tables = in_order(context, with_tables(context).collect(), |(_, table)| table).await?;
    // Those that refer to others first.
    for ((_, table), _) in tables.into_iter().rev() {
        let database = context.databases.of(table).await?;
        let taken = database.take_away(&context.run, &maker(table)?).await;
        taken.map_err(|error| failed(table, error))?;
    }
    forget_tables(context).await
}

/// Forgets in every database how far this run got there.
///
/// # Errors
/// [`EngineError`] when a database can't be worked with.
pub(crate) async fn forget_tables(context: &StageContext) -> Result<(), EngineError> {
    let tables: BTreeMap<&String, &Table> =
        with_tables(context).map(|(_, table)| (&table.database, table)).collect();
    for table in tables.into_values() {
        let database = context.databases.of(table).await?;
        database.forget(&context.run).await.map_err(|error| failed(table, error))?;
    }
    Ok(())
}

/// Puts what tables are about in order: each behind those of the same database that its table refers to. With each goes whether
/// rows of its table refer to each other.
async fn in_order<T>(
    context: &StageContext,
    all: Vec<T>,
    table: impl Fn(&T) -> &Table,
) -> Result<Vec<(T, bool)>, EngineError> {
    let mut by_database: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for one in all {
        by_database.entry(table(&one).database.clone()).or_default().push(one);
    }
    let mut ordered = Vec::new();
    for tables in by_database.into_values() {
        let Some(first) = tables.first().map(&table) else { continue };
        let database = context.databases.of(first).await?;
        let references = database.references().await.map_err(|error| failed(first, error))?;
        let tables = parents_first(tables, |one| &table(one).name, &references);
        let refers_to_itself = |one: &T| {
            let name = &table(one).name;
            references.iter().any(|reference| reference.from == *name && reference.to == *name)
        };
        ordered.extend(tables.into_iter().map(|one| {
            let is_so = refers_to_itself(&one);
            (one, is_so)
        }));
    }
    Ok(ordered)
}

/// Takes up the tables of the run where their databases say that they are.
///
/// # Errors
/// [`EngineError`] when a database can't be worked with, or a row index isn't the one that the run made.
pub(super) async fn open_tables(context: &StageContext) -> Result<Vec<TableLog>, EngineError> {
    if with_tables(context).next().is_none() {
        return Ok(Vec::new());
    }
    let set = read_set(context).await?.record;
    let mut tables = Vec::new();
    for pair in context.pairs()? {
        let strategy = context.plan.indices.get(pair.position).map(|index| &index.strategy);
        let Some(Strategy::Copy { target: TargetPlan { table: Some(table), .. }, .. }) = strategy
        else {
            continue;
        };
        let database = context.databases.of(table).await?;
        let index = set.targets.get(&pair.target).cloned().unwrap_or_default();
        let log = Log { run: context.run.clone(), index };
        let mut one = TableLog {
            pair,
            maker: maker(table)?,
            database,
            log,
            covered: BTreeMap::new(),
            held: BTreeMap::new(),
            refers_to_itself: false,
        };
        let position = one.position(context).await?;
        let shards: Vec<u32> = position.shards.iter().map(|shard| shard.number).collect();
        let known = one.database.checkpoints(&one.log, &shards).await;
        one.covered = known.map_err(|error| one.failed(error))?;
        tables.push(one);
    }
    let ordered = in_order(context, tables, |one| one.maker.table()).await?;
    let table = |(one, refers_to_itself)| TableLog { refers_to_itself, ..one };
    Ok(ordered.into_iter().map(table).collect())
}

impl TableLog {
    /// The rows that the documents of a page become, and the documents that no row can be made of.
    fn rows_of(&self, page: &Page) -> (Vec<Row>, Vec<RejectedCopy>) {
        let mut workspace = Workspace::default();
        let (mut rows, mut rejected) = (Vec::with_capacity(page.len()), Vec::new());
        for hit in page.hits() {
            match self.maker.row(&hit.id, hit.source, &mut workspace) {
                Ok(row) => rows.push(row),
                Err(reason) => rejected.push(self.rejected(&hit, reason)),
            }
        }
        (rows, rejected)
    }

    /// A document of the row index that no row can be made of, or whose row the database refuses.
    fn rejected(&self, hit: &Hit<'_>, reason: String) -> RejectedCopy {
        RejectedCopy::of(hit, RejectedBy::Table { table: self.name() }, reason)
    }

    /// Where the row index stands. Everything up to there is visible to searches afterwards.
    async fn position(&self, context: &StageContext) -> Result<IndexPosition, EngineError> {
        context.made_position(&self.pair.target, &self.log.index).await
    }
}
