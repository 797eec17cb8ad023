//! An envelope: all that steps made of one document, as one document.
//!
//! Where steps don't keep documents one to one, their results are first kept so, under the source's own id and routing. What
//! is one to one can be copied again, caught up with and compared; what is in the envelopes is delivered later.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    program::Document,
    rejection::{Rejection, RejectionCode},
};
use crate::json::{DEPTH_MAX, Scanner, text_of};

/// Levels that an envelope is around a document's source.
const LEVELS: u8 = 3;

/// A document of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Key of the logical index that it belongs into.
    pub index: String,
    /// `_id`.
    pub id: String,
    /// `_routing`, where it has one.
    pub routing: Option<String>,
    /// `_source`, byte for byte.
    pub source: Vec<u8>,
}

/// Writes and reads envelopes: documents with these fields.
///
/// `counts`: how many documents there are for each logical index; `keys`: `KEY/ID` of each, sorted; `documents`: themselves.
#[derive(Debug, Clone, Copy)]
pub struct Envelope;

/// Why a document is no envelope.
#[derive(Debug, thiserror::Error)]
#[error("it is no envelope: {0}")]
pub struct NotAnEnvelope(#[from] serde_json::Error);

#[derive(Serialize)]
struct Written<'a> {
    counts: BTreeMap<&'a str, u64>,
    keys: BTreeSet<String>,
    documents: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    index: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<&'a str>,
    source: &'a RawValue,
}

/// Counts and keys are for searches; the documents say it all.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    documents: Vec<ReadItem<'a>>,
}

#[derive(Deserialize)]
struct ReadItem<'a> {
    index: String,
    id: String,
    routing: Option<String>,
    #[serde(borrow)]
    source: &'a RawValue,
}

impl Envelope {
    /// Puts documents into an envelope; `key` is that of the logical index that those without one belong into.
    ///
    /// # Errors
    /// [`Rejection`] of the source document: when two of them have the same index and id, of which one would be lost, or when
    /// one can't lie in an envelope.
    pub fn write(key: &str, made: &[Document<'_>]) -> Result<Vec<u8>, Rejection> {
        let mut counts = BTreeMap::new();
        let mut keys = BTreeSet::new();
        let mut documents = Vec::with_capacity(made.len());
        for document in made {
            let item = item(key, document)?;
            if !keys.insert(format!("{}/{}", item.index, item.id)) {
                let message = format!(
                    "two of the documents that are made of it have the id `{}` in `{}`; one would be lost",
                    item.id, item.index
                );
                return Err(Rejection::of_made(RejectionCode::MadeTwice, message));
            }
            *counts.entry(item.index).or_default() += 1;
            documents.push(item);
        }
        let written = Written { counts, keys, documents };
        serde_json::to_vec(&written).map_err(|error| unwritable(&error.to_string()))
    }

    /// Takes the documents out again, in the order in which they were put in.
    ///
    /// # Errors
    /// [`NotAnEnvelope`] when the source is none.
    pub fn read(source: &[u8]) -> Result<Vec<Delivered>, NotAnEnvelope> {
        let read: Read<'_> = serde_json::from_slice(source)?;
        let delivered = |item: ReadItem<'_>| Delivered {
            index: item.index,
            id: item.id,
            routing: item.routing,
            source: item.source.get().as_bytes().to_vec(),
        };
        Ok(read.documents.into_iter().map(delivered).collect())
    }
}

fn item<'a>(key: &'a str, document: &Document<'a>) -> Result<Item<'a>, Rejection> {
    let Document { index, id, routing, source } = *document;
    let text = text_of(source).map_err(|fault| unwritable(&fault.to_string()))?;
    let mut scanner = Scanner::new(text);
    scanner.whitespace();
    // Comparing it later has to get to its end.
    scanner.value(DEPTH_MAX - LEVELS).map_err(|fault| {
        let message = format!("the document `{id}` that is made of it can't be kept: {fault}");
        Rejection::of_made(RejectionCode::TooDeep, message)
    })?;
    let source = serde_json::from_str(text).map_err(|error| unwritable(&error.to_string()))?;
    Ok(Item { index: index.unwrap_or(key), id, routing, source })
}

fn unwritable(reason: &str) -> Rejection {
    let message = format!("what is made of it can't be read: {reason}");
    Rejection::of_made(RejectionCode::NotAnObject, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document<'a>(index: Option<&'a str>, id: &'a str, source: &'a str) -> Document<'a> {
        Document { index, id, routing: None, source: source.as_bytes() }
    }

    fn text(made: &[Document<'_>]) -> Result<String, String> {
        let written = Envelope::write("own", made);
        written.map(|bytes| String::from_utf8(bytes).expect("text")).map_err(|by| by.to_string())
    }

    #[test]
    fn what_was_put_in_comes_out_byte_for_byte() {
        let source = r#"{ "a" : 18446744073709551617, "b":1.10 , "c":"é\u00e9/", "d":[1e400] }"#;
        let routed = Document { routing: Some("r\"1"), ..document(Some("z"), "q\"/é", source) };
        let made = [document(None, "2", "{}"), routed, document(Some("own"), "1", r#"{"x":1}"#)];
        let written = Envelope::write("own", &made).expect("an envelope");
        let read = Envelope::read(&written).expect("an envelope");
        let expected: Vec<Delivered> = made
            .iter()
            .map(|one| Delivered {
                index: one.index.unwrap_or("own").to_owned(),
                id: one.id.to_owned(),
                routing: one.routing.map(str::to_owned),
                source: one.source.to_vec(),
            })
            .collect();
        assert_eq!(read, expected);
        assert_eq!(
            text(&[
                document(None, "b", "{}"),
                document(Some("a"), "1", r#"{"x":1}"#),
                document(None, "a", "{}")
            ]),
            Ok(concat!(
                r#"{"counts":{"a":1,"own":2},"keys":["a/1","own/a","own/b"],"documents":["#,
                r#"{"index":"own","id":"b","source":{}},{"index":"a","id":"1","source":{"x":1}},"#,
                r#"{"index":"own","id":"a","source":{}}]}"#
            )
            .to_owned())
        );
        assert_eq!(text(&[]), Ok(r#"{"counts":{},"keys":[],"documents":[]}"#.to_owned()));
    }

    #[test]
    fn what_would_be_lost_is_rejected() {
        let twice = [document(None, "1", "{}"), document(Some("own"), "1", "{}")];
        assert_eq!(
            text(&twice),
            Err("T0402: two of the documents that are made of it have the id `1` in `own`; one would be lost".to_owned())
        );
        let apart = [document(None, "1", "{}"), document(Some("other"), "1", "{}")];
        assert!(text(&apart).is_ok());
        let levels = |count: usize| format!("{}1{}", r#"{"a":"#.repeat(count), "}".repeat(count));
        let kept =
            Envelope::write("own", &[document(None, "1", &levels(125))]).expect("it is kept");
        crate::compare::document_hash(&kept).expect("an envelope is compared");
        let deep = text(&[document(None, "1", &levels(126))]).expect_err("too deep");
        assert!(
            deep.starts_with("T0102: the document `1` that is made of it can't be kept"),
            "{deep}"
        );
    }
}
