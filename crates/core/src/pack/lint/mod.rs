//! Lints: what a pack may say, and what probably was not meant.
//!
//! They are looked at only when nothing is wrong with the pack. Each tells what is decidable from the pack alone; what
//! is meant all the same is allowed, with a reason ([`allow`]). Mistakes proper are in `check`.

pub mod rule;

mod allow;

mod definitions;

mod effect;

mod trace;

mod passage;

mod loss;

mod spreading;

mod readers;

mod refusals;

mod limits;

mod cost;

mod order;

mod way_back;

mod tenants;

pub use rule::Rule;

use serde::Serialize;

use super::{
    diagnostic::{Diagnostic, Diagnostics, Findings},
    draft::Draft,
    load::PackFiles,
};

/// What lints tell of a pack.
#[derive(Debug, Default)]
pub struct Lints {
    /// What nobody allowed. What keeps the pack from being used is among its mistakes instead.
    pub warnings: Diagnostics,
    /// What was allowed.
    pub allowed: Vec<Allowed>,
}

/// A lint that was allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allowed {
    /// What was told.
    #[serde(flatten)]
    pub diagnostic: Diagnostic,
    /// Why it is meant.
    pub reason: String,
}

/// Runs all lints. Gives those that keep the pack from being used, and the others.
pub(crate) fn all(draft: &Draft, files: &PackFiles) -> (Diagnostics, Lints) {
    let mut findings = Findings::default();
    tenants::check(draft, &mut findings);
    for passage in passage::all(draft, files) {
        loss::check_passage(&passage, &mut findings);
        spreading::check_passage(&passage, &mut findings);
        if passage.has_same_readers {
            readers::check(&passage, &mut findings);
        }
        refusals::check(&passage, &mut findings);
        order::check(&passage, &mut findings);
        way_back::check(&passage, &mut findings);
    }
    loss::check(draft, &mut findings);
    limits::check(draft, files, &mut findings);
    cost::check(draft, &mut findings);
    allow::sort_out(draft, findings.into_diagnostics(files), files)
}
