//! The node and its cluster state: indices with their aliases, templates, cluster settings.
//!
//! One lock guards the state. Writes of documents hold it for reading, changes of metadata for
//! writing; so an alias change is atomic, and a write block waits for bulks under way.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::error::Refusal;
use crate::mapping::Mapping;
use crate::routing::{default_routing_shards, shard_of};
use crate::search::scroll::Scrolls;
use crate::search::tally::Searches;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::templates::Template;

/// Which engine the pocket cluster poses as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// OpenSearch 2.19.1.
    #[default]
    OpenSearch,
    /// Elasticsearch 7.10.2 (with a `flattened` field type).
    Elasticsearch,
}

impl Flavour {
    /// The version number that `GET /` answers.
    pub fn version(self) -> &'static str {
        match self {
            Self::OpenSearch => "2.19.1",
            Self::Elasticsearch => "7.10.2",
        }
    }

    /// The value of `index.version.created`.
    pub(crate) fn version_created(self) -> &'static str {
        match self {
            Self::OpenSearch => "136407927",
            Self::Elasticsearch => "7100299",
        }
    }
}

/// The whole pocket cluster, sockets aside.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) flavour: Flavour,
    pub(crate) cluster_uuid: String,
    /// The id of the one node.
    pub(crate) id: String,
    pub(crate) shards_max: u32,
    state: RwLock<State>,
    scrolls: Mutex<Scrolls>,
    ids: IdSource,
}

impl Node {
    pub(crate) fn new(flavour: Flavour, shards_max: u32) -> Self {
        let ids = IdSource::new();
        Self {
            flavour,
            cluster_uuid: ids.next(22),
            id: ids.next(22),
            shards_max,
            state: RwLock::new(State::default()),
            scrolls: Mutex::new(Scrolls::default()),
            ids,
        }
    }

    /// Whether writes to some index may have to wait for copies of its shards.
    pub(crate) fn has_waits(&self) -> bool {
        self.read().indices.values().any(|index| index.settings.active_copies().is_some())
    }

    // A panic under a lock can't leave half a change that matters to a test cluster, so poison is
    // not handed on.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn scrolls(&self) -> MutexGuard<'_, Scrolls> {
        self.scrolls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new id for a document that was sent without one.
    pub(crate) fn document_id(&self) -> String {
        self.ids.next(20)
    }

    pub(crate) fn uuid(&self) -> String {
        self.ids.next(22)
    }
}

/// Everything that a cluster state holds.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) indices: BTreeMap<String, Index>,
    pub(crate) templates: BTreeMap<String, Template>,
    pub(crate) persistent: BTreeMap<String, Value>,
    pub(crate) transient: BTreeMap<String, Value>,
}

impl State {
    /// The value of a cluster setting that was set.
    pub(crate) fn cluster_setting(&self, key: &str) -> Option<&str> {
        self.transient.get(key).or_else(|| self.persistent.get(key)).and_then(Value::as_str)
    }

    /// Primaries and replicas of all open indices.
    pub(crate) fn shard_count(&self) -> u32 {
        self.indices.values().filter(|index| index.open).map(Index::copies).sum()
    }

    pub(crate) fn is_alias(&self, name: &str) -> bool {
        self.indices.values().any(|index| index.aliases.contains_key(name))
    }
}

/// One index.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) open: bool,
    pub(crate) settings: Settings,
    pub(crate) mapping: Mapping,
    pub(crate) aliases: BTreeMap<String, Alias>,
    pub(crate) shards: Vec<RwLock<Shard>>,
    searches: Mutex<Searches>,
    gets: AtomicU64,
    routing_shards: u32,
}

impl Index {
    pub(crate) fn new(name: &str, uuid: String, mut settings: Settings, mapping: Mapping) -> Self {
        settings.set("index.creation_date", now_millis().to_string());
        settings.set("index.provided_name", name);
        settings.set("index.uuid", uuid.as_str());
        let shards = settings.shards();
        let routing_shards = settings
            .number("index.number_of_routing_shards")
            .unwrap_or_else(|| default_routing_shards(shards));
        Self {
            name: name.to_owned(),
            uuid,
            open: true,
            settings,
            mapping,
            aliases: BTreeMap::new(),
            shards: (0..shards).map(|_| RwLock::new(Shard::new())).collect(),
            searches: Mutex::default(),
            gets: AtomicU64::new(0),
            routing_shards,
        }
    }

    /// Another index with the documents and the mapping of this one.
    pub(crate) fn cloned(&self, name: &str, uuid: String, settings: Settings) -> Self {
        Self {
            shards: self
                .shards
                .iter()
                .map(|shard| RwLock::new(read_shard(shard).cloned()))
                .collect(),
            routing_shards: self.routing_shards,
            ..Self::new(name, uuid, settings, self.mapping.clone())
        }
    }

    pub(crate) fn copies(&self) -> u32 {
        self.settings.shards().saturating_mul(self.settings.replicas().saturating_add(1))
    }

