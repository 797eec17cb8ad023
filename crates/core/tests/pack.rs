//! Packs from text to model, and every mistake as its author sees it.
//!
//! The good pack in `packs/good` is changed by one replacement a case; `mistakes` holds the cases.

#[path = "pack/good.rs"]
mod good;

#[path = "pack/fixture.rs"]
mod fixture;
