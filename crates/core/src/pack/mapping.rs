//! Reads mapping files: JSON with unique keys, and the shape that engines take.
//!
//! Which fields documents may have is in `check::schema`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{code, diagnostic::Findings, nearest::suggestion, place::Place};

/// What may stand at the top of a mapping.
const TOP_LEVEL: [&str; 12] = [
    "properties",
    "dynamic",
    "dynamic_templates",
    "dynamic_date_formats",
    "date_detection",
    "numeric_detection",
    "runtime",
    "_meta",
    "_routing",
    "_source",
    "_field_names",
    "_size",
];

/// Reads a mapping file; `None` when it can't be used, which is then found.
pub(crate) fn read(file: &Place, text: &str, findings: &mut Findings) -> Option<Value> {
    let value = match serde_json::from_str::<UniqueKeys>(text) {
        Ok(UniqueKeys(value)) => value,
        Err(error) => {
            let offset = byte_offset(text, error.line(), error.column());
            let message = format!("this is not well-formed JSON: {}", reason(&error));
            let fix = "correct the file here or just before";
            findings.error(code::MAPPING_NOT_JSON, &file.at(offset..offset), message, fix);
            return None;
        }
    };
    let Value::Object(mapping) = &value else {
        let fix = "write `{\"dynamic\": \"strict\", \"properties\": {…}}`";
        findings.error(code::MAPPING_SHAPE, file, "a mapping must be a JSON object", fix);
        return None;
    };
    let found_before = findings.len();
    check_top(file, mapping, findings);
    if let Some(properties) = mapping.get("properties") {
        check_properties(file, "", properties, findings);
    }
    (findings.len() == found_before).then_some(value)
}

/// The error's text without the position, which is shown apart.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").and_then(|position| text.get(..position)).unwrap_or(&text).to_owned()
}

/// The byte at a line and column, both from 1; columns are bytes here.
fn byte_offset(text: &str, line: usize, column: usize) -> usize {
    let line_start: usize =
        text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let offset = (line_start + column.saturating_sub(1)).min(text.len());
    text.floor_char_boundary(offset)
}

fn check_top(file: &Place, mapping: &Map<String, Value>, findings: &mut Findings) {
    if let Some(wrapper) = ["mappings", "template"].iter().find(|key| mapping.contains_key(**key)) {
        let message = format!("the mapping stands inside `{wrapper}`");
        let fix = "keep only what is inside `mappings`; settings belong into release.yaml";
        findings.error(code::MAPPING_SHAPE, file, message, fix);
        return;
    }
    for key in mapping.keys().filter(|key| !TOP_LEVEL.contains(&key.as_str())) {
        let message = format!("a mapping has no field `{key}` at its top");
        findings.error(code::MAPPING_SHAPE, file, message, suggestion(key, TOP_LEVEL));
    }
    check_dynamic(file, "the mapping", mapping, findings);
    let source = mapping.get("_source").and_then(Value::as_object);
    let loses_source = source.is_some_and(|source| {
        source.get("enabled") == Some(&Value::Bool(false))
            || source.contains_key("excludes")
            || source.contains_key("includes")
    });
    if loses_source {
        let message =
            "the mapping does not keep `_source` whole, so its documents could never be upgraded";
        findings.error(code::MAPPING_REFUSED, file, message, "remove `_source` from the mapping");
    }
}

fn check_dynamic(file: &Place, what: &str, object: &Map<String, Value>, findings: &mut Findings) {
    let Some(dynamic) = object.get("dynamic") else { return };
    let is_known = match dynamic {
        Value::Bool(_) => true,
        Value::String(word) => ["true", "false", "strict", "runtime"].contains(&word.as_str()),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    };
    if !is_known {
        let message = format!("`dynamic` of {what} can't be {dynamic}");
        findings.error(
            code::MAPPING_SHAPE,
            file,
            message,
            "write true, false, \"strict\" or \"runtime\"",
        );
    }
}

fn check_properties(file: &Place, parent: &str, properties: &Value, findings: &mut Findings) {
    let Value::Object(properties) = properties else {
        let what = match parent {
            "" => "the mapping".to_owned(),
            parent => format!("the field `{parent}`"),
        };
        let message = format!("`properties` of {what} must be a JSON object");
        findings.error(code::MAPPING_SHAPE, file, message, "write `{\"field\": {\"type\": …}}`");
        return;
    };
    for (name, field) in properties {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        let Value::Object(field) = field else {
            let message = format!("the field `{path}` must be a JSON object");
            findings.error(
                code::MAPPING_SHAPE,
                file,
                message,
                "write `{\"type\": \"keyword\"}` or the like",
            );
            continue;
        };
        if !field.get("type").is_none_or(Value::is_string) {
            let message = format!("`type` of the field `{path}` must be a text");
            findings.error(code::MAPPING_SHAPE, file, message, "write a type such as \"keyword\"");
        }
        if !field.contains_key("type") && !field.contains_key("properties") && !field.is_empty() {
            let is_object = ["dynamic", "enabled"].iter().any(|key| field.contains_key(*key));
            if !is_object {
                let message = format!("the field `{path}` has no `type`");
                findings.error(
                    code::MAPPING_SHAPE,
                    file,
                    message,
                    "add `\"type\": …` or `\"properties\": …`",
                );
            }
        }
        check_dynamic(file, &format!("the field `{path}`"), field, findings);
        if let Some(inner) = field.get("properties") {
            check_properties(file, &path, inner, findings);
        }
    }
}

/// A JSON value in which no object has a key twice.
struct UniqueKeys(Value);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        UniqueKeysSeed.deserialize(deserializer).map(Self)
    }
}

struct UniqueKeysSeed;

impl<'de> DeserializeSeed<'de> for UniqueKeysSeed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeysSeed {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = access.next_value_seed(Self)?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` stands twice")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
