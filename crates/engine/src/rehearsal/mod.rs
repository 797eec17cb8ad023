//! Rehearsal: a whole upgrade on live data, beside the live system, into throw-away indices, up to where it would fence.
//!
//! The same stages do it under a plan of its own ([`lockstep_core::plan::rehearsal`]), journalled under a name of its own, so
//! that neither its lease nor its run can be in the way of an upgrade. Of the live set nothing is written: no block, no
//! setting, no alias. What it made is removed at its end, also when it was stopped or failed, and after a SIGKILL by whoever
//! looks next: see [`clear`].

pub(crate) mod clear;
mod report;

use std::{sync::Arc, time::Duration};

use lockstep_core::{
    inventory::Inventory,
    pack::model::Pack,
    plan::{
        model::{Plan, UpgradeKind},
        rehearsal::{journal_name, rehearsal},
    },
    run::state::{Problem, RunState},
};
use tokio::time;
use tokio_util::sync::CancellationToken;

pub use self::report::RehearsalReport;
use crate::{
    drive::Drive,
    error::EngineError,
    journal::{ApplicationRecord, Journal, Kept, OrdersRecord, PlanRecord},
    lease::Lease,
    report::Event as ReportEvent,
    session::{
        Session, Wish, application_record, begin, finish, new_run_id, release_names, watched,
    },
    stage::measure::Timekeeper,
    survey::survey,
};

/// How often it is looked whether an upgrade of the application began.
const LOOK_TIME: Duration = Duration::from_secs(2);

/// What to rehearse.
#[derive(Debug, Clone)]
pub struct RehearsalWish {
    /// The upgrade.
    pub upgrade: Wish,
    /// Documents of each index that are aimed at; without it all are taken.
    pub sample: Option<u64>,
    /// Whether the report shows rejected documents themselves: they may hold what isn't for everybody's eyes.
    pub shows_documents: bool,
}

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub enum Rehearsed {
    /// There is nothing to migrate: only the image changes.
    Minor {
        /// The plan that says so.
        plan: Box<Plan>,
    },
    /// It was gone through, or as far as an upgrade would have come.
    Done(Box<RehearsalReport>),
}

impl Session {
    /// Rehearses an upgrade. Nothing of the live set is changed, and what was made for it is removed.
    ///
    /// # Errors
    /// [`EngineError::Refused`] as an upgrade would be, [`EngineError::OtherRun`] and [`EngineError::GaveWay`] when a run of
    /// the application is under way or begins meanwhile, [`EngineError::Driven`] when it is rehearsed already, or what the
    /// cluster says. What an upgrade would have halted for is no error: the report tells it.
    pub async fn rehearse(
        &self,
        pack: &Pack,
        wish: &RehearsalWish,
    ) -> Result<Rehearsed, EngineError> {
        let live = Journal::new(&self.cluster, &pack.name);
        let inventory = survey(&self.cluster).await?;
        let record = live.read::<ApplicationRecord>(&pack.name).await?;
        refuse_beside_a_run(&live, record.as_ref()).await?;
        let plan = self.make_plan((pack, &wish.upgrade), &inventory, record.as_ref()).await?;
        if plan.is_refused() {
            return Err(EngineError::Refused { plan: Box::new(plan) });
        }
        if plan.kind == UpgradeKind::Minor {
            return Ok(Rehearsed::Minor { plan: Box::new(plan) });
        }
        let name = journal_name(&pack.name);
        let journal = Journal::new(&self.cluster, &name);
        journal.ensure().await?;
        let lease = Lease::take(&journal, &name, self.reporter.as_ref(), &self.stop).await?;
        let asked = (&plan, &inventory, wish);
        let outcome = async {
            let drive = self.begin_rehearsal(pack, asked, &journal, &lease).await?;
            self.rehearse_leased(asked, &live, &lease, drive).await
        };
        let outcome = Box::pin(outcome).await;
        let report = finish(lease, outcome).await?;
        Ok(Rehearsed::Done(Box::new(report)))
    }

