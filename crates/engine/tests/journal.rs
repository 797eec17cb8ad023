//! The journal's stored form. Every form that was ever written stays readable; the newest is written as it stands in
//! `golden/journal`.

use std::collections::BTreeMap;

use lockstep_core::{
    deploy::state::DeployState,
    health::{Baseline, Verdict, counters::Counted},
    run::{
        crew::Holder,
        quarantine::{Entry, EntryEnding, EntryState, RejectedBy, key},
        retire::Counters,
        state::{BadDocument, Problem, RunState, Stage},
        task::{Cursor, Tally, Task},
    },
};
use lockstep_elastic::CopyRule;
use lockstep_engine::journal::{
    ApplicationRecord, ArchiveRecord, ArchiveReference, DeliveryRecord, DeployRecord, FlowRecord,
    GuardRecord, LeaseRecord, LeaseRequestRecord, NotedUsage, OrdersRecord, OriginalRecord,
    PairTerms, PositionRecord, PreviewRecord, ReceiptRecord, ReceiptState, Record, RejectedBack,
    ReturnIndex, ReturnRecord, RoundRecord, RunRecord, SetRecord, SnapshotRecord,
    SnapshotReference, SwitchRecord, TaskRecord, UsageRecord, VerdictRecord,
};

/// Reads the golden record, and asserts that it is what is written today.
fn check<R: Record + PartialEq + std::fmt::Debug>(golden: &str, record: &R) {
    let read: R = serde_json::from_str(golden).expect("the golden record can be read");
    assert_eq!(&read, record);
    let written = serde_json::to_string_pretty(record).expect("a record can be written");
    assert_eq!(golden.trim_end(), written);
}

fn run(state: RunState) -> RunRecord {
    RunRecord {
        id: "0190f".to_owned(),
        plan_digest: "d1".to_owned(),
        state,
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        changed_at: "2026-01-02T03:05:05Z".to_owned(),
        driver: 3,
        switch: None,
        back: None,
    }
}

#[test]
fn application() {
    let record = ApplicationRecord {
        live: Some("0.8.0".parse().unwrap()),
        run: None,
        last_run: Some("0190f".to_owned()),
        data_parts: None,
    };
    check(include_str!("golden/journal/application-1.json"), &record);
    let record = ApplicationRecord { data_parts: Some(3), ..record };
    check(include_str!("golden/journal/application-data-parts-1.json"), &record);
}

#[test]
fn deploy() {
    let mut record = DeployRecord {
        id: "0190f".to_owned(),
        how: "compose".to_owned(),
        from: "1.0".parse().unwrap(),
        to: "2.0".parse().unwrap(),
        from_tag: "v1.0".to_owned(),
        to_tag: "v2.0".to_owned(),
        is_major: true,
        run: None,
        state: DeployState::Waiting,
        before: None,
        heard: Vec::new(),
        counted_before: BTreeMap::new(),
        after: None,
        counted_after: BTreeMap::new(),
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        changed_at: "2026-01-02T03:05:05Z".to_owned(),
    };
    check(include_str!("golden/journal/deploy-1.json"), &record);
    let verdict = Some(Verdict::Unhealthy { reason: "why".to_owned() });
    record.run = Some("0190e".to_owned());
    record.state = DeployState::Done { verdict };
    record.before = Some(Baseline { good: 3, bad: 0, unknown: 1 });
    record.heard = vec!["http://h/".to_owned()];
    record.after = Some(Baseline { good: 0, bad: 3, unknown: 0 });
    check(include_str!("golden/journal/deploy-done-1.json"), &record);
    let mut counted = record.clone();
    let name = || "b of a at http://h/".to_owned();
    counted.counted_before = BTreeMap::from([(name(), Counted { errors: 1, total: 100 })]);
    counted.counted_after = BTreeMap::from([(name(), Counted { errors: 9, total: 20 })]);
    check(include_str!("golden/journal/deploy-counted-1.json"), &counted);
    record.state = DeployState::Restored { reason: "why".to_owned() };
    check(include_str!("golden/journal/deploy-restored-1.json"), &record);
}

