//! Single documents, read in real time and written by compare-and-swap: what a journal needs.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::bulk::{BulkItems, ItemOutcome, ItemResult, Rejection, bulk_request, push_source};
use crate::class::Class;
use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::Path;
use crate::transport::{Effect, Request};

/// A document as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its `_source`.
    pub source: Box<RawValue>,
    /// The number of its last write.
    pub seq_no: i64,
    /// The term of the primary at its last write.
    pub primary_term: u64,
    /// Its version.
    pub version: u64,
}

/// What must be there for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Absent,
    /// The document at its last known write.
    At {
        /// The number of that write.
        seq_no: i64,
        /// The term of the primary at that write.
        primary_term: u64,
    },
    /// Anything: the write is done whatever is there.
    Any,
}

/// What came of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was written.
    Stored {
        /// The number of this write.
        seq_no: i64,
        /// The term of the primary.
        primary_term: u64,
    },
    /// Something else was there than expected; nothing was written.
    Conflict,
}

/// One document for [`Cluster::put_documents`].
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its `_id`.
    pub id: &'a str,
    /// Its JSON.
    pub source: &'a RawValue,
    /// What must be there for it to be written.
    pub expect: Expect,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "found")]
    is_there: bool,
    #[serde(rename = "_source")]
    source: Option<Box<RawValue>>,
    #[serde(rename = "_seq_no")]
    seq_no: Option<i64>,
    #[serde(rename = "_primary_term")]
    primary_term: Option<u64>,
    #[serde(rename = "_version")]
    version: Option<u64>,
}

impl Cluster {
    /// One document, as of now: refreshing is not needed.
    ///
    /// An absent index is a [`Failure`] with [`Failure::is_index_absent`], not an absent document.
    pub async fn document(&self, index: &str, id: &str) -> Result<Option<Stored>, Failure> {
        let path = document_path(&IndexName::parse(index)?, "_doc", id)?;
        let answer = match self.send(&Request::get(path)).await {
            Ok(answer) => answer,
            // The engine says "found": false, which is no error body; anything else on a 404 is one.
            Err(failure) if failure.status() == Some(404) && failure.is_document_absent() => {
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        let found: Found = answer.read()?;
        let (Some(seq_no), Some(primary_term), Some(version)) =
            (found.seq_no, found.primary_term, found.version)
        else {
            return if found.is_there {
                Err(answer.unreadable("the document has no sequence number"))
            } else {
                Ok(None)
            };
        };
        let Some(source) = found.source else {
            let reason = format!("the document {id:?} has no _source");
            return Err(Failure::new(FailureKind::SourceMissing, answer.request, reason));
        };
        Ok(Some(Stored { source, seq_no, primary_term, version }))
    }

    /// Writes one document if what is there is as expected.
    ///
    /// Unless anything may be there it is sent once: after a lost answer ([`Failure::outcome_unknown`]) read the document.
    pub async fn put_document(
        &self,
        index: &str,
        id: &str,
        source: &RawValue,
        expect: Expect,
    ) -> Result<Put, Failure> {
        #[derive(Deserialize)]
        struct Written {
            #[serde(rename = "_seq_no")]
            seq_no: i64,
            #[serde(rename = "_primary_term")]
            primary_term: u64,
        }
        let index = IndexName::parse(index)?;
        let (path, effect) = match expect {
            Expect::Any => (document_path(&index, "_doc", id)?, Effect::Repeatable),
            Expect::Absent => (document_path(&index, "_create", id)?, Effect::Once),
            Expect::At { seq_no, primary_term } => {
                let path = document_path(&index, "_doc", id)?
                    .parameter("if_seq_no", seq_no)
                    .parameter("if_primary_term", primary_term);
                (path, Effect::Once)
            }
        };
        let body = Bytes::copy_from_slice(source.get().as_bytes());
        let request = Request::new(Method::PUT, path, effect).json_bytes(body);
        match self.send(&request).await {
            Ok(answer) => {
                let written: Written =
                    answer.read().map_err(|failure| failure.with_unknown_outcome(true))?;
                let Written { seq_no, primary_term } = written;
                Ok(Put::Stored { seq_no, primary_term })
            }
            Err(failure) if failure.class() == Class::ConflictIsSuccess => Ok(Put::Conflict),
            Err(failure) => Err(failure),
        }
    }

    /// Writes many documents, each if what is there is as expected, in one request that is sent once.
    ///
    /// Outcomes come by position. A lost answer leaves every one of them unknown: [`Failure::outcome_unknown`].
    pub async fn put_documents(
        &self,
        index: &str,
        documents: &[Document<'_>],
    ) -> Result<Vec<Result<Put, Rejection>>, Failure> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let index = IndexName::parse(index)?;
        let body = conditional_body(&index, documents)?;
        let answer = self.send(&bulk_request(body)).await?;
        let items = BulkItems::read(&answer, documents.len())?;
        let outcome = |item: &ItemResult<'_>| match item.outcome() {
            ItemOutcome::Newer => Ok(Ok(Put::Conflict)),
            ItemOutcome::Rejected(rejection) => Ok(Err(rejection)),
            ItemOutcome::Done => match (item.seq_no, item.primary_term) {
                (Some(seq_no), Some(primary_term)) => Ok(Ok(Put::Stored { seq_no, primary_term })),
                _ => Err(answer.unreadable("an item has no sequence number")),
            },
        };
        items
            .iter()
            .map(outcome)
            .collect::<Result<_, _>>()
            .map_err(|failure: Failure| failure.with_unknown_outcome(true))
    }

    /// Deletes one document. `false` when there was none.
    pub async fn delete_document(&self, index: &str, id: &str) -> Result<bool, Failure> {
        let path = document_path(&IndexName::parse(index)?, "_doc", id)?;
        let request = Request::new(Method::DELETE, path, Effect::Repeatable);
        match self.send(&request).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.status() == Some(404) && failure.is_document_absent() => {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// The body of a bulk request whose items have conditions.
fn conditional_body(index: &IndexName, documents: &[Document<'_>]) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    for document in documents {
        let mut target = json!({"_index": index.as_str(), "_id": document.id});
        let mut verb = "index";
        match document.expect {
            Expect::Any => {}
            Expect::Absent => verb = "create",
            Expect::At { seq_no, primary_term } => {
                if let Some(keys) = target.as_object_mut() {
                    keys.insert("if_seq_no".to_owned(), json!(seq_no));
                    keys.insert("if_primary_term".to_owned(), json!(primary_term));
                }
            }
        }
        bytes.extend_from_slice(json!({verb: target}).to_string().as_bytes());
        bytes.push(b'\n');
        push_source(&mut bytes, document.source.get().as_bytes()).map_err(|unwritable| {
            Failure::new(FailureKind::InvalidRequest, "POST /_bulk", unwritable.to_string())
        })?;
        bytes.push(b'\n');
    }
    Ok(Bytes::from(bytes))
}

/// The path of one document. Ids that a URL takes for directions can't be asked for this way.
fn document_path(index: &IndexName, verb: &str, id: &str) -> Result<Path, Failure> {
    if id.is_empty() || id == "." || id == ".." {
        let reason = format!("{id:?} can't be the id of a document in a path");
        return Err(Failure::new(FailureKind::InvalidRequest, format!("{index}/{verb}"), reason));
    }
    Ok(Path::index(index).segment(verb).segment(id))
}
