//! Programs in jq, run in processes of their own that may fail without harm.
//!
//! A program may never end, fill the memory or overflow the stack; nothing within a process can stop that. So programs run
//! in a *host*: the same program, started with [`HOST_VERB`], with no environment, little memory and nothing but two pipes. It is
//! killed when it takes too long, and it ends by itself when the pipes do. What it was at then is tried once more, alone
//! in a new one; a document that brings down that one as well is rejected, and the others go on.
//!
//! `hosts` keeps a few of them and finds the guilty value, `process` is one of them seen from here, `host` is what runs in it,
//! and `frame` is what both say to each other. What a program sees of a document is not here but in `lockstep_core::transform`.

mod frame;

mod host;

mod process;

mod hosts;

use std::time::Duration;

pub use self::{host::serve, hosts::JqHosts, process::Made};

/// The verb of the command line that makes a process a host.
pub const HOST_VERB: &str = "jq-host";

/// How long a program may take for one value.
pub(crate) const VALUE_TIME_MAX: Duration = Duration::from_secs(1);

/// Address space of a host in bytes: what a program may use, with the program itself and its stack. Documents of some
/// 30 MB get through; those are rare, and several hosts work at once.
const MEMORY_BYTES_MAX: u64 = 512 << 20;

/// Answers that a host may hold back, so that they go together: of those that are missing when it is down, the guilty value is
/// one of the first so many.
const ANSWERS_HELD_MAX: usize = 64;

/// Stack of a host in bytes, of which the machine gives only what is used.
const STACK_BYTES_MAX: usize = 64 << 20;
