//! Snapshots of indices in a repository that the cluster knows: begun, and looked at until they are over.
//!
//! Contract suite: `95-snapshots.yaml`, on real engines only.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::name::IndexName;
use crate::path::Path;
use crate::transport::{Effect, Request};

/// How far a snapshot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether it is over, and how.
    pub state: SnapshotState,
    /// Shards that it is about.
    pub shards_total: u64,
    /// Shards that are in it.
    pub shards_done: u64,
    /// Why shards failed: the first reason.
    pub reason: Option<String>,
}

/// Whether a snapshot is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotState {
    /// It is being taken.
    UnderWay,
    /// Every shard is in it.
    Whole,
    /// Some shards are missing, or all.
    Failed,
}

#[derive(Deserialize)]
struct SnapshotsAnswer {
    #[serde(default)]
    snapshots: Vec<SnapshotAnswer>,
}

#[derive(Deserialize)]
struct SnapshotAnswer {
    state: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    failures: Vec<ShardFailure>,
    #[serde(default)]
    shards: ShardCounts,
}

#[derive(Deserialize)]
struct ShardFailure {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct ShardCounts {
    #[serde(default)]
    total: u64,
    #[serde(default)]
    successful: u64,
}

#[derive(Deserialize)]
struct StatusesAnswer {
    #[serde(default)]
    snapshots: Vec<StatusAnswer>,
}

#[derive(Deserialize)]
struct StatusAnswer {
    shards_stats: StatusShards,
}

#[derive(Deserialize)]
struct StatusShards {
    total: u64,
    done: u64,
}

impl Cluster {
    /// Begins a snapshot of these indices, whole: one shard that can't be taken fails it.
    ///
    /// Sent once: after a lost answer ([`Failure::outcome_unknown`]) look with [`Cluster::snapshot`].
    pub async fn begin_snapshot(
        &self,
        (repository, name): (&str, &str),
        indices: &[impl AsRef<str>],
    ) -> Result<(), Failure> {
        let indices = IndexName::parse_all(indices)?;
        let names: Vec<&str> = indices.iter().map(IndexName::as_str).collect();
        let body = json!({
            "indices": names,
            "ignore_unavailable": false,
            "include_global_state": false,
            "partial": false,
        });
        let path = path(repository, name).parameter("wait_for_completion", false);
        let request = Request::new(Method::PUT, path, Effect::Once).json(&body);
        self.send(&request).await.map(drop)
    }

    /// How far a snapshot is, when there is one. A repository that isn't there is a failure.
    pub async fn snapshot(
        &self,
        repository: &str,
        name: &str,
    ) -> Result<Option<Snapshot>, Failure> {
        let answer = match self.send(&Request::get(path(repository, name))).await {
            Ok(answer) => answer,
            Err(failure) if failure.error_type() == Some("snapshot_missing_exception") => {
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let Some(found) = answer.read::<SnapshotsAnswer>()?.snapshots.into_iter().next() else {
            return Ok(None);
        };
        let SnapshotAnswer { state, reason, failures, shards } = found;
        let state = match state.as_str() {
            "SUCCESS" if shards.successful == shards.total => SnapshotState::Whole,
            "IN_PROGRESS" | "STARTED" => SnapshotState::UnderWay,
            // Failed, partial, incompatible, or a word that is not known: nothing to rely on.
            _ => SnapshotState::Failed,
        };
        let reason = reason.or_else(|| failures.into_iter().find_map(|failure| failure.reason));
        let (shards_total, shards_done) = match state {
            // Until it is over, the description has no counts.
            SnapshotState::UnderWay => self.snapshot_progress(repository, name).await?,
            SnapshotState::Whole | SnapshotState::Failed => (shards.total, shards.successful),
        };
        Ok(Some(Snapshot { state, shards_total, shards_done, reason }))
    }

    /// Shards in all, and shards that are in it.
    async fn snapshot_progress(&self, repository: &str, name: &str) -> Result<(u64, u64), Failure> {
        let path = path(repository, name).segment("_status");
        let answer: StatusesAnswer = self.send(&Request::get(path)).await?.read()?;
        let shards = answer.snapshots.into_iter().next().map(|status| status.shards_stats);
        Ok(shards.map_or((0, 0), |shards| (shards.total, shards.done)))
    }
}

fn path(repository: &str, name: &str) -> Path {
    Path::fixed("/_snapshot").segment(repository).segment(name)
}
