//! Prepare: the targets are made, each with a mark that tells whose it is, and their unique ids are journalled.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::{
    plan::{
        model::TargetPlan,
        schema::{OWNER_MARK, create_body},
    },
    run::state::{Event, Problem},
};
use lockstep_elastic::{Created, FailureKind, IndexState};
use serde_json::Value;

use super::{
    StageContext,
    clone::{clone_targets, has_mark},
    meter::Meter,
    problem,
    table::make_tables,
};
use crate::{
    error::EngineError,
    journal::{Kept, SetRecord, Write},
    report::Unit,
};

/// Targets that are made at the same time; the engines change their state one by one anyway.
const TARGETS_IN_FLIGHT: usize = 4;
/// Targets whose unique ids are journalled together.
const TARGETS_JOURNALLED: usize = 32;
/// How often a target is made again after a lost answer.
const ATTEMPTS_MAX: u32 = 3;

enum Outcome {
    Made { index: String, uuid: String },
    Stuck(Problem),
}

/// Makes the targets that are not there.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with; what was made stays, and is found again.
pub async fn create_targets(context: &StageContext) -> Result<Event, EngineError> {
    clone_targets(context).await?;
    let mut set = read_set(context).await?;
    let missing: Vec<TargetPlan> = context
        .plan
        .targets()
        .filter(|target| !set.record.targets.contains_key(&target.index))
        .cloned()
        .collect();
    let meter = Meter::start("preparing", Unit::Indices, missing.len() as u64, &context.reporter);
    for part in missing.chunks(TARGETS_JOURNALLED) {
        let making = part.iter().map(|target| async {
            create_target(context, target).await.inspect(|_| meter.add(1, 0))
        });
        let outcomes: Vec<Outcome> =
            stream::iter(making).buffered(TARGETS_IN_FLIGHT).try_collect().await?;
        let mut record = set.record.clone();
        let mut stuck = None;
        for outcome in outcomes {
            match outcome {
                Outcome::Made { index, uuid } => {
                    record.targets.insert(index, uuid);
                }
                Outcome::Stuck(problem) => stuck = Some(problem),
            }
        }
        set = match context.journal.replace(&context.run, &set, record).await? {
            Write::Kept(kept) => kept,
            Write::Conflict => return Err(EngineError::LeaseLost),
        };
        if let Some(problem) = stuck {
            return Ok(Event::Stuck(problem));
        }
    }
    meter.finish(&context.reporter);
    make_tables(context).await?;
    Ok(Event::TargetsCreated)
}

/// The unique ids of the targets that are there.
pub(super) async fn read_set(context: &StageContext) -> Result<Kept<SetRecord>, EngineError> {
    loop {
        if let Some(kept) = context.journal.read::<SetRecord>(&context.run).await? {
            return Ok(kept);
        }
        if let Write::Kept(kept) =
            context.journal.create(&context.run, SetRecord::default()).await?
        {
            return Ok(kept);
        }
    }
}

async fn create_target(
    context: &StageContext,
    target: &TargetPlan,
) -> Result<Outcome, EngineError> {
    let body = create_body(target, context.schema(target)?, &context.run);
    for _ in 0..ATTEMPTS_MAX {
        context.check_stop()?;
        match context.cluster.create_index(&target.index, &body).await {
            Ok(Created::Created { uuid }) => {
                return Ok(Outcome::Made { index: target.index.clone(), uuid });
            }
            // A repeated attempt, or an index of somebody else's: the mark tells.
            Ok(Created::AlreadyExists { .. }) => {}
            Err(failure) if failure.outcome_unknown() => {}
            Err(failure)
                if failure.kind() == FailureKind::Refused && failure.status() == Some(400) =>
            {
                return Ok(Outcome::Stuck(problem(
                    "R0102",
                    format!("the new index `{}` can't be made: {}", target.index, failure.reason()),
                    "mend its mapping or settings in the pack (or the cluster's limits), give this run up with `lockstep abort`, and start again",
                )));
            }
            Err(failure) => return Err(failure.into()),
        }
        if let Some(found) = context.cluster.index(&target.index).await? {
            return Ok(if is_ours(&found, &context.run) {
                Outcome::Made { index: found.name, uuid: found.uuid }
            } else {
                Outcome::Stuck(problem(
                    "R0101",
                    format!("the new index `{}` exists, and this run didn't make it", target.index),
                    "find out whose it is and move or delete it, then run the same command again; or give this run up with `lockstep abort`",
                ))
            });
        }
    }
    Ok(Outcome::Stuck(problem(
        "R0103",
        format!(
            "the new index `{}` could not be made in {ATTEMPTS_MAX} attempts: no answer, and it isn't there",
            target.index
        ),
        "look at the cluster's health, then run the same command again",
    )))
}

/// Whether an index carries the mark of a run.
pub(super) fn is_ours(index: &IndexState, run: &str) -> bool {
    has_mark(index, run)
        || index
            .mapping
            .pointer("/_meta")
            .and_then(|meta| meta.get(OWNER_MARK))
            .and_then(Value::as_str)
            == Some(run)
}
