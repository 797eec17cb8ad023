//! Who serves whom: for every tenant, which release its aliases lead to and which set takes writes, looked up now; and what the
//! state of the run means for it.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::{
    plan::model::{Plan, Strategy},
    run::outlook::{OldSet, Outlook, Situation, outlook},
};
use lockstep_elastic::{Block, Cluster, IndexState, OpenState};
use serde::Serialize;

use crate::{
    error::EngineError,
    history::{Retired, retired},
    journal::{ApplicationRecord, Journal, PlanRecord},
    stage::back::way_back_missing,
    status::{RunStatus, status},
};

/// Where an application stands, tenant by tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Info {
    /// The application.
    pub application: String,
    /// The version that Lockstep switched to last.
    pub live: Option<String>,
    /// The run that is under way, or the one that ended last.
    pub run: Option<RunInfo>,
}

/// What is known of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunInfo {
    /// Its id.
    pub id: String,
    /// From which version.
    pub from: String,
    /// To which version.
    pub to: String,
    /// Where it stands.
    pub state: &'static str,
    /// Since when, RFC 3339.
    pub since: String,
    /// Who drives it, if somebody does.
    pub driver: Option<String>,
    /// What happens now.
    pub happens: String,
    /// Whether one can go back, and until when.
    pub way_back: String,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// What if Lockstep died at this moment.
    pub if_it_dies: String,
    /// What was deleted of the set that it left behind, and the archive that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retired>,
    /// Every tenant that it is for.
    pub tenants: Vec<TenantInfo>,
    /// Tenants that stay on the release that it comes from, and why.
    pub excluded: Vec<(String, String)>,
}

/// Who serves a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantInfo {
    /// Its name in the new release.
    pub tenant: String,
    /// The releases that its aliases lead to now; empty where there are no aliases.
    pub reads: Vec<String>,
    /// The releases whose indices take writes now.
    pub writes: Vec<String>,
    /// Its indices in the old set.
    pub old: SetInfo,
    /// Its indices in the new set.
    pub new: SetInfo,
}

/// The indices of a tenant in one set, as they are now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SetInfo {
    /// How many the plan has.
    pub planned: usize,
    /// How many are there.
    pub present: usize,
    /// How many of these take no writes.
    pub blocked: usize,
    /// How many of the tenant's aliases lead to one of them.
    pub aliases: usize,
}

/// Looks where an application stands. Changes nothing.
///
/// # Errors
/// [`EngineError`] when the journal or the cluster can't be read.
pub async fn info(cluster: &Cluster, application: &str) -> Result<Info, EngineError> {
    let journal = Journal::new(cluster, application);
    let status = status(cluster, application).await?;
    let record = journal.read::<ApplicationRecord>(application).await?.map(|kept| kept.record);
    let id = record.and_then(|record| record.run.or(record.last_run));
    let plan = match &id {
        Some(id) => journal.read::<PlanRecord>(id).await?.map(|kept| kept.record.plan),
        None => None,
    };
    let run = match (status.run, plan) {
        (Some(run), Some(plan)) => Some(run_info((cluster, &journal), run, &plan).await?),
        _ => None,
    };
    Ok(Info { application: status.application, live: status.live, run })
}

async fn run_info(
    (cluster, journal): (&Cluster, &Journal),
    run: RunStatus,
    plan: &Plan,
) -> Result<RunInfo, EngineError> {
    let indices = cluster.indices().await?;
    let tenants = tenants(plan, &indices);
    let retired = retired(journal, &run.record.id).await?;
    let no_way_back = way_back_missing(plan);
    let situation = Situation {
        from: &run.from,
        to: &run.to,
        is_held: run.orders.is_held,
        is_paused: run.orders.is_paused,
        is_driven: run.driver.is_some(),
        no_way_back: no_way_back.as_deref(),
        old_set: old_set(retired.as_ref(), &tenants),
    };
    let Outlook { happens, way_back, waits_for, if_it_dies } =
        outlook(&run.record.state, situation);
    Ok(RunInfo {
        happens,
        way_back,
        waits_for,
        if_it_dies,
        retired,
        tenants,
        excluded: run
            .excluded
            .into_iter()
            .map(|excluded| (excluded.tenant, excluded.reason))
            .collect(),
        id: run.record.id,
        state: run.record.state.name(),
        since: run.record.changed_at,
        from: run.from,
        to: run.to,
        driver: run.driver,
    })
}

