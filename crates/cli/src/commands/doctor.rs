//! `lockstep doctor`: looks for what drivers that died left, and mends what is provably Lockstep's own.

use clap::Args;
use lockstep_engine::doctor::Leftover;
use serde_json::json;

use super::{Context, abort::confirm, application};
use crate::{
    cli::ApplicationFlags,
    connection::connect,
    error::CommandError,
    exit::Exit,
    progress::Teller,
    render::{
        doctor::{healthy, left_behind, mended},
        quantity::counted,
    },
};

/// Flags of `lockstep doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    application: ApplicationFlags,
    /// Mend what can be mended: give back leases of the dead, lift their fences, drop half-made indices
    #[arg(long)]
    mend: bool,
    /// Don't ask
    #[arg(short, long, requires = "mend")]
    yes: bool,
}

/// Looks, tells, and mends if so asked.
pub(crate) async fn run(
    arguments: &DoctorArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let application = application(&arguments.application)?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster, &teller);
    let found = session.examine(&application).await;
    teller.finish();
    let found = found?;
    let mendable = found.iter().filter(|leftover| leftover.remedy.is_some()).count() as u64;
    tell(&application, &found, arguments.mend, context)?;
    if !arguments.mend || mendable == 0 {
        return Ok(if found.is_empty() { Exit::Done } else { Exit::Halted });
    }
    if !arguments.yes {
        let what = counted(mendable, "thing", "things");
        confirm(&format!("This mends {what} of {application}."), context).await?;
    }
    let done = context.quiet_session(session.cluster).mend(&application).await?;
    if context.ui.is_json() {
        for leftover in &done {
            context.ui.json_line(&json!({"event": "mended", "leftover": leftover}))?;
        }
    } else {
        context.ui.data(mended(&done).as_str())?;
    }
    let is_left = found.iter().any(|leftover| leftover.remedy.is_none());
    Ok(if is_left { Exit::Halted } else { Exit::Done })
}

fn tell(
    application: &str,
    found: &[Leftover],
    is_mending: bool,
    context: &Context,
) -> Result<(), CommandError> {
    if context.ui.is_json() {
        for leftover in found {
            context.ui.json_line(&json!({"event": "leftover", "leftover": leftover}))?;
        }
        let line =
            json!({"event": "examined", "application": application, "leftovers": found.len()});
        context.ui.json_line(&line)?;
    } else if found.is_empty() {
        context.ui.data(healthy(application).as_str())?;
    } else {
        context.ui.data(left_behind(found, is_mending).as_str())?;
    }
    Ok(())
}
