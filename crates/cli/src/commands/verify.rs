//! `lockstep verify`: compares the live and the new set of a run.

use clap::Args;
use lockstep_engine::status::status;
use serde_json::json;

use super::{Context, application};
use crate::{
    cli::ApplicationFlags, connection::connect, error::CommandError, exit::Exit, progress::Teller,
    render::report::compared,
};

/// Flags of `lockstep verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    application: ApplicationFlags,
}

/// Compares both sets and prints what differs.
pub(crate) async fn run(
    arguments: &VerifyArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster.clone(), &teller);
    let compared_sets = session.verify(&application).await;
    teller.finish();
    let (plan, verdict) = compared_sets?;
    let difference = &verdict.difference;
    if context.ui.is_json() {
        context.ui.json_line(&json!({
            "event": "compared",
            "application": application,
            "from": plan.from,
            "to": plan.to,
            "expected": verdict.expected,
            "found": verdict.found,
            "differing": difference.differing_count,
            "missing": difference.missing_count,
            "extra": difference.extra_count,
            "documents": verdict.documents,
        }))?;
    } else {
        context.ui.data(compared(&application, &verdict).as_str())?;
    }
    if difference.is_empty() {
        return Ok(Exit::Done);
    }
    let run = status(&cluster, &application).await?.run;
    context.ui.note(match run {
        Some(run) if run.is_under_way => {
            "a run is under way: what it hasn't copied yet, and what the application writes meanwhile, differs"
        }
        _ => "the run is over: what the application wrote since the switch is only in the new set",
    });
    Ok(Exit::Data)
}
