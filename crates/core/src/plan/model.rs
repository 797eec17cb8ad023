//! The plan as data, and its stored form (format 1): what `lockstep plan --json` prints and the journal keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{finding::Finding, tenants::ExcludedTenant};
use crate::{
    inventory::{EngineKind, ShardFacts},
    pack::model::SwitchMode,
    table::Table,
    transform::operation::Operation,
    version::Version,
};

/// The number of the stored form that this version writes.
pub const PLAN_FORMAT: u32 = 1;

/// One upgrade, decided in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Stored form, [`PLAN_FORMAT`].
    pub format: u32,
    /// The application's name.
    pub application: String,
    /// Digest of the pack that it was made from.
    pub pack_digest: String,
    /// The cluster that it was made for.
    pub cluster: ClusterReference,
    /// Whether data has to be taken through steps.
    pub kind: UpgradeKind,
    /// How the application finds its indices.
    pub mode: SwitchMode,
    /// The release that is live.
    pub from: Version,
    /// The release that is asked for.
    pub to: Version,
    /// All releases from `from` to `to`, both included; documents go through all steps between them in one pass.
    pub chain: Vec<Version>,
    /// Every tenant, by its name in both releases.
    pub tenants: Vec<TenantPlan>,
    /// Tenants that stay on the live release, as the operator asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<ExcludedTenant>,
    /// Fused operations by the key of the logical index that they lead to.
    pub programs: BTreeMap<String, Vec<Operation>>,
    /// What leads back from the new set to the live one, for every key of `programs`. Plans that were stored before
    /// there were ways back have none, and keep their digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ways_back: BTreeMap<String, WayBack>,
    /// Mappings and settings of the new release by logical index, types as this engine calls them.
    pub schemas: BTreeMap<String, Schema>,
    /// Every index of either set, and what becomes of it.
    pub indices: Vec<IndexPlan>,
    /// Index templates of the new set.
    pub templates: Vec<TemplatePlan>,
    /// What the one alias call of the switch changes.
    pub aliases: Vec<AliasPlan>,
    /// Bounds on what the run may use.
    pub limits: Limits,
    /// What preflight found; a plan with a refusal isn't run.
    pub findings: Vec<Finding>,
    /// Set where this is the plan of a rehearsal: its new set is thrown away, and nothing leads to a switch. Plans of
    /// upgrades don't say so, and keep their digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
}

/// What makes a plan one of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The application; [`Plan::application`] is the name under which the rehearsal itself is journalled.
    pub application: String,
    /// Documents of each index that are aimed at; without it all are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u64>,
}

/// Which cluster a plan is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterReference {
    /// Its unique id.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// The engine.
    pub engine: EngineKind,
    /// The engine's version.
    pub version: String,
    /// Whether `must_exist` on `remove` makes the switch a compare-and-swap inside the engine.
    pub alias_must_exist: bool,
}

/// Whether data has to be taken through steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeKind {
    /// Same data version: only the image changes.
    Minor,
    /// Steps must run.
    Major,
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantPlan {
    /// Its name in the live release.
    pub source: String,
    /// Its name in the new release.
    pub target: String,
}

/// Mapping and settings of a logical index in the new release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The mapping; `_meta` is filled for each target.
    pub mapping: Value,
    /// Final settings without the prefix `index.`, shards and replicas left out.
    pub settings: BTreeMap<String, Value>,
}

/// How documents that are written on the new set get back to the live one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayBack {
    /// Through the fused operations of all steps, the last step first.
    Program {
        /// In order; may be empty.
        operations: Vec<Operation>,
    },
    /// There is none.
    None {
        /// The release whose step can't be taken back; the first one of several.
        step: Version,
        /// Why: the pack's word, or what can't be derived.
        reason: String,
    },
}

/// One index of either set, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexPlan {
    /// The tenant's name in the new release.
    pub tenant: String,
    /// Key of the logical index: in the new release, for [`Strategy::Drop`] in the live one.
    pub logical: String,
    /// The partition's suffix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// What becomes of it.
    pub strategy: Strategy,
}

/// What becomes of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Every document is read once, taken through all steps, written once.
    Copy {
        /// Read from here.
        source: SourcePlan,
        /// Written there.
        target: TargetPlan,
        /// Key into [`Plan::programs`].
        program: String,
        /// It begins as a clone of its source, and only what was written since is read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clone: Option<CloneStart>,
        /// Where the documents go that the steps make, where these are not one for one: the target then holds an envelope for
        /// every document, and is dropped once the way back is given up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<Delivery>,
    },
    /// Made, and filled with the documents in envelopes that are addressed to it.
    Deliver {
        /// The new index.
        target: TargetPlan,
    },
    /// Made, and left empty.
    Empty {
        /// The new index.
        target: TargetPlan,
    },
    /// Not carried on; it stays where it is until it is retired.
    Drop {
        /// The old index.
        source: SourcePlan,
    },
}

