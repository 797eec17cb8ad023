//! Traffic on a cluster that is left alone, is upgraded in a slow and obvious way, or is damaged behind the traffic's back.

use std::fmt::Write as _;

use lockstep_pocket::{Fault, FaultKind, FaultMoment, Options, Pocket};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    history::State,
    operation::{Kind, Operation},
    place::{Place, TRAFFIC_FIRST},
    *,
};
use crate::{
    application::{alias_name, index_name},
    check::tests::{bulk, new_set, send},
    seed,
};

const TENANTS: [&str; 2] = ["acme", "borealis"];

/// A pocket cluster with some 4,000 documents of two tenants, and what was seeded.
async fn seeded() -> (Pocket, Cluster, TrafficOptions) {
    let pocket = Pocket::start(Options::default()).await.unwrap();
    let options = SeedOptions { tenants: 2, documents: 4000, seed: 11 };
    seed(pocket.url(), &options).await.unwrap();
    let cluster = Cluster::new(pocket.url()).unwrap();
    (pocket, cluster, TrafficOptions::new(options))
}

/// Runs traffic for a while.
async fn traffic(pocket: &Pocket, options: TrafficOptions, time: Duration) -> Ledger {
    let traffic = Traffic::start(pocket.url(), options).await.unwrap();
    sleep(time).await;
    traffic.stop().await.unwrap()
}

async fn checked(pocket: &Pocket, ledger: &Ledger, live: Release) -> TrafficReport {
    check_traffic(pocket.url(), ledger, live, 20).await.unwrap()
}

/// lost, resurrected, differing, extra
fn numbers(report: &TrafficReport) -> (u64, u64, u64, u64) {
    (report.lost, report.resurrected, report.differing, report.extra)
}

/// A document of a tenant's index that traffic left in a state of this kind.
fn place_of(ledger: &Ledger, index: &str, is: impl Fn(State) -> bool) -> Place {
    let slots = ledger.slots.all().map(|(slot, _)| slot);
    slots
        .filter(|slot| ledger.slots.index(*slot, Release::V1_0) == index)
        .flat_map(|slot| ledger.histories(slot))
        .find(|(_, history)| is(history.settled()))
        .unwrap()
        .0
}

/// Carries out an operation that the ledger never hears of.
async fn behind_its_back(cluster: &Cluster, ledger: &Ledger, operation: Operation) {
    let mut body = String::new();
    operation.append(&mut body, &ledger.slots, Release::V1_0).unwrap();
    bulk(cluster, &ledger.slots.index(operation.place.slot, Release::V1_0), body).await;
}

#[tokio::test]
async fn traffic_that_nothing_happens_to_is_all_there() {
    let (pocket, _, options) = seeded().await;
    let ledger = traffic(&pocket, options, Duration::from_millis(1500)).await;
    let counts = ledger.counts();
    assert!(counts.inserts > 100 && counts.updates > 100 && counts.deletes > 50, "{counts:?}");
    // What a busy machine does in a debug build; 1,500 are aimed at.
    assert!(counts.operations_per_second() > 200, "{counts:?}");
    assert!(counts.observations > 10, "{counts:?}");
    assert_eq!((counts.refused_writes, counts.unanswered_writes), (0, 0));
    let report = checked(&pocket, &ledger, Release::V1_0).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.documents, 4000 + counts.inserts - counts.deletes);
    assert_eq!(report.operations, counts.operations());
    // It goes on with the ledger, and knows what it did before.
    let traffic = Traffic::resume(pocket.url(), ledger).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    assert!(traffic.counts().operations() > counts.operations());
    let ledger = traffic.stop().await.unwrap();
    let report = checked(&pocket, &ledger, Release::V1_0).await;
    assert!(report.is_clean() && report.operations > counts.operations(), "{report:#?}");
    pocket.stop().await;
}

