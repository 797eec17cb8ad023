//! `lockstep info`: tells who serves each tenant, and what the state of the run means.

use clap::Args;
use lockstep_engine::info::info;

use super::{Context, application};
use crate::{
    cli::ApplicationFlags, connection::connect, error::CommandError, exit::Exit,
    render::info::render,
};

/// Flags of `lockstep info`.
#[derive(Debug, Args)]
pub(crate) struct InfoArguments {
    #[command(flatten)]
    application: ApplicationFlags,
}

/// Reads, and prints.
pub(crate) async fn run(
    arguments: &InfoArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let found = info(&cluster, &application).await?;
    if context.ui.is_json() {
        context.ui.json_pretty(&found)?;
    } else {
        context.ui.data(render(&found).as_str())?;
    }
    Ok(Exit::Done)
}
