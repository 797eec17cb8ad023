//! How to reach a cluster: address, credentials, trust and bounds. Checked when made, so that every other file can rely on it.

use std::fmt;
use std::time::Duration;

use url::Url;

/// How to reach a cluster. Made by [`Connection::parse`]; the other fields have defaults that may be changed.
#[derive(Clone)]
pub struct Connection {
    address: Url,
    /// Who we are.
    pub credentials: Credentials,
    /// One or more PEM certificates that are trusted instead of the system's.
    pub certificate_authority: Option<Vec<u8>>,
    /// How long each part of a call may take.
    pub timeouts: Timeouts,
    /// How often and how long a call that may be repeated is repeated.
    pub retry: RetryBounds,
    /// Whether answers may be compressed. Off for loopback, where compressing costs more than it saves.
    pub compressed_answers: bool,
    /// The largest answer that is taken into memory, in bytes.
    pub answer_bytes_max: usize,
}

/// Who we are. `Debug` never shows a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody: the cluster has no security.
    None,
    /// User and password.
    Basic {
        /// The user's name.
        user: String,
        /// The user's password.
        password: String,
    },
    /// An API key: as `id:key`, or in the encoded form in which the engine hands it out.
    ApiKey(String),
    /// A bearer token.
    Bearer(String),
}

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// From sending a request to the last byte of its answer.
    pub request: Duration,
    /// Like `request`, for `_bulk` and for windows of documents.
    pub transfer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            // Above the 30 s after which a master gives up by itself: its own answer says more than our timeout.
            request: Duration::from_mins(1),
            transfer: Duration::from_mins(2),
        }
    }
}

/// How often and how long a call that may be repeated is repeated. Both bounds hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBounds {
    /// Attempts in all, the first one included.
    pub attempts_max: u32,
    /// Time in all that may be spent waiting between attempts.
    pub wait_total: Duration,
    /// The first wait, before jitter.
    pub wait_first: Duration,
    /// The longest single wait, before jitter.
    pub wait_max: Duration,
}

impl Default for RetryBounds {
    fn default() -> Self {
        Self {
            attempts_max: 8,
            wait_total: Duration::from_mins(1),
            wait_first: Duration::from_millis(200),
            wait_max: Duration::from_secs(10),
        }
    }
}

impl RetryBounds {
    /// Bounds that allow one attempt and no waiting.
    pub const fn once() -> Self {
        Self {
            attempts_max: 1,
            wait_total: Duration::ZERO,
            wait_first: Duration::ZERO,
            wait_max: Duration::ZERO,
        }
    }
}

/// Why a connection can't be made out of what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The address is not a URL.
    #[error(
        "the cluster address {address:?} is not a URL ({reason}): write it like https://host:9200"
    )]
    Address {
        /// What was given, without user and password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials hold characters that can't travel in a header.
    #[error("the {kind} holds characters that can't be sent: check it for line breaks")]
    Credentials {
        /// Which credential.
        kind: &'static str,
    },
    /// The certificate authority can't be used.
    #[error("the certificate authority can't be used ({reason}): it must be PEM certificates")]
    CertificateAuthority {
        /// What is wrong with it.
        reason: String,
    },
    /// The system trusts nobody, so that no encrypted server could be told from another.
    #[error(
        "the certificate authorities of this system can't be used ({reason}): \
         install them (on Debian the package ca-certificates) or name one of your own"
    )]
    SystemTrust {
        /// What is wrong with them.
        reason: String,
    },
    /// The HTTP client can't be set up.
    #[error("the HTTP client can't be set up: {reason}")]
    Client {
        /// What is wrong.
        reason: String,
    },
}

