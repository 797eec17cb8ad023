//! What was seen in the cluster, as plain facts. The engine fills it from a survey; planning reads it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that planning knows of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Inventory {
    /// The cluster itself.
    pub cluster: ClusterFacts,
    /// All indices by name, other applications' included.
    pub indices: BTreeMap<String, IndexFacts>,
    /// Composable index templates by name, as the engine gives them (`{"index_patterns":…,"template":…}`).
    pub templates: BTreeMap<String, Value>,
}

/// Which engine runs the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Elasticsearch.
    Elasticsearch,
    /// `OpenSearch`.
    Opensearch,
}

impl EngineKind {
    /// The name that packs use for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::Opensearch => "opensearch",
        }
    }
}

/// Facts of the cluster as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterFacts {
    /// The engine.
    pub engine: EngineKind,
    /// The engine's version as it says it.
    pub version: String,
    /// The cluster's name.
    pub name: String,
    /// The cluster's unique id.
    pub uuid: String,
    /// Nodes that hold data.
    pub data_nodes: Vec<NodeFacts>,
    /// Shards that are open, replicas included.
    pub shard_count: u64,
    /// `cluster.max_shards_per_node`.
    pub shards_per_node_max: u64,
    /// Share of a disk above which the engine moves shards away, 0–1 (`cluster.routing.allocation.disk.watermark.high`).
    pub disk_used_share_max: f64,
    /// `green`, `yellow` or `red`.
    pub health: String,
    /// Whether `remove` with `must_exist` fails when the alias is elsewhere, which makes the switch a compare-and-swap.
    pub alias_must_exist: bool,
}

/// Facts of one data node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// The node's name.
    pub name: String,
    /// Disk size in bytes.
    pub disk_bytes: u64,
    /// Free disk in bytes.
    pub disk_free_bytes: u64,
}

/// Facts of one index.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexFacts {
    /// The index's unique id; a re-created index has another one.
    pub uuid: String,
    /// Whether it is open.
    pub is_open: bool,
    /// Whether it belongs to a data stream.
    pub in_data_stream: bool,
    /// Aliases with their properties (`filter`, `index_routing`, `search_routing`, `is_write_index`, …).
    pub aliases: BTreeMap<String, Value>,
    /// The mapping (`{"dynamic":…,"_meta":…,"properties":…}`).
    pub mapping: Value,
    /// Settings, flat, without the prefix `index.`; values are texts as the engine gives them.
    pub settings: BTreeMap<String, String>,
    /// Number of primary shards.
    pub primaries: u32,
    /// Number of replicas.
    pub replicas: u32,
    /// Live documents, nested ones not counted apart from Lucene's own count.
    pub document_count: u64,
    /// Bytes on disk of the primaries.
    pub bytes: u64,
    /// Positions of the primaries, by shard number; empty for a closed index.
    pub shards: Vec<ShardFacts>,
}

/// Where a primary shard's numbered log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardFacts {
    /// The shard's number.
    pub shard: u32,
    /// The highest number given, -1 for none.
    pub max_seq_no: i64,
    /// Everything up to here is on every copy, -1 for none.
    pub global_checkpoint: i64,
    /// Live documents.
    pub document_count: u64,
}
