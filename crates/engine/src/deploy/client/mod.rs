//! A client for what isn't the cluster: hooks, the API of Kubernetes, pages that are probed.

use std::time::Duration;

use reqwest::{Certificate, Client, redirect};

/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How much of an answer stands in an error, in characters.
const EXCERPT_MAX: usize = 300;

/// A client that follows no redirects and takes no proxy. `ca`: PEM certificates to trust instead of the system's.
///
/// # Errors
/// Why the certificates can't be used.
pub(crate) fn client(ca: Option<&[u8]>) -> Result<Client, String> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread has set one in between, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    }
    let mut builder = Client::builder()
        .connect_timeout(CONNECT_TIME_MAX)
        .redirect(redirect::Policy::none())
        .no_proxy();
    if let Some(pem) = ca {
        let certificates = Certificate::from_pem_bundle(pem).map_err(reason)?;
        // Nobody would be trusted, and every page would say so in its own way.
        if certificates.is_empty() {
            return Err("there is no PEM certificate in the file".to_owned());
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(reason)
}

/// The body of an answer as text, cut where it is too large.
///
/// # Errors
/// When the answer breaks off.
pub(crate) async fn body(answer: reqwest::Response) -> Result<String, reqwest::Error> {
    Ok(read(answer).await?.0)
}

/// The body of an answer as text, if it is no larger than what is read.
///
/// # Errors
/// When the answer breaks off, or is too large.
pub(crate) async fn whole_body(answer: reqwest::Response) -> Result<String, String> {
    match read(answer).await {
        Ok((text, false)) => Ok(text),
        Ok((_, true)) => Err(format!("the answer has more than {ANSWER_BYTES_MAX} bytes")),
        Err(error) => Err(reason(error)),
    }
}

/// The body as text, and whether it was cut.
async fn read(mut answer: reqwest::Response) -> Result<(String, bool), reqwest::Error> {
    let (mut bytes, mut is_cut) = (Vec::new(), false);
    while let Some(chunk) = answer.chunk().await? {
        let room = ANSWER_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if chunk.len() > room {
            is_cut = true;
            break;
        }
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), is_cut))
}

/// The beginning of an answer, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let text: String = text.chars().take(EXCERPT_MAX).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why a request came to nothing, from near to far. It never shows the address, which may hold what is nobody's business.
pub(crate) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