#[test]
fn halted_run() {
    let document =
        BadDocument { index: "a".to_owned(), id: "1".to_owned(), reason: "why".to_owned() };
    let problem = Problem {
        code: "R0201".to_owned(),
        message: "m".to_owned(),
        hint: "h".to_owned(),
        documents: vec![document],
        document_count: 7,
    };
    let state = RunState::Halted { stage: Stage::Copy, round: 2, problem };
    check(include_str!("golden/journal/run-halted-1.json"), &run(state));
}

#[test]
fn switched_run() {
    let mut record = run(RunState::Switched);
    record.switch = Some(SwitchRecord {
        block_ms: 1,
        watermark_ms: 2,
        carry_ms: 5,
        gate_ms: 6,
        template_ms: 3,
        alias_ms: 4,
    });
    check(include_str!("golden/journal/run-switched-1.json"), &record);
}

#[test]
fn copying_run() {
    check(include_str!("golden/journal/run-copying-1.json"), &run(RunState::Copying { round: 1 }));
}

#[test]
fn round() {
    let record = RoundRecord {
        round: 2,
        ordinal_first: 5,
        task_width: 10_000,
        stretches: vec![(0, 1, 10, 25_000), (3, 0, 0, 0)],
    };
    check(include_str!("golden/journal/round-1.json"), &record);
    // The tasks that a journal means are part of its form.
    let tasks: Vec<_> = record
        .tasks()
        .into_iter()
        .map(|task| (task.ordinal, task.index, task.shard, task.first, task.last))
        .collect();
    let expected = [
        (5, 0, 1, 10, 10_009),
        (6, 0, 1, 10_010, 20_009),
        (7, 0, 1, 20_010, 25_000),
        (8, 3, 0, 0, 0),
    ];
    assert_eq!(tasks, expected);
}

#[test]
fn preview() {
    let indices = vec!["acme-order-v2.0".to_owned()];
    let record = PreviewRecord { aliases: [("try-acme-order".to_owned(), indices)].into() };
    check(include_str!("golden/journal/preview-1.json"), &record);
}

#[test]
fn delivery() {
    let record = DeliveryRecord { logs: vec![(0, 12_000, 11_000), (4, -1, -1)], epoch: 0 };
    check(include_str!("golden/journal/delivery-1.json"), &record);
    check(
        include_str!("golden/journal/delivery-anew-1.json"),
        &DeliveryRecord { epoch: 7, ..record.clone() },
    );
    assert_eq!((record.of(4), record.of(1)), (Some((-1, -1)), None));
}

#[test]
fn task() {
    let tally = Tally { read: 5, written: 3, newer: 1, rejected: 1, unkept: 0, bytes: 99 };
    let document =
        BadDocument { index: "a".to_owned(), id: "1".to_owned(), reason: "why".to_owned() };
    let task = Task {
        ordinal: 5,
        round: 2,
        index: 0,
        shard: 1,
        first: 10,
        last: 10_009,
        cursor: Cursor::Next(500),
        tally,
        rejected: vec![document],
    };
    let unheld: TaskRecord =
        serde_json::from_str(include_str!("golden/journal/task-1.json")).unwrap();
    assert_eq!(unheld, TaskRecord { task: task.clone(), holder: None });
    // What was written before there was a quarantine has no other sign of documents that nobody keeps.
    assert!(task.has_unkept());
    let holder = Some(Holder { place: 3, number: 7 });
    check(include_str!("golden/journal/task-held-1.json"), &TaskRecord { task, holder });
}

#[test]
fn task_with_documents_that_nobody_keeps() {
    let tally = Tally { read: 5, written: 3, newer: 1, rejected: 1, unkept: 1, bytes: 99 };
    let task = Task {
        ordinal: 5,
        round: 2,
        index: 0,
        shard: 1,
        first: 10,
        last: 10_009,
        cursor: Cursor::Done,
        tally,
        rejected: Vec::new(),
    };
    assert!(task.has_unkept());
    check(include_str!("golden/journal/task-2.json"), &TaskRecord { task, holder: None });
}

