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

#[test]
fn mapping() {
    const TEXTS: &str = r#"{"map":{"field":"a","values":[{"from":"m","to":"male"},{"from":"é\"","to":"quoted"},{"from":"same","to":"same"}]}}"#;
    const ANY: &str = r#"{"map":{"field":"a","values":[{"from":1,"to":"number"},{"from":"1","to":"text"},{"from":true,"to":1},{"from":null,"to":"none"},{"from":9007199254740993,"to":2.5},{"from":"x","to":null}]}}"#;
    check(&[
        (TEXTS, r#"{"a":"m","b":"m"}"#, r#"{"a":"male","b":"m"}"#),
        (TEXTS, r#"{"a":"\u006d"}"#, r#"{"a":"male"}"#),
        (TEXTS, r#"{"a":"\u00e9\u0022"}"#, r#"{"a":"quoted"}"#),
        (TEXTS, r#"{ "a":"same" }"#, r#"{ "a":"same" }"#),
        (TEXTS, r#"{"b":1}"#, r#"{"b":1}"#),
        (TEXTS, r#"{"a":null}"#, r#"{"a":null}"#),
        (TEXTS, r#"{"a":"M"}"#, "T0112"),
        (TEXTS, r#"{"a":"\ud800"}"#, "T0112"),
        (TEXTS, r#"{"a":{"m":"m"}}"#, "T0112"),
        (TEXTS, r#"{"a":["m",["m"],null]}"#, r#"{"a":["male",["male"],null]}"#),
        (TEXTS, r#"{"a":[]}"#, r#"{"a":[]}"#),
        (TEXTS, r#"{"a":"m","a":"m"}"#, "T0103"),
        // A number is not the text of its digits, however it is written.
        (ANY, r#"{"a":[1,1.0,10e-1,"1"]}"#, r#"{"a":["number","number","number","text"]}"#),
        (ANY, r#"{"a":"1.0"}"#, "T0112"),
        (ANY, r#"{"a":[true,null,"x"]}"#, r#"{"a":[1,"none",null]}"#),
        (ANY, r#"{"a":"true"}"#, "T0112"),
        (ANY, r#"{"a":false}"#, "T0112"),
        (ANY, r#"{"a":9007199254740993}"#, r#"{"a":2.5}"#),
        (ANY, r#"{"a":9007199254740992}"#, "T0112"),
        (ANY, r#"{"a":123456789012345678901234567890}"#, "T0112"),
        (
            r#"{"map":{"field":"i.a","values":[{"from":"m","to":1}]}}"#,
            r#"{"i":[{"a":"m"},{},{"a":["m"]}]}"#,
            r#"{"i":[{"a":1},{},{"a":[1]}]}"#,
        ),
    ]);
    for (otherwise, expected) in [
        ("keep", r#"{"a":["y",{"b":1.0},2,null]}"#),
        ("remove", r#"{"a":["y",null]}"#),
        ("null", r#"{"a":["y",null,null,null]}"#),
        ("reject", "T0112"),
    ] {
        let operation = format!(
            r#"{{"map":{{"field":"a","values":[{{"from":"x","to":"y"}}],"otherwise":"{otherwise}"}}}}"#
        );
        check(&[(&operation, r#"{"a":["x",{"b":1.0},2,null]}"#, expected)]);
    }
}
