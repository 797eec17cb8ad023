//! How a document gets from one release to another: operations as data, fused into one program.
//!
//! `operation` is what a pack says, [`Program`] is what runs; [`Transform`] tells programs from scripts, which the engine
//! runs, and from programs in jq, which a process of their own does. The document itself is never parsed as a whole (`document`), fields are found by `search`, and each operation that
//! needs more than a few lines has a file.

pub mod operation;

mod program;

mod parts;

mod stand_in;

mod jq;

mod document;

mod search;

mod reading;

mod place;

mod relocate;

mod rewrite;

mod cast;

mod spelling;

mod table;

mod date;

mod coding;

mod list;

mod flatten;

mod split;

mod join;

mod hash;

mod decide;

mod fill;

mod divide;

mod spread;

mod outputs;

pub mod envelope;

mod rejection;

pub mod inverse;

pub(crate) use date::moment;
pub use document::Workspace;
pub use fill::{ID_BYTES_MAX, not_an_id};
pub use jq::JqPart;
pub use outputs::not_a_destination;
pub use parts::{Part, ScriptPart, Transform};
pub use program::{Document, Program};
pub use rejection::{Rejection, RejectionCode};
pub use spread::{MADE_BYTES_MAX, Made, made_too_much};
pub use stand_in::{StandInTouched, StandIns};

#[cfg(test)]
mod tests;