fn entry(state: EntryState) -> Entry {
    Entry {
        key: key("0190f", "a", "1", Some("r")),
        run: "0190f".to_owned(),
        index: "a".to_owned(),
        index_uuid: "u1".to_owned(),
        document: "1".to_owned(),
        routing: Some("r".to_owned()),
        seq_no: 7,
        bytes: 17,
        rejected_by: RejectedBy::Step {
            code: "T0107".to_owned(),
            operation_number: Some(3),
            operation: Some("cast".to_owned()),
            field: Some("n".to_owned()),
        },
        reason: "why".to_owned(),
        at: "2026-01-02T03:04:05Z".to_owned(),
        state,
    }
}

#[test]
fn entries_of_the_quarantine() {
    check(include_str!("golden/journal/entry-1.json"), &entry(EntryState::Open));
    let (by, at) = ("anna@host".to_owned(), "2026-01-02T03:05:05Z".to_owned());
    let retry = EntryState::Retry { by: by.clone(), at: at.clone() };
    let mut mapped = entry(retry);
    mapped.routing = None;
    mapped.rejected_by = RejectedBy::Mapping { error_type: "mapper_parsing_exception".to_owned() };
    check(include_str!("golden/journal/entry-retry-1.json"), &mapped);
    let mut discarded =
        entry(EntryState::Discarded { reason: "test data".to_owned(), by, at: at.clone() });
    discarded.rejected_by = RejectedBy::Form;
    check(include_str!("golden/journal/entry-discarded-1.json"), &discarded);
    let over = EntryState::Over { ending: EntryEnding::Superseded, at };
    check(include_str!("golden/journal/entry-over-1.json"), &entry(over));
}

#[test]
fn original() {
    let record = OriginalRecord { seq_no: 7, source: "{ \"n\": 1.10 }\n".to_owned() };
    check(include_str!("golden/journal/original-1.json"), &record);
}

#[test]
fn set() {
    let targets = [("b".to_owned(), "u2".to_owned()), ("a".to_owned(), "u1".to_owned())];
    let record = SetRecord { targets: targets.into(), ..SetRecord::default() };
    check(include_str!("golden/journal/set-1.json"), &record);
    let clones = [("a".to_owned(), [(0, 41), (1, -1)].into())].into();
    let cloned = SetRecord { clones, ..record };
    check(include_str!("golden/journal/set-cloned-1.json"), &cloned);
    let by = SetRecord { cloned_by: Some(3), ..cloned };
    check(include_str!("golden/journal/set-cloned-by-1.json"), &by);
}

#[test]
fn verdict() {
    let record = VerdictRecord {
        round: 2,
        documents: 100,
        missing: 1,
        extra: 2,
        differing: 3,
        deleted: 4,
        at: "2026-01-02T03:04:05Z".to_owned(),
    };
    check(include_str!("golden/journal/verdict-1.json"), &record);
}

#[test]
fn position() {
    let record = PositionRecord {
        shards: vec![(0, 0, 99, 80, -1), (0, 1, -1, -1, -1)],
        carried: Tally { read: 7, written: 6, newer: 1, rejected: 0, unkept: 0, bytes: 99 },
        terms: Vec::new(),
        deleted: 2,
        repaired: 1,
    };
    check(include_str!("golden/journal/position-1.json"), &record);
    let terms = vec![PairTerms { position: 0, source: vec![1, 3], target: vec![2] }];
    let record = PositionRecord { terms, ..record };
    check(include_str!("golden/journal/position-compared-1.json"), &record);
}

#[test]
fn way_back() {
    let index = ReturnIndex { position: 2, version_base: 101, shards: vec![(0, 49), (1, 50)] };
    let record = ReturnRecord { indices: vec![index], terms: Vec::new() };
    check(include_str!("golden/journal/return-1.json"), &record);
    let terms = vec![PairTerms { position: 2, source: vec![1], target: vec![4, 5] }];
    check(include_str!("golden/journal/return-terms-1.json"), &ReturnRecord { terms, ..record });
}

#[test]
fn orders() {
    let record =
        OrdersRecord { is_held: true, is_paused: false, documents_per_second_max: Some(500) };
    check(include_str!("golden/journal/orders-1.json"), &record);
}

