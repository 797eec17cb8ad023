//! Clone: an index made of another one's files by hard links, within moments and whatever its size.
//!
//! The source has to be blocked for writes. The clone has its documents with their sequence numbers and versions, its mapping,
//! and its settings unless the request says otherwise; aliases are not taken along. Contract suite: `25-clone.yaml`; documented
//! as "clone index API".

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::Path;
use crate::search::OWN_SEARCHES;
use crate::transport::{Effect, Request};

/// Documents that are looked at for versions of their own.
const VERSIONS_LOOKED_AT: usize = 100;

#[derive(Deserialize)]
struct CloneAnswer {
    #[serde(default)]
    shards_acknowledged: bool,
}

impl Cluster {
    /// Makes `target` a clone of `source`, and waits until its primaries are there. `body` may hold `settings` (a `null` keeps
    /// the source's from being taken along) and `aliases`.
    ///
    /// Sent once: a lost answer is [`Failure::outcome_unknown`]. So is a clone whose shards are not there within `limit`: it is
    /// perhaps still being made.
    pub async fn clone_index(
        &self,
        (source, target): (&str, &str),
        body: &Value,
        limit: Duration,
    ) -> Result<(), Failure> {
        let path = Path::index(&IndexName::parse(source)?)
            .segment("_clone")
            .segment(IndexName::parse(target)?.as_str())
            .parameter("wait_for_active_shards", 1)
            .parameter("timeout", format_args!("{}ms", limit.as_millis()));
        let request = Request::new(Method::POST, path, Effect::Once).json(body);
        let answer = self.send_acknowledged(&request).await?;
        let CloneAnswer { shards_acknowledged } = answer.read()?;
        if shards_acknowledged {
            return Ok(());
        }
        let reason = format!("the shards of the clone were not there within {limit:?}");
        Err(Failure::new(FailureKind::NotAcknowledged, request.title(), reason)
            .with_unknown_outcome(true))
    }

    /// Whether some of the documents that were written last have versions above `_seq_no + 1`: the application gives them
    /// versions of its own. The engine's own count from 1 by document, so they never get there.
    pub async fn has_foreign_versions(&self, name: &str) -> Result<bool, Failure> {
        let body = json!({
            "size": VERSIONS_LOOKED_AT,
            "stats": [OWN_SEARCHES],
            "query": {"match_all": {}},
            "sort": [{"_seq_no": "desc"}],
        });
        let page = self.search(name, &body).await?;
        Ok(page.hits().any(|hit| {
            let highest = u64::try_from(hit.seq_no).unwrap_or_default().saturating_add(1);
            hit.version > highest
        }))
    }
}
