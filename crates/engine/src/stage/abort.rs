//! Abort: the unfinished new set is dropped, index by index, each only if its unique id or its mark says that this run
//! made it. The live set is writable as before.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use lockstep_core::{
    plan::same_template,
    run::{crew::holds, state::Event},
};
use lockstep_elastic::Deleted;
use tokio::time;

use super::{
    Direction, StageContext,
    fence::unblock,
    meter::Meter,
    prepare::{is_ours, read_set},
    share::View,
    table::take_tables_away,
};
use crate::{
    crew::Crew,
    error::EngineError,
    journal::RoundRecord,
    preview::remove_preview,
    report::{Event as ReportEvent, Unit},
};

/// How long workers may take to let go of their tasks; one that is dead is known to be after seconds.
const WORKERS_WAIT_MAX: Duration = Duration::from_mins(1);
/// Time between two looks at what they hold.
const WORKERS_LOOK_TIME: Duration = Duration::from_millis(300);

/// Drops what the run made.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; the same command goes on.
pub async fn drop_targets(context: &StageContext) -> Result<Event, EngineError> {
    if context.plan.rehearsal.is_none() {
        // A rehearsal never set one, and touches no setting of the live set. A request of a dead driver may still block the live
        // set or an index of it, and make a clone of that.
        context.do_for_good(|| unblock(context, Direction::Forward)).await?;
    }
    wait_for_workers(context).await?;
    let set = read_set(context).await?;
    let names: BTreeSet<&String> = set
        .record
        .targets
        .keys()
        .chain(context.plan.targets().map(|target| &target.index))
        .collect();
    let meter = Meter::start("aborting", Unit::Indices, names.len() as u64, &context.reporter);
    for name in names {
        let uuid = match set.record.targets.get(name) {
            Some(uuid) => Some(uuid.clone()),
            // It may have been made right before its unique id would have been journalled: then it has the mark.
            None => context
                .cluster
                .index(name)
                .await?
                .filter(|index| is_ours(index, &context.run))
                .map(|index| index.uuid),
        };
        if let Some(uuid) = uuid
            && let Deleted::OtherUuid(found) = context.cluster.delete_index(name, &uuid).await?
        {
            context.reporter.report(ReportEvent::Notice {
                message: format!(
                    "`{name}` was left alone: it is another index now (unique id {found})"
                ),
            });
        }
        meter.add(1, 0);
    }
    meter.finish(&context.reporter);
    // Its aliases went with the indices.
    remove_preview(context).await?;
    take_tables_away(context).await?;
    drop_templates(context).await?;
    Ok(Event::TargetsDropped)
}

/// Waits until no worker carries anything into the new set any more: to an index that is gone, a document would make a new one.
/// They look at the run once a second, and let go of their tasks when it isn't copying any more.
///
/// # Errors
/// [`EngineError::Driven`] when one lives and doesn't.
async fn wait_for_workers(context: &StageContext) -> Result<(), EngineError> {
    let rounds = context.rounds(1).await?;
    let mut crew = Crew::new(&context.journal, &context.plan.application);
    let begun = Instant::now();
    loop {
        crew.look().await?;
        let places = crew.places();
        let tasks = rounds.iter().flat_map(RoundRecord::tasks);
        let view = View::open(context, tasks).await?;
        let own = context.place.as_ref().map(|place| place.holder());
        let holder = view
            .records()
            .filter(|(task, _)| task.next().is_some())
            .filter_map(|(_, kept)| kept.and_then(|kept| kept.record.holder))
            .find(|holder| holds(*holder, &places) && Some(*holder) != own);
        let Some(holder) = holder else { return Ok(()) };
        if begun.elapsed() > WORKERS_WAIT_MAX {
            return Err(EngineError::Driven { owner: crew.name(holder) });
        }
        time::sleep(WORKERS_LOOK_TIME).await;
    }
}

/// Drops the templates that a switch published: they would give the aliases of the application to whatever index is made
/// under these names. One that somebody changed is left alone.
async fn drop_templates(context: &StageContext) -> Result<(), EngineError> {
    for template in context.plan.templates.iter().filter(|template| !template.exists) {
        let Some(found) = context.cluster.template(&template.name).await? else { continue };
        if same_template(&found.body, &template.body) {
            context.cluster.delete_template(&template.name).await?;
        } else {
            context.reporter.report(ReportEvent::Notice {
                message: format!(
                    "the template `{}` was left alone: somebody changed it",
                    template.name
                ),
            });
        }
    }
    Ok(())
}
