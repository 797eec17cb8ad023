//! `lockstep pack docs`: a page of a pack for who has to live with it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Context, open_pack};
use crate::{error::CommandError, exit::Exit, render::page};

/// Flags of `lockstep pack docs`.
#[derive(Debug, Args)]
pub(crate) struct PackDocsArguments {
    /// Folder of the pack
    #[arg(value_name = "DIR", env = "LOCKSTEP_PACK", hide_env_values = true, default_value = ".")]
    folder: PathBuf,
}

/// Prints the page.
pub(crate) fn run(arguments: &PackDocsArguments, context: &Context) -> Result<Exit, CommandError> {
    let pack = open_pack(&arguments.folder)?;
    let page = page::markdown(&pack);
    if context.ui.is_json() {
        context.ui.json_pretty(&json!({"pack": pack.name, "markdown": page.as_str()}))?;
    } else {
        context.ui.data(page.as_str())?;
    }
    Ok(Exit::Done)
}
