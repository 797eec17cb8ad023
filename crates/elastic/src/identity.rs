//! Who answers at the address.

use std::fmt;

use serde::Deserialize;

use crate::cluster::Cluster;
use crate::connection::RetryBounds;
use crate::failure::{Failure, FailureKind};
use crate::path::Path;
use crate::retry::{passes, repeat};
use crate::transport::Request;

/// Most attempts at the first call.
const FIRST_ATTEMPTS_MAX: u32 = 3;

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

impl fmt::Display for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
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
    ///
    /// Tried three times at most, whatever the connection allows: this is the first call, and a wrong address
    /// should not take a minute to be named.
    pub async fn identity(&self) -> Result<Identity, Failure> {
        let usual = self.inner.connection.retry;
        let bounds =
            RetryBounds { attempts_max: usual.attempts_max.min(FIRST_ATTEMPTS_MAX), ..usual };
        let request = Request::get(Path::root());
        let first = repeat(bounds, passes, async || self.attempt(&request).await).await;
        let answer = first.map_err(|failure| {
            // Any web server may say "not found" or "moved"; no engine does on this path.
            match (failure.error_type(), failure.status()) {
                (None, Some(300..=399 | 404 | 405)) => {
                    let status = failure.status().unwrap_or_default();
                    self.foreign(&format!("answers {status} to GET /"))
                }
                _ => failure,
            }
        })?;
        let greeting: Greeting = serde_json::from_slice(&answer.bytes)
            .map_err(|_not_ours| self.foreign("does not introduce itself as one"))?;
        let Some(version) = greeting.version else {
            return Err(self.foreign("does not name its version"));
        };
        let by_name = match version.distribution.as_deref() {
            Some("opensearch") => Some(Engine::OpenSearch),
            None if greeting.tagline.contains("OpenSearch") => Some(Engine::OpenSearch),
            None if version.lucene_version.is_some() => Some(Engine::Elasticsearch),
            None if greeting.tagline == "You Know, for Search" => Some(Engine::Elasticsearch),
            Some(_) | None => None,
        };
        let (Some(engine), Some(cluster_name)) = (by_name, greeting.cluster_name) else {
            return Err(self.foreign("introduces itself as something else"));
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

    fn foreign(&self, what: &str) -> Failure {
        let reason = format!("the server at {} {what}", self.address());
        Failure::new(FailureKind::NotAnEngine, "GET /", reason)
    }
}
