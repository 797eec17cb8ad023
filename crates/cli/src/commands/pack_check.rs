//! `lockstep pack check`: finds every mistake in a pack, without a cluster.

use std::path::PathBuf;

use clap::Args;
use lockstep_core::pack::{Severity, model::Pack, read};
use serde_json::json;

use super::{Context, read_pack};
use crate::{error::CommandError, exit::Exit, render::quantity::counted, ui::Ui};

/// Flags of `lockstep pack check`.
#[derive(Debug, Args)]
pub(crate) struct PackCheckArguments {
    /// Folder of the pack
    #[arg(value_name = "DIR", env = "LOCKSTEP_PACK", hide_env_values = true, default_value = ".")]
    folder: PathBuf,
}

/// Reads the pack and prints what is wrong with it.
pub(crate) fn run(arguments: &PackCheckArguments, context: &Context) -> Result<Exit, CommandError> {
    let files = read_pack(&arguments.folder)?;
    let reading = read(&files);
    let errors = reading.diagnostics.count(Severity::Error) as u64;
    let warnings = reading.diagnostics.count(Severity::Warning) as u64;
    if context.ui.is_json() {
        context.ui.json_pretty(&json!({
            "pack": reading.pack.as_ref().map(|pack| &pack.name),
            "errors": errors,
            "warnings": warnings,
            "diagnostics": reading.diagnostics.to_json(),
        }))?;
    } else {
        if !reading.diagnostics.is_empty() {
            let rendered = reading.diagnostics.render(&files, Ui::data_has_color());
            context.ui.data(&format!("{}\n\n", rendered.trim_end()))?;
        }
        let counts = format!(
            "{}, {}",
            counted(errors, "error", "errors"),
            counted(warnings, "warning", "warnings")
        );
        context.ui.data(&summary(reading.pack.as_ref(), &counts))?;
    }
    Ok(if reading.diagnostics.has_errors() { Exit::Pack } else { Exit::Done })
}

fn summary(pack: Option<&Pack>, counts: &str) -> String {
    let Some(pack) = pack else { return format!("the pack can't be used: {counts}\n") };
    let versions: Vec<String> =
        pack.releases.iter().map(|release| release.version.to_string()).collect();
    format!("{} with releases {}: {counts}\n", pack.name, versions.join(", "))
}
