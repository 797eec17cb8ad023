//! How documents of a release become rows of the tables that the next one keeps them in.
//!
//! Tracardi's own migration does it in Python, one conversion for each kind of record. What these do beyond giving fields
//! other names is known here by name; the rest is told by the mapping and the table: a column `event_type_id` is made of the
//! field `event_type.id`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    index_list::{Index, Origin},
    installation::TABLES,
    migration::{self, Migration, Record},
    mistake::{Mistake, RECORD_UNKNOWN, TABLE},
    release::Release,
    step::Set,
    table_class::TableClass,
};

/// Rows of one index.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// The table, with all columns that it has.
    pub(crate) table: TableClass,
    /// The columns that documents have something for, in the table's order.
    pub(crate) columns: Vec<RowColumn>,
    /// The columns of the key: those of the table's own that no field can change, or a document whose field changes would leave
    /// its row behind.
    pub(crate) key: Vec<String>,
    /// Columns that stay empty.
    pub(crate) empty: Vec<String>,
    /// Fields that no column takes: they stay in the index.
    pub(crate) unrowed: Vec<String>,
    /// Fields that are kept encoded, and are read.
    pub(crate) decoded: Vec<&'static str>,
    /// Fields whose lists become one text.
    pub(crate) joined: Vec<&'static str>,
    /// What else is done.
    pub(crate) others: Vec<Other>,
}

/// A column and what it is made of.
#[derive(Debug, Clone)]
pub(crate) struct RowColumn {
    pub(crate) name: String,
    pub(crate) column_type: String,
    pub(crate) source: Source,
}

/// What a column is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The document's id.
    Id,
    /// The tenant.
    Tenant,
    /// Whether it is production's.
    Production,
    /// A field.
    Field(String),
}

/// What is done to documents of one kind beside reading texts and joining lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Other {
    /// A field says the contrary of another one, which is true where it is missing.
    Contrary { from: &'static str, to: &'static str },
    /// Values that the release doesn't know are called by those that it knows.
    Renamed { field: &'static str, values: &'static [(&'static str, &'static str)] },
    /// A version is written over those that stand in an object.
    Version { object: &'static str, fields: &'static [&'static str], version: String },
}

/// A kind of record.
struct Known {
    kind: &'static str,
    table: &'static str,
    /// Columns that are called otherwise than their fields.
    columns: &'static [(&'static str, &'static str)],
    decoded: &'static [&'static str],
    joined: &'static [&'static str],
}

/// What it says unless it says otherwise.
const PLAIN: Known = Known { kind: "", table: "", columns: &[], decoded: &[], joined: &[] };

const KNOWN: [Known; 19] = [
    Known { kind: "bridge", table: "bridge", ..PLAIN },
    Known { kind: "consent-type", table: "consent_type", joined: &["tags"], ..PLAIN },
    Known { kind: "identification-point", table: "identification_point", ..PLAIN },
    Known {
        kind: "event-source",
        table: "event_source",
        joined: &["type", "tags", "groups"],
        ..PLAIN
    },
    Known { kind: "consent-data-compliance", table: "event_data_compliance", ..PLAIN },
    Known { kind: "event-reshaping", table: "event_reshaping", joined: &["tags"], ..PLAIN },
    Known { kind: "task", table: "task", ..PLAIN },
    Known { kind: "event-management", table: "event_mapping", joined: &["tags"], ..PLAIN },
    Known {
        kind: "user",
        table: "user",
        columns: &[("name", "full_name")],
        joined: &["roles"],
        ..PLAIN
    },
    Known {
        kind: "destination",
        table: "destination",
        decoded: &["destination", "mapping"],
        joined: &["tags"],
        ..PLAIN
    },
    Known { kind: "event-redirect", table: "event_redirect", joined: &["tags"], ..PLAIN },
    Known { kind: "report", table: "report", decoded: &["query"], joined: &["tags"], ..PLAIN },
    Known {
        kind: "event_to_profile",
        table: "event_to_profile_mapping",
        joined: &["tags"],
        ..PLAIN
    },
    Known { kind: "rule", table: "workflow_trigger", joined: &["tags"], ..PLAIN },
    // Both texts stay encoded: the new release keeps them so.
    Known { kind: "resource", table: "resource", joined: &["tags", "groups"], ..PLAIN },
    Known {
        kind: "flow",
        table: "workflow",
        columns: &[("tags", "projects")],
        decoded: &["draft"],
        joined: &["projects"],
    },
    Known { kind: "import", table: "import", decoded: &["config"], ..PLAIN },
    Known { kind: "event-validation", table: "event_validation", joined: &["tags"], ..PLAIN },
    Known { kind: "setting", table: "setting", ..PLAIN },
];

