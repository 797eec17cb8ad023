//! The tables of a release, read from Python classes that declare them: columns with their types, keys, and which columns
//! together hold no value twice.

use std::collections::BTreeMap;

use crate::{
    installation::{Installation, TABLES},
    mistake::{Mistake, TABLE},
    python::{Kind, PythonText, Token, Value},
};

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableClass {
    /// Its name in the database.
    pub(crate) name: String,
    /// Its columns in order, each with its type as a pack says it.
    pub(crate) columns: Vec<(String, String)>,
    /// The columns of the primary key.
    pub(crate) key: Vec<String>,
    /// Columns that together are unique, the primary key aside.
    pub(crate) unique: Vec<Vec<String>>,
}

/// Reads the tables of a release, by name.
pub(crate) fn read(
    installation: &Installation,
) -> Result<BTreeMap<String, TableClass>, Vec<Mistake>> {
    let one = |mistake| vec![mistake];
    let text = installation.text(TABLES).map_err(one)?;
    let text = PythonText::read(&installation.place(TABLES), text).map_err(one)?;
    let (mut tables, mut mistakes) = (BTreeMap::new(), Vec::new());
    for body in bodies(&text) {
        match (Class { text: &text, body }).table() {
            Ok(Some(table)) => {
                tables.insert(table.name.clone(), table);
            }
            Ok(None) => {}
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(tables) } else { Err(mistakes) }
}

/// Where each class stands, from its name up to the next class.
fn bodies(text: &PythonText) -> Vec<std::ops::Range<usize>> {
    let is_class = |token: &Token| *token == Token::Name("class".to_owned());
    let starts: Vec<usize> = text
        .tokens
        .iter()
        .enumerate()
        .filter_map(|(position, (token, _))| is_class(token).then_some(position + 1))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([text.tokens.len()]);
    starts.iter().zip(ends).map(|(start, end)| *start..end).collect()
}

struct Class<'a> {
    text: &'a PythonText,
    body: std::ops::Range<usize>,
}

