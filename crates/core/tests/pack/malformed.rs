//! Packs that are wrong as a whole: chains that turn in circles, paths that lead out, texts made to overwhelm.

use std::fmt::Write as _;

use insta::assert_snapshot;
use lockstep_core::pack::PackFiles;

use crate::fixture::{FIRST, PACK, SECOND, THIRD, changed, good, told};

/// A file of the good pack, what stands there, what stands there instead.
type Change = (&'static str, &'static str, &'static str);

/// The last operation of the good pack.
const LAST: &str = "          - set: {field: home.country, value: {code: NO, since: 2020}}\n";

/// What is changed in the good pack, with a name for it.
const CASES: &[(&str, &[Change])] = &[
    ("a step from the release that it leads to", &[(THIRD, r#"from: "1.1""#, r#"from: "2.0""#)]),
    ("a circle of two steps", &[(SECOND, r#"from: "1.0""#, r#"from: "2.0""#)]),
    ("a step from a release that comes later", &[(SECOND, r#"from: "1.0""#, r#"from: "3.0""#)]),
    (
        "two steps into one release",
        &[(THIRD, "step:\n", "step: {from: \"1.0\", indices: {}}\nstep:\n")],
    ),
    (
        "several steps in a list",
        &[(THIRD, "step:\n", "step: [{from: \"1.1\", indices: {}}]\nrest:\n")],
    ),
    (
        "a step for an index twice",
        &[(THIRD, "    invoice: new\n", "    invoice: new\n    invoice: new\n")],
    ),
    (
        "an index twice",
        &[(
            THIRD,
            "  audit:\n    mapping: audit.json\n  invoice:",
            "  audit:\n    mapping: audit.json\n  audit:\n    mapping: audit.json\n  invoice:",
        )],
    ),
    (
        "the list of operations twice",
        &[(SECOND, "operations: [{rename", "operations: [], operations: [{rename")],
    ),
    (
        "one field twice in an operation",
        &[(SECOND, "{from: kind, to: type}", "{from: kind, from: name, to: type}")],
    ),
    (
        "two indices of one name",
        &[(THIRD, "  event:\n    mapping", "  event:\n    name: audit\n    mapping")],
    ),
    (
        "a mapping above the release",
        &[(FIRST, "mapping: audit.json", "mapping: ../../../../etc/passwd")],
    ),
    (
        "a mapping of another release",
        &[(SECOND, "mapping: audit.json", "mapping: ../../1.0/mappings/audit.json")],
    ),
    ("a mapping by an absolute path", &[(FIRST, "mapping: audit.json", "mapping: /etc/passwd")]),
    (
        "a mapping by a path of another system",
        &[(FIRST, "mapping: audit.json", "mapping: '..\\..\\audit.json'")],
    ),
    (
        "a mapping below the folder, by a detour",
        &[(FIRST, "mapping: audit.json", "mapping: ./audit.json")],
    ),
    ("a name that leads out", &[(FIRST, "name: customers", "name: ../customers")]),
    ("a label that leads out", &[(THIRD, r#"label: "20""#, r#"label: "../20""#)]),
    (
        "a naming text that leads out",
        &[(PACK, r#"alias: "{tenant}-{name}""#, r#"alias: "../{tenant}-{name}""#)],
    ),
    ("indices as a list", &[(FIRST, "indices:\n", "indices: []\nmore:\n")]),
    (
        "operations as a mapping",
        &[(
            SECOND,
            "operations: [{rename: {from: kind, to: type}}]",
            "operations: {rename: {from: kind, to: type}}",
        )],
    ),
    ("a fate that is a number", &[(THIRD, "invoice: new", "invoice: 1")]),
    ("a fate that is a list", &[(THIRD, "invoice: new", "invoice: [new]")]),
    ("two fates", &[(THIRD, "invoice: new", "invoice: {new_like: event, migrate: {}}")]),
    (
        "settings that are a text",
        &[(SECOND, "settings: {refresh_interval: 10s}", "settings: fast")],
    ),
    ("a negative number of shards", &[(FIRST, "shards: 2", "shards: -2")]),
    ("no shards", &[(FIRST, "shards: 2", "shards: 0")]),
    ("a fraction of shards", &[(FIRST, "shards: 2", "shards: 1.5")]),
    ("data parts as a word", &[(PACK, "data_parts: 2", "data_parts: two")]),
    ("a format of the future", &[(PACK, "format: 1", "format: 2")]),
    (
        "an operation that nearly is one",
        &[(SECOND, "remove: {fields: [note]}", "delete: {fields: [note]}")],
    ),
    (
        "an operation in capitals",
        &[(SECOND, "remove: {fields: [note]}", "Remove: {fields: [note]}")],
    ),
    (
        "a step for each index in one text",
        &[(THIRD, "audit: unchanged", "audit: \"unchanged, invoice: new\"")],
    ),
    ("an allow that is a text", &[(THIRD, "step:\n", "allow: L107\nstep:\n")]),
    (
        "an allow without a lint",
        &[(THIRD, "step:\n", "allow: [{at: event, reason: it is known}]\nstep:\n")],
    ),
    (
        "a program in jq without an end",
        &[(SECOND, "remove: {fields: [note]}", "jq: {program: \"if .note then .\"}")],
    ),
    (
        "a program in jq that looks at the clock",
        &[(SECOND, "remove: {fields: [note]}", "jq: {program: \".at = now\", field: note}")],
    ),
    (
        "an index of several that are not there",
        &[(THIRD, "from: customer", "from: [customer, sesion, customer]")],
    ),
    ("an index of none", &[(THIRD, "from: customer", "from: []")]),
    (
        "a way back to several indices",
        &[
            (THIRD, "from: customer", "from: [customer, audit]"),
            (THIRD, LAST, "        down: []\n"),
        ],
    ),
    (
        "partitions of several indices",
        &[
            (THIRD, "event: {migrate: {}}", "event: {migrate: {from: [event, session]}}"),
            (THIRD, "    session: dropped\n", ""),
        ],
    ),
    (
        "a document that is sent to an index which is not there",
        &[(THIRD, LAST, "          - send: {to: adit}\n")],
    ),
    (
        "a document that is sent into partitions",
        &[(THIRD, LAST, "          - send: {to: event}\n")],
    ),
    (
        "a document that is sent where its next step would have to follow",
        &[(SECOND, "remove: {fields: [note]}", "send: {to: audit}")],
    ),
    (
        "a document that is sent by the name of an index of the release before",
        &[(THIRD, LAST, "          - jq: {program: ., documents: any, to: [customer]}\n")],
    ),
    (
        "a way back from several documents",
        &[(
            THIRD,
            LAST,
            "          - each: {field: home.list, id: \"{_id}-{_position}\"}\n        down: []\n",
        )],
    ),
    (
        "a way back that drops",
        &[(
            THIRD,
            LAST,
            "        down: [{when: {field: age, missing: true}, then: [{drop: {}}]}]\n",
        )],
    ),
    (
        "operations behind the end",
        &[(THIRD, LAST, "          - drop: {}\n          - remove: {fields: [home]}\n")],
    ),
    ("an id that all documents share", &[(THIRD, LAST, "          - rekey: {id: person}\n")]),
    ("an id with a hole", &[(THIRD, LAST, "          - rekey: {id: \"{_id}-{}\"}\n")]),
    ("a field path with a hole", &[(SECOND, "fields: [note]", "fields: [note..text]")]),
    ("an anchor that is not there", &[(THIRD, "invoice: new", "invoice: *fate")]),
    ("a file within a file", &[(THIRD, "invoice: new", "invoice: !include ../1.1/release.yaml")]),
];

/// Whole texts in the place of a file.
fn whole_files() -> Vec<(&'static str, PackFiles)> {
    let with = |path: &str, text: String| {
        let mut files = good();
        files.files.insert(path.to_owned(), text.into_bytes());
        files
    };
    let mut laughs = "a0: &a0 ha\n".to_owned();
    for level in 1..30 {
        let below = level - 1;
        writeln!(laughs, "a{level}: &a{level} [*a{below}, *a{below}, *a{below}]")
            .expect("a String");
    }
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(5000), close.repeat(5000));
    vec![
        ("an empty file", with(PACK, String::new())),
        ("a file with one word", with(SECOND, "upgrade\n".to_owned())),
        ("a file of another kind", with(SECOND, "[tool]\nname = \"release\"\n".to_owned())),
        ("two documents in one file", with(THIRD, "indices: {}\n---\nindices: {}\n".to_owned())),
        ("a text that unfolds without end", with(PACK, laughs)),
        ("lists without end", with(PACK, deep("[", "]"))),
        (
            "objects without end",
            with("releases/1.0/mappings/audit.json", deep("{\"properties\":", "}")),
        ),
        ("a mapping that is null", with("releases/1.0/mappings/audit.json", "null".to_owned())),
        ("bytes that are no text", {
            let mut files = good();
            files.files.insert(SECOND.to_owned(), vec![0xff, 0xfe, 0, b'a']);
            files
        }),
    ]
}

#[test]
fn malformed_packs_are_told_precisely() {
    let changes = CASES.iter().map(|(name, changes)| (*name, changed(changes)));
    let texts: Vec<String> = changes
        .chain(whole_files())
        .map(|(name, files)| {
            let told = told(&files);
            assert!(told.contains("error[P"), "{name}: {told}");
            format!("=== {name}\n{told}")
        })
        .collect();
    assert_snapshot!(texts.join("\n\n"));
}
