//! How a document gets from one release to another: operations as data, fused into one program.

pub mod operation;
