//! `hash`: which strings a digest is made of, and how.

use serde::{Deserialize, Serialize};

use super::{Existing, FieldPath};

/// What `hash` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashing {
    /// The string fields, in order; they stay. At least one.
    pub fields: Vec<FieldPath>,
    /// The field for the digest, in hexadecimal digits.
    pub into: FieldPath,
    /// How it is made.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// When `into` exists already.
    #[serde(default)]
    pub existing: Existing,
}

/// How a digest is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
}
