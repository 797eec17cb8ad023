//! What programs make of values, and what is said of programs that don't compile.

use super::compile;

/// What a program makes of a value, or why it makes nothing.
fn made(program: &str, value: &str) -> String {
    let compiled = match compile(program) {
        Ok(compiled) => compiled,
        Err(mistakes) => panic!("{program}: {mistakes:?}"),
    };
    match compiled.run(value.as_bytes()) {
        Ok(made) => String::from_utf8(made).expect("text"),
        Err(failure) => format!("{}: {}", failure.code, failure.message),
    }
}

/// The mistakes of a program, each with what it points at.
fn mistakes(program: &str) -> Vec<String> {
    let Err(mistakes) = compile(program) else { panic!("{program} compiles") };
    let shown = |mistake: super::Mistake| {
        let at = program.get(mistake.span.clone()).expect("a span between characters");
        format!(
            "{}..{} `{at}`: {}; {}",
            mistake.span.start, mistake.span.end, mistake.message, mistake.fix
        )
    };
    mistakes.into_iter().map(shown).collect()
}

#[test]
fn a_program_makes_one_value_of_another() {
    for (program, value, expected) in [
        (".", r#"{"a":1}"#, r#"{"a":1}"#),
        (".total = (.sum | tonumber) | del(.sum)", r#"{"sum":"12.50"}"#, r#"{"total":12.50}"#),
        ("map(select(. > 1))", "[1,2,3]", "[2,3]"),
        ("ascii_downcase", r#""ÄA""#, r#""Äa""#),
        (
            ".total = (.sum | tonumber) | del(.sum)",
            r#"{"sum":"12.50","id":7}"#,
            r#"{"total":12.50,"id":7}"#,
        ),
        (
            "def cents: . * 100 | round;\n.cents = (.lines | map(.price | cents) | add)\n",
            r#"{"lines":[{"price":1.5},{"price":2}]}"#,
            r#"{"lines":[{"price":1.5},{"price":2}],"cents":350}"#,
        ),
        (r#"sub("^0+"; "")"#, r#""007""#, r#""7""#),
        ("if . == null then 0 end", "null", "0"),
        ("todate", "1425599621", r#""2015-03-05T23:53:41Z""#),
        // None, several, an error, what JSON can't say.
        ("empty", "1", "T0302: the program gives nothing; one document in, one document out"),
        (
            "1, 2",
            "1",
            "T0302: the program gives more than one value; one document in, one document out: put them into a list, or take the `first`",
        ),
        (r#"error("no sum")"#, "1", r#"T0301: the program gives an error: "no sum""#),
        (".a", "1", r#"T0301: the program gives an error: cannot index 1 with "a""#),
        (
            "nan",
            "1",
            "T0303: the program gives what JSON can't say: not JSON at byte 0: expected a value",
        ),
        (
            "{(0 | tostring): 1, (1): 2}",
            "1",
            "T0303: the program gives what JSON can't say: not JSON at byte 7: expected a key in quotes",
        ),
        (
            "[limit(200; repeat(1))] | reduce .[] as $x (1; [.])",
            "1",
            "T0303: the program gives what JSON can't say: not JSON at byte 128: nested deeper than 128 levels",
        ),
    ] {
        assert_eq!(made(program, value), expected, "{program}");
    }
}

/// Numbers, keys and texts that many programs break.
#[test]
fn what_a_program_does_not_touch_stays_by_value() {
    for number in [
        "18446744073709551615",
        "9007199254740993",
        "123456789012345678901234567890",
        "-123456789012345678901234567890",
        "0.10",
        "1e3",
        "1E+3",
        "-0.0",
        "3.14159265358979323846",
        "1e400",
    ] {
        let document = format!(r#"{{"z":1,"n":{number},"a":[{number}]}}"#);
        assert_eq!(made(".z = 2", &document), document.replace("\"z\":1", "\"z\":2"));
    }
    for (value, expected) in [
        (r#"{"b":1,"a":{"d":1,"c":2}}"#, r#"{"b":1,"a":{"d":1,"c":2}}"#),
        (r#""\u00e9\/\ud83d\ude00\u0000""#, "\"é/😀\\u0000\""),
        (r#"{"a" : [ 1 , 2 ] }"#, r#"{"a":[1,2]}"#),
        // It is a whole number to jq, which has one zero only.
        ("-0", "0"),
    ] {
        assert_eq!(made(".", value), expected);
    }
    // Arithmetic is exact among whole numbers, and that of doubles with fractions.
    assert_eq!(made(". + 1", "9007199254740992"), "9007199254740993");
    assert_eq!(made(". + 0.2", "0.1"), "0.30000000000000004");
    // The last member takes the place of one that goes.
    assert_eq!(made("del(.a)", r#"{"a":1,"b":2,"c":3}"#), r#"{"c":3,"b":2}"#);
}

#[test]
fn mistakes_point_into_the_program() {
    for (program, expected) in [
        (
            ".a | nowhere(1; 2)",
            vec![
                "5..12 `nowhere`: there is no function with 2 arguments `nowhere`; correct the name, or define it",
            ],
        ),
        (
            ".a |",
            vec![
                "4..4 ``: the program ends where term is expected; correct it there, or just before",
            ],
        ),
        (
            "if . then 1",
            vec![
                "11..11 ``: the program ends where else or end is expected; correct it there, or just before",
            ],
        ),
        (".a = (1", vec!["5..6 `(`: there is no closing parenthesis for this `(`; write it"]),
        ("\"é\" & 1", vec!["5..6 `&`: `&` means nothing here; correct it there, or just before"]),
        (
            "1 2",
            vec![
                "2..3 `2`: `2` stands where the end of the program is expected; correct it there, or just before",
            ],
        ),
        (
            "$x + a + b",
            vec![
                "0..2 `$x`: there is no variable `$x`; correct the name, or define it",
                "5..6 `a`: there is no function `a`; correct the name, or define it",
                "9..10 `b`: there is no function `b`; correct the name, or define it",
            ],
        ),
        (
            "import \"a\" as a; .",
            vec![
                "8..9 `a`: there is no module `a`: a program can't load files; write what it needs into the program",
            ],
        ),
    ] {
        assert_eq!(mistakes(program), expected, "{program}");
    }
}

#[test]
fn a_program_sees_nothing_but_its_document() {
    for name in [
        "now",
        "localtime",
        "strflocaltime(\"%Y\")",
        "strptime(\"%Y\")",
        "env",
        "$ENV",
        "input",
        "inputs",
        "input_filename",
        "debug",
        "debug(1)",
        "stderr",
        "halt",
        "halt(0)",
        "halt_error",
        "halt_error(1)",
        "debug_empty",
        "stderr_empty",
        "get_search_list",
        "$__prog_args",
        "input_line_number",
    ] {
        let told = mistakes(name);
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert!(told.contains(": a program ") || told.contains(": rules of zones "), "{told}");
    }
    // All others are there, those that are made of others as well.
    for program in [
        "gmtime",
        "mktime",
        "todate",
        "fromdate",
        "test(\"a\")",
        "@base64",
        "pow(2; 3)",
        "splits(\"a\")",
        "getpath([])",
    ] {
        assert!(compile(program).is_ok(), "{program}");
    }
}

#[test]
fn a_program_of_any_shape_compiles_or_says_why() {
    let length = super::PROGRAM_BYTES_MAX;
    for (head, tail) in [
        ("(", ""),
        ("[", ""),
        ("{a:", ""),
        ("-", ""),
        ("1|", "1"),
        ("1+", "1"),
        ("1,", "1"),
        ("def f:", "1"),
        ("if ", ""),
        ("try ", "1"),
        ("\"\\(", ""),
        (".[", ""),
        ("label $x|", "1"),
        ("1 as $x|", "1"),
        ("reduce ", "1"),
        (".a", ""),
        (".a?", ""),
        ("1//", "1"),
        ("1=", "1"),
        ("[]", ""),
        ("@base64 \"\\(", ""),
        ("if 1 then 1 elif ", "1"),
        ("?", ""),
    ] {
        let program = head.repeat((length - tail.len()) / head.len()) + tail;
        // What comes of it doesn't matter: it comes back.
        drop(compile(&program));
        for count in [1, 2, 3] {
            drop(compile(&(head.repeat(count) + tail)));
        }
    }
    let nested = |count: usize| "[".repeat(count) + &"]".repeat(count);
    assert!(compile(&nested(length / 2)).is_ok());
    assert_eq!(mistakes(&nested(length)).len(), 1);
}
