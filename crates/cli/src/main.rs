//! `lockstep`, the one binary: it takes flags apart, calls the engine, and prints what came of it.
//!
//! The way of a command: [`cli`] (flags) → [`commands`] (one file a verb) → [`render`] (data to text) → [`ui`], which alone
//! prints. An error becomes an exit code in [`error`] and nowhere else. What is not here: anything that decides or
//! touches a cluster.

mod cli;
mod commands;
mod configuration;
mod connection;

mod databases;
mod deploy;
mod error;
mod exit;

#[cfg(test)]
mod mentions;
mod progress;
mod render;
mod signals;
mod span;
mod ui;

use std::{
    env, io,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    sync::Arc,
};

use clap::{
    ArgMatches, CommandFactory as _, FromArgMatches as _, error::ErrorKind, parser::ValueSource,
};
use lockstep_engine::{JqHosts, jq};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{Arguments, Color, Verb},
    commands::Context,
    configuration::ConfigurationFile,
    error::{CommandError, PANIC_CODE, USAGE_CODE},
    exit::Exit,
    render::problem,
    ui::Ui,
};

/// Where defects are reported.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

fn main() -> ExitCode {
    // No verb for people, so it isn't one: this process was started by another one of the same program.
    if env::args_os().nth(1).is_some_and(|verb| verb == jq::HOST_VERB) {
        return host();
    }
    match read_arguments() {
        Ok((arguments, matches, file)) => run(arguments, &matches, file).into(),
        Err(exit) => exit.into(),
    }
}

/// The command line, with what the file of configuration says where the command line and the environment say nothing.
fn read_arguments() -> Result<(Arguments, ArgMatches, ConfigurationFile), Exit> {
    let mut command = Arguments::command();
    let mut matches = command.clone().try_get_matches().map_err(|error| usage(&error))?;
    let mut arguments = Arguments::from_arg_matches(&matches).map_err(|error| usage(&error))?;
    let told = |error: CommandError, arguments: &Arguments| {
        fail(&error, &Ui::new(arguments.global.json, arguments.global.color))
    };
    let Some(file) = configuration::named(&matches).map_err(|error| told(error, &arguments))?
    else {
        return Ok((arguments, matches, ConfigurationFile::default()));
    };
    command = file.defaults(command);
    matches = command.try_get_matches().map_err(|error| usage(&error))?;
    arguments = Arguments::from_arg_matches(&matches).map_err(|error| usage(&error))?;
    let added = file.add_secrets(&mut arguments.global.cluster);
    added.map_err(|error| told(error, &arguments))?;
    Ok((arguments, matches, file))
}

/// Runs programs in jq until whoever started this goes away. What goes wrong only he could be told, who sees that it ended.
fn host() -> ExitCode {
    match jq::serve(io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Help and version are no mistakes; everything else that clap says is.
fn usage(error: &clap::Error) -> Exit {
    let ui = Ui::new(false, Color::Auto);
    let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // A terminal that went away can't be told so.
    drop(error.print());
    if is_asked_for {
        return Exit::Done;
    }
    if env::args().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let hint = "look at `lockstep --help`";
        let line =
            json!({"error": {"code": USAGE_CODE, "message": message, "causes": [], "hint": hint}});
        drop(ui.json_line(&line));
    }
    Exit::Usage
}

fn run(arguments: Arguments, matches: &ArgMatches, file: ConfigurationFile) -> Exit {
    let Arguments { global, verb } = arguments;
    let ui = Ui::new(global.json, global.color);
    let (verbose, color) = (global.verbose, global.color);
    log(&ui, verbose, color);
    tell_panics();
    let context = Context {
        is_cluster_given: is_cluster_given(matches),
        global,
        configuration: Arc::new(file),
        ui: ui.clone(),
        jq: JqHosts::of_this_program(),
        stop: CancellationToken::new(),
        stop_signal: Arc::default(),
    };
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        // A guard mostly waits, beside an application that needs the machine.
        let mut builder = if matches!(verb, Verb::Guard(_)) {
            tokio::runtime::Builder::new_current_thread()
        } else {
            tokio::runtime::Builder::new_multi_thread()
        };
        let runtime = builder
            .enable_all()
            .build()
            .map_err(|source| CommandError::Terminal { what: "start", source })?;
        let outcome = runtime.block_on(signals::watched(commands::run(verb, &context), &context));
        // What still runs, such as a question nobody answered, is not waited for.
        runtime.shutdown_background();
        outcome
    }));
    match outcome {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => fail(&error, &ui),
        // The hook has told it already.
        Err(_panic) => Exit::Bug,
    }
}

/// Tells what went wrong, to people and, if they read, to programs.
fn fail(error: &CommandError, ui: &Ui) -> Exit {
    ui.note(problem::render(error).as_str().trim_end());
    if ui.is_json() {
        // Nothing more can be told when stdout fails.
        drop(ui.json_line(&problem::to_json(error)));
    }
    error.exit()
}

/// Whether `--cluster` stands on the command line itself: a variable is too easily forgotten.
fn is_cluster_given(matches: &ArgMatches) -> bool {
    let mut innermost = matches;
    let mut is_given = false;
    loop {
        let source = innermost
            .try_contains_id("cluster")
            .ok()
            .and_then(|_| innermost.value_source("cluster"));
        is_given |= source == Some(ValueSource::CommandLine);
        match innermost.subcommand() {
            Some((_, inner)) => innermost = inner,
            None => return is_given,
        }
    }
}

fn log(ui: &Ui, verbose: u8, color: Color) {
    let filter = match verbose {
        0 => "error",
        1 => "warn,lockstep=info,lockstep_engine=info",
        2 => "info,lockstep=debug,lockstep_engine=debug,lockstep_elastic=debug",
        _ => "trace",
    };
    let has_color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            Ui::is_watched() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    let writer = ui.clone();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(has_color)
        .with_writer(move || writer.log_writer())
        .init();
}

/// A defect says where to report it.
fn tell_panics() {
    panic::set_hook(Box::new(|panic| {
        ui::last_words(&format!(
            "error[{PANIC_CODE}]: a defect of Lockstep {}: {panic}\n\
             hint: please report this text at {REPOSITORY}/issues; the run in the journal is as it was, \
             and the same command goes on",
            env!("CARGO_PKG_VERSION")
        ));
    }));
}
