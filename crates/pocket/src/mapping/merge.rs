//! Puts a further mapping onto a mapping: new fields are added, what exists may not change its
//! nature.

use serde_json::{Map, Value, json};

use super::model::{Mapping, as_flag, parse_dynamic};
use super::validate::Addition;
use crate::error::Refusal;
use crate::node::Flavour;

/// Parameters of a leaf that stay as they were made, with the value that stands for "not given".
const FIXED_PARAMETERS: [(&str, &str); 14] = [
    ("analyzer", "default"),
    ("doc_values", "true"),
    ("format", "strict_date_optional_time||epoch_millis"),
    ("index", "true"),
    ("index_options", ""),
    ("index_phrases", "false"),
    ("index_prefixes", ""),
    ("locale", ""),
    ("normalizer", "null"),
    ("null_value", "null"),
    ("scaling_factor", ""),
    ("similarity", "BM25"),
    ("store", "false"),
    ("term_vector", "no"),
];

/// The mapping that results from putting `update` onto `current`.
pub(crate) fn merge(
    current: &Mapping,
    update: &Map<String, Value>,
    flavour: Flavour,
) -> Result<Mapping, Refusal> {
    // Compiled by itself first: a broken update is refused for what it is, not for the merge.
    Mapping::compile(normalise(update.clone()), flavour)?;
    let mut json = current.json.clone();
    for (key, value) in normalise(update.clone()) {
        match (key.as_str(), json.get_mut(&key)) {
            // Null says nothing; an empty object empties it.
            ("_meta", _) if value.is_null() => {}
            ("properties", Some(Value::Object(fields))) => {
                merge_fields(fields, value, "")?;
            }
            ("_source" | "_routing", Some(known)) if *known != value => {
                return Err(fixed_metadata(&key, &value));
            }
            ("_source", None) if value.get("enabled").and_then(as_flag) == Some(false) => {
                return Err(fixed_metadata(&key, &value));
            }
            ("_routing", None) if value.get("required").and_then(as_flag) == Some(true) => {
                return Err(fixed_metadata(&key, &value));
            }
            _ => {
                json.insert(key, value);
            }
        }
    }
    Mapping::compile(normalise(json), flavour)
}

/// The mapping of a new index: what `update` says wins over `base`, field by field.
pub(crate) fn overlay(
    base: &Mapping,
    update: Map<String, Value>,
    flavour: Flavour,
) -> Result<Mapping, Refusal> {
    let mut json = base.json.clone();
    lay_over(&mut json, normalise(update));
    Mapping::compile(normalise(json), flavour)
}

fn lay_over(json: &mut Map<String, Value>, update: Map<String, Value>) {
    for (key, value) in update {
        match (json.get_mut(&key), value) {
            (Some(Value::Object(known)), Value::Object(value)) if key == "properties" => {
                for (name, definition) in value {
                    match (known.get_mut(&name), definition) {
                        (Some(Value::Object(inner)), Value::Object(definition))
                            if is_object(inner) && is_object(&definition) =>
                        {
                            lay_over(inner, definition);
                        }
                        (_, definition) => {
                            known.insert(name, definition);
                        }
                    }
                }
            }
            (Some(Value::Object(known)), Value::Object(value)) if key == "_meta" => {
                known.extend(value);
            }
            (_, value) => {
                json.insert(key, value);
            }
        }
    }
}

/// The mapping with the fields that dynamic mapping found.
pub(crate) fn add(
    current: &Mapping,
    additions: &[Addition],
    flavour: Flavour,
) -> Result<Mapping, Refusal> {
    let mut json = current.json.clone();
    for (path, definition) in additions {
        let mut nested = definition.clone();
        let mut steps = path.rsplit('.').peekable();
        while let Some(step) = steps.next() {
            nested = json!({ step: nested });
            if steps.peek().is_some() {
                nested = json!({ "properties": nested });
            }
        }
        let fields = json.entry("properties").or_insert_with(|| json!({}));
        if let Value::Object(fields) = fields {
            add_fields(fields, nested);
        }
    }
    Mapping::compile(normalise(json), flavour)
}

/// Like a merge in which what is there wins: two documents may add the same field at once.
fn add_fields(fields: &mut Map<String, Value>, found: Value) {
    let Value::Object(found) = found else { return };
    for (key, definition) in found {
        let Some(known) = fields.get_mut(&key).and_then(Value::as_object_mut) else {
            fields.insert(key, definition);
            continue;
        };
        let Value::Object(mut definition) = definition else { continue };
        if let Some(inner) = definition.shift_remove("properties")
            && is_object(known)
            && let Value::Object(fields) = known.entry("properties").or_insert_with(|| json!({}))
        {
            add_fields(fields, inner);
        }
    }
}

