//! Sending one request: the rule which failures may be repeated, and which leave the outcome unknown.
//!
//! What is not here: what a request means. The files of the calls build it and read its answer.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::de::DeserializeOwned;

use crate::class::Class;
use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::path::Path;
use crate::retry::{passes, repeat};
use crate::wire::{Broken, Outgoing};

/// What a request does to the cluster, which decides what happens when its answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It changes nothing: repeated freely.
    Read,
    /// It may be done twice: repeated freely.
    Repeatable,
    /// Doing it twice would be something else: sent again only when it certainly did not arrive.
    Once,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Request {
    method: Method,
    path: Path,
    body: Option<(&'static str, Bytes)>,
    effect: Effect,
    is_transfer: bool,
    time_extra: Duration,
}

/// An answer with a success status.
pub(crate) struct Answer {
    pub(crate) bytes: Bytes,
    pub(crate) request: String,
}

impl Request {
    pub(crate) fn new(method: Method, path: Path, effect: Effect) -> Self {
        Self { method, path, body: None, effect, is_transfer: false, time_extra: Duration::ZERO }
    }

    pub(crate) fn get(path: Path) -> Self {
        Self::new(Method::GET, path, Effect::Read)
    }

    pub(crate) fn json(self, value: &serde_json::Value) -> Self {
        self.json_bytes(Bytes::from(value.to_string()))
    }

    pub(crate) fn json_bytes(mut self, body: Bytes) -> Self {
        self.body = Some(("application/json", body));
        self
    }

    pub(crate) fn lines(mut self, body: Bytes) -> Self {
        self.body = Some(("application/x-ndjson", body));
        self
    }

    /// Marks a request that moves documents: it has the longer timeout.
    pub(crate) fn transfer(mut self) -> Self {
        self.is_transfer = true;
        self
    }

    /// Adds the time for which the cluster itself is asked to wait.
    pub(crate) fn with_extra_time(mut self, extra: Duration) -> Self {
        self.time_extra = extra;
        self
    }

    /// Method and path, as failures show it.
    pub(crate) fn title(&self) -> String {
        // A list of many names would hide the reason behind it.
        let path = self.path.as_str();
        match path.char_indices().nth(200) {
            None => format!("{} {path}", self.method),
            Some((end, _)) => format!("{} {}…", self.method, path.get(..end).unwrap_or_default()),
        }
    }

    /// Whether this failure of this request may be answered by sending it again.
    fn may_repeat(&self, failure: &Failure) -> bool {
        match self.effect {
            Effect::Read | Effect::Repeatable => passes(failure),
            // No connection, or turned away at the door: it was not done.
            Effect::Once => {
                failure.kind() == FailureKind::Unreachable || failure.class() == Class::BackOff
            }
        }
    }

    /// Whether the change may have happened although the call failed.
    fn is_outcome_unknown(&self, failure: &Failure) -> bool {
        let may_have_happened = match failure.kind() {
            FailureKind::AnswerLost
            | FailureKind::AnswerTooLarge
            | FailureKind::NotAcknowledged
            | FailureKind::Unreadable => true,
            // A node or a proxy that is in trouble; what the engine refuses on purpose it has not done.
            FailureKind::Refused => failure.class() == Class::Retry,
            FailureKind::Unreachable
            | FailureKind::NotAnEngine
            | FailureKind::Partial
            | FailureKind::SourceMissing
            | FailureKind::ShardAbsent
            | FailureKind::ItemsRefused
            | FailureKind::InvalidRequest => false,
        };
        self.effect != Effect::Read && may_have_happened
    }
}

impl Answer {
    /// The answer as a typed value.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.bytes).map_err(|error| self.unreadable(&error.to_string()))
    }

    pub(crate) fn unreadable(&self, reason: &str) -> Failure {
        Failure::new(FailureKind::Unreadable, self.request.clone(), reason)
    }
}

