//! One copy by Lockstep in a process of its own, so that its processor time and its peak memory are its own.
//!
//! The copy is the real one: a whole `upgrade`, stopped when the run leaves its copying stage. Clock and processor time run
//! from entering that stage to leaving it; the survey, making targets and everything after are not measured.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use clap::ValueEnum;
use lockstep_core::{
    plan::{model::Limits, tenants::TenantChoice},
    run::state::RunState,
};
use lockstep_elastic::{Cluster, Connection};
use lockstep_engine::{
    EngineError, JqHosts, Session,
    report::{Event, Reporter},
    session::{Ending, Wish},
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::{
    application::{Step, VERSION_FROM, pack},
    arguments::{Bounds, WorkerOptions},
    error::BenchError,
    process,
};

/// Names the cluster to the worker: an address may hold a password, which arguments would show to everybody.
const CLUSTER_VARIABLE: &str = "LOCKSTEP_BENCH_CLUSTER";

/// What a worker measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Documents that were read and written.
    pub(crate) documents: u64,
    /// Bytes of their sources.
    pub(crate) bytes: u64,
    /// Time from the first to the last moment of copying.
    pub(crate) seconds: f64,
    /// Processor time of the process meanwhile.
    pub(crate) cpu_seconds: f64,
    /// The most memory that the process ever had, in bytes.
    pub(crate) peak_bytes: u64,
    /// Time that comparing both sets took, where it was asked for.
    pub(crate) compare_seconds: Option<f64>,
    /// Time from the run's beginning to the end of that comparison.
    pub(crate) whole_seconds: Option<f64>,
}

/// How far a worker goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// Everything is copied.
    Copied,
    /// Both sets were compared as a whole.
    Compared,
}

/// Lets a worker copy on a cluster that holds the source.
pub(crate) async fn measure(
    address: &str,
    bounds: &Bounds,
    (until, step): (Until, Step),
) -> Result<Outcome, BenchError> {
    let mut arguments = bounds.arguments();
    match step {
        Step::Operation => {}
        Step::Script => arguments.push("--step=script".to_owned()),
        Step::Chain => arguments.push("--step=chain".to_owned()),
        Step::Unchanged => arguments.push("--step=unchanged".to_owned()),
        Step::UnchangedCopied => arguments.push("--step=unchanged-copied".to_owned()),
    }
    if until == Until::Compared {
        arguments.push("--until=compared".to_owned());
    }
    let mut worker = Offspring::start("worker", &arguments, Some(address))?;
    let line = worker.first_line().await?;
    serde_json::from_str(&line)
        .map_err(|error| BenchError::Bug(format!("the worker said {line:?}, {error}")))
}

/// The worker itself.
pub(crate) async fn serve(options: &WorkerOptions) -> Result<(), BenchError> {
    let address = env::var(CLUSTER_VARIABLE)
        .map_err(|error| BenchError::Bug(format!("{CLUSTER_VARIABLE}: {error}")))?;
    let stop = CancellationToken::new();
    stop_with_parent(stop.clone());
    let watch =
        Arc::new(Stopwatch { stop: stop.clone(), until: options.until, times: Mutex::default() });
    let session = Session {
        cluster: Cluster::new(Connection::parse(&address)?)?,
        jq: JqHosts::none(),
        reporter: Arc::<Stopwatch>::clone(&watch),
        stop,
        databases: lockstep_engine::Databases::unknown(),
    };
    let version =
        |text: &str| text.parse().map_err(|error| BenchError::Bug(format!("{text}: {error}")));
    let clone_documents_min = if options.step == Step::Unchanged { 1 } else { u64::MAX };
    let wish = Wish {
        to: version(options.step.version_to())?,
        from: Some(version(VERSION_FROM)?),
        tenants: TenantChoice::All,
        limits: Limits { clone_documents_min, ..options.bounds.limits() },
        // It is stopped before the switch, whatever happens.
        is_held: true,
        documents_per_second_max: None,
        snapshot: None,
    };
    let ended = session.upgrade(&pack(options.step)?, &wish).await;
    let times = watch.times.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let outcome = match (ended, times.outcome) {
        (Err(EngineError::Interrupted), Some(Ok(outcome))) => outcome,
        (_, Some(Err(reason))) => return Err(BenchError::Bug(reason)),
        (Err(EngineError::Refused { plan }), _) => {
            let findings: Vec<String> =
                plan.findings.iter().map(|finding| format!("{finding:?}")).collect();
            return Err(BenchError::Wrong {
                method: "lockstep".to_owned(),
                reason: findings.join("; "),
            });
        }
        (Err(error), _) => return Err(error.into()),
        (
            Ok(
                Ending::Minor { .. }
                | Ending::Switched { .. }
                | Ending::Aborted { .. }
                | Ending::Returned { .. },
            ),
            _,
        ) => {
            return Err(BenchError::Bug("the run was not stopped where it should be".to_owned()));
        }
    };
    let line =
        serde_json::to_string(&outcome).map_err(|error| BenchError::Bug(error.to_string()))?;
    writeln!(io::stdout(), "{line}").map_err(BenchError::system("the result can't be told"))
}

