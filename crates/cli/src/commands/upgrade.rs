//! `lockstep upgrade`: takes an application to another version.

use clap::Args;
use lockstep_core::{
    deploy::state::DeployState,
    health::Verdict,
    pack::model::Pack,
    plan::{
        model::{Limits, Plan},
        tenants::TenantChoice,
    },
    run::state::RunState,
};
use lockstep_elastic::Cluster;
use lockstep_engine::{
    EngineError,
    deploy::drive::{DeployWish, Deployed},
    journal::RunRecord,
    session::{Ending, Wish},
    status::status,
};
use serde_json::json;

use super::{Context, plan::UpgradeFlags};
use crate::{
    connection::connect,
    deploy::DeployFlags,
    error::CommandError,
    exit::Exit,
    progress::{Ledger, Teller},
    render::{
        deploy::{deployed, deployed_json},
        report::{UpgradeReport, switch_ms, upgraded},
    },
};

/// Most windows at the same time; each takes memory for its documents.
pub(crate) const WINDOWS_MAX: u16 = 64;
/// Most documents that the engines give in one answer (`index.max_result_window`).
pub(crate) const WINDOW_DOCUMENTS_MAX: u16 = 10_000;

/// Most rejected documents that are set aside: all are read in one answer, and nobody decides about more one by one.
const QUARANTINE_MAX: u16 = 5_000;

/// Flags of `lockstep upgrade`.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArguments {
    #[command(flatten)]
    upgrade: UpgradeFlags,
    /// Windows of documents that are copied at the same time [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(WINDOWS_MAX)))]
    windows: Option<u16>,
    /// Documents that a window holds at the most; fewer go easier on the cluster [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(WINDOW_DOCUMENTS_MAX)))]
    window_documents: Option<u16>,
    /// Rejected documents that are set aside at the most before the run stops [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(QUARANTINE_MAX)))]
    quarantine_max: Option<u16>,
    /// Documents that are carried over a second at the most; `lockstep pace` changes that while it runs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_docs_per_second: Option<u64>,
    /// Keep the new set in step and don't switch before `lockstep switch`
    #[arg(long, conflicts_with = "deploy")]
    hold: bool,
    #[command(flatten)]
    deploy: DeployFlags,
    /// Take a snapshot of the live set first, in this repository of the cluster, and check that it is whole
    #[arg(long, value_name = "REPOSITORY")]
    snapshot: Option<String>,
}

/// Upgrades and reports.
pub(crate) async fn run(
    arguments: &UpgradeArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let pack = arguments.upgrade.open_pack()?;
    let mut limits = limits(arguments.windows, arguments.window_documents);
    if let Some(documents) = arguments.quarantine_max {
        limits.quarantine_max = u32::from(documents);
    }
    let wish = Wish {
        is_held: arguments.hold,
        documents_per_second_max: arguments.max_docs_per_second,
        snapshot: arguments.snapshot.clone(),
        ..arguments.upgrade.wish(limits)
    };
    match arguments.deploy.wish(context)? {
        Some(deploy) => Box::pin(drive_and_deploy(context, (&pack, &wish), &deploy)).await,
        None => drive(context, &pack, &wish).await,
    }
}

/// Drives the run, changes the tag, and reports both.
async fn drive_and_deploy(
    context: &Context,
    (pack, wish): (&Pack, &Wish),
    deploy: &DeployWish,
) -> Result<Exit, CommandError> {
    let cluster = connect(&context.global.cluster).await?.cluster;
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster.clone(), &teller);
    let ended = session.deploy(pack, wish, deploy).await;
    let ledger = teller.finish();
    let Deployed { plan, run, record } = ended?;
    if let Some(run) = run.filter(|run| run.state == RunState::Switched) {
        tell_upgraded(context, &report(&cluster, &plan, &run, &ledger).await?)?;
    }
    let live = status(&cluster, &pack.name).await?;
    if context.ui.is_json() {
        context.ui.json_line(&deployed_json(&pack.name, &record, &live))?;
    } else {
        context.ui.data(deployed(&pack.name, &record, &live).as_str())?;
    }
    Ok(match &record.state {
        DeployState::Done { verdict: None | Some(Verdict::Healthy) } => Exit::Done,
        DeployState::Done {
            verdict: Some(Verdict::Unhealthy { .. } | Verdict::CantTell { .. }),
        }
        | DeployState::Waiting
        | DeployState::Changing
        | DeployState::Changed
        | DeployState::Watching
        | DeployState::Restoring { .. }
        | DeployState::Restored { .. }
        | DeployState::Returned { .. }
        | DeployState::Failed { .. } => Exit::Halted,
    })
}

