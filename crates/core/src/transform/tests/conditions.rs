//! Rules of `when`, as in `table`.

use super::{apply, program, table::check};

/// A condition, documents for which it holds, and documents for which it doesn't.
fn decides(condition: &str, holds: &[&str], fails: &[&str]) {
    let operation = format!(
        r#"{{"when":{{"condition":{condition},"then":[{{"set":{{"field":"z","value":1}}}}],"else":[{{"set":{{"field":"z","value":0}}}}]}}}}"#
    );
    for (sources, expected) in [(holds, 1), (fails, 0)] {
        for source in sources {
            let separator = if *source == "{}" { "" } else { "," };
            let expected =
                format!("{}{separator}\"z\":{expected}}}", source.strip_suffix('}').unwrap());
            check(&[(&operation, source, &expected)]);
        }
    }
}

#[test]
fn values() {
    decides(
        r#"{"field":{"field":"a","test":{"in":["x",7,true,null]}}}"#,
        &[
            r#"{"a":"x"}"#,
            r#"{"a":"\u0078"}"#,
            r#"{"a":7}"#,
            r#"{"a":7.0}"#,
            r#"{"a":70e-1}"#,
            r#"{"a":true}"#,
            r#"{"a":null}"#,
            r#"{"a":[1,["x"]]}"#,
        ],
        &[
            "{}",
            r#"{"a":"7"}"#,
            r#"{"a":"true"}"#,
            r#"{"a":"X"}"#,
            r#"{"a":[]}"#,
            r#"{"a":{"x":"x"}}"#,
            r#"{"a":{}}"#,
            r#"{"a":7.5}"#,
            r#"{"b":"x"}"#,
        ],
    );
    decides(
        r#"{"field":{"field":"a.b","test":{"in":[9007199254740993]}}}"#,
        &[
            r#"{"a":{"b":9007199254740993}}"#,
            r#"{"a.b":9007199254740993}"#,
            r#"{"a":[{"b":1},{"c":2},[{"b":[9007199254740993]}]]}"#,
        ],
        &[r#"{"a":{"b":9007199254740992}}"#, r#"{"a":9007199254740993}"#],
    );
}

#[test]
fn presence() {
    let there: &[&str] = &[r#"{"a":{"b":null}}"#, r#"{"a.b":[]}"#, r#"{"a":[{},{"b":1}]}"#];
    let missing: &[&str] = &["{}", r#"{"a":null}"#, r#"{"a":{}}"#, r#"{"a":[{"c":1},7]}"#];
    decides(r#"{"field":{"field":"a.b","test":"exists"}}"#, there, missing);
    decides(r#"{"field":{"field":"a.b","test":"missing"}}"#, missing, there);
    decides(r#"{"not":{"field":{"field":"a.b","test":"exists"}}}"#, missing, there);
}

#[test]
fn patterns() {
    decides(
        r#"{"field":{"field":"a","test":{"matches":"x[0-9]|yé"}}}"#,
        &[r#"{"a":"x7"}"#, r#"{"a":"y\u00e9"}"#, r#"{"a":["","x0"]}"#],
        &[
            r#"{"a":"x"}"#,
            r#"{"a":"ax7"}"#,
            r#"{"a":"x77"}"#,
            r#"{"a":"x7\n"}"#,
            r#"{"a":7}"#,
            r#"{"a":null}"#,
            r#"{"a":{"b":"x7"}}"#,
            "{}",
        ],
    );
    decides(
        r#"{"field":{"field":"a","test":{"matches":"(?i)\\p{Lu}+"}}}"#,
        &[r#"{"a":"Éa"}"#],
        &[r#"{"a":"\ud800"}"#, r#"{"a":"7"}"#],
    );
}

#[test]
fn several_conditions() {
    const X: &str = r#"{"field":{"field":"a","test":{"in":["x"]}}}"#;
    const Y: &str = r#"{"field":{"field":"b","test":"exists"}}"#;
    let (both, one, none) = (r#"{"a":"x","b":1}"#, r#"{"a":"x"}"#, r#"{"c":1}"#);
    decides(&format!(r#"{{"all":[{X},{Y}]}}"#), &[both], &[one, none]);
    decides(&format!(r#"{{"any":[{X},{Y}]}}"#), &[both, one], &[none]);
    decides(&format!(r#"{{"not":{{"any":[{X},{Y}]}}}}"#), &[none], &[both, one]);
    decides(&format!(r#"{{"not":{{"all":[{X},{{"not":{Y}}}]}}}}"#), &[both, none], &[one]);
}

#[test]
fn branches() {
    const WHEN: &str = r#"{"when":{"condition":{"field":{"field":"a","test":{"in":["x"]}}},"then":[{"set":{"field":"a","value":"y"}},{"rename":{"from":"b","to":"c"}}],"else":[{"remove":{"fields":["b"]}}]}}"#;
    const NESTED: &str = r#"{"when":{"condition":{"field":{"field":"a","test":"exists"}},"then":[{"when":{"condition":{"field":{"field":"b","test":"exists"}},"then":[],"else":[{"set":{"field":"b","value":1}}]}}]}}"#;
    check(&[
        // Asked once, before anything is done.
        (WHEN, r#"{"a":"x","b":1.0}"#, r#"{"a":"y","c":1.0}"#),
        (WHEN, r#"{"a":"z","b":1}"#, r#"{"a":"z"}"#),
        (WHEN, r#"{ "a":"z" }"#, r#"{ "a":"z" }"#),
        (WHEN, r#"{"a":"x","b":1,"c":2}"#, "T0104"),
        (WHEN, r#"{"a":"x","a":"z"}"#, "T0103"),
        (NESTED, r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
        (NESTED, r#"{ "a":1,"b":2 }"#, r#"{ "a":1,"b":2 }"#),
        (NESTED, r#"{ "c":1 }"#, r#"{ "c":1 }"#),
        // What one `when` did, the next one sees.
        (&format!("{WHEN},{WHEN}"), r#"{"a":"x","b":1}"#, r#"{"a":"y","c":1}"#),
        // Everything is looked at, whatever was found before.
        (
            r#"{"when":{"condition":{"any":[{"field":{"field":"a","test":"exists"}},{"field":{"field":"b","test":"exists"}}]},"then":[]}}"#,
            r#"{"a":1,"b":1,"b":2}"#,
            "T0103",
        ),
        (
            r#"{"when":{"condition":{"field":{"field":"i.b","test":{"in":[1]}}},"then":[]}}"#,
            r#"{"i":[{"b":1},{"b":2,"b":3}]}"#,
            "T0103",
        ),
    ]);
}

#[test]
fn a_rejection_says_which_branch_and_operation() {
    let program = program(
        r#"[{"remove":{"fields":["z"]}},{"when":{"condition":{"field":{"field":"a","test":"exists"}},"then":[{"when":{"condition":{"field":{"field":"b","test":"exists"}},"then":[],"else":[{"remove":{"fields":["c"]}},{"cast":{"field":"a","to":"long"}}]}}]}}]"#,
    );
    let rejection = apply(&program, br#"{"a":"x"}"#).unwrap_err();
    assert_eq!(rejection.operation_index, Some(1));
    assert_eq!(rejection.operation.as_deref(), Some("when"));
    assert_eq!(rejection.field.as_deref(), Some("a"));
    insta::assert_snapshot!(rejection.to_string(), @r#"T0107: operation 2 (`when` of `a`): in `then`, operation 1 (`when`): in `else`, operation 2 (`cast`): `"x"` can't become a long; say `otherwise: keep`, `remove` or `null` if such values may occur"#);
}
