//! Every rule of `docs/design/pack-format.md`, section Operations: operation, document, and what becomes of it, or
//! the code of the rejection.

use super::{apply, program};

/// Operations without the list around them, the source, the outcome: a document, or `T…` for a rejection.
pub(super) type Row<'a> = (&'a str, &'a str, &'a str);

pub(super) fn check(rows: &[Row<'_>]) {
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
    check(&[(r#"{"rename":{"from":"a","to":"b"}}"#, &source, &expected)]);
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
        (
            r#"{"rename":{"from":"a.b","to":"a.c"}}"#,
            r#"{"a":{"b":1,"d":2}}"#,
            r#"{"a":{"c":1,"d":2}}"#,
        ),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a.b":1,"d":2}"#, r#"{"a.c":1,"d":2}"#),
        (r#"{"rename":{"from":"a.b.c","to":"a.b.d"}}"#, r#"{"a":{"b.c":1}}"#, r#"{"a":{"b.d":1}}"#),
        (r#"{"rename":{"from":"a.b.c","to":"a.b.d"}}"#, r#"{"a.b":{"c":1}}"#, r#"{"a.b":{"d":1}}"#),
        (r#"{"rename":{"from":"a","to":"q\"u"}}"#, r#"{"a":1}"#, r#"{"q\"u":1}"#),
        (r#"{"rename":{"from":"key","to":"b"}}"#, r#"{"k\u0065y":1}"#, r#"{"b":1}"#),
        // A name that leaves the parent is a move.
        (r#"{"rename":{"from":"a.b","to":"c"}}"#, r#"{"a":{"b":1}}"#, r#"{"c":1}"#),
        // The target exists.
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"a":1,"b":2}"#, "T0104"),
        (
            r#"{"rename":{"from":"a","to":"b","existing":"overwrite"}}"#,
            r#"{"b":2,"a":1}"#,
            r#"{"b":1}"#,
        ),
        (r#"{"rename":{"from":"a","to":"b","existing":"keep"}}"#, r#"{"b":2,"a":1}"#, r#"{"b":2}"#),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":{"b":1},"a.c":2}"#, "T0104"),
        // Both at once.
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":{"b":1},"a.b":2}"#, "T0103"),
        (
            r#"{"rename":{"from":"a.b","to":"a.c"}}"#,
            r#"{"a":{"x":1},"a.b":2}"#,
            r#"{"a":{"x":1},"a.c":2}"#,
        ),
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"a":1,"a":2}"#, "T0103"),
        (r#"{"rename":{"from":"c","to":"b"}}"#, r#"{"a":1,"a":2,"c":3}"#, r#"{"a":1,"a":2,"b":3}"#),
        // Arrays.
        (
            r#"{"rename":{"from":"a.b","to":"a.c"}}"#,
            r#"{"a":[{"b":1},{"x":2},7,null,[{"b":3}]]}"#,
            r#"{"a":[{"c":1},{"x":2},7,null,[{"c":3}]]}"#,
        ),
        (
            r#"{"rename":{"from":"a.b.c","to":"a.b.d"}}"#,
            r#"{"a":[{"b":[{"c":1}]},{"b":{"c":2}},{"b.c":3}]}"#,
            r#"{"a":[{"b":[{"d":1}]},{"b":{"d":2}},{"b.d":3}]}"#,
        ),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":[{"b":1},{"b":2,"c":3}]}"#, "T0104"),
        (
            r#"{"rename":{"from":"a.b.c","to":"a.b.d"}}"#,
            r#"{"a":{"b":[{"c":1}]},"a.b":[{"d":2}]}"#,
            "T0103",
        ),
        (r#"{"rename":{"from":"a.b","to":"a.c"}}"#, r#"{"a":[{"b":1}],"a.c":2}"#, "T0103"),
        (r#"{"rename":{"from":"a","to":"b"}}"#, r#"{"a":[{"b":1}]}"#, r#"{"b":[{"b":1}]}"#),
    ]);
}

#[test]
fn moving() {
    check(&[
        (
            r#"{"move":{"from":"a.b","to":"x.y"}}"#,
            r#"{"a":{"b":1},"z":2}"#,
            r#"{"z":2,"x":{"y":1}}"#,
        ),
        (
            r#"{"move":{"from":"a.b","to":"x.y"}}"#,
            r#"{"a":{"b":1,"c":3},"x":{"w":2}}"#,
            r#"{"a":{"c":3},"x":{"w":2,"y":1}}"#,
        ),
        (r#"{"move":{"from":"a.b.c","to":"x"}}"#, r#"{"a":{"b":{"c":1}}}"#, r#"{"x":1}"#),
        (
            r#"{"move":{"from":"a.b.c","to":"x"}}"#,
            r#"{"a":{"b":{"c":1},"d":{}}}"#,
            r#"{"a":{"d":{}},"x":1}"#,
        ),
        (r#"{"move":{"from":"a.b.c","to":"x"}}"#, r#"{"a.b":{"c":1},"a":2}"#, r#"{"a":2,"x":1}"#),
        (r#"{"move":{"from":"a.b","to":"x"}}"#, r#"{"a":{}}"#, r#"{"a":{}}"#),
        (
            r#"{"move":{"from":"a","to":"x.y.z"}}"#,
            r#"{"a":{ "deep":[1.0] }}"#,
            r#"{"x":{"y":{"z":{ "deep":[1.0] }}}}"#,
        ),
        // Into itself and out of itself.
        (
            r#"{"move":{"from":"a","to":"a.b"}}"#,
            r#"{"a":{"b":1,"c":2}}"#,
            r#"{"a":{"b":{"b":1,"c":2}}}"#,
        ),
        (r#"{"move":{"from":"a.b","to":"a"}}"#, r#"{"a":{"b":{"c":1}}}"#, r#"{"a":{"c":1}}"#),
        (r#"{"move":{"from":"a.b","to":"a"}}"#, r#"{"a":{"b":1,"c":2}}"#, "T0104"),
        (
            r#"{"move":{"from":"a.b","to":"a","existing":"overwrite"}}"#,
            r#"{"a":{"b":1,"c":2}}"#,
            r#"{"a":1}"#,
        ),
        (
            r#"{"move":{"from":"a.b","to":"a","existing":"keep"}}"#,
            r#"{"a":{"b":1,"c":2}}"#,
            r#"{"a":{"c":2}}"#,
        ),
        (r#"{"move":{"from":"a","to":"a"}}"#, r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
        // The target exists.
        (r#"{"move":{"from":"a","to":"b.c"}}"#, r#"{"a":1,"b":{"c":null}}"#, "T0104"),
        (
            r#"{"move":{"from":"a","to":"b.c","existing":"overwrite"}}"#,
            r#"{"b.c":2,"a":1}"#,
            r#"{"b.c":1}"#,
        ),
        (
            r#"{"move":{"from":"a","to":"b.c","existing":"keep"}}"#,
            r#"{"a":1,"b":{"c":2}}"#,
            r#"{"b":{"c":2}}"#,
        ),
    ]);
}

#[test]
fn moving_into_parents_and_elements() {
    check(&[
        // Parents.
        (r#"{"move":{"from":"a","to":"b.c"}}"#, r#"{"a":1,"b":null}"#, r#"{"b":{"c":1}}"#),
        (r#"{"move":{"from":"a","to":"b.c.d"}}"#, r#"{"a":1,"b":null}"#, r#"{"b":{"c":{"d":1}}}"#),
        (r#"{"move":{"from":"a","to":"b.c"}}"#, r#"{"a":1,"b":"text"}"#, "T0105"),
        (
            r#"{"move":{"from":"a","to":"b.c.d"}}"#,
            r#"{"a":1,"b":{"x":1},"b.c":{"y":2}}"#,
            r#"{"b":{"x":1},"b.c":{"y":2,"d":1}}"#,
        ),
        (r#"{"move":{"from":"a","to":"b.c.d"}}"#, r#"{"a":1,"b":{"c":{}},"b.c":{"y":2}}"#, "T0103"),
        // Arrays.
        (
            r#"{"move":{"from":"i.a","to":"i.x.y"}}"#,
            r#"{"i":[{"a":1},{"a":2,"x":{"z":3}},{"b":4}]}"#,
            r#"{"i":[{"x":{"y":1}},{"x":{"z":3,"y":2}},{"b":4}]}"#,
        ),
        (
            r#"{"move":{"from":"i.a.b","to":"i.c"}}"#,
            r#"{"i":[{"a":{"b":1}}]}"#,
            r#"{"i":[{"c":1}]}"#,
        ),
        (r#"{"move":{"from":"i.a","to":"x"}}"#, r#"{"i":[{"a":1}]}"#, "T0106"),
        (r#"{"move":{"from":"i.a","to":"x"}}"#, r#"{"i":[{"b":1}]}"#, r#"{"i":[{"b":1}]}"#),
        (r#"{"move":{"from":"x","to":"i.a"}}"#, r#"{"i":[{"b":1}],"x":2}"#, "T0106"),
        (r#"{"move":{"from":"x","to":"i.a"}}"#, r#"{"i":[{"a":1}],"x":2}"#, "T0106"),
        (r#"{"move":{"from":"x","to":"i.a"}}"#, r#"{"i":[],"x":2}"#, "T0106"),
        (r#"{"move":{"from":"i","to":"j"}}"#, r#"{"i":[{"b":1}]}"#, r#"{"j":[{"b":1}]}"#),
    ]);
}

#[test]
fn copying() {
    check(&[
        (
            r#"{"copy":{"from":"a","to":"b"}}"#,
            r#"{"a":{ "x":1.0 },"c":2}"#,
            r#"{"a":{ "x":1.0 },"c":2,"b":{ "x":1.0 }}"#,
        ),
        (r#"{"copy":{"from":"a","to":"b"}}"#, r#"{"c":2}"#, r#"{"c":2}"#),
        (r#"{"copy":{"from":"a","to":"a.b"}}"#, r#"{"a":{"x":1}}"#, r#"{"a":{"x":1,"b":{"x":1}}}"#),
        (r#"{"copy":{"from":"a","to":"a.b"}}"#, r#"{"a":1}"#, "T0105"),
        (r#"{"copy":{"from":"a.b","to":"a"}}"#, r#"{"a":{"b":1}}"#, "T0104"),
        (
            r#"{"copy":{"from":"a.b","to":"a","existing":"overwrite"}}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":1}"#,
        ),
        (
            r#"{"copy":{"from":"a","to":"b","existing":"keep"}}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"a":1,"b":2}"#,
        ),
        (
            r#"{"copy":{"from":"i.a","to":"i.b"}}"#,
            r#"{"i":[{"a":1},{}]}"#,
            r#"{"i":[{"a":1,"b":1},{}]}"#,
        ),
        (r#"{"copy":{"from":"i.a","to":"b"}}"#, r#"{"i":[{"a":1}]}"#, "T0106"),
        // What was changed before is what is copied.
        (
            r#"{"set":{"field":"a.x","value":1}},{"copy":{"from":"a","to":"b"}},{"set":{"field":"a.x","value":2}}"#,
            r#"{"a":{"w":0}}"#,
            r#"{"a":{"w":0,"x":2},"b":{"w":0,"x":1}}"#,
        ),
    ]);
}

#[test]
fn objects_in_parts() {
    // What is done to the object would pass its parts over.
    check(&[
        (r#"{"remove":{"fields":["a"]}}"#, r#"{"a.b":1}"#, "T0119"),
        (r#"{"remove":{"fields":["a"]}}"#, r#"{"a":{"c":1},"a.b":1}"#, "T0119"),
        (r#"{"remove":{"fields":["a.b"]}}"#, r#"{"a":{"b.c":1}}"#, "T0119"),
        (r#"{"remove":{"fields":["a.b"]}}"#, r#"{"a":[{"d":1},{"b.c":1}]}"#, "T0119"),
        (r#"{"move":{"from":"a","to":"x"}}"#, r#"{"a.b":1}"#, "T0119"),
        (r#"{"rename":{"from":"x","to":"a"}}"#, r#"{"x":1,"a.b":1}"#, "T0119"),
        (r#"{"default":{"field":"a","value":1}}"#, r#"{"a.b":1}"#, "T0119"),
        (r#"{"cast":{"field":"a","to":"long"}}"#, r#"{"a.b":"1"}"#, "T0119"),
        // The parts themselves are fields like any other, and a name is no part of one that it only begins.
        (r#"{"remove":{"fields":["a.b"]}}"#, r#"{"a.b":1,"a.c":2}"#, r#"{"a.c":2}"#),
        (r#"{"remove":{"fields":["a"]}}"#, r#"{"a":1,"ab.c":2}"#, r#"{"ab.c":2}"#),
    ]);
}

#[test]
fn removing() {
    check(&[
        (
            r#"{"remove":{"fields":["a","b.c"]}}"#,
            r#"{"a":1,"b":{"c":2},"d":3}"#,
            r#"{"b":{},"d":3}"#,
        ),
        (r#"{"remove":{"fields":["b.c"]}}"#, r#"{"b.c":2}"#, "{}"),
        (r#"{"remove":{"fields":["b.c"]}}"#, r#"{"b.c":2,"b":{"c":1}}"#, "T0103"),
        (
            r#"{"remove":{"fields":["b.c"]}}"#,
            r#"{"b":[{"c":1},{"d":2},3,[{"c":4,"e":5}]]}"#,
            r#"{"b":[{},{"d":2},3,[{"e":5}]]}"#,
        ),
        (r#"{"remove":{"fields":["b.c"]}}"#, r#"{"b":[],"c":"b.c"}"#, r#"{"b":[],"c":"b.c"}"#),
        (r#"{"remove":{"fields":["a","a"]}}"#, r#"{"a":1}"#, "{}"),
        (
            r#"{"remove":{"fields":["a"]}},{"set":{"field":"a","value":2}}"#,
            r#"{"a":1,"b":0}"#,
            r#"{"b":0,"a":2}"#,
        ),
    ]);
}

#[test]
fn setting() {
    check(&[
        (
            r#"{"set":{"field":"a.b","value":{"x":[1,null]}}}"#,
            "{}",
            r#"{"a":{"b":{"x":[1,null]}}}"#,
        ),
        (r#"{"set":{"field":"a","value":null}}"#, r#"{"a":{"b":1},"c":2}"#, r#"{"a":null,"c":2}"#),
        (r#"{"set":{"field":"a.b","value":1}}"#, r#"{"a.b":{"c":1}}"#, r#"{"a.b":1}"#),
        (r#"{"set":{"field":"a.b","value":1}}"#, r#"{"a":5}"#, "T0105"),
        (r#"{"set":{"field":"a.b","value":1}}"#, r#"{"a":null}"#, r#"{"a":{"b":1}}"#),
        (
            r#"{"set":{"field":"a.b","value":1}}"#,
            r#"{"a":[{"b":2},{"c":3},null,[{}]]}"#,
            r#"{"a":[{"b":1},{"c":3,"b":1},null,[{"b":1}]]}"#,
        ),
        (
            r#"{"set":{"field":"a.b.c","value":1}}"#,
            r#"{"a":[{},{"b":{}},{"b":[{}]}]}"#,
            r#"{"a":[{"b":{"c":1}},{"b":{"c":1}},{"b":[{"c":1}]}]}"#,
        ),
        (r#"{"set":{"field":"a.b","value":1}}"#, r#"{"a":[]}"#, r#"{"a":[]}"#),
        (r#"{"set":{"field":"a.b","value":1}}"#, r#"{"a":["x"]}"#, "T0105"),
        (r#"{"set":{"field":"a.b","value":1}}"#, r#"{"a":{"b":1},"a.b":2}"#, "T0103"),
        (
            r#"{"set":{"field":"a.b.c","value":1}}"#,
            r#"{"a":[],"a.b":{}}"#,
            r#"{"a":[],"a.b":{"c":1}}"#,
        ),
        // What was set can be looked into.
        (
            r#"{"set":{"field":"a","value":{"b":{"c":1}}}},{"rename":{"from":"a.b.c","to":"a.b.d"}}"#,
            r#"{"a":0}"#,
            r#"{"a":{"b":{"d":1}}}"#,
        ),
    ]);
}

#[test]
fn defaulting() {
    check(&[
        (r#"{"default":{"field":"a","value":0}}"#, r#"{"b":1}"#, r#"{"b":1,"a":0}"#),
        (r#"{"default":{"field":"a","value":0}}"#, r#"{"a":null}"#, r#"{"a":null}"#),
        (r#"{"default":{"field":"a.b","value":0}}"#, r#"{"a.b":1}"#, r#"{"a.b":1}"#),
        (r#"{"default":{"field":"a.b","value":0}}"#, r#"{"a":null}"#, r#"{"a":{"b":0}}"#),
        (
            r#"{"default":{"field":"a.b","value":0}}"#,
            r#"{"a":[{"b":1},{}]}"#,
            r#"{"a":[{"b":1},{"b":0}]}"#,
        ),
        (r#"{"default":{"field":"a.b","value":0}}"#, r#"{"a":true}"#, "T0105"),
    ]);
}

#[test]
fn splitting() {
    const NAME: &str = r#"{"split":{"field":"n","separator":" ","into":["f","l"]}}"#;
    const IN_PLACE: &str = r#"{"split":{"field":"n","separator":", ","into":["f","n"]}}"#;
    const NESTED: &str = r#"{"split":{"field":"p.n","separator":" ","into":["p.f","q.l"]}}"#;
    const UNTIL: &str = r#"{"split":{"field":"i.n","separator":" ","into":["i.f","i.l"]}}"#;
    check(&[
        (NAME, r#"{"n":"Ada Lovelace King","z":1}"#, r#"{"z":1,"f":"Ada","l":"Lovelace King"}"#),
        (NAME, r#"{"n":"Ada"}"#, r#"{"f":"Ada"}"#),
        (NAME, r#"{"n":""}"#, r#"{"f":""}"#),
        (NAME, r#"{"n":"Ada "}"#, r#"{"f":"Ada","l":""}"#),
        (NAME, r#"{"n":"\u0041da\u0020\"L\" \ud800"}"#, r#"{"f":"Ada","l":"\"L\" \ud800"}"#),
        (NAME, r#"{"z":1}"#, r#"{"z":1}"#),
        (NAME, r#"{"n":null}"#, "{}"),
        (NAME, r#"{"n":7}"#, "T0108"),
        (NAME, r#"{"n":["a b"]}"#, "T0108"),
        (NAME, r#"{"n":{}}"#, "T0108"),
        (NAME, r#"{"n":"a b","l":null}"#, "T0104"),
        (NAME, r#"{"n":"a","l":"stays"}"#, r#"{"l":"stays","f":"a"}"#),
        (IN_PLACE, r#"{"n":"a, b, c","z":1}"#, r#"{"n":"b, c","z":1,"f":"a"}"#),
        (IN_PLACE, r#"{"n":"a","z":1}"#, r#"{"z":1,"f":"a"}"#),
        (IN_PLACE, r#"{"n":null}"#, r#"{"n":null}"#),
        (NESTED, r#"{"p":{"n":"a b"}}"#, r#"{"p":{"f":"a"},"q":{"l":"b"}}"#),
        (NESTED, r#"{"p":[{"n":"a b"}]}"#, "T0106"),
        (
            UNTIL,
            r#"{"i":[{"n":"a b"},{"n":"c"},{"x":1}]}"#,
            r#"{"i":[{"f":"a","l":"b"},{"f":"c"},{"x":1}]}"#,
        ),
        (
            r#"{"split":{"field":"n","separator":"-","into":["n.x","n.y"]}}"#,
            r#"{"n":"a-b"}"#,
            r#"{"n":{"x":"a","y":"b"}}"#,
        ),
    ]);
}

#[test]
fn joining() {
    const NAME: &str = r#"{"join":{"fields":["f","l"],"separator":" ","into":"n"}}"#;
    const IN_PLACE: &str = r#"{"join":{"fields":["f","n"],"separator":", ","into":"n"}}"#;
    const NESTED: &str = r#"{"join":{"fields":["p.f","q.l"],"separator":"","into":"p.n"}}"#;
    const UNTIL: &str = r#"{"join":{"fields":["i.f","i.l"],"separator":" ","into":"i.n"}}"#;
    const LISTS: &str =
        r#"{"join":{"fields":["t","u"],"separator":",","into":"t","lists":"join"}}"#;
    const AROUND: &str = r#"{"join":{"fields":["n.x","n.y"],"separator":"-","into":"n"}}"#;
    check(&[
        (NAME, r#"{"l":"Lovelace King","f":"Ada","z":1}"#, r#"{"z":1,"n":"Ada Lovelace King"}"#),
        (NAME, r#"{"f":"Ada"}"#, r#"{"n":"Ada"}"#),
        (NAME, r#"{"l":"King"}"#, r#"{"n":"King"}"#),
        (NAME, r#"{"f":"Ada","l":""}"#, r#"{"n":"Ada "}"#),
        (NAME, r#"{"f":"\u0041da","l":"\"L\" \ud800"}"#, r#"{"n":"Ada \"L\" \ud800"}"#),
        (NAME, r#"{ "z":1 }"#, r#"{ "z":1 }"#),
        // Of `null` there is no text.
        (NAME, r#"{"f":null,"l":"King"}"#, r#"{"n":"King"}"#),
        (NAME, r#"{"f":null,"z":1}"#, r#"{"z":1}"#),
        (NAME, r#"{"f":"Ada","l":7}"#, "T0110"),
        (NAME, r#"{"f":["Ada"]}"#, "T0110"),
        (NAME, r#"{"f":{}}"#, "T0110"),
        (NAME, r#"{"f":true}"#, "T0110"),
        (NAME, r#"{"f":"Ada","n":null}"#, "T0104"),
        (NAME, r#"{"n":"stays"}"#, r#"{"n":"stays"}"#),
        (NAME, r#"{"f":"a","f":"b"}"#, "T0103"),
        (IN_PLACE, r#"{"n":"b, c","z":1,"f":"a"}"#, r#"{"n":"a, b, c","z":1}"#),
        (IN_PLACE, r#"{"z":1,"f":"a"}"#, r#"{"z":1,"n":"a"}"#),
        (IN_PLACE, r#"{"n":"b"}"#, r#"{"n":"b"}"#),
        (IN_PLACE, r#"{"n":null}"#, r#"{"n":null}"#),
        (IN_PLACE, r#"{"n":null,"f":null}"#, r#"{"n":null}"#),
        (IN_PLACE, r#"{"n":null,"f":"a"}"#, r#"{"n":"a"}"#),
        (NESTED, r#"{"p":{"f":"a"},"q":{"l":"b"}}"#, r#"{"p":{"n":"ab"}}"#),
        (NESTED, r#"{"p.f":"a","q":{"x":1}}"#, r#"{"q":{"x":1},"p":{"n":"a"}}"#),
        (AROUND, r#"{"n":{"x":"a","y":"b"}}"#, r#"{"n":"a-b"}"#),
        (
            UNTIL,
            r#"{"i":[{"f":"a","l":"b"},{"l":"c"},{"x":1},[{"f":"d"}]]}"#,
            r#"{"i":[{"n":"a b"},{"n":"c"},{"x":1},[{"n":"d"}]]}"#,
        ),
        (
            r#"{"join":{"fields":["i.f","l"],"separator":" ","into":"i.n"}}"#,
            r#"{"i":[{"f":"a"}],"l":"b"}"#,
            "T0106",
        ),
        (
            r#"{"join":{"fields":["i.f","i.l"],"separator":" ","into":"n"}}"#,
            r#"{"i":[{"f":"a"}]}"#,
            "T0106",
        ),
        (UNTIL, r#"{"i":[{"f":"a"}],"i.l":"b"}"#, "T0103"),
        (LISTS, r#"{"t":["a","b",null],"z":1}"#, r#"{"t":"a,b","z":1}"#),
        (LISTS, r#"{"t":[]}"#, r#"{"t":""}"#),
        (LISTS, r#"{"t":"a"}"#, r#"{"t":"a"}"#),
        (LISTS, r#"{"t":null}"#, r#"{"t":null}"#),
        (LISTS, r#"{"t":["a","b"],"u":["c","\u0064\""]}"#, r#"{"t":"a,b,c,d\""}"#),
        (LISTS, r#"{"t":[],"u":"c"}"#, r#"{"t":",c"}"#),
        (LISTS, r#"{"t":["a",["b"]]}"#, "T0110"),
        (LISTS, r#"{"t":["a",7]}"#, "T0110"),
        (LISTS, r#"{"t":{"a":"b"}}"#, "T0110"),
        // What split took apart.
        (
            r#"{"split":{"field":"n","separator":" ","into":["f","l"]}},{"join":{"fields":["f","l"],"separator":" ","into":"n"}}"#,
            r#"{"n":"Ada King Lovelace"}"#,
            r#"{"n":"Ada King Lovelace"}"#,
        ),
    ]);
}

/// Type, value, what it becomes; `-` where it can't.
const CASTS: [(&str, &str, &str); 48] = [
    ("string", r#""a\u00e9""#, r#""a\u00e9""#),
    ("string", "1.10", r#""1.10""#),
    ("string", "123456789012345678901234567890", r#""123456789012345678901234567890""#),
    ("string", "-0.0e+5", r#""-0.0e+5""#),
    ("string", "true", r#""true""#),
    ("string", "null", "null"),
    ("string", "{}", "-"),
    ("string", r#"["a",1,[false],null]"#, r#"["a","1",["false"],null]"#),
    ("long", "42", "42"),
    ("long", "-0", "-0"),
    ("long", "42.0", "42"),
    ("long", "4.2e1", "42"),
    ("long", "-1e3", "-1000"),
    ("long", "4.25", "-"),
    ("long", "9223372036854775807", "9223372036854775807"),
    ("long", "9223372036854775808", "-"),
    ("long", "9007199254740993.0", "9007199254740993"),
    ("long", "1e400", "-"),
    ("long", r#""42""#, "42"),
    ("long", r#""+42""#, "42"),
    ("long", r#""-0042""#, "-42"),
    ("long", r#""\u0034\u0032""#, "42"),
    ("long", r#""9223372036854775808""#, "-"),
    ("long", r#""-9223372036854775808""#, "-9223372036854775808"),
    ("long", r#""""#, "-"),
    ("long", r#""+""#, "-"),
    ("long", r#"" 1""#, "-"),
    ("long", r#""1.0""#, "-"),
    ("long", r#""0x1""#, "-"),
    ("long", r#""١""#, "-"),
    ("long", "true", "-"),
    ("long", r#"["1",2.0,null]"#, "[1,2,null]"),
    ("double", "1.50", "1.50"),
    ("double", "7", "7"),
    ("double", r#""1.50""#, "1.50"),
    ("double", r#""1e400""#, "1e400"),
    ("double", r#""+1""#, "-"),
    ("double", r#"".5""#, "-"),
    ("double", r#""01""#, "-"),
    ("double", r#""1 ""#, "-"),
    ("double", r#""NaN""#, "-"),
    ("double", "false", "-"),
    ("boolean", "true", "true"),
    ("boolean", r#""false""#, "false"),
    ("boolean", r#""tru\u0065""#, "true"),
    ("boolean", r#""True""#, "-"),
    ("boolean", "1", "-"),
    ("boolean", "{}", "-"),
];

#[test]
fn casting() {
    for (to, value, expected) in CASTS {
        let source = format!(r#"{{"a":{value},"b":0}}"#);
        for (otherwise, impossible) in [
            ("reject", "T0107".into()),
            ("keep", source.clone()),
            ("remove", r#"{"b":0}"#.into()),
            ("null", r#"{"a":null,"b":0}"#.into()),
        ] {
            let operation =
                format!(r#"{{"cast":{{"field":"a","to":"{to}","otherwise":"{otherwise}"}}}}"#);
            let possible = format!(r#"{{"a":{expected},"b":0}}"#);
            let outcome = if expected == "-" { impossible } else { possible };
            check(&[(&operation, &source, &outcome)]);
        }
    }
    check(&[
        (
            r#"{"cast":{"field":"a","to":"long","otherwise":"remove"}}"#,
            r#"{"a":["1","x",{},[2.5,3]]}"#,
            r#"{"a":[1,[3]]}"#,
        ),
        (
            r#"{"cast":{"field":"a","to":"long","otherwise":"null"}}"#,
            r#"{"a":["1","x",{}]}"#,
            r#"{"a":[1,null,null]}"#,
        ),
        (
            r#"{"cast":{"field":"a","to":"long","otherwise":"keep"}}"#,
            r#"{"a":["1","x",{ }]}"#,
            r#"{"a":[1,"x",{ }]}"#,
        ),
        (r#"{"cast":{"field":"a","to":"long"}}"#, r#"{"a":["1","x"]}"#, "T0107"),
        (
            r#"{"cast":{"field":"a.b","to":"string"}}"#,
            r#"{"a":[{"b":1},{"c":1},{"b":[2]}]}"#,
            r#"{"a":[{"b":"1"},{"c":1},{"b":["2"]}]}"#,
        ),
        (r#"{"cast":{"field":"a","to":"long"}}"#, r#"{"b":"x"}"#, r#"{"b":"x"}"#),
    ]);
}

#[test]
fn not_a_document() {
    const ANY: &str = r#"{"remove":{"fields":["x"]}}"#;
    let (deepest, too_deep) = (nested(128), nested(129));
    check(&[
        (ANY, "", "T0101"),
        (ANY, "[]", "T0101"),
        (ANY, "7", "T0101"),
        (ANY, "{", "T0101"),
        (ANY, "{}}", "T0101"),
        (ANY, r#"{"a":1,}"#, "T0101"),
        (ANY, r#"{"a":{"b":01}}"#, "T0101"),
        (ANY, "{\"a\":\"\n\"}", "T0101"),
        (ANY, r#"{"a":"\x"}"#, "T0101"),
        (ANY, &deepest, &deepest),
        (ANY, &too_deep, "T0102"),
        (r#"{"move":{"from":"a","to":"b"}}"#, &deepest, &deepest.replacen('a', "b", 1)),
        (r#"{"move":{"from":"a","to":"b.c"}}"#, &deepest, "T0102"),
    ]);
    let invalid_utf8 = apply(&program(&format!("[{ANY}]")), b"{\"a\":\"\xff\"}").unwrap_err();
    assert_eq!(invalid_utf8.code.as_str(), "T0101");
    // Nothing is read where nothing is done.
    assert_eq!(apply(&program("[]"), b"\xff").unwrap(), b"\xff");
}

/// An object of so many levels: `{"a":{"a":{}}}`.
fn nested(levels: usize) -> String {
    format!("{}{{}}{}", r#"{"a":"#.repeat(levels - 1), "}".repeat(levels - 1))
}

#[test]
fn paths_too_deep_or_doubling() {
    let path = vec!["p"; 128].join(".");
    let longer = format!("{path}.p");
    let set = |path: &str| format!(r#"[{{"set":{{"field":"{path}","value":1}}}}]"#);
    assert!(apply(&program(&set(&path)), b"{}").is_ok());
    assert_eq!(apply(&program(&set(&longer)), b"{}").unwrap_err().code.as_str(), "T0102");
    let copies: Vec<String> =
        (0..40).map(|index| format!(r#"{{"copy":{{"from":"a","to":"a.copy{index}"}}}}"#)).collect();
    let copies = copies.join(",");
    let source = format!(r#"{{"a":{{"text":"{}"}}}}"#, "x".repeat(1000));
    let rejection = apply(&program(&format!("[{copies}]")), source.as_bytes()).unwrap_err();
    assert_eq!(rejection.code.as_str(), "T0109");
}

#[test]
fn a_rejection_says_where_and_what_next() {
    let program =
        program(r#"[{"remove":{"fields":["z"]}},{"cast":{"field":"price","to":"long"}}]"#);
    let long = "s".repeat(500);
    let rejection = apply(&program, format!(r#"{{"price":"{long}"}}"#).as_bytes()).unwrap_err();
    assert_eq!(rejection.operation_index, Some(1));
    assert_eq!(rejection.operation.as_deref(), Some("cast"));
    assert_eq!(rejection.field.as_deref(), Some("price"));
    assert!(!rejection.message.contains(&long), "a value is not shown as a whole");
    insta::assert_snapshot!(rejection.to_string().replace(&"s".repeat(59), "s59"), @r#"T0107: operation 2 (`cast` of `price`): `"s59…` can't become a long; say `otherwise: keep`, `remove` or `null` if such values may occur"#);
    let json = serde_json::to_string(&rejection).unwrap();
    assert_eq!(serde_json::from_str::<super::Rejection>(&json).unwrap(), rejection);
}

#[test]
fn scripts_run_elsewhere() {
    check(&[
        (r#"{"painless":{"script":"ctx._source.a = 1"}}"#, r#"{"a":2}"#, "T0205"),
        (r#"{"jq":{"program":".a = 1"}}"#, r#"{"a":2}"#, "T0307"),
    ]);
}
