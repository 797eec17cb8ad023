//! Stand-ins come and go without a trace, or are found out.

use proptest::prelude::*;

use super::{properties::document, reference};
use crate::transform::stand_in::{StandInTouched, StandIns};

#[test]
fn numbers_that_java_holds_stay() {
    let held = r#" {"a":[0,-0,9223372036854775807,-9223372036854775808,9007199254740993],"b":{"c":1.10,"d":1e3,"e":-0.25E-2},"f":"18446744073709551616"} "#;
    assert_eq!(StandIns::put(held.as_bytes()), Ok(None));
}

#[test]
fn others_are_texts_until_they_are_put_back() {
    let source = r#"{"a":9223372036854775808,"b":[1e400,0.12345678901234567890,-1],"c":{"d":-9223372036854775809}}"#;
    let (changed, stand_ins) = StandIns::put(source.as_bytes()).unwrap().unwrap();
    assert_eq!(
        String::from_utf8(changed.clone()).unwrap(),
        r#"{"a":"lockstep-number-0-0","b":["lockstep-number-0-1","lockstep-number-0-2",-1],"c":{"d":"lockstep-number-0-3"}}"#
    );
    assert_eq!(stand_ins.restore(&changed).unwrap(), source.as_bytes());
    // Moved, copied and left out by a script.
    let moved = r#"{"x":["lockstep-number-0-3","lockstep-number-0-0","lockstep-number-0-0"]}"#;
    let expected = r#"{"x":[-9223372036854775809,9223372036854775808,9223372036854775808]}"#;
    assert_eq!(stand_ins.restore(moved.as_bytes()).unwrap(), expected.as_bytes());
}

#[test]
fn what_a_script_did_with_one_is_found_out() {
    let (_, stand_ins) = StandIns::put(br#"{"a":1e400}"#).unwrap().unwrap();
    for touched in [
        r#"{"a":"lockstep-number-0-0 EUR"}"#,
        r#"{"a":"+lockstep-number-0-0"}"#,
        r#"{"a":"lockstep-number-0-1"}"#,
        r#"{"a":"lockstep-number-0-"}"#,
        r#"{"lockstep-number-0-0":1}"#,
        r#"{"a":"lockstep-number-0-0"#,
    ] {
        assert_eq!(stand_ins.restore(touched.as_bytes()), Err(StandInTouched), "{touched}");
    }
}

#[test]
fn a_text_of_the_document_is_never_taken_for_one() {
    let source = r#"{"a":1e400,"b":"lockstep-number-0-0","lockstep-number-1-7":true}"#;
    let (changed, stand_ins) = StandIns::put(source.as_bytes()).unwrap().unwrap();
    assert!(String::from_utf8(changed.clone()).unwrap().contains("lockstep-number-2-0"));
    assert_eq!(stand_ins.restore(&changed).unwrap(), source.as_bytes());
}

proptest! {
    #[test]
    fn any_document_comes_back_to_the_byte(document in document()) {
        let source = reference::render(&document);
        if let Some((changed, stand_ins)) = StandIns::put(source.as_bytes()).unwrap() {
            prop_assert_eq!(stand_ins.restore(&changed).unwrap(), source.as_bytes());
        }
    }
}
