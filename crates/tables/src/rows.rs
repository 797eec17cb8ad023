//! Rows of one index in its table: read back, counted, listed, deleted. Rows outside of its scope are never looked at.

use std::collections::BTreeMap;

use lockstep_core::table::{ColumnType, Row, RowMaker};

use crate::{
    database::{Database, Work},
    error::TableError,
    statement::Writing,
};

/// Ids in one statement.
const IDS_AT_ONCE: usize = 500;

impl Database {
    /// The rows of documents with these ids, by id.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn rows(
        &self,
        maker: &RowMaker,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Row>, TableError> {
        self.repeat(|| async {
            let mut work = self.begin().await?;
            work.rows(maker, ids).await
        })
        .await
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn row_count(&self, maker: &RowMaker) -> Result<u64, TableError> {
        self.repeat(|| async {
            let mut work = self.begin().await?;
            let statement = Writing::new(self.dialect())
                .words("SELECT ")
                .words(&self.dialect().read(ColumnType::Integer, "count(*)"))
                .words(" FROM ")
                .name(&maker.table().name)
                .words(" WHERE ")
                .scope(maker);
            let rows = work.fetch(statement.end()).await?;
            let cell = rows.first().and_then(|row| row.first()).and_then(Option::as_ref);
            cell.and_then(|text| text.parse().ok())
                .ok_or_else(|| TableError::Refused { reason: "a count is no number".to_owned() })
        })
        .await
    }

    /// Ids of rows behind one, in the database's order, so many at the most.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn ids_after(
        &self,
        maker: &RowMaker,
        (after, limit): (Option<&str>, u32),
    ) -> Result<Vec<String>, TableError> {
        let id = maker.id_column();
        self.repeat(|| async {
            let mut work = self.begin().await?;
            let mut writing = Writing::new(self.dialect())
                .words("SELECT ")
                .words(&self.dialect().read(id.kind, &self.dialect().name(&id.name)))
                .words(" FROM ")
                .name(&maker.table().name)
                .words(" WHERE ")
                .scope(maker);
            if let Some(after) = after {
                writing = writing.words(" AND ").name(&id.name).words(" > ").text(after);
            }
            let statement =
                writing.words(" ORDER BY ").name(&id.name).words(&format!(" LIMIT {limit}"));
            let rows = work.fetch(statement.end()).await?;
            Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
        })
        .await
    }
}

impl Work<'_> {
    /// The rows of documents with these ids, as this transaction sees them. Where the database takes two ids for the same,
    /// the id that is stored tells.
    pub(crate) async fn rows(
        &mut self,
        maker: &RowMaker,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Row>, TableError> {
        let mut found = BTreeMap::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let statement = Writing::new(self.dialect())
                .words("SELECT ")
                .columns_read(maker)
                .words(" FROM ")
                .name(&maker.table().name)
                .words(" WHERE ")
                .scope(maker)
                .words(" AND ");
            for cells in self.fetch(with_ids(statement, maker, ids).end()).await? {
                let row = Row { cells };
                if let Some(id) = maker.id(&row) {
                    found.insert(id.to_owned(), row);
                }
            }
        }
        Ok(found)
    }

    /// Deletes the rows of documents with these ids; how many there were.
    pub(crate) async fn delete(
        &mut self,
        maker: &RowMaker,
        ids: &[&str],
    ) -> Result<u64, TableError> {
        let mut deleted = 0;
        for ids in ids.chunks(IDS_AT_ONCE) {
            // By the ids that are stored: a database may take another id for the same.
            let there: Vec<String> = self.rows(maker, ids).await?.into_keys().collect();
            let exact: Vec<&str> =
                ids.iter().copied().filter(|id| there.iter().any(|there| there == id)).collect();
            if exact.is_empty() {
                continue;
            }
            let statement = Writing::new(self.dialect())
                .words("DELETE FROM ")
                .name(&maker.table().name)
                .words(" WHERE ")
                .scope(maker)
                .words(" AND ");
            deleted += self.execute(with_ids(statement, maker, &exact).end()).await?;
        }
        Ok(deleted)
    }
}

/// The condition that a row's id is one of these.
fn with_ids(writing: Writing, maker: &RowMaker, ids: &[&str]) -> Writing {
    writing
        .name(&maker.id_column().name)
        .words(" IN (")
        .each(ids, ", ", |writing, id| writing.text(id))
        .words(")")
}
