//! `lockstep pack import`: an installed application becomes a pack.

use std::path::PathBuf;

use clap::Args;
use lockstep_core::pack::{PackFiles, Severity, read};
use lockstep_import::{Fields, Imported, Installation, folder, import};
use serde_json::json;

use super::Context;
use crate::{error::CommandError, exit::Exit, render::quantity::counted, ui::Ui};

/// Flags of `lockstep pack import tracardi`.
#[derive(Debug, Args)]
pub(crate) struct TracardiArguments {
    /// Installations, one for each version: folders that the package `tracardi` is in (site-packages or a source checkout),
    /// its own folder, or wheels
    #[arg(value_name = "INSTALLATION", required = true)]
    installations: Vec<PathBuf>,
    /// Folder that the pack is written to; it must be empty, or not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Take scripts and mappings exactly as shipped: keep no field that a script loses, remove none that it leaves in, and
    /// loosen no mapping
    #[arg(long)]
    as_shipped: bool,
}

/// Reads installations and writes the pack, all of it or nothing.
pub(crate) fn tracardi(
    arguments: &TracardiArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    // What would be in the way in the end is told before anything is read.
    folder::check_free(&arguments.out)?;
    let (mut installations, mut mistakes) = (Vec::new(), Vec::new());
    for path in &arguments.installations {
        match Installation::read(path) {
            Ok(installation) => installations.push(installation),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if !mistakes.is_empty() {
        return Err(CommandError::Import(mistakes));
    }
    let fields = if arguments.as_shipped { Fields::AsShipped } else { Fields::Mended };
    let imported = import(&installations, fields).map_err(CommandError::Import)?;
    folder::write(&arguments.out, &imported.files)?;
    tell(&imported, arguments, context)
}

/// Prints the report, and what `pack check` says of the pack.
fn tell(
    imported: &Imported,
    arguments: &TracardiArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let Imported { files, report, versions, index_count, carried_count, script_count } = imported;
    let bytes = |(path, text): (&String, &String)| (path.clone(), text.clone().into_bytes());
    let files = PackFiles { files: files.iter().map(bytes).collect() };
    let reading = read(&files);
    let (diagnostics, lints) = (reading.diagnostics, reading.lints.warnings);
    let errors = diagnostics.count(Severity::Error) as u64;
    // What lints say of releases that are out already is read with `pack check`, not all at once here.
    let warnings = (diagnostics.count(Severity::Warning) + lints.count(Severity::Warning)) as u64;
    if context.ui.is_json() {
        context.ui.json_pretty(&json!({
            "pack": arguments.out,
            "releases": versions,
            "indices": index_count,
            "carried": carried_count,
            "scripts": script_count,
            "report": report,
            "errors": errors,
            "warnings": warnings,
            "diagnostics": diagnostics.to_json(),
        }))?;
    } else {
        context.ui.data(&format!("{report}\n"))?;
        if !diagnostics.is_empty() {
            let rendered = diagnostics.render(&files, Ui::data_has_color());
            context.ui.data(&format!("{}\n\n", rendered.trim_end()))?;
        }
        context.ui.data(&format!(
            "wrote {}: {}, {}, {} in steps, {}; `pack check`: {}, {}\n",
            arguments.out.display(),
            counted(versions.len() as u64, "release", "releases"),
            counted(*index_count as u64, "index", "indices"),
            counted(*carried_count as u64, "index carried", "indices carried"),
            counted(*script_count as u64, "script", "scripts"),
            counted(errors, "error", "errors"),
            counted(warnings, "warning", "warnings"),
        ))?;
    }
    Ok(if errors > 0 { Exit::Pack } else { Exit::Done })
}