impl Class<'_> {
    /// Nothing for a class that declares no table.
    fn table(&self) -> Result<Option<TableClass>, Mistake> {
        let (mut name, mut columns) = (None, Vec::new());
        let (mut key, mut unique) = (Vec::new(), Vec::new());
        for (assigned, position) in self.assignments() {
            match assigned {
                "__tablename__" => name = Some(self.name(position)?),
                "__table_args__" => {
                    let arguments = self.text.value_at(position)?;
                    self.constraints(&arguments, (&mut key, &mut unique))?;
                }
                _ if self.is_column(position) => {
                    let value = self.text.value_at(position)?;
                    columns.push((assigned.to_owned(), self.column_type(&value)?));
                }
                _ => {}
            }
        }
        let Some(name) = name else { return Ok(None) };
        if key.is_empty()
            || key.iter().any(|name| !columns.iter().any(|(column, _)| column == name))
        {
            let line = self.text.tokens.get(self.body.start).map_or(1, |(_, line)| *line);
            let message = format!("the table `{name}` has no primary key of its own columns");
            return Err(self.wrong(line, message));
        }
        Ok(Some(TableClass { name, columns, key, unique }))
    }

    /// Names that a value is assigned to, each with the position of the value. Names of arguments are among them.
    fn assignments(&self) -> impl Iterator<Item = (&str, usize)> {
        self.body.clone().filter_map(|position| match self.text.tokens.get(position) {
            Some((Token::Name(name), _))
                if self.text.is_sign(position + 1, '=')
                    && !self.text.is_sign(position + 2, '=') =>
            {
                Some((name.as_str(), position + 2))
            }
            Some(_) | None => None,
        })
    }

    fn is_column(&self, position: usize) -> bool {
        let is_named = matches!(self.text.tokens.get(position), Some((Token::Name(name), _)) if name == "Column");
        is_named && self.text.is_sign(position + 1, '(')
    }

    fn name(&self, position: usize) -> Result<String, Mistake> {
        let value = self.text.value_at(position)?;
        match value.kind {
            Kind::Text(name) => Ok(name),
            _ => Err(self.wrong(value.line, "the name of a table must be a text")),
        }
    }

    /// The type that a pack calls it by.
    fn column_type(&self, column: &Value) -> Result<String, Mistake> {
        let Kind::Call(_, arguments) = &column.kind else {
            return Err(self.wrong(column.line, "a column must be a call of `Column`"));
        };
        let Some((None, first)) = arguments.first() else {
            return Err(self.wrong(column.line, "a column has no type"));
        };
        let (name, length) = match &first.kind {
            Kind::Name(name) => (name.as_str(), None),
            Kind::Call(name, arguments) => match arguments.as_slice() {
                [(None, Value { kind: Kind::Number(length), line: _ })] => {
                    (name.as_str(), Some(length.as_str()))
                }
                _ => (name.as_str(), Some("")),
            },
            _ => ("", None),
        };
        let known = match (name, length) {
            ("String", Some(length))
                if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                return Ok(format!("string({length})"));
            }
            ("Text", None) => "text",
            ("Boolean", None) => "boolean",
            ("Integer", None) => "integer",
            ("Float", None) => "double",
            ("JSON", None) => "json",
            ("DateTime", None) => "timestamp",
            _ => {
                let message = "the type of this column isn't known: what fits it can't be told";
                return Err(self.wrong(first.line, message));
            }
        };
        Ok(known.to_owned())
    }

    fn constraints(
        &self,
        arguments: &Value,
        (key, unique): (&mut Vec<String>, &mut Vec<Vec<String>>),
    ) -> Result<(), Mistake> {
        let Kind::Tuple(constraints) = &arguments.kind else {
            return Err(self.wrong(arguments.line, "`__table_args__` must be in brackets"));
        };
        for constraint in constraints {
            let Kind::Call(function, arguments) = &constraint.kind else {
                return Err(self.wrong(constraint.line, "a constraint must be a call"));
            };
            let names =
                arguments.iter().filter_map(|(argument, value)| match (argument, &value.kind) {
                    (None, Kind::Text(name)) => Some(name.clone()),
                    _ => None,
                });
            match function.as_str() {
                "PrimaryKeyConstraint" => *key = names.collect(),
                "UniqueConstraint" => unique.push(names.collect()),
                "Index" => {}
                other => {
                    let message = format!("the constraint `{other}` isn't known");
                    return Err(self.wrong(constraint.line, message));
                }
            }
        }
        Ok(())
    }

    fn wrong(&self, line: usize, message: impl Into<String>) -> Mistake {
        let fix = "give an installation as it was published; report it if this is one";
        Mistake::new(TABLE, self.text.place(line), message, fix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let files = BTreeMap::from([(TABLES.to_owned(), text.to_owned())]);
        match read(&Installation { shown: "x".to_owned(), files }) {
            Ok(tables) => format!("{:?}", tables.into_values().collect::<Vec<_>>()),
            Err(mistakes) => {
                let tell = |mistake: &Mistake| {
                    format!("{}: {}", mistake.place.line.unwrap_or_default(), mistake.message)
                };
                mistakes.iter().map(tell).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn tables_are_read_and_what_is_not_understood_is_refused() {
        let class = |columns: &str, arguments: &str| {
            format!(
                "class A(Base):\n __tablename__ = 'a'\n id = Column(String(40), index=True)\n{columns}\n __table_args__ = ({arguments})\n"
            )
        };
        let key = "PrimaryKeyConstraint('id'),";
        let cases = [
            (
                class(
                    " n = Column(Integer, default=0)  # 1\n running: bool = False",
                    &format!("{key} UniqueConstraint('n', 'id', name='u')"),
                ),
                r#"[TableClass { name: "a", columns: [("id", "string(40)"), ("n", "integer")], key: ["id"], unique: [["n", "id"]] }]"#,
            ),
            ("class A:\n    b = 1\n".to_owned(), "[]"),
            (
                class(" n = Column(Blob)", key),
                "4: the type of this column isn't known: what fits it can't be told",
            ),
            (
                class(" n = Column(String())", key),
                "4: the type of this column isn't known: what fits it can't be told",
            ),
            (class(" n = Column()", key), "4: a column has no type"),
            (class("", "Check('n > 1'),"), "5: the constraint `Check` isn't known"),
            (
                class("", "PrimaryKeyConstraint('b'),"),
                "1: the table `a` has no primary key of its own columns",
            ),
            (
                class(" n = Column(String(4 * 10))", key),
                "4: this is worked out by Python, and nothing is executed here",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(told(&text), expected, "{text}");
        }
    }
}