/// What became of the set that a run left behind: by its receipts, and by what is there.
fn old_set(retired: Option<&Retired>, tenants: &[TenantInfo]) -> OldSet {
    let is_present = tenants.iter().any(|tenant| tenant.old.present > 0);
    match retired {
        None => OldSet::Kept,
        Some(retired) if retired.open_count > 0 || is_present => OldSet::Going,
        Some(_) => OldSet::Retired,
    }
}

/// The indices of one tenant, by the unique id or the name that the plan has.
#[derive(Default)]
struct Own<'a> {
    old: BTreeMap<&'a str, &'a str>,
    new: BTreeSet<&'a str>,
}

fn tenants(plan: &Plan, indices: &[IndexState]) -> Vec<TenantInfo> {
    let present: BTreeMap<&str, &IndexState> =
        indices.iter().map(|index| (index.name.as_str(), index)).collect();
    let mut own: BTreeMap<&str, Own<'_>> = BTreeMap::new();
    for tenant in &plan.tenants {
        own.entry(tenant.target.as_str()).or_default();
    }
    for index in &plan.indices {
        let own = own.entry(index.tenant.as_str()).or_default();
        let (source, target) = match &index.strategy {
            Strategy::Copy { source, target, delivery: None, .. } => (Some(source), Some(target)),
            // A target that holds envelopes serves nobody.
            Strategy::Copy { source, delivery: Some(_), .. } | Strategy::Drop { source } => {
                (Some(source), None)
            }
            Strategy::Empty { target } | Strategy::Deliver { target } => (None, Some(target)),
        };
        own.old.extend(source.map(|source| (source.index.as_str(), source.uuid.as_str())));
        own.new.extend(target.map(|target| target.index.as_str()));
    }
    own.into_iter().map(|(tenant, own)| tenant_info(plan, tenant, &own, &present)).collect()
}

fn tenant_info(
    plan: &Plan,
    tenant: &str,
    own: &Own<'_>,
    present: &BTreeMap<&str, &IndexState>,
) -> TenantInfo {
    // An index of another unique id is another one, whatever its name.
    let old: Vec<&IndexState> = own
        .old
        .iter()
        .filter_map(|(name, uuid)| present.get(name).filter(|index| index.uuid == **uuid))
        .copied()
        .collect();
    let new: Vec<&IndexState> =
        own.new.iter().filter_map(|name| present.get(name)).copied().collect();
    let aliases: BTreeSet<&str> = plan
        .aliases
        .iter()
        .filter(|alias| {
            alias.before.keys().any(|index| own.old.contains_key(index.as_str()))
                || alias.after.keys().any(|index| own.new.contains(index.as_str()))
        })
        .map(|alias| alias.alias.as_str())
        .collect();
    let old = set_info((own.old.len(), &old), &aliases);
    let new = set_info((own.new.len(), &new), &aliases);
    let (from, to) = (plan.from.to_string(), plan.to.to_string());
    let of = |wanted: fn(&SetInfo) -> bool| {
        let sets = [(&old, &from), (&new, &to)];
        let fitting = sets.into_iter().filter(|(set, _)| wanted(set));
        fitting.map(|(_, release)| release.clone()).collect::<Vec<String>>()
    };
    TenantInfo {
        tenant: tenant.to_owned(),
        reads: of(|set| set.aliases > 0),
        writes: of(|set| set.present > set.blocked),
        old,
        new,
    }
}

fn set_info((planned, indices): (usize, &[&IndexState]), aliases: &BTreeSet<&str>) -> SetInfo {
    let takes_none = |index: &&&IndexState| {
        let blocks = [Block::Write, Block::ReadOnly, Block::ReadOnlyAllowDelete];
        index.state == OpenState::Closed || blocks.iter().any(|block| index.blocks.contains(block))
    };
    let leads_here =
        |alias: &&&str| indices.iter().any(|index| index.aliases.contains_key(**alias));
    SetInfo {
        planned,
        present: indices.len(),
        blocked: indices.iter().filter(takes_none).count(),
        aliases: aliases.iter().filter(leads_here).count(),
    }
}
