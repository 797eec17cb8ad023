//! `lockstep worker`: shares the work of an application's runs with all other workers, on any machine.

use clap::Args;
use lockstep_engine::worker::WorkWish;
use serde_json::json;

use super::{Context, open_pack};
use crate::{
    cli::PackFlag, connection::connect, error::CommandError, exit::Exit, progress::Teller,
};

/// Flags of `lockstep worker`.
#[derive(Debug, Args)]
#[command(long_about = "\
Share the work of runs: help to copy, and drive when nobody does, until stopped

Any number of workers, on any number of machines, started before or after the run. A worker never begins a run, never goes on \
with one that halted, and never gives one up. It takes a run over that nobody drives, also one whose driver was stopped with \
Ctrl-C: `lockstep pause` lets a run rest, `lockstep abort` ends it. Any other command that needs the run gets it from a worker \
within seconds. Orders (`pause`, `resume`, `pace`) hold for all workers; the rate of `pace` is divided among them.

After the switch one of the workers carries what is written on the new set back to the old one, until `lockstep finalize`, so \
that `lockstep rollback` finds little left. The old indices take writes from Lockstep alone then; who still writes to them by \
their own names waits for moments, and is refused.")]
pub(crate) struct WorkerArguments {
    #[command(flatten)]
    pack: PackFlag,
    /// End when there is nothing more to do
    #[arg(long)]
    once: bool,
}

/// Works until it is stopped, which is a good end.
pub(crate) async fn run(
    arguments: &WorkerArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let pack = open_pack(&arguments.pack.pack)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster, &teller);
    let wish = WorkWish { is_once: arguments.once };
    let outcome = Box::pin(session.work(&pack, &wish)).await;
    teller.finish();
    outcome?;
    if context.ui.is_json() {
        context.ui.json_line(&json!({"event": "worked", "application": pack.name}))?;
    }
    Ok(Exit::Done)
}
