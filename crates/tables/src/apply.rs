//! Apply: a stretch of a log becomes rows, in one transaction that moves the checkpoint with them.
//!
//! What was written is read back in the same transaction and compared with what was meant. A row that the database refuses
//! or keeps otherwise makes the whole of it go back: whoever asked sets that document aside, and asks again without it.
//! When the answer to a commit is lost, the checkpoint tells whether it was done.

use lockstep_core::table::{Row, RowMaker};

use crate::{
    checkpoint::Log,
    database::{Database, Work},
    error::TableError,
    statement::{Statement, Writing},
};

/// Rows of one statement, and what they may hold: databases bound both, and a smaller one is quicker to do again.
const ROWS_AT_ONCE: usize = 200;
const CELLS_AT_ONCE: usize = 20_000;
const BYTES_AT_ONCE: u64 = 1024 * 1024;

/// A stretch of one shard's log.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The log.
    pub log: &'a Log,
    /// The shard.
    pub shard: u32,
    /// Everything up to this number was written before, as its writer thinks.
    pub from: i64,
    /// Everything up to this number is written with it; the same as `from` to write rows anew.
    pub to: i64,
    /// The rows, each of another document.
    pub rows: &'a [Row],
    /// Ids of documents that must have no row.
    pub gone: &'a [String],
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Everything was written, and what is there is what was meant.
    Done,
    /// Nothing was: the log was written up to another number, by somebody else or by an attempt whose answer was lost.
    Elsewhere {
        /// Up to there.
        covered: i64,
    },
    /// Nothing was: these rows can't be.
    Refused(Vec<Refused>),
}

/// A row that can't be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The document's id.
    pub id: String,
    /// Why, in words.
    pub reason: String,
    /// Whether it refers to a row that isn't there: once that one is written, it can be.
    pub refers_to_none: bool,
}

/// What came of deleting the rows of documents that are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// So many were deleted; of those that others refer to, and that are there still, what the database said about one.
    Done {
        /// How many.
        count: u64,
        /// Why some are there still.
        kept: Option<String>,
    },
    /// Nothing was: the log was written up to another number meanwhile.
    Elsewhere,
}

impl Database {
    /// Writes a stretch of a log.
    ///
    /// # Errors
    /// [`TableError`] when the database can't be worked with.
    pub async fn apply(&self, maker: &RowMaker, batch: Batch<'_>) -> Result<Applied, TableError> {
        self.repeat(|| self.apply_once(maker, batch)).await
    }

    async fn apply_once(&self, maker: &RowMaker, batch: Batch<'_>) -> Result<Applied, TableError> {
        let Batch { log, shard, from, to, rows, gone } = batch;
        let mut work = self.begin().await?;
        let covered = work.hold_checkpoint(log, shard).await?;
        if covered != from {
            return Ok(Applied::Elsewhere { covered });
        }
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        // One that others refer to is gone once they are: what is there and shouldn't be is found by numbers.
        work.delete_what_can_go(maker, &gone).await?;
        let mut refused = Vec::new();
        let mut left = rows;
        while !left.is_empty() {
            let (chunk, rest) = left.split_at(chunk_length(left));
            left = rest;
            refused.extend(work.write_chunk(maker, chunk, self.row_bytes_max()).await?);
        }
        if !refused.is_empty() {
            return Ok(Applied::Refused(refused));
        }
        work.move_checkpoint(log, (shard, to)).await?;
        work.commit().await?;
        Ok(Applied::Done)
    }

    /// Deletes the rows of documents that are gone, while the log is written up to these numbers.
    ///
    /// # Errors
    /// [`TableError`] when the database can't be worked with.
    pub async fn delete_gone(
        &self,
        maker: &RowMaker,
        (log, covered): (&Log, &std::collections::BTreeMap<u32, i64>),
        ids: &[&str],
    ) -> Result<Deleted, TableError> {
        self.repeat(|| async {
            let mut work = self.begin().await?;
            if work.hold_checkpoints(log).await? != *covered {
                return Ok(Deleted::Elsewhere);
            }
            let (count, kept) = work.delete_what_can_go(maker, ids).await?;
            work.commit().await?;
            Ok(Deleted::Done { count, kept })
        })
        .await
    }
}

/// How many of these rows go into one statement, at least one.
fn chunk_length(rows: &[Row]) -> usize {
    let (mut cells, mut bytes) = (0, 0);
    let fits = |row: &&Row| {
        cells += row.cells.len();
        bytes += bytes_of(row);
        cells <= CELLS_AT_ONCE && bytes <= BYTES_AT_ONCE
    };
    rows.iter().take(ROWS_AT_ONCE).take_while(fits).count().max(1)
}

