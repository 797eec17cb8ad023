//! Snapshots of what people read about rejected documents.

use lockstep_core::{
    run::quarantine::{Decision, Entry, EntryEnding, EntryState, RejectedBy},
    transform::RejectionCode,
};

use super::plain;
use crate::render::quarantine::{decided, listed, shown};

fn entry(document: &str, state: EntryState) -> Entry {
    Entry {
        key: "0123456789abcdef0123".to_owned(),
        run: "0190".to_owned(),
        index: "shop-event".to_owned(),
        index_uuid: "u1".to_owned(),
        document: document.to_owned(),
        routing: None,
        seq_no: 1_234,
        bytes: 420,
        rejected_by: RejectedBy::Step {
            code: RejectionCode::Cast.to_string(),
            operation_number: Some(2),
            operation: Some("cast".to_owned()),
            field: Some("amount".to_owned()),
        },
        reason: "T0107: operation 2 (`cast` of `amount`): `many` is not a number".to_owned(),
        at: "2026-01-01T10:00:30Z".to_owned(),
        state,
    }
}

fn discarded() -> Entry {
    let (reason, by) = ("test data".to_owned(), "anna@host".to_owned());
    let state = EntryState::Discarded { reason, by, at: "2026-01-01T10:05:00Z".to_owned() };
    let mut entry = entry("2", state);
    entry.rejected_by = RejectedBy::Mapping { error_type: "mapper_parsing_exception".to_owned() };
    entry.reason = "mapper_parsing_exception: failed to parse".to_owned();
    entry.routing = Some("r1".to_owned());
    entry
}

#[test]
fn a_list_tells_why_and_what_to_type() {
    insta::assert_snapshot!(plain(&listed("shop", &[], 0)), @"nothing of shop is in quarantine");
    let entries = [entry("1", EntryState::Open), discarded()];
    insta::assert_snapshot!(plain(&listed("shop", &entries, 12)), @"
    shop: 12 documents in quarantine
      0123456789abcdef0123  open       shop-event 1: T0107: operation 2 (`cast` of `amount`): `many` is not a number
      0123456789abcdef0123  discarded  shop-event 2: mapper_parsing_exception: failed to parse
          left out by anna@host (2026-01-01T10:05:00Z): test data
      and 10 more documents
    next: mend them in the application, or lockstep quarantine retry ID, or lockstep quarantine discard --reason TEXT ID
    ");
    insta::assert_snapshot!(plain(&listed("shop", &[discarded()], 1)), @"
    shop: 1 document in quarantine
      0123456789abcdef0123  discarded  shop-event 2: mapper_parsing_exception: failed to parse
          left out by anna@host (2026-01-01T10:05:00Z): test data
    ");
}

#[test]
fn an_entry_tells_who_rejected_it_and_what_was_decided() {
    insta::assert_snapshot!(plain(&shown(&entry("1", EntryState::Open), true)), @"
    0123456789abcdef0123: open
      document   1 of shop-event
      size       420 B, write 1,234 of its shard
      rejected   by a step: T0107, `cast` of `amount` (2026-01-01T10:00:30Z)
      reason     T0107: operation 2 (`cast` of `amount`): `many` is not a number
    original: --json shows the document as it was
    ");
    insta::assert_snapshot!(plain(&shown(&discarded(), false)), @"
    0123456789abcdef0123: discarded
      document   2 of shop-event
      routing    r1
      size       420 B, write 1,234 of its shard
      rejected   by the new mapping: mapper_parsing_exception (2026-01-01T10:00:30Z)
      reason     mapper_parsing_exception: failed to parse
      left out   by anna@host (2026-01-01T10:05:00Z): test data
    ");
    let (by, at) = ("anna@host".to_owned(), "2026-01-01T10:05:00Z".to_owned());
    let retried = plain(&shown(&entry("1", EntryState::Retry { by, at: at.clone() }), false));
    assert!(retried.contains("asked for by anna@host (2026-01-01T10:05:00Z)"), "{retried}");
    let over = EntryState::Over { ending: EntryEnding::Carried, at };
    let over = plain(&shown(&entry("1", over), false));
    assert!(over.contains("carried over after all (2026-01-01T10:05:00Z)"), "{over}");
}

#[test]
fn a_decision_is_said_back() {
    let discard = Decision::Discard { reason: "test data".to_owned() };
    insta::assert_snapshot!(plain(&decided(&discard, 1)), @"
    1 document left out of the new set: test data
    next: lockstep upgrade, if nobody drives the run
    ");
    insta::assert_snapshot!(plain(&decided(&Decision::Retry, 1_200)), @"
    1,200 documents to be tried again
    next: whoever drives the run does it; else lockstep upgrade
    ");
}

#[test]
fn a_row_that_a_table_refuses_names_the_table() {
    let mut entry = entry("3", EntryState::Open);
    entry.rejected_by = RejectedBy::Table { table: "main.person".to_owned() };
    entry.reason = "Data too long for column 'full_name' at row 1".to_owned();
    insta::assert_snapshot!(plain(&shown(&entry, false)), @r#"
    0123456789abcdef0123: open
      document   3 of shop-event
      size       420 B, write 1,234 of its shard
      rejected   by the table main.person (2026-01-01T10:00:30Z)
      reason     Data too long for column 'full_name' at row 1
    "#);
}
