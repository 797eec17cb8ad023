//! Rules of operations that change values where they stand, as in `table`.

use super::table::check;

#[test]
fn spelling() {
    const LOWER: &str = r#"{"lower":{"fields":["a","b.c"]}}"#;
    const UPPER: &str = r#"{"upper":{"fields":["a"]}}"#;
    const TRIM: &str = r#"{"trim":{"fields":["a"]}}"#;
    check(&[
        (
            LOWER,
            r#"{"a":"Ada K\"","b":{"c":"ÉΣ"},"d":"D"}"#,
            r#"{"a":"ada k\"","b":{"c":"éς"},"d":"D"}"#,
        ),
        (LOWER, r#"{"b.c":"X"}"#, r#"{"b.c":"x"}"#),
        (LOWER, r#"{ "a":"x" }"#, r#"{ "a":"x" }"#),
        // What is spelt so already keeps its bytes.
        (LOWER, r#"{"a":"\u0061"}"#, r#"{"a":"\u0061"}"#),
        (LOWER, r#"{"a":"\u0041\ud800Z"}"#, r#"{"a":"a\ud800z"}"#),
        (LOWER, r#"{"a":"\ud800"}"#, r#"{"a":"\ud800"}"#),
        (LOWER, r#"{"a":"İ"}"#, "{\"a\":\"i\u{307}\"}"),
        (LOWER, r#"{"a":null}"#, r#"{"a":null}"#),
        (
            LOWER,
            r#"{"a":["X",null,["Y"]],"b":[{"c":"Z"},7]}"#,
            r#"{"a":["x",null,["y"]],"b":[{"c":"z"},7]}"#,
        ),
        (LOWER, r#"{"a":"X","a":"Y"}"#, "T0103"),
        (UPPER, r#"{"a":"straße"}"#, r#"{"a":"STRASSE"}"#),
        (UPPER, r#"{"a":"ÅB1"}"#, r#"{"a":"ÅB1"}"#),
        (TRIM, r#"{"a":"  x y\t\n"}"#, r#"{"a":"x y"}"#),
        (TRIM, "{\"a\":\"\u{a0}\u{2003}x\u{3000}\"}", r#"{"a":"x"}"#),
        (TRIM, r#"{"a":"\u0020\ud800\u0020"}"#, r#"{"a":"\ud800"}"#),
        (TRIM, r#"{"a":" \t "}"#, r#"{"a":""}"#),
        (TRIM, r#"{"a":"x"}"#, r#"{"a":"x"}"#),
    ]);
    for name in ["lower", "upper", "trim"] {
        for value in ["7", "true", "{}", r#"["x",7]"#] {
            let operation = format!(r#"{{"{name}":{{"fields":["a"]}}}}"#);
            check(&[(&operation, &format!(r#"{{"a":{value}}}"#), "T0111")]);
        }
        let row = |otherwise: &str, expected: &str| {
            let operation = format!(r#"{{"{name}":{{"fields":["a"],"otherwise":"{otherwise}"}}}}"#);
            check(&[(&operation, r#"{"a":[1,{"b":"x"}],"c":1.0}"#, expected)]);
        };
        row("keep", r#"{"a":[1,{"b":"x"}],"c":1.0}"#);
        row("remove", r#"{"a":[],"c":1.0}"#);
        row("null", r#"{"a":[null,null],"c":1.0}"#);
    }
}
