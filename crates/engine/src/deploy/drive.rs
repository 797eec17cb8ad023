//! Goes through a change of the tag beside the run of data: intent, effect, outcome in the journal, and on from wherever a killed
//! process left it.
//!
//! The order: the new set is in step and held, the tag is changed, the hold ends and the run switches, the application is watched.
//! Back: the tag first, then the data.

use std::time::{Duration, Instant};

use lockstep_core::{
    configuration::health::HealthConfiguration,
    deploy::state::{DeployAction, DeployEvent, DeployState, step},
    health::{Baseline, Judge, Rules, Verdict},
    pack::model::Pack,
    plan::model::{Plan, UpgradeKind},
    run::state::RunState,
};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{Change, DeployProblem, Deployer, Listener, Trouble};
use crate::{
    error::EngineError,
    health::Prober,
    journal::{ApplicationRecord, DeployRecord, Journal, Kept, PlanRecord, RunRecord, Write},
    pace,
    session::{Ending, Session, Wish, application_record, new_run_id},
    stage::back::way_back_missing,
};

/// How often it is looked whether the new set is in step.
const LOOK_TIME: Duration = Duration::from_millis(300);
/// How long a switch that somebody else makes is waited for.
const SWITCH_WAIT_MAX: Duration = Duration::from_mins(10);
/// Rounds of probes before the tag is changed that may come to nothing.
const ROUNDS_BEFORE_MAX: u32 = 10;

/// How the tag is to be changed.
#[derive(Debug, Clone)]
pub struct DeployWish {
    /// The way.
    pub deployer: Deployer,
    /// How health is told; nobody watches where nothing is said.
    pub health: Option<HealthConfiguration>,
    /// To go back by itself when the application isn't well.
    pub rolls_back: bool,
    /// To go on although there is no way back.
    pub accepts_no_way_back: bool,
}

/// How a change of the tag ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployed {
    /// The plan.
    pub plan: Box<Plan>,
    /// The run, where data was taken through steps.
    pub run: Option<Box<RunRecord>>,
    /// The change.
    pub record: DeployRecord,
}

impl Session {
    /// Takes an application to another version, its tag included: begins, or goes on with what is under way.
    ///
    /// # Errors
    /// [`EngineError`]; the same command goes on from where it stopped. A change that could not be made or kept is no error: it
    /// is taken back, and [`Deployed`] says so.
    pub async fn deploy(
        &self,
        pack: &Pack,
        wish: &Wish,
        deploy: &DeployWish,
    ) -> Result<Deployed, EngineError> {
        let mut deploying = Box::pin(Deploying::open(self, (pack, wish), deploy)).await?;
        Box::pin(deploying.to_end()).await?;
        deploying.ended().await
    }
}

struct Deploying<'a> {
    session: &'a Session,
    pack: &'a Pack,
    wish: &'a Wish,
    deploy: &'a DeployWish,
    journal: Journal,
    plan: Plan,
    kept: Kept<DeployRecord>,
    goes_back: bool,
}

impl<'a> Deploying<'a> {
    /// Looks at everything that can be looked at before anything is changed, and journals the change.
    async fn open(
        session: &'a Session,
        (pack, wish): (&'a Pack, &'a Wish),
        deploy: &'a DeployWish,
    ) -> Result<Self, EngineError> {
        let journal = Journal::new(&session.cluster, &pack.name);
        let found = journal.read::<DeployRecord>(&pack.name).await?;
        let open = found.as_ref().filter(|kept| !kept.record.state.is_final());
        if let Some(kept) = open.filter(|kept| kept.record.to != wish.to) {
            let (application, to) = (pack.name.clone(), kept.record.to.to_string());
            return Err(EngineError::OtherDeploy { application, to });
        }
        let plan = plan_of(session, &journal, (pack, wish), open).await?;
        let is_major = plan.kind == UpgradeKind::Major;
        let missing = if is_major { way_back_missing(&plan) } else { None };
        if let Some(reason) = missing.clone().filter(|_| deploy.rolls_back) {
            if !deploy.accepts_no_way_back {
                return Err(EngineError::NoWayBackAsked { reason });
            }
        }
        let current = deploy.deployer.check(is_major).await?;
        let kept = if let Some(kept) = open {
            kept.clone()
        } else {
            let record = begun((pack, wish), deploy, &plan, current)?;
            journal.ensure().await?;
            match journal.put(&pack.name, found.as_ref(), record).await? {
                Write::Kept(kept) => kept,
                Write::Conflict => return Err(EngineError::LeaseLost),
            }
        };
        let goes_back = deploy.rolls_back && missing.is_none();
        Ok(Self { session, pack, wish, deploy, journal, plan, kept, goes_back })
    }

