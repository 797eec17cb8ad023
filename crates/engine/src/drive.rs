//! The one loop: the run's state asks for an action, a stage does it, the event that happened moves the run, the journal
//! keeps where it stands. Intent comes before effect, outcome after it.

use lockstep_core::run::{
    rehearsal::{is_entered, rehearse},
    state::{Action, Event, RunState},
    step::step,
};

use crate::{
    error::EngineError,
    journal::{ApplicationRecord, Journal, Kept, RunRecord, SwitchRecord, Write},
    report::Event as ReportEvent,
    stage::{
        Direction, StageContext, abort, back, copy, dry_fence, fence, hold, loss::unless_lost,
        prepare, settle, switch, verify,
    },
};

/// A run that this process drives.
#[derive(Debug)]
pub struct Drive {
    /// What the stages work with.
    pub context: StageContext,
    /// The run as it stands in the journal.
    pub run: Kept<RunRecord>,
    /// The fencing number of this driver's lease.
    pub driver: u64,
    /// The last round that this command goes to without asking.
    pub round_last: u32,
}

impl Drive {
    /// Drives the run until it is over, an operator is needed, or somebody asked to stop.
    ///
    /// # Errors
    /// [`EngineError::Halted`] when an operator is needed, [`EngineError::Interrupted`] when stopped, anything else when
    /// the cluster or the journal can't be worked with. The same command goes on from there.
    pub async fn drive_to_end(&mut self) -> Result<RunState, EngineError> {
        let mut times = SwitchRecord::default();
        // Every command may go that many rounds further: whoever gives it has seen what the last one came to.
        self.round_last =
            self.run.record.state.round().saturating_add(self.context.plan.limits.rounds_max);
        self.take_over().await?;
        self.context.quarantine.load().await?;
        self.announce();
        loop {
            self.check()?;
            let event = match self.run.record.state.clone() {
                state if state.is_final() => return Ok(state),
                RunState::Halted { problem, .. } => {
                    return Err(EngineError::Halted(Box::new(problem)));
                }
                state => match self.act(&state, &mut times).await {
                    Ok(event) => event,
                    Err(EngineError::Halted(problem)) => Event::Stuck(*problem),
                    Err(error) => return Err(self.blame(error)),
                },
            };
            self.happened(event, times).await?;
        }
    }

    /// Makes the run this driver's: from here on no driver of before can move it, however long it slept. Without that, one
    /// that had passed the gate could still decide the switch after the next one lifted the block. Found by the model.
    ///
    /// # Errors
    /// [`EngineError::LeaseLost`] when a later driver has it.
    pub(crate) async fn take_over(&mut self) -> Result<(), EngineError> {
        if self.run.record.driver > self.driver {
            return Err(EngineError::LeaseLost);
        }
        if self.run.record.driver == self.driver {
            return Ok(());
        }
        let record = RunRecord { driver: self.driver, ..self.run.record.clone() };
        let key = record.id.clone();
        match self.context.journal.replace(&key, &self.run, record).await? {
            Write::Kept(kept) => self.run = kept,
            Write::Conflict => return Err(EngineError::LeaseLost),
        }
        Ok(())
    }

    async fn act(&self, state: &RunState, times: &mut SwitchRecord) -> Result<Event, EngineError> {
        let round = state.round();
        let context = &self.context;
        if context.plan.rehearsal.is_some() && !is_entered(state) {
            return Err(EngineError::Bug(format!("a rehearsal is {state}")));
        }
        match state.action() {
            Action::CreateTargets => prepare::create_targets(context).await,
            Action::CopyDocuments => {
                let copying = copy::copy_documents(context, round);
                unless_lost(context, Direction::Forward, Box::pin(copying)).await
            }
            Action::RestoreSettings => settle::restore_settings(context).await,
            Action::CompareSets => {
                let comparing = verify::compare_sets(context, round, self.round_last);
                unless_lost(context, Direction::Forward, Box::pin(comparing)).await
            }
            Action::KeepInStep => {
                let holding = hold::keep_in_step(context);
                unless_lost(context, Direction::Forward, Box::pin(holding)).await
            }
            Action::MeasureFence => dry_fence::measure(context).await,
            Action::BlockSources => fence::block_live(context, Direction::Forward, times).await,
            Action::MoveAliases => switch::move_aliases(context, times).await,
            Action::DropTargets => abort::drop_targets(context).await,
            Action::FollowBack => {
                let following = back::follow_back(context, round, self.round_last);
                unless_lost(context, Direction::Back, Box::pin(following)).await
            }
            Action::BlockTargets => fence::block_live(context, Direction::Back, times).await,
            Action::MoveAliasesBack => back::return_to_sources(context, times).await,
            Action::StayOnTargets => back::stay_on_targets(context).await,
            Action::Finish | Action::Wait => {
                Err(EngineError::Bug(format!("a run that is {state} was driven")))
            }
        }
    }

