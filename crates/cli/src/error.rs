//! What a command can fail with, and what becomes of it: code, exit code, causes, hint.

use std::{error::Error, io, path::PathBuf};

use lockstep_core::pack::Diagnostics;
use lockstep_demo::DemoError;
use lockstep_engine::{EngineError, ErrorClass};
use lockstep_import::Mistake;
use lockstep_pocket::PocketError;

use crate::exit::Exit;

/// Why a command didn't do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// What the engine says.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The first words with a cluster went wrong.
    #[error("can't work with the cluster at {address}")]
    Greeting {
        /// The address, without user and password.
        address: String,
        /// Why.
        source: Box<EngineError>,
    },
    /// What the demo application says.
    #[error(transparent)]
    Demo(Box<DemoError>),
    /// The pocket cluster didn't start.
    #[error(transparent)]
    Pocket(#[from] PocketError),
    /// Installations that can't be imported; at least one mistake.
    #[error("nothing was imported")]
    Import(Vec<Mistake>),
    /// Flags that don't fit together.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do next.
        hint: &'static str,
    },
    /// The file with certificates can't be read.
    #[error("can't read the certificates in {}", path.display())]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of configuration can't be read.
    #[error("can't read the configuration in {}", path.display())]
    ConfigurationUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of configuration has mistakes.
    #[error("the configuration in {} has mistakes", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// All of them.
        diagnostics: Diagnostics,
        /// As text, with the places that they point at.
        rendered: String,
    },
    /// A file that holds a secret can't be read.
    #[error("can't read the secret in {}", path.display())]
    SecretFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The demo's own indices, or a run of it, are on this cluster already.
    #[error("the demo is on this cluster already: {what}")]
    DemoThere {
        /// What was found.
        what: String,
    },
    /// `--clean` found something that the demo didn't make.
    #[error("the journal's run of `{application}` isn't the demo's: it works on `{index}`")]
    NotTheDemo {
        /// The application.
        application: String,
        /// An index that isn't the demo's.
        index: String,
    },
    /// There is something where a new pack should be written.
    #[error("there is something at {} already", path.display())]
    FolderTaken {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody has to agree, and nobody can be asked.
    #[error("nobody can be asked here: {question}")]
    NotAsked {
        /// What would be asked.
        question: String,
    },
    /// Somebody was asked, and said no.
    #[error("not confirmed; nothing was changed")]
    Declined,
    /// The command behind a guard can't be started.
    #[error("can't start `{program}`")]
    NotStarted {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Output or input can't be used.
    #[error("can't {what}")]
    Terminal {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl From<DemoError> for CommandError {
    fn from(error: DemoError) -> Self {
        Self::Demo(Box::new(error))
    }
}

impl From<Mistake> for CommandError {
    fn from(mistake: Mistake) -> Self {
        Self::Import(vec![mistake])
    }
}

/// The code of a panic.
pub(crate) const PANIC_CODE: &str = "B0002";

/// The code of clap's own errors.
pub(crate) const USAGE_CODE: &str = "U0001";

impl CommandError {
    /// Stable code, see `docs/design/error-codes.md`.
    pub(crate) fn code(&self) -> String {
        let code = match self {
            Self::Engine(error) => return error.code(),
            Self::Greeting { source, .. } => return source.code(),
            Self::Demo(error) => demo_code(error),
            Self::Pocket(_) => "D0002",
            Self::Import(_) => "A0001",
            Self::Usage { .. } => USAGE_CODE,
            Self::CertificateFile { .. } => "U0002",
            Self::ConfigurationUnreadable { .. } => "K0001",
            Self::Configuration { .. } => "K0002",
            Self::SecretFile { .. } => "K0003",
            Self::NotAsked { .. } => "U0003",
            Self::Declined => "U0004",
            Self::NotStarted { .. } => "G0301",
            Self::Terminal { .. } => "U0005",
            Self::FolderTaken { .. } => "U0006",
            Self::DemoThere { .. } => "D0101",
            Self::NotTheDemo { .. } => "D0102",
        };
        code.to_owned()
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Engine(error) => engine_exit(error),
            Self::Greeting { source, .. } => engine_exit(source),
            Self::Demo(error) => demo_exit(error),
            Self::Pocket(_)
            | Self::DemoThere { .. }
            | Self::NotTheDemo { .. }
            | Self::FolderTaken { .. }
            | Self::Declined => Exit::Refused,
            Self::Usage { .. }
            | Self::CertificateFile { .. }
            | Self::ConfigurationUnreadable { .. }
            | Self::Configuration { .. }
            | Self::SecretFile { .. }
            | Self::NotAsked { .. } => Exit::Usage,
            Self::Import(mistakes) => {
                let is_about_folder = |mistake: &Mistake| mistake.code.starts_with("A05");
                if mistakes.iter().all(is_about_folder) { Exit::Refused } else { Exit::Pack }
            }
            Self::NotStarted { .. } => Exit::NotStarted,
            Self::Terminal { .. } => Exit::Bug,
        }
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> String {
        let hint = match self {
            Self::Engine(error) => return error.hint(),
            Self::Greeting { source, .. } => return greeting_hint(source),
            Self::Demo(error) => demo_hint(error),
            Self::Pocket(_) => "look at what the system says above",
            Self::Import(_) => {
                "do what stands above and run the command again; nothing was written"
            }
            Self::Usage { hint, .. } => hint,
            Self::CertificateFile { .. } => "name a file with PEM certificates with --ca",
            Self::ConfigurationUnreadable { .. } => {
                "name the file with --config or LOCKSTEP_CONFIG, or neither"
            }
            Self::Configuration { .. } => {
                "mend the places above; docs/design/pack-errors.md explains each code"
            }
            Self::SecretFile { .. } => {
                "look at the path in the configuration, which is relative to its folder, and at who may read the file"
            }
            Self::FolderTaken { .. } => {
                "name another folder with --dir; nothing is ever overwritten"
            }
            Self::NotStarted { .. } => {
                "give the guard the command that starts the application, after `--`"
            }
            Self::NotAsked { .. } => "say --yes to do it without being asked",
            Self::Declined => "the same upgrade command goes on with the run",
            Self::Terminal { .. } => "look at the terminal, the disk and the limits of the system",
            Self::DemoThere { .. } => {
                "`lockstep demo --clean --cluster URL` removes what a demo left behind, and nothing else"
            }
            Self::NotTheDemo { .. } => {
                "another application has the demo's name here; take another cluster for the demo"
            }
        };
        hint.to_owned()
    }

    /// What happened, in one line. What [`CommandError::hint`] says is not in it.
    pub(crate) fn message(&self) -> String {
        without_advice(self.to_string(), self.engine_error())
    }

    /// Why, from near to far; nothing that the line before has said.
    pub(crate) fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut before = self.message();
        let mut next: Option<&(dyn Error + 'static)> = match self {
            // These pass their own message on.
            Self::Engine(error) => error.source(),
            Self::Demo(error) => error.source(),
            Self::Pocket(error) => error.source(),
            other => other.source(),
        };
        while let Some(cause) = next {
            let text = without_advice(cause.to_string(), self.engine_error());
            if !before.contains(&text) {
                causes.push(text.clone());
                before = text;
            }
            next = cause.source();
        }
        causes
    }

    /// The engine's error, where it is one.
    pub(crate) fn engine_error(&self) -> Option<&EngineError> {
        match self {
            Self::Engine(error) => Some(error),
            Self::Greeting { source, .. } => Some(source),
            Self::Demo(_)
            | Self::Pocket(_)
            | Self::Import(_)
            | Self::Usage { .. }
            | Self::CertificateFile { .. }
            | Self::ConfigurationUnreadable { .. }
            | Self::Configuration { .. }
            | Self::SecretFile { .. }
            | Self::DemoThere { .. }
            | Self::NotTheDemo { .. }
            | Self::FolderTaken { .. }
            | Self::NotAsked { .. }
            | Self::Declined
            | Self::NotStarted { .. }
            | Self::Terminal { .. } => None,
        }
    }
}

/// A cluster's failure ends with its advice, which is told as the hint.
fn without_advice(text: String, error: Option<&EngineError>) -> String {
    let Some(EngineError::Cluster(failure)) = error else { return text };
    match text.strip_suffix(failure.advice()) {
        Some(rest) => rest.trim_end_matches("; ").to_owned(),
        None => text,
    }
}

fn greeting_hint(error: &EngineError) -> String {
    match error.class() {
        ErrorClass::Unreachable => {
            "start the cluster, or say where it is with --cluster URL or LOCKSTEP_CLUSTER".to_owned()
        }
        ErrorClass::Credentials => {
            "say who asks with --user and --password, --api-key or --bearer-token, or their variables".to_owned()
        }
        ErrorClass::NotAnEngine => {
            "check host and port: something else than Elasticsearch or OpenSearch answers there".to_owned()
        }
        _ => error.hint(),
    }
}

/// The one place where the engine's classes become exit codes.
fn engine_exit(error: &EngineError) -> Exit {
    if matches!(error, EngineError::Connection(_)) {
        // An address that is none is a mistake on the command line.
        return Exit::Usage;
    }
    match error.class() {
        ErrorClass::Unreachable => Exit::Unreachable,
        ErrorClass::Credentials => Exit::Credentials,
        ErrorClass::NotAnEngine => Exit::NotAnEngine,
        ErrorClass::Cluster => Exit::Cluster,
        ErrorClass::Pack => Exit::Pack,
        ErrorClass::Version => Exit::Version,
        ErrorClass::Refused => Exit::Refused,
        ErrorClass::Busy => Exit::Busy,
        ErrorClass::Halted => Exit::Halted,
        ErrorClass::Data => Exit::Data,
        ErrorClass::Waited => Exit::Waited,
        ErrorClass::Interrupted => Exit::Interrupted,
        ErrorClass::Bug => Exit::Bug,
    }
}

fn demo_exit(error: &DemoError) -> Exit {
    match error {
        DemoError::NoAnswer { .. } => Exit::Unreachable,
        DemoError::Address { .. } | DemoError::Options(_) => Exit::Usage,
        DemoError::Refused { status: 401 | 403, .. } => Exit::Credentials,
        DemoError::Refused { .. }
        | DemoError::Answer { .. }
        | DemoError::Document { .. }
        | DemoError::Incomplete { .. } => Exit::Cluster,
        DemoError::AlreadyThere { .. } => Exit::Refused,
        DemoError::Unexpected { .. } | DemoError::NothingToCheck { .. } => Exit::Data,
        DemoError::Client(_) | DemoError::Task(_) => Exit::Bug,
    }
}

fn demo_code(error: &DemoError) -> &'static str {
    match error {
        DemoError::AlreadyThere { .. } => "D0101",
        DemoError::Address { .. } | DemoError::Options(_) => USAGE_CODE,
        DemoError::NoAnswer { .. }
        | DemoError::Refused { .. }
        | DemoError::Answer { .. }
        | DemoError::Document { .. }
        | DemoError::Incomplete { .. } => "D0201",
        DemoError::Unexpected { .. } | DemoError::NothingToCheck { .. } => "D0301",
        DemoError::Client(_) | DemoError::Task(_) => "D0901",
    }
}

fn demo_hint(error: &DemoError) -> &'static str {
    match demo_code(error) {
        "D0101" => {
            "`lockstep demo --clean --cluster URL` removes what a demo left behind, and nothing else"
        }
        "D0201" => "look at the cluster; `lockstep demo --clean` removes what was made until now",
        "D0301" => "the demo's documents were changed by somebody else; take an empty cluster",
        "D0901" => "please report this",
        _ => "look at `lockstep demo --help`",
    }
}
