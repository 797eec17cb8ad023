//! The protocol as a model: a cluster with failovers, an application that writes and of which a part misses the switch, drivers
//! and workers that die, sleep and overtake each other, and operators who change their minds, all in one loop in which a seed
//! decides what happens next.
//!
//! What decides is the real thing: [`lockstep_core::run`] and [`lockstep_core::compare::judge`]. What acts is a model of the
//! engine's stages, request by request: indices that begin as clones, and documents that are delivered from envelopes, in
//! histories of their own. After every event the invariants are asked. Not modelled: time, mappings, routing, `versioned` mode,
//! indices that come or go during a run, several drivers that share the work of a run, what a guard replaces in an index and
//! gives back, documents in quarantine.
//!
//! ```sh
//! LOCKSTEP_MODEL_SEEDS=100000 cargo test -p lockstep-core --test model every_seed -- --nocapture
//! LOCKSTEP_MODEL_SEED=123 cargo test -p lockstep-core --test model every_seed -- --nocapture
//! LOCKSTEP_MODEL_SEED=7 LOCKSTEP_MODEL_RULE=CopiesAfterFence cargo test -p lockstep-core --test model every_seed
//! LOCKSTEP_MODEL_KIND=Clashing LOCKSTEP_MODEL_WEATHER=Strays cargo test -p lockstep-core --test model every_seed
//! ```

#[cfg(test)]
mod model {
    mod application;
    mod cluster;
    mod delivery;
    mod driver;
    mod execute;
    mod faults;
    mod history;
    mod invariants;
    mod journal;
    mod operator;
    mod processes;
    mod random;
    mod request;
    mod rules;
    mod run;
    mod search;
    mod shape;
    mod shard;
    mod world;

    use self::{
        rules::{CHANGES, GAPS, Rules},
        run::play,
        search::{Search, asked_rules, asked_seed, seeds_or},
        world::Sight,
    };

    /// Histories that every test run plays.
    const SEEDS: u64 = 10_000;
    /// Histories in which a change has to be found.
    const SEEDS_OF_CHANGE: u64 = 20_000;

    #[test]
    fn every_seed_keeps_the_invariants() {
        let rules = asked_rules();
        if let Some(seed) = asked_seed() {
            let ending = play(seed, &rules, true);
            let log = ending.log.join("\n");
            assert_eq!(ending.violation, None, "seed {seed} under {rules:?}:\n{log}");
            return;
        }
        let seeds = seeds_or(SEEDS);
        let search = Search::run(seeds, &rules);
        search.report("the invariants hold");
        search.assert_sound();
        // A model that never gets anywhere would keep every invariant.
        for state in ["aborted", "finalized", "returned", "switched"] {
            let count = search.endings.get(state).copied().unwrap_or_default();
            assert!(count * 50 > seeds, "{count} of {seeds} histories end {state}");
        }
        for (sight, one_in) in [
            (Sight::Flowed, 4),
            (Sight::FlowRejected, 200),
            (Sight::KeptOut, 20),
            (Sight::LeftOpen, 200),
            (Sight::Cloned, 20),
            (Sight::CloneDropped, 400),
            (Sight::DeliveredAnew, 50),
            (Sight::StrayDeleted, 20),
            (Sight::Clashed, 50),
        ] {
            let count = search.sights.get(&sight).copied().unwrap_or_default();
            assert!(count * one_in > seeds, "{sight:?} in {count} of {seeds} histories");
        }
    }

    #[test]
    fn every_change_of_the_protocol_is_found() {
        let mut unseen = Vec::new();
        for change in CHANGES {
            let rules = Rules::changed(change);
            let search = Search::run(seeds_or(SEEDS_OF_CHANGE), &rules);
            search.report(&format!("{change:?}"));
            unseen.extend(search.found.is_none().then_some(change));
        }
        assert_eq!(unseen, [], "not found in {SEEDS_OF_CHANGE} seeds each");
    }

    #[test]
    fn what_the_protocol_relies_on_shows_when_it_is_not_so() {
        let mut unseen = Vec::new();
        for gap in GAPS {
            let rules = Rules::open(gap);
            let search = Search::run(seeds_or(SEEDS), &rules);
            search.report(&format!("{gap:?}"));
            unseen.extend(search.found.is_none().then_some(gap));
        }
        assert_eq!(unseen, [], "change nothing");
    }

    #[test]
    fn a_seed_gives_the_same_history_again() {
        for seed in 0..20 {
            let rules = Rules::default();
            assert_eq!(play(seed, &rules, true), play(seed, &rules, true), "seed {seed}");
        }
    }
}
