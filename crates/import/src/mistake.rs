//! What keeps installations from being imported: where, why, and what to do.

use std::fmt;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Stable code, see `docs/design/error-codes.md`.
    pub code: &'static str,
    /// Where.
    pub place: Place,
    /// What is wrong: lower case, without a full stop.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// A file, as it was named on the command line and from there on, and a line in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file or folder.
    pub file: String,
    /// The line, from 1; `None` for the file as a whole.
    pub line: Option<usize>,
}

impl Place {
    /// A file as a whole.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None }
    }

    /// A line of the file.
    #[must_use]
    pub fn line(&self, line: usize) -> Self {
        Self { file: self.file.clone(), line: Some(line) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}", self.file),
            None => formatter.write_str(&self.file),
        }
    }
}

impl Mistake {
    /// A mistake.
    pub(crate) fn new(
        code: &'static str,
        place: Place,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { code, place, message: message.into(), fix: fix.into() }
    }
}

macro_rules! codes {
    ($($(#[$documentation:meta])* $name:ident = $code:literal;)+) => {
        $($(#[$documentation])* pub(crate) const $name: &str = $code;)+
    };
}

codes! {
    /// A path can't be read.
    UNREADABLE = "A0101";
    /// It isn't an installation.
    NOT_AN_INSTALLATION = "A0102";
    /// It can't be told which version it is.
    VERSION_UNTOLD = "A0103";
    /// A version from before there were migrations.
    VERSION_TOO_OLD = "A0104";
    /// A version newer than those that are known.
    VERSION_TOO_NEW = "A0105";
    /// Two installations of one version.
    VERSION_TWICE = "A0106";
    /// No migration leads from one installation to the next one.
    GAP = "A0107";
    /// Python that is more than data.
    PYTHON = "A0201";
    /// An entry of the index list that isn't understood.
    INDEX = "A0202";
    /// Two entries with one name.
    INDEX_TWICE = "A0203";
    /// How an index is partitioned can't be told.
    PARTITIONING = "A0204";
    /// A table that isn't understood, or isn't there.
    TABLE = "A0205";
    /// A mapping file that isn't there.
    MAPPING_MISSING = "A0301";
    /// A mapping file that can't be read.
    MAPPING_UNREADABLE = "A0302";
    /// A mapping file that says something else than its release does.
    MAPPING_SHAPE = "A0303";
    /// A migration file that isn't there.
    MIGRATION_MISSING = "A0401";
    /// A migration file that can't be read.
    MIGRATION_UNREADABLE = "A0402";
    /// An entry of a migration file that isn't understood.
    ENTRY = "A0403";
    /// A worker that isn't known.
    WORKER_UNKNOWN = "A0404";
    /// Two entries that lead to one index.
    ENTRY_TWICE = "A0405";
    /// Documents that become rows, in a way that isn't known.
    RECORD_UNKNOWN = "A0406";
    /// The folder for the pack is in use.
    FOLDER_IN_USE = "A0501";
    /// The pack can't be written.
    UNWRITABLE = "A0502";
}
