//! End-to-end tests: whole upgrades on the pocket cluster and on every engine of `LOCKSTEP_TEST_ENGINES`.
//!
//! A trial is one scenario on one cluster, named `CLUSTER::SCENARIO`; `cargo test --test end_to_end -- pocket::` runs the
//! pocket cluster alone. Trials on one cluster run one after the other: the demo's indices have fixed names.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a scenario that panics has failed; the harness says so"
)]

mod demo;

mod cases;

mod live;

mod clone;

mod back;

mod trouble;

mod tenants;

mod doctor;

mod failover;

mod quarantine;

mod rehearsal;

mod delivery;

mod preview;

mod tables;

mod faults;

mod pace;

mod kill;

mod chaos;

mod wire;

mod node;

mod tracardi;

mod tracardi_hops;

mod scripts;

mod jq;

mod fusing;

mod tracardi_import;

mod tracardi_tables;

mod proxy;

mod moment;

mod victim;

mod workers;

mod deploy;

mod flow;

mod process;

mod guard;
mod retire;

mod bucket;

mod stand;

use std::{
    io::Write as _,
    process::ExitCode,
    sync::{Arc, PoisonError, RwLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use lockstep_tests::dice;
use tokio::runtime::Runtime;

use crate::stand::{Stand, Trouble, stands};

fn main() -> std::io::Result<ExitCode> {
    match run() {
        Ok(code) => Ok(code),
        Err(error) => {
            writeln!(std::io::stderr(), "end_to_end: {error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new()?);
    let stands = stands(&runtime)?;
    arguments.test_threads.get_or_insert(stands.len());
    let mut trials = Vec::new();
    for stand in &stands {
        let scenarios = [
            demo::scenarios(),
            cases::scenarios(&stand.cluster.name),
            live::scenarios(),
            clone::scenarios(),
            pace::scenarios(),
            deploy::scenarios(),
            back::scenarios(),
            trouble::scenarios(),
            tenants::scenarios(),
            doctor::scenarios(),
            failover::scenarios(),
            quarantine::scenarios(),
            rehearsal::scenarios(),
            delivery::scenarios(&stand.cluster.name),
            preview::scenarios(&stand.cluster.name),
            tables::scenarios(),
            faults::scenarios(),
            kill::scenarios(),
            chaos::scenarios(),
            workers::scenarios(),
            flow::scenarios(),
            guard::scenarios(),
            wire::scenarios(),
            retire::scenarios(),
            bucket::scenarios(),
            node::scenarios(&stand.cluster.name),
            tracardi::scenarios(),
            scripts::scenarios(&stand.cluster.name),
            jq::scenarios(),
            fusing::scenarios(&stand.cluster.name),
            tracardi_hops::scenarios(&stand.cluster.name),
            tracardi_import::scenarios(&stand.cluster.name),
            tracardi_tables::scenarios(),
        ];
        trials.extend(
            scenarios
                .into_iter()
                .flatten()
                .filter(|scenario| stand.pocket.is_some() || !scenario.is_pocket_only)
                .enumerate()
                .map(|(turn, scenario)| (turn, trial(&runtime, stand, scenario))),
        );
    }
    // Clusters take turns in the list, so that all of them are busy at the same time.
    trials.sort_by_key(|(turn, _)| *turn);
    let trials = trials.into_iter().map(|(_, trial)| trial).collect();
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

/// Held for writing by a scenario that needs the machine for itself, for reading by all others.
static MACHINE: RwLock<()> = RwLock::new(());

/// What a scenario came to.
type Outcome = Result<(), Trouble>;

/// A scenario: its name, and what is done on a cluster.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    /// Whether it needs the machine for itself.
    is_heavy: bool,
    /// Whether it plans faults, which only the pocket cluster can have.
    is_pocket_only: bool,
    play: fn(&Runtime, &Stand) -> Outcome,
}

fn trial(runtime: &Arc<Runtime>, stand: &Arc<Stand>, scenario: Scenario) -> Trial {
    let (runtime, stand) = (Arc::clone(runtime), Arc::clone(stand));
    let name = format!("{}::{}", stand.cluster.name, scenario.name);
    Trial::test(name, move || {
        let turn = stand.turn();
        // Traffic on one cluster is enough for a machine: with that on four, nothing would be measured but waiting.
        let (alone, beside) = if scenario.is_heavy {
            (Some(MACHINE.write().unwrap_or_else(PoisonError::into_inner)), None)
        } else {
            (None, Some(MACHINE.read().unwrap_or_else(PoisonError::into_inner)))
        };
        let outcome =
            (scenario.play)(&runtime, &stand).map_err(|error| Failed::from(error.to_string()));
        drop((alone, beside));
        drop(turn);
        outcome
    })
}
