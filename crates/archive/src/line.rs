//! One document as a line of a part.

use std::borrow::Cow;

use lockstep_core::{
    compare::{document_hash, entry_hash},
    json::{compact, quote},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ArchiveError;

/// A document in an archive.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its `_id`.
    pub id: &'a str,
    /// Its `_routing`.
    pub routing: Option<&'a str>,
    /// The number of its last write.
    pub seq_no: i64,
    /// Its `_source`, as JSON.
    pub source: &'a [u8],
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "_id", borrow)]
    id: Cow<'a, str>,
    #[serde(rename = "_routing", default)]
    routing: Option<String>,
    #[serde(rename = "_seq_no")]
    seq_no: i64,
    #[serde(rename = "_source", borrow)]
    source: &'a RawValue,
}

impl Line<'_> {
    /// Appends it to a text, with the line break.
    ///
    /// # Errors
    /// [`ArchiveError::Document`] when the source is no JSON, or is nested too deep.
    pub fn write(&self, output: &mut Vec<u8>) -> Result<(), ArchiveError> {
        let Self { id, routing, seq_no, source } = *self;
        let start = output.len();
        let mut front = String::with_capacity(64);
        front.push_str("{\"_id\":");
        quote(id, &mut front);
        if let Some(routing) = routing {
            front.push_str(",\"_routing\":");
            quote(routing, &mut front);
        }
        front.push_str(",\"_seq_no\":");
        front.push_str(&seq_no.to_string());
        front.push_str(",\"_source\":");
        output.extend_from_slice(front.as_bytes());
        if source.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            compact(source, output).map_err(|error| {
                output.truncate(start);
                self.unfit(&error)
            })?;
        } else {
            output.extend_from_slice(source);
        }
        output.extend_from_slice(b"}\n");
        Ok(())
    }

    /// What it counts as in the digest of its index.
    ///
    /// # Errors
    /// [`ArchiveError::Document`] when the source is no JSON, or is nested too deep.
    pub fn hash(&self) -> Result<u128, ArchiveError> {
        let content = document_hash(self.source).map_err(|error| self.unfit(&error))?;
        Ok(entry_hash(self.id, self.routing, content))
    }

    /// Reads a line, and hands it to whoever wants it.
    ///
    /// # Errors
    /// The reason why it is none, or what `take` says.
    pub(crate) fn read<T>(text: &[u8], take: impl FnOnce(Line<'_>) -> T) -> Result<T, String> {
        let wire: Wire<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        Ok(take(Line {
            id: &wire.id,
            routing: wire.routing.as_deref(),
            seq_no: wire.seq_no,
            source: wire.source.get().as_bytes(),
        }))
    }

    fn unfit(&self, reason: &impl ToString) -> ArchiveError {
        ArchiveError::Document { id: self.id.to_owned(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_bytes() {
        let rows = [
            (
                r#"{"a":1.10,"b":123456789012345678901234567890}"#,
                None,
                r#"{"a":1.10,"b":123456789012345678901234567890}"#,
            ),
            ("{ \"a\" : \"x\" }", Some("r"), "{ \"a\" : \"x\" }"),
            ("{\n  \"a b\": [1,\r\n 2]}", Some("\"q"), "{\"a b\":[1,2]}"),
        ];
        for (source, routing, expected) in rows {
            let line = Line { id: "i\n\"", routing, seq_no: 7, source: source.as_bytes() };
            let mut text = Vec::new();
            line.write(&mut text).unwrap();
            assert_eq!(text.iter().position(|byte| *byte == b'\n'), Some(text.len() - 1));
            let hash = Line::read(&text, |read| {
                assert_eq!((read.id, read.routing, read.seq_no), ("i\n\"", routing, 7));
                assert_eq!(read.source, expected.as_bytes());
                read.hash().unwrap()
            });
            assert_eq!(hash.unwrap(), line.hash().unwrap());
        }
        let broken = Line { id: "1", routing: None, seq_no: 0, source: b"{\n" };
        let mut text = b"before".to_vec();
        assert!(matches!(broken.write(&mut text), Err(ArchiveError::Document { .. })));
        assert_eq!(text, b"before");
    }
}
