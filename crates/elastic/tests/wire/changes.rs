//! Changes that may not be done twice, and changes that the cluster confirms only in part.

use std::time::Duration;

use lockstep_elastic::{AliasAction, Class, Cluster, Document, Expect, Failure, FailureKind, Put};
use serde_json::json;
use serde_json::value::RawValue;

use crate::server::{Reply, Seen, Server};

fn raw() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap()
}

fn actions() -> [AliasAction; 2] {
    let properties = json!({"filter": {"term": {"t": "x"}}}).as_object().unwrap().clone();
    let (index, alias) = ("new".to_owned(), "a".to_owned());
    [
        AliasAction::Remove {
            index: "old".to_owned(),
            alias: alias.clone(),
            must_exist: Some(true),
        },
        AliasAction::Add { index, alias, properties },
    ]
}

/// Every change that may not be repeated blindly, each with its failure.
async fn once(cluster: &Cluster) -> Vec<Failure> {
    let source = raw();
    let at = Expect::At { seq_no: 3, primary_term: 1 };
    let document = Document { id: "1", source: &source, expect: at };
    vec![
        cluster.change_aliases(&actions()).await.unwrap_err(),
        cluster.put_document("i", "1", &source, at).await.unwrap_err(),
        cluster.put_document("i", "1", &source, Expect::Absent).await.unwrap_err(),
        cluster.put_documents("i", &[document]).await.unwrap_err(),
        cluster.create_index("i", &json!({})).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn a_lost_answer_leaves_the_outcome_unknown_and_is_not_followed_by_a_second_request() {
    let troubles: [fn() -> Reply; 5] = [
        || Reply::Hang,
        || Reply::Cut(200),
        || Reply::Silence(Duration::from_millis(1_200)),
        || Reply::json(504, ""),
        || Reply::json(503, r#"{"error":{"type":"process_cluster_event_timeout_exception"}}"#),
    ];
    for trouble in troubles {
        let server = Server::start(move |_| trouble());
        let failures = once(&server.cluster()).await;
        for failure in &failures {
            assert!(failure.outcome_unknown(), "{failure}");
            assert!(failure.to_string().contains("may or may not have happened"), "{failure}");
        }
        assert_eq!(server.seen().len(), failures.len(), "each was sent once");
    }
}

#[tokio::test]
async fn a_change_that_was_turned_away_is_not_unknown_and_may_be_sent_again() {
    let server = Server::start(|_| {
        Reply::json(429, r#"{"error":{"type":"es_rejected_execution_exception"},"status":429}"#)
    });
    for failure in once(&server.cluster()).await {
        assert!(!failure.outcome_unknown(), "{failure}");
        assert_eq!(failure.attempt_count(), 4);
    }
    let server =
        Server::start(|_| Reply::json(400, r#"{"error":{"type":"validation_exception"}}"#));
    let failures = once(&server.cluster()).await;
    for failure in &failures {
        assert!(!failure.outcome_unknown(), "{failure}");
        assert_eq!(failure.class(), Class::Operator);
    }
    assert_eq!(server.seen().len(), failures.len());
}

#[tokio::test]
async fn a_change_that_was_not_acknowledged_is_unknown() {
    let server = Server::start(|_| Reply::json(200, r#"{"acknowledged":false}"#));
    let failure = server.cluster().change_aliases(&actions()).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::NotAcknowledged);
    assert!(failure.outcome_unknown());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_alias_change_is_one_body_with_everything_in_it() {
    let server = Server::start(|_| Reply::json(200, r#"{"acknowledged":true}"#));
    server.cluster().change_aliases(&actions()).await.unwrap();
    let seen = server.seen();
    let body: serde_json::Value = serde_json::from_slice(&seen[0].body).unwrap();
    let expected = json!({"actions": [
        {"remove": {"index": "old", "alias": "a", "must_exist": true}},
        {"add": {"index": "new", "alias": "a", "filter": {"term": {"t": "x"}}}},
    ]});
    assert_eq!((seen[0].title.as_str(), body), ("POST /_aliases", expected));
}

#[tokio::test]
async fn a_conflict_is_an_outcome_and_not_a_failure() {
    let conflict =
        r#"{"error":{"type":"version_conflict_engine_exception","reason":"r"},"status":409}"#;
    let server = Server::start(move |_| Reply::json(409, conflict));
    let source = raw();
    for expect in [Expect::Absent, Expect::At { seq_no: 3, primary_term: 2 }] {
        let put = server.cluster().put_document("i", "1", &source, expect).await.unwrap();
        assert_eq!(put, Put::Conflict);
    }
    let titles: Vec<String> = server.seen().into_iter().map(|seen| seen.title).collect();
    assert_eq!(titles, ["PUT /i/_create/1", "PUT /i/_doc/1?if_seq_no=3&if_primary_term=2"]);
}

/// A server that answers `_block/write` with this, and says of every index that it is not blocked.
fn blocking(answer: &'static str) -> Server {
    Server::start(move |seen: &Seen| {
        if seen.title.contains("_block") {
            return Reply::json(200, answer);
        }
        Reply::json(
            200,
            r#"{"a":{"settings":{"index.uuid":"u"}},"b":{"settings":{"index.uuid":"v"}}}"#,
        )
    })
}

#[tokio::test]
async fn a_block_counts_only_when_everybody_confirmed_it() {
    let whole = r#"{"acknowledged":true,"shards_acknowledged":true,"indices":[{"name":"a","blocked":true},{"name":"b","blocked":true}]}"#;
    blocking(whole).cluster().block_writes(&["a", "b"]).await.unwrap();
    let parts = [
        r#"{"acknowledged":false,"shards_acknowledged":false,"indices":[]}"#,
        r#"{"acknowledged":true,"shards_acknowledged":false,"indices":[{"name":"a","blocked":true},{"name":"b","blocked":true}]}"#,
        r#"{"acknowledged":true,"shards_acknowledged":true,"indices":[{"name":"a","blocked":true},{"name":"b","blocked":false}]}"#,
        r#"{"acknowledged":true,"shards_acknowledged":true,"indices":[{"name":"a","blocked":true},{"name":"b","blocked":true,"failed_shards":[{}]}]}"#,
        r#"{"acknowledged":true,"shards_acknowledged":true,"indices":[{"name":"a","blocked":true},{"name":"b","blocked":true,"exception":{"type":"x"}}]}"#,
        r#"{"acknowledged":true,"shards_acknowledged":true,"indices":[{"name":"a","blocked":true}]}"#,
        r#"{"acknowledged":true,"shards_acknowledged":false,"indices":[]}"#,
    ];
    for part in parts {
        let failure = blocking(part).cluster().block_writes(&["a", "b"]).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::NotAcknowledged, "{part}: {failure}");
        assert!(failure.outcome_unknown(), "{part}");
    }
}