/// Cancels when whoever started this process is gone: its end of our input closes then.
pub(crate) fn stop_with_parent(stop: CancellationToken) {
    thread::spawn(move || {
        let mut rest = Vec::new();
        // Whatever ends the input, nobody is there any more.
        drop(io::stdin().read_to_end(&mut rest));
        stop.cancel();
    });
}

/// Listens to the run, takes the times of its copying stage, and stops it behind that.
struct Stopwatch {
    stop: CancellationToken,
    until: Until,
    times: Mutex<Times>,
}

#[derive(Debug, Clone, Default)]
struct Times {
    begun: Option<(Instant, f64)>,
    run_begun: Option<Instant>,
    compare_begun: Option<Instant>,
    documents: u64,
    bytes: u64,
    outcome: Option<Result<Outcome, String>>,
}

impl Times {
    fn finish(&self) -> Result<Outcome, BenchError> {
        let (begun, cpu_before) = self
            .begun
            .ok_or_else(|| BenchError::Bug("copying ended before it began".to_owned()))?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Outcome {
            documents: self.documents,
            bytes: self.bytes,
            seconds,
            cpu_seconds: process::cpu_seconds("self")? - cpu_before,
            peak_bytes: process::peak_bytes()?,
            compare_seconds: None,
            whole_seconds: None,
        })
    }
}

impl Reporter for Stopwatch {
    fn report(&self, event: Event) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Entered { state: RunState::Preparing, .. } => {
                times.run_begun.get_or_insert_with(Instant::now);
            }
            Event::Entered { state: RunState::Copying { .. }, .. } => {
                times.begun = process::cpu_seconds("self").ok().map(|cpu| (Instant::now(), cpu));
            }
            Event::Entered { state: RunState::Settling { .. }, .. } => {
                times.outcome = Some(times.finish().map_err(|error| error.to_string()));
                if self.until == Until::Copied {
                    self.stop.cancel();
                }
            }
            Event::Entered { state: RunState::Verifying { .. }, .. } => {
                times.compare_begun.get_or_insert_with(Instant::now);
            }
            Event::Entered { state: RunState::Holding { .. }, .. } => {
                let since =
                    |begun: Option<Instant>| begun.map(|begun| begun.elapsed().as_secs_f64());
                let (compare, whole) = (since(times.compare_begun), since(times.run_begun));
                if let Some(Ok(outcome)) = &mut times.outcome {
                    (outcome.compare_seconds, outcome.whole_seconds) = (compare, whole);
                }
                self.stop.cancel();
            }
            Event::Progress(progress) if progress.stage == "copying" => {
                times.documents = progress.done;
                times.bytes = progress.bytes;
            }
            _ => {}
        }
    }
}

/// A process of this program that was started by this program. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Offspring {
    name: &'static str,
    child: Child,
}

impl Offspring {
    /// Starts this program with other arguments.
    pub(crate) fn start(
        name: &'static str,
        arguments: &[String],
        address: Option<&str>,
    ) -> Result<Self, BenchError> {
        let program = env::current_exe()
            .map_err(BenchError::system("where this program is can't be told"))?;
        let mut command = Command::new(program);
        command.arg(name).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(address) = address {
            command.env(CLUSTER_VARIABLE, address);
        }
        let child = command
            .spawn()
            .map_err(BenchError::system(format!("the {name} process can't be started")))?;
        Ok(Self { name, child })
    }

    /// Waits for the first line that it says. One that ends without a word has failed.
    pub(crate) async fn first_line(&mut self) -> Result<String, BenchError> {
        let name = self.name;
        let heard =
            self.child.stdout.take().ok_or_else(|| {
                BenchError::Bug(format!("the {name} process was listened to twice"))
            })?;
        let listening = spawn_blocking(move || read_line(heard));
        let line = listening
            .await
            .map_err(|error| BenchError::Bug(error.to_string()))?
            .map_err(BenchError::system(format!("the {name} process can't be heard")))?;
        if !line.is_empty() {
            return Ok(line);
        }
        let status =
            self.child.wait().map_err(BenchError::system(format!("the {name} process is lost")))?;
        Err(BenchError::Process { name, reason: format!("ended with {status}") })
    }
}

fn read_line(heard: ChildStdout) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(heard).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

impl Drop for Offspring {
    fn drop(&mut self) {
        // One that has ended already can't be killed, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
