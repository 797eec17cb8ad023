//! The application in containers behind the guard, on a real Docker engine of our own: the tag of the image is changed while
//! visitors write over HTTP, and no event that was acknowledged may be lost. At the end a table of the cases is printed.
//!
//! A trial is one case on one cluster, named `CLUSTER::CASE`; `cargo test --test docker -- pocket::` plays those of the
//! pocket cluster. They run one after the other. Needs `dockerd` and `docker` and the right to start an engine: root, as a rule.

#![expect(
    clippy::indexing_slicing,
    reason = "what is not in an answer is null there, which nothing expected equals"
)]

mod cases;

mod deploy;

mod example;

mod scene;

mod visitors;

mod oracle;

mod cluster;

mod engine;

mod table;

use std::{
    io::Write as _,
    path::Path,
    process::{Command, ExitCode},
    sync::Arc,
};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use crate::{
    cluster::{Stand, stands},
    engine::Engine,
    scene::{Ground, Scene},
};

/// What may go wrong in a case.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// A case: its name, whether it needs faults that only the pocket cluster can have, what is played, and the release that
/// has to be live in the end.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    is_pocket_only: bool,
    play: fn(&mut Scene<'_>) -> Result<(), Trouble>,
    live: &'static str,
}

fn main() -> std::io::Result<ExitCode> {
    match run() {
        Ok(code) => Ok(code),
        Err(error) => {
            writeln!(std::io::stderr(), "docker: {error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn run() -> Result<ExitCode, Trouble> {
    let mut arguments = Arguments::from_args();
    // There is one door for all containers: the machine's network.
    arguments.test_threads = Some(1);
    let ground = Arc::new(ground()?);
    let mut trials = Vec::new();
    for stand in stands(&ground.runtime)? {
        if stand.pocket.is_some() {
            trials.push(example(&ground, &stand));
        }
        for case in cases::cases() {
            if stand.pocket.is_some() || !case.is_pocket_only {
                trials.push(trial(&ground, &stand, case));
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    write!(std::io::stdout(), "{}", table::text())?;
    Ok(conclusion.exit_code())
}

/// An engine with the images of the application in it.
fn ground() -> Result<Ground, Trouble> {
    let engine = Engine::start().map_err(|error| {
        format!("this machine runs no Docker engine: {error}\nit takes dockerd and root; `./test quick` leaves it out")
    })?;
    let programs = lockstep_tests::programs::build(&["lockstep", "event-store"], "docker")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/compose/build");
    let built =
        Command::new(script).arg(&programs).env("DOCKER_HOST", engine.address()).output()?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        return Err(format!("the images can't be built: {said}").into());
    }
    Ok(Ground { runtime: Runtime::new()?, engine, programs })
}

fn example(ground: &Arc<Ground>, stand: &Arc<Stand>) -> Trial {
    let (ground, stand) = (Arc::clone(ground), Arc::clone(stand));
    let name = format!("{}::example with compose", stand.cluster.name);
    Trial::test(name, move || {
        example::play(&ground, &stand).map_err(|error| Failed::from(error.to_string()))
    })
}

fn trial(ground: &Arc<Ground>, stand: &Arc<Stand>, case: Case) -> Trial {
    let (ground, stand) = (Arc::clone(ground), Arc::clone(stand));
    let name = format!("{}::{}", stand.cluster.name, case.name);
    let Case { name: case, is_pocket_only: _, play, live } = case;
    Trial::test(name, move || {
        let play = || -> Result<(), Trouble> {
            let mut scene = Scene::begin(&ground, &stand, case)?;
            play(&mut scene)?;
            table::add(scene.end(live)?);
            Ok(())
        };
        play().map_err(|error| Failed::from(error.to_string()))
    })
}
