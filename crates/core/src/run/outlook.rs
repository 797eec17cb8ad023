//! What the state of a run means for whoever has to answer for it: what happens, whether there is a way back, what it waits
//! for, and what if Lockstep died now. Sentences without a full stop, for people.

use super::state::{RunState, Stage};

/// What a run is about, and what is known of it besides its state.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The release that it comes from.
    pub from: &'a str,
    /// The release that it leads to.
    pub to: &'a str,
    /// Whether an operator asked not to switch yet.
    pub is_held: bool,
    /// Whether an operator paused it.
    pub is_paused: bool,
    /// Whether somebody drives it.
    pub is_driven: bool,
    /// Why a switch of it can't be taken back, where a step can't be undone.
    pub no_way_back: Option<&'a str>,
    /// What became of the set that it comes from.
    pub old_set: OldSet,
}

/// What became of the set that a run left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldSet {
    /// Nobody retired it.
    Kept,
    /// Some of it was deleted, and not all.
    Going,
    /// All of it was deleted.
    Retired,
}

/// What a state means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// What happens now.
    pub happens: String,
    /// Whether one can go back, and until when.
    pub way_back: String,
    /// What it waits for; nothing where it doesn't wait.
    pub waits_for: Option<String>,
    /// What if Lockstep died at this moment.
    pub if_it_dies: String,
}

/// Turns a state into sentences.
pub fn outlook(state: &RunState, situation: Situation<'_>) -> Outlook {
    Outlook {
        happens: happens(state, situation),
        way_back: way_back(state, situation),
        waits_for: waits_for(state, situation),
        if_it_dies: if_it_dies(state, situation),
    }
}

fn happens(state: &RunState, Situation { from, to, .. }: Situation<'_>) -> String {
    match state {
        RunState::Preparing => format!("the indices of {to} are being made"),
        RunState::Copying { .. } => format!("documents are copied from {from} to {to}"),
        RunState::Settling { .. } => format!("the indices of {to} get their final settings"),
        RunState::Verifying { .. } => format!("{from} and {to} are compared"),
        RunState::Holding { .. } => format!("{to} is in step with {from}"),
        RunState::Fencing { .. } => format!("writes to {from} are blocked for the switch to {to}"),
        RunState::Rehearsing { .. } => "a rehearsal measures what the switch would take".to_owned(),
        RunState::Switching { .. } => format!("the switch to {to} is decided, aliases are moving"),
        RunState::Switched => format!("{to} is live, {from} is kept for the way back"),
        RunState::Returning { .. } => {
            format!("what was written on {to} is carried back to {from}")
        }
        RunState::ReturnFencing { .. } => {
            format!("writes to {to} are blocked for the return to {from}")
        }
        RunState::ReturnSwitching { .. } => {
            format!("the return to {from} is decided, aliases are moving")
        }
        RunState::Returned => format!("{from} is live again, {to} is blocked for writes"),
        RunState::Staying => format!("the return is given up: {to} is opened, {from} blocked"),
        RunState::Finalized => format!("{to} is live for good"),
        RunState::Halted { stage, problem, round: _ } => {
            format!("it stopped while {}: {}", doing(*stage), problem.message)
        }
        RunState::Aborting => format!("it is given up: what was made of {to} is being dropped"),
        RunState::Aborted => format!("it was given up, and {from} stayed live"),
    }
}

/// What a stage does.
fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Prepare => "indices were made",
        Stage::Copy => "documents were copied",
        Stage::Settle => "final settings were given",
        Stage::Verify => "both sets were compared",
        Stage::Fence => "writes were blocked for the switch",
        Stage::Switch => "aliases were moved",
        Stage::Return => "writes were carried back",
        Stage::ReturnFence => "writes were blocked for the return",
        Stage::ReturnSwitch => "aliases were moved back",
    }
}