#[tokio::test]
async fn every_damage_behind_its_back_is_seen() {
    let (pocket, cluster, options) = seeded().await;
    let ledger = traffic(&pocket, options, Duration::from_millis(1500)).await;
    let written = |state| matches!(state, State::Written { version: 1.., .. });

    let lost = place_of(&ledger, "acme-order-v1.0", written);
    let delete = Operation { place: lost, kind: Kind::Delete, version: 0 };
    behind_its_back(&cluster, &ledger, delete).await;
    assert_eq!(numbers(&checked(&pocket, &ledger, Release::V1_0).await), (1, 0, 0, 0));

    let deleted = place_of(&ledger, "borealis-note-v1.0", |state| state == State::Absent);
    let insert = Operation { place: deleted, kind: Kind::Insert, version: 0 };
    behind_its_back(&cluster, &ledger, insert).await;
    assert_eq!(numbers(&checked(&pocket, &ledger, Release::V1_0).await), (1, 1, 0, 0));

    // A content that was never written, and one that was written before the last.
    let changed = place_of(&ledger, "acme-profile-v1.0", written);
    for (version, wanted) in [(77, (1, 1, 1, 0)), (0, (2, 1, 0, 0))] {
        let update = Operation { place: changed, kind: Kind::Update, version };
        behind_its_back(&cluster, &ledger, update).await;
        assert_eq!(numbers(&checked(&pocket, &ledger, Release::V1_0).await), wanted);
    }

    // A seeded document that nobody touched, one that seeding deleted, and one that nobody wrote.
    let line = "{\"index\":{\"_id\":\"audit-0000001\"}}\n{\"detail\":{\"lost\":1}}\n\
                {\"index\":{\"_id\":\"gone-5\"}}\n{}\n{\"index\":{\"_id\":\"new\"}}\n{}\n";
    bulk(&cluster, "borealis-visit-v1.0", line.replace("audit", "visit")).await;
    let report = checked(&pocket, &ledger, Release::V1_0).await;
    assert_eq!(numbers(&report), (2, 2, 1, 1), "{report:#?}");
    assert_eq!((report.examples.len(), &report.problems), (6, &Vec::new()));
    assert!(!report.is_clean());
    let differing = report.examples.iter().find(|at| at.id == "visit-0000001").unwrap();
    assert_eq!(differing.verdict, TrafficVerdict::Differing);
    assert!(differing.fields.iter().any(|line| line.starts_with("detail: expected nothing")));

    let moved =
        json!({"actions": [{"remove": {"index": "acme-order-v1.0", "alias": "acme-order"}}]});
    send(&cluster, Method::POST, "_aliases", moved).await;
    send(&cluster, Method::DELETE, "acme-audit-v1.0", Value::Null).await;
    let report = checked(&pocket, &ledger, Release::V1_0).await;
    let problems = report.problems.join("; ");
    assert!(problems.contains("index acme-audit-v1.0 of the live set is missing"), "{problems}");
    assert!(problems.contains("alias acme-order must point at"), "{problems}");
    assert!(report.lost > 50, "{report:#?}");
    pocket.stop().await;
}

async fn block(cluster: &Cluster, version: &str, on: bool) {
    for tenant in TENANTS {
        let path = format!("{tenant}-*-v{version}*/_settings");
        send(cluster, Method::PUT, &path, json!({"index": {"blocks.write": on}})).await;
    }
}

#[tokio::test]
async fn writers_follow_the_aliases_there_and_back() {
    let (pocket, cluster, options) = seeded().await;
    let traffic = Traffic::start(pocket.url(), options).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    block(&cluster, "1.0", true).await;
    let mut actions = Vec::new();
    for tenant in TENANTS {
        actions.extend(new_set(&cluster, tenant).await);
    }
    let before = traffic.counts().operations();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(traffic.counts().operations(), before, "everything is blocked");
    send(&cluster, Method::POST, "_aliases", json!({"actions": actions})).await;
    sleep(Duration::from_millis(700)).await;
    assert!(traffic.counts().operations() > before + 100, "{:?}", traffic.counts());
    let ledger = traffic.stop().await.unwrap();
    let counts = ledger.counts();
    assert!(counts.refused_writes > 0 && counts.longest_wait_ms >= 100, "{counts:?}");
    let report = checked(&pocket, &ledger, Release::V2_0).await;
    assert!(report.is_clean(), "{report:#?}");

    block(&cluster, "2.0", true).await;
    take_back(&cluster, &ledger).await;
    let actions: Vec<Value> = TENANTS.iter().flat_map(|tenant| back(tenant)).collect();
    let back = json!({"actions": actions});
    let traffic = Traffic::resume(pocket.url(), ledger).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    block(&cluster, "1.0", false).await;
    send(&cluster, Method::POST, "_aliases", back).await;
    sleep(Duration::from_millis(300)).await;
    let ledger = traffic.stop().await.unwrap();
    assert!(ledger.counts().operations() > counts.operations(), "{:?}", ledger.counts());
    let mut report = checked(&pocket, &ledger, Release::V1_0).await;
    // Templates of the new set and of the old one are both there; nobody minds.
    report.problems.retain(|problem| !problem.contains("template"));
    assert!(report.is_clean(), "{report:#?}");
    pocket.stop().await;
}