    /// The searches since it was made.
    pub(crate) fn searches(&self) -> MutexGuard<'_, Searches> {
        self.searches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many documents were asked for by their ids since it was made, found or not.
    pub(crate) fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }

    /// Counts a document that is asked for by its id.
    pub(crate) fn note_get(&self) {
        self.gets.fetch_add(1, Ordering::Relaxed);
    }

    /// The shard of a document.
    pub(crate) fn shard_number(&self, id: &str, routing: Option<&str>) -> u32 {
        shard_of(routing.unwrap_or(id), self.settings.shards(), self.routing_shards)
    }

    pub(crate) fn shard(&self, number: u32) -> Option<&RwLock<Shard>> {
        self.shards.get(usize::try_from(number).ok()?)
    }

    /// Makes every write visible to searches.
    pub(crate) fn refresh(&self) {
        for shard in &self.shards {
            write_shard(shard).refresh(self.settings.gc_deletes());
        }
    }

    /// Shard → which primary in a row it has.
    pub(crate) fn primary_terms(&self) -> impl Iterator<Item = (String, Value)> {
        let term = |shard| Value::from(read_shard(shard).primary_term());
        self.shards.iter().enumerate().map(move |(at, shard)| (at.to_string(), term(shard)))
    }

    /// Writes from here on are those of another primary, as after closing or opening, and it counts what is read from 0.
    pub(crate) fn begin_terms(&self) {
        *self.searches() = Searches::default();
        self.gets.store(0, Ordering::Relaxed);
        for shard in &self.shards {
            write_shard(shard).begin_term();
        }
    }

    /// Refreshes the shards whose interval has passed, as the background refresh of a real engine
    /// would have done by now.
    pub(crate) fn refresh_due(&self) {
        let interval = self.settings.refresh_interval();
        for shard in &self.shards {
            if read_shard(shard).refresh_due(interval) {
                write_shard(shard).refresh(self.settings.gc_deletes());
            }
        }
    }

    /// Refuses what a block of this index forbids.
    pub(crate) fn check_block(&self, deed: Deed) -> Result<(), Refusal> {
        for (name, number, status, text, deeds) in BLOCKS {
            if deeds.contains(&deed) && self.settings.flag(name) {
                let class = if status == 429 { "TOO_MANY_REQUESTS" } else { "FORBIDDEN" };
                return Err(Refusal::new(
                    status,
                    "cluster_block_exception",
                    format!("index [{}] blocked by: [{class}/{number}/{text}];", self.name),
                )
                .about_index(&self.name, &self.uuid));
            }
        }
        Ok(())
    }
}

/// What a block can forbid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Read,
    Write,
    /// Reading mapping or settings.
    Look,
    /// Changing mapping, settings or aliases.
    Change,
    /// Deleting the index.
    Drop,
}

/// Setting, number, status and text of each block, with what it forbids.
const BLOCKS: [(&str, u8, u16, &str, &[Deed]); 5] = [
    (
        "index.blocks.read_only",
        5,
        403,
        "index read-only (api)",
        &[Deed::Write, Deed::Change, Deed::Drop],
    ),
    ("index.blocks.read", 7, 403, "index read (api)", &[Deed::Read]),
    ("index.blocks.write", 8, 403, "index write (api)", &[Deed::Write]),
    (
        "index.blocks.metadata",
        9,
        403,
        "index metadata (api)",
        &[Deed::Look, Deed::Change, Deed::Drop],
    ),
    (
        "index.blocks.read_only_allow_delete",
        12,
        429,
        "disk usage exceeded flood-stage watermark, index has read-only-allow-delete block",
        &[Deed::Write, Deed::Change],
    ),
];

pub(crate) fn read_shard(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write_shard(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

/// What an alias says about one of its indices.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Alias {
    pub(crate) filter: Option<Value>,
    pub(crate) index_routing: Option<String>,
    pub(crate) search_routing: Option<String>,
    pub(crate) is_write_index: Option<bool>,
    pub(crate) is_hidden: Option<bool>,
}

impl Alias {
    pub(crate) fn json(&self) -> Value {
        let mut map = Map::new();
        if let Some(filter) = &self.filter {
            map.insert("filter".into(), filter.clone());
        }
        for (key, value) in
            [("index_routing", &self.index_routing), ("search_routing", &self.search_routing)]
        {
            if let Some(value) = value {
                map.insert(key.into(), json!(value));
            }
        }
        for (key, value) in [("is_write_index", self.is_write_index), ("is_hidden", self.is_hidden)]
        {
            if let Some(value) = value {
                map.insert(key.into(), json!(value));
            }
        }
        Value::Object(map)
    }
}

pub(crate) fn now_millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis())
}

/// Gives texts that don't repeat, within a node and between nodes.
#[derive(Debug)]
struct IdSource {
    seed: u64,
    count: AtomicU64,
}

impl IdSource {
    fn new() -> Self {
        Self { seed: RandomState::new().build_hasher().finish(), count: AtomicU64::new(0) }
    }

    /// The count makes it unique, the seed makes it differ between nodes.
    fn next(&self, length: usize) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mixed = mix(self.seed ^ count);
        let mut text = String::with_capacity(48);
        // Writing into a String can't fail.
        if write!(text, "p{count:09x}{mixed:016x}").is_err() {
            return text;
        }
        text.truncate(length);
        text
    }
}

/// The finaliser of splitmix64: every bit of the input moves every bit of the output.
fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
