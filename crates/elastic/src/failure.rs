//! What can go wrong with a call, in one type: what was asked, what came back, why, and what to do next.
//!
//! What an error means is decided in [`crate::class`]; this file only carries it.

use std::fmt;
use std::time::Duration;

use crate::class::{Class, Scope, classify};
use crate::name::NameError;
use crate::reason::{EngineError, shortened};

/// A call that did not give what it promised. Never holds credentials.
#[derive(Clone)]
pub struct Failure {
    // Boxed: a failure travels through every `Result` of the copy path.
    detail: Box<Detail>,
}

#[derive(Debug, Clone)]
struct Detail {
    kind: FailureKind,
    status: Option<u16>,
    error_type: Option<String>,
    root_type: Option<String>,
    reason: String,
    request: String,
    attempt_count: u32,
    outcome_unknown: bool,
    retry_after: Option<Duration>,
    /// The body says `found: false` or `result: not_found` instead of an error.
    names_absence: bool,
}

/// The kind of a failure: where on the way it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection came about (name, network, refused, TLS): nothing was sent.
    Unreachable,
    /// Something was sent, and no complete answer came back in time.
    AnswerLost,
    /// The cluster answered with an error status.
    Refused,
    /// The answer is larger than the bound of the connection: ask for less.
    AnswerTooLarge,
    /// The answer is not what this API answers.
    Unreadable,
    /// The server is something else than Elasticsearch or OpenSearch.
    NotAnEngine,
    /// Some shards failed or the search timed out: the answer is not complete.
    Partial,
    /// Another number of shards answered than the index must have, or another unique id: it is another index.
    ShardAbsent,
    /// The cluster took the change but did not confirm it in time.
    NotAcknowledged,
    /// A hit came without `_source`: the index does not keep it.
    SourceMissing,
    /// Items of a bulk body were still refused after all attempts.
    ItemsRefused,
    /// The arguments can't be turned into a request.
    InvalidRequest,
}

impl FailureKind {
    /// The kind in words, for a message.
    const fn words(self) -> &'static str {
        match self {
            Self::Unreachable => "could not connect",
            Self::AnswerLost => "no complete answer",
            Self::Refused => "refused",
            Self::AnswerTooLarge => "answer too large",
            Self::Unreadable => "answer not understood",
            Self::NotAnEngine => "not an Elasticsearch or OpenSearch cluster",
            Self::Partial => "incomplete answer",
            Self::ShardAbsent => "shard absent",
            Self::NotAcknowledged => "not acknowledged",
            Self::SourceMissing => "a document without _source",
            Self::ItemsRefused => "items refused",
            Self::InvalidRequest => "request can't be built",
        }
    }
}

impl Failure {
    /// A failure of the given kind; `request` is method and path.
    pub(crate) fn new(
        kind: FailureKind,
        request: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let detail = Detail {
            kind,
            status: None,
            error_type: None,
            root_type: None,
            reason: shortened(&reason.into()),
            request: request.into(),
            attempt_count: 1,
            outcome_unknown: false,
            retry_after: None,
            names_absence: false,
        };
        Self { detail: Box::new(detail) }
    }

    /// A failure from an answer with an error status.
    pub(crate) fn refused(request: impl Into<String>, status: u16, body: &[u8]) -> Self {
        let error = EngineError::read(body);
        let mut failure = Self::new(FailureKind::Refused, request, error.reason);
        failure.detail.status = Some(status);
        failure.detail.error_type = error.error_type;
        failure.detail.root_type = error.root_type;
        failure.detail.names_absence = error.names_absence;
        failure
    }

    pub(crate) fn with_status(mut self, status: u16, error_type: Option<String>) -> Self {
        self.detail.status = Some(status);
        self.detail.error_type = error_type;
        self
    }

    pub(crate) fn with_attempts(mut self, attempt_count: u32) -> Self {
        self.detail.attempt_count = attempt_count;
        self
    }

    pub(crate) fn with_unknown_outcome(mut self, unknown: bool) -> Self {
        self.detail.outcome_unknown = unknown;
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.detail.retry_after = wait;
        self
    }

    /// Where on the way it happened.
    pub fn kind(&self) -> FailureKind {
        self.detail.kind
    }

    /// What to do about it.
    pub fn class(&self) -> Class {
        match self.detail.kind {
            FailureKind::Unreachable | FailureKind::AnswerLost | FailureKind::NotAcknowledged => {
                Class::Retry
            }
            FailureKind::Refused | FailureKind::Partial | FailureKind::ItemsRefused => {
                self.detail.status.map_or(Class::Retry, |status| {
                    classify(status, self.deciding_type(), Scope::Request)
                })
            }
            FailureKind::NotAnEngine
            | FailureKind::SourceMissing
            | FailureKind::ShardAbsent
            | FailureKind::AnswerTooLarge => Class::Operator,
            FailureKind::Unreadable | FailureKind::InvalidRequest => Class::Bug,
        }
    }

