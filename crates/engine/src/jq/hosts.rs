//! A few hosts, kept for whoever needs one, and the search for the value that brings one down.

use std::{
    env,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use lockstep_core::{jq::Failure, transform::RejectionCode};
use tokio::sync::Semaphore;

use super::{
    ANSWERS_HELD_MAX, MEMORY_BYTES_MAX, VALUE_TIME_MAX,
    process::{Fault, HostProcess, Made, Unusable},
};
use crate::{error::EngineError, stage::problem};

/// Hosts that work at once; what they take of a machine is the application's as well.
const HOSTS_MAX: usize = 4;

/// Values of one page that may bring down their hosts; a program that does it more often does it always, and each costs
/// seconds.
const GUILTY_MAX: u32 = 20;

/// How long a page may take, all tries together.
const PAGE_TIME_MAX: Duration = Duration::from_mins(5);

/// Code of the problem that programs don't get anywhere.
const HOSTS_DOWN: &str = "R0210";
/// Code of the problem that no program can be run.
const NO_HOST: &str = "R0211";

/// Runs programs in jq. Clones share the same hosts, which end with the last one.
#[derive(Debug, Clone)]
pub struct JqHosts {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// What is started as a host; without it there are none.
    program: Option<PathBuf>,
    permits: Semaphore,
    idle: Mutex<Vec<HostProcess>>,
}

impl JqHosts {
    /// Hosts that are this program, the binary `lockstep`. None is started before it is needed.
    pub fn of(program: PathBuf) -> Self {
        Self::with(Some(program))
    }

    /// Hosts that are the program which runs here, which has to be the binary `lockstep`. Where the system doesn't say what that
    /// is, there are none.
    pub fn of_this_program() -> Self {
        if cfg!(target_os = "linux") {
            // The file that runs, whatever its name is now: another version may have taken its place.
            return Self::of(PathBuf::from("/proc/self/exe"));
        }
        Self::with(env::current_exe().ok())
    }

    /// No hosts: whoever needs one gets an error.
    pub fn none() -> Self {
        Self::with(None)
    }

    fn with(program: Option<PathBuf>) -> Self {
        let count = thread::available_parallelism().map_or(1, usize::from).min(HOSTS_MAX);
        let permits = Semaphore::new(count);
        Self { shared: Arc::new(Shared { program, permits, idle: Mutex::default() }) }
    }

    /// Runs a program for values; what it makes of each stands in the same order. A value that brings down its host, alone and
    /// again, is a failure like any other.
    ///
    /// # Errors
    /// [`EngineError::Halted`] when there is no host, or too many values bring theirs down.
    pub async fn run(&self, program: &str, values: &[Vec<u8>]) -> Result<Vec<Made>, EngineError> {
        let mut made = Vec::with_capacity(values.len());
        if values.is_empty() {
            return Ok(made);
        }
        let _permit =
            self.shared.permits.acquire().await.map_err(|closed| {
                EngineError::Bug(format!("the hosts for jq are gone: {closed}"))
            })?;
        let begun = Instant::now();
        let mut guilty_count = 0;
        // Behind a fault values go one by one, until the guilty one is found or proves to be none.
        let mut alone_left: usize = 0;
        let mut host = self.host(program).await?;
        let mut is_fresh = false;
        while let Some(rest) = values.get(made.len()..).filter(|rest| !rest.is_empty()) {
            let count = if alone_left > 0 { 1 } else { rest.len() };
            let Some(fault) = host.run(rest.get(..count).unwrap_or(rest), &mut made).await else {
                alone_left = alone_left.saturating_sub(1);
                is_fresh = false;
                continue;
            };
            host.kill().await;
            // A host may also be killed by somebody else, or wait for a machine that has no time. Only what brings down a host
            // that did nothing else is guilty.
            if alone_left > 0 && is_fresh {
                made.push(Err(failure(fault)));
                guilty_count += 1;
                alone_left = 0;
            } else {
                alone_left = ANSWERS_HELD_MAX;
            }
            if guilty_count > GUILTY_MAX || begun.elapsed() > PAGE_TIME_MAX {
                return Err(given_up(program, guilty_count));
            }
            host = self.started(program).await?;
            is_fresh = true;
        }
        self.idle().push(host);
        Ok(made)
    }

    /// Ends the hosts that are up and idle, and waits until they have ended.
    pub async fn end(&self) {
        loop {
            let Some(host) = self.idle().pop() else { return };
            host.kill().await;
        }
    }

    /// One that was left, or a new one.
    async fn host(&self, program: &str) -> Result<HostProcess, EngineError> {
        loop {
            let Some(mut host) = self.idle().pop() else { return self.started(program).await };
            // One that ended while nobody looked is no loss.
            if host.has_room(program) && host.take(program).await.is_ok() {
                return Ok(host);
            }
            host.kill().await;
        }
    }

    async fn started(&self, program: &str) -> Result<HostProcess, EngineError> {
        let Some(path) = &self.shared.program else {
            return Err(no_host("this process has no program for it"));
        };
        let started = HostProcess::start(path);
        let mut host = started.map_err(|error| no_host(&format!("{}: {error}", path.display())))?;
        match host.take(program).await {
            Ok(()) => Ok(host),
            Err(Unusable::NoHost(reason)) => Err(no_host(&format!("{}: {reason}", path.display()))),
            Err(Unusable::Program(reason)) => {
                let message = format!("a program in jq does not compile: {reason}");
                let hint = "take the version of Lockstep that made the plan, or correct the program and plan again";
                Err(EngineError::Halted(Box::new(problem(NO_HOST, message, hint))))
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<HostProcess>> {
        self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Silent => Failure::new(
            RejectionCode::JqTime,
            format!("the program takes longer than {} ms for it", VALUE_TIME_MAX.as_millis()),
        ),
        Fault::Down => Failure::new(
            RejectionCode::JqDown,
            format!(
                "the program brings down its process with it: it needs more than {} MiB of memory, or calls itself too deeply",
                MEMORY_BYTES_MAX >> 20
            ),
        ),
    }
}

fn given_up(program: &str, guilty_count: u32) -> EngineError {
    let front: String = program.trim().chars().take(60).collect();
    let message = format!(
        "a program in jq doesn't get through one page of documents: {guilty_count} of them brought down its process: `{front}`"
    );
    let hint = "correct the program: give the run up, mend the pack, start again";
    EngineError::Halted(Box::new(problem(HOSTS_DOWN, message, hint)))
}

fn no_host(reason: &str) -> EngineError {
    let message = format!("programs in jq can't be run: {reason}");
    let hint = "they run in processes of `lockstep` itself: see that it can be started, then run the same command again";
    EngineError::Halted(Box::new(problem(NO_HOST, message, hint)))
}
