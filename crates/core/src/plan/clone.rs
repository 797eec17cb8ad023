//! Which copies begin as a clone: an index that no step changes is made of its source's files by hard links, within moments, and
//! caught up from there. Cloning blocks the source for a moment, so it is done only where copying would take longer.
//!
//! A clone inherits mapping and settings. It may become a target only if it then is what a new index would have been, so
//! everything that can't be changed in an index that exists has to be equal already. What isn't certain is copied.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    finding::Finding,
    model::{CloneStart, Plan, Schema, SourcePlan, TargetPlan},
};
use crate::inventory::{ClusterFacts, EngineKind, IndexFacts};

/// Settings that are an index's own and never wanted of a new one, as beginnings of names.
const OWN: [&str; 10] = [
    "blocks.",
    "creation_date",
    "number_of_replicas",
    "number_of_shards",
    "provided_name",
    "replication.type",
    "resize.",
    "routing.allocation.initial_recovery.",
    "uuid",
    "version.",
];

/// Settings that can be changed at any time, as beginnings of names; others are part of how an index was built. From the
/// engines' documentation of dynamic index settings.
const DYNAMIC: [&str; 26] = [
    "allocation.max_retries",
    "auto_expand_replicas",
    "default_pipeline",
    "final_pipeline",
    "gc_deletes",
    "hidden",
    "highlight.max_analyzed_offset",
    "indexing.slowlog.",
    "lifecycle.",
    "mapping.depth.limit",
    "mapping.field_name_length.limit",
    "mapping.nested_fields.limit",
    "mapping.nested_objects.limit",
    "mapping.total_fields.limit",
    "max_",
    "merge.",
    "priority",
    "query.default_field",
    "refresh_interval",
    "requests.cache.enable",
    "routing.allocation.",
    "routing.rebalance.",
    "search.",
    "translog.",
    "unassigned.node_left.delayed_timeout",
    "write.wait_for_active_shards",
];

/// `OpenSearch` marks its version ids with this bit, to tell them from Elasticsearch's.
const OPENSEARCH_MARK: u64 = 0x0800_0000;

/// What is known of an index whose documents no step changes.
#[derive(Debug, Clone, Copy)]
struct Candidate<'a> {
    facts: &'a IndexFacts,
    target: &'a TargetPlan,
    schema: &'a Schema,
    /// The engine, and its version.
    engine: (EngineKind, &'a str),
}

/// How a copy begins as a clone, if it does. The plan gets a note, also where it might be expected to and doesn't.
pub(super) fn start(
    plan: &mut Plan,
    cluster: &ClusterFacts,
    (facts, source, target): (&IndexFacts, &SourcePlan, &TargetPlan),
) -> Option<CloneStart> {
    let is_unchanged = plan.programs.get(&target.schema)?.is_empty();
    if !is_unchanged || source.documents < plan.limits.clone_documents_min {
        return None;
    }
    let schema = plan.schemas.get(&target.schema)?;
    let engine = (cluster.engine, cluster.version.as_str());
    let (code, message, start) = match decide(Candidate { facts, target, schema, engine }) {
        Ok(start) => (
            "F0903",
            "is cloned, as no step changes it: writes to it are refused for about a second when the run begins"
                .to_owned(),
            Some(start),
        ),
        Err(reason) => ("F0904", format!("is copied, although no step changes it: {reason}"), None),
    };
    plan.findings.push(Finding::note(code, &source.index, message));
    start
}

/// Whether a copy may begin as a clone.
///
/// # Errors
/// Why it may not, in words.
fn decide(candidate: Candidate<'_>) -> Result<CloneStart, String> {
    let Candidate { facts, target, schema, engine } = candidate;
    if target.table.is_some() {
        // Which state of a document a row was made of is told by the version that a copy has.
        return Err("its documents become rows of a table".to_owned());
    }
    if facts.primaries != target.shards {
        let (old, new) = (facts.primaries, target.shards);
        return Err(format!("it has {old} primary shards and gets {new}"));
    }
    if !is_of_this_major(facts, engine) {
        return Err("an older major version of the engine made it".to_owned());
    }
    let cleared = cleared_settings(facts, schema)?;
    if let Some(difference) = mapping_difference(&facts.mapping, &schema.mapping) {
        return Err(difference);
    }
    Ok(CloneStart { cleared })
}

