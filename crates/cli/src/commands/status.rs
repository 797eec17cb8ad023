//! `lockstep status`: shows which release is live and how far a run is.

use clap::Args;
use jiff::Timestamp;

use super::{Context, application};
use crate::{
    cli::ApplicationFlags, connection::connect, error::CommandError, exit::Exit,
    render::status::render,
};

/// Flags of `lockstep status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    application: ApplicationFlags,
}

/// Reads the journal and prints where the application stands.
pub(crate) async fn run(
    arguments: &StatusArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let status = lockstep_engine::status::status(&cluster, &application).await?;
    if context.ui.is_json() {
        context.ui.json_pretty(&status)?;
    } else {
        context.ui.data(render(&status, Timestamp::now()).as_str())?;
    }
    Ok(Exit::Done)
}
