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

#[test]
fn nesting() {
    const NEST: &str = r#"{"nest":{"fields":["street","geo.city"],"into":"home"}}"#;
    const OVER: &str = r#"{"nest":{"fields":["a","b"],"into":"o","existing":"overwrite"}}"#;
    const KEEP: &str = r#"{"nest":{"fields":["a","b"],"into":"o","existing":"keep"}}"#;
    check(&[
        (
            NEST,
            r#"{"street":"S","z":1.0,"geo":{"city":"C"}}"#,
            r#"{"z":1.0,"home":{"street":"S","city":"C"}}"#,
        ),
        (NEST, r#"{"geo":{"city":"C","x":1}}"#, r#"{"geo":{"x":1},"home":{"city":"C"}}"#),
        (NEST, r#"{"street":null,"geo.city":[1]}"#, r#"{"home":{"street":null,"city":[1]}}"#),
        (NEST, r#"{ "z":1 }"#, r#"{ "z":1 }"#),
        (NEST, r#"{"street":"S","home":{"x":1}}"#, r#"{"home":{"x":1,"street":"S"}}"#),
        (NEST, r#"{"street":"S","home":null}"#, r#"{"home":{"street":"S"}}"#),
        (NEST, r#"{"street":"S","home":7}"#, "T0105"),
        (NEST, r#"{"street":"S","home":{"street":1}}"#, "T0104"),
        (NEST, r#"{"street":"S","home":[{}]}"#, "T0106"),
        (NEST, r#"{"geo":[{"city":"C"}]}"#, "T0106"),
        (OVER, r#"{"a":1,"b":2,"o":{"a":3}}"#, r#"{"o":{"a":1,"b":2}}"#),
        (KEEP, r#"{"a":1,"b":2,"o":{"a":3}}"#, r#"{"o":{"a":3,"b":2}}"#),
        (
            r#"{"nest":{"fields":["i.a","i.b"],"into":"i.o"}}"#,
            r#"{"i":[{"a":1,"b":2},{"b":3},{"c":4}]}"#,
            r#"{"i":[{"o":{"a":1,"b":2}},{"o":{"b":3}},{"c":4}]}"#,
        ),
    ]);
}

#[test]
fn flattening() {
    const FLAT: &str = r#"{"flatten":{"field":"home","prefix":"home_"}}"#;
    const BARE: &str = r#"{"flatten":{"field":"p.home","prefix":""}}"#;
    const OVER: &str = r#"{"flatten":{"field":"o","prefix":"","existing":"overwrite"}}"#;
    const KEEP: &str = r#"{"flatten":{"field":"o","prefix":"","existing":"keep"}}"#;
    const IN_LIST: &str = r#"{"flatten":{"field":"i.o","prefix":"o_"}}"#;
    check(&[
        (
            FLAT,
            r#"{"home":{"street":"S","geo":{ "x":1.0 }},"z":1}"#,
            r#"{"z":1,"home_street":"S","home_geo":{ "x":1.0 }}"#,
        ),
        (FLAT, r#"{"home":{"a.b":1,"q\"":2}}"#, r#"{"home_a":{"b":1},"home_q\"":2}"#),
        (FLAT, r#"{"home.a":1}"#, r#"{"home.a":1}"#),
        // Of `null` and of nothing there are no members.
        (FLAT, r#"{"home":null,"z":1}"#, r#"{"z":1}"#),
        (FLAT, r#"{"home":{},"z":1}"#, r#"{"z":1}"#),
        (FLAT, r#"{ "z":1 }"#, r#"{ "z":1 }"#),
        (FLAT, r#"{"home":"x"}"#, "T0114"),
        (FLAT, r#"{"home":[]}"#, "T0114"),
        (FLAT, r#"{"home":[{"a":1}]}"#, "T0114"),
        (FLAT, r#"{"home":{"a.":1}}"#, "T0114"),
        (FLAT, r#"{"home":{"\ud800":1}}"#, "T0114"),
        (FLAT, r#"{"home":{"":1}}"#, r#"{"home_":1}"#),
        (FLAT, r#"{"home":{"a":1},"home_a":2}"#, "T0104"),
        (FLAT, r#"{"home":{"a":1,"a":2}}"#, "T0104"),
        (FLAT, r#"{"home":{"a":1},"home":{"b":1}}"#, "T0103"),
        (BARE, r#"{"p":{"home":{"a":1,"home":2},"z":3}}"#, r#"{"p":{"z":3,"a":1,"home":2}}"#),
        (BARE, r#"{"p":{"home":{"a":1}},"z":3}"#, r#"{"z":3,"p":{"a":1}}"#),
        (BARE, r#"{"p.home":{"a":1},"z":3}"#, r#"{"z":3,"p":{"a":1}}"#),
        (BARE, r#"{"p":{"home":{"":1}}}"#, "T0114"),
        (OVER, r#"{"o":{"a":1},"a":2}"#, r#"{"a":1}"#),
        (KEEP, r#"{"o":{"a":1,"b":3},"a":2}"#, r#"{"a":2,"b":3}"#),
        (
            IN_LIST,
            r#"{"i":[{"o":{"a":1}},{"o":null,"b":2},[{"o":{"c":3}}],7]}"#,
            r#"{"i":[{"o_a":1},{"b":2},[{"o_c":3}],7]}"#,
        ),
        (IN_LIST, r#"{"i":[{"o":{"a":1}}],"i.o_a":2}"#, "T0103"),
        (IN_LIST, r#"{"i":[{"o":{"a":1}}],"i.o_b":2}"#, r#"{"i":[{"o_a":1}],"i.o_b":2}"#),
        // What nest made.
        (
            r#"{"nest":{"fields":["o_a"],"into":"o"}},{"flatten":{"field":"o","prefix":""}}"#,
            r#"{"o_a":1}"#,
            r#"{"o_a":1}"#,
        ),
    ]);
}
