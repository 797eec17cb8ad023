//! `lockstep pause`, `resume` and `pace`: orders to the run that is under way. Whoever works on it, wherever, obeys within a
//! second; nothing that was carried over is lost.

use clap::Args;
use lockstep_engine::journal::OrdersRecord;
use serde_json::json;

use super::{Context, application};
use crate::{
    cli::ApplicationFlags, connection::connect, error::CommandError, exit::Exit,
    render::quantity::counted,
};

/// Flags of `lockstep pause` and `lockstep resume`.
#[derive(Debug, Args)]
pub(crate) struct OrderArguments {
    #[command(flatten)]
    application: ApplicationFlags,
}

/// Flags of `lockstep pace`.
#[derive(Debug, Args)]
pub(crate) struct PaceArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    /// Documents that are carried over a second at the most, by all workers together; 0 for as fast as the cluster takes them
    #[arg(long, value_name = "N")]
    max_docs_per_second: u64,
}

/// Orders the run to carry nothing over for now.
pub(crate) async fn pause(
    arguments: &OrderArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    give(context, &arguments.application, |orders| orders.is_paused = true).await
}

/// Orders the run to go on.
pub(crate) async fn resume(
    arguments: &OrderArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    give(context, &arguments.application, |orders| orders.is_paused = false).await
}

/// Orders how fast the run may be.
pub(crate) async fn pace(
    arguments: &PaceArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let rate = Some(arguments.max_docs_per_second).filter(|rate| *rate > 0);
    give(context, &arguments.application, |orders| orders.documents_per_second_max = rate).await
}

async fn give(
    context: &Context,
    flags: &ApplicationFlags,
    change: impl Fn(&mut OrdersRecord) + Send + Sync,
) -> Result<Exit, CommandError> {
    let application = application(flags)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let orders = context.quiet_session(cluster).order(&application, change).await?;
    if context.ui.is_json() {
        context.ui.json_line(&json!({
            "event": "ordered",
            "application": application,
            "orders": orders,
        }))?;
    } else {
        context.ui.data(&format!("{application}: {}\n", described(orders)))?;
    }
    Ok(Exit::Done)
}

/// What the run does now, in a sentence.
fn described(orders: OrdersRecord) -> String {
    let OrdersRecord { is_held, is_paused, documents_per_second_max } = orders;
    let pace = match (is_paused, documents_per_second_max) {
        (true, _) => "the run is paused; `lockstep resume` lets it go on".to_owned(),
        (false, Some(rate)) => {
            format!("the run carries at most {} a second", counted(rate, "document", "documents"))
        }
        (false, None) => "the run goes as fast as the cluster takes it".to_owned(),
    };
    if is_held { format!("{pace}; it holds before the switch") } else { pace }
}
