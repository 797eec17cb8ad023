//! Why two documents differ: the fields, with a glimpse of both values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::hash::document_hash;
use crate::json::{DEPTH_MAX, NotJson, Scanner, StringToken, inner, part, text_of, unescape};

/// One field that differs between two documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// Where it is: `customer.names[2].first`; empty for the document itself.
    pub path: String,
    /// The value that is expected, as it is written, cut short; `None` where the field should be missing.
    pub expected: Option<String>,
    /// The value that is there; `None` where the field is missing.
    pub found: Option<String>,
}

/// The fields that differ between two documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifferences {
    /// Up to the limit that was asked for, in the order of the expected document.
    pub fields: Vec<FieldDifference>,
    /// How many more there are.
    pub more_count: u64,
}

/// Characters of a value that are shown.
const GLIMPSE_CHARACTERS_MAX: usize = 120;

/// Compares two documents field by field, by content as [`document_hash`] does; at most `limit` are listed.
///
/// Objects and arrays on both sides are compared inside; of a key that occurs twice the last one counts, unless
/// nothing else differs: then the object is named that holds it.
pub fn fields_differing(
    expected: &[u8],
    found: &[u8],
    limit: usize,
) -> Result<FieldDifferences, NotJson> {
    let (expected, found) = (whole(expected)?, whole(found)?);
    let mut search = Search { limit, path: String::new(), result: FieldDifferences::default() };
    search.compare(Some(expected), Some(found))?;
    Ok(search.result)
}

/// The document without the white space around it.
fn whole(source: &[u8]) -> Result<&str, NotJson> {
    let text = text_of(source)?;
    let mut scanner = Scanner::new(text);
    scanner.whitespace();
    let start = scanner.position();
    scanner.value(DEPTH_MAX)?;
    let end = scanner.position();
    scanner.end()?;
    Ok(part(text, start..end))
}

struct Search {
    limit: usize,
    path: String,
    result: FieldDifferences,
}

impl Search {
    /// Recursion is bounded, as both documents are nested [`DEPTH_MAX`] levels at most.
    fn compare(&mut self, expected: Option<&str>, found: Option<&str>) -> Result<(), NotJson> {
        let (Some(left), Some(right)) = (expected, found) else {
            self.report(expected, found);
            return Ok(());
        };
        if document_hash(left.as_bytes())? == document_hash(right.as_bytes())? {
            return Ok(());
        }
        let before = self.count();
        match (left.as_bytes().first(), right.as_bytes().first()) {
            (Some(b'{'), Some(b'{')) => self.compare_objects(&members(left)?, &members(right)?)?,
            (Some(b'['), Some(b'[')) => self.compare_arrays(&elements(left)?, &elements(right)?)?,
            _ => {}
        }
        if self.count() == before {
            self.report(expected, found);
        }
        Ok(())
    }

    fn compare_objects(
        &mut self,
        expected: &[(String, &str)],
        found: &[(String, &str)],
    ) -> Result<(), NotJson> {
        let (expected_by_key, found_by_key) = (by_key(expected), by_key(found));
        for (key, value) in expected {
            let other = found_by_key.get(key.as_str()).copied();
            self.within(&separated(&self.path, key), Some(value), other)?;
        }
        for (key, value) in found {
            if !expected_by_key.contains_key(key.as_str()) {
                self.within(&separated(&self.path, key), None, Some(value))?;
            }
        }
        Ok(())
    }

    fn compare_arrays(&mut self, expected: &[&str], found: &[&str]) -> Result<(), NotJson> {
        for index in 0..expected.len().max(found.len()) {
            let (left, right) = (expected.get(index).copied(), found.get(index).copied());
            self.within(&format!("[{index}]"), left, right)?;
        }
        Ok(())
    }

    fn within(
        &mut self,
        step: &str,
        expected: Option<&str>,
        found: Option<&str>,
    ) -> Result<(), NotJson> {
        let length = self.path.len();
        self.path.push_str(step);
        let outcome = self.compare(expected, found);
        self.path.truncate(length);
        outcome
    }

    fn report(&mut self, expected: Option<&str>, found: Option<&str>) {
        if self.result.fields.len() >= self.limit {
            self.result.more_count += 1;
            return;
        }
        self.result.fields.push(FieldDifference {
            path: self.path.clone(),
            expected: expected.map(glimpse),
            found: found.map(glimpse),
        });
    }

    fn count(&self) -> u64 {
        u64::try_from(self.result.fields.len()).unwrap_or(u64::MAX) + self.result.more_count
    }
}

fn separated(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!(".{key}") }
}

fn glimpse(value: &str) -> String {
    match value.char_indices().nth(GLIMPSE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", part(value, 0..end)),
        None => value.into(),
    }
}

/// The last one with the same key counts.
fn by_key<'a>(members: &'a [(String, &'a str)]) -> BTreeMap<&'a str, &'a str> {
    members.iter().map(|(key, value)| (key.as_str(), *value)).collect()
}

fn members(object: &str) -> Result<Vec<(String, &str)>, NotJson> {
    let mut scanner = Scanner::new(object);
    scanner.open();
    let mut first = true;
    let mut members = Vec::new();
    while let Some(key) = scanner.member(&mut first)? {
        let start = scanner.position();
        scanner.value(DEPTH_MAX)?;
        members.push((key_text(object, key), part(object, start..scanner.position())));
    }
    Ok(members)
}

fn elements(array: &str) -> Result<Vec<&str>, NotJson> {
    let mut scanner = Scanner::new(array);
    scanner.open();
    let mut first = true;
    let mut elements = Vec::new();
    while scanner.element(&mut first)? {
        let start = scanner.position();
        scanner.value(DEPTH_MAX)?;
        elements.push(part(array, start..scanner.position()));
    }
    Ok(elements)
}

fn key_text(object: &str, key: StringToken) -> String {
    let literal = part(object, key.start..key.end);
    if !key.escaped {
        return inner(literal).into();
    }
    let mut content = Vec::new();
    unescape(literal, &mut content);
    String::from_utf8_lossy(&content).into_owned()
}
