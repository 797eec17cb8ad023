//! Rehearsal: which documents are taken, why some were rejected, and what an upgrade will need.
//!
//! What it is to rehearse stands in [`crate::plan::rehearsal`] (the plan) and [`crate::run::rehearsal`] (the states); here is
//! what is made of what was measured.

pub mod sample;

pub mod cause;

pub mod forecast;
