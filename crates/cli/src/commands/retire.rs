//! `lockstep retire`: deletes old sets for good that nobody can go back to and nobody uses.

use std::{collections::BTreeSet, time::Duration};

use clap::Args;
use lockstep_archive::Location;
use lockstep_core::run::retire::Rules;
use lockstep_engine::{
    EngineError,
    retire::{Fate, OldSet, Retirement},
};
use serde_json::json;

use super::{Context, abort::confirm, application};
use crate::{
    cli::ApplicationFlags,
    connection::connect,
    error::CommandError,
    exit::Exit,
    progress::Teller,
    render::{
        quantity::{bytes, counted},
        retire::{old_sets, retired},
    },
    span::span,
};

/// Flags of `lockstep retire`.
#[derive(Debug, Args)]
pub(crate) struct RetireArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    /// Only sets whose way back was given up so long ago
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = span)]
    older_than: Duration,
    /// Only sets that were neither read nor written for so long, as far as that was noted
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = span)]
    unused_for: Duration,
    /// Write the documents there first, and read them back: a folder, or an address of S3
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX")]
    archive: Option<String>,
    /// Only tell what would be done; nothing is changed
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

/// Looks, tells, asks, and deletes.
pub(crate) async fn run(
    arguments: &RetireArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let RetireArguments { older_than, unused_for, .. } = *arguments;
    let rules = Rules { older_than, unused_for };
    let quiet = context.quiet_session(cluster.clone());
    let found = quiet.old_sets(&application, &rules).await?;
    let due: Vec<&OldSet> = found.iter().filter(|set| set.fate == Fate::Due).collect();
    tell(&application, &found, context)?;
    if arguments.dry_run {
        return Ok(exit(&found));
    }
    // A place that can't be used is known before anybody is asked.
    let archive = match &arguments.archive {
        Some(place) => Some(Location::for_writing(place).map_err(EngineError::from)?),
        None => None,
    };
    let runs: BTreeSet<String> = due.iter().map(|set| set.run.clone()).collect();
    if !due.is_empty() && !arguments.yes {
        let indices: usize = due.iter().map(|set| set.indices.len()).sum();
        let size: u64 = due.iter().map(|set| set.bytes_left()).sum();
        let question = format!(
            "This deletes {} of {application} for good, {}{}.",
            counted(indices as u64, "index", "indices"),
            bytes(size),
            if archive.is_some() { ", after they are archived" } else { ", without an archive" },
        );
        confirm(&question, context).await?;
    }
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster, &teller);
    let wish = Retirement { rules, archive, pause: Retirement::PAUSE };
    let ended = session.retire(&application, &wish, &runs).await;
    teller.finish();
    let ended = ended?;
    let done: Vec<OldSet> = ended.iter().filter(|set| runs.contains(&set.run)).cloned().collect();
    if context.ui.is_json() {
        for set in &done {
            context.ui.json_line(&json!({"event": "retired_set", "set": set}))?;
        }
    } else if !done.is_empty() {
        context.ui.data(retired(&done).as_str())?;
    }
    Ok(exit(&ended))
}

/// What holds a set up until somebody does something is a refusal; a set that only waits is not.
fn exit(sets: &[OldSet]) -> Exit {
    let is_held = |set: &OldSet| set.fate == Fate::Stays && set.given_up_at.is_some();
    if sets.iter().any(is_held) { Exit::Refused } else { Exit::Done }
}

fn tell(application: &str, sets: &[OldSet], context: &Context) -> Result<(), CommandError> {
    if context.ui.is_json() {
        for set in sets {
            context.ui.json_line(&json!({"event": "old_set", "set": set}))?;
        }
        let line = json!({"event": "looked", "application": application, "sets": sets.len()});
        context.ui.json_line(&line)?;
    } else {
        context.ui.data(old_sets(application, sets).as_str())?;
    }
    Ok(())
}
