//! All steps at once are one step after the other, with scripts that are played.

use super::{Chain, StandIn, seed_asked_for};

/// Chains that are drawn.
const CHAIN_COUNT: u64 = 150;

#[tokio::test]
async fn at_once_is_step_by_step() {
    let only = seed_asked_for();
    let seeds = only.map_or(0..CHAIN_COUNT, |seed| seed..seed + 1);
    let (mut made_count, mut rejected_count, mut script_count, mut spread_count) = (0, 0, 0, 0);
    for seed in seeds {
        let chain = Chain::drawn(seed);
        script_count += chain.script_count();
        let at_once = chain.at_once(&StandIn).await.expect("scripts are played");
        let step_by_step = chain.step_by_step(&StandIn).await.expect("scripts are played");
        let difference = chain.difference(("at once", &at_once), ("step by step", &step_by_step));
        assert!(difference.is_none(), "{}", difference.unwrap_or_default());
        assert_eq!(chain.stand_in_left(&at_once), None);
        let made = at_once.iter().filter_map(|outcome| outcome.as_ref().ok());
        made_count += made.clone().count();
        // A document that was left out, or several.
        spread_count += made.filter(|made| made.len() != 1).count();
        rejected_count += at_once.iter().filter(|outcome| outcome.is_err()).count();
    }
    // Nothing is shown by chains that reject all, or none.
    assert!(
        only.is_some()
            || (made_count > 400
                && rejected_count > 200
                && script_count > 300
                && spread_count > 100),
        "{made_count} {rejected_count} {script_count} {spread_count}"
    );
}
