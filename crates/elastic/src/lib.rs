//! A thin typed client for Elasticsearch and OpenSearch: the only crate that speaks HTTP to a cluster.
//!
//! It knows the part of the REST API that an upgrade needs and nothing of packs, plans or runs. The rules that hold for
//! every call:
//!
//! - Every call is bounded in time, attempts and bytes ([`Connection`] says where the bounds lie).
//! - Every failure is a [`Failure`], and [`Failure::class`] says what to do about it. The one table that decides is
//!   in [`class`], by status and error type, never by message text.
//! - A call that may not be repeated is sent once. When its answer is lost, [`Failure::outcome_unknown`] is true and
//!   the caller looks at the cluster before it does anything else.
//! - On the copy path (windows in, bulk out) documents stay the bytes they are: no JSON tree is built.
//!
//! What is not here: decisions about what to copy, pacing, journals, leases. Those belong to the engine.

mod connection;

mod cluster;
mod path;
mod retry;
mod transport;
mod wire;

pub mod class;
mod failure;
mod reason;

mod abilities;
mod alias;
mod block;
mod bulk;
mod clone;
mod document;
mod guard;
mod health;
mod identity;
mod index;
mod load;
mod many;
mod name;
mod script;
mod search;
mod snapshot;
mod stats;
mod survey;
mod template;
mod usage;
mod watermark;
mod window;

pub use abilities::{Abilities, FlatType};
pub use alias::{AliasAction, AliasTable};
pub use bulk::{
    BulkAnswer, BulkBody, BulkItem, ItemOutcome, Key, Poison, Rejection, Unwritable, Version,
    WriteReport,
};
pub use class::Class;
pub use cluster::Cluster;
pub use connection::{Connection, ConnectionError, Credentials, RetryBounds, Timeouts};
pub use document::{Document, Expect, Put, Stored};
pub use failure::{Failure, FailureKind};
pub use guard::CopyRule;
pub use health::{Health, HealthStatus};
pub use identity::{Engine, Identity};
pub use index::{Block, Created, Deleted, IndexState, OpenState};
pub use load::SearchTally;
pub use name::{IndexName, NameError};
pub use script::{Made, ScriptDocument, ScriptText, Scripted, Wanted};
pub use snapshot::{Snapshot, SnapshotState};
pub use survey::{ClusterLimits, DiskWatermarks, Node, Survey};
pub use template::Template;
pub use usage::IndexUsage;
pub use watermark::{IndexPosition, ShardPosition};
pub use window::{Hit, Page, WindowRequest};
