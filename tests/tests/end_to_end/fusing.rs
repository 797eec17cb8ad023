//! Chains of operations and scripts that are drawn at random: all steps at once must make of every document what one step
//! after the other makes of it, in a real engine, and both must be what the scripts say that they do.

use lockstep_tests::chain::{Chain, StandIn, seed_asked_for};
use tokio::runtime::Runtime;

use crate::{Load, Outcome, Scenario, stand::Stand};

/// Chains that are drawn; each takes an engine some 60 ms.
const CHAIN_COUNT: u64 = 150;

/// A pocket cluster runs no scripts.
pub(crate) fn scenarios(stand: &str) -> Vec<Scenario> {
    if stand == "pocket" {
        return Vec::new();
    }
    let name = "chains_at_once_are_step_by_step";
    vec![Scenario { name, load: Load::Light, is_pocket_only: false, play: at_once }]
}

fn at_once(runtime: &Runtime, stand: &Stand) -> Outcome {
    let cluster = stand.session().cluster;
    let seeds = seed_asked_for().map_or(0..CHAIN_COUNT, |seed| seed..seed + 1);
    runtime.block_on(async {
        for chain in seeds.map(Chain::drawn) {
            let at_once = chain.at_once(&cluster).await?;
            let step_by_step = chain.step_by_step(&cluster).await?;
            let played = chain.at_once(&StandIn).await?;
            let fused = ("at once", at_once.as_slice());
            for other in [("step by step", step_by_step), ("played", played)] {
                if let Some(difference) = chain.difference(fused, (other.0, &other.1)) {
                    return Err(difference.into());
                }
            }
        }
        Ok(())
    })
}
