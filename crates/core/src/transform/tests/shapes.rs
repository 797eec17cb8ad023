//! Rules of operations that change what objects and lists hold, and of `hash`, as in `table`.

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
        (FLAT, r#"{"home.a":1}"#, "T0119"),
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

#[test]
fn hashing() {
    const ONE: &str = r#"{"hash":{"fields":["a"],"into":"h"}}"#;
    const TWO: &str = r#"{"hash":{"fields":["a","b.c"],"into":"h"}}"#;
    const OVER: &str = r#"{"hash":{"fields":["a"],"into":"a","existing":"overwrite"}}"#;
    const KEEP: &str = r#"{"hash":{"fields":["a"],"into":"h","existing":"keep"}}"#;
    const IN_LIST: &str = r#"{"hash":{"fields":["i.a"],"into":"i.h"}}"#;
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    // Of `1:a,2:bc,` and the like, by another program.
    let row = |operation: &str, source: &str, before: &str, digest: &str| {
        check(&[(operation, source, &format!("{before}\"h\":\"{digest}\"}}"))]);
    };
    row(ONE, r#"{"a":"abc","z":1.0}"#, r#"{"a":"abc","z":1.0,"#, ABC);
    row(ONE, r#"{"a":"\u0061bc"}"#, r#"{"a":"\u0061bc","#, ABC);
    row(
        ONE,
        r#"{"a":"é"}"#,
        r#"{"a":"é","#,
        "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c",
    );
    row(
        ONE,
        r#"{"a":""}"#,
        r#"{"a":"","#,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    row(
        TWO,
        r#"{"a":"a","b":{"c":"bc"}}"#,
        r#"{"a":"a","b":{"c":"bc"},"#,
        "d16f37a638ba770eff5e5da16e42c72f44dc44fd4da2eeffa698877ed1fd986c",
    );
    row(
        TWO,
        r#"{"a":"ab","b.c":"c"}"#,
        r#"{"a":"ab","b.c":"c","#,
        "c574c25172ecac17c428975b6e876d2a98a72d84660fc96686f942390b360cd8",
    );
    row(
        TWO,
        r#"{"a":"a"}"#,
        r#"{"a":"a","#,
        "48767fe6d8f35dccdd1a14f0472d7d90d0d194aa699cd39f28fc53541a9c61f5",
    );
    row(
        TWO,
        r#"{"a":null,"b.c":""}"#,
        r#"{"a":null,"b.c":"","#,
        "29415e437f86f98cc3c0e73260218d24d6329be7c53db92687d1b70efe9eceab",
    );
    let in_list = format!(r#"{{"i":[{{"a":"abc","h":"{ABC}"}},{{"b":1}},{{"a":null}}]}}"#);
    check(&[
        (ONE, r#"{ "z":1 }"#, r#"{ "z":1 }"#),
        (TWO, r#"{ "a":null }"#, r#"{ "a":null }"#),
        (ONE, r#"{"a":7}"#, "T0115"),
        (ONE, r#"{"a":true}"#, "T0115"),
        (ONE, r#"{"a":["abc"]}"#, "T0115"),
        (ONE, r#"{"a":{}}"#, "T0115"),
        (ONE, r#"{"a":"\ud800"}"#, "T0115"),
        (ONE, r#"{"a":"abc","h":null}"#, "T0104"),
        (ONE, r#"{"a":"x","a":"y"}"#, "T0103"),
        (KEEP, r#"{"a":"abc","h":1}"#, r#"{"a":"abc","h":1}"#),
        (OVER, r#"{"a":"abc"}"#, &format!("{{\"a\":\"{ABC}\"}}")),
        (IN_LIST, r#"{"i":[{"a":"abc"},{"b":1},{"a":null}]}"#, &in_list),
        (r#"{"hash":{"fields":["i.a"],"into":"h"}}"#, r#"{"i":[{"a":"abc"}]}"#, "T0106"),
        (
            r#"{"hash":{"fields":["i.a","b"],"into":"i.h"}}"#,
            r#"{"i":[{"a":"abc"}],"b":"x"}"#,
            "T0106",
        ),
    ]);
}
