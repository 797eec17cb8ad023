//! Drives a run: it looks at the cluster, keeps the journal, and does what the run's state asks for.
//!
//! Read [`drive`] first: it is the one loop. The stages stand in the order of the main path. What is not here:
//! decisions (they are in `lockstep-core`) and HTTP (that is in `lockstep-elastic`).

pub mod error;

pub mod pack_folder;

pub mod fitting;

pub mod trial;

pub mod fuzz;

pub mod sample;

pub mod sets;

pub mod survey;

pub mod report;

pub mod journal;

pub mod process;

pub mod lease;

mod request;

pub mod crew;

pub mod pace;

mod observer;

mod scripts;

pub mod jq;

pub mod databases;

pub mod tables;

pub mod session;

pub mod rehearsal;

pub mod doctor;

pub mod worker;

pub mod admission;

pub mod preview;

pub mod health;

pub mod deploy;
pub mod retire;

pub mod restore;

mod snapshot;

pub mod history;

pub mod info;

pub mod drive;

pub mod stage;

pub mod status;

pub mod quarantine;

pub use databases::Databases;
pub use error::{EngineError, ErrorClass};
pub use jq::JqHosts;
pub use session::Session;
