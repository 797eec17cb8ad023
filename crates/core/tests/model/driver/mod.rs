//! A driver: a process that takes the lease, and does what the journalled state of the run asks for, as the engine does.

mod back;
mod clone;
mod compare;
mod copy;
mod deliver;
mod fence;
mod flow_back;
mod follow;
mod lease;
mod link;
mod mend;
mod process;
mod switch;
mod verify;

pub(crate) use self::{
    link::Link,
    process::{Command, drive},
};

/// A step rejected documents.
pub(crate) const REJECTED: &str = "R0201";
/// A document can't be compared.
pub(crate) const UNREADABLE: &str = "R0402";
/// Documents don't stay as they were written.
pub(crate) const UNSTABLE: &str = "R0401";
/// Somebody else wrote into the set that is carried into.
pub(crate) const FOREIGN: &str = "R0403";
/// Two documents become one.
pub(crate) const CLASH: &str = "R0405";
/// An alias call had no effect.
pub(crate) const NO_EFFECT: &str = "R0601";
/// Copies of the live set lag behind.
pub(crate) const COPIES_LAG: &str = "R0207";
/// Aliases are neither here nor there.
pub(crate) const ELSEWHERE: &str = "R0602";
