//! The indices of envelopes go when nobody needs them any more: with the way back, or with the whole new set.

use std::collections::BTreeSet;

use lockstep_elastic::Deleted;

use crate::{
    error::EngineError,
    report::Event as ReportEvent,
    stage::{StageContext, prepare::read_set},
};

/// The names of the indices of envelopes that are not there any more.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(in crate::stage) async fn envelopes_gone(
    context: &StageContext,
) -> Result<BTreeSet<String>, EngineError> {
    let mut gone = BTreeSet::new();
    if context.plan.envelopes().next().is_none() {
        return Ok(gone);
    }
    let set = read_set(context).await?.record;
    for (_, target, _) in context.plan.envelopes() {
        let found = context.cluster.index_uuid(&target.index).await?;
        if found.is_none() || found.as_ref() != set.targets.get(&target.index) {
            gone.insert(target.index.clone());
        }
    }
    Ok(gone)
}

/// Deletes the indices of envelopes of a run, each only if it is the one that the run made. May be repeated.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(crate) async fn remove_envelopes(context: &StageContext) -> Result<(), EngineError> {
    if context.plan.envelopes().next().is_none() {
        return Ok(());
    }
    let set = read_set(context).await?.record;
    for (_, target, _) in context.plan.envelopes() {
        let Some(uuid) = set.targets.get(&target.index) else { continue };
        if let Deleted::OtherUuid(found) = context.cluster.delete_index(&target.index, uuid).await?
        {
            context.reporter.report(ReportEvent::Notice {
                message: format!(
                    "`{}` was left alone: it is another index now (unique id {found})",
                    target.index
                ),
            });
        }
    }
    Ok(())
}
