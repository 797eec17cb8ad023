//! The service on an embedded cluster, asked over HTTP.

use lockstep_pocket::{Options, Pocket};
use serde_json::Value;
use tokio::{sync::oneshot, task::JoinSet};

use super::*;
use crate::seed::{SeedOptions, seed};

/// A service that runs, and what ends it.
struct Running {
    url: String,
    end: oneshot::Sender<()>,
    tasks: JoinSet<Result<(), ServiceError>>,
}

async fn start(pocket: &Pocket, version: &str, is_unhealthy: bool) -> Running {
    let options = ServiceOptions {
        cluster: pocket.url().to_owned(),
        version: version.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        is_unhealthy,
    };
    let service = Service::start(options).await.unwrap();
    let url = format!("http://{}", service.address().unwrap());
    let (end, ended) = oneshot::channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(service.run(async { drop(ended.await) }));
    Running { url, end, tasks }
}

async fn ask(method: Method, url: &str, body: Value) -> (u16, Value) {
    let mut request = reqwest::Client::new().request(method, url);
    if !body.is_null() {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

fn event(id: &str) -> Value {
    json!({"id": id, "kind": "purchase", "user": "u-1", "at": "2026-02-01T10:00:00Z", "duration": 5, "amount": "1.10"})
}

async fn seeded() -> Pocket {
    let pocket = Pocket::start(Options::default()).await.unwrap();
    seed(pocket.url(), &SeedOptions { tenants: 1, documents: 50, seed: 1 }).await.unwrap();
    pocket
}

#[tokio::test]
async fn an_event_is_written_in_the_form_of_the_release_and_read_back() {
    let pocket = seeded().await;
    let mut running = start(&pocket, "1.0", false).await;
    let events = format!("{}/tenants/acme/events", running.url);
    assert_eq!(ask(Method::POST, &events, event("e-1")).await.0, 201);
    assert_eq!(ask(Method::POST, &events, event("e-1")).await.0, 201, "the same event again");
    let kept = format!("{}/acme-event-v1.0-2026-02/_doc/e-1", pocket.url());
    let (_, kept) = ask(Method::GET, &kept, Value::Null).await;
    let wanted = json!({"type": "purchase", "user": "u-1", "timestamp": "2026-02-01T10:00:00Z", "duration": "5", "amount": "1.10"});
    assert_eq!(kept["_source"], wanted);
    ask(Method::POST, &format!("{}/acme-event/_refresh", pocket.url()), Value::Null).await;
    let found = ask(Method::GET, &format!("{events}/e-1"), Value::Null).await;
    assert_eq!(found, (200, event("e-1")));
    assert_eq!(ask(Method::GET, &format!("{events}/e-2"), Value::Null).await.0, 404);
    running.end.send(()).unwrap();
    running.tasks.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_the_cluster_does_not_take_is_not_acknowledged() {
    let pocket = seeded().await;
    let running = start(&pocket, "1.0", false).await;
    let events = |tenant: &str| format!("{}/tenants/{tenant}/events", running.url);
    let mut amount = event("e-1");
    amount["amount"] = json!("much");
    assert_eq!(ask(Method::POST, &events("acme"), amount).await.0, 400);
    assert_eq!(ask(Method::POST, &events("acme"), json!({"id": "e-1"})).await.0, 400);
    assert_eq!(ask(Method::POST, &events("nobody"), event("e-1")).await.0, 503, "no alias");
    let block = format!("{}/acme-event-v1.0-2026-02/_settings", pocket.url());
    let blocked = ask(Method::PUT, &block, json!({"index.blocks.write": true})).await;
    assert_eq!(blocked.0, 200);
    assert_eq!(ask(Method::POST, &events("acme"), event("e-1")).await.0, 503, "the fence");
    ask(Method::PUT, &block, json!({"index.blocks.write": null})).await;
    assert_eq!(ask(Method::POST, &events("acme"), event("e-1")).await.0, 201);
}

#[tokio::test]
async fn health_is_that_of_the_cluster_unless_a_fault_is_planned() {
    let pocket = seeded().await;
    let (good, bad) = (start(&pocket, "1.1.1", false).await, start(&pocket, "2.0", true).await);
    let health = |running: &Running| format!("{}/health", running.url);
    let told = ask(Method::GET, &health(&good), Value::Null).await;
    assert_eq!(told, (200, json!({"health": "good", "version": "1.1.1"})));
    assert_eq!(ask(Method::GET, &health(&bad), Value::Null).await.0, 503);
    let at = |running: &Running| running.url.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(health_of(at(&good)).await.unwrap().contains("good"));
    assert!(health_of(at(&bad)).await.is_err());
    pocket.stop().await;
    assert_eq!(ask(Method::GET, &health(&good), Value::Null).await.0, 503);
}

#[test]
fn a_version_tells_its_release() {
    let cases = [
        ("1.0", Some(Release::V1_0)),
        ("1.1", Some(Release::V1_1)),
        ("1.1.1", Some(Release::V1_1)),
        ("2.0.14.3", Some(Release::V2_0)),
        ("2", None),
        ("1.2", None),
        ("1.1.x", None),
        ("latest", None),
    ];
    for (version, release) in cases {
        assert_eq!(release_of(version), release, "{version}");
    }
}
