//! Snapshots of what people read.

mod demo;
mod deploy;
mod quarantine;
mod rehearsal;
mod sample;
mod survey;

mod operations;

use std::time::Duration;

use lockstep_core::{
    compare::Difference,
    pack::model::SwitchMode,
    plan::{
        finding::Finding,
        model::{Plan, UpgradeKind, WayBack},
    },
    run::{
        state::{BadDocument, Problem, RunState, Stage},
        task::Tally,
    },
};
use lockstep_engine::{
    EngineError,
    error::REJECTED_DOCUMENTS,
    journal::{FlowRecord, OrdersRecord, RejectedBack, RunRecord, SwitchRecord, VerdictRecord},
    quarantine::Counts,
    stage::{compare::Verdict, flow_back::WayBackStatus},
    status::{RunStatus, Status, WorkerStatus},
};
use serde_json::json;

use super::{
    Text, plan,
    plan::PlanView,
    problem,
    report::{UpgradeReport, compared, upgraded},
    status,
};
use crate::error::CommandError;

/// The text without its styles, as it stands in a file.
fn plain(text: &Text) -> String {
    anstream::adapter::strip_str(text.as_str()).to_string()
}

fn shown(plan: &Plan, all: bool) -> String {
    plain(&plan::render(plan, PlanView { all, width: None, next: "lockstep upgrade --to 2.0" }))
}

