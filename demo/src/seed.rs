//! Creates release 1.0 of the application on a cluster: templates, indices, aliases, documents.
//!
//! Deterministic: the same options give the same documents. Besides the documents that stay, it writes some twice and some
//! that it deletes again, so that sequence numbers have gaps as in any used index.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    application::{LogicalIndex, Release, alias_name, index_name, template_name, tenant_names},
    cluster::{Body, Cluster, refused},
    documents::{Document, Random, document},
    error::DemoError,
    pack::pack_files,
};

/// Size of one bulk body, in bytes.
const BODY_BYTES: usize = 5 << 20;
/// Bulk bodies under way at the same time.
const BODIES_IN_FLIGHT: usize = 4;
/// How often a body is sent again to a cluster that says it is busy (429).
const BUSY_RETRIES: u32 = 6;
/// The most tenants of a demo: every tenant has nine indices.
const TENANTS_LIMIT: u32 = 100;
/// One document in so many is first written in an older form.
const REWRITTEN_ONE_IN: u64 = 50;
/// Beside one document in so many, another one is written and deleted.
const DELETED_ONE_IN: u64 = 100;

/// How much is seeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedOptions {
    /// Number of tenants, at least 1; each has more documents than the one before.
    pub tenants: u32,
    /// Number of documents that are there at the end, over all tenants and indices.
    pub documents: u64,
    /// Another number gives other documents.
    pub seed: u64,
}

impl Default for SeedOptions {
    fn default() -> Self {
        Self { tenants: 6, documents: 120_000, seed: 1 }
    }
}

/// What was seeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedReport {
    /// The tenants.
    pub tenants: Vec<String>,
    /// Number of indices.
    pub indices: u64,
    /// Number of documents that are there.
    pub documents: u64,
    /// Bytes of all bulk bodies.
    pub bytes: u64,
    /// Time taken.
    pub elapsed: Duration,
}

/// Seeds release 1.0 on the cluster at `url`.
///
/// # Errors
/// [`DemoError::AlreadyThere`] when one of its indices exists; others when the cluster refuses something. What was
/// created until then stays: [`clear`] removes it.
pub async fn seed(url: &str, options: &SeedOptions) -> Result<SeedReport, DemoError> {
    if options.tenants == 0 || options.tenants > TENANTS_LIMIT {
        let range = format!("the demo takes 1 to {TENANTS_LIMIT} tenants, not {}", options.tenants);
        return Err(DemoError::Options(range));
    }
    let start = Instant::now();
    let cluster = Cluster::new(url)?;
    let tenants = tenant_names(options.tenants);
    let mut indices = 0;
    for tenant in &tenants {
        indices += create_tenant(&cluster, tenant).await?;
    }
    let bytes = write_documents(&cluster, options, &tenants).await?;
    for tenant in &tenants {
        cluster.text(Method::POST, &format!("{tenant}-*-v1.0*/_refresh"), Body::Empty).await?;
    }
    let documents = options.documents;
    Ok(SeedReport { tenants, indices, documents, bytes, elapsed: start.elapsed() })
}

/// Removes the demo's indices and templates, all releases, of the tenants that a demo of `tenants` tenants has.
pub async fn clear(url: &str, tenants: u32) -> Result<u64, DemoError> {
    let cluster = Cluster::new(url)?;
    let there: Value = cluster.json(Method::GET, "_alias", Body::Empty).await?;
    let there: Vec<&String> = there.as_object().map(|map| map.keys().collect()).unwrap_or_default();
    let mut removed = 0;
    for tenant in tenant_names(tenants) {
        for release in [Release::V1_0, Release::V1_1, Release::V2_0] {
            for index in release.indices() {
                let name = index_name(&tenant, index.name, release, None);
                let parts = format!("{name}-");
                for found in there.iter().filter(|at| ***at == name || at.starts_with(&parts)) {
                    cluster.text(Method::DELETE, found, Body::Empty).await?;
                    removed += 1;
                }
                if index.monthly {
                    let template = template_name(&tenant, index.name, release);
                    remove_template(&cluster, &template).await?;
                }
            }
        }
    }
    Ok(removed)
}

