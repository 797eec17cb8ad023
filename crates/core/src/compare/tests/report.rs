//! What a report names: ids, and fields within a document.

use crate::compare::{Difference, EntryHashes, fields_differing};

fn entries(rows: &[(&str, u128)]) -> EntryHashes {
    let mut entries = EntryHashes::new();
    for (id, hash) in rows {
        entries.add(id, *hash);
    }
    entries
}

#[test]
fn missing_extra_and_differing() {
    let expected =
        entries(&[("e", 5), ("b", 2), ("a", 1), ("d", 4), ("c", 3), ("twice", 7), ("twice", 8)]);
    let found = entries(&[("a", 1), ("x", 1), ("c", 9), ("b", 9), ("f", 1), ("twice", 15)]);
    let all = Difference::between(&expected, &found, 10);
    assert_eq!(all.missing, ["d", "e"]);
    assert_eq!(all.extra, ["f", "x"]);
    // The same sum of hashes, but not the same number of entries.
    assert_eq!(all.differing, ["b", "c", "twice"]);
    assert_eq!((all.missing_count, all.extra_count, all.differing_count), (2, 2, 3));
    assert!(!all.is_empty());
    assert!(Difference::between(&found, &found, 10).is_empty());

    let bounded = Difference::between(&expected, &found, 1);
    assert_eq!((bounded.missing.len(), bounded.missing_count), (1, 2));
    let mut merged = bounded;
    merged.merge(Difference::between(&entries(&[("0", 1)]), &EntryHashes::new(), 1), 1);
    assert_eq!((merged.missing.as_slice(), merged.missing_count), (["0".to_owned()].as_slice(), 3));
}

#[test]
fn entries_of_two_parts() {
    let mut left = entries(&[("a", 1), ("b", 2)]);
    left.merge(entries(&[("b", 3), ("c", 4)]));
    assert_eq!(left, entries(&[("c", 4), ("b", 3), ("b", 2), ("a", 1)]));
    assert_eq!(left.count(), 3);
}

/// Expected, found, `path: expected / found` of each difference; `-` where a field is missing.
const FIELDS: [(&str, &str, &[&str]); 11] = [
    (r#"{"a":1.0}"#, r#" {"a": 1}"#, &[]),
    (r#"{"a":1,"b":2}"#, r#"{"b":3,"a":1}"#, &["b: 2 / 3"]),
    (r#"{"a":{"b":{"c":1}}}"#, r#"{"a":{"b":{"c":"1"}}}"#, &[r#"a.b.c: 1 / "1""#]),
    (r#"{"a":null}"#, r#"{"b":null}"#, &["a: null / -", "b: - / null"]),
    (r#"{"a":[1,{"x":2},3]}"#, r#"{"a":[1,{"x":5}]}"#, &["a[1].x: 2 / 5", "a[2]: 3 / -"]),
    (r#"{"a":[]}"#, r#"{"a":{}}"#, &["a: [] / {}"]),
    (r#"{"a":1}"#, "7", &[r#": {"a":1} / 7"#]),
    ("[1]", "[2]", &["[0]: 1 / 2"]),
    (r#"{"\u0061":1}"#, r#"{"a":2}"#, &["a: 1 / 2"]),
    // Only which of them comes twice differs.
    (r#"{"a":1,"a":2}"#, r#"{"a":2}"#, &["a: 1 / 2"]),
    (r#"{"a":2}"#, r#"{"a":1,"a":2}"#, &[r#": {"a":2} / {"a":1,"a":2}"#]),
];

#[test]
fn fields_that_differ() {
    for (expected, found, lines) in FIELDS {
        let result = fields_differing(expected.as_bytes(), found.as_bytes(), 10).unwrap();
        let shown: Vec<String> = result
            .fields
            .iter()
            .map(|field| {
                let value = |value: &Option<String>| value.clone().unwrap_or("-".into());
                format!("{}: {} / {}", field.path, value(&field.expected), value(&field.found))
            })
            .collect();
        assert_eq!(shown, lines, "{expected} and {found}");
        assert_eq!(result.more_count, 0);
    }
}

#[test]
fn fields_are_bounded() {
    let long = format!(r#"{{"a":"{}","b":1,"c":1}}"#, "ä".repeat(500));
    let result = fields_differing(long.as_bytes(), br#"{"b":2}"#, 2).unwrap();
    assert_eq!((result.fields.len(), result.more_count), (2, 1));
    let glimpse = result.fields[0].expected.clone().unwrap();
    assert_eq!(glimpse.chars().count(), 121);
    assert!(fields_differing(b"{}", b"{", 2).is_err());
}
