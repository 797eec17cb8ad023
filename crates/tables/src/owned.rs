//! What a run made in a database: its tables, and the tables in which Lockstep keeps how far it got. Only that is ever taken
//! away again.

use lockstep_core::table::{ColumnType, RowMaker, Table};

use crate::{
    checkpoint::CHECKPOINTS,
    database::{Database, Work},
    error::TableError,
    statement::Writing,
};

/// Which run made which table.
const TABLES: &str = "lockstep_tables";
/// Rows that one statement deletes where all of them go.
const ROWS_DELETED_AT_ONCE: u32 = 1_000;

impl Database {
    /// Makes a table for a run if it isn't there, and remembers by whom it was made, before it is.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn make(&self, run: &str, table: &Table) -> Result<(), TableError> {
        self.repeat(|| async {
            let mut work = self.begin().await?;
            work.make_bookkeeping().await?;
            let is_known = work.made_by(run, &table.name).await?.is_some();
            let is_there = work.table(&table.name).await?.is_some();
            if !is_known {
                work.note_table(run, &table.name, !is_there).await?;
            }
            // First the word, then the deed: a statement that makes a table ends the transaction in MySQL.
            work.commit().await?;
            if !is_there {
                let mut work = self.begin().await?;
                work.make_table(table).await?;
                work.commit().await?;
            }
            Ok(())
        })
        .await
    }

    /// Takes away the rows that a run wrote, and the table if the run made it and nothing else is in it.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn take_away(&self, run: &str, maker: &RowMaker) -> Result<(), TableError> {
        let name = &maker.table().name;
        self.repeat(|| async {
            let mut work = self.begin().await?;
            if work.table(TABLES).await?.is_none() {
                return Ok(());
            }
            let Some(is_ours) = work.made_by(run, name).await? else { return Ok(()) };
            if work.table(name).await?.is_none() {
                return Ok(());
            }
            drop(work);
            loop {
                let ids = self.ids_after(maker, (None, ROWS_DELETED_AT_ONCE)).await?;
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                if ids.is_empty() {
                    break;
                }
                let mut work = self.begin().await?;
                let (count, kept) = work.delete_what_can_go(maker, &ids).await?;
                if count == 0 {
                    let reason = format!(
                        "rows of `{name}` can't be deleted{}",
                        kept.map(|kept| format!(": {kept}")).unwrap_or_default()
                    );
                    return Err(TableError::Refused { reason });
                }
                work.commit().await?;
            }
            if is_ours {
                let mut work = self.begin().await?;
                if work.is_empty(name).await? {
                    work.execute(
                        Writing::new(self.dialect()).words("DROP TABLE ").name(name).end(),
                    )
                    .await?;
                    work.commit().await?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Forgets a run: how far it got, and what it made.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn forget(&self, run: &str) -> Result<(), TableError> {
        self.repeat(|| async {
            let mut work = self.begin().await?;
            for table in [CHECKPOINTS, TABLES] {
                if work.table(table).await?.is_some() {
                    let statement = Writing::new(self.dialect())
                        .words("DELETE FROM ")
                        .name(table)
                        .words(" WHERE run = ")
                        .text(run);
                    work.execute(statement.end()).await?;
                }
            }
            work.commit().await
        })
        .await
    }
}

impl Work<'_> {
    async fn make_bookkeeping(&mut self) -> Result<(), TableError> {
        for (table, columns) in [
            (
                CHECKPOINTS,
                "run varchar(64) NOT NULL, index_uuid varchar(64) NOT NULL, shard integer NOT NULL, covered bigint NOT NULL, PRIMARY KEY (run, index_uuid, shard)",
            ),
            (
                TABLES,
                "run varchar(64) NOT NULL, name varchar(64) NOT NULL, made integer NOT NULL, PRIMARY KEY (run, name)",
            ),
        ] {
            if self.table(table).await?.is_none() {
                let statement = Writing::new(self.dialect())
                    .words("CREATE TABLE IF NOT EXISTS ")
                    .name(table)
                    .words(" (")
                    .words(columns)
                    .words(")");
                self.execute(statement.end()).await?;
            }
        }
        Ok(())
    }

    /// Whether a run made a table; `None` when it doesn't know it.
    async fn made_by(&mut self, run: &str, name: &str) -> Result<Option<bool>, TableError> {
        let statement = Writing::new(self.dialect())
            .words("SELECT ")
            .words(&self.dialect().read(ColumnType::Integer, "made"))
            .words(" FROM ")
            .name(TABLES)
            .words(" WHERE run = ")
            .text(run)
            .words(" AND name = ")
            .text(name);
        let rows = self.fetch(statement.end()).await?;
        Ok(rows.first().map(|row| row.first().and_then(Option::as_deref) == Some("1")))
    }

    async fn note_table(&mut self, run: &str, name: &str, is_made: bool) -> Result<(), TableError> {
        let statement = Writing::new(self.dialect())
            .words("INSERT INTO ")
            .name(TABLES)
            .words(" (run, name, made) VALUES (")
            .text(run)
            .words(", ")
            .text(name)
            .words(", ")
            .number(i64::from(is_made))
            .words(")");
        self.execute(statement.end()).await.map(|_one| ())
    }

    async fn make_table(&mut self, table: &Table) -> Result<(), TableError> {
        let dialect = self.dialect();
        let statement = Writing::new(dialect)
            .words("CREATE TABLE IF NOT EXISTS ")
            .name(&table.name)
            .words(" (")
            .each(&table.columns, ", ", |writing, column| {
                let is_needed = column.required || table.key.contains(&column.name);
                writing
                    .name(&column.name)
                    .words(" ")
                    .words(&dialect.definition(column.kind))
                    .words(if is_needed { " NOT NULL" } else { " NULL" })
            })
            .words(", PRIMARY KEY (")
            .each(&table.key, ", ", |writing, name| writing.name(name))
            .words("))");
        self.execute(statement.end()).await.map(|_none| ())
    }

    async fn is_empty(&mut self, name: &str) -> Result<bool, TableError> {
        let statement = Writing::new(self.dialect())
            .words("SELECT ")
            .words(&self.dialect().read(ColumnType::Integer, "1"))
            .words(" FROM ")
            .name(name)
            .words(" LIMIT 1");
        Ok(self.fetch(statement.end()).await?.is_empty())
    }
}
