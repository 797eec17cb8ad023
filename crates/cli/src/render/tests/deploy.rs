//! Every end of a change of the tag, as it is told.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use lockstep_core::{
    deploy::state::DeployState,
    health::{Baseline, Verdict, counters::Counted},
};
use lockstep_engine::{journal::DeployRecord, status::Status};

use crate::render::{
    deploy::{deployed, deployed_json},
    status::render,
};

fn record(state: DeployState, is_major: bool) -> DeployRecord {
    DeployRecord {
        id: "0190f".to_owned(),
        how: "compose".to_owned(),
        from: "1.0".parse().unwrap(),
        to: "2.0".parse().unwrap(),
        from_tag: "v1.0".to_owned(),
        to_tag: "v2.0".to_owned(),
        is_major,
        run: None,
        state,
        before: Some(Baseline { good: 5, bad: 0, unknown: 0 }),
        heard: Vec::new(),
        counted_before: BTreeMap::new(),
        after: None,
        counted_after: BTreeMap::new(),
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        changed_at: "2026-01-02T03:05:05Z".to_owned(),
    }
}

fn standing(live: &str, deploy: Option<DeployRecord>) -> Status {
    let (application, live) = ("shop".to_owned(), Some(live.to_owned()));
    Status { application, live, run: None, deploy }
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn every_end_says_which_tag_runs_and_which_set_is_live() {
    let reason = || "3 bad samples in a row: http://shop/health: 500".to_owned();
    let done = |verdict| DeployState::Done { verdict };
    let cases = [
        ("healthy", done(Some(Verdict::Healthy)), "2.0"),
        ("nobody watched", done(None), "2.0"),
        ("not well", done(Some(Verdict::Unhealthy { reason: reason() })), "2.0"),
        ("can't tell", done(Some(Verdict::CantTell { reason: reason() })), "2.0"),
        ("returned", DeployState::Returned { reason: reason() }, "1.0"),
        ("failed", DeployState::Failed { reason: reason() }, "2.0"),
    ];
    let mut text = String::new();
    for (name, state, live) in cases {
        for is_major in [true, false] {
            let mut record = record(state.clone(), is_major);
            record.after = Some(Baseline { good: 1, bad: 3, unknown: 0 });
            let told = deployed("shop", &record, &standing(live, None));
            let kind = if is_major { "major" } else { "minor" };
            text.extend(["## ", name, ", ", kind, "\n", &plain(told.as_str()), "\n"]);
        }
    }
    assert_snapshot!(text);
}

#[test]
fn what_the_application_counted_is_told() {
    let mut record = record(DeployState::Returned { reason: "why".to_owned() }, true);
    let name = |page: &str| format!("errors of requests at http://shop/{page}");
    record.counted_before = BTreeMap::from([
        (name("a"), Counted { errors: 2, total: 1_200 }),
        (name("b"), Counted::default()),
    ]);
    record.counted_after = BTreeMap::from([(name("a"), Counted { errors: 1, total: 1 })]);
    let told = deployed("shop", &record, &standing("1.0", None));
    let lines: Vec<String> = plain(told.as_str())
        .lines()
        .filter(|line| line.contains("counted"))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        lines,
        [
            "  counted    2 of 1,200 requests before and 1 of 1 request after failed (errors of requests at http://shop/a)",
            "  counted    0 of 0 requests before failed (errors of requests at http://shop/b)",
        ]
    );
}

#[test]
fn status_tells_how_far_a_change_is() {
    let states = [
        DeployState::Waiting,
        DeployState::Changing,
        DeployState::Changed,
        DeployState::Watching,
        DeployState::Restoring { reason: "why".to_owned() },
        DeployState::Restored { reason: "why".to_owned() },
    ];
    let now = "2026-01-02T04:00:00Z".parse().unwrap();
    let mut text = String::new();
    for state in states {
        let told = render(&standing("1.0", Some(record(state, true))), now);
        text.push_str(&plain(told.as_str()));
    }
    assert_snapshot!(text);
}

#[test]
fn programs_get_tag_and_set() {
    let record = record(DeployState::Returned { reason: "why".to_owned() }, true);
    let line = deployed_json("shop", &record, &standing("1.0", None));
    assert_snapshot!(serde_json::to_string_pretty(&line).unwrap());
}
