//! Answers about indices that are closed, without a started primary, or not what was asked for.

use lockstep_elastic::{Class, FailureKind, OpenState};
use serde_json::{Value, json};

use crate::server::{Reply, Server};

/// A server with three indices of two shards: `open`, `closed`, and `red` with one started primary.
fn server() -> Server {
    let shard = |number: i64| {
        let numbers =
            json!({"max_seq_no": number, "local_checkpoint": number, "global_checkpoint": number});
        let copy = |primary| json!({"routing": {"primary": primary}, "docs": {"count": 5}, "seq_no": numbers});
        // The replica is listed first, and behind.
        json!([copy(false), copy(true)])
    };
    let described = |name: &str, closed: bool| {
        let mut settings = json!({"index.uuid": name, "index.number_of_shards": "2", "index.number_of_replicas": "1"});
        if closed {
            settings["index.verified_before_close"] = json!("true");
        }
        json!({"aliases": {}, "mappings": {}, "settings": settings})
    };
    let all = json!({"open": described("open", false), "closed": described("closed", true), "red": described("red", false)});
    let totals = json!({"docs": {"count": 10}, "store": {"size_in_bytes": 100}});
    let stats = json!({
        "open": {"uuid": "open", "primaries": totals, "shards": {"1": shard(7), "0": shard(-1)}},
        "red": {"uuid": "red", "primaries": totals, "shards": {"0": shard(3)}},
    });
    let lines = json!([
        {"index": "open", "uuid": "open", "status": "open"},
        {"index": "closed", "uuid": "closed", "status": "close"},
        {"index": "red", "uuid": "red", "status": "open"},
    ]);
    Server::start(move |seen| {
        let path = seen.title.split_once(' ').unwrap().1;
        let first = path.trim_start_matches('/').split(['/', '?']).next().unwrap();
        let body: Value = match first {
            "_all" => all.clone(),
            "_cat" => lines.clone(),
            "_stats" => {
                json!({"_shards": {"total": 6, "successful": 3, "failed": 0}, "indices": stats})
            }
            name if path.contains("_stats") => json!({
                "_shards": {"total": 4, "successful": 2, "failed": 0}, "indices": {name: stats[name]},
            }),
            name if path.contains("_refresh") => {
                json!({"_shards": {"total": 4, "successful": 2, "failed": 0, "name": name}})
            }
            name => json!({name: all[name]}),
        };
        Reply::json(200, &body.to_string())
    })
}

#[tokio::test]
async fn a_closed_index_is_told_from_one_without_started_shards() {
    let indices = server().cluster().indices().await.unwrap();
    let seen: Vec<_> = indices
        .iter()
        .map(|one| (one.name.as_str(), one.state, one.shards.len(), one.docs))
        .collect();
    let expected = [
        ("closed", OpenState::Closed, 0, 0),
        ("open", OpenState::Open, 2, 10),
        ("red", OpenState::Open, 1, 10),
    ];
    assert_eq!(seen, expected);
    for (name, state, ..) in expected {
        // The statistics of the closed one are null: as good as none.
        if name != "closed" {
            let index = server().cluster().index(name).await.unwrap().unwrap();
            assert_eq!((index.state, index.primaries), (state, 2));
        }
    }
}

#[tokio::test]
async fn shards_of_a_node_that_just_left_are_asked_for_again() {
    let failed = r#"{"_shards": {"total": 2, "successful": 1, "failed": 1, "failures": [{"shard": 0, "status": "INTERNAL_SERVER_ERROR", "reason": {"type": "failed_node_exception", "reason": "Failed node [x]"}}]}, "indices": {}}"#;
    let whole = |path: &str| {
        let tally = json!({"total": 2, "successful": 2, "failed": 0});
        let index = json!({"uuid": "u", "primaries": {"docs": {"count": 0}, "store": {"size_in_bytes": 1}}, "shards": {}});
        if path.contains("_refresh") {
            json!({"_shards": tally})
        } else {
            json!({"_shards": tally, "indices": {"open": index}})
        }
    };
    let server = Server::start({
        let mut count = 0;
        move |seen| {
            count += 1;
            let answer =
                if count % 3 == 0 { whole(&seen.title).to_string() } else { failed.to_owned() };
            Reply::json(200, &answer)
        }
    });
    let cluster = server.cluster();
    cluster.positions_of(&["open"]).await.unwrap();
    cluster.usage_of(&["open"]).await.unwrap();
    cluster.refresh(&["open"]).await.unwrap();
    assert_eq!(server.seen().len(), 9);
}

#[tokio::test]
async fn a_watermark_needs_every_primary() {
    let server = server();
    let cluster = server.cluster();
    let positions = cluster.watermark("open").await.unwrap();
    let seen: Vec<_> = positions.iter().map(|one| (one.number, one.global_checkpoint)).collect();
    assert_eq!(seen, [(0, -1), (1, 7)]);
    let titles: Vec<String> = server.seen().into_iter().map(|seen| seen.title).collect();
    let stats = titles.iter().position(|title| title.contains("_stats")).unwrap();
    let refresh = titles.iter().position(|title| title.contains("_refresh")).unwrap();
    assert!(stats < refresh, "the positions are read before what they promise becomes visible");
    let failure = cluster.watermark("red").await.unwrap_err();
    assert_eq!((failure.kind(), failure.class()), (FailureKind::Partial, Class::Retry));
    assert!(failure.reason().contains("1 of 2 primary shards"), "{failure}");
}
