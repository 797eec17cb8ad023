//! A look at the cluster, turned into the facts that planning reads.

use std::collections::BTreeMap;

use lockstep_core::inventory::{
    ClusterFacts, EngineKind, IndexFacts, Inventory, NodeFacts, ShardFacts,
};
use lockstep_elastic::{
    Abilities, Cluster, ClusterLimits, Engine, HealthStatus, IndexState, Node, OpenState,
    ShardPosition, Survey,
};
use serde_json::Value;

use crate::error::EngineError;

/// The engine's own default for `cluster.max_shards_per_node`.
const SHARDS_PER_NODE_DEFAULT: u64 = 1_000;
/// The engine's own default for the high disk watermark.
pub(crate) const DISK_HIGH_DEFAULT: f64 = 0.9;
/// The engine's own default for the low disk watermark.
pub(crate) const DISK_LOW_DEFAULT: f64 = 0.85;

/// Looks at the whole cluster. Changes nothing.
///
/// # Errors
/// [`EngineError::Cluster`] when it can't be seen whole.
pub async fn survey(cluster: &Cluster) -> Result<Inventory, EngineError> {
    let abilities = cluster.abilities().await?;
    let survey = cluster.survey().await?;
    Ok(inventory(survey, abilities))
}

fn inventory(survey: Survey, abilities: Abilities) -> Inventory {
    let Survey { identity, indices, templates, nodes, health, limits } = survey;
    let cluster = ClusterFacts {
        engine: match identity.engine {
            Engine::Elasticsearch => EngineKind::Elasticsearch,
            Engine::OpenSearch => EngineKind::Opensearch,
        },
        version: identity.version,
        name: identity.cluster_name,
        uuid: identity.cluster_uuid,
        disk_used_share_max: disk_used_share_max(&limits, &nodes),
        data_nodes: nodes
            .into_iter()
            .filter(|node| node.disk_total_bytes > 0)
            .map(node_facts)
            .collect(),
        shard_count: health.active_shards + health.unassigned_shards,
        shards_per_node_max: limits.shards_per_node_max.unwrap_or(SHARDS_PER_NODE_DEFAULT),
        health: match health.status {
            HealthStatus::Green => "green".to_owned(),
            HealthStatus::Yellow => "yellow".to_owned(),
            HealthStatus::Red => "red".to_owned(),
        },
        alias_must_exist: abilities.alias_must_exist,
    };
    Inventory {
        cluster,
        indices: indices
            .into_iter()
            .map(|index| (index.name.clone(), index_facts(index)))
            .collect(),
        templates: templates.into_iter().map(|template| (template.name, template.body)).collect(),
    }
}

fn node_facts(node: Node) -> NodeFacts {
    NodeFacts {
        name: node.name,
        disk_bytes: node.disk_total_bytes,
        disk_free_bytes: node.disk_free_bytes,
    }
}

/// The high watermark as a share of the disk, for the smallest one.
fn disk_used_share_max(limits: &ClusterLimits, nodes: &[Node]) -> f64 {
    let smallest = nodes.iter().map(|node| node.disk_total_bytes).filter(|bytes| *bytes > 0).min();
    used_share_max(limits.disk.high.as_deref(), smallest.unwrap_or_default(), DISK_HIGH_DEFAULT)
}

/// A watermark as a share of a disk. It is written as a used share (`90%`, `0.9`) or as free bytes (`500mb`).
pub(crate) fn used_share_max(text: Option<&str>, disk_bytes: u64, default: f64) -> f64 {
    let Some(text) = text else { return default };
    if let Some(percent) = text.strip_suffix('%') {
        return percent.parse::<f64>().map_or(default, |percent| percent / 100.0);
    }
    if let Ok(share) = text.parse::<f64>() {
        return share;
    }
    match free_bytes(text) {
        Some(free) if disk_bytes > 0 => 1.0 - (free / bytes_as_f64(disk_bytes)).min(1.0),
        Some(_) | None => default,
    }
}

/// The share of a node's disk that is used. The node has a disk.
pub(crate) fn used_share(node: &Node) -> f64 {
    1.0 - bytes_as_f64(node.disk_free_bytes) / bytes_as_f64(node.disk_total_bytes)
}

#[expect(clippy::cast_precision_loss, reason = "disk sizes are compared roughly")]
fn bytes_as_f64(bytes: u64) -> f64 {
    bytes as f64
}

/// Reads a byte size such as `500mb`, as the engines write it.
fn free_bytes(text: &str) -> Option<f64> {
    let text = text.to_ascii_lowercase();
    let units = [("tb", 40), ("gb", 30), ("mb", 20), ("kb", 10), ("b", 0)];
    let (number, power) =
        units.iter().find_map(|(unit, power)| Some((text.strip_suffix(unit)?, *power)))?;
    number.trim().parse::<f64>().ok().map(|number| number * 2_f64.powi(power))
}

fn index_facts(index: IndexState) -> IndexFacts {
    let aliases = index
        .aliases
        .into_iter()
        .map(|(alias, properties)| (alias, Value::Object(properties)))
        .collect();
    let settings: BTreeMap<String, String> = index
        .settings
        .iter()
        .filter_map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some((name.strip_prefix("index.")?.to_owned(), text))
        })
        .collect();
    IndexFacts {
        uuid: index.uuid,
        is_open: index.state == OpenState::Open,
        in_data_stream: index.data_stream.is_some(),
        aliases,
        mapping: index.mapping,
        settings,
        primaries: index.primaries,
        replicas: index.replicas,
        document_count: index.docs,
        bytes: index.store_bytes,
        shards: index.shards.iter().map(shard_facts).collect(),
    }
}

pub(crate) fn shard_facts(position: &ShardPosition) -> ShardFacts {
    ShardFacts {
        shard: position.number,
        max_seq_no: position.max_seq_no,
        global_checkpoint: position.global_checkpoint,
        document_count: position.docs,
    }
}

#[cfg(test)]
mod tests {
    use lockstep_elastic::DiskWatermarks;

    use super::*;

    #[test]
    fn the_high_watermark_is_understood_in_all_its_forms() {
        let nodes =
            [Node { name: "a".to_owned(), disk_total_bytes: 1_000 << 20, disk_free_bytes: 0 }];
        let share = |text: Option<&str>| {
            let disk =
                DiskWatermarks { high: text.map(str::to_owned), ..DiskWatermarks::default() };
            disk_used_share_max(&ClusterLimits { shards_per_node_max: None, disk }, &nodes)
        };
        assert!((share(Some("85%")) - 0.85).abs() < 1e-9);
        assert!((share(Some("0.8")) - 0.8).abs() < 1e-9);
        assert!((share(Some("500mb")) - 0.5).abs() < 1e-9);
        assert!((share(Some("nonsense")) - 0.9).abs() < 1e-9);
        assert!((share(None) - 0.9).abs() < 1e-9);
    }
}
