//! `lockstep demo`: seeds a small application, upgrades it with the same calls as `lockstep upgrade` while it goes on writing,
//! and lets an independent reader check the outcome. The application at work is in [`load`], removing what the demo made in
//! [`cleaning`].

mod cleaning;
mod load;

use clap::Args;
use lockstep_core::pack::{PackFiles, model::Pack};
use lockstep_demo::{
    CheckReport, Release, SeedOptions, TrafficOptions, TrafficReport, pack_files, seed,
};
use lockstep_elastic::Credentials;
use lockstep_engine::{EngineError, journal::SwitchRecord, pack_folder, session::Ending};
use lockstep_pocket::Pocket;
use serde_json::{Value, json};

use self::{
    cleaning::Cleaner,
    load::{Load, unless_stopped},
};
use super::{Context, upgrade};
use crate::{
    connection::{Greeted, connect_or_embed},
    error::CommandError,
    exit::Exit,
    progress::Teller,
    render::{
        quantity::{count, counted, duration},
        report::{self, Checked, UpgradeReport, switch_ms},
    },
};

/// Most tenants of a demo.
const TENANTS_MAX: u32 = 100;
/// Operations per second that the application does on the embedded cluster, unless asked for otherwise.
const EMBEDDED_OPERATIONS_PER_SECOND: u32 = 1_500;
/// The same on a real cluster, which may be small and has others to serve.
const REAL_OPERATIONS_PER_SECOND: u32 = 200;
/// Most operations per second that can be asked for, more than the embedded cluster takes.
const OPERATIONS_PER_SECOND_MAX: u32 = 100_000;
/// The release that is seeded, and the one that is upgraded to.
const VERSIONS: (&str, &str) = ("1.0", "2.0");

/// Flags of `lockstep demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --cluster the demo starts an embedded cluster in memory and needs nothing else. With --cluster it uses a real \
one; LOCKSTEP_CLUSTER is not enough for that. It refuses to start where its indices are already, and removes what it \
made at the end.

The application inserts, updates and deletes from before the upgrade until a second after the switch; in the end every \
acknowledged write has to be there. With --operations-per-second 0 nobody writes, and the old set is compared with the \
new one instead.")]
pub(crate) struct DemoArguments {
    /// Number of tenants
    #[arg(
        long,
        value_name = "N",
        default_value_t = 6,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(TENANTS_MAX))
    )]
    tenants: u32,
    /// Number of documents, over all tenants
    #[arg(long, value_name = "N", default_value_t = 120_000)]
    documents: u64,
    /// Operations per second of the application meanwhile, 0 for none [default: 1500, with --cluster 200]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(..=i64::from(OPERATIONS_PER_SECOND_MAX))
    )]
    operations_per_second: Option<u32>,
    /// Go back to the old release after the switch, under load as well
    #[arg(long)]
    rollback: bool,
    /// Keep what the demo made; an embedded cluster stays until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Only remove what a demo left behind on the cluster given by --cluster
    #[arg(long, conflicts_with = "keep")]
    clean: bool,
}

/// A cluster that the demo may work on.
struct Stage {
    greeted: Greeted,
    /// The address as the demo application wants it, with user and password.
    url: String,
    /// The embedded cluster, if it is one.
    pocket: Option<Pocket>,
}

/// Plays the demo.
pub(crate) async fn run(
    arguments: &DemoArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let pack = pack_folder::check(&PackFiles { files: pack_files() })?;
    if arguments.clean {
        return clean(&pack, context).await;
    }
    let stage = stage(context).await?;
    let cleaner = Cleaner::new(&pack, &stage.greeted.cluster, &stage.url, TENANTS_MAX)?;
    cleaner.refuse_leftovers().await?;
    let played = play(arguments, context, &pack, &stage).await;
    let (report, checked) = match played {
        Ok(played) => played,
        Err(error) => {
            if stage.pocket.is_none() {
                context
                    .ui
                    .note("what the demo made is still there; `lockstep demo --clean` removes it");
            }
            return Err(error);
        }
    };
    let cleaned = match stage.pocket {
        None if !arguments.keep => {
            cleaner.clean(context.quiet_session(stage.greeted.cluster), arguments.tenants).await
        }
        _ => Ok(0),
    };
    tell(&report, &checked, context)?;
    cleaned?;
    if let Some(pocket) = stage.pocket {
        if arguments.keep {
            context.ui.note(&format!("the cluster stays at {} until Ctrl-C", pocket.url()));
            context.stop.cancelled().await;
        }
        pocket.stop().await;
    }
    Ok(if checked.is_clean() { Exit::Done } else { Exit::Data })
}