fn way_back(state: &RunState, situation: Situation<'_>) -> String {
    let Situation { from, to, no_way_back, .. } = situation;
    let give_up = || format!("yes: `lockstep abort` gives it up, {from} never stopped being live");
    match state {
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Rehearsing { .. }
        | RunState::Halted {
            stage: Stage::Prepare | Stage::Copy | Stage::Settle | Stage::Verify | Stage::Fence,
            ..
        } => give_up(),
        RunState::Switching { .. } | RunState::Halted { stage: Stage::Switch, .. } => {
            match no_way_back {
                Some(reason) => format!("no: the switch is decided, and {reason}"),
                None => {
                    "not now: the switch is decided; `lockstep rollback` once it is done".to_owned()
                }
            }
        }
        RunState::Switched => match no_way_back {
            Some(reason) => format!("no: {reason}"),
            None => format!(
                "yes: `lockstep rollback` takes it back to {from} with all that was written since, until `lockstep finalize` or the next upgrade"
            ),
        },
        RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::Halted { stage: Stage::Return | Stage::ReturnFence, .. } => {
            format!("it is on its way to {from}; `lockstep abort` stays on {to}")
        }
        RunState::ReturnSwitching { .. } | RunState::Halted { stage: Stage::ReturnSwitch, .. } => {
            format!("it is on its way to {from}, and that is decided")
        }
        RunState::Returned => format!("it went back to {from}"),
        RunState::Staying => {
            format!("it stays on {to}; `lockstep rollback` afterwards tries again")
        }
        RunState::Finalized => "no: it was given up for good".to_owned(),
        RunState::Aborting | RunState::Aborted => format!("{from} never stopped being live"),
    }
}

fn waits_for(state: &RunState, situation: Situation<'_>) -> Option<String> {
    let Situation { from, to, is_held, is_paused, is_driven, old_set, .. } = situation;
    let driver = |command: &str| {
        (!is_driven).then(|| format!("somebody who drives it: {command}, or a worker"))
    };
    let upgrade = || driver(&format!("`lockstep upgrade --to {to}`"));
    match state {
        RunState::Halted { problem, .. } => Some(problem.hint.clone()),
        RunState::Switched => {
            Some(format!("nothing; `lockstep finalize` once {from} isn't needed any more"))
        }
        RunState::Returned => Some(format!("`lockstep abort`, which drops {to} for another try")),
        RunState::Finalized => match old_set {
            OldSet::Kept => {
                Some(format!("nothing; `lockstep retire` deletes {from} once nobody uses it"))
            }
            OldSet::Going => {
                Some(format!("`lockstep retire`, which deletes what is left of {from}"))
            }
            OldSet::Retired => None,
        },
        RunState::Aborted => None,
        RunState::Holding { .. } if is_held => Some("`lockstep switch`".to_owned()),
        RunState::Copying { .. } | RunState::Verifying { .. } | RunState::Holding { .. }
            if is_paused =>
        {
            Some("`lockstep resume`: it is paused".to_owned())
        }
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Switching { .. } => upgrade(),
        RunState::Rehearsing { .. } => driver("`lockstep rehearse`"),
        RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. } => driver("`lockstep rollback`"),
        RunState::Staying | RunState::Aborting => driver("`lockstep abort`"),
    }
}

