//! Creates release 1.0 of the application on a cluster: templates, indices, aliases, documents.
//!
//! Deterministic: the same options give the same documents. Besides the documents that stay, it writes some twice and some
//! that it deletes again, so that sequence numbers have gaps as in any used index.

mod bulk;
pub(crate) mod shares;

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    application::{Release, alias_name, index_name, template_name, tenant_names},
    cluster::{Body, Cluster, refused},
    error::DemoError,
    pack::pack_files,
};

/// The most tenants of a demo: every tenant has nine indices.
const TENANTS_LIMIT: u32 = 100;

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
    let bytes =
        bulk::write_documents(&cluster, options.seed, shares::shares(options, &tenants)).await?;
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
        for release in Release::ALL {
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
    let (status, text) = cluster.send_patiently(Method::DELETE, &path, Body::Empty).await?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::documents::{Document, Random, document};

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
