//! Bodies that make an index: a release's mapping and settings as this engine calls them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::model::{CloneStart, Schema, TargetPlan};
use crate::{inventory::EngineKind, pack::model::LogicalIndex};

/// How long the target remembers deletes while documents are copied, so that an older copy that arrives late can't bring
/// a deleted document back (the engine's default is 60 s).
const GC_DELETES_WHILE_COPYING: &str = "1d";

/// Settings that hold only once the documents are in.
const SETTINGS_AFTER_COPY: [&str; 2] = ["refresh_interval", "gc_deletes"];

/// Settings that hold only from the switch on: pipelines, which would change every document that a further round copies.
const SETTINGS_AT_SWITCH: [&str; 2] = ["default_pipeline", "final_pipeline"];

/// A schema as this engine calls its types, and the fields whose type was translated (`path: pack's type → engine's`).
pub fn translate(
    logical: &LogicalIndex,
    engine: EngineKind,
    equivalents: &BTreeMap<String, BTreeMap<String, String>>,
) -> (Schema, Vec<String>) {
    let mut mapping = logical.mapping.clone();
    let mut translated = Vec::new();
    if let Some(properties) = mapping.get_mut("properties") {
        translate_properties(properties, "", engine, equivalents, &mut translated);
    }
    (Schema { mapping, settings: logical.settings.clone() }, translated)
}

fn translate_properties(
    properties: &mut Value,
    parent: &str,
    engine: EngineKind,
    equivalents: &BTreeMap<String, BTreeMap<String, String>>,
    translated: &mut Vec<String>,
) {
    let Some(properties) = properties.as_object_mut() else { return };
    for (name, field) in properties.iter_mut() {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        let here = field.get("type").and_then(Value::as_str).and_then(|from| {
            let to = equivalents.get(from)?.get(engine.as_str())?;
            (to != from).then(|| (from.to_owned(), to.clone()))
        });
        if let Some((from, to)) = here {
            translated.push(format!("{path}: {from} → {to}"));
            // Parameters belong to the type that the pack names; the other engine's type refuses them.
            *field = json!({ "type": to });
            continue;
        }
        for nested in ["properties", "fields"] {
            if let Some(nested) = field.get_mut(nested) {
                translate_properties(nested, &path, engine, equivalents, translated);
            }
        }
    }
}

/// The mapping of a target with its final `_meta`.
pub fn final_mapping(target: &TargetPlan, schema: &Schema) -> Value {
    let mut mapping = schema.mapping.clone();
    if let (Some(fields), Some(meta)) = (mapping.as_object_mut(), &target.meta) {
        fields.insert("_meta".to_owned(), meta.clone());
    }
    mapping
}

/// The body that makes a target to copy into: no refreshing, no replicas, deletes remembered, and a mark in `_meta` that
/// tells whose it is until its unique id is journalled.
pub fn create_body(target: &TargetPlan, schema: &Schema, run: &str) -> Value {
    let mut mapping = final_mapping(target, schema);
    if let Some(fields) = mapping.as_object_mut() {
        let meta = fields.entry("_meta").or_insert_with(|| Value::Object(Map::new()));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert(OWNER_MARK.to_owned(), Value::String(run.to_owned()));
        }
    }
    let mut settings: Map<String, Value> = schema
        .settings
        .iter()
        .filter(|(name, _)| {
            !SETTINGS_AFTER_COPY.contains(&name.as_str())
                && !SETTINGS_AT_SWITCH.contains(&name.as_str())
        })
        .map(|(name, value)| (format!("index.{name}"), value.clone()))
        .collect();
    settings.insert("index.number_of_shards".to_owned(), json!(target.shards));
    settings.insert("index.number_of_replicas".to_owned(), json!(0));
    settings.insert("index.refresh_interval".to_owned(), json!("-1"));
    settings.insert("index.gc_deletes".to_owned(), json!(GC_DELETES_WHILE_COPYING));
    json!({ "settings": settings, "mappings": mapping })
}

/// The body that makes a target by cloning: the settings of [`create_body`] over those of the source, and an alias that tells
/// whose it is, as a clone can't be given a mapping of its own at once.
pub fn clone_body(target: &TargetPlan, schema: &Schema, start: &CloneStart, run: &str) -> Value {
    let mut body = create_body(target, schema, run);
    let mut settings = body.get_mut("settings").map(Value::take).unwrap_or_default();
    if let Some(settings) = settings.as_object_mut() {
        settings.insert("index.blocks.write".to_owned(), Value::Null);
        settings.extend(start.cleared.iter().map(|name| (name.clone(), Value::Null)));
    }
    json!({ "settings": settings, "aliases": { clone_mark(run): { "is_hidden": true } } })
}

