//! Reading a window of a shard's log: all live documents whose sequence numbers lie in a range, as raw bytes.
//!
//! A page owns the bytes of the answer and knows where each hit lies in them. No JSON tree is built.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::Path;
use crate::search::OWN_SEARCHES;
use crate::stats::ShardTally;
use crate::transport::{Answer, Effect, Request};

/// Which window to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowRequest<'a> {
    /// The concrete index.
    pub index: &'a str,
    /// The number of the shard.
    pub shard: u32,
    /// The first sequence number, included.
    pub first: i64,
    /// The last sequence number, included.
    pub last: i64,
    /// The most hits to take: at most `index.max_result_window`, which is 10,000 by default.
    pub size: u32,
}

impl WindowRequest<'_> {
    /// Whether more documents can lie in the window than fit into one page.
    fn may_overflow(&self) -> bool {
        self.last.saturating_sub(self.first).saturating_add(1) > i64::from(self.size)
    }

    /// How many numbers it spans.
    pub(crate) fn number_count(&self) -> u64 {
        u64::try_from(self.last.saturating_sub(self.first).saturating_add(1)).unwrap_or_default()
    }

    /// The body of the search for it.
    pub(crate) fn body(&self, content: Content) -> String {
        let Self { first, last, size, .. } = *self;
        let extra = match content {
            Content::Sources => "",
            Content::Identities => r#","_source":false,"version":true"#,
        };
        format!(
            r#"{{"size":{size},"stats":["{OWN_SEARCHES}"],"track_total_hits":false,"seq_no_primary_term":true,"sort":["_doc"]{extra},"query":{{"constant_score":{{"filter":{{"range":{{"_seq_no":{{"gte":{first},"lte":{last}}}}}}}}}}}}}"#
        )
    }
}

/// One answer: the bytes as they came, and where the hits lie in them.
#[derive(Debug, Clone)]
pub struct Page {
    bytes: Bytes,
    spans: Vec<Span>,
    is_full: bool,
}

/// One document of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The document's `_id`.
    pub id: Cow<'a, str>,
    /// The document's `_routing`.
    pub routing: Option<Cow<'a, str>>,
    /// The number of its last write.
    pub seq_no: i64,
    /// The term of the primary at its last write.
    pub primary_term: u64,
    /// Its version, where the call asks for it; else 0.
    pub version: u64,
    /// Its `_source`, byte for byte as it was written. Empty where the call does not ask for it.
    pub source: &'a [u8],
}

/// Where one hit lies in the bytes of its page.
#[derive(Debug, Clone)]
struct Span {
    id: Text,
    routing: Option<Text>,
    seq_no: i64,
    primary_term: u64,
    version: u64,
    source: Range<usize>,
}

/// A text in the bytes of a page, or beside them when it holds escapes.
#[derive(Debug, Clone)]
enum Text {
    Inside(Range<usize>),
    Beside(Box<str>),
}

/// What a search is asked to give beside the ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Sources,
    Identities,
}

#[derive(Deserialize)]
struct SearchAnswer<'a> {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: ShardTally,
    #[serde(borrow)]
    hits: SearchHits<'a>,
}

#[derive(Deserialize)]
struct SearchHits<'a> {
    #[serde(borrow)]
    hits: Vec<RawHit<'a>>,
}

#[derive(Deserialize)]
struct RawHit<'a> {
    #[serde(rename = "_id", borrow)]
    id: Cow<'a, str>,
    #[serde(rename = "_routing", borrow)]
    routing: Option<Borrowed<'a>>,
    #[serde(rename = "_seq_no")]
    seq_no: Option<i64>,
    #[serde(rename = "_primary_term")]
    primary_term: Option<u64>,
    #[serde(rename = "_version")]
    version: Option<u64>,
    #[serde(rename = "_source", borrow)]
    source: Option<&'a RawValue>,
}

