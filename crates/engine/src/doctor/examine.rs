//! Examine: what the journal says is held against what the cluster has.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use lockstep_core::{
    plan::{
        model::Plan,
        rehearsal::journal_name,
        schema::{CLONE_MARK_START, OWNER_MARK},
    },
    run::{
        crew::SILENCE_MAX,
        state::{RunState, Stage},
    },
};
use lockstep_elastic::{Block, IndexState};
use serde_json::Value;
use tokio::time;

use super::{Leftover, Remedy, sets};
use crate::{
    error::EngineError,
    journal::{ApplicationRecord, Journal, LeaseRecord, PlanRecord, RunRecord, SetRecord},
    lease::WATCH_TIME,
    process::is_gone,
    session::Session,
    stage::blocked_before,
};

/// Names that a message lists.
const NAMES_SHOWN: usize = 5;

/// Who holds the lease of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// Somebody who lives.
    Alive {
        /// `HOST/PID`.
        owner: String,
    },
    /// Somebody who is known to be dead.
    Dead {
        /// `HOST/PID`.
        owner: String,
    },
}

/// What was seen of an application.
#[derive(Debug)]
pub struct Seen {
    /// The application.
    pub application: String,
    /// Its record.
    pub record: Option<ApplicationRecord>,
    /// The run that is under way, or the one that ended last, with its plan and the unique ids of its targets.
    pub run: Option<(RunRecord, Plan, SetRecord)>,
    /// Who holds the lease.
    pub holder: Holder,
    /// A rehearsal that did not come to its end, and who drives it.
    pub rehearsal: Option<(Plan, Holder)>,
    /// All indices of the cluster.
    pub indices: Vec<IndexState>,
    /// Run → application, of all runs whose marks indices carry; without an application where the journal has no such run.
    pub owners: BTreeMap<String, Option<String>>,
}

/// Looks at the journal and the cluster.
pub(super) async fn look(
    session: &Session,
    application: &str,
    holder: Holder,
) -> Result<Seen, EngineError> {
    let journal = Journal::new(&session.cluster, application);
    let record = journal.read::<ApplicationRecord>(application).await?.map(|kept| kept.record);
    let id = record.as_ref().and_then(|record| record.run.clone().or(record.last_run.clone()));
    let run = match &id {
        Some(id) => run(&journal, id).await?,
        None => None,
    };
    let indices = session.cluster.indices().await?;
    let mut owners = BTreeMap::new();
    for mark in indices.iter().filter_map(mark).collect::<BTreeSet<_>>() {
        let plan = journal.read::<PlanRecord>(mark).await?;
        owners.insert(mark.to_owned(), plan.map(|kept| kept.record.plan.application));
    }
    let rehearsal = rehearsal(session, application).await?;
    let application = application.to_owned();
    Ok(Seen { application, record, run, holder, rehearsal, indices, owners })
}

/// Looks whether a rehearsal is under way, or was when its driver died.
async fn rehearsal(
    session: &Session,
    application: &str,
) -> Result<Option<(Plan, Holder)>, EngineError> {
    let name = journal_name(application);
    let journal = Journal::new(&session.cluster, &name);
    let record = journal.read::<ApplicationRecord>(&name).await?;
    let Some(id) = record.and_then(|kept| kept.record.run) else { return Ok(None) };
    let Some(plan) = journal.read::<PlanRecord>(&id).await? else { return Ok(None) };
    Ok(Some((plan.record.plan, holder(session, &name).await?)))
}

async fn run(
    journal: &Journal,
    id: &str,
) -> Result<Option<(RunRecord, Plan, SetRecord)>, EngineError> {
    let Some(run) = journal.read::<RunRecord>(id).await? else { return Ok(None) };
    let Some(plan) = journal.read::<PlanRecord>(id).await? else { return Ok(None) };
    let set = journal.read::<SetRecord>(id).await?.map(|kept| kept.record).unwrap_or_default();
    Ok(Some((run.record, plan.record.plan, set)))
}

