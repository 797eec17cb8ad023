//! Rules of `decode` and `encode`, as in `table`.

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::{
    apply, program,
    properties::document,
    reference::{self, Json},
    table::check,
};
use crate::compare::document_hash;

#[test]
fn decoding() {
    const TEXT: &str = r#"{"decode":{"field":"a","from":"base64"}}"#;
    const JSON: &str = r#"{"decode":{"field":"a","from":"base64-json"}}"#;
    const GZIP: &str = r#"{"decode":{"field":"a","from":"base64-gzip-json"}}"#;
    // Made by another program: `{"a": [1.10, 9007199254740993], "b": "\u00e9"}`.
    const COMPRESSED: &str =
        "H4sIAADxU2UC/6tWSlSyUog21DM00FGwNDAwN7S0NDI1MTcxsLQ0jtVRUEoCSivFlBoYpFoq1QIAMbpnQC4AAAA=";
    check(&[
        (TEXT, r#"{"a":"Wm/DqyIK"}"#, r#"{"a":"Zoë\"\n"}"#),
        // Padding may be left out.
        (TEXT, r#"{"a":["Wm8=","Wm8",null,[""]]}"#, r#"{"a":["Zo","Zo",null,[""]]}"#),
        (TEXT, r#"{"a":"/w=="}"#, "T0117"),
        (TEXT, r#"{"a":"Wm8 "}"#, "T0117"),
        (TEXT, r#"{"a":"_w"}"#, "T0117"),
        (TEXT, r#"{"a":"\u0057m8="}"#, r#"{"a":"Zo"}"#),
        (TEXT, r#"{"a":null,"b":"Wm8="}"#, r#"{"a":null,"b":"Wm8="}"#),
        (TEXT, r#"{ "b":1 }"#, r#"{ "b":1 }"#),
        (JSON, r#"{"a":"eyJhIjogMX0="}"#, r#"{"a":{"a":1}}"#),
        (JSON, r#"{"a":"InggeSI="}"#, r#"{"a":"x y"}"#),
        (JSON, r#"{"a":"bnVsbA=="}"#, r#"{"a":null}"#),
        (
            JSON,
            r#"{"x":[{"a":"WzFd"}],"a":"WzEseyJjIjogbnVsbH1d"}"#,
            r#"{"x":[{"a":"WzFd"}],"a":[1,{"c":null}]}"#,
        ),
        // Some programs write it, but it is no JSON.
        (JSON, r#"{"a":"TmFO"}"#, "T0117"),
        (JSON, r#"{"a":""}"#, "T0117"),
        (JSON, r#"{"a":"e30gMQ=="}"#, "T0117"),
        (GZIP, r#"{"a":"eyJhIjogMX0="}"#, r#"{"a":{"a":1}}"#),
        (GZIP, r#"{"a":"H4sIAAAA"}"#, "T0117"),
        (GZIP, r#"{"a":{"b":"eyJhIjogMX0="}}"#, "T0117"),
        (GZIP, r#"{"a":7}"#, "T0117"),
        (JSON, &format!(r#"{{"a":"{COMPRESSED}"}}"#), "T0117"),
        (
            r#"{"decode":{"field":"l.a","from":"base64-json"}},{"rename":{"from":"l.a.b","to":"l.a.c"}}"#,
            r#"{"l":[{"a":"eyJiIjoxfQ=="},{}]}"#,
            r#"{"l":[{"a":{"c":1}},{}]}"#,
        ),
    ]);
    check(&[(
        GZIP,
        &format!(r#"{{"a":"{COMPRESSED}"}}"#),
        r#"{"a":{"a":[1.10,9007199254740993],"b":"\u00e9"}}"#,
    )]);
    for (otherwise, expected) in [
        ("keep", r#"{"a":["soon",{"b":1.0},{"a":1}]}"#),
        ("remove", r#"{"a":[{"a":1}]}"#),
        ("null", r#"{"a":[null,null,{"a":1}]}"#),
    ] {
        let operation = format!(
            r#"{{"decode":{{"field":"a","from":"base64-gzip-json","otherwise":"{otherwise}"}}}}"#
        );
        check(&[(&operation, r#"{"a":["soon",{"b":1.0},"eyJhIjogMX0="]}"#, expected)]);
    }
}

#[test]
fn encoding() {
    const TEXT: &str = r#"{"encode":{"field":"a","to":"base64"}}"#;
    const JSON: &str = r#"{"encode":{"field":"a","to":"base64-json"}}"#;
    check(&[
        (TEXT, r#"{"a":"Zo\u00eb\"\n"}"#, r#"{"a":"Wm/DqyIK"}"#),
        (TEXT, r#"{"a":["Zo",null,[""]]}"#, r#"{"a":["Wm8=",null,[""]]}"#),
        (TEXT, r#"{"a":7}"#, "T0118"),
        (TEXT, r#"{"a":{}}"#, "T0118"),
        (TEXT, r#"{"a":"\ud800"}"#, "T0118"),
        (
            r#"{"encode":{"field":"a","to":"base64","otherwise":"keep"}}"#,
            r#"{"a":[7,"Zo"]}"#,
            r#"{"a":[7,"Wm8="]}"#,
        ),
        (JSON, r#"{"a":{ "a" : 1 }}"#, r#"{"a":"eyJhIjoxfQ=="}"#),
        // A list is a value like any other.
        (JSON, r#"{"a":[1, {"c":null}]}"#, r#"{"a":"WzEseyJjIjpudWxsfV0="}"#),
        (JSON, r#"{"a":1.10}"#, r#"{"a":"MS4xMA=="}"#),
        (JSON, r#"{"a":null}"#, r#"{"a":null}"#),
        (JSON, r#"{"b":null}"#, r#"{"b":null}"#),
        (
            r#"{"set":{"field":"a.b","value":2}},{"encode":{"field":"a","to":"base64-json"}}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":"eyJiIjoyfQ=="}"#,
        ),
        (
            r#"{"encode":{"field":"l.a","to":"base64-json"}}"#,
            r#"{"l":[{"a":1},{}]}"#,
            r#"{"l":[{"a":"MQ=="},{}]}"#,
        ),
    ]);
}

fn compressed(bytes: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    BASE64_STANDARD.encode(encoder.finish().unwrap())
}

#[test]
fn what_a_text_stands_for_is_bounded() {
    const GZIP: &str = r#"[{"decode":{"field":"a","from":"base64-gzip-json"}}]"#;
    let decoded = |value: &str| {
        let source = format!(r#"{{"a":"{value}"}}"#);
        apply(&program(GZIP), source.as_bytes())
    };
    let rejected = |value: &str| decoded(value).unwrap_err();
    // A number that would be taken if there weren't so much white space before it: 33 times the same member of 1 MiB, which
    // programs that compress in parts write as well.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    let member = encoder.finish().unwrap();
    let number = BASE64_STANDARD.decode(compressed(b"7")).unwrap();
    let bomb =
        |count: usize| BASE64_STANDARD.encode([member.repeat(count), number.clone()].concat());
    assert_eq!(decoded(&bomb(1)).unwrap(), br#"{"a":7}"#);
    let bomb = bomb(33);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let rejection = rejected(&bomb);
    assert_eq!(rejection.code.as_str(), "T0117");
    assert!(rejection.message.contains("is no base64-gzip-json of at most 32 MiB"), "{rejection}");

    let nested = |levels: usize| {
        compressed(format!("{}{}", "[".repeat(levels), "]".repeat(levels)).as_bytes())
    };
    assert_eq!(rejected(&nested(129)).code.as_str(), "T0117");
    // By itself it is not too deep, but the document is a level more.
    assert_eq!(rejected(&nested(128)).code.as_str(), "T0102");
    decoded(&nested(127)).unwrap();
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded_to_the_same(
        document in document(), to in prop::sample::select(&["base64-json", "base64-gzip-json"][..]),
    ) {
        let source = reference::render(&vec![("a".into(), Json::Object(document))]);
        let operations = [r#"{"encode":{"field":"a","to":"C"}}"#, r#"{"decode":{"field":"a","from":"C"}}"#];
        let [encode, decode] = operations.map(|one| one.replace("\"C\"", &format!("\"{to}\"")));
        let encoded = apply(&program(&format!("[{encode}]")), source.as_bytes()).unwrap();
        let is_text = encoded.starts_with(b"{\"a\":\"");
        prop_assert!(is_text);
        let decoded = apply(&program(&format!("[{decode}]")), &encoded).unwrap();
        prop_assert_eq!(document_hash(&decoded), document_hash(source.as_bytes()));
    }
}
