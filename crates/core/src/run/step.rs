//! The one function that moves a run from state to state.

use super::state::{Event, Problem, RunState, Stage};

/// An event that can't happen in a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run is over.
    #[error("the run is over: it is {state}")]
    Over {
        /// Its final state.
        state: &'static str,
    },
    /// The switch is decided; there is no way back by `abort`.
    #[error("the switch is decided: the run can only be finished, not aborted")]
    SwitchDecided,
    /// A bug: the engine reported something that its action can't lead to.
    #[error("a run that is {state} can't see this event: {event}")]
    Unexpected {
        /// The state.
        state: &'static str,
        /// The event.
        event: String,
    },
}

/// What follows from an event.
///
/// # Errors
/// [`Refusal`] when the event can't happen in this state; the state stays as it was.
pub fn step(state: &RunState, event: Event) -> Result<RunState, Refusal> {
    match state {
        RunState::Finalized | RunState::Aborted => Err(Refusal::Over { state: state.name() }),
        RunState::Switched => match event {
            Event::Return => Ok(RunState::Returning { round: 1 }),
            Event::Finalize => Ok(RunState::Finalized),
            _other => Err(Refusal::Over { state: state.name() }),
        },
        RunState::Returned => match event {
            Event::Abort => Ok(RunState::Aborting),
            _other => Err(Refusal::Over { state: state.name() }),
        },
        RunState::Halted { stage, round, .. } => halted(state, *stage, *round, event),
        RunState::Aborting => aborting(state, event),
        RunState::Switching { round } => match event {
            Event::AliasesMoved => Ok(RunState::Switched),
            Event::Stuck(problem) => Ok(halt(Stage::Switch, *round, problem)),
            Event::Abort => Err(Refusal::SwitchDecided),
            other => unexpected(state, &other),
        },
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Rehearsing { .. } => match event {
            Event::Abort => Ok(RunState::Aborting),
            Event::Resume => Ok(state.clone()),
            Event::Stuck(problem) => {
                let (stage, round) = position(state);
                Ok(halt(stage, round, problem))
            }
            other => forward(state, other),
        },
        RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. }
        | RunState::Staying => back(state, event),
    }
}

/// The way from the first target to the decision to switch.
fn forward(state: &RunState, event: Event) -> Result<RunState, Refusal> {
    match (state, event) {
        (RunState::Preparing, Event::TargetsCreated) => Ok(RunState::Copying { round: 1 }),
        (RunState::Copying { round }, Event::DocumentsCopied) => {
            Ok(RunState::Settling { round: *round })
        }
        (RunState::Settling { round }, Event::SettingsRestored) => {
            Ok(RunState::Verifying { round: *round })
        }
        (RunState::Verifying { round }, Event::SetsEqual) => {
            Ok(RunState::Holding { round: *round })
        }
        (RunState::Holding { round }, Event::Released) => Ok(RunState::Fencing { round: *round }),
        (RunState::Fencing { round }, Event::FenceMissed) => {
            Ok(RunState::Verifying { round: round.saturating_add(1) })
        }
        (RunState::Fencing { round }, Event::GatePassed) => {
            Ok(RunState::Switching { round: *round })
        }
        (state, event) => unexpected(state, &event),
    }
}

/// The way back, from the request to the aliases on the old set, or to staying on the new one.
fn back(state: &RunState, event: Event) -> Result<RunState, Refusal> {
    match (state, event) {
        (RunState::Returning { round }, Event::BackInStep) => {
            Ok(RunState::ReturnFencing { round: *round })
        }
        (RunState::ReturnFencing { round }, Event::FenceMissed) => {
            Ok(RunState::Returning { round: round.saturating_add(1) })
        }
        (RunState::ReturnFencing { round }, Event::GatePassed) => {
            Ok(RunState::ReturnSwitching { round: *round })
        }
        (RunState::ReturnSwitching { .. }, Event::AliasesMoved) => Ok(RunState::Returned),
        (RunState::ReturnSwitching { .. }, Event::Abort) => Err(Refusal::SwitchDecided),
        (RunState::Returning { .. } | RunState::ReturnFencing { .. }, Event::Abort) => {
            Ok(RunState::Staying)
        }
        (RunState::Staying, Event::Stayed) => Ok(RunState::Switched),
        // Asked for once more, it goes on.
        (
            RunState::Returning { .. }
            | RunState::ReturnFencing { .. }
            | RunState::ReturnSwitching { .. },
            Event::Return,
        )
        | (RunState::Staying, Event::Abort) => Ok(state.clone()),
        (
            RunState::Returning { .. }
            | RunState::ReturnFencing { .. }
            | RunState::ReturnSwitching { .. },
            Event::Stuck(problem),
        ) => {
            let (stage, round) = position(state);
            Ok(halt(stage, round, problem))
        }
        (state, event) => unexpected(state, &event),
    }
}

