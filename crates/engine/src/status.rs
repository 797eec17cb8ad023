//! Where an application stands: which release is live, what run is under way, how far it got.

use lockstep_core::{
    plan::tenants::ExcludedTenant,
    run::{crew::Holder, state::RunState, task::Tally},
};
use lockstep_elastic::Cluster;
use serde::Serialize;

use crate::{
    crew::read_places,
    error::EngineError,
    journal::{
        ApplicationRecord, DeployRecord, Journal, LeaseRecord, OrdersRecord, PlanRecord,
        PositionRecord, RoundRecord, RunRecord, TaskRecord, VerdictRecord,
    },
    pace, process,
    quarantine::{self, Counts},
    stage::flow_back::{WayBackStatus, way_back_status},
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
    /// The last change of the tag, where Lockstep made one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<DeployRecord>,
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
    /// Who has a place among the workers, in the order of places.
    pub workers: Vec<WorkerStatus>,
    /// What was done to follow the live set since copying ended.
    pub followed: Option<PositionRecord>,
    /// Rejected documents that were set aside.
    pub quarantine: Counts,
    /// What operators ask of it.
    pub orders: OrdersRecord,
    /// What the last comparison found.
    pub verdict: Option<VerdictRecord>,
    /// After the switch, where there is a way back: how far the old set is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_back: Option<WayBackStatus>,
}

/// What a worker does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    /// Who: `HOST/PID`.
    pub name: String,
    /// Tasks of the run that it holds now.
    pub tasks: u64,
    /// Documents of the tasks that it holds, and of those that it ended.
    pub documents: u64,
}

/// Reads where an application stands. Changes nothing.
///
/// # Errors
/// [`EngineError`] when the journal can't be read.
pub async fn status(cluster: &Cluster, application: &str) -> Result<Status, EngineError> {
    let journal = Journal::new(cluster, application);
    let deploy = journal.read::<DeployRecord>(application).await?.map(|kept| kept.record);
    let application_name = application.to_owned();
    let Some(record) = journal.read::<ApplicationRecord>(application).await? else {
        return Ok(Status { application: application_name, live: None, run: None, deploy });
    };
    let ApplicationRecord { live, run, last_run, data_parts: _ } = record.record;
    let is_under_way = run.is_some();
    let run = match run.or(last_run) {
        Some(id) => run_status((cluster, &journal), application, &id, is_under_way).await?,
        None => None,
    };
    Ok(Status { application: application_name, live: live.map(String::from), run, deploy })
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
    let driver = lease
        .map(|kept| kept.record)
        .filter(|lease| !lease.is_free && !process::is_gone(lease.process.as_deref()))
        .map(|lease| lease.owner);
    let tasks = tasks(journal, id).await?;
    let mut copied = Tally::default();
    for record in &tasks {
        copied.add(record.task.tally);
    }
    let workers = workers(journal, application, &tasks).await?;
    let verdict = verdict(journal, id).await?;
    let followed = journal.read::<PositionRecord>(id).await?.map(|kept| kept.record);
    let orders = pace::read_orders(journal, id).await?;
    let quarantine = quarantine::counts(cluster, application, id).await?;
    let way_back = if run.record.state == RunState::Switched {
        way_back_status(cluster, journal, (id, &plan)).await?
    } else {
        None
    };
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
        workers,
        followed,
        quarantine,
        orders,
        verdict,
        way_back,
    }))
}

/// The tasks of copying that were begun; what came after it is in the position.
async fn tasks(journal: &Journal, id: &str) -> Result<Vec<TaskRecord>, EngineError> {
    let Some(kept) = journal.read::<RoundRecord>(&format!("{id}:1")).await? else {
        return Ok(Vec::new());
    };
    let tasks = kept.record.tasks();
    let keys: Vec<String> =
        tasks.iter().map(|task| crate::stage::task_key(id, task.ordinal)).collect();
    let kept = journal.read_many::<TaskRecord>(&keys).await?;
    Ok(kept.into_iter().map(|kept| kept.record).collect())
}

/// Who has a place, and what they do. One that died is here until somebody who watched it takes its place away, unless it
/// was a process of this machine.
async fn workers(
    journal: &Journal,
    application: &str,
    tasks: &[TaskRecord],
) -> Result<Vec<WorkerStatus>, EngineError> {
    let mut workers = Vec::new();
    for (place, kept) in read_places(journal, application).await? {
        let LeaseRecord { owner, process, number, is_free, .. } = kept.record;
        if is_free || process::is_gone(process.as_deref()) {
            continue;
        }
        let me = Holder { place, number };
        let own = || tasks.iter().filter(|record| record.holder == Some(me));
        workers.push(WorkerStatus {
            name: owner,
            tasks: own().filter(|record| record.task.next().is_some()).count() as u64,
            documents: own().map(|record| record.task.tally.read).sum(),
        });
    }
    Ok(workers)
}

/// What the last comparison found.
pub(crate) async fn verdict(
    journal: &Journal,
    id: &str,
) -> Result<Option<VerdictRecord>, EngineError> {
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