    async fn to_end(&mut self) -> Result<(), EngineError> {
        loop {
            let state = self.kept.record.state.clone();
            if !matches!(state, DeployState::Waiting) && !state.is_final() {
                self.tell(format!("tag: {state}"));
            }
            match state.action() {
                DeployAction::AwaitSet | DeployAction::ChangeTag | DeployAction::Switch => {
                    if self.kept.record.is_major {
                        self.with_data().await?;
                    } else {
                        self.tag_alone().await?;
                    }
                }
                DeployAction::Watch => self.watch().await?,
                DeployAction::RestoreTag => self.restore().await?,
                DeployAction::ReturnData => self.return_data().await?,
                DeployAction::Finish => return Ok(()),
            }
        }
    }

    async fn ended(self) -> Result<Deployed, EngineError> {
        let run = self.run().await?.map(|kept| Box::new(kept.record));
        Ok(Deployed { plan: Box::new(self.plan), run, record: self.kept.record })
    }

    /// Only the tag changes.
    async fn tag_alone(&mut self) -> Result<(), EngineError> {
        if self.kept.record.state == DeployState::Waiting {
            let mut health = self.health()?;
            let over = CancellationToken::new();
            self.look_before(health.as_mut(), &over).await?;
            self.ready(health, None).await?;
        }
        if self.kept.record.state == DeployState::Changing && !self.change_tag().await? {
            return Ok(());
        }
        self.happened(DeployEvent::Live).await
    }

    /// The data is taken to the new set, and the tag is changed between the comparison and the switch.
    async fn with_data(&mut self) -> Result<(), EngineError> {
        if let Some(run) = self.run().await?
            && run.record.state == RunState::Switched
        {
            // Somebody switched while nobody was here.
            return self.after_switch().await;
        }
        let stop = self.session.stop.child_token();
        let session = Session { stop: stop.clone(), ..self.session.clone() };
        let wish = Wish { is_held: true, ..self.wish.clone() };
        let (pack, over) = (self.pack, CancellationToken::new());
        // Once the tag is changed a container may be the one who switches.
        let is_waited = self.kept.record.state == DeployState::Changed;
        let driving = async {
            let ended = drive(&session, (pack, &wish), is_waited).await;
            over.cancel();
            ended
        };
        let changing = async {
            let changed = self.change_held(&over).await;
            if !matches!(changed, Ok(true)) {
                // The run is held, and stays so.
                stop.cancel();
            }
            changed
        };
        let (ended, changed) = tokio::join!(Box::pin(driving), Box::pin(changing));
        if !changed? {
            // It goes on with what the change came to; or the run ended before there was one.
            if self.kept.record.state == DeployState::Waiting {
                ended?;
                return Err(EngineError::NoRun {
                    application: self.pack.name.clone(),
                    what: "run any more: it was given up, or another one took its place",
                });
            }
            return Ok(());
        }
        match ended {
            Ok(Ending::Switched { .. }) => self.happened(DeployEvent::Live).await,
            Ok(Ending::Minor { .. } | Ending::Returned { .. } | Ending::Aborted { .. }) => {
                // Somebody else ended the run.
                let state = self.run().await?.map(|run| run.record.state);
                if state == Some(RunState::Switched) {
                    return self.happened(DeployEvent::Live).await;
                }
                let reason = "the run was given up".to_owned();
                self.happened(DeployEvent::ChangeFailed { reason }).await
            }
            // Containers of the new tag wait for a switch that doesn't come.
            Err(EngineError::Halted(problem)) => {
                let reason = format!("the run halted ({}): {}", problem.code, problem.message);
                self.happened(DeployEvent::ChangeFailed { reason }).await
            }
            Err(error) => Err(error),
        }
    }

    /// The data is on the new set, whoever switched it.
    async fn after_switch(&mut self) -> Result<(), EngineError> {
        if self.kept.record.state == DeployState::Waiting {
            let health = self.health()?;
            self.ready(health, self.kept.record.run.clone()).await?;
        }
        if self.kept.record.state == DeployState::Changing && !self.change_tag().await? {
            return Ok(());
        }
        self.happened(DeployEvent::Live).await
    }

