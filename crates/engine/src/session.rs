//! What an operator can ask for: a plan, an upgrade, a comparison, giving up.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    inventory::Inventory,
    names::ReleaseNames,
    pack::model::Pack,
    plan::{
        build::{PlanRequest, build},
        live::LiveError,
        model::{Limits, Plan, UpgradeKind},
        tenants::TenantChoice,
    },
    run::{
        state::{Event, RunState},
        step::step,
    },
    transform::Transform,
    version::Version,
};
use lockstep_elastic::Cluster;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    databases::Databases,
    drive::{self, Drive},
    error::EngineError,
    journal::{
        ApplicationRecord, Journal, Kept, OrdersRecord, PlanRecord, RunRecord, SetRecord,
        SwitchRecord, Write,
    },
    jq::JqHosts,
    lease::Lease,
    observer::observe,
    pace::{self, Pace},
    report::{Event as ReportEvent, Reporter},
    retire, scripts, snapshot,
    stage::{
        Course, StageContext, back, compare, flow_back, measure::Measures, quarantine::Quarantine,
        remove_envelopes, table::forget_tables,
    },
    survey::survey,
    tables,
};

/// A connection to a cluster, somebody who listens, and a way to stop.
#[derive(Clone)]
pub struct Session {
    /// The cluster.
    pub cluster: Cluster,
    /// Where programs in jq run.
    pub jq: JqHosts,
    /// Who listens.
    pub reporter: Arc<dyn Reporter>,
    /// Cancelled to stop cleanly.
    pub stop: CancellationToken,
    /// The databases that tables are in.
    pub databases: Databases,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The version to go to.
    pub to: Version,
    /// The version that is live, when the operator says so.
    pub from: Option<Version>,
    /// Which tenants it is for.
    pub tenants: TenantChoice,
    /// Bounds on what a run may use.
    pub limits: Limits,
    /// Not to switch before [`Session::switch`] asks for it.
    pub is_held: bool,
    /// Documents that are carried over a second at the most, by all workers together, from the first one on.
    pub documents_per_second_max: Option<u64>,
    /// The repository for a snapshot of the live set, taken before the run begins; without one none is taken.
    pub snapshot: Option<String>,
}

/// How an upgrade ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// There was nothing to migrate: only the image changes.
    Minor {
        /// The plan that says so.
        plan: Box<Plan>,
    },
    /// All tenants are on the new set.
    Switched {
        /// The plan.
        plan: Box<Plan>,
        /// The run.
        run: Box<RunRecord>,
    },
    /// All tenants are on the old set again.
    Returned {
        /// The plan.
        plan: Box<Plan>,
        /// The run.
        run: Box<RunRecord>,
    },
    /// The run was given up.
    Aborted {
        /// The plan.
        plan: Box<Plan>,
        /// The run.
        run: Box<RunRecord>,
    },
}

impl Session {
    /// Makes a plan. Changes nothing.
    ///
    /// # Errors
    /// [`EngineError`] when the cluster can't be seen whole, or there is no way to the version.
    pub async fn plan(&self, pack: &Pack, wish: &Wish) -> Result<Plan, EngineError> {
        let inventory = survey(&self.cluster).await?;
        let record =
            Journal::new(&self.cluster, &pack.name).read::<ApplicationRecord>(&pack.name).await?;
        self.make_plan((pack, wish), &inventory, record.as_ref()).await
    }

    /// Plans, and asks the engine what only it can tell.
    pub(crate) async fn make_plan(
        &self,
        (pack, wish): (&Pack, &Wish),
        inventory: &Inventory,
        record: Option<&Kept<ApplicationRecord>>,
    ) -> Result<Plan, EngineError> {
        let mut plan = plan_from(pack, wish, inventory, record)?;
        scripts::probe(&self.cluster, &mut plan).await?;
        tables::probe(&self.databases, &mut plan).await?;
        Ok(plan)
    }