    /// The HTTP status, when there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.detail.status
    }

    /// The engine's own `error.type`, when it gave one.
    pub fn error_type(&self) -> Option<&str> {
        self.detail.error_type.as_deref()
    }

    /// What was said or seen, in at most 1,000 characters.
    pub fn reason(&self) -> &str {
        &self.detail.reason
    }

    /// Method and path of the request.
    pub fn request(&self) -> &str {
        &self.detail.request
    }

    /// How often it was tried.
    pub fn attempt_count(&self) -> u32 {
        self.detail.attempt_count
    }

    /// True when the change may or may not have happened: look at the cluster before doing anything else.
    pub fn outcome_unknown(&self) -> bool {
        self.detail.outcome_unknown
    }

    /// How long the cluster asked to wait, when it did.
    pub fn retry_after(&self) -> Option<Duration> {
        self.detail.retry_after
    }

    /// True when the engine said that the index does not exist.
    pub fn is_index_absent(&self) -> bool {
        self.error_type() == Some("index_not_found_exception")
            || self.detail.root_type.as_deref() == Some("index_not_found_exception")
    }

    /// True when a 404 carries no error: the engine says so of a document that is not there.
    pub(crate) fn is_document_absent(&self) -> bool {
        self.detail.kind == FailureKind::Refused
            && self.detail.error_type.is_none()
            && self.detail.names_absence
    }

    /// What somebody can do next, in one sentence.
    pub fn advice(&self) -> &'static str {
        if self.outcome_unknown() {
            return "the change may or may not have happened: look at the cluster before repeating it";
        }
        match (self.detail.kind, self.class(), self.detail.status) {
            (FailureKind::Unreachable, ..) => {
                "check the address, the network and the certificate authority"
            }
            (FailureKind::NotAnEngine, ..) => "check the address: something else answers there",
            (FailureKind::ShardAbsent, ..) => {
                "the index is not the one that was planned for: compare its unique id"
            }
            (FailureKind::AnswerTooLarge, ..) => "ask for less at a time, or raise the bound",
            (FailureKind::SourceMissing, ..) => {
                "the index must keep _source whole: it can't be copied"
            }
            (_, _, Some(401)) => "check the user and password, API key or token",
            (_, Class::Operator, Some(403)) => "check the permissions, and the blocks of the index",
            (_, Class::Operator, Some(413)) => {
                "raise http.max_content_length of the cluster or of the proxy before it"
            }
            (_, Class::Operator, Some(429)) => "free disk space: the cluster refuses writes",
            (_, Class::Retry, _) => "try again once the cluster is healthy",
            (_, Class::BackOff, _) => "try again with less load on the cluster",
            (_, Class::Poison, _) => "correct the document or the mapping",
            (_, Class::Operator, _) => "correct what the cluster names, then try again",
            (_, Class::ConflictIsSuccess, _) => "read the document again: somebody else changed it",
            (_, Class::Bug, _) => "this is a defect of the program: please report it",
        }
    }

    /// The type that decides: a search wraps the cause in its own type.
    fn deciding_type(&self) -> Option<&str> {
        match self.error_type() {
            Some("search_phase_execution_exception") | None => {
                self.detail.root_type.as_deref().or(self.error_type())
            }
            own => own,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &self.detail;
        write!(out, "{}: {}", detail.request, detail.kind.words())?;
        match (detail.status, &detail.error_type) {
            (Some(status), Some(name)) => write!(out, " ({status} {name})")?,
            (Some(status), None) => write!(out, " ({status})")?,
            (None, Some(name)) => write!(out, " ({name})")?,
            (None, None) => {}
        }
        write!(out, ": {}", detail.reason)?;
        if detail.attempt_count > 1 {
            write!(out, " (after {} attempts)", detail.attempt_count)?;
        }
        write!(out, "; {}", self.advice())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.detail, out)
    }
}

impl std::error::Error for Failure {}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::new(FailureKind::InvalidRequest, "no request", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_of_every_shape_are_read() {
        let cases: &[(&str, Option<&str>, &str)] = &[
            (
                r#"{"error":{"root_cause":[{"type":"a","reason":"r"}],"type":"b","reason":"why"},"status":400}"#,
                Some("b"),
                "why",
            ),
            (r#"{"error":"no handler found for uri [/x]"}"#, None, "no handler found for uri [/x]"),
            (
                r#"{"error":{"type":"mapper_parsing_exception","reason":"failed to parse field [n]","caused_by":{"type":"number_format_exception","reason":"For input string: \"x\""}}}"#,
                Some("mapper_parsing_exception"),
                "failed to parse field [n] [number_format_exception: For input string: \"x\"]",
            ),
            ("Unauthorized", None, "Unauthorized"),
            ("", None, "the answer has no body"),
            ("<html>502</html>", None, "<html>502</html>"),
        ];
        for (body, error_type, reason) in cases {
            let failure = Failure::refused("GET /", 400, body.as_bytes());
            assert_eq!(failure.error_type(), *error_type, "{body}");
            assert_eq!(failure.reason(), *reason, "{body}");
        }
    }

    #[test]
    fn a_search_is_judged_by_its_root_cause() {
        let body = br#"{"error":{"root_cause":[{"type":"rejected_execution_exception","reason":"q"}],"type":"search_phase_execution_exception","reason":"all shards failed"},"status":429}"#;
        assert_eq!(Failure::refused("POST /i/_search", 429, body).class(), Class::BackOff);
        let body = br#"{"error":{"root_cause":[],"type":"search_phase_execution_exception","reason":"all shards failed"},"status":503}"#;
        assert_eq!(Failure::refused("POST /i/_search", 503, body).class(), Class::Retry);
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let failure = Failure::refused("GET /", 400, "é".repeat(5_000).as_bytes());
        assert_eq!(failure.reason().chars().count(), 1_001);
    }

    #[test]
    fn the_message_says_what_where_why_and_what_next() {
        let body =
            br#"{"error":{"type":"index_not_found_exception","reason":"no such index [x]"}}"#;
        let failure = Failure::refused("GET /x/_count", 404, body);
        assert_eq!(
            failure.to_string(),
            "GET /x/_count: refused (404 index_not_found_exception): no such index [x]; \
             correct what the cluster names, then try again"
        );
        assert!(failure.is_index_absent());
    }
}
