//! Where an application stands: which release is live, what run is under way, how far it got.

use lockstep_core::{plan::tenants::ExcludedTenant, run::task::Tally};
use lockstep_elastic::Cluster;
use serde::Serialize;

use crate::{
    error::EngineError,
    journal::{
        ApplicationRecord, Journal, LeaseRecord, OrdersRecord, PlanRecord, PositionRecord,
        RoundRecord, RunRecord, TaskRecord, VerdictRecord,
    },
    pace,
    quarantine::{self, Counts},
};

/// Where an application stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The application.
    pub application: String,
    /// The version that Lockstep switched to last.
    pub live: Option<String>,
    /// The run that is under way, or the one that ended last.
    pub run: Option<RunStatus>,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunStatus {
    /// Its record.
    #[serde(flatten)]
    pub record: RunRecord,
    /// From which version.
    pub from: String,
    /// To which version.
    pub to: String,
    /// Whether it is the one that is under way.
    pub is_under_way: bool,
    /// Who drives it, if somebody does.
    pub driver: Option<String>,
    /// Tenants.
    pub tenant_count: usize,
    /// Tenants that stay on the release that the run comes from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<ExcludedTenant>,
    /// Documents of the live set when the plan was made.
    pub document_count: u64,
    /// What was copied so far.
    pub copied: Tally,
    /// What was done to follow the live set since copying ended.
    pub followed: Option<PositionRecord>,
    /// Rejected documents that were set aside.
    pub quarantine: Counts,
    /// What operators ask of it.
    pub orders: OrdersRecord,
    /// What the last comparison found.
    pub verdict: Option<VerdictRecord>,
}

/// Reads where an application stands. Changes nothing.
///
/// # Errors
/// [`EngineError`] when the journal can't be read.
pub async fn status(cluster: &Cluster, application: &str) -> Result<Status, EngineError> {
    let journal = Journal::new(cluster, application);
    let Some(record) = journal.read::<ApplicationRecord>(application).await? else {
        return Ok(Status { application: application.to_owned(), live: None, run: None });
    };
    let ApplicationRecord { live, run, last_run } = record.record;
    let is_under_way = run.is_some();
    let run = match run.or(last_run) {
        Some(id) => run_status((cluster, &journal), application, &id, is_under_way).await?,
        None => None,
    };
    Ok(Status { application: application.to_owned(), live: live.map(String::from), run })
}

async fn run_status(
    (cluster, journal): (&Cluster, &Journal),
    application: &str,
    id: &str,
    is_under_way: bool,
) -> Result<Option<RunStatus>, EngineError> {
    let Some(run) = journal.read::<RunRecord>(id).await? else { return Ok(None) };
    let Some(plan) = journal.read::<PlanRecord>(id).await? else { return Ok(None) };
    let plan = plan.record.plan;
    let lease = journal.read::<LeaseRecord>(application).await?;
    let driver =
        lease.map(|kept| kept.record).filter(|lease| !lease.is_free).map(|lease| lease.owner);
    let copied = copied(journal, id).await?;
    let verdict = verdict(journal, id).await?;
    let followed = journal.read::<PositionRecord>(id).await?.map(|kept| kept.record);
    let orders = pace::read_orders(journal, id).await?;
    let quarantine = quarantine::counts(cluster, application, id).await?;
    Ok(Some(RunStatus {
        record: run.record,
        from: plan.from.to_string(),
        to: plan.to.to_string(),
        is_under_way,
        driver,
        tenant_count: plan.tenants.len(),
        document_count: plan.document_count(),
        excluded: plan.excluded,
        copied,
        followed,
        quarantine,
        orders,
        verdict,
    }))
}

/// What copying did; what came after it is in the position.
async fn copied(journal: &Journal, id: &str) -> Result<Tally, EngineError> {
    let mut copied = Tally::default();
    let Some(kept) = journal.read::<RoundRecord>(&format!("{id}:1")).await? else {
        return Ok(copied);
    };
    let tasks = kept.record.tasks();
    let keys: Vec<String> =
        tasks.iter().map(|task| crate::stage::task_key(id, task.ordinal)).collect();
    for kept in journal.read_many::<TaskRecord>(&keys).await? {
        copied.add(kept.record.task.tally);
    }
    Ok(copied)
}

/// What the last comparison found.
async fn verdict(journal: &Journal, id: &str) -> Result<Option<VerdictRecord>, EngineError> {
    // Rounds are journalled one after the other, so the first that is missing is the end.
    let mut verdict = None;
    for round in 1_u32.. {
        match journal.read::<VerdictRecord>(&format!("{id}:{round}")).await? {
            Some(kept) => verdict = Some(kept.record),
            None => break,
        }
    }
    Ok(verdict)
}
