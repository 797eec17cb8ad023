//! Drafts a release with the step into it, from what the indices of two releases look like.
//!
//! What can be told is written; what can't is asked ([`questions`]), and where nobody answers it stays open: as a comment in
//! the release, where `pack check` then says what is missing. No data is dropped unless somebody said so.

mod fields;

mod similar;

mod page;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{pack::model::Partition, version::Version};
pub use page::files;

/// A release as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// Its version.
    pub version: Version,
    /// The text for `{version}` in names, where it is another one.
    pub label: Option<String>,
    /// Its indices by key.
    pub indices: BTreeMap<String, Seen>,
}

/// An index as it was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// `{"dynamic":…, "properties":…}`.
    pub mapping: Value,
    /// Settings that the application gave it, flat, without `index.`.
    pub settings: BTreeMap<String, Value>,
    /// The kinds of its partitions, the shortest time first.
    pub partitions: Vec<Partition>,
    /// Some of its documents.
    pub documents: Vec<Value>,
    /// What whoever looked has to say, a line each: tenants whose mappings differ, for example.
    pub remarks: Vec<String>,
}

/// Something that can't be told from mappings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about.
    pub about: About,
    /// Where its values or documents may have gone, the likeliest first.
    pub candidates: Vec<Candidate>,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A field that the new mapping of an index doesn't have.
    Field {
        /// Key of the index, in both releases.
        index: String,
        /// The field, as a path.
        field: String,
    },
    /// An index that the new release doesn't have.
    Index {
        /// Its key.
        key: String,
    },
}

/// Where something may have gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// A field of the new mapping, or an index of the new release.
    pub name: String,
    /// Why it may be meant.
    pub reason: String,
}

/// What somebody says to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It goes there: a field or an index of the new release.
    Carry(String),
    /// It ends here, with its values.
    Drop,
}

/// Everything that can't be told, in order.
pub fn questions(old: &Side, new: &Side) -> Vec<Question> {
    let mut questions = Vec::new();
    for (key, before) in &old.indices {
        let Some(after) = new.indices.get(key) else {
            let candidates = similar::indices((key, before), added(old, new));
            questions.push(Question { about: About::Index { key: key.clone() }, candidates });
            continue;
        };
        let difference = fields::Difference::of(&before.mapping, &after.mapping);
        for field in &difference.gone {
            let candidates = similar::fields((field, &difference), (before, after));
            let about = About::Field { index: key.clone(), field: field.clone() };
            questions.push(Question { about, candidates });
        }
    }
    questions
}

/// Indices that only the new release has.
fn added<'a>(old: &'a Side, new: &'a Side) -> impl Iterator<Item = (&'a String, &'a Seen)> {
    new.indices.iter().filter(|(key, _)| !old.indices.contains_key(*key))
}

/// The answers that are given, by what they are about.
pub type Answers = BTreeMap<About, Answer>;

/// Single values of a field in some documents, as texts.
fn values_of(documents: &[Value], path: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for document in documents {
        collect(document, path, &mut found);
    }
    found
}

fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|one| collect(one, path, found)),
        Value::Object(members) if !path.is_empty() => {
            for (name, value) in members {
                if let Some(rest) = path.strip_prefix(name.as_str()) {
                    if rest.is_empty() {
                        collect(value, "", found);
                    } else if let Some(rest) = rest.strip_prefix('.') {
                        collect(value, rest, found);
                    }
                }
            }
        }
        Value::String(text) if path.is_empty() && !text.is_empty() => {
            found.insert(text.clone());
        }
        Value::Number(number) if path.is_empty() => {
            found.insert(number.to_string());
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

#[cfg(test)]
mod tests;
