//! The states of a run, what each asks the engine to do, and what may happen in it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a run stands. Every state is durable: the journal holds it before its action begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Entered when the run starts. Targets are being made; an index that is cloned is blocked for writes meanwhile. Reversible:
    /// the block is lifted.
    Preparing,
    /// Entered when all targets are there. Documents are taken through the steps up to a watermark. Reversible.
    Copying {
        /// The round, 1.
        round: u32,
    },
    /// Entered when every task of the round is done. Final settings are restored and shards allocated. Reversible.
    Settling {
        /// The round.
        round: u32,
    },
    /// Entered when the targets have their final settings, and again when a fence was missed. What the application wrote
    /// since is caught up, both sets are compared and mended until one comparison finds nothing to mend. Reversible.
    Verifying {
        /// How often verification has begun, from 1.
        round: u32,
    },
    /// Entered when a comparison found nothing to mend. The new set is kept in step until nobody asks to hold any more.
    /// Reversible.
    Holding {
        /// The round.
        round: u32,
    },
    /// Entered when the sets are in step and nobody asks to hold. Writes to the live set are blocked while the last of
    /// them are carried over and looked at. Reversible: the block is lifted.
    Fencing {
        /// The round.
        round: u32,
    },
    /// Entered only by a rehearsal, where an upgrade would enter [`RunState::Fencing`]. What the fence would do is done
    /// once and timed, without a block. Reversible; from here a rehearsal gives itself up.
    Rehearsing {
        /// The round.
        round: u32,
    },
    /// Entered when the live set is blocked and the gate found the new set equal to it: "switch decided".
    /// Every restart rolls forward from here.
    Switching {
        /// The round.
        round: u32,
    },
    /// Entered when all aliases were seen on the new set. The old set stays blocked for writes. The run rests here until
    /// somebody asks for the way back, or gives it up for good.
    Switched,
    /// Entered on request after the switch, and again when a fence was missed. What the application wrote on the new set
    /// is carried back to the old one through `down`. Reversible: the new set stays live.
    Returning {
        /// How often that has begun, from 1.
        round: u32,
    },
    /// Entered when the old set is in step with the new one. Writes to the new set are blocked while the last of them are
    /// carried back and looked at. Reversible: the block is lifted.
    ReturnFencing {
        /// The round.
        round: u32,
    },
    /// Entered when the new set is blocked and the gate found the old set equal to it: "return decided".
    /// Every restart rolls on from here.
    ReturnSwitching {
        /// The round.
        round: u32,
    },
    /// Entered when all aliases were seen on the old set again. The new set stays blocked for writes. The run rests here
    /// until somebody gives it up, which drops the new set.
    Returned,
    /// Entered on request, before the return was decided. The new set takes writes, the old one doesn't.
    Staying,
    /// Entered on request after the switch: there is no way back any more. Final.
    Finalized,
    /// Entered when something needs an operator. The same command goes on from `stage`. Reversible.
    Halted {
        /// Where to go on.
        stage: Stage,
        /// The round.
        round: u32,
        /// What happened.
        problem: Problem,
    },
    /// Entered on request, before the switch was decided. Block lifted, targets dropped by unique id.
    Aborting,
    /// Entered when no target of the run was left. Final.
    Aborted,
}

/// A stage that a halted run goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Making targets.
    Prepare,
    /// Copying documents.
    Copy,
    /// Restoring settings.
    Settle,
    /// Comparing both sets, or keeping them in step.
    Verify,
    /// Blocking writes.
    Fence,
    /// Moving aliases.
    Switch,
    /// Carrying writes back.
    Return,
    /// Blocking writes for the way back.
    ReturnFence,
    /// Moving aliases back.
    ReturnSwitch,
}

/// Something that needs an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable code, see `docs/design/error-codes.md`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Documents by which it shows, bounded.
    #[serde(default)]
    pub documents: Vec<BadDocument>,
    /// How many documents there are in all.
    #[serde(default)]
    pub document_count: u64,
}

