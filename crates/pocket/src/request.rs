//! One HTTP request taken apart, and the answer to it; no sockets here.

use axum::http::Method;
use bytes::Bytes;
use serde_json::Value;

use crate::error::Refusal;

/// Every parameter that some request of the surface takes on the engines.
const PARAMETERS: [&str; 70] = [
    "_source",
    "_source_excludes",
    "_source_includes",
    "allow_no_indices",
    "allow_partial_search_results",
    "analyze_wildcard",
    "analyzer",
    "batched_reduce_size",
    "bytes",
    "ccs_minimize_roundtrips",
    "cluster_manager_timeout",
    "completion_fields",
    "create",
    "default_operator",
    "df",
    "docvalue_fields",
    "error_trace",
    "expand_wildcards",
    "fielddata_fields",
    "fields",
    "filter_path",
    "flat_settings",
    "flush",
    "forbid_closed_indices",
    "format",
    "from",
    "h",
    "health",
    "human",
    "if_primary_term",
    "if_seq_no",
    "ignore_throttled",
    "ignore_unavailable",
    "include_defaults",
    "include_segment_file_sizes",
    "include_type_name",
    "include_unloaded_segments",
    "groups",
    "level",
    "local",
    "master_timeout",
    "max_concurrent_searches",
    "max_num_segments",
    "op_type",
    "pipeline",
    "preference",
    "preserve_existing",
    "pretty",
    "pri",
    "q",
    "realtime",
    "refresh",
    "request_cache",
    "require_alias",
    "routing",
    "s",
    "scroll",
    "scroll_id",
    "search_type",
    "seq_no_primary_term",
    "size",
    "sort",
    "stored_fields",
    "terminate_after",
    "timeout",
    "track_scores",
    "track_total_hits",
    "v",
    "version",
    "version_type",
];

/// Parameters of `_cluster/health` alone, by their start.
const WAIT: &str = "wait_for_";

/// A request as the handlers see it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path as it was sent, still percent-encoded.
    pub(crate) path: String,
    /// The path cut at `/` and decoded.
    pub(crate) segments: Vec<String>,
    parameters: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn new(method: Method, path: &str, query: &str, body: Bytes) -> Self {
        let segments = path.split('/').filter(|part| !part.is_empty()).map(decode_path).collect();
        let parameters = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode_query(key), decode_query(value))
            })
            .collect();
        Self { method, path: path.to_owned(), segments, parameters, body }
    }

    /// Refuses parameters that no request of the surface has: a typo must not pass here and fail
    /// on a real engine.
    pub(crate) fn check_parameters(&self) -> Result<(), Refusal> {
        match self
            .parameters
            .iter()
            .find(|(key, _)| !PARAMETERS.contains(&key.as_str()) && !key.starts_with(WAIT))
        {
            None => Ok(()),
            Some((key, _)) => Err(Refusal::illegal_argument(format!(
                "request [{}] contains unrecognized parameter: [{key}]",
                self.path
            ))),
        }
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A boolean parameter; a bare `?name` counts as true, as on the engines.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.parameter(name) {
            None => Ok(None),
            Some("" | "true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Refusal::illegal_argument(format!(
                "Failed to parse value [{other}] as only [true] or [false] are allowed."
            ))),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Refusal::illegal_argument(format!(
                "Failed to parse long parameter [{name}] with value [{text}]"
            ))
        })
    }

    /// The body as JSON; an empty body is `Null`.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.body.trim_ascii().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| broken_json(&error))
    }

    /// The body as JSON where the engines insist on one.
    pub(crate) fn json_required(&self) -> Result<Value, Refusal> {
        match self.json()? {
            Value::Null => Err(Refusal::new(400, "parse_exception", "request body is required")),
            value => Ok(value),
        }
    }
}

/// A body which is no JSON at all.
pub(crate) fn broken_json(error: &serde_json::Error) -> Refusal {
    Refusal::new(400, "json_parse_exception", format!("the body is not JSON: {error}"))
}

/// The answer to one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: &'static str,
}

impl Answer {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, value.to_string().into_bytes())
    }

    pub(crate) fn ok(value: &Value) -> Self {
        Self::json(200, value)
    }

    /// A body which is JSON already.
    pub(crate) fn bytes(status: u16, body: Vec<u8>) -> Self {
        Self { status, body, content_type: "application/json; charset=UTF-8" }
    }

    pub(crate) fn text(status: u16, body: String) -> Self {
        Self { status, body: body.into_bytes(), content_type: "text/plain; charset=UTF-8" }
    }

    pub(crate) fn acknowledged() -> Self {
        Self::bytes(200, br#"{"acknowledged":true}"#.to_vec())
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::json(refusal.status, &refusal.body_json())
    }
}

fn decode_path(text: &str) -> String {
    decode(text, false)
}

fn decode_query(text: &str) -> String {
    decode(text, true)
}

fn decode(text: &str, plus_is_space: bool) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        let ahead = rest.as_slice();
        match (byte, ahead) {
            (b'%', [high, low, ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high * 16 + low);
                    rest.nth(1);
                }
                _ => decoded.push(byte),
            },
            (b'+', _) if plus_is_space => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters_are_decoded() {
        let request =
            Request::new(Method::GET, "/a%2Fb/_doc/x%20y+z", "q=a+b%2B&flag", Bytes::new());
        assert_eq!(request.segments, ["a/b", "_doc", "x y+z"]);
        assert_eq!(request.parameter("q"), Some("a b+"));
        assert_eq!(request.flag("flag").unwrap(), Some(true));
        assert_eq!(request.flag("q").unwrap_err().status, 400);
    }
}
