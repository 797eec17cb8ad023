//! What an error body says: type and reason, out of every shape that the engines and the proxies before them use.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest piece of an engine's own words that a failure carries, in characters.
const REASON_CHARACTERS_MAX: usize = 1_000;

/// Type and reason out of an error body of any shape that the engines and the proxies before them use.
pub(crate) struct EngineError {
    pub(crate) error_type: Option<String>,
    pub(crate) root_type: Option<String>,
    pub(crate) reason: String,
    /// The body says `found: false` or `result: not_found` instead of an error.
    pub(crate) names_absence: bool,
}

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    found: Option<bool>,
    result: Option<String>,
}

#[derive(Deserialize)]
struct ErrorObject {
    #[serde(rename = "type")]
    error_type: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    root_cause: Vec<RootCause>,
    caused_by: Option<CausedBy>,
    /// Where a script failed: a piece of its text, then a line that points into it.
    #[serde(default)]
    script_stack: Vec<String>,
}

#[derive(Deserialize)]
struct RootCause {
    #[serde(rename = "type")]
    error_type: Option<String>,
}

#[derive(Deserialize)]
struct CausedBy {
    #[serde(rename = "type")]
    error_type: Option<String>,
    reason: Option<String>,
}

impl EngineError {
    /// Reads a whole answer body.
    pub(crate) fn read(body: &[u8]) -> Self {
        let seen = serde_json::from_slice::<ErrorBody<'_>>(body).ok();
        if let Some(error) = seen.as_ref().and_then(|seen| seen.error) {
            return Self::of_error(error.get());
        }
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let mut plain = Self::plain(if text.is_empty() { "the answer has no body" } else { text });
        plain.names_absence = seen.is_some_and(|seen| {
            seen.found == Some(false) || seen.result.as_deref() == Some("not_found")
        });
        plain
    }

    fn plain(reason: &str) -> Self {
        let reason = reason.to_owned();
        Self { error_type: None, root_type: None, reason, names_absence: false }
    }

    /// Reads the value of an `error` key: an object, or a plain text.
    pub(crate) fn of_error(json: &str) -> Self {
        let Ok(object) = serde_json::from_str::<ErrorObject>(json) else {
            let text = serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
            return Self::plain(&text);
        };
        let mut reason = object.reason.unwrap_or_else(|| "the engine gave no reason".to_owned());
        // The outer reason of a refused document names only the field; the cause says why.
        if let Some(cause) = object.caused_by {
            let name = cause.error_type.unwrap_or_default();
            let text = cause.reason.unwrap_or_default();
            if !reason.contains(text.as_str()) || text.is_empty() {
                reason = format!("{reason} [{name}: {text}]");
            }
        }
        if let Some(piece) = object.script_stack.first() {
            reason = format!("{reason} at `{}`", piece.trim());
        }
        let root_type = object.root_cause.into_iter().find_map(|cause| cause.error_type);
        Self { error_type: object.error_type, root_type, reason, names_absence: false }
    }
}

/// Cuts a text from elsewhere to a length that fits a message and a journal.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(REASON_CHARACTERS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
