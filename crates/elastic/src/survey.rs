//! One look at the whole cluster: identity, indices, templates, nodes and limits.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::health::Health;
use crate::identity::Identity;
use crate::index::{IndexDescription, IndexState, OpenState};
use crate::path::Path;
use crate::template::Template;
use crate::transport::Request;

/// What was seen of the whole cluster. Its parts are read one after the other: an index can come or go in between.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Who answers.
    pub identity: Identity,
    /// All indices, open and closed, hidden ones too, by name.
    pub indices: Vec<IndexState>,
    /// All composable templates, by name.
    pub templates: Vec<Template>,
    /// All nodes, by name.
    pub nodes: Vec<Node>,
    /// The health of the cluster.
    pub health: Health,
    /// The bounds that the cluster sets.
    pub limits: ClusterLimits,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Bytes of all its data disks. 0 when it has none.
    pub disk_total_bytes: u64,
    /// Bytes that are free for data on them.
    pub disk_free_bytes: u64,
}

/// The bounds that the cluster sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterLimits {
    /// Copies of shards that a data node may hold: times the data nodes, the bound for the cluster.
    pub shards_per_node_max: Option<u64>,
    /// From where on disks count as full.
    pub disk: DiskWatermarks,
}

/// From where on a disk counts as full: as the cluster writes it, a used share (`85%`) or free bytes (`500mb`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskWatermarks {
    /// No new shard goes to the node.
    pub low: Option<String>,
    /// Shards leave the node.
    pub high: Option<String>,
    /// Indices on the node become read-only.
    pub flood_stage: Option<String>,
    /// Whether the cluster looks at disks at all.
    pub is_enabled: bool,
}

#[derive(Deserialize)]
struct CatLine {
    index: String,
    uuid: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct NodesAnswer {
    #[serde(default)]
    nodes: BTreeMap<String, NodeAnswer>,
}

#[derive(Deserialize)]
struct NodeAnswer {
    #[serde(default)]
    name: String,
    fs: Option<NodeDisks>,
}

#[derive(Deserialize)]
struct NodeDisks {
    total: Option<NodeDiskTotal>,
}

#[derive(Deserialize)]
struct NodeDiskTotal {
    total_in_bytes: Option<u64>,
    available_in_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct SettingsAnswer {
    #[serde(default)]
    persistent: Map<String, Value>,
    #[serde(default)]
    transient: Map<String, Value>,
    #[serde(default)]
    defaults: Map<String, Value>,
}

impl SettingsAnswer {
    /// A setting as text; what is set for now goes before what is kept, and that before the default.
    fn text(&self, key: &str) -> Option<String> {
        let levels = [&self.transient, &self.persistent, &self.defaults];
        match levels.into_iter().find_map(|level| level.get(key))? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn limits(&self) -> ClusterLimits {
        let disk =
            |key: &str| self.text(&format!("cluster.routing.allocation.disk.watermark.{key}"));
        ClusterLimits {
            shards_per_node_max: self
                .text("cluster.max_shards_per_node")
                .and_then(|text| text.parse().ok()),
            disk: DiskWatermarks {
                low: disk("low"),
                high: disk("high"),
                flood_stage: disk("flood_stage"),
                is_enabled: self
                    .text("cluster.routing.allocation.disk.threshold_enabled")
                    .is_none_or(|text| text != "false"),
            },
        }
    }
}

impl Cluster {
    /// Looks at the whole cluster. Changes nothing.
    pub async fn survey(&self) -> Result<Survey, Failure> {
        let identity = self.identity().await?;
        let health = self.health().await?;
        Ok(Survey {
            identity,
            indices: self.indices().await?,
            templates: self.templates().await?,
            nodes: self.nodes().await?,
            health,
            limits: self.limits().await?,
        })
    }

    /// The bounds that the cluster sets, as they are now.
    pub async fn limits(&self) -> Result<ClusterLimits, Failure> {
        let path = Path::fixed("/_cluster/settings?include_defaults=true&flat_settings=true");
        let settings: SettingsAnswer = self.send(&Request::get(path)).await?.read()?;
        Ok(settings.limits())
    }

    /// All indices, open and closed, hidden ones too, by name.
    pub async fn indices(&self) -> Result<Vec<IndexState>, Failure> {
        let wildcards = "open,closed,hidden";
        let path = Path::fixed("/_all?flat_settings=true").parameter("expand_wildcards", wildcards);
        let descriptions: BTreeMap<String, IndexDescription> =
            self.send(&Request::get(path)).await?.read()?;
        let path = Path::fixed("/_cat/indices?format=json&h=index,uuid,status")
            .parameter("expand_wildcards", wildcards);
        let lines: Vec<CatLine> = self.send(&Request::get(path)).await?.read()?;
        let lines: BTreeMap<&str, &CatLine> =
            lines.iter().map(|line| (line.index.as_str(), line)).collect();
        let path = Path::fixed("/_stats/docs,store?level=shards")
            .parameter("expand_wildcards", "open,hidden");
        let (stats, _) = self.stats(path).await?;
        let assembled = descriptions.into_iter().map(|(name, description)| {
            let line = lines.get(name.as_str());
            let own = stats.indices.get(&name);
            let mut index = IndexState::assemble(name, description, own);
            if line.and_then(|line| line.status.as_deref()) == Some("close") {
                index.state = OpenState::Closed;
            }
            // Settings always carry the unique id; the other two calls are a second source.
            if index.uuid.is_empty() {
                let other = line.and_then(|line| line.uuid.clone());
                index.uuid =
                    other.or_else(|| own.and_then(|own| own.uuid.clone())).unwrap_or_default();
            }
            index
        });
        Ok(assembled.collect())
    }

    /// All nodes with the space on their disks, by name.
    pub async fn nodes(&self) -> Result<Vec<Node>, Failure> {
        let answer = self.send(&Request::get(Path::fixed("/_nodes/stats/fs"))).await?;
        let nodes: NodesAnswer = answer.read()?;
        let mut nodes: Vec<Node> = nodes
            .nodes
            .into_values()
            .map(|node| {
                let disk = node.fs.and_then(|fs| fs.total);
                let bytes = |read: fn(&NodeDiskTotal) -> Option<u64>| {
                    disk.as_ref().and_then(read).unwrap_or_default()
                };
                Node {
                    name: node.name,
                    disk_total_bytes: bytes(|disk| disk.total_in_bytes),
                    disk_free_bytes: bytes(|disk| disk.available_in_bytes),
                }
            })
            .collect();
        nodes.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(nodes)
    }
}
