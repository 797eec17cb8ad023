//! One index: what it is, creating and deleting it, its settings and mapping.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::{Path, name_lists};
use crate::stats::IndexStats;
use crate::transport::{Effect, Request, is_absence};
use crate::watermark::ShardPosition;

/// One index as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexState {
    /// Its concrete name.
    pub name: String,
    /// Its unique id: an index that is deleted and made anew has another one.
    pub uuid: String,
    /// Open or closed.
    pub state: OpenState,
    /// Alias → properties, as the engine states them.
    pub aliases: BTreeMap<String, Map<String, Value>>,
    /// The mapping, as the engine states it.
    pub mapping: Value,
    /// The settings in flat form (`index.number_of_shards`), all values as text or lists of text.
    pub settings: Map<String, Value>,
    /// Primary shards.
    pub primaries: u32,
    /// Copies of each primary shard.
    pub replicas: u32,
    /// Live documents at the last refresh, nested objects included. See [`Cluster::count`] for documents alone.
    pub docs: u64,
    /// Bytes of the primary shards on disk.
    pub store_bytes: u64,
    /// The blocks set on it.
    pub blocks: BTreeSet<Block>,
    /// Positions of the primary shards. Fewer than `primaries` when some are not started, none for a closed index.
    pub shards: Vec<ShardPosition>,
    /// The data stream that owns it.
    pub data_stream: Option<String>,
}

/// Whether an index is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenState {
    /// It can be read and written.
    Open,
    /// It can be neither read nor written.
    Closed,
}

/// A block on an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// `index.blocks.write`: no document can be written.
    Write,
    /// `index.blocks.read`: no document can be read.
    Read,
    /// `index.blocks.metadata`: settings and mapping can't be read or changed.
    Metadata,
    /// `index.blocks.read_only`: nothing can be changed.
    ReadOnly,
    /// `index.blocks.read_only_allow_delete`: set by the cluster when a disk is nearly full.
    ReadOnlyAllowDelete,
}

impl Block {
    /// All blocks with their settings.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Write, "index.blocks.write"),
        (Self::Read, "index.blocks.read"),
        (Self::Metadata, "index.blocks.metadata"),
        (Self::ReadOnly, "index.blocks.read_only"),
        (Self::ReadOnlyAllowDelete, "index.blocks.read_only_allow_delete"),
    ];
}

/// What came of creating an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It was made, with this unique id.
    Created {
        /// The unique id.
        uuid: String,
    },
    /// An index of this name was there before, perhaps from an earlier attempt.
    AlreadyExists {
        /// The unique id.
        uuid: String,
    },
}

/// What came of deleting an index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::enum_variant_names,
    reason = "the word for the good outcome is the word for the call"
)]
pub enum Deleted {
    /// It is gone.
    Deleted,
    /// There was none.
    Absent,
    /// Another index has this name now; it was left alone. Its unique id.
    OtherUuid(String),
}

#[derive(Deserialize)]
pub(crate) struct IndexDescription {
    #[serde(default)]
    pub(crate) aliases: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    pub(crate) mappings: Value,
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
    pub(crate) data_stream: Option<String>,
}

impl IndexState {
    /// Puts together what the separate calls tell about one index.
    pub(crate) fn assemble(
        name: String,
        description: IndexDescription,
        stats: Option<&IndexStats>,
    ) -> Self {
        let settings = description.settings;
        let blocks = Block::ALL
            .into_iter()
            .filter(|(_, key)| setting_text(&settings, key) == Some("true"))
            .map(|(block, _)| block)
            .collect();
        // Set by the engine when an index was closed. Missing statistics prove nothing: an open index
        // has none either while no copy of its shards is started.
        let is_closed = setting_text(&settings, "index.verified_before_close") == Some("true");
        let primaries_stats = stats.and_then(|stats| stats.primaries.as_ref());
        Self {
            name,
            uuid: setting_text(&settings, "index.uuid").unwrap_or_default().to_owned(),
            state: if is_closed { OpenState::Closed } else { OpenState::Open },
            aliases: description.aliases,
            mapping: description.mappings,
            primaries: setting_number(&settings, "index.number_of_shards").unwrap_or(1),
            replicas: setting_number(&settings, "index.number_of_replicas").unwrap_or(1),
            docs: primaries_stats
                .and_then(|stats| stats.docs.as_ref())
                .map_or(0, |docs| docs.count),
            store_bytes: primaries_stats
                .and_then(|stats| stats.store.as_ref())
                .map_or(0, |store| store.size_in_bytes),
            blocks,
            shards: stats.map(IndexStats::positions).unwrap_or_default(),
            data_stream: description.data_stream,
            settings,
        }
    }

    /// Whether every document can be read whole: `_source` is kept, not filtered and not made up from other fields.
    pub fn keeps_source_whole(&self) -> bool {
        let source = self.mapping.get("_source");
        let is_enabled =
            source.and_then(|source| source.get("enabled")) != Some(&Value::Bool(false));
        let filters = ["includes", "excludes"].map(|key| source.and_then(|source| source.get(key)));
        let is_filtered = filters
            .into_iter()
            .flatten()
            .any(|filter| filter.as_array().is_none_or(|list| !list.is_empty()));
        let mode = source
            .and_then(|source| source.get("mode"))
            .and_then(Value::as_str)
            .or_else(|| setting_text(&self.settings, "index.mapping.source.mode"));
        is_enabled && !is_filtered && mode.is_none_or(|mode| mode == "stored")
    }

    /// Whether the index lets its sequence numbers be searched. New Elasticsearch versions can turn that off.
    pub fn sequence_numbers_searchable(&self) -> bool {
        setting_text(&self.settings, "index.disable_sequence_numbers") != Some("true")
    }
}