    /// Moves the run and journals it.
    ///
    /// # Errors
    /// [`EngineError::LeaseLost`] when somebody else moved it.
    pub async fn happened(&mut self, event: Event, times: SwitchRecord) -> Result<(), EngineError> {
        // The record may have been read after a later driver wrote it.
        if self.run.record.driver > self.driver {
            return Err(EngineError::LeaseLost);
        }
        let state = match &self.context.plan.rehearsal {
            None => step(&self.run.record.state, event)?,
            Some(_) => rehearse(&self.run.record.state, event)?,
        };
        let mut record = self.run.record.clone();
        match &state {
            RunState::Switching { .. } => record.switch = Some(times),
            // Who finishes a switch that another one began knows only the rest of its times.
            RunState::Switched if matches!(record.state, RunState::Switching { .. }) => {
                record.switch = Some(record.switch.unwrap_or_default().and_then(times));
            }
            RunState::ReturnSwitching { .. } => record.back = Some(times),
            RunState::Returned => {
                record.back = Some(record.back.unwrap_or_default().and_then(times));
            }
            _ => {}
        }
        record.state = state;
        record.changed_at = jiff::Timestamp::now().to_string();
        record.driver = self.driver;
        let key = record.id.clone();
        match self.context.journal.replace(&key, &self.run, record).await? {
            Write::Kept(kept) => self.run = kept,
            Write::Conflict => return Err(EngineError::LeaseLost),
        }
        self.announce();
        if self.run.record.state.is_final() {
            self.close().await?;
        }
        Ok(())
    }

    /// Tells the application's record that the run is over, and which release is live.
    async fn close(&self) -> Result<(), EngineError> {
        close(&self.context.journal, &self.context.plan, &self.run.record).await
    }

    fn check(&self) -> Result<(), EngineError> {
        if self.context.lost.is_cancelled() {
            return Err(EngineError::LeaseLost);
        }
        // Once the switch is decided the live set is blocked: stopping there would only prolong that.
        if self.run.record.state.is_decided() { Ok(()) } else { self.context.check_stop() }
    }

    /// A stage that was stopped because the lease was lost says so.
    fn blame(&self, error: EngineError) -> EngineError {
        match error {
            EngineError::Interrupted if self.context.lost.is_cancelled() => EngineError::LeaseLost,
            other => other,
        }
    }

    fn announce(&self) {
        self.context.reporter.report(ReportEvent::Entered {
            run: self.run.record.id.clone(),
            state: self.run.record.state.clone(),
        });
    }
}

/// Takes a final run off the application's record. Repeatable: done again when a driver died right before it.
pub(crate) async fn close(
    journal: &Journal,
    plan: &lockstep_core::plan::model::Plan,
    run: &RunRecord,
) -> Result<(), EngineError> {
    let Some(kept) = journal.read::<ApplicationRecord>(&plan.application).await? else {
        return Err(EngineError::Bug("the application has no record".to_owned()));
    };
    if kept.record.run.as_ref() != Some(&run.id) {
        return Ok(());
    }
    let live = match run.state {
        RunState::Switched => Some(plan.to.clone()),
        RunState::Returned => Some(plan.from.clone()),
        _ => kept.record.live.clone(),
    };
    let last_run = Some(run.id.clone());
    let record = ApplicationRecord { live, run: None, last_run, ..kept.record.clone() };
    match journal.replace(&plan.application, &kept, record).await? {
        Write::Kept(_) => Ok(()),
        Write::Conflict => Err(EngineError::LeaseLost),
    }
}
