//! `lockstep upgrade` as a process that is listened to while it runs, and killed with SIGKILL at a [`Moment`].

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Seek as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    moment::Moment,
    stand::{Stand, Trouble},
};

/// An upgrade of little data takes seconds, on a machine that is busy with others more than a minute. One that lives much
/// longer is stuck.
const LIFE_MAX: Duration = Duration::from_mins(5);
/// How many characters of what it said at last stand in an error.
const LAST_WORDS_MAX: usize = 2_000;
/// How many of its last events stand in an error, progress left out.
const LAST_EVENTS_MAX: usize = 30;

/// What became of a driver.
#[derive(Debug)]
pub(crate) struct End {
    /// Whether it was killed; else it ended well by itself.
    pub(crate) was_killed: bool,
    /// The states that it announced, each with the time until the next one or the end.
    pub(crate) states: Vec<(String, Duration)>,
    /// How long it lived.
    pub(crate) life: Duration,
    /// The last event that it told.
    pub(crate) last: Value,
}

/// A driver. It is ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Victim {
    child: Child,
    begun: Instant,
    events: Receiver<(Instant, Value)>,
    /// Ends when the process does: its output is closed then.
    listener: Option<JoinHandle<()>>,
    errors: File,
}

impl Victim {
    pub(crate) fn start(program: &Path, stand: &Stand) -> Result<Self, Trouble> {
        let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pack");
        let errors = tempfile::tempfile()?;
        let mut child = Command::new(program)
            .args(["upgrade", "--to", "2.0", "--json", "--cluster", &stand.cluster.url, "--pack"])
            .arg(pack)
            // So that one is killed while it clones, too.
            .args(["--clone-from", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone()?)
            .spawn()?;
        let begun = Instant::now();
        let output = child.stdout.take().ok_or("no output")?;
        let (sender, events) = mpsc::channel();
        let listener = thread::spawn(move || listen(output, &sender));
        Ok(Self { child, begun, events, listener: Some(listener), errors })
    }

    /// Lets it live until a moment, or until it ends well by itself.
    ///
    /// # Errors
    /// When it ends in any other way, or doesn't end.
    pub(crate) fn live_until(mut self, moment: Moment) -> Result<End, Trouble> {
        let limit = self.begun + LIFE_MAX;
        let mut kill_at = match moment {
            Moment::Started { after } => Some(self.begun + after),
            Moment::Entered { .. } | Moment::Never => None,
        };
        let mut entered: Vec<(Instant, String)> = Vec::new();
        let mut told = Told::default();
        loop {
            let now = Instant::now();
            if kill_at.is_some_and(|kill_at| kill_at <= now) {
                self.child.kill()?;
                break;
            }
            if now >= limit {
                return Err(format!(
                    "a driver lives for more than {} s; last it told {told}",
                    LIFE_MAX.as_secs()
                )
                .into());
            }
            let wait = kill_at.unwrap_or(limit).min(limit) - now;
            match self.events.recv_timeout(wait) {
                Ok((at, event)) => {
                    if let Some(state) = announced(&event) {
                        if let Moment::Entered { state: wanted, after } = moment
                            && state == wanted
                        {
                            kill_at.get_or_insert(at + after);
                        }
                        entered.push((at, state.to_owned()));
                    }
                    told.add(event);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.child.wait()?;
        let died = Instant::now();
        self.join();
        // What it told between the order to kill it and its end.
        for (at, event) in self.events.try_iter() {
            entered.extend(announced(&event).map(|state| (at, state.to_owned())));
            told.add(event);
        }
        let was_killed = self.was_killed(status, &told)?;
        let nexts = entered.iter().skip(1).map(|(at, _)| *at).chain([died]);
        let states = entered
            .iter()
            .zip(nexts)
            .map(|((at, state), next)| (state.clone(), next.saturating_duration_since(*at)))
            .collect();
        Ok(End { was_killed, states, life: died - self.begun, last: told.last })
    }

    /// Told by the exit status: the order to kill can come when it has just ended.
    fn was_killed(&mut self, status: ExitStatus, told: &Told) -> Result<bool, Trouble> {
        /// Nothing else on the machine has a reason to send it.
        const SIGKILL: i32 = 9;
        if status.success() || status.signal() == Some(SIGKILL) {
            return Ok(!status.success());
        }
        let mut words = String::new();
        self.errors.rewind()?;
        self.errors.read_to_string(&mut words)?;
        let skipped = words.chars().count().saturating_sub(LAST_WORDS_MAX);
        let words: String = words.chars().skip(skipped).collect();
        Err(format!(
            "a driver ended by itself with {status}; last it told {told}; it said: {words}"
        )
        .into())
    }

    fn join(&mut self) {
        if let Some(listener) = self.listener.take() {
            // It can't panic: it reads lines and sends them.
            drop(listener.join());
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // An error means that it is over already.
        drop(self.child.kill());
        drop(self.child.wait());
        self.join();
    }
}

/// What a driver told at last.
#[derive(Debug, Default)]
struct Told {
    last: Value,
    /// Without progress, of which there is too much.
    some: VecDeque<Value>,
}

impl Told {
    fn add(&mut self, event: Value) {
        if event["event"] != "progress" {
            self.some.push_back(event.clone());
            if self.some.len() > LAST_EVENTS_MAX {
                self.some.pop_front();
            }
        }
        self.last = event;
    }
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, and before", self.last)?;
        self.some.iter().try_for_each(|event| write!(formatter, "\n    {event}"))
    }
}

/// Hands on every line that is whole; the kill may tear the last one.
fn listen(output: ChildStdout, events: &mpsc::Sender<(Instant, Value)>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let at = Instant::now();
        if let Ok(event) = serde_json::from_str(&line)
            && events.send((at, event)).is_err()
        {
            return;
        }
    }
}

/// The state that an event announces.
fn announced(event: &Value) -> Option<&str> {
    (event["event"] == "entered").then(|| event["state"].as_str()).flatten()
}
