//! In which fields two mappings differ.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Fields of two mappings held against each other; paths with dots, objects by their fields alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Only the old mapping has them.
    pub(super) gone: Vec<String>,
    /// Only the new mapping has them: path → type.
    pub(super) added: BTreeMap<String, String>,
    /// Both have them, with another type: path, old type, new type.
    pub(super) changed: Vec<(String, String, String)>,
    /// Types of the old mapping.
    pub(super) old_types: BTreeMap<String, String>,
}

impl Difference {
    pub(super) fn of(old: &Value, new: &Value) -> Self {
        let (old_types, new_types) = (types_of(old), types_of(new));
        let gone = old_types.keys().filter(|path| !new_types.contains_key(*path));
        let added = new_types.iter().filter(|(path, _)| !old_types.contains_key(*path));
        let changed = old_types.iter().filter_map(|(path, before)| {
            let after = new_types.get(path)?;
            (before != after).then(|| (path.clone(), before.clone(), after.clone()))
        });
        Self {
            gone: gone.cloned().collect(),
            added: added.map(|(path, kind)| (path.clone(), kind.clone())).collect(),
            changed: changed.collect(),
            old_types,
        }
    }
}

/// Types of all fields that hold values, by path. What is not searched inside (`enabled: false`, `flattened`) is one field;
/// a name for another field is none.
fn types_of(mapping: &Value) -> BTreeMap<String, String> {
    let mut types = BTreeMap::new();
    if let Some(mapping) = mapping.as_object() {
        collect(mapping, "", &mut types);
    }
    types
}

fn collect(object: &Map<String, Value>, parent: &str, types: &mut BTreeMap<String, String>) {
    let properties = object.get("properties").and_then(Value::as_object);
    for (name, definition) in properties.into_iter().flatten() {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        let Some(definition) = definition.as_object() else { continue };
        let kind = definition.get("type").and_then(Value::as_str).unwrap_or("object");
        let has_fields = definition
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|fields| !fields.is_empty());
        if kind == "alias" {
            continue;
        }
        if has_fields && matches!(kind, "object" | "nested") {
            collect(definition, &path, types);
        } else {
            types.insert(path, kind.to_owned());
        }
    }
}

/// What a `cast` makes of values of another type so that they fit this one; `None` where values fit as they are, or where no
/// cast helps.
pub(super) fn cast(before: &str, after: &str) -> Option<&'static str> {
    let family = |kind: &str| match kind {
        "keyword" | "text" | "wildcard" | "constant_keyword" | "match_only_text"
        | "search_as_you_type" => Some("string"),
        "long" | "integer" | "short" | "byte" | "unsigned_long" => Some("long"),
        "double" | "float" | "half_float" | "scaled_float" => Some("double"),
        "boolean" => Some("boolean"),
        _ => None,
    };
    let (before, after) = (family(before)?, family(after)?);
    (before != after).then_some(after)
}

/// Whether documents fit without doing anything, as both types take the same values.
pub(super) fn is_alike(before: &str, after: &str) -> bool {
    let family = |kind: &str| match kind {
        "keyword" | "text" | "wildcard" | "match_only_text" | "search_as_you_type" => 1,
        "long" | "integer" | "short" | "byte" => 2,
        "double" | "float" | "half_float" | "scaled_float" => 3,
        "date" | "date_nanos" => 4,
        "flattened" | "flat_object" | "object" | "nested" => 5,
        _ => 0,
    };
    family(before) != 0 && family(before) == family(after)
}
