//! Packs from text to model, and every mistake as its author sees it.
//!
//! The good pack in `packs/good` is changed by one replacement a case; `mistakes` holds the cases.

#[path = "pack/good.rs"]
mod good;

#[path = "pack/fixture.rs"]
mod fixture;

#[path = "pack/reading.rs"]
mod reading;

#[path = "pack/naming.rs"]
mod naming;

#[path = "pack/chain.rs"]
mod chain;

#[path = "pack/lineage.rs"]
mod lineage;

#[path = "pack/mappings.rs"]
mod mappings;

#[path = "pack/operations.rs"]
mod operations;

#[path = "pack/way_back.rs"]
mod way_back;

#[path = "pack/tables.rs"]
mod tables;

#[path = "pack/cases.rs"]
mod cases;

#[path = "pack/lock.rs"]
mod lock;

#[path = "pack/codes.rs"]
mod codes;

#[path = "pack/damage.rs"]
mod damage;

#[path = "pack/fitting.rs"]
mod fitting;

#[path = "pack/one_operation.rs"]
mod one_operation;

#[path = "pack/lints.rs"]
mod lints;

#[path = "pack/malformed.rs"]
mod malformed;