/// Whether the major version that made the index is the one that runs: the next one won't read older ones.
fn is_of_this_major(facts: &IndexFacts, (engine, version): (EngineKind, &str)) -> bool {
    let Some(created) = facts.settings.get("version.created").and_then(|text| text.parse().ok())
    else {
        return true;
    };
    let created: u64 = created;
    let number = match engine {
        EngineKind::Elasticsearch => created,
        EngineKind::Opensearch if created & OPENSEARCH_MARK != 0 => created ^ OPENSEARCH_MARK,
        // Made by an Elasticsearch, whose indices OpenSearch took over.
        EngineKind::Opensearch => return false,
    };
    version.split('.').next().and_then(|major| major.parse().ok()) == Some(number / 1_000_000)
}

/// The settings of the source that the target doesn't want.
fn cleared_settings(facts: &IndexFacts, schema: &Schema) -> Result<Vec<String>, String> {
    let wanted: BTreeMap<&str, String> =
        schema.settings.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    let begins = |name: &str, list: &[&str]| list.iter().any(|start| name.starts_with(start));
    // The one value that every index has which isn't spread over several shards by routing.
    let is_default = |name: &str, value: &str| name == "routing_partition_size" && value == "1";
    let mut cleared = Vec::new();
    for (name, value) in &facts.settings {
        if begins(name, &OWN) || is_default(name, value) {
            continue;
        }
        match (wanted.get(name.as_str()), begins(name, &DYNAMIC)) {
            (Some(wanted), _) if wanted == value => {}
            (_, false) => return Err(format!("its setting `{name}` can't be changed any more")),
            (Some(_), true) => {}
            (None, true) => cleared.push(format!("index.{name}")),
        }
    }
    let lacking = wanted.keys().find(|name| {
        !facts.settings.contains_key(**name) && !begins(name, &DYNAMIC) && !begins(name, &OWN)
    });
    if let Some(name) = lacking {
        return Err(format!("it lacks the setting `{name}`, which can't be given any more"));
    }
    // Those that a target gets with the switch are not in the body that makes it.
    for name in ["default_pipeline", "final_pipeline"] {
        let name_in_full = format!("index.{name}");
        if facts.settings.contains_key(name) && !cleared.contains(&name_in_full) {
            cleared.push(name_in_full);
        }
    }
    Ok(cleared)
}

/// A value as the engines give it back: as a text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What keeps the live mapping from being the wanted one, in words.
fn mapping_difference(live: &Value, wanted: &Value) -> Option<String> {
    let (live, wanted) = (live.as_object()?, wanted.as_object()?);
    let root = |mapping: &Map<String, Value>| {
        let mut root = parameters(mapping);
        root.remove("_meta");
        root
    };
    let (ours, theirs) = (root(live), root(wanted));
    if let Some(name) = first_difference(&ours, &theirs) {
        return Some(format!("`{name}` of its mapping is another one in the live index"));
    }
    fields_difference((live, wanted), "", takes_new_fields(wanted, true))
}

/// Fields of an object: those that are wanted have to be there, with the same parameters. Further ones may be there where a
/// new index would have got them as well, from the documents.
fn fields_difference(
    (live, wanted): (&Map<String, Value>, &Map<String, Value>),
    path: &str,
    takes_new: bool,
) -> Option<String> {
    let empty = Map::new();
    let properties = |mapping: &Map<String, Value>| {
        mapping.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (live, wanted) = (properties(live), properties(wanted));
    let full =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, field) in &wanted {
        let field = field.as_object().unwrap_or(&empty);
        let Some(found) = live.get(name).and_then(Value::as_object) else {
            return Some(format!("the live index has no field `{}`", full(name)));
        };
        if first_difference(&parameters(found), &parameters(field)).is_some() {
            return Some(format!("the field `{}` is another one in the live index", full(name)));
        }
        let inner = takes_new_fields(field, takes_new);
        if let Some(difference) = fields_difference((found, field), &full(name), inner) {
            return Some(difference);
        }
    }
    let more = live.keys().find(|name| !takes_new && !wanted.contains_key(*name));
    more.map(|name| {
        format!("the live index has a field `{}` that is not in the new one", full(name))
    })
}

