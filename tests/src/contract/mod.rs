//! The contract suite: what Lockstep needs an engine to do, as data, run the same way on every cluster.
//!
//! `case` reads the files, `expectation` compares an answer with what is expected, `play` makes the requests.
//! The format is described in `contract/README.md`.

pub mod case;
pub mod expectation;
pub mod play;
