//! What counts as the same document.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    compare::{document_hash, entry_hash},
    json::NotJsonReason,
};

fn hash(json: &str) -> u128 {
    document_hash(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
}

/// Texts of one row are equal to each other and differ from those of every other row.
const SAME: [&[&str]; 38] = [
    &["{}", " { } ", "\n{\t}\r\n"],
    &["[]", "[ ]"],
    &["null"],
    &["false"],
    &["true"],
    &["0", "-0", "0.0", "-0.0e7"],
    &["1", "1.0", "1e0", "100e-2"],
    &["-1", "-1.0"],
    &["1.1", "1.10", "11e-1"],
    &["9007199254740992", "9007199254740992.0"],
    &["9007199254740993", "9.007199254740993e15"],
    &["18446744073709551616", "18446744073709551616.00"],
    &["18446744073709551617"],
    &["1e400", "10E+399"],
    &["1e401"],
    &["123456789012345678901234567890"],
    &["-123456789012345678901234567890"],
    &[r#""""#],
    &[r#""1""#, r#""\u0031""#],
    &[r#""true""#],
    &[r#""null""#],
    &[r#""é""#, r#""\u00e9""#, r#""\u00E9""#],
    &[r#""e\u0301""#],
    &[r#""a/b""#, r#""a\/b""#],
    &[r#""fifteen bytes..""#, r#""fifteen bytes\u002e.""#],
    &[r#""sixteen bytes...""#, r#""sixteen bytes\u002e..""#],
    &[r#""😀""#, r#""\ud83d\ude00""#],
    &[r#""\ud83d""#],
    &[r#"{"a":1,"b":[1,2]}"#, r#"{ "b" : [ 1.0, 2 ], "\u0061" : 1 }"#],
    &[r#"{"a":1,"b":[2,1]}"#],
    &[r#"{"a":1,"b":[1,2],"c":null}"#],
    &[r#"{"a":{"b":1}}"#],
    &[r#"{"a.b":1}"#],
    &[r#"{"a":[{"b":1}]}"#],
    &["[[1],[2]]"],
    &["[[1,2]]"],
    &["[[],[1,2]]"],
    // A key that occurs twice is not the same as once.
    &[r#"{"a":1,"a":1}"#],
];

#[test]
fn same_within_a_row_only() {
    for (index, row) in SAME.iter().enumerate() {
        for (other_index, other) in SAME.iter().enumerate() {
            for (left, right) in row.iter().flat_map(|left| other.iter().map(move |r| (left, r))) {
                let equal = hash(left) == hash(right);
                assert_eq!(equal, index == other_index, "{left} and {right}");
            }
        }
    }
}

/// Sums of members must not let parts of one member count for another.
#[test]
fn parts_do_not_mix() {
    let rows = [
        (r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#),
        (r#"{"a":{"x":1},"b":{"y":2}}"#, r#"{"a":{"y":2},"b":{"x":1}}"#),
        (r#"[{"a":1},{"b":2}]"#, r#"[{"a":1,"b":2},{}]"#),
        (r#"{"a":"b"}"#, r#"{"b":"a"}"#),
        (r#"{"a":[]}"#, r#"{"a":{}}"#),
        (r#"{"a":0}"#, r#"{"a":false}"#),
        (r#"{"a":"a\u0000"}"#, r#"{"a":"a"}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":1}"#),
    ];
    for (left, right) in rows {
        assert_ne!(hash(left), hash(right), "{left} and {right}");
    }
    assert_eq!(hash(r#"{"a":1,"a":2}"#), hash(r#"{"a":2,"a":1}"#));
}

/// The journal keeps digests while a run lasts, and a newer program may read them: the hash must not change unseen.
#[test]
fn the_hash_stays_what_it_is() {
    let document =
        hash(r#"{"id":"a","n":[1.10,-7,1e400],"t":{"x":null,"y":"a long text, hashed"}}"#);
    insta::assert_snapshot!(format!("{document:032x}"), @"c00c26cf6d2d24e09a9130b89b178390");
    insta::assert_snapshot!(format!("{:032x}", entry_hash("id", Some("r"), document)), @"85d586914663eea93b265a8b827795d1");
}

#[test]
fn id_and_routing_count() {
    let all = [
        entry_hash("a", None, 1),
        entry_hash("a", None, 2),
        entry_hash("b", None, 1),
        entry_hash("a", Some(""), 1),
        entry_hash("a", Some("b"), 1),
        entry_hash("b", Some("a"), 1),
        entry_hash("ab", Some(""), 1),
        entry_hash("an id of more than fifteen bytes", None, 1),
    ];
    for (index, left) in all.iter().enumerate() {
        for (other, right) in all.iter().enumerate() {
            assert_eq!(left == right, index == other, "{index} and {other}");
        }
    }
}

#[test]
fn not_json() {
    let expected = NotJsonReason::Expected;
    let rows: [(&[u8], usize, NotJsonReason); 22] = [
        (b"", 0, expected("a value")),
        (b" ", 1, expected("a value")),
        (b"{", 1, expected("a key in quotes")),
        (b"{\"a\"}", 4, expected("`:`")),
        (b"{\"a\":}", 5, expected("a value")),
        (b"{\"a\":1,}", 7, expected("a key in quotes")),
        (b"{\"a\":1 \"b\":2}", 7, expected("`,` or `}`")),
        (b"[1,]", 3, expected("a value")),
        (b"[1 2]", 3, expected("`,` or `]`")),
        (b"[1", 2, expected("`,` or `]`")),
        (b"01", 1, NotJsonReason::Trailing),
        (b"-", 1, expected("a digit")),
        (b"1.", 2, expected("a digit")),
        (b"1e+", 3, expected("a digit")),
        (b".5", 0, expected("a value")),
        (b"tru", 0, expected("a value")),
        (b"\"a", 2, expected("the closing quote")),
        (b"\"eight ch\x1f\"", 9, NotJsonReason::ControlCharacter),
        (b"\"\\u12g4\"", 1, NotJsonReason::Escape),
        (b"\"\\x\"", 1, NotJsonReason::Escape),
        (b"{} {}", 3, NotJsonReason::Trailing),
        (b"\"\xc3\"", 1, NotJsonReason::NotUtf8),
    ];
    for (source, offset, reason) in rows {
        let fault = document_hash(source).unwrap_err();
        assert_eq!((fault.offset, fault.reason), (offset, reason), "{}", source.escape_ascii());
    }
    assert!(
        document_hash("[".repeat(128).as_bytes()).unwrap_err().reason != NotJsonReason::TooDeep
    );
    assert_eq!(
        document_hash("[".repeat(129).as_bytes()).unwrap_err().reason,
        NotJsonReason::TooDeep
    );
}

/// A value as the text of its parts, so that it can be written in different orders.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = select(&["1", "1.5", "null", "true", "\"x\"", "\"a longer piece of text\""][..])
        .prop_map(|leaf| Tree::Leaf(leaf.into()));
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Tree::Array),
            vec(("[a-d]{1,2}", inner), 0..4).prop_map(Tree::Object),
        ]
    })
}

/// Writes a value; `reversed` turns the order of every object around.
fn write(tree: &Tree, reversed: bool) -> String {
    match tree {
        Tree::Leaf(leaf) => leaf.clone(),
        Tree::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(|tree| write(tree, reversed)).collect();
            format!("[{}]", elements.join(","))
        }
        Tree::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(key, value)| format!("\"{key}\":{}", write(value, reversed)))
                .collect();
            if reversed {
                members.reverse();
            }
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// Changes the leaf or the empty container with this number, counted from the left.
fn change(tree: &mut Tree, number: &mut usize) {
    match tree {
        Tree::Array(elements) if !elements.is_empty() => {
            for element in elements {
                change(element, number);
            }
        }
        Tree::Object(members) if !members.is_empty() => {
            for (_, value) in members {
                change(value, number);
            }
        }
        _ => {
            if *number == 0 {
                *tree = Tree::Leaf("\"changed\"".into());
            }
            *number = number.wrapping_sub(1);
        }
    }
}

fn leaf_count(tree: &Tree) -> usize {
    let sum = match tree {
        Tree::Leaf(_) => 1,
        Tree::Array(elements) => elements.iter().map(leaf_count).sum(),
        Tree::Object(members) => members.iter().map(|(_, value)| leaf_count(value)).sum(),
    };
    sum.max(1)
}

proptest! {
    #[test]
    fn order_of_keys_is_nothing_and_every_leaf_counts(
        tree in tree(), at in any::<prop::sample::Index>(),
    ) {
        let before = hash(&write(&tree, false));
        prop_assert_eq!(hash(&write(&tree, true)), before);
        let mut changed = tree.clone();
        change(&mut changed, &mut at.index(leaf_count(&tree)));
        prop_assert_ne!(hash(&write(&changed, false)), before);
    }

    #[test]
    fn any_bytes_are_hashed_or_refused(bytes in vec(any::<u8>(), 0..40)) {
        let is_json = str::from_utf8(&bytes)
            .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
        prop_assert_eq!(document_hash(&bytes).is_ok(), is_json);
    }

    #[test]
    fn json_like_text_is_hashed_or_refused(text in r#"[\[\]{}:,"\\u0-2a-f. eE+-]{0,12}"#) {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(document_hash(text.as_bytes()).is_ok(), is_json);
    }

    #[test]
    fn integers_differ(left in any::<i128>(), right in any::<i128>()) {
        prop_assert_eq!(hash(&left.to_string()) == hash(&right.to_string()), left == right);
        prop_assert_eq!(hash(&left.to_string()), hash(&format!("{left}.00e0")));
        prop_assert_ne!(hash(&left.to_string()), hash(&(left ^ 1).to_string()));
    }
}