/// The alias that a clone carries until the mark is in its mapping.
pub fn clone_mark(run: &str) -> String {
    format!("{CLONE_MARK_START}{run}")
}

/// How the alias begins by which a clone is known: the run's id follows.
pub const CLONE_MARK_START: &str = "lockstep-clone-";

/// The settings that a target gets once its documents are in.
pub fn final_settings(target: &TargetPlan, schema: &Schema) -> Value {
    let mut settings = Map::new();
    for name in SETTINGS_AFTER_COPY {
        let value = schema.settings.get(name).cloned().unwrap_or(Value::Null);
        settings.insert(format!("index.{name}"), value);
    }
    settings.insert("index.number_of_replicas".to_owned(), json!(target.replicas));
    Value::Object(settings)
}

/// The settings that an index of this schema gets with the switch; `None` where there are none.
pub fn switch_settings(schema: &Schema) -> Option<Value> {
    let named = SETTINGS_AT_SWITCH
        .into_iter()
        .filter_map(|name| Some((format!("index.{name}"), schema.settings.get(name)?.clone())));
    let settings: Map<String, Value> = named.collect();
    (!settings.is_empty()).then_some(Value::Object(settings))
}

/// The name in a mapping's `_meta` that holds the run's id while a target is being filled.
pub const OWNER_MARK: &str = "lockstep_run";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_translated_type_leaves_its_parameters_behind() {
        let mapping = json!({"dynamic": "strict", "properties": {
            "a": {"type": "flattened", "ignore_above": 10},
            "b": {"properties": {"c": {"type": "flattened"}}},
            "d": {"type": "keyword", "ignore_above": 10}}});
        let logical = LogicalIndex {
            name: "x".to_owned(),
            naming: "default".to_owned(),
            mapping,
            settings: BTreeMap::new(),
            shards: None,
            replicas: None,
            partitions: crate::pack::model::Partitions::NONE,
            table: None,
        };
        let equivalents = BTreeMap::from([(
            "flattened".to_owned(),
            BTreeMap::from([("opensearch".to_owned(), "flat_object".to_owned())]),
        )]);
        let (schema, translated) = translate(&logical, EngineKind::Opensearch, &equivalents);
        assert_eq!(translated, ["a: flattened → flat_object", "b.c: flattened → flat_object"]);
        assert_eq!(schema.mapping["properties"]["a"], json!({"type": "flat_object"}));
        assert_eq!(
            schema.mapping["properties"]["d"],
            json!({"type": "keyword", "ignore_above": 10})
        );
        let (same, translated) = translate(&logical, EngineKind::Elasticsearch, &equivalents);
        assert_eq!((same.mapping, translated.len()), (logical.mapping, 0));
    }

    #[test]
    fn the_mark_goes_with_the_final_mapping() {
        let mapping =
            json!({"_meta": {"version": "{version}", "name": "{tenant}"}, "properties": {}});
        let meta = Some(json!({"version": "080", "name": "fa73a"}));
        let schema = Schema {
            mapping,
            settings: BTreeMap::from([
                ("refresh_interval".to_owned(), json!("10s")),
                ("mapping.total_fields.limit".to_owned(), json!(2000)),
                ("final_pipeline".to_owned(), json!("stamp")),
            ]),
        };
        let target = TargetPlan {
            index: "x".to_owned(),
            schema: "x".to_owned(),
            meta,
            shards: 3,
            replicas: 1,
            table: None,
        };
        let body = create_body(&target, &schema, "r1");
        assert_eq!(
            body["mappings"]["_meta"],
            json!({"version": "080", "name": "fa73a", "lockstep_run": "r1"})
        );
        assert_eq!(body["settings"]["index.refresh_interval"], json!("-1"));
        assert_eq!(body["settings"]["index.mapping.total_fields.limit"], json!(2000));
        let settings = final_settings(&target, &schema);
        assert_eq!(settings["index.refresh_interval"], json!("10s"));
        assert_eq!(settings["index.gc_deletes"], Value::Null);
        assert_eq!(settings["index.number_of_replicas"], json!(1));
        for early in [&body["settings"], &settings] {
            assert_eq!(
                early.get("index.final_pipeline"),
                None,
                "copied documents would be changed"
            );
        }
        assert_eq!(switch_settings(&schema), Some(json!({"index.final_pipeline": "stamp"})));
        assert_eq!(
            final_mapping(&target, &schema)["_meta"],
            json!({"version": "080", "name": "fa73a"})
        );
    }
}
