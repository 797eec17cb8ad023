//! Statements are put together from fixed words, names in quotes, and numbered parameters; values never stand in them.

use lockstep_core::table::{ColumnType, RowMaker};

use crate::dialect::Dialect;

/// A statement with its parameters, all of them texts.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) parameters: Vec<Option<String>>,
}

/// Puts a statement together.
#[derive(Debug)]
pub(crate) struct Writing {
    dialect: Dialect,
    statement: Statement,
}

impl Writing {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, statement: Statement { text: String::new(), parameters: Vec::new() } }
    }

    /// Fixed words.
    #[must_use]
    pub(crate) fn words(mut self, words: &str) -> Self {
        self.statement.text.push_str(words);
        self
    }

    /// A name of the pack.
    #[must_use]
    pub(crate) fn name(self, name: &str) -> Self {
        let quoted = self.dialect.name(name);
        self.words(&quoted)
    }

    /// A text.
    #[must_use]
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.statement.parameters.push(Some(text.to_owned()));
        let parameter = self.dialect.text(self.statement.parameters.len());
        self.words(&parameter)
    }

    /// A whole number.
    #[must_use]
    pub(crate) fn number(self, number: i64) -> Self {
        self.value(ColumnType::Integer, Some(&number.to_string()))
    }

    /// A value of a column.
    #[must_use]
    pub(crate) fn value(mut self, column_type: ColumnType, text: Option<&str>) -> Self {
        let parameter = text.map(|text| self.dialect.parameter(column_type, text));
        self.statement.parameters.push(parameter);
        let value = self.dialect.value(column_type, self.statement.parameters.len());
        self.words(&value)
    }

    /// Something for each item, joined.
    #[must_use]
    pub(crate) fn each<T>(
        self,
        items: impl IntoIterator<Item = T>,
        joint: &str,
        mut write: impl FnMut(Self, T) -> Self,
    ) -> Self {
        let mut writing = self;
        for (position, item) in items.into_iter().enumerate() {
            if position > 0 {
                writing = writing.words(joint);
            }
            writing = write(writing, item);
        }
        writing
    }

    /// The condition that picks the rows of one index out of the table.
    #[must_use]
    pub(crate) fn scope(self, maker: &RowMaker) -> Self {
        let scope = maker.scope();
        if scope.is_empty() {
            return self.words("1 = 1");
        }
        self.each(scope, " AND ", |writing, (column, value)| {
            writing.name(&column.name).words(" = ").value(column.kind, Some(value))
        })
    }

    /// The columns of a table as texts.
    #[must_use]
    pub(crate) fn columns_read(self, maker: &RowMaker) -> Self {
        let dialect = self.dialect;
        self.each(&maker.table().columns, ", ", |writing, column| {
            writing.words(&dialect.read(column.kind, &dialect.name(&column.name)))
        })
    }

    pub(crate) fn end(self) -> Statement {
        self.statement
    }
}
