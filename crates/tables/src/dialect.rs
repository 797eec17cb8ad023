//! What MySQL and PostgreSQL say differently: names in quotes, parameters, types, and how a value becomes text and back.

use lockstep_core::table::{ColumnType, DatabaseKind};

/// One of the two ways to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect(pub(crate) DatabaseKind);

impl Dialect {
    /// A name in quotes.
    pub(crate) fn name(self, name: &str) -> String {
        match self.0 {
            DatabaseKind::Mysql => format!("`{}`", name.replace('`', "``")),
            DatabaseKind::Postgresql => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// The parameter with this number, from 1, as a text.
    pub(crate) fn text(self, number: usize) -> String {
        match self.0 {
            DatabaseKind::Mysql => "?".to_owned(),
            DatabaseKind::Postgresql => format!("CAST(${number} AS text)"),
        }
    }

    /// The parameter with this number as a value of a column.
    pub(crate) fn value(self, column_type: ColumnType, number: usize) -> String {
        let text = self.text(number);
        match (self.0, column_type) {
            // A cast would cut: without one, a text that is too long is refused.
            (_, ColumnType::String { .. } | ColumnType::Text)
            | (
                DatabaseKind::Mysql,
                ColumnType::Double | ColumnType::Boolean | ColumnType::Json | ColumnType::Timestamp,
            ) => text,
            (DatabaseKind::Mysql, ColumnType::Integer) => format!("CAST({text} AS SIGNED)"),
            (DatabaseKind::Mysql, ColumnType::Decimal { .. }) => {
                format!("CAST({text} AS DECIMAL(65,30))")
            }
            (DatabaseKind::Postgresql, ColumnType::Integer) => format!("CAST({text} AS bigint)"),
            (DatabaseKind::Postgresql, ColumnType::Double) => {
                format!("CAST({text} AS double precision)")
            }
            (DatabaseKind::Postgresql, ColumnType::Decimal { .. }) => {
                format!("CAST({text} AS numeric)")
            }
            (DatabaseKind::Postgresql, ColumnType::Boolean) => format!("CAST({text} AS boolean)"),
            (DatabaseKind::Postgresql, ColumnType::Json) => format!("CAST({text} AS json)"),
            (DatabaseKind::Postgresql, ColumnType::Timestamp) => {
                format!("CAST({text} AS timestamp)")
            }
        }
    }

    /// A value's text as the parameter of [`Self::value`] takes it.
    pub(crate) fn parameter(self, column_type: ColumnType, text: &str) -> String {
        match (self.0, column_type, text) {
            (DatabaseKind::Mysql, ColumnType::Boolean, "true") => "1".to_owned(),
            (DatabaseKind::Mysql, ColumnType::Boolean, "false") => "0".to_owned(),
            _ => text.to_owned(),
        }
    }

    /// A column's value as text, in the form that it was written from.
    pub(crate) fn read(self, column_type: ColumnType, column: &str) -> String {
        match (self.0, column_type) {
            (DatabaseKind::Mysql, ColumnType::Boolean) => format!(
                "CASE {column} WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE CAST({column} AS CHAR) END"
            ),
            (DatabaseKind::Mysql, ColumnType::Timestamp) => {
                format!("DATE_FORMAT({column}, '%Y-%m-%d %H:%i:%s.%f')")
            }
            (
                DatabaseKind::Mysql,
                ColumnType::String { .. }
                | ColumnType::Text
                | ColumnType::Integer
                | ColumnType::Double
                | ColumnType::Decimal { .. }
                | ColumnType::Json,
            ) => format!("CAST({column} AS CHAR CHARACTER SET utf8mb4)"),
            (DatabaseKind::Postgresql, ColumnType::Timestamp) => {
                format!("to_char({column}, 'YYYY-MM-DD HH24:MI:SS.US')")
            }
            (
                DatabaseKind::Postgresql,
                ColumnType::String { .. }
                | ColumnType::Text
                | ColumnType::Integer
                | ColumnType::Double
                | ColumnType::Decimal { .. }
                | ColumnType::Boolean
                | ColumnType::Json,
            ) => format!("CAST({column} AS text)"),
        }
    }

    /// The type of a column that is made.
    pub(crate) fn definition(self, column_type: ColumnType) -> String {
        // Ids that differ in capital letters or accents only are different rows.
        const BINARY: &str = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
        match (self.0, column_type) {
            (DatabaseKind::Mysql, ColumnType::String { length }) => {
                format!("varchar({length}) {BINARY}")
            }
            (DatabaseKind::Mysql, ColumnType::Text) => format!("longtext {BINARY}"),
            (DatabaseKind::Mysql, ColumnType::Double) => "double".to_owned(),
            (DatabaseKind::Mysql, ColumnType::Boolean) => "tinyint(1)".to_owned(),
            (DatabaseKind::Mysql, ColumnType::Json) => "json".to_owned(),
            (DatabaseKind::Mysql, ColumnType::Timestamp) => "datetime(6)".to_owned(),
            (_, ColumnType::Integer) => "bigint".to_owned(),
            (_, ColumnType::Decimal { precision, scale }) => {
                format!("decimal({precision},{scale})")
            }
            (DatabaseKind::Postgresql, ColumnType::String { length }) => {
                format!("varchar({length})")
            }
            (DatabaseKind::Postgresql, ColumnType::Text) => "text".to_owned(),
            (DatabaseKind::Postgresql, ColumnType::Double) => "double precision".to_owned(),
            (DatabaseKind::Postgresql, ColumnType::Boolean) => "boolean".to_owned(),
            (DatabaseKind::Postgresql, ColumnType::Json) => "jsonb".to_owned(),
            (DatabaseKind::Postgresql, ColumnType::Timestamp) => {
                "timestamp(6) with time zone".to_owned()
            }
        }
    }

    /// Whether values of a type fit into a column that is there, by the type's name in `information_schema`.
    pub(crate) fn takes(self, column_type: ColumnType, found: &str) -> bool {
        let known: &[&str] = match (self.0, column_type) {
            (DatabaseKind::Mysql, ColumnType::String { .. } | ColumnType::Text) => {
                &["varchar", "char", "tinytext", "text", "mediumtext", "longtext"]
            }
            (DatabaseKind::Mysql, ColumnType::Integer) => {
                &["bigint", "int", "mediumint", "smallint", "tinyint"]
            }
            (DatabaseKind::Mysql, ColumnType::Double) => &["double"],
            (DatabaseKind::Mysql, ColumnType::Decimal { .. }) => &["decimal"],
            (DatabaseKind::Mysql, ColumnType::Boolean) => &["tinyint"],
            // In MariaDB the type json is a longtext that checks what it holds.
            (DatabaseKind::Mysql, ColumnType::Json) => &["json", "longtext"],
            (DatabaseKind::Mysql, ColumnType::Timestamp) => &["datetime", "timestamp"],
            (DatabaseKind::Postgresql, ColumnType::String { .. } | ColumnType::Text) => {
                &["character varying", "text", "character"]
            }
            (DatabaseKind::Postgresql, ColumnType::Integer) => &["bigint", "integer", "smallint"],
            (DatabaseKind::Postgresql, ColumnType::Double) => &["double precision"],
            (DatabaseKind::Postgresql, ColumnType::Decimal { .. }) => &["numeric"],
            (DatabaseKind::Postgresql, ColumnType::Boolean) => &["boolean"],
            (DatabaseKind::Postgresql, ColumnType::Json) => &["json", "jsonb"],
            (DatabaseKind::Postgresql, ColumnType::Timestamp) => {
                &["timestamp without time zone", "timestamp with time zone"]
            }
        };
        known.contains(&found)
    }

    /// Whether a statement is kept for the next time. MySQL answers nothing when one is let go, and so what follows waits 40 ms for
    /// the machine's word that it arrived. PostgreSQL would go on with a kept one when a column has another type now, and fail.
    pub(crate) fn keeps_statements(self) -> bool {
        match self.0 {
            DatabaseKind::Mysql => true,
            DatabaseKind::Postgresql => false,
        }
    }

    /// The schema that tables without one are in, as an expression.
    pub(crate) fn schema(self) -> &'static str {
        match self.0 {
            DatabaseKind::Mysql => "DATABASE()",
            DatabaseKind::Postgresql => "current_schema()",
        }
    }

    /// What every connection is told first. Locks and statements are waited for so long and no longer.
    pub(crate) fn session(self) -> &'static [&'static str] {
        match self.0 {
            DatabaseKind::Mysql => &[
                "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
                "SET SESSION time_zone = '+00:00'",
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                "SET SESSION innodb_lock_wait_timeout = 10",
                "SET SESSION lock_wait_timeout = 10",
            ],
            DatabaseKind::Postgresql => &[
                "SET SESSION TIME ZONE 'UTC'",
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
                "SET extra_float_digits = 1",
                "SET lock_timeout = '10s'",
                "SET statement_timeout = '60s'",
                "SET idle_in_transaction_session_timeout = '60s'",
            ],
        }
    }
}
