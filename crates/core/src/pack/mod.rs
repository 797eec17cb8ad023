//! Packs: an application's releases and the steps between them.
//!
//! Text becomes a tree with places ([`yaml`]), the tree becomes the words of the format ([`wire`]), these are checked
//! against each other ([`check`]), and only a pack without mistakes becomes a [`model`]. Who reads the folder from
//! disk is not here. The format is specified in `docs/design/pack-format.md`, the mistakes in
//! `docs/design/pack-errors.md`.

pub mod model;

pub mod load;

pub mod cases;

pub(crate) mod listed;

pub mod lock;

pub mod diagnostic;

pub mod code;

pub(crate) mod place;

pub(crate) mod yaml;

pub(crate) mod fields;

mod wire;

mod mapping;

pub(crate) mod nearest;

mod draft;

mod check;

pub mod lint;

mod build;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use lint::{Allowed, Lints};
pub use load::{PackFiles, Reading, load, read};

/// Whether two words are so near that one may be meant by the other.
pub(crate) fn is_near(one: &str, other: &str) -> bool {
    nearest::nearest(one, [other]).is_some()
}

/// The names of all operations that a step may have.
pub fn operation_names() -> &'static [&'static str] {
    wire::OPERATION_NAMES
}