/// Finds out whether the holder of the lease lives. One on another machine is watched for as long as a lease lasts.
pub(super) async fn holder(session: &Session, application: &str) -> Result<Holder, EngineError> {
    let journal = Journal::new(&session.cluster, application);
    let mut first: Option<LeaseRecord> = None;
    let begun = Instant::now();
    loop {
        let found = journal.read::<LeaseRecord>(application).await?.map(|kept| kept.record);
        let Some(found) = found.filter(|lease| !lease.is_free) else { return Ok(Holder::Nobody) };
        let owner = found.owner.clone();
        if is_gone(found.process.as_deref()) || begun.elapsed() >= SILENCE_MAX {
            return Ok(Holder::Dead { owner });
        }
        match &first {
            Some(first) if *first != found => return Ok(Holder::Alive { owner }),
            Some(_) => {}
            None => first = Some(found),
        }
        tokio::select! {
            () = time::sleep(WATCH_TIME) => {}
            () = session.stop.cancelled() => return Err(EngineError::Interrupted),
        }
    }
}

/// The run whose mark an index carries: in its mapping, or as an alias while it is being cloned.
fn mark(index: &IndexState) -> Option<&str> {
    let meta = index.mapping.pointer("/_meta").and_then(|meta| meta.get(OWNER_MARK));
    let alias = || index.aliases.keys().find_map(|alias| alias.strip_prefix(CLONE_MARK_START));
    meta.and_then(Value::as_str).or_else(alias)
}

/// Whether somebody gave an index an alias.
fn has_alias(index: &IndexState) -> bool {
    index.aliases.keys().any(|alias| !alias.starts_with(CLONE_MARK_START))
}

/// What isn't as it should be, the most pressing first.
pub fn leftovers(seen: &Seen) -> Vec<Leftover> {
    let mut found = Vec::new();
    found.extend(blocks(seen));
    if let Holder::Dead { owner } = &seen.holder {
        found.push(dead_lease(&seen.application, owner));
    }
    found.extend(run_records(seen));
    found.extend(indices(seen));
    found.extend(dead_rehearsal(seen));
    found
}

/// What a rehearsal left that nobody drives any more.
fn dead_rehearsal(seen: &Seen) -> Option<Leftover> {
    let (plan, holder) = seen.rehearsal.as_ref()?;
    match holder {
        Holder::Alive { .. } => return None,
        Holder::Nobody | Holder::Dead { .. } => {}
    }
    let names: BTreeSet<&str> = plan.targets().map(|target| target.index.as_str()).collect();
    let left = seen.indices.iter().filter(|index| names.contains(index.name.as_str())).count();
    Some(Leftover {
        code: "L0501",
        subject: seen.application.clone(),
        message: format!(
            "a rehearsal of the upgrade to {} did not come to its end, and left {left} throw-away indices",
            plan.to
        ),
        hint: "mending removes them; so does the next `lockstep rehearse`".to_owned(),
        remedy: Some(Remedy::EndRehearsal),
    })
}

/// The lease of a dead holder.
pub(super) fn dead_lease(application: &str, owner: &str) -> Leftover {
    Leftover {
        code: "L0101",
        subject: application.to_owned(),
        message: format!("the right to drive its runs is held by {owner}, which is dead"),
        hint: "mending gives it back; whoever drives next would take it over as well".to_owned(),
        remedy: Some(Remedy::FreeLease),
    }
}

fn run_records(seen: &Seen) -> Option<Leftover> {
    let id = seen.record.as_ref()?.run.as_ref()?;
    let leftover = |code, message: String, hint: &str, remedy| Leftover {
        code,
        subject: id.clone(),
        message,
        hint: hint.to_owned(),
        remedy,
    };
    let is_alive = matches!(seen.holder, Holder::Alive { .. });
    match &seen.run {
        None => Some(leftover(
            "L0402",
            "the run is under way, and the journal has no record or plan of it".to_owned(),
            "somebody deleted from the journal; restore the index lockstep-journal from a snapshot",
            None,
        )),
        Some((run, ..)) if run.state.is_final() => Some(leftover(
            "L0401",
            format!("the run is {}, and still named as under way", run.state),
            "mending notes that it is over",
            Some(Remedy::CloseRun),
        )),
        Some((run, ..)) if !is_alive => Some(leftover(
            "L0102",
            format!("the run is {}, and nobody drives it", run.state),
            next_command(&run.state),
            None,
        )),
        Some(_) => None,
    }
}

fn next_command(state: &RunState) -> &'static str {
    if state.is_return() {
        "go on with `lockstep rollback`, or stay on the new set with `lockstep abort`"
    } else {
        "go on with `lockstep upgrade`, or give it up with `lockstep abort`"
    }
}

