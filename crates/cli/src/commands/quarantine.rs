//! `lockstep quarantine`: looks at documents that were rejected, and decides about them.

use std::env;

use clap::{Args, builder::NonEmptyStringValueParser};
use lockstep_core::run::quarantine::Decision;
use lockstep_engine::{
    process::host,
    quarantine::{self, Chosen},
};
use serde_json::json;

use super::{Context, application};
use crate::{
    cli::ApplicationFlags,
    connection::connect,
    error::CommandError,
    exit::Exit,
    render::quarantine::{decided, listed, shown},
};

/// Flags of `lockstep quarantine list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    /// Only documents of indices with such a name; `*` stands for anything
    #[arg(long, value_name = "PATTERN")]
    index: Option<String>,
    /// Show that many documents at the most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Flags of `lockstep quarantine show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    /// Which document, as `lockstep quarantine list` names it
    #[arg(value_name = "ID")]
    key: String,
}

/// Flags of `lockstep quarantine retry`.
#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    #[command(flatten)]
    chosen: ChosenFlags,
}

/// Flags of `lockstep quarantine discard`.
#[derive(Debug, Args)]
pub(crate) struct DiscardArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    #[command(flatten)]
    chosen: ChosenFlags,
    /// Why they may be missing in the new set; it is kept with who said so and when
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

/// Which documents are meant.
#[derive(Debug, Args)]
struct ChosenFlags {
    /// Which documents, as `lockstep quarantine list` names them
    #[arg(value_name = "ID", required_unless_present = "all")]
    keys: Vec<String>,
    /// All that nobody decided about yet
    #[arg(long, conflicts_with = "keys")]
    all: bool,
}

/// Lists what is in quarantine.
pub(crate) async fn list(
    arguments: &ListArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let mut listing = quarantine::list(&cluster, &application).await?;
    if let Some(pattern) = &arguments.index {
        listing.entries.retain(|entry| fits(pattern, &entry.index));
    }
    let total = listing.entries.len();
    listing.entries.truncate(arguments.limit);
    if context.ui.is_json() {
        context.ui.json_pretty(&json!({
            "application": application,
            "run": listing.run,
            "document_count": total,
            "documents": listing.entries,
        }))?;
    } else {
        context.ui.data(listed(&application, &listing.entries, total as u64).as_str())?;
    }
    Ok(Exit::Done)
}

/// Shows one document that is in quarantine.
pub(crate) async fn show(
    arguments: &ShowArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let (entry, original) = quarantine::show(&cluster, &application, &arguments.key).await?;
    if context.ui.is_json() {
        let mut shown = json!(entry);
        if let Some(fields) = shown.as_object_mut() {
            // As text, so that no byte of it changes on the way.
            fields.insert("original".to_owned(), json!(original));
        }
        context.ui.json_pretty(&shown)?;
    } else {
        context.ui.data(shown(&entry, original.is_some()).as_str())?;
    }
    Ok(Exit::Done)
}

/// Asks for another try.
pub(crate) async fn retry(
    arguments: &RetryArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    decide(context, &arguments.application, (&arguments.chosen, Decision::Retry)).await
}

/// Leaves documents out of the new set.
pub(crate) async fn discard(
    arguments: &DiscardArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let reason = arguments.reason.trim().to_owned();
    if reason.is_empty() {
        return Err(CommandError::Usage {
            message: "the reason is empty".to_owned(),
            hint: "say why these documents may be missing in the new set: --reason TEXT",
        });
    }
    let decision = Decision::Discard { reason };
    decide(context, &arguments.application, (&arguments.chosen, decision)).await
}

async fn decide(
    context: &Context,
    flags: &ApplicationFlags,
    (chosen, decision): (&ChosenFlags, Decision),
) -> Result<Exit, CommandError> {
    let application = application(flags)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let chosen = if chosen.all { Chosen::Undecided } else { Chosen::Keys(chosen.keys.clone()) };
    let entries = quarantine::decide(&cluster, &application, (&chosen, &decision), &who()).await?;
    if context.ui.is_json() {
        context.ui.json_pretty(&json!({
            "application": application,
            "document_count": entries.len(),
            "documents": entries,
        }))?;
    } else {
        context.ui.data(decided(&decision, entries.len() as u64).as_str())?;
    }
    Ok(Exit::Done)
}

/// Who decides, as `NAME@HOST`.
fn who() -> String {
    let name = ["USER", "LOGNAME"].iter().find_map(|name| env::var(name).ok());
    format!("{}@{}", name.unwrap_or_else(|| "unknown".to_owned()), host())
}

/// Whether a name fits a pattern, in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is as good as any later one: it leaves more for what follows.
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let cases = [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*", "", true),
            ("*-v1.0", "acme-profile-v1.0", true),
            ("*-v1.0", "acme-profile-v1.0-2025-7", false),
            ("acme-*-v1*", "acme-event-v1.0-2025-7", true),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "axcxb", false),
            ("ab*b", "ab", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
