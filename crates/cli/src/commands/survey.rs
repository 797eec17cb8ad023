//! `lockstep survey`: tells what a cluster holds, without a pack.

use clap::Args;
use lockstep_core::inventory::Inventory;
use lockstep_engine::{journal::JOURNAL_INDEX, survey::survey};
use lockstep_import::sighting::{Sighting, is_named_so, sight};

use super::Context;
use crate::{
    connection::connect,
    error::CommandError,
    exit::Exit,
    render::survey::{View, json, render},
    ui::Ui,
};

/// Flags of `lockstep survey`.
#[derive(Debug, Args)]
pub(crate) struct SurveyArguments {
    /// Name every index that isn't recognised
    #[arg(long)]
    all: bool,
}

/// What indices are that belong to no application that is recognised.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Whether there is a journal.
    pub(crate) has_journal: bool,
    /// How many are the engine's own.
    pub(crate) system_count: u64,
    /// The names of all the others.
    pub(crate) unknown: Vec<String>,
}

/// Looks at the cluster and prints what is in it.
pub(crate) async fn run(
    arguments: &SurveyArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let cluster = connect(&context.global.cluster).await?.cluster;
    let inventory = survey(&cluster).await?;
    let sighting: Sighting = sight(&inventory);
    let others = others(&inventory);
    if context.ui.is_json() {
        context.ui.json_pretty(&json(&inventory.cluster, &sighting, &others))?;
    } else {
        let view = View { all: arguments.all, width: Ui::data_width() };
        let index_count = inventory.indices.len() as u64;
        let text = render((&inventory.cluster, index_count), (&sighting, &others), view);
        context.ui.data(text.as_str())?;
    }
    Ok(Exit::Done)
}

fn others(inventory: &Inventory) -> Others {
    let mut others = Others::default();
    for name in inventory.indices.keys() {
        if name == JOURNAL_INDEX {
            others.has_journal = true;
        } else if name.starts_with('.') {
            others.system_count += 1;
        } else if !is_named_so(name) {
            others.unknown.push(name.clone());
        }
    }
    others
}
