//! The plan: everything an upgrade will do, decided before anything is done.
//!
//! It is made from a pack and an inventory; it is data, printable, and leaves no choice to execution.

pub mod model;

pub mod finding;

pub mod schema;
