//! Which tables refer to which: rows of a table that others refer to are written first, and deleted last.

use std::collections::BTreeSet;

use lockstep_core::table::{ColumnType, DatabaseKind};

use crate::{
    database::{Database, Work},
    error::TableError,
    statement::Writing,
};

/// A foreign key, as far as the order of tables goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The table with the key.
    pub from: String,
    /// The table that it refers to; the same one where its rows refer to each other.
    pub to: String,
}

impl Database {
    /// All foreign keys between tables of the database, each pair of tables once.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn references(&self) -> Result<BTreeSet<Reference>, TableError> {
        self.repeat(|| async {
            let mut work = self.begin().await?;
            work.references().await
        })
        .await
    }
}

impl Work<'_> {
    async fn references(&mut self) -> Result<BTreeSet<Reference>, TableError> {
        let dialect = self.dialect();
        let text = |column: &str| dialect.read(ColumnType::Text, column);
        let writing = Writing::new(dialect).words("SELECT ");
        let statement = match dialect.0 {
            DatabaseKind::Mysql => writing
                .words(&text("table_name"))
                .words(", ")
                .words(&text("referenced_table_name"))
                .words(" FROM information_schema.referential_constraints WHERE constraint_schema = ")
                .words(dialect.schema())
                .words(" AND unique_constraint_schema = constraint_schema"),
            // What `information_schema` says there is for the owners of tables only.
            DatabaseKind::Postgresql => writing
                .words(&text("a.relname"))
                .words(", ")
                .words(&text("b.relname"))
                .words(" FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid JOIN pg_namespace n ON n.oid = a.relnamespace AND n.oid = b.relnamespace WHERE c.contype = 'f' AND n.nspname = ")
                .words(dialect.schema()),
        };
        let rows = self.fetch(statement.end()).await?;
        let reference = |row: Vec<Option<String>>| match <[_; 2]>::try_from(row) {
            Ok([Some(from), Some(to)]) => Some(Reference { from, to }),
            Ok(_) | Err(_) => None,
        };
        Ok(rows.into_iter().filter_map(reference).collect())
    }
}

/// Puts tables in an order in which each stands behind those that it refers to. Among equals the order stays; of tables that
/// refer to each other in a circle the first one stands first.
pub fn parents_first<T>(
    tables: Vec<T>,
    name: impl Fn(&T) -> &str,
    references: &BTreeSet<Reference>,
) -> Vec<T> {
    let (mut ordered, mut left) = (Vec::with_capacity(tables.len()), tables);
    while !left.is_empty() {
        let waits = |one: &T| {
            let own = name(one);
            let is_left = |table: &str| left.iter().any(|other| name(other) == table);
            references.iter().any(|Reference { from, to }| from == own && to != own && is_left(to))
        };
        let next = left.iter().position(|one| !waits(one)).unwrap_or_default();
        ordered.push(left.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_refer_to_stands_first() {
        let references = |pairs: &[(&str, &str)]| {
            let reference =
                |(from, to): &(&str, &str)| Reference { from: (*from).into(), to: (*to).into() };
            pairs.iter().map(reference).collect::<BTreeSet<_>>()
        };
        for (tables, pairs, expected) in [
            ("a b c", &[][..], "a b c"),
            ("line order person", &[("line", "order"), ("order", "person")], "person order line"),
            ("a b b c", &[("b", "c")], "a c b b"),
            ("a b", &[("a", "a"), ("b", "b")], "a b"),
            ("c a b", &[("a", "b"), ("b", "a"), ("c", "a")], "c a b"),
            ("a b", &[("a", "elsewhere"), ("elsewhere", "b")], "a b"),
        ] {
            let tables: Vec<&str> = tables.split(' ').collect();
            let ordered = parents_first(tables, |one| *one, &references(pairs));
            assert_eq!(ordered.join(" "), expected, "{pairs:?}");
        }
    }
}
