//! Where archives are: a folder, or a prefix in a bucket of S3 or of something that speaks like it.

use std::{fmt, ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, WriteMultipart, local::LocalFileSystem,
    path::Path,
};
use url::Url;

use crate::{
    error::ArchiveError,
    s3::{S3, is_without_bucket},
};

/// A place for archives. It is only looked at when something is written or read.
#[derive(Clone)]
pub struct Location {
    /// As people write it: a folder, or `s3://BUCKET/PREFIX`.
    text: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// What is known of the bucket, where it is one.
    s3: Option<S3>,
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
    /// A folder, which is made if it isn't there, or `s3://BUCKET/PREFIX`. Who asks for a bucket, and where it is, is said by this
    /// process's variables that begin with `AWS_`; `docs/retire.md` has them.
    ///
    /// # Errors
    /// [`ArchiveError::Location`] when it can't be one, [`ArchiveError::Store`] when the folder can't be made.
    pub fn for_writing(text: &str) -> Result<Self, ArchiveError> {
        if let Some(address) = bucket(text)? {
            return Self::in_bucket(text, address, &environment());
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
            Some(address) => Self::in_bucket(text, address, &environment()),
            None => Self::in_folder(text),
        }
    }

    /// `s3://BUCKET/PREFIX`, by these variables instead of the process's.
    ///
    /// # Errors
    /// [`ArchiveError::Location`] when it can't be one.
    pub fn by_variables(text: &str, variables: &[(String, String)]) -> Result<Self, ArchiveError> {
        let wrong = || ArchiveError::Location {
            location: text.to_owned(),
            reason: "it isn't s3://BUCKET/PREFIX".to_owned(),
        };
        Self::in_bucket(text, bucket(text)?.ok_or_else(wrong)?, variables)
    }

    fn in_folder(text: &str) -> Result<Self, ArchiveError> {
        let wrong = |reason: String| ArchiveError::Location { location: text.to_owned(), reason };
        if !PathBuf::from(text).is_dir() {
            return Err(wrong("there is no such folder".to_owned()));
        }
        let store =
            LocalFileSystem::new_with_prefix(text).map_err(|error| wrong(error.to_string()))?;
        let (text, store) = (text.trim_end_matches('/').to_owned(), store.with_fsync(true));
        Ok(Self { text, store: Arc::new(store), prefix: Path::default(), s3: None })
    }

    fn in_bucket(
        text: &str,
        (bucket, prefix): (String, Path),
        variables: &[(String, String)],
    ) -> Result<Self, ArchiveError> {
        let (s3, store) = S3::connect(&bucket, variables)
            .map_err(|reason| ArchiveError::Location { location: text.to_owned(), reason })?;
        let text = text.trim_end_matches('/').to_owned();
        Ok(Self { text, store, prefix, s3: Some(s3) })
    }

    /// A place within this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self {
            text: format!("{}/{name}", self.text),
            store: Arc::clone(&self.store),
            prefix: self.prefix.clone().join(name),
            s3: self.s3.clone(),
        }
    }

    /// Where something of this name is, its parts separated by `/`.
    fn path(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), Path::join)
    }

    /// What an error of the place means.
    pub(crate) fn failed(
        &self,
        what: &'static str,
        name: &str,
        error: &object_store::Error,
    ) -> ArchiveError {
        let place = format!("{self}/{name}");
        match &self.s3 {
            Some(s3) => s3.failed(what, place, error),
            None => ArchiveError::store(what, &place, error),
        }
    }

    /// Writes something small, whole or not at all.
    pub(crate) async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let written = self.store.put(&self.path(name), Bytes::from(bytes).into()).await;
        written.map(drop).map_err(|error| self.failed("write", name, &error))
    }

    /// Begins to write something large in chunks, whole or not at all.
    pub(crate) async fn begin(
        &self,
        name: &str,
        chunk_bytes: usize,
    ) -> Result<WriteMultipart, ArchiveError> {
        let upload = self.store.put_multipart(&self.path(name)).await;
        let upload = upload.map_err(|error| self.failed("write", name, &error))?;
        Ok(WriteMultipart::new_with_chunk_size(upload, chunk_bytes))
    }

    /// Reads something small; nothing where there is none.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Bytes>, ArchiveError> {
        let failed = |error: object_store::Error| self.failed("read", name, &error);
        match self.store.get(&self.path(name)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// How many bytes something has; nothing where there is none.
    pub(crate) async fn size(&self, name: &str) -> Result<Option<u64>, ArchiveError> {
        match self.store.head(&self.path(name)).await {
            Ok(found) => Ok(Some(found.size)),
            // The answer to this question has no text, so a bucket that isn't there looks the same.
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", name, &error)),
        }
    }

    /// Some bytes of something that has so many.
    pub(crate) async fn range(&self, name: &str, range: Range<u64>) -> Result<Bytes, ArchiveError> {
        let failed = |error: object_store::Error| self.failed("read", name, &error);
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.store.get_opts(&self.path(name), options).await.map_err(failed)?;
        found.bytes().await.map_err(failed)
    }
}

/// Whether an error says that nothing of a name is there, though there could be.
fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && !is_without_bucket(error)
}

/// The variables of this process that may be about buckets.
fn environment() -> Vec<(String, String)> {
    let texts = std::env::vars_os().map(|(name, value)| (name.into_string(), value.into_string()));
    let texts = texts.filter_map(|(name, value)| Some((name.ok()?, value.ok()?)));
    texts.filter(|(name, _)| name.starts_with("AWS_")).collect()
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
        let (_, behind) = text.rsplit_once('@').unwrap_or(("", text));
        return Err(ArchiveError::Location {
            // Who may ask is a secret.
            location: format!("s3://{behind}"),
            reason: "credentials belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                .to_owned(),
        });
    }
    let bucket = url.host_str().filter(|host| !host.is_empty());
    let bucket = bucket.ok_or_else(|| wrong("it names no bucket"))?;
    if url.port().is_some() {
        return Err(wrong("the address of the server belongs into AWS_ENDPOINT_URL"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("a prefix can't have `?` or `#`"));
    }
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
            ("s3://archive:9000/a", Err("AWS_ENDPOINT_URL")),
            ("s3://archive/a?b", Err("`?`")),
            ("s3://archive/a#b", Err("`#`")),
            ("s3://archive//a", Err("empty path segment")),
            (
                "s3://archive/old sets/Gr\u{f6}\u{df}e/",
                Ok(Some(("archive", "old sets/Gr\u{f6}\u{df}e"))),
            ),
            ("s3://archive/100%25", Ok(Some(("archive", "100%")))),
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
                    assert!(!error.contains("secret"), "{error}");
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
