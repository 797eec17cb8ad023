//! `lockstep preview`: the new set of a run that holds can be read under names of its own.

use clap::Args;
use lockstep_engine::preview::Preview;
use serde_json::json;

use super::{Context, application};
use crate::{
    cli::ApplicationFlags, connection::connect, error::CommandError, exit::Exit, render::Text,
};

/// Flags of `lockstep preview`.
#[derive(Debug, Args)]
#[command(long_about = "\
Show the new set of an upgrade that holds, under names of its own that nothing is written through

The new set gets the aliases that it will have, each with a prefix: an application of the new release that looks for these names reads \
caught-up data before anybody is switched. The engine refuses what is written through them. They go with the switch, when the \
run is given up, or with --end.")]
pub(crate) struct PreviewArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    /// What the names begin with
    #[arg(long, value_name = "TEXT", default_value = "preview-", conflicts_with = "end")]
    prefix: String,
    /// Take the names away again
    #[arg(long)]
    end: bool,
}

/// Makes the aliases, or takes them away.
pub(crate) async fn run(
    arguments: &PreviewArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let session = context.quiet_session(cluster);
    if arguments.end {
        let count = session.end_preview(&application).await?;
        if context.ui.is_json() {
            let ended =
                json!({"event": "preview-ended", "application": application, "aliases": count});
            context.ui.json_line(&ended)?;
        } else {
            context.ui.data(&format!("{application}: {count} aliases of a preview are gone\n"))?;
        }
        return Ok(Exit::Done);
    }
    let preview = session.preview(&application, &arguments.prefix).await?;
    if context.ui.is_json() {
        let mut line = json!(preview);
        if let Some(fields) = line.as_object_mut() {
            fields.insert("event".to_owned(), json!("preview"));
        }
        context.ui.json_line(&line)?;
    } else {
        context.ui.data(page(&preview).as_str())?;
    }
    Ok(Exit::Done)
}

fn page(preview: &Preview) -> Text {
    let Preview { application, version, prefix, aliases } = preview;
    let mut text = Text::default();
    let count = aliases.len();
    text.line(format_args!(
        "{application} {version} can be read under {count} aliases that begin with `{prefix}`"
    ));
    for (alias, indices) in aliases {
        text.line(format_args!("  {alias}: {}", indices.join(", ")));
    }
    text.line(format_args!("next: try {version} with these names; they go with the switch, or with lockstep preview --end"));
    text
}
