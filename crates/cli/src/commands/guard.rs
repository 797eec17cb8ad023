//! `lockstep guard`: stands before an application in its container. It waits until the application may start, and becomes it.

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clap::{Args, builder::BoolishValueParser};
use jiff::SignedDuration;
use lockstep_core::{pack::model::Pack, version::Version};
use lockstep_elastic::{Cluster, Connection, RetryBounds, Timeouts};
use lockstep_engine::{
    EngineError, Session,
    admission::{AdmissionWish, Admitted, News},
    pack_folder,
    report::{Event, Reporter},
};
use serde_json::json;

use super::{Context, open_pack};
use crate::{
    connection::connection,
    error::CommandError,
    exit::Exit,
    progress::Teller,
    render::guard::{admitted_line, news_line},
    signals::StopSignal,
    ui::Ui,
};

/// Bounds for somebody who asks again and again: one that hangs is given up soon.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    request: Duration::from_secs(10),
    transfer: Duration::from_secs(10),
};

/// Flags of `lockstep guard`.
#[derive(Debug, Args)]
#[command(long_about = "\
Start an application once its data is live: as the entrypoint of its container, before its command

The guard compares the version that wants to start with the one whose data is live. The same data: it starts at once. A newer \
one with a run that is ready: exactly one guard makes the switch, and all start after it. A run that is not ready: it waits. No \
run, or an older version: it refuses, and says what to type. A way back that is under way is waited for, and so is a cluster \
that can't be reached. Then the guard becomes the command: signals and exit codes are the command's own.

Without a pack (--pack) it can't make a switch that nobody else drives; without --application it reads the pack at every start.")]
pub(crate) struct GuardArguments {
    /// Version of the application that wants to start, as a rule its image's tag
    #[arg(long, value_name = "VERSION", env = "LOCKSTEP_VERSION", hide_env_values = true)]
    version: Version,
    /// Name of the application; its pack says it as well
    #[arg(long, value_name = "NAME", env = "LOCKSTEP_APPLICATION", hide_env_values = true)]
    application: Option<String>,
    /// Folder of the application's pack, for a switch or an upgrade that nobody else drives
    #[arg(long, value_name = "DIR", env = "LOCKSTEP_PACK", hide_env_values = true)]
    pack: Option<PathBuf>,
    /// End with 0 once the application may start, instead of starting it: for an init container
    #[arg(long, conflicts_with = "command")]
    check: bool,
    /// Do the whole upgrade where no run leads to this version
    #[arg(long, env = "LOCKSTEP_AUTO", hide_env_values = true, value_parser = BoolishValueParser::new())]
    auto: bool,
    /// Start where the cluster has nothing of the application yet, and note this version as the live one
    #[arg(long, env = "LOCKSTEP_FIRST_START", hide_env_values = true, value_parser = BoolishValueParser::new())]
    first_start: bool,
    /// Version that is live, where neither the journal nor the cluster's indices tell
    #[arg(long, value_name = "VERSION")]
    live: Option<Version>,
    /// How long to wait at the most, such as 30m or 90s; without it there is no limit
    #[arg(long, value_name = "TIME", env = "LOCKSTEP_WAIT_MAX", hide_env_values = true, value_parser = wait_max)]
    wait_max: Option<Duration>,
    /// The command that starts the application, after `--`
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "check")]
    command: Vec<OsString>,
}

/// A time, as people write it.
fn wait_max(text: &str) -> Result<Duration, String> {
    let time = text.parse::<SignedDuration>().map_err(|error| error.to_string())?;
    Duration::try_from(time).map_err(|_negative| "a time to wait can't be negative".to_owned())
}

/// Waits, and becomes the application.
pub(crate) async fn run(
    arguments: &GuardArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = match (&arguments.application, &arguments.pack) {
        (Some(name), _) => name.clone(),
        (None, Some(folder)) => open_pack(folder)?.name,
        (None, None) => {
            return Err(CommandError::Usage {
                message: "nothing says which application this is".to_owned(),
                hint: "give --application NAME or --pack DIR, or LOCKSTEP_APPLICATION or LOCKSTEP_PACK",
            });
        }
    };
    if arguments.auto && arguments.pack.is_none() {
        return Err(CommandError::Usage {
            message: "--auto needs the application's pack".to_owned(),
            hint: "give --pack DIR or LOCKSTEP_PACK",
        });
    }
    let wish = AdmissionWish {
        application,
        version: arguments.version.clone(),
        live: arguments.live.clone(),
        is_first_start: arguments.first_start,
        is_auto: arguments.auto,
        wait_max: arguments.wait_max,
    };
    let outcome = Box::pin(wait(arguments, context, &wish)).await;
    if let Some(signal) = context.stop_signal.get().copied() {
        return stopped(context, &wish, signal);
    }
    tell_admitted(context, &wish, &outcome?, arguments.check)?;
    match arguments.command.split_first() {
        None => Ok(Exit::Done),
        Some((program, words)) => Ok(become_command(program, words)?),
    }
}

