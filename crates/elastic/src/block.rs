//! Write blocks: setting them so that no write is under way any more, and lifting them.

use std::collections::BTreeSet;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::class::Class;
use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::{Path, name_lists};
use crate::retry::{passes, repeat};
use crate::transport::{Effect, Request};

#[derive(Deserialize)]
struct BlockAnswer {
    acknowledged: bool,
    shards_acknowledged: bool,
    #[serde(default)]
    indices: Vec<BlockedIndex>,
}

#[derive(Deserialize)]
struct BlockedIndex {
    name: String,
    #[serde(default)]
    blocked: bool,
    exception: Option<Value>,
    failed_shards: Option<Value>,
}

impl Cluster {
    /// Blocks writes on all these indices and waits until no write is under way on any of their shards.
    ///
    /// Done only when the cluster acknowledged it, every shard acknowledged it and every index is named as blocked.
    /// An index that carried the block before is accepted after a look at its settings. Many names take several
    /// calls: when one fails, the earlier ones stay blocked, so lift the block with [`Cluster::unblock_writes`].
    pub async fn block_writes(&self, names: &[impl AsRef<str>]) -> Result<(), Failure> {
        let names = IndexName::parse_all(names)?;
        for list in name_lists(&names) {
            let path = Path::indices(&list).segment("_block").segment("write");
            // A repetition is harmless: an index that is blocked already stays so.
            let request = Request::new(Method::PUT, path, Effect::Repeatable);
            let bounds = self.inner.connection.retry;
            repeat(bounds, passes, || self.block_once(&request, &list)).await?;
        }
        Ok(())
    }

    async fn block_once(&self, request: &Request, names: &[&IndexName]) -> Result<(), Failure> {
        let answer: BlockAnswer = self.send(request).await?.read()?;
        let failed = |reason: String| {
            Failure::new(FailureKind::NotAcknowledged, request.title(), reason)
                .with_unknown_outcome(true)
        };
        if !answer.acknowledged {
            return Err(failed("the write block was not acknowledged in time".to_owned()));
        }
        for index in &answer.indices {
            if !index.blocked || index.exception.is_some() || index.failed_shards.is_some() {
                let detail = json!([index.exception, index.failed_shards]);
                return Err(failed(format!("{} is not blocked: {detail}", index.name)));
            }
        }
        // An index that was blocked before is left out of the answer, and when all were, no shard was asked.
        if !answer.indices.is_empty() && !answer.shards_acknowledged {
            return Err(failed("not every shard acknowledged the write block".to_owned()));
        }
        let seen: BTreeSet<&str> = answer.indices.iter().map(|index| index.name.as_str()).collect();
        for name in names.iter().filter(|name| !seen.contains(name.as_str())) {
            if !self.is_write_blocked(name.as_str()).await? {
                return Err(failed(format!("{name} is not blocked")));
            }
        }
        Ok(())
    }

    /// Whether an index carries the write block.
    pub async fn is_write_blocked(&self, name: &str) -> Result<bool, Failure> {
        let settings = self.settings(name).await?;
        Ok(settings.get("index.blocks.write").and_then(Value::as_str) == Some("true"))
    }

    /// Lifts the write block of all these indices. An index that has none, or is gone, is fine.
    pub async fn unblock_writes(&self, names: &[impl AsRef<str>]) -> Result<(), Failure> {
        let names = IndexName::parse_all(names)?;
        let body = json!({"index.blocks.write": null});
        for list in name_lists(&names) {
            let path = Path::indices(&list)
                .segment("_settings")
                .parameter("ignore_unavailable", true)
                .parameter("allow_no_indices", true);
            let request = Request::new(Method::PUT, path, Effect::Repeatable).json(&body);
            match self.send_acknowledged(&request).await {
                Err(failure) if failure.is_index_absent() && failure.class() == Class::Operator => {
                }
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }
}
