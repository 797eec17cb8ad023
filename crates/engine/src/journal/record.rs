//! What the journal holds: one JSON document a record, in a form with a number. Golden files in `tests/golden/journal`
//! keep every form that was ever written readable.

use std::collections::BTreeMap;

use lockstep_core::{
    deploy::state::DeployState,
    health::{Baseline, counters::Counted},
    plan::model::{ClusterReference, Plan},
    run::{
        crew::Holder,
        quarantine::Entry,
        retire::Counters,
        state::{BadDocument, Problem, RunState},
        task::{Stretch, Tally, Task, cut},
    },
    version::Version,
};
use lockstep_elastic::CopyRule;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

/// The number of the form that this version writes.
pub const JOURNAL_FORMAT: u32 = 1;

/// A record as it is stored. `kind`, `application`, `run` and `state` can be searched; `body` is kept as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) format: u32,
    pub(super) kind: String,
    pub(super) application: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    pub(super) body: Value,
}

/// The same when it is read: the body stays text until somebody knows what it is. As a tree, a plan of many indices would
/// take many times its size.
#[derive(Debug, Deserialize)]
pub(super) struct Opened<'a> {
    pub(super) format: u32,
    pub(super) kind: String,
    #[serde(borrow)]
    pub(super) body: &'a RawValue,
}

/// A kind of record.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The word for it in the envelope.
    const KIND: &'static str;

    /// The run by which it can be found, where that is needed.
    fn run(&self) -> Option<&str> {
        None
    }

    /// The state by which it can be found, where that is needed.
    fn state(&self) -> Option<&str> {
        None
    }
}

/// What is known of an application: which release is live, which run is under way. One per application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApplicationRecord {
    /// The version that Lockstep switched to last; `None` before its first switch.
    pub live: Option<Version>,
    /// The run that is under way.
    pub run: Option<String>,
    /// The run that ended last.
    pub last_run: Option<String>,
    /// How many first numbers of a version make its data version, as the pack of the last run says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_parts: Option<usize>,
}

/// A run: where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id; ids sort by time.
    pub id: String,
    /// Digest of its plan.
    pub plan_digest: String,
    /// Where it stands.
    pub state: RunState,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When its state changed last, RFC 3339.
    pub changed_at: String,
    /// The fencing number of the driver that wrote this.
    pub driver: u64,
    /// How long the switch took, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchRecord>,
    /// How long the return took, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<SwitchRecord>,
}

/// How long writes were blocked by the switch, by part, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "units come last")]
pub struct SwitchRecord {
    /// Blocking writes on all sources.
    pub block_ms: u64,
    /// Looking where the sources stand.
    pub watermark_ms: u64,
    /// Carrying over what was written last.
    #[serde(default)]
    pub carry_ms: u64,
    /// Comparing that, counting both sets, and journalling where the way back begins.
    #[serde(default)]
    pub gate_ms: u64,
    /// Publishing templates.
    pub template_ms: u64,
    /// The alias call and the look at its effect.
    pub alias_ms: u64,
}

impl SwitchRecord {
    /// These times, and where they are known those of what came after.
    pub(crate) fn and_then(self, later: Self) -> Self {
        let Self { template_ms, alias_ms, .. } = later;
        // Blocking and the gate are in the journal before aliases move; what comes after is only known then.
        Self { template_ms, alias_ms, ..self }
    }
}

/// The plan of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// The plan.
    pub plan: Plan,
}

/// What a plan is about. The rest of it grows with the number of indices, and is not taken into memory for this.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PlanHead {
    /// The release that is live before the switch.
    pub(crate) from: Version,
    /// The release that is asked for.
    pub(crate) to: Version,
    /// The pack that it was made of.
    pub(crate) pack_digest: String,
    /// The cluster that it was made for.
    pub(crate) cluster: ClusterReference,
}

/// How a plan is stored, as far as its head is read.
#[derive(Debug, Deserialize)]
pub(super) struct PlanHeadRecord {
    pub(super) plan: PlanHead,
}

/// Unique ids of the targets that a run made, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SetRecord {
    /// Name → unique id.
    pub targets: BTreeMap<String, String>,
    /// Name → shard → the highest number of the log that it had from the beginning, for those that were cloned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clones: BTreeMap<String, BTreeMap<u32, i64>>,
    /// The last driver that made clones: none before it can note one any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloned_by: Option<u64>,
}

/// What one round copies: for every index of the plan that is copied, first and last sequence number by shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// The round, from 1.
    pub round: u32,
    /// Number of its first task within the run.
    pub ordinal_first: u32,
    /// Sequence numbers of one task.
    pub task_width: u64,
    /// `[position in the plan, shard, first, last]`, last included.
    pub stretches: Vec<(usize, u32, i64, i64)>,
}

impl RoundRecord {
    /// The tasks of this round, none of them begun.
    pub fn tasks(&self) -> Vec<Task> {
        let stretch = |&(index, shard, first, last)| Stretch { index, shard, first, last };
        let stretches: Vec<Stretch> = self.stretches.iter().map(stretch).collect();
        cut(&stretches, self.round, self.ordinal_first, self.task_width)
    }
}