/// Where the documents in envelopes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Key of a logical index of the new release → name of the index of the new set.
    pub to: BTreeMap<String, String>,
}

/// How a target begins as a clone of its source. Where the cluster can't make it in time, everything is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneStart {
    /// Settings of the source that the target doesn't want, by full name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<String>,
}

/// An index of the live set as the plan saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePlan {
    /// Its name.
    pub index: String,
    /// Its unique id; another one later means another index.
    pub uuid: String,
    /// Live documents.
    pub documents: u64,
    /// Bytes of the primaries.
    pub bytes: u64,
    /// Where each primary shard's log stood.
    pub shards: Vec<ShardFacts>,
}

/// An index of the new set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetPlan {
    /// Its name.
    pub index: String,
    /// Key into [`Plan::schemas`].
    pub schema: String,
    /// The mapping's `_meta`, filled for this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
    /// Primary shards.
    pub shards: u32,
    /// Replicas once its documents are in; none while they are written.
    pub replicas: u32,
    /// The table that gets a row for each of its documents, with the tenant filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
}

/// An index template of the new set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplatePlan {
    /// Its name.
    pub name: String,
    /// `{"index_patterns":…,"template":…}`
    pub body: Value,
    /// Whether the cluster has it already, word for word.
    pub exists: bool,
}

/// What becomes of one alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AliasPlan {
    /// The alias.
    pub alias: String,
    /// Where it was when the plan was made, index → properties; the switch happens only if it is still there.
    pub before: BTreeMap<String, Value>,
    /// Where it is afterwards.
    pub after: BTreeMap<String, Value>,
}

/// Bounds on what the run may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Windows that are read, transformed and written at the same time.
    pub windows_in_flight: usize,
    /// Bytes that a window aims at.
    pub window_bytes: u64,
    /// Sequence numbers that a window spans at the most; the engine gives no more than 10,000 documents a page.
    pub window_width_max: u64,
    /// Sequence numbers of one task, the unit that the journal remembers.
    pub task_width_max: u64,
    /// Rejected documents that are shown when a run stops because of them.
    pub rejections_kept: usize,
    /// Rejected documents that a run keeps in quarantine; when there are more it stops after copying.
    #[serde(default = "quarantine_max", skip_serializing_if = "is_quarantine_max")]
    pub quarantine_max: u32,
    /// Documents from which on an index that no step changes is cloned instead of copied.
    #[serde(default = "clone_documents_min", skip_serializing_if = "is_clone_documents_min")]
    pub clone_documents_min: u64,
    /// How often a fence may be missed, and verification begin anew, before somebody is asked.
    pub rounds_max: u32,
    /// Sequence numbers that may be left to carry over when the fence is set.
    #[serde(default = "lag_numbers_max")]
    pub lag_numbers_max: u64,
    /// How long writes may be blocked before the switch, in milliseconds.
    pub fence_ms_max: u64,
}

/// More than anybody wants to decide one by one: so many are a mistake of the pack. Few enough that all are known by heart.
fn quarantine_max() -> u32 {
    1_000
}

/// Plans that were stored before there was a quarantine keep their digest.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like that")]
fn is_quarantine_max(count: &u32) -> bool {
    *count == quarantine_max()
}

/// A few seconds of copying; cloning takes the cluster about one, and blocks writes meanwhile.
fn clone_documents_min() -> u64 {
    100_000
}

/// Plans that were stored before there were clones keep their digest.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like that")]
fn is_clone_documents_min(count: &u64) -> bool {
    *count == clone_documents_min()
}

/// About a hundred milliseconds of copying.
fn lag_numbers_max() -> u64 {
    1_000
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            windows_in_flight: 4,
            // Larger ones make the engines slower, not faster: see `bench/README.md`.
            window_bytes: 2 * 1024 * 1024,
            window_width_max: 10_000,
            task_width_max: 200_000,
            rejections_kept: 1_000,
            quarantine_max: quarantine_max(),
            clone_documents_min: clone_documents_min(),
            rounds_max: 20,
            lag_numbers_max: lag_numbers_max(),
            fence_ms_max: 10_000,
        }
    }
}