    /// Journals a rehearsal, once nothing is left of the one before.
    async fn begin_rehearsal(
        &self,
        pack: &Pack,
        (plan, inventory, wish): (&Plan, &Inventory, &RehearsalWish),
        journal: &Journal,
        lease: &Lease,
    ) -> Result<Drive, EngineError> {
        let id = new_run_id();
        let rehearsed = throw_away(plan, (pack, inventory), (&id, wish.sample))?;
        let live_names = release_names(pack, plan, &plan.from)?;
        let name = &rehearsed.application;
        self.clear_left_over(journal, name, lease).await?;
        let record = application_record(journal, name).await?;
        let orders = (&record, OrdersRecord::default());
        let run = begin(journal, &rehearsed, orders, (id, lease.number())).await?;
        let mut drive = self.drive(journal, &rehearsed, run, lease);
        let listener = Arc::clone(&self.reporter);
        let measures = drive.context.measures.clone();
        drive.context.reporter = Arc::new(Timekeeper { listener, measures });
        drive.context.live_names = Some(Arc::new(live_names));
        Ok(drive)
    }

    /// Goes through it, reports, and removes everything.
    async fn rehearse_leased(
        &self,
        (plan, inventory, wish): (&Plan, &Inventory, &RehearsalWish),
        live: &Journal,
        lease: &Lease,
        mut drive: Drive,
    ) -> Result<RehearsalReport, EngineError> {
        let outcome = async {
            let problem = self.beside(live, plan, lease, &mut drive).await?;
            report::gather(&drive, (plan, inventory, wish), problem).await
        }
        .await;
        if matches!(outcome, Err(EngineError::LeaseLost)) {
            // Whoever has it now removes what is there.
            return outcome;
        }
        let cleared = self.clear(lease, &mut drive).await;
        match (outcome, cleared) {
            (outcome, Ok(())) => outcome,
            (Ok(_), Err(error)) => Err(error),
            (Err(first), Err(second)) => {
                self.reporter.report(ReportEvent::Notice {
                    message: format!(
                        "the rehearsal's throw-away indices could not be removed: {second}; the next `lockstep rehearse` or `lockstep doctor --mend` does it"
                    ),
                });
                Err(first)
            }
        }
    }

    /// Drives the rehearsal, and gives way when an upgrade begins. Gives what an upgrade would have halted for.
    async fn beside(
        &self,
        live: &Journal,
        plan: &Plan,
        lease: &Lease,
        drive: &mut Drive,
    ) -> Result<Option<Problem>, EngineError> {
        let stages = drive.context.stop.clone();
        let began = CancellationToken::new();
        let ended = tokio::select! {
            ended = watched(&self.stop, lease, drive) => ended,
            () = give_way(live, &plan.application, (&stages, &began)) => {
                Err(EngineError::Bug("looking for upgrades ended".to_owned()))
            }
        };
        match ended {
            Ok(RunState::Aborted) => Ok(None),
            Ok(state) => Err(EngineError::Bug(format!("a rehearsal ended {state}"))),
            Err(EngineError::Halted(problem)) => Ok(Some(*problem)),
            Err(EngineError::Interrupted) if began.is_cancelled() => {
                Err(EngineError::GaveWay { application: plan.application.clone() })
            }
            Err(error) => Err(error),
        }
    }
}

/// An upgrade knows better than a rehearsal what it comes to, and needs the cluster for itself.
async fn refuse_beside_a_run(
    live: &Journal,
    record: Option<&Kept<ApplicationRecord>>,
) -> Result<(), EngineError> {
    let Some(id) = record.and_then(|kept| kept.record.run.as_ref()) else { return Ok(()) };
    let Some(kept) = live.read::<PlanRecord>(id).await? else { return Ok(()) };
    let Plan { application, from, to, .. } = kept.record.plan;
    Err(EngineError::OtherRun { application, from: from.to_string(), to: to.to_string() })
}

/// The plan of the rehearsal, or the upgrade's with what forbids it.
fn throw_away(
    plan: &Plan,
    world: (&Pack, &Inventory),
    run: (&str, Option<u64>),
) -> Result<Plan, EngineError> {
    rehearsal(plan, world, run).map_err(|finding| {
        let mut plan = plan.clone();
        plan.findings.push(*finding);
        EngineError::Refused { plan: Box::new(plan) }
    })
}

/// Stops the stages once an upgrade of the application is under way. Never returns.
async fn give_way(
    live: &Journal,
    application: &str,
    (stages, began): (&CancellationToken, &CancellationToken),
) {
    loop {
        time::sleep(LOOK_TIME).await;
        match live.read::<ApplicationRecord>(application).await {
            Ok(Some(kept)) if kept.record.run.is_some() => break,
            Ok(_) => {}
            // A look that fails is no opinion; the stages meet the same cluster.
            Err(error) => tracing::debug!(%error, "it can't be seen whether an upgrade began"),
        }
    }
    began.cancel();
    stages.cancel();
    std::future::pending::<()>().await;
}
