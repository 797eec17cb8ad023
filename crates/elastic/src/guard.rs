//! Guard: an index that takes writes from Lockstep alone, although engines know no such thing.
//!
//! A write begins only when enough copies of its shard are there, and how many is said by the index
//! (`index.write.wait_for_active_shards`), unless the request says it for itself. So a guarded index asks for one copy more
//! than any node may hold, and every bulk request of this crate says that one copy is enough. Whoever else writes waits until
//! the guard is taken away, and is then refused by the block or let in; after `timeout`, a minute by default, it gets 503
//! `unavailable_shards_exception`. Seen on all engines: contract suite, `43-active-copies.yaml`. Documented as
//! "wait for active shards" of the index API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::index::{IndexSettings, setting_number, setting_text};
use crate::name::IndexName;
use crate::path::{Path, name_lists};
use crate::transport::Request;

const REPLICAS: &str = "index.number_of_replicas";
const EXPANSION: &str = "index.auto_expand_replicas";
const ACTIVE_COPIES: &str = "index.write.wait_for_active_shards";
const ALLOCATION: &str = "index.routing.allocation.enable";
const WRITE_BLOCK: &str = "index.blocks.write";

/// How many copies of its shards an index has, and what a write asks of them: what a guard replaces and gives back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CopyRule {
    /// `index.number_of_replicas`.
    pub replicas: u32,
    /// `index.auto_expand_replicas`, where it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion: Option<String>,
    /// `index.write.wait_for_active_shards`, where it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_copies: Option<String>,
    /// `index.routing.allocation.enable`, where it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<String>,
}

impl CopyRule {
    fn of(settings: &Map<String, Value>) -> Self {
        let text = |key| setting_text(settings, key).map(str::to_owned);
        Self {
            replicas: setting_number(settings, REPLICAS).unwrap_or_default(),
            expansion: text(EXPANSION),
            active_copies: text(ACTIVE_COPIES),
            allocation: text(ALLOCATION),
        }
    }

    /// What an index under guard has in its place: one replica more, which no node may take, and writes that wait for all.
    #[must_use]
    pub fn guarded(&self) -> Self {
        Self {
            replicas: self.replicas.saturating_add(1),
            // A range would take the number of replicas back at once.
            expansion: self.expansion.as_ref().map(|_| "false".to_owned()),
            active_copies: Some("all".to_owned()),
            allocation: Some("primaries".to_owned()),
        }
    }

    /// Whether an index with this rule is under guard: nobody else has a reason to wait for copies that are never built.
    pub fn is_guarded(&self) -> bool {
        self.active_copies.as_deref() == Some("all")
            && self.allocation.as_deref() == Some("primaries")
    }

    fn settings(&self) -> Map<String, Value> {
        let mut settings = Map::new();
        settings.insert(REPLICAS.to_owned(), json!(self.replicas));
        settings.insert(ACTIVE_COPIES.to_owned(), json!(self.active_copies));
        settings.insert(ALLOCATION.to_owned(), json!(self.allocation));
        if self.expansion.is_some() {
            settings.insert(EXPANSION.to_owned(), json!(self.expansion));
        }
        settings
    }
}

impl Cluster {
    /// The copy rules of indices, by name.
    ///
    /// # Errors
    /// [`Failure`], also when one of them isn't there.
    pub async fn copy_rules(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<BTreeMap<String, CopyRule>, Failure> {
        let names = IndexName::parse_all(names)?;
        let wanted = [REPLICAS, EXPANSION, ACTIVE_COPIES, ALLOCATION].join(",");
        let mut rules = BTreeMap::new();
        for list in name_lists(&names) {
            let path = Path::indices(&list)
                .segment("_settings")
                .segment(&wanted)
                .parameter("flat_settings", true);
            let found: BTreeMap<String, IndexSettings> =
                self.send(&Request::get(path)).await?.read()?;
            rules.extend(
                found.into_iter().map(|(name, entry)| (name, CopyRule::of(&entry.settings))),
            );
        }
        Ok(rules)
    }

    /// Lifts the write block of indices for this crate's bulk requests alone. All of them have the same rule, which is to be
    /// given to [`Cluster::block_guarded`] or [`Cluster::open_guarded`] later. Repeatable.
    ///
    /// # Errors
    /// [`Failure`]; with status 400 when the cluster has no room for one more shard copy of each (`cluster.max_shards_per_node`).
    pub async fn guard(&self, names: &[impl AsRef<str>], rule: &CopyRule) -> Result<(), Failure> {
        // In one call, so that there is no moment with neither.
        self.put_rule(names, &rule.guarded(), Value::Null).await
    }

    /// Blocks writes to guarded indices again, and takes the guard away. Repeatable.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn block_guarded(
        &self,
        names: &[impl AsRef<str>],
        rule: &CopyRule,
    ) -> Result<(), Failure> {
        // First the block alone: a write that was past the look for a block, and not yet past that for copies, still fails
        // the second. The call that blocks and waits for writes under way would wait for the guard as well.
        self.put_settings(names, &json!({ WRITE_BLOCK: true })).await?;
        self.put_rule(names, rule, json!(true)).await
    }

    /// Lets everybody write to guarded indices. Repeatable.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn open_guarded(
        &self,
        names: &[impl AsRef<str>],
        rule: &CopyRule,
    ) -> Result<(), Failure> {
        self.put_rule(names, rule, Value::Null).await
    }

    async fn put_rule(
        &self,
        names: &[impl AsRef<str>],
        rule: &CopyRule,
        block: Value,
    ) -> Result<(), Failure> {
        let mut settings = rule.settings();
        settings.insert(WRITE_BLOCK.to_owned(), block);
        self.put_settings(names, &Value::Object(settings)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_asks_for_one_copy_more_than_there_can_be() {
        let rule = CopyRule {
            replicas: 1,
            expansion: Some("0-1".to_owned()),
            active_copies: None,
            allocation: None,
        };
        assert_eq!(
            Value::Object(rule.guarded().settings()),
            json!({REPLICAS: 2, EXPANSION: "false", ACTIVE_COPIES: "all", ALLOCATION: "primaries"})
        );
        assert!(rule.guarded().is_guarded() && !rule.is_guarded());
        assert_eq!(
            Value::Object(rule.settings()),
            json!({REPLICAS: 1, EXPANSION: "0-1", ACTIVE_COPIES: null, ALLOCATION: null})
        );
    }
}
