//! Whether anybody uses an index: what was read of it and written to it, as the engine counts.
//!
//! Contract suite: `50-search.yaml`, case `usage`. What is read is counted by each copy of a shard since it was started; how
//! far its log goes is kept for ever.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::name::IndexName;
use crate::path::{Path, name_lists};
use crate::search::OWN_SEARCHES;

/// What was done with an index until now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexUsage {
    /// Its unique id.
    pub uuid: String,
    /// Searches of its shards, but for those of this crate. They count from 0 again when a copy moves or a node is restarted.
    pub searches: u64,
    /// Documents that were asked for by their ids; counted in the same way.
    pub gets: u64,
    /// The highest number of each primary's log: every write and every delete takes one.
    pub seq_nos: BTreeMap<u32, i64>,
    /// Live documents, nested objects included.
    pub documents: u64,
    /// Bytes on disk, of all copies.
    pub bytes: u64,
}

/// What is read of an index, in its statistics.
#[derive(Deserialize)]
pub(crate) struct ReadStats {
    search: Option<SearchCounts>,
    get: Option<GetCounts>,
    store: Option<StoreBytes>,
}

#[derive(Deserialize)]
struct SearchCounts {
    query_total: u64,
    /// Left out until a search names a group.
    #[serde(default)]
    groups: BTreeMap<String, GroupCounts>,
}

#[derive(Deserialize)]
struct GroupCounts {
    query_total: u64,
}

#[derive(Deserialize)]
struct GetCounts {
    total: u64,
}

#[derive(Deserialize)]
struct StoreBytes {
    size_in_bytes: u64,
}

impl ReadStats {
    fn searches_of_others(&self) -> u64 {
        let Some(search) = &self.search else { return 0 };
        let own = search.groups.get(OWN_SEARCHES).map_or(0, |group| group.query_total);
        // Both are counted one after the other, so for a moment the part may be more than the whole.
        search.query_total.saturating_sub(own)
    }
}

impl Cluster {
    /// The usage of these indices, by name. One that is not there, or closed, is left out.
    pub async fn usage_of(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, IndexUsage>, Failure> {
        let names = IndexName::parse_all(names)?;
        let mut usage = BTreeMap::new();
        for list in name_lists(&names) {
            let path = Path::indices(&list)
                .segment("_stats")
                .segment("docs,store,search,get")
                .parameter("level", "shards")
                .parameter("ignore_unavailable", true)
                .parameter("groups", OWN_SEARCHES);
            let (stats, answer) = self.stats(path).await?;
            for (name, index) in stats.indices {
                let Some(uuid) = index.uuid.clone() else {
                    return Err(answer.unreadable(&format!("{name} has no unique id")));
                };
                let positions = index.positions();
                let primaries = index.primaries.as_ref();
                let total = index.total.as_ref();
                usage.insert(
                    name,
                    IndexUsage {
                        uuid,
                        searches: total.map_or(0, ReadStats::searches_of_others),
                        gets: total.and_then(|total| total.get.as_ref()).map_or(0, |get| get.total),
                        seq_nos: positions
                            .iter()
                            .map(|position| (position.number, position.max_seq_no))
                            .collect(),
                        documents: primaries
                            .and_then(|stats| stats.docs.as_ref())
                            .map_or(0, |docs| docs.count),
                        bytes: total
                            .and_then(|total| total.store.as_ref())
                            .map_or(0, |store| store.size_in_bytes),
                    },
                );
            }
        }
        Ok(usage)
    }
}
