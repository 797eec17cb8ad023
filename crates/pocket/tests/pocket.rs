//! The pocket cluster over its socket: what the contract suite can't show, because a real engine
//! has no planned faults and takes long to start.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at what it did not expect"
)]

use std::time::{Duration, Instant};

use lockstep_pocket::{Fault, FaultKind, Flavour, Options, Pocket};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// An answer, or `None` where the connection closed without one.
type Answered = Option<(u16, Value)>;

/// The one door: one request on a connection of its own.
async fn send(url: &str, request: &str, body: &str) -> Answered {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    if stream.read_to_string(&mut answer).await.is_err() || answer.is_empty() {
        return None;
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

async fn ok(pocket: &Pocket, request: &str, body: &str) -> Value {
    let (status, answer) = send(pocket.url(), request, body).await.unwrap();
    assert!(status < 300, "{request}: {status} {answer}");
    answer
}

async fn pocket() -> Pocket {
    Pocket::start(Options::default()).await.unwrap()
}

fn lines(ids: std::ops::Range<u32>) -> String {
    let line = |id: u32| format!("{{\"index\":{{\"_id\":\"{id}\"}}}}\n{{\"n\":{id}}}\n");
    ids.map(line).collect::<Vec<_>>().concat()
}

async fn count(pocket: &Pocket, index: &str) -> u64 {
    ok(pocket, &format!("POST /{index}/_refresh"), "").await;
    ok(pocket, &format!("GET /{index}/_count"), "").await["count"].as_u64().unwrap()
}

#[tokio::test]
async fn a_fault_before_the_effect_leaves_nothing_behind() {
    let pocket = pocket().await;
    ok(&pocket, "PUT /a", "").await;
    let status = FaultKind::Status { status: 503, error_type: "unavailable".into() };
    for (kind, expected) in
        [(FaultKind::Disconnect, None), (FaultKind::Timeout { ms: 20 }, None), (status, Some(503))]
    {
        pocket.plan_fault(Fault::new("/*/_bulk", kind.clone()).on("POST"));
        let answer = send(pocket.url(), "POST /a/_bulk", &lines(0..3)).await;
        assert_eq!(answer.map(|(status, _)| status), expected, "{kind:?}");
        assert_eq!(count(&pocket, "a").await, 0, "{kind:?}");
        assert_eq!(pocket.pending_faults(), []);
    }
    ok(&pocket, "POST /a/_bulk", &lines(0..3)).await;
    assert_eq!(count(&pocket, "a").await, 3);
    pocket.stop().await;
}

#[tokio::test]
async fn a_fault_after_the_effect_only_loses_the_answer() {
    let pocket = pocket().await;
    ok(&pocket, "PUT /a", "").await;
    ok(&pocket, "PUT /b", "").await;
    let status = FaultKind::Status { status: 504, error_type: "gone".into() };
    for (alias, kind, expected) in [
        ("one", FaultKind::Disconnect, None),
        ("two", FaultKind::Timeout { ms: 20 }, None),
        ("three", status, Some(504)),
    ] {
        pocket.plan_fault(Fault::new("/_aliases", kind.clone()).after());
        let body = json!({"actions": [{"add": {"index": "a", "alias": alias}}]}).to_string();
        let answer = send(pocket.url(), "POST /_aliases", &body).await;
        assert_eq!(answer.map(|(status, _)| status), expected, "{kind:?}");
        ok(&pocket, &format!("HEAD /_alias/{alias}"), "").await;
    }
    pocket.stop().await;
}

#[tokio::test]
async fn a_partial_bulk_carries_out_its_first_items() {
    let pocket = pocket().await;
    let kind = FaultKind::PartialBulk {
        items: 2,
        status: 429,
        error_type: "rejected_execution_exception".into(),
    };
    pocket.plan_fault(Fault::new("/a/_bulk", kind));
    let answer = ok(&pocket, "POST /a/_bulk", &lines(0..5)).await;
    let statuses: Vec<u64> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["index"]["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 201, 429, 429, 429]);
    assert_eq!(answer["errors"], true);
    assert_eq!(count(&pocket, "a").await, 2);
    pocket.stop().await;
}

#[tokio::test]
async fn faults_are_planned_over_http_too() {
    let pocket = pocket().await;
    let fault = json!([
        {"path": "/", "nth": 2, "kind": {"slow": {"ms": 60}}},
        {"path": "/", "nth": 3, "kind": {"status": {"status": 429, "error_type": "busy"}}},
    ]);
    ok(&pocket, "POST /_pocket/faults", &fault.to_string()).await;
    let started = Instant::now();
    ok(&pocket, "GET /", "").await;
    ok(&pocket, "GET /", "").await;
    assert!(started.elapsed() >= Duration::from_millis(60));
    let (status, answer) = send(pocket.url(), "GET /", "").await.unwrap();
    assert_eq!((status, &answer["error"]["type"]), (429, &json!("busy")));
    assert_eq!(ok(&pocket, "GET /_pocket/faults", "").await, json!({"faults": []}));
    let wrong = send(pocket.url(), "POST /_pocket/faults", "{\"kind\":\"disconnect\"}").await;
    assert_eq!(wrong.unwrap().0, 400);
    pocket.stop().await;
}

/// Bulks that make the index and its fields while others do the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_the_same_time_lose_nothing() {
    let pocket = pocket().await;
    let mut writers = JoinSet::new();
    for writer in 0..8_u32 {
        let url = pocket.url().to_owned();
        writers.spawn(async move {
            for round in 0..10_u32 {
                let lines: Vec<String> = (0..20)
                    .map(|item| {
                        format!(
                            "{{\"index\":{{\"_id\":\"{writer}-{round}-{item}\"}}}}\n{{\"field-{writer}-{round}\":{item}}}\n"
                        )
                    })
                    .collect();
                let (status, answer) = send(&url, "POST /new/_bulk", &lines.concat()).await.unwrap();
                assert_eq!((status, &answer["errors"]), (200, &json!(false)), "{answer}");
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    assert_eq!(count(&pocket, "new").await, 1600);
    let mapping = ok(&pocket, "GET /new/_mapping", "").await;
    let fields = mapping["new"]["mappings"]["properties"].as_object().unwrap().len();
    assert_eq!(fields, 80);
    let stats = ok(&pocket, "GET /new/_stats/docs?level=shards", "").await;
    let shard = &stats["indices"]["new"]["shards"]["0"][0];
    assert_eq!(shard["seq_no"]["global_checkpoint"], 1599);
    pocket.stop().await;
}

/// A write block is set between two bulks, never inside one: each bulk is taken or refused whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_block_waits_for_bulks_under_way() {
    let pocket = pocket().await;
    ok(&pocket, "PUT /a", "").await;
    let mut writers = JoinSet::new();
    for writer in 0..4_u32 {
        let url = pocket.url().to_owned();
        writers.spawn(async move {
            let mut taken = 0_u64;
            loop {
                let first = writer * 1_000_000 + u32::try_from(taken).unwrap();
                let body = lines(first..first + 200);
                let (_, answer) = send(&url, "POST /a/_bulk", &body).await.unwrap();
                if answer["errors"] == true {
                    for item in answer["items"].as_array().unwrap() {
                        assert_eq!(item["index"]["status"], 403, "{item}");
                    }
                    return taken;
                }
                taken += 200;
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = ok(&pocket, "PUT /a/_block/write", "").await;
    assert_eq!(answer["shards_acknowledged"], true);
    let at_block = count(&pocket, "a").await;
    let mut taken = 0;
    while let Some(ended) = writers.join_next().await {
        taken += ended.unwrap();
    }
    assert!(taken > 0);
    assert_eq!(at_block, taken, "nothing comes after the answer to the block");
    pocket.stop().await;
}

#[tokio::test]
async fn the_port_is_free_again_after_stop_and_told_when_taken() {
    let first = pocket().await;
    let port: u16 = first.url().rsplit(':').next().unwrap().parse().unwrap();
    let options = Options { port, engine: Flavour::Elasticsearch, ..Options::default() };
    let refused = Pocket::start(options.clone()).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("127.0.0.1:{port}")), "{refused}");
    first.stop().await;
    let second = Pocket::start(options).await.unwrap();
    assert_eq!(ok(&second, "GET /", "").await["version"]["number"], "7.10.2");
    second.stop().await;
}

#[tokio::test]
async fn broken_http_input_is_answered() {
    let pocket = pocket().await;
    for (request, body, expected) in [
        ("GET /_nonsense", "", 400),
        ("PATCH /a", "{}", 405),
        ("PUT /a", "{", 400),
        ("PUT /a", "[]", 400),
        ("POST /_bulk", "", 400),
        ("POST /_bulk", "{\"index\":{}}\n", 400),
        ("POST /_aliases", "{\"actions\":7}", 400),
        ("PUT /_cluster/settings", "{\"persistent\":{\"nonsense\":1}}", 400),
        ("PUT /_index_template/t", "{}", 400),
        ("GET /missing/_search", "", 404),
        ("GET /missing/_doc/1", "", 404),
        ("POST /_search/scroll", "{\"scroll_id\":\"x\"}", 400),
        ("GET /?nonsense=1", "", 400),
    ] {
        let (status, answer) = send(pocket.url(), request, body).await.unwrap();
        assert_eq!(status, expected, "{request} {body} {answer}");
        assert!(!answer["error"].is_null(), "{request} {answer}");
    }
    pocket.stop().await;
}