/// Whether documents may add fields to an object.
fn takes_new_fields(mapping: &Map<String, Value>, inherited: bool) -> bool {
    mapping.get("dynamic").map_or(inherited, |dynamic| text(dynamic) == "true")
}

/// The parameters of a field or a mapping as texts, without its fields and without what is so anyway.
fn parameters(mapping: &Map<String, Value>) -> BTreeMap<String, String> {
    let has_fields = mapping.contains_key("properties");
    let is_default = |name: &str, value: &str| {
        matches!(
            (name, value),
            ("type", "object") if has_fields
        ) || matches!(
            (name, value),
            ("index" | "doc_values" | "enabled", "true") | ("store", "false")
        )
    };
    mapping
        .iter()
        .filter(|(name, _)| name.as_str() != "properties")
        .map(|(name, value)| (name.clone(), text(&as_texts(value))))
        .filter(|(name, value)| !is_default(name, value))
        .collect()
}

/// Single values as texts, so that `256` is `"256"`.
fn as_texts(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, field)| (name.clone(), as_texts(field))).collect(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(as_texts).collect()),
        single => Value::String(text(single)),
    }
}

fn first_difference<'a>(
    ours: &'a BTreeMap<String, String>,
    theirs: &'a BTreeMap<String, String>,
) -> Option<&'a String> {
    let differs = |name: &&String| ours.get(*name) != theirs.get(*name);
    ours.keys().chain(theirs.keys()).find(differs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::Table;

    fn facts(mapping: Value, settings: &[(&str, &str)]) -> IndexFacts {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        IndexFacts {
            uuid: "u".to_owned(),
            is_open: true,
            in_data_stream: false,
            aliases: BTreeMap::new(),
            mapping,
            settings: settings.collect(),
            primaries: 2,
            replicas: 1,
            document_count: 1_000_000,
            bytes: 1,
            shards: Vec::new(),
        }
    }

    fn decided(
        live: (Value, &[(&str, &str)]),
        wanted: (Value, Value),
    ) -> Result<Vec<String>, String> {
        decided_with(None, live, wanted)
    }

    fn decided_with(
        table: Option<Table>,
        (mapping, settings): (Value, &[(&str, &str)]),
        (wanted, wanted_settings): (Value, Value),
    ) -> Result<Vec<String>, String> {
        let facts = facts(mapping, settings);
        let settings = wanted_settings.as_object().unwrap().clone().into_iter().collect();
        let schema = Schema { mapping: wanted, settings };
        let target = TargetPlan {
            index: "t".to_owned(),
            schema: "t".to_owned(),
            meta: None,
            shards: 2,
            replicas: 1,
            table,
        };
        decide(Candidate {
            facts: &facts,
            target: &target,
            schema: &schema,
            engine: (EngineKind::Opensearch, "2.19.1"),
        })
        .map(|start| start.cleared)
    }

    #[test]
    fn an_index_with_a_table_is_copied() {
        let mapping = json!({"properties": {"a": {"type": "keyword"}}});
        let table = json!({
            "database": "main", "kind": "mysql", "name": "t", "key": ["id"],
            "columns": [{"name": "id", "type": "string(40)", "content": "id"}],
        });
        let table = serde_json::from_value(table).unwrap();
        let (live, wanted) = ((mapping.clone(), [].as_slice()), (mapping, json!({})));
        assert!(decided_with(None, live.clone(), wanted.clone()).is_ok());
        let told = decided_with(Some(table), live, wanted);
        assert_eq!(told, Err("its documents become rows of a table".to_owned()));
    }

    #[test]
    fn mappings_have_to_be_equal_where_they_cant_be_changed() {
        let a = json!({"properties": {"a": {"type": "keyword"}}});
        let with = |more: Value| json!({"properties": {"a": {"type": "keyword"}, "b": more}});
        let cases = [
            (a.clone(), a.clone(), "ok"),
            (json!({"_meta": {"x": 1}, "properties": {"a": {"type": "keyword"}}}), a.clone(), "ok"),
            // What an engine leaves out of what it was given.
            (a.clone(), json!({"properties": {"a": {"type": "keyword", "index": true}}}), "ok"),
            (
                json!({"properties": {"o": {"properties": {}}}}),
                json!({"properties": {"o": {"type": "object", "properties": {}}}}),
                "ok",
            ),
            (
                json!({"dynamic": "false", "properties": {"a": {"type": "keyword", "ignore_above": 9}}}),
                json!({"dynamic": false, "properties": {"a": {"type": "keyword", "ignore_above": "9"}}}),
                "ok",
            ),
            (with(json!({"type": "long"})), a.clone(), "ok"),
            (
                json!({"dynamic": "strict", "properties": {"a": {"type": "long"}, "b": {"type": "long"}}}),
                json!({"dynamic": "strict", "properties": {"a": {"type": "long"}}}),
                "the live index has a field `b` that is not in the new one",
            ),
            (a, with(json!({"type": "long"})), "the live index has no field `b`"),
            (
                with(json!({"type": "long"})),
                with(json!({"type": "integer"})),
                "the field `b` is another one in the live index",
            ),
            (
                with(json!({"properties": {"c": {"type": "long"}}})),
                with(json!({"properties": {"c": {"type": "text"}}})),
                "the field `b.c` is another one in the live index",
            ),
            (
                with(json!({"properties": {"c": {"type": "long"}}})),
                with(json!({"dynamic": false, "properties": {}})),
                "the field `b` is another one in the live index",
            ),
            (
                json!({"date_detection": false, "properties": {}}),
                json!({"properties": {}}),
                "`date_detection` of its mapping is another one in the live index",
            ),
        ];
        for (live, wanted, expected) in cases {
            let shown = format!("{live} {wanted}");
            let found = decided((live, &[]), (wanted, json!({})));
            assert_eq!(found.err().unwrap_or_else(|| "ok".to_owned()), expected, "{shown}");
        }
    }

    #[test]
    fn settings_have_to_be_equal_or_changeable() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Value, Result<Vec<&'a str>, &'a str>);
        let cases: [Case<'_>; 8] = [
            (
                &[("uuid", "x"), ("version.created", "136407927"), ("blocks.write", "true")],
                json!({}),
                Ok(vec![]),
            ),
            (&[("refresh_interval", "5s")], json!({"refresh_interval": "9s"}), Ok(vec![])),
            (&[("priority", "5")], json!({}), Ok(vec!["index.priority"])),
            (
                &[("final_pipeline", "p")],
                json!({"final_pipeline": "p"}),
                Ok(vec!["index.final_pipeline"]),
            ),
            (&[("codec", "best_compression")], json!({"codec": "best_compression"}), Ok(vec![])),
            (
                &[("codec", "best_compression")],
                json!({}),
                Err("its setting `codec` can't be changed any more"),
            ),
            (
                &[],
                json!({"analysis.analyzer.x.type": "keyword"}),
                Err(
                    "it lacks the setting `analysis.analyzer.x.type`, which can't be given any more",
                ),
            ),
            (
                &[("version.created", "135238227")],
                json!({}),
                Err("an older major version of the engine made it"),
            ),
        ];
        for (live, wanted, expected) in cases {
            let expected = expected
                .map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
                .map_err(str::to_owned);
            let mapping = json!({"properties": {}});
            assert_eq!(decided((mapping.clone(), live), (mapping, wanted)), expected, "{live:?}");
        }
    }
}