/// A text that borrows where it can: serde borrows a bare `Cow`, but not one in an `Option`.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl Page {
    /// Reads a search answer which that many shards had to give; `None` for all of an index.
    pub(crate) fn read(
        answer: Answer,
        content: Content,
        shards: Option<u32>,
    ) -> Result<Self, Failure> {
        let spans = {
            let text = std::str::from_utf8(&answer.bytes)
                .map_err(|error| answer.unreadable(&error.to_string()))?;
            let seen: SearchAnswer<'_> = serde_json::from_str(text)
                .map_err(|error| answer.unreadable(&error.to_string()))?;
            seen.shards.check_answered(shards, &answer.request)?;
            if seen.timed_out {
                let reason = "the search ran out of time";
                return Err(Failure::new(FailureKind::Partial, answer.request, reason)
                    .with_status(503, None));
            }
            let base = answer.bytes.as_ptr().addr();
            let make = |hit| Span::of(hit, base, content, &answer);
            seen.hits.hits.into_iter().map(make).collect::<Result<Vec<_>, _>>()?
        };
        Ok(Self { bytes: answer.bytes, spans, is_full: false })
    }

    /// The same page, knowing for which window it was asked.
    pub(crate) fn of_window(mut self, window: &WindowRequest<'_>) -> Self {
        let size = usize::try_from(window.size).unwrap_or(usize::MAX);
        self.is_full = self.len() >= size && window.may_overflow();
        self
    }

    /// The hits, in the order of the answer.
    pub fn hits(&self) -> impl ExactSizeIterator<Item = Hit<'_>> {
        self.spans.iter().map(|span| Hit {
            id: Cow::Borrowed(self.text(&span.id)),
            routing: span.routing.as_ref().map(|routing| Cow::Borrowed(self.text(routing))),
            seq_no: span.seq_no,
            primary_term: span.primary_term,
            version: span.version,
            source: self.bytes.get(span.source.clone()).unwrap_or_default(),
        })
    }

    /// Number of hits.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no hit.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of the whole answer.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the page is as full as was asked for while the window may hold more: read a narrower window instead.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        match text {
            Text::Beside(text) => text,
            // Checked as UTF-8 when the page was read; an id is short, so checking it again costs nothing.
            Text::Inside(range) => {
                let bytes = self.bytes.get(range.clone()).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or_default()
            }
        }
    }
}

impl Span {
    fn of(
        hit: RawHit<'_>,
        base: usize,
        content: Content,
        answer: &Answer,
    ) -> Result<Self, Failure> {
        let source = match (hit.source, content) {
            (Some(source), _) => inside(source.get(), base),
            (None, Content::Identities) => 0..0,
            (None, Content::Sources) => {
                let reason = format!("the document {:?} has no _source", hit.id);
                let request = answer.request.clone();
                return Err(Failure::new(FailureKind::SourceMissing, request, reason));
            }
        };
        let (Some(seq_no), Some(primary_term)) = (hit.seq_no, hit.primary_term) else {
            let reason = format!("the document {:?} has no sequence number", hit.id);
            return Err(answer.unreadable(&reason));
        };
        Ok(Self {
            id: Text::of(hit.id, base),
            routing: hit.routing.map(|routing| Text::of(routing.0, base)),
            seq_no,
            primary_term,
            version: hit.version.unwrap_or_default(),
            source,
        })
    }
}

impl Text {
    fn of(text: Cow<'_, str>, base: usize) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Inside(inside(text, base)),
            Cow::Owned(text) => Self::Beside(text.into_boxed_str()),
        }
    }
}

/// Where a text that borrows from a buffer lies in it; `base` is the address of the buffer.
fn inside(text: &str, base: usize) -> Range<usize> {
    let start = text.as_ptr().addr() - base;
    start..start + text.len()
}

impl Cluster {
    /// Reads the live documents of a window, in no particular order.
    ///
    /// Fails rather than give a part: when a shard failed, when the search ran out of time, when a document has no
    /// `_source`. See [`Page::is_full`] for a window with more documents than asked for.
    pub async fn window(&self, window: &WindowRequest<'_>) -> Result<Page, Failure> {
        self.read_window(window, Content::Sources).await
    }

    /// Reads ids, routings, versions and numbers of the live documents of a window, without their sources.
    pub async fn window_identities(&self, window: &WindowRequest<'_>) -> Result<Page, Failure> {
        self.read_window(window, Content::Identities).await
    }

