//! What the import did about the tables of a release, for people: a part of the report.

use std::collections::BTreeMap;

use crate::{
    index_list::{Index, Origin},
    pack::DATABASE,
    rows::{Other, Rows, Source},
    step::{Fate, Set, Slot, Step},
};

/// Kinds of records of which Tracardi's own migration makes no row at all, and why.
const LOST_BY_TRACARDI: [(&str, &str); 3] = [
    ("identification_point", "its conversion is the one for the other direction"),
    ("import", "`config` stays encoded where an object is expected"),
    ("task", "it refuses `PROGRESS`, the state in which tasks of upgrades stay"),
];

/// The section of a step, where there is a database.
pub(crate) fn section(step: &Step<'_>, lines: &mut Vec<String>) {
    if step.release.tables.is_empty() {
        return;
    }
    let slots: Vec<Slot<'_>> = step.fates.iter().map(|(slot, _)| *slot).collect();
    let led: Vec<(Slot<'_>, &Rows)> = slots
        .iter()
        .filter_map(|slot| slot.index.rows(slot.set).map(|rows| (*slot, rows)))
        .collect();
    lines.extend([
        String::new(),
        format!("### Tables of {}", step.release.version),
        String::new(),
        format!(
            "{} keeps these documents in tables. The database is `{DATABASE}` in `pack.yaml`. Every document is carried into its index of the new set as well, with all that it has, and the table follows that index.",
            step.release.version
        ),
        String::new(),
        "| table | from | key | made of a field with another name | read from base64 | lists as one text | fields without a column | columns that stay empty |".to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ]);
    lines.extend(by_table(&led).into_values());
    lines.push(String::new());
    lines.extend(notes(step, &slots, &led).into_iter().map(|note| format!("- {note}")));
}

/// A row for each table; both contexts are alike.
fn by_table(led: &[(Slot<'_>, &Rows)]) -> BTreeMap<String, String> {
    let row = |(slot, rows): &(Slot<'_>, &Rows)| {
        let named = rows.columns.iter().filter_map(|column| match &column.source {
            Source::Field(path) if *path != column.name => {
                Some(format!("{} of `{path}`", column.name))
            }
            Source::Field(_) | Source::Id | Source::Tenant | Source::Production => None,
        });
        let cells = [
            format!("`{}`", rows.table.name),
            slot.index.key.clone(),
            rows.key.join(", "),
            listed(named),
            listed(rows.decoded.iter().map(|field| format!("`{field}`"))),
            listed(rows.joined.iter().map(|field| format!("`{field}`"))),
            listed(rows.unrowed.iter().map(|field| format!("`{field}`"))),
            rows.empty.join(", "),
        ];
        (rows.table.name.clone(), format!("| {} |", cells.join(" | ")))
    };
    led.iter().map(row).collect()
}

fn notes(step: &Step<'_>, slots: &[Slot<'_>], led: &[(Slot<'_>, &Rows)]) -> Vec<String> {
    let mut notes = vec![
        "**Nothing is cut or guessed:** a text that is longer than its column, or a value that doesn't fit, sets the document aside, and nothing is switched while it is undecided. What is missing becomes NULL, where Tracardi's own migration writes texts such as `No description provided`.".to_owned(),
    ];
    kept(step, slots, &mut notes);
    test_only(slots, &mut notes);
    unique(led, &mut notes);
    other_keys(led, &mut notes);
    unrowed(led, &mut notes);
    for (table, reason) in LOST_BY_TRACARDI {
        if led.iter().any(|(_, rows)| rows.table.name == table) {
            notes.push(format!(
                "**Rows of `{table}`**, of which Tracardi's own migration makes none: {reason}. Here they are made."
            ));
        }
    }
    others(led, &mut notes);
    let made: Vec<&str> = led.iter().map(|(_, rows)| rows.table.name.as_str()).collect();
    let without = step.release.tables.keys().filter(|name| !made.contains(&name.as_str()));
    notes.push(format!(
        "**Tables that nothing leads to:** {}. {} makes and fills them itself.",
        listed(without.map(|name| format!("`{name}`"))),
        step.release.version
    ));
    notes
}

fn kept(step: &Step<'_>, slots: &[Slot<'_>], notes: &mut Vec<String>) {
    let is_kept = |index: &Index| matches!(index.origin, Origin::Kept);
    let kept = slots.iter().filter(|slot| is_kept(slot.index));
    let kept = listed(kept.map(Slot::key));
    if !kept.is_empty() {
        notes.push(format!(
            "**Kept in their index:** {kept}. {} has neither an index nor a table for them; write `dropped` in the step for those that you don't want to keep.",
            step.release.version
        ));
    }
    let left_behind = step.fates.iter().filter_map(|(slot, fate)| match fate {
        Fate::Carried(carried) if is_kept(slot.index) && slot.set != Set::Production => {
            carried.entry.as_ref().filter(|entry| entry.record.is_some()).map(|_| slot.key())
        }
        Fate::Carried(_) | Fate::New | Fate::NewLike(_) => None,
    });
    let left_behind = listed(left_behind);
    if !left_behind.is_empty() {
        notes.push(format!(
            "**Of these, entries lead to a table that there is none of:** {left_behind}. Tracardi's own migration drops them with a line in its log."
        ));
    }
}

fn test_only(slots: &[Slot<'_>], notes: &mut Vec<String>) {
    let kept = slots.iter().filter(|slot| {
        matches!(slot.index.origin, Origin::Table(_)) && slot.index.rows(slot.set).is_none()
    });
    let kept = listed(kept.map(Slot::key));
    if !kept.is_empty() {
        notes.push(format!(
            "**Without rows:** {kept}. The table doesn't tell the contexts apart, and Tracardi keeps these records in the test context; those of production stay in their index."
        ));
    }
}

fn unique(led: &[(Slot<'_>, &Rows)], notes: &mut Vec<String>) {
    let mut told = BTreeMap::new();
    for (_, rows) in led {
        for columns in &rows.table.unique {
            told.insert(rows.table.name.as_str(), columns.join(", "));
        }
    }
    for (table, columns) in told {
        notes.push(format!(
            "**One row of `{table}` for each {columns}**, over all tenants and contexts that aren't told apart by it: so says Tracardi. Where the table is there already, a second document is set aside with the database's reason and never written over the first one, as Tracardi's own migration does. Decide about it with `lockstep quarantine`. A table that Lockstep makes has no such rule."
        ));
    }
}

/// Tables whose own key has a column that changes.
fn other_keys(led: &[(Slot<'_>, &Rows)], notes: &mut Vec<String>) {
    let mut told = BTreeMap::new();
    for (_, rows) in led.iter().filter(|(_, rows)| rows.key != rows.table.key) {
        let quoted = listed(rows.key.iter().map(|name| format!("`{name}`")));
        let table = rows.table.name.as_str();
        let own = rows.table.key.join(", ");
        told.insert(table, format!(
            "**Another key:** that of `{table}` is {own} in Tracardi, with a field that changes. Here it is {}, so that a document has one row whatever changes. Lockstep makes the table so; if Tracardi made it already, say ``ALTER TABLE `{table}` DROP PRIMARY KEY, ADD PRIMARY KEY ({quoted})`` while it is empty.",
            rows.key.join(", ")
        ));
    }
    notes.extend(told.into_values());
}

fn unrowed(led: &[(Slot<'_>, &Rows)], notes: &mut Vec<String>) {
    let fields: BTreeMap<String, String> = led
        .iter()
        .filter(|(_, rows)| !rows.unrowed.is_empty())
        .map(|(slot, rows)| {
            let fields = listed(rows.unrowed.iter().map(|field| format!("`{field}`")));
            (slot.index.key.clone(), format!("{fields} of {}", slot.index.key))
        })
        .collect();
    if !fields.is_empty() {
        notes.push(format!(
            "**Fields without a column stay in the index of the new set:** {}.",
            listed(fields.into_values())
        ));
    }
}

fn others(led: &[(Slot<'_>, &Rows)], notes: &mut Vec<String>) {
    let mut told = BTreeMap::new();
    for (_, rows) in led {
        let table = rows.table.name.as_str();
        for other in &rows.others {
            let note = match other {
                Other::Contrary { from, to } => format!(
                    "**`{table}`:** `{to}` is true where `{from}` is false; where `{from}` is missing, it is false."
                ),
                Other::Renamed { field, values } => {
                    let pairs = values.iter().map(|(from, to)| format!("`{from}` as `{to}`"));
                    format!(
                        "**`{table}`:** `{field}` is written as {}. With another word Tracardi would show no row of the table; what isn't in this list stays.",
                        listed(pairs)
                    )
                }
                Other::Version { object, fields, version } => {
                    let fields = listed(fields.iter().map(|field| format!("`{object}.{field}`")));
                    format!(
                        "**`{table}`:** {fields} become `{version}`, as Tracardi's own migration has it. Whether a workflow is deployed, and how it is debugged, is kept; that migration loses it."
                    )
                }
            };
            told.insert((table, format!("{other:?}")), note);
        }
    }
    notes.extend(told.into_values());
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
