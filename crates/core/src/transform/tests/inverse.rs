//! What can be undone, and that it is: down after up gives the document.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    apply,
    properties::{branching, document, translation},
    reference::{self, Json, Members},
};
use crate::{
    compare::document_hash,
    transform::{
        Program,
        inverse::{Outset, inverse},
        operation::{
            Coding, Encoding, Existing, FieldPath, Nesting, Operation, Otherwise, Relocation,
        },
    },
};

/// What is told of operations on documents that can't have the fields `n`, `o` and `x`.
fn told(operations: &str) -> String {
    let operations: Vec<Operation> = serde_json::from_str(&format!("[{operations}]")).unwrap();
    let is_ruled_out = |path: &FieldPath| ["n", "o", "x"].contains(&path.root().as_str());
    match inverse(&operations, Outset { earlier: &[], is_ruled_out: &is_ruled_out }) {
        Ok(operations) => serde_json::to_string(&operations).unwrap(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn operations_that_lose_nothing_are_undone() {
    let rows = [
        ("", "[]"),
        (
            r#"{"rename":{"from":"a","to":"n"}}"#,
            r#"[{"rename":{"from":"n","to":"a","existing":"reject"}}]"#,
        ),
        (
            r#"{"rename":{"from":"x.a","to":"x.n"}}"#,
            r#"[{"rename":{"from":"x.n","to":"x.a","existing":"reject"}}]"#,
        ),
        (
            r#"{"move":{"from":"a","to":"x.y"}}"#,
            r#"[{"move":{"from":"x.y","to":"a","existing":"reject"}}]"#,
        ),
        (r#"{"copy":{"from":"a.b","to":"n"}}"#, r#"[{"remove":{"fields":["n"]}}]"#),
        (r#"{"copy":{"from":"a","to":"x.y"}}"#, r#"[{"remove":{"fields":["x"]}}]"#),
        (
            r#"{"copy":{"from":"a","to":"n"}},{"rename":{"from":"n","to":"o"}}"#,
            r#"[{"rename":{"from":"o","to":"n","existing":"reject"}},{"remove":{"fields":["n"]}}]"#,
        ),
        (
            r#"{"when":{"condition":{"field":{"field":"a","test":"exists"}},"then":[{"rename":{"from":"b","to":"n"}},{"move":{"from":"c","to":"x.c"}}]}}"#,
            r#"[{"when":{"condition":{"field":{"field":"a","test":"exists"}},"then":[{"move":{"from":"x.c","to":"c","existing":"reject"}},{"rename":{"from":"n","to":"b","existing":"reject"}}]}}]"#,
        ),
        (
            r#"{"encode":{"field":"a","to":"base64-gzip-json"}},{"encode":{"field":"b","to":"base64"}}"#,
            r#"[{"decode":{"field":"b","from":"base64","otherwise":"reject"}},{"decode":{"field":"a","from":"base64-gzip-json","otherwise":"reject"}}]"#,
        ),
        (r#"{"hash":{"fields":["a","b"],"into":"x.y"}}"#, r#"[{"remove":{"fields":["x"]}}]"#),
        (
            r#"{"nest":{"fields":["a","b"],"into":"x.y"}}"#,
            r#"[{"move":{"from":"x.y.b","to":"b","existing":"reject"}},{"move":{"from":"x.y.a","to":"a","existing":"reject"}}]"#,
        ),
        (
            r#"{"map":{"field":"a","values":[{"from":1,"to":"one"},{"from":null,"to":"none"}]}}"#,
            r#"[{"map":{"field":"a","values":[{"from":"one","to":1},{"from":"none","to":null}],"otherwise":"reject"}}]"#,
        ),
        (
            r#"{"map":{"field":"a","values":[{"from":"x","to":null},{"from":null,"to":"x"}]}}"#,
            r#"[{"map":{"field":"a","values":[{"from":null,"to":"x"},{"from":"x","to":null}],"otherwise":"reject"}}]"#,
        ),
    ];
    for (operations, expected) in rows {
        assert_eq!(told(operations), expected, "{operations}");
    }
}

#[test]
fn operations_that_lose_something_are_not() {
    for (operations, expected) in LOSING {
        assert_eq!(told(operations), *expected, "{operations}");
    }
}

#[test]
fn behind_a_script_no_field_is_ruled_out() {
    let operations = |json: &str| -> Vec<Operation> { serde_json::from_str(json).unwrap() };
    let rename = operations(r#"[{"rename":{"from":"a","to":"n"}}]"#);
    for (earlier, is_undone) in
        [("[]", true), (r#"[{"painless":{"script":"ctx._source.b = 1"}}]"#, false)]
    {
        let earlier = operations(earlier);
        let outset = Outset { earlier: &earlier, is_ruled_out: &|_| true };
        assert_eq!(inverse(&rename, outset).is_ok(), is_undone);
    }
}

const LOSING: &[(&str, &str)] = &[
    (
        r#"{"set":{"field":"a","value":1}}"#,
        "`set` of `a` can't be undone: what stood there before is lost",
    ),
    (
        r#"{"default":{"field":"a","value":1}}"#,
        "`default` of `a` can't be undone: afterwards nothing tells whether the field was there before",
    ),
    (r#"{"remove":{"fields":["a","b"]}}"#, "`remove` of `a` can't be undone: its value is lost"),
    (
        r#"{"cast":{"field":"a","to":"long"}}"#,
        "`cast` of `a` can't be undone: afterwards nothing tells which type the value had",
    ),
    (
        r#"{"lower":{"fields":["a","b"]}}"#,
        "`lower` of `a` can't be undone: afterwards nothing tells which letters were small and which were capitals",
    ),
    (
        r#"{"upper":{"fields":["a"]}}"#,
        "`upper` of `a` can't be undone: afterwards nothing tells which letters were small and which were capitals",
    ),
    (
        r#"{"trim":{"fields":["a"]}}"#,
        "`trim` of `a` can't be undone: the white space at its ends is lost",
    ),
    (
        r#"{"map":{"field":"a","values":[{"from":1,"to":"x"},{"from":2,"to":"x"}]}}"#,
        "`map` of `a` can't be undone: both 1 and 2 become \"x\"",
    ),
    (
        r#"{"map":{"field":"a","values":[{"from":1,"to":2},{"from":2,"to":2.0}]}}"#,
        "`map` of `a` can't be undone: both 1 and 2 become 2.0",
    ),
    (
        r#"{"map":{"field":"a","values":[{"from":1,"to":null}]}}"#,
        "`map` of `a` can't be undone: both 1 and null become null",
    ),
    (
        r#"{"map":{"field":"a","values":[{"from":1,"to":2}],"otherwise":"keep"}}"#,
        "`map` of `a` can't be undone: a value may have been kept that another one has become",
    ),
    (
        r#"{"map":{"field":"a","values":[{"from":1,"to":2}],"otherwise":"null"}}"#,
        "`map` of `a` can't be undone: values that are not in the table are lost",
    ),
    (
        r#"{"wrap":{"fields":["a","b"]}}"#,
        "`wrap` of `a` can't be undone: afterwards nothing tells whether the value was a list of one before",
    ),
    (
        r#"{"unwrap":{"fields":["a"],"several":"first"}}"#,
        "`unwrap` of `a` can't be undone: afterwards nothing tells whether the value was in a list before",
    ),
    (
        r#"{"nest":{"fields":["a","b.c"],"into":"x"}}"#,
        "`nest` of `b.c` can't be undone: afterwards nothing tells whether `b` was an object, empty without it, or part of a dotted name",
    ),
    (
        r#"{"nest":{"fields":["a"],"into":"b"}}"#,
        "`nest` of `a` can't be undone: a document may have had `b` before; only a strict mapping without it rules that out",
    ),
    (
        r#"{"nest":{"fields":["a"],"into":"x"}},{"move":{"from":"b","to":"x.b"}}"#,
        "`move` of `b` can't be undone: a document may have had `x` before; only a strict mapping without it rules that out",
    ),
    (
        r#"{"flatten":{"field":"a","prefix":"a_"}}"#,
        "`flatten` of `a` can't be undone: afterwards nothing tells which fields it had, and whether it was there with none",
    ),
    (
        r#"{"when":{"condition":{"not":{"field":{"field":"a.b","test":{"in":[1]}}}},"then":[],"else":[{"rename":{"from":"a","to":"n"}}]}}"#,
        "`when` of `a.b` can't be undone: its operations change the field, so that afterwards it doesn't tell which of them were done",
    ),
    (
        r#"{"when":{"condition":{"field":{"field":"n_a","test":"exists"}},"then":[{"flatten":{"field":"x","prefix":"n_"}}]}}"#,
        "`when` of `n_a` can't be undone: its operations change the field, so that afterwards it doesn't tell which of them were done",
    ),
    (
        r#"{"when":{"condition":{"field":{"field":"a","test":"exists"}},"then":[{"set":{"field":"b","value":1}}]}}"#,
        "`set` of `b` can't be undone: what stood there before is lost",
    ),
    (
        r#"{"when":{"condition":{"field":{"field":"a","test":"exists"}},"then":[{"rename":{"from":"b","to":"n"}}]}},{"rename":{"from":"c","to":"n"}}"#,
        "`rename` of `c` can't be undone: a document may have had `n` before; only a strict mapping without it rules that out",
    ),
    (
        r#"{"hash":{"fields":["a"],"into":"a","existing":"overwrite"}}"#,
        "`hash` of `a` can't be undone: what stood at `a` is lost",
    ),
    (
        r#"{"hash":{"fields":["a"],"into":"b"}}"#,
        "`hash` of `a` can't be undone: a document may have had `b` before; only a strict mapping without it rules that out",
    ),
    (
        r#"{"date":{"field":"a","from":"iso","to":"epoch_millis"}}"#,
        "`date` of `a` can't be undone: afterwards nothing tells with which digits and zone the date was written",
    ),
    (
        r#"{"decode":{"field":"a","from":"base64-json"}}"#,
        "`decode` of `a` can't be undone: afterwards nothing tells how the text was written and compressed that it was read from",
    ),
    (
        r#"{"encode":{"field":"a","to":"base64","otherwise":"keep"}}"#,
        "`encode` of `a` can't be undone: what is no text is lost, or stays as if it were encoded",
    ),
    (
        r#"{"decode":{"field":"n","from":"base64-json","otherwise":"keep"}},{"rename":{"from":"n.y","to":"n.x"}}"#,
        "`decode` of `n` can't be undone: afterwards nothing tells how the text was written and compressed that it was read from",
    ),
    (
        r#"{"split":{"field":"a","separator":" ","into":["n","o"]}}"#,
        "`split` of `a` can't be undone: a `null` leaves no part, and a part may have been there before",
    ),
    (
        r#"{"join":{"fields":["a","b"],"separator":" ","into":"n"}}"#,
        "`join` of `a` can't be undone: afterwards nothing tells where one part ended and which ones were missing",
    ),
    (
        r#"{"rename":{"from":"a","to":"n","existing":"overwrite"}}"#,
        "`rename` of `a` can't be undone: what stood at `n` is lost",
    ),
    (
        r#"{"move":{"from":"a","to":"n","existing":"keep"}}"#,
        "`move` of `a` can't be undone: its value is lost where something stood at `n`",
    ),
    (
        r#"{"rename":{"from":"a","to":"b"}}"#,
        "`rename` of `a` can't be undone: a document may have had `b` before; only a strict mapping without it rules that out",
    ),
    (
        r#"{"move":{"from":"a","to":"b.c"}}"#,
        "`move` of `a` can't be undone: a document may have had `b` before; only a strict mapping without it rules that out",
    ),
    (
        r#"{"move":{"from":"a.b","to":"n"}}"#,
        "`move` of `a.b` can't be undone: afterwards nothing tells whether `a` was an object, empty without it, or part of a dotted name",
    ),
    (
        r#"{"painless":{"script":"ctx._source.a = 1"}}"#,
        "`painless` can't be undone: nothing tells what a script did",
    ),
    (r#"{"jq":{"program":".a = 1"}}"#, "`jq` can't be undone: nothing tells what a program did"),
    (
        r#"{"jq":{"program":"1","field":"a"}}"#,
        "`jq` of `a` can't be undone: nothing tells what a program did",
    ),
    // What an earlier operation wrote may be there.
    (
        r#"{"copy":{"from":"a","to":"x.y"}},{"copy":{"from":"b","to":"x.z"}}"#,
        "`copy` of `b` can't be undone: a document may have had `x` before; only a strict mapping without it rules that out",
    ),
    (
        r#"{"rename":{"from":"a","to":"n"}},{"rename":{"from":"b","to":"n"}}"#,
        "`rename` of `b` can't be undone: a document may have had `n` before; only a strict mapping without it rules that out",
    ),
];

#[test]
fn what_a_flatten_has_written_is_not_free() {
    let told = |prefix: &str, to: &str| {
        let earlier = format!(r#"[{{"flatten":{{"field":"a","prefix":"{prefix}"}}}}]"#);
        let earlier: Vec<Operation> = serde_json::from_str(&earlier).unwrap();
        let later = format!(r#"[{{"move":{{"from":"b","to":"{to}"}}}}]"#);
        let later: Vec<Operation> = serde_json::from_str(&later).unwrap();
        inverse(&later, Outset { earlier: &earlier, is_ruled_out: &|_| true }).is_ok()
    };
    let rows = [
        ("n_", "n_c", false),
        ("n_", "n_c.d", false),
        ("n_", "o", true),
        ("n_", "n", true),
        ("n.o_", "n", false),
        ("n.o_", "n.x", false),
        ("", "o", false),
    ];
    for (prefix, to, is_free) in rows {
        assert_eq!(told(prefix, to), is_free, "{prefix} {to}");
    }
}

/// Whether a document has a field, or anything below it.
fn mentions(document: &Members, path: &str) -> bool {
    fn inside(value: &Json, path: &str) -> bool {
        match value {
            Json::Object(members) => mentions(members, path),
            Json::Array(elements) => elements.iter().any(|element| inside(element, path)),
            _ => false,
        }
    }
    document.iter().any(|(key, value)| {
        let below = key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        let on_the_way = path.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.'));
        key == path || below || on_the_way.is_some_and(|rest| inside(value, rest))
    })
}

fn path(
    names: &'static [&'static str],
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = FieldPath> {
    vec(select(names), count).prop_map(|names| FieldPath::try_from(names.join(".")).unwrap())
}

/// Mostly to fields that no document has, so that many can be undone.
fn relocation() -> impl Strategy<Value = Operation> {
    let from = path(&["a", "b", "c", "n"], 1..4);
    let to = prop_oneof![
        4 => path(&["n", "o", "a", "b"], 1..3),
        1 => path(&["a", "b", "c"], 1..4),
    ];
    let existing = prop_oneof![8 => Just(Existing::Reject), 1 => Just(Existing::Keep)];
    (from, to, existing, 0_u8..5).prop_map(|(from, to, existing, kind)| {
        let beside = from.parent().map(|parent| format!("{parent}.{}", to.root()));
        let relocation = |to| Relocation { from: from.clone(), to, existing };
        match kind {
            0 => Operation::Move(relocation(to)),
            1 => Operation::Copy(relocation(to)),
            2 => Operation::Nest(Nesting { fields: vec![from.clone()], into: to, existing }),
            _ => {
                let to = beside.map_or(to.root(), |path| FieldPath::try_from(path).unwrap());
                Operation::Rename(relocation(to))
            }
        }
    })
}

/// Tables that often can be turned.
fn change() -> impl Strategy<Value = Operation> {
    let table = translation(path(&["a", "b", "c"], 1..3)).prop_map(|mut translation| {
        translation.otherwise = Otherwise::Reject;
        Operation::Map(translation)
    });
    let to = select(&[Coding::Base64, Coding::Base64Json, Coding::Base64GzipJson][..]);
    let encoding = (path(&["a", "b", "c"], 1..3), to).prop_map(|(field, to)| {
        Operation::Encode(Encoding { field, to, otherwise: Otherwise::Reject })
    });
    let plain = prop_oneof![3 => relocation(), 1 => table, 1 => encoding];
    prop_oneof![3 => plain.clone(), 1 => branching(plain).prop_map(Operation::When)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 16, ..ProptestConfig::default() })]

    #[test]
    fn down_after_up_gives_the_document(
        document in document(), operations in vec(change(), 1..4), earlier_count in 0_usize..3,
    ) {
        let source = reference::render(&document);
        let is_ruled_out = |path: &FieldPath| !mentions(&document, path.as_str());
        let (earlier, later) = operations.split_at(earlier_count.min(operations.len()));
        let outset = Outset { earlier, is_ruled_out: &is_ruled_out };
        if let Ok(before) = apply(&Program::new(earlier.to_vec()), source.as_bytes())
            && let Ok(down) = inverse(later, outset)
            && let Ok(after) = apply(&Program::new(later.to_vec()), &before)
        {
            let back = apply(&Program::new(down), &after);
            prop_assert!(back.is_ok(), "{:?} {}", back, String::from_utf8_lossy(&after));
            prop_assert_eq!(document_hash(&back.unwrap()), document_hash(&before));
        }
    }
}
