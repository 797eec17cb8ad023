//! Writing the documents: bulk bodies of a few megabytes, several under way at the same time.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    application::{Release, index_name},
    cluster::{Body, Cluster, refused},
    documents::Document,
    error::DemoError,
    seed::shares::{Share, deleted_before, is_rewritten},
};

/// Size of one bulk body, in bytes.
const BODY_BYTES: usize = 5 << 20;
/// Bulk bodies under way at the same time.
const BODIES_IN_FLIGHT: usize = 4;
/// How often a body is sent again to a cluster that says it is busy (429).
const BUSY_RETRIES: u32 = 6;
/// Writes the documents of all shares. Gives the number of bytes sent.
pub(super) async fn write_documents(
    cluster: &Cluster,
    seed: u64,
    shares: Vec<Share>,
) -> Result<u64, DemoError> {
    let mut writing = JoinSet::new();
    let mut bytes: u64 = 0;
    let mut body = String::with_capacity(BODY_BYTES + (BODY_BYTES >> 4));
    for share in shares {
        let name = index_name(&share.tenant, share.index.name, Release::V1_0, share.month);
        for number in share.first..share.first + share.count {
            if let Some(document) = share.document(seed, number, 0) {
                append(&mut body, &name, number, &document);
            }
            if body.len() >= BODY_BYTES {
                bytes += send_body(cluster, &mut writing, &mut body).await?;
            }
        }
    }
    if !body.is_empty() {
        bytes += send_body(cluster, &mut writing, &mut body).await?;
    }
    while let Some(written) = writing.join_next().await {
        written??;
    }
    Ok(bytes)
}

/// Hands the body to a task, waiting while too many are under way. Gives its size.
async fn send_body(
    cluster: &Cluster,
    writing: &mut JoinSet<Result<(), DemoError>>,
    body: &mut String,
) -> Result<u64, DemoError> {
    while writing.len() >= BODIES_IN_FLIGHT {
        if let Some(written) = writing.join_next().await {
            written??;
        }
    }
    let next = String::with_capacity(BODY_BYTES + (BODY_BYTES >> 4));
    let full = std::mem::replace(body, next);
    let bytes = u64::try_from(full.len()).unwrap_or(u64::MAX);
    let cluster = cluster.clone();
    writing.spawn(async move { send_bulk(&cluster, full).await });
    Ok(bytes)
}

/// Adds a document to a bulk body, some after an older form of themselves, some after one that is deleted again.
fn append(body: &mut String, index: &str, number: u64, document: &Document) {
    let identity = |id: &str| {
        let mut identity = json!({"_index": index, "_id": id});
        if let (Some(routing), Some(object)) = (&document.routing, identity.as_object_mut()) {
            object.insert("routing".to_owned(), json!(routing));
        }
        identity
    };
    let id = &document.id;
    if is_rewritten(number) {
        line(body, &json!({"index": identity(id)}).to_string());
        line(body, "{}");
    }
    if let Some(gone) = deleted_before(number) {
        line(body, &json!({"index": identity(&gone)}).to_string());
        line(body, &document.source);
        line(body, &json!({"delete": identity(&gone)}).to_string());
    }
    line(body, &json!({"index": identity(id)}).to_string());
    line(body, &document.source);
}

fn line(body: &mut String, text: &str) {
    writeln!(body, "{text}").expect("writing to a string does not fail");
}

/// What is read of a bulk answer.
#[derive(Deserialize)]
struct BulkAnswer {
    errors: bool,
    #[serde(default)]
    items: Vec<BTreeMap<String, BulkItem>>,
}

/// One item of a bulk answer.
#[derive(Deserialize)]
struct BulkItem {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id", default)]
    id: String,
    status: u16,
    #[serde(default)]
    error: Value,
}

async fn send_bulk(cluster: &Cluster, body: String) -> Result<(), DemoError> {
    for retry in 0..=BUSY_RETRIES {
        let (status, text) = cluster.send(Method::POST, "_bulk", Body::Lines(body.clone())).await?;
        if status == StatusCode::TOO_MANY_REQUESTS && retry < BUSY_RETRIES {
            tokio::time::sleep(Duration::from_millis(200 << retry)).await;
            continue;
        }
        if !status.is_success() {
            return Err(refused(&Method::POST, "_bulk", status, &text));
        }
        let Some(failed) = first_failure(&text)? else { return Ok(()) };
        // Every write of the body may be repeated: it ends in the same documents.
        if failed.status == StatusCode::TOO_MANY_REQUESTS.as_u16() && retry < BUSY_RETRIES {
            tokio::time::sleep(Duration::from_millis(200 << retry)).await;
            continue;
        }
        let BulkItem { index, id, status, error } = failed;
        return Err(DemoError::Document { index, id, status, reason: error.to_string() });
    }
    Ok(())
}

/// The first item that failed, if any did.
fn first_failure(text: &str) -> Result<Option<BulkItem>, DemoError> {
    // Most answers are megabytes of success, and say so at their beginning.
    let head: String = text.chars().take(200).collect();
    if head.contains("\"errors\":false") {
        return Ok(None);
    }
    let unreadable = |reason: String| DemoError::Answer { path: "_bulk".to_owned(), reason };
    let answer: BulkAnswer =
        serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    if !answer.errors {
        return Ok(None);
    }
    let mut items = answer.items.into_iter().flat_map(BTreeMap::into_values);
    let failed = items.find(|item| item.status >= 300);
    failed.map(Some).ok_or_else(|| unreadable("errors, but no item that failed".to_owned()))
}
