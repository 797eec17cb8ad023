//! Every state of a run by every kind of version, in one table.

use std::fmt::Write as _;

use super::*;

/// Older than both, the old release in a minor version, one between, the new release in a minor version, newer than both.
const VERSIONS: [&str; 5] = ["0.9", "1.0.3", "1.5", "2.0.1", "3.0"];

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// All states, as [`RunState::name`] has them.
fn states() -> Vec<(String, RunState)> {
    let problem = Problem {
        code: "R0501".to_owned(),
        message: "m".to_owned(),
        hint: "h".to_owned(),
        documents: Vec::new(),
        document_count: 0,
    };
    let name = |state: &RunState| match state {
        RunState::Halted { stage, .. } => format!("halted {stage:?}"),
        other => other.name().to_owned(),
    };
    RunState::every(&problem).into_iter().map(|state| (name(&state), state)).collect()
}

fn word(outcome: &Result<Admission, Refusal>) -> String {
    match outcome {
        Ok(Admission::Start) => "start".to_owned(),
        Ok(Admission::Await(awaited)) => match awaited {
            Awaited::Run => "await run".to_owned(),
            Awaited::Switch => "await switch".to_owned(),
            Awaited::Return => "await return".to_owned(),
            Awaited::GivingUp => "await abort".to_owned(),
            Awaited::Operator { problem } => format!("await {}", problem.code),
        },
        Err(refusal) => match refusal {
            Refusal::NoRun { is_left_over: false, live, .. } => format!("no run, {live}"),
            Refusal::NoRun { is_left_over: true, live, .. } => format!("left over, {live}"),
            Refusal::Older { way_back, live, .. } => match way_back {
                WayBack::Rollback => format!("roll back, {live}"),
                WayBack::Finalized => format!("finalized, {live}"),
                WayBack::Elsewhere => format!("older, {live}"),
            },
            Refusal::OtherRun { .. } => "other run".to_owned(),
            other => other.code().to_owned(),
        },
    }
}

/// What becomes of each version, beside a run from 1.0 to 2.0.
fn table(is_under_way: bool, live: Option<&str>, is_return_asked: bool) -> String {
    let (from, to) = (version("1.0"), version("2.0"));
    let live = live.map(version);
    let mut text = String::new();
    // Only a run that is over is not under way.
    let possible = |state: &RunState| is_under_way || state.is_final();
    for (name, state) in states().into_iter().filter(|(_, state)| possible(state)) {
        let run = Some(RunFacts { from: &from, to: &to, state: &state, is_under_way });
        write!(text, "{name:19}").unwrap();
        for candidate in VERSIONS.map(version) {
            let (application, version, live) = ("shop", &candidate, live.as_ref());
            let data_parts = Some(2);
            let outcome =
                admit(Situation { application, version, data_parts, live, run, is_return_asked });
            write!(text, "| {:15}", word(&outcome)).unwrap();
        }
        text = text.trim_end().to_owned();
        text.push('\n');
    }
    text
}

#[test]
fn beside_a_run_that_is_under_way() {
    let expected = "\
preparing          | older, 1.0     | start          | other run      | await run      | other run
copying            | older, 1.0     | start          | other run      | await run      | other run
settling           | older, 1.0     | start          | other run      | await run      | other run
verifying          | older, 1.0     | start          | other run      | await run      | other run
holding            | older, 1.0     | start          | other run      | await switch   | other run
fencing            | older, 1.0     | start          | other run      | await switch   | other run
rehearsing         | older, 1.0     | start          | other run      | await run      | other run
switching          | older, 2.0     | roll back, 2.0 | older, 2.0     | await switch   | other run
switched           | older, 2.0     | roll back, 2.0 | older, 2.0     | start          | no run, 2.0
returning          | older, 2.0     | await return   | older, 2.0     | start          | other run
return fencing     | older, 2.0     | await return   | older, 2.0     | start          | other run
return switching   | older, 1.0     | await return   | other run      | await return   | other run
returned           | older, 1.0     | start          | left over, 1.0 | left over, 1.0 | left over, 1.0
staying            | older, 2.0     | roll back, 2.0 | older, 2.0     | start          | other run
finalized          | older, 2.0     | finalized, 2.0 | older, 2.0     | start          | no run, 2.0
aborting           | older, 1.0     | start          | other run      | await abort    | other run
aborted            | older, 1.0     | start          | no run, 1.0    | no run, 1.0    | no run, 1.0
halted Prepare     | older, 1.0     | start          | other run      | await R0501    | other run
halted Copy        | older, 1.0     | start          | other run      | await R0501    | other run
halted Settle      | older, 1.0     | start          | other run      | await R0501    | other run
halted Verify      | older, 1.0     | start          | other run      | await R0501    | other run
halted Fence       | older, 1.0     | start          | other run      | await R0501    | other run
halted Switch      | older, 2.0     | roll back, 2.0 | older, 2.0     | await R0501    | other run
halted Return      | older, 2.0     | await R0501    | older, 2.0     | start          | other run
halted ReturnFence | older, 2.0     | await R0501    | older, 2.0     | start          | other run
halted ReturnSwitch| older, 1.0     | await R0501    | other run      | await R0501    | other run
";
    assert_eq!(table(true, Some("1.0"), false), expected);
}

