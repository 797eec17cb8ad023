//! Snapshots of the demo's report.

use lockstep_core::pack::model::SwitchMode;
use lockstep_demo::{CheckReport, TrafficCounts, TrafficExample, TrafficReport, TrafficVerdict};

use super::{plain, sample_report};
use crate::render::report::{Checked, demo};

fn shown(checked: &Checked) -> String {
    plain(&demo(&sample_report(SwitchMode::Alias), checked))
}

fn traffic() -> (TrafficReport, TrafficCounts) {
    let counts = TrafficCounts {
        inserts: 5_000,
        updates: 4_900,
        deletes: 2_445,
        refused_writes: 87,
        longest_wait_ms: 62,
        observations: 405,
        elapsed_ms: 8_341,
        ..TrafficCounts::default()
    };
    let report = TrafficReport {
        documents: 118_482,
        operations: counts.operations(),
        refused_writes: counts.refused_writes,
        longest_wait_ms: counts.longest_wait_ms,
        observations: counts.observations,
        ..TrafficReport::default()
    };
    (report, counts)
}

#[test]
fn a_demo_under_load_tells_what_the_application_did_and_that_nothing_was_lost() {
    let (report, counts) = traffic();
    insta::assert_snapshot!(shown(&Checked::Live { report, counts }), @r"
    The demo's shop went from 1.0 to 2.0
      switched   3 tenants, 12 indices
      copied     120,000 documents (61.0 MB), 60,000 documents/s
      followed   1,200 writes and 30 deletes of the application meanwhile
      verified   115,000 documents equal in both sets
      fence      66 ms (block 12, look 30, carry 7, gate 3, templates 5, aliases 9)
      time       5.2 s
      traffic    12,345 operations by the application meanwhile (1,480/s); 87 refused for a moment and repeated; longest wait 62 ms
      apart      tenants on two releases at once: 0 of 405 looks
      checked    118,482 documents by a reader that shares no code with Lockstep
      lost       0
      resurrected 0
      differing  0
      extra      0
    every document is as it must be
    ");
}

#[test]
fn a_demo_that_lost_something_says_what_and_never_that_all_is_well() {
    let (report, counts) = traffic();
    let example = TrafficExample {
        index: "acme-order-v2.0".to_owned(),
        id: "order-17".to_owned(),
        routing: None,
        verdict: TrafficVerdict::Lost,
        fields: vec!["total: expected 2.50, found 2.40".to_owned()],
    };
    let damages: [fn(&mut TrafficReport); 6] = [
        |report| report.lost = 1,
        |report| report.resurrected = 1,
        |report| report.differing = 1,
        |report| report.extra = 1,
        |report| report.split_observations = 1,
        |report| report.problems.push("alias acme-note points at nothing".to_owned()),
    ];
    for damage in damages {
        let mut damaged = report.clone();
        damage(&mut damaged);
        let text = shown(&Checked::Live { report: damaged, counts });
        assert!(!text.contains("every document"), "{text}");
    }
    let mut damaged = report;
    for damage in damages {
        damage(&mut damaged);
    }
    damaged.examples = vec![example];
    let text = shown(&Checked::Live { report: damaged, counts });
    let found = text.lines().skip_while(|line| !line.starts_with("  traffic")).skip(1);
    insta::assert_snapshot!(found.collect::<Vec<_>>().join("\n"), @r"
      apart      tenants on two releases at once: 1 of 405 looks
      checked    118,482 documents by a reader that shares no code with Lockstep
      lost       1
      resurrected 1
      differing  1
      extra      1
      acme-order-v2.0 order-17: Lost
        total: expected 2.50, found 2.40
      alias acme-note points at nothing
    something is not as it must be
    ");
}

#[test]
fn a_demo_without_traffic_compares_both_sets() {
    let check = CheckReport { documents: 115_203, missing: 2, ..CheckReport::default() };
    let text = shown(&Checked::Still(check));
    let found = text.lines().skip_while(|line| !line.starts_with("  checked"));
    insta::assert_snapshot!(found.collect::<Vec<_>>().join("\n"), @r"
      checked    115,203 documents by a reader that shares no code with Lockstep
      differing  0
      missing    2
      extra      0
    something is not as it must be
    ");
}
