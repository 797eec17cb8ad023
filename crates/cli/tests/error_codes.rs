//! Every code in the sources stands in `docs/design/error-codes.md`, and every code there is in the sources.

#![expect(clippy::unwrap_used, reason = "a test stops where something unexpected happens")]

use std::{collections::BTreeSet, fs, path::Path};

/// Where codes are given. Mistakes inside a pack have a table and a test of their own.
const SOURCES: [&str; 5] = [
    "crates/core/src/plan",
    "crates/core/src/run",
    "crates/engine/src",
    "crates/import/src",
    "crates/cli/src",
];

#[test]
fn the_table_lists_the_codes_of_the_sources_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut given = BTreeSet::new();
    for folder in SOURCES {
        collect(&root.join(folder), &mut given);
    }
    let table = fs::read_to_string(root.join("docs/design/error-codes.md")).unwrap();
    let rows: Vec<String> = table
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| `")?.split_once('`').map(|(code, _)| code.to_owned())
        })
        .collect();
    let listed: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), listed.len(), "a code stands twice in the table");
    let missing: Vec<_> = given.difference(&listed).collect();
    let unused: Vec<_> = listed.difference(&given).collect();
    assert!(missing.is_empty() && unused.is_empty(), "missing: {missing:?}, unused: {unused:?}");
    assert!(given.len() > 50, "the sources were not found");
}

fn collect(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, codes);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // Tests may give codes that nobody ever sees.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            codes.extend(text.split('"').filter(|part| is_code(part)).map(str::to_owned));
        }
    }
}

fn is_code(text: &str) -> bool {
    let mut letters = text.bytes();
    text.len() == 5
        && letters.next().is_some_and(|letter| letter.is_ascii_uppercase())
        && letters.all(|letter| letter.is_ascii_digit())
}
