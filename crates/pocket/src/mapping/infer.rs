//! What dynamic mapping makes of a value that no field is known for.

use serde_json::{Map, Value, json};

use super::date::is_detected;
use super::model::Mapping;
use super::scalar::{Scalar, elements, members};
use super::validate::check_name;
use crate::error::Refusal;
use crate::names::matches;
use crate::node::Flavour;

/// The unknown field being looked at.
pub(crate) struct Inference<'a> {
    pub(crate) mapping: &'a Mapping,
    /// Its dotted path from the document's root.
    pub(crate) path: &'a str,
}

/// The definition that is added for the value `raw`, or `None` where it tells nothing: null, an
/// empty array.
pub(crate) fn infer(inference: &Inference<'_>, raw: &str) -> Result<Option<Value>, Refusal> {
    let value = Scalar::read(raw);
    let kind = match &value {
        Scalar::Null => return Ok(None),
        Scalar::Array(array) => return infer_array(inference, array),
        Scalar::Object(object) => return infer_object(inference, object).map(Some),
        Scalar::Boolean(_) => "boolean",
        Scalar::Number(text) => {
            let kind = number_kind(text);
            if kind == "long" && text.parse::<i64>().is_err() {
                return Err(too_long(text));
            }
            kind
        }
        Scalar::Text(text) if inference.mapping.date_detection && is_detected(text) => "date",
        Scalar::Text(text) if inference.mapping.numeric_detection && is_number(text) => {
            number_kind(text)
        }
        Scalar::Text(_) => "string",
    };
    Ok(Some(from_template(inference, kind).unwrap_or_else(|| match kind {
        "double" => json!({"type": "float"}),
        "string" => json!({
            "type": "text",
            "fields": {"keyword": {"type": "keyword", "ignore_above": 256}},
        }),
        "date" if value.as_text().contains('/') => slashed_date(inference.mapping.flavour),
        other => json!({"type": other}),
    })))
}

/// Dates with slashes are found by their own formats, which the new field then has.
fn slashed_date(flavour: Flavour) -> Value {
    let format = "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis";
    match flavour {
        Flavour::Elasticsearch => json!({"type": "date", "format": format}),
        Flavour::OpenSearch => {
            json!({"type": "date", "format": format, "print_format": "yyyy/MM/dd HH:mm:ss"})
        }
    }
}

/// No field is made for a whole number that no field could hold.
fn too_long(text: &str) -> Refusal {
    Refusal::mapper_parsing("failed to parse").caused_by(Refusal::new(
        400,
        "input_coercion_exception",
        format!("Numeric value ({text}) out of range of long"),
    ))
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn number_kind(text: &str) -> &'static str {
    if text.contains(['.', 'e', 'E']) { "double" } else { "long" }
}

fn infer_array(inference: &Inference<'_>, array: &str) -> Result<Option<Value>, Refusal> {
    let mut merged: Option<Value> = None;
    for element in elements(array) {
        let Some(found) = infer(inference, element.get())? else { continue };
        match &mut merged {
            None => merged = Some(found),
            // The first value decides; objects gather the fields of all elements.
            Some(known) => gather(known, found),
        }
    }
    Ok(merged)
}

fn gather(known: &mut Value, found: Value) {
    let (Some(Value::Object(known)), Value::Object(mut found)) =
        (known.get_mut("properties"), found)
    else {
        return;
    };
    let Some(Value::Object(found)) = found.shift_remove("properties") else { return };
    for (key, definition) in found {
        match known.get_mut(&key) {
            Some(inner) => gather(inner, definition),
            None => {
                known.insert(key, definition);
            }
        }
    }
}

