//! `lockstep abort`: gives a run up and drops its unfinished new set.

use clap::Args;
use lockstep_core::run::state::RunState;
use lockstep_engine::{EngineError, session::Ending, status::status};
use serde_json::json;

use super::{Context, application};
use crate::{
    cli::ApplicationFlags, connection::connect, error::CommandError, exit::Exit, progress::Teller,
};

/// Flags of `lockstep abort`.
#[derive(Debug, Args)]
pub(crate) struct AbortArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

/// Asks, and gives the run up.
pub(crate) async fn run(
    arguments: &AbortArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let run = status(&cluster, &application).await?.run;
    let run = run.filter(|run| run.is_under_way || run.record.state == RunState::Returned);
    let Some(run) = run else {
        return Err(EngineError::NoRun { application, what: "run under way" }.into());
    };
    if !arguments.yes {
        let question = if run.record.state.is_return() {
            format!("This ends the way back: {application} stays on {}.", run.to)
        } else {
            format!(
                "This drops the set {} of {application}, which nothing serves from; {} stays as it is.",
                run.to, run.from
            )
        };
        confirm(&question, context).await?;
    }
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster, &teller);
    let ended = session.abort(&application).await;
    teller.finish();
    let (plan, ending) = match ended? {
        Ending::Aborted { plan, run: _ } => (plan, "aborted"),
        Ending::Switched { plan, run: _ } => (plan, "switched"),
        Ending::Returned { plan, run: _ } => (plan, "returned"),
        Ending::Minor { plan } => (plan, "minor"),
    };
    if context.ui.is_json() {
        let line =
            json!({"event": ending, "application": application, "from": plan.from, "to": plan.to});
        context.ui.json_line(&line)?;
    } else {
        context.ui.data(&if ending == "switched" {
            format!("the way back is given up: {application} stays on {}\n", plan.to)
        } else {
            format!(
                "given up: the set {} of {application} is dropped, {} is live and takes writes\n",
                plan.to, plan.from
            )
        })?;
    }
    Ok(Exit::Done)
}

/// Asks, where somebody can answer.
pub(super) async fn confirm(question: &str, context: &Context) -> Result<(), CommandError> {
    if !context.ui.can_ask() {
        return Err(CommandError::NotAsked { question: question.to_owned() });
    }
    let question = format!("{question} Type yes to go on:");
    let answer = tokio::select! {
        answer = context.ui.ask(&question) => answer?,
        () = context.stop.cancelled() => return Err(CommandError::Declined),
    };
    match answer.trim() {
        "yes" | "y" => Ok(()),
        _ => Err(CommandError::Declined),
    }
}