/// Writes what was done in 2.0 into the old set, as the application wants it there.
async fn take_back(cluster: &Cluster, ledger: &Ledger) {
    block(cluster, "1.0", false).await;
    for (slot, _) in ledger.slots.all() {
        let mut lines = String::new();
        for (place, history) in ledger.histories(slot) {
            let state = history.settled();
            if matches!(state, State::Written { form: Release::V1_0, .. }) {
                continue;
            }
            let operation = Operation { place, kind: Kind::Delete, version: 0 };
            let mut line = String::new();
            operation.append(&mut line, &ledger.slots, Release::V1_0).unwrap();
            if let Some(content) = ledger.slots.content(place, state, Release::V1_0).unwrap() {
                line = line.replacen("{\"delete\"", "{\"index\"", 1);
                writeln!(line, "{content}").unwrap();
            }
            lines.push_str(&line);
        }
        if !lines.is_empty() {
            bulk(cluster, &ledger.slots.index(slot, Release::V1_0), lines).await;
        }
    }
    block(cluster, "1.0", true).await;
}

/// The alias actions of the way back.
fn back(tenant: &str) -> Vec<Value> {
    let change = |verb: &str, release: Release| -> Vec<Value> {
        let mut actions = Vec::new();
        for index in release.indices() {
            for part in index.partitions() {
                let mut action =
                    if verb == "add" { index.alias_properties(part) } else { json!({}) };
                action["index"] = json!(index_name(tenant, index.name, release, part));
                action["alias"] = json!(alias_name(tenant, index.name));
                actions.push(json!({verb: action}));
            }
        }
        actions
    };
    [change("remove", Release::V2_0), change("add", Release::V1_0)].concat()
}

#[tokio::test]
async fn tenants_that_move_one_by_one_are_seen_apart() {
    let (pocket, cluster, mut options) = seeded().await;
    options.tenants = 1;
    options.operations_per_second = 100;
    let traffic = Traffic::start(pocket.url(), options).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    block(&cluster, "1.0", true).await;
    for tenant in TENANTS {
        let actions = new_set(&cluster, tenant).await;
        send(&cluster, Method::POST, "_aliases", json!({"actions": actions})).await;
        sleep(Duration::from_millis(100)).await;
    }
    let ledger = traffic.stop().await.unwrap();
    let report = checked(&pocket, &ledger, Release::V2_0).await;
    assert_eq!(numbers(&report), (0, 0, 0, 0), "{report:#?}");
    assert!(report.split_observations > 0 && report.split_observations < report.observations);
    assert_eq!(report.problems[0], "tenants were apart: acme on 2.0, borealis on 1.0");
    assert!(!report.is_clean());
    pocket.stop().await;
}

#[tokio::test]
async fn lost_answers_and_busy_clusters_lose_nothing() {
    let (pocket, _, options) = seeded().await;
    let fault = |nth: u32, moment: FaultMoment, kind: FaultKind| Fault {
        method: None,
        path: "/_bulk".to_owned(),
        nth,
        times: 2,
        moment,
        kind,
    };
    let status = |status: u16, error_type: &str| {
        let error_type = error_type.to_owned();
        FaultKind::Status { status, error_type }
    };
    let busy = "es_rejected_execution_exception".to_owned();
    pocket.plan_fault(fault(2, FaultMoment::After, FaultKind::Disconnect));
    pocket.plan_fault(fault(3, FaultMoment::Before, FaultKind::Disconnect));
    pocket.plan_fault(fault(4, FaultMoment::Before, status(429, &busy)));
    pocket.plan_fault(fault(6, FaultMoment::After, status(503, "unavailable_shards_exception")));
    let some = FaultKind::PartialBulk { items: 3, status: 429, error_type: busy };
    pocket.plan_fault(fault(8, FaultMoment::Before, some));
    let ledger = traffic(&pocket, options, Duration::from_secs(1)).await;
    assert_eq!(pocket.pending_faults().len(), 0);
    let counts = ledger.counts();
    assert!(counts.unanswered_writes >= 10 && counts.refused_writes >= 10, "{counts:?}");
    let report = checked(&pocket, &ledger, Release::V1_0).await;
    assert!(report.is_clean(), "{report:#?}");
    pocket.stop().await;
}

