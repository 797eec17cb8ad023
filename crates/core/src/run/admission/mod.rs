//! Whether an application of a version may start: what is live, and what a run under way means for it. Pure: whoever waits,
//! gives orders and drives is the engine's admission.

use std::cmp::Ordering;

use serde::Serialize;

use super::state::{Problem, RunState, Stage};
use crate::version::Version;

/// What is known when an application wants to start.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The application.
    pub application: &'a str,
    /// The version that wants to start.
    pub version: &'a Version,
    /// How many first numbers of a version make its data version; `None` where nobody says so.
    pub data_parts: Option<usize>,
    /// The version that is live, as it is known apart from the run.
    pub live: Option<&'a Version>,
    /// The run that is under way, or the one that ended last.
    pub run: Option<RunFacts<'a>>,
    /// Whether the application's tag is being put back to what it was before that run, with the data behind it.
    pub is_return_asked: bool,
}

/// What is known of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// From which version.
    pub from: &'a Version,
    /// To which version.
    pub to: &'a Version,
    /// Where it stands.
    pub state: &'a RunState,
    /// Whether it is under way.
    pub is_under_way: bool,
}

/// What an application that wants to start may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Its data is live.
    Start,
    /// Not yet.
    Await(Awaited),
}

/// What has to happen before an application may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Awaited {
    /// The new set is being built or compared.
    Run,
    /// The new set is in step, and the switch is all that is left: it is wanted now.
    Switch,
    /// The application is on its way back to this version, or away from it.
    Return,
    /// The run is being given up.
    GivingUp,
    /// An operator has to do something.
    Operator {
        /// What stopped the run.
        #[serde(flatten)]
        problem: Problem,
    },
}

/// Why an application must not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is newer than what is live, and no run leads to it.
    #[error("{version} needs other data than {live}, which is live, and no run leads there")]
    NoRun {
        /// The version that wants to start.
        version: String,
        /// The version that is live.
        live: String,
        /// Whether the set of the last run is still there, which came back from its switch.
        is_left_over: bool,
    },
    /// It is older than what is live.
    #[error("{version} is older than {live}, which is live, and can't work on its data")]
    Older {
        /// The version that wants to start.
        version: String,
        /// The version that is live.
        live: String,
        /// Whether there is a way back to it.
        way_back: WayBack,
    },
    /// A run to another version is under way.
    #[error("a run from {from} to {to} is under way, and {version} is neither")]
    OtherRun {
        /// The version that wants to start.
        version: String,
        /// Where the run comes from.
        from: String,
        /// Where it goes.
        to: String,
    },
    /// Nobody knows what is live.
    #[error("it can't be told which version of `{application}` is live: {reason}")]
    LiveUnknown {
        /// The application.
        application: String,
        /// Why.
        reason: String,
    },
    /// Nobody knows whether the difference between two versions is one of their data.
    #[error(
        "{live} is live, and nothing tells whether {version} works on the same data: the journal has no run yet that says \
         how many numbers of a version decide that"
    )]
    DataPartsUnknown {
        /// The version that wants to start.
        version: String,
        /// The version that it was compared with.
        live: String,
    },
    /// The cluster has no index of the application.
    #[error("the cluster has no index of `{application}`, and Lockstep's journal doesn't know it")]
    NothingThere {
        /// The application.
        application: String,
    },
    /// The pack is of another application.
    #[error("the pack is of `{pack}`, not of `{application}`")]
    OtherPack {
        /// The application that was named.
        application: String,
        /// The one that the pack is of.
        pack: String,
    },
}

/// Whether there is a way back to an older version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayBack {
    /// The last run came from it.
    Rollback,
    /// The last run came from it, and its way back was given up.
    Finalized,
    /// The last run came from another version, or there was none.
    Elsewhere,
}

