//! Where an application stands, in few lines: who serves, which run, how far, what to type next.

use std::time::Duration;

use jiff::Timestamp;
use lockstep_core::run::state::{RunState, Stage};
use lockstep_engine::status::{RunStatus, Status};

use super::{
    BOLD, CYAN, RED, fact, problem,
    quantity::{bytes, count, counted, duration, percent},
    styled,
};

/// Documents of a problem that are shown.
const DOCUMENTS_IN_STATUS: usize = 10;

/// A status as text; `now` is what `since` is counted from.
pub(crate) fn render(status: &Status, now: Timestamp) -> String {
    let Some(run) = &status.run else {
        let mut text = format!("{}\n", styled(BOLD, &status.application));
        text.push_str(&fact("serves", live(status)));
        text.push_str(&fact("run", "none"));
        text.push_str(&next("lockstep plan --to VERSION"));
        return text;
    };
    let title = format!("{} {} → {}: {}", status.application, run.from, run.to, run.record.state);
    let mut text = format!("{}\n", styled(BOLD, title));
    text.push_str(&fact("serves", serving(status, run)));
    let since = elapsed(&run.record.changed_at, now);
    text.push_str(&fact(
        "run",
        format!("{}, {} since {since}", run.record.id, stage(&run.record.state)),
    ));
    text.push_str(&fact("copied", copied(run)));
    if let Some(verdict) = &run.verdict {
        let equal = verdict.missing == 0 && verdict.extra == 0 && verdict.differing == 0;
        let outcome = if equal {
            format!("{} equal in both sets", counted(verdict.documents, "document", "documents"))
        } else {
            format!(
                "{} differing, {} missing, {} extra",
                count(verdict.differing),
                count(verdict.missing),
                count(verdict.extra)
            )
        };
        text.push_str(&fact("verified", format!("{outcome} (round {})", verdict.round)));
    }
    if run.is_under_way {
        text.push_str(&fact("driver", run.driver.as_deref().unwrap_or("nobody drives it now")));
    }
    if let RunState::Halted { problem, .. } = &run.record.state {
        let label = styled(RED, format_args!("problem[{}]", problem.code));
        text.push_str(&format!("{label}: {}\n", problem.message));
        text.push_str(&problem::documents(problem, DOCUMENTS_IN_STATUS));
        text.push_str(&format!("{}: {}\n", styled(CYAN, "hint"), problem.hint));
    }
    text.push_str(&next(&next_command(run)));
    text
}

fn live(status: &Status) -> String {
    match &status.live {
        Some(version) => format!("{version}, reads and writes"),
        None => {
            "the release that was there before Lockstep; it has switched nothing yet".to_owned()
        }
    }
}

/// Which release serves reads and which takes writes.
fn serving(status: &Status, run: &RunStatus) -> String {
    let both = |version: &str| format!("{version}, reads and writes");
    match &run.record.state {
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Aborting => both(&run.from),
        RunState::Halted { stage: Stage::Switch, .. } | RunState::Switching { .. } => format!(
            "the switch from {} to {} is decided and not finished; the old set takes no writes",
            run.from, run.to
        ),
        RunState::Halted { .. } => both(&run.from),
        RunState::Fencing { .. } => {
            format!("{}, reads; its writes may be blocked for the switch", run.from)
        }
        RunState::Switched => both(&run.to),
        RunState::Aborted => both(status.live.as_deref().unwrap_or(&run.from)),
    }
}

fn stage(state: &RunState) -> String {
    match state.round() {
        0 | 1 => state.name().to_owned(),
        round => format!("{} (round {round})", state.name()),
    }
}

fn copied(run: &RunStatus) -> String {
    let tally = &run.copied;
    let mut text = format!(
        "{} of {} ({} %), {}, {}",
        count(tally.read),
        counted(run.document_count, "document", "documents"),
        percent(tally.read, run.document_count),
        bytes(tally.bytes),
        counted(run.tenant_count as u64, "tenant", "tenants")
    );
    if tally.rejected > 0 {
        text.push_str(&format!("; {} rejected", count(tally.rejected)));
    }
    text
}

fn elapsed(since: &str, now: Timestamp) -> String {
    let Ok(then) = since.parse::<Timestamp>() else { return since.to_owned() };
    // Clocks of two machines may disagree; nothing is in the future.
    let time = Duration::try_from(now.duration_since(then)).unwrap_or_default();
    format!("{} ({since})", duration(time))
}

fn next_command(run: &RunStatus) -> String {
    let upgrade = format!("lockstep upgrade --to {}", run.to);
    match &run.record.state {
        RunState::Switched => {
            format!("nothing; the old set ({}) stays, blocked for writes", run.from)
        }
        RunState::Aborted => "lockstep plan --to VERSION".to_owned(),
        RunState::Aborting => "lockstep abort, which goes on with it".to_owned(),
        RunState::Halted { stage: Stage::Switch, .. } | RunState::Switching { .. } => {
            format!("{upgrade}, which finishes the switch")
        }
        RunState::Halted { .. } => format!("{upgrade}, or lockstep abort"),
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Fencing { .. } => match &run.driver {
            Some(_) => "nothing; it is being driven".to_owned(),
            None => format!("{upgrade}, which goes on with it, or lockstep abort"),
        },
    }
}

fn next(text: &str) -> String {
    format!("{}: {text}\n", styled(CYAN, "next"))
}
