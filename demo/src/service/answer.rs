//! What the service answers: JSON, and a word about why not.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// When a client that was refused for now should come again, in seconds.
const AGAIN_SECONDS: &str = "1";
/// How much of a reason is told, in characters.
const REASON_CHARACTERS: usize = 300;

/// An answer with a body of JSON.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(AGAIN_SECONDS));
    }
    response
}

/// An answer that says why not.
pub(super) fn refusal(status: StatusCode, reason: &str) -> Response {
    let reason: String = reason.chars().take(REASON_CHARACTERS).collect();
    answer(status, &json!({"error": reason}))
}
