//! The verbs, one file each. A verb turns flags into calls of the engine, and what came of them into output.

pub(crate) mod abort;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod guard;
pub(crate) mod history;
pub(crate) mod info;
pub(crate) mod orders;
pub(crate) mod pack_check;
pub(crate) mod pack_docs;
pub(crate) mod pack_fuzz;
pub(crate) mod pack_import;
pub(crate) mod pack_lock;
pub(crate) mod pack_new;
pub(crate) mod pack_schema;
pub(crate) mod pack_step;
pub(crate) mod pack_test;
pub(crate) mod plan;
pub(crate) mod preview;
pub(crate) mod quarantine;
pub(crate) mod rehearse;
pub(crate) mod restore;
pub(crate) mod retire;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod survey;
pub(crate) mod switch;
pub(crate) mod upgrade;
pub(crate) mod verify;
pub(crate) mod worker;

use std::{
    io,
    path::Path,
    sync::{Arc, OnceLock},
};

use lockstep_core::pack::{PackFiles, model::Pack};
use lockstep_elastic::Cluster;
use lockstep_engine::{EngineError, JqHosts, Session, pack_folder, report::Silent};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{ApplicationFlags, Global, ImportVerb, PackVerb, QuarantineVerb, Verb},
    configuration::ConfigurationFile,
    databases::databases,
    error::CommandError,
    exit::Exit,
    progress::Teller,
    signals::StopSignal,
    ui::Ui,
};

/// The file by which a pack is known.
const PACK_FILE: &str = "pack.yaml";

/// What every verb works with.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Flags that every verb takes.
    pub(crate) global: Global,
    /// Whether the address of the cluster stands on the command line, not in a variable.
    pub(crate) is_cluster_given: bool,
    /// What the file of configuration says; nothing where there is none.
    pub(crate) configuration: Arc<ConfigurationFile>,
    /// Where output goes.
    pub(crate) ui: Ui,
    /// Where programs in jq run: in processes of this same binary.
    pub(crate) jq: JqHosts,
    /// Cancelled by the first signal.
    pub(crate) stop: CancellationToken,
    /// Which signal that was.
    pub(crate) stop_signal: Arc<OnceLock<StopSignal>>,
}

/// Does what was asked for.
pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, CommandError> {
    match verb {
        // These write; they stop by themselves, at a place from which the same command goes on.
        Verb::Upgrade(arguments) => Box::pin(upgrade::run(&arguments, context)).await,
        Verb::Rehearse(arguments) => Box::pin(rehearse::run(&arguments, context)).await,
        Verb::Worker(arguments) => Box::pin(worker::run(&arguments, context)).await,
        Verb::Switch(arguments) => Box::pin(switch::run(&arguments, context)).await,
        Verb::Preview(arguments) => Box::pin(preview::run(&arguments, context)).await,
        Verb::Rollback(arguments) => Box::pin(rollback::rollback(&arguments, context)).await,
        Verb::Finalize(arguments) => Box::pin(rollback::finalize(&arguments, context)).await,
        Verb::Retire(arguments) => Box::pin(retire::run(&arguments, context)).await,
        Verb::Restore(arguments) => Box::pin(restore::run(&arguments, context)).await,
        Verb::Abort(arguments) => Box::pin(abort::run(&arguments, context)).await,
        Verb::Doctor(arguments) => Box::pin(doctor::run(&arguments, context)).await,
        Verb::Guard(arguments) => Box::pin(guard::run(&arguments, context)).await,
        Verb::Demo(arguments) => Box::pin(demo::run(&arguments, context)).await,
        // These look, or write one record, so they can end anywhere.
        Verb::Plan(arguments) => stoppable(context, plan::run(&arguments, context)).await,
        Verb::Survey(arguments) => stoppable(context, survey::run(&arguments, context)).await,
        Verb::Status(arguments) => stoppable(context, status::run(&arguments, context)).await,
        Verb::Info(arguments) => stoppable(context, info::run(&arguments, context)).await,
        Verb::History(arguments) => stoppable(context, history::run(&arguments, context)).await,
        Verb::Pause(arguments) => stoppable(context, orders::pause(&arguments, context)).await,
        Verb::Resume(arguments) => stoppable(context, orders::resume(&arguments, context)).await,
        Verb::Pace(arguments) => stoppable(context, orders::pace(&arguments, context)).await,
        Verb::Verify(arguments) => stoppable(context, verify::run(&arguments, context)).await,
        Verb::Quarantine(verb) => stoppable(context, decide(&verb, context)).await,
        Verb::Pack(verb) => Box::pin(pack(&verb, context)).await,
    }
}

