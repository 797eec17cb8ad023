//! What a run tells while it works: typed events, which the command line turns into bars, lines or JSON.

use std::fmt;

use lockstep_core::run::state::RunState;
use serde::Serialize;

/// Somebody who listens to a run.
pub trait Reporter: Send + Sync {
    /// Takes an event; must return at once.
    fn report(&self, event: Event);
}

/// A reporter that listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: Event) {}
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run entered a state.
    Entered {
        /// The run's id.
        run: String,
        /// The state.
        #[serde(flatten)]
        state: RunState,
    },
    /// Work went on.
    Progress(Progress),
    /// The live set was followed: how far behind the new set is.
    Lag(Lag),
    /// The run waits for something.
    Waiting(Waiting),
    /// The run became slower, or faster again, by itself.
    Pace(PaceNews),
    /// Something to know.
    Notice {
        /// What.
        message: String,
    },
}

/// How far the present stage got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// The stage, as in the state's name.
    pub stage: &'static str,
    /// What `done` and `total` count.
    pub unit: Unit,
    /// How much is done.
    pub done: u64,
    /// How much there is, as far as it is known.
    pub total: u64,
    /// Bytes of documents read.
    pub bytes: u64,
    /// What it waits for, if it waits.
    pub waiting: Option<Waiting>,
}

/// How much a process writes at once from now on, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaceNews {
    /// Bulk requests under way at the most.
    pub requests: usize,
    /// The most that there may ever be: the plan's windows.
    pub requests_max: usize,
    /// Bytes of a body at the most.
    pub body_bytes: usize,
    /// Why.
    pub reason: String,
}

impl fmt::Display for PaceNews {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, requests_max, body_bytes, reason } = self;
        let kilobytes = body_bytes / 1024;
        write!(
            formatter,
            "pace: {reason}; {requests} of {requests_max} requests at once, of {kilobytes} KB"
        )
    }
}

/// How far the new set is behind the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// Operations that had not been carried over.
    pub numbers: u64,
    /// How many arrive a second, where that is known.
    pub arriving_per_second: Option<u64>,
    /// How many are carried over a second, where that is known.
    pub carried_per_second: Option<u64>,
    /// How long carrying them over took.
    pub left_ms: u64,
}

/// What progress is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Documents.
    Documents,
    /// Indices.
    Indices,
    /// Primary shards.
    Shards,
}

/// What a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Waiting {
    /// Another process holds the lease.
    Lease {
        /// Who.
        owner: String,
    },
    /// Shards of the new set are not there yet.
    Shards {
        /// How many indices.
        index_count: usize,
    },
    /// Other workers hold what is left.
    Workers {
        /// Who.
        names: String,
    },
    /// Copies of the new set's shards are being built: what is written right after the switch must not be on one node only.
    Copies {
        /// How many.
        count: u64,
    },
    /// A driver died a moment ago: until what it sent last can't arrive any more, nothing is switched.
    Silence {
        /// For how long at the most.
        seconds: u64,
    },
    /// Nobody has asked for the switch yet.
    Order,
    /// The cluster asked for less, or didn't answer; the request is repeated.
    Cluster {
        /// What it said.
        reason: String,
    },
}

impl fmt::Display for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copies { count } => {
                write!(formatter, "waiting for {count} copies of shards of the new set")
            }
            Self::Lease { owner } => write!(formatter, "waiting for the lease of {owner}"),
            Self::Shards { index_count } => {
                write!(formatter, "waiting for the shards of {index_count} indices")
            }
            Self::Workers { names } => write!(formatter, "waiting for the tasks of {names}"),
            Self::Silence { seconds } => write!(
                formatter,
                "waiting for up to {seconds} s: requests of a driver that died may still arrive"
            ),
            Self::Order => formatter.write_str("in step; waiting for `lockstep switch`"),
            Self::Cluster { reason } => write!(formatter, "waiting for the cluster: {reason}"),
        }
    }
}
