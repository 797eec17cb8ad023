//! Whether the application would find the live set: aliases, templates, what the indices say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    application::{LogicalIndex, Release, alias_name, index_name, template_name},
    check::pairs::partitions,
    cluster::{Body, Cluster, refused},
    error::DemoError,
};

/// Index → alias → its properties.
pub(crate) type Aliases = BTreeMap<String, Map<String, Value>>;

#[derive(Deserialize)]
struct IndexAliases {
    aliases: Map<String, Value>,
}

/// All indices of the cluster with their aliases, hidden ones too: an engine may show them hidden while they change.
pub(crate) async fn indices_and_aliases(cluster: &Cluster) -> Result<Aliases, DemoError> {
    let answer: BTreeMap<String, IndexAliases> =
        cluster.json(Method::GET, "_alias?expand_wildcards=all", Body::Empty).await?;
    Ok(answer.into_iter().map(|(index, there)| (index, there.aliases)).collect())
}

/// What is not as the application of the live release needs it, one sentence each.
pub(crate) async fn problems(
    cluster: &Cluster,
    there: &Aliases,
    tenants: &BTreeSet<String>,
    live: Release,
) -> Result<Vec<String>, DemoError> {
    let names: BTreeSet<&str> = there.keys().map(String::as_str).collect();
    let mut problems = Vec::new();
    for tenant in tenants {
        let mut known = BTreeSet::new();
        for index in live.indices() {
            let partitions = partitions(&names, tenant, index.name, live);
            problems.extend(alias_problems(there, tenant, index, live, &partitions));
            known.insert(alias_name(tenant, index.name));
            if index.monthly {
                problems.extend(template_problem(cluster, tenant, index, live).await?);
            }
        }
        for index in Release::ALL.iter().flat_map(|release| release.indices()) {
            let alias = alias_name(tenant, index.name);
            let holders = holders(there, &alias);
            if !known.contains(&alias) && !holders.is_empty() {
                let version = live.version();
                problems.push(format!(
                    "alias {alias} is not one of {version}, but points at {holders:?}"
                ));
                known.insert(alias);
            }
        }
        problems.extend(index_problems(cluster, tenant, live).await?);
    }
    Ok(problems)
}

/// The indices that carry an alias.
fn holders<'name>(there: &'name Aliases, alias: &str) -> BTreeSet<&'name str> {
    let carrying = there.iter().filter(|(_, aliases)| aliases.contains_key(alias));
    carrying.map(|(index, _)| index.as_str()).collect()
}

/// Whether the alias of an index points exactly at the live indices, with the properties it always had.
fn alias_problems(
    there: &Aliases,
    tenant: &str,
    index: &LogicalIndex,
    live: Release,
    partitions: &[Option<&str>],
) -> Vec<String> {
    let mut problems = Vec::new();
    let alias = alias_name(tenant, index.name);
    let wanted: BTreeSet<String> =
        partitions.iter().map(|part| index_name(tenant, index.name, live, *part)).collect();
    let holders = holders(there, &alias);
    if wanted.is_empty() || !wanted.iter().map(String::as_str).eq(holders.iter().copied()) {
        problems.push(format!("alias {alias} must point at {wanted:?}, but points at {holders:?}"));
    }
    for part in partitions {
        let name = index_name(tenant, index.name, live, *part);
        let Some(found) = there.get(&name).and_then(|aliases| aliases.get(&alias)) else {
            continue;
        };
        let wanted = without_defaults(&index.alias_properties(*part));
        let found = without_defaults(found);
        if wanted != found {
            problems.push(format!("alias {alias} on {name} must have {wanted}, but has {found}"));
        }
    }
    problems
}

/// Alias properties without those that say nothing.
fn without_defaults(properties: &Value) -> Value {
    let mut properties = properties.clone();
    if let Some(fields) = properties.as_object_mut() {
        fields.retain(|_, value| *value != json!(false));
    }
    properties
}

/// Whether next month's index would get its mapping and its alias.
async fn template_problem(
    cluster: &Cluster,
    tenant: &str,
    index: &LogicalIndex,
    live: Release,
) -> Result<Option<String>, DemoError> {
    let name = template_name(tenant, index.name, live);
    let path = format!("_index_template/{name}");
    let (status, text) = cluster.send_patiently(Method::GET, &path, Body::Empty).await?;
    if status == StatusCode::NOT_FOUND {
        return Ok(Some(format!("index template {name} is missing")));
    }
    if !status.is_success() {
        return Err(refused(&Method::GET, &path, status, &text));
    }
    let answer: Value = serde_json::from_str(&text)
        .map_err(|error| DemoError::Answer { path, reason: error.to_string() })?;
    let template = answer.pointer("/index_templates/0/index_template").unwrap_or(&Value::Null);
    let patterns = template.get("index_patterns");
    if patterns != Some(&json!([format!("{name}-*")])) {
        return Ok(Some(format!("index template {name} has the patterns {patterns:?}")));
    }
    let alias = alias_name(tenant, index.name);
    let body = template.get("template").unwrap_or(&Value::Null);
    let carries_alias = body.pointer(&format!("/aliases/{alias}")).is_some();
    let has_fields = body.pointer("/mappings/properties").is_some();
    if carries_alias && has_fields {
        return Ok(None);
    }
    Ok(Some(format!("index template {name} lacks its alias {alias} or its mapping")))
}

/// What is read of an index.
#[derive(Deserialize)]
struct IndexState {
    mappings: Value,
    settings: Value,
}

/// Whether the live indices say which release and tenant they belong to, and can be written and searched.
async fn index_problems(
    cluster: &Cluster,
    tenant: &str,
    live: Release,
) -> Result<Vec<String>, DemoError> {
    let path = format!("{tenant}-*-v{}*", live.version());
    let indices: BTreeMap<String, IndexState> =
        cluster.json(Method::GET, &path, Body::Empty).await?;
    let mut problems = Vec::new();
    for (name, index) in indices {
        let meta = index.mappings.get("_meta").cloned().unwrap_or_default();
        if meta != json!({"release": live.version(), "tenant": tenant}) {
            problems.push(format!("index {name} says of itself {meta}"));
        }
        let setting = |path: &str| index.settings.pointer(path).map(text_of).unwrap_or_default();
        if setting("/index/blocks/write") == "true" {
            problems.push(format!("index {name} can't be written: its write block is still there"));
        }
        if setting("/index/refresh_interval") == "-1" {
            problems.push(format!("index {name} is never refreshed: refresh_interval is -1"));
        }
    }
    Ok(problems)
}

/// A setting as text: engines answer `"true"` for `true`.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