fn bytes_of(row: &Row) -> u64 {
    row.cells.iter().flatten().map(|cell| cell.len() as u64).sum()
}

impl Work<'_> {
    /// Writes some rows and reads them back; gives those that can't be written.
    async fn write_chunk(
        &mut self,
        maker: &RowMaker,
        rows: &[Row],
        row_bytes_max: u64,
    ) -> Result<Vec<Refused>, TableError> {
        self.command("SAVEPOINT lockstep_rows").await?;
        if let Ok(true) = self.write_together(maker, rows, row_bytes_max).await? {
            self.command("RELEASE SAVEPOINT lockstep_rows").await?;
            return Ok(Vec::new());
        }
        // One of them is wrong; which one, only each by itself tells. A row may refer to one behind it.
        self.command("ROLLBACK TO SAVEPOINT lockstep_rows").await?;
        let (mut refused, mut left) = (Vec::new(), rows.iter().collect::<Vec<_>>());
        loop {
            let (count, mut waiting) = (left.len(), Vec::new());
            for row in left {
                if let Some(one) = self.try_alone(maker, row, row_bytes_max).await? {
                    if one.refers_to_none {
                        waiting.push((row, one));
                    } else {
                        refused.push(one);
                    }
                }
            }
            if waiting.is_empty() || waiting.len() == count {
                refused.extend(waiting.into_iter().map(|(_, one)| one));
                return Ok(refused);
            }
            // The other way round, as rows mostly refer to those before them or to those behind them.
            left = waiting.into_iter().map(|(row, _)| row).rev().collect();
        }
    }

    /// Writes one row, or leaves everything as it was and tells why.
    async fn try_alone(
        &mut self,
        maker: &RowMaker,
        row: &Row,
        row_bytes_max: u64,
    ) -> Result<Option<Refused>, TableError> {
        self.command("SAVEPOINT lockstep_rows").await?;
        let (reason, refers_to_none) = match self.write_alone(maker, row, row_bytes_max).await {
            Ok(reason) => (reason, false),
            Err(TableError::Row { reason }) => (Some(reason), false),
            Err(TableError::Reference { reason }) => (Some(reason), true),
            Err(error) => return Err(error),
        };
        if reason.is_some() {
            self.command("ROLLBACK TO SAVEPOINT lockstep_rows").await?;
        }
        self.command("RELEASE SAVEPOINT lockstep_rows").await?;
        let id = maker.id(row).unwrap_or_default().to_owned();
        Ok(reason.map(|reason| Refused { id, reason, refers_to_none }))
    }

    /// Deletes rows; those that others refer to stay. Gives how many went, and why one stayed.
    pub(crate) async fn delete_what_can_go(
        &mut self,
        maker: &RowMaker,
        ids: &[&str],
    ) -> Result<(u64, Option<String>), TableError> {
        // Mostly there are none, and then the database is spared two words.
        if ids.is_empty() {
            return Ok((0, None));
        }
        if let Ok(count) = self.try_delete(maker, ids).await? {
            return Ok((count, None));
        }
        let (mut count, mut left, mut kept) = (0, ids.to_vec(), None);
        // Every turn but the last lets fewer stay.
        loop {
            let before = left.len();
            let mut staying = Vec::new();
            for id in left {
                match self.try_delete(maker, &[id]).await? {
                    Ok(one) => count += one,
                    Err(reason) => {
                        staying.push(id);
                        kept = Some(reason);
                    }
                }
            }
            if staying.is_empty() {
                return Ok((count, None));
            }
            if staying.len() == before {
                return Ok((count, kept));
            }
            left = staying;
        }
    }

    /// Deletes all of these rows, or leaves everything as it was and tells which reference forbids it.
    async fn try_delete(
        &mut self,
        maker: &RowMaker,
        ids: &[&str],
    ) -> Result<Result<u64, String>, TableError> {
        self.command("SAVEPOINT lockstep_gone").await?;
        let tried = match self.delete(maker, ids).await {
            Ok(count) => Ok(count),
            Err(TableError::Reference { reason }) => {
                self.command("ROLLBACK TO SAVEPOINT lockstep_gone").await?;
                Err(reason)
            }
            Err(error) => return Err(error),
        };
        self.command("RELEASE SAVEPOINT lockstep_gone").await?;
        Ok(tried)
    }

    /// Writes rows in one statement. Whether all of them are there as they were meant; the inner error refuses one.
    async fn write_together(
        &mut self,
        maker: &RowMaker,
        rows: &[Row],
        row_bytes_max: u64,
    ) -> Result<Result<bool, String>, TableError> {
        if rows.iter().any(|row| bytes_of(row) > row_bytes_max) {
            return Ok(Ok(false));
        }
        match self.execute(upsert(self.dialect(), maker, rows)).await {
            Ok(_count) => {}
            Err(TableError::Row { reason } | TableError::Reference { reason }) => {
                return Ok(Err(reason));
            }
            Err(error) => return Err(error),
        }
        let ids: Vec<&str> = rows.iter().filter_map(|row| maker.id(row)).collect();
        let found = self.rows(maker, &ids).await?;
        let is_there = |row: &Row| {
            let found = maker.id(row).and_then(|id| found.get(id));
            found.is_some_and(|found| maker.difference(row, found).is_none())
        };
        Ok(Ok(rows.iter().all(is_there)))
    }

    /// Writes one row. Why it can't be, where the database doesn't say so by itself.
    async fn write_alone(
        &mut self,
        maker: &RowMaker,
        row: &Row,
        row_bytes_max: u64,
    ) -> Result<Option<String>, TableError> {
        let bytes = bytes_of(row);
        if bytes > row_bytes_max {
            return Ok(Some(format!(
                "the row has {bytes} bytes, and the database takes {row_bytes_max} in one statement"
            )));
        }
        let Some(id) = maker.id(row) else { return Ok(Some("the row has no id".to_owned())) };
        let before = self.rows(maker, &[id]).await?;
        if let Some(other) = before.keys().find(|other| *other != id) {
            return Ok(Some(format!(
                "the database takes its id for the same as `{other}`, which has a row already"
            )));
        }
        // Not both in one: MySQL would change the row that has the same value in another unique column.
        let statement = if before.is_empty() {
            insert(self.dialect(), maker, std::slice::from_ref(row)).end()
        } else {
            update(self.dialect(), maker, row)
        };
        self.execute(statement).await?;
        let found = self.rows(maker, &[id]).await?;
        Ok(match found.get(id) {
            Some(found) => maker.difference(row, found),
            None => Some("the row is not there after it was written".to_owned()),
        })
    }
}

