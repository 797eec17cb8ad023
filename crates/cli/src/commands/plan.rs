//! `lockstep plan`: shows what an upgrade would do.

use clap::Args;
use lockstep_core::{pack::model::Pack, plan::model::Limits, version::Version};
use lockstep_engine::session::Wish;

use super::{Context, open_pack};
use crate::{
    cli::PackFlag,
    connection::connect,
    error::CommandError,
    exit::Exit,
    render::plan::{PlanView, render},
    ui::Ui,
};

/// Which upgrade is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct UpgradeFlags {
    /// Version to go to
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Version,
    /// Version that is live, where the cluster doesn't tell
    #[arg(long, value_name = "VERSION")]
    pub(crate) from: Option<Version>,
    #[command(flatten)]
    pub(crate) pack: PackFlag,
}

/// Flags of `lockstep plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    upgrade: UpgradeFlags,
    /// Show every index in a line of its own
    #[arg(long)]
    all: bool,
}

impl UpgradeFlags {
    /// Reads the pack.
    pub(crate) fn open_pack(&self) -> Result<Pack, CommandError> {
        open_pack(&self.pack.pack)
    }

    /// What is asked of the engine.
    pub(crate) fn wish(&self, limits: Limits) -> Wish {
        Wish { to: self.to.clone(), from: self.from.clone(), limits, is_held: false }
    }

    /// The command that carries the upgrade out.
    fn upgrade_command(&self, context: &Context) -> String {
        let mut words = vec!["lockstep upgrade --to".to_owned(), self.to.to_string()];
        if let Some(from) = &self.from {
            words.extend(["--from".to_owned(), from.to_string()]);
        }
        let pack = self.pack.pack.display().to_string();
        if pack != "." {
            words.extend(["--pack".to_owned(), pack]);
        }
        let address = &context.global.cluster.cluster;
        // An address can hold a password; then it is not repeated.
        if context.is_cluster_given && !address.contains('@') {
            words.extend(["--cluster".to_owned(), address.clone()]);
        }
        words.join(" ")
    }
}

/// Makes the plan and prints it.
pub(crate) async fn run(
    arguments: &PlanArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let pack = arguments.upgrade.open_pack()?;
    let cluster = connect(&context.global.cluster).await?.cluster;
    let session = context.quiet_session(cluster.clone());
    let plan = session.plan(&pack, &arguments.upgrade.wish(Limits::default())).await?;
    if context.ui.is_json() {
        context.ui.json_pretty(&plan)?;
    } else {
        let next = arguments.upgrade.upgrade_command(context);
        let view = PlanView { all: arguments.all, width: Ui::data_width(), next: &next };
        context.ui.data(render(&plan, view).as_str())?;
    }
    if !plan.is_refused() {
        return Ok(Exit::Done);
    }
    let status = lockstep_engine::status::status(&cluster, &pack.name).await?;
    if let Some(run) = status.run.filter(|run| run.is_under_way) {
        context.ui.note(&format!(
            "a run from {} to {} is under way, which may be why; see `lockstep status`",
            run.from, run.to
        ));
    }
    Ok(Exit::Refused)
}
