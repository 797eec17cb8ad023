//! Writing many documents: a body made of bytes, outcomes by position, and writing with bounded retries.

mod answer;
mod body;
mod write;

pub use answer::{BulkAnswer, ItemOutcome, Rejection};
pub(crate) use answer::{BulkItems, ItemResult, bulk_request};
pub(crate) use body::push_source;
pub use body::{BulkBody, BulkItem, Key, Unwritable, Version};
pub use write::{Poison, WriteReport};