#[test]
fn what_was_written_before_live_writes_were_followed_is_still_read() {
    let verdict: VerdictRecord = serde_json::from_str(
        r#"{"round":2,"documents":100,"missing":1,"extra":2,"differing":3,"at":"2026-01-02T03:04:05Z"}"#,
    )
    .unwrap();
    assert_eq!((verdict.documents, verdict.deleted), (100, 0));
    let switch: SwitchRecord =
        serde_json::from_str(r#"{"block_ms":1,"watermark_ms":2,"template_ms":3,"alias_ms":4}"#)
            .unwrap();
    assert_eq!((switch.alias_ms, switch.carry_ms, switch.gate_ms), (4, 0, 0));
}

#[test]
fn lease() {
    let record = LeaseRecord {
        owner: "host/1".to_owned(),
        holder: "0190f".to_owned(),
        process: Some("boot/pid:[1]:1:2".to_owned()),
        number: 4,
        beat: 9,
        is_free: false,
        gives_way: true,
    };
    check(include_str!("golden/journal/lease-2.json"), &record);
    let before: LeaseRecord =
        serde_json::from_str(include_str!("golden/journal/lease-1.json")).unwrap();
    assert_eq!(before, LeaseRecord { gives_way: false, ..record });
}

#[test]
fn lease_request() {
    let record = LeaseRequestRecord {
        by: "host/1".to_owned(),
        request: "0190f".to_owned(),
        beat: 3,
        is_over: false,
    };
    check(include_str!("golden/journal/lease-request-1.json"), &record);
}

#[test]
fn guard() {
    let plain = CopyRule { replicas: 1, expansion: None, active_copies: None, allocation: None };
    let odd = CopyRule {
        replicas: 0,
        expansion: Some("0-1".to_owned()),
        active_copies: Some("1".to_owned()),
        allocation: Some("all".to_owned()),
    };
    let rules = [("a".to_owned(), plain), ("b".to_owned(), odd)].into();
    check(include_str!("golden/journal/guard-1.json"), &GuardRecord { rules });
}

#[test]
fn flow() {
    let document =
        BadDocument { index: "a".to_owned(), id: "1".to_owned(), reason: "why".to_owned() };
    let problem = Problem {
        code: "R0703".to_owned(),
        message: "m".to_owned(),
        hint: "h".to_owned(),
        documents: Vec::new(),
        document_count: 0,
    };
    let record = FlowRecord {
        is_open: true,
        rejected: vec![RejectedBack { position: 2, document }],
        stuck: Some(problem),
        deleted: 4,
        at: "2026-01-02T03:04:05Z".to_owned(),
    };
    check(include_str!("golden/journal/flow-1.json"), &record);
}

const AT: &str = "2026-01-02T03:04:05Z";

#[test]
fn usage() {
    let counters = Counters { searches: 5, gets: 2, seq_nos: [(0, 7), (1, -1)].into() };
    let noted = NotedUsage { uuid: "u1".to_owned(), at: AT.to_owned(), counters };
    let record = UsageRecord { indices: [("acme-profile-v1.0".to_owned(), noted)].into() };
    check(include_str!("golden/journal/usage-1.json"), &record);
}

#[test]
fn archives_and_receipts() {
    let archive = ArchiveReference {
        location: "/var/archive/event-store-1.0-0190f".to_owned(),
        blake3: "b3".to_owned(),
    };
    let record = ArchiveRecord { archive: archive.clone(), at: AT.to_owned() };
    check(include_str!("golden/journal/archive-1.json"), &record);
    let receipt = ReceiptRecord {
        run: "0190f".to_owned(),
        index: "acme-profile-v1.0".to_owned(),
        uuid: "u1".to_owned(),
        state: ReceiptState::Deleting,
        documents: 13,
        bytes: 4_777,
        archive: None,
        at: AT.to_owned(),
    };
    check(include_str!("golden/journal/receipt-1.json"), &receipt);
    let state = ReceiptState::Deleted;
    let receipt = ReceiptRecord { state, archive: Some(archive), ..receipt };
    check(include_str!("golden/journal/receipt-archived-1.json"), &receipt);
}

#[test]
fn snapshot() {
    let snapshot = SnapshotReference {
        repository: "nightly".to_owned(),
        name: "lockstep-event-store-1.0-0190f".to_owned(),
    };
    let record = SnapshotRecord { snapshot, is_whole: true, at: AT.to_owned() };
    check(include_str!("golden/journal/snapshot-1.json"), &record);
}
