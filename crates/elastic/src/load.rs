//! What others ask of the cluster meanwhile: their searches, as the engine counts them.

use serde::Deserialize;
use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::name::IndexName;
use crate::path::{Path, name_lists};
use crate::search::OWN_SEARCHES;
use crate::transport::Request;

/// Searches of shards since these were started, and how long their queries took together. Fetching is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct SearchTally {
    /// How many, each shard on its own.
    #[serde(rename = "query_total")]
    pub count: u64,
    /// Milliseconds, all together. Each is rounded down.
    #[serde(rename = "query_time_in_millis")]
    pub time_ms: u64,
}

#[derive(Deserialize)]
struct StatsAnswer {
    #[serde(rename = "_all")]
    all: AllStats,
}

#[derive(Deserialize)]
struct AllStats {
    total: CopyStats,
}

#[derive(Deserialize)]
struct CopyStats {
    /// Left out when no shard answered.
    search: Option<SearchStats>,
}

#[derive(Deserialize)]
struct SearchStats {
    #[serde(flatten)]
    all: SearchTally,
    /// Left out until a search names a group.
    #[serde(default)]
    groups: BTreeMap<String, SearchTally>,
}

impl SearchTally {
    /// What came since an earlier look. A shard that moved or was started anew counts from 0 again: then nothing is known.
    pub fn since(self, earlier: Self) -> Option<Self> {
        Some(Self {
            count: self.count.checked_sub(earlier.count)?,
            time_ms: self.time_ms.checked_sub(earlier.time_ms)?,
        })
    }
}

impl Cluster {
    /// The searches of these indices by anybody else: those of this crate are counted by the engine in a group of their own and
    /// are taken off. Indices that are not there, and shards that can't answer now, are left out.
    pub async fn searches_of_others(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<SearchTally, Failure> {
        let names = IndexName::parse_all(names)?;
        let mut others = SearchTally::default();
        for list in name_lists(&names) {
            let path = Path::indices(&list)
                .segment("_stats")
                .segment("search")
                .parameter("level", "cluster")
                .parameter("ignore_unavailable", true)
                .parameter("groups", OWN_SEARCHES);
            let answer = self.send(&Request::get(path)).await?;
            let Some(search) = answer.read::<StatsAnswer>()?.all.total.search else { continue };
            let own = search.groups.get(OWN_SEARCHES).copied().unwrap_or_default();
            // Both are counted one after the other, so for a moment the part may be more than the whole.
            others.count += search.all.count.saturating_sub(own.count);
            others.time_ms += search.all.time_ms.saturating_sub(own.time_ms);
        }
        Ok(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_searches_are_told_apart() {
        let answer = r#"{"_all":{"primaries":{},"total":{"search":{"open_contexts":0,"query_total":7,
            "query_time_in_millis":30,"groups":{"lockstep":{"query_total":5,"query_time_in_millis":21}}}}}}"#;
        let search = serde_json::from_str::<StatsAnswer>(answer).unwrap().all.total.search.unwrap();
        assert_eq!(search.all, SearchTally { count: 7, time_ms: 30 });
        assert_eq!(search.groups["lockstep"], SearchTally { count: 5, time_ms: 21 });
        let later = SearchTally { count: 9, time_ms: 35 };
        assert_eq!(later.since(search.all), Some(SearchTally { count: 2, time_ms: 5 }));
        assert_eq!(search.all.since(later), None, "a shard counts anew");
    }
}