async fn clean(pack: &Pack, context: &Context) -> Result<Exit, CommandError> {
    if !context.is_cluster_given {
        return Err(CommandError::Usage {
            message: "--clean needs --cluster on the command line".to_owned(),
            hint: "an embedded cluster leaves nothing behind",
        });
    }
    let stage = stage(context).await?;
    let cleaner = Cleaner::new(pack, &stage.greeted.cluster, &stage.url, TENANTS_MAX)?;
    let removed =
        cleaner.clean(context.quiet_session(stage.greeted.cluster.clone()), TENANTS_MAX).await?;
    if context.ui.is_json() {
        context.ui.json_line(&json!({"event": "cleaned", "indices": removed}))?;
    } else {
        let indices = counted(removed, "index", "indices");
        context
            .ui
            .data(&format!("removed {indices} of the demo, its templates and its journal\n"))?;
    }
    Ok(Exit::Done)
}

/// Starts an embedded cluster, unless another one stands on the command line.
async fn stage(context: &Context) -> Result<Stage, CommandError> {
    let (greeted, pocket) = connect_or_embed(context).await?;
    let url = match &pocket {
        Some(pocket) => pocket.url().to_owned(),
        None => application_url(&greeted)?,
    };
    Ok(Stage { greeted, url, pocket })
}

/// The address with user and password in it, which is all that the demo application understands.
fn application_url(greeted: &Greeted) -> Result<String, CommandError> {
    let connection = greeted.cluster.connection();
    let unusable = |what: &str| CommandError::Usage {
        message: format!("the demo's application can't use {what}"),
        hint: "give --user and --password, and an address that the system's certificates cover",
    };
    if connection.certificate_authority.is_some() {
        return Err(unusable("certificates of your own"));
    }
    let (user, password) = match &connection.credentials {
        Credentials::None => return Ok(connection.address().to_owned()),
        Credentials::Basic { user, password } => (user, password),
        Credentials::ApiKey(_) => return Err(unusable("an API key")),
        Credentials::Bearer(_) => return Err(unusable("a bearer token")),
    };
    let mut url = url::Url::parse(connection.address())
        .map_err(|error| EngineError::Bug(format!("the cluster's address: {error}")))?;
    let is_set = url.set_username(user).is_ok() && url.set_password(Some(password)).is_ok();
    if is_set { Ok(url.into()) } else { Err(unusable("this user and password")) }
}

/// Seeds, upgrades while the application is at work, checks.
async fn play(
    arguments: &DemoArguments,
    context: &Context,
    pack: &Pack,
    stage: &Stage,
) -> Result<(UpgradeReport, Checked), CommandError> {
    let options = SeedOptions {
        tenants: arguments.tenants,
        documents: arguments.documents,
        ..SeedOptions::default()
    };
    let usual = match stage.pocket {
        Some(_) => EMBEDDED_OPERATIONS_PER_SECOND,
        None => REAL_OPERATIONS_PER_SECOND,
    };
    let operations_per_second = arguments.operations_per_second.unwrap_or(usual);
    if arguments.rollback && operations_per_second == 0 {
        return Err(CommandError::Usage {
            message: "--rollback needs an application that writes".to_owned(),
            hint: "leave --operations-per-second out, or give more than 0",
        });
    }
    seed_demo(&options, operations_per_second, context, stage).await?;
    let traffic = TrafficOptions { operations_per_second, ..TrafficOptions::new(options) };
    let load = Load::start(context, &stage.url, traffic).await?;
    let played = async {
        let mut report = Box::pin(upgrade_demo(context, pack, stage)).await?;
        if arguments.rollback {
            load.go_on_after_switch(context).await?;
            report.back = Some(Box::pin(roll_back(context, pack, stage)).await?);
        }
        Ok(report)
    };
    match played.await {
        Ok(report) => {
            let live = if arguments.rollback { Release::V1_0 } else { Release::V2_0 };
            Ok((report, load.finish(context, &stage.url, live).await?))
        }
        Err(error) => Err(load.give_up(context, error).await),
    }
}

/// Takes the demo back with the same call as `lockstep rollback`, and tells how long writes were blocked for it.
async fn roll_back(
    context: &Context,
    pack: &Pack,
    stage: &Stage,
) -> Result<SwitchRecord, CommandError> {
    let teller = Teller::start(&context.ui);
    let session = context.session(stage.greeted.cluster.clone(), &teller);
    let ended = session.rollback(pack).await;
    teller.finish();
    match ended? {
        Ending::Returned { plan: _, run } => Ok(run.back.unwrap_or_default()),
        other => Err(EngineError::Bug(format!("the demo's way back ended here: {other:?}")).into()),
    }
}

