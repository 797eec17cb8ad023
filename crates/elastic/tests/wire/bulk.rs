//! Writing documents: repeating what may be repeated, cutting what is too large, naming what can't be written.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lockstep_elastic::{BulkBody, Class, FailureKind, IndexName, Key, Version};
use serde_json::{Value, json};

use crate::server::{Reply, Seen, Server};

/// A body with the documents `0` to `count`.
fn body(count: usize) -> BulkBody {
    let name = IndexName::parse("i").unwrap();
    let mut body = BulkBody::default();
    for number in 0..count {
        let id = number.to_string();
        let source = format!(r#"{{"n":{number}}}"#);
        body.index(&name, Key::of(&id), Version::AtLeast(1), source.as_bytes()).unwrap();
    }
    body
}

/// The ids in a body, which also checks that each item is whole.
fn ids(seen: &Seen) -> Vec<String> {
    let text = seen.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let id = |pair: &[Value]| {
        let id = pair[0]["index"]["_id"].as_str().unwrap().to_owned();
        assert_eq!(pair[1]["n"].to_string(), id);
        id
    };
    lines.chunks(2).map(id).collect()
}

/// An answer that gives each item the status and type that `outcome` says.
fn answer(seen: &Seen, mut outcome: impl FnMut(&str) -> (u16, &'static str)) -> Reply {
    let mut has_errors = false;
    let items: Vec<Value> = ids(seen)
        .iter()
        .map(|id| {
            let (status, error_type) = outcome(id);
            if error_type.is_empty() {
                return json!({"index": {"_id": id, "status": status}});
            }
            has_errors = true;
            let error = json!({"type": error_type, "reason": "because"});
            json!({"index": {"_id": id, "status": status, "error": error}})
        })
        .collect();
    Reply::json(200, &json!({"took": 1, "errors": has_errors, "items": items}).to_string())
}

#[tokio::test]
async fn only_the_items_that_may_be_repeated_are_sent_again() {
    let mut tries: BTreeMap<String, u32> = BTreeMap::new();
    let server = Server::start(move |seen| {
        answer(seen, |id| {
            let count = tries.entry(id.to_owned()).or_default();
            *count += 1;
            match (id, *count) {
                ("2", 1..=2) => (429, "es_rejected_execution_exception"),
                ("4", 1) => (503, "unavailable_shards_exception"),
                ("5", _) => (409, "version_conflict_engine_exception"),
                ("6", _) => (400, "mapper_parsing_exception"),
                _ => (201, ""),
            }
        })
    });
    let pushed_back = AtomicU32::new(0);
    let on_push_back = || {
        pushed_back.fetch_add(1, Ordering::Relaxed);
    };
    let report = server.cluster().write_all_telling(body(8), &on_push_back).await.unwrap();
    assert_eq!((report.done_count, report.newer_count, report.poison.len()), (6, 1, 1));
    assert_eq!((report.repeated_count, report.back_off_count), (3, 2));
    assert_eq!(pushed_back.into_inner(), 2, "each was told");
    let poison = &report.poison[0];
    assert_eq!((poison.item.id.as_str(), poison.item.index.as_str()), ("6", "i"));
    assert_eq!((poison.rejection.status, poison.rejection.reason.as_str()), (400, "because"));
    let sent: Vec<Vec<String>> = server.seen().iter().map(ids).collect();
    assert_eq!(sent.len(), 3);
    assert_eq!(
        (sent[1].as_slice(), sent[2].as_slice()),
        (["2", "4"].map(String::from).as_slice(), ["2"].map(String::from).as_slice())
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_cut_until_it_fits() {
    let server = Server::start(|seen| {
        if seen.body.len() > 300 { Reply::json(413, "") } else { answer(seen, |_| (201, "")) }
    });
    let report = server.cluster().write_all(body(20)).await.unwrap();
    assert_eq!((report.done_count, report.poison.len()), (20, 0));
    assert!(report.split_count >= 7, "{report:?}");
    let written: Vec<String> =
        server.seen().iter().filter(|seen| seen.body.len() <= 300).flat_map(ids).collect();
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(written, expected, "each once, in order");
}

#[tokio::test]
async fn a_single_document_that_is_too_large_is_poison() {
    let server = Server::start(|seen| {
        if ids(seen).contains(&"2".to_owned()) {
            Reply::json(413, "")
        } else {
            answer(seen, |_| (201, ""))
        }
    });
    let report = server.cluster().write_all(body(4)).await.unwrap();
    assert_eq!((report.done_count, report.poison.len()), (3, 1));
    assert_eq!((report.poison[0].item.id.as_str(), report.poison[0].rejection.status), ("2", 413));
}

#[tokio::test]
async fn a_lost_answer_is_followed_by_the_whole_body_again() {
    for trouble in
        [|| Reply::Hang, || Reply::Cut(200), || Reply::Silence(Duration::from_millis(1_200))]
    {
        let mut count = 0;
        let server = Server::start(move |seen| {
            count += 1;
            if count == 1 { trouble() } else { answer(seen, |_| (200, "")) }
        });
        let report = server.cluster().write_all(body(3)).await.unwrap();
        assert_eq!((report.done_count, report.repeated_count), (3, 3));
        let seen = server.seen();
        assert_eq!((seen.len(), &seen[0].body), (2, &seen[1].body));
    }
}

#[tokio::test]
async fn items_that_are_always_refused_end_in_a_failure_within_the_bounds() {
    let server = Server::start(|seen| {
        answer(seen, |id| match id {
            "1" => (429, "rejected_execution_exception"),
            _ => (201, ""),
        })
    });
    let failure = server.cluster().write_all(body(3)).await.unwrap_err();
    assert_eq!((failure.kind(), failure.class()), (FailureKind::ItemsRefused, Class::BackOff));
    assert_eq!((failure.attempt_count(), server.seen().len()), (4, 4));
    assert!(failure.reason().contains("1 items"), "{failure}");
}

#[tokio::test]
async fn an_item_that_needs_an_operator_stops_at_once() {
    let cases = [
        (429, "cluster_block_exception"),
        (403, "cluster_block_exception"),
        (404, "index_not_found_exception"),
        (400, "index_closed_exception"),
        (403, "security_exception"),
    ];
    for (status, error_type) in cases {
        let server = Server::start(move |seen| answer(seen, |_| (status, error_type)));
        let failure = server.cluster().write_all(body(2)).await.unwrap_err();
        assert_eq!(failure.class(), Class::Operator, "{failure}");
        assert_eq!((failure.status(), failure.error_type()), (Some(status), Some(error_type)));
        assert!(failure.reason().contains("i/0"), "{failure}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_body_that_the_cluster_refuses_whole_is_a_failure() {
    let server = Server::start(|_| {
        Reply::json(400, r#"{"error":{"type":"illegal_argument_exception","reason":"line 3"}}"#)
    });
    let failure = server.cluster().write_all(body(2)).await.unwrap_err();
    assert_eq!((failure.status(), server.seen().len()), (Some(400), 1));
}

#[tokio::test]
async fn an_empty_body_is_not_sent() {
    let server = Server::start(|_| Reply::Hang);
    let report = server.cluster().write_all(BulkBody::default()).await.unwrap();
    assert_eq!((report, server.seen().len()), (lockstep_elastic::WriteReport::default(), 0));
}

#[tokio::test]
async fn one_plain_bulk_call_is_sent_once_when_its_answer_is_lost() {
    let server = Server::start(|_| Reply::Hang);
    let failure = server.cluster().bulk(body(2).into_bytes(), 2).await.unwrap_err();
    assert!(failure.outcome_unknown());
    assert_eq!(server.seen().len(), 1);
}