/// Write blocks on the set that the application is on.
fn blocks(seen: &Seen) -> Option<Leftover> {
    let (run, plan, _) = seen.run.as_ref()?;
    let (old, new) = sets(plan);
    let live = if run.state.is_on_targets() { new } else { old };
    let is_blocked = |index: &&IndexState| {
        index.blocks.contains(&Block::Write)
            && live.contains(&index.name.as_str())
            && !blocked_before(plan, &index.name)
    };
    let blocked: Vec<&str> =
        seen.indices.iter().filter(is_blocked).map(|index| index.name.as_str()).collect();
    if blocked.is_empty() {
        return None;
    }
    let is_alive = matches!(seen.holder, Holder::Alive { .. });
    let names = listed(&blocked);
    let (code, message, hint, remedy) = match (&run.state, is_alive) {
        (RunState::Fencing { .. } | RunState::ReturnFencing { .. }, false) => (
            "L0201",
            format!("a driver died within the fence: the application can't write to {names}"),
            "mending lifts the block; the run goes on with the command that began it".to_owned(),
            Some(Remedy::LiftFence),
        ),
        (RunState::Preparing, is_alive) if blocked.iter().all(|index| is_cloned(plan, index)) => {
            if is_alive {
                return None;
            }
            (
                "L0201",
                format!("a driver died while it cloned: the application can't write to {names}"),
                "mending lifts the block; the run goes on with the command that began it"
                    .to_owned(),
                Some(Remedy::LiftFence),
            )
        }
        (state, false) if is_decided(state) => (
            "L0202",
            format!("the run is {state}: the application can't write to {names}"),
            "which set it serves from is decided, and only carrying that out ends the block: run the same command again"
                .to_owned(),
            None,
        ),
        // At work, or on the way to it.
        (RunState::Fencing { .. } | RunState::ReturnFencing { .. } | RunState::Staying, true) => {
            return None;
        }
        (state, true) if is_decided(state) => return None,
        (state, _) => (
            "L0203",
            format!("the run is {state}, and the application can't write to {names}"),
            format!(
                "nothing says that Lockstep set this block; if nobody else did, lift it: PUT /{}/_settings {{\"index.blocks.write\": null}}",
                blocked.first().copied().unwrap_or_default()
            ),
            None,
        ),
    };
    Some(Leftover { code, subject: seen.application.clone(), message, hint, remedy })
}

/// Whether an index is one that the plan clones.
fn is_cloned(plan: &Plan, index: &str) -> bool {
    plan.clones().any(|(_, source, ..)| source.index == index)
}

/// Whether aliases are moving, or stopped while they were.
fn is_decided(state: &RunState) -> bool {
    state.is_decided()
        || matches!(
            state,
            RunState::Halted { stage: Stage::Switch | Stage::ReturnSwitch, .. } | RunState::Staying
        )
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<String> =
        names.iter().take(NAMES_SHOWN).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Indices that runs made and never served from.
fn indices(seen: &Seen) -> Vec<Leftover> {
    seen.indices.iter().filter_map(|index| half_made(seen, index)).collect()
}

fn half_made(seen: &Seen, index: &IndexState) -> Option<Leftover> {
    let leftover = |code, message: String, hint: &str, remedy| Leftover {
        code,
        subject: index.name.clone(),
        message,
        hint: hint.to_owned(),
        remedy,
    };
    let drop = Remedy::DropIndex { index: index.name.clone(), uuid: index.uuid.clone() };
    let under_way = seen.record.as_ref().and_then(|record| record.run.as_deref());
    if let Some(mark) = mark(index) {
        return match seen.owners.get(mark)? {
            None => Some(leftover(
                "L0303",
                format!("it has the mark of a run `{mark}` that the journal doesn't know"),
                "if nobody needs it, delete it; the journal was lost, or the index was brought here from elsewhere",
                None,
            )),
            Some(owner) if *owner != seen.application => None,
            Some(_) if under_way == Some(mark) => None,
            Some(_) if has_alias(index) => Some(leftover(
                "L0302",
                format!("the run `{mark}` made it and is over, and somebody gave it an alias"),
                "find out who uses it; without the alias mending would drop it",
                None,
            )),
            Some(_) => Some(leftover(
                "L0301",
                format!("the run `{mark}` made it, never served from it, and is over"),
                "mending drops it",
                Some(drop),
            )),
        };
    }
    let (run, _, set) = seen.run.as_ref()?;
    let is_left =
        run.state == RunState::Aborted && set.targets.get(&index.name) == Some(&index.uuid);
    is_left.then(|| {
        leftover(
            "L0301",
            format!("the run `{}` made it, and was given up", run.id),
            "mending drops it",
            Some(drop),
        )
    })
}
