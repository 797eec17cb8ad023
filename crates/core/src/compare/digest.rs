//! How many entries, and the sum of their hashes: equal for equal sets, whatever order they are read in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Stands for a set of entries. Adding is commutative, so parts can be read by anyone in any order.
///
/// On the wire it is text, `count:sum` with the sum as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    /// Entries.
    pub count: u64,
    /// The sum of their hashes, modulo 2^128.
    pub sum: u128,
}

impl Digest {
    /// Takes in one entry.
    #[inline]
    pub fn add(&mut self, entry_hash: u128) {
        self.merge(Self { count: 1, sum: entry_hash });
    }

    /// Takes in the entries of another part of the set.
    #[inline]
    pub fn merge(&mut self, other: Self) {
        self.count = self.count.wrapping_add(other.count);
        // A sum, not an exclusive or: an entry that is there twice must not vanish.
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{:032x}", self.count, self.sum)
    }
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: it is written by Lockstep and must not be edited; verify again")]
pub struct NotADigest(pub String);

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let parse = || {
            let (count, sum) = text.split_once(':')?;
            if sum.len() != 32 {
                return None;
            }
            Some(Self { count: count.parse().ok()?, sum: u128::from_str_radix(sum, 16).ok()? })
        };
        parse().ok_or_else(|| NotADigest(text.into()))
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}