    /// Takes an application to another version: begins a run, or goes on with the one that is under way.
    ///
    /// # Errors
    /// [`EngineError`]; the same command goes on from where it stopped.
    pub async fn upgrade(&self, pack: &Pack, wish: &Wish) -> Result<Ending, EngineError> {
        let journal = Journal::new(&self.cluster, &pack.name);
        let inventory = survey(&self.cluster).await?;
        let record = journal.read::<ApplicationRecord>(&pack.name).await?;
        let under_way = record.as_ref().is_some_and(|kept| kept.record.run.is_some());
        if !under_way {
            let plan = self.make_plan((pack, wish), &inventory, record.as_ref()).await?;
            if plan.is_refused() {
                return Err(EngineError::Refused { plan: Box::new(plan) });
            }
            if plan.kind == UpgradeKind::Minor {
                return Ok(Ending::Minor { plan: Box::new(plan) });
            }
        }
        // Only now is anything written: a plan that is refused leaves no trace.
        journal.ensure().await?;
        let lease = Lease::take(&journal, &pack.name, self.reporter.as_ref(), &self.stop).await?;
        let outcome = self.upgrade_leased((pack, wish), &inventory, &journal, &lease).await;
        finish(lease, outcome).await
    }

    async fn upgrade_leased(
        &self,
        (pack, wish): (&Pack, &Wish),
        inventory: &Inventory,
        journal: &Journal,
        lease: &Lease,
    ) -> Result<Ending, EngineError> {
        let record = application_record(journal, &pack.name).await?;
        let (plan, run) = if let Some((plan, run)) = self.open_run(journal, &record).await? {
            check_same(pack, wish, inventory, &plan)?;
            // Going back is its own command: nobody should find himself going back who asked to go on.
            if run.record.state.is_return() {
                return Err(EngineError::Returning { application: pack.name.clone() });
            }
            (plan, run)
        } else {
            // A run that was over may just have been closed, and another release be live by it.
            let mut record = application_record(journal, &pack.name).await?;
            let plan = self.make_plan((pack, wish), inventory, Some(&record)).await?;
            if plan.is_refused() {
                return Err(EngineError::Refused { plan: Box::new(plan) });
            }
            if plan.kind == UpgradeKind::Minor {
                return Ok(Ending::Minor { plan: Box::new(plan) });
            }
            let id = new_run_id();
            if let Some(repository) = &wish.snapshot {
                snapshot::take(self, journal, (&plan, &id), repository).await?;
            }
            if let Some(id) = &record.record.last_run
                && let Some(kept) = journal.read::<PlanRecord>(id).await?
            {
                // From here on the way back of the run before is nobody's business any more.
                let stop = self.stop.child_token();
                let context = self.context(journal, id, &kept.record.plan, stop);
                flow_back::close_left_open(&context).await?;
            }
            let orders = OrdersRecord {
                is_held: wish.is_held,
                documents_per_second_max: wish.documents_per_second_max,
                ..OrdersRecord::default()
            };
            record.record.data_parts = Some(pack.data_parts);
            let run = begin(journal, &plan, (&record, orders), (id, lease.number())).await?;
            (plan, run)
        };
        if wish.is_held || wish.documents_per_second_max.is_some() {
            // A run that was begun without them has them from now on.
            pace::give_orders(journal, &run.record.id, |orders| {
                orders.is_held |= wish.is_held;
                orders.documents_per_second_max =
                    wish.documents_per_second_max.or(orders.documents_per_second_max);
            })
            .await?;
        }
        let mut drive = self.drive(journal, &plan, run, lease);
        drive.context.live_names = Some(Arc::new(release_names(pack, &plan, &plan.from)?));
        if matches!(drive.run.record.state, RunState::Halted { .. }) {
            drive.happened(Event::Resume, drive.run.record.switch.unwrap_or_default()).await?;
        }
        let ended = watched(&self.stop, lease, &mut drive).await;
        ended?;
        Ok(ending(drive))
    }

