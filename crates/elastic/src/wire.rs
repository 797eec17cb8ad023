//! One HTTP exchange over a pool of connections: TLS, compression, bounds on time and bytes.
//!
//! Built on hyper rather than on a client above it, because the head of an answer has to be bounded by us: `OpenSearch`
//! puts a header of 148 bytes for each task into an answer, thousands of them after a long `_reindex`, and hyper's own
//! bounds are 100 headers and 400 KiB. Redirects and proxies of the environment are not followed on purpose: data and
//! credentials go to the address that was named.

use std::error::Error;
use std::io::Read as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue,
    RETRY_AFTER, USER_AGENT,
};
use http::{Method, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tower_service::Service;

use crate::connection::{Connection, ConnectionError};

/// Idle connections are dropped before a load balancer does it: a request on a dead one would lose its answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Most headers of an answer. The `http` crate's own bound is 32,768.
const HEADER_COUNT_MAX: usize = 20_000;

/// Most bytes of the head of an answer, and of what hyper reads at once.
const HEAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A pool of connections to one cluster.
pub(crate) struct Wire {
    client: Client<Timed<HttpsConnector<HttpConnector>>, Full<Bytes>>,
    authorization: Option<HeaderValue>,
    compressed_answers: bool,
    answer_bytes_max: usize,
}

/// One request as it goes out.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) body: Option<(&'static str, Bytes)>,
    /// Until the last byte of the answer.
    pub(crate) timeout: Duration,
}

/// One answer as it came, whatever its status.
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

/// Why there is no whole answer.
pub(crate) enum Broken {
    /// The request can't be written.
    Invalid(String),
    /// No connection: nothing was sent.
    Unreachable(String),
    /// Something was sent, and no whole answer came back. The status, when at least that came.
    Lost(String, Option<u16>),
    /// The answer is above the bound.
    TooLarge,
}

impl Wire {
    /// Sets up the pool. Nothing is sent yet.
    pub(crate) fn new(
        connection: &Connection,
        authorization: Option<HeaderValue>,
    ) -> Result<Self, ConnectionError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let encrypted = HttpsConnectorBuilder::new()
            .with_tls_config(encryption(connection)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connector = Timed { inner: encrypted, timeout: connection.timeouts.connect };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_max_headers(HEADER_COUNT_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector);
        Ok(Self {
            client,
            authorization,
            compressed_answers: connection.compressed_answers,
            answer_bytes_max: connection.answer_bytes_max,
        })
    }

    /// Sends one request and reads its whole answer.
    pub(crate) async fn exchange(&self, outgoing: Outgoing) -> Result<Incoming, Broken> {
        let timeout = outgoing.timeout;
        let request = self.request(outgoing).map_err(|error| Broken::Invalid(error.to_string()))?;
        let mut status = None;
        match tokio::time::timeout(timeout, self.answer(request, &mut status)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                let reason = format!("no complete answer within {} ms", timeout.as_millis());
                Err(Broken::Lost(reason, status))
            }
        }
    }

    fn request(&self, outgoing: Outgoing) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let mut builder = http::Request::builder()
            .method(outgoing.method)
            .uri(outgoing.url.parse::<Uri>()?)
            .header(USER_AGENT, concat!("lockstep/", env!("CARGO_PKG_VERSION")));
        if let Some(value) = &self.authorization {
            builder = builder.header(AUTHORIZATION, value);
        }
        if self.compressed_answers {
            builder = builder.header(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let body = match outgoing.body {
            None => Bytes::new(),
            Some((kind, body)) => {
                builder = builder.header(CONTENT_TYPE, HeaderValue::from_static(kind));
                body
            }
        };
        builder.body(Full::new(body))
    }

    /// Waits for the answer; `status` is set as soon as it is known, also for a caller that stops waiting.
    async fn answer(
        &self,
        request: http::Request<Full<Bytes>>,
        status: &mut Option<u16>,
    ) -> Result<Incoming, Broken> {
        let response = self.client.request(request).await.map_err(|error| {
            let reason = chain_of(&error);
            if error.is_connect() {
                Broken::Unreachable(reason)
            } else {
                Broken::Lost(reason, None)
            }
        })?;
        let number = response.status().as_u16();
        *status = Some(number);
        let (head, mut body) = response.into_parts();
        let announced = number_of(&head.headers, http::header::CONTENT_LENGTH).unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        if announced > self.answer_bytes_max {
            return Err(Broken::TooLarge);
        }
        let mut bytes = Vec::with_capacity(announced);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Broken::Lost(chain_of(&error), Some(number)))?;
            let Ok(piece) = frame.into_data() else { continue };
            if bytes.len() + piece.len() > self.answer_bytes_max {
                return Err(Broken::TooLarge);
            }
            bytes.extend_from_slice(&piece);
        }
        if head.headers.get(CONTENT_ENCODING).is_some_and(|kind| kind == "gzip") {
            bytes = self.decompressed(&bytes, number)?;
        }
        let retry_after = number_of(&head.headers, RETRY_AFTER).map(Duration::from_secs);
        Ok(Incoming { status: number, retry_after, body: Bytes::from(bytes) })
    }

    fn decompressed(&self, bytes: &[u8], status: u16) -> Result<Vec<u8>, Broken> {
        let bound = u64::try_from(self.answer_bytes_max).unwrap_or(u64::MAX);
        let mut plain = Vec::new();
        MultiGzDecoder::new(bytes)
            .take(bound.saturating_add(1))
            .read_to_end(&mut plain)
            .map_err(|error| Broken::Lost(format!("broken gzip: {error}"), Some(status)))?;
        if plain.len() > self.answer_bytes_max {
            return Err(Broken::TooLarge);
        }
        Ok(plain)
    }
}

/// A header that holds a whole number. No engine writes `Retry-After` in its form as a date.
fn number_of(headers: &HeaderMap, name: http::header::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Whom we trust: the given authority alone, or whom the system trusts, or nobody where nothing is encrypted.
fn encryption(connection: &Connection) -> Result<ClientConfig, ConnectionError> {
    let unusable = |error: &dyn Error| ConnectionError::Client { reason: chain_of(error) };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    let builder = match &connection.certificate_authority {
        Some(pem) => builder.with_root_certificates(authorities(pem)?),
        // The system's certificates are not looked for where none are needed: a bare machine has none.
        None if !connection.is_encrypted() => {
            builder.with_root_certificates(RootCertStore::empty())
        }
        None => builder
            .with_platform_verifier()
            .map_err(|error| ConnectionError::SystemTrust { reason: chain_of(&error) })?,
    };
    Ok(builder.with_no_client_auth())
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, ConnectionError> {
    let failed = |reason: String| ConnectionError::CertificateAuthority { reason };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        store.add(certificate).map_err(|error| failed(chain_of(&error)))?;
    }
    if store.is_empty() {
        return Err(failed("it holds no certificate".to_owned()));
    }
    Ok(store)
}

/// The messages of an error and all its causes, each said once.
fn chain_of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

/// A connector that gives up after a time, the TLS handshake included.
#[derive(Clone)]
struct Timed<Inner> {
    inner: Inner,
    timeout: Duration,
}

impl<Inner> Service<Uri> for Timed<Inner>
where
    Inner: Service<Uri>,
    Inner::Future: Send + 'static,
    Inner::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Inner::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let timeout = self.timeout;
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(outcome) => outcome.map_err(Into::into),
                Err(_elapsed) => {
                    Err(format!("no connection within {} ms", timeout.as_millis()).into())
                }
            }
        })
    }
}
