//! A table as it is in its database, and whether rows fit into it.

use lockstep_core::table::Table;

use crate::{
    database::{Database, Work},
    error::TableError,
    statement::Writing,
};

/// A table that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTable {
    columns: Vec<FoundColumn>,
    /// Names of the columns of its primary key.
    key: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FoundColumn {
    name: String,
    /// The type's name in `information_schema`.
    data_type: String,
    /// Whether a row may be written without it.
    can_be_left_out: bool,
}

/// Why rows don't fit into a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A column of the pack isn't there.
    #[error("it lacks the column `{0}`")]
    Missing(String),
    /// A column has another type.
    #[error("its column `{column}` has the type {found}, which takes no {wanted}")]
    Type {
        /// The column.
        column: String,
        /// The type that it has.
        found: String,
        /// The type that the pack says.
        wanted: String,
    },
    /// A column that the pack doesn't have must be given.
    #[error("its column `{0}` must have a value, and the pack gives none")]
    Demanded(String),
    /// Its primary key is another one.
    #[error("its primary key is ({found}), and the pack says ({wanted})")]
    Key {
        /// The key that it has.
        found: String,
        /// The key that the pack says.
        wanted: String,
    },
}

impl FoundTable {
    /// Everything by which rows of the pack's table don't fit.
    pub fn misfits(&self, table: &Table) -> Vec<Misfit> {
        let dialect = crate::dialect::Dialect(table.kind);
        let mut misfits = Vec::new();
        for column in &table.columns {
            match self.columns.iter().find(|found| found.name == column.name) {
                None => misfits.push(Misfit::Missing(column.name.clone())),
                Some(found) if !dialect.takes(column.kind, &found.data_type) => {
                    misfits.push(Misfit::Type {
                        column: column.name.clone(),
                        found: found.data_type.clone(),
                        wanted: column.kind.to_string(),
                    });
                }
                Some(_) => {}
            }
        }
        let is_given = |name: &str| table.columns.iter().any(|column| column.name == name);
        let demanded = self.columns.iter().filter(|found| !found.can_be_left_out);
        misfits.extend(
            demanded
                .filter(|found| !is_given(&found.name))
                .map(|found| Misfit::Demanded(found.name.clone())),
        );
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        if sorted(&self.key) != sorted(&table.key) {
            let (found, wanted) = (self.key.join(", "), table.key.join(", "));
            misfits.push(Misfit::Key { found, wanted });
        }
        misfits
    }
}

impl Database {
    /// The table with this name; `None` when there is none.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn table(&self, name: &str) -> Result<Option<FoundTable>, TableError> {
        self.repeat(|| async {
            let mut work = self.begin().await?;
            work.table(name).await
        })
        .await
    }
}

impl Work<'_> {
    pub(crate) async fn table(&mut self, name: &str) -> Result<Option<FoundTable>, TableError> {
        let dialect = self.dialect();
        let text = |column: &str| dialect.read(lockstep_core::table::ColumnType::Text, column);
        let generated = match dialect.0 {
            lockstep_core::table::DatabaseKind::Mysql => {
                "extra LIKE '%auto_increment%' OR extra LIKE '%GENERATED%'"
            }
            lockstep_core::table::DatabaseKind::Postgresql => {
                "is_identity = 'YES' OR is_generated = 'ALWAYS'"
            }
        };
        let columns = Writing::new(dialect)
            .words("SELECT ")
            .words(&text("column_name"))
            .words(", ")
            .words(&text("data_type"))
            .words(", CASE WHEN is_nullable = 'YES' OR column_default IS NOT NULL OR ")
            .words(generated)
            .words(
                " THEN 'yes' ELSE 'no' END FROM information_schema.columns WHERE table_schema = ",
            )
            .words(dialect.schema())
            .words(" AND table_name = ")
            .text(name)
            .words(" ORDER BY ordinal_position");
        let mut found = FoundTable { columns: Vec::new(), key: Vec::new() };
        for row in self.fetch(columns.end()).await? {
            if let [Some(name), Some(data_type), Some(can)] = row.as_slice() {
                found.columns.push(FoundColumn {
                    name: name.clone(),
                    data_type: data_type.to_ascii_lowercase(),
                    can_be_left_out: can == "yes",
                });
            }
        }
        if found.columns.is_empty() {
            return Ok(None);
        }
        let key = Writing::new(dialect)
            .words("SELECT ")
            .words(&text("u.column_name"))
            .words(" FROM information_schema.table_constraints c JOIN information_schema.key_column_usage u ON u.constraint_schema = c.constraint_schema AND u.constraint_name = c.constraint_name AND u.table_name = c.table_name WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_schema = ")
            .words(dialect.schema())
            .words(" AND c.table_name = ")
            .text(name)
            .words(" ORDER BY u.ordinal_position");
        let rows = self.fetch(key.end()).await?;
        found.key = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        Ok(Some(found))
    }
}
