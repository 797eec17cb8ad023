//! What is asked about the cluster as a whole: identity, health, settings, nodes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::Refusal;
use crate::names::{Expansion, matches, resolve};
use crate::node::{Flavour, Index, Node};
use crate::request::{Answer, Request};
use crate::settings::{flatten_into, nest};

/// The disk that the pocket cluster says it has.
const DISK_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// `GET /`.
pub(crate) fn identity(node: &Node) -> Answer {
    let version = match node.flavour {
        Flavour::OpenSearch => json!({
            "distribution": "opensearch",
            "number": node.flavour.version(),
            "build_type": "pocket",
            "build_snapshot": false,
            "lucene_version": "9.12.1",
            "minimum_wire_compatibility_version": "7.10.0",
            "minimum_index_compatibility_version": "7.0.0",
        }),
        Flavour::Elasticsearch => json!({
            "number": node.flavour.version(),
            "build_flavor": "oss",
            "build_type": "pocket",
            "build_snapshot": false,
            "lucene_version": "8.7.0",
            "minimum_wire_compatibility_version": "6.8.0",
            "minimum_index_compatibility_version": "6.0.0-beta1",
        }),
    };
    let tagline = match node.flavour {
        Flavour::OpenSearch => "The OpenSearch Project: https://opensearch.org/",
        Flavour::Elasticsearch => "You Know, for Search",
    };
    Answer::ok(&json!({
        "name": "pocket",
        "cluster_name": "lockstep-pocket",
        "cluster_uuid": node.cluster_uuid,
        "version": version,
        "tagline": tagline,
        "pocket": true,
    }))
}

/// `GET /_cluster/health` and `GET /_cluster/health/I`. One node can't hold replicas, so an index
/// with any is yellow, for ever: waiting would change nothing and the answer comes at once.
pub(crate) fn health(node: &Node, expression: &str, request: &Request) -> Result<Answer, Refusal> {
    let expansion = Expansion { hidden: true, closed: true, ..Expansion::METADATA }.of(request)?;
    let state = node.read();
    let Ok(targets) = resolve(&state, expression, expansion) else {
        // As if it had waited in vain for the index to appear.
        let answer = json!({
            "cluster_name": "lockstep-pocket", "status": "red", "timed_out": true,
            "number_of_nodes": 1, "number_of_data_nodes": 1, "active_primary_shards": 0,
            "active_shards": 0, "unassigned_shards": 0,
        });
        return Ok(Answer::json(408, &answer));
    };
    let sum = |count: fn(&Index) -> u32| -> u32 {
        targets.iter().map(|target| target.index).filter(|index| index.open).map(count).sum()
    };
    let active = sum(|index| index.settings.shards());
    let unassigned = sum(|index| index.copies() - index.settings.shards());
    let status = if unassigned == 0 { "green" } else { "yellow" };
    let too_bad = match request.parameter("wait_for_status") {
        Some("green") => status != "green",
        Some("yellow" | "red") | None => false,
        Some(other) => {
            return Err(Refusal::illegal_argument(format!(
                "unknown cluster health status [{other}]"
            )));
        }
    };
    let copies = f64::from(active + unassigned);
    let percent = if copies > 0.0 { f64::from(active) * 100.0 / copies } else { 100.0 };
    let answer = json!({
        "cluster_name": "lockstep-pocket",
        "status": status,
        "timed_out": too_bad,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "discovered_master": true,
        "active_primary_shards": active,
        "active_shards": active,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": unassigned,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": percent,
    });
    Ok(Answer::json(if too_bad { 408 } else { 200 }, &answer))
}

/// `GET /_cluster/state/metadata/I`, as far as it tells which primaries there are. What isn't there is left out.
pub(crate) fn metadata(
    node: &Node,
    expression: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    let expansion = Expansion::METADATA.of(request)?;
    let state = node.read();
    let mut indices = Map::new();
    // Each by itself: a name that means nothing is no refusal here, and a closed index is there.
    let parts = expression.split(',').filter_map(|part| resolve(&state, part, expansion).ok());
    for target in parts.flatten() {
        let Index { name, uuid, open, .. } = target.index;
        let terms: Map<String, Value> = target.index.primary_terms().collect();
        let metadata = json!({
            "state": if *open { "open" } else { "close" },
            "settings": {"index": {"uuid": uuid}},
            "primary_terms": terms,
        });
        indices.insert(name.clone(), metadata);
    }
    Ok(Answer::ok(&json!({
        "cluster_name": "lockstep-pocket",
        "cluster_uuid": node.cluster_uuid,
        "metadata": {"cluster_uuid": node.cluster_uuid, "indices": indices},
    })))
}