async fn remove_template(cluster: &Cluster, name: &str) -> Result<(), DemoError> {
    let path = format!("_index_template/{name}");
    let (status, text) = cluster.send(Method::DELETE, &path, Body::Empty).await?;
    if status.is_success() || status == StatusCode::NOT_FOUND {
        return Ok(());
    }
    Err(refused(&Method::DELETE, &path, status, &text))
}

/// Templates and indices of one tenant, each index with its alias. Gives the number of indices.
async fn create_tenant(cluster: &Cluster, tenant: &str) -> Result<u64, DemoError> {
    let mut created = 0;
    for index in Release::V1_0.indices() {
        let mapping = mapping(index.name, tenant)?;
        let alias = alias_name(tenant, index.name);
        let body = |properties: Value| {
            json!({
                "settings": {"index": index.settings()},
                "mappings": mapping,
                "aliases": {alias.clone(): properties},
            })
        };
        if index.monthly {
            let name = template_name(tenant, index.name, Release::V1_0);
            let template =
                json!({"index_patterns": [format!("{name}-*")], "template": body(json!({}))});
            let path = format!("_index_template/{name}");
            cluster.text(Method::PUT, &path, Body::Json(template.to_string())).await?;
        }
        for partition in index.partitions() {
            let name = index_name(tenant, index.name, Release::V1_0, partition);
            create_index(cluster, &name, &body(index.alias_properties(partition))).await?;
            created += 1;
        }
    }
    Ok(created)
}

async fn create_index(cluster: &Cluster, name: &str, body: &Value) -> Result<(), DemoError> {
    let (status, text) = cluster.send(Method::PUT, name, Body::Json(body.to_string())).await?;
    if status.is_success() {
        return Ok(());
    }
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let kind = answer.pointer("/error/type").and_then(Value::as_str);
    if kind == Some("resource_already_exists_exception") {
        return Err(DemoError::AlreadyThere { index: name.to_owned() });
    }
    Err(refused(&Method::PUT, name, status, &text))
}

/// The mapping of an index of release 1.0 as the application ships it, filled in for the tenant.
fn mapping(name: &str, tenant: &str) -> Result<Value, DemoError> {
    let path = format!("releases/1.0/mappings/{name}.json");
    let unreadable = |reason: String| DemoError::Answer { path: path.clone(), reason };
    let files = pack_files();
    let file = files.get(&path).ok_or_else(|| unreadable("the pack lacks it".to_owned()))?;
    let text = String::from_utf8_lossy(file)
        .replace("{version}", Release::V1_0.version())
        .replace("{tenant}", tenant);
    serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
}

/// Documents of one index that are still to be written.
#[derive(Debug)]
struct Share {
    tenant: String,
    tenant_number: u64,
    index: LogicalIndex,
    month: Option<&'static str>,
    /// Number of its first document: ids are unique over all months of an index.
    first: u64,
    count: u64,
}

/// How many of a thousand documents an index gets.
fn weight(name: &str) -> u64 {
    match name {
        "event" => 600,
        "profile" | "order" => 120,
        "note" | "audit" => 60,
        "visit" => 40,
        _ => 0,
    }
}

/// Divides the documents; tenant n gets n parts, and what rounding leaves goes to the last events.
fn shares(options: &SeedOptions, tenants: &[String]) -> Vec<Share> {
    let parts: u64 = (1..=u64::from(options.tenants)).sum();
    let mut shares = Vec::new();
    let mut left = options.documents;
    for (tenant, number) in tenants.iter().zip(1_u64..) {
        for index in Release::V1_0.indices() {
            let partitions = index.partitions();
            let divisor = parts * 1000 * u64::try_from(partitions.len()).unwrap_or(1);
            let product = u128::from(options.documents) * u128::from(number * weight(index.name));
            let count = u64::try_from(product / u128::from(divisor)).unwrap_or(0);
            let mut first = 0;
            for month in partitions {
                let (tenant, index) = (tenant.clone(), *index);
                shares.push(Share { tenant, tenant_number: number, index, month, first, count });
                first += count;
                left = left.saturating_sub(count);
            }
        }
    }
    if let Some(last) = shares.iter_mut().rfind(|share| share.month.is_some()) {
        last.count += left;
    }
    shares
}