/// Waits until the application may start.
async fn wait(
    arguments: &GuardArguments,
    context: &Context,
    wish: &AdmissionWish,
) -> Result<Admitted, CommandError> {
    let connection: Connection = connection(&context.global.cluster)?;
    let impatient = connection.clone().with_retry(RetryBounds::once()).with_timeouts(TIMEOUTS);
    let looking = Cluster::new(impatient).map_err(EngineError::from)?;
    let cluster = Cluster::new(connection).map_err(EngineError::from)?;
    let reporter = Arc::new(LateTeller::new(&context.ui));
    let session =
        Session { reporter: Arc::<LateTeller>::clone(&reporter), ..context.quiet_session(cluster) };
    let folder = arguments.pack.clone();
    let read = move || -> Result<Pack, EngineError> {
        pack_folder::check(&pack_folder::read(folder.as_deref().unwrap_or(".".as_ref()))?)
    };
    let source: Option<&(dyn Fn() -> Result<Pack, EngineError> + Send + Sync)> =
        if arguments.pack.is_some() { Some(&read) } else { None };
    let ui = context.ui.clone();
    let tell = |news: &News| tell_news(&ui, wish, news);
    let outcome = session.admit(&looking, source, wish, &tell).await;
    reporter.finish();
    // The application would have to bury them.
    context.jq.end().await;
    Ok(outcome?)
}

fn tell_news(ui: &Ui, wish: &AdmissionWish, news: &News) {
    if ui.is_json() {
        // Nobody listens there for sure, and the application starts all the same.
        drop(ui.json_line(news));
    } else {
        ui.note(&news_line(&wish.application, &wish.version, news));
    }
}

/// Says that the application may start: with `--check` that is the answer, else a word before its own.
fn tell_admitted(
    context: &Context,
    wish: &AdmissionWish,
    admitted: &Admitted,
    is_answer: bool,
) -> Result<(), CommandError> {
    let AdmissionWish { application, version, .. } = wish;
    let live = &admitted.live;
    if context.ui.is_json() {
        return context.ui.json_line(&json!({
            "event": "admitted",
            "application": application,
            "version": version,
            "live": live,
        }));
    }
    let line = admitted_line(application, version, live);
    if is_answer {
        return context.ui.data(&format!("{line}\n"));
    }
    context.ui.note(&line);
    Ok(())
}

/// Somebody asked to stop before the application was started.
fn stopped(
    context: &Context,
    wish: &AdmissionWish,
    signal: StopSignal,
) -> Result<Exit, CommandError> {
    let AdmissionWish { application, version, .. } = wish;
    if context.ui.is_json() {
        context.ui.json_line(&json!({
            "event": "stopped",
            "application": application,
            "version": version,
            "signal": signal.name(),
        }))?;
    } else {
        let signal = signal.name();
        context.ui.note(&format!("guard: {signal}; {application} {version} was not started"));
    }
    Ok(match signal {
        StopSignal::Interrupt => Exit::Interrupted,
        StopSignal::Terminate => Exit::Terminated,
    })
}

/// Becomes another program: from here on it gets the signals, and its exit code counts.
#[cfg(unix)]
fn become_command(program: &OsString, words: &[OsString]) -> Result<Exit, CommandError> {
    use std::os::unix::process::CommandExt as _;

    let source = std::process::Command::new(program).args(words).exec();
    Err(CommandError::NotStarted { program: program.to_string_lossy().into_owned(), source })
}

/// Elsewhere a program can't become another one.
#[cfg(not(unix))]
fn become_command(program: &OsString, _words: &[OsString]) -> Result<Exit, CommandError> {
    let program = program.to_string_lossy().into_owned();
    Err(CommandError::NotStarted { program, source: std::io::ErrorKind::Unsupported.into() })
}

/// Shows what a run tells, from when it tells something: most guards never drive.
struct LateTeller {
    ui: Ui,
    teller: Mutex<Option<Teller>>,
}

impl LateTeller {
    fn new(ui: &Ui) -> Self {
        Self { ui: ui.clone(), teller: Mutex::default() }
    }

    /// Shows what is left.
    fn finish(&self) {
        let teller = self.teller.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(teller) = teller {
            teller.finish();
        }
    }
}

impl Reporter for LateTeller {
    fn report(&self, event: Event) {
        let mut teller = self.teller.lock().unwrap_or_else(PoisonError::into_inner);
        teller.get_or_insert_with(|| Teller::start(&self.ui)).reporter().report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let cases = [
            ("90s", Some(90)),
            ("30m", Some(1_800)),
            ("1h 30m", Some(5_400)),
            ("-1s", None),
            ("soon", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(wait_max(text).ok(), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
