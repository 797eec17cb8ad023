//! The states of a change of a tag, and the one function that moves it. The change stands beside a run of data: the run decides
//! which set is live, the change which tag runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::health::Verdict;

/// Where a change of a tag stands. Every state is durable: the journal holds it before its action begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeployState {
    /// Entered first. The tag is as it was; the new set is being built, if there is one to build.
    Waiting,
    /// Entered when the new set is in step, or there is none. The tag is being changed.
    Changing,
    /// Entered when the change came back with success. All tenants are switched, if there is a new set.
    Changed,
    /// Entered when the live set belongs to the new tag. The application is watched.
    Watching,
    /// The application is well, or nobody asked to watch it. Final.
    Done {
        /// What is known of its health; `None` when nobody asked.
        verdict: Option<Verdict>,
    },
    /// Entered when the change failed, or the application isn't well. The tag is being put back.
    Restoring {
        /// Why.
        reason: String,
    },
    /// Entered when the old tag is back. The data is taken back, if it was switched.
    Restored {
        /// Why.
        reason: String,
    },
    /// The old tag and the old set are back. Final.
    Returned {
        /// Why.
        reason: String,
    },
    /// The tag could not be put back; the data stays where it is. Final: somebody has to set the tag that belongs to it.
    Failed {
        /// Why it was to be put back, and why it wasn't.
        reason: String,
    },
}

/// What a state asks for. Every action may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeployAction {
    /// Wait until the new set is in step, and sample the application's health.
    AwaitSet,
    /// Change the tag.
    ChangeTag,
    /// Let the run switch, and wait for it.
    Switch,
    /// Watch the application.
    Watch,
    /// Put the old tag back.
    RestoreTag,
    /// Take the data back, if it was switched.
    ReturnData,
    /// Nothing.
    Finish,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeployEvent {
    /// The new set is in step and held, or there is none.
    Ready,
    /// The tag was changed.
    TagChanged,
    /// The tag could not be changed, or the run that it waits for halted.
    ChangeFailed {
        /// Why.
        reason: String,
    },
    /// The live set belongs to the new tag.
    Live,
    /// What is told of the application, and whether an unhealthy one is to be taken back.
    Judged {
        /// What.
        verdict: Verdict,
        /// Whether to go back by itself.
        goes_back: bool,
    },
    /// Nobody asked to watch.
    Unwatched,
    /// The old tag is back.
    TagRestored,
    /// The old tag could not be put back.
    RestoreFailed {
        /// Why.
        reason: String,
    },
    /// The data is on the old set, or never left it.
    DataReturned,
}

/// An event that can't happen in a state: a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a change of a tag that is {state} can't see this event: {event}")]
pub struct Unexpected {
    state: &'static str,
    event: String,
}

impl DeployState {
    /// What to do in this state.
    pub fn action(&self) -> DeployAction {
        match self {
            Self::Waiting => DeployAction::AwaitSet,
            Self::Changing => DeployAction::ChangeTag,
            Self::Changed => DeployAction::Switch,
            Self::Watching => DeployAction::Watch,
            Self::Restoring { .. } => DeployAction::RestoreTag,
            Self::Restored { .. } => DeployAction::ReturnData,
            Self::Done { .. } | Self::Returned { .. } | Self::Failed { .. } => DeployAction::Finish,
        }
    }

    /// Whether nothing more is to be done.
    pub fn is_final(&self) -> bool {
        self.action() == DeployAction::Finish
    }

