//! Statistics as the API writes them: how many shards took part in an answer, and what each of them says.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::path::Path;
use crate::transport::{Answer, Request};
use crate::usage::ReadStats;
use crate::watermark::ShardPosition;

#[derive(Deserialize)]
pub(crate) struct StatsAnswer {
    #[serde(rename = "_shards")]
    shards: ShardTally,
    #[serde(default)]
    pub(crate) indices: BTreeMap<String, IndexStats>,
}

/// How many shards took part in an answer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ShardTally {
    pub(crate) total: u32,
    pub(crate) successful: u32,
    failed: u32,
    #[serde(default)]
    failures: Vec<ShardFailure>,
}

#[derive(Debug, Deserialize)]
struct ShardFailure {
    reason: Option<ShardFailureReason>,
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ShardFailureReason {
    #[serde(rename = "type")]
    error_type: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct IndexStats {
    pub(crate) uuid: Option<String>,
    pub(crate) primaries: Option<PrimaryStats>,
    pub(crate) total: Option<ReadStats>,
    #[serde(default)]
    shards: BTreeMap<String, Vec<CopyStats>>,
}

#[derive(Deserialize)]
pub(crate) struct PrimaryStats {
    pub(crate) docs: Option<DocumentStats>,
    pub(crate) store: Option<StoreStats>,
}

#[derive(Deserialize)]
pub(crate) struct DocumentStats {
    pub(crate) count: u64,
}

#[derive(Deserialize)]
pub(crate) struct StoreStats {
    pub(crate) size_in_bytes: u64,
}

#[derive(Deserialize)]
struct CopyStats {
    routing: CopyRouting,
    docs: Option<DocumentStats>,
    seq_no: Option<CopyNumbers>,
}

#[derive(Deserialize)]
struct CopyRouting {
    primary: bool,
}

#[derive(Deserialize)]
struct CopyNumbers {
    max_seq_no: i64,
    local_checkpoint: i64,
    global_checkpoint: i64,
}

impl ShardTally {
    /// A failure when any shard failed.
    pub(crate) fn check(&self, request: &str) -> Result<(), Failure> {
        if self.failed == 0 {
            return Ok(());
        }
        let first = self.failures.first();
        let reason = first.and_then(|failure| failure.reason.as_ref());
        let words = reason.and_then(|reason| reason.reason.as_deref()).unwrap_or("no reason given");
        let error_type = reason.and_then(|reason| reason.error_type.clone());
        let status = first.and_then(|failure| failure.status.as_deref()).map_or(503, status_number);
        let text = format!("{} shards failed; the first one: {words}", self.failed);
        Err(Failure::new(FailureKind::Partial, request, text).with_status(status, error_type))
    }
}

impl ShardTally {
    /// A failure unless all of exactly that many shards answered.
    ///
    /// Asking for a shard that is not there, or for an index that just went, is answered by no shard at all and an
    /// empty list of hits: taken at its word, it would be a loss of documents.
    pub(crate) fn check_answered(&self, shards: Option<u32>, request: &str) -> Result<(), Failure> {
        self.check(request)?;
        let is_expected = shards.map_or(self.total > 0, |count| self.total == count);
        if is_expected && self.successful == self.total {
            return Ok(());
        }
        let reason = format!("{} of {} shards answered", self.successful, self.total);
        Err(if is_expected {
            Failure::new(FailureKind::Partial, request, reason).with_status(503, None)
        } else {
            Failure::new(FailureKind::ShardAbsent, request, reason)
        })
    }
}

/// The number of a status which the engines spell out in shard failures.
fn status_number(words: &str) -> u16 {
    match words {
        "TOO_MANY_REQUESTS" => 429,
        "BAD_REQUEST" => 400,
        "FORBIDDEN" => 403,
        "NOT_FOUND" => 404,
        "INTERNAL_SERVER_ERROR" => 500,
        _ => 503,
    }
}

impl IndexStats {
    /// The positions of the primaries, by number. A shard without a started primary is missing.
    pub(crate) fn positions(&self) -> Vec<ShardPosition> {
        let mut positions: Vec<ShardPosition> = self
            .shards
            .iter()
            .filter_map(|(number, copies)| {
                let primary = copies.iter().find(|copy| copy.routing.primary)?;
                let numbers = primary.seq_no.as_ref()?;
                Some(ShardPosition {
                    number: number.parse().ok()?,
                    max_seq_no: numbers.max_seq_no,
                    local_checkpoint: numbers.local_checkpoint,
                    global_checkpoint: numbers.global_checkpoint,
                    docs: primary.docs.as_ref().map_or(0, |docs| docs.count),
                })
            })
            .collect();
        positions.sort_by_key(|position| position.number);
        positions
    }
}

impl Cluster {
    /// Statistics, with the answer that they stand in. Where shards failed, as those of a node do that just left, it is asked again.
    pub(crate) async fn stats(&self, path: Path) -> Result<(StatsAnswer, Answer), Failure> {
        let read = |answer| Ok((StatsAnswer::of(&answer)?, answer));
        self.send_and_read(&Request::get(path), read).await
    }
}

impl StatsAnswer {
    fn of(answer: &Answer) -> Result<Self, Failure> {
        let stats: Self = answer.read()?;
        stats.shards.check(&answer.request)?;
        Ok(stats)
    }
}
