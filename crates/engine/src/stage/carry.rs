//! Carry: one window of documents goes through the steps and is written, item by item.
//!
//! Documents are written under the version that their sequence number gives, so carrying may be repeated, in any order, by
//! anybody: an older state never overwrites a newer one.

use lockstep_core::{
    run::{
        state::{BadDocument, Problem},
        task::Tally,
    },
    transform::{Document, Workspace},
};
use lockstep_elastic::{BulkBody, IndexName, Key, Page, Version};

use super::{CopyPair, StageContext};
use crate::error::{EngineError, REJECTED_DOCUMENTS};

/// A bulk body is sent once it has this many bytes: the engines refuse more than 100 MB (`http.max_content_length`), and
/// one window is smaller unless a document is large.
const BULK_BYTES_MAX: usize = 12 * 1024 * 1024;
/// Rejected documents that are kept by id for one list; all are counted.
const REJECTIONS_KEPT: usize = 100;

/// Takes the documents of a page through the steps and writes them. Those that a step or the target rejects are added to
/// `rejected`, up to a bound, and counted.
pub(super) async fn carry(
    context: &StageContext,
    pair: &CopyPair,
    page: Page,
    rejected: &mut Vec<BadDocument>,
) -> Result<Tally, EngineError> {
    context.pace.take(page.len() as u64, &context.stop).await;
    context.check_stop()?;
    let target =
        IndexName::parse(&pair.target).map_err(|error| EngineError::Bug(error.to_string()))?;
    let transformed = transform(page, pair.clone(), target).await?;
    write(context, pair, transformed, rejected).await
}

/// A window after the steps, ready to be written.
struct Transformed {
    bodies: Vec<BulkBody>,
    rejected: Vec<(String, String)>,
    read: u64,
    bytes: u64,
}

/// Takes a window through the steps, off the threads that wait for the network.
async fn transform(
    page: Page,
    pair: CopyPair,
    target: IndexName,
) -> Result<Transformed, EngineError> {
    let work = move || transform_page(&page, &pair, &target);
    tokio::task::spawn_blocking(work).await.map_err(|error| EngineError::Bug(error.to_string()))
}

fn transform_page(page: &Page, pair: &CopyPair, target: &IndexName) -> Transformed {
    let mut workspace = Workspace::default();
    let room = page.len_bytes().min(BULK_BYTES_MAX);
    let mut body = BulkBody::with_capacity(room);
    let mut transformed =
        Transformed { bodies: Vec::new(), rejected: Vec::new(), read: 0, bytes: 0 };
    for hit in page.hits() {
        transformed.read += 1;
        transformed.bytes += hit.source.len() as u64;
        let version = Version::AtLeast(pair.version_of(hit.seq_no));
        let document =
            Document { id: &hit.id, routing: hit.routing.as_deref(), source: hit.source };
        let mut unwritable = None;
        let outcome = pair.program.apply(&mut workspace, document, &mut |made| {
            let key = Key { id: made.id, routing: made.routing };
            if let Err(error) = body.index(target, key, version, made.source) {
                unwritable = Some(error.to_string());
            }
        });
        let reason = outcome.err().map(|rejection| rejection.to_string()).or(unwritable);
        if let Some(reason) = reason {
            transformed.rejected.push((hit.id.into_owned(), reason));
        }
        if body.len_bytes() >= BULK_BYTES_MAX {
            transformed.bodies.push(std::mem::replace(&mut body, BulkBody::with_capacity(room)));
        }
    }
    if !body.is_empty() {
        transformed.bodies.push(body);
    }
    transformed
}

async fn write(
    context: &StageContext,
    pair: &CopyPair,
    transformed: Transformed,
    rejected: &mut Vec<BadDocument>,
) -> Result<Tally, EngineError> {
    let Transformed { bodies, rejected: by_steps, read, bytes } = transformed;
    let mut tally = Tally { read, bytes, ..Tally::default() };
    let mut reject = |id: String, reason: String| {
        tally.rejected += 1;
        if rejected.len() < REJECTIONS_KEPT {
            rejected.push(BadDocument { index: pair.source.index.clone(), id, reason });
        }
    };
    for (id, reason) in by_steps {
        reject(id, reason);
    }
    let (mut written, mut newer) = (0, 0);
    for body in bodies {
        let report = context.cluster.write_all(body).await?;
        written += report.done_count as u64;
        newer += report.newer_count as u64;
        for poison in report.poison {
            let rejection = poison.rejection;
            reject(poison.item.id, format!("{}: {}", rejection.error_type, rejection.reason));
        }
    }
    tally.written = written;
    tally.newer = newer;
    Ok(tally)
}

/// The problem of documents that a step or the new mapping rejected.
pub(super) fn rejected_documents(documents: Vec<BadDocument>, document_count: u64) -> Problem {
    Problem {
        code: REJECTED_DOCUMENTS.to_owned(),
        message: format!("{document_count} documents were rejected by a step or by the new mapping"),
        hint: "mend these documents, then run the same command again; or give the run up with `lockstep abort`, mend the pack, and start again".to_owned(),
        documents,
        document_count,
    }
}
