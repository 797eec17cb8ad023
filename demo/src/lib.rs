//! The demo application: an event store for several tenants, in three releases.
//!
//! It is the application that `lockstep demo` upgrades and that the end-to-end tests use. Five parts:
//!
//! - [`pack_files`]: its pack, the files under `demo/pack/`, embedded;
//! - [`seed`]: creates release 1.0 on a cluster as the application would, with documents made to be awkward;
//! - [`check`]: reads the old and the new set and says where they disagree. It shares no code with Lockstep's own
//!   transform, comparison or client: a mistake there must not be able to hide itself here;
//! - [`Traffic`]: writers that go on while the application is upgraded, and [`check_traffic`], which says whether any of
//!   their writes was lost;
//! - [`Service`]: the application as an HTTP service of one release, which containers run.
//!
//! What is not here: anything that upgrades. This crate only knows the application.

#[cfg(test)]
mod agreement;
mod application;
mod check;
mod cluster;
mod documents;
mod error;
mod expected;
mod json;
mod number;
mod pack;
mod returned;
mod scroll;
mod seed;
mod service;
mod traffic;

pub use application::{MONTHS, Release, tenant_names};
pub use check::{CheckOptions, CheckReport, Example, Verdict, check};
pub use error::DemoError;
pub use pack::pack_files;
pub use seed::{SeedOptions, SeedReport, clear, seed};
pub use service::{Event, Service, ServiceError, ServiceOptions, health_of};
pub use traffic::{
    Ledger, Traffic, TrafficCounts, TrafficExample, TrafficOptions, TrafficReport, TrafficVerdict,
    check_traffic,
};
