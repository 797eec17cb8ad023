//! `lockstep rollback` and `lockstep finalize`: the way back after a switch, and the end of it.

use clap::Args;
use lockstep_engine::{EngineError, session::Ending, status::status};
use serde_json::json;

use super::{Context, abort::confirm, application, open_pack};
use crate::{
    cli::{ApplicationFlags, PackFlag},
    connection::connect,
    error::CommandError,
    exit::Exit,
    progress::Teller,
    render::report::{returned, switch_ms},
};

/// Flags of `lockstep rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    #[command(flatten)]
    pack: PackFlag,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

/// Flags of `lockstep finalize`.
#[derive(Debug, Args)]
pub(crate) struct FinalizeArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

/// Takes the application back to the release that it was switched from.
pub(crate) async fn rollback(
    arguments: &RollbackArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let pack = open_pack(&arguments.pack.pack)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let run = status(&cluster, &pack.name)
        .await?
        .run
        .ok_or_else(|| EngineError::NoRun { application: pack.name.clone(), what: "run" })?;
    if !arguments.yes {
        let question = format!(
            "This takes {} from {} back to {}, with what it wrote since.",
            pack.name, run.to, run.from
        );
        confirm(&question, context).await?;
    }
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster.clone(), &teller);
    let ended = session.rollback(&pack).await;
    teller.finish();
    let Ending::Returned { plan, run } = ended? else {
        return Err(EngineError::Bug("a rollback ended elsewhere".to_owned()).into());
    };
    let times = run.back.unwrap_or_default();
    if context.ui.is_json() {
        context.ui.json_line(&json!({
            "event": "returned",
            "application": plan.application,
            "from": plan.to,
            "to": plan.from,
            "back": times,
            "fence_ms": switch_ms(&times),
        }))?;
    } else {
        context.ui.data(returned(&plan, &times).as_str())?;
    }
    Ok(Exit::Done)
}

/// Gives the way back up.
pub(crate) async fn finalize(
    arguments: &FinalizeArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    if !arguments.yes {
        let question = format!("After this {application} can't go back any more.");
        confirm(&question, context).await?;
    }
    context.quiet_session(cluster).finalize(&application).await?;
    if context.ui.is_json() {
        context.ui.json_line(&json!({"event": "finalized", "application": application}))?;
    } else {
        context.ui.data(&format!(
            "{application} stays where it is; its old set isn't needed any more\n"
        ))?;
    }
    Ok(Exit::Done)
}