fn halted(state: &RunState, stage: Stage, round: u32, event: Event) -> Result<RunState, Refusal> {
    match (stage, event) {
        (Stage::Prepare, Event::Resume) => Ok(RunState::Preparing),
        (Stage::Copy, Event::Resume) => Ok(RunState::Copying { round }),
        (Stage::Settle, Event::Resume) => Ok(RunState::Settling { round }),
        // Neither a failed verification nor a failed fence is ever resumed into a switch.
        (Stage::Verify | Stage::Fence, Event::Resume) => {
            Ok(RunState::Verifying { round: round.saturating_add(1) })
        }
        (Stage::Switch, Event::Resume) => Ok(RunState::Switching { round }),
        (Stage::Return | Stage::ReturnFence, Event::Return) => {
            Ok(RunState::Returning { round: round.saturating_add(1) })
        }
        (Stage::ReturnSwitch, Event::Return) => Ok(RunState::ReturnSwitching { round }),
        (Stage::Return | Stage::ReturnFence, Event::Abort) => Ok(RunState::Staying),
        (Stage::Switch | Stage::ReturnSwitch, Event::Abort) => Err(Refusal::SwitchDecided),
        (
            Stage::Prepare | Stage::Copy | Stage::Settle | Stage::Verify | Stage::Fence,
            Event::Abort,
        ) => Ok(RunState::Aborting),
        (_stage, other) => unexpected(state, &other),
    }
}

fn aborting(state: &RunState, event: Event) -> Result<RunState, Refusal> {
    match event {
        Event::TargetsDropped => Ok(RunState::Aborted),
        Event::Abort | Event::Resume => Ok(RunState::Aborting),
        other => unexpected(state, &other),
    }
}

fn position(state: &RunState) -> (Stage, u32) {
    match state {
        RunState::Copying { round } => (Stage::Copy, *round),
        RunState::Settling { round } => (Stage::Settle, *round),
        RunState::Verifying { round }
        | RunState::Holding { round }
        | RunState::Rehearsing { round } => (Stage::Verify, *round),
        RunState::Fencing { round } => (Stage::Fence, *round),
        RunState::Switching { round } => (Stage::Switch, *round),
        RunState::Returning { round } => (Stage::Return, *round),
        RunState::ReturnFencing { round } => (Stage::ReturnFence, *round),
        RunState::ReturnSwitching { round } => (Stage::ReturnSwitch, *round),
        RunState::Halted { stage, round, .. } => (*stage, *round),
        RunState::Preparing
        | RunState::Switched
        | RunState::Returned
        | RunState::Staying
        | RunState::Finalized
        | RunState::Aborting
        | RunState::Aborted => (Stage::Prepare, 0),
    }
}

fn halt(stage: Stage, round: u32, problem: Problem) -> RunState {
    RunState::Halted { stage, round, problem }
}

