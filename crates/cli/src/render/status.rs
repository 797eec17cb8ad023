//! Where an application stands, in few lines: who serves, which run, how far, what to type next.

use std::time::Duration;

use jiff::Timestamp;
use lockstep_core::run::state::{BadDocument, RunState, Stage};
use lockstep_engine::{
    journal::{DeployRecord, OrdersRecord, PositionRecord, VerdictRecord},
    stage::flow_back::WayBackStatus,
    status::{RunStatus, Status, WorkerStatus},
};

use super::{
    BOLD, RED, Text,
    deploy::{health_text, tag_text},
    problem,
    quantity::{bytes, count, counted, duration, percent},
    quarantine::counts_text,
    styled,
};

/// Documents of a problem that are shown.
const DOCUMENTS_IN_STATUS: usize = 10;
/// Tenants that are left out and shown.
const EXCLUDED_SHOWN: usize = 5;

/// A status as text; `now` is what `since` is counted from.
pub(crate) fn render(status: &Status, now: Timestamp) -> Text {
    let mut text = Text::default();
    let Some(run) = &status.run else {
        text.line(styled(BOLD, &status.application));
        text.fact("serves", live(status));
        text.fact("run", "none");
        deploy_facts(&mut text, status);
        let next = tag_command(status);
        text.advice("next", next.unwrap_or_else(|| "lockstep plan --to VERSION".to_owned()));
        return text;
    };
    let (from, to, state) = (&run.from, &run.to, &run.record.state);
    text.line(styled(BOLD, format_args!("{} {from} → {to}: {state}", status.application)));
    text.fact("serves", serving(status, run));
    let since = elapsed(&run.record.changed_at, now);
    text.fact("run", format_args!("{}, {} since {since}", run.record.id, stage(state)));
    text.fact("copied", copied(run));
    if !run.excluded.is_empty() {
        text.fact("left out", excluded_text(run));
    }
    if let Some(followed) = run.followed.as_ref().filter(|followed| is_worth_a_line(followed)) {
        text.fact("followed", follow_text(followed));
    }
    if run.quarantine.total() > 0 {
        text.fact("quarantine", counts_text(run.quarantine));
    }
    if run.is_under_way && run.orders != OrdersRecord::default() {
        text.fact("orders", orders_text(run.orders));
    }
    if let Some(verdict) = &run.verdict {
        text.fact("verified", verified(verdict));
    }
    if let Some(way_back) = &run.way_back {
        text.fact("way back", way_back_text(way_back, run.driver.as_deref(), now));
        way_back_trouble(&mut text, way_back);
    }
    deploy_facts(&mut text, status);
    if run.is_under_way {
        text.fact("driver", run.driver.as_deref().unwrap_or("nobody drives it now"));
    }
    for worker in &run.workers {
        text.fact("worker", worker_text(worker));
    }
    if let RunState::Halted { problem, .. } = state {
        let label = styled(RED, format_args!("problem[{}]", problem.code));
        text.line(format_args!("{label}: {}", problem.message));
        text.add(&problem::documents(problem, DOCUMENTS_IN_STATUS));
        text.advice("hint", &problem.hint);
    }
    let next = tag_command(status).filter(|_| run.driver.is_none());
    text.advice("next", next.unwrap_or_else(|| next_command(run)));
    text
}

/// What goes on with a change of the tag that isn't over.
fn tag_command(status: &Status) -> Option<String> {
    let deploy = status.deploy.as_ref().filter(|deploy| !deploy.state.is_final())?;
    let DeployRecord { to, how, .. } = deploy;
    Some(format!(
        "lockstep upgrade --to {to} --deploy {how}, which goes on with the change of the tag if nobody does now"
    ))
}

/// The last change of the tag.
fn deploy_facts(text: &mut Text, status: &Status) {
    let Some(deploy) = &status.deploy else { return };
    text.fact("tag", tag_text(deploy));
    if let Some(health) = health_text(deploy) {
        text.fact("health", health);
    }
}

