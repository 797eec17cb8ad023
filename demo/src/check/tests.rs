//! The checker against sets that are right, and against sets that are wrong in every way it must see.
//!
//! The new set is made by a slow and obvious upgrade below. Runs on the pocket cluster, or on the empty cluster that the variable
//! `LOCKSTEP_DEMO_CLUSTER` names.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};

use super::*;
use crate::{
    application::{alias_name, index_name, template_name},
    cluster::Body,
    json::Json,
    pack_files, seed,
    seed::{SeedOptions, clear},
};

const TENANTS: u32 = 2;
const DOCUMENTS: u64 = 1500;

pub(crate) async fn send(cluster: &Cluster, method: Method, path: &str, body: Value) -> Value {
    let body = if body.is_null() { Body::Empty } else { Body::Json(body.to_string()) };
    cluster.json(method, path, body).await.unwrap()
}

fn mapping_2_0(name: &str, tenant: &str) -> Value {
    let name = if name == "note" { "ticket" } else { name };
    let file = pack_files().remove(&format!("releases/2.0/mappings/{name}.json")).unwrap();
    let text = String::from_utf8(file).unwrap();
    serde_json::from_str(&text.replace("{version}", "2.0").replace("{tenant}", tenant)).unwrap()
}

/// Creates the new set of a tenant, and moves the aliases.
async fn upgrade(cluster: &Cluster, tenant: &str) {
    let actions = new_set(cluster, tenant).await;
    send(cluster, Method::POST, "_aliases", json!({"actions": actions})).await;
}

/// Creates the new set of a tenant with templates and takes every document there. Gives the alias actions of its switch.
pub(crate) async fn new_set(cluster: &Cluster, tenant: &str) -> Vec<Value> {
    let mut actions = Vec::new();
    for old in Release::V1_0.indices() {
        for part in old.partitions() {
            let name = index_name(tenant, old.name, Release::V1_0, part);
            actions.push(json!({"remove": {"index": name, "alias": alias_name(tenant, old.name)}}));
        }
    }
    for new in Release::V2_0.indices() {
        let alias = alias_name(tenant, new.name);
        let body = json!({
            "settings": {"index": new.settings()},
            "mappings": mapping_2_0(new.name, tenant),
        });
        for part in new.partitions() {
            let name = index_name(tenant, new.name, Release::V2_0, part);
            send(cluster, Method::PUT, &name, body.clone()).await;
            copy(cluster, tenant, new.name, part, &name).await;
            let mut add = new.alias_properties(part);
            (add["index"], add["alias"]) = (json!(name), json!(alias));
            actions.push(json!({"add": add}));
        }
        // Not before the indices: they would have its alias from the start.
        if new.monthly {
            let name = template_name(tenant, new.name, Release::V2_0);
            let mut body = body.clone();
            body["aliases"] = json!({alias.clone(): {}});
            let template = json!({"index_patterns": [format!("{name}-*")], "template": body});
            send(cluster, Method::PUT, &format!("_index_template/{name}"), template).await;
        }
    }
    actions
}

/// Writes the documents of an old index into a new one as they must be.
async fn copy(cluster: &Cluster, tenant: &str, old: &str, part: Option<&str>, target: &str) {
    if !Release::V1_0.indices().iter().any(|index| index.name == old) {
        return;
    }
    let source = index_name(tenant, old, Release::V1_0, part);
    send(cluster, Method::POST, &format!("{source}/_refresh"), Value::Null).await;
    let path = format!("{source}/_search");
    let query = json!({"size": 10_000}).to_string();
    let text = cluster.text(Method::POST, &path, Body::Json(query)).await.unwrap();
    let mut lines = String::new();
    for hit in hits(&text) {
        let Json::Object(mut hit) = hit else { panic!("{hit}") };
        let document = hit.remove("_source").unwrap();
        let new = crate::expected::expected(old, Release::V1_0, Release::V2_0, document).unwrap();
        let routing = hit.get("_routing").map_or(String::new(), |at| format!(",\"routing\":{at}"));
        let action = format!("{{\"index\":{{\"_id\":{}{routing}}}}}", hit["_id"]);
        writeln!(lines, "{action}\n{}", new.unwrap()).unwrap();
    }
    if !lines.is_empty() {
        bulk(cluster, target, lines).await;
    }
}

/// The hits of a search. A value tree could not hold all of their numbers.
fn hits(text: &str) -> Vec<Json> {
    let Json::Object(mut answer) = Json::parse(text).unwrap() else { panic!("{text}") };
    let Some(Json::Object(mut hits)) = answer.remove("hits") else { panic!("{text}") };
    let Some(Json::Array(hits)) = hits.remove("hits") else { panic!("{text}") };
    hits
}

pub(crate) async fn bulk(cluster: &Cluster, index: &str, lines: String) {
    let path = format!("{index}/_bulk?refresh=true");
    let answer: Value = cluster.json(Method::POST, &path, Body::Lines(lines)).await.unwrap();
    assert_eq!(answer["errors"], json!(false), "{answer}");
}

/// Counts of a check that must have no other problems than those that contain the given texts, in order.
async fn counts(url: &str, problems: &[&str]) -> (u64, u64, u64) {
    let report = check(url, &CheckOptions::default()).await.unwrap();
    assert_eq!(report.problems.len(), problems.len(), "{report:#?}");
    for (problem, part) in report.problems.iter().zip(problems) {
        assert!(problem.contains(part), "{problem:?} {part:?}");
    }
    let disagreeing = report.differing + report.missing + report.extra;
    assert_eq!(disagreeing.min(10), report.examples.len() as u64, "{report:#?}");
    assert_eq!(report.is_clean(), disagreeing == 0 && problems.is_empty());
    (report.differing, report.missing, report.extra)
}

