//! Where archives are: a folder, or a prefix in a bucket of S3 or of something that speaks like it.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use object_store::{
    BackoffConfig, ObjectStore, ObjectStoreExt as _, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path,
};
use url::Url;

use crate::error::ArchiveError;

/// Attempts at one request to a bucket, and how long they may take together: longer than a hiccup, shorter than patience.
const RETRIES_MAX: usize = 5;
const RETRY_TIME_MAX: Duration = Duration::from_mins(1);

/// A place for archives. It is only looked at when something is written or read.
#[derive(Clone)]
pub struct Location {
    /// As people write it: a folder, or `s3://BUCKET/PREFIX`.
    text: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Location").field(&self.text).finish()
    }
}

impl Location {
    /// A folder, or `s3://BUCKET/PREFIX`, for which credentials, region and endpoint come from the usual variables
    /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`). A folder that isn't
    /// there is made.
    ///
    /// # Errors
    /// [`ArchiveError::Location`] when it can't be one, [`ArchiveError::Store`] when the folder can't be made.
    pub fn for_writing(text: &str) -> Result<Self, ArchiveError> {
        if let Some((bucket, prefix)) = bucket(text)? {
            return Self::in_bucket(text, &bucket, prefix);
        }
        std::fs::create_dir_all(text)
            .map_err(|error| ArchiveError::store("make the folder", &text, &error))?;
        Self::in_folder(text)
    }

    /// The same, where something is there already.
    ///
    /// # Errors
    /// [`ArchiveError::Location`] when it can't be one, or there is no such folder.
    pub fn for_reading(text: &str) -> Result<Self, ArchiveError> {
        match bucket(text)? {
            Some((bucket, prefix)) => Self::in_bucket(text, &bucket, prefix),
            None => Self::in_folder(text),
        }
    }

    fn in_folder(text: &str) -> Result<Self, ArchiveError> {
        let wrong = |reason: String| ArchiveError::Location { location: text.to_owned(), reason };
        if !PathBuf::from(text).is_dir() {
            return Err(wrong("there is no such folder".to_owned()));
        }
        let store =
            LocalFileSystem::new_with_prefix(text).map_err(|error| wrong(error.to_string()))?;
        let text = text.trim_end_matches('/').to_owned();
        Ok(Self { text, store: Arc::new(store.with_fsync(true)), prefix: Path::default() })
    }

    fn in_bucket(text: &str, bucket: &str, prefix: Path) -> Result<Self, ArchiveError> {
        // Another part of the program may have chosen the same before; then it stays chosen.
        let chosen = rustls::crypto::ring::default_provider().install_default();
        tracing::trace!(is_first = chosen.is_ok(), "code for TLS chosen");
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIME_MAX,
        };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(retry)
            .build()
            .map_err(|error| ArchiveError::Location {
                location: text.to_owned(),
                reason: error.to_string(),
            })?;
        let text = text.trim_end_matches('/').to_owned();
        Ok(Self { text, store: Arc::new(store), prefix })
    }

    /// A place within this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self {
            text: format!("{}/{name}", self.text),
            store: Arc::clone(&self.store),
            prefix: self.prefix.clone().join(name),
        }
    }

    /// Where something of this name is, its parts separated by `/`.
    pub(crate) fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), Path::join)
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Writes something small, whole or not at all.
    pub(crate) async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let written = self.store.put(&self.path(name), Bytes::from(bytes).into()).await;
        written
            .map(drop)
            .map_err(|error| ArchiveError::store("write", &format_args!("{self}/{name}"), &error))
    }

    /// Reads something small; nothing where there is none.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Bytes>, ArchiveError> {
        let failed = |error: object_store::Error| {
            ArchiveError::store("read", &format_args!("{self}/{name}"), &error)
        };
        match self.store.get(&self.path(name)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Bucket and prefix of an address of S3; nothing for a folder.
fn bucket(text: &str) -> Result<Option<(String, Path)>, ArchiveError> {
    let wrong = |reason: &str| ArchiveError::Location {
        location: text.to_owned(),
        reason: reason.to_owned(),
    };
    if text.is_empty() {
        return Err(wrong("it is empty"));
    }
    if !text.contains("://") {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if url.scheme() != "s3" {
        return Err(wrong("give a folder, or s3://BUCKET/PREFIX"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("credentials belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
    }
    let bucket = url.host_str().filter(|host| !host.is_empty());
    let bucket = bucket.ok_or_else(|| wrong("it names no bucket"))?;
    let prefix = Path::from_url_path(url.path()).map_err(|error| wrong(&error.to_string()))?;
    Ok(Some((bucket.to_owned(), prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_buckets_are_told_apart() {
        let rows = [
            ("old", Ok(None)),
            ("/var/old sets", Ok(None)),
            ("s3://archive", Ok(Some(("archive", "")))),
            ("s3://archive/a/b/", Ok(Some(("archive", "a/b")))),
            ("", Err("empty")),
            ("gs://archive/a", Err("s3://BUCKET")),
            ("s3:///a", Err("no bucket")),
            ("s3://me:secret@archive/a", Err("credentials")),
        ];
        for (text, expected) in rows {
            match (bucket(text), expected) {
                (Ok(found), Ok(expected)) => {
                    let found = found.map(|(bucket, prefix)| (bucket, prefix.to_string()));
                    let expected = expected.map(|(bucket, prefix): (&str, &str)| {
                        (bucket.to_owned(), prefix.to_owned())
                    });
                    assert_eq!(found, expected, "{text}");
                }
                (Err(error), Err(part)) => {
                    let error = error.to_string();
                    assert!(error.contains(part), "{error}");
                    assert!(!text.contains("secret") || !part.contains("secret"), "{error}");
                }
                (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn a_folder_that_is_a_file_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let text = file.join("below").display().to_string();
        assert!(matches!(Location::for_writing(&text), Err(ArchiveError::Store { .. })));
        let missing = folder.path().join("missing").display().to_string();
        assert!(matches!(Location::for_reading(&missing), Err(ArchiveError::Location { .. })));
    }
}