impl Refusal {
    /// Stable code, see `docs/design/error-codes.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRun { .. } => "G0101",
            Self::Older { .. } => "G0102",
            Self::OtherRun { .. } => "G0103",
            Self::LiveUnknown { .. } => "G0104",
            Self::DataPartsUnknown { .. } => "G0105",
            Self::NothingThere { .. } => "G0106",
            Self::OtherPack { .. } => "G0107",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NoRun { version, live, is_left_over: false } => format!(
                "start {live} again, type `lockstep upgrade --to {version} --hold`, and start {version} once that holds; \
                 or give the guard --auto, which does the whole upgrade now"
            ),
            Self::NoRun { version, live, is_left_over: true } => format!(
                "start {live} again, type `lockstep abort`, which drops what is left of the last run, then \
                 `lockstep upgrade --to {version} --hold`, and start {version} once that holds"
            ),
            Self::Older { version: _, live, way_back: WayBack::Rollback } => format!(
                "start {live} again, or type `lockstep rollback`, which takes the data back with what was written since"
            ),
            Self::Older { version, live, way_back: WayBack::Finalized } => format!(
                "start {live} again: the way back to {version} was given up with `lockstep finalize`"
            ),
            Self::Older { version: _, live, way_back: WayBack::Elsewhere } => {
                format!("start {live} again: Lockstep has no way back from it to this version")
            }
            Self::OtherRun { version, from: _, to } => format!(
                "start {to} when it is ready, or give the run up with `lockstep abort`, then `lockstep upgrade --to {version} --hold`"
            ),
            Self::LiveUnknown { .. } => {
                "give the guard the application's pack with --pack or LOCKSTEP_PACK, or say which version is live with --live VERSION"
                    .to_owned()
            }
            Self::DataPartsUnknown { .. } => {
                "give the guard the application's pack with --pack or LOCKSTEP_PACK".to_owned()
            }
            Self::NothingThere { .. } => {
                "check the cluster's address; for a new installation give the guard --first-start".to_owned()
            }
            Self::OtherPack { .. } => {
                "name the pack of this application, or leave --application out".to_owned()
            }
        }
    }
}

/// Says whether an application may start.
///
/// # Errors
/// [`Refusal`] when waiting would be of no use.
pub fn admit(situation: Situation<'_>) -> Result<Admission, Refusal> {
    if situation.is_return_asked && situation.run.is_some() {
        return before_the_return(situation);
    }
    match situation.run.filter(|run| run.is_under_way) {
        // Its driver died before it could note that the run is over, and what is live by it.
        Some(run) if *run.state == RunState::Aborted => at_rest(situation),
        Some(run) if run.state.is_final() => {
            at_rest(Situation { live: Some(run.live()), ..situation })
        }
        Some(run) => beside_a_run(situation, run),
        None => at_rest(situation),
    }
}

/// While the tag is put back: nobody orders a switch any more, and the old version waits for its data instead of being refused.
fn before_the_return(situation: Situation<'_>) -> Result<Admission, Refusal> {
    match admit(Situation { is_return_asked: false, ..situation }) {
        Ok(Admission::Await(Awaited::Run | Awaited::Switch))
        | Err(Refusal::Older { way_back: WayBack::Rollback, .. }) => {
            Ok(Admission::Await(Awaited::Return))
        }
        other => other,
    }
}

/// While no run is under way.
fn at_rest(situation: Situation<'_>) -> Result<Admission, Refusal> {
    let Situation { application, version, live, run, data_parts: _, is_return_asked: _ } =
        situation;
    let Some(live) = live.or(run.map(RunFacts::live)) else {
        return Err(Refusal::LiveUnknown {
            application: application.to_owned(),
            reason: "Lockstep's journal doesn't know it".to_owned(),
        });
    };
    match situation.compare(live)? {
        Ordering::Equal => Ok(Admission::Start),
        Ordering::Less => Err(situation.older(live)),
        Ordering::Greater => Err(Refusal::NoRun {
            version: version.to_string(),
            live: live.to_string(),
            is_left_over: run.is_some_and(|run| *run.state == RunState::Returned),
        }),
    }
}

/// While a run is under way.
fn beside_a_run(situation: Situation<'_>, run: RunFacts<'_>) -> Result<Admission, Refusal> {
    let Situation { version, live, .. } = situation;
    let is_from = situation.is_same(run.from);
    let is_to = situation.is_same(run.to);
    // A run for tenants that were left behind: the others are where it leads.
    let is_live_already = live.is_some_and(|live| live == run.to) && !run.state.is_return();
    match (is_from, is_to) {
        (_, true) if is_live_already => Ok(Admission::Start),
        (_, true) => of_the_new_set(situation, run),
        (true, false) => of_the_old_set(situation, run),
        (false, false) => {
            let live = run.live();
            match situation.compare(live)? {
                Ordering::Less => Err(situation.older(live)),
                Ordering::Equal | Ordering::Greater => Err(Refusal::OtherRun {
                    version: version.to_string(),
                    from: run.from.to_string(),
                    to: run.to.to_string(),
                }),
            }
        }
    }
}