fn insert(dialect: crate::dialect::Dialect, maker: &RowMaker, rows: &[Row]) -> Writing {
    let columns = &maker.table().columns;
    Writing::new(dialect)
        .words("INSERT INTO ")
        .name(&maker.table().name)
        .words(" (")
        .each(columns, ", ", |writing, column| writing.name(&column.name))
        .words(") VALUES ")
        .each(rows, ", ", |writing, row| {
            let cells = columns.iter().zip(&row.cells);
            writing
                .words("(")
                .each(cells, ", ", |writing, (column, cell)| {
                    writing.value(column.kind, cell.as_deref())
                })
                .words(")")
        })
}

/// Inserts rows, or replaces those that are there.
fn upsert(dialect: crate::dialect::Dialect, maker: &RowMaker, rows: &[Row]) -> Statement {
    let table = maker.table();
    let others: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| !table.key.iter().any(|key| key == name))
        .collect();
    let writing = insert(dialect, maker, rows);
    match dialect.0 {
        lockstep_core::table::DatabaseKind::Mysql => {
            // With nothing but a key there is nothing to replace.
            let key: Vec<&str> = table.key.iter().take(1).map(String::as_str).collect();
            let replaced = if others.is_empty() { key } else { others };
            writing.words(" ON DUPLICATE KEY UPDATE ").each(replaced, ", ", |writing, name| {
                writing.name(name).words(" = VALUES(").name(name).words(")")
            })
        }
        lockstep_core::table::DatabaseKind::Postgresql => {
            let writing = writing
                .words(" ON CONFLICT (")
                .each(&table.key, ", ", |writing, name| writing.name(name))
                .words(")");
            if others.is_empty() {
                writing.words(" DO NOTHING")
            } else {
                writing.words(" DO UPDATE SET ").each(others, ", ", |writing, name| {
                    writing.name(name).words(" = EXCLUDED.").name(name)
                })
            }
        }
    }
    .end()
}

fn update(dialect: crate::dialect::Dialect, maker: &RowMaker, row: &Row) -> Statement {
    let table = maker.table();
    let cells = table.columns.iter().zip(&row.cells);
    let id = maker.id(row).unwrap_or_default();
    Writing::new(dialect)
        .words("UPDATE ")
        .name(&table.name)
        .words(" SET ")
        .each(cells, ", ", |writing, (column, cell)| {
            writing.name(&column.name).words(" = ").value(column.kind, cell.as_deref())
        })
        .words(" WHERE ")
        .scope(maker)
        .words(" AND ")
        .name(&maker.id_column().name)
        .words(" = ")
        .text(id)
        .end()
}