#[test]
fn after_a_run() {
    let expected = "\
switched           | older, 2.0     | roll back, 2.0 | older, 2.0     | start          | no run, 2.0
returned           | older, 1.0     | start          | left over, 1.0 | left over, 1.0 | left over, 1.0
finalized          | older, 2.0     | finalized, 2.0 | older, 2.0     | start          | no run, 2.0
aborted            | older, 1.0     | start          | no run, 1.0    | no run, 1.0    | no run, 1.0
";
    assert_eq!(table(false, None, false), expected);
}

/// A run brings tenants that were left behind: the others are where it leads.
#[test]
fn both_versions_start_beside_a_run_for_tenants_that_were_left_behind() {
    let text = table(true, Some("2.0"), false);
    for state in ["preparing", "copying", "holding", "fencing", "aborting"] {
        let line = text.lines().find(|line| line.starts_with(state)).unwrap();
        let words: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!((words[2], words[4]), ("start", "start"), "{line}");
    }
    let returning = text.lines().find(|line| line.starts_with("return switching")).unwrap();
    assert!(returning.contains("| await return   | other run      | await return"), "{returning}");
}

#[test]
fn without_the_number_of_data_parts_only_equal_versions_are_the_same() {
    let (live, equal, minor) = (version("1.0"), version("1"), version("1.0.1"));
    let live = Some(&live);
    let ask = |version| {
        let (application, data_parts, run) = ("shop", None, None);
        word(&admit(Situation {
            application,
            version,
            data_parts,
            live,
            run,
            is_return_asked: false,
        }))
    };
    assert_eq!((ask(&equal), ask(&minor)), ("start".to_owned(), "G0105".to_owned()));
}

#[test]
fn where_nothing_is_known_nothing_starts() {
    let version = version("1.0");
    let (application, data_parts, live, run) = ("shop", Some(2), None, None);
    let refusal = admit(Situation {
        application,
        version: &version,
        data_parts,
        live,
        run,
        is_return_asked: false,
    })
    .unwrap_err();
    assert_eq!(refusal.code(), "G0104");
    assert_eq!(
        refusal.to_string(),
        "it can't be told which version of `shop` is live: Lockstep's journal doesn't know it"
    );
}

#[test]
fn a_refusal_names_the_command_to_type() {
    let (from, to) = (version("1.0"), version("2.0"));
    let hint = |candidate: &str, state: RunState, is_under_way: bool| {
        let run = Some(RunFacts { from: &from, to: &to, state: &state, is_under_way });
        let (application, data_parts, live) = ("shop", Some(2), None);
        let version = &version(candidate);
        admit(Situation { application, version, data_parts, live, run, is_return_asked: false })
            .unwrap_err()
            .hint()
    };
    let cases = [
        ("2.0.1", RunState::Aborted, false, "`lockstep upgrade --to 2.0.1 --hold`"),
        ("2.0", RunState::Returned, false, "`lockstep abort`"),
        ("1.0", RunState::Switched, false, "`lockstep rollback`"),
        ("1.0", RunState::Finalized, false, "`lockstep finalize`"),
        ("3.0", RunState::Preparing, true, "`lockstep abort`"),
    ];
    for (candidate, state, is_under_way, expected) in cases {
        let seen = hint(candidate, state, is_under_way);
        assert!(seen.contains(expected), "{candidate}: {seen}");
    }
}

/// The tag is being put back: the old version waits for its data, and nobody of the new one orders a switch.
#[test]
fn while_the_tag_is_put_back_nobody_switches_and_the_old_version_waits() {
    for is_under_way in [true, false] {
        let live = if is_under_way { "1.0" } else { "2.0" };
        let (before, asked) =
            (table(is_under_way, Some(live), false), table(is_under_way, Some(live), true));
        for (before, asked) in before.lines().zip(asked.lines()) {
            let cells = before.split('|').map(str::trim).zip(asked.split('|').map(str::trim));
            for (before, asked) in cells {
                let expected = match before {
                    "await run" | "await switch" | "roll back, 2.0" => "await return",
                    other => other,
                };
                assert_eq!(asked, expected, "{before}");
            }
        }
    }
}
