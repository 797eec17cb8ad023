//! Preview: the new set can be read under aliases of its own before the switch, so that the application of the new release can be
//! tried on caught-up data.
//!
//! A preview is the aliases that the new set gets at the switch, with a prefix, in one call, and each says of itself that nothing
//! is written through it (`is_write_index: false`): the engine refuses writes. Nothing is copied, and the run goes on meanwhile. What it made is
//! journalled before it is made, and taken away with the switch, when the run is given up, or on request.

use std::collections::BTreeMap;

use lockstep_core::{plan::model::Plan, run::state::RunState};
use lockstep_elastic::{AliasAction, AliasTable, Cluster};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::EngineError,
    journal::{ApplicationRecord, Journal, PlanRecord, PreviewRecord, RunRecord},
    session::Session,
    stage::StageContext,
};

/// Looks at an alias call whose answer was lost.
const LOOKS_MAX: u32 = 3;

/// Aliases under which the new set can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The application.
    pub application: String,
    /// The version whose set it is.
    pub version: String,
    /// What the names of the aliases begin with.
    pub prefix: String,
    /// Alias → indices of the new set.
    pub aliases: BTreeMap<String, Vec<String>>,
}

impl Session {
    /// Gives the new set of the run that is under way aliases that begin with a prefix. May be repeated, also with another prefix.
    ///
    /// # Errors
    /// [`EngineError::NoRun`], [`EngineError::NotInStep`] when the new set isn't in step with the live one,
    /// [`EngineError::PreviewTaken`] when somebody else has such a name, or what the cluster says.
    pub async fn preview(&self, application: &str, prefix: &str) -> Result<Preview, EngineError> {
        let journal = Journal::new(&self.cluster, application);
        let (run, plan) = run_in_step(&journal, application).await?;
        let aliases = named(&plan, prefix);
        look_for_others(&aliases, &self.cluster.aliases().await?)?;
        remove(&self.cluster, &journal, &run).await?;
        journal.overwrite(&run, PreviewRecord { aliases: aliases.clone() }).await?;
        change(&self.cluster, &aliases, Wanted::There { plan: &plan, prefix }).await?;
        // The run may have switched meanwhile, and taken away what was there then.
        if let Err(error) = run_in_step(&journal, application).await {
            remove(&self.cluster, &journal, &run).await?;
            return Err(error);
        }
        let (application, version) = (application.to_owned(), plan.to.to_string());
        Ok(Preview { application, version, prefix: prefix.to_owned(), aliases })
    }

    /// Takes the aliases of a preview away. Gives how many there were.
    ///
    /// # Errors
    /// [`EngineError::NoRun`], or what the cluster says.
    pub async fn end_preview(&self, application: &str) -> Result<usize, EngineError> {
        let journal = Journal::new(&self.cluster, application);
        let no_run = || EngineError::NoRun { application: application.to_owned(), what: "run" };
        let record = journal.read::<ApplicationRecord>(application).await?.ok_or_else(no_run)?;
        let run = record.record.run.or(record.record.last_run).ok_or_else(no_run)?;
        remove(&self.cluster, &journal, &run).await
    }
}

/// Takes the aliases of a preview away, once the new set has those that everybody looks for, or is gone.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(crate) async fn remove_preview(context: &StageContext) -> Result<(), EngineError> {
    if context.plan.rehearsal.is_some() {
        return Ok(());
    }
    remove(&context.cluster, &context.journal, &context.run).await.map(drop)
}

/// The run that is under way, if its new set is in step.
async fn run_in_step(journal: &Journal, application: &str) -> Result<(String, Plan), EngineError> {
    let no_run =
        || EngineError::NoRun { application: application.to_owned(), what: "run under way" };
    let record = journal.read::<ApplicationRecord>(application).await?.ok_or_else(no_run)?;
    let id = record.record.run.ok_or_else(no_run)?;
    let run = journal.read::<RunRecord>(&id).await?.ok_or_else(no_run)?;
    match run.record.state {
        RunState::Holding { .. } => {}
        other => return Err(EngineError::NotInStep { state: other.name() }),
    }
    let plan = journal.read::<PlanRecord>(&id).await?.ok_or_else(no_run)?;
    Ok((id, plan.record.plan))
}

