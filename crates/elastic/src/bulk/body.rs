//! The body of a `_bulk` request, built in one pass over bytes.
//!
//! A document stays the bytes it is. Only one that holds line breaks is compacted, because a line break ends an item.

use std::ops::Range;

use bytes::Bytes;
use memchr::memchr2;
use serde::Deserialize;

use crate::name::IndexName;

/// Longest document id that the engines take, in bytes.
const ID_BYTES_MAX: usize = 512;

/// The body of a `_bulk` request in the making.
#[derive(Debug, Clone, Default)]
pub struct BulkBody {
    bytes: Vec<u8>,
    /// Where each item starts; it ends where the next one starts.
    starts: Vec<usize>,
}

/// Which document: its id, and its routing when it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key<'a> {
    /// The document's `_id`.
    pub id: &'a str,
    /// The document's `_routing`.
    pub routing: Option<&'a str>,
}

impl<'a> Key<'a> {
    /// A key without routing.
    pub const fn of(id: &'a str) -> Self {
        Self { id, routing: None }
    }
}

/// Under which version a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// The cluster counts by itself; the last write wins.
    Internal,
    /// `external_gte`: written unless a higher version is there. Makes a write repeatable and order-free.
    AtLeast(u64),
}

/// Why a document can't become an item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// The engines take ids of 1 to 512 bytes.
    #[error("the _id has {bytes} bytes: it must have 1 to 512")]
    IdLength {
        /// Bytes of the id.
        bytes: usize,
    },
    /// The source is not one JSON text.
    #[error("the source is not JSON: {reason}")]
    NotJson {
        /// Where and why.
        reason: String,
    },
}

/// One item of a body, as it can be named when its outcome is bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkItem {
    /// The index it goes to.
    pub index: String,
    /// The document's `_id`.
    pub id: String,
    /// The document's `_routing`.
    pub routing: Option<String>,
    /// True for a delete.
    pub is_delete: bool,
}

impl BulkBody {
    /// An empty body with room for that many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), starts: Vec::new() }
    }

    /// Adds a document. `source` is its JSON; line breaks in it are taken out.
    pub fn index(
        &mut self,
        index: &IndexName,
        key: Key<'_>,
        version: Version,
        source: &[u8],
    ) -> Result<(), Unwritable> {
        check_id(key.id)?;
        let start = self.bytes.len();
        self.action(b"index", index, key, version);
        if let Err(unwritable) = push_source(&mut self.bytes, source) {
            self.bytes.truncate(start);
            return Err(unwritable);
        }
        self.bytes.push(b'\n');
        self.starts.push(start);
        Ok(())
    }

    /// Adds a delete. Deleting what is not there is fine, and leaves the version behind for a while.
    pub fn delete(
        &mut self,
        index: &IndexName,
        key: Key<'_>,
        version: Version,
    ) -> Result<(), Unwritable> {
        check_id(key.id)?;
        let start = self.bytes.len();
        self.action(b"delete", index, key, version);
        self.starts.push(start);
        Ok(())
    }

    /// Bytes so far.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Items so far.
    pub fn item_count(&self) -> usize {
        self.starts.len()
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The whole body.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from(self.bytes)
    }

    /// The body as shared bytes, and where its items start.
    pub(super) fn into_parts(self) -> (Bytes, Vec<usize>) {
        (Bytes::from(self.bytes), self.starts)
    }

    /// The item at a position.
    pub fn item(&self, position: usize) -> Option<BulkItem> {
        let start = *self.starts.get(position)?;
        BulkItem::read(self.bytes.get(start..)?)
    }

    /// Writes the action line.
    fn action(&mut self, verb: &[u8], index: &IndexName, key: Key<'_>, version: Version) {
        let bytes = &mut self.bytes;
        bytes.extend_from_slice(b"{\"");
        bytes.extend_from_slice(verb);
        // A checked name needs no escapes.
        bytes.extend_from_slice(b"\":{\"_index\":\"");
        bytes.extend_from_slice(index.as_str().as_bytes());
        bytes.extend_from_slice(b"\",\"_id\":");
        push_text(bytes, key.id);
        if let Some(routing) = key.routing {
            bytes.extend_from_slice(b",\"routing\":");
            push_text(bytes, routing);
        }
        if let Version::AtLeast(version) = version {
            bytes.extend_from_slice(b",\"version\":");
            push_number(bytes, version);
            bytes.extend_from_slice(b",\"version_type\":\"external_gte\"");
        }
        bytes.extend_from_slice(b"}}\n");
    }
}

impl BulkItem {
    /// Reads the action line at the start of these bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Action {
            Index(Target),
            Create(Target),
            Delete(Target),
        }
        #[derive(Deserialize)]
        struct Target {
            #[serde(rename = "_index")]
            index: String,
            #[serde(rename = "_id")]
            id: String,
            routing: Option<String>,
        }
        let end = memchr::memchr(b'\n', bytes)?;
        let action: Action = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let (target, is_delete) = match action {
            Action::Index(target) | Action::Create(target) => (target, false),
            Action::Delete(target) => (target, true),
        };
        let Target { index, id, routing } = target;
        Some(Self { index, id, routing, is_delete })
    }
}

/// Where the item at a position lies in the body.
pub(super) fn item_range(starts: &[usize], end: usize, position: usize) -> Option<Range<usize>> {
    let start = *starts.get(position)?;
    Some(start..starts.get(position + 1).copied().unwrap_or(end))
}

fn check_id(id: &str) -> Result<(), Unwritable> {
    match id.len() {
        1..=ID_BYTES_MAX => Ok(()),
        bytes => Err(Unwritable::IdLength { bytes }),
    }
}

