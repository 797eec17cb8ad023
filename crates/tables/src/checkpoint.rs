//! How far a numbered log was written into a table: one row for each of its shards, in the same database, moved together
//! with the rows. Whoever writes holds it, so it says where to go on, whoever died.

use std::collections::BTreeMap;

use crate::{
    database::{Database, Work},
    error::TableError,
    statement::Writing,
};

/// Names of the tables that are kept for Lockstep itself.
pub(crate) const CHECKPOINTS: &str = "lockstep_checkpoints";

/// The log of one index, as one run writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Log {
    /// The run.
    pub run: String,
    /// The unique id of the index.
    pub index: String,
}

impl Database {
    /// How far each shard was written: numbers, included; -1 for nothing. Shards that nothing is known of are entered.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn checkpoints(
        &self,
        log: &Log,
        shards: &[u32],
    ) -> Result<BTreeMap<u32, i64>, TableError> {
        self.repeat(|| async {
            let mut work = self.begin().await?;
            let mut known = work.hold_checkpoints(log).await?;
            for shard in shards {
                if !known.contains_key(shard) {
                    work.enter_checkpoint(log, *shard).await?;
                    known.insert(*shard, -1);
                }
            }
            work.commit().await?;
            Ok(known)
        })
        .await
    }
}

impl Work<'_> {
    /// Holds the checkpoints of all shards until the transaction ends, and gives them.
    pub(crate) async fn hold_checkpoints(
        &mut self,
        log: &Log,
    ) -> Result<BTreeMap<u32, i64>, TableError> {
        let dialect = self.dialect();
        let statement = Writing::new(dialect)
            .words("SELECT ")
            .words(&dialect.read(lockstep_core::table::ColumnType::Integer, "shard"))
            .words(", ")
            .words(&dialect.read(lockstep_core::table::ColumnType::Integer, "covered"))
            .words(" FROM ")
            .name(CHECKPOINTS)
            .of_log(log)
            .words(" ORDER BY shard FOR UPDATE");
        let mut known = BTreeMap::new();
        for row in self.fetch(statement.end()).await? {
            let mut numbers =
                row.iter().map(|cell| cell.as_ref().and_then(|text| text.parse::<i64>().ok()));
            let shard = numbers.next().flatten().and_then(|shard| u32::try_from(shard).ok());
            let (Some(shard), Some(covered)) = (shard, numbers.next().flatten()) else {
                let reason = format!("a row of `{CHECKPOINTS}` holds no numbers");
                return Err(TableError::Refused { reason });
            };
            known.insert(shard, covered);
        }
        Ok(known)
    }

    async fn enter_checkpoint(&mut self, log: &Log, shard: u32) -> Result<(), TableError> {
        let statement = Writing::new(self.dialect())
            .words("INSERT INTO ")
            .name(CHECKPOINTS)
            .words(" (run, index_uuid, shard, covered) VALUES (")
            .text(&log.run)
            .words(", ")
            .text(&log.index)
            .words(", ")
            .number(i64::from(shard))
            .words(", ")
            .number(-1)
            .words(")");
        self.execute(statement.end()).await.map(|_one| ())
    }

    /// Holds the checkpoint of one shard until the transaction ends, and gives it.
    pub(crate) async fn hold_checkpoint(
        &mut self,
        log: &Log,
        shard: u32,
    ) -> Result<i64, TableError> {
        let dialect = self.dialect();
        let statement = Writing::new(dialect)
            .words("SELECT ")
            .words(&dialect.read(lockstep_core::table::ColumnType::Integer, "covered"))
            .words(" FROM ")
            .name(CHECKPOINTS)
            .of_log(log)
            .words(" AND shard = ")
            .number(i64::from(shard))
            .words(" FOR UPDATE");
        let rows = self.fetch(statement.end()).await?;
        let cell = rows.first().and_then(|row| row.first()).and_then(Option::as_ref);
        cell.and_then(|text| text.parse().ok()).ok_or(TableError::CheckpointGone)
    }

    /// Moves a checkpoint that is held.
    pub(crate) async fn move_checkpoint(
        &mut self,
        log: &Log,
        (shard, covered): (u32, i64),
    ) -> Result<(), TableError> {
        let statement = Writing::new(self.dialect())
            .words("UPDATE ")
            .name(CHECKPOINTS)
            .words(" SET covered = ")
            .number(covered)
            .of_log(log)
            .words(" AND shard = ")
            .number(i64::from(shard));
        self.execute(statement.end()).await.map(|_one| ())
    }
}

impl Writing {
    /// The condition that checkpoints are those of a log.
    fn of_log(self, log: &Log) -> Self {
        self.words(" WHERE run = ").text(&log.run).words(" AND index_uuid = ").text(&log.index)
    }
}
