//! Changing the tag of an application: what a tag looks like, where it stands in a file, and how a change goes on step by step.
//! Who writes files, runs commands and asks the cluster is not here.

pub mod tag;

mod variables;

pub mod compose;

pub mod state;
