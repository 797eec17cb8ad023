//! `_msearch`: several searches in one request, each with an answer of its own.

use std::fmt::Write as _;

use axum::http::Method;
use bytes::Bytes;
use memchr::memchr;
use serde_json::{Map, Value};

use super::search;
use crate::error::Refusal;
use crate::node::{Flavour, Node};
use crate::request::{Answer, Request, broken_json};

/// What a header line may say, beside the indices.
const HEADER_KEYS: [&str; 10] = [
    "allow_no_indices",
    "allow_partial_search_results",
    "ccs_minimize_roundtrips",
    "expand_wildcards",
    "ignore_throttled",
    "ignore_unavailable",
    "preference",
    "request_cache",
    "routing",
    "search_type",
];

/// A parameter of `_search` that stands in the header line here, and nowhere else.
const HEADER_ONLY: &str = "allow_partial_search_results";

/// `POST /_msearch` and `POST /I/_msearch`. A search that is refused is an answer among the others; lines that can't be
/// understood are a refusal of the whole.
pub(crate) fn search_many(
    node: &Node,
    default_index: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    if request.parameter(HEADER_ONLY).is_some() {
        let reason =
            format!("request [{}] contains unrecognized parameter: [{HEADER_ONLY}]", request.path);
        return Err(Refusal::illegal_argument(reason));
    }
    if request.body.is_empty() {
        let reason = "request body or source parameter is required";
        return Err(Refusal::new(400, "parse_exception", reason));
    }
    let searches = take_apart(&request.body, default_index)?;
    if searches.is_empty() {
        return Err(Refusal::validation(&["no requests added".to_owned()]));
    }
    for (_, search) in &searches {
        check_body(search, node.flavour)?;
    }
    let mut buffer = b"{\"took\":0,\"responses\":[".to_vec();
    for (position, (expression, single)) in searches.iter().enumerate() {
        if position > 0 {
            buffer.push(b',');
        }
        let answer = search(node, expression, single).unwrap_or_else(Answer::from);
        let mut body = answer.body;
        if answer.status == 200 {
            // A refusal has its status already.
            body.pop();
            body.extend_from_slice(b",\"status\":200}");
        }
        buffer.append(&mut body);
    }
    buffer.extend_from_slice(b"]}");
    Ok(Answer::bytes(200, buffer))
}

/// The searches of a body, each with the indices it is for.
fn take_apart(body: &Bytes, default_index: &str) -> Result<Vec<(String, Request)>, Refusal> {
    let mut searches = Vec::new();
    let mut rest = body.clone();
    while !rest.is_empty() {
        let header = line(&mut rest)?;
        if header.is_empty() && searches.is_empty() {
            continue;
        }
        if rest.is_empty() {
            // A header without a search is passed over.
            break;
        }
        let (expression, query) = read_header(&header, default_index)?;
        let body = line(&mut rest)?;
        searches.push((expression, Request::new(Method::POST, "/_search", &query, body)));
    }
    Ok(searches)
}

/// The next line, without its end.
fn line(rest: &mut Bytes) -> Result<Bytes, Refusal> {
    let end = memchr(b'\n', rest).ok_or_else(|| {
        Refusal::illegal_argument("The msearch request must be terminated by a newline [\n]")
    })?;
    let line = rest.split_to(end);
    drop(rest.split_to(1));
    Ok(line)
}

/// The indices of a header line, and what else it says in the form of parameters.
fn read_header(header: &[u8], default_index: &str) -> Result<(String, String), Refusal> {
    let keys: Map<String, Value> = match serde_json::from_slice(header) {
        _ if header.trim_ascii().is_empty() => Map::new(),
        Ok(keys) => keys,
        Err(error) => return Err(broken_json(&error)),
    };
    let mut expression = default_index.to_owned();
    let mut query = String::new();
    for (key, value) in &keys {
        if matches!(key.as_str(), "index" | "indices") {
            expression = list(value);
        } else if HEADER_KEYS.contains(&key.as_str()) {
            query.push_str(key);
            query.push('=');
            for byte in list(value).bytes() {
                write!(query, "%{byte:02X}").expect("writing to a String does not fail");
            }
            query.push('&');
        } else {
            return Err(Refusal::illegal_argument(format!(
                "key [{key}] is not supported in the metadata section"
            )));
        }
    }
    Ok((expression, query))
}

fn list(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(texts) => texts.iter().map(list).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A body that can't be read refuses all searches, where one that can't be answered refuses itself.
fn check_body(search: &Request, flavour: Flavour) -> Result<(), Refusal> {
    if search.body.trim_ascii().is_empty() {
        return Err(Refusal::parsing("Expected [START_OBJECT] but found [null]"));
    }
    super::body::Body::parse(search, flavour).map(drop)
}
