//! Fields that documents have by the old mapping, and that the new one refuses: what is removed, and what is let in.

use serde_json::{Map, Value};

/// Declared fields of the old mapping that have no place in a strict part of the new one, as dotted paths. A field whose
/// object is gone is told by the object.
pub(crate) fn homeless(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect("", old, (new, is_strict(new, false)), &mut found);
    found
}

/// Whether a mapping refuses what it doesn't declare.
pub(crate) fn is_strict(mapping: &Value, outer: bool) -> bool {
    mapping.get("dynamic").map_or(outer, |dynamic| dynamic.as_str() == Some("strict"))
}

/// Lets objects of the new mapping go on ignoring what they don't declare, where the old one says that they do and the new
/// one only inherits that they don't. Tracardi itself writes such fields. Gives their paths.
///
/// The same holds for an object that declares nothing: as a strict one it could hold nothing at all.
pub(crate) fn keep_loose(old: &Value, new: &mut Value) -> Vec<String> {
    let mut found = Vec::new();
    let (was_strict, is_strict) = (is_strict(old, false), is_strict(new, false));
    loosen("", (old, was_strict), (new, is_strict), &mut found);
    found
}

fn loosen(
    parent: &str,
    (old, was_strict): (&Value, bool),
    (new, refuses): (&mut Value, bool),
    found: &mut Vec<String>,
) {
    let Some(places) = new.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let Some(fields) = properties(old) else { return };
    for (name, place) in places {
        let Some(field) = fields.get(name) else { continue };
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        let was_strict = is_strict(field, was_strict);
        let is_open = place.get("enabled") == Some(&Value::Bool(false));
        if let Some(object) = place.as_object_mut().filter(|object| is_object(object) && !is_open)
            && refuses
            && !was_strict
            && !object.contains_key("dynamic")
            && (says_loose(field) || !object.contains_key("properties"))
        {
            object.insert("dynamic".to_owned(), Value::Bool(false));
            found.push(path.clone());
        }
        let refuses = is_strict(place, refuses);
        loosen(&path, (field, was_strict), (place, refuses), found);
    }
}

fn is_object(place: &Map<String, Value>) -> bool {
    let kind = place.get("type").and_then(Value::as_str);
    matches!(kind, Some("object" | "nested")) || kind.is_none() && place.contains_key("properties")
}

fn says_loose(field: &Value) -> bool {
    matches!(field.get("dynamic"), Some(Value::Bool(false)))
        || field.get("dynamic").and_then(Value::as_str) == Some("false")
}

fn collect(parent: &str, old: &Value, (new, refuses): (&Value, bool), found: &mut Vec<String>) {
    let (Some(fields), Some(places)) = (properties(old), properties(new)) else { return };
    for (name, field) in fields {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match places.get(name) {
            None if refuses => found.push(path),
            None => {}
            // What lies in an object that isn't looked into can be anything.
            Some(place) if place.get("enabled") == Some(&Value::Bool(false)) => {}
            Some(place) => collect(&path, field, (place, is_strict(place, refuses)), found),
        }
    }
}

fn properties(mapping: &Value) -> Option<&Map<String, Value>> {
    mapping.get("properties").and_then(Value::as_object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_loose_stays_loose_unless_the_new_mapping_says_otherwise() {
        let leaf = json!({"a": {"type": "keyword"}});
        let loose = json!({"dynamic": "false", "properties": leaf});
        let old = json!({"dynamic": false, "properties": {
            "kept": loose, "said": loose, "inherits": {"properties": leaf}, "list": {"type": "nested"},
            "closed": loose, "value": {"type": "keyword"}, "outer": {"properties": {"inner": loose}},
            "strict": {"dynamic": "strict", "properties": {}},
        }});
        let mut new = json!({"dynamic": "strict", "properties": {
            "kept": {"properties": leaf}, "said": {"dynamic": "strict", "properties": leaf},
            "inherits": {"properties": leaf}, "list": {"type": "nested"},
            "closed": {"type": "object", "enabled": false}, "value": {"type": "keyword"},
            "outer": {"properties": {"inner": {"properties": leaf}}}, "strict": {"type": "nested"},
            "new": {"type": "nested"},
        }});
        assert_eq!(keep_loose(&old, &mut new), ["kept", "list", "outer.inner"]);
        assert_eq!(new["properties"]["list"], json!({"type": "nested", "dynamic": false}));
        let mut again = new.clone();
        assert!(keep_loose(&old, &mut again).is_empty() && again == new);
    }

    #[test]
    fn only_strict_parts_refuse() {
        let leaf = json!({"type": "keyword"});
        let object =
            |dynamic: &str, fields: Value| json!({"dynamic": dynamic, "properties": fields});
        let old = object(
            "false",
            json!({
                "same": leaf, "gone": leaf, "object": {"properties": {"inner": leaf}},
                "loose": {"properties": {"inner": leaf}}, "closed": {"properties": {"inner": leaf}},
                "whole": {"properties": {"inner": leaf}}, "flat": {"properties": {"inner": leaf}},
            }),
        );
        let new = object(
            "strict",
            json!({
                "same": leaf, "object": {"properties": {"other": leaf}},
                "loose": object("true", json!({})), "closed": {"enabled": false, "properties": {}},
                "flat": {"type": "flattened"},
            }),
        );
        assert_eq!(homeless(&old, &new), ["gone", "object.inner", "whole"]);
        assert!(homeless(&new, &object("false", json!({}))).is_empty());
    }
}
