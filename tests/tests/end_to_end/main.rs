//! End-to-end tests: whole upgrades on the pocket cluster and on every engine of `LOCKSTEP_TEST_ENGINES`.
//!
//! A trial is one scenario on one cluster, named `CLUSTER::SCENARIO`; `cargo test --test end_to_end -- pocket::` runs the
//! pocket cluster alone. Trials on one cluster run one after the other: the demo's indices have fixed names. Of pocket
//! clusters there are several, all alike.

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

mod times;

use std::{io::Write as _, process::ExitCode, sync::Arc, time::Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use lockstep_tests::dice;
use tokio::{runtime::Runtime, sync::Semaphore};

use crate::stand::{POCKET, Stand, Stands, Trouble, clusters};

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
    let clusters = clusters(&runtime)?;
    // Most of them wait for a cluster or for the machine.
    arguments.test_threads.get_or_insert(THREADS);
    let mut trials = Vec::new();
    for stands in &clusters {
        let cluster = stands.name.as_str();
        let scenarios = [
            demo::scenarios(),
            cases::scenarios(cluster),
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
            delivery::scenarios(cluster),
            preview::scenarios(cluster),
            tables::scenarios(),
            faults::scenarios(),
            kill::scenarios(),
            chaos::scenarios(),
            workers::scenarios(),
            flow::scenarios(),
            guard::scenarios(),
            wire::scenarios(),
            retire::scenarios(),
            node::scenarios(cluster),
            bucket::scenarios(),
            tracardi::scenarios(),
            scripts::scenarios(cluster),
            jq::scenarios(),
            fusing::scenarios(cluster),
            tracardi_hops::scenarios(cluster),
            tracardi_import::scenarios(cluster),
            tracardi_tables::scenarios(),
        ];
        trials.extend(
            scenarios
                .into_iter()
                .flatten()
                .filter(|scenario| cluster == POCKET || !scenario.is_pocket_only)
                .enumerate()
                .map(|(turn, scenario)| (turn, trial(&runtime, stands, scenario))),
        );
    }
    // Clusters take turns in the list, so that all of them are busy at the same time.
    trials.sort_by_key(|(turn, _)| *turn);
    let trials = trials.into_iter().map(|(_, trial)| trial).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    times::print(&mut std::io::stdout())?;
    Ok(conclusion.exit_code())
}

/// What all scenarios together may take of the machine at a time, by the measure of [`Load::permits`].
const PERMITS: u32 = 6;
static MACHINE: Semaphore = Semaphore::const_new(PERMITS as usize);
/// As many as all clusters together can keep busy, and more.
const THREADS: usize = 12;

/// What a scenario needs of the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Light,
    /// Live traffic: on all clusters at a time, nothing would be measured but waiting.
    Heavy,
    /// Engines of its own.
    Whole,
}

impl Load {
    const fn permits(self) -> u32 {
        match self {
            Self::Light => 1,
            Self::Heavy => 2,
            Self::Whole => PERMITS,
        }
    }
}

/// What a scenario came to.
type Outcome = Result<(), Trouble>;

/// A scenario: its name, and what is done on a cluster.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    load: Load,
    /// Whether it plans faults, which only the pocket cluster can have.
    is_pocket_only: bool,
    play: fn(&Runtime, &Stand) -> Outcome,
}

fn trial(runtime: &Arc<Runtime>, stands: &Arc<Stands>, scenario: Scenario) -> Trial {
    let (runtime, stands) = (Arc::clone(runtime), Arc::clone(stands));
    let name = format!("{}::{}", stands.name, scenario.name);
    Trial::test(name, move || {
        let stand = runtime.block_on(stands.take())?;
        let called = Instant::now();
        let share = runtime.block_on(MACHINE.acquire_many(scenario.load.permits()))?;
        let begun = Instant::now();
        let outcome = (scenario.play)(&runtime, &stand)
            .and_then(|()| runtime.block_on(stand.check_empty()))
            .map_err(|error| Failed::from(error.to_string()));
        times::note(&stands.name, scenario.name, begun - called, begun.elapsed());
        drop((share, stand));
        outcome
    })
}
