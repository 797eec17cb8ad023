//! What preflight found: things that forbid a run, things to look at, things to know.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that preflight found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code, see `docs/design/error-codes.md`.
    pub code: String,
    /// How grave it is.
    pub severity: Severity,
    /// The index, alias, template or tenant that it is about; `cluster` for the whole.
    pub subject: String,
    /// What was found and why it matters.
    pub message: String,
    /// What to do next.
    pub fix: String,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The plan isn't run.
    Refuse,
    /// The plan is run; somebody should look.
    Warn,
    /// Something that the plan states.
    Note,
}

impl Finding {
    /// A finding that forbids the run.
    pub fn refuse(
        code: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Refuse, code, subject.into(), message.into(), fix.into())
    }

    /// A finding that somebody should look at.
    pub fn warn(
        code: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warn, code, subject.into(), message.into(), fix.into())
    }

    /// Something that the plan states.
    pub fn note(code: &str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, subject.into(), message.into(), String::new())
    }

    fn new(severity: Severity, code: &str, subject: String, message: String, fix: String) -> Self {
        Self { code: code.to_owned(), severity, subject, message, fix }
    }

    /// Whether it forbids the run.
    pub fn is_refusal(&self) -> bool {
        self.severity == Severity::Refuse
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refuse => "refused",
            Self::Warn => "warning",
            Self::Note => "note",
        })
    }
}
