//! What can go wrong while Lockstep works, with a code, a class that becomes the exit code, and the next step.

use std::path::PathBuf;

use lockstep_archive::ArchiveError;
use lockstep_core::{
    pack::diagnostic::Diagnostics,
    plan::{build::PlanError, model::Plan},
    run::{admission, state::Problem, step::Refusal},
};
use lockstep_elastic::{ConnectionError, Failure, FailureKind};
use lockstep_tables::TableError;

use crate::{
    deploy::{DeployProblem, Trouble},
    tables::variable,
};

/// Why a command didn't do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The address or the certificates can't be used.
    #[error("can't use this cluster address")]
    Connection(#[from] ConnectionError),
    /// The cluster didn't do what it was asked to.
    #[error("the cluster refused or didn't answer: {0}")]
    Cluster(#[from] Failure),
    /// A database that tables are in can't be worked with.
    #[error("the database `{database}` can't be worked with: {error}")]
    Database {
        /// Its key in the pack.
        database: String,
        /// Why.
        error: TableError,
    },
    /// An archive can't be written or read, or isn't whole.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// There is something under the names that an archive's indices get.
    #[error("there is something already under {}", listed(names))]
    NamesTaken {
        /// The names.
        names: Vec<String>,
    },
    /// Aliases that restored indices should get lead elsewhere.
    #[error("aliases of the archive lead to other indices now: {}", listed(aliases))]
    AliasesTaken {
        /// The aliases.
        aliases: Vec<String>,
    },
    /// A name that no index can have.
    #[error("`{name}` is no name for an index: {reason}")]
    UnfitName {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// What was restored isn't what the archive has.
    #[error("`{index}` has the content {found}, and the archive {archived}")]
    NotRestored {
        /// The index.
        index: String,
        /// The digest of what it has.
        found: String,
        /// The digest of what it should have.
        archived: String,
    },
    /// No snapshot of the live set could be taken.
    #[error("no whole snapshot of the live set came to `{repository}`: {reason}")]
    Snapshot {
        /// The repository.
        repository: String,
        /// Why.
        reason: String,
    },
    /// A pack's folder can't be read.
    #[error("can't read the pack at {}", path.display())]
    PackUnreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of a pack can't be written.
    #[error("can't write {}", path.display())]
    PackUnwritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A pack has mistakes.
    #[error("the pack has mistakes")]
    Pack {
        /// All of them.
        diagnostics: Diagnostics,
        /// As text, with the places that they point at.
        rendered: String,
    },
    /// There is no way from the live release to the one asked for.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Preflight found something that forbids the run.
    #[error("preflight forbids this upgrade: {} findings", plan.findings.iter().filter(|finding| finding.is_refusal()).count())]
    Refused {
        /// The plan with its findings.
        plan: Box<Plan>,
    },
    /// There is no run to work on.
    #[error("`{application}` has no {what} in this cluster")]
    NoRun {
        /// The application.
        application: String,
        /// What was looked for.
        what: &'static str,
    },
    /// A run to another version is under way.
    #[error("a run from {from} to {to} is under way for `{application}`")]
    OtherRun {
        /// The application.
        application: String,
        /// Where it comes from.
        from: String,
        /// Where it goes.
        to: String,
    },
    /// The run was begun for other tenants.
    #[error("the run that is under way was begun for other tenants: {excluded} are left out of it")]
    OtherTenants {
        /// How many it leaves out.
        excluded: usize,
    },
    /// The pack changed since the plan was made.
    #[error("the pack changed since this run was planned")]
    PackChanged,
    /// The run belongs to another cluster.
    #[error("the journal holds a run for the cluster with id {planned}, but this one is {found}")]
    OtherCluster {
        /// In the plan.
        planned: String,
        /// Here.
        found: String,
    },
    /// Somebody else drives the run.
    #[error("{owner} drives this run")]
    Driven {
        /// Who.
        owner: String,
    },
    /// An upgrade began while it was rehearsed.
    #[error("an upgrade of `{application}` began, and the rehearsal gave way to it")]
    GaveWay {
        /// The application.
        application: String,
    },
    /// Too many workers.
    #[error("all places for workers are taken")]
    Crowded,
    /// Somebody else took the run over.
    #[error("another process took this run over; this one stopped")]
    LeaseLost,
    /// The journal holds something that this version can't read.
    #[error("the journal's record `{id}` can't be read: {reason}")]
    JournalUnreadable {
        /// The record.
        id: String,
        /// Why.
        reason: String,
    },
    /// The run can't do what was asked in its state.
    #[error(transparent)]
    State(#[from] Refusal),
    /// The application is on its way back; nothing else can be done meanwhile.
    #[error("`{application}` is on its way back to the release that it was switched from")]
    Returning {
        /// The application.
        application: String,
    },
    /// What was asked for is only for a run that was switched.
    #[error("the last run is {state}, not switched")]
    NotSwitched {
        /// Its state.
        state: &'static str,
    },
    /// A preview was asked for before the new set is in step with the live one, or afterwards.
    #[error("the new set can't be shown: the run is {state}, not holding")]
    NotInStep {
        /// Its state.
        state: &'static str,
    },
    /// Somebody else has a name that a preview needs.
    #[error("`{alias}` is taken, by the index `{index}`")]
    PreviewTaken {
        /// The name.
        alias: String,
        /// Who has it.
        index: String,
    },
    /// There is no way back.
    #[error("there is no way back from {from}: {reason}")]
    NoWayBack {
        /// The release that is live.
        from: String,
        /// Which index, which step, and why.
        reason: String,
    },
    /// Nothing can be decided about rejected documents any more, or not now.
    #[error("the run is {state}: nothing can be decided about its quarantine any more")]
    Undecidable {
        /// Its state.
        state: &'static str,
    },
    /// What should be decided about isn't there.
    #[error("nothing to decide in quarantine under {}", keys.join(", "))]
    NotInQuarantine {
        /// The keys that were given.
        keys: Vec<String>,
    },
    /// Somebody else wrote entries between the look at them and the decision.
    #[error("{} entries of the quarantine changed meanwhile: {}", keys.len(), keys.join(", "))]
    QuarantineMoved {
        /// Their keys.
        keys: Vec<String>,
    },
    /// The tag of the application can't be told or changed.
    #[error("{0}")]
    Deploy(#[from] Box<DeployProblem>),
    /// Another change of the tag is under way.
    #[error("a change of the tag to {to} is under way for `{application}`")]
    OtherDeploy {
        /// The application.
        application: String,
        /// Where it goes.
        to: String,
    },
    /// Going back by itself was asked for, and there is no way back.
    #[error("it could not go back by itself: {reason}")]
    NoWayBackAsked {
        /// Which index, which step, and why.
        reason: String,
    },
    /// The application isn't well before anything was changed.
    #[error("the application is not well, and its tag is as it was: {reason}")]
    UnhealthyBefore {
        /// Why.
        reason: String,
    },
    /// The run stopped because an operator is needed.
    #[error("{}", .0.message)]
    Halted(Box<Problem>),
    /// An application must not start.
    #[error(transparent)]
    NotAdmitted(#[from] admission::Refusal),
    /// An application waited for its start as long as it was told to.
    #[error("waited for {seconds} s, and {reason}")]
    WaitedTooLong {
        /// How long.
        seconds: u64,
        /// What it waited for at last.
        reason: String,
    },
    /// Somebody asked to stop; the run can go on later.
    #[error("stopped on request; the same command goes on from here")]
    Interrupted,
    /// Something that must not happen.
    #[error("internal error: {0}")]
    Bug(String),
}

/// The class of an error; the command line makes an exit code of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The cluster can't be reached or didn't answer in time.
    Unreachable,
    /// The cluster refused who asked.
    Credentials,
    /// Something else than Elasticsearch or OpenSearch answered.
    NotAnEngine,
    /// The cluster refused what was asked.
    Cluster,
    /// A pack has mistakes or can't be read.
    Pack,
    /// There is no way to the version that was asked for.
    Version,
    /// Preflight, or the state of things, forbids it.
    Refused,
    /// Somebody else is at it.
    Busy,
    /// An operator is needed before it can go on.
    Halted,
    /// Both sets differ, or documents were rejected.
    Data,
    /// An application waited for its start as long as it was told to.
    Waited,
    /// Stopped on request.
    Interrupted,
    /// A bug.
    Bug,
}

/// Code of the problem that documents were rejected by a step or by the new mapping.
pub const REJECTED_DOCUMENTS: &str = "R0201";
/// Code of the problem that a disk stays full.
pub const DISK_FULL: &str = "R0209";
/// Code of the problem that nobody decided about rejected documents.
pub const UNDECIDED_DOCUMENTS: &str = "R0208";
/// Code of the problem that both sets differ although nobody writes.
pub const SETS_DIFFER: &str = "R0401";
/// Code of the problem that a table differs from the index that it was made of.
pub const TABLES_DIFFER: &str = "R0404";

impl From<DeployProblem> for EngineError {
    fn from(problem: DeployProblem) -> Self {
        Self::Deploy(Box::new(problem))
    }
}

impl EngineError {
    /// Stable code, see `docs/design/error-codes.md`.
    pub fn code(&self) -> String {
        match self {
            Self::Connection(_) => "C0001".to_owned(),
            Self::Cluster(failure) => cluster_code(failure).to_owned(),
            Self::Database { error, .. } => database_code(error).to_owned(),
            Self::Archive(error) => archive_code(error).to_owned(),
            Self::Snapshot { .. } => "E0401".to_owned(),
            Self::NamesTaken { .. } => "E0301".to_owned(),
            Self::UnfitName { .. } => "E0302".to_owned(),
            Self::NotRestored { .. } => "E0303".to_owned(),
            Self::AliasesTaken { .. } => "E0304".to_owned(),
            Self::PackUnreadable { .. } => "P9001".to_owned(),
            Self::PackUnwritable { .. } => "P9003".to_owned(),
            Self::Pack { .. } => "P9002".to_owned(),
            Self::Plan(error) => error.code().to_owned(),
            Self::Refused { .. } => "F0001".to_owned(),
            Self::NoRun { .. } => "J0101".to_owned(),
            Self::OtherRun { .. } => "J0102".to_owned(),
            Self::PackChanged => "J0103".to_owned(),
            Self::OtherCluster { .. } => "J0104".to_owned(),
            Self::Returning { .. } => "J0105".to_owned(),
            Self::NoWayBack { .. } => "J0106".to_owned(),
            Self::NotSwitched { .. } => "J0107".to_owned(),
            Self::OtherTenants { .. } => "J0108".to_owned(),
            Self::Undecidable { .. } => "J0109".to_owned(),
            Self::NotInQuarantine { .. } => "J0110".to_owned(),
            Self::NotInStep { .. } => "J0111".to_owned(),
            Self::PreviewTaken { .. } => "J0112".to_owned(),
            Self::QuarantineMoved { .. } => "J0203".to_owned(),
            Self::Driven { .. } => "J0201".to_owned(),
            Self::LeaseLost => "J0202".to_owned(),
            Self::Crowded => "J0204".to_owned(),
            Self::GaveWay { .. } => "J0205".to_owned(),
            Self::JournalUnreadable { .. } => "J0301".to_owned(),
            Self::State(_) => "J0401".to_owned(),
            Self::Deploy(problem) => problem.code().to_owned(),
            Self::OtherDeploy { .. } => "K0501".to_owned(),
            Self::NoWayBackAsked { .. } => "K0502".to_owned(),
            Self::UnhealthyBefore { .. } => "H0101".to_owned(),
            Self::Halted(problem) => problem.code.clone(),
            Self::NotAdmitted(refusal) => refusal.code().to_owned(),
            Self::WaitedTooLong { .. } => "G0201".to_owned(),
            Self::Interrupted => "I0001".to_owned(),
            Self::Bug(_) => "B0001".to_owned(),
        }
    }

    /// The class that decides the exit code.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Cluster(failure) => cluster_class(failure),
            Self::Database { error, .. } => database_class(error),
            Self::PackUnreadable { .. } | Self::PackUnwritable { .. } | Self::Pack { .. } => {
                ErrorClass::Pack
            }
            Self::Plan(_) | Self::NotAdmitted(admission::Refusal::Older { .. }) => {
                ErrorClass::Version
            }
            Self::Archive(error) => archive_class(error),
            Self::NotRestored { .. } => ErrorClass::Data,
            Self::Connection(_)
            | Self::NotAdmitted(_)
            | Self::Snapshot { .. }
            | Self::NamesTaken { .. }
            | Self::UnfitName { .. }
            | Self::AliasesTaken { .. }
            | Self::Refused { .. }
            | Self::NoRun { .. }
            | Self::OtherRun { .. }
            | Self::PackChanged
            | Self::OtherTenants { .. }
            | Self::OtherCluster { .. }
            | Self::Returning { .. }
            | Self::NoWayBack { .. }
            | Self::NotSwitched { .. }
            | Self::NotInStep { .. }
            | Self::PreviewTaken { .. }
            | Self::Undecidable { .. }
            | Self::NotInQuarantine { .. }
            | Self::JournalUnreadable { .. }
            | Self::OtherDeploy { .. }
            | Self::NoWayBackAsked { .. }
            | Self::State(_) => ErrorClass::Refused,
            Self::Deploy(problem) => match problem.trouble {
                Trouble::File
                | Trouble::Compose(_)
                | Trouble::OtherRelease
                | Trouble::Deployment
                | Trouble::ApiRefused
                | Trouble::ApiSilent
                | Trouble::NotStarted => ErrorClass::Refused,
                Trouble::Failed
                | Trouble::TooLong
                | Trouble::HookSilent
                | Trouble::HookRefused
                | Trouble::Rollout => ErrorClass::Halted,
            },
            Self::UnhealthyBefore { .. } => ErrorClass::Halted,
            Self::Driven { .. }
            | Self::LeaseLost
            | Self::GaveWay { .. }
            | Self::QuarantineMoved { .. }
            | Self::Crowded => ErrorClass::Busy,
            Self::Halted(problem) => match problem.code.as_str() {
                REJECTED_DOCUMENTS | UNDECIDED_DOCUMENTS | SETS_DIFFER | TABLES_DIFFER => {
                    ErrorClass::Data
                }
                _ => ErrorClass::Halted,
            },
            Self::WaitedTooLong { .. } => ErrorClass::Waited,
            Self::Interrupted => ErrorClass::Interrupted,
            Self::Bug(_) => ErrorClass::Bug,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Connection(_) => "give an address such as http://localhost:9200".to_owned(),
            Self::Cluster(failure) => failure.advice().to_owned(),
            Self::Database { database, error } => database_hint(database, error),
            Self::Archive(error) => archive_hint(error).to_owned(),
            Self::PreviewTaken { .. } => PREVIEW_TAKEN_HINT.to_owned(),
            Self::NotInStep { .. } => NOT_IN_STEP_HINT.to_owned(),
            Self::Snapshot { .. } => SNAPSHOT_HINT.to_owned(),
            Self::NamesTaken { .. } => NAMES_TAKEN_HINT.to_owned(),
            Self::AliasesTaken { .. } => ALIASES_TAKEN_HINT.to_owned(),
            Self::UnfitName { .. } => UNFIT_NAME_HINT.to_owned(),
            Self::NotRestored { .. } => NOT_RESTORED_HINT.to_owned(),
            Self::PackUnreadable { .. } => "name the folder that holds pack.yaml with --pack".to_owned(),
            Self::PackUnwritable { .. } => "look at the rights of the folder and at what stands there".to_owned(),
            Self::Pack { .. } => "mend the places above; docs/design/pack-errors.md explains each code".to_owned(),
            Self::Plan(error) => error.hint(),
            Self::Refused { .. } => "each finding above says what to do; nothing was changed".to_owned(),
            Self::NoRun { .. } => "start one with `lockstep upgrade --to VERSION`".to_owned(),
            Self::OtherRun { to, .. } => {
                format!("finish it with `lockstep upgrade --to {to}`, or give it up with `lockstep abort`")
            }
            Self::PackChanged => {
                "take the pack back to what it was, or give the run up with `lockstep abort` and plan again".to_owned()
            }
            Self::OtherTenants { .. } => {
                "go on without naming tenants, or give it up with `lockstep abort` and begin anew".to_owned()
            }
            Self::OtherCluster { .. } => {
                "the journal was probably restored from another cluster's snapshot; look before you delete it".to_owned()
            }
            Self::Returning { .. } => "finish it with `lockstep rollback`, or stay with `lockstep abort`".to_owned(),
            Self::NotSwitched { .. } => {
                "before the switch `lockstep abort` gives a run up; once it is finalized there is no way back".to_owned()
            }
            Self::NoWayBack { .. } => {
                "the old set is still there as it was at the switch, without what was written since; nothing was changed".to_owned()
            }
            Self::Undecidable { .. } => "look at `lockstep status`; entries are kept for the record".to_owned(),
            Self::NotInQuarantine { .. } => {
                "look at `lockstep quarantine list`: an entry is over once its document was carried over, written again or deleted".to_owned()
            }
            Self::QuarantineMoved { .. } => {
                "the others were decided; look at `lockstep quarantine list`, then decide again".to_owned()
            }
            Self::Driven { .. } => "wait for it, or stop it; its lease ends seconds after it dies".to_owned(),
            Self::Crowded => "stop some workers: the cluster can't take more than so many carry".to_owned(),
            Self::GaveWay { .. } => {
                "everything that the rehearsal made is removed; rehearse again when the upgrade is over, or given up".to_owned()
            }
            Self::JournalUnreadable { .. } => "use the version of Lockstep that wrote it, or a newer one".to_owned(),
            Self::Deploy(problem) => problem.hint.clone(),
            Self::OtherDeploy { to, .. } => {
                format!("finish it: `lockstep upgrade --to {to}` with its `--deploy`")
            }
            Self::NoWayBackAsked { .. } => {
                "leave `--rollback-on` out, or say `--accept-no-way-back`: then you are told and nothing goes back".to_owned()
            }
            Self::UnhealthyBefore { .. } => {
                "make it well, then the same command goes on; `lockstep abort` gives up a run that was begun".to_owned()
            }
            Self::LeaseLost | Self::State(_) => "look at `lockstep status`".to_owned(),
            Self::Halted(problem) => problem.hint.clone(),
            Self::NotAdmitted(refusal) => refusal.hint(),
            Self::WaitedTooLong { .. } => {
                "look at `lockstep status`; start it again to wait on, or give it more time with --wait-max".to_owned()
            }
            Self::Interrupted => "run the same command again to go on".to_owned(),
            Self::Bug(_) => "please report this with the output of `lockstep status --json`".to_owned(),
        }
    }
}

const PREVIEW_TAKEN_HINT: &str = "give another --prefix; nothing was changed";
const NOT_IN_STEP_HINT: &str = "begin the run with `lockstep upgrade --hold`, and wait until `lockstep status` says that it is holding";
const SNAPSHOT_HINT: &str = "nothing was changed; look at GET /_snapshot and at the repository's rights and space, or upgrade without --snapshot";
const NAMES_TAKEN_HINT: &str = "nothing was written; give the restored indices other names with --as PREFIX, or remove what is there";
const ALIASES_TAKEN_HINT: &str = "no alias was changed; two sets under one alias would be mixed up. Restore without --with-aliases, and move the aliases when you know what should serve";
const UNFIT_NAME_HINT: &str = "nothing was written; give another --as PREFIX, in lower case";
const NOT_RESTORED_HINT: &str =
    "somebody wrote to it meanwhile, or the cluster changes documents; delete it and restore again";

fn archive_code(error: &ArchiveError) -> &'static str {
    match error {
        ArchiveError::Location { .. } => "E0201",
        ArchiveError::Store { .. } => "E0202",
        ArchiveError::NoManifest { .. } => "E0203",
        ArchiveError::Manifest { .. } => "E0204",
        ArchiveError::Damaged { .. } => "E0205",
        ArchiveError::Document { .. } => "E0206",
        ArchiveError::Refused { .. } => "E0207",
        ArchiveError::NoBucket { .. } => "E0208",
        ArchiveError::Unreachable { .. } => "E0209",
        ArchiveError::Taken { .. } => "E0210",
    }
}

fn archive_class(error: &ArchiveError) -> ErrorClass {
    match error {
        ArchiveError::Location { .. }
        | ArchiveError::Store { .. }
        | ArchiveError::Refused { .. }
        | ArchiveError::NoBucket { .. }
        | ArchiveError::Unreachable { .. }
        | ArchiveError::Taken { .. }
        | ArchiveError::NoManifest { .. } => ErrorClass::Refused,
        ArchiveError::Manifest { .. }
        | ArchiveError::Damaged { .. }
        | ArchiveError::Document { .. } => ErrorClass::Data,
    }
}

fn archive_hint(error: &ArchiveError) -> &'static str {
    match error {
        ArchiveError::Location { .. } => {
            "give a folder, or s3://BUCKET/PREFIX with AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set"
        }
        ArchiveError::Store { .. } => {
            "look at rights, free space and what the place says; no index was deleted, and the same command goes on"
        }
        ArchiveError::Refused { .. } => {
            "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and at what their owner may do: s3:GetObject, s3:ListBucket and, to archive, s3:PutObject and s3:AbortMultipartUpload; no index was deleted, and the same command goes on"
        }
        ArchiveError::NoBucket { .. } => {
            "make the bucket, or look at its name and at AWS_ENDPOINT_URL and AWS_REGION; no index was deleted, and the same command goes on"
        }
        ArchiveError::Unreachable { .. } => {
            "look whether the server of the bucket runs, and at AWS_ENDPOINT_URL and proxies; no index was deleted, and the same command goes on"
        }
        ArchiveError::Taken { .. } => {
            "nothing was written or deleted; archive the set to another place, for example with the cluster's name in the prefix"
        }
        ArchiveError::NoManifest { .. } => {
            "name the folder of one archive, which has a manifest.json; parts without one are what an interrupted command left"
        }
        ArchiveError::Manifest { .. } | ArchiveError::Damaged { .. } => {
            "nothing was deleted or written; get the archive back as it was, or archive the set to another place"
        }
        ArchiveError::Document { .. } => {
            "no index was deleted; look at the document, and retire the set without --archive if nobody needs it"
        }
    }
}

