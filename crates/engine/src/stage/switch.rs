//! Fence and switch: writes to the live set are blocked, it is looked whether anything was written since both sets were
//! found equal, and if not, all tenants move in one alias call.
//!
//! Before "switch decided" is journalled every failure lifts the block again. After it every restart rolls forward.

use std::{collections::BTreeMap, time::Instant};

use lockstep_core::{
    plan::model::AliasPlan,
    run::state::{Event, Problem},
};
use lockstep_elastic::{AliasAction, AliasTable};
use serde_json::{Map, Value};

use super::{StageContext, problem, verify::are_sources_still};
use crate::{error::EngineError, journal::SwitchRecord, report::Event as ReportEvent};

/// Looks at how often an alias call whose answer was lost is tried.
const ATTEMPTS_MAX: u32 = 3;

/// Blocks writes to the live set and looks whether it moved since the round was verified. The block stays only with
/// [`Event::SourcesStill`].
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; the block was lifted if that was possible.
pub async fn block_sources(context: &StageContext, round: u32, times: &mut SwitchRecord) -> Result<Event, EngineError> {
    let outcome = fence(context, round, times).await;
    if matches!(outcome, Ok(Event::SourcesStill)) {
        return outcome;
    }
    if let Err(error) = unblock_sources(context).await {
        // The journal still says "fencing", so the next driver lifts it; nobody should have to find out by surprise.
        context.reporter.report(ReportEvent::Notice {
            message: format!("the write block on the live set could not be lifted: {error}; run the same command again"),
        });
        tracing::error!(%error, "the write block could not be lifted");
    }
    outcome
}

async fn fence(context: &StageContext, round: u32, times: &mut SwitchRecord) -> Result<Event, EngineError> {
    let begun = Instant::now();
    context.cluster.block_writes(&source_names(context)).await?;
    times.block_ms = milliseconds(begun);
    let looked = Instant::now();
    let are_still = are_sources_still(context, round).await?;
    times.watermark_ms = milliseconds(looked);
    if !are_still {
        return Ok(Event::SourcesMoved);
    }
    let limit = context.plan.limits.fence_ms_max;
    if milliseconds(begun) > limit {
        return Ok(Event::Stuck(problem(
            "R0501",
            format!("blocking writes and looking took {} ms, and {limit} ms are allowed", milliseconds(begun)),
            "writes are allowed again; try again when the cluster is less busy",
        )));
    }
    Ok(Event::SourcesStill)
}

/// Lifts the block that the fence sets, and leaves those that were there before.
pub(super) async fn unblock_sources(context: &StageContext) -> Result<(), EngineError> {
    context.cluster.unblock_writes(&source_names(context)).await?;
    Ok(())
}

/// The sources that the fence blocks: those that nobody had blocked when the plan was made.
fn source_names(context: &StageContext) -> Vec<&str> {
    let blocked_before = |index: &str| {
        context.plan.findings.iter().any(|finding| finding.code == "F0407" && finding.subject == index)
    };
    context.plan.sources().map(|source| source.index.as_str()).filter(|index| !blocked_before(index)).collect()
}

/// Publishes the templates of the new set, then moves all aliases in one call.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; the same command rolls forward.
pub async fn move_aliases(context: &StageContext, times: &mut SwitchRecord) -> Result<Event, EngineError> {
    let begun = Instant::now();
    for template in context.plan.templates.iter().filter(|template| !template.exists) {
        context.cluster.put_template(&template.name, &template.body).await?;
    }
    times.template_ms = milliseconds(begun);
    let begun = Instant::now();
    for _ in 0..ATTEMPTS_MAX {
        match where_aliases_are(&context.plan.aliases, &context.cluster.aliases().await?) {
            Whereabouts::After => {
                times.alias_ms = milliseconds(begun);
                return Ok(Event::AliasesMoved);
            }
            Whereabouts::Before => {}
            Whereabouts::Elsewhere(problem) => return Ok(Event::Stuck(problem)),
        }
        let actions = actions(&context.plan.aliases, context.plan.cluster.alias_must_exist);
        match context.cluster.change_aliases(&actions).await {
            // Whatever was answered, the next look tells what happened.
            Ok(()) => {}
            Err(failure) if failure.outcome_unknown() || failure.status() == Some(404) => {
                tracing::warn!(%failure, "the alias call's outcome is looked at");
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    match where_aliases_are(&context.plan.aliases, &context.cluster.aliases().await?) {
        Whereabouts::After => {
            times.alias_ms = milliseconds(begun);
            Ok(Event::AliasesMoved)
        }
        Whereabouts::Before => Ok(Event::Stuck(problem(
            "R0601",
            format!("the alias call had no effect in {ATTEMPTS_MAX} attempts"),
            "look at the cluster's health, then run the same command again: it rolls forward",
        ))),
        Whereabouts::Elsewhere(problem) => Ok(Event::Stuck(problem)),
    }
}

/// Where the aliases of the plan are.
#[derive(Debug, PartialEq)]
enum Whereabouts {
    /// All where the plan saw them.
    Before,
    /// All where the plan wants them.
    After,
    /// Neither: somebody else moved them.
    Elsewhere(Problem),
}

fn where_aliases_are(plans: &[AliasPlan], table: &AliasTable) -> Whereabouts {
    let bearers = |alias: &str| -> BTreeMap<&String, &Map<String, Value>> {
        table.iter().filter_map(|(index, aliases)| Some((index, aliases.get(alias)?))).collect()
    };
    let mut moved = Vec::new();
    let (mut all_before, mut all_after) = (true, true);
    for plan in plans {
        let now = bearers(&plan.alias);
        let is_before = is_same(&now, &plan.before);
        let is_after = is_same(&now, &plan.after);
        all_before &= is_before;
        all_after &= is_after;
        if !is_before && !is_after {
            let places: Vec<&str> = now.keys().map(|index| index.as_str()).collect();
            moved.push(format!("`{}` is on [{}]", plan.alias, places.join(", ")));
        }
    }
    match (all_after, all_before) {
        (true, _) => Whereabouts::After,
        (false, true) => Whereabouts::Before,
        (false, false) => Whereabouts::Elsewhere(problem(
            "R0602",
            format!(
                "aliases are neither where the plan saw them nor where it wants them{}{}",
                if moved.is_empty() { ": some tenants are on the old set, some on the new one" } else { ": " },
                moved.join("; ")
            ),
            "somebody else changed aliases during the run; bring them back to the old or the new set, then run the same command again",
        )),
    }
}

fn is_same(now: &BTreeMap<&String, &Map<String, Value>>, planned: &BTreeMap<String, Value>) -> bool {
    now.len() == planned.len()
        && now.iter().all(|(index, properties)| {
            planned.get(*index).and_then(Value::as_object).is_some_and(|planned| planned == *properties)
        })
}

fn actions(plans: &[AliasPlan], must_exist: bool) -> Vec<AliasAction> {
    let mut actions = Vec::new();
    for plan in plans {
        for index in plan.before.keys().filter(|index| !plan.after.contains_key(*index)) {
            actions.push(AliasAction::Remove {
                index: index.clone(),
                alias: plan.alias.clone(),
                must_exist: must_exist.then_some(true),
            });
        }
        for (index, properties) in &plan.after {
            actions.push(AliasAction::Add {
                index: index.clone(),
                alias: plan.alias.clone(),
                properties: properties.as_object().cloned().unwrap_or_default(),
            });
        }
    }
    actions
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