/// A document that a step or the new mapping rejected, or by which the sets differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadDocument {
    /// The index that it was read from, or belongs into.
    pub index: String,
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What a state asks the engine to do. Every action may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make the targets that are not there.
    CreateTargets,
    /// Work off the tasks up to a new watermark.
    CopyDocuments,
    /// Restore final settings, wait for shards.
    RestoreSettings,
    /// Catch up, compare both sets, mend.
    CompareSets,
    /// Keep the new set in step until the switch is asked for.
    KeepInStep,
    /// Block writes to the live set, carry over the last of them, look at the gate.
    BlockSources,
    /// Do once what the fence would do, without a block, and time it.
    MeasureFence,
    /// Publish templates and move all aliases in one call.
    MoveAliases,
    /// Lift the block, drop the targets by unique id.
    DropTargets,
    /// Let the old set take writes of Lockstep, carry over what was written on the new one.
    FollowBack,
    /// Block writes to the new set, carry back the last of them, look at the gate.
    BlockTargets,
    /// Move all aliases back in one call.
    MoveAliasesBack,
    /// Lift the block of the new set, block the old one.
    StayOnTargets,
    /// Nothing: the run is over.
    Finish,
    /// Nothing: an operator is needed.
    Wait,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// All targets are there.
    TargetsCreated,
    /// Every task of the round is done.
    DocumentsCopied,
    /// All targets have their final settings and shards.
    SettingsRestored,
    /// A comparison found nothing to mend.
    SetsEqual,
    /// Nobody asks to hold any more, and next to nothing is left to carry over.
    Released,
    /// The live set is blocked, and the new set is equal to it.
    GatePassed,
    /// The fence took too long, or something was left to mend; the block is lifted again.
    FenceMissed,
    /// What the fence would do was done once, without a block.
    FenceMeasured,
    /// All aliases were seen on the new set.
    AliasesMoved,
    /// Something needs an operator.
    Stuck(Problem),
    /// An operator says: go on.
    Resume,
    /// An operator says: give up.
    Abort,
    /// No target of the run is left, no block either.
    TargetsDropped,
    /// An operator says: back to the old set.
    Return,
    /// Next to nothing is left to carry back.
    BackInStep,
    /// The new set takes writes, the old one doesn't.
    Stayed,
    /// An operator says: no way back is needed any more.
    Finalize,
}

impl RunState {
    /// What to do in this state.
    pub fn action(&self) -> Action {
        match self {
            Self::Preparing => Action::CreateTargets,
            Self::Copying { .. } => Action::CopyDocuments,
            Self::Settling { .. } => Action::RestoreSettings,
            Self::Verifying { .. } => Action::CompareSets,
            Self::Holding { .. } => Action::KeepInStep,
            Self::Fencing { .. } => Action::BlockSources,
            Self::Rehearsing { .. } => Action::MeasureFence,
            Self::Switching { .. } => Action::MoveAliases,
            Self::Aborting => Action::DropTargets,
            Self::Returning { .. } => Action::FollowBack,
            Self::ReturnFencing { .. } => Action::BlockTargets,
            Self::ReturnSwitching { .. } => Action::MoveAliasesBack,
            Self::Staying => Action::StayOnTargets,
            Self::Switched | Self::Returned | Self::Finalized | Self::Aborted => Action::Finish,
            Self::Halted { .. } => Action::Wait,
        }
    }

    /// Whether nothing more is to be done, unless somebody asks for the way back.
    pub fn is_final(&self) -> bool {
        self.action() == Action::Finish
    }

    /// Whether a decision was made that every restart has to carry out: aliases are being moved.
    pub fn is_decided(&self) -> bool {
        matches!(self, Self::Switching { .. } | Self::ReturnSwitching { .. })
    }

