//! A digest in buckets by id: when two sets differ, only the ids of the buckets that differ are looked at.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::digest::{Digest, NotADigest};

/// Buckets of a digest. A million entries are some 250 to a bucket.
pub const BUCKET_COUNT: usize = 4096;

/// The bucket that an id belongs to, below [`BUCKET_COUNT`].
pub fn bucket_of(id: &str) -> u16 {
    let [low, high, ..] = XxHash3_64::oneshot(id.as_bytes()).to_le_bytes();
    u16::from_le_bytes([low, high & 0x0f])
}

/// A digest for each bucket of ids, and one of all.
///
/// On the wire it is text: the buckets that have entries, as `bucket=count:sum` with the bucket as three hexadecimal
/// digits, joined by spaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketedDigest {
    buckets: Vec<Digest>,
}

impl Default for BucketedDigest {
    fn default() -> Self {
        Self { buckets: vec![Digest::default(); BUCKET_COUNT] }
    }
}

impl BucketedDigest {
    /// No entries yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one entry.
    pub fn add(&mut self, id: &str, entry_hash: u128) {
        if let Some(bucket) = self.buckets.get_mut(usize::from(bucket_of(id))) {
            bucket.add(entry_hash);
        }
    }

    /// Takes in the entries of another part of the set.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, part) in self.buckets.iter_mut().zip(&other.buckets) {
            bucket.merge(*part);
        }
    }

    /// The digest of all buckets together.
    pub fn total(&self) -> Digest {
        let mut total = Digest::default();
        self.buckets.iter().for_each(|bucket| total.merge(*bucket));
        total
    }

    /// The buckets that are not equal, in order.
    pub fn differing_buckets(&self, other: &Self) -> Vec<u16> {
        (0..)
            .zip(self.buckets.iter().zip(&other.buckets))
            .filter(|(_, (left, right))| left != right)
            .map(|(bucket, _)| bucket)
            .collect()
    }
}

impl From<BucketedDigest> for String {
    fn from(digest: BucketedDigest) -> Self {
        let filled =
            digest.buckets.iter().enumerate().filter(|(_, part)| **part != Digest::default());
        filled.map(|(bucket, part)| format!("{bucket:03x}={part}")).collect::<Vec<_>>().join(" ")
    }
}

impl TryFrom<String> for BucketedDigest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        let mut digest = Self::new();
        for entry in text.split(' ').filter(|entry| !entry.is_empty()) {
            let wrong = || NotADigest(entry.into());
            let (bucket, part) = entry.split_once('=').ok_or_else(wrong)?;
            let bucket = usize::from_str_radix(bucket, 16).map_err(|_| wrong())?;
            digest.buckets.get_mut(bucket).ok_or_else(wrong)?.merge(part.parse()?);
        }
        Ok(digest)
    }
}
