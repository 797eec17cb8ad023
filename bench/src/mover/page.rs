//! Prebuilt answers: one shard's hits as one run of bytes, of which every window is a slice.

use std::io::Write as _;

use crate::{
    application::{SOURCE, TARGET},
    document::{Documents, Form},
    error::BenchError,
};

/// What stands before the hits of a window, as `OpenSearch` 3.8 writes it.
pub(super) const WINDOW_HEAD: &str = r#"{"took":12,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"max_score":null,"hits":["#;
/// What stands behind them.
pub(super) const WINDOW_TAIL: &str = "]}}";
/// What stands before the items of a bulk answer.
pub(super) const BULK_HEAD: &str = r#"{"took":34,"errors":false,"items":["#;
/// What stands behind them.
pub(super) const BULK_TAIL: &str = "]}";

/// Pieces with a comma behind each, and where each one ends.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    /// Where each piece begins; the last number is where the next one would.
    starts: Vec<usize>,
}

impl Pieces {
    /// The hits of one shard, each with its number.
    pub(super) fn hits(documents: Documents, count: u64) -> Result<Self, BenchError> {
        let (mut id, mut source) = (String::new(), Vec::new());
        Self::make(count, |bytes, number| {
            Documents::write_id(number, &mut id);
            documents.write_source(number, Form::Old, &mut source);
            write!(
                bytes,
                r#"{{"_index":"{SOURCE}","_id":"{id}","_seq_no":{number},"_primary_term":1,"_score":null,"_source":"#
            )?;
            bytes.extend_from_slice(&source);
            write!(bytes, r#","sort":[{number}]}}"#)
        })
    }

    /// Outcomes of bulk items. Real ones name the document, which nobody reads when there is no error.
    pub(super) fn items(count: u64) -> Result<Self, BenchError> {
        let mut id = String::new();
        Self::make(count, |bytes, number| {
            Documents::write_id(number, &mut id);
            write!(
                bytes,
                r#"{{"index":{{"_index":"{TARGET}","_id":"{id}","_version":{},"result":"created","_shards":{{"total":1,"successful":1,"failed":0}},"_seq_no":{number},"_primary_term":1,"status":201}}}}"#,
                number + 1
            )
        })
    }

    fn make(
        count: u64,
        mut write: impl FnMut(&mut Vec<u8>, u64) -> std::io::Result<()>,
    ) -> Result<Self, BenchError> {
        let mut pieces = Self { bytes: Vec::new(), starts: vec![0] };
        for number in 0..count {
            write(&mut pieces.bytes, number)
                .map_err(BenchError::system("an answer can't be built"))?;
            pieces.bytes.push(b',');
            pieces.starts.push(pieces.bytes.len());
        }
        Ok(pieces)
    }

    /// Pieces from `first` to `last`, both included, without the comma behind; as many of them as there are.
    pub(super) fn between(&self, first: u64, last: u64) -> &[u8] {
        let position = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let end_max = self.starts.len() - 1;
        let end = position(last.saturating_add(1)).min(end_max);
        let (Some(start), Some(end)) = (self.starts.get(position(first)), self.starts.get(end))
        else {
            return &[];
        };
        self.bytes.get(*start..end.saturating_sub(1)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_window_is_an_answer() {
        let hits = Pieces::hits(Documents::new(800), 10).unwrap();
        for (first, last, expected) in [(0, 0, 0..1), (3, 6, 3..7), (8, 99, 8..10), (10, 12, 0..0)]
        {
            let middle = std::str::from_utf8(hits.between(first, last)).unwrap();
            let answer: Value =
                serde_json::from_str(&format!("{WINDOW_HEAD}{middle}{WINDOW_TAIL}")).unwrap();
            let numbers: Vec<u64> = answer["hits"]["hits"]
                .as_array()
                .unwrap()
                .iter()
                .map(|hit| hit["_seq_no"].as_u64().unwrap())
                .collect();
            assert_eq!(numbers, expected.collect::<Vec<u64>>());
        }
        let items = Pieces::items(3).unwrap();
        let middle = std::str::from_utf8(items.between(0, 1)).unwrap();
        let answer: Value =
            serde_json::from_str(&format!("{BULK_HEAD}{middle}{BULK_TAIL}")).unwrap();
        assert_eq!(answer["items"].as_array().unwrap().len(), 2);
    }
}
