//! Single values as a pack writes them, and when one of a document equals one.

use serde::{Deserialize, Serialize};

use crate::json::{Decimal, Digits, inner, unescape};

/// A string, a number, `true`, `false` or `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Value", into = "serde_json::Value")]
pub struct Scalar(serde_json::Value);

/// Why a JSON value is no single one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no single value: a string, a number, true, false or null is needed here")]
pub struct NotAScalar(&'static str);

impl Scalar {
    /// The value.
    pub fn value(&self) -> &serde_json::Value {
        &self.0
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// What it is equal by.
    pub(in crate::transform) fn key(&self) -> ScalarKey {
        ScalarKey::of(&self.0.to_string())
    }

    /// Whether both stand for the same: strings by content, numbers by exact value, so that `1` is `1.0` but not `"1"`.
    pub fn equals(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl TryFrom<serde_json::Value> for Scalar {
    type Error = NotAScalar;

    fn try_from(value: serde_json::Value) -> Result<Self, NotAScalar> {
        match value {
            serde_json::Value::Array(_) => Err(NotAScalar("a list")),
            serde_json::Value::Object(_) => Err(NotAScalar("an object")),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => Ok(Self(value)),
        }
    }
}

impl From<Scalar> for serde_json::Value {
    fn from(scalar: Scalar) -> Self {
        scalar.0
    }
}

/// What a single value is equal by. The order is for looking up only; it is not that of numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::transform) enum ScalarKey {
    Null,
    Boolean(bool),
    Number {
        negative: bool,
        exponent: i64,
        short: u64,
        long: String,
    },
    /// Content, which need not be text.
    String(Vec<u8>),
}

impl ScalarKey {
    /// Of a valid JSON literal that is no object and no array.
    pub(in crate::transform) fn of(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'"') if json.contains('\\') => {
                let mut content = Vec::new();
                unescape(json, &mut content);
                Self::String(content)
            }
            Some(b'"') => Self::String(inner(json).into()),
            _ => {
                let Decimal { negative, digits, exponent } = Decimal::of(json);
                let (short, long) = match digits {
                    Digits::Short(short) => (short, String::new()),
                    Digits::Long(long) => (0, long),
                };
                Self::Number { negative, exponent, short, long }
            }
        }
    }
}