/// Drives the run to its end and reports.
pub(crate) async fn drive(
    context: &Context,
    pack: &Pack,
    wish: &Wish,
) -> Result<Exit, CommandError> {
    match drive_if_needed(context, pack, wish).await? {
        None => Ok(Exit::Done),
        Some(plan) => minor(&plan, context),
    }
}

/// The same, but where the wanted version is live already nothing is told: its plan comes back.
pub(crate) async fn drive_if_needed(
    context: &Context,
    pack: &Pack,
    wish: &Wish,
) -> Result<Option<Box<Plan>>, CommandError> {
    let cluster = connect(&context.global.cluster).await?.cluster;
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster.clone(), &teller);
    let ended = session.upgrade(pack, wish).await;
    let ledger = teller.finish();
    let (plan, run) = match ended? {
        Ending::Minor { plan } => return Ok(Some(plan)),
        Ending::Switched { plan, run } => (plan, run),
        Ending::Returned { plan, run: _ } => {
            return Err(EngineError::Returning { application: plan.application }.into());
        }
        Ending::Aborted { plan, run: _ } => return Err(given_up(&plan).into()),
    };
    tell_upgraded(context, &report(&cluster, &plan, &run, &ledger).await?)?;
    Ok(None)
}

fn tell_upgraded(context: &Context, report: &UpgradeReport) -> Result<(), CommandError> {
    if context.ui.is_json() {
        let mut line = json!(report);
        if let Some(fields) = line.as_object_mut() {
            fields.insert("event".to_owned(), json!("upgraded"));
        }
        context.ui.json_line(&line)
    } else {
        context.ui.data(upgraded(report).as_str())
    }
}

/// Bounds on what the run may use.
pub(crate) fn limits(windows: Option<u16>, window_documents: Option<u16>) -> Limits {
    let mut limits = Limits::default();
    if let Some(documents) = window_documents {
        limits.window_width_max = u64::from(documents);
    }
    if let Some(windows) = windows {
        limits.windows_in_flight = usize::from(windows);
    }
    limits
}

pub(crate) fn minor(plan: &Plan, context: &Context) -> Result<Exit, CommandError> {
    if context.ui.is_json() {
        context.ui.json_line(&json!({
            "event": "minor",
            "application": plan.application,
            "from": plan.from,
            "to": plan.to,
        }))?;
    } else {
        context.ui.data(&format!(
            "{} {} → {}: nothing to migrate, start the image of {}\n",
            plan.application, plan.from, plan.to, plan.to
        ))?;
    }
    Ok(Exit::Done)
}

/// A run that was being given up is given up to its end before anything else can begin.
fn given_up(plan: &Plan) -> EngineError {
    EngineError::NoRun {
        application: plan.application.clone(),
        what: "run any more: it was given up",
    }
}

/// Gathers the report of a run that ended in a switch.
pub(crate) async fn report(
    cluster: &Cluster,
    plan: &Plan,
    run: &RunRecord,
    ledger: &Ledger,
) -> Result<UpgradeReport, CommandError> {
    let journalled =
        status(cluster, &plan.application).await?.run.filter(|last| last.record.id == run.id);
    let discarded = journalled.as_ref().map_or(0, |run| run.quarantine.discarded);
    let (copied, verdict, followed) = journalled
        .map(|run| (run.copied, run.verdict, run.followed.unwrap_or_default()))
        .unwrap_or_default();
    let switch = run.switch.unwrap_or_default();
    Ok(UpgradeReport {
        application: plan.application.clone(),
        from: plan.from.to_string(),
        to: plan.to.to_string(),
        run: run.id.clone(),
        mode: plan.mode,
        tenants: plan.tenants.len() as u64,
        indices: plan.targets().count() as u64,
        documents: copied.read,
        bytes: copied.bytes,
        carried: followed.carried.read,
        deleted: followed.deleted,
        repaired: followed.repaired,
        discarded,
        verified: verdict.as_ref().map_or(0, |verdict| verdict.documents),
        rounds: verdict.map_or(ledger.rounds, |verdict| verdict.round),
        time: ledger.time,
        copy_time: ledger.copy_time,
        docs_per_second: ledger.docs_per_second(),
        switch,
        switch_ms: switch_ms(&switch),
        back: None,
    })
}

/// What the demo asks of the engine: exactly what `lockstep upgrade` would.
pub(crate) fn wish(to: &str, from: &str, windows: Option<u16>) -> Result<Wish, CommandError> {
    let version = |text: &str| {
        text.parse().map_err(|error| EngineError::Bug(format!("the demo's version: {error}")))
    };
    let limits = limits(windows, None);
    Ok(Wish {
        to: version(to)?,
        from: Some(version(from)?),
        limits,
        is_held: false,
        documents_per_second_max: None,
        snapshot: None,
        tenants: TenantChoice::All,
    })
}
