//! `lockstep pack schema`: JSON Schema for editors, as it stands in `docs/schema`.

use clap::{Args, ValueEnum};

use super::Context;
use crate::{error::CommandError, exit::Exit};

const PACK: &str = include_str!("../../../../docs/schema/pack.schema.json");

const RELEASE: &str = include_str!("../../../../docs/schema/release.schema.json");

/// Flags of `lockstep pack schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Editors complete and check by it. Write it into a file, and name that file in the first line of the pack's:
    # yaml-language-server: $schema=PATH

`lockstep pack check` finds far more than a schema can say.")]
pub(crate) struct PackSchemaArguments {
    /// Which file of a pack the schema is for
    #[arg(value_name = "FILE")]
    file: File,
}

/// A kind of file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum File {
    /// pack.yaml
    Pack,
    /// release.yaml
    Release,
}

/// Prints the schema.
pub(crate) fn run(
    arguments: &PackSchemaArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    // A schema is JSON in any case.
    context.ui.data(match arguments.file {
        File::Pack => PACK,
        File::Release => RELEASE,
    })?;
    Ok(Exit::Done)
}
