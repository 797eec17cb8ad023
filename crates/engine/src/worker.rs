//! A worker: it waits for a run to be under way, helps to copy, and drives when nobody does. After the switch it carries back
//! what is written. What it never does: begin a run, go on with one that halted, give one up.

use std::{sync::Arc, time::Duration};

use lockstep_core::{pack::model::Pack, plan::model::Plan, run::state::RunState};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    crew::{Crew, Place},
    error::{EngineError, ErrorClass},
    journal::{ApplicationRecord, Journal, Kept, PlanRecord, RunRecord},
    lease::{Attempt, Lease, LeaseWatch, Manner},
    observer::observe,
    pace,
    report::Event as ReportEvent,
    request::RequestWatch,
    session::{Session, finish, release_names, watched},
    stage::{back, copy::help_copy, flow_back::flow_back},
};

/// How often it is looked whether there is something to do.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// The longest pause after something went wrong; it begins with [`LOOK_TIME`] and doubles.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a worker is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkWish {
    /// To end when there is nothing more to do.
    pub is_once: bool,
}

impl Session {
    /// Works on an application's runs until somebody asks to stop; whoever wants the lease gets it within seconds.
    ///
    /// # Errors
    /// [`EngineError`] when it makes no sense to try again; a cluster that doesn't answer is waited for.
    pub async fn work(&self, pack: &Pack, wish: &WorkWish) -> Result<(), EngineError> {
        let journal = Journal::new(&self.cluster, &pack.name);
        let cluster_uuid = self.cluster.identity().await?.cluster_uuid;
        let mut worker = Worker {
            session: self,
            pack,
            crew: Crew::new(&journal, &pack.name),
            journal,
            cluster_uuid,
            place: None,
            lease: LeaseWatch::default(),
            requests: RequestWatch::default(),
            wish: *wish,
            told: String::new(),
        };
        let outcome = Box::pin(worker.work()).await;
        if let Some(place) = worker.place.take().and_then(Arc::into_inner) {
            place.release().await;
        }
        outcome
    }
}

/// What a look at the journal came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// There is, or may soon be, something to do.
    Busy,
    /// Nothing can be done before an operator does something.
    Idle,
}

struct Worker<'a> {
    session: &'a Session,
    pack: &'a Pack,
    journal: Journal,
    cluster_uuid: String,
    crew: Crew,
    place: Option<Arc<Place>>,
    lease: LeaseWatch,
    requests: RequestWatch,
    wish: WorkWish,
    /// What was told last: the same isn't told again.
    told: String,
}

