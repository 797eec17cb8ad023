//! Who answers at the address.

use serde::Deserialize;

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::path::Path;
use crate::transport::Request;

/// Who answers at the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which of the two engines.
    pub engine: Engine,
    /// Its version as it says it, such as `2.19.1`.
    pub version: String,
    /// The name of the cluster.
    pub cluster_name: String,
    /// The cluster's own unique id.
    pub cluster_uuid: String,
    /// The name of the node that answered.
    pub node_name: String,
    /// True for the pocket cluster, which keeps nothing.
    pub is_pocket: bool,
}

/// Which of the two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
}

impl Engine {
    /// The engine's name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::OpenSearch => "opensearch",
        }
    }
}

#[derive(Deserialize)]
struct Greeting {
    #[serde(default)]
    name: String,
    cluster_name: Option<String>,
    #[serde(default)]
    cluster_uuid: String,
    version: Option<GreetingVersion>,
    #[serde(default)]
    tagline: String,
    #[serde(default)]
    pocket: bool,
}

#[derive(Deserialize)]
struct GreetingVersion {
    number: String,
    distribution: Option<String>,
    lucene_version: Option<String>,
    #[serde(default)]
    pocket: bool,
}

impl Cluster {
    /// Asks who answers. Something else than an engine is [`FailureKind::NotAnEngine`].
    pub async fn identity(&self) -> Result<Identity, Failure> {
        let answer = self.send(&Request::get(Path::root())).await.map_err(|failure| {
            // Any web server may say "not found" or "moved"; no engine does on this path.
            match (failure.error_type(), failure.status()) {
                (None, Some(300..=399 | 404 | 405)) => {
                    let status = failure.status().unwrap_or_default();
                    let reason = format!("the server answers {status} to GET /");
                    Failure::new(FailureKind::NotAnEngine, "GET /", reason)
                }
                _ => failure,
            }
        })?;
        let foreign = |reason: &str| Failure::new(FailureKind::NotAnEngine, "GET /", reason);
        let greeting: Greeting = serde_json::from_slice(&answer.bytes)
            .map_err(|_not_ours| foreign("the server does not introduce itself as one"))?;
        let Some(version) = greeting.version else {
            return Err(foreign("the server does not name its version"));
        };
        let by_name = match version.distribution.as_deref() {
            Some("opensearch") => Some(Engine::OpenSearch),
            None if greeting.tagline.contains("OpenSearch") => Some(Engine::OpenSearch),
            None if version.lucene_version.is_some() => Some(Engine::Elasticsearch),
            None if greeting.tagline == "You Know, for Search" => Some(Engine::Elasticsearch),
            Some(_) | None => None,
        };
        let (Some(engine), Some(cluster_name)) = (by_name, greeting.cluster_name) else {
            return Err(foreign("the server introduces itself as something else"));
        };
        let is_pocket = greeting.pocket || version.pocket || greeting.tagline.contains("pocket");
        Ok(Identity {
            engine,
            version: version.number,
            cluster_name,
            cluster_uuid: greeting.cluster_uuid,
            node_name: greeting.name,
            is_pocket,
        })
    }
}
