//! How a change begins: with the plan that it belongs to, and the tags that it goes between.

use std::collections::BTreeMap;

use lockstep_core::{
    deploy::{state::DeployState, tag::TagForm},
    pack::model::Pack,
    plan::model::{Plan, UpgradeKind},
    version::Version,
};

use super::DeployWish;
use crate::{
    deploy::{DeployProblem, Trouble},
    error::EngineError,
    journal::{ApplicationRecord, DeployRecord, Journal, Kept, PlanRecord},
    session::{Session, Wish, new_run_id},
};

/// The plan of the run that belongs to the change, or a new one.
pub(super) async fn plan_of(
    session: &Session,
    journal: &Journal,
    (pack, wish): (&Pack, &Wish),
    open: Option<&Kept<DeployRecord>>,
) -> Result<Plan, EngineError> {
    let record = journal.read::<ApplicationRecord>(&pack.name).await?;
    let own = open.and_then(|kept| kept.record.run.clone());
    let id = own.or_else(|| record.and_then(|kept| kept.record.run));
    if let Some(id) = id
        && let Some(kept) = journal.read::<PlanRecord>(&id).await?
        && kept.record.plan.to.data(pack.data_parts) == wish.to.data(pack.data_parts)
    {
        return Ok(kept.record.plan);
    }
    let plan = session.plan(pack, wish).await?;
    if plan.is_refused() {
        return Err(EngineError::Refused { plan: Box::new(plan) });
    }
    Ok(plan)
}

/// A new change.
pub(super) fn begun(
    (pack, wish): (&Pack, &Wish),
    deploy: &DeployWish,
    plan: &Plan,
    current: Option<String>,
) -> Result<DeployRecord, EngineError> {
    let form = &deploy.deployer.form;
    let to_tag = form.tag(&wish.to);
    let found = current.filter(|tag| *tag != to_tag);
    // Set by hand before, the tag tells nothing of what ran.
    let (from, from_tag) = match found {
        Some(tag) => (version_of(&tag, (pack, form), plan)?, tag),
        None => (plan.from.clone(), form.tag(&plan.from)),
    };
    let now = jiff::Timestamp::now().to_string();
    Ok(DeployRecord {
        id: new_run_id(),
        how: deploy.deployer.kind().to_owned(),
        from,
        from_tag,
        to: wish.to.clone(),
        to_tag,
        is_major: plan.kind == UpgradeKind::Major,
        run: None,
        state: DeployState::Waiting,
        before: None,
        heard: Vec::new(),
        counted_before: BTreeMap::new(),
        after: None,
        counted_after: BTreeMap::new(),
        started_at: now.clone(),
        changed_at: now,
    })
}

/// The version of a tag that runs, which has to be one of the live release.
///
/// # Errors
/// [`EngineError::Deploy`] when it is of another one.
pub(super) fn version_of(
    tag: &str,
    (pack, form): (&Pack, &TagForm),
    plan: &Plan,
) -> Result<Version, EngineError> {
    let version = form.version(tag).unwrap_or_else(|| plan.from.clone());
    if version.data(pack.data_parts) == plan.from.data(pack.data_parts) {
        return Ok(version);
    }
    let message = format!(
        "the tag that runs is that of {version}, and the live set is that of {}",
        plan.from
    );
    let hint = "set the tag that belongs to the live set, then give the same command again";
    Err(DeployProblem::new(Trouble::OtherRelease, message, hint).into())
}
