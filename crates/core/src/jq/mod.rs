//! Programs in jq: a text is compiled, a compiled program makes one value of another.
//!
//! A pure function of a value, by jaq, which keeps numbers as they are written. Compiling is bounded and done anywhere.
//! Running is not: a program may never end, fill the memory or overflow the stack, and none of that can be stopped from
//! within. So [`Compiled::run`] is for a process of its own that somebody watches, never for the one that drives an upgrade.

mod compile;

mod language;

mod run;

pub use compile::{Compiled, Mistake, PROGRAM_BYTES_MAX, compile};
pub use run::{Failure, VALUE_BYTES_MAX};

#[cfg(test)]
mod tests;