    /// Whether the way back is asked for: containers of the old tag that start now wait for it.
    pub fn asks_for_return(&self) -> bool {
        match self {
            Self::Restoring { .. } | Self::Restored { .. } => true,
            Self::Waiting
            | Self::Changing
            | Self::Changed
            | Self::Watching
            | Self::Done { .. }
            | Self::Returned { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// Its name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting for the new set",
            Self::Changing => "changing the tag",
            Self::Changed => "waiting for the switch",
            Self::Watching => "watching",
            Self::Done { .. } => "done",
            Self::Restoring { .. } => "putting the tag back",
            Self::Restored { .. } => "taking the data back",
            Self::Returned { .. } => "returned",
            Self::Failed { .. } => "failed",
        }
    }
}

impl fmt::Display for DeployState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What follows from an event.
///
/// # Errors
/// [`Unexpected`]; the state stays as it was.
pub fn step(state: &DeployState, event: DeployEvent) -> Result<DeployState, Unexpected> {
    use DeployState as State;
    match (state, event) {
        (State::Waiting, DeployEvent::Ready) => Ok(State::Changing),
        (State::Changing, DeployEvent::TagChanged) => Ok(State::Changed),
        // The new set could not be switched to: containers of the new tag would wait for ever.
        (State::Changing | State::Changed, DeployEvent::ChangeFailed { reason }) => {
            Ok(State::Restoring { reason })
        }
        (State::Changed, DeployEvent::Live) => Ok(State::Watching),
        (State::Watching, DeployEvent::Unwatched) => Ok(State::Done { verdict: None }),
        (State::Watching, DeployEvent::Judged { verdict, goes_back }) => match verdict {
            Verdict::Unhealthy { reason } if goes_back => Ok(State::Restoring { reason }),
            verdict => Ok(State::Done { verdict: Some(verdict) }),
        },
        (State::Restoring { reason }, DeployEvent::TagRestored) => {
            Ok(State::Restored { reason: reason.clone() })
        }
        (State::Restoring { reason: first }, DeployEvent::RestoreFailed { reason }) => {
            Ok(State::Failed {
                reason: format!("{first}; then the tag could not be put back: {reason}"),
            })
        }
        (State::Restored { reason }, DeployEvent::DataReturned) => {
            Ok(State::Returned { reason: reason.clone() })
        }
        (state, event) => Err(Unexpected { state: state.name(), event: format!("{event:?}") }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn reason() -> String {
        "why".to_owned()
    }

    fn events() -> Vec<DeployEvent> {
        let verdicts = [
            Verdict::Healthy,
            Verdict::Unhealthy { reason: reason() },
            Verdict::CantTell { reason: reason() },
        ];
        let judged = verdicts.into_iter().flat_map(|verdict| {
            [true, false]
                .map(|goes_back| DeployEvent::Judged { verdict: verdict.clone(), goes_back })
        });
        [
            DeployEvent::Ready,
            DeployEvent::TagChanged,
            DeployEvent::ChangeFailed { reason: reason() },
            DeployEvent::Live,
            DeployEvent::Unwatched,
            DeployEvent::TagRestored,
            DeployEvent::RestoreFailed { reason: reason() },
            DeployEvent::DataReturned,
        ]
        .into_iter()
        .chain(judged)
        .collect()
    }

    /// Every way between two states that can be reached.
    fn ways() -> Vec<(DeployState, DeployEvent, DeployState)> {
        let mut ways = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![DeployState::Waiting];
        while let Some(state) = open.pop() {
            if !seen.insert(format!("{state:?}")) {
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
    fn every_state_that_is_not_final_leads_on_and_final_ones_dont() {
        for (state, _, next) in ways() {
            assert!(!state.is_final(), "{state}");
            assert!(next.is_final() || ways().iter().any(|(from, ..)| *from == next), "{next}");
        }
    }

    #[test]
    fn only_a_failed_change_or_an_unhealthy_application_goes_back() {
        for (state, event, next) in ways() {
            if !matches!(next, DeployState::Restoring { .. }) {
                continue;
            }
            let is_reason = match &event {
                DeployEvent::ChangeFailed { .. } => true,
                DeployEvent::Judged { verdict: Verdict::Unhealthy { .. }, goes_back } => *goes_back,
                _ => false,
            };
            assert!(is_reason, "{state} {event:?}");
        }
    }

    #[test]
    fn the_data_goes_back_only_once_the_tag_is_back() {
        for (state, event, next) in ways() {
            if next.action() == DeployAction::ReturnData {
                assert_eq!(
                    (state.action(), event),
                    (DeployAction::RestoreTag, DeployEvent::TagRestored)
                );
            }
        }
    }

    #[test]
    fn a_state_reads_as_it_was_written() {
        for (_, _, state) in ways() {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<DeployState>(&text).unwrap(), state, "{text}");
        }
    }
}
