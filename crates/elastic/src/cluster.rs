//! The handle on one cluster that every call hangs on.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::HeaderValue;

use crate::connection::{Connection, ConnectionError, Credentials};
use crate::wire::Wire;

/// A cluster behind one address. Cheap to clone; all clones share one pool of connections.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) wire: Wire,
    pub(crate) connection: Connection,
}

impl Cluster {
    /// Sets up the client. Nothing is sent yet: call [`Cluster::identity`] to see who answers.
    pub fn new(connection: Connection) -> Result<Self, ConnectionError> {
        let wire = Wire::new(&connection, authorization(&connection.credentials)?)?;
        Ok(Self { inner: Arc::new(Inner { wire, connection }) })
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

fn authorization(credentials: &Credentials) -> Result<Option<HeaderValue>, ConnectionError> {
    let (kind, text) = match credentials {
        Credentials::None => return Ok(None),
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
    Ok(Some(value))
}