#[test]
fn a_plan_for_few_indices_shows_each() {
    insta::assert_snapshot!(shown(&sample::plan(1), false), @r#"
    shop 1.0 → 2.0
      upgrade    major: 2 steps in one pass, 1.0 → 1.1 → 2.0
      switch     alias: the aliases of all tenants move in one call
      cluster    production (opensearch 2.19.1)
      tenants    1: tenant1

      INDEX    STRATEGY     FROM                      TO                        DOCUMENTS    SIZE  SHARDS
      event    copy         tenant1-event-v1-2026-01  tenant1-event-v2-2026-01     12,345  6.7 MB       2
      event    copy         tenant1-event-v1-2026-02  tenant1-event-v2-2026-02     12,345  6.7 MB       2
      consent  empty        -                         tenant1-consent-v2                0     0 B       2
      visit    left behind  tenant1-visit-v1          -                            12,345  6.7 MB       2

     OPERATIONS
      event      4 operations; way back: 2 operations
                 rename user → customer
                 cast amount to double, or make it null
                 default channel = "web", where it is missing
                 split name at " " into first, last

      copied     24,690 documents, 13.4 MB in 2 indices
      made       3 indices with 6 primary shards, 12 with replicas
      left       1 index with 12,345 documents stay where they are
      aliases    1 in one call
      templates  1, 1 of them there already

    next: lockstep upgrade --to 2.0
    "#);
}

#[test]
fn a_plan_for_many_tenants_puts_together_what_looks_alike() {
    let plan = sample::plan(30);
    insta::assert_snapshot!(shown(&plan, false), @r#"
    shop 1.0 → 2.0
      upgrade    major: 2 steps in one pass, 1.0 → 1.1 → 2.0
      switch     alias: the aliases of all tenants move in one call
      cluster    production (opensearch 2.19.1)
      tenants    30

      INDEX    STRATEGY     FROM                           TO                             TENANTS  INDICES  DOCUMENTS      SIZE  SHARDS
      event    copy         {tenant}-event-v1-{partition}  {tenant}-event-v2-{partition}       30       60    740,700  402.0 MB     120
      consent  empty        -                              {tenant}-consent-v2                 30       30          0       0 B      60
      visit    left behind  {tenant}-visit-v1              -                                   30       30    370,350  201.0 MB      60
      tenants and partitions that look alike stand in one line; --all shows every index

     OPERATIONS
      event      4 operations; way back: 2 operations
                 rename user → customer
                 cast amount to double, or make it null
                 default channel = "web", where it is missing
                 split name at " " into first, last

      copied     740,700 documents, 402.0 MB in 60 indices
      made       90 indices with 180 primary shards, 360 with replicas
      left       30 indices with 370,350 documents stay where they are
      aliases    1 in one call
      templates  1, 1 of them there already

    next: lockstep upgrade --to 2.0
    "#);
    assert_eq!(shown(&plan, true).matches("-event-v2-2026-01").count(), 30);
}

#[test]
fn a_plan_says_of_each_program_whether_anything_leads_back() {
    let mut plan = sample::plan(1);
    let operations = json!([
        {"join": {"fields": ["first", "last"], "separator": " ", "into": "name"}},
    ]);
    plan.programs.insert("audit".to_owned(), Vec::new());
    plan.programs.insert("person".to_owned(), serde_json::from_value(operations).unwrap());
    plan.programs.insert("visit".to_owned(), Vec::new());
    plan.ways_back.insert("audit".to_owned(), WayBack::Program { operations: Vec::new() });
    let step = "1.1".parse().unwrap();
    let reason = "names were cut".to_owned();
    plan.ways_back.insert("person".to_owned(), WayBack::None { step, reason });
    let text = shown(&plan, false);
    let programs = text.lines().skip_while(|line| *line != " OPERATIONS").skip(1);
    let programs: Vec<&str> = programs.take_while(|line| !line.is_empty()).collect();
    insta::assert_snapshot!(programs.join("\n"), @r#"
    audit      as it is; way back: as it is
    event      4 operations; way back: 2 operations
               rename user → customer
               cast amount to double, or make it null
               default channel = "web", where it is missing
               split name at " " into first, last
    person     1 operation; no way back over the step into 1.1
               join first, last with " " into name
    visit      as it is
    "#);
}

#[test]
fn a_refused_plan_tells_refusals_first_and_the_same_thing_once() {
    let mut plan = sample::plan(1);
    plan.kind = UpgradeKind::Minor;
    let closed =
        |index: String| Finding::refuse("F0401", index, "is closed and can't be read", "open it");
    plan.findings = vec![
        Finding::note("F0902", "cluster", "this engine can't check an alias within the alias call"),
        Finding::warn(
            "F0407",
            "a-1",
            "has `index.blocks.write` set already",
            "nothing, if that is meant",
        ),
    ];
    plan.findings.extend((1..=7).map(|number| closed(format!("index-{number}"))));
    insta::assert_snapshot!(shown(&plan, false), @r#"
    shop 1.0 → 2.0
      upgrade    minor: nothing to migrate, only the image changes
      switch     alias: the aliases of all tenants move in one call
      cluster    production (opensearch 2.19.1)
      tenants    1: tenant1

    refused[F0401]: index-1, index-2, index-3, index-4, index-5 and 2 more: is closed and can't be read
      fix: open it
    warning[F0407]: a-1: has `index.blocks.write` set already
      fix: nothing, if that is meant
    note[F0902]: cluster: this engine can't check an alias within the alias call

    next: 7 things forbid this upgrade; mend what is marked `refused` above, then plan again
    "#);
    let error = CommandError::from(EngineError::Refused { plan: Box::new(plan) });
    insta::assert_snapshot!(plain(&problem::render(&error)), @r#"
    refused[F0401]: index-1, index-2, index-3, index-4, index-5 and 2 more: is closed and can't be read
      fix: open it
    warning[F0407]: a-1: has `index.blocks.write` set already
      fix: nothing, if that is meant
    note[F0902]: cluster: this engine can't check an alias within the alias call
    error[F0001]: preflight forbids this upgrade: 7 findings
    hint: each finding above says what to do; nothing was changed
    "#);
}

fn rejected(count: u64) -> Problem {
    let document = |number| BadDocument {
        index: "shop-event".to_owned(),
        id: format!("id-{number}"),
        reason: "`amount` is not a number".to_owned(),
    };
    Problem {
        code: REJECTED_DOCUMENTS.to_owned(),
        message: format!("{count} documents were rejected"),
        hint: "mend them, then run the same command again".to_owned(),
        documents: (0..count.min(100)).map(document).collect(),
        document_count: count,
    }
}

#[test]
fn a_halted_run_names_twenty_documents_and_counts_the_rest() {
    let error = CommandError::from(EngineError::Halted(Box::new(rejected(5_000))));
    let text = plain(&problem::render(&error));
    assert_eq!(text.matches("shop-event id-").count(), problem::DOCUMENTS_IN_ERROR);
    let ends: Vec<&str> = text.lines().take(2).chain(text.lines().skip(20)).collect();
    insta::assert_snapshot!(ends.join("\n"), @r#"
    error[R0201]: 5000 documents were rejected
      shop-event id-0: `amount` is not a number
      shop-event id-19: `amount` is not a number
      and 4,980 more documents
    hint: mend them, then run the same command again
    "#);
}

#[test]
fn an_error_tells_why_and_what_next_and_nothing_twice() {
    let source = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
    let error = CommandError::CertificateFile { path: "ca.pem".into(), source };
    insta::assert_snapshot!(plain(&problem::render(&error)), @r#"
    error[U0002]: can't read the certificates in ca.pem
      because: no such file
    hint: name a file with PEM certificates with --ca
    "#);
    insta::assert_snapshot!(problem::to_json(&error), @r#"
    {"error":{"code":"U0002","message":"can't read the certificates in ca.pem","causes":["no such file"],"hint":"name a file with PEM certificates with --ca"}}
    "#);
}

fn run_status(state: RunState) -> Status {
    let is_under_way = !state.is_final();
    let record = RunRecord {
        id: "0190".to_owned(),
        plan_digest: "d".to_owned(),
        state,
        started_at: "2026-01-01T10:00:00Z".to_owned(),
        changed_at: "2026-01-01T10:00:30Z".to_owned(),
        driver: 3,
        switch: None,
        back: None,
    };
    let run = RunStatus {
        record,
        from: "1.0".to_owned(),
        to: "2.0".to_owned(),
        is_under_way,
        driver: None,
        excluded: Vec::new(),
        tenant_count: 3,
        document_count: 120_000,
        copied: Tally {
            read: 60_000,
            written: 59_990,
            newer: 0,
            rejected: 10,
            unkept: 0,
            bytes: 61_000_000,
        },
        followed: None,
        quarantine: Counts::default(),
        workers: Vec::new(),
        orders: OrdersRecord::default(),
        verdict: None,
        way_back: None,
    };
    Status { application: "shop".to_owned(), live: None, run: Some(run), deploy: None }
}

fn status_text(status: &Status) -> String {
    plain(&status::render(status, "2026-01-01T10:01:45Z".parse().unwrap()))
}

#[test]
fn a_status_tells_who_serves_how_far_and_what_to_type() {
    let (application, live) = ("shop".to_owned(), Some("1.0".to_owned()));
    let none = Status { application, live, run: None, deploy: None };
    insta::assert_snapshot!(status_text(&none), @r#"
    shop
      serves     1.0, reads and writes
      run        none
    next: lockstep plan --to VERSION
    "#);
    insta::assert_snapshot!(status_text(&run_status(RunState::Copying { round: 2 })), @r#"
    shop 1.0 → 2.0: copying
      serves     1.0, reads and writes
      run        0190, copying (round 2) since 1 min 15 s (2026-01-01T10:00:30Z)
      copied     60,000 of 120,000 documents (50 %), 61.0 MB, 3 tenants; 10 rejected
      driver     nobody drives it now
    next: lockstep upgrade --to 2.0, which goes on with it, or lockstep abort
    "#);
    let halted = RunState::Halted { stage: Stage::Copy, round: 1, problem: rejected(2) };
    insta::assert_snapshot!(status_text(&run_status(halted)), @r#"
    shop 1.0 → 2.0: halted
      serves     1.0, reads and writes
      run        0190, halted since 1 min 15 s (2026-01-01T10:00:30Z)
      copied     60,000 of 120,000 documents (50 %), 61.0 MB, 3 tenants; 10 rejected
      driver     nobody drives it now
    problem[R0201]: 2 documents were rejected
      shop-event id-0: `amount` is not a number
      shop-event id-1: `amount` is not a number
    hint: mend them, then run the same command again
    next: lockstep upgrade --to 2.0, or lockstep abort
    "#);
    let mut switched = run_status(RunState::Switched);
    if let Some(run) = &mut switched.run {
        run.quarantine = Counts { open: 2, retry: 1, discarded: 1_200 };
        run.verdict = Some(VerdictRecord {
            round: 2,
            documents: 120_000,
            missing: 0,
            extra: 0,
            differing: 0,
            deleted: 0,
            at: String::new(),
        });
    }
    insta::assert_snapshot!(status_text(&switched), @r#"
    shop 1.0 → 2.0: switched
      serves     2.0, reads and writes
      run        0190, switched since 1 min 15 s (2026-01-01T10:00:30Z)
      copied     60,000 of 120,000 documents (50 %), 61.0 MB, 3 tenants; 10 rejected
      quarantine 2 undecided, 1 to be tried again, 1,200 left out of the new set (lockstep quarantine list)
      verified   120,000 documents equal in both sets (round 2)
    next: start the image of 2.0 if it isn't running yet; lockstep rollback goes back to 1.0, lockstep finalize gives that up
    "#);
}

#[test]
fn a_status_lists_workers_and_how_far_the_way_back_is() {
    let mut copying = run_status(RunState::Copying { round: 1 });
    if let Some(run) = &mut copying.run {
        run.driver = Some("one/7".to_owned());
        let worker =
            |name: &str, tasks, documents| WorkerStatus { name: name.to_owned(), tasks, documents };
        run.workers = vec![worker("one/7", 6, 40_000), worker("two/9", 1, 20_000)];
    }
    insta::assert_snapshot!(status_text(&copying), @r#"
    shop 1.0 → 2.0: copying
      serves     1.0, reads and writes
      run        0190, copying since 1 min 15 s (2026-01-01T10:00:30Z)
      copied     60,000 of 120,000 documents (50 %), 61.0 MB, 3 tenants; 10 rejected
      driver     one/7
      worker     one/7: holds 6 tasks; 40,000 documents copied
      worker     two/9: holds 1 task; 20,000 documents copied
    next: nothing; it is being driven
    "#);
    let mut switched = run_status(RunState::Switched);
    let document = |id: &str| BadDocument {
        index: "shop-order-v2".to_owned(),
        id: id.to_owned(),
        reason: "`customer` is not a number".to_owned(),
    };
    let rejected = |id: &str| RejectedBack { position: 2, document: document(id) };
    if let Some(run) = &mut switched.run {
        run.driver = Some("two/9".to_owned());
        run.way_back = Some(WayBackStatus {
            behind: Some(1_234),
            flow: Some(FlowRecord {
                is_open: true,
                rejected: vec![rejected("odd"), rejected("strange")],
                stuck: Some(self::rejected(0)),
                deleted: 3,
                at: "2026-01-01T10:01:40Z".to_owned(),
            }),
        });
    }
    insta::assert_snapshot!(status_text(&switched), @r#"
    shop 1.0 → 2.0: switched
      serves     2.0, reads and writes
      run        0190, switched since 1 min 15 s (2026-01-01T10:00:30Z)
      copied     60,000 of 120,000 documents (50 %), 61.0 MB, 3 tenants; 10 rejected
      way back   the old set is 1,234 operations behind; two/9 carries what is written, last 5.0 s ago
                 indices of the old set may take writes now, until a worker ends its pass
                 it stands still [R0201]: 0 documents were rejected
                 2 documents can't go back, and a rollback would stop at them:
                 shop-order-v2/odd: `customer` is not a number
                 shop-order-v2/strange: `customer` is not a number
    next: start the image of 2.0 if it isn't running yet; lockstep rollback goes back to 1.0, lockstep finalize gives that up
    "#);
    if let Some(run) = &mut switched.run {
        run.driver = None;
        run.way_back = Some(WayBackStatus { behind: Some(0), flow: None });
    }
    let text = status_text(&switched);
    let line = text.lines().find(|line| line.contains("way back")).unwrap();
    assert_eq!(
        line.trim(),
        "way back   the old set has everything; no worker carries what is written, a rollback does"
    );
}

#[test]
fn a_status_never_says_that_two_releases_take_writes() {
    let problem = rejected(1);
    let cases = [
        (RunState::Preparing, "1.0, reads and writes"),
        (RunState::Verifying { round: 1 }, "1.0, reads and writes"),
        (RunState::Holding { round: 1 }, "1.0, reads and writes"),
        (RunState::Fencing { round: 1 }, "1.0, reads; its writes may be blocked"),
        (RunState::Rehearsing { round: 1 }, "1.0, reads and writes"),
        (RunState::Switching { round: 1 }, "the old set takes no writes"),
        (
            RunState::Halted { stage: Stage::Switch, round: 1, problem: problem.clone() },
            "the old set takes no writes",
        ),
        (RunState::Halted { stage: Stage::Fence, round: 1, problem }, "1.0, reads and writes"),
        (RunState::Switched, "2.0, reads and writes"),
        (RunState::Returning { round: 1 }, "2.0, reads and writes"),
        (RunState::ReturnFencing { round: 1 }, "2.0, reads; its writes may be blocked"),
        (RunState::ReturnSwitching { round: 1 }, "the new set takes no writes"),
        (RunState::Returned, "1.0, reads and writes"),
        (RunState::Finalized, "2.0, reads and writes"),
        (RunState::Aborted, "1.0, reads and writes"),
    ];
    for (state, expected) in cases {
        let text = status_text(&run_status(state));
        let serves = text.lines().find(|line| line.trim_start().starts_with("serves")).unwrap();
        assert!(serves.contains(expected), "{text}");
    }
}

fn sample_report(mode: SwitchMode) -> UpgradeReport {
    UpgradeReport {
        application: "shop".to_owned(),
        from: "1.0".to_owned(),
        to: "2.0".to_owned(),
        run: "0190".to_owned(),
        mode,
        tenants: 3,
        indices: 12,
        documents: 120_000,
        bytes: 61_000_000,
        carried: 1_200,
        deleted: 30,
        repaired: 0,
        discarded: 0,
        verified: 115_000,
        rounds: 2,
        time: Duration::from_millis(5_250),
        copy_time: Duration::from_secs(2),
        docs_per_second: 60_000,
        switch: SwitchRecord {
            block_ms: 12,
            watermark_ms: 30,
            carry_ms: 7,
            gate_ms: 3,
            template_ms: 5,
            alias_ms: 9,
        },
        switch_ms: 66,
        back: None,
    }
}

#[test]
fn a_report_tells_what_was_done_and_what_stays() {
    insta::assert_snapshot!(plain(&upgraded(&sample_report(SwitchMode::Alias))), @r#"
    shop is on 2.0
      switched   3 tenants, 12 indices
      copied     120,000 documents (61.0 MB), 60,000 documents/s
      followed   1,200 writes and 30 deletes of the application meanwhile
      verified   115,000 documents equal in both sets
      fence      66 ms (block 12, look 30, carry 7, gate 3, templates 5, aliases 9)
      time       5.2 s
    next: the old set (1.0) stays, blocked for writes; start the image of 2.0 if it isn't running yet
    "#);
    let mut poor = sample_report(SwitchMode::Alias);
    poor.discarded = 1;
    let text = plain(&upgraded(&poor));
    assert!(
        text.contains("\n  left out   1 document, as was decided (lockstep quarantine list)\n"),
        "{text}"
    );
    let versioned = plain(&upgraded(&sample_report(SwitchMode::Versioned)));
    assert!(
        versioned.contains("next: start the image of 2.0; the old set (1.0) stays"),
        "{versioned}"
    );
    insta::assert_snapshot!(serde_json::to_string(&sample_report(SwitchMode::Alias)).unwrap(), @r#"
    {"application":"shop","from":"1.0","to":"2.0","run":"0190","mode":"alias","tenants":3,"indices":12,"documents":120000,"bytes":61000000,"carried":1200,"deleted":30,"repaired":0,"discarded":0,"verified":115000,"rounds":2,"seconds":5.25,"copy_seconds":2.0,"docs_per_second":60000,"switch":{"block_ms":12,"watermark_ms":30,"carry_ms":7,"gate_ms":3,"template_ms":5,"alias_ms":9},"switch_ms":66}
    "#);
}

#[test]
fn a_comparison_tells_what_differs() {
    let mut verdict = Verdict { expected: 10, found: 10, ..Verdict::default() };
    assert!(plain(&compared("shop", &verdict)).starts_with("both sets of shop are equal\n"));
    verdict.difference =
        Difference { differing_count: 2, missing_count: 1, ..Difference::default() };
    verdict.documents = rejected(2).documents;
    insta::assert_snapshot!(plain(&compared("shop", &verdict)), @r#"
    both sets of shop differ
      expected   10
      found      10
      differing  2
      missing    1
      extra      0
      shop-event id-0: `amount` is not a number
      shop-event id-1: `amount` is not a number
      and 1 more document
    "#);
}
