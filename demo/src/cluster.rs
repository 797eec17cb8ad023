//! Plain HTTP to a cluster, as an application would speak it. Not Lockstep's client: the checker must not share its mistakes.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use crate::error::DemoError;

/// Longest wait for one answer.
const ANSWER_SECONDS: u64 = 120;
/// Longest wait for a connection.
const CONNECT_SECONDS: u64 = 10;
/// How often a request is repeated that a busy cluster refused, and the pause before: some ten seconds in all. A small heap
/// under load refuses for a moment what it takes after the next garbage collection.
const BUSY_REPEATS_MAX: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(500);
/// How much of a refusal is kept for the error's text, in characters.
const EXCERPT_CHARACTERS: usize = 600;

/// One cluster, by its address.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    client: Client,
    base: Url,
}

/// A body and what it is.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// None.
    Empty,
    /// One JSON value.
    Json(String),
    /// JSON values, one a line.
    Lines(String),
}

impl Cluster {
    /// Takes an address such as `http://user:password@127.0.0.1:9200`; nothing is sent yet.
    pub(crate) fn new(url: &str) -> Result<Self, DemoError> {
        let refuse = |reason: String| DemoError::Address { url: url.to_owned(), reason };
        let mut base = Url::parse(url).map_err(|error| refuse(error.to_string()))?;
        if base.cannot_be_a_base() || base.host_str().is_none() {
            return Err(refuse("it has no host".to_owned()));
        }
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread has set one in between, which serves as well.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let client = Client::builder()
            .timeout(Duration::from_secs(ANSWER_SECONDS))
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
            .build()
            .map_err(DemoError::Client)?;
        Ok(Self { client, base })
    }

    /// Sends one request; every status is an answer. `path` starts without a slash.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, String), DemoError> {
        let url = self.base.join(path).map_err(|error| DemoError::Address {
            url: path.to_owned(),
            reason: error.to_string(),
        })?;
        let mut request = self.client.request(method.clone(), url);
        request = match body {
            Body::Empty => request,
            Body::Json(text) => request.header(CONTENT_TYPE, "application/json").body(text),
            Body::Lines(text) => request.header(CONTENT_TYPE, "application/x-ndjson").body(text),
        };
        let no_answer = |source: reqwest::Error| DemoError::NoAnswer {
            url: self.base.host_str().unwrap_or_default().to_owned(),
            method: method.to_string(),
            path: path.to_owned(),
            source: source.without_url(),
        };
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let text = response.text().await.map_err(no_answer)?;
        Ok((status, text))
    }

    /// Sends one request, again while the cluster says that it has too much to do; every other status is an answer. For
    /// what may be repeated: a refusal may also come when the work was done already.
    pub(crate) async fn send_patiently(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, String), DemoError> {
        for _ in 0..BUSY_REPEATS_MAX {
            let (status, text) = self.send(method.clone(), path, body.clone()).await?;
            if status != StatusCode::TOO_MANY_REQUESTS {
                return Ok((status, text));
            }
            sleep(BUSY_PAUSE).await;
        }
        self.send(method, path, body).await
    }

    /// Sends one request that must succeed, and gives the answer's text. As patient as [`Cluster::send_patiently`].
    pub(crate) async fn text(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<String, DemoError> {
        let (status, text) = self.send_patiently(method.clone(), path, body).await?;
        if status.is_success() {
            return Ok(text);
        }
        Err(refused(&method, path, status, &text))
    }

    /// Sends one request that must succeed, and reads the answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<T, DemoError> {
        let text = self.text(method, path, body).await?;
        serde_json::from_str(&text)
            .map_err(|error| DemoError::Answer { path: path.to_owned(), reason: error.to_string() })
    }
}

/// The error for an answer that is no success.
pub(crate) fn refused(method: &Method, path: &str, status: StatusCode, text: &str) -> DemoError {
    DemoError::Refused {
        method: method.to_string(),
        path: path.to_owned(),
        status: status.as_u16(),
        body: text.chars().take(EXCERPT_CHARACTERS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use lockstep_pocket::{Fault, FaultKind, Options, Pocket};

    use crate::{SeedOptions, clear, seed};

    #[tokio::test]
    async fn a_busy_cluster_is_asked_again() {
        let pocket = Pocket::start(Options::default()).await.unwrap();
        let options = SeedOptions { tenants: 1, documents: 50, seed: 1 };
        seed(pocket.url(), &options).await.unwrap();
        let error_type = "circuit_breaking_exception".to_owned();
        let busy = FaultKind::Status { status: 429, error_type };
        pocket.plan_fault(Fault::new("/acme-note-v1.0", busy.clone()).on("DELETE").times(2));
        pocket.plan_fault(Fault::new("/_index_template/*", busy).on("DELETE"));
        assert_eq!(clear(pocket.url(), 1).await.unwrap(), 9);
        assert!(pocket.pending_faults().is_empty());
        pocket.stop().await;
    }
}
