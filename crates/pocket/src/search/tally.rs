//! How many searches there were and how long they took, as `_stats/search` tells: all, and by the groups that they name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::names::matches;

/// Searches of shards.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: u64,
    millis: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.millis += other.millis;
    }

    fn json(self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("query_total".into(), json!(self.count));
        map.insert("query_time_in_millis".into(), json!(self.millis));
        map
    }
}

/// The searches of one index, or of several.
#[derive(Debug, Clone, Default)]
pub(crate) struct Searches {
    all: Tally,
    groups: BTreeMap<String, Tally>,
}

impl Searches {
    /// Counts a search of one shard.
    pub(crate) fn note(&mut self, groups: &[String], time: Duration) {
        let one = Tally { count: 1, millis: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) };
        self.all.add(one);
        for group in groups {
            self.groups.entry(group.clone()).or_default().add(one);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.all.add(other.all);
        for (group, tally) in &other.groups {
            self.groups.entry(group.clone()).or_default().add(*tally);
        }
    }

    /// As JSON, with the groups that fit one of these patterns.
    pub(crate) fn json(&self, patterns: Option<&str>) -> Value {
        let mut map = self.all.json();
        map.insert("open_contexts".into(), json!(0));
        let fits = |group: &str| {
            patterns
                .is_some_and(|list| list.split(',').any(|one| one == "_all" || matches(one, group)))
        };
        let groups: Map<String, Value> = self
            .groups
            .iter()
            .filter(|(group, _)| fits(group))
            .map(|(group, tally)| (group.clone(), Value::Object(tally.json())))
            .collect();
        if !groups.is_empty() {
            map.insert("groups".into(), Value::Object(groups));
        }
        Value::Object(map)
    }
}