    /// Gives the run up that is under way: the unfinished new set is dropped, the live set is writable as before.
    ///
    /// # Errors
    /// [`EngineError::NoRun`], [`EngineError::State`] once the switch is decided, or what the cluster says.
    pub async fn abort(&self, application: &str) -> Result<Ending, EngineError> {
        let journal = Journal::new(&self.cluster, application);
        let no_run =
            || EngineError::NoRun { application: application.to_owned(), what: "run under way" };
        if !self.can_abort(&journal, application).await? {
            return Err(no_run());
        }
        let lease = Lease::take(&journal, application, self.reporter.as_ref(), &self.stop).await?;
        let outcome = async {
            if !self.can_abort(&journal, application).await? {
                return Err(no_run());
            }
            let (plan, run) = self.last_run(&journal, application).await?;
            name_run(&journal, &plan, &run.record.id).await?;
            let mut drive = self.drive(&journal, &plan, run, &lease);
            drive.happened(Event::Abort, drive.run.record.switch.unwrap_or_default()).await?;
            watched(&self.stop, &lease, &mut drive).await?;
            Ok(ending(drive))
        }
        .await;
        finish(lease, outcome).await
    }

    /// Whether there is a run to give up: one that is under way, or one that went back and left its new set.
    async fn can_abort(&self, journal: &Journal, application: &str) -> Result<bool, EngineError> {
        let Some(kept) = journal.read::<ApplicationRecord>(application).await? else {
            return Ok(false);
        };
        if self.open_run(journal, &kept).await?.is_some() {
            return Ok(true);
        }
        let Ok((_, run)) = self.last_run(journal, application).await else { return Ok(false) };
        Ok(run.record.state == RunState::Returned)
    }

    /// Takes an application back to the release that it was switched from: what it wrote since goes back too.
    ///
    /// # Errors
    /// [`EngineError::NoWayBack`] when a step can't be undone, [`EngineError::State`] when the run isn't switched or its
    /// way back was given up, or what the cluster says; the same command goes on from where it stopped.
    pub async fn rollback(&self, pack: &Pack) -> Result<Ending, EngineError> {
        let journal = Journal::new(&self.cluster, &pack.name);
        let lease = self.lease_known(&journal, &pack.name).await?;
        let outcome = async {
            let (plan, run) = self.last_run(&journal, &pack.name).await?;
            if plan.pack_digest != pack.digest {
                return Err(EngineError::PackChanged);
            }
            if let Some(reason) = back::way_back_missing(&plan) {
                return Err(EngineError::NoWayBack { from: plan.to.to_string(), reason });
            }
            if run.record.state != RunState::Switched && !run.record.state.is_return() {
                return Err(EngineError::NotSwitched { state: run.record.state.name() });
            }
            // Refused before anything is written, if it can't be asked for.
            let is_new = step(&run.record.state, Event::Return)? != run.record.state;
            name_run(&journal, &plan, &run.record.id).await?;
            let mut drive = self.drive(&journal, &plan, run, &lease);
            drive.context.live_names = Some(Arc::new(release_names(pack, &plan, &plan.to)?));
            if is_new {
                drive.happened(Event::Return, SwitchRecord::default()).await?;
            }
            watched(&self.stop, &lease, &mut drive).await?;
            Ok(ending(drive))
        }
        .await;
        finish(lease, outcome).await
    }

    /// Gives the way back up for good: the old set isn't needed any more.
    ///
    /// # Errors
    /// [`EngineError::State`] when the last run isn't switched, or what the cluster says.
    pub async fn finalize(&self, application: &str) -> Result<Ending, EngineError> {
        let journal = Journal::new(&self.cluster, application);
        let lease = self.lease_known(&journal, application).await?;
        let outcome = async {
            let (plan, run) = self.last_run(&journal, application).await?;
            if run.record.state == RunState::Finalized {
                retire::note_sources(&self.cluster, &journal, (&run.record.id, &plan)).await?;
                return Ok(ending(self.drive(&journal, &plan, run, &lease)));
            }
            if run.record.state != RunState::Switched {
                return Err(EngineError::NotSwitched { state: run.record.state.name() });
            }
            let mut drive = self.drive(&journal, &plan, run, &lease);
            flow_back::close_left_open(&drive.context).await?;
            if let Err(error) = forget_tables(&drive.context).await {
                // Nobody needs them any more, so a database that is gone holds nothing up.
                let message = format!("how far this run got stays noted in its databases: {error}");
                self.reporter.report(ReportEvent::Notice { message });
            }
            remove_envelopes(&drive.context).await?;
            // From here on it counts who still uses the old set.
            retire::note_sources(&self.cluster, &journal, (&drive.run.record.id, &plan)).await?;
            drive.happened(Event::Finalize, SwitchRecord::default()).await?;
            Ok(ending(drive))
        }
        .await;
        finish(lease, outcome).await
    }

