//! A checked pack: what the rest of Lockstep works with. How it is read from files is in `load` and `check`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::check::schema;
use crate::{
    table::Table,
    transform::operation::{FieldPath, Operation},
    version::Version,
};

/// An application: its naming, its releases, and the steps between them. Every reference in it is known to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    /// The application's name, `[a-z][a-z0-9-]*`.
    pub name: String,
    /// How many numbers of a version make its data version, at least 1.
    pub data_parts: usize,
    /// How the application finds its indices.
    pub mode: SwitchMode,
    /// What a tenant's name looks like: a regular expression, unanchored in the file, matched against the whole name.
    pub tenant_pattern: String,
    /// Tenants that are left alone.
    pub tenants_ignored: Vec<String>,
    /// Index name patterns (`*` stands for anything) that are left alone although they fit the naming.
    pub indices_ignored: Vec<String>,
    /// Field types that are called differently by an engine: type in the pack → engine → type there.
    pub type_equivalents: BTreeMap<String, BTreeMap<String, String>>,
    /// All releases, oldest first, each one step away from the one before.
    pub releases: Vec<Release>,
    /// Digest (BLAKE3, hex) over all files of the pack.
    pub digest: String,
}

/// How the application finds the indices of its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchMode {
    /// Through stable aliases, which the switch moves.
    Alias,
    /// By names that carry the version; the switch publishes the new set.
    Versioned,
}

/// One release: the schema of its data, and the step into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Its version; the data version decides.
    pub version: Version,
    /// The text for `{version}` in names.
    pub label: String,
    /// The tenant that has another name in each release.
    pub default_tenant: Option<String>,
    /// Naming variants, resolved: pack.yaml's, replaced by the release's own.
    pub naming: BTreeMap<String, Naming>,
    /// The logical indices by key.
    pub indices: BTreeMap<String, LogicalIndex>,
    /// How data gets here from the release before; `None` for the first release.
    pub step: Option<Step>,
}

/// One naming variant; texts with placeholders, see `names`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// Names of indices without partitions.
    pub index: String,
    /// Names of partitions.
    pub partitioned: Option<String>,
    /// The alias of all partitions, or of the one index.
    pub alias: Option<String>,
    /// The name of the index template of a partitioned index.
    pub template: Option<String>,
    /// The pattern of that template.
    pub template_pattern: Option<String>,
}

/// One index of the application, in one release, for every tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct LogicalIndex {
    /// The text for `{name}`.
    pub name: String,
    /// The key of its naming variant.
    pub naming: String,
    /// `{"dynamic":…, "properties":…}` as the engine takes it, types as the pack writes them.
    pub mapping: Value,
    /// Index settings without the prefix `index.`, flat.
    pub settings: BTreeMap<String, Value>,
    /// Number of primary shards; `None`: as the source.
    pub shards: Option<u32>,
    /// Number of replicas; `None`: as the source.
    pub replicas: Option<u32>,
    /// How it is cut by time.
    pub partitions: Partitions,
    /// The table that gets a row for each of its documents.
    pub table: Option<Table>,
}

/// The kinds of partitions that an index has; with none it is one index.
///
/// Of several kinds one is what the application makes, and the others are what it kept from releases before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Partitions {
    /// A bit for each kind, at its place in [`Partition::ALL`].
    kinds: u8,
    /// How the application writes suffixes, where the pack says it, at the place of their kind.
    spellings: [Option<Spelling>; Partition::ALL.len()],
}

impl Partitions {
    /// One index.
    pub const NONE: Self = Self { kinds: 0, spellings: [None; Partition::ALL.len()] };

    /// These kinds.
    pub fn of(kinds: impl IntoIterator<Item = Partition>) -> Self {
        let kinds = kinds.into_iter().fold(0, |bits, kind| bits | kind.bit());
        Self { kinds, ..Self::NONE }
    }

    /// The same, and one kind more.
    #[must_use]
    pub fn and(mut self, kind: Partition) -> Self {
        self.kinds |= kind.bit();
        self
    }

