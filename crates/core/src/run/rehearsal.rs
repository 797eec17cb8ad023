//! How a rehearsal moves: like every run up to where an upgrade would fence, and from there to its end.
//!
//! Nothing leads from here to a write block, an alias or a template. A rehearsal that halted isn't resumed: it is given up,
//! and the next one begins anew.

use super::{
    state::{Event, RunState, Stage},
    step::{Refusal, step},
};

/// What follows from an event in a rehearsal.
///
/// # Errors
/// [`Refusal`] when the event can't happen in this state, or leads to one that a rehearsal never enters; the state stays as
/// it was.
pub fn rehearse(state: &RunState, event: Event) -> Result<RunState, Refusal> {
    let name = format!("{event:?}, in a rehearsal");
    let next = match (state, event) {
        (RunState::Holding { round }, Event::Released) => RunState::Rehearsing { round: *round },
        (RunState::Rehearsing { .. }, Event::FenceMeasured) => RunState::Aborting,
        (state, other) => step(state, other)?,
    };
    if is_entered(&next) {
        Ok(next)
    } else {
        Err(Refusal::Unexpected { state: state.name(), event: name })
    }
}

/// Whether a rehearsal may ever be in a state.
pub fn is_entered(state: &RunState) -> bool {
    match state {
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Rehearsing { .. }
        | RunState::Aborting
        | RunState::Aborted => true,
        RunState::Halted { stage, .. } => match stage {
            Stage::Prepare | Stage::Copy | Stage::Settle | Stage::Verify => true,
            Stage::Fence
            | Stage::Switch
            | Stage::Return
            | Stage::ReturnFence
            | Stage::ReturnSwitch => false,
        },
        RunState::Fencing { .. }
        | RunState::Switching { .. }
        | RunState::Switched
        | RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. }
        | RunState::Returned
        | RunState::Staying
        | RunState::Finalized => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::run::{
        state::{Action, Problem},
        step::tests::{events, problem},
    };

    /// Every state that a rehearsal can be in, with at most three rounds.
    fn reachable() -> Vec<RunState> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut open = vec![RunState::Preparing];
        while let Some(state) = open.pop() {
            if state.round() > 3 || !seen.insert(format!("{state:?}")) {
                continue;
            }
            open.extend(events().into_iter().filter_map(|event| rehearse(&state, event).ok()));
            found.push(state);
        }
        found
    }

    #[test]
    fn no_rehearsal_ever_blocks_the_application_or_moves_its_aliases() {
        let mut names = BTreeSet::new();
        for state in reachable() {
            names.insert(state.name());
            assert!(!state.is_on_targets() && !state.is_return() && !state.is_decided(), "{state}");
            let is_harmless = match state.action() {
                Action::CreateTargets
                | Action::CopyDocuments
                | Action::RestoreSettings
                | Action::CompareSets
                | Action::KeepInStep
                | Action::MeasureFence
                | Action::DropTargets
                | Action::Finish
                | Action::Wait => true,
                Action::BlockSources
                | Action::MoveAliases
                | Action::FollowBack
                | Action::BlockTargets
                | Action::MoveAliasesBack
                | Action::StayOnTargets => false,
            };
            assert!(is_harmless, "{state}");
        }
        let expected = [
            "aborted",
            "aborting",
            "copying",
            "halted",
            "holding",
            "preparing",
            "rehearsing",
            "settling",
            "verifying",
        ];
        assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_straight_way_ends_with_nothing_left() {
        let mut state = RunState::Preparing;
        for event in [
            Event::TargetsCreated,
            Event::DocumentsCopied,
            Event::SettingsRestored,
            Event::SetsEqual,
            Event::Released,
            Event::FenceMeasured,
            Event::TargetsDropped,
        ] {
            state = rehearse(&state, event).unwrap();
        }
        assert_eq!(state, RunState::Aborted);
    }

    #[test]
    fn every_rehearsal_can_be_given_up() {
        for state in reachable().into_iter().filter(|state| !state.is_final()) {
            assert_eq!(rehearse(&state, Event::Abort), Ok(RunState::Aborting), "{state}");
        }
    }

    #[test]
    fn no_upgrade_rehearses() {
        let holding = RunState::Holding { round: 1 };
        assert_eq!(step(&holding, Event::Released), Ok(RunState::Fencing { round: 1 }));
        assert!(step(&RunState::Rehearsing { round: 1 }, Event::FenceMeasured).is_err());
        let stuck: Problem = problem();
        let halted = rehearse(&RunState::Rehearsing { round: 1 }, Event::Stuck(stuck)).unwrap();
        assert!(matches!(halted, RunState::Halted { stage: Stage::Verify, .. }), "{halted}");
    }
}