    /// Takes the lease of an application that the journal knows.
    async fn lease_known(
        &self,
        journal: &Journal,
        application: &str,
    ) -> Result<Lease, EngineError> {
        if journal.read::<ApplicationRecord>(application).await?.is_none() {
            return Err(EngineError::NoRun { application: application.to_owned(), what: "run" });
        }
        Lease::take(journal, application, self.reporter.as_ref(), &self.stop).await
    }

    /// The run that is under way, or the one that ended last.
    pub(crate) async fn last_run(
        &self,
        journal: &Journal,
        application: &str,
    ) -> Result<(Plan, Kept<RunRecord>), EngineError> {
        let no_run = || EngineError::NoRun { application: application.to_owned(), what: "run" };
        let record = journal.read::<ApplicationRecord>(application).await?.ok_or_else(no_run)?;
        let id = record.record.run.or(record.record.last_run).ok_or_else(no_run)?;
        let run = journal.read::<RunRecord>(&id).await?.ok_or_else(no_run)?;
        let plan = journal.read::<PlanRecord>(&id).await?.ok_or_else(no_run)?;
        Ok((plan.record.plan, run))
    }

    /// Changes the orders of the run that is under way; whoever drives it obeys within a second.
    ///
    /// # Errors
    /// [`EngineError::NoRun`], or what the cluster says.
    pub async fn order(
        &self,
        application: &str,
        change: impl Fn(&mut OrdersRecord) + Send + Sync,
    ) -> Result<OrdersRecord, EngineError> {
        let journal = Journal::new(&self.cluster, application);
        let no_run =
            || EngineError::NoRun { application: application.to_owned(), what: "run under way" };
        let record = journal.read::<ApplicationRecord>(application).await?.ok_or_else(no_run)?;
        let run = record.record.run.ok_or_else(no_run)?;
        pace::give_orders(&journal, &run, change).await
    }

    /// Compares both sets of the run that is under way, or of the one that ended last. Changes nothing.
    ///
    /// # Errors
    /// [`EngineError::NoRun`], or what the cluster says.
    pub async fn verify(&self, application: &str) -> Result<(Plan, compare::Verdict), EngineError> {
        let journal = Journal::new(&self.cluster, application);
        let no_run = || EngineError::NoRun { application: application.to_owned(), what: "run" };
        let record =
            journal.read::<ApplicationRecord>(application).await?.ok_or_else(no_run)?.record;
        let id = record.run.or(record.last_run).ok_or_else(no_run)?;
        let plan = journal.read::<PlanRecord>(&id).await?.ok_or_else(no_run)?.record.plan;
        let context = self.context(&journal, &id, &plan, self.stop.clone());
        context.quarantine.load().await?;
        let verdict = compare::compare(&context).await?;
        Ok((plan, verdict))
    }

    /// The run that is under way. One that is over, whose driver died before it could say so, is closed here.
    pub(crate) async fn open_run(
        &self,
        journal: &Journal,
        record: &Kept<ApplicationRecord>,
    ) -> Result<Option<(Plan, Kept<RunRecord>)>, EngineError> {
        let Some(id) = &record.record.run else { return Ok(None) };
        let missing = |what: &str| EngineError::JournalUnreadable {
            id: format!("{what}:{id}"),
            reason: "it is not there, although the application's record names it".to_owned(),
        };
        let run = journal.read::<RunRecord>(id).await?.ok_or_else(|| missing("run"))?;
        let plan =
            journal.read::<PlanRecord>(id).await?.ok_or_else(|| missing("plan"))?.record.plan;
        if run.record.state.is_final() {
            drive::close(journal, &plan, &run.record).await?;
            return Ok(None);
        }
        Ok(Some((plan, run)))
    }

    pub(crate) fn drive(
        &self,
        journal: &Journal,
        plan: &Plan,
        run: Kept<RunRecord>,
        lease: &Lease,
    ) -> Drive {
        let stop = self.stop.child_token();
        let (quiet_at, lost) = (lease.quiet_at(), lease.lost().clone());
        let context =
            StageContext { quiet_at, lost, ..self.context(journal, &run.record.id, plan, stop) };
        Drive { context, run, driver: lease.number(), round_last: 0 }
    }

