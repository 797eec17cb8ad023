//! Packs: an application's releases and the steps between them.

pub mod model;