/// The version that the run leads to.
fn of_the_new_set(situation: Situation<'_>, run: RunFacts<'_>) -> Result<Admission, Refusal> {
    match run.state {
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Rehearsing { .. } => Ok(Admission::Await(Awaited::Run)),
        RunState::Holding { .. } | RunState::Fencing { .. } | RunState::Switching { .. } => {
            Ok(Admission::Await(Awaited::Switch))
        }
        // On the way back it is live until that is decided.
        RunState::Switched
        | RunState::Finalized
        | RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::Staying
        | RunState::Halted { stage: Stage::Return | Stage::ReturnFence, .. } => {
            Ok(Admission::Start)
        }
        RunState::ReturnSwitching { .. } => Ok(Admission::Await(Awaited::Return)),
        RunState::Halted {
            stage:
                Stage::Prepare
                | Stage::Copy
                | Stage::Settle
                | Stage::Verify
                | Stage::Fence
                | Stage::Switch
                | Stage::ReturnSwitch,
            problem,
            ..
        } => Ok(Admission::Await(Awaited::Operator { problem: problem.clone() })),
        RunState::Aborting => Ok(Admission::Await(Awaited::GivingUp)),
        RunState::Returned | RunState::Aborted => Err(Refusal::NoRun {
            version: situation.version.to_string(),
            live: run.from.to_string(),
            is_left_over: *run.state == RunState::Returned,
        }),
    }
}

/// The version that the run comes from.
fn of_the_old_set(situation: Situation<'_>, run: RunFacts<'_>) -> Result<Admission, Refusal> {
    match run.state {
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Rehearsing { .. }
        // Its writes are refused for a moment, which it has to bear anyway.
        | RunState::Fencing { .. }
        | RunState::Aborting
        | RunState::Aborted
        | RunState::Returned
        | RunState::Halted {
            stage: Stage::Prepare | Stage::Copy | Stage::Settle | Stage::Verify | Stage::Fence,
            ..
        } => Ok(Admission::Start),
        RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. } => Ok(Admission::Await(Awaited::Return)),
        RunState::Halted {
            stage: Stage::Return | Stage::ReturnFence | Stage::ReturnSwitch,
            problem,
            ..
        } => Ok(Admission::Await(Awaited::Operator { problem: problem.clone() })),
        RunState::Switching { .. }
        | RunState::Switched
        | RunState::Staying
        | RunState::Finalized
        | RunState::Halted { stage: Stage::Switch, .. } => Err(situation.older(run.to)),
    }
}

impl Situation<'_> {
    /// Whether the version works on the data of another one, as far as that can be told.
    fn is_same(&self, other: &Version) -> bool {
        let is_same_data = |parts| self.version.data(parts) == other.data(parts);
        self.version == other || self.data_parts.is_some_and(is_same_data)
    }

    /// How the data version compares with that of another version.
    fn compare(&self, other: &Version) -> Result<Ordering, Refusal> {
        if self.version == other {
            return Ok(Ordering::Equal);
        }
        let Some(parts) = self.data_parts else {
            return Err(Refusal::DataPartsUnknown {
                version: self.version.to_string(),
                live: other.to_string(),
            });
        };
        Ok(self.version.data(parts).cmp(&other.data(parts)))
    }

    fn older(&self, live: &Version) -> Refusal {
        let came_from_it = self.run.filter(|run| self.is_same(run.from));
        let way_back = match came_from_it.map(|run| run.state) {
            Some(RunState::Finalized) => WayBack::Finalized,
            Some(state) if state.is_on_targets() => WayBack::Rollback,
            Some(_) | None => WayBack::Elsewhere,
        };
        Refusal::Older { version: self.version.to_string(), live: live.to_string(), way_back }
    }
}

impl<'a> RunFacts<'a> {
    /// The version whose set is live by what the run did, or will be without anybody's further decision.
    pub fn live(self) -> &'a Version {
        if self.state.is_on_targets() { self.to } else { self.from }
    }
}

#[cfg(test)]
mod tests;