fn unexpected(state: &RunState, event: &Event) -> Result<RunState, Refusal> {
    Err(Refusal::Unexpected { state: state.name(), event: format!("{event:?}") })
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::{super::state::Action, *};

    pub(in crate::run) fn problem() -> Problem {
        Problem {
            code: "R0000".to_owned(),
            message: "a problem".to_owned(),
            hint: "a hint".to_owned(),
            documents: Vec::new(),
            document_count: 0,
        }
    }

    pub(in crate::run) fn events() -> Vec<Event> {
        vec![
            Event::TargetsCreated,
            Event::DocumentsCopied,
            Event::SettingsRestored,
            Event::SetsEqual,
            Event::Released,
            Event::GatePassed,
            Event::FenceMissed,
            Event::FenceMeasured,
            Event::AliasesMoved,
            Event::Stuck(problem()),
            Event::Resume,
            Event::Abort,
            Event::TargetsDropped,
            Event::Return,
            Event::BackInStep,
            Event::Stayed,
            Event::Finalize,
        ]
    }

    /// Every state that can be reached with at most `rounds` rounds, and every way between them.
    fn walk(rounds: u32) -> Vec<(RunState, Event, RunState)> {
        let mut ways = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![RunState::Preparing];
        while let Some(state) = open.pop() {
            if !seen.insert(format!("{state:?}"))
                || matches!(
                    &state,
                    RunState::Verifying { round } | RunState::Returning { round } if *round > rounds
                )
            {
                continue;
            }
            for event in events() {
                if let Ok(next) = step(&state, event.clone()) {
                    ways.push((state.clone(), event, next.clone()));
                    open.push(next);
                }
            }
        }
        ways
    }

    #[test]
    fn the_straight_way_leads_to_the_switch() {
        let mut state = RunState::Preparing;
        let mut names = vec![state.name()];
        for event in [
            Event::TargetsCreated,
            Event::DocumentsCopied,
            Event::SettingsRestored,
            Event::SetsEqual,
            Event::Released,
            Event::GatePassed,
            Event::AliasesMoved,
        ] {
            state = step(&state, event).unwrap();
            names.push(state.name());
        }
        assert_eq!(
            names,
            [
                "preparing",
                "copying",
                "settling",
                "verifying",
                "holding",
                "fencing",
                "switching",
                "switched"
            ]
        );
    }

    #[test]
    fn switching_is_entered_only_from_a_fence_whose_gate_was_passed() {
        for (from, event, to) in walk(3) {
            if matches!(to, RunState::Switching { .. })
                && !matches!(from, RunState::Switching { .. })
            {
                let resumed = matches!(&from, RunState::Halted { stage: Stage::Switch, .. });
                assert!(
                    resumed
                        || (matches!(from, RunState::Fencing { .. }) && event == Event::GatePassed),
                    "{from:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn once_the_switch_is_decided_every_way_leads_forward() {
        for (from, event, to) in walk(3) {
            let decided = matches!(
                from,
                RunState::Switching { .. } | RunState::Halted { stage: Stage::Switch, .. }
            );
            let forward = matches!(
                to,
                RunState::Switching { .. }
                    | RunState::Switched
                    | RunState::Halted { stage: Stage::Switch, .. }
            );
            assert!(!decided || forward, "{from:?} {event:?} {to:?}");
        }
    }

    #[test]
    fn aliases_change_sides_only_through_a_gate() {
        for (from, event, to) in walk(3) {
            if from.is_on_targets() != to.is_on_targets() {
                let through_the_gate = event == Event::GatePassed
                    && matches!(from, RunState::Fencing { .. } | RunState::ReturnFencing { .. });
                assert!(through_the_gate, "{from:?} {event:?} {to:?}");
            }
        }
    }

    #[test]
    fn once_the_return_is_decided_every_way_leads_to_the_old_set() {
        for (from, event, to) in walk(3) {
            let decided = matches!(
                from,
                RunState::ReturnSwitching { .. }
                    | RunState::Halted { stage: Stage::ReturnSwitch, .. }
            );
            let on = matches!(
                to,
                RunState::ReturnSwitching { .. }
                    | RunState::Returned
                    | RunState::Halted { stage: Stage::ReturnSwitch, .. }
            );
            assert!(!decided || on, "{from:?} {event:?} {to:?}");
        }
    }

    #[test]
    fn targets_are_dropped_only_where_nothing_of_the_application_is_on_them() {
        for (from, event, to) in walk(3) {
            if to == RunState::Aborting {
                assert!(!from.is_on_targets(), "{from:?} {event:?}");
            }
        }
    }

    #[test]
    fn a_failed_verification_is_never_resumed_into_a_switch() {
        let state = step(&RunState::Verifying { round: 2 }, Event::Stuck(problem())).unwrap();
        assert_eq!(step(&state, Event::Resume), Ok(RunState::Verifying { round: 3 }));
    }

    #[test]
    fn every_state_has_a_way_to_an_end() {
        for (from, _, _) in walk(3) {
            let mut state = from.clone();
            for _ in 0..12 {
                let event = match state.action() {
                    Action::CreateTargets => Event::TargetsCreated,
                    Action::CopyDocuments => Event::DocumentsCopied,
                    Action::RestoreSettings => Event::SettingsRestored,
                    Action::CompareSets => Event::SetsEqual,
                    Action::KeepInStep => Event::Released,
                    Action::BlockSources | Action::BlockTargets => Event::GatePassed,
                    Action::MeasureFence => Event::FenceMeasured,
                    Action::MoveAliases | Action::MoveAliasesBack => Event::AliasesMoved,
                    Action::DropTargets => Event::TargetsDropped,
                    Action::FollowBack => Event::BackInStep,
                    Action::StayOnTargets => Event::Stayed,
                    Action::Wait => match &state {
                        RunState::Halted {
                            stage: Stage::Return | Stage::ReturnFence | Stage::ReturnSwitch,
                            ..
                        } => Event::Return,
                        _ => Event::Resume,
                    },
                    Action::Finish => break,
                };
                state = step(&state, event).unwrap();
            }
            assert!(state.is_final(), "{from:?} ends {state:?}");
        }
    }

    #[test]
    fn after_the_switch_only_the_way_back_and_its_end_can_be_asked_for() {
        for event in events() {
            let next = step(&RunState::Switched, event.clone());
            match event {
                Event::Return => assert_eq!(next, Ok(RunState::Returning { round: 1 })),
                Event::Finalize => assert_eq!(next, Ok(RunState::Finalized)),
                _ => assert_eq!(next, Err(Refusal::Over { state: "switched" })),
            }
        }
    }

    #[test]
    fn a_finished_run_refuses_everything() {
        for state in [RunState::Finalized, RunState::Aborted] {
            for event in events() {
                assert_eq!(step(&state, event), Err(Refusal::Over { state: state.name() }));
            }
        }
    }
}