/// How far the old set is behind, and who carries it.
fn way_back_text(way_back: &WayBackStatus, carrier: Option<&str>, now: Timestamp) -> String {
    let behind = match way_back.behind {
        None => "how far it is behind can't be told now".to_owned(),
        Some(0) => "the old set has everything".to_owned(),
        Some(behind) => {
            format!("the old set is {} behind", counted(behind, "operation", "operations"))
        }
    };
    let carrier = match (carrier, &way_back.flow) {
        (Some(carrier), Some(flow)) => {
            format!("{carrier} carries what is written, last {} ago", ago(&flow.at, now))
        }
        (Some(carrier), None) => format!("{carrier} begins to carry what is written"),
        (None, _) => "no worker carries what is written, a rollback does".to_owned(),
    };
    format!("{behind}; {carrier}")
}

fn way_back_trouble(text: &mut Text, way_back: &WayBackStatus) {
    let Some(flow) = &way_back.flow else { return };
    if flow.is_open {
        text.fact("", "indices of the old set may take writes now, until a worker ends its pass");
    }
    if let Some(problem) = &flow.stuck {
        text.fact("", format_args!("it stands still [{}]: {}", problem.code, problem.message));
    }
    if !flow.rejected.is_empty() {
        let count = counted(flow.rejected.len() as u64, "document", "documents");
        text.fact("", format_args!("{count} can't go back, and a rollback would stop at them:"));
    }
    for rejected in flow.rejected.iter().take(DOCUMENTS_IN_STATUS) {
        let BadDocument { index, id, reason } = &rejected.document;
        text.fact("", format_args!("{index}/{id}: {reason}"));
    }
}

fn worker_text(worker: &WorkerStatus) -> String {
    let WorkerStatus { name, tasks, documents } = worker;
    format!(
        "{name}: holds {}; {} copied",
        counted(*tasks, "task", "tasks"),
        counted(*documents, "document", "documents")
    )
}

fn is_worth_a_line(followed: &PositionRecord) -> bool {
    followed.carried.read > 0 || followed.deleted > 0 || followed.repaired > 0
}

fn follow_text(followed: &PositionRecord) -> String {
    let repaired = match followed.repaired {
        0 => String::new(),
        repaired => format!("; {} put right", counted(repaired, "document", "documents")),
    };
    format!(
        "{} and {} since copying ended{repaired}",
        counted(followed.carried.read, "write", "writes"),
        counted(followed.deleted, "delete", "deletes")
    )
}

fn orders_text(orders: OrdersRecord) -> String {
    let OrdersRecord { is_held, is_paused, documents_per_second_max } = orders;
    let mut texts = Vec::new();
    if is_held {
        texts.push("hold before the switch".to_owned());
    }
    if is_paused {
        texts.push("paused".to_owned());
    }
    if let Some(rate) = documents_per_second_max {
        texts.push(format!("at most {} a second", counted(rate, "document", "documents")));
    }
    texts.join(", ")
}

fn verified(verdict: &VerdictRecord) -> String {
    let VerdictRecord { round, documents, missing, extra, differing, deleted: _, at: _ } = verdict;
    if *missing == 0 && *extra == 0 && *differing == 0 {
        let documents = counted(*documents, "document", "documents");
        return format!("{documents} equal in both sets (round {round})");
    }
    let (differing, missing, extra) = (count(*differing), count(*missing), count(*extra));
    format!("{differing} differing, {missing} missing, {extra} extra (round {round})")
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
    let decided = |what: &str, (from, to): (&str, &str), set: &str| {
        format!(
            "the {what} from {from} to {to} is decided and not finished; the {set} set takes no writes"
        )
    };
    let (from, to) = (run.from.as_str(), run.to.as_str());
    match &run.record.state {
        // Whoever halts before a decision lifts the block first.
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Rehearsing { .. }
        | RunState::Aborting
        | RunState::Returned
        | RunState::Halted {
            stage: Stage::Prepare | Stage::Copy | Stage::Settle | Stage::Verify | Stage::Fence,
            ..
        } => both(from),
        RunState::Fencing { .. } => {
            format!("{from}, reads; its writes may be blocked for the switch")
        }
        RunState::Switching { .. } | RunState::Halted { stage: Stage::Switch, .. } => {
            decided("switch", (from, to), "old")
        }
        RunState::Switched
        | RunState::Finalized
        | RunState::Staying
        | RunState::Halted { stage: Stage::Return | Stage::ReturnFence, .. } => both(to),
        RunState::Returning { .. } => {
            format!("{to}, reads and writes; writes are carried back to {from}")
        }
        RunState::ReturnFencing { .. } => {
            format!("{to}, reads; its writes may be blocked for the way back")
        }
        RunState::ReturnSwitching { .. } | RunState::Halted { stage: Stage::ReturnSwitch, .. } => {
            decided("return", (to, from), "new")
        }
        RunState::Aborted => both(status.live.as_deref().unwrap_or(from)),
    }
}

