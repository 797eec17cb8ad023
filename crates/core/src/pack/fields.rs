//! Typed reading of YAML nodes. Every reader notes what is wrong and gives `None`, so that reading goes on.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    code,
    diagnostic::Findings,
    nearest::{nearest, suggestion},
    place::{At, Place},
    yaml::{Entry, Kind, Node},
};
use crate::transform::operation::Scalar;

/// A mapping with known fields, of which each is asked for by name. What was not asked for is unknown.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    what: String,
    place: Place,
    entries: Vec<&'a Entry>,
    asked: Vec<&'static str>,
    refused: Vec<&'static str>,
    missing: Vec<Missing<'a>>,
}

/// A field that must be there and isn't.
#[derive(Debug)]
struct Missing<'a> {
    name: &'static str,
    example: String,
    /// Keys that may be a misspelling of it, unless they are names of other fields.
    alike: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// Opens a mapping; `what` names it in messages and `place` stands for it where it has no token of its own.
    pub(crate) fn open(
        node: &'a Node,
        (what, place): (&str, &Place),
        findings: &mut Findings,
    ) -> Option<Self> {
        let entries = entries(node, what, place, findings)?;
        let (what, place) = (what.to_owned(), place.clone());
        Some(Self {
            what,
            place,
            entries,
            asked: Vec::new(),
            refused: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// A field that may be missing.
    pub(crate) fn optional(&mut self, name: &'static str) -> Option<&'a Entry> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        self.entries.iter().copied().find(|entry| entry.key.value == name)
    }

    /// A field that must not be there, and that nobody is told of. Who asks says why.
    pub(crate) fn refused(&mut self, name: &'static str) -> Option<&'a Entry> {
        self.refused.push(name);
        self.entries.iter().copied().find(|entry| entry.key.value == name)
    }

    /// A field that must be there.
    pub(crate) fn required(
        &mut self,
        (name, example): (&'static str, &str),
        findings: &mut Findings,
    ) -> Option<&'a Entry> {
        let found = self.optional(name);
        if found.is_none() {
            let keys = self.entries.iter().map(|entry| entry.key.value.as_str());
            let alike: Vec<&str> = keys.filter(|key| nearest(key, [name]).is_some()).collect();
            let missing = Missing { name, example: example.to_owned(), alike };
            if missing.alike.is_empty() {
                self.tell_missing(&missing, findings);
            } else {
                self.missing.push(missing);
            }
        }
        found
    }

    fn tell_missing(&self, missing: &Missing<'_>, findings: &mut Findings) {
        let Missing { name, example, alike: _ } = missing;
        let message = format!("{} lacks the field `{name}`", self.what);
        let fix = format!("add `{name}: {example}`");
        findings.error(code::FIELD_MISSING, &self.place, message, fix);
    }

    /// Notes the fields that were not asked for.
    pub(crate) fn finish(self, findings: &mut Findings) {
        // A misspelt field is told once, as an unknown one. What looks like one and is another field, is none.
        let is_known =
            |missing: &&Missing<'_>| missing.alike.iter().all(|key| self.asked.contains(key));
        for missing in self.missing.iter().filter(is_known) {
            self.tell_missing(missing, findings);
        }
        for entry in self.entries {
            let name = entry.key.value.as_str();
            if self.asked.contains(&name) || self.refused.contains(&name) {
                continue;
            }
            let message = format!("{} has no field `{name}`", self.what);
            let fix = suggestion(name, self.asked.iter().copied());
            findings.error(code::FIELD_UNKNOWN, &entry.key.place, message, fix);
        }
    }
}

/// The entries of a mapping; of a key that stands twice only the first.
fn entries<'a>(
    node: &'a Node,
    what: &str,
    place: &Place,
    findings: &mut Findings,
) -> Option<Vec<&'a Entry>> {
    let Kind::Mapping(all) = &node.kind else {
        let place = if node.place.span.as_ref().is_some_and(|span| !span.is_empty()) {
            &node.place
        } else {
            place
        };
        let message = format!("{what} must be a mapping, but this is {}", node.kind.described());
        findings.error(
            code::KIND,
            place,
            message,
            "write `key: value` lines here, or `{}` for none",
        );
        return None;
    };
    let mut unique: Vec<&Entry> = Vec::new();
    for entry in all {
        let key = &entry.key;
        if unique.iter().any(|earlier| earlier.key.value == key.value) {
            let message = format!("the key `{}` stands twice", key.value);
            findings.error(code::KEY_TWICE, &key.place, message, "keep one of the two");
        } else {
            unique.push(entry);
        }
    }
    Some(unique)
}

/// A mapping with free keys.
pub(crate) fn map<'a>(entry: &'a Entry, what: &str, findings: &mut Findings) -> Vec<&'a Entry> {
    entries(&entry.node, what, &entry.key.place, findings).unwrap_or_default()
}