async fn pack(verb: &PackVerb, context: &Context) -> Result<Exit, CommandError> {
    match verb {
        PackVerb::New(arguments) => pack_new::run(arguments, context),
        PackVerb::Docs(arguments) => pack_docs::run(arguments, context),
        PackVerb::Schema(arguments) => pack_schema::run(arguments, context),
        PackVerb::Lock(arguments) => pack_lock::run(arguments, context),
        PackVerb::Check(arguments) => pack_check::run(arguments, context),
        PackVerb::Import(ImportVerb::Tracardi(arguments)) => {
            pack_import::tracardi(arguments, context)
        }
        PackVerb::Test(arguments) => pack_test::run(arguments, context).await,
        PackVerb::Step(arguments) => pack_step::run(arguments, context).await,
        PackVerb::Fuzz(arguments) => pack_fuzz::run(arguments, context).await,
    }
}

async fn decide(verb: &QuarantineVerb, context: &Context) -> Result<Exit, CommandError> {
    match verb {
        QuarantineVerb::List(arguments) => quarantine::list(arguments, context).await,
        QuarantineVerb::Show(arguments) => quarantine::show(arguments, context).await,
        QuarantineVerb::Retry(arguments) => quarantine::retry(arguments, context).await,
        QuarantineVerb::Discard(arguments) => quarantine::discard(arguments, context).await,
    }
}

async fn stoppable(
    context: &Context,
    command: impl Future<Output = Result<Exit, CommandError>>,
) -> Result<Exit, CommandError> {
    tokio::select! {
        outcome = Box::pin(command) => outcome,
        () = context.stop.cancelled() => Err(EngineError::Interrupted.into()),
    }
}

impl Context {
    /// A session whose progress is told.
    fn session(&self, cluster: Cluster, teller: &Teller) -> Session {
        Session { reporter: teller.reporter(), ..self.quiet_session(cluster) }
    }

    /// A session that nobody listens to.
    fn quiet_session(&self, cluster: Cluster) -> Session {
        Session {
            cluster,
            jq: self.jq.clone(),
            reporter: Arc::new(Silent),
            stop: self.stop.clone(),
            databases: databases(),
        }
    }
}

/// The name of the application that is meant.
fn application(flags: &ApplicationFlags) -> Result<String, CommandError> {
    match &flags.application {
        Some(name) => Ok(name.clone()),
        None => Ok(open_pack(&flags.pack.pack)?.name),
    }
}

/// Reads and checks a pack.
fn open_pack(folder: &Path) -> Result<Pack, CommandError> {
    Ok(pack_folder::check(&read_pack(folder)?)?)
}

/// Reads the files of a pack.
fn read_pack(folder: &Path) -> Result<PackFiles, CommandError> {
    // A folder that isn't a pack may be anything, and large; it isn't read at all.
    let unreadable = |source| EngineError::PackUnreadable { path: folder.to_owned(), source };
    if !folder.join(PACK_FILE).try_exists().map_err(unreadable)? {
        let source = io::Error::new(io::ErrorKind::NotFound, format!("it has no file {PACK_FILE}"));
        return Err(unreadable(source).into());
    }
    Ok(pack_folder::read(folder)?)
}
