//! Plain requests, for what Lockstep's own client has no call for: `_reindex` and its tasks, deletes by query, counts.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::error::BenchError;

/// Longest wait for one answer; the long work runs as a task.
const ANSWER_TIME: Duration = Duration::from_mins(2);

/// How much of a refusal is shown, in characters.
const EXCERPT_CHARACTERS: usize = 600;

/// A cluster, by its address.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    client: Client,
    base: String,
}

impl Rest {
    /// Takes an address; nothing is sent yet.
    pub(crate) fn new(address: &str) -> Result<Self, BenchError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread has set one in between, which serves as well.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let client = Client::builder().timeout(ANSWER_TIME).build().map_err(|source| {
            BenchError::NoAnswer { request: "setting up the HTTP client".to_owned(), source }
        })?;
        Ok(Self { client, base: address.trim_end_matches('/').to_owned() })
    }

    /// Sends a request that must succeed. `path` starts with a slash.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, BenchError> {
        let request = format!("{method} {path}");
        match self.call_optional(method, path, body).await? {
            Some(answer) => Ok(answer),
            None => Err(BenchError::Answer { request, reason: "404, it is not there".to_owned() }),
        }
    }

    /// Like [`Rest::call`]; a 404 is `None`.
    pub(crate) async fn call_optional(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, BenchError> {
        let title = format!("{method} {path}");
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let lost = |source: reqwest::Error| BenchError::NoAnswer {
            request: title.clone(),
            source: source.without_url(),
        };
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let text = response.text().await.map_err(lost)?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let refused = |reason: String| BenchError::Answer { request: title.clone(), reason };
        if !status.is_success() {
            let excerpt: String = text.chars().take(EXCERPT_CHARACTERS).collect();
            return Err(refused(format!("{status}: {excerpt}")));
        }
        serde_json::from_str(&text).map(Some).map_err(|error| refused(error.to_string()))
    }
}

/// A number in an answer, by JSON pointer.
pub(crate) fn number(answer: &Value, pointer: &str, request: &str) -> Result<u64, BenchError> {
    answer.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| BenchError::Answer {
        request: request.to_owned(),
        reason: format!("the answer has no number at {pointer}"),
    })
}