async fn write_documents(
    cluster: &Cluster,
    options: &SeedOptions,
    tenants: &[String],
) -> Result<u64, DemoError> {
    let mut writing = JoinSet::new();
    let mut bytes: u64 = 0;
    let mut body = String::with_capacity(BODY_BYTES + (BODY_BYTES >> 4));
    let mut shares = shares(options, tenants).into_iter().peekable();
    while let Some(share) = shares.next() {
        let name = index_name(&share.tenant, share.index.name, Release::V1_0, share.month);
        for number in share.first..share.first + share.count {
            let parts = [
                options.seed,
                share.tenant_number,
                weight(share.index.name),
                number,
                kind_number(&share),
            ];
            let mut random = Random::new(&parts);
            if let Some(document) = document(share.index.name, number, share.month, &mut random) {
                append(&mut body, &name, number, &document);
            }
            if body.len() >= BODY_BYTES {
                bytes += send_body(cluster, &mut writing, &mut body).await?;
            }
        }
        if shares.peek().is_none() && !body.is_empty() {
            bytes += send_body(cluster, &mut writing, &mut body).await?;
        }
    }
    while let Some(written) = writing.join_next().await {
        written??;
    }
    Ok(bytes)
}

/// Tells indices with the same weight apart: the first letters of the name as a number.
fn kind_number(share: &Share) -> u64 {
    share.index.name.bytes().take(8).fold(0, |number, byte| (number << 8) | u64::from(byte))
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
    if number % REWRITTEN_ONE_IN == 3 {
        line(body, &json!({"index": identity(id)}).to_string());
        line(body, "{}");
    }
    if number % DELETED_ONE_IN == 5 {
        let gone = format!("gone-{number}");
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
    items: Vec<std::collections::BTreeMap<String, BulkItem>>,
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
    let mut items = answer.items.into_iter().flat_map(std::collections::BTreeMap::into_values);
    let failed = items.find(|item| item.status >= 300);
    failed.map(Some).ok_or_else(|| unreadable("errors, but no item that failed".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn shares_add_up_to_the_documents_asked_for() {
        for (tenants, documents) in [(1, 1), (5, 100_000), (6, 120_000), (7, 999), (100, 12_345)] {
            let options = SeedOptions { tenants, documents, seed: 1 };
            let shares = shares(&options, &tenant_names(tenants));
            assert_eq!(shares.iter().map(|share| share.count).sum::<u64>(), documents);
        }
    }

    #[test]
    fn the_default_demo_is_as_large_as_promised() {
        let options = SeedOptions::default();
        assert!(options.tenants >= 5 && options.documents >= 100_000);
    }

    #[test]
    fn documents_are_the_same_every_time_and_their_ids_differ() {
        for index in Release::V1_0.indices() {
            let all = || -> Vec<Document> {
                (0..500)
                    .map(|number| {
                        let mut random = Random::new(&[1, number]);
                        document(index.name, number, Some("2026-01"), &mut random).unwrap()
                    })
                    .collect()
            };
            assert_eq!(all(), all());
            let ids: BTreeSet<String> = all().into_iter().map(|document| document.id).collect();
            assert_eq!(ids.len(), 500, "{}", index.name);
            for document in all() {
                assert!(!document.source.contains('\n'), "{}", document.source);
                serde_json::from_str::<&serde_json::value::RawValue>(&document.source).unwrap();
            }
        }
    }
}
