//! What can go wrong while measuring.

use std::io;

use lockstep_elastic::{ConnectionError, Failure};
use lockstep_engine::EngineError;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The address can't be used.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The cluster refused something.
    #[error(transparent)]
    Cluster(#[from] Failure),
    /// Lockstep refused something.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An archive can't be written or read.
    #[error(transparent)]
    Archive(#[from] lockstep_archive::ArchiveError),
    /// The demo's application refused something.
    #[error(transparent)]
    Demo(#[from] lockstep_demo::DemoError),
    /// A plain request got no answer.
    #[error("{request}: no answer")]
    NoAnswer {
        /// Method and path.
        request: String,
        /// What the HTTP library said.
        source: reqwest::Error,
    },
    /// A plain request was refused, or its answer makes no sense.
    #[error("{request}: {reason}")]
    Answer {
        /// Method and path.
        request: String,
        /// What came.
        reason: String,
    },
    /// Names that the benchmark needs are taken.
    #[error(
        "{} exist already: they are not touched; if an earlier benchmark left them, remove them with \
         `lockstep-bench clear --cluster URL`",
        names.join(", ")
    )]
    NamesTaken {
        /// The indices, or the run.
        names: Vec<String>,
    },
    /// A method did not do what it should, so its time means nothing.
    #[error("{method} went wrong: {reason}; its time would mean nothing")]
    Wrong {
        /// The method.
        method: String,
        /// What was found.
        reason: String,
    },
    /// Prebuilt bodies don't fit into memory.
    #[error(
        "prebuilt bodies need {needed_megabytes} MB of memory, and {available_megabytes} MB are free: ask for fewer \
         --documents"
    )]
    Memory {
        /// What is needed.
        needed_megabytes: u64,
        /// What is there.
        available_megabytes: u64,
    },
    /// A process of ours ended badly.
    #[error("the {name} process {reason}; what it said stands above")]
    Process {
        /// Which.
        name: &'static str,
        /// How it ended.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody pressed Ctrl-C.
    #[error("stopped; what was made on the cluster is removed")]
    Interrupted,
    /// The measurement failed, and what it made is still there.
    #[error(
        "{cause}; then removing what was made failed too: {cleaning}; use `lockstep-bench clear --cluster URL`"
    )]
    NotCleaned {
        /// Why the measurement failed, or that it did not.
        cause: String,
        /// Why cleaning failed.
        cleaning: Box<Self>,
    },
    /// A mistake in the benchmark.
    #[error("{0}: this is a mistake in the benchmark")]
    Bug(String),
}

impl BenchError {
    /// Makes an error of what the operating system said.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
