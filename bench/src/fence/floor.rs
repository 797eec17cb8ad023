//! The engine's own calls for a fence: what no tool that blocks, looks, refreshes and switches can do without.

use std::time::Instant;

use lockstep_core::plan::model::{AliasPlan, Plan};
use lockstep_elastic::{AliasAction, Cluster};
use lockstep_engine::EngineError;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Direction;
use crate::error::BenchError;

/// Before the names of aliases that are moved in place of the application's.
pub(super) const MARKER: &str = "lockstep-bench-floor-";

/// How long each call took, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Floor {
    pub(super) direction: Direction,
    pub(super) round: u32,
    pub(super) block_ms: f64,
    pub(super) stats_ms: f64,
    pub(super) refresh_ms: f64,
    pub(super) alias_ms: f64,
}

impl Floor {
    pub(super) fn total_ms(&self) -> f64 {
        self.block_ms + self.stats_ms + self.refresh_ms + self.alias_ms
    }
}

/// Blocks the live set, looks at it, refreshes it, moves as many aliases as a switch does, and lets it go again. The aliases
/// are others, with the same properties, so that the application stays where it is.
pub(super) async fn measure(
    cluster: &Cluster,
    plan: &Plan,
    (direction, round): (Direction, u32),
) -> Result<Floor, BenchError> {
    let live = direction.live(plan);
    let before: Vec<AliasAction> =
        plan.aliases.iter().flat_map(|alias| adding(alias, direction)).collect();
    cluster.change_aliases(&before).await?;
    let begun = Instant::now();
    cluster.block_writes(&live).await?;
    let block_ms = milliseconds(begun);
    let called = called_blocked(cluster, plan, (direction, &live)).await;
    cluster.unblock_writes(&live).await?;
    let [stats_ms, refresh_ms, alias_ms] = called?;
    let after: Vec<AliasAction> =
        plan.aliases.iter().flat_map(|alias| removing(alias, direction.other(), None)).collect();
    cluster.change_aliases(&after).await?;
    Ok(Floor { direction, round, block_ms, stats_ms, refresh_ms, alias_ms })
}

async fn called_blocked(
    cluster: &Cluster,
    plan: &Plan,
    (direction, live): (Direction, &[&str]),
) -> Result<[f64; 3], BenchError> {
    let begun = Instant::now();
    let positions = cluster.positions_of(live).await?;
    let stats_ms = milliseconds(begun);
    if positions.len() != live.len() {
        return Err(EngineError::Bug("an index of the live set is not there".to_owned()).into());
    }
    let begun = Instant::now();
    cluster.refresh(live).await?;
    let refresh_ms = milliseconds(begun);
    let must_exist = plan.cluster.alias_must_exist.then_some(true);
    let moving: Vec<AliasAction> = plan
        .aliases
        .iter()
        .flat_map(|alias| {
            let removed = removing(alias, direction, must_exist);
            removed.chain(adding(alias, direction.other()))
        })
        .collect();
    let begun = Instant::now();
    cluster.change_aliases(&moving).await?;
    Ok([stats_ms, refresh_ms, milliseconds(begun)])
}

/// The marker of an alias, on the live side of a direction.
fn adding(alias: &AliasPlan, direction: Direction) -> impl Iterator<Item = AliasAction> {
    direction.bearers(alias).iter().map(move |(index, properties)| AliasAction::Add {
        index: index.clone(),
        alias: format!("{MARKER}{}", alias.alias),
        properties: properties.as_object().cloned().unwrap_or_else(Map::<String, Value>::new),
    })
}

fn removing(
    alias: &AliasPlan,
    direction: Direction,
    must_exist: Option<bool>,
) -> impl Iterator<Item = AliasAction> {
    direction.bearers(alias).keys().map(move |index| AliasAction::Remove {
        index: index.clone(),
        alias: format!("{MARKER}{}", alias.alias),
        must_exist,
    })
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