/// How far a task got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// The task.
    pub task: Task,
    /// Who works on it, or did so last; `None` when nobody did, or whoever did let go of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
}

/// How far the new set follows the live one, shard by shard. Written while a run catches up, verifies and holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionRecord {
    /// `[position in the plan, shard, covered, settled, compared]`, sequence numbers: everything up to `covered` was
    /// carried over, the content of everything up to `settled` compared, and up to `compared` the deletes as well.
    pub shards: Vec<(usize, u32, i64, i64, i64)>,
    /// Which primaries there were right before both sets were compared: while they are the same, nothing that was compared
    /// was lost with one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<PairTerms>,
    /// What was carried over since copying ended.
    #[serde(default)]
    pub carried: Tally,
    /// Copies that were deleted because the live set has the document no more.
    #[serde(default)]
    pub deleted: u64,
    /// Copies that a comparison mended although they had been carried over before.
    #[serde(default)]
    pub repaired: u64,
}

/// How far the documents in envelopes were delivered, log by log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// `[position in the plan, covered, settled]`, sequence numbers of the index of envelopes: everything up to `covered` was
    /// delivered, and up to `settled` read back.
    pub logs: Vec<(usize, i64, i64)>,
    /// What is delivered from now on comes over all that was delivered in earlier ones, whatever its number.
    #[serde(default, skip_serializing_if = "is_first")]
    pub epoch: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_first(epoch: &u64) -> bool {
    *epoch == 0
}

impl DeliveryRecord {
    /// How far the log at a position of the plan got.
    pub fn of(&self, position: usize) -> Option<(i64, i64)> {
        let log = self.logs.iter().find(|(at, ..)| *at == position);
        log.map(|(_, covered, settled)| (*covered, *settled))
    }
}

/// Aliases under which the new set of a run can be read before the switch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRecord {
    /// Alias → indices of the new set.
    pub aliases: BTreeMap<String, Vec<String>>,
}

/// Which primary in a row every shard of two indices had, in the order of shard numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairTerms {
    /// Position in the plan.
    pub position: usize,
    /// Of the index that is followed.
    pub source: Vec<u64>,
    /// Of the index that is carried into.
    pub target: Vec<u64>,
}

/// Where the way back begins: where both sets stood when they were equal and took no writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRecord {
    /// Every index that is copied.
    pub indices: Vec<ReturnIndex>,
    /// Which primaries there were, seen from the switch: the old set's are the sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<PairTerms>,
}

/// One index of a [`ReturnRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnIndex {
    /// Position in the plan.
    pub position: usize,
    /// Added to a number of the new index, it gives a version above all that the old index ever gave.
    pub version_base: u64,
    /// `[shard, number]` of the new index: everything up to there came from the old one.
    pub shards: Vec<(u32, i64)>,
}

/// What operators ask of a run that is under way. Written by commands, read by the driver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersRecord {
    /// Not to switch yet.
    #[serde(default)]
    pub is_held: bool,
    /// To carry nothing for now.
    #[serde(default)]
    pub is_paused: bool,
    /// Documents a second, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents_per_second_max: Option<u64>,
}

/// What a comparison of both sets found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// The round.
    pub round: u32,
    /// Documents that both sets have in common.
    pub documents: u64,
    /// Documents only in the live set, as the steps make them.
    pub missing: u64,
    /// Documents only in the new set.
    pub extra: u64,
    /// Documents in both sets with other content.
    pub differing: u64,
    /// Copies that were deleted in the course of it, because the live set has the document no more.
    #[serde(default)]
    pub deleted: u64,
    /// When it was found, RFC 3339.
    pub at: String,
}

/// A change of the tag of an application, beside the run of its data. One per application: the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployRecord {
    /// Its id; ids sort by time.
    pub id: String,
    /// How the tag is changed: `compose`, `exec`, `http` or `kubernetes`.
    pub how: String,
    /// The version that ran before.
    pub from: Version,
    /// The version that is to run.
    pub to: Version,
    /// The tag that ran before, as it was found, or as it has to be for that version.
    pub from_tag: String,
    /// The tag that is to run.
    pub to_tag: String,
    /// Whether data is taken through steps. Without that only the tag changes.
    pub is_major: bool,
    /// The run of the data, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Where it stands.
    pub state: DeployState,
    /// How the application was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Baseline>,
    /// Which probes answered well until now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// What the application counted before, by the address of its counters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted_before: BTreeMap<String, Counted>,
    /// How the application was afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Baseline>,
    /// What the application counted afterwards, by the address of its counters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted_after: BTreeMap<String, Counted>,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When its state changed last, RFC 3339.
    pub changed_at: String,
}

/// The right to drive runs of an application, or a place among its workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Who: `HOST/PID`.
    pub owner: String,
    /// Unique for every time that the lease is taken, so that no two holders can write the same record.
    pub holder: String,
    /// What tells on the same machine whether that process still lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Fencing number: higher for every new holder.
    pub number: u64,
    /// Counts renewals, so that a watcher sees a live holder.
    pub beat: u64,
    /// Whether the holder gave it back.
    pub is_free: bool,
    /// Whether the holder gives it to whoever asks: a worker does.
    #[serde(default)]
    pub gives_way: bool,
}

