//! Codes, their page and their tests belong together.

use std::collections::BTreeSet;

use lockstep_core::pack::code;

const PAGE: &str = include_str!("../../../../docs/design/pack-errors.md");

const TESTS: &[&str] = &[
    include_str!("reading.rs"),
    include_str!("naming.rs"),
    include_str!("chain.rs"),
    include_str!("lineage.rs"),
    include_str!("mappings.rs"),
    include_str!("operations.rs"),
    include_str!("one_operation.rs"),
    include_str!("way_back.rs"),
    include_str!("tables.rs"),
    include_str!("snapshots/pack__malformed__malformed_packs_are_told_precisely.snap"),
    include_str!("cases.rs"),
    include_str!("lock.rs"),
    include_str!(
        "../snapshots/configuration__every_mistake_is_told_with_its_place_and_what_to_do.snap"
    ),
];

#[test]
fn every_code_has_one_row_in_the_page() {
    let cell = |line: &'static str| line.strip_prefix("| P").and_then(|rest| rest.split_once(' '));
    let rows: Vec<String> =
        PAGE.lines().filter_map(cell).map(|(number, _)| format!("P{number}")).collect();
    assert_eq!(rows, code::ALL);
}

#[test]
fn every_code_is_shown_by_a_test() {
    let is_shown = |code: &&&str| TESTS.iter().any(|test| test.contains(&format!("[{code}]: ")));
    let missing: Vec<_> = code::ALL.iter().filter(|code| !is_shown(code)).collect();
    assert_eq!(missing, [] as [&&str; 0]);
}

#[test]
fn codes_are_unique() {
    let unique: BTreeSet<_> = code::ALL.iter().collect();
    assert_eq!(unique.len(), code::ALL.len());
}