/// The form in which the engines give a mapping back: fields in alphabetical order, flags as
/// flags, `dynamic` as text, no `type: object` beside `properties`, no defaults.
pub(crate) fn normalise(mut json: Map<String, Value>) -> Map<String, Value> {
    if let Some(value) = json.get_mut("dynamic")
        && let Value::Bool(flag) = value
    {
        *value = Value::from(flag.to_string());
    }
    for (key, value) in
        [("_source", json!({"enabled": true})), ("_routing", json!({"required": false}))]
    {
        if json.get(key) == Some(&value) {
            json.shift_remove(key);
        }
    }
    let has_properties = match json.get_mut("properties") {
        Some(Value::Object(properties)) => {
            *properties = normalise_fields(std::mem::take(properties));
            !properties.is_empty()
        }
        _ => false,
    };
    if !has_properties {
        json.shift_remove("properties");
    }
    if has_properties && json.get("type") == Some(&json!("object")) {
        json.shift_remove("type");
    }
    json
}

fn normalise_fields(fields: Map<String, Value>) -> Map<String, Value> {
    let mut sorted: Vec<(String, Value)> = fields.into_iter().collect();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    sorted.into_iter().map(|(name, value)| (name, normalise_field(value))).collect()
}

fn normalise_field(field: Value) -> Value {
    let Value::Object(json) = field else { return field };
    // Fields that are objects without saying so; others without a type are left to be refused.
    let object =
        json.contains_key("properties") || (json.len() == 1 && json.contains_key("enabled"));
    let mut json = normalise(json);
    if object && !json.contains_key("type") && !json.contains_key("properties") {
        json.insert("type".into(), json!("object"));
    }
    for (parameter, default) in [("index", true), ("doc_values", true), ("store", false)] {
        if json.get(parameter).and_then(as_flag) == Some(default) {
            json.shift_remove(parameter);
        }
    }
    let format = json.get("format").and_then(Value::as_str);
    if format == Some("strict_date_optional_time||epoch_millis") {
        json.shift_remove("format");
    }
    if let Some(Value::Object(variants)) = json.get_mut("fields") {
        *variants = normalise_fields(std::mem::take(variants));
        if variants.is_empty() {
            json.shift_remove("fields");
        }
    }
    for parameter in ["ignore_malformed", "coerce", "enabled", "norms", "index", "doc_values"] {
        if let Some(value) = json.get_mut(parameter)
            && let Some(flag) = as_flag(value)
        {
            *value = Value::Bool(flag);
        }
    }
    Value::Object(json)
}

fn is_object(json: &Map<String, Value>) -> bool {
    json.get("type").is_none_or(|kind| matches!(kind.as_str(), Some("object" | "nested")))
}

fn merge_fields(fields: &mut Map<String, Value>, update: Value, path: &str) -> Result<(), Refusal> {
    let Value::Object(update) = update else { return Ok(()) };
    for (name, definition) in update {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (fields.get_mut(&name), definition) {
            (Some(Value::Object(known)), Value::Object(definition)) => {
                merge_field(known, definition, &path)?;
            }
            (_, definition) => {
                fields.insert(name, definition);
            }
        }
    }
    Ok(())
}

fn merge_field(
    known: &mut Map<String, Value>,
    definition: Map<String, Value>,
    path: &str,
) -> Result<(), Refusal> {
    match (is_object(known), is_object(&definition)) {
        (true, true) => merge_object(known, definition, path),
        (true, false) | (false, true) => Err(Refusal::illegal_argument(format!(
            "can't merge a non object mapping [{path}] with an object mapping"
        ))),
        (false, false) => merge_leaf(known, definition, path),
    }
}

fn merge_object(
    known: &mut Map<String, Value>,
    definition: Map<String, Value>,
    path: &str,
) -> Result<(), Refusal> {
    let nested = |json: &Map<String, Value>| json.get("type") == Some(&json!("nested"));
    if nested(known) != nested(&definition) {
        let (from, to) =
            if nested(known) { ("nested", "non-nested") } else { ("non-nested", "nested") };
        return Err(Refusal::illegal_argument(format!(
            "object mapping [{path}] can't be changed from {from} to {to}"
        )));
    }
    for switch in ["enabled", "include_in_parent", "include_in_root"] {
        let value = |json: &Map<String, Value>| {
            json.get(switch).and_then(as_flag).unwrap_or(switch == "enabled")
        };
        if value(known) != value(&definition) {
            return Err(Refusal::new(
                500,
                "mapper_exception",
                format!(
                    "the [{switch}] parameter can't be updated for the object mapping [{path}]"
                ),
            ));
        }
    }
    for (key, value) in definition {
        match key.as_str() {
            "properties" => {
                let fields = known.entry("properties").or_insert_with(|| json!({}));
                if let Value::Object(fields) = fields {
                    merge_fields(fields, value, path)?;
                }
            }
            "type" => {}
            _ => {
                if key == "dynamic" {
                    parse_dynamic(&value)?;
                }
                known.insert(key, value);
            }
        }
    }
    Ok(())
}

