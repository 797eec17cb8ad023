//! `lockstep restore`: brings the indices of an archive back.

use clap::Args;
use lockstep_archive::Location;
use lockstep_engine::{EngineError, restore::Restoration};
use serde_json::json;

use super::Context;
use crate::{
    connection::connect, error::CommandError, exit::Exit, progress::Teller,
    render::retire::restored,
};

/// Flags of `lockstep restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The archive: the folder, or the address, that has its manifest.json
    #[arg(value_name = "ARCHIVE")]
    archive: String,
    /// Begin every name with this, before the name that the index had
    #[arg(long = "as", value_name = "PREFIX", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Give the indices the aliases that they had when they were live
    #[arg(long)]
    with_aliases: bool,
}

/// Checks the archive, writes its indices, compares them.
pub(crate) async fn run(
    arguments: &RestoreArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let archive = Location::for_reading(&arguments.archive).map_err(EngineError::from)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster, &teller);
    let wish = Restoration {
        archive,
        prefix: arguments.prefix.clone(),
        with_aliases: arguments.with_aliases,
    };
    let ended = session.restore(&wish).await;
    teller.finish();
    let ended = ended?;
    if context.ui.is_json() {
        context.ui.json_line(&json!({"event": "restored", "restored": ended}))?;
    } else {
        context.ui.data(restored(&ended).as_str())?;
    }
    Ok(Exit::Done)
}
