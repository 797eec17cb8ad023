//! The operator: what somebody asks for, by where the run stands and what he is after.

use lockstep_core::run::state::{RunState, Stage};

use super::{driver::Command, random::Random};

/// What the operator is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    Switch,
    Finalize,
    /// To the new set and back.
    Return,
    /// To the new set, back, and rid of it.
    ReturnAndDrop,
    /// To the new set, half the way back, and there again.
    ReturnAndStay,
    /// To give the run up on the way.
    Abort,
}

/// Workers that come by after the switch, at the most.
const WORKERS_MAX: usize = 3;

/// The operator.
#[derive(Debug)]
pub(crate) struct Operator {
    intent: Intent,
    /// How often he still asks for the way back.
    returns_left: usize,
    /// How often he still gives up.
    aborts_left: usize,
    /// How often a worker still comes by after the switch.
    workers_left: usize,
}

impl Operator {
    /// One who has no way back never asks for it.
    pub(crate) fn new(has_way_back: bool, random: &mut Random) -> Self {
        if !has_way_back {
            let intent =
                random.pick(&[Intent::Switch, Intent::Switch, Intent::Finalize, Intent::Abort]);
            return Self { intent, returns_left: 0, aborts_left: 1, workers_left: 0 };
        }

        let intent = random.pick(&[
            Intent::Switch,
            Intent::Finalize,
            Intent::Return,
            Intent::Return,
            Intent::ReturnAndDrop,
            Intent::ReturnAndStay,
            Intent::Abort,
        ]);
        let workers_left = random.between(0, WORKERS_MAX);
        Self { intent, returns_left: 2, aborts_left: 1, workers_left }
    }

    /// What he would ask for now; `None`: he has what he wanted.
    pub(crate) fn command(
        &mut self,
        state: Option<&RunState>,
        random: &mut Random,
    ) -> Option<Command> {
        if matches!(state, Some(RunState::Switched)) && self.workers_left > 0 && random.chance(700)
        {
            self.workers_left -= 1;
            return Some(Command::FlowBack);
        }
        let gives_up = random.chance(300) && self.aborts_left > 0;
        match state {
            Some(RunState::Switched) => match self.intent {
                Intent::Finalize => Some(Command::Finalize),
                Intent::Return | Intent::ReturnAndDrop | Intent::ReturnAndStay => {
                    let again = self.returns_left > 0;
                    self.returns_left = self.returns_left.saturating_sub(1);
                    again.then_some(Command::Rollback)
                }
                Intent::Switch | Intent::Abort => None,
            },
            Some(RunState::Returned) => {
                (self.intent == Intent::ReturnAndDrop).then_some(Command::Abort)
            }
            Some(RunState::Finalized | RunState::Aborted) => None,
            Some(RunState::Aborting | RunState::Staying) => Some(Command::Abort),
            Some(state) if gives_up && self.is_to_be_left(state) => {
                self.aborts_left -= 1;
                Some(Command::Abort)
            }
            _other => Some(Command::Upgrade),
        }
    }

    /// Whether he would ask for anything, now that the run rests.
    pub(crate) fn wants_more(&self, state: &RunState) -> bool {
        match (state, self.intent) {
            (RunState::Switched, Intent::Finalize)
            | (RunState::Returned, Intent::ReturnAndDrop) => true,
            (
                RunState::Switched,
                Intent::Return | Intent::ReturnAndDrop | Intent::ReturnAndStay,
            ) => self.returns_left > 0,
            _other => false,
        }
    }

    fn is_to_be_left(&self, state: &RunState) -> bool {
        let is_returning = matches!(
            state,
            RunState::Returning { .. }
                | RunState::ReturnFencing { .. }
                | RunState::Halted { stage: Stage::Return | Stage::ReturnFence, .. }
        );
        match self.intent {
            Intent::Abort => !is_returning,
            Intent::ReturnAndStay => is_returning,
            Intent::Switch | Intent::Finalize | Intent::Return | Intent::ReturnAndDrop => false,
        }
    }
}