fn merge_leaf(
    known: &mut Map<String, Value>,
    definition: Map<String, Value>,
    path: &str,
) -> Result<(), Refusal> {
    let kind = |json: &Map<String, Value>| {
        json.get("type").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (before, after) = (kind(known), kind(&definition));
    if before != after {
        return Err(Refusal::illegal_argument(format!(
            "mapper [{path}] cannot be changed from type [{before}] to [{after}]"
        )));
    }
    for (parameter, default) in FIXED_PARAMETERS {
        let shown = |json: &Map<String, Value>| match json.get(parameter) {
            None => default.to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let (before, after) = (shown(known), shown(&definition));
        if before != after {
            return Err(Refusal::illegal_argument(format!(
                "Mapper for [{path}] conflicts with existing mapper:\n\tCannot update parameter [{parameter}] from [{before}] to [{after}]"
            )));
        }
    }
    // Norms can be given up, never taken up again.
    let norms =
        |json: &Map<String, Value>| json.get("norms").and_then(as_flag).unwrap_or(before == "text");
    if !norms(known) && norms(&definition) {
        return Err(Refusal::illegal_argument(format!(
            "Mapper for [{path}] conflicts with existing mapper:\n\tCannot update parameter [norms] from [false] to [true]"
        )));
    }
    let variants = known.get("fields").cloned();
    *known = definition;
    // Multi-fields are added to, never taken away by a definition that does not name them.
    if let Some(Value::Object(mut variants)) = variants {
        let update = known.shift_remove("fields").unwrap_or_else(|| json!({}));
        merge_fields(&mut variants, update, path)?;
        known.insert("fields".into(), Value::Object(variants));
    }
    Ok(())
}

fn fixed_metadata(key: &str, value: &Value) -> Refusal {
    Refusal::illegal_argument(format!(
        "Mapper for [{key}] conflicts with existing mapper:\n\tCannot update parameter of [{key}] to [{value}]"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(json: &Value) -> Mapping {
        let json = normalise(json.as_object().unwrap().clone());
        Mapping::compile(json, Flavour::OpenSearch).unwrap()
    }

    fn merged(current: &Value, update: &Value) -> Result<Value, String> {
        merge(&compile(current), update.as_object().unwrap(), Flavour::OpenSearch)
            .map(|mapping| Value::Object(mapping.json))
            .map_err(|refusal| refusal.reason)
    }

    #[test]
    fn fields_are_added_and_meta_is_replaced() {
        let current = json!({"_meta": {"a": 1}, "properties": {"o": {"properties": {
            "x": {"type": "long"}}}}});
        let update = json!({"_meta": {"b": 2}, "properties": {"o": {"properties": {
            "w": {"type": "keyword"}}}}});
        let untouched = merged(&current, &json!({"_meta": null})).unwrap();
        assert_eq!(untouched["_meta"], json!({"a": 1}));
        assert_eq!(
            merged(&current, &update).unwrap(),
            json!({"_meta": {"b": 2}, "properties": {"o": {"properties": {
                "w": {"type": "keyword"}, "x": {"type": "long"}}}}})
        );
    }

    #[test]
    fn a_field_keeps_its_nature() {
        let current = json!({"properties": {"a": {"type": "long"}, "o": {"type": "object"},
            "t": {"type": "text", "fields": {"k": {"type": "keyword"}}}}});
        let refused = |field: &str, definition: Value| {
            merged(&current, &json!({"properties": {field: definition}})).unwrap_err()
        };
        assert!(
            refused("a", json!({"type": "keyword"}))
                .contains("[a] cannot be changed from type [long] to [keyword]")
        );
        assert!(refused("a", json!({"type": "object"})).contains("non object"));
        assert!(refused("o", json!({"type": "nested"})).contains("nested"));
        assert!(
            refused("t", json!({"type": "text", "analyzer": "english"})).contains("[analyzer]")
        );
        let kept = merged(&current, &json!({"properties": {"t": {"type": "text"}}})).unwrap();
        assert_eq!(kept["properties"]["t"]["fields"]["k"]["type"], "keyword");
    }

    #[test]
    fn dynamic_additions_never_change_what_is_there() {
        let current = compile(&json!({"properties": {"a": {"type": "keyword"}}}));
        let additions = [
            ("a".to_owned(), json!({"type": "long"})),
            ("o.p".to_owned(), json!({"type": "long"})),
        ];
        let mapping = add(&current, &additions, Flavour::OpenSearch).unwrap();
        assert_eq!(
            Value::Object(mapping.json),
            json!({"properties": {"a": {"type": "keyword"},
                                  "o": {"properties": {"p": {"type": "long"}}}}})
        );
    }
}