fn infer_object(inference: &Inference<'_>, object: &str) -> Result<Value, Refusal> {
    if let Some(definition) = from_template(inference, "object") {
        return Ok(definition);
    }
    let mut properties: Map<String, Value> = Map::new();
    for (key, value) in members(object) {
        check_name(&key)?;
        let path = format!("{}.{key}", inference.path);
        let inner = Inference { mapping: inference.mapping, path: &path };
        if let Some(definition) = infer(&inner, value.get())? {
            properties.insert(key.into_owned(), definition);
        }
    }
    Ok(if properties.is_empty() {
        json!({"type": "object"})
    } else {
        json!({"properties": properties})
    })
}

/// The first dynamic template that fits, its placeholders filled in.
fn from_template(inference: &Inference<'_>, kind: &str) -> Option<Value> {
    let name = inference.path.rsplit('.').next().unwrap_or(inference.path);
    let templates = inference.mapping.json.get("dynamic_templates")?.as_array()?;
    let mut rules = templates.iter().filter_map(|entry| entry.as_object()?.values().next());
    let rule = rules.find(|rule| {
        let fits = |key: &str, text: &str| {
            rule.get(key).and_then(Value::as_str).map(|pattern| matches(pattern, text))
        };
        let kind_fits = fits("match_mapping_type", kind)
            .unwrap_or_else(|| rule.get("match").is_some() || rule.get("path_match").is_some());
        kind_fits
            && fits("match", name).unwrap_or(true)
            && !fits("unmatch", name).unwrap_or(false)
            && fits("path_match", inference.path).unwrap_or(true)
            && !fits("path_unmatch", inference.path).unwrap_or(false)
    })?;
    let mut definition = rule.get("mapping")?.clone();
    let default = match kind {
        "string" => "text",
        "double" => "float",
        other => other,
    };
    fill(&mut definition, name, default);
    if let Some(map) = definition.as_object_mut()
        && !map.contains_key("type")
        && !map.contains_key("properties")
    {
        map.insert("type".into(), json!(default));
    }
    Some(definition)
}

fn fill(value: &mut Value, name: &str, kind: &str) {
    match value {
        Value::String(text) => {
            *text = text.replace("{name}", name).replace("{dynamic_type}", kind);
        }
        Value::Object(map) => map.values_mut().for_each(|inner| fill(inner, name, kind)),
        Value::Array(list) => list.iter_mut().for_each(|inner| fill(inner, name, kind)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::validate::validate;

    fn additions(mapping: &Value, source: &str) -> Vec<(String, Value)> {
        let mapping =
            Mapping::compile(mapping.as_object().unwrap().clone(), Flavour::OpenSearch).unwrap();
        validate(source, "1", &mapping, false).unwrap()
    }

    #[test]
    fn types_are_inferred_from_values() {
        let found = additions(
            &json!({}),
            r#"{"s":"a","n":1,"f":1.5,"b":true,"d":"2024-01-01","z":null,"e":[],"l":[null,2],
                "o":{"p":[{"q":1},{"r":"x"}]},"u":{}}"#,
        );
        let text = json!({"type": "text",
                          "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}});
        let expected = [
            ("s", text.clone()),
            ("n", json!({"type": "long"})),
            ("f", json!({"type": "float"})),
            ("b", json!({"type": "boolean"})),
            ("d", json!({"type": "date"})),
            ("l", json!({"type": "long"})),
            ("o", json!({"properties": {"p": {"properties": {"q": {"type": "long"}, "r": text}}}})),
            ("u", json!({"type": "object"})),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(path, value)| (path.to_owned(), value)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn dynamic_templates_come_first() {
        let mapping = json!({"dynamic_templates": [
            {"ids": {"match": "*_id", "match_mapping_type": "string",
                     "mapping": {"type": "keyword"}}},
            {"rest": {"match_mapping_type": "*", "path_match": "raw.*",
                      "mapping": {"type": "{dynamic_type}", "index": false}}},
        ]});
        let found = additions(&mapping, r#"{"a_id":"x","raw":{"n":1}}"#);
        assert_eq!(found[0].1, json!({"type": "keyword"}));
        assert_eq!(found[1].1, json!({"properties": {"n": {"type": "long", "index": false}}}));
    }
}
