//! What the tests on whole clusters share: where the clusters are, the contract suite's format and rules, and chains of steps
//! that are drawn at random.
//!
//! The tests themselves are in `tests/`; the contract's cases are data, in `contract/`.

pub mod chain;
pub mod clusters;
pub mod contract;
pub mod dice;
pub mod programs;