    async fn read_window(
        &self,
        window: &WindowRequest<'_>,
        content: Content,
    ) -> Result<Page, Failure> {
        let path = Path::index(&IndexName::parse(window.index)?)
            .segment("_search")
            .parameter("preference", format!("_shards:{}", window.shard))
            .parameter("allow_partial_search_results", false);
        let body = window.body(content);
        let request =
            Request::new(Method::POST, path, Effect::Read).json_bytes(Bytes::from(body)).transfer();
        Ok(Page::read(self.send(&request).await?, content, Some(1))?.of_window(window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, content: Content) -> Result<Page, Failure> {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        Page::read(Answer { bytes, request: "POST /i/_search".to_owned() }, content, Some(1))
    }

    fn answer(hits: &str) -> String {
        format!(
            r#"{{"took":1,"timed_out":false,"_shards":{{"total":1,"successful":1,"skipped":0,"failed":0}},"hits":{{"max_score":null,"hits":[{hits}]}}}}"#
        )
    }

    #[test]
    fn hits_keep_their_bytes() {
        let source = "{ \"a\":1.10,\r\n\"b\":123456789012345678901234567890,\"c\":\"\\u00e9\"}";
        let hits = format!(
            r#"{{"_index":"i","_type":"_doc","_id":"1","_seq_no":7,"_primary_term":2,"_score":null,"_source":{source},"sort":[3]}},
               {{"_index":"i","_id":"q\"\\\né","_routing":"r\/x","_seq_no":8,"_primary_term":2,"_source":{{}}}},
               {{"_index":"i","_id":"é","_routing":"ü","_seq_no":9,"_primary_term":2,"_version":4,"_source":{{}}}}"#
        );
        let page = read(&answer(&hits), Content::Sources).unwrap();
        let seen: Vec<Hit<'_>> = page.hits().collect();
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[0].source, source.as_bytes());
        assert_eq!((seen[0].seq_no, seen[0].primary_term, seen[0].version), (7, 2, 0));
        assert_eq!((seen[0].id.as_ref(), seen[0].routing.as_deref()), ("1", None));
        assert_eq!((seen[1].id.as_ref(), seen[1].routing.as_deref()), ("q\"\\\né", Some("r/x")));
        assert_eq!((seen[2].id.as_ref(), seen[2].routing.as_deref()), ("é", Some("ü")));
        assert_eq!(seen[2].version, 4);
    }

    #[test]
    fn a_part_is_refused() {
        let failed = r#"{"timed_out":false,"_shards":{"total":1,"successful":0,"failed":1,"failures":[{"shard":0,"status":"TOO_MANY_REQUESTS","reason":{"type":"es_rejected_execution_exception","reason":"full"}}]},"hits":{"hits":[]}}"#;
        let failure = read(failed, Content::Sources).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Partial);
        assert_eq!(failure.class(), crate::Class::BackOff);
        let slow = answer("").replace("\"timed_out\":false", "\"timed_out\":true");
        let failure = read(&slow, Content::Sources).unwrap_err();
        assert_eq!((failure.kind(), failure.class()), (FailureKind::Partial, crate::Class::Retry));
        let counts = [
            ("\"total\":1", "\"total\":0", FailureKind::ShardAbsent),
            ("\"total\":1", "\"total\":2", FailureKind::ShardAbsent),
            ("\"successful\":1", "\"successful\":0", FailureKind::Partial),
        ];
        for (from, to, kind) in counts {
            let failure = read(&answer("").replace(from, to), Content::Sources).unwrap_err();
            assert_eq!(failure.kind(), kind, "{to}");
        }
        let cut = answer("").replace("]}}", "");
        assert_eq!(read(&cut, Content::Sources).unwrap_err().kind(), FailureKind::Unreadable);
        let foreign = read("{}", Content::Sources).unwrap_err();
        assert_eq!(foreign.kind(), FailureKind::Unreadable);
    }

    #[test]
    fn a_document_without_source_is_its_own_failure() {
        let bare = answer(r#"{"_id":"1","_seq_no":0,"_primary_term":1}"#);
        let failure = read(&bare, Content::Sources).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::SourceMissing);
        let page = read(&bare, Content::Identities).unwrap();
        assert_eq!(page.hits().next().unwrap().source, b"");
        let unnumbered = answer(r#"{"_id":"1","_source":{}}"#);
        let failure = read(&unnumbered, Content::Sources).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreadable);
    }

    #[test]
    fn only_a_window_wider_than_its_page_can_overflow() {
        let cases =
            [(0, 9, 10, false), (0, 10, 10, true), (5, 4, 1, false), (0, i64::MAX, 1, true)];
        for (first, last, size, expected) in cases {
            let window = WindowRequest { index: "i", shard: 0, first, last, size };
            assert_eq!(window.may_overflow(), expected, "{window:?}");
        }
    }
}
