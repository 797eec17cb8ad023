//! Planned faults on the pocket cluster, before and after the effect: what the client says, and what is then true.

use lockstep_elastic::{
    AliasAction, BulkBody, Cluster, Connection, Created, Expect, IndexName, Key, Put, RetryBounds,
    Version, WriteReport,
};
use lockstep_pocket::{Fault, FaultKind, Options, Pocket};
use serde_json::value::RawValue;
use serde_json::{Map, json};

/// A pocket cluster with the index `i`, and a client that does not wait long.
async fn pocket() -> (Pocket, Cluster) {
    let pocket = Pocket::start(Options::default()).await.unwrap();
    let retry = RetryBounds {
        attempts_max: 4,
        wait_first: std::time::Duration::from_millis(1),
        ..RetryBounds::default()
    };
    let connection = Connection::parse(pocket.url()).unwrap().with_retry(retry);
    let cluster = Cluster::new(connection).unwrap();
    let created = cluster.create_index("i", &json!({})).await.unwrap();
    assert!(matches!(created, Created::Created { .. }));
    (pocket, cluster)
}

fn add(alias: &str) -> [AliasAction; 1] {
    let (index, alias) = ("i".to_owned(), alias.to_owned());
    [AliasAction::Add { index, alias, properties: Map::new() }]
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[tokio::test]
async fn a_change_with_a_lost_answer_is_unknown_whether_it_happened_or_not() {
    let (pocket, cluster) = pocket().await;
    pocket.plan_fault(Fault::new("/_aliases", FaultKind::Disconnect));
    let failure = cluster.change_aliases(&add("before")).await.unwrap_err();
    assert!(failure.outcome_unknown(), "{failure}");
    pocket.plan_fault(Fault::new("/_aliases", FaultKind::Disconnect).after());
    let failure = cluster.change_aliases(&add("after")).await.unwrap_err();
    assert!(failure.outcome_unknown(), "{failure}");
    assert_eq!(pocket.pending_faults(), [], "both fired, and nothing was sent twice");
    let table = cluster.aliases().await.unwrap();
    assert_eq!(table["i"].keys().collect::<Vec<_>>(), ["after"]);
    pocket.stop().await;
}

#[tokio::test]
async fn a_conditional_write_with_a_lost_answer_is_settled_by_reading() {
    let (pocket, cluster) = pocket().await;
    for (id, fault) in [
        ("before", Fault::new("/i/*", FaultKind::Disconnect).on("PUT")),
        ("after", Fault::new("/i/*", FaultKind::Disconnect).on("PUT").after()),
    ] {
        pocket.plan_fault(fault);
        let put = cluster.put_document("i", id, &raw("{}"), Expect::Absent).await;
        assert!(put.unwrap_err().outcome_unknown());
        let is_there = cluster.document("i", id).await.unwrap().is_some();
        assert_eq!(is_there, id == "after");
        let again = cluster.put_document("i", id, &raw("{}"), Expect::Absent).await.unwrap();
        assert_eq!(again == Put::Conflict, id == "after");
    }
    pocket.stop().await;
}

#[tokio::test]
async fn documents_arrive_once_through_every_fault() {
    let refused = |moment: fn(Fault) -> Fault, kind| moment(Fault::new("/_bulk", kind));
    let rejected = "es_rejected_execution_exception".to_owned();
    let faults = [
        refused(|fault| fault, FaultKind::Disconnect),
        refused(Fault::after, FaultKind::Disconnect),
        refused(|fault| fault, FaultKind::Status { status: 429, error_type: rejected.clone() }),
        refused(
            Fault::after,
            FaultKind::Status { status: 503, error_type: "timeout_exception".to_owned() },
        ),
        refused(
            |fault| fault,
            FaultKind::PartialBulk { items: 3, status: 429, error_type: rejected },
        ),
    ];
    for fault in faults {
        let (pocket, cluster) = pocket().await;
        pocket.plan_fault(fault.clone().times(2));
        let name = IndexName::parse("i").unwrap();
        let mut body = BulkBody::default();
        for number in 0..20 {
            let id = number.to_string();
            body.index(&name, Key::of(&id), Version::AtLeast(7), b"{}").unwrap();
        }
        let report = cluster.write_all(body).await.unwrap();
        let WriteReport { done_count, newer_count, poison, .. } = report;
        assert_eq!((done_count + newer_count, poison), (20, Vec::new()), "{fault:?}");
        assert_eq!(pocket.pending_faults(), [], "{fault:?}");
        cluster.refresh(&["i"]).await.unwrap();
        assert_eq!(cluster.count("i").await.unwrap(), 20, "{fault:?}");
        let page = cluster.documents("i", &["3", "19"]).await.unwrap();
        assert!(page.hits().all(|hit| hit.version == 7), "{fault:?}");
        pocket.stop().await;
    }
}

#[tokio::test]
async fn a_delete_whose_answer_was_lost_is_done_and_never_hits_another_index() {
    let (pocket, cluster) = pocket().await;
    let uuid = cluster.index_uuid("i").await.unwrap().unwrap();
    pocket.plan_fault(Fault::new("/i", FaultKind::Disconnect).on("DELETE").after());
    let deleted = cluster.delete_index("i", &uuid).await.unwrap();
    assert_eq!(deleted, lockstep_elastic::Deleted::Deleted);
    assert!(cluster.index("i").await.unwrap().is_none());
    pocket.stop().await;
}