fn if_it_dies(state: &RunState, Situation { from, to, .. }: Situation<'_>) -> String {
    let blocked = |on: &str, command: &str| {
        format!(
            "{on} takes no writes until the same command, a worker or `{command}` goes on; nothing is lost"
        )
    };
    match state {
        RunState::Preparing => format!(
            "{from} stays live, though an index that was being cloned may take no writes until the same command, a worker or `lockstep doctor --mend` goes on"
        ),
        RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Rehearsing { .. }
        | RunState::Aborting
        | RunState::Halted {
            stage: Stage::Prepare | Stage::Copy | Stage::Settle | Stage::Verify | Stage::Fence,
            ..
        } => format!("{from} stays live and takes writes; the same command goes on from here"),
        RunState::Fencing { .. } => blocked(from, "lockstep doctor --mend"),
        RunState::Switching { .. } | RunState::Halted { stage: Stage::Switch, .. } => {
            format!(
                "{from} takes no writes until the same command or a worker has moved the rest to {to}; nothing is lost"
            )
        }
        RunState::Switched => {
            format!(
                "{to} stays live and takes writes; without a worker only a rollback would take longer"
            )
        }
        RunState::Returning { .. }
        | RunState::Halted { stage: Stage::Return | Stage::ReturnFence, .. } => {
            format!("{to} stays live and takes writes; the same command goes on from here")
        }
        RunState::ReturnFencing { .. } => blocked(to, "lockstep doctor --mend"),
        RunState::ReturnSwitching { .. } | RunState::Halted { stage: Stage::ReturnSwitch, .. } => {
            format!(
                "{to} takes no writes until the same command or a worker has moved the rest to {from}; nothing is lost"
            )
        }
        RunState::Staying => {
            format!("{to} may take no writes until `lockstep abort` goes on; nothing is lost")
        }
        RunState::Returned | RunState::Aborted => {
            format!("{from} stays live and takes writes; there is nothing under way")
        }
        RunState::Finalized => {
            format!("{to} stays live and takes writes; there is nothing under way")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::run::state::Problem;

    /// Every state, halted in every stage.
    fn states() -> Vec<RunState> {
        let problem = Problem {
            code: "R0201".to_owned(),
            message: "documents were rejected".to_owned(),
            hint: "decide about them".to_owned(),
            documents: Vec::new(),
            document_count: 0,
        };
        RunState::every(&problem)
    }

    const DRIVEN: Situation<'_> = Situation {
        from: "1.0",
        to: "2.0",
        is_held: false,
        is_paused: false,
        is_driven: true,
        no_way_back: None,
        old_set: OldSet::Kept,
    };

    #[test]
    fn every_state_has_its_sentences() {
        let mut page = String::new();
        for state in states() {
            let title = match &state {
                RunState::Halted { stage, .. } => format!("halted in {stage:?}"),
                other => other.to_string(),
            };
            let Outlook { happens, way_back, waits_for, if_it_dies } = outlook(&state, DRIVEN);
            for text in [&happens, &way_back, &if_it_dies] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{title}: {text}");
            }
            let waits_for = waits_for.as_deref().unwrap_or("-");
            writeln!(
                page,
                "{title}\n  {happens}\n  back: {way_back}\n  waits for: {waits_for}\n  dies: {if_it_dies}"
            )
            .expect("a text takes everything");
        }
        insta::assert_snapshot!("outlook_of_every_state", page);
    }

    /// Who dies leaves the application writable, unless writes are blocked at that moment: then it is said.
    #[test]
    fn a_block_is_never_passed_over() {
        for state in states() {
            let may_be_blocked = matches!(
                state,
                RunState::Preparing
                    | RunState::Fencing { .. }
                    | RunState::Switching { .. }
                    | RunState::ReturnFencing { .. }
                    | RunState::ReturnSwitching { .. }
                    | RunState::Staying
                    | RunState::Halted { stage: Stage::Switch | Stage::ReturnSwitch, .. }
            );
            let text = outlook(&state, DRIVEN).if_it_dies;
            assert_eq!(text.contains("no writes"), may_be_blocked, "{state}: {text}");
            let live = if state.is_on_targets() && !state.is_decided() { "2.0" } else { "1.0" };
            let stays = format!("{live} stays live");
            assert!(may_be_blocked || text.contains(&stays), "{state}: {text}");
        }
    }

    #[test]
    fn what_it_waits_for_depends_on_who_is_there() {
        let round = 1;
        let idle = Situation { is_driven: false, ..DRIVEN };
        let rows = [
            (
                RunState::Holding { round },
                Situation { is_held: true, ..DRIVEN },
                Some("`lockstep switch`"),
            ),
            (
                RunState::Copying { round },
                Situation { is_paused: true, ..DRIVEN },
                Some("`lockstep resume`: it is paused"),
            ),
            (RunState::Copying { round }, DRIVEN, None),
            (
                RunState::Copying { round },
                idle,
                Some("somebody who drives it: `lockstep upgrade --to 2.0`, or a worker"),
            ),
            (
                RunState::Returning { round },
                idle,
                Some("somebody who drives it: `lockstep rollback`, or a worker"),
            ),
            (
                RunState::Staying,
                idle,
                Some("somebody who drives it: `lockstep abort`, or a worker"),
            ),
        ];
        for (state, situation, expected) in rows {
            assert_eq!(outlook(&state, situation).waits_for.as_deref(), expected, "{state}");
        }
        let ends = [
            (OldSet::Kept, Some("nothing; `lockstep retire` deletes 1.0 once nobody uses it")),
            (OldSet::Going, Some("`lockstep retire`, which deletes what is left of 1.0")),
            (OldSet::Retired, None),
        ];
        for (old_set, expected) in ends {
            let told = outlook(&RunState::Finalized, Situation { old_set, ..DRIVEN });
            assert_eq!(told.waits_for.as_deref(), expected);
        }
        let lost = Situation { no_way_back: Some("the step drops a field"), ..DRIVEN };
        assert_eq!(outlook(&RunState::Switched, lost).way_back, "no: the step drops a field");
    }
}