impl Plan {
    /// Digest (BLAKE3, hex) of the stored form: the plan's identity.
    pub fn digest(&self) -> String {
        let text =
            serde_json::to_vec(self).expect("a plan has text keys only, so it always serialises");
        blake3::hash(&text).to_hex().to_string()
    }

    /// Whether preflight found something that forbids running it.
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(Finding::is_refusal)
    }

    /// All targets, in the plan's order.
    pub fn targets(&self) -> impl Iterator<Item = &TargetPlan> {
        self.indices.iter().filter_map(|index| match &index.strategy {
            Strategy::Copy { target, .. }
            | Strategy::Empty { target }
            | Strategy::Deliver { target } => Some(target),
            Strategy::Drop { .. } => None,
        })
    }

    /// The indices that are filled with envelopes: position in the plan's list, the name, and where documents go from there.
    pub fn envelopes(&self) -> impl Iterator<Item = (usize, &TargetPlan, &Delivery)> {
        self.indices.iter().enumerate().filter_map(|(position, index)| match &index.strategy {
            Strategy::Copy { target, delivery: Some(delivery), .. } => {
                Some((position, target, delivery))
            }
            Strategy::Copy { delivery: None, .. }
            | Strategy::Empty { .. }
            | Strategy::Deliver { .. }
            | Strategy::Drop { .. } => None,
        })
    }

    /// Key of the logical index that a program leads to, where what it makes is put into envelopes.
    pub fn enveloped_for(&self, key: &str) -> Option<&str> {
        self.indices.iter().find_map(|index| match &index.strategy {
            Strategy::Copy { program, delivery: Some(_), .. } => {
                (program == key).then_some(index.logical.as_str())
            }
            Strategy::Copy { delivery: None, .. }
            | Strategy::Empty { .. }
            | Strategy::Deliver { .. }
            | Strategy::Drop { .. } => None,
        })
    }

    /// The indices that get documents out of envelopes, with their positions in the plan's list.
    pub fn delivered(&self) -> impl Iterator<Item = (usize, &TargetPlan)> {
        self.indices.iter().enumerate().filter_map(|(position, index)| match &index.strategy {
            Strategy::Deliver { target } => Some((position, target)),
            Strategy::Copy { .. } | Strategy::Empty { .. } | Strategy::Drop { .. } => None,
        })
    }

    /// The indices that the new release's application sees, in the plan's order.
    pub fn new_set(&self) -> impl Iterator<Item = &TargetPlan> {
        self.indices.iter().filter_map(|index| match &index.strategy {
            Strategy::Copy { target, delivery: None, .. }
            | Strategy::Empty { target }
            | Strategy::Deliver { target } => Some(target),
            Strategy::Copy { delivery: Some(_), .. } | Strategy::Drop { .. } => None,
        })
    }

    /// The indices that begin as clones: position in the plan's list, source, target, and how.
    pub fn clones(&self) -> impl Iterator<Item = (usize, &SourcePlan, &TargetPlan, &CloneStart)> {
        self.indices.iter().enumerate().filter_map(|(position, index)| match &index.strategy {
            Strategy::Copy { source, target, clone: Some(start), .. } => {
                Some((position, source, target, start))
            }
            Strategy::Copy { .. }
            | Strategy::Empty { .. }
            | Strategy::Deliver { .. }
            | Strategy::Drop { .. } => None,
        })
    }

    /// How many documents of each index a rehearsal aims at; nothing where all are taken.
    pub fn sample(&self) -> Option<u64> {
        self.rehearsal.as_ref().and_then(|rehearsal| rehearsal.sample)
    }

    /// Documents that are copied, as the plan saw the indices.
    pub fn document_count(&self) -> u64 {
        let documents_max = self.sample().unwrap_or(u64::MAX);
        let documents = |index: &IndexPlan| match &index.strategy {
            Strategy::Copy { source, .. } => source.documents.min(documents_max),
            Strategy::Empty { .. } | Strategy::Deliver { .. } | Strategy::Drop { .. } => 0,
        };
        self.indices.iter().map(documents).sum()
    }

    /// All indices of the live set that the application writes to, in the plan's order.
    pub fn sources(&self) -> impl Iterator<Item = &SourcePlan> {
        self.indices.iter().filter_map(|index| match &index.strategy {
            Strategy::Copy { source, .. } | Strategy::Drop { source } => Some(source),
            Strategy::Empty { .. } | Strategy::Deliver { .. } => None,
        })
    }
}
