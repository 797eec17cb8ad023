//! How far each shard of an index can be read safely.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::{Path, name_lists};
use crate::stats::{IndexStats, ShardTally};
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
    /// Live documents in the shard, as searches see them. Nested objects count as documents of their own.
    pub docs: u64,
}

/// Where the primaries of one index stand, and which index it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPosition {
    /// The index's unique id: another one of the same name counts anew from 0.
    pub uuid: String,
    /// Its primaries that are there, by number. One that is not started is missing.
    pub shards: Vec<ShardPosition>,
}

#[derive(Deserialize)]
struct StateAnswer {
    /// Left out by the engine when nothing in it is asked for.
    #[serde(default)]
    metadata: StateMetadata,
}

#[derive(Default, Deserialize)]
struct StateMetadata {
    #[serde(default)]
    indices: BTreeMap<String, StateIndex>,
}

#[derive(Deserialize)]
struct StateIndex {
    primary_terms: BTreeMap<u32, u64>,
}

impl Cluster {
    /// Where many indices stand, in few calls, without a refresh: `docs` are those of the last one. Fails when one of them
    /// is not there ([`Failure::is_index_absent`]).
    pub async fn positions_of(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, IndexPosition>, Failure> {
        let names = IndexName::parse_all(names)?;
        let mut positions = BTreeMap::new();
        for list in name_lists(&names) {
            let path =
                Path::indices(&list).segment("_stats").segment("docs").parameter("level", "shards");
            let (stats, answer) = self.stats(path).await?;
            for (name, index) in stats.indices {
                let Some(uuid) = index.uuid.clone() else {
                    return Err(answer.unreadable(&format!("{name} has no unique id")));
                };
                positions.insert(name, IndexPosition { uuid, shards: index.positions() });
            }
        }
        Ok(positions)
    }

    /// Which primary in a row each shard of these indices has, in the order of shard numbers, from 1. A term that is the same
    /// means that no primary failed meanwhile, so that nothing it had shown was lost with it. Fails when one of the indices
    /// is not there ([`Failure::is_index_absent`]).
    ///
    /// Of the cluster's metadata, which the elected master changes together with the place of the primary: `_stats` doesn't
    /// have it. See Elasticsearch's `IndexMetadata.primaryTerm`.
    pub async fn primary_terms(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, Vec<u64>>, Failure> {
        let names = IndexName::parse_all(names)?;
        let mut terms = BTreeMap::new();
        for list in name_lists(&names) {
            let path = Path::fixed("/_cluster/state/metadata")
                .list(&list)
                .parameter("filter_path", "metadata.indices.*.primary_terms");
            let answer = self.send(&Request::get(path)).await?;
            let mut found = answer.read::<StateAnswer>()?.metadata.indices;
            for name in list {
                let Some(index) = found.remove(name.as_str()) else {
                    let reason = format!("the cluster state has no index {name}");
                    let failure = Failure::new(FailureKind::Refused, answer.request, reason);
                    return Err(failure.with_status(404, Some("index_not_found_exception".into())));
                };
                terms.insert(name.to_string(), index.primary_terms.into_values().collect());
            }
        }
        Ok(terms)
    }

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
            let check = |answer: Answer| answer.read::<Refreshed>()?.shards.check(&answer.request);
            self.send_and_read(&request, check).await?;
        }
        Ok(())
    }

    /// How far each shard of one index can be read: everything up to `global_checkpoint` is visible when this returns.
    ///
    /// The positions are read first and the refresh follows; the other way round, a number could be promised that no
    /// search sees yet. Every primary is there, or this fails: a missing one would look like an empty shard.
    /// `docs` is counted after the refresh, so it may include writes above the checkpoint.
    pub async fn watermark(&self, name: &str) -> Result<Vec<ShardPosition>, Failure> {
        self.positions(name, None).await
    }

    /// Like [`Cluster::watermark`], of the index with this unique id: another one of the same name counts anew from 0,
    /// and is [`FailureKind::ShardAbsent`].
    pub async fn watermark_of(
        &self,
        name: &str,
        uuid: &str,
    ) -> Result<Vec<ShardPosition>, Failure> {
        self.positions(name, Some(uuid)).await
    }

    async fn positions(
        &self,
        name: &str,
        uuid: Option<&str>,
    ) -> Result<Vec<ShardPosition>, Failure> {
        let name = &IndexName::parse(name)?;
        let primaries = self.primary_count(name).await?;
        let mut positions = self.primary_positions(name, uuid, primaries).await?;
        self.refresh(&[name]).await?;
        // Before the refresh the counts were those of an earlier one: with refreshes turned off, none.
        let refreshed = self.primary_positions(name, uuid, primaries).await?;
        for (position, after) in positions.iter_mut().zip(refreshed) {
            position.docs = after.docs;
        }
        Ok(positions)
    }

    /// The positions of all primaries as they are now, without a refresh.
    async fn primary_positions(
        &self,
        name: &IndexName,
        uuid: Option<&str>,
        primaries: u32,
    ) -> Result<Vec<ShardPosition>, Failure> {
        let path = Path::index(name).segment("_stats").segment("docs").parameter("level", "shards");
        let (stats, answer) = self.stats(path).await?;
        let index = stats.indices.get(name.as_str());
        if let (Some(wanted), Some(seen)) = (uuid, index.and_then(|index| index.uuid.as_deref()))
            && wanted != seen
        {
            let reason = format!("{name} has the unique id {seen}, not {wanted}");
            return Err(Failure::new(FailureKind::ShardAbsent, answer.request, reason));
        }
        let positions = index.map(IndexStats::positions).unwrap_or_default();
        let numbers = positions.iter().map(|position| position.number);
        if !numbers.eq(0..primaries) {
            let reason = format!("{} of {primaries} primary shards answered", positions.len());
            let failure = Failure::new(FailureKind::Partial, answer.request, reason);
            return Err(failure.with_status(503, None));
        }
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
