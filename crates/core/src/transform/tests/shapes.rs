//! Rules of operations that change what objects and lists hold, as in `table`.

use super::table::check;

#[test]
fn wrapping() {
    const WRAP: &str = r#"{"wrap":{"fields":["a","b.c"]}}"#;
    check(&[
        (
            WRAP,
            r#"{"a":1.0,"b":{"c":{ "d":1 }},"e":2}"#,
            r#"{"a":[1.0],"b":{"c":[{ "d":1 }]},"e":2}"#,
        ),
        (WRAP, r#"{"a":"x","b.c":true}"#, r#"{"a":["x"],"b.c":[true]}"#),
        // A list stays one, whatever is in it.
        (WRAP, r#"{ "a":[], "b":{"c":[[1]]} }"#, r#"{ "a":[], "b":{"c":[[1]]} }"#),
        (WRAP, r#"{ "a":null }"#, r#"{ "a":null }"#),
        (WRAP, r#"{ "d":1 }"#, r#"{ "d":1 }"#),
        (WRAP, r#"{"b":[{"c":1},{"c":[2]},{}]}"#, r#"{"b":[{"c":[1]},{"c":[2]},{}]}"#),
        (WRAP, r#"{"a":1,"a":2}"#, "T0103"),
        (
            r#"{"rename":{"from":"a.x","to":"a.y"}},{"wrap":{"fields":["a"]}}"#,
            r#"{"a":{"x":1}}"#,
            r#"{"a":[{"y":1}]}"#,
        ),
        (r#"{"wrap":{"fields":["a","a"]}}"#, r#"{"a":1}"#, r#"{"a":[1]}"#),
    ]);
}

#[test]
fn unwrapping() {
    const UNWRAP: &str = r#"{"unwrap":{"fields":["a","b.c"]}}"#;
    const FIRST: &str = r#"{"unwrap":{"fields":["a"],"several":"first","empty":"null"}}"#;
    const KEEP: &str = r#"{"unwrap":{"fields":["a"],"several":"keep"}}"#;
    check(&[
        (UNWRAP, r#"{"a":[ 1.0 ],"b":{"c":[{ "d":1 }]}}"#, r#"{"a":1.0,"b":{"c":{ "d":1 }}}"#),
        // One level, and what is no list stays.
        (UNWRAP, r#"{"a":[[1]]}"#, r#"{"a":[1]}"#),
        (UNWRAP, r#"{"a":[null]}"#, r#"{"a":null}"#),
        (UNWRAP, r#"{ "a":1, "b":{"c":null} }"#, r#"{ "a":1, "b":{"c":null} }"#),
        (UNWRAP, r#"{ "d":[1] }"#, r#"{ "d":[1] }"#),
        (UNWRAP, r#"{"a":[],"b":{"c":[ ]}}"#, r#"{"b":{}}"#),
        (UNWRAP, r#"{"a":[1,2]}"#, "T0113"),
        (UNWRAP, r#"{"a":[1,null]}"#, "T0113"),
        (UNWRAP, r#"{"b":[{"c":[1]},{"c":[]},{"d":[2]}]}"#, r#"{"b":[{"c":1},{},{"d":[2]}]}"#),
        (UNWRAP, r#"{"b.c":[1],"b":{"c":[2]}}"#, "T0103"),
        (FIRST, r#"{"a":[1,2]}"#, r#"{"a":1}"#),
        (FIRST, r#"{"a":[]}"#, r#"{"a":null}"#),
        (KEEP, r#"{ "a":[1,2] }"#, r#"{ "a":[1,2] }"#),
        (KEEP, r#"{"a":[1]}"#, r#"{"a":1}"#),
        // Elements that an operation took away are not there.
        (
            r#"{"cast":{"field":"a","to":"long","otherwise":"remove"}},{"unwrap":{"fields":["a"]}}"#,
            r#"{"a":["x","7"]}"#,
            r#"{"a":7}"#,
        ),
    ]);
}
