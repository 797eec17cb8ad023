//! Every rule of `docs/design/pack-format.md`, section Operations: operation, document, and what becomes of it, or
//! the code of the rejection.

use super::{apply, program};

/// Operations without the list around them, the source, the outcome: a document, or `T…` for a rejection.
type Row = (&'static str, &'static str, &'static str);

fn check(rows: &[Row]) {
    for (operations, source, expected) in rows {
        let outcome = apply(&program(&format!("[{operations}]")), source.as_bytes());
        let shown = match outcome {
            Ok(output) => String::from_utf8(output).expect("UTF-8"),
            Err(rejection) => rejection.code.to_string(),
        };
        assert_eq!(&shown, expected, "{operations} on {source}");
    }
}

#[test]
fn untouched_bytes_stay() {
    let odd = r#""n":[1.10,1e400,123456789012345678901234567890,-0.0],"s":"\u00e9\/","k\u0065y":{  "x" : 1 }"#;
    let source = format!("{{\"a\":1,{odd}}}");
    let expected = format!("{{\"b\":1,{odd}}}");
    check(&[(
        r#"{"rename":{"from":"a","to":"b"}}"#,
        source.clone().leak(),
        expected.leak(),
    )]);
    // Nothing changes, so white space stays as well.
    let spaced = " { \"a\" : 1 }\n";
    check(&[
        (r#"{"remove":{"fields":["b"]}}"#, spaced, spaced),
        (r#"{"remove":{"fields":["b.c","a.b"]}}"#, spaced, spaced),
        (r#"{"default":{"field":"a","value":2}}"#, spaced, spaced),
        (r#"{"cast":{"field":"a","to":"long"}}"#, spaced, spaced),
        (r#"{"set":{"field":"b","value":2}}"#, spaced, r#"{"a":1,"b":2}"#),
    ]);
}

#[test]
fn rename() {
    check(&[
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"x":1,"a":2,"y":3}"#, r#"{"x":1,"b":2,"y":3}"#),
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"x":1}"#, r#"{"x":1}"#),
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"a":null}"#, r#"{"b":null}"#),
        (r#"{"rename":{"from":"a","to":"a"}}"#, r#"{"a":1}"#, r#"{"a":1}"#),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":{"b":1,"d":2}}"#, r#"{"a":{"c":1,"d":2}}"#),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a.b":1,"d":2}"#, r#"{"a.c":1,"d":2}"#),
        (r#"{"rename":{"from":"a.b.c","to":"a.b.d"}}"#, r#"{"a":{"b.c":1}}"#, r#"{"a":{"b.d":1}}"#),
        (r#"{"rename":{"from":"a.b.c","to":"a.b.d"}}"#, r#"{"a.b":{"c":1}}"#, r#"{"a.b":{"d":1}}"#),
        (r#"{"rename":{"from":"a","to":"q\"u"}}"#, r#"{"a":1}"#, r#"{"q\"u":1}"#),
        (r#"{"rename":{"from":"key","to":"b"}}"#, r#"{"k\u0065y":1}"#, r#"{"b":1}"#),
        // A name that leaves the parent is a move.
        (r#"{"rename":{"from":"a.b","to":"c"}}"#, r#"{"a":{"b":1}}"#, r#"{"c":1}"#),
        // The target exists.
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"a":1,"b":2}"#, "T0104"),
        (r#"{"rename":{"from":"a","to":"b","existing":"overwrite"}}"#, r#"{"b":2,"a":1}"#, r#"{"b":1}"#),
        (r#"{"rename":{"from":"a","to":"b","existing":"keep"}}"#, r#"{"b":2,"a":1}"#, r#"{"b":2}"#),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":{"b":1},"a.c":2}"#, "T0104"),
        // Both at once.
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":{"b":1},"a.b":2}"#, "T0103"),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":{"x":1},"a.b":2}"#, r#"{"a":{"x":1},"a.c":2}"#),
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"a":1,"a":2}"#, "T0103"),
        (r#"{"rename":{"from":"c","to":"b"}}"#, r#"{"a":1,"a":2,"c":3}"#, r#"{"a":1,"a":2,"b":3}"#),
        // Arrays.
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":[{"b":1},{"x":2},7,null,[{"b":3}]]}"#, r#"{"a":[{"c":1},{"x":2},7,null,[{"c":3}]]}"#),
        (r#"{"rename":{"from":"a.b.c","to":"a.b.d"}}"#, r#"{"a":[{"b":[{"c":1}]},{"b":{"c":2}},{"b.c":3}]}"#, r#"{"a":[{"b":[{"d":1}]},{"b":{"d":2}},{"b.d":3}]}"#),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":[{"b":1},{"b":2,"c":3}]}"#, "T0104"),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":[{"b":1}],"a.c":2}"#, "T0103"),
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"a":[{"b":1}]}"#, r#"{"b":[{"b":1}]}"#),
    ]);
}