    /// The same, and one kind more, the suffixes of which are written so.
    #[must_use]
    pub fn with(mut self, kind: Partition, spelling: Spelling) -> Self {
        self.kinds |= kind.bit();
        if let Some(own) = self.spellings.get_mut(kind.position()) {
            *own = Some(spelling);
        }
        self
    }

    /// How suffixes of a kind are written, where the pack says it.
    pub fn spelling(self, kind: Partition) -> Option<Spelling> {
        self.spellings.get(kind.position()).copied().flatten()
    }

    /// Whether another index has partitions of the same kinds, however they are written.
    pub fn is_alike(self, other: Self) -> bool {
        self.kinds == other.kinds
    }

    /// Whether it is one index.
    pub fn is_none(self) -> bool {
        self.kinds == 0
    }

    /// The kinds, the shortest time first.
    pub fn kinds(self) -> impl Iterator<Item = Partition> {
        Partition::ALL.into_iter().filter(move |kind| self.kinds & kind.bit() != 0)
    }

    /// Whether every kind of `other` is one of these.
    pub fn include(self, other: Self) -> bool {
        other.kinds & !self.kinds == 0
    }
}

/// How an index is cut by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// `2022-10-5`
    Day,
    /// `2022-w41`
    Week,
    /// `2022-10`
    Month,
    /// `2022-q4`
    Quarter,
    /// `2022` or `2022-year`
    Year,
}

impl Partition {
    /// All kinds, the shortest time first.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The word for it in a pack.
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// Its place in [`Self::ALL`].
    fn position(self) -> usize {
        match self {
            Self::Day => 0,
            Self::Week => 1,
            Self::Month => 2,
            Self::Quarter => 3,
            Self::Year => 4,
        }
    }

    fn bit(self) -> u8 {
        1 << self.position()
    }
}

/// How the suffix of a partition is written. Not every kind has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// `2022-1-5`, `2022-w1`, `2022-1`, `2022-q1`, `2022`
    Short,
    /// `2022-01-05`, `2022-w01`, `2022-01`
    Padded,
    /// `2022.01.05`, `2022.01`
    Dotted,
    /// `2022-year`
    Word,
}

/// How data gets into a release from the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The release before.
    pub from: Version,
    /// A chain must stop at this release and start again from it.
    pub required_stop: bool,
    /// What becomes of every index of this release, by key.
    pub indices: BTreeMap<String, IndexStep>,
    /// Keys of the release before that end here.
    pub dropped: Vec<String>,
}

/// Where an index of a release gets its documents.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexStep {
    /// From the index with the same key, as they are.
    Unchanged,
    /// It starts empty; a partitioned one gets its template only.
    New,
    /// It starts empty, with the partitions that another index of the same release gets.
    NewLike {
        /// Key of the other index.
        like: String,
    },
    /// From one index of the release before, or from several, through operations.
    Migrate {
        /// Keys in the release before, at least one; documents of each go through the same operations.
        from: Vec<String>,
        /// The suffix of the partition that an index of one piece becomes; `None`: partitions keep theirs.
        partition: Option<String>,
        /// In order; may be empty.
        operations: Vec<Operation>,
        /// What the pack says of the way back.
        down: Down,
    },
}

/// What a pack says of how documents of a release get back to the one before.
#[derive(Debug, Clone, PartialEq)]
pub enum Down {
    /// Nothing; the way back is derived where every operation can be undone.
    Unwritten,
    /// Through these operations, in order: the author's word that they are good enough.
    Written(Vec<Operation>),
    /// There is none.
    Irreversible {
        /// Why.
        reason: String,
    },
}

impl LogicalIndex {
    /// Whether no document of this index can have a field, nor anything below it: its mapping is strict and lacks it.
    pub fn rules_out(&self, path: &FieldPath) -> bool {
        schema::rules_out(&self.mapping, path)
    }
}

impl Pack {
    /// The release with the same data version as `version`, with its position in the chain.
    pub fn release(&self, version: &Version) -> Option<(usize, &Release)> {
        let wanted = version.data(self.data_parts);
        self.releases
            .iter()
            .enumerate()
            .find(|(_, release)| release.version.data(self.data_parts) == wanted)
    }
}
