//! JSON as text: a scanner that validates and skips, strings and numbers by content.
//!
//! What is not here: a value tree. Documents pass through as bytes; only what is touched is looked at, so integers
//! beyond 2^53, `1.10`, `1e400` and key order survive.

mod scan;

mod string;

mod number;

mod compact;

mod pretty;

pub use compact::compact;
pub use number::{Decimal, Digits};
pub use pretty::pretty;
pub use scan::{DEPTH_MAX, NotJson, NotJsonReason, Scanner, StringToken};
pub(crate) use string::inner;
pub use string::{quote, quote_bytes, unescape};

use std::ops::Range;

/// Takes the bytes as text, which JSON must be.
pub fn text_of(source: &[u8]) -> Result<&str, NotJson> {
    str::from_utf8(source)
        .map_err(|error| NotJson { offset: error.valid_up_to(), reason: NotJsonReason::NotUtf8 })
}

/// The part of a text that a scanner's positions name.
pub(crate) fn part(text: &str, range: Range<usize>) -> &str {
    text.get(range).expect("a scanner's positions lie within its text, between characters")
}