async fn on_a_cluster<F: Future<Output = ()>>(test: impl FnOnce(String) -> F) {
    if let Ok(url) = std::env::var("LOCKSTEP_DEMO_CLUSTER") {
        clear(&url, TENANTS).await.unwrap();
        test(url.clone()).await;
        clear(&url, TENANTS).await.unwrap();
        return;
    }
    let options = lockstep_pocket::Options::default();
    let pocket = lockstep_pocket::Pocket::start(options).await.unwrap();
    test(pocket.url().to_owned()).await;
    pocket.stop().await;
}

#[tokio::test]
async fn a_right_set_is_clean_and_every_wrong_one_is_not() {
    on_a_cluster(|url| async move {
        let options = SeedOptions { tenants: TENANTS, documents: DOCUMENTS, seed: 3 };
        seed(&url, &options).await.unwrap();
        let again = seed(&url, &options).await.unwrap_err();
        assert!(again.to_string().starts_with("index acme-event-v1.0-2025-11 exists already"));
        let cluster = Cluster::new(&url).unwrap();
        for tenant in ["acme", "borealis"] {
            upgrade(&cluster, tenant).await;
        }
        let report = check(&url, &CheckOptions::default()).await.unwrap();
        assert!(report.is_clean(), "{report:#?}");
        assert_eq!(report.tenants, 2);
        assert_eq!(report.documents + report.dropped, DOCUMENTS);
        assert_eq!(report.indices, 2 * 14);
        wrong_documents(&cluster, &url).await;
        wrong_aliases(&cluster, &url).await;
    })
    .await;
}

/// Damages the new set document by document; the counts follow.
async fn wrong_documents(cluster: &Cluster, url: &str) {
    let notes = "borealis-note-v2.0";
    let delete = "{\"delete\":{\"_id\":\"note-0000000\",\"routing\":\"notes\"}}\n";
    bulk(cluster, notes, delete.to_owned()).await;
    assert_eq!(counts(url, &[]).await, (0, 1, 0));

    // The same document with another routing is not the same.
    let moved = "{\"index\":{\"_id\":\"note-0000000\",\"routing\":\"elsewhere\"}}\n{}\n";
    bulk(cluster, notes, moved.to_owned()).await;
    assert_eq!(counts(url, &[]).await, (0, 1, 1));

    let audit = "acme-audit-v2.0";
    let changed = "{\"index\":{\"_id\":\"audit-0000001\"}}\n{\"detail\":{}}\n";
    bulk(cluster, audit, changed.to_owned()).await;
    assert_eq!(counts(url, &[]).await, (1, 1, 1));

    let refused = "{\"index\":{\"_id\":\"unwanted\"}}\n{\"reason\":\"none\"}\n";
    bulk(cluster, "acme-rejection-v2.0-2026-01", refused.to_owned()).await;
    assert_eq!(counts(url, &[]).await, (1, 1, 2));

    // A document in the wrong month is missing in one and extra in the other.
    let event = "{\"delete\":{\"_id\":\"event-0000000\"}}\n".to_owned();
    bulk(cluster, "acme-event-v2.0-2025-11", event).await;
    let event = "{\"index\":{\"_id\":\"event-0000000\"}}\n{}\n".to_owned();
    bulk(cluster, "acme-event-v2.0-2025-12", event).await;
    assert_eq!(counts(url, &[]).await, (1, 2, 3));
}

/// Damages aliases, templates and indices; each is told.
async fn wrong_aliases(cluster: &Cluster, url: &str) {
    let one = |action: Value| json!({"actions": [action]});
    let both = json!({"add": {"index": "acme-audit-v1.0", "alias": "acme-audit"}});
    send(cluster, Method::POST, "_aliases", one(both)).await;
    let filter = json!({"add": {"index": "borealis-audit-v2.0", "alias": "borealis-audit",
        "filter": {"term": {"visible": false}}}});
    send(cluster, Method::POST, "_aliases", one(filter)).await;
    let left = json!({"add": {"index": "acme-visit-v1.0", "alias": "acme-visit"}});
    send(cluster, Method::POST, "_aliases", one(left)).await;
    send(cluster, Method::DELETE, "_index_template/acme-event-v2.0", Value::Null).await;
    let block = json!({"index": {"blocks.write": true, "refresh_interval": "-1"}});
    send(cluster, Method::PUT, "acme-order-v2.0/_settings", block).await;
    let expected = [
        "index template acme-event-v2.0 is missing",
        "alias acme-audit must point at {\"acme-audit-v2.0\"}, but points at",
        "alias acme-visit is not one of 2.0",
        "index acme-order-v2.0 can't be written",
        "index acme-order-v2.0 is never refreshed",
        "alias borealis-audit on borealis-audit-v2.0 must have",
    ];
    assert_eq!(counts(url, &expected).await, (1, 2, 3));
    send(cluster, Method::DELETE, "borealis-profile-v2.0", Value::Null).await;
    let report = check(url, &CheckOptions::default()).await.unwrap();
    assert!(report.problems[0].contains("index borealis-profile-v2.0 of the new set is missing"));
    assert!(report.missing > 100, "{report:#?}");
}

#[tokio::test]
async fn nothing_to_check_is_an_error() {
    on_a_cluster(|url| async move {
        let error = check(&url, &CheckOptions::default()).await.unwrap_err();
        assert!(error.to_string().contains("no index of release 1.0"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn addresses_that_are_none_are_refused() {
    for url in ["", "localhost", "mailto:me", "127.0.0.1:9200"] {
        let error = check(url, &CheckOptions::default()).await.unwrap_err();
        assert!(error.to_string().contains("is not the address of a cluster"), "{url} {error}");
    }
    let error = check("http://127.0.0.1:9", &CheckOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("is the cluster running there?"), "{error}");
}
