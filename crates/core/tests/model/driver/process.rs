//! A driver's life: the lease is taken, the command is brought to the run, the run is driven, the lease is given back.

use lockstep_core::run::{
    state::{Action, Event, RunState, Stage},
    step::step,
};

use super::{
    super::{
        journal::{Kept, Key, Record},
        rules::{Change, Gap},
    },
    back, copy, fence, flow_back,
    follow::Way,
    lease::Lease,
    link::{Link, Stop},
    switch, verify,
};

/// What a process is started for: what an operator asks for, or a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Begin a run, or go on with it.
    Upgrade,
    /// Give it up.
    Abort,
    /// Go back to the old set.
    Rollback,
    /// No way back is needed any more.
    Finalize,
    /// Carry back what is written after the switch.
    FlowBack,
}

/// A whole process, from its start to its end. What it came to is in the journal.
pub(crate) async fn drive(link: Link, command: Command) {
    let Ok(mut lease) = Lease::take(&link).await else { return };
    let ended = drive_leased(&link, &mut lease, command).await;
    link.tell(|| format!("        driver {} ends: {ended:?}", lease.number));
    lease.release(&link).await;
}

/// A run that this process drives.
struct Drive<'a> {
    link: &'a Link,
    driver: u64,
    version: u64,
    state: RunState,
}

async fn drive_leased(link: &Link, lease: &mut Lease, command: Command) -> Result<(), Stop> {
    let driver = lease.number;
    let (state, version) = match link.read(Key::Run).await? {
        // Somebody who took the lease later was faster.
        Some(Kept { record: Record::Run { driver: last, .. }, .. }) if last > driver => {
            return Err(Stop::LeaseLost);
        }
        Some(Kept { version, record: Record::Run { state, .. } }) => (state, Some(version)),
        Some(other) => panic!("not a run: {other:?}"),
        None if command == Command::Upgrade => (RunState::Preparing, None),
        None => return Ok(()),
    };
    let is_over = matches!(state, RunState::Finalized | RunState::Aborted);
    if is_over || (command == Command::Upgrade && state.is_final()) {
        return Ok(());
    }
    if command == Command::FlowBack && state != RunState::Switched {
        return Ok(());
    }
    let is_closing = command == Command::Finalize && state == RunState::Switched;
    if is_closing {
        flow_back::close_left_open(link).await?;
    }
    let mut drive = Drive { link, driver, version: version.unwrap_or_default(), state };
    if is_closing {
        // Nobody else is to come between.
        return drive.journal(RunState::Finalized, version).await;
    }
    if version.is_none() || !link.has(Gap::TakeoverWithoutWrite) {
        // From here on nobody who read the record before can write it.
        drive.journal(drive.state.clone(), version).await?;
    }
    if command == Command::FlowBack {
        return flow_back::flow_back(link, lease).await;
    }
    if let Some(event) = drive.asked(command) {
        match step(&drive.state, event) {
            Ok(next) => drive.journal(next, Some(drive.version)).await?,
            // Not possible in this state; the operator is told.
            Err(_refusal) => return Ok(()),
        }
    }
    drive.run_on().await
}

impl Drive<'_> {
    /// The event that a command means in the state that the run is in.
    fn asked(&self, command: Command) -> Option<Event> {
        match command {
            Command::Upgrade => match &self.state {
                RunState::Halted {
                    stage: Stage::Return | Stage::ReturnFence | Stage::ReturnSwitch,
                    ..
                } => Some(Event::Return),
                RunState::Halted { .. } => Some(Event::Resume),
                _other => None,
            },
            Command::Abort => Some(Event::Abort),
            Command::Rollback => Some(Event::Return),
            Command::Finalize => Some(Event::Finalize),
            Command::FlowBack => None,
        }
    }

    async fn journal(&mut self, state: RunState, expected: Option<u64>) -> Result<(), Stop> {
        let record = Record::Run { state: state.clone(), driver: self.driver };
        self.version = self.link.write(Key::Run, expected, record).await?.version;
        self.state = state;
        Ok(())
    }

    async fn run_on(&mut self) -> Result<(), Stop> {
        loop {
            if self.state.is_final() || matches!(self.state, RunState::Halted { .. }) {
                return Ok(());
            }
            let event = match self.act().await {
                Ok(event) => event,
                Err(Stop::Halted(problem)) => Event::Stuck(*problem),
                Err(stop) => return Err(stop),
            };
            let next = step(&self.state, event).expect("stages answer what their state can see");
            self.journal(next, Some(self.version)).await?;
        }
    }

    async fn act(&mut self) -> Result<Event, Stop> {
        let (link, there) = (self.link, Way::there(self.link));
        if self.link.is(Change::OutcomeBeforeEffect)
            && matches!(self.state, RunState::Switching { .. })
        {
            self.journal(RunState::Switched, Some(self.version)).await?;
            let _moved = switch::move_aliases(link, &there).await?;
            return Ok(Event::Finalize);
        }
        match self.state.action() {
            Action::CreateTargets => copy::create_targets(link).await,
            Action::CopyDocuments => copy::copy_documents(link, &there).await,
            Action::RestoreSettings => Ok(Event::SettingsRestored),
            Action::CompareSets => verify::compare_sets(link, &there).await,
            Action::KeepInStep => verify::keep_in_step(link, &there).await,
            Action::BlockSources => fence::pass_fence(link, &there).await,
            Action::MoveAliases => switch::move_aliases(link, &there).await,
            Action::DropTargets => switch::drop_targets(link).await,
            Action::FollowBack => back::follow_back(link).await,
            Action::BlockTargets => fence::pass_fence(link, &Way::back(link).await?).await,
            Action::MoveAliasesBack => back::return_to_sources(link).await,
            Action::StayOnTargets => back::stay_on_targets(link).await,
            Action::MeasureFence | Action::Finish | Action::Wait => {
                panic!("a run that is {} was driven", self.state)
            }
        }
    }
}
