//! Tests of comparing: what counts as equal, sums of entries, and what a report names.

mod content;

mod sums;

mod report;
