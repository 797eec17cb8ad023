//! What is told of one operation, as a table: how it is written, and for each mistake its code, what the place points
//! at, the message and the fix.

use lockstep_core::pack::{Diagnostic, PackFiles, read};

const PACK: &str = "format: 1
name: shop
data_parts: 1
mode: versioned
naming: {default: {index: \"{tenant}-{name}-v{version}\"}}
";

/// An old mapping that rules out `z`, and a new one that takes anything.
const OLD: &str = r#"{"dynamic": "strict", "properties": {
    "a": {"type": "keyword"}, "b": {"type": "keyword"}, "n": {"type": "long"},
    "o": {"properties": {"p": {"type": "keyword"}, "q": {"type": "keyword"}}},
    "list": {"type": "nested", "properties": {"a": {"type": "keyword"}}}}}"#;

/// All mistakes of an operation that is written behind `- `, line breaks with the indentation of its keys.
fn told(operation: &str) -> Vec<String> {
    let first = "indices: {thing: {mapping: thing.json}}\n";
    let operation = operation.replace('\n', "\n            ");
    let second = format!(
        "{first}step:\n  from: \"1\"\n  indices:\n    thing:\n      migrate:\n        operations:\n          - {operation}\n"
    );
    let files = [
        ("pack.yaml", PACK),
        ("releases/1/release.yaml", first),
        ("releases/1/mappings/thing.json", OLD),
        ("releases/2/release.yaml", &second),
        ("releases/2/mappings/thing.json", "{}"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let reading = read(&PackFiles { files: files.into_iter().collect() });
    let line = |one: &Diagnostic| {
        assert_eq!(one.file, "releases/2/release.yaml", "{}", one.message);
        let token = one.span.clone().and_then(|span| second.get(span)).unwrap_or_default();
        format!("{} {token} | {} | {}", one.code, one.message, one.fix)
    };
    reading.diagnostics.iter().map(line).collect()
}

fn check(rows: &[(&str, &[&str])]) {
    for (operation, expected) in rows {
        assert_eq!(told(operation), *expected, "{operation}");
    }
}

#[test]
fn spelling() {
    check(&[
        ("lower: {fields: [a, o.p]}", &[]),
        ("upper: {fields: [a], otherwise: keep}", &[]),
        ("trim: {fields: [a], otherwise: null}", &[]),
        (
            "trim: {fields: []}",
            &[
                "P0602 trim | this `trim` names no field | name at least one field, or leave the operation out",
            ],
        ),
        (
            "lower: {field: a}",
            &["P0004 field | `lower` has no field `field` | did you mean `fields`?"],
        ),
        (
            "upper: {fields: [z]}",
            &[
                "P0605 z | no document has the field `z` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
            ],
        ),
    ]);
}