fn stage(state: &RunState) -> String {
    match state.round() {
        0 | 1 => state.name().to_owned(),
        round => format!("{} (round {round})", state.name()),
    }
}

/// Tenants that stay where they are, with the reasons that were given.
fn excluded_text(run: &RunStatus) -> String {
    let shown = run.excluded.iter().take(EXCLUDED_SHOWN);
    let shown: Vec<String> =
        shown.map(|excluded| format!("{} ({})", excluded.tenant, excluded.reason)).collect();
    let more = run.excluded.len().saturating_sub(EXCLUDED_SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {} more", count(more as u64)) };
    format!("{}{more}", shown.join(", "))
}

fn copied(run: &RunStatus) -> String {
    let tally = &run.copied;
    let rejected = match tally.rejected {
        0 => String::new(),
        rejected => format!("; {} rejected", count(rejected)),
    };
    format!(
        "{} of {} ({} %), {}, {}{rejected}",
        count(tally.read),
        counted(run.document_count, "document", "documents"),
        percent(tally.read, run.document_count),
        bytes(tally.bytes),
        counted(run.tenant_count as u64, "tenant", "tenants")
    )
}

fn elapsed(since: &str, now: Timestamp) -> String {
    if since.parse::<Timestamp>().is_err() {
        return since.to_owned();
    }
    format!("{} ({since})", ago(since, now))
}

/// How long ago that was.
fn ago(since: &str, now: Timestamp) -> String {
    let Ok(then) = since.parse::<Timestamp>() else { return since.to_owned() };
    // Clocks of two machines may disagree; nothing is in the future.
    duration(Duration::try_from(now.duration_since(then)).unwrap_or_default())
}

fn next_command(run: &RunStatus) -> String {
    let (from, to) = (&run.from, &run.to);
    let upgrade = format!("lockstep upgrade --to {to}");
    match &run.record.state {
        RunState::Switched => format!(
            "start the image of {to} if it isn't running yet; lockstep rollback goes back to {from}, lockstep finalize gives that up"
        ),
        RunState::Finalized => {
            format!("lockstep retire, which deletes the old set ({from}) once nobody uses it")
        }
        RunState::Returned => {
            format!("lockstep abort, which drops the new set ({to}) for another try")
        }
        RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. } => "lockstep rollback, which goes on with it".to_owned(),
        RunState::Halted { stage: Stage::ReturnSwitch, .. } => {
            "lockstep rollback, which finishes the return".to_owned()
        }
        RunState::Halted { stage: Stage::Return | Stage::ReturnFence, .. } => {
            "lockstep rollback, or lockstep abort to stay on the new set".to_owned()
        }
        RunState::Aborted => "lockstep plan --to VERSION".to_owned(),
        RunState::Aborting | RunState::Staying => {
            "lockstep abort, which goes on with it".to_owned()
        }
        RunState::Halted { stage: Stage::Switch, .. } | RunState::Switching { .. } => {
            format!("{upgrade}, which finishes the switch")
        }
        RunState::Halted { .. } => format!("{upgrade}, or lockstep abort"),
        RunState::Holding { .. } if run.orders.is_held => {
            "lockstep switch, or lockstep abort".to_owned()
        }
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Rehearsing { .. } => match &run.driver {
            Some(_) => "nothing; it is being driven".to_owned(),
            None => format!("{upgrade}, which goes on with it, or lockstep abort"),
        },
    }
}
