//! `guard`: what a guard adds to a start that has nothing to wait for, and how long it takes from a changed tag to a started
//! application when the run is ready.

use std::{
    env,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lockstep_core::{
    pack::{PackFiles, model::Pack},
    run::state::RunState,
};
use lockstep_demo::{SeedOptions, pack_files, seed};
use lockstep_engine::{
    EngineError, pack_folder,
    session::{Ending, Wish},
    status::status,
};
use serde::Serialize;
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    arguments::GuardOptions,
    copy::{after_cleaning, field::Field, until_stopped},
    error::BenchError,
    fence::{self, APPLICATION, parts},
    process,
    report::{self, tell},
    scene::spread,
};

/// What stands for the application: it does nothing.
const PROGRAM: &str = "true";
/// How often a guard is looked at while it works.
const LOOK_TIME: Duration = Duration::from_micros(500);

/// What `guard` found. Times are in milliseconds: median, smallest, largest.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GuardResults {
    engine: String,
    core_count: usize,
    load_average: [f64; 2],
    tenants: u32,
    documents: u64,
    /// A program without a guard.
    bare_ms: [f64; 3],
    /// The same program behind a guard, started in turn with it.
    guarded_ms: [f64; 3],
    /// What the guard adds.
    added_ms: [f64; 3],
    /// From the start of a guard of the new version, while the run holds, to the end of the program behind it.
    started_ms: [f64; 3],
    /// The fence of the same runs.
    fence_ms: [f64; 3],
    /// One divided by the other.
    times_the_fence: [f64; 3],
    /// The most memory that a guard had resident, in megabytes; files of the program's own included.
    peak_megabytes: f64,
}

/// Two starts, one after the other.
#[derive(Debug, Clone, Copy)]
struct Start {
    bare_ms: f64,
    guarded_ms: f64,
}

/// A switch by a guard.
#[derive(Debug, Clone, Copy)]
struct Switch {
    started_ms: f64,
    fence_ms: f64,
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: GuardOptions) -> Result<GuardResults, BenchError> {
    let field = Field::at(&options.cluster).await?;
    fence::refuse_leftovers(&field).await?;
    let outcome = Box::pin(until_stopped(measure(&field, &options))).await?;
    tell("removing what was made");
    after_cleaning(fence::remove(&field, options.tenants).await, outcome)
}

async fn measure(field: &Field, options: &GuardOptions) -> Result<GuardResults, BenchError> {
    let guard = Guard { program: program()?, address: field.address.clone() };
    let pack = pack_folder::check(&PackFiles { files: pack_files() })?;
    let load_before = process::load_average()?;
    let (mut starts, mut switches, mut peak) = (Vec::new(), Vec::new(), 0);
    for round in 1..=options.rounds {
        let (tenants, documents) = (options.tenants, options.documents);
        seed(&field.address, &SeedOptions { tenants, documents, ..SeedOptions::default() }).await?;
        let (switch, bytes) = Box::pin(switch(field, &pack, &guard)).await?;
        tell(&format!(
            "round {round} of {}: started {:.0} ms after the tag was changed, fence {:.0} ms",
            options.rounds, switch.started_ms, switch.fence_ms
        ));
        switches.push(switch);
        peak = peak.max(bytes);
        for _ in 0..options.starts {
            starts.push(start(&guard).await?);
        }
        fence::remove(field, tenants).await?;
    }
    Ok(GuardResults {
        engine: field.engine.clone(),
        core_count: process::core_count(),
        load_average: [load_before, process::load_average()?],
        tenants: options.tenants,
        documents: options.documents,
        bare_ms: spread(&starts, |start| start.bare_ms),
        guarded_ms: spread(&starts, |start| start.guarded_ms),
        added_ms: spread(&starts, |start| start.guarded_ms - start.bare_ms),
        started_ms: spread(&switches, |switch| switch.started_ms),
        fence_ms: spread(&switches, |switch| switch.fence_ms),
        times_the_fence: spread(&switches, |switch| switch.started_ms / switch.fence_ms.max(1.0)),
        peak_megabytes: report::float(peak) / 1e6,
    })
}

