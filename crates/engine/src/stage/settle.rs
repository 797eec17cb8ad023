//! Settle: targets get their final settings and `_meta`, and their shards are waited for.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::{
    plan::{
        model::TargetPlan,
        schema::{final_mapping, final_settings},
    },
    run::state::{Event, Problem},
};
use lockstep_elastic::{FailureKind, HealthStatus};
use serde_json::json;

use super::{StageContext, meter::Meter, prepare::read_set, problem};
use crate::{
    error::EngineError,
    report::{Event as ReportEvent, Progress, Unit, Waiting},
};

/// Names in one settings call.
const NAMES_AT_ONCE: usize = 50;
/// Targets that are looked at at the same time.
const LOOKS_IN_FLIGHT: usize = 8;
/// Mappings that are written at the same time.
const MAPPINGS_IN_FLIGHT: usize = 4;
/// How long primaries are waited for before somebody is asked.
const SHARDS_WAIT_MAX: Duration = Duration::from_mins(5);
/// How long one call waits for them.
const SHARDS_WAIT_ONCE: Duration = Duration::from_secs(5);

/// Restores the settings that hold only once the documents are in.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub async fn restore_settings(context: &StageContext) -> Result<Event, EngineError> {
    let targets = target_plans(context);
    if let Some(problem) = find_replaced(context, &targets).await? {
        return Ok(Event::Stuck(problem));
    }
    let meter = Meter::start("settling", Unit::Indices, targets.len() as u64, &context.reporter);
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for target in &targets {
        let settings = final_settings(target, context.schema(target)?).to_string();
        groups.entry(settings).or_default().push(&target.index);
    }
    for (settings, names) in groups {
        let settings =
            serde_json::from_str(&settings).map_err(|error| EngineError::Bug(error.to_string()))?;
        for names in names.chunks(NAMES_AT_ONCE) {
            context.check_stop()?;
            context.cluster.put_settings(names, &settings).await?;
        }
    }
    let mappings = targets.iter().map(|target| async {
        context.check_stop()?;
        let meta = final_mapping(target, context.schema(target)?)
            .get("_meta")
            .cloned()
            .unwrap_or_else(|| json!({}));
        context.cluster.put_mapping(&target.index, &json!({ "_meta": meta })).await?;
        meter.add(1, 0);
        Ok::<_, EngineError>(())
    });
    stream::iter(mappings).buffer_unordered(MAPPINGS_IN_FLIGHT).try_collect::<Vec<()>>().await?;
    wait_for_shards(context, &targets, meter).await
}

/// All targets of the plan.
pub(super) fn target_plans(context: &StageContext) -> Vec<&TargetPlan> {
    context.plan.targets().collect()
}

/// Looks whether every target is still the index that the run made. One that was deleted meanwhile would have been made
/// anew by the engine at the next write, with a mapping that it guessed.
pub(super) async fn find_replaced(
    context: &StageContext,
    targets: &[&TargetPlan],
) -> Result<Option<Problem>, EngineError> {
    let set = read_set(context).await?.record;
    let looks = targets.iter().map(|target| async {
        let found = context.cluster.index_uuid(&target.index).await?;
        Ok::<_, EngineError>(
            (found.as_ref() != set.targets.get(&target.index)).then_some(&target.index),
        )
    });
    let replaced: Vec<Option<&String>> =
        stream::iter(looks).buffered(LOOKS_IN_FLIGHT).try_collect().await?;
    Ok(replaced.into_iter().flatten().next().map(|index| {
        problem(
            "R0302",
            format!("the new index `{index}` was deleted or made anew by somebody else during the run"),
            "give this run up with `lockstep abort`, remove what is left under that name, and start again",
        )
    }))
}

async fn wait_for_shards(
    context: &StageContext,
    targets: &[&TargetPlan],
    meter: Meter,
) -> Result<Event, EngineError> {
    let names: Vec<&str> = targets.iter().map(|target| target.index.as_str()).collect();
    if names.is_empty() {
        return Ok(Event::SettingsRestored);
    }
    let begun = tokio::time::Instant::now();
    loop {
        context.check_stop()?;
        // Replicas may have nowhere to go, as on a cluster of one node; the live set had to live with that too.
        match context.cluster.wait_for_health(&names, HealthStatus::Yellow, SHARDS_WAIT_ONCE).await
        {
            Ok(()) => {
                meter.finish(&context.reporter);
                return Ok(Event::SettingsRestored);
            }
            Err(failure) if failure.kind() == FailureKind::NotAcknowledged => {}
            Err(failure) => return Err(failure.into()),
        }
        if begun.elapsed() > SHARDS_WAIT_MAX {
            return Ok(Event::Stuck(problem(
                "R0301",
                "primary shards of the new set are still not there after five minutes",
                "look at `GET _cluster/allocation/explain`, then run the same command again; when a node is gone for good and its shards with it, give this run up with `lockstep abort` and start again",
            )));
        }
        context.reporter.report(ReportEvent::Progress(Progress {
            stage: "settling",
            unit: Unit::Indices,
            done: 0,
            total: names.len() as u64,
            bytes: 0,
            waiting: Some(Waiting::Shards { index_count: names.len() }),
        }));
    }
}
