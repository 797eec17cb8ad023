//! `lockstep switch`: lets a run that holds go on to the switch, and sees it through.

use std::time::Duration;

use clap::Args;
use lockstep_core::{
    plan::{model::Limits, tenants::TenantChoice},
    run::state::RunState,
};
use lockstep_elastic::Cluster;
use lockstep_engine::{EngineError, session::Wish, status::status};
use tokio::time;

use super::{Context, open_pack, upgrade};
use crate::{cli::PackFlag, connection::connect, error::CommandError, exit::Exit};

/// Time between two looks at a run that somebody else drives.
const LOOK_TIME: Duration = Duration::from_millis(300);

/// Flags of `lockstep switch`.
#[derive(Debug, Args)]
pub(crate) struct SwitchArguments {
    #[command(flatten)]
    pack: PackFlag,
}

/// Asks for the switch. Whoever drives the run makes it; if nobody does, this command.
pub(crate) async fn run(
    arguments: &SwitchArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let pack = open_pack(&arguments.pack.pack)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    context
        .quiet_session(cluster.clone())
        .order(&pack.name, |orders| orders.is_held = false)
        .await?;
    let run = status(&cluster, &pack.name).await?.run;
    let Some(to) = run.and_then(|run| run.to.parse().ok()) else {
        return Err(EngineError::NoRun { application: pack.name, what: "run under way" }.into());
    };
    let wish = Wish {
        to,
        from: None,
        limits: Limits::default(),
        is_held: false,
        documents_per_second_max: None,
        snapshot: None,
        tenants: TenantChoice::All,
    };
    match Box::pin(upgrade::drive_if_needed(context, &pack, &wish)).await {
        Ok(None) => Ok(Exit::Done),
        // Whoever drove the run made the switch while this command waited for the lease.
        Ok(Some(_)) => watch(context, &cluster, &pack.name).await,
        Err(CommandError::Engine(EngineError::Driven { owner })) => {
            context.ui.note(&format!("{owner} drives the run and makes the switch"));
            watch(context, &cluster, &pack.name).await
        }
        Err(error) => Err(error),
    }
}

/// Looks on until the run is over or needs an operator.
async fn watch(
    context: &Context,
    cluster: &Cluster,
    application: &str,
) -> Result<Exit, CommandError> {
    let mut seen = None;
    loop {
        let run = status(cluster, application).await?.run;
        let Some(run) = run else {
            return Err(
                EngineError::NoRun { application: application.to_owned(), what: "run" }.into()
            );
        };
        if seen.as_ref() != Some(&run.record.state) {
            context.ui.note(run.record.state.name());
        }
        match &run.record.state {
            RunState::Switched => {
                context.ui.data(&format!("{application} is on {}\n", run.to))?;
                return Ok(Exit::Done);
            }
            RunState::Halted { problem, .. } => {
                return Err(EngineError::Halted(Box::new(problem.clone())).into());
            }
            state if state.is_final() => {
                return Err(EngineError::NoRun {
                    application: application.to_owned(),
                    what: "run any more: it was given up",
                }
                .into());
            }
            state => seen = Some(state.clone()),
        }
        tokio::select! {
            () = time::sleep(LOOK_TIME) => {}
            () = context.stop.cancelled() => return Err(EngineError::Interrupted.into()),
        }
    }
}
