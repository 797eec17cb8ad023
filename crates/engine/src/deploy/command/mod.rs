//! Runs a command in a process group of its own, bounded in time and output. What it says is told line by line. When it takes too
//! long, or somebody asks to stop, the whole group is killed.

use std::{
    collections::VecDeque,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{Child, Command as Process},
    time::{self, timeout},
};

use super::{DeployProblem, Listener, Trouble};
use crate::error::EngineError;

/// Lines that are told; what comes after them is read and dropped.
const LINES_TOLD_MAX: usize = 200;
/// Lines that stand in an error.
const LINES_LAST_MAX: usize = 5;
/// Bytes of a line that are kept; a longer one is told in parts.
const LINE_BYTES_MAX: u64 = 2_000;
/// How long what it left running may go on to say something once it has ended.
const ECHO_TIME: Duration = Duration::from_millis(500);

/// A command and its arguments; no shell takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments; at least one word.
    pub words: Vec<String>,
    /// Where it runs; where Lockstep runs when nothing is said.
    pub folder: Option<PathBuf>,
    /// How long it may take.
    pub time_limit: Duration,
}

impl Command {
    /// Runs it with these variables.
    ///
    /// # Errors
    /// [`EngineError::Deploy`] when it can't be started, fails or takes too long, [`EngineError::Interrupted`] when somebody
    /// asked to stop.
    pub(super) async fn run(
        &self,
        variables: &[(&str, &str)],
        listener: &Listener,
    ) -> Result<(), EngineError> {
        let mut group = Group { child: self.start(variables)? };
        let (output, errors) = (group.child.stdout.take(), group.child.stderr.take());
        let mut said = Said::default();
        let (mut output, mut errors) = (Pipe::new(output), Pipe::new(errors));
        let ended = {
            let running = async {
                loop {
                    tokio::select! {
                        line = output.next_line() => said.take(line, listener),
                        line = errors.next_line() => said.take(line, listener),
                        status = group.child.wait() => return status,
                    }
                }
            };
            tokio::select! {
                status = running => Ended::By(status.map_err(|error| self.not_started(&error))?),
                () = time::sleep(self.time_limit) => Ended::Late,
                () = listener.stop.cancelled() => Ended::Stopped,
            }
        };
        if let Ended::By(_) = &ended {
            // What was said at last is in the pipes; what it left running may hold them open.
            let rest = async {
                while output.reader.is_some() || errors.reader.is_some() {
                    tokio::select! {
                        line = output.next_line() => said.take(line, listener),
                        line = errors.next_line() => said.take(line, listener),
                    }
                }
            };
            // Whoever still holds them open has nothing to do with the outcome.
            drop(timeout(ECHO_TIME, rest).await);
        } else {
            group.kill().await;
        }
        self.outcome(&ended, &said)
    }

    fn start(&self, variables: &[(&str, &str)]) -> Result<Child, EngineError> {
        let (program, arguments) =
            self.words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let mut command = Process::new(program);
        command
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        Ok(command.spawn().map_err(|error| self.not_started(&error))?)
    }

    fn not_started(&self, error: &std::io::Error) -> DeployProblem {
        DeployProblem::new(
            Trouble::NotStarted,
            format!("`{}` can't be run: {error}", self.words.join(" ")),
            "look whether the program is there, and whether it may be run",
        )
    }

    fn outcome(&self, ended: &Ended, said: &Said) -> Result<(), EngineError> {
        let command = self.words.join(" ");
        match ended {
            Ended::By(status) if status.success() => Ok(()),
            Ended::By(status) => Err(DeployProblem::new(
                Trouble::Failed,
                format!("`{command}` ended with {status}{}", said.last()),
                "look at what it says, mend it, and give the same command again",
            )
            .into()),
            Ended::Late => Err(DeployProblem::new(
                Trouble::TooLong,
                format!(
                    "`{command}` took longer than {:?}; it was killed with all that it had started{}",
                    self.time_limit,
                    said.last()
                ),
                "look why it hangs, or raise `time_limit`; then give the same command again",
            )
            .into()),
            Ended::Stopped => Err(EngineError::Interrupted),
        }
    }
}

/// How a command ended.
enum Ended {
    By(ExitStatus),
    Late,
    Stopped,
}

/// A process that leads a group. The group is killed when it is dropped while the process lives.
struct Group {
    child: Child,
}

impl Group {
    /// Kills the process and all that it started, and waits for its end.
    async fn kill(&mut self) {
        self.signal();
        // It can't refuse; an error means that it is over.
        drop(self.child.wait().await);
    }

    fn signal(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // An error means that the group is gone.
        if let Some(id) = id
            && let Err(error) = kill_process_group(id, Signal::KILL)
        {
            tracing::debug!(%error, "the process group is gone already");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal();
    }
}

/// What a command writes to, and the line that has begun there.
struct Pipe<P> {
    /// `None` once it is closed.
    reader: Option<BufReader<P>>,
    begun: Vec<u8>,
}

impl<P: AsyncRead + Unpin> Pipe<P> {
    fn new(pipe: Option<P>) -> Self {
        Self { reader: pipe.map(BufReader::new), begun: Vec::new() }
    }

    /// The next line, or what fits; `None` at the end. Waits for ever where there is nothing to read. May be dropped at any
    /// time: what was read of a line is kept.
    async fn next_line(&mut self) -> Option<String> {
        let Some(reader) = &mut self.reader else { return std::future::pending().await };
        let room = LINE_BYTES_MAX.saturating_sub(self.begun.len() as u64);
        match reader.take(room).read_until(b'\n', &mut self.begun).await {
            Ok(length) if length > 0 => {}
            // What can't be read any more is at its end.
            Ok(_) | Err(_) if self.begun.is_empty() => self.reader = None,
            Ok(_) | Err(_) => {}
        }
        self.reader.as_ref()?;
        let line = String::from_utf8_lossy(&self.begun).trim_end().to_owned();
        self.begun.clear();
        Some(line)
    }
}

/// What a command said.
#[derive(Default)]
struct Said {
    told: usize,
    last: VecDeque<String>,
}

impl Said {
    fn take(&mut self, line: Option<String>, listener: &Listener) {
        let Some(line) = line.filter(|line| !line.is_empty()) else { return };
        self.told += 1;
        if self.told <= LINES_TOLD_MAX {
            listener.tell(format!("  {line}"));
        } else if self.told == LINES_TOLD_MAX + 1 {
            listener.tell("  …".to_owned());
        }
        self.last.push_back(line);
        if self.last.len() > LINES_LAST_MAX {
            self.last.pop_front();
        }
    }

    fn last(&self) -> String {
        if self.last.is_empty() {
            return "; it said nothing".to_owned();
        }
        let lines: Vec<&str> = self.last.iter().map(String::as_str).collect();
        format!("; it said at last: {}", lines.join(" / "))
    }
}

#[cfg(test)]
mod tests;
