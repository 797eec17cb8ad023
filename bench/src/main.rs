//! Measures Lockstep: `copy` against `_reindex` and the engine's own limit, `mover` against a sink that costs nothing, `fence`
//! against the engine's own calls, `verify` against the copy, five `hops` at once against one, an index that no step changes `clone`d
//! against copied, what a copy costs a `live` application, what a `guard` adds to a start, how fast an `archive` is written,
//! and what an application notices while old indices `retire`.
//!
//! What is measured and what is not stands in `README.md` beside `src`. This is no test: nothing here passes or fails.

mod application;
mod archive;
mod arguments;
mod clone;
mod copy;
mod document;
mod error;
mod fence;
mod guard;
mod hops;
mod listener;
mod live;
mod mover;
mod process;
mod report;
mod rest;
mod retire;
mod scene;
mod steady;
mod verify;
mod worker;

use std::{
    error::Error as _,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

use crate::{
    arguments::{Arguments, Command},
    error::BenchError,
};

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(run(Arguments::parse().command)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                text.push_str(": ");
                text.push_str(&inner.to_string());
                cause = inner.source();
            }
            // Nothing can be told to a reader who has gone.
            drop(writeln!(io::stderr(), "{text}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), BenchError> {
    match command {
        Command::Copy(options) => {
            let json = options.json;
            let results = Box::pin(copy::run(options)).await?;
            if json { report::write_json(&results) } else { report::write_copy(&results) }
        }
        Command::Mover(options) => {
            let json = options.json;
            let results = mover::run(&options).await?;
            if json { report::write_json(&results) } else { report::write_mover(&results) }
        }
        Command::Fence(options) => {
            let json = options.json;
            let results = Box::pin(fence::run(options)).await?;
            if json { report::write_json(&results) } else { results.write() }
        }
        Command::Verify(options) => {
            let json = options.json;
            let results = Box::pin(verify::run(options)).await?;
            if json { report::write_json(&results) } else { results.write() }
        }
        Command::Hops(options) => {
            let json = options.json;
            let results = Box::pin(hops::run(options)).await?;
            if json { report::write_json(&results) } else { results.write() }
        }
        Command::Clone(options) => {
            let json = options.json;
            let results = Box::pin(clone::run(options)).await?;
            if json { report::write_json(&results) } else { results.write() }
        }
        Command::Live(options) => {
            let json = options.json;
            let results = Box::pin(live::run(options)).await?;
            if json { report::write_json(&results) } else { results.write() }
        }
        Command::Guard(options) => {
            let json = options.json;
            let results = Box::pin(guard::run(options)).await?;
            if json { report::write_json(&results) } else { results.write() }
        }
        Command::Archive(options) => {
            let results = archive::run(&options).await?;
            if options.json { report::write_json(&results) } else { results.write() }
        }
        Command::Retire(options) => {
            let json = options.json;
            let results = Box::pin(retire::run(options)).await?;
            if json { report::write_json(&results) } else { results.write() }
        }
        Command::Clear { cluster } => {
            fence::clear(&cluster).await?;
            retire::clear(&cluster).await?;
            copy::clear(&cluster).await
        }
        Command::Worker(options) => worker::serve(&options).await,
        Command::Sink(options) => mover::sink::serve(&options).await,
    }
}