/// A run that holds, a guard of its version, and whoever held it makes the switch.
async fn switch(field: &Field, pack: &Pack, guard: &Guard) -> Result<(Switch, u64), BenchError> {
    let session = fence::session(field);
    let wish = Wish { is_held: true, ..fence::wish()? };
    let upgrading = async {
        match session.upgrade(pack, &wish).await {
            Ok(Ending::Switched { run, .. }) => Ok(run.switch.unwrap_or_default()),
            Ok(other) => Err(BenchError::Bug(format!("the run ended like this: {other:?}"))),
            Err(EngineError::Refused { plan }) => {
                let reason = format!("{:?}", plan.findings);
                Err(BenchError::Wrong { method: "lockstep".to_owned(), reason })
            }
            Err(error) => Err(error.into()),
        }
    };
    let changing = async {
        loop {
            let run = status(&field.cluster, APPLICATION).await?.run;
            if run.is_some_and(|run| matches!(run.record.state, RunState::Holding { .. })) {
                break;
            }
            sleep(LOOK_TIME).await;
        }
        guard.start("2.0").await
    };
    let (times, (started_ms, peak)) = tokio::try_join!(Box::pin(upgrading), changing)?;
    let fence_ms = parts(&times).iter().map(|(_, milliseconds)| milliseconds).sum();
    Ok((Switch { started_ms, fence_ms }, peak))
}

async fn start(guard: &Guard) -> Result<Start, BenchError> {
    let (bare_ms, _) = timed(Command::new(PROGRAM)).await?;
    let (guarded_ms, _) = guard.start("2.0.1").await?;
    Ok(Start { bare_ms, guarded_ms })
}

/// A guard of the demo's application.
struct Guard {
    program: PathBuf,
    address: String,
}

impl Guard {
    /// Starts one, and gives the time until what it started has ended, and the most memory that it had.
    async fn start(&self, version: &str) -> Result<(f64, u64), BenchError> {
        let mut command = Command::new(&self.program);
        command.args(["guard", "--version", version, "--application", APPLICATION]);
        command.args(["--cluster", &self.address, "--", PROGRAM]).stderr(Stdio::null());
        timed(command).await
    }
}

/// Runs a program to its end. Its memory is looked at until it becomes another program.
async fn timed(mut command: Command) -> Result<(f64, u64), BenchError> {
    let running = spawn_blocking(move || {
        let failed =
            |source| BenchError::System { what: "a program can't be run".to_owned(), source };
        let begun = Instant::now();
        let mut child = command.spawn().map_err(failed)?;
        let process = child.id().to_string();
        let mut peak = 0;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break status;
            }
            // One that has just ended has no memory any more, and one that becomes another program has next to none while it
            // still has its old name.
            let seen = process::peak_bytes_of(&process, "lockstep").unwrap_or(None);
            peak = peak.max(seen.unwrap_or_default());
            std::thread::sleep(LOOK_TIME);
        };
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        if status.success() {
            return Ok((milliseconds, peak));
        }
        Err(BenchError::Process { name: "guard", reason: format!("ended with {status}") })
    });
    running.await.map_err(|error| BenchError::Bug(error.to_string()))?
}

/// The program `lockstep` beside this one, built alike.
fn program() -> Result<PathBuf, BenchError> {
    let own = env::current_exe()
        .map_err(BenchError::system("this program's own file can't be told".to_owned()))?;
    let program = own.with_file_name("lockstep");
    match Path::try_exists(&program) {
        Ok(true) => Ok(program),
        Ok(false) | Err(_) => Err(BenchError::Process {
            name: "lockstep",
            reason: format!("is not built: it belongs at {}", program.display()),
        }),
    }
}

impl GuardResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let [before, after] = self.load_average;
        let mut text = format!(
            "{}: {} documents of {} tenants; {} cores, load average {before} before, {after} after\nmilliseconds: median, smallest, largest\n\n",
            self.engine, self.documents, self.tenants, self.core_count
        );
        let rows = [
            ("start without a guard", self.bare_ms),
            ("start behind a guard", self.guarded_ms),
            ("added by the guard", self.added_ms),
            ("from the tag to the start", self.started_ms),
            ("fence of these runs", self.fence_ms),
            ("times the fence", self.times_the_fence),
        ];
        for (name, [median, least, most]) in rows {
            writeln!(text, "{name:<28}{median:>10.1}{least:>10.1}{most:>10.1}")
                .expect("writing to a String cannot fail");
        }
        writeln!(text, "\nmost memory of a guard: {:.1} MB", self.peak_megabytes)
            .expect("writing to a String cannot fail");
        report::write(&text)
    }
}
