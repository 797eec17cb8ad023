//! What `decode` and `encode` say: values that are kept as texts of another form.

use serde::{Deserialize, Serialize};

use super::{FieldPath, Otherwise};

/// How a value is kept as a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coding {
    /// A text, in UTF-8, in base64.
    Base64,
    /// Any value, as JSON, in base64.
    Base64Json,
    /// Any value, as JSON, compressed with gzip, in base64. What is not compressed is read as well.
    Base64GzipJson,
}

impl Coding {
    /// As a pack writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Base64Json => "base64-json",
            Self::Base64GzipJson => "base64-gzip-json",
        }
    }
}

/// What `decode` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoding {
    /// The field.
    pub field: FieldPath,
    /// How its value is kept.
    pub from: Coding,
    /// When a value is not kept so.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// What `encode` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// The field.
    pub field: FieldPath,
    /// How its value is to be kept.
    pub to: Coding,
    /// When a value can't be: only a text can be kept as [`Coding::Base64`].
    #[serde(default)]
    pub otherwise: Otherwise,
}
