//! Reads the table of an index, and the databases that tables are in.

use std::collections::BTreeMap;

use super::{ColumnWire, DatabaseWire, TableWire, operation::field_path};
use crate::{
    pack::{
        code,
        diagnostic::Findings,
        fields::{Fields, list, map_of, scalar, text, texts, word},
        nearest::suggestion,
        place::{At, Place},
        yaml::{Entry, Node},
    },
    table::{ColumnType, Content, DatabaseKind, NotAColumnType},
};

const KINDS: [(&str, DatabaseKind); 2] =
    [("mysql", DatabaseKind::Mysql), ("postgresql", DatabaseKind::Postgresql)];

/// What stands in `from` for the document's id.
const FROM_ID: &str = "_id";
/// What stands in `from` for the tenant's name.
const FROM_TENANT: &str = "_tenant";

impl DatabaseWire {
    /// Reads all databases.
    pub(super) fn read_all(entry: &Entry, findings: &mut Findings) -> BTreeMap<String, Self> {
        map_of(entry, "`databases`", findings, |entry, findings| {
            let place = entry.key.place.clone();
            let mut fields = Fields::open(&entry.node, ("a database", &place), findings)?;
            let kind = fields.required(("kind", "mysql"), findings);
            fields.finish(findings);
            let kind = kind.and_then(|entry| word(entry, &KINDS, findings));
            Some(Self { place, kind: kind.map(|kind| kind.value) })
        })
    }
}

impl TableWire {
    /// Reads a table; `None` when it is not even a mapping.
    pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = entry.key.place.clone();
        let mut fields = Fields::open(&entry.node, ("a table", &place), findings)?;
        let database = fields.required(("database", "main"), findings);
        let name = fields.required(("name", "orders"), findings);
        let key = fields.required(("key", "[id]"), findings);
        let example = "[{name: id, type: string(40), from: _id}]";
        let columns = fields.required(("columns", example), findings);
        fields.finish(findings);
        let nodes = columns.and_then(|entry| list(entry, findings));
        let read: Vec<Option<ColumnWire>> =
            nodes.unwrap_or_default().iter().map(|node| ColumnWire::read(node, findings)).collect();
        let is_complete = nodes.is_some() && read.iter().all(Option::is_some);
        Some(Self {
            database: database.and_then(|entry| text(entry, findings)),
            name: name.and_then(|entry| text(entry, findings)),
            key: key.and_then(|entry| texts(entry, findings)),
            columns_place: columns.map_or(&place, |entry| &entry.key.place).clone(),
            columns: read.into_iter().flatten().collect(),
            is_complete,
            place,
        })
    }
}

impl ColumnWire {
    fn read(node: &Node, findings: &mut Findings) -> Option<Self> {
        let mut fields = Fields::open(node, ("a column", &node.place), findings)?;
        let name = fields.required(("name", "id"), findings);
        let column_type = fields.required(("type", "string(40)"), findings);
        let from = fields.optional("from");
        let value = fields.optional("value");
        let required = fields.optional("required");
        fields.finish(findings);
        let name = name.and_then(|entry| text(entry, findings));
        let column_type = column_type.and_then(|entry| read_type(entry, findings));
        let is_required = super::pack_file::flag(required, findings);
        let content = match (from, value) {
            (Some(from), None) => read_from(from, findings),
            (None, Some(value)) => scalar(value, findings).map(|value| value.map(Content::Value)),
            (Some(_), Some(value)) => {
                tell_source("has both `from` and `value`", &value.key.place, findings);
                None
            }
            (None, None) => {
                let place = name.as_ref().map_or(&node.place, |name| &name.place);
                tell_source("has neither `from` nor `value`", place, findings);
                None
            }
        };
        Some(Self { name: name?, column_type: column_type?, content: content?, is_required })
    }
}

fn tell_source(problem: &str, place: &Place, findings: &mut Findings) {
    let fix = "write `from: PATH` for a field, `from: _id`, `from: _tenant`, or `value: …` for what is the same in every row";
    findings.error(code::FIELD_MISSING, place, format!("a column {problem}"), fix);
}

fn read_from(entry: &Entry, findings: &mut Findings) -> Option<At<Content>> {
    let written = text(entry, findings)?;
    match written.value.as_str() {
        FROM_ID => Some(written.map(|_| Content::Id)),
        FROM_TENANT => Some(written.map(|_| Content::Tenant)),
        _ => {
            let place = written.place.clone();
            let path = field_path(written, findings)?;
            Some(At { value: Content::Field(path), place })
        }
    }
}

fn read_type(entry: &Entry, findings: &mut Findings) -> Option<At<ColumnType>> {
    let written = text(entry, findings)?;
    match ColumnType::try_from(written.value.clone()) {
        Ok(column_type) => Some(written.map(|_| column_type)),
        Err(error) => {
            let fix = match &error {
                NotAColumnType::Unknown(word) => {
                    let name = word.split('(').next().unwrap_or_default();
                    suggestion(name, ColumnType::NAMES)
                }
                NotAColumnType::Numbers { .. } => "correct the type".to_owned(),
            };
            findings.error(code::COLUMN_TYPE, &written.place, error.to_string(), fix);
            None
        }
    }
}
