//! Many searches in one request (`_msearch`): counts, windows and documents of hundreds of small indices, in few round trips.
//!
//! Every search in a request has its own answer. One that failed fails the whole call, as it would alone: what is given back
//! is complete, in the order of what was asked for. A failure that passes by itself is waited for, and the request repeated.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::Path;
use crate::search::{OWN_SEARCHES, ids_body};
use crate::stats::ShardTally;
use crate::transport::{Answer, Effect, Request};
use crate::window::{Content, Page, WindowRequest};

/// Most searches in one request. The engine runs a few at a time, so a longer list saves nothing and holds up the first.
const SEARCHES_MAX: usize = 200;
/// Most ids that the searches of one request ask for; one search alone may ask for more.
const IDS_MAX: usize = 2_000;
/// Most numbers that the windows of one request span, when they give sources: some megabytes, unless documents are large.
const NUMBERS_WITH_SOURCES_MAX: u64 = 2_000;
/// The same when they give ids only.
const NUMBERS_MAX: u64 = 20_000;

/// Up to here every whole number is a double: 2^53.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// One search of many: its two lines, and what it weighs against the bound of a request.
struct Search {
    lines: String,
    weight: u64,
}

impl Search {
    fn new(index: &IndexName, shard: Option<u32>, body: &str, weight: u64) -> Self {
        // A checked name needs no escapes.
        let mut lines = format!(r#"{{"index":"{index}","allow_partial_search_results":false"#);
        if let Some(shard) = shard {
            write!(lines, r#","preference":"_shards:{shard}""#)
                .expect("writing to a String cannot fail");
        }
        lines.push_str("}\n");
        lines.push_str(body);
        lines.push('\n');
        Self { lines, weight }
    }
}

#[derive(Deserialize)]
struct ManyAnswers<'a> {
    #[serde(borrow)]
    responses: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Outcome {
    error: Option<IgnoredAny>,
    status: Option<u16>,
}

impl Cluster {
    /// Counts the documents that searches see in each of these indices, exactly and in their order. Nested objects are not
    /// counted.
    pub async fn counts(&self, names: &[impl AsRef<str>]) -> Result<Vec<u64>, Failure> {
        let names = IndexName::parse_all(names)?;
        let body = format!(r#"{{"size":0,"stats":["{OWN_SEARCHES}"],"track_total_hits":true}}"#);
        let searches = names.iter().map(|name| Search::new(name, None, &body, 1)).collect();
        self.search_many(searches, u64::MAX, |_, answer| read_count(&answer)).await
    }

    /// Counts the documents of each of these indices that have one of some values in a keyword field, exactly and in their order.
    pub async fn counts_with(
        &self,
        field: &str,
        wanted: &[(&str, &[&str])],
    ) -> Result<Vec<u64>, Failure> {
        let mut searches = Vec::with_capacity(wanted.len());
        for (name, values) in wanted {
            let body = json!({
                "size": 0,
                "stats": [OWN_SEARCHES],
                "track_total_hits": true,
                "query": {"constant_score": {"filter": {"terms": {field: values}}}},
            });
            let name = IndexName::parse(name)?;
            searches.push(Search::new(&name, None, &body.to_string(), values.len() as u64));
        }
        self.search_many(searches, IDS_MAX as u64, |_, answer| read_count(&answer)).await
    }

    /// Adds up a field of whole numbers over all documents of an index, for several indices with a field each, in their order.
    /// The engines add doubles: exact up to 2^53.
    pub async fn sums(&self, wanted: &[(&str, &str)]) -> Result<Vec<u64>, Failure> {
        let mut searches = Vec::with_capacity(wanted.len());
        for (name, field) in wanted {
            let body = json!({
                "size": 0,
                "stats": [OWN_SEARCHES],
                "track_total_hits": true,
                "aggs": {"sum": {"sum": {"field": field}}},
            });
            searches.push(Search::new(&IndexName::parse(name)?, None, &body.to_string(), 1));
        }
        self.search_many(searches, u64::MAX, |_, answer| read_sum(&answer)).await
    }

    /// Like [`Cluster::documents`], in several indices: one page for each.
    pub async fn documents_of(&self, wanted: &[(&str, Vec<&str>)]) -> Result<Vec<Page>, Failure> {
        let mut searches = Vec::with_capacity(wanted.len());
        for (name, ids) in wanted {
            let body = ids_body(ids, &json!({"seq_no_primary_term": true, "version": true}))?;
            searches.push(Search::new(
                &IndexName::parse(name)?,
                None,
                &body.to_string(),
                ids.len() as u64,
            ));
        }
        let read = |_, answer| Page::read(answer, Content::Sources, None);
        self.search_many(searches, IDS_MAX as u64, read).await
    }

    /// Like [`Cluster::window`], of several shards: one page for each.
    ///
    /// Where documents are large, all together can be more than an answer may have ([`FailureKind::AnswerTooLarge`]): then
    /// read them one by one.
    pub async fn windows(&self, windows: &[WindowRequest<'_>]) -> Result<Vec<Page>, Failure> {
        self.read_windows(windows, Content::Sources, NUMBERS_WITH_SOURCES_MAX).await
    }

    /// Like [`Cluster::window_identities`], of several shards: one page for each.
    pub async fn windows_identities(
        &self,
        windows: &[WindowRequest<'_>],
    ) -> Result<Vec<Page>, Failure> {
        self.read_windows(windows, Content::Identities, NUMBERS_MAX).await
    }

    async fn read_windows(
        &self,
        windows: &[WindowRequest<'_>],
        content: Content,
        numbers_max: u64,
    ) -> Result<Vec<Page>, Failure> {
        let mut searches = Vec::with_capacity(windows.len());
        for window in windows {
            let name = IndexName::parse(window.index)?;
            let body = window.body(content);
            searches.push(Search::new(&name, Some(window.shard), &body, window.number_count()));
        }
        let read = |position: usize, answer: Answer| {
            let page = Page::read(answer, content, Some(1))?;
            Ok(match windows.get(position) {
                Some(window) => page.of_window(window),
                None => page,
            })
        };
        self.search_many(searches, numbers_max, read).await
    }

    /// Sends searches, as many in one request as the bounds allow, one request after the other. `read` gets the position of
    /// a search and its answer.
    async fn search_many<T>(
        &self,
        searches: Vec<Search>,
        weight_max: u64,
        read: impl Fn(usize, Answer) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut found = Vec::with_capacity(searches.len());
        let mut rest = searches.as_slice();
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(part_len(rest, weight_max));
            let mut body = String::with_capacity(part.iter().map(|one| one.lines.len()).sum());
            for one in part {
                body.push_str(&one.lines);
            }
            let path = Path::fixed("/_msearch");
            let request =
                Request::new(Method::POST, path, Effect::Read).lines(Bytes::from(body)).transfer();
            let first = found.len();
            let read_part = |answer: Answer| {
                let answers = take_apart(&answer, part.len())?;
                let mut read_one = |(at, answer)| read(first + at, answer);
                answers.into_iter().enumerate().map(&mut read_one).collect::<Result<Vec<_>, _>>()
            };
            found.append(&mut self.send_and_read(&request, read_part).await?);
            rest = behind;
        }
        Ok(found)
    }
}

/// How many searches of a list fit into one request: at least one.
fn part_len(searches: &[Search], weight_max: u64) -> usize {
    let mut weight: u64 = 0;
    let fitting = searches.iter().take(SEARCHES_MAX).take_while(|search| {
        weight = weight.saturating_add(search.weight);
        weight <= weight_max
    });
    fitting.count().max(1)
}

/// The answers in an answer, each whole or a failure of its own.
fn take_apart(answer: &Answer, wanted: usize) -> Result<Vec<Answer>, Failure> {
    let text = std::str::from_utf8(&answer.bytes)
        .map_err(|error| answer.unreadable(&error.to_string()))?;
    let seen: ManyAnswers<'_> =
        serde_json::from_str(text).map_err(|error| answer.unreadable(&error.to_string()))?;
    if seen.responses.len() != wanted {
        let reason = format!("{} answers to {wanted} searches", seen.responses.len());
        return Err(answer.unreadable(&reason));
    }
    let one = |(position, raw): (usize, &&RawValue)| {
        let bytes = answer.bytes.slice_ref(raw.get().as_bytes());
        let request = format!("{}, search {} of {wanted}", answer.request, position + 1);
        let outcome: Outcome = serde_json::from_slice(&bytes)
            .map_err(|error| answer.unreadable(&error.to_string()))?;
        let status = outcome.status.unwrap_or(if outcome.error.is_some() { 500 } else { 200 });
        if outcome.error.is_some() || !(200..300).contains(&status) {
            return Err(Failure::refused(request, status, &bytes));
        }
        Ok(Answer { bytes, request })
    };
    seen.responses.iter().enumerate().map(one).collect()
}

/// The exact number of hits of a search.
fn read_count(answer: &Answer) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    struct Counted {
        timed_out: bool,
        #[serde(rename = "_shards")]
        shards: ShardTally,
        hits: Hits,
    }
    #[derive(Deserialize)]
    struct Hits {
        total: Total,
    }
    #[derive(Deserialize)]
    struct Total {
        value: u64,
        relation: String,
    }
    let counted: Counted = answer.read()?;
    counted.shards.check_answered(None, &answer.request)?;
    if counted.timed_out {
        let reason = "the search ran out of time";
        let failure = Failure::new(FailureKind::Partial, answer.request.clone(), reason);
        return Err(failure.with_status(503, None));
    }
    if counted.hits.total.relation != "eq" {
        return Err(answer.unreadable("the number of documents is a lower bound"));
    }
    Ok(counted.hits.total.value)
}

/// The sum that a search found, which must have seen everything.
fn read_sum(answer: &Answer) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    struct Summed {
        aggregations: Aggregations,
    }
    #[derive(Deserialize)]
    struct Aggregations {
        sum: Sum,
    }
    #[derive(Deserialize)]
    struct Sum {
        value: f64,
    }
    read_count(answer)?;
    let Summed { aggregations: Aggregations { sum: Sum { value } } } = answer.read()?;
    if value.fract() != 0.0 || !(0.0..=WHOLE_MAX).contains(&value) {
        return Err(answer.unreadable(&format!("the sum {value} is no whole number")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked at above")]
    let sum = value as u64;
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;

    fn answer(body: &str) -> Answer {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        Answer { bytes, request: "POST /_msearch".to_owned() }
    }

    fn counted(total: &str, shards: &str, timed_out: bool) -> String {
        format!(
            r#"{{"took":1,"timed_out":{timed_out},"_shards":{shards},"hits":{{"total":{total},"hits":[]}},"status":200}}"#
        )
    }

    const ALL: &str = r#"{"total":2,"successful":2,"skipped":0,"failed":0}"#;

    #[test]
    fn every_answer_stands_for_its_search() {
        let first = counted(r#"{"value":7,"relation":"eq"}"#, ALL, false);
        let body = format!(r#"{{"took":3,"responses":[{first},{first}]}}"#);
        let counts: Vec<u64> = take_apart(&answer(&body), 2)
            .unwrap()
            .iter()
            .map(|one| read_count(one).unwrap())
            .collect();
        assert_eq!(counts, [7, 7]);
        for wanted in [1, 3] {
            let failure = take_apart(&answer(&body), wanted).err().unwrap();
            assert_eq!(failure.kind(), FailureKind::Unreadable, "{wanted}");
        }
    }

    #[test]
    fn one_failed_search_fails_all_with_its_own_class() {
        let good = counted(r#"{"value":7,"relation":"eq"}"#, ALL, false);
        let cases = [
            ("index_not_found_exception", 404, Class::Operator, true),
            ("es_rejected_execution_exception", 429, Class::BackOff, false),
            ("search_phase_execution_exception", 503, Class::Retry, false),
        ];
        for (error_type, status, class, is_absent) in cases {
            let bad = format!(
                r#"{{"error":{{"root_cause":[],"type":"{error_type}","reason":"r"}},"status":{status}}}"#
            );
            let body = format!(r#"{{"took":3,"responses":[{good},{bad}]}}"#);
            let failure = take_apart(&answer(&body), 2).err().unwrap();
            assert_eq!(failure.class(), class, "{error_type}");
            assert_eq!(failure.is_index_absent(), is_absent, "{error_type}");
            assert!(failure.to_string().contains("search 2 of 2"), "{failure}");
        }
    }

    #[test]
    fn a_count_is_exact_and_of_all_shards_or_none() {
        let exact = r#"{"value":7,"relation":"eq"}"#;
        let none = r#"{"total":0,"successful":0,"skipped":0,"failed":0}"#;
        let part = r#"{"total":2,"successful":1,"skipped":0,"failed":0}"#;
        let failed = r#"{"total":2,"successful":1,"skipped":0,"failed":1}"#;
        let cases = [
            (counted(r#"{"value":7,"relation":"gte"}"#, ALL, false), FailureKind::Unreadable),
            (counted(exact, none, false), FailureKind::ShardAbsent),
            (counted(exact, part, false), FailureKind::Partial),
            (counted(exact, failed, false), FailureKind::Partial),
            (counted(exact, ALL, true), FailureKind::Partial),
        ];
        for (body, kind) in cases {
            assert_eq!(read_count(&answer(&body)).unwrap_err().kind(), kind, "{body}");
        }
    }

    #[test]
    fn a_sum_is_a_whole_number_of_all_shards() {
        let summed = |value: &str, shards: &str| {
            let whole = counted(r#"{"value":7,"relation":"eq"}"#, shards, false);
            let body = whole.replace(r#","status":200"#, "");
            let body = body.trim_end_matches('}');
            format!(r#"{body}}},"aggregations":{{"sum":{{"value":{value}}}}}}}"#)
        };
        for (value, sum) in [("0.0", 0), ("3.0", 3), ("9.007199254740992E15", 1 << 53)] {
            assert_eq!(read_sum(&answer(&summed(value, ALL))).unwrap(), sum, "{value}");
        }
        for value in ["0.5", "-1.0", "1.0E16", "null"] {
            let failure = read_sum(&answer(&summed(value, ALL))).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::Unreadable, "{value}");
        }
        let part = r#"{"total":2,"successful":1,"skipped":0,"failed":1}"#;
        assert_eq!(
            read_sum(&answer(&summed("1.0", part))).unwrap_err().kind(),
            FailureKind::Partial
        );
    }

    #[test]
    fn requests_are_bounded_and_lose_no_search() {
        let name = IndexName::parse("i").unwrap();
        let search = |weight| Search::new(&name, None, "{}", weight);
        let weights =
            |weights: &[u64]| weights.iter().map(|weight| search(*weight)).collect::<Vec<_>>();
        assert_eq!(part_len(&weights(&[4, 4, 4]), 10), 2);
        assert_eq!(part_len(&weights(&[40, 4, 4]), 10), 1, "one alone may be heavier");
        assert_eq!(part_len(&weights(&[1; SEARCHES_MAX + 1]), u64::MAX), SEARCHES_MAX);
    }
}
