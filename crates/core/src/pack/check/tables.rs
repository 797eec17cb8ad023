//! Tables: where their rows come from, how they are told apart, and what a step must say of them.
//!
//! From the switch on the application writes to the table, and a table has no log that could be followed. So there is no
//! way back from it, and no step may read the index that it was made of.

use std::collections::BTreeSet;

use crate::{
    pack::{
        code,
        diagnostic::Findings,
        draft::{Draft, DraftRelease},
        nearest::suggestion,
        wire::{ColumnWire, Fate, IndexWire, TableWire},
    },
    table::{Column, ColumnType, Content, row::fault_of_constant},
};

use super::{
    lineage::{Hop, hops},
    schema::{Fields, Found, Shape},
};

/// What engines and databases take for a name without having to be asked.
const NAME_LENGTH_MAX: usize = 63;
/// Characters of all texts of a primary key: MySQL has room for 3072 bytes, and a character may have four.
const KEY_CHARACTERS_MAX: u32 = 768;

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    check_databases(draft, findings);
    for release in &draft.releases {
        for (key, index) in release.indices() {
            if let Some(table) = &index.table {
                check_database(draft, table, findings);
                check_names(table, findings);
                check_values(table, findings);
                check_key(draft, release, (index, table), findings);
                check_fields(release, (key, table), findings);
                check_partitions((key, index), table, findings);
            }
        }
        check_shared(release, findings);
    }
    for hop in hops(draft) {
        check_way_back(hop, findings);
        check_sources(hop, findings);
    }
    check_stops(draft, findings);
}

/// A database's name is part of the name of the variable that holds its address.
fn check_databases(draft: &Draft, findings: &mut Findings) {
    let databases = draft.pack.iter().flat_map(|pack| &pack.databases);
    let is_legal = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_'))
    };
    for (name, database) in databases.filter(|(name, _)| !is_legal(name)) {
        let message = format!("`{name}` can't name a database");
        let fix = "use a lower case letter, then lower case letters, digits and `_`";
        findings.error(code::TABLE_NAME, &database.place, message, fix);
    }
}

