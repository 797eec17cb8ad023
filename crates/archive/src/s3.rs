//! A bucket of S3, or of something that speaks like it: how it is reached, and what its errors mean.
//!
//! Who asks, and where, is said by variables as for other programs; [`S3::connect`] says which are looked at. What the library
//! says of an error is not shown as it is: it has the whole answer in it, and an answer may repeat keys and tokens.

use std::{error::Error as _, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    client::{HttpError, HttpErrorKind},
};

use crate::error::ArchiveError;

/// How long one request may take, with all that it sends or gets: a chunk of 8 MB at 70 KB a second.
const REQUEST_TIME_MAX: Duration = Duration::from_mins(2);
/// Attempts at one request to a bucket, and how long after the first another one may begin: longer than a hiccup, shorter than
/// patience.
const RETRIES_MAX: usize = 5;
const RETRY_TIME_MAX: Duration = Duration::from_mins(1);
/// Characters of an answer that isn't S3's own form of an error: enough to see who gave it.
const ANSWER_CHARACTERS: usize = 200;

/// The file with certificates to trust besides the system's, as other programs for S3 have it.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// What stands for keys that don't have to be asked for.
const KEYS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// What is known of a bucket besides its objects.
#[derive(Debug, Clone)]
pub(crate) struct S3 {
    bucket: String,
    /// Whether a variable says who asks.
    has_keys: bool,
}

impl S3 {
    /// Connects to a bucket, by variables of these names: all that begin with `AWS_` and that `object_store` knows, and
    /// `AWS_CA_BUNDLE`. Those that are empty are as if they weren't set. Nothing is sent yet.
    ///
    /// # Errors
    /// The reason why it can't be.
    pub(crate) fn connect(
        bucket: &str,
        variables: &[(String, String)],
    ) -> Result<(Self, Arc<dyn ObjectStore>), String> {
        // Another part of the program may have chosen the same before; then it stays chosen.
        let chosen = rustls::crypto::ring::default_provider().install_default();
        tracing::trace!(is_first = chosen.is_ok(), "code for TLS chosen");
        let variable = |wanted: &str| {
            let mut set = variables.iter().filter(|(_, value)| !value.is_empty());
            set.find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let is_plain = |name: &&str| variable(name).is_some_and(|url| url.starts_with("http://"));
        let is_allowed = variable("AWS_ALLOW_HTTP").is_some_and(|value| value != "false");
        let mut endpoints = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"].iter();
        if let Some(name) = endpoints.find(|name| is_plain(name) && !is_allowed) {
            return Err(format!(
                "{name} begins with http://, so anybody on the way could read and change the documents; set AWS_ALLOW_HTTP=true if that is all right"
            ));
        }
        let (key, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
        if key.is_some() != secret.is_some() {
            return Err(
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY have to be set both".to_owned()
            );
        }
        let mut client = ClientOptions::new().with_timeout(REQUEST_TIME_MAX);
        if let Some(file) = variable(CA_BUNDLE) {
            for certificate in certificates(file)? {
                client = client.with_root_certificate(certificate);
            }
        }
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIME_MAX,
        };
        // What variables say comes after, and wins.
        let mut builder = AmazonS3Builder::new().with_client_options(client).with_retry(retry);
        for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
            let is_ours = name.starts_with("AWS_");
            if let Some(key) =
                is_ours.then(|| name.to_ascii_lowercase().parse()).and_then(Result::ok)
            {
                let key: AmazonS3ConfigKey = key;
                builder = builder.with_config(key, value.as_str());
            }
        }
        let store = builder.with_bucket_name(bucket).build().map_err(|error| error.to_string())?;
        let has_keys = KEYS.iter().any(|name| variable(name).is_some());
        Ok((Self { bucket: bucket.to_owned(), has_keys }, Arc::new(store)))
    }

    /// What an error of the bucket means.
    pub(crate) fn failed(
        &self,
        what: &'static str,
        location: String,
        error: &object_store::Error,
    ) -> ArchiveError {
        if is_without_bucket(error) {
            return ArchiveError::NoBucket { what, location, bucket: self.bucket.clone() };
        }
        let (transport, reason) = told(error);
        let reason = match transport {
            Some(HttpErrorKind::Timeout) => "no answer in time".to_owned(),
            Some(HttpErrorKind::Connect) => format!("no connection: {reason}"),
            // Kinds may be added to it.
            Some(_) => format!("the connection broke: {reason}"),
            None => reason,
        };
        let reason = if self.has_keys {
            reason
        } else {
            format!(
                "{reason} (AWS_ACCESS_KEY_ID isn't set, so this machine's metadata service is asked for credentials)"
            )
        };
        let is_refused = matches!(
            error,
            object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. }
        );
        if is_refused {
            ArchiveError::Refused { what, location, reason }
        } else if transport.is_some() {
            ArchiveError::Unreachable { what, location, reason }
        } else {
            ArchiveError::Store { what, location, reason }
        }
    }
}

/// Whether it isn't the object that wasn't found, but the bucket.
pub(crate) fn is_without_bucket(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        && element(&last(error), "Code").as_deref() == Some("NoSuchBucket")
}

fn certificates(file: &str) -> Result<Vec<Certificate>, String> {
    let wrong = |reason: String| format!("{CA_BUNDLE} names `{file}`: {reason}");
    let text = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&text).map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

/// What happened, in few words and without secrets, and how the transport failed where it is that.
fn told(error: &object_store::Error) -> (Option<HttpErrorKind>, String) {
    let mut transport = None;
    let mut next = error.source();
    while let Some(cause) = next {
        transport = transport.or(cause.downcast_ref::<HttpError>().map(HttpError::kind));
        next = cause.source();
    }
    let text = last(error);
    if transport.is_some() {
        return (transport, text);
    }
    // An error of S3 has a code and a message, and beside them what was asked and by whom; that stays out.
    let told = match (element(&text, "Code"), element(&text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code,
        (None, _) => {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            line.chars().take(ANSWER_CHARACTERS).collect()
        }
    };
    (None, told)
}

/// What the innermost cause says.
fn last(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    text
}

/// The text of the first element of this name in an answer; nothing where it is empty.
fn element(answer: &str, name: &str) -> Option<String> {
    let (_, rest) = answer.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.chars().take(ANSWER_CHARACTERS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_that_is_documented_is_known() {
        let page = include_str!("../../../docs/retire.md");
        let is_of_name =
            |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
        let names =
            page.split(|letter: char| !is_of_name(letter)).filter(|word| word.starts_with("AWS_"));
        let mut count = 0;
        for name in names {
            let known = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>();
            assert!(known.is_ok() || name == CA_BUNDLE, "{name}");
            count += 1;
        }
        assert!(count > 15, "{count}");
        for name in KEYS {
            assert!(page.contains(name), "{name}");
        }
    }
}
