//! What the answer to a bulk request means for each of its operations.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::{cluster::refused, error::DemoError};

/// The error type of an operation that a block refused.
const BLOCKED: &str = "cluster_block_exception";
/// How much of an error is kept, in characters.
const EXCERPT_CHARACTERS: usize = 300;

/// What came of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Acknowledged; whether the document was there before.
    Done {
        /// True for what replaced or deleted a document.
        was_there: bool,
    },
    /// Not carried out: the index takes no writes, or is gone. The live set may be another one by now.
    Blocked(String),
    /// Not carried out: too much to do.
    Busy(String),
    /// Carried out or not. `refused` tells whether the cluster said no, or nothing at all.
    Unknown {
        /// An answer came, and it was an error.
        refused: bool,
        /// What was said.
        reason: String,
    },
    /// Not carried out, and repeating it would not help.
    Failed {
        /// The item's status.
        status: u16,
        /// The item's error.
        reason: String,
    },
}

/// What is read of a bulk answer.
#[derive(Deserialize)]
struct Answer {
    items: Vec<BTreeMap<String, Item>>,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    error: Option<ItemError>,
}

#[derive(Deserialize)]
struct ItemError {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: ItemError,
}

/// The outcome of each of `count` operations.
///
/// # Errors
/// When the whole request failed, and repeating it would not help.
pub(super) fn outcomes(
    answer: Result<(StatusCode, String), DemoError>,
    count: usize,
) -> Result<Vec<Outcome>, DemoError> {
    let all = |outcome: Outcome| Ok(vec![outcome; count]);
    let unknown = |refused: bool, reason: String| all(Outcome::Unknown { refused, reason });
    let (status, text) = match answer {
        Ok(answer) => answer,
        Err(error @ DemoError::NoAnswer { .. }) => return unknown(false, error.to_string()),
        Err(error) => return Err(error),
    };
    if status.is_success() {
        return match serde_json::from_str::<Answer>(&text) {
            Ok(answer) if answer.items.len() == count => {
                let items = answer.items.into_iter().flat_map(BTreeMap::into_values);
                Ok(items.map(Item::outcome).collect())
            }
            Ok(answer) => unknown(false, format!("{} items answered", answer.items.len())),
            Err(error) => unknown(false, format!("the answer can't be read: {error}")),
        };
    }
    let refusal: Option<Refusal> = serde_json::from_str(&text).ok();
    let blocked = refusal.is_some_and(|refusal| refusal.error.kind == BLOCKED);
    let excerpt: String = text.chars().take(EXCERPT_CHARACTERS).collect();
    let reason = format!("{status}: {excerpt}");
    match status {
        StatusCode::FORBIDDEN if blocked => all(Outcome::Blocked(reason)),
        // Whoever stands in between may say so as well, after it passed the request on.
        StatusCode::TOO_MANY_REQUESTS => unknown(true, reason),
        _ if status.is_server_error() => unknown(true, reason),
        _ => Err(refused(&Method::POST, "_bulk", status, &text)),
    }
}

impl Item {
    fn outcome(self) -> Outcome {
        let Some(ItemError { kind, reason }) = self.error else {
            return match self.status {
                200 => Outcome::Done { was_there: true },
                // Written anew, or nothing there to delete.
                201 | 404 => Outcome::Done { was_there: false },
                status => {
                    Outcome::Failed { status, reason: "a status without an error".to_owned() }
                }
            };
        };
        let text = reason.unwrap_or_default();
        let text: String = format!("{kind}: {text}").chars().take(EXCERPT_CHARACTERS).collect();
        match self.status {
            403 if kind == BLOCKED => Outcome::Blocked(text),
            404 => Outcome::Blocked(text),
            429 => Outcome::Busy(text),
            500..=599 => Outcome::Unknown { refused: true, reason: text },
            status => Outcome::Failed { status, reason: text },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Done { was_there: true } => "there",
            Outcome::Done { was_there: false } => "new",
            Outcome::Blocked(_) => "blocked",
            Outcome::Busy(_) => "busy",
            Outcome::Unknown { refused: true, .. } => "unknown, refused",
            Outcome::Unknown { refused: false, .. } => "unknown",
            Outcome::Failed { .. } => "failed",
        }
    }

    #[test]
    fn every_item_has_its_outcome() {
        let error = |kind: &str| format!(r#""error":{{"type":"{kind}","reason":"r"}}"#);
        let cases = [
            (200, String::new(), "there"),
            (201, String::new(), "new"),
            (404, String::new(), "new"),
            (404, error("index_not_found_exception"), "blocked"),
            (403, error(BLOCKED), "blocked"),
            (403, error("security_exception"), "failed"),
            (429, error("es_rejected_execution_exception"), "busy"),
            (503, error("unavailable_shards_exception"), "unknown, refused"),
            (400, error("mapper_parsing_exception"), "failed"),
            (409, error("version_conflict_engine_exception"), "failed"),
        ];
        for (status, rest, wanted) in cases {
            let comma = if rest.is_empty() { "" } else { "," };
            let text = format!(r#"{{"items":[{{"index":{{"status":{status}{comma}{rest}}}}}]}}"#);
            let found = outcomes(Ok((StatusCode::OK, text)), 1).unwrap();
            assert_eq!(found.iter().map(named).collect::<Vec<_>>(), [wanted], "{status} {rest}");
        }
    }

    #[test]
    fn a_whole_answer_counts_for_every_operation() {
        let block = format!(r#"{{"error":{{"type":"{BLOCKED}","reason":"r"}},"status":403}}"#);
        let cases = [
            (403, block.as_str(), Some("blocked")),
            (403, r#"{"error":{"type":"security_exception"}}"#, None),
            (401, "", None),
            (400, "{}", None),
            (429, "", Some("unknown, refused")),
            (503, "no json", Some("unknown, refused")),
            (200, r#"{"items":["#, Some("unknown")),
            (200, r#"{"items":[]}"#, Some("unknown")),
        ];
        for (status, text, wanted) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let found = outcomes(Ok((status, text.to_owned())), 2).ok();
            let found = found.map(|found| found.iter().map(named).collect::<Vec<_>>());
            assert_eq!(found, wanted.map(|name| vec![name, name]), "{status} {text}");
        }
    }
}
