//! The plan: everything an upgrade will do, decided before anything is done.
//!
//! [`build`] makes it from a pack and an inventory; it is data, printable, and leaves no choice to execution.

pub mod model;

pub mod build;

pub mod live;

mod origin;

mod clone;

mod delivery;

pub mod tenants;

pub mod schema;

mod way_back;

pub use way_back::ways_back;

mod aliases;

pub use aliases::same_template;

mod preflight;

pub mod rehearsal;

pub mod finding;
