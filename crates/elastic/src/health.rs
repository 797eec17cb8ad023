//! The health of the cluster or of some indices, with or without waiting for it.

use std::time::Duration;

use serde::Deserialize;

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::{Path, name_lists};
use crate::retry::{passes, repeat};
use crate::transport::Request;

/// Shortest time between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The health of the cluster or of some indices.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// The worst status of any shard.
    pub status: HealthStatus,
    /// True when the wished status was not reached in time.
    pub timed_out: bool,
    /// Started copies of shards, primaries and replicas.
    pub active_shards: u64,
    /// Copies of shards that have no node.
    pub unassigned_shards: u64,
    /// Nodes that hold data.
    pub number_of_data_nodes: u64,
}

/// The worst status of any shard. Ordered: worse is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// A primary is missing.
    Red,
    /// A replica is missing.
    Yellow,
    /// All copies are there.
    Green,
}

impl HealthStatus {
    /// The status as the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Green => "green",
        }
    }
}

impl Cluster {
    /// The health of the whole cluster, now.
    pub async fn health(&self) -> Result<Health, Failure> {
        self.send(&Request::get(Path::fixed("/_cluster/health"))).await?.read()
    }

    /// How many copies of shards of these indices are being built now. None are where a copy has no node to go to.
    pub async fn initializing_shards(&self, names: &[impl AsRef<str>]) -> Result<u64, Failure> {
        #[derive(Deserialize)]
        struct Building {
            initializing_shards: u64,
        }
        let names = IndexName::parse_all(names)?;
        let mut count = 0;
        for list in name_lists(&names) {
            let request = Request::get(Path::fixed("/_cluster/health").list(&list));
            count += self.send(&request).await?.read::<Building>()?.initializing_shards;
        }
        Ok(count)
    }

    /// Waits until all these indices have at least this status.
    ///
    /// [`FailureKind::NotAcknowledged`] when they have not after `timeout`.
    pub async fn wait_for_health(
        &self,
        names: &[impl AsRef<str>],
        status: HealthStatus,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let names = IndexName::parse_all(names)?;
        let deadline = tokio::time::Instant::now() + timeout;
        for list in name_lists(&names) {
            loop {
                let left = deadline.saturating_duration_since(tokio::time::Instant::now());
                if self.waited_for_health(&list, status, left).await? {
                    break;
                }
                // An answer that comes sooner than it was asked for must not turn this into a busy loop.
                tokio::time::sleep(left.min(PAUSE)).await;
                if left.is_zero() {
                    let reason = format!("not {} after {} s", status.as_str(), timeout.as_secs());
                    let request = "GET /_cluster/health";
                    return Err(Failure::new(FailureKind::NotAcknowledged, request, reason));
                }
            }
        }
        Ok(())
    }

    /// One wait of at most 30 s: a longer one would be taken for a dead connection by proxies.
    async fn waited_for_health(
        &self,
        names: &[&IndexName],
        status: HealthStatus,
        left: Duration,
    ) -> Result<bool, Failure> {
        let wait = left.min(Duration::from_secs(30));
        let path = Path::fixed("/_cluster/health")
            .list(names)
            .parameter("wait_for_status", status.as_str())
            .parameter("timeout", format!("{}ms", wait.as_millis()));
        let request = Request::get(path).with_extra_time(wait);
        // The engines answer a wait that ran out with 408: an outcome, not a trouble to repeat.
        let may_repeat = |failure: &Failure| passes(failure) && failure.status() != Some(408);
        let bounds = self.inner.connection.retry;
        match repeat(bounds, may_repeat, async || self.attempt(&request).await).await {
            Ok(answer) => {
                let health: Health = answer.read()?;
                Ok(!health.timed_out && health.status >= status)
            }
            Err(failure) if failure.status() == Some(408) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
