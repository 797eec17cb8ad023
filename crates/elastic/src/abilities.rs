//! What the cluster can do where engines and versions differ: probed by harmless requests, not guessed from the version.

use http::Method;
use serde_json::json;

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::path::Path;
use crate::transport::{Effect, Request};

/// A name that no probe ever creates. The probes ask for things on it that only work where it exists.
const ABSENT: &str = "lockstep-probe-of-something-absent";

/// What the cluster can do where engines and versions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// `_aliases` takes `must_exist` on a `remove`. Elasticsearch 7.10.2 does not.
    pub alias_must_exist: bool,
    /// `PUT /I/_block/write` exists, which waits for writes under way. Absent before Elasticsearch 7.9.
    pub block_api: bool,
    /// `_seq_no` can be searched by range. Single indices can still forbid it: see [`crate::IndexState`].
    pub sequence_numbers_searchable: bool,
    /// The field type for objects with unknown keys, where there is one.
    pub flat_type: Option<FlatType>,
}

/// The name of the field type for objects with unknown keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlatType {
    /// `flattened`: Elasticsearch.
    Flattened,
    /// `flat_object`: OpenSearch from 2.7.
    FlatObject,
}

impl FlatType {
    /// The name as it stands in a mapping.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flattened => "flattened",
            Self::FlatObject => "flat_object",
        }
    }
}

impl Cluster {
    /// Probes what the cluster can do. Changes nothing.
    pub async fn abilities(&self) -> Result<Abilities, Failure> {
        Ok(Abilities {
            alias_must_exist: self.takes_must_exist().await?,
            block_api: self.has_block_api().await?,
            sequence_numbers_searchable: self.searches_sequence_numbers().await?,
            flat_type: self.flat_type().await?,
        })
    }

    /// Removes an alias that is not there from an index that is not there.
    /// An engine that knows `must_exist` misses the index; another one does not understand the body.
    async fn takes_must_exist(&self) -> Result<bool, Failure> {
        let action = json!({"index": ABSENT, "alias": ABSENT, "must_exist": true});
        let body = json!({"actions": [{"remove": action}]});
        let request =
            Request::new(Method::POST, Path::fixed("/_aliases"), Effect::Repeatable).json(&body);
        self.probe(&request, |failure| match (failure.status(), failure.error_type()) {
            (Some(404), _) => Some(true),
            (Some(400), Some("x_content_parse_exception" | "illegal_argument_exception")) => {
                Some(false)
            }
            _ => None,
        })
        .await
    }

    /// Blocks an index that is not there: only an engine that has the call misses the index.
    async fn has_block_api(&self) -> Result<bool, Failure> {
        let path = Path::root().segment(ABSENT).segment("_block").segment("write");
        let request = Request::new(Method::PUT, path, Effect::Repeatable);
        self.probe(&request, |failure| match (failure.status(), failure.is_index_absent()) {
            (Some(404), true) => Some(true),
            (Some(400 | 404 | 405), false) => Some(false),
            _ => None,
        })
        .await
    }

    /// Searches by sequence number in no index at all: the query is still read.
    async fn searches_sequence_numbers(&self) -> Result<bool, Failure> {
        let path = Path::root()
            .segment(ABSENT)
            .segment("_search")
            .parameter("ignore_unavailable", true)
            .parameter("allow_no_indices", true);
        let query = json!({"range": {"_seq_no": {"gte": 0, "lte": 1}}});
        let body = json!({"size": 0, "query": query, "seq_no_primary_term": true});
        let request = Request::new(Method::POST, path, Effect::Read).json(&body);
        self.probe(&request, |failure| (failure.status() == Some(400)).then_some(false)).await
    }

    /// Composes a template in memory for each of the two names: one that the engine does not know is refused.
    async fn flat_type(&self) -> Result<Option<FlatType>, Failure> {
        for flat_type in [FlatType::Flattened, FlatType::FlatObject] {
            let field = json!({"type": flat_type.as_str()});
            let body = json!({
                "index_patterns": [format!("{ABSENT}*")],
                "template": {"mappings": {"properties": {"field": field}}},
            });
            let path = Path::fixed("/_index_template/_simulate");
            let request = Request::new(Method::POST, path, Effect::Read).json(&body);
            let refused = |failure: &Failure| (failure.status() == Some(400)).then_some(false);
            if self.probe(&request, refused).await? {
                return Ok(Some(flat_type));
            }
        }
        Ok(None)
    }

    /// Sends a probe: success is yes, and `verdict` reads the failures that are answers.
    async fn probe(
        &self,
        request: &Request,
        verdict: impl Fn(&Failure) -> Option<bool>,
    ) -> Result<bool, Failure> {
        match self.send(request).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.kind() == FailureKind::Refused => {
                verdict(&failure).ok_or(failure)
            }
            Err(failure) => Err(failure),
        }
    }
}
