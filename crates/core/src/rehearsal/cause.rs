//! Rejected documents by what they have in common: thousands of them mostly have one or two causes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::run::quarantine::{Entry, RejectedBy};

/// Documents of one cause that are named.
pub const EXAMPLES_MAX: usize = 3;

/// Why documents were rejected, without what differs from document to document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cause {
    /// The logical index that the documents were on the way to.
    pub logical: String,
    /// A step's code, such as `T0107`, the engine's word, such as `mapper_parsing_exception`, or `form`.
    pub code: String,
    /// The name of the operation, such as `cast`, where a step rejected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Which operation of the plan's program it is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_number: Option<u64>,
    /// The field that it was about, as far as it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// All documents of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What they have in common.
    #[serde(flatten)]
    pub cause: Cause,
    /// How many there are.
    pub document_count: u64,
    /// Index of the live set → how many of them are in it.
    pub indices: BTreeMap<String, u64>,
    /// Some of them.
    pub examples: Vec<Example>,
    /// What to do about them.
    pub fix: &'static str,
}

/// One document of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The index of the live set that it is in.
    pub index: String,
    /// Its id.
    pub id: String,
    /// Its routing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<String>,
    /// Why it was rejected, in full.
    pub reason: String,
    /// The document, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Cause {
    /// The cause of a rejection, of a document on the way to this logical index.
    pub fn of(logical: &str, by: &RejectedBy, reason: &str) -> Self {
        let logical = logical.to_owned();
        match by {
            RejectedBy::Step { code, operation_number, operation, field } => Self {
                logical,
                code: code.clone(),
                operation: operation.clone(),
                operation_number: *operation_number,
                field: field.clone(),
            },
            RejectedBy::Mapping { error_type } => Self {
                logical,
                code: error_type.clone(),
                operation: None,
                operation_number: None,
                field: bracketed(reason),
            },
            // A rehearsal leaves tables alone.
            RejectedBy::Table { table: code } => Self {
                logical,
                code: code.clone(),
                operation: None,
                operation_number: None,
                field: None,
            },
            RejectedBy::Form => Self {
                logical,
                code: "form".to_owned(),
                operation: None,
                operation_number: None,
                field: None,
            },
        }
    }

    /// What to do about documents of this cause.
    pub fn fix(&self) -> &'static str {
        match self.code.as_str() {
            "T0107" => {
                "say what becomes of such a value with `otherwise` in the step, or mend these documents in the application"
            }
            "T0112" => {
                "add the value to the table of the step, or say `otherwise`; or mend these documents"
            }
            code if code.starts_with("T02") => {
                "look at the script with one of these documents as a case (`lockstep pack test`)"
            }
            code if code.starts_with('T') => {
                "let the step expect such documents, for example with `when`, or mend them in the application"
            }
            "form" => {
                "mend these documents in the application: what the step makes of them can't be sent"
            }
            _ => {
                "let the step make what the new mapping takes, or the mapping take such values; or mend these documents in the application"
            }
        }
    }
}

/// What an engine puts into its first brackets: in nearly all of its words about a document that is the field. It is shown
/// and grouped by, nothing is decided by it.
fn bracketed(reason: &str) -> Option<String> {
    let (_, rest) = reason.split_once('[')?;
    let (field, _) = rest.split_once(']')?;
    (!field.is_empty()).then(|| field.to_owned())
}

