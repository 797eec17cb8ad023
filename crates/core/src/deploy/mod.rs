//! Changing the tag of an application, as data: what a tag looks like, where it stands in a file.

pub mod tag;
