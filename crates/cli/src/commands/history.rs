//! `lockstep history`: lists the runs of an application.

use clap::Args;
use lockstep_engine::history::history;

use super::{Context, application};
use crate::{
    cli::ApplicationFlags, connection::connect, error::CommandError, exit::Exit,
    render::history::render,
};

/// Flags of `lockstep history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    #[command(flatten)]
    application: ApplicationFlags,
}

/// Reads, and prints.
pub(crate) async fn run(
    arguments: &HistoryArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let found = history(&cluster, &application).await?;
    if context.ui.is_json() {
        context.ui.json_pretty(&found)?;
    } else {
        context.ui.data(render(&found).as_str())?;
    }
    Ok(Exit::Done)
}