/// `GET /_cluster/settings`.
pub(crate) fn settings(node: &Node, request: &Request) -> Result<Answer, Refusal> {
    let flat = request.flag("flat_settings")?.unwrap_or(false);
    let state = node.read();
    let mut answer = Map::new();
    answer.insert("persistent".into(), shape(&state.persistent, flat));
    answer.insert("transient".into(), shape(&state.transient, flat));
    if request.flag("include_defaults")?.unwrap_or(false) {
        let mut defaults: BTreeMap<String, Value> = [
            ("action.auto_create_index", "true".to_owned()),
            ("action.destructive_requires_name", "false".to_owned()),
            ("cluster.max_shards_per_node", node.shards_max.to_string()),
            ("cluster.routing.allocation.disk.threshold_enabled", "true".to_owned()),
            ("cluster.routing.allocation.disk.watermark.flood_stage", "95%".to_owned()),
            ("cluster.routing.allocation.disk.watermark.high", "90%".to_owned()),
            ("cluster.routing.allocation.disk.watermark.low", "85%".to_owned()),
            ("cluster.routing.allocation.enable", "all".to_owned()),
            ("http.max_content_length", "100mb".to_owned()),
            ("search.max_open_scroll_context", "500".to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Value::String(value)))
        .collect();
        defaults.retain(|key, _| state.cluster_setting(key).is_none());
        answer.insert("defaults".into(), shape(&defaults, flat));
    }
    Ok(Answer::ok(&Value::Object(answer)))
}

fn shape(values: &BTreeMap<String, Value>, flat: bool) -> Value {
    if flat {
        values.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    } else {
        nest(values)
    }
}

/// Cluster settings that may be set, as patterns.
const KNOWN: [&str; 14] = [
    "action.auto_create_index",
    "action.destructive_requires_name",
    "cluster.blocks.*",
    "cluster.info.*",
    "cluster.max_shards_per_node",
    "cluster.routing.*",
    "cluster.metadata.*",
    "indices.*",
    "ingest.*",
    "logger.*",
    "network.*",
    "script.*",
    "search.*",
    "thread_pool.*",
];

/// `PUT /_cluster/settings`.
pub(crate) fn put_settings(node: &Node, request: &Request) -> Result<Answer, Refusal> {
    let body = request.json_required()?;
    let part = |name: &str| -> Result<BTreeMap<String, Value>, Refusal> {
        let mut flat = BTreeMap::new();
        if let Some(Value::Object(map)) = body.get(name) {
            flatten_into("", map, &mut flat);
        }
        for key in flat.keys() {
            if !KNOWN.iter().any(|pattern| matches(pattern, key)) {
                let reason = format!("{name} setting [{key}], not recognized");
                return Err(Refusal::illegal_argument(reason));
            }
        }
        Ok(flat)
    };
    let (persistent, transient) = (part("persistent")?, part("transient")?);
    if persistent.is_empty() && transient.is_empty() {
        return Err(Refusal::validation(&["no settings to update".to_owned()]));
    }
    let limit = "cluster.max_shards_per_node";
    for values in [&persistent, &transient] {
        if let Some(text) = values.get(limit).and_then(Value::as_str)
            && text.parse::<u32>().is_err()
        {
            let reason = format!("Failed to parse value [{text}] for setting [{limit}]");
            return Err(Refusal::illegal_argument(reason));
        }
    }
    let mut state = node.change();
    let answer = json!({
        "acknowledged": true,
        "persistent": nest(&given(&persistent)),
        "transient": nest(&given(&transient)),
    });
    update(&mut state.persistent, persistent);
    update(&mut state.transient, transient);
    Ok(Answer::ok(&answer))
}

fn given(values: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    values
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn update(settings: &mut BTreeMap<String, Value>, values: BTreeMap<String, Value>) {
    for (key, value) in values {
        if value.is_null() {
            settings.retain(|known, _| !matches(&key, known));
        } else {
            settings.insert(key, value);
        }
    }
}

/// `GET /_nodes/stats/fs`.
pub(crate) fn node_stats(node: &Node) -> Answer {
    let state = node.read();
    let used: usize = state
        .indices
        .values()
        .flat_map(|index| &index.shards)
        .map(|shard| crate::node::read_shard(shard).bytes())
        .sum();
    let free = DISK_BYTES.saturating_sub(u64::try_from(used).unwrap_or(u64::MAX));
    let total = json!({
        "total_in_bytes": DISK_BYTES, "free_in_bytes": free, "available_in_bytes": free,
    });
    Answer::ok(&json!({
        "_nodes": {"total": 1, "successful": 1, "failed": 0},
        "cluster_name": "lockstep-pocket",
        "nodes": {node.id.clone(): {
            "name": "pocket",
            "roles": ["data", "ingest", "master"],
            "fs": {"total": total, "data": [total]},
        }},
    }))
}