impl Cluster {
    /// Sends a request, repeats it where that is safe, and makes every error status a failure.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let bounds = self.inner.connection.retry;
        repeat(bounds, |failure| request.may_repeat(failure), || self.attempt(request)).await
    }

    /// Like [`Cluster::send`], and reads the answer: what `read` finds wrong with it is repeated like any other failure.
    pub(crate) async fn send_and_read<T>(
        &self,
        request: &Request,
        read: impl Fn(Answer) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let bounds = self.inner.connection.retry;
        let read = &read;
        let readable = || async move { read(self.attempt(request).await?) };
        repeat(bounds, |failure| request.may_repeat(failure), readable).await
    }

    /// Like [`Cluster::send`]; an error status 404 is `None`.
    ///
    /// Only for paths on which 404 means that the one thing asked for is absent.
    pub(crate) async fn send_optional(&self, request: &Request) -> Result<Option<Answer>, Failure> {
        match self.send(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if is_absence(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Sends a change and checks that the cluster acknowledged it.
    pub(crate) async fn send_acknowledged(&self, request: &Request) -> Result<Answer, Failure> {
        #[derive(serde::Deserialize)]
        struct Acknowledgement {
            acknowledged: bool,
        }
        let bounds = self.inner.connection.retry;
        let confirmed = || async {
            let answer = self.attempt(request).await?;
            let seen: Acknowledgement = answer
                .read()
                .map_err(|failure| failure.with_unknown_outcome(request.effect != Effect::Read))?;
            if seen.acknowledged {
                return Ok(answer);
            }
            let reason = "the change was accepted, but not every node confirmed it in time";
            let failure = Failure::new(FailureKind::NotAcknowledged, request.title(), reason);
            Err(failure.with_unknown_outcome(true))
        };
        repeat(bounds, |failure| request.may_repeat(failure), confirmed).await
    }

    pub(crate) async fn attempt(&self, request: &Request) -> Result<Answer, Failure> {
        self.attempt_bare(request).await.map_err(|failure| {
            let unknown = request.is_outcome_unknown(&failure);
            failure.with_unknown_outcome(unknown)
        })
    }

    async fn attempt_bare(&self, request: &Request) -> Result<Answer, Failure> {
        let connection = &self.inner.connection;
        let timeouts = connection.timeouts;
        let timeout = if request.is_transfer { timeouts.transfer } else { timeouts.request };
        let outgoing = Outgoing {
            method: request.method.clone(),
            url: format!("{}{}", connection.base(), request.path),
            body: request.body.clone(),
            timeout: timeout.saturating_add(request.time_extra),
        };
        let title = request.title();
        let incoming = match self.inner.wire.exchange(outgoing).await {
            Ok(incoming) => incoming,
            // An error's status says more than the loss of the rest of its body, except where that tells absence and
            // conflict from a mistake.
            Err(Broken::Lost(reason, Some(status)))
                if !matches!(status, 200..=299 | 400 | 404 | 409) =>
            {
                return Err(Failure::refused(title, status, reason.as_bytes()));
            }
            Err(broken) => return Err(self.failure_of(broken, title)),
        };
        if (200..300).contains(&incoming.status) {
            return Ok(Answer { bytes: incoming.body, request: title });
        }
        Err(Failure::refused(title, incoming.status, &incoming.body)
            .with_retry_after(incoming.retry_after))
    }

    fn failure_of(&self, broken: Broken, title: String) -> Failure {
        let (kind, reason) = match broken {
            Broken::Invalid(reason) => (FailureKind::InvalidRequest, reason),
            Broken::Unreachable(reason) => {
                (FailureKind::Unreachable, format!("{}: {reason}", self.address()))
            }
            Broken::Lost(reason, _) => (FailureKind::AnswerLost, reason),
            Broken::TooLarge => {
                let bytes_max = self.inner.connection.answer_bytes_max;
                let reason = format!("the answer has more than {bytes_max} bytes");
                (FailureKind::AnswerTooLarge, reason)
            }
        };
        Failure::new(kind, title, reason)
    }
}

/// Whether a 404 comes from an engine and means absence, not from a proxy that knows no such path.
/// Whether an error status says that what was asked for is absent.
pub(crate) fn is_absence(failure: &Failure) -> bool {
    failure.kind() == FailureKind::Refused && failure.status() == Some(404)
}