/// Names as a message has them, the first few of many.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn database_code(error: &TableError) -> &'static str {
    match error {
        TableError::Address { .. } => "S0101",
        TableError::Unreachable { .. } => "S0102",
        TableError::Credentials { .. } => "S0103",
        TableError::Busy { .. } => "S0201",
        TableError::Row { .. }
        | TableError::Reference { .. }
        | TableError::Refused { .. }
        | TableError::CheckpointGone => "S0202",
    }
}

fn database_class(error: &TableError) -> ErrorClass {
    match error {
        TableError::Address { .. } => ErrorClass::Refused,
        TableError::Unreachable { .. } => ErrorClass::Unreachable,
        TableError::Credentials { .. } => ErrorClass::Credentials,
        TableError::Busy { .. }
        | TableError::Row { .. }
        | TableError::Reference { .. }
        | TableError::Refused { .. }
        | TableError::CheckpointGone => ErrorClass::Cluster,
    }
}

fn database_hint(database: &str, error: &TableError) -> String {
    match error {
        TableError::Address { .. } => {
            let variable = variable(database);
            format!("set {variable} to its URL, or {variable}_FILE to a file that holds it")
        }
        TableError::Unreachable { .. } => {
            "look whether the database runs, then run the same command again".to_owned()
        }
        TableError::Credentials { .. } => {
            "look at user, password and rights, then run the same command again".to_owned()
        }
        TableError::Busy { .. }
        | TableError::Row { .. }
        | TableError::Reference { .. }
        | TableError::Refused { .. }
        | TableError::CheckpointGone => {
            "look at what the database says and at its log, then run the same command again"
                .to_owned()
        }
    }
}

fn cluster_class(failure: &Failure) -> ErrorClass {
    match failure.kind() {
        FailureKind::NotAnEngine => ErrorClass::NotAnEngine,
        FailureKind::Unreachable | FailureKind::AnswerLost => ErrorClass::Unreachable,
        _ => match failure.status() {
            Some(401 | 403) => ErrorClass::Credentials,
            Some(502..=504) => ErrorClass::Unreachable,
            _ => ErrorClass::Cluster,
        },
    }
}

fn cluster_code(failure: &Failure) -> &'static str {
    match cluster_class(failure) {
        ErrorClass::Unreachable => "C0101",
        ErrorClass::Credentials => "C0102",
        ErrorClass::NotAnEngine => "C0103",
        _ => "C0201",
    }
}
