//! What a pack says of a table, and a plan with it.

use serde::{Deserialize, Serialize};

use super::ColumnType;
use crate::transform::operation::{FieldPath, Scalar};

/// What kind of database a table is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseKind {
    /// MySQL or MariaDB.
    Mysql,
    /// PostgreSQL.
    Postgresql,
}

impl DatabaseKind {
    /// The word for it in a pack.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Postgresql => "postgresql",
        }
    }
}

/// A table whose rows are made of an index's documents, one of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The key of its database in pack.yaml.
    pub database: String,
    /// What kind of database that is.
    pub kind: DatabaseKind,
    /// The table's name in the database.
    pub name: String,
    /// Names of the columns of its primary key, in order.
    pub key: Vec<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Where that comes from.
    pub content: Content,
    /// Whether a row without it is rejected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// What is written into a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The document's id.
    Id,
    /// The tenant's name in this release. In a plan it is a [`Content::Value`] already.
    Tenant,
    /// What stands at a path of the document.
    Field(FieldPath),
    /// The same in every row.
    Value(Scalar),
}

impl Table {
    /// Its name for people: the database's key in the pack, a dot, and its own name.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.database, self.name)
    }

    /// The table as it is for one tenant.
    ///
    /// # Panics
    /// Never: a text is a single value.
    #[must_use]
    pub fn for_tenant(&self, tenant: &str) -> Self {
        let mut table = self.clone();
        for column in &mut table.columns {
            if column.content == Content::Tenant {
                let name = serde_json::Value::String(tenant.to_owned());
                column.content =
                    Content::Value(Scalar::try_from(name).expect("a text is a single value"));
            }
        }
        table
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns of the primary key, in its order.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|name| self.column(name))
    }

    /// The columns of the primary key that have the same value in every row of this index: by them its rows are told from
    /// all others. With none, the table is this index's alone.
    pub fn scope(&self) -> impl Iterator<Item = (&Column, &Scalar)> {
        self.key_columns().filter_map(|column| match &column.content {
            Content::Value(value) => Some((column, value)),
            Content::Id | Content::Tenant | Content::Field(_) => None,
        })
    }
}
