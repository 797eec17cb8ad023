//! Reports of rehearsals.

use std::collections::BTreeMap;

use lockstep_core::{
    plan::finding::Finding,
    rehearsal::{
        cause::{Cause, Example, Group},
        forecast::{FenceMeasure, Forecast, LogicalForecast, NodeForecast},
    },
    run::{
        state::{BadDocument, Problem},
        task::Tally,
    },
    transform::RejectionCode,
};
use lockstep_engine::rehearsal::RehearsalReport;

use super::plain;
use crate::render::rehearsal::rehearsed;

const NEXT: &str = "lockstep upgrade --to 2.0";

fn forecast() -> Forecast {
    let one = |logical: &str, documents, taken| LogicalForecast {
        logical: logical.to_owned(),
        index_count: 12,
        clone_count: u64::from(logical == "profile") * 2,
        documents,
        taken,
        documents_per_second: 41_000,
        bytes_per_second: 17_600_000,
        disk_bytes: 8_400_000_000,
    };
    let node = |name: &str, free_after_bytes, is_over_watermark| NodeForecast {
        name: name.to_owned(),
        free_bytes: 40_000_000_000,
        free_after_bytes,
        is_over_watermark,
    };
    Forecast {
        prepare_ms: 4_000,
        copy_ms: 480_000,
        settle_ms: 2_000,
        verify_ms: 260_000,
        follow_ms: 500,
        total_ms: 746_500,
        disk_bytes: 8_900_000_000,
        headroom_bytes: 3_100_000_000,
        indices: vec![one("event", 19_200_000, 120_300), one("profile", 40_000, 40_000)],
        nodes: vec![node("node-1", 34_000_000_000, false), node("node-2", 4_000_000_000, true)],
    }
}

fn report() -> RehearsalReport {
    RehearsalReport {
        application: "shop".to_owned(),
        from: "1.0".to_owned(),
        to: "2.0".to_owned(),
        run: "0190".to_owned(),
        sample: Some(10_000),
        tenants: 4,
        indices: 24,
        documents: 19_240_000,
        copied: Tally { read: 160_300, bytes: 68_000_000, ..Tally::default() },
        followed: 1_204,
        verified: Some(161_004),
        repaired: 0,
        rejected: 0,
        causes: Vec::new(),
        quarantine_max: 1_000,
        problem: None,
        forecast: Some(forecast()),
        fence: Some(FenceMeasure {
            block_ms: 41,
            watermark_ms: 12,
            carry_ms: 88,
            gate_ms: 120,
            operations: 37,
        }),
        fence_ms_max: 10_000,
        warnings: vec![Finding::warn("F0204", "logs", "this template fits", "narrow its pattern")],
    }
}

fn group() -> Group {
    let cause = Cause {
        logical: "event".to_owned(),
        code: RejectionCode::Cast.to_string(),
        operation: Some("cast".to_owned()),
        operation_number: Some(2),
        field: Some("amount".to_owned()),
    };
    let example = |id: &str, source: Option<&str>| Example {
        index: "a-event-v1".to_owned(),
        id: id.to_owned(),
        routing: None,
        reason: "T0107: operation 2 (`cast` of `amount`): `many` is not a number".to_owned(),
        source: source.map(str::to_owned),
    };
    Group {
        fix: cause.fix(),
        cause,
        document_count: 1_204,
        indices: BTreeMap::from([("a-event-v1".to_owned(), 1_200), ("b-event-v1".to_owned(), 4)]),
        examples: vec![example("17", Some(r#"{"amount":"many"}"#)), example("18", None)],
    }
}

#[test]
fn what_is_ready_says_what_it_will_need() {
    insta::assert_snapshot!(plain(&rehearsed(&report(), NEXT, Some(100))));
}

#[test]
fn rejected_documents_are_told_by_cause() {
    let report = RehearsalReport {
        rejected: 1_204,
        causes: vec![group()],
        warnings: Vec::new(),
        repaired: 2,
        sample: None,
        ..report()
    };
    insta::assert_snapshot!(plain(&rehearsed(&report, NEXT, Some(100))));
}

#[test]
fn what_stops_a_rehearsal_is_told_and_nothing_is_foretold() {
    let problem = Problem {
        code: "R0204".to_owned(),
        message: "the live set has indices that the plan doesn't know: shop-new".to_owned(),
        hint: "give this run up".to_owned(),
        documents: vec![BadDocument {
            index: "i".to_owned(),
            id: "1".to_owned(),
            reason: "why".to_owned(),
        }],
        document_count: 3,
    };
    let report = RehearsalReport {
        problem: Some(problem),
        forecast: None,
        fence: None,
        warnings: Vec::new(),
        ..report()
    };
    insta::assert_snapshot!(plain(&rehearsed(&report, NEXT, Some(100))));
}

#[test]
fn a_fence_that_would_be_missed_is_told() {
    let slow = FenceMeasure { carry_ms: 11_000, ..FenceMeasure::default() };
    let report = RehearsalReport { fence: Some(slow), forecast: None, ..report() };
    let text = plain(&rehearsed(&report, NEXT, None));
    assert!(text.contains("not ready"), "{text}");
    assert!(text.contains("11,000 ms, more than the 10,000 ms that are allowed"), "{text}");
}