    pub(crate) fn context(
        &self,
        journal: &Journal,
        run: &str,
        plan: &Plan,
        stop: CancellationToken,
    ) -> StageContext {
        let courses: BTreeMap<String, Arc<Course>> = plan
            .programs
            .iter()
            .map(|(key, operations)| {
                let transform = Transform::new(operations.clone());
                let course = match plan.enveloped_for(key) {
                    Some(logical) => Course::enveloped(transform, logical, &self.jq),
                    None => Course::new(transform, &self.jq),
                };
                (key.clone(), Arc::new(course))
            })
            .collect();
        StageContext {
            cluster: self.cluster.clone(),
            journal: journal.clone(),
            run: run.to_owned(),
            plan: Arc::new(plan.clone()),
            courses: Arc::new(courses),
            jq: self.jq.clone(),
            live_names: None,
            quarantine: Quarantine::new(&self.cluster, plan, run),
            measures: Measures::default(),
            databases: self.databases.clone(),
            quiet_at: None,
            place: None,
            pace: Pace::new(&plan.limits, &self.reporter),
            reporter: Arc::clone(&self.reporter),
            stop,
            lost: CancellationToken::new(),
        }
    }
}

/// Names a run as the one that is under way. It is closed again when it comes to rest.
async fn name_run(journal: &Journal, plan: &Plan, id: &str) -> Result<(), EngineError> {
    let record = application_record(journal, &plan.application).await?;
    if record.record.run.as_deref() == Some(id) {
        return Ok(());
    }
    let named = ApplicationRecord { run: Some(id.to_owned()), ..record.record.clone() };
    kept(journal.replace(&plan.application, &record, named).await?)?;
    Ok(())
}

/// The names of a release of a plan; tenants that it leaves out are nobody's there.
pub(crate) fn release_names(
    pack: &Pack,
    plan: &Plan,
    version: &Version,
) -> Result<ReleaseNames, EngineError> {
    let release = pack.release(version).map(|(_, release)| release);
    let release = release.ok_or_else(|| {
        EngineError::Bug(format!("the pack has no release {version}, which the plan names"))
    })?;
    let names = ReleaseNames::new(pack, release)
        .map_err(|error| EngineError::Plan(LiveError::from(error).into()))?;
    Ok(names.without(plan.excluded.iter().map(|excluded| excluded.tenant.clone())))
}

fn plan_from(
    pack: &Pack,
    wish: &Wish,
    inventory: &Inventory,
    record: Option<&Kept<ApplicationRecord>>,
) -> Result<Plan, EngineError> {
    // What Lockstep switched to itself is known better than what names can tell; the operator knows best.
    let recorded = record.and_then(|kept| kept.record.live.as_ref());
    let from = wish.from.as_ref().or(recorded);
    let Wish { to, tenants, limits, .. } = wish;
    Ok(build(PlanRequest { pack, inventory, to, from, tenants, limits })?)
}

/// A run goes on only with the pack, the version and the cluster that it was begun with.
fn check_same(
    pack: &Pack,
    wish: &Wish,
    inventory: &Inventory,
    plan: &Plan,
) -> Result<(), EngineError> {
    if plan.to.data(pack.data_parts) != wish.to.data(pack.data_parts) {
        return Err(EngineError::OtherRun {
            application: pack.name.clone(),
            from: plan.from.to_string(),
            to: plan.to.to_string(),
        });
    }
    if plan.pack_digest != pack.digest {
        return Err(EngineError::PackChanged);
    }
    if !is_for_the_same(&wish.tenants, plan) {
        return Err(EngineError::OtherTenants { excluded: plan.excluded.len() });
    }
    if plan.cluster.uuid != inventory.cluster.uuid {
        return Err(EngineError::OtherCluster {
            planned: plan.cluster.uuid.clone(),
            found: inventory.cluster.uuid.clone(),
        });
    }
    Ok(())
}