/// Kinds that Tracardi's own migration names, and has no conversion for.
const WITHOUT_TABLE: [&str; 3] = ["segment", "events-tags", "live-segment"];

/// States of tasks as Celery writes them, and as the new release reads them: one that it doesn't know keeps it from showing
/// any task.
const TASK_STATES: &[(&str, &str)] = &[
    ("PENDING", "pending"),
    ("STARTED", "running"),
    ("PROGRESS", "running"),
    ("RETRY", "running"),
    ("SUCCESS", "finished"),
    ("FAILURE", "error"),
    ("REVOKED", "cancelled"),
];

/// Gives every release with a database the indices of the one before that it lacks itself: for the documents that become rows
/// of its tables, and for those that it has no place for.
pub(crate) fn take_over(releases: &mut [Release]) -> Result<(), Vec<Mistake>> {
    let mut mistakes = Vec::new();
    for position in 1..releases.len() {
        let (earlier, rest) = releases.split_at_mut(position);
        let (Some(before), Some(release)) = (earlier.last(), rest.first_mut()) else { continue };
        if release.tables.is_empty() {
            continue;
        }
        let migration = release
            .migration_from(before)
            .map_err(|mistake| vec![mistake])
            .and_then(|file| migration::read(&release.installation, &file));
        let migration = match migration {
            Ok(migration) => migration,
            Err(found) => {
                mistakes.extend(found);
                continue;
            }
        };
        for index in &before.indices {
            if release.by_name(&index.name).is_some() {
                continue;
            }
            match taken(index, release, &migration) {
                Ok(index) => release.indices.push(index),
                Err(mistake) => mistakes.push(mistake),
            }
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

fn taken(index: &Index, release: &Release, migration: &Migration) -> Result<Index, Mistake> {
    let mut index = Index { origin: Origin::Kept, kept_loose: Vec::new(), ..index.clone() };
    let entry = migration.entries.iter().find(|entry| entry.to == index.name);
    let record = entry.and_then(|entry| entry.record.as_ref().map(|record| (entry, record)));
    let Some((entry, record)) = record else { return Ok(index) };
    let Some(known) = KNOWN.iter().find(|known| known.kind == record.kind) else {
        if WITHOUT_TABLE.contains(&record.kind.as_str()) {
            return Ok(index);
        }
        let message = format!(
            "entry {} leads to a table by `{}`, which isn't known: what row a document becomes can't be told",
            entry.position, record.kind
        );
        let fix =
            "leave this installation out, or write its step by hand in the pack of the others";
        return Err(Mistake::new(RECORD_UNKNOWN, migration.place.clone(), message, fix));
    };
    let Some(table) = release.tables.get(known.table) else {
        let message = format!(
            "there is no table `{}`, which entry {} of {} leads to",
            known.table, entry.position, migration.file
        );
        let fix = "give an installation as it was published; report it if this is one";
        return Err(Mistake::new(TABLE, release.installation.place(TABLES), message, fix));
    };
    let rows = rows(known, (table, record), &mut index.mapping);
    index.origin = Origin::Table(Box::new(rows));
    Ok(index)
}

/// Works out what a table gets of documents with this mapping, which then gets a place for what is made of them.
fn rows(known: &Known, (table, record): (&TableClass, &Record), mapping: &mut Value) -> Rows {
    let declared = |fields: &'static [&'static str], mapping: &Value| -> Vec<&'static str> {
        fields.iter().copied().filter(|field| mapping["properties"].get(field).is_some()).collect()
    };
    let decoded = declared(known.decoded, mapping);
    let joined = declared(known.joined, mapping);
    for field in &decoded {
        // Whatever comes out of the text, nobody searches for it.
        declare(mapping, field, json!({"type": "object", "enabled": false}));
    }
    let others = others(known, record, mapping);
    let fields = leaves(mapping);
    let (mut columns, mut empty) = (Vec::new(), Vec::new());
    for (name, column_type) in &table.columns {
        match source(known, name, &fields) {
            Some(source) => columns.push(RowColumn {
                name: name.clone(),
                column_type: column_type.clone(),
                source,
            }),
            None => empty.push(name.clone()),
        }
    }
    let used: BTreeSet<&str> = columns
        .iter()
        .filter_map(|column| match &column.source {
            Source::Field(path) => Some(path.as_str()),
            Source::Id | Source::Tenant | Source::Production => None,
        })
        .collect();
    let is_taken = |path: &str| {
        path == "id"
            || used.iter().any(|used| {
                *used == path || path.strip_prefix(used).is_some_and(|rest| rest.starts_with('.'))
            })
            || others
                .iter()
                .any(|other| matches!(other, Other::Contrary { from, .. } if *from == path))
    };
    let unrowed = fields.iter().filter(|path| !is_taken(path)).cloned().collect();
    let is_field = |name: &str| {
        columns
            .iter()
            .any(|column| column.name == name && matches!(column.source, Source::Field(_)))
    };
    let key = table.key.iter().filter(|name| !is_field(name)).cloned().collect();
    Rows { table: table.clone(), columns, key, empty, unrowed, decoded, joined, others }
}

fn declare(mapping: &mut Value, field: &str, definition: Value) {
    let fields = mapping.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(fields) = fields {
        fields.insert(field.to_owned(), definition);
    }
}

fn others(known: &Known, record: &Record, mapping: &mut Value) -> Vec<Other> {
    let has = |mapping: &Value, field: &str| mapping["properties"].get(field).is_some();
    match known.kind {
        "user" if has(mapping, "disabled") && !has(mapping, "enabled") => {
            declare(mapping, "enabled", json!({"type": "boolean"}));
            vec![Other::Contrary { from: "disabled", to: "enabled" }]
        }
        "task" if has(mapping, "status") => {
            vec![Other::Renamed { field: "status", values: TASK_STATES }]
        }
        "flow" => match &record.version {
            Some(version) if has(mapping, "draft") => vec![Other::Version {
                object: "draft.wf_schema",
                fields: &["version", "server_version"],
                version: version.clone(),
            }],
            Some(_) | None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn source(known: &Known, column: &str, fields: &BTreeSet<String>) -> Option<Source> {
    match column {
        "id" => return Some(Source::Id),
        "tenant" => return Some(Source::Tenant),
        "production" => return Some(Source::Production),
        _ => {}
    }
    if let Some((_, field)) = known.columns.iter().find(|(name, _)| *name == column) {
        return Some(Source::Field((*field).to_owned())).filter(|_| fields.contains(*field));
    }
    let found = fields.iter().find(|path| path.replace('.', "_") == column);
    found.map(|path| Source::Field(path.clone()))
}

/// Paths of fields that hold values, single ones or such as nobody looks into.
fn leaves(mapping: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![(String::new(), mapping)];
    while let Some((parent, object)) = open.pop() {
        let Some(fields) = object.get("properties").and_then(Value::as_object) else { continue };
        for (name, field) in fields {
            let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
            let is_open = field.get("properties").is_some()
                && field.get("enabled") != Some(&Value::Bool(false));
            if is_open {
                open.push((path, field));
            } else {
                found.insert(path);
            }
        }
    }
    found
}

impl Index {
    /// The rows that its documents become in one of the sets. A table that doesn't tell the contexts apart gets those of
    /// the test context, in which Tracardi keeps such records.
    pub(crate) fn rows(&self, set: Set) -> Option<&Rows> {
        let Origin::Table(rows) = &self.origin else { return None };
        let has_contexts = rows.columns.iter().any(|column| column.source == Source::Production);
        match (set, has_contexts) {
            (Set::Test, _) | (Set::Production, true) | (Set::Static, false) => Some(rows),
            (Set::Production, false) | (Set::Static, true) => None,
        }
    }
}