async fn seed_demo(
    options: &SeedOptions,
    operations_per_second: u32,
    context: &Context,
    stage: &Stage,
) -> Result<(), CommandError> {
    let identity = &stage.greeted.identity;
    if !context.ui.is_json() {
        let tenants = counted(u64::from(options.tenants), "tenant", "tenants");
        let documents = counted(options.documents, "document", "documents");
        context.ui.note(&format!(
            "seeding {documents} of {tenants} into {} {} ({})",
            identity.engine.as_str(),
            identity.version,
            identity.cluster_name
        ));
    }
    let seeded = unless_stopped(context, seed(&stage.url, options)).await?;
    if context.ui.is_json() {
        return context.ui.json_line(&json!({
            "event": "seeded",
            "tenants": seeded.tenants,
            "indices": seeded.indices,
            "documents": seeded.documents,
            "seconds": seeded.elapsed.as_secs_f64(),
        }));
    }
    let load = match operations_per_second {
        0 => String::new(),
        rate => {
            format!(" while the application does {} operations/s", count(u64::from(rate)))
        }
    };
    context.ui.note(&format!(
        "seeded {} in {}; upgrading {} → {} in one pass{load}",
        counted(seeded.indices, "index", "indices"),
        duration(seeded.elapsed),
        VERSIONS.0,
        VERSIONS.1
    ));
    Ok(())
}

async fn upgrade_demo(
    context: &Context,
    pack: &Pack,
    stage: &Stage,
) -> Result<UpgradeReport, CommandError> {
    let wish = upgrade::wish(VERSIONS.1, VERSIONS.0, None)?;
    let teller = Teller::start(&context.ui);
    let cluster = stage.greeted.cluster.clone();
    let session = context.session(cluster.clone(), &teller);
    let ended = session.upgrade(pack, &wish).await;
    let ledger = teller.finish();
    match ended? {
        Ending::Switched { plan, run } => upgrade::report(&cluster, &plan, &run, &ledger).await,
        other => Err(EngineError::Bug(format!("the demo's run ended like this: {other:?}")).into()),
    }
}

fn tell(report: &UpgradeReport, checked: &Checked, context: &Context) -> Result<(), CommandError> {
    if !context.ui.is_json() {
        return context.ui.data(report::demo(report, checked).as_str());
    }
    context.ui.json_line(&checked_event(checked))?;
    context.ui.json_line(&last_line(report, checked))
}

/// What the reader found in words.
fn checked_event(checked: &Checked) -> Value {
    match checked {
        Checked::Still(check) => json!({
            "event": "checked",
            "dropped": check.dropped,
            "problems": check.problems,
            "examples": check.examples.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>(),
        }),
        Checked::Live { report, counts } => json!({
            "event": "checked",
            "inserts": counts.inserts,
            "updates": counts.updates,
            "deletes": counts.deletes,
            "unanswered_writes": counts.unanswered_writes,
            "observations": report.observations,
            "problems": report.problems,
            "examples": report.examples.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>(),
        }),
    }
}

/// The numbers. Every key is always there, so that a script needs not know how the demo was played.
fn last_line(report: &UpgradeReport, checked: &Checked) -> Value {
    let (tenants, found, operations_per_second) = match checked {
        Checked::Still(check) => {
            let &CheckReport { tenants, documents, differing, missing, extra, .. } = check;
            let found = TrafficReport {
                documents,
                differing,
                lost: missing,
                extra,
                ..TrafficReport::default()
            };
            (tenants, found, 0)
        }
        Checked::Live { report: found, counts } => {
            (report.tenants, found.clone(), counts.operations_per_second())
        }
    };
    json!({
        "tenants": tenants,
        "documents": found.documents,
        "differing": found.differing,
        "missing": found.lost,
        "extra": found.extra,
        "docs_per_second": report.docs_per_second,
        "switch_ms": report.switch_ms,
        "operations": found.operations,
        "operations_per_second": operations_per_second,
        "lost": found.lost,
        "resurrected": found.resurrected,
        "fence_ms": report.switch_ms,
        "refused_writes": found.refused_writes,
        "longest_wait_ms": found.longest_wait_ms,
        "split_observations": found.split_observations,
        "rollback": report.back.as_ref().map(|times| json!({"fence_ms": switch_ms(times)})),
    })
}