#[tokio::test]
async fn a_write_that_never_gets_an_answer_may_be_there_or_not() {
    for moment in [FaultMoment::Before, FaultMoment::After] {
        let (pocket, _, options) = seeded().await;
        pocket.plan_fault(Fault {
            method: None,
            path: "/_bulk".to_owned(),
            nth: 10,
            times: u32::MAX,
            moment,
            kind: FaultKind::Disconnect,
        });
        let ledger = traffic(&pocket, options, Duration::from_millis(500)).await;
        pocket.clear_faults();
        assert!(ledger.counts().unanswered_writes > 4, "{:?}", ledger.counts());
        let report = checked(&pocket, &ledger, Release::V1_0).await;
        assert!(report.is_clean(), "{moment:?} {report:#?}");
        pocket.stop().await;
    }
}

#[tokio::test]
async fn a_writer_sees_that_a_document_is_gone_or_is_back() {
    let (pocket, cluster, options) = seeded().await;
    let slots = Slots::new(&options.seed, 2);
    let (slot, share) = slots
        .all()
        .find(|(slot, _)| slots.index(*slot, Release::V1_0) == "acme-audit-v1.0")
        .unwrap();
    let mut body = String::new();
    for number in 0..share.count {
        let place = Place { slot, number };
        let delete = Operation { place, kind: Kind::Delete, version: 0 };
        delete.append(&mut body, &slots, Release::V1_0).unwrap();
    }
    bulk(&cluster, "acme-audit-v1.0", body).await;
    let ledger = traffic(&pocket, options, Duration::from_millis(800)).await;
    let report = checked(&pocket, &ledger, Release::V1_0).await;
    assert!(report.lost > 10, "{report:#?}");
    let told = "in acme-audit-v1.0 was not there when";
    assert!(report.problems.iter().any(|problem| problem.contains(told)), "{report:#?}");
    pocket.stop().await;
}

#[tokio::test]
async fn it_stops_when_everything_is_blocked_or_the_cluster_is_gone() {
    let (pocket, cluster, options) = seeded().await;
    let traffic = Traffic::start(pocket.url(), options.clone()).await.unwrap();
    sleep(Duration::from_millis(200)).await;
    block(&cluster, "1.0", true).await;
    sleep(Duration::from_millis(200)).await;
    let ledger = traffic.stop().await.unwrap();
    block(&cluster, "1.0", false).await;
    let report = checked(&pocket, &ledger, Release::V1_0).await;
    assert!(report.is_clean() && report.refused_writes > 0, "{report:#?}");
    let traffic = Traffic::resume(pocket.url(), ledger).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    pocket.stop().await;
    sleep(Duration::from_millis(300)).await;
    let ledger = traffic.stop().await.unwrap();
    assert!(ledger.counts().unanswered_writes > 0);
}

#[tokio::test]
async fn a_document_that_is_refused_for_good_is_an_error() {
    let (pocket, _, options) = seeded().await;
    let error_type = "mapper_parsing_exception".to_owned();
    let kind = FaultKind::PartialBulk { items: 0, status: 400, error_type };
    pocket.plan_fault(Fault {
        method: None,
        path: "/_bulk".to_owned(),
        nth: 3,
        times: 1,
        moment: FaultMoment::Before,
        kind,
    });
    let traffic = Traffic::start(pocket.url(), options).await.unwrap();
    sleep(Duration::from_millis(400)).await;
    let error = traffic.stop().await.unwrap_err();
    assert!(error.to_string().contains("400 mapper_parsing_exception"), "{error}");
    pocket.stop().await;
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let (pocket, _, options) = seeded().await;
    for (change, told) in [
        (TrafficOptions { tenants: 3, ..options.clone() }, "1 to 2 tenants"),
        (TrafficOptions { writers: 0, ..options.clone() }, "1 to 64 writers"),
        (TrafficOptions { operations_per_second: 0, ..options.clone() }, "operations per second"),
        (TrafficOptions::new(SeedOptions { tenants: 3, ..options.seed }), "cobalt on nothing"),
    ] {
        let error = Traffic::start(pocket.url(), change).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    pocket.stop().await;
    assert!(TRAFFIC_FIRST > u64::from(u32::MAX));
}
