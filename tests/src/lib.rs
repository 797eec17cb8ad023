//! What the tests on whole clusters share: where the clusters are, and the contract suite's format and rules.
//!
//! The tests themselves are in `tests/`; the contract's cases are data, in `contract/`.

pub mod clusters;
pub mod contract;