/// The aliases of the new set, with a prefix.
fn named(plan: &Plan, prefix: &str) -> BTreeMap<String, Vec<String>> {
    let aliases = plan.aliases.iter().filter(|alias| !alias.after.is_empty());
    aliases
        .map(|plan| (format!("{prefix}{}", plan.alias), plan.after.keys().cloned().collect()))
        .collect()
}

/// Refuses names that lead elsewhere already.
fn look_for_others(
    aliases: &BTreeMap<String, Vec<String>>,
    table: &AliasTable,
) -> Result<(), EngineError> {
    for (alias, indices) in aliases {
        let taken = |index: &String| EngineError::PreviewTaken {
            alias: alias.clone(),
            index: index.clone(),
        };
        if let Some((index, _)) = table.get_key_value(alias) {
            return Err(taken(index));
        }
        let bearers = table.iter().filter(|(_, theirs)| theirs.contains_key(alias));
        if let Some((index, _)) = bearers.into_iter().find(|(index, _)| !indices.contains(index)) {
            return Err(taken(index));
        }
    }
    Ok(())
}

/// What is to become of aliases.
#[derive(Debug, Clone, Copy)]
enum Wanted<'a> {
    /// They are those of a plan, with a prefix.
    There {
        plan: &'a Plan,
        prefix: &'a str,
    },
    Gone,
}

/// Makes or removes aliases in one call, and looks at its effect.
async fn change(
    cluster: &Cluster,
    aliases: &BTreeMap<String, Vec<String>>,
    wanted: Wanted<'_>,
) -> Result<usize, EngineError> {
    let mut changed = 0;
    for look in 0..=LOOKS_MAX {
        let actions = missing(aliases, &cluster.aliases().await?, wanted);
        if actions.is_empty() {
            break;
        }
        if look == LOOKS_MAX {
            return Err(EngineError::Bug(format!(
                "{} aliases of a preview don't change in {LOOKS_MAX} calls",
                actions.len()
            )));
        }
        changed = changed.max(actions.len());
        match cluster.change_aliases(&actions).await {
            Ok(()) => {}
            // The next look tells what happened.
            Err(failure) if failure.outcome_unknown() => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(changed)
}

/// What still has to be done, by what is there.
fn missing(
    aliases: &BTreeMap<String, Vec<String>>,
    table: &AliasTable,
    wanted: Wanted<'_>,
) -> Vec<AliasAction> {
    let mut actions = Vec::new();
    for (alias, indices) in aliases {
        for index in indices {
            let is_there = table.get(index).is_some_and(|theirs| theirs.contains_key(alias));
            let (index, alias) = (index.clone(), alias.clone());
            match (wanted, is_there) {
                (Wanted::There { plan, prefix }, false) => {
                    let own = alias.strip_prefix(prefix).unwrap_or(&alias);
                    let properties = properties(plan, own, &index);
                    actions.push(AliasAction::Add { index, alias, properties });
                }
                (Wanted::Gone, true) => {
                    actions.push(AliasAction::Remove { index, alias, must_exist: None });
                }
                (Wanted::There { .. }, true) | (Wanted::Gone, false) => {}
            }
        }
    }
    actions
}

/// Those that the alias will have, but that nothing is written through it.
fn properties(plan: &Plan, alias: &str, index: &str) -> Map<String, Value> {
    let planned = plan.aliases.iter().find(|planned| planned.alias == alias);
    let planned = planned.and_then(|planned| planned.after.get(index)?.as_object().cloned());
    let mut properties = planned.unwrap_or_default();
    properties.insert("is_write_index".to_owned(), Value::Bool(false));
    properties
}

/// Takes away what a preview of a run made, if there is one.
async fn remove(cluster: &Cluster, journal: &Journal, run: &str) -> Result<usize, EngineError> {
    let Some(kept) = journal.read::<PreviewRecord>(run).await? else { return Ok(0) };
    let aliases = kept.record.aliases;
    change(cluster, &aliases, Wanted::Gone).await?;
    journal.remove::<PreviewRecord>(run).await?;
    Ok(aliases.len())
}
