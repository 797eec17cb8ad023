//! JSON values read from their text, without a tree and without losing digits.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What stands at a place in a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Boolean(bool),
    /// The digits as they stand in the document.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// The text of an object, braces included.
    Object(&'a str),
    /// The text of an array, brackets included.
    Array(&'a str),
}

impl<'a> Scalar<'a> {
    /// Reads a JSON value that is known to be well-formed.
    pub(crate) fn read(raw: &'a str) -> Self {
        let raw = raw.trim_ascii();
        match raw.bytes().next() {
            Some(b'"') => Self::Text(read_text(raw)),
            Some(b'{') => Self::Object(raw),
            Some(b'[') => Self::Array(raw),
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(raw),
        }
    }

    /// The value as the engines print it in messages and index it in keywords.
    pub(crate) fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "null".into(),
            Self::Boolean(flag) => flag.to_string().into(),
            Self::Number(text) | Self::Object(text) | Self::Array(text) => (*text).into(),
            Self::Text(text) => text.as_ref().into(),
        }
    }
}

fn read_text(raw: &str) -> Cow<'_, str> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    if inner.contains('\\') {
        // The caller knows the value to be well-formed; a lone surrogate is the one exception.
        serde_json::from_str(raw).map_or(Cow::Borrowed(inner), Cow::Owned)
    } else {
        Cow::Borrowed(inner)
    }
}

/// The elements of an array that is known to be well-formed.
pub(crate) fn elements(array: &str) -> Vec<&RawValue> {
    serde_json::from_str(array).unwrap_or_default()
}

/// The members of an object that is known to be well-formed, in order, values unread.
pub(crate) fn members(object: &str) -> Vec<(Cow<'_, str>, &RawValue)> {
    serde_json::from_str::<Members<'_>>(object).map(|members| members.0).unwrap_or_default()
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(key), value)) = map.next_entry()? {
            members.push((key, value));
        }
        Ok(Members(members))
    }
}

/// Every value at a dotted path, arrays taken apart. An object counts as a value where the path
/// ends at it.
pub(crate) fn values_at<'a>(raw: &'a str, path: &str, found: &mut Vec<Scalar<'a>>) {
    match Scalar::read(raw) {
        Scalar::Array(array) => {
            for element in elements(array) {
                values_at(element.get(), path, found);
            }
        }
        Scalar::Object(object) if !path.is_empty() => {
            for (key, value) in members(object) {
                match path.strip_prefix(key.as_ref()) {
                    Some("") => values_at(value.get(), "", found),
                    Some(rest) => {
                        if let Some(rest) = rest.strip_prefix('.') {
                            values_at(value.get(), rest, found);
                        }
                    }
                    None => {}
                }
            }
        }
        Scalar::Null => {}
        value if path.is_empty() => found.push(value),
        _ => {}
    }
}

/// The part of a decimal number before its point, exponent applied: `-1.5e2` is -150. `None` where
/// the text is no number or the result has more than 38 digits.
pub(crate) fn whole_part(text: &str) -> Option<i128> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i64::try_from(whole.len()).ok()? + i64::from(exponent);
    let value = if point <= 0 {
        0
    } else {
        let kept = usize::try_from(point).ok()?;
        let digits = digits.trim_start_matches('0');
        let dropped = whole.len() + fraction.len() - digits.len();
        if digits.is_empty() {
            0
        } else {
            let kept = kept.saturating_sub(dropped);
            if kept > 38 {
                return None;
            }
            let padded: String = digits.chars().chain(std::iter::repeat('0')).take(kept).collect();
            if padded.is_empty() { 0 } else { padded.parse::<i128>().ok()? }
        }
    };
    Some(if negative { -value } else { value })
}

/// A text that borrows from its document where it can; numbers and booleans are taken by their
/// digits and words, as the engines do for ids and routing values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a number")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(text.to_owned().into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Text(number.to_string().into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Text(number.to_string().into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Text(number.to_string().into()))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Text(flag.to_string().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_are_exact() {
        for (text, expected) in [
            ("12", Some(12)),
            ("-1.9", Some(-1)),
            ("1e2", Some(100)),
            ("1.25e1", Some(12)),
            ("0.0012e3", Some(1)),
            ("5e-1", Some(0)),
            ("9223372036854775807", Some(i128::from(i64::MAX))),
            ("9223372036854775808.5", Some(i128::from(i64::MAX) + 1)),
            ("1e400", None),
            ("0e400", Some(0)),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(whole_part(text), expected, "{text}");
        }
    }

    #[test]
    fn texts_are_unescaped() {
        assert_eq!(Scalar::read(r#" "a\"b" "#), Scalar::Text(Cow::Borrowed("a\"b")));
        assert_eq!(Scalar::read("1.10"), Scalar::Number("1.10"));
    }
}
