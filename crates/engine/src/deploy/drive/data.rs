//! The run of the data and the change of the tag side by side, and the way back of the data.

use std::time::{Duration, Instant};

use lockstep_core::{
    deploy::state::{DeployEvent, DeployState},
    pack::model::Pack,
    run::state::RunState,
};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{Deploying, watching::Health};
use crate::{
    error::EngineError,
    journal::{ApplicationRecord, RunRecord},
    pace,
    session::{Ending, Session, Wish},
};

/// How often it is looked whether the new set is in step.
const LOOK_TIME: Duration = Duration::from_millis(300);
/// How long a switch that somebody else makes is waited for.
const SWITCH_WAIT_MAX: Duration = Duration::from_mins(10);

impl Deploying<'_> {
    /// The data is taken to the new set, and the tag is changed between the comparison and the switch.
    pub(super) async fn with_data(&mut self) -> Result<(), EngineError> {
        match self.run().await?.map(|run| run.record.state) {
            // Somebody switched while nobody was here.
            Some(RunState::Switched | RunState::Finalized) => return self.after_switch().await,
            Some(state) if state.is_final() => {
                let reason = format!("the run is {state}: there is no new set any more");
                return self.happened(DeployEvent::ChangeFailed { reason }).await;
            }
            Some(_) | None => {}
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
                let sources = self.sources();
                tokio::select! {
                    () = health.sample_if_due(&sources) => {}
                    () = self.session.stop.cancelled() => return Err(EngineError::Interrupted),
                }
            }
            tokio::select! {
                () = time::sleep(LOOK_TIME) => {}
                () = over.cancelled() => return Ok(None),
                () = self.session.stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
    }

    /// Takes the data back, if it was switched.
    pub(super) async fn return_data(&mut self) -> Result<(), EngineError> {
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
