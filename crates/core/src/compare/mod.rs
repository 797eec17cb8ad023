//! Whether two sets hold the same documents, and where they don't.
//!
//! A document becomes a [`document_hash`] by what it says, not by how it is written; with its id an [`entry_hash`];
//! all entries of an index a [`Digest`], in any order and in any number of parts. When two digests differ,
//! [`BucketedDigest`] tells which ids to look at, [`Difference`] names them, [`judge`] says what to do about each while
//! the application writes, and [`fields_differing`] shows why.

mod hash;

mod digest;

mod bucket;

mod difference;

mod judgement;

mod field;

pub use crate::json::NotJson;
pub use bucket::{BUCKET_COUNT, BucketedDigest, bucket_of};
pub use difference::{Difference, EntryHashes};
pub use digest::{Digest, NotADigest};
pub use field::{FieldDifference, FieldDifferences, fields_differing};
pub use hash::{document_hash, entry_hash};
pub use judgement::{Expected, Found, Judgement, judge};

#[cfg(test)]
mod tests;
