//! What can go wrong when the demo talks to a cluster.

/// A failure of [`seed`](crate::seed), [`clear`](crate::clear), [`check`](crate::check()) or
/// [`Traffic`](crate::Traffic). Differences between two sets are no failure: they are in the
/// [`CheckReport`](crate::CheckReport), lost writes in the [`TrafficReport`](crate::TrafficReport).
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No answer, or one that broke off.
    #[error("{method} {path} on {url}: no answer; is the cluster running there?")]
    NoAnswer {
        /// The cluster's address, without user and password.
        url: String,
        /// HTTP method.
        method: String,
        /// Path of the request.
        path: String,
        /// What the HTTP library said.
        source: reqwest::Error,
    },
    /// The address can't be used.
    #[error(
        "`{url}` is not the address of a cluster: {reason}; write it like http://127.0.0.1:9200"
    )]
    Address {
        /// The text given.
        url: String,
        /// Why.
        reason: String,
    },
    /// The HTTP client can't be made.
    #[error("the HTTP client can't be set up")]
    Client(#[source] reqwest::Error),
    /// An answer other than success.
    #[error("{method} {path}: the cluster answered {status}: {body}")]
    Refused {
        /// HTTP method.
        method: String,
        /// Path of the request.
        path: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// An answer that is not what this request answers.
    #[error("{path}: the answer can't be read ({reason}); is this an Elasticsearch or OpenSearch?")]
    Answer {
        /// Path of the request.
        path: String,
        /// What was wrong.
        reason: String,
    },
    /// The demo's data is there already.
    #[error(
        "index {index} exists already: take an empty cluster, or remove the demo's indices first"
    )]
    AlreadyThere {
        /// The index.
        index: String,
    },
    /// A document of the demo was not accepted.
    #[error("document `{id}` was not written to {index}: {status} {reason}")]
    Document {
        /// The index.
        index: String,
        /// The document's id.
        id: String,
        /// The item's status.
        status: u16,
        /// The item's error.
        reason: String,
    },
    /// A search did not give all documents.
    #[error(
        "reading {index} gave {read} of {total} documents ({reason}); check it again when the cluster is healthy"
    )]
    Incomplete {
        /// The index.
        index: String,
        /// Documents that came.
        read: u64,
        /// Documents that the search announced.
        total: u64,
        /// What happened.
        reason: String,
    },
    /// A document of the old set is not one that the application writes.
    #[error("document `{id}` in {index} can't be checked: {reason}")]
    Unexpected {
        /// The index.
        index: String,
        /// The document's id.
        id: String,
        /// What was unexpected.
        reason: String,
    },
    /// A checker that compares nothing must not say that all is well.
    #[error(
        "there is no index of release {release} of the demo on this cluster: nothing to check; seed it first"
    )]
    NothingToCheck {
        /// The release that was looked for.
        release: String,
    },
    /// Options that make no sense.
    #[error("{0}")]
    Options(String),
    /// A task of the demo ended by itself; its documents are unknown.
    #[error("a task of the demo stopped unexpectedly")]
    Task(#[from] tokio::task::JoinError),
}
