//! The runs of an application, as the journal has them: from where to where, how each ended, what it came to, what became of
//! the set that it left behind.

use lockstep_core::run::state::RunState;
use lockstep_elastic::Cluster;
use serde::Serialize;

use crate::{
    error::EngineError,
    journal::{
        ApplicationRecord, ArchiveReference, Journal, PlanRecord, ReceiptRecord, ReceiptState,
        RunRecord, SnapshotRecord, SnapshotReference, SwitchRecord, VerdictRecord,
    },
    quarantine::{self, Counts},
    status,
};

/// All runs of an application.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    /// The application.
    pub application: String,
    /// The version that Lockstep switched to last.
    pub live: Option<String>,
    /// Its runs, the newest first.
    pub runs: Vec<PastRun>,
}

/// A run, over or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastRun {
    /// Its id.
    pub id: String,
    /// From which version.
    pub from: String,
    /// To which version.
    pub to: String,
    /// Where it stands, or how it ended.
    #[serde(flatten)]
    pub state: RunState,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When its state changed last, RFC 3339.
    pub changed_at: String,
    /// Tenants that it was for.
    pub tenant_count: usize,
    /// Documents of the old set when the plan was made.
    pub document_count: u64,
    /// What the last comparison found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictRecord>,
    /// How long writes were blocked by the switch, in milliseconds by part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchRecord>,
    /// The same of the return.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back: Option<SwitchRecord>,
    /// Rejected documents that were set aside.
    pub quarantine: Counts,
    /// The snapshot that was taken before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotReference>,
    /// What was deleted of the set that it left behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retired>,
}

/// What was deleted of an old set, by its receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retired {
    /// Indices that are gone.
    pub index_count: usize,
    /// Indices whose deletion was begun, and whose end nobody saw yet.
    pub open_count: usize,
    /// Live documents that they had, nested objects included.
    pub document_count: u64,
    /// Bytes on disk that they had.
    pub bytes: u64,
    /// When the last one was written, RFC 3339.
    pub at: String,
    /// The archive that has the documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveReference>,
}

/// Reads the runs of an application. Changes nothing.
///
/// # Errors
/// [`EngineError`] when the journal can't be read.
pub async fn history(cluster: &Cluster, application: &str) -> Result<History, EngineError> {
    let journal = Journal::new(cluster, application);
    let live = journal.read::<ApplicationRecord>(application).await?;
    let live = live.and_then(|kept| kept.record.live).map(String::from);
    let mut records = Vec::new();
    for kept in journal.all::<RunRecord>().await? {
        records.push(kept.record);
    }
    // Ids sort by time.
    records.sort_by(|one, other| other.id.cmp(&one.id));
    let mut runs = Vec::new();
    for record in records {
        // Without a plan a run never began.
        let Some(plan) = journal.read::<PlanRecord>(&record.id).await? else { continue };
        let plan = plan.record.plan;
        runs.push(PastRun {
            from: plan.from.to_string(),
            to: plan.to.to_string(),
            tenant_count: plan.tenants.len(),
            document_count: plan.document_count(),
            verdict: status::verdict(&journal, &record.id).await?,
            quarantine: quarantine::counts(cluster, application, &record.id).await?,
            snapshot: journal
                .read::<SnapshotRecord>(&record.id)
                .await?
                .map(|kept| kept.record.snapshot),
            retired: retired(&journal, &record.id).await?,
            id: record.id,
            state: record.state,
            started_at: record.started_at,
            changed_at: record.changed_at,
            switch: record.switch,
            back: record.back,
        });
    }
    Ok(History { application: application.to_owned(), live, runs })
}

/// What was deleted of the set that a run left behind; `None` when nobody began.
///
/// # Errors
/// [`EngineError`] when the journal can't be read.
pub(crate) async fn retired(journal: &Journal, run: &str) -> Result<Option<Retired>, EngineError> {
    let mut receipts = journal.find::<ReceiptRecord>(run, &["deleting", "deleted"]).await?;
    // An archive that was made anew has what was in the one before: the last one counts.
    receipts.sort_by(|one, other| one.record.at.cmp(&other.record.at));
    let mut retired: Option<Retired> = None;
    for kept in receipts {
        let ReceiptRecord { state, documents, bytes, archive, at, .. } = kept.record;
        let sum = retired.get_or_insert_with(|| Retired {
            index_count: 0,
            open_count: 0,
            document_count: 0,
            bytes: 0,
            at: at.clone(),
            archive: None,
        });
        match state {
            ReceiptState::Deleting => sum.open_count += 1,
            ReceiptState::Deleted => {
                sum.index_count += 1;
                sum.document_count += documents;
                sum.bytes += bytes;
            }
        }
        sum.at = at;
        sum.archive = archive.or_else(|| sum.archive.take());
    }
    Ok(retired)
}