/// A mapping from free keys to something.
pub(crate) fn map_of<T>(
    entry: &Entry,
    what: &str,
    findings: &mut Findings,
    mut read: impl FnMut(&Entry, &mut Findings) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut values = BTreeMap::new();
    for item in map(entry, what, findings) {
        if let Some(value) = read(item, findings) {
            values.insert(item.key.value.clone(), value);
        }
    }
    values
}

/// A list.
pub(crate) fn list<'a>(entry: &'a Entry, findings: &mut Findings) -> Option<&'a [Node]> {
    if let Kind::List(nodes) = &entry.node.kind {
        return Some(nodes);
    }
    expected(entry, "a list", "write `[…]`, or `[]` for none", findings);
    None
}

/// A list of texts.
pub(crate) fn texts(entry: &Entry, findings: &mut Findings) -> Option<Vec<At<String>>> {
    let mut values = Vec::new();
    let mut is_complete = true;
    for node in list(entry, findings)? {
        if let Some(text) = text_of(node) {
            values.push(text);
            continue;
        }
        is_complete = false;
        let (name, found) = (&entry.key.value, node.kind.described());
        let message = format!("`{name}` takes a list of texts, but this is {found}");
        let fix = "write one text for each element";
        findings.error(code::KIND, place_of(node, entry), message, fix);
    }
    is_complete.then_some(values)
}

/// A text; a plain scalar is taken as it is written, so `1.10` stays `1.10`.
pub(crate) fn text(entry: &Entry, findings: &mut Findings) -> Option<At<String>> {
    let text = text_of(&entry.node);
    if text.is_none() {
        expected(entry, "a text", "write one text here, in quotes if it may be mistaken", findings);
    }
    text
}

/// The text of a scalar.
pub(crate) fn text_of(node: &Node) -> Option<At<String>> {
    match &node.kind {
        Kind::Plain(text) | Kind::Text(text) => {
            Some(At { value: text.clone(), place: node.place.clone() })
        }
        Kind::Null | Kind::List(_) | Kind::Mapping(_) => None,
    }
}

/// A whole number from 0.
pub(crate) fn number(entry: &Entry, findings: &mut Findings) -> Option<At<u32>> {
    let value = match &entry.node.kind {
        Kind::Plain(text) => text.parse::<u32>().ok(),
        Kind::Null | Kind::Text(_) | Kind::List(_) | Kind::Mapping(_) => None,
    };
    if value.is_none() {
        expected(entry, "a whole number", "write digits without quotes", findings);
    }
    value.map(|value| At { value, place: entry.node.place.clone() })
}

/// `true` or `false`.
pub(crate) fn boolean(entry: &Entry, findings: &mut Findings) -> Option<bool> {
    match &entry.node.kind {
        Kind::Plain(text) if text == "true" => return Some(true),
        Kind::Plain(text) if text == "false" => return Some(false),
        _ => {}
    }
    expected(entry, "true or false", "write `true` or `false` without quotes", findings);
    None
}

/// One of some words.
pub(crate) fn word<T: Copy>(
    entry: &Entry,
    words: &[(&str, T)],
    findings: &mut Findings,
) -> Option<At<T>> {
    let written = text(entry, findings)?;
    let found = words.iter().find(|(word, _)| *word == written.value);
    if found.is_none() {
        let message = format!("`{}` can't be `{}`", entry.key.value, written.value);
        let fix = suggestion(&written.value, words.iter().map(|(word, _)| *word));
        findings.error(code::WORD_UNKNOWN, &written.place, message, fix);
    }
    found.map(|(_, value)| written.map(|_| *value))
}

/// Any JSON value.
pub(crate) fn json(node: &Node, findings: &mut Findings) -> Option<Value> {
    match &node.kind {
        Kind::Null => Some(Value::Null),
        Kind::Text(text) => Some(Value::String(text.clone())),
        Kind::Plain(text) => json_scalar(text).or_else(|| {
            let message = format!("`{text}` can't be kept exactly as a JSON number");
            let fix = "put it in quotes to make it a text, or write fewer digits";
            findings.error(code::KIND, &node.place, message, fix);
            None
        }),
        Kind::List(nodes) => nodes.iter().map(|node| json(node, findings)).collect(),
        Kind::Mapping(_) => {
            let mut object = Map::new();
            for entry in entries(node, "a JSON object", &node.place, findings)? {
                object.insert(entry.key.value.clone(), json(&entry.node, findings)?);
            }
            Some(Value::Object(object))
        }
    }
}

/// A single JSON value; `null` must be written.
pub(crate) fn scalar(entry: &Entry, findings: &mut Findings) -> Option<At<Scalar>> {
    scalar_of(&entry.node, entry, findings)
}