impl Worker<'_> {
    async fn work(&mut self) -> Result<(), EngineError> {
        let stop = &self.session.stop;
        let mut pause = LOOK_TIME;
        while !stop.is_cancelled() {
            match self.turn().await {
                Ok(Turn::Idle) if self.wish.is_once => return Ok(()),
                Ok(Turn::Busy | Turn::Idle) => pause = LOOK_TIME,
                Err(_) if stop.is_cancelled() => return Ok(()),
                Err(EngineError::Interrupted) => {
                    self.tell("the lease went to whoever asked for it".to_owned());
                }
                // Somebody else goes on with it, or an operator has to; the journal says so.
                Err(
                    error @ (EngineError::LeaseLost
                    | EngineError::Driven { .. }
                    | EngineError::Halted(_)),
                ) => self.tell(error.to_string()),
                Err(error)
                    if matches!(error.class(), ErrorClass::Unreachable | ErrorClass::Cluster) =>
                {
                    self.tell(format!("{error}; this worker tries again"));
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// One look at the journal, and what it asks for.
    async fn turn(&mut self) -> Result<Turn, EngineError> {
        let application = &self.pack.name;
        let Some(record) = self.journal.read::<ApplicationRecord>(application).await? else {
            self.tell("waiting for a run".to_owned());
            return Ok(Turn::Idle);
        };
        self.keep_place().await?;
        let Some(id) = record.record.run else {
            if let Some(id) = record.record.last_run {
                return Box::pin(self.flow_back(&id)).await;
            }
            self.tell("waiting for a run".to_owned());
            return Ok(Turn::Idle);
        };
        let (plan, run) = self.run(&id).await?;
        let state = &run.record.state;
        if !is_for_workers(state) {
            self.tell(format!("the run is {state}; an operator has to go on with it"));
            return Ok(Turn::Idle);
        }
        if self.may_drive(&plan) && self.asker().await?.is_none() {
            let reached = self.lease.reach(&self.journal, application, Manner::GiveWay).await?;
            if let Attempt::Taken(lease) = reached {
                self.tell(format!("nobody drives the run, which is {state}: this worker does now"));
                self.drive(lease).await?;
                return Ok(Turn::Busy);
            }
        }
        if let RunState::Copying { round } = *state {
            self.help(&plan, &run, round).await?;
        }
        Ok(Turn::Busy)
    }

    /// Holds a place: a new one when this process was taken for dead.
    async fn keep_place(&mut self) -> Result<(), EngineError> {
        if self.place.as_ref().is_some_and(|place| !place.lost().is_cancelled()) {
            return Ok(());
        }
        self.place = Some(Arc::new(self.crew.take_place().await?));
        Ok(())
    }

    async fn run(&self, id: &str) -> Result<(Plan, Kept<RunRecord>), EngineError> {
        let missing = |what: &str| EngineError::JournalUnreadable {
            id: format!("{what}:{id}"),
            reason: "it is not there, although the application's record names it".to_owned(),
        };
        let run = self.journal.read::<RunRecord>(id).await?.ok_or_else(|| missing("run"))?;
        let plan = self.journal.read::<PlanRecord>(id).await?.ok_or_else(|| missing("plan"))?;
        let plan = plan.record.plan;
        if plan.cluster.uuid != self.cluster_uuid {
            return Err(EngineError::OtherCluster {
                planned: plan.cluster.uuid,
                found: self.cluster_uuid.clone(),
            });
        }
        Ok((plan, run))
    }

    /// Copying needs only the plan; whoever drives has to know the names that the application uses as the plan's pack has them.
    fn may_drive(&mut self, plan: &Plan) -> bool {
        let is_same = plan.pack_digest == self.pack.digest;
        if !is_same {
            self.tell(
                "the run was planned with another pack: this worker helps, and doesn't drive"
                    .to_owned(),
            );
        }
        is_same
    }

    /// Who asks for the lease now: it is left to them.
    async fn asker(&mut self) -> Result<Option<String>, EngineError> {
        self.requests.asker(&self.journal, &self.pack.name).await
    }

    /// Drives the run that is under way until it is over, somebody asks for the lease, or somebody is needed.
    async fn drive(&mut self, lease: Lease) -> Result<(), EngineError> {
        let outcome = Box::pin(self.drive_leased(&lease)).await;
        finish(lease, outcome).await
    }

    async fn drive_leased(&mut self, lease: &Lease) -> Result<(), EngineError> {
        let (session, journal) = (self.session, &self.journal);
        // It may have moved since it was looked at.
        let Some(record) = journal.read::<ApplicationRecord>(&self.pack.name).await? else {
            return Ok(());
        };
        let Some((plan, run)) = session.open_run(journal, &record).await? else { return Ok(()) };
        if !is_for_workers(&run.record.state) || plan.pack_digest != self.pack.digest {
            return Ok(());
        }
        let release = if run.record.state.is_return() { &plan.to } else { &plan.from };
        let mut drive = session.drive(journal, &plan, run, lease);
        drive.context.live_names = Some(Arc::new(release_names(self.pack, &plan, release)?));
        drive.context.place.clone_from(&self.place);
        let stages = drive.context.stop.clone();
        let giving = give_way(&mut self.requests, journal, &self.pack.name, &stages);
        tokio::select! {
            ended = watched(&session.stop, lease, &mut drive) => ended.map(drop),
            () = giving => Err(EngineError::Bug("listening for requests ended".to_owned())),
        }
    }

    /// Helps whoever drives to copy, under the orders that the journal has.
    async fn help(
        &mut self,
        plan: &Plan,
        run: &Kept<RunRecord>,
        round: u32,
    ) -> Result<(), EngineError> {
        let Some(place) = self.place.clone() else { return Ok(()) };
        let stop = self.session.stop.child_token();
        let context = self.session.context(&self.journal, &run.record.id, plan, stop);
        let (journal, id, pace) = (self.journal.clone(), context.run.clone(), context.pace.clone());
        pace.order(pace::read_orders(&journal, &id).await?);
        tokio::select! {
            shared = help_copy(&context, round, &mut self.crew, &place) => shared.map(drop),
            () = observe(&context) => {
                Err(EngineError::Bug("looking at the cluster ended".to_owned()))
            }
            () = pace::follow_orders(journal, id, pace) => {
                Err(EngineError::Bug("listening for orders ended".to_owned()))
            }
        }
    }

    /// Carries back what is written on the new set of a run that was switched, if nobody else does.
    async fn flow_back(&mut self, id: &str) -> Result<Turn, EngineError> {
        let (plan, run) = self.run(id).await?;
        if run.record.state != RunState::Switched {
            self.tell("waiting for a run".to_owned());
            return Ok(Turn::Idle);
        }
        if let Some(reason) = back::way_back_missing(&plan) {
            self.tell(format!("waiting for a run; nothing flows back: {reason}"));
            return Ok(Turn::Idle);
        }
        if self.asker().await?.is_some() {
            return Ok(Turn::Busy);
        }
        let application = &self.pack.name;
        let reached = self.lease.reach(&self.journal, application, Manner::GiveWay).await?;
        let Attempt::Taken(lease) = reached else { return Ok(Turn::Idle) };
        self.tell(format!("what is written on {} goes back to {}", plan.to, plan.from));
        let outcome = self.flow_back_leased(&lease, id).await;
        finish(lease, outcome).await?;
        Ok(Turn::Idle)
    }

    async fn flow_back_leased(&mut self, lease: &Lease, id: &str) -> Result<(), EngineError> {
        let (session, journal) = (self.session, &self.journal);
        // It may have moved since it was looked at.
        let record = journal.read::<ApplicationRecord>(&self.pack.name).await?;
        let is_last = record.is_some_and(|kept| {
            kept.record.run.is_none() && kept.record.last_run.as_deref() == Some(id)
        });
        let (plan, run) = self.run(id).await?;
        if !is_last || run.record.state != RunState::Switched {
            return Ok(());
        }
        let mut drive = session.drive(journal, &plan, run, lease);
        // Nobody who drove it before can move it any more.
        drive.take_over().await?;
        let context = drive.context;
        context.pace.order(pace::read_orders(journal, id).await?);
        let stages = context.stop.clone();
        let watching = async {
            lease.lost().cancelled().await;
            stages.cancel();
            std::future::pending::<()>().await;
        };
        let giving = give_way(&mut self.requests, journal, &self.pack.name, &stages);
        tokio::select! {
            ended = flow_back(&context, lease, self.wish.is_once) => ended,
            () = observe(&context) => {
                Err(EngineError::Bug("looking at the cluster ended".to_owned()))
            }
            () = watching => Err(EngineError::Bug("watching a lease ended".to_owned())),
            () = giving => Err(EngineError::Bug("listening for requests ended".to_owned())),
        }
    }

    fn tell(&mut self, message: String) {
        if self.told != message {
            self.told.clone_from(&message);
            self.session.reporter.report(ReportEvent::Notice { message });
        }
    }
}

/// Stops what a worker does with the lease once somebody asks for it. Never returns.
async fn give_way(
    requests: &mut RequestWatch,
    journal: &Journal,
    application: &str,
    stages: &CancellationToken,
) {
    let asker = requests.asked(journal, application).await;
    tracing::info!(asker, "the lease is given to whoever asks for it");
    stages.cancel();
    std::future::pending::<()>().await;
}

/// Whether a worker goes on with a run in this state when nobody else does. What needs an operator, or gives something up,
/// is left to operators.
fn is_for_workers(state: &RunState) -> bool {
    match state {
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Switching { .. }
        | RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. }
        // Its driver died before it could say that the run is over: whoever has the lease does so.
        | RunState::Switched
        | RunState::Returned
        | RunState::Finalized
        | RunState::Aborted => true,
        RunState::Halted { .. }
        | RunState::Aborting
        | RunState::Staying
        // Rehearsals are journalled apart, so no worker meets one.
        | RunState::Rehearsing { .. } => false,
    }
}
