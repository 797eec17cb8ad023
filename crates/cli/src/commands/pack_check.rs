//! `lockstep pack check`: finds every mistake in a pack, without a cluster.

use std::path::PathBuf;

use clap::Args;
use lockstep_core::pack::{Allowed, Diagnostic, Severity, model::Pack, read};
use serde_json::json;

use super::{Context, read_pack};
use crate::{error::CommandError, exit::Exit, render::quantity::counted, ui::Ui};

/// Flags of `lockstep pack check`; `--verbose` shows what is allowed as well.
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
    let diagnostics = reading.diagnostics.and(&reading.lints.warnings);
    let allowed = &reading.lints.allowed;
    let errors = diagnostics.count(Severity::Error) as u64;
    let warnings = diagnostics.count(Severity::Warning) as u64;
    if context.ui.is_json() {
        context.ui.json_pretty(&json!({
            "pack": reading.pack.as_ref().map(|pack| &pack.name),
            "errors": errors,
            "warnings": warnings,
            "diagnostics": diagnostics.to_json(),
            "allowed": allowed,
        }))?;
    } else {
        if !diagnostics.is_empty() {
            let rendered = diagnostics.render(&files, Ui::data_has_color());
            context.ui.data(&format!("{}\n\n", rendered.trim_end()))?;
        }
        if context.global.verbose > 0 {
            for one in allowed {
                context.ui.data(&told_allowed(one))?;
            }
        }
        let counts = [
            Some(counted(errors, "error", "errors")),
            Some(counted(warnings, "warning", "warnings")),
            (!allowed.is_empty()).then(|| format!("{} allowed", allowed.len())),
        ];
        let counts = counts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        context.ui.data(&summary(reading.pack.as_ref(), &counts))?;
    }
    Ok(if reading.diagnostics.has_errors() { Exit::Pack } else { Exit::Done })
}

/// A lint that was allowed, its place and the reason, a line each.
fn told_allowed(allowed: &Allowed) -> String {
    let Allowed { diagnostic, reason } = allowed;
    let Diagnostic { code, file, line, message, .. } = diagnostic;
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("allowed[{code}]: {message}\n  --> {file}{line}\n   = reason: {reason}\n\n")
}

fn summary(pack: Option<&Pack>, counts: &str) -> String {
    let Some(pack) = pack else { return format!("the pack can't be used: {counts}\n") };
    let versions: Vec<String> =
        pack.releases.iter().map(|release| release.version.to_string()).collect();
    format!("{} with releases {}: {counts}\n", pack.name, versions.join(", "))
}
