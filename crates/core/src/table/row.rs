//! A document's row: what its fields become, column by column, and whether a row that was read back is that one.

use super::{Column, Content, Table, value};
use crate::transform::Workspace;

/// A row in the order of its table's columns; `None` is SQL's NULL. The texts are in the form of [`super::ColumnType`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// One cell for each column.
    pub cells: Vec<Option<String>>,
}

/// Makes rows of one table.
#[derive(Debug, Clone)]
pub struct RowMaker {
    table: Table,
    /// Cells that are the same in every row.
    constants: Vec<Option<String>>,
}

impl RowMaker {
    /// For a table of a plan, in which the tenant's name is filled in.
    ///
    /// # Errors
    /// In words, when a value of the table doesn't fit its column; the check of a pack finds that.
    pub fn new(table: Table) -> Result<Self, String> {
        if !table.key_columns().any(|column| column.content == Content::Id) {
            return Err("the key holds no column for the document's id".to_owned());
        }
        let constants = table.columns.iter().map(constant).collect::<Result<_, _>>()?;
        Ok(Self { table, constants })
    }

    /// The column of the key that holds the document's id. All other columns of the key are the same in every row, so by it
    /// a row is known.
    ///
    /// # Panics
    /// Never: a row maker has one.
    pub fn id_column(&self) -> &Column {
        self.table
            .key_columns()
            .find(|column| column.content == Content::Id)
            .expect("it was looked for at the beginning")
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The columns by which this index's rows are told from all others, each with its value.
    pub fn scope(&self) -> Vec<(&Column, &str)> {
        let columns = self.table.columns.iter().zip(&self.constants);
        columns
            .filter(|(column, _)| self.table.key.contains(&column.name))
            .filter_map(|(column, constant)| Some((column, constant.as_deref()?)))
            .collect()
    }

    /// The row of a document.
    ///
    /// # Errors
    /// In words, when a field doesn't fit its column, or one that is required is missing.
    pub fn row(&self, id: &str, source: &[u8], workspace: &mut Workspace) -> Result<Row, String> {
        workspace.read_document(source)?;
        let mut cells = Vec::with_capacity(self.constants.len());
        for (column, constant) in self.table.columns.iter().zip(&self.constants) {
            let cell = match &column.content {
                Content::Id => Some(id.to_owned()),
                Content::Tenant | Content::Value(_) => constant.clone(),
                Content::Field(path) => {
                    let json = workspace.value_at(path.as_str())?.filter(|json| json != "null");
                    let text = json.map(|json| value::text_of(column.kind, &json)).transpose();
                    text.map_err(|reason| format!("the field `{path}` {reason}"))?
                }
            };
            if cell.is_none() && column.required {
                return Err(format!(
                    "the column `{}` is required, and its field is missing",
                    column.name
                ));
            }
            cells.push(cell);
        }
        Ok(Row { cells })
    }

    /// How a row that was read back differs from the one that was meant; `None` when it is the same.
    pub fn difference(&self, meant: &Row, found: &Row) -> Option<String> {
        let pairs = meant.cells.iter().zip(&found.cells);
        let mut columns = self.table.columns.iter().zip(pairs);
        let is_same = |column: &Column, (meant, found): (&Option<String>, &Option<String>)| match (
            meant, found,
        ) {
            (None, None) => true,
            (Some(meant), Some(found)) => value::is_same(column.kind, meant, found),
            (Some(_), None) | (None, Some(_)) => false,
        };
        let shown = |cell: &Option<String>| match cell {
            Some(text) => format!("`{}`", value::shortened(text)),
            None => "NULL".to_owned(),
        };
        let (column, (meant, found)) = columns.find(|(column, pair)| !is_same(column, *pair))?;
        Some(format!(
            "the column `{}` keeps {} where {} was meant",
            column.name,
            shown(found),
            shown(meant)
        ))
    }

    /// The text of the document's id in a row of this table.
    pub fn id<'a>(&self, row: &'a Row) -> Option<&'a str> {
        let mut cells = self.table.columns.iter().zip(&row.cells);
        let (_, cell) = cells.find(|(column, _)| column.content == Content::Id)?;
        cell.as_deref()
    }
}