/// Somebody asks for the lease that a worker holds. One per application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequestRecord {
    /// Who: `HOST/PID`.
    pub by: String,
    /// Unique for every time that somebody asks.
    pub request: String,
    /// Counts how often that was repeated: who died asks no more.
    pub beat: u64,
    /// Whether it is over.
    pub is_over: bool,
}

/// How writes flow back to the old set after the switch, while a worker carries them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRecord {
    /// Whether indices of the old set may take Lockstep's writes now: written before their block is lifted, and after it is set
    /// again.
    #[serde(default)]
    pub is_open: bool,
    /// Documents that can't go back as they were then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<RejectedBack>,
    /// Why it stands still, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Problem>,
    /// Deletes that were carried back.
    #[serde(default)]
    pub deleted: u64,
    /// When it was written last, RFC 3339.
    pub at: String,
}

/// What the guard of old indices replaced, by name. Written before the first guard is set, and kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRecord {
    /// Index → what its settings were.
    pub rules: BTreeMap<String, CopyRule>,
}

/// A document that can't go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedBack {
    /// Position of its index in the plan.
    pub position: usize,
    /// The document, in the new set, and why.
    #[serde(flatten)]
    pub document: BadDocument,
}

/// The document of an entry in quarantine, as it was rejected. Kept apart, so that entries stay small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalRecord {
    /// The number of the write that made it.
    pub seq_no: i64,
    /// Its text, byte for byte.
    pub source: String,
}

/// How indices that a run left behind were used, as it was noted: whoever retires them holds against it what is counted then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Index → what was noted last.
    pub indices: BTreeMap<String, NotedUsage>,
}

/// How one index was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedUsage {
    /// Its unique id.
    pub uuid: String,
    /// When it was noted, RFC 3339.
    pub at: String,
    /// What was counted.
    pub counters: Counters,
}

/// The archive of a set, written once it was read back whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveRecord {
    /// Where it is.
    pub archive: ArchiveReference,
    /// When it was found whole, RFC 3339.
    pub at: String,
}

/// Which archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveReference {
    /// Its folder, or its address.
    pub location: String,
    /// The digest of its manifest.
    pub blake3: String,
}

/// A snapshot of the live set, taken before the run of this id began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRecord {
    /// Where it is.
    pub snapshot: SnapshotReference,
    /// Whether every shard was seen in it. Written before it is begun as well, and then it isn't.
    pub is_whole: bool,
    /// When this was written, RFC 3339.
    pub at: String,
}

/// Which snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotReference {
    /// The repository, as the cluster calls it.
    pub repository: String,
    /// The snapshot's name in it.
    pub name: String,
}

/// What became of an index of an old set. Written before it is deleted, and again when it was seen to be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRecord {
    /// The run that left it behind.
    pub run: String,
    /// Its name.
    pub index: String,
    /// Its unique id.
    pub uuid: String,
    /// Whether it is gone.
    pub state: ReceiptState,
    /// Live documents that it had, nested objects included.
    pub documents: u64,
    /// Bytes on disk, of all copies.
    pub bytes: u64,
    /// The archive that has its documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveReference>,
    /// When this was written, RFC 3339.
    pub at: String,
}

/// Whether an index of an old set is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// It is about to be deleted.
    Deleting,
    /// It was seen to be gone.
    Deleted,
}

impl ReceiptState {
    /// The word by which records in it are found.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }
}

impl Record for ReceiptRecord {
    const KIND: &'static str = "receipt";

    fn run(&self) -> Option<&str> {
        Some(&self.run)
    }

    fn state(&self) -> Option<&str> {
        Some(self.state.name())
    }
}

impl Record for Entry {
    const KIND: &'static str = "entry";

    fn run(&self) -> Option<&str> {
        Some(&self.run)
    }

    fn state(&self) -> Option<&str> {
        Some(self.state.name())
    }
}

macro_rules! kinds {
    ($($record:ty => $kind:literal),+ $(,)?) => {
        $(impl Record for $record {
            const KIND: &'static str = $kind;
        })+
    };
}

kinds! {
    ApplicationRecord => "application",
    RunRecord => "run",
    PlanRecord => "plan",
    SetRecord => "set",
    RoundRecord => "round",
    TaskRecord => "task",
    PositionRecord => "position",
    ReturnRecord => "return",
    OrdersRecord => "orders",
    VerdictRecord => "verdict",
    LeaseRecord => "lease",
    OriginalRecord => "original",
    LeaseRequestRecord => "lease-request",
    FlowRecord => "flow",
    GuardRecord => "guard",
    DeliveryRecord => "delivery",
    PreviewRecord => "preview",
    DeployRecord => "deploy",
    UsageRecord => "usage",
    ArchiveRecord => "archive",
    SnapshotRecord => "snapshot",
}
