//! Abort: the unfinished new set is dropped, index by index, each only if its unique id or its mark says that this run
//! made it. The live set is writable as before.

use std::collections::BTreeSet;

use lockstep_core::{plan::same_template, run::state::Event};
use lockstep_elastic::Deleted;

use super::{
    Direction, StageContext,
    fence::unblock,
    meter::Meter,
    prepare::{is_ours, read_set},
};
use crate::{
    error::EngineError,
    report::{Event as ReportEvent, Unit},
};

/// Drops what the run made.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; the same command goes on.
pub async fn drop_targets(context: &StageContext) -> Result<Event, EngineError> {
    unblock(context, Direction::Forward).await?;
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
    drop_templates(context).await?;
    Ok(Event::TargetsDropped)
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
