//! What must hold between the parts of a pack. Each check looks at the whole draft and notes all it finds.
//!
//! A part that could not be read has been noted before; checks pass over it and over what depends on it.

mod application;

mod naming;

mod names;

mod legal;

mod confusion;

pub(super) mod automaton;

mod chain;

pub(super) mod lineage;

mod operations;

mod spreading;

mod jq;

mod way_back;

mod tables;

pub(super) mod schema;

mod either;

mod flow;

mod fit;

use super::{diagnostic::Findings, draft::Draft, load::PackFiles};

/// Runs all checks.
pub(crate) fn all(draft: &Draft, files: &PackFiles, findings: &mut Findings) {
    application::check(draft, findings);
    let found_before = findings.len();
    naming::check(draft, findings);
    names::check(draft, findings);
    if findings.len() == found_before {
        // One mistake in a naming text confuses the names of every index that uses it.
        confusion::check(draft, findings);
    }
    chain::check(draft, findings);
    lineage::check(draft, findings);
    operations::check(draft, findings);
    spreading::check(draft, findings);
    jq::check(draft, files, findings);
    way_back::check(draft, findings);
    tables::check(draft, findings);
    fit::check(draft, findings);
}