    /// Whether it is on the way back, or stopped there.
    pub fn is_return(&self) -> bool {
        match self {
            Self::Returning { .. }
            | Self::ReturnFencing { .. }
            | Self::ReturnSwitching { .. }
            | Self::Staying => true,
            Self::Halted { stage, .. } => {
                matches!(stage, Stage::Return | Stage::ReturnFence | Stage::ReturnSwitch)
            }
            Self::Preparing
            | Self::Copying { .. }
            | Self::Settling { .. }
            | Self::Verifying { .. }
            | Self::Holding { .. }
            | Self::Fencing { .. }
            | Self::Rehearsing { .. }
            | Self::Switching { .. }
            | Self::Switched
            | Self::Returned
            | Self::Finalized
            | Self::Aborting
            | Self::Aborted => false,
        }
    }

    /// Whether aliases are on the new set, or will be without anybody's further decision.
    pub fn is_on_targets(&self) -> bool {
        match self {
            Self::Switching { .. }
            | Self::Switched
            | Self::Returning { .. }
            | Self::ReturnFencing { .. }
            | Self::Staying
            | Self::Finalized => true,
            Self::Halted { stage, .. } => {
                matches!(stage, Stage::Switch | Stage::Return | Stage::ReturnFence)
            }
            Self::Preparing
            | Self::Copying { .. }
            | Self::Settling { .. }
            | Self::Verifying { .. }
            | Self::Holding { .. }
            | Self::Fencing { .. }
            | Self::Rehearsing { .. }
            | Self::ReturnSwitching { .. }
            | Self::Returned
            | Self::Aborting
            | Self::Aborted => false,
        }
    }

    /// The round it is in; 0 where there is none.
    pub fn round(&self) -> u32 {
        match self {
            Self::Copying { round }
            | Self::Settling { round }
            | Self::Verifying { round }
            | Self::Holding { round }
            | Self::Fencing { round }
            | Self::Rehearsing { round }
            | Self::Switching { round }
            | Self::Returning { round }
            | Self::ReturnFencing { round }
            | Self::ReturnSwitching { round }
            | Self::Halted { round, .. } => *round,
            Self::Preparing
            | Self::Switched
            | Self::Returned
            | Self::Staying
            | Self::Finalized
            | Self::Aborting
            | Self::Aborted => 0,
        }
    }

    /// The word for it in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Copying { .. } => "copying",
            Self::Settling { .. } => "settling",
            Self::Verifying { .. } => "verifying",
            Self::Holding { .. } => "holding",
            Self::Fencing { .. } => "fencing",
            Self::Rehearsing { .. } => "rehearsing",
            Self::Switching { .. } => "switching",
            Self::Switched => "switched",
            Self::Returning { .. } => "returning",
            Self::ReturnFencing { .. } => "return fencing",
            Self::ReturnSwitching { .. } => "return switching",
            Self::Returned => "returned",
            Self::Staying => "staying",
            Self::Finalized => "finalized",
            Self::Halted { .. } => "halted",
            Self::Aborting => "aborting",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
impl RunState {
    /// Every state, in round 1, then halted by a problem in every stage; a new one has to be added here.
    pub(crate) fn every(problem: &Problem) -> Vec<Self> {
        let round = 1;
        let mut states = vec![
            Self::Preparing,
            Self::Copying { round },
            Self::Settling { round },
            Self::Verifying { round },
            Self::Holding { round },
            Self::Fencing { round },
            Self::Rehearsing { round },
            Self::Switching { round },
            Self::Switched,
            Self::Returning { round },
            Self::ReturnFencing { round },
            Self::ReturnSwitching { round },
            Self::Returned,
            Self::Staying,
            Self::Finalized,
            Self::Aborting,
            Self::Aborted,
        ];
        let stages = [
            Stage::Prepare,
            Stage::Copy,
            Stage::Settle,
            Stage::Verify,
            Stage::Fence,
            Stage::Switch,
            Stage::Return,
            Stage::ReturnFence,
            Stage::ReturnSwitch,
        ];
        states.extend(stages.map(|stage| Self::Halted { stage, round, problem: problem.clone() }));
        states
    }
}