/// The cell of a column that is the same in every row.
fn constant(column: &Column) -> Result<Option<String>, String> {
    let Content::Value(written) = &column.content else { return Ok(None) };
    if written.is_null() {
        return Ok(None);
    }
    value::text_of(column.kind, &written.value().to_string()).map(Some)
}

/// Why a value can't be that of a column in every row; `None` when it can.
pub(crate) fn fault_of_constant(column: &Column) -> Option<String> {
    constant(column).err()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn maker() -> RowMaker {
        let table = json!({
            "database": "main", "kind": "mysql", "name": "t", "key": ["id", "tenant"],
            "columns": [
                {"name": "id", "type": "string(40)", "content": "id"},
                {"name": "tenant", "type": "string(40)", "content": "tenant"},
                {"name": "production", "type": "boolean", "content": {"value": true}},
                {"name": "name", "type": "text", "content": {"field": "traits.name"}},
                {"name": "age", "type": "integer", "content": {"field": "age"}, "required": true},
            ],
        });
        let table: Table = serde_json::from_value(table).expect("a table");
        RowMaker::new(table.for_tenant("acme")).expect("its values fit")
    }

    #[test]
    fn a_document_becomes_a_row() {
        let mut workspace = Workspace::default();
        let mut row = |source: &str| {
            maker().row("1", source.as_bytes(), &mut workspace).map(|row| {
                let cells = row.cells.iter().map(|cell| cell.as_deref().unwrap_or("NULL"));
                cells.collect::<Vec<_>>().join("|")
            })
        };
        assert_eq!(
            row(r#"{"traits":{"name":"Ada"},"age":36}"#),
            Ok("1|acme|true|Ada|36".to_owned())
        );
        assert_eq!(row(r#"{"traits.name":null,"age":36}"#), Ok("1|acme|true|NULL|36".to_owned()));
        assert_eq!(row(r#"{"age":36}"#), Ok("1|acme|true|NULL|36".to_owned()));
        for (source, reason) in [
            (r#"{"age":null}"#, "the column `age` is required, and its field is missing"),
            (r#"{"age":"x"}"#, "the field `age` is no whole number of 64 bits (integer): \"x\""),
            (
                r#"{"age":1,"traits":{"name":["a","b"]}}"#,
                "the field `traits.name` is a list, and the column takes one value (text)",
            ),
            (
                r#"{"age":1,"traits":[{"name":"a"}]}"#,
                "the field `traits.name` stands in a list, and a column takes one value",
            ),
            (r#"{"age":1,"traits":{"name":"a"},"traits.name":"b"}"#, "T0103"),
            ("[1]", "T0101"),
        ] {
            let error = row(source).expect_err(source);
            assert!(error.contains(reason), "{source}: {error}");
        }
    }

    #[test]
    fn the_scope_is_what_all_keys_have_in_common() {
        let maker = maker();
        let scope: Vec<(&str, &str)> = maker
            .scope()
            .into_iter()
            .map(|(column, value)| (column.name.as_str(), value))
            .collect();
        assert_eq!(scope, [("tenant", "acme")]);
    }

    #[test]
    fn a_row_read_back_otherwise_is_told() {
        let maker = maker();
        let row = |name: Option<&str>| Row {
            cells: vec![
                Some("1".to_owned()),
                Some("acme".to_owned()),
                Some("true".to_owned()),
                name.map(str::to_owned),
                Some("36".to_owned()),
            ],
        };
        assert_eq!(maker.difference(&row(Some("Ada")), &row(Some("Ada"))), None);
        assert_eq!(maker.difference(&row(None), &row(None)), None);
        let told = maker.difference(&row(Some("Ada")), &row(Some("Ad")));
        assert_eq!(told.as_deref(), Some("the column `name` keeps `Ad` where `Ada` was meant"));
        let told = maker.difference(&row(Some("Ada")), &row(None));
        assert_eq!(told.as_deref(), Some("the column `name` keeps NULL where `Ada` was meant"));
    }
}