/// A list of single JSON values.
pub(crate) fn scalars(entry: &Entry, findings: &mut Findings) -> Option<Vec<At<Scalar>>> {
    let nodes = list(entry, findings)?;
    let values: Vec<Option<At<Scalar>>> =
        nodes.iter().map(|node| scalar_of(node, entry, findings)).collect();
    values.into_iter().collect()
}

fn scalar_of(node: &Node, entry: &Entry, findings: &mut Findings) -> Option<At<Scalar>> {
    let is_written = node.place.span.as_ref().is_some_and(|span| !span.is_empty());
    let is_single = match &node.kind {
        Kind::Null => is_written,
        Kind::Plain(_) | Kind::Text(_) => true,
        Kind::List(_) | Kind::Mapping(_) => false,
    };
    if !is_single {
        let (name, found) = (&entry.key.value, node.kind.described());
        let message = format!("`{name}` takes single values, but this is {found}");
        let fix = "write a text, a number, `true`, `false` or `null`";
        findings.error(code::KIND, place_of(node, entry), message, fix);
        return None;
    }
    let value = Scalar::try_from(json(node, findings)?).ok()?;
    Some(At { value, place: node.place.clone() })
}

/// Whether a text would be taken for something else than a text if it stood without quotes.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    let is_number = || {
        text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
            && text.parse::<f64>().is_ok()
    };
    let word = text.to_ascii_lowercase();
    matches!(word.as_str(), "true" | "false" | "null" | "~" | "") || is_number()
}

/// A boolean or a number whose digits survive.
fn json_scalar(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        _ => {}
    }
    let value: Value = serde_json::from_str(text.strip_prefix('+').unwrap_or(text)).ok()?;
    let number = value.as_number()?;
    let is_exact = number.as_u64().is_some()
        || number.as_i64().is_some()
        || decimal(&number.to_string()) == decimal(text);
    is_exact.then_some(value)
}

/// The significant digits and the power of ten of a JSON number.
fn decimal(text: &str) -> Option<(String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let unsigned = digits.trim_start_matches(['+', '-']).trim_start_matches('0');
    let significant = unsigned.trim_end_matches('0');
    let zeros = i64::try_from(unsigned.len() - significant.len()).ok()?;
    let power = exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()? + zeros;
    Some((significant.to_owned(), if significant.is_empty() { 0 } else { power }))
}

/// Notes that a field has a value of the wrong kind.
pub(crate) fn expected(entry: &Entry, kind: &str, fix: &str, findings: &mut Findings) {
    let message = format!(
        "`{}` must be {kind}, but this is {}",
        entry.key.value,
        entry.node.kind.described()
    );
    findings.error(code::KIND, place_of(&entry.node, entry), message, fix);
}

/// The node's own place, or its key's where it has no token.
pub(crate) fn place_of<'a>(node: &'a Node, entry: &'a Entry) -> &'a Place {
    match &node.place.span {
        Some(span) if !span.is_empty() => &node.place,
        _ => &entry.key.place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{PackFiles, yaml};

    /// What is told of a mapping that must have `then` and `when`.
    fn told(text: &str) -> Vec<String> {
        let files = BTreeMap::from([("f".to_owned(), text.as_bytes().to_vec())]);
        let mut findings = Findings::default();
        let place = Place::file("f");
        let node = yaml::parse(&place, text, &mut findings).expect("YAML");
        let mut fields =
            Fields::open(&node, ("it", &node.place), &mut findings).expect("a mapping");
        for name in ["then", "when"] {
            fields.required((name, "x"), &mut findings);
        }
        fields.finish(&mut findings);
        let diagnostics = findings.into_diagnostics(&PackFiles { files });
        diagnostics.iter().map(|one| format!("{} {}", one.code, one.message)).collect()
    }

    #[test]
    fn a_missing_field_is_told_once_whatever_looks_like_it() {
        assert!(told("{when: 1, then: 2}").is_empty());
        for (yaml, expected) in [
            // Each is a misspelling of the other.
            ("{when: 1}", "P0005 it lacks the field `then`"),
            ("{then: 1}", "P0005 it lacks the field `when`"),
            ("{when: 1, than: 2}", "P0004 it has no field `than`"),
            ("{then: 1, wen: 2}", "P0004 it has no field `wen`"),
        ] {
            assert_eq!(told(yaml), [expected], "{yaml}");
        }
    }

    #[test]
    fn numbers_are_taken_only_if_they_stay_exact() {
        for text in ["0", "-7", "18446744073709551615", "2.50", "1e3", "0.1", "+3", "-0.25e-2"] {
            assert!(json_scalar(text).is_some(), "{text}");
        }
        for text in ["12345678901234567890123", "0.12345678901234567890", "1e400", ".inf", "0x10"] {
            assert!(json_scalar(text).is_none(), "{text}");
        }
    }
}