fn check_database(draft: &Draft, table: &TableWire, findings: &mut Findings) {
    let (Some(pack), Some(database)) = (&draft.pack, &table.database) else { return };
    if pack.databases.contains_key(&database.value) {
        return;
    }
    let message = format!("pack.yaml names no database `{}`", database.value);
    let fix = if pack.databases.is_empty() {
        format!("add `databases: {{{}: {{kind: mysql}}}}` to pack.yaml", database.value)
    } else {
        suggestion(&database.value, pack.databases.keys().map(String::as_str))
    };
    findings.error(code::TABLE_DATABASE, &database.place, message, fix);
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_LENGTH_MAX
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn check_names(table: &TableWire, findings: &mut Findings) {
    let columns = table.columns.iter().map(|column| &column.name);
    for name in table.name.iter().chain(columns).filter(|name| !is_name(&name.value)) {
        let message = format!("`{}` can't name a table or a column", name.value);
        let fix = "use letters, digits and `_`, no digit first, 63 at the most";
        findings.error(code::TABLE_NAME, &name.place, message, fix);
    }
    // Databases tell capital letters apart or not, as they like.
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for column in &table.columns {
        if !seen.insert(column.name.value.to_ascii_lowercase()) {
            let message = format!("the column `{}` stands twice", column.name.value);
            findings.error(code::TABLE_NAME, &column.name.place, message, "keep one of the two");
        }
    }
    if table.is_complete && table.columns.is_empty() {
        let fix = "name at least the columns of the key";
        findings.error(code::TABLE_KEY, &table.columns_place, "the table has no columns", fix);
    }
}

/// Values that are the same in every row must fit their columns.
fn check_values(table: &TableWire, findings: &mut Findings) {
    for column in &table.columns {
        let made = Column {
            name: column.name.value.clone(),
            kind: column.column_type.value,
            content: column.content.value.clone(),
            required: column.is_required,
        };
        if let Some(reason) = fault_of_constant(&made) {
            let message = format!("the value of the column `{}` {reason}", made.name);
            let fix = "correct the value or the type";
            findings.error(code::COLUMN_TYPE, &column.content.place, message, fix);
        }
        let is_text = matches!(made.kind, ColumnType::String { .. } | ColumnType::Text);
        if matches!(made.content, Content::Id | Content::Tenant) && !is_text {
            let message = format!(
                "the column `{}` has the type {}, and ids and tenants' names are texts",
                made.name, made.kind
            );
            let fix = "give it a type such as `string(40)`";
            findings.error(code::COLUMN_TYPE, &column.column_type.place, message, fix);
        }
    }
}

fn check_key(
    draft: &Draft,
    release: &DraftRelease,
    (index, table): (&IndexWire, &TableWire),
    findings: &mut Findings,
) {
    let Some(key) = &table.key else { return };
    let mut columns: Vec<&ColumnWire> = Vec::new();
    for name in key {
        let Some(column) = table.columns.iter().find(|column| column.name.value == name.value)
        else {
            if table.is_complete {
                let message =
                    format!("the key names a column `{}`, which the table lacks", name.value);
                let known = table.columns.iter().map(|column| column.name.value.as_str());
                findings.error(
                    code::TABLE_KEY,
                    &name.place,
                    message,
                    suggestion(&name.value, known),
                );
            }
            continue;
        };
        let problem = if columns.iter().any(|known| known.name.value == name.value) {
            Some("stands twice in the key")
        } else if !column.column_type.value.can_be_key() {
            Some("has a type that no key can have; `string(N)` can")
        } else {
            match &column.content.value {
                Content::Value(value) if value.is_null() => {
                    Some("is part of the key and would be NULL")
                }
                Content::Field(_) => Some(
                    "is made of a field and part of the key: a document whose field changes would leave its row behind",
                ),
                Content::Id | Content::Tenant | Content::Value(_) => None,
            }
        };
        if let Some(problem) = problem {
            let message = format!("the column `{}` {problem}", name.value);
            findings.error(code::TABLE_KEY, &name.place, message, "correct the key or the column");
        }
        columns.push(column);
    }
    if !table.is_complete || columns.len() != key.len() {
        return;
    }
    check_apart(draft, release, (index, table, &columns), findings);
}

/// The key must tell documents and tenants apart.
fn check_apart(
    draft: &Draft,
    release: &DraftRelease,
    (index, table, columns): (&IndexWire, &TableWire, &[&ColumnWire]),
    findings: &mut Findings,
) {
    let holds = |content: &Content| columns.iter().any(|column| column.content.value == *content);
    if !holds(&Content::Id) {
        let message =
            "no column of the key is the document's id: two documents could become one row";
        let fix = "add a column with `from: _id` to the key";
        findings.error(code::TABLE_KEY, &table.place, message, fix);
    }
    let naming = draft.naming(release);
    let text = naming.get(index.naming()).and_then(|naming| naming.index.as_ref());
    let has_tenants = text.is_some_and(|text| text.value.contains("{tenant}"));
    if has_tenants && !holds(&Content::Tenant) {
        let message = "no column of the key is the tenant: rows of two tenants could be one";
        let fix = "add a column with `from: _tenant` to the key";
        findings.error(code::TABLE_KEY, &table.place, message, fix);
    }
    let length = |column: &&ColumnWire| match column.column_type.value {
        ColumnType::String { length } => length,
        ColumnType::Text
        | ColumnType::Integer
        | ColumnType::Double
        | ColumnType::Decimal { .. }
        | ColumnType::Boolean
        | ColumnType::Json
        | ColumnType::Timestamp => 0,
    };
    let characters: u32 = columns.iter().map(length).sum();
    if characters > KEY_CHARACTERS_MAX {
        let message = format!(
            "the texts of the key have {characters} characters, and a key has room for {KEY_CHARACTERS_MAX}"
        );
        findings.error(code::TABLE_KEY, &table.place, message, "make them shorter");
    }
}

/// Fields must be such as documents can have, and single values but for JSON.
fn check_fields(release: &DraftRelease, (key, table): (&str, &TableWire), findings: &mut Findings) {
    let Some(mapping) = release.mappings.get(key) else { return };
    let fields = Fields::of_mapping(mapping);
    for column in &table.columns {
        let Content::Field(path) = &column.content.value else { continue };
        let segments: Vec<&str> = path.segments().collect();
        let problem = match fields.find(&segments) {
            Found::Absent => Some("which the mapping rules out"),
            Found::Field(field)
                if matches!(field.shape, Shape::Object(_))
                    && column.column_type.value != ColumnType::Json =>
            {
                Some("which is an object; only a column of the type json takes one")
            }
            Found::Field(_) | Found::Unknown => None,
        };
        if let Some(problem) = problem {
            let message = format!(
                "the column `{}` is made of the field `{path}`, {problem}",
                column.name.value
            );
            let fix = "correct the path, or the mapping";
            findings.error(code::COLUMN_FIELD, &column.content.place, message, fix);
        }
    }
}

fn check_partitions((key, index): (&str, &IndexWire), table: &TableWire, findings: &mut Findings) {
    if index.is_partitioned() {
        let message = format!(
            "the index `{key}` has partitions, and its table would have rows of all of them"
        );
        let fix = "leave `partition` or `table` out";
        findings.error(code::TABLE_INDEX, &table.place, message, fix);
    }
}

/// Rows of two indices in one table must differ in a column of the key.
fn check_shared(release: &DraftRelease, findings: &mut Findings) {
    let tables: Vec<(&str, &TableWire)> =
        release.indices().filter_map(|(key, index)| Some((key, index.table.as_ref()?))).collect();
    for (position, (key, table)) in tables.iter().enumerate() {
        for (other_key, other) in tables.iter().take(position) {
            let same = |one: &Option<crate::pack::place::At<String>>,
                        two: &Option<crate::pack::place::At<String>>| {
                one.as_ref()
                    .zip(two.as_ref())
                    .is_some_and(|(one, two)| one.value.eq_ignore_ascii_case(&two.value))
            };
            if same(&table.database, &other.database)
                && same(&table.name, &other.name)
                && !are_apart(table, other)
            {
                let message = format!(
                    "rows of `{key}` and of `{other_key}` in the same table can't be told apart"
                );
                let fix = "give both a column in the key with another `value`, or another table";
                findings.error(code::TABLE_SHARED, &table.place, message, fix);
            }
        }
    }
}

fn are_apart(one: &TableWire, two: &TableWire) -> bool {
    let constant = |table: &TableWire, name: &str| {
        let column =
            table.columns.iter().find(|column| column.name.value.eq_ignore_ascii_case(name))?;
        match &column.content.value {
            Content::Value(value) => Some(value.clone()),
            Content::Id | Content::Tenant | Content::Field(_) => None,
        }
    };
    let names = one.key.iter().flatten();
    names
        .filter(|name| {
            two.key.iter().flatten().any(|other| other.value.eq_ignore_ascii_case(&name.value))
        })
        .any(|name| match (constant(one, &name.value), constant(two, &name.value)) {
            (Some(one), Some(two)) => !one.equals(&two),
            (Some(_) | None, _) => false,
        })
}

/// A step into an index with a table must say that there is no way back.
fn check_way_back(hop: Hop<'_>, findings: &mut Findings) {
    for (key, entry) in &hop.step.indices {
        let has_table = hop.release.index(key).is_some_and(|index| index.table.is_some());
        let is_said = match &entry.fate {
            Some(Fate::Migrate { way_back, .. }) => way_back.irreversible.is_some(),
            Some(Fate::Unchanged) => false,
            Some(Fate::New | Fate::NewLike { .. } | Fate::Dropped) | None => true,
        };
        if has_table && !is_said {
            let message = format!(
                "the index `{key}` leads to a table, which the application writes to after the switch: there is no way back from it"
            );
            let fix = format!(
                "write `{key}: {{migrate: {{operations: [], irreversible: \"rows of a table can't be followed\"}}}}`"
            );
            findings.error(code::TABLE_WAY_BACK, &entry.place, message, fix);
        }
    }
}

/// What the application wrote to a table is in no index: nothing can be made of the index any more.
fn check_sources(hop: Hop<'_>, findings: &mut Findings) {
    for flow in hop.flows() {
        let has_table =
            hop.before.index(flow.source_key).is_some_and(|index| index.table.is_some());
        if has_table {
            let message = format!(
                "the index `{}` of {} has a table, and what was written to that is not in the index",
                flow.source_key, hop.before.version
            );
            let fix = format!("write `{}: dropped`; the table stays as it is", flow.source_key);
            findings.error(code::TABLE_SOURCE, &flow.entry.place, message, fix);
        }
    }
}

/// A chain that is fused across a release would not make its tables.
fn check_stops(draft: &Draft, findings: &mut Findings) {
    for (release, _next) in draft.pairs() {
        let Some(step) = release.file.as_ref().and_then(|file| file.step.as_ref()) else {
            continue;
        };
        let table = release.indices().find_map(|(key, index)| Some((key, index.table.as_ref()?)));
        if let Some((key, _)) = table.filter(|_| !step.required_stop.value) {
            let message = format!(
                "`{key}` of {} has a table, which would stay empty in a chain that goes on to a later release",
                release.version
            );
            let fix = "write `required_stop: true` in this step";
            findings.error(code::TABLE_SOURCE, &step.required_stop.place, message, fix);
        }
    }
}
