//! The handle on one cluster that every call hangs on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, redirect};

use crate::connection::{Connection, ConnectionError, Credentials};

/// Idle connections are dropped before a load balancer does it: a request on a dead one would lose its answer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// OpenSearch answers some calls with one warning header per slice or shard: thousands.
/// The `http` crate's own bound is 32,768.
const HEADER_COUNT_MAX: usize = 20_000;

/// A cluster behind one address. Cheap to clone; all clones share one pool of connections.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) connection: Connection,
}

impl Cluster {
    /// Sets up the client. Nothing is sent yet: call [`Cluster::identity`] to see who answers.
    pub fn new(connection: Connection) -> Result<Self, ConnectionError> {
        // An error means that a provider is installed already, which is all we need.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(connection.timeouts.connect)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .http1_only()
            .http1_max_headers(HEADER_COUNT_MAX)
            .gzip(connection.compressed_answers)
            .redirect(redirect::Policy::none())
            // The data goes to the cluster that was named, not where the environment says.
            .no_proxy()
            .default_headers(authorization(&connection.credentials)?);
        if let Some(pem) = &connection.certificate_authority {
            builder = builder.tls_certs_only(certificates(pem)?);
        } else if !connection.is_encrypted() {
            // The system's certificates are not looked for where none are needed: a bare machine has none.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| ConnectionError::Client {
            reason: crate::transport::chain_of(&error.without_url()),
        })?;
        Ok(Self { inner: Arc::new(Inner { client, connection }) })
    }

    /// The address, without user and password.
    pub fn address(&self) -> &str {
        self.inner.connection.address()
    }

    /// How it is reached.
    pub fn connection(&self) -> &Connection {
        &self.inner.connection
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Cluster").field("connection", &self.inner.connection).finish()
    }
}

fn authorization(credentials: &Credentials) -> Result<HeaderMap, ConnectionError> {
    let (kind, text) = match credentials {
        Credentials::None => return Ok(HeaderMap::new()),
        Credentials::Basic { user, password } => {
            let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
            ("user or password", format!("Basic {pair}"))
        }
        Credentials::ApiKey(key) if key.contains(':') => {
            ("API key", format!("ApiKey {}", BASE64_STANDARD.encode(key)))
        }
        Credentials::ApiKey(key) => ("API key", format!("ApiKey {key}")),
        Credentials::Bearer(token) => ("bearer token", format!("Bearer {token}")),
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_unsendable| ConnectionError::Credentials { kind })?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, ConnectionError> {
    let failed = |reason: String| ConnectionError::CertificateAuthority { reason };
    let found = Certificate::from_pem_bundle(pem)
        .map_err(|error| failed(crate::transport::chain_of(&error)))?;
    if found.is_empty() {
        return Err(failed("it holds no certificate".to_owned()));
    }
    Ok(found)
}
