//! The fields of a mapping as they are defined, by path, each with where it is written.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    json::{DEPTH_MAX, Scanner},
    pack::place::Place,
};

/// A mapping file.
pub(super) struct Schema<'a> {
    /// What stands at its top.
    pub(super) root: &'a Map<String, Value>,
    /// All fields and objects by dotted path; multi-fields are in their field's definition.
    pub(super) fields: BTreeMap<String, Definition<'a>>,
    file: Place,
    text: &'a str,
}

/// One field or object.
pub(super) struct Definition<'a> {
    body: &'a Map<String, Value>,
    /// The keys that lead to it in the file.
    keys: Vec<&'a str>,
}

impl<'a> Schema<'a> {
    /// The fields of a mapping; `text` is what its file holds. `None` when it is no object.
    pub(super) fn new(mapping: &'a Value, file: Place, text: &'a str) -> Option<Self> {
        let root = mapping.as_object()?;
        let mut fields = BTreeMap::new();
        collect(root, "", &[], &mut fields);
        Some(Self { root, fields, file, text })
    }

    /// The fields that hold values: neither objects with fields of their own nor other names of fields.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &Definition<'a>)> {
        let fields = self.fields.iter().map(|(path, definition)| (path.as_str(), definition));
        fields.filter(|(_, definition)| {
            definition.kind() != "alias" && !definition.body.contains_key("properties")
        })
    }

    /// Where a field is written, or one of its parameters; the file as a whole when it is not found.
    pub(super) fn place(&self, definition: &Definition<'_>, parameter: Option<&str>) -> Place {
        let keys: Vec<&str> = definition.keys.iter().copied().chain(parameter).collect();
        self.place_of(&keys)
    }

    /// Where something is written, by the keys that lead to it.
    pub(super) fn place_of(&self, keys: &[&str]) -> Place {
        match locate(self.text, keys) {
            Some(span) => self.file.at(span),
            None => self.file.clone(),
        }
    }
}

impl<'a> Definition<'a> {
    /// Its type; `object` where none is written.
    pub(super) fn kind(&self) -> &'a str {
        self.text("type").unwrap_or("object")
    }

    /// A parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a Value> {
        self.body.get(name)
    }

    /// A parameter that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// A parameter that is true or false; `None` where it is neither.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.body.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(word) => word.parse().ok(),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A parameter that is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.body.get(name).and_then(Value::as_u64)
    }

    /// Its multi-fields by name.
    pub(super) fn multi_fields(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let fields = self.body.get("fields").and_then(Value::as_object);
        fields.into_iter().flatten().map(|(name, field)| (name.as_str(), field))
    }
}

fn collect<'a>(
    object: &'a Map<String, Value>,
    parent: &str,
    keys: &[&'a str],
    fields: &mut BTreeMap<String, Definition<'a>>,
) {
    let properties = object.get("properties").and_then(Value::as_object);
    for (name, body) in properties.into_iter().flatten() {
        let Some(body) = body.as_object() else { continue };
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        let keys: Vec<&str> = keys.iter().copied().chain(["properties", name]).collect();
        collect(body, &path, &keys, fields);
        fields.insert(path, Definition { body, keys });
    }
}

/// The bytes of the member that some keys lead to: with its value when that is on the same line.
fn locate(text: &str, keys: &[&str]) -> Option<std::ops::Range<usize>> {
    let mut scanner = Scanner::new(text);
    scanner.whitespace();
    let mut found = None;
    for key in keys {
        if scanner.peek() != Some(b'{') {
            return None;
        }
        scanner.open();
        let mut is_first = true;
        loop {
            let token = scanner.member(&mut is_first).ok()??;
            let literal = text.get(token.start..token.end)?;
            if serde_json::from_str::<String>(literal).ok()? == *key {
                found = Some(token);
                break;
            }
            scanner.value(DEPTH_MAX).ok()?;
        }
    }
    let token = found?;
    scanner.value(DEPTH_MAX).ok()?;
    let whole = token.start..scanner.position();
    let is_short = text.get(whole.clone())?.lines().count() == 1;
    Some(if is_short { whole } else { token.start..token.end })
}