/// Writes a JSON text value.
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        bytes.push(b'"');
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'"');
        return;
    }
    serde_json::to_writer(bytes, text).expect("a text is always JSON, and a Vec takes all bytes");
}

fn push_number(bytes: &mut Vec<u8>, number: u64) {
    serde_json::to_writer(bytes, &number)
        .expect("a number is always JSON, and a Vec takes all bytes");
}

/// Writes a document's JSON on one line, as it is where it already stands on one.
pub(crate) fn push_source(bytes: &mut Vec<u8>, source: &[u8]) -> Result<(), Unwritable> {
    if memchr2(b'\n', b'\r', source).is_some() {
        return compact(bytes, source);
    }
    bytes.extend_from_slice(source);
    Ok(())
}

/// Writes a JSON text without the white space between its tokens. Every token keeps its bytes.
///
/// A line break inside a string is not JSON, so every line break lies between tokens.
fn compact(bytes: &mut Vec<u8>, source: &[u8]) -> Result<(), Unwritable> {
    // Checked first: taking white space out of something else could join two tokens into another document.
    let checked: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(source);
    checked.map_err(|error| Unwritable::NotJson { reason: error.to_string() })?;
    let mut is_text = false;
    let mut is_escaped = false;
    for &byte in source {
        if is_text {
            is_text = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        } else {
            is_text = byte == b'"';
        }
        bytes.push(byte);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> IndexName {
        IndexName::parse(text).unwrap()
    }

    #[test]
    fn items_are_written_as_the_engines_read_them() {
        let mut body = BulkBody::default();
        let plain = Key::of("1");
        let odd = Key { id: "a\"\\\n\u{1}é", routing: Some("r\"") };
        body.index(&name("i"), plain, Version::Internal, br#"{"a":1.10}"#).unwrap();
        body.index(&name("i"), odd, Version::AtLeast(u64::MAX), b"{}").unwrap();
        body.delete(&name("é"), odd, Version::AtLeast(7)).unwrap();
        let expected = concat!(
            r#"{"index":{"_index":"i","_id":"1"}}"#,
            "\n",
            r#"{"a":1.10}"#,
            "\n",
            r#"{"index":{"_index":"i","_id":"a\"\\\n\u0001é","routing":"r\"","version":18446744073709551615,"version_type":"external_gte"}}"#,
            "\n{}\n",
            r#"{"delete":{"_index":"é","_id":"a\"\\\n\u0001é","routing":"r\"","version":7,"version_type":"external_gte"}}"#,
            "\n",
        );
        assert_eq!(body.item_count(), 3);
        assert_eq!(body.len_bytes(), expected.len());
        let item = body.item(2).unwrap();
        assert_eq!((item.id.as_str(), item.is_delete), (odd.id, true));
        assert_eq!(item.routing.as_deref(), odd.routing);
        assert_eq!(body.item(3), None);
        assert_eq!(String::from_utf8(body.into_bytes().to_vec()).unwrap(), expected);
    }

    #[test]
    fn a_source_with_line_breaks_is_compacted_and_no_other() {
        let cases = [
            ("{ \"a\" : 1 }", "{ \"a\" : 1 }"),
            (
                "{\r\n  \"a\" : [ 1.10 ,\t1e3 ],\n \"b c\\\" \\\\\": \" x \"\n}\n",
                r#"{"a":[1.10,1e3],"b c\" \\":" x "}"#,
            ),
            ("\n{}", "{}"),
            ("{\"a\":\"\\\\\",\n\"b\":\"  \"}", r#"{"a":"\\","b":"  "}"#),
        ];
        for (source, expected) in cases {
            let mut body = BulkBody::default();
            body.index(&name("i"), Key::of("1"), Version::Internal, source.as_bytes()).unwrap();
            let bytes = body.into_bytes();
            let text = std::str::from_utf8(&bytes).unwrap();
            let line = text.split_once('\n').unwrap().1;
            assert_eq!(line, format!("{expected}\n"), "{source:?}");
        }
    }

    /// Any JSON, written with white space of every kind between its tokens.
    fn json_with_breaks() -> impl Strategy<Value = (serde_json::Value, String)> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            ".*".prop_map(serde_json::Value::from),
        ];
        let value = leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
                prop::collection::vec((".*", inner), 0..5)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        });
        value.prop_map(|value| {
            let text = serde_json::to_string_pretty(&value).unwrap();
            let text = format!(" \r\n{}\n\t", text.replace('\n', "\r\n"));
            (value, text)
        })
    }

    proptest! {
        #[test]
        fn compacting_takes_out_white_space_and_nothing_else((value, text) in json_with_breaks()) {
            let mut bytes = Vec::new();
            push_source(&mut bytes, text.as_bytes()).unwrap();
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), value.to_string());
        }
    }

    #[test]
    fn what_can_not_be_an_item_leaves_the_body_as_it_was() {
        let mut body = BulkBody::default();
        body.index(&name("i"), Key::of("1"), Version::Internal, b"{}").unwrap();
        let bytes = body.len_bytes();
        let long = "x".repeat(513);
        for (id, source) in [("", "{}"), (&long, "{}"), ("1", "{\"a\":1\n2}"), ("1", "{\n")] {
            let outcome = body.index(&name("i"), Key::of(id), Version::Internal, source.as_bytes());
            assert!(outcome.is_err(), "{id:?} {source:?}");
            assert_eq!((body.len_bytes(), body.item_count()), (bytes, 1));
        }
        assert!(body.delete(&name("i"), Key::of(""), Version::Internal).is_err());
    }
}