impl Connection {
    /// Reads an address such as `https://host:9200`. User and password in the address become [`Credentials::Basic`];
    /// a path is kept, for a cluster behind a proxy.
    pub fn parse(address: &str) -> Result<Self, ConnectionError> {
        let mut url = Url::parse(address.trim())
            .map_err(|error| address_error(address, &error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(address_error(address, "it must start with http:// or https://"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(address_error(address, "it names no host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(address_error(address, "it must end before ? and #"));
        }
        let credentials = take_credentials(&mut url)
            .ok_or_else(|| address_error(address, "its user or password is not UTF-8"))?;
        let compressed_answers = !is_loopback(&url);
        Ok(Self {
            address: url,
            credentials,
            certificate_authority: None,
            timeouts: Timeouts::default(),
            retry: RetryBounds::default(),
            compressed_answers,
            answer_bytes_max: 256 * 1024 * 1024,
        })
    }

    /// The same connection as somebody.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// The same connection, trusting these PEM certificates instead of the system's.
    #[must_use]
    pub fn with_certificate_authority(mut self, pem: Vec<u8>) -> Self {
        self.certificate_authority = Some(pem);
        self
    }

    /// The same connection with other bounds on repeating.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryBounds) -> Self {
        self.retry = retry;
        self
    }

    /// The same connection with other bounds on time.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The address, without user and password.
    pub fn address(&self) -> &str {
        self.address.as_str()
    }

    /// The address without the slash at its end, to put a path behind.
    pub(crate) fn base(&self) -> &str {
        self.address.as_str().trim_end_matches('/')
    }

    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.address.scheme() == "https"
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Connection")
            .field("address", &self.address.as_str())
            .field("credentials", &self.credentials)
            .field("own_certificate_authority", &self.certificate_authority.is_some())
            .field("timeouts", &self.timeouts)
            .field("retry", &self.retry)
            .field("compressed_answers", &self.compressed_answers)
            .field("answer_bytes_max", &self.answer_bytes_max)
            .finish()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => out.write_str("None"),
            Self::Basic { user, password: _ } => write!(out, "Basic({user:?}, …)"),
            Self::ApiKey(_) => out.write_str("ApiKey(…)"),
            Self::Bearer(_) => out.write_str("Bearer(…)"),
        }
    }
}

/// An error about an address, with everything before the host left out of it.
fn address_error(address: &str, reason: &str) -> ConnectionError {
    let shown = match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => address.to_owned(),
    };
    ConnectionError::Address { address: shown, reason: reason.to_owned() }
}

/// Takes user and password out of the address. `None` when they are not UTF-8.
fn take_credentials(url: &mut Url) -> Option<Credentials> {
    if url.username().is_empty() && url.password().is_none() {
        return Some(Credentials::None);
    }
    let user = percent_decoded(url.username())?;
    let password = percent_decoded(url.password().unwrap_or_default())?;
    // Both only fail for addresses without a host, which were refused before.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(Credentials::Basic { user, password })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?.to_owned();
        bytes.push(u8::from_str_radix(&digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_or_refused_with_a_reason() {
        let cases: &[(&str, Result<&str, &str>)] = &[
            ("http://localhost:9200", Ok("http://localhost:9200")),
            ("http://localhost:9200/", Ok("http://localhost:9200")),
            (" https://host/search/ ", Ok("https://host/search")),
            ("http://u:p@host:1", Ok("http://host:1")),
            ("localhost:9200", Err("must start with http")),
            ("ftp://host", Err("must start with http")),
            ("http://", Err("empty host")),
            ("nonsense", Err("relative URL")),
            ("http://host/?a=b", Err("must end before")),
            ("http://user:secret@host:99999", Err("invalid port")),
        ];
        for (address, expected) in cases {
            match (Connection::parse(address), expected) {
                (Ok(connection), Ok(base)) => assert_eq!(connection.base(), *base, "{address}"),
                (Err(error), Err(part)) => {
                    let text = error.to_string();
                    assert!(text.contains(part), "{address}: {text}");
                    assert!(!text.contains("secret"), "{text}");
                }
                (seen, _) => panic!("{address}: {seen:?}"),
            }
        }
    }

    #[test]
    fn user_and_password_leave_the_address() {
        let connection = Connection::parse("https://eve:p%40ss%2Fw@host:9200").unwrap();
        let expected = Credentials::Basic { user: "eve".to_owned(), password: "p@ss/w".to_owned() };
        assert_eq!(connection.credentials, expected);
        assert_eq!(connection.address(), "https://host:9200/");
    }

    #[test]
    fn debug_shows_no_secret() {
        let kinds = [
            Credentials::Basic { user: "eve".to_owned(), password: "hush".to_owned() },
            Credentials::ApiKey("hush".to_owned()),
            Credentials::Bearer("hush".to_owned()),
        ];
        for credentials in kinds {
            let connection =
                Connection::parse("http://host").unwrap().with_credentials(credentials);
            let text = format!("{connection:?} {:#?}", connection.credentials);
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn answers_are_compressed_unless_they_stay_on_this_machine() {
        let cases = [
            ("http://localhost:1", false),
            ("http://127.0.0.1:1", false),
            ("http://[::1]:1", false),
            ("http://10.0.0.1:1", true),
            ("https://search.example", true),
        ];
        for (address, compressed) in cases {
            let connection = Connection::parse(address).unwrap();
            assert_eq!(connection.compressed_answers, compressed, "{address}");
        }
    }
}
