//! `lockstep plan`: shows what an upgrade would do.

use clap::Args;
use lockstep_core::{
    pack::model::Pack,
    plan::{model::Limits, tenants::TenantChoice},
    version::Version,
};
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
    /// Leave a tenant on the live release, by its name there; may be given several times
    #[arg(long, value_name = "NAME", requires = "reason", conflicts_with = "only_tenant")]
    pub(crate) exclude_tenant: Vec<String>,
    /// Why tenants are left out; it is kept with the run
    #[arg(long, value_name = "TEXT", requires = "exclude_tenant", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) reason: Option<String>,
    /// Upgrade this tenant and no other; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) only_tenant: Vec<String>,
    /// Documents from which on an index that no step changes is cloned, with writes to it refused for a moment; `never`
    /// copies all [default: 100000]
    #[arg(long, value_name = "DOCUMENTS", value_parser = clone_from)]
    pub(crate) clone_from: Option<u64>,
}

/// A number of documents, or `never`.
fn clone_from(text: &str) -> Result<u64, String> {
    if text == "never" {
        return Ok(u64::MAX);
    }
    text.parse().map_err(|_not_a_number| "give a number of documents, or `never`".to_owned())
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
    pub(crate) fn wish(&self, mut limits: Limits) -> Wish {
        if let Some(documents) = self.clone_from {
            limits.clone_documents_min = documents;
        }
        let (to, from, tenants) = (self.to.clone(), self.from.clone(), self.tenants());
        Wish {
            to,
            from,
            tenants,
            limits,
            is_held: false,
            documents_per_second_max: None,
            snapshot: None,
        }
    }

    fn tenants(&self) -> TenantChoice {
        let set = |names: &[String]| names.iter().cloned().collect();
        match (&self.reason, self.only_tenant.as_slice()) {
            (Some(reason), _) => {
                let tenants = set(&self.exclude_tenant);
                TenantChoice::Except { tenants, reason: reason.clone() }
            }
            (None, []) => TenantChoice::All,
            (None, only) => TenantChoice::Only(set(only)),
        }
    }

    /// The command that carries the upgrade out.
    pub(crate) fn upgrade_command(&self, context: &Context) -> String {
        let mut words = vec!["lockstep upgrade --to".to_owned(), self.to.to_string()];
        if let Some(from) = &self.from {
            words.extend(["--from".to_owned(), from.to_string()]);
        }
        for tenant in &self.exclude_tenant {
            words.extend(["--exclude-tenant".to_owned(), quoted(tenant)]);
        }
        if let Some(reason) = &self.reason {
            words.extend(["--reason".to_owned(), quoted(reason)]);
        }
        for tenant in &self.only_tenant {
            words.extend(["--only-tenant".to_owned(), quoted(tenant)]);
        }
        match self.clone_from {
            Some(u64::MAX) => words.push("--clone-from never".to_owned()),
            Some(documents) => words.push(format!("--clone-from {documents}")),
            None => {}
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

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
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