/// An index in the answer to a question for flat settings.
#[derive(Deserialize)]
pub(crate) struct IndexSettings {
    pub(crate) settings: Map<String, Value>,
}

/// A setting as text.
pub(crate) fn setting_text<'a>(settings: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    settings.get(key).and_then(Value::as_str)
}

/// A setting as a number: engines write numbers as text.
pub(crate) fn setting_number(settings: &Map<String, Value>, key: &str) -> Option<u32> {
    match settings.get(key)? {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    }
}

impl Cluster {
    /// One index with everything that is known about it, when it is there. An alias of this name is not an index.
    pub async fn index(&self, name: &str) -> Result<Option<IndexState>, Failure> {
        let name = &IndexName::parse(name)?;
        let Some(description) = self.described(name).await? else {
            return Ok(None);
        };
        let path = Path::index(name)
            .segment("_stats")
            .segment("docs,store")
            .parameter("level", "shards")
            .parameter("forbid_closed_indices", false);
        let stats = match self.stats(path).await {
            Ok((stats, _)) => stats,
            Err(failure) if is_absence(&failure) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let stats = stats.indices.get(name.as_str());
        Ok(Some(IndexState::assemble(name.as_str().to_owned(), description, stats)))
    }

    /// Aliases, mapping and settings of an index, when it is there.
    async fn described(&self, name: &IndexName) -> Result<Option<IndexDescription>, Failure> {
        let path = Path::index(name)
            .parameter("flat_settings", true)
            .parameter("expand_wildcards", "open,closed,hidden");
        let Some(answer) = self.send_optional(&Request::get(path)).await? else {
            return Ok(None);
        };
        let mut found: BTreeMap<String, IndexDescription> = answer.read()?;
        Ok(found.remove(name.as_str()))
    }

    /// The settings of an index in flat form. [`Failure::is_index_absent`] when it is not there or an alias.
    pub async fn settings(&self, name: &str) -> Result<Map<String, Value>, Failure> {
        let name = &IndexName::parse(name)?;
        let path = Path::index(name).segment("_settings").parameter("flat_settings", true);
        let answer = self.send(&Request::get(path)).await?;
        let mut found: BTreeMap<String, IndexSettings> = answer.read()?;
        found.remove(name.as_str()).map(|entry| entry.settings).ok_or_else(|| {
            let reason = format!("{name} is an alias, not an index");
            Failure::new(FailureKind::Refused, answer.request, reason)
                .with_status(404, Some("index_not_found_exception".to_owned()))
        })
    }

    /// The unique id of an index, when it is there.
    pub async fn index_uuid(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.settings(name).await {
            Ok(settings) => Ok(setting_text(&settings, "index.uuid").map(str::to_owned)),
            Err(failure) if failure.is_index_absent() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Creates an index. Sent once: a lost answer is [`Failure::outcome_unknown`].
    pub async fn create_index(&self, name: &str, body: &Value) -> Result<Created, Failure> {
        let name = &IndexName::parse(name)?;
        let request = Request::new(Method::PUT, Path::index(name), Effect::Once).json(body);
        let is_new = match self.send_acknowledged(&request).await {
            Ok(_) => true,
            Err(failure)
                if matches!(
                    failure.error_type(),
                    Some("resource_already_exists_exception" | "index_already_exists_exception")
                ) =>
            {
                false
            }
            Err(failure) => return Err(failure),
        };
        match self.index_uuid(name.as_str()).await? {
            Some(uuid) if is_new => Ok(Created::Created { uuid }),
            Some(uuid) => Ok(Created::AlreadyExists { uuid }),
            None => {
                let reason = "the index is gone right after it was there: somebody deletes it";
                Err(Failure::new(FailureKind::Refused, request.title(), reason)
                    .with_status(404, Some("index_not_found_exception".to_owned())))
            }
        }
    }

    /// Deletes an index, but only the one with this unique id.
    pub async fn delete_index(&self, name: &str, uuid: &str) -> Result<Deleted, Failure> {
        let name = &IndexName::parse(name)?;
        match self.index_uuid(name.as_str()).await? {
            None => return Ok(Deleted::Absent),
            Some(other) if other != uuid => return Ok(Deleted::OtherUuid(other)),
            Some(_) => {}
        }
        let request = Request::new(Method::DELETE, Path::index(name), Effect::Repeatable);
        match self.send_acknowledged(&request).await {
            Ok(_) => Ok(Deleted::Deleted),
            // An earlier attempt whose answer was lost, or somebody else.
            Err(failure) if failure.is_index_absent() => Ok(Deleted::Deleted),
            Err(failure) => Err(failure),
        }
    }

    /// Changes settings of all these indices; `null` resets one.
    pub async fn put_settings(
        &self,
        names: &[impl AsRef<str>],
        body: &Value,
    ) -> Result<(), Failure> {
        let names = IndexName::parse_all(names)?;
        for list in name_lists(&names) {
            let path = Path::indices(&list).segment("_settings");
            let request = Request::new(Method::PUT, path, Effect::Repeatable).json(body);
            self.send_acknowledged(&request).await?;
        }
        Ok(())
    }

    /// Merges into the mapping of an index; `_meta` is replaced.
    pub async fn put_mapping(&self, name: &str, body: &Value) -> Result<(), Failure> {
        let name = &IndexName::parse(name)?;
        let path = Path::index(name).segment("_mapping");
        let request = Request::new(Method::PUT, path, Effect::Repeatable).json(body);
        self.send_acknowledged(&request).await.map(drop)
    }
}