/// Whether a plan is for the tenants that are asked for. Who names none goes on with whatever was begun.
fn is_for_the_same(choice: &TenantChoice, plan: &Plan) -> bool {
    match choice {
        TenantChoice::All => true,
        TenantChoice::Except { tenants, reason: _ } => {
            plan.excluded.iter().map(|excluded| &excluded.tenant).eq(tenants)
        }
        TenantChoice::Only(tenants) => plan.tenants.iter().map(|tenant| &tenant.source).eq(tenants),
    }
}

pub(crate) async fn application_record(
    journal: &Journal,
    application: &str,
) -> Result<Kept<ApplicationRecord>, EngineError> {
    loop {
        if let Some(kept) = journal.read::<ApplicationRecord>(application).await? {
            return Ok(kept);
        }
        if let Write::Kept(kept) = journal.create(application, ApplicationRecord::default()).await?
        {
            return Ok(kept);
        }
    }
}

/// A new run's id; ids sort by time.
pub(crate) fn new_run_id() -> String {
    Uuid::now_v7().simple().to_string()
}

/// Journals a new run. It is under way once the application's record names it, which is written last.
pub(crate) async fn begin(
    journal: &Journal,
    plan: &Plan,
    (record, orders): (&Kept<ApplicationRecord>, OrdersRecord),
    (id, driver): (String, u64),
) -> Result<Kept<RunRecord>, EngineError> {
    let now = jiff::Timestamp::now().to_string();
    let run = RunRecord {
        id: id.clone(),
        plan_digest: plan.digest(),
        state: RunState::Preparing,
        started_at: now.clone(),
        changed_at: now,
        driver,
        switch: None,
        back: None,
    };
    kept(journal.create(&id, PlanRecord { plan: plan.clone() }).await?)?;
    kept(journal.create(&id, SetRecord::default()).await?)?;
    kept(journal.create(&id, orders).await?)?;
    let run = kept(journal.create(&id, run).await?)?;
    let named = ApplicationRecord { run: Some(id), ..record.record.clone() };
    kept(journal.replace(&plan.application, record, named).await?)?;
    Ok(run)
}

fn kept<R>(write: Write<R>) -> Result<Kept<R>, EngineError> {
    match write {
        Write::Kept(kept) => Ok(kept),
        Write::Conflict => Err(EngineError::LeaseLost),
    }
}

/// Drives while watching the lease: when it is lost, the stages stop.
pub(crate) async fn watched(
    stop: &CancellationToken,
    lease: &Lease,
    drive: &mut Drive,
) -> Result<RunState, EngineError> {
    let stages = drive.context.stop.clone();
    let (journal, run) = (drive.context.journal.clone(), drive.run.record.id.clone());
    let pace = drive.context.pace.clone();
    // What was ordered before this driver came holds from its first step.
    pace.order(pace::read_orders(&journal, &run).await?);
    let obeying = pace::follow_orders(journal, run, pace);
    let seen = drive.context.clone();
    let observing = observe(&seen);
    let watching = async {
        tokio::select! {
            () = lease.lost().cancelled() => stages.cancel(),
            () = stop.cancelled() => {}
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = Box::pin(drive.drive_to_end()) => ended,
        () = obeying => Err(EngineError::Bug("listening for orders ended".to_owned())),
        () = observing => Err(EngineError::Bug("looking at the cluster ended".to_owned())),
        () = watching => Err(EngineError::Bug("watching a lease ended".to_owned())),
    }
}

fn ending(drive: Drive) -> Ending {
    let plan = Box::new(drive.context.plan.as_ref().clone());
    let run = Box::new(drive.run.record);
    match run.state {
        RunState::Aborted => Ending::Aborted { plan, run },
        RunState::Returned => Ending::Returned { plan, run },
        _ => Ending::Switched { plan, run },
    }
}

/// Gives the lease back; what happened before is told first.
pub(crate) async fn finish<T>(
    lease: Lease,
    outcome: Result<T, EngineError>,
) -> Result<T, EngineError> {
    let released = lease.release().await;
    match (outcome, released) {
        (Err(error), Err(second)) => {
            tracing::warn!(error = %second, "the lease could not be given back; it ends by itself");
            Err(error)
        }
        (outcome, Ok(())) => outcome,
        (Ok(value), Err(error)) => {
            tracing::warn!(%error, "the lease could not be given back; it ends by itself");
            Ok(value)
        }
    }
}
