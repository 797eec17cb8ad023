//! What can go wrong with an archive.

/// Why an archive can't be written, or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The text names no place that archives can be in.
    #[error("`{location}` is no place for archives: {reason}")]
    Location {
        /// As it was given.
        location: String,
        /// Why.
        reason: String,
    },
    /// The folder or the bucket doesn't take what is written, or doesn't give what is read.
    #[error("can't {what} {location}: {reason}")]
    Store {
        /// What was tried.
        what: &'static str,
        /// Where.
        location: String,
        /// What the system says.
        reason: String,
    },
    /// The bucket doesn't let whoever asks do that: wrong keys, or too few rights.
    #[error("can't {what} {location}: {reason}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// Where.
        location: String,
        /// What it says.
        reason: String,
    },
    /// There is no such bucket.
    #[error("can't {what} {location}: there is no bucket `{bucket}`")]
    NoBucket {
        /// What was tried.
        what: &'static str,
        /// Where.
        location: String,
        /// Its name.
        bucket: String,
    },
    /// The server of the bucket can't be reached, or doesn't answer.
    #[error("can't {what} {location}: {reason}")]
    Unreachable {
        /// What was tried.
        what: &'static str,
        /// Where.
        location: String,
        /// How it failed.
        reason: String,
    },
    /// The place has another archive, which would be lost.
    #[error("{location} has another archive: {whose}")]
    Taken {
        /// Where.
        location: String,
        /// What it is of.
        whose: String,
    },
    /// There is no manifest: either no archive, or one that was never finished.
    #[error("{location} is no archive: it has no manifest.json")]
    NoManifest {
        /// Where.
        location: String,
    },
    /// The manifest can't be read, or was changed.
    #[error("the manifest in {location} can't be used: {reason}")]
    Manifest {
        /// Where.
        location: String,
        /// Why.
        reason: String,
    },
    /// A part isn't what the manifest says.
    #[error("the archive in {location} is damaged: {part}: {reason}")]
    Damaged {
        /// Where.
        location: String,
        /// The part, or the index.
        part: String,
        /// How it differs.
        reason: String,
    },
    /// A document is no JSON that could be archived.
    #[error("the document `{id}` can't be archived: {reason}")]
    Document {
        /// Its id.
        id: String,
        /// Why.
        reason: String,
    },
}

impl ArchiveError {
    pub(crate) fn store(
        what: &'static str,
        location: &dyn ToString,
        error: &dyn std::error::Error,
    ) -> Self {
        // The library's errors say the operation in the first message and the cause in the last.
        let mut reason = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !reason.contains(&text) {
                reason = format!("{reason}: {text}");
            }
            next = cause.source();
        }
        Self::Store { what, location: location.to_string(), reason }
    }
}