/// Groups rejected documents, the largest group first. `logical` tells the logical index that documents of an index of the
/// live set are on the way to; `beyond` counts those that are known by cause and index only.
pub fn grouped(
    entries: &[Entry],
    beyond: &BTreeMap<(Cause, String), u64>,
    logical: impl Fn(&str) -> String,
) -> Vec<Group> {
    let mut groups: BTreeMap<Cause, Group> = BTreeMap::new();
    let mut count = |cause: Cause, index: &str, documents: u64, example: Option<Example>| {
        let fix = cause.fix();
        let group = groups.entry(cause.clone()).or_insert_with(|| Group {
            cause,
            document_count: 0,
            indices: BTreeMap::new(),
            examples: Vec::new(),
            fix,
        });
        group.document_count += documents;
        *group.indices.entry(index.to_owned()).or_default() += documents;
        let has_room = group.examples.len() < EXAMPLES_MAX;
        group.examples.extend(example.filter(|_| has_room));
    };
    for entry in entries {
        let example = Example {
            index: entry.index.clone(),
            id: entry.document.clone(),
            routing: entry.routing.clone(),
            reason: entry.reason.clone(),
            source: None,
        };
        let cause = Cause::of(&logical(&entry.index), &entry.rejected_by, &entry.reason);
        count(cause, &entry.index, 1, Some(example));
    }
    for ((cause, index), documents) in beyond {
        count(cause.clone(), index, *documents, None);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.document_count));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::quarantine::{EntryState, key};

    fn entry(index: &str, document: &str, rejected_by: RejectedBy, reason: &str) -> Entry {
        Entry {
            key: key("r", index, document, None),
            run: "r".to_owned(),
            index: index.to_owned(),
            index_uuid: "u".to_owned(),
            document: document.to_owned(),
            routing: None,
            seq_no: 1,
            bytes: 2,
            rejected_by,
            reason: reason.to_owned(),
            at: "then".to_owned(),
            state: EntryState::Open,
        }
    }

    fn cast() -> RejectedBy {
        RejectedBy::Step {
            code: "T0107".to_owned(),
            operation_number: Some(2),
            operation: Some("cast".to_owned()),
            field: Some("amount".to_owned()),
        }
    }

    fn mapping() -> RejectedBy {
        RejectedBy::Mapping { error_type: "mapper_parsing_exception".to_owned() }
    }

    #[test]
    fn documents_of_one_cause_are_one_group_in_whatever_index_they_are() {
        let entries = [
            entry("a-event", "1", mapping(), "failed to parse field [age] of type [long] in 1"),
            entry("a-event", "2", cast(), "`x` is not a number"),
            entry("b-event", "3", cast(), "`y` is not a number"),
            entry("b-event", "4", mapping(), "failed to parse field [age] of type [long] in 4"),
            entry("b-event", "5", mapping(), "failed to parse field [size] of type [long] in 5"),
            entry("b-event", "6", cast(), "`z` is not a number"),
            entry("b-event", "7", cast(), "`z` is not a number"),
        ];
        let logical = |index: &str| index.split_once('-').unwrap().1.to_owned();
        let beyond =
            BTreeMap::from([((Cause::of("event", &cast(), ""), "c-event".to_owned()), 40)]);
        let groups: Vec<_> = grouped(&entries, &beyond, logical)
            .into_iter()
            .map(|group| {
                let ids: Vec<String> = group.examples.into_iter().map(|one| one.id).collect();
                let Cause { code, field, .. } = group.cause;
                (code, field.unwrap(), group.document_count, group.indices.len(), ids.join(" "))
            })
            .collect();
        let group = |code: &str, field: &str, documents, indices, ids: &str| {
            (code.to_owned(), field.to_owned(), documents, indices, ids.to_owned())
        };
        assert_eq!(
            groups,
            [
                group("T0107", "amount", 44, 3, "2 3 6"),
                group("mapper_parsing_exception", "age", 2, 2, "1 4"),
                group("mapper_parsing_exception", "size", 1, 1, "5"),
            ]
        );
    }

    #[test]
    fn every_cause_says_what_to_do() {
        let fixes: std::collections::BTreeSet<&str> =
            ["T0107", "T0112", "T0201", "T0101", "form", "x"]
                .map(|code| {
                    let cause =
                        Cause { code: code.to_owned(), ..Cause::of("i", &RejectedBy::Form, "") };
                    cause.fix()
                })
                .into();
        assert_eq!(fixes.len(), 6);
    }
}
