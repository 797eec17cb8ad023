//! `lower`, `upper` and `trim`: strings in other letters, or without white space at their ends.
//!
//! Letters and white space are those of Unicode as Rust's standard library knows them.

use std::borrow::Cow;

use super::{
    document::Shape,
    rejection::RejectionCode,
    rewrite::{Rewrite, Rewritten},
};
use crate::json::{inner, quote, quote_bytes, unescape};

/// How a string is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// In small letters.
    Lower,
    /// In capital letters.
    Upper,
    /// Without white space at both ends.
    Trim,
}

impl Rewrite for Spelling {
    const CODE: RejectionCode = RejectionCode::Respell;

    fn rewrite(&self, shape: Shape, json: &str) -> Rewritten {
        match shape {
            Shape::Null => Rewritten::Same,
            Shape::String if json.contains('\\') => self.escaped(json),
            Shape::String => match self.text(inner(json)) {
                None => Rewritten::Same,
                Some(text) => {
                    let mut json = String::with_capacity(text.len() + 2);
                    quote(&text, &mut json);
                    Rewritten::Json(json)
                }
            },
            Shape::Object | Shape::Array | Shape::Number | Shape::Boolean => Rewritten::Impossible,
        }
    }

    fn problem(&self) -> String {
        let verb = match self {
            Self::Lower | Self::Upper => "spelt",
            Self::Trim => "trimmed",
        };
        format!("is not a string and can't be {verb}")
    }
}

impl Spelling {
    /// The other text; `None` where it is the same.
    fn text(self, text: &str) -> Option<Cow<'_, str>> {
        let other = match self {
            Self::Lower
                if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) =>
            {
                return None;
            }
            Self::Lower => Cow::Owned(text.to_lowercase()),
            Self::Upper => Cow::Owned(text.to_uppercase()),
            Self::Trim => Cow::Borrowed(text.trim()),
        };
        (other != text).then_some(other)
    }

    /// A string with escapes need not be text: lone surrogates stay, and what lies between them is text.
    fn escaped(self, json: &str) -> Rewritten {
        let mut content = Vec::new();
        unescape(json, &mut content);
        let other = match self {
            Self::Lower | Self::Upper => {
                let mut other = Vec::with_capacity(content.len());
                for chunk in content.utf8_chunks() {
                    let text = chunk.valid();
                    let respelt = self.text(text).unwrap_or(Cow::Borrowed(text));
                    other.extend_from_slice(respelt.as_bytes());
                    other.extend_from_slice(chunk.invalid());
                }
                other
            }
            Self::Trim => trimmed(&content).to_vec(),
        };
        if other == content {
            return Rewritten::Same;
        }
        let mut json = String::with_capacity(other.len() + 2);
        quote_bytes(&other, &mut json);
        Rewritten::Json(json)
    }
}

fn trimmed(content: &[u8]) -> &[u8] {
    let first = content.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let from = first.len() - first.trim_start().len();
    let rest = content.get(from..).unwrap_or_default();
    let last = match rest.utf8_chunks().last() {
        Some(chunk) if chunk.invalid().is_empty() => chunk.valid(),
        Some(_) | None => "",
    };
    let end = rest.len() - (last.len() - last.trim_end().len());
    rest.get(..end).unwrap_or_default()
}