    /// Waits until the run holds, changes the tag and lets the run switch. False when that came to nothing.
    async fn change_held(&mut self, over: &CancellationToken) -> Result<bool, EngineError> {
        if self.kept.record.state == DeployState::Waiting {
            let mut health = self.health()?;
            let Some(run) = self.await_hold(health.as_mut(), over).await? else { return Ok(false) };
            self.look_before(health.as_mut(), over).await?;
            self.ready(health, Some(run)).await?;
        }
        if self.kept.record.state == DeployState::Changing && !self.change_tag().await? {
            return Ok(false);
        }
        let run = self.kept.record.run.clone().unwrap_or_default();
        // Again and again: a driver that begins holds the run first.
        while !over.is_cancelled() {
            pace::give_orders(&self.journal, &run, |orders| orders.is_held = false).await?;
            tokio::select! {
                () = time::sleep(LOOK_TIME) => {}
                () = over.cancelled() => {}
            }
        }
        Ok(true)
    }

    /// Waits until the run holds; `None` when it ended before. The application is sampled meanwhile.
    async fn await_hold(
        &self,
        mut health: Option<&mut Health>,
        over: &CancellationToken,
    ) -> Result<Option<String>, EngineError> {
        loop {
            if over.is_cancelled() {
                return Ok(None);
            }
            let record = self.journal.read::<ApplicationRecord>(&self.pack.name).await?;
            if let Some(id) = record.and_then(|kept| kept.record.run)
                && let Some(run) = self.journal.read::<RunRecord>(&id).await?
                && is_in_step(&run.record.state)
            {
                return Ok(Some(id));
            }
            if let Some(health) = health.as_deref_mut() {
                health.sample_if_due(&self.sources()).await;
            }
            tokio::select! {
                () = time::sleep(LOOK_TIME) => {}
                () = over.cancelled() => return Ok(None),
                () = self.session.stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
    }

    /// Samples until something is known of the application, or it is clear that nothing will be.
    async fn look_before(
        &self,
        health: Option<&mut Health>,
        over: &CancellationToken,
    ) -> Result<(), EngineError> {
        let Some(health) = health else { return Ok(()) };
        let rounds = ROUNDS_BEFORE_MAX.max(health.rules.samples_min.saturating_mul(2));
        for _ in 0..rounds {
            match health.sample(&self.sources()).await {
                Some(Verdict::Healthy) => return Ok(()),
                Some(Verdict::Unhealthy { reason }) => {
                    return Err(EngineError::UnhealthyBefore { reason });
                }
                Some(Verdict::CantTell { .. }) | None => {}
            }
            tokio::select! {
                () = time::sleep(health.interval) => {}
                () = over.cancelled() => return Ok(()),
                () = self.session.stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
        self.tell(
            "before the tag is changed it can't be told whether the application is well".to_owned(),
        );
        Ok(())
    }

    /// Journals that the tag is changed from now on.
    async fn ready(
        &mut self,
        health: Option<Health>,
        run: Option<String>,
    ) -> Result<(), EngineError> {
        let mut record = self.kept.record.clone();
        record.run = run;
        if let Some(health) = health {
            record.before = Some(health.judge.seen());
            record.heard = health.prober.heard();
        }
        self.write(record, DeployEvent::Ready).await
    }

    /// Changes the tag; false when that failed, which is journalled.
    async fn change_tag(&mut self) -> Result<bool, EngineError> {
        let record = &self.kept.record;
        let change = Change {
            application: self.pack.name.clone(),
            tag: record.to_tag.clone(),
            version: record.to.to_string(),
            from: record.from.to_string(),
            waits_for_data: record.is_major,
        };
        match self.deploy.deployer.change(&change, &self.listener()).await {
            Ok(()) => self.happened(DeployEvent::TagChanged).await.map(|()| true),
            Err(EngineError::Deploy(problem)) => {
                let reason =
                    format!("the tag could not be changed ({}): {problem}", problem.code());
                self.tell(reason.clone());
                self.happened(DeployEvent::ChangeFailed { reason }).await.map(|()| false)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the old tag back. Where that fails the data stays where it is.
    async fn restore(&mut self) -> Result<(), EngineError> {
        let record = &self.kept.record;
        let change = Change {
            application: self.pack.name.clone(),
            tag: record.from_tag.clone(),
            version: record.from.to_string(),
            from: record.to.to_string(),
            waits_for_data: record.is_major,
        };
        match self.deploy.deployer.change(&change, &self.listener()).await {
            Ok(()) => self.happened(DeployEvent::TagRestored).await,
            Err(EngineError::Deploy(problem)) => {
                let reason = format!("{problem} ({})", problem.code());
                self.happened(DeployEvent::RestoreFailed { reason }).await
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the data back, if it was switched.
    async fn return_data(&mut self) -> Result<(), EngineError> {
        let state = self.run().await?.map(|run| run.record.state);
        let is_to_return =
            state.is_some_and(|state| state == RunState::Switched || state.is_return());
        if is_to_return {
            let ending = Box::pin(self.session.rollback(self.pack)).await?;
            if !matches!(ending, Ending::Returned { .. }) {
                return Err(EngineError::Bug("a rollback ended elsewhere".to_owned()));
            }
        }
        if let Err(error) = self.deploy.deployer.settle(&self.listener()).await {
            if matches!(error, EngineError::Interrupted) {
                return Err(error);
            }
            // The tag and the data belong together again; what keeps the old pods from starting is told.
            self.tell(error.to_string());
        }
        self.happened(DeployEvent::DataReturned).await
    }

    /// Watches the application until there is a verdict.
    async fn watch(&mut self) -> Result<(), EngineError> {
        let event = match self.judged().await? {
            None => DeployEvent::Unwatched,
            Some((verdict, after)) => {
                let mut record = self.kept.record.clone();
                record.after = after;
                let is_back = matches!(verdict, Verdict::Unhealthy { .. }) && self.goes_back;
                if !is_back {
                    self.remember_live().await?;
                }
                let goes_back = self.goes_back;
                return self.write(record, DeployEvent::Judged { verdict, goes_back }).await;
            }
        };
        self.remember_live().await?;
        self.happened(event).await
    }

    async fn judged(&self) -> Result<Option<(Verdict, Option<Baseline>)>, EngineError> {
        match self.deploy.deployer.settle(&self.listener()).await {
            Ok(()) => {}
            Err(EngineError::Deploy(problem)) if problem.trouble == Trouble::Rollout => {
                let reason = format!("{problem} ({})", problem.code());
                return Ok(Some((Verdict::Unhealthy { reason }, None)));
            }
            Err(error) => return Err(error),
        }
        let Some(mut health) = self.health()? else { return Ok(None) };
        let tenants: Vec<String> =
            self.plan.tenants.iter().map(|tenant| tenant.target.clone()).collect();
        self.tell("watching whether the application is well".to_owned());
        loop {
            if let Some(verdict) = health.sample(&tenants).await {
                return Ok(Some((verdict, Some(health.judge.seen()))));
            }
            tokio::select! {
                () = time::sleep(health.interval) => {}
                () = self.session.stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
    }

    /// Notes which version is live when no run does.
    async fn remember_live(&self) -> Result<(), EngineError> {
        if self.kept.record.is_major {
            return Ok(());
        }
        let kept = application_record(&self.journal, &self.pack.name).await?;
        let live = Some(self.kept.record.to.clone());
        let record = ApplicationRecord { live, ..kept.record.clone() };
        match self.journal.replace(&self.pack.name, &kept, record).await? {
            Write::Kept(_) => Ok(()),
            Write::Conflict => Err(EngineError::LeaseLost),
        }
    }

    fn health(&self) -> Result<Option<Health>, EngineError> {
        let Some(configuration) = &self.deploy.health else { return Ok(None) };
        let record = &self.kept.record;
        let is_before = record.state == DeployState::Waiting;
        // What runs already isn't starting, and is compared with nothing.
        let rules = if is_before {
            let rules = configuration.rules;
            Rules { start_time: Duration::ZERO, failure_rise_percent_max: 100, ..rules }
        } else {
            configuration.rules
        };
        let before = if is_before { None } else { record.before };
        let prober = Prober::new(&self.session.cluster, &configuration.probes, &record.heard)
            .map_err(EngineError::Bug)?;
        let judge = Judge::new(rules, before);
        let begun = Instant::now();
        let interval = configuration.interval;
        Ok(Some(Health { prober, judge, rules, interval, begun, sampled: None }))
    }

    /// Tenants as the live release names them.
    fn sources(&self) -> Vec<String> {
        self.plan.tenants.iter().map(|tenant| tenant.source.clone()).collect()
    }

    async fn run(&self) -> Result<Option<Kept<RunRecord>>, EngineError> {
        match &self.kept.record.run {
            Some(id) => self.journal.read::<RunRecord>(id).await,
            None => Ok(None),
        }
    }

    fn listener(&self) -> Listener {
        let session = self.session;
        Listener { reporter: session.reporter.clone(), stop: session.stop.clone() }
    }

    fn tell(&self, message: String) {
        self.listener().tell(message);
    }

    async fn happened(&mut self, event: DeployEvent) -> Result<(), EngineError> {
        let record = self.kept.record.clone();
        self.write(record, event).await
    }

    async fn write(
        &mut self,
        mut record: DeployRecord,
        event: DeployEvent,
    ) -> Result<(), EngineError> {
        record.state =
            step(&record.state, event).map_err(|error| EngineError::Bug(error.to_string()))?;
        record.changed_at = jiff::Timestamp::now().to_string();
        match self.journal.replace(&self.pack.name, &self.kept, record).await? {
            Write::Kept(kept) => self.kept = kept,
            Write::Conflict => return Err(EngineError::LeaseLost),
        }
        Ok(())
    }
}

/// Samples and what they come to.
struct Health {
    prober: Prober,
    judge: Judge,
    rules: Rules,
    interval: Duration,
    begun: Instant,
    sampled: Option<Instant>,
}

impl Health {
    async fn sample(&mut self, tenants: &[String]) -> Option<Verdict> {
        self.sampled = Some(Instant::now());
        let sample = self.prober.sample(tenants).await;
        self.judge.take(sample, self.begun.elapsed())
    }

    async fn sample_if_due(&mut self, tenants: &[String]) {
        if self.sampled.is_none_or(|at| at.elapsed() >= self.interval) {
            // What follows is asked once the new set is in step.
            drop(self.sample(tenants).await);
        }
    }
}

/// Drives the run. Where somebody else does, that may be waited for.
async fn drive(
    session: &Session,
    (pack, wish): (&Pack, &Wish),
    is_waited: bool,
) -> Result<Ending, EngineError> {
    let deadline = Instant::now() + if is_waited { SWITCH_WAIT_MAX } else { Duration::ZERO };
    loop {
        match Box::pin(session.upgrade(pack, wish)).await {
            Err(EngineError::Driven { owner: _ }) if Instant::now() < deadline => {}
            other => return other,
        }
        tokio::select! {
            () = time::sleep(LOOK_TIME) => {}
            () = session.stop.cancelled() => return Err(EngineError::Interrupted),
        }
    }
}

/// Whether the new set is in step, and nothing but the switch is left.
fn is_in_step(state: &RunState) -> bool {
    match state {
        RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Switching { .. }
        | RunState::Switched => true,
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Rehearsing { .. }
        | RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. }
        | RunState::Returned
        | RunState::Staying
        | RunState::Finalized
        | RunState::Halted { .. }
        | RunState::Aborting
        | RunState::Aborted => false,
    }
}

/// The plan of the run that belongs to the change, or a new one.
async fn plan_of(
    session: &Session,
    journal: &Journal,
    (pack, wish): (&Pack, &Wish),
    open: Option<&Kept<DeployRecord>>,
) -> Result<Plan, EngineError> {
    let record = journal.read::<ApplicationRecord>(&pack.name).await?;
    let own = open.and_then(|kept| kept.record.run.clone());
    let id = own.or_else(|| record.and_then(|kept| kept.record.run));
    if let Some(id) = id
        && let Some(kept) = journal.read::<PlanRecord>(&id).await?
        && kept.record.plan.to.data(pack.data_parts) == wish.to.data(pack.data_parts)
    {
        return Ok(kept.record.plan);
    }
    let plan = session.plan(pack, wish).await?;
    if plan.is_refused() {
        return Err(EngineError::Refused { plan: Box::new(plan) });
    }
    Ok(plan)
}

/// A new change.
fn begun(
    (pack, wish): (&Pack, &Wish),
    deploy: &DeployWish,
    plan: &Plan,
    current: Option<String>,
) -> Result<DeployRecord, EngineError> {
    let form = &deploy.deployer.form;
    let to_tag = form.tag(&wish.to);
    // Set by hand before, the tag tells nothing of what ran.
    let found = current.filter(|tag| *tag != to_tag);
    let from =
        found.as_ref().and_then(|tag| form.version(tag)).unwrap_or_else(|| plan.from.clone());
    if from.data(pack.data_parts) != plan.from.data(pack.data_parts) {
        let message = format!(
            "the tag that runs is that of {from}, and the live set is that of {}",
            plan.from
        );
        let hint = "set the tag that belongs to the live set, then give the same command again";
        return Err(DeployProblem::new(Trouble::OtherRelease, message, hint).into());
    }
    let now = jiff::Timestamp::now().to_string();
    Ok(DeployRecord {
        id: new_run_id(),
        how: deploy.deployer.kind().to_owned(),
        from_tag: found.unwrap_or_else(|| form.tag(&from)),
        from,
        to: wish.to.clone(),
        to_tag,
        is_major: plan.kind == UpgradeKind::Major,
        run: None,
        state: DeployState::Waiting,
        before: None,
        heard: Vec::new(),
        after: None,
        started_at: now.clone(),
        changed_at: now,
    })
}
