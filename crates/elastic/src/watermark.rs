//! How far each shard of an index can be read safely.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::{Path, name_lists};
use crate::transport::{Answer, Effect, Request};

/// How far the log of one primary shard goes. Sequence numbers start at 0; -1 means none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShardPosition {
    /// The number of the shard, from 0.
    pub number: u32,
    /// The highest number given out. It may still be rolled back.
    pub max_seq_no: i64,
    /// The highest number below which the primary has everything.
    pub local_checkpoint: i64,
    /// The highest number below which every copy has everything: never rolled back, safe to read up to here.
    pub global_checkpoint: i64,
    /// Live documents in the shard at its last refresh. Nested objects count as documents of their own.
    pub docs: u64,
}

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

impl StatsAnswer {
    pub(crate) fn of(answer: &Answer) -> Result<Self, Failure> {
        let stats: Self = answer.read()?;
        stats.shards.check(&answer.request)?;
        Ok(stats)
    }
}

impl Cluster {
    /// Makes everything visible that was acknowledged before the call.
    pub async fn refresh(&self, names: &[impl AsRef<str>]) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Refreshed {
            #[serde(rename = "_shards")]
            shards: ShardTally,
        }
        let names = IndexName::parse_all(names)?;
        for list in name_lists(&names) {
            let path = Path::indices(&list).segment("_refresh");
            let request = Request::new(Method::POST, path, Effect::Repeatable).transfer();
            let answer = self.send(&request).await?;
            answer.read::<Refreshed>()?.shards.check(&answer.request)?;
        }
        Ok(())
    }

    /// How far each shard of one index can be read: everything up to `global_checkpoint` is visible when this returns.
    ///
    /// The positions are read first and the refresh follows; the other way round, a number could be promised that no
    /// search sees yet. Every primary is there, or this fails: a missing one would look like an empty shard.
    pub async fn watermark(&self, name: &str) -> Result<Vec<ShardPosition>, Failure> {
        let name = &IndexName::parse(name)?;
        let primaries = self.primary_count(name).await?;
        let path = Path::index(name).segment("_stats").segment("docs").parameter("level", "shards");
        let answer = self.send(&Request::get(path)).await?;
        let stats = StatsAnswer::of(&answer)?;
        let Some(index) = stats.indices.get(name.as_str()) else {
            let reason = format!("{name} is not an index: is it an alias?");
            return Err(Failure::new(FailureKind::Unreadable, answer.request, reason));
        };
        let positions = index.positions();
        let numbers = positions.iter().map(|position| position.number);
        if !numbers.eq(0..primaries) {
            let reason = format!("{} of {primaries} primary shards answered", positions.len());
            return Err(
                Failure::new(FailureKind::Partial, answer.request, reason).with_status(503, None)
            );
        }
        self.refresh(std::slice::from_ref(name)).await?;
        Ok(positions)
    }

    /// How many primary shards the index was made with.
    async fn primary_count(&self, name: &IndexName) -> Result<u32, Failure> {
        let settings = self.settings(name.as_str()).await?;
        crate::index::setting_number(&settings, "index.number_of_shards").ok_or_else(|| {
            let reason = "the settings name no index.number_of_shards";
            Failure::new(FailureKind::Unreadable, format!("GET /{name}/_settings"), reason)
        })
    }
}
