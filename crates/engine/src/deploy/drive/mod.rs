//! Goes through a change of the tag beside the run of data: intent, effect, outcome in the journal, and on from wherever a killed
//! process left it.
//!
//! The order: the new set is in step and held, the tag is changed, the hold ends and the run switches, the application is watched.
//! Back: the tag first, then the data.

mod opening;

mod data;

mod watching;

use std::sync::Arc;

use lockstep_core::{
    configuration::health::HealthConfiguration,
    deploy::state::{DeployAction, DeployEvent, DeployState, step},
    pack::model::Pack,
    plan::model::{Plan, UpgradeKind},
};
use tokio_util::sync::CancellationToken;

use self::{
    opening::{begun, plan_of, version_of},
    watching::Health,
};
use super::{Change, Deployer, Listener};
use crate::{
    error::EngineError,
    journal::{DeployRecord, Journal, Kept, RunRecord, Write},
    session::{Session, Wish},
    stage::back::way_back_missing,
};

/// How the tag is to be changed.
#[derive(Debug, Clone)]
pub struct DeployWish {
    /// The way.
    pub deployer: Deployer,
    /// How health is told; nobody watches where nothing is said.
    pub health: Option<HealthConfiguration>,
    /// PEM certificates that the application's pages are trusted by, instead of the system's.
    pub health_ca: Option<Vec<u8>>,
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
        Box::pin(deploying.go()).await?;
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
        let open = match open {
            Some(kept) if kept.record.to == wish.to => Some(kept),
            // Nothing was changed for it yet, so another one may take its place.
            Some(kept) if kept.record.state == DeployState::Waiting => None,
            Some(kept) => {
                let (application, to) = (pack.name.clone(), kept.record.to.to_string());
                return Err(EngineError::OtherDeploy { application, to });
            }
            None => None,
        };
        let plan = plan_of(session, &journal, (pack, wish), open).await?;
        let is_major = plan.kind == UpgradeKind::Major;
        let missing = if is_major { way_back_missing(&plan) } else { None };
        if let Some(reason) = &missing
            && deploy.rolls_back
            && !deploy.accepts_no_way_back
        {
            return Err(EngineError::NoWayBackAsked { reason: reason.clone() });
        }
        watching::check(deploy)?;
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

    async fn go(&mut self) -> Result<(), EngineError> {
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

    /// Journals that the tag is changed from now on. It is looked at once more: while the new set was built, somebody may have set
    /// another one of the same release, and that is what is put back then.
    async fn ready(
        &mut self,
        health: Option<Health>,
        run: Option<String>,
    ) -> Result<(), EngineError> {
        let mut record = self.kept.record.clone();
        let deployer = &self.deploy.deployer;
        let current = deployer.check(record.is_major).await?;
        if let Some(tag) = current.filter(|tag| *tag != record.to_tag && *tag != record.from_tag) {
            record.from = version_of(&tag, (self.pack, &deployer.form), &self.plan)?;
            self.tell(format!("the tag is {tag} by now: that is what would be put back"));
            record.from_tag = tag;
        }
        record.run = run;
        if let Some(health) = health {
            record.before = Some(health.seen());
            record.heard = health.heard();
            record.counted_before = health.counted();
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
        Listener { reporter: Arc::clone(&session.reporter), stop: session.stop.clone() }
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
