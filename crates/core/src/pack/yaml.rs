//! YAML as a tree in which every node knows its place and plain scalars keep their text.
//!
//! The tree is read without types, so that one wrong field does not hide the next one; `fields` gives it types.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, Location, MergeKeyPolicy, NonFiniteFloatPolicy, Spanned};

use super::{
    code,
    diagnostic::Findings,
    place::{At, Place},
};

/// How deep a pack's files may nest; the format itself needs nine levels.
const DEPTH_MAX: usize = 64;

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar without quotes that YAML takes for a number or a boolean, as it is written.
    Plain(String),
    /// Any other scalar.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping; keys may stand twice.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: At<String>,
    pub(crate) node: Node,
}

impl Kind {
    /// What it is, in words for messages.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Plain(text) => format!("`{text}`"),
            Self::Text(_) => "a text".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// Reads one file; `None` when it is not well-formed, which is then found.
pub(crate) fn parse(file: &Place, text: &str, findings: &mut Findings) -> Option<Node> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Some(Source { file, text }.node(raw)),
        Err(error) => {
            let span = error.location().and_then(|location| byte_range(text, location));
            let place = span.map_or_else(|| file.clone(), |span| file.at(span));
            let message = format!("this is not well-formed YAML: {}", reason(&error));
            findings.error(code::NOT_YAML, &place, message, FIX);
            None
        }
    }
}

const FIX: &str = "check the indentation, quotes and brackets here and just before; nothing else in this file was checked";

/// The error's text without the position, which is shown apart.
fn reason(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    match text.rfind(" at line ") {
        Some(position) => text.get(..position).map(str::to_owned).unwrap_or(text),
        None => text,
    }
}

/// Syntax errors come with character offsets only.
fn byte_range(text: &str, location: Location) -> Option<std::ops::Range<usize>> {
    let span = location.span();
    if let (Some(start), Some(length)) = (span.byte_offset(), span.byte_len()) {
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        return text.get(start..end).map(|_| start..end);
    }
    let characters = usize::try_from(span.offset()).ok()?;
    let start = text.char_indices().nth(characters).map_or(text.len(), |(offset, _)| offset);
    Some(start..start)
}

struct Source<'a> {
    file: &'a Place,
    text: &'a str,
}

impl Source<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Node {
        let place = self.place(raw.referenced);
        let kind = match raw.value {
            Raw::Null => Kind::Null,
            // What was taken for a number or boolean is used as it is written: `0.10` stays `0.10`.
            Raw::Plain => {
                let written =
                    byte_range(self.text, raw.defined).and_then(|span| self.text.get(span));
                Kind::Plain(written.unwrap_or_default().to_owned())
            }
            Raw::Text(text) => Kind::Text(text),
            Raw::List(nodes) => Kind::List(nodes.into_iter().map(|node| self.node(node)).collect()),
            Raw::Mapping(entries) => {
                let entry = |(key, value): (Spanned<String>, _)| Entry {
                    key: At { value: key.value, place: self.place(key.referenced) },
                    node: self.node(value),
                };
                Kind::Mapping(entries.into_iter().map(entry).collect())
            }
        };
        Node { place, kind }
    }

    fn place(&self, location: Location) -> Place {
        match byte_range(self.text, location) {
            Some(span) => Place { file: Arc::clone(&self.file.file), span: Some(span) },
            None => self.file.clone(),
        }
    }
}

/// A node as the parser gives it.
enum Raw {
    Null,
    Plain,
    Text(String),
    List(Vec<Spanned<Self>>),
    Mapping(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element()? {
            nodes.push(node);
        }
        Ok(Raw::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key()? {
            entries.push((key, access.next_value()?));
        }
        Ok(Raw::Mapping(entries))
    }
}
