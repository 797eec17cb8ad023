use super::*;
use crate::{
    pack::{PackFiles, cases, load},
    transform::{Program, Workspace},
};

/// What becomes of a case's document where no script takes part.
fn run(pack: &Pack, case: &Case) -> Outcome {
    let up = passage(up_operations(pack, case), case.before.as_bytes());
    let back = match (&up, way_back(pack, case)) {
        (Passage::Rejected(_), _) => Back::NotTried,
        (_, WayBack::None { step: _, reason }) => Back::None { reason },
        (Passage::Document(after), WayBack::Program { operations }) => {
            Back::of(case, passage(operations, after))
        }
        (Passage::Documents(made), _) => panic!("{made:?} have a way back"),
    };
    Outcome { up, back }
}

fn passage(operations: Vec<Operation>, source: &[u8]) -> Passage {
    let mut made = Vec::new();
    let document = Document { index: None, id: "one", routing: None, source };
    let applied = Program::new(operations)
        .apply(&mut Workspace::default(), document, &mut |one| made.push(Made::of(one)));
    applied.map_or_else(Passage::Rejected, |()| Passage::of(("order", document), made))
}

/// Two releases: `note` has a step that can be undone, `person` one with a written way back, `log` one with none.
fn files(more: &[(&str, &str)]) -> PackFiles {
    let pack = "format: 1\nname: shop\ndata_parts: 2\nmode: alias\nnaming:\n  default:\n    \
                index: \"{tenant}-{name}-v{version}\"\n    alias: \"{tenant}-{name}\"\n";
    let first = "indices:\n  note: {mapping: m.json}\n  person: {mapping: m.json}\n  log: {mapping: m.json}\n  order: {mapping: m.json}\n";
    let second = r#"
indices:
  ticket: {mapping: m.json}
  person: {mapping: m.json}
  log: {mapping: m.json}
  extra: {mapping: m.json}
  order: {mapping: m.json}
step:
  from: "1.0"
  indices:
    ticket: {migrate: {from: note, operations: [{rename: {from: text, to: body}}]}}
    person:
      migrate:
        operations: [{cast: {field: age, to: long}}, {split: {field: name, separator: " ", into: [first, last]}}]
        down: [{join: {fields: [first, last], separator: " ", into: name}}, {cast: {field: code, to: boolean}}]
    log: {migrate: {operations: [{remove: {fields: [debug]}}], irreversible: "debug is cut"}}
    extra: new
    order:
      migrate:
        operations:
          - when: {field: kind, equals: test}
            then: [{drop: {}}]
          - each: {field: lines, into: line, id: "{_index}-{_id}-{line}", empty: keep}
          - when: {field: line, exists: true}
            then: [{send: {to: extra}}]
        irreversible: lines are documents of their own
"#;
    let strict = r#"{"dynamic": "strict", "properties": {"text": {"type": "text"}, "age": {"type": "keyword"},
        "name": {"type": "text"}, "code": {"type": "keyword"}, "debug": {"type": "keyword"}, "n": {"type": "keyword"},
        "kind": {"type": "keyword"}, "lines": {"type": "keyword"}}}"#;
    let loose = r#"{"properties": {"n": {"type": "keyword"}}}"#;
    let all = [
        ("pack.yaml", pack),
        ("releases/1.0/release.yaml", first),
        ("releases/1.0/mappings/m.json", strict),
        ("releases/1.1/release.yaml", second),
        ("releases/1.1/mappings/m.json", loose),
    ];
    let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
    PackFiles { files: all.iter().chain(more).map(file).collect() }
}

/// What is told of one case with these files, one line a problem, and what an update would write.
fn tried(index: &str, case: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let paths: Vec<(String, &str)> = case
        .iter()
        .map(|(file, text)| (format!("releases/1.1/tests/{index}/one/{file}"), *text))
        .collect();
    let more: Vec<(&str, &str)> = paths.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let files = files(&more);
    let pack = load(&files).unwrap();
    let cases = cases::read(&files, &pack).unwrap();
    let [case] = cases.as_slice() else { panic!("{cases:?}") };
    let outcome = run(&pack, case);
    let problems = judge(case, &outcome).iter().map(|problem| format!("{problem:?}")).collect();
    let updates = updates(case, &outcome)
        .into_iter()
        .map(|(file, content)| format!("{file}: {}", content.as_deref().unwrap_or("removed")))
        .collect();
    (problems, updates)
}

/// Files of a case: name and content.
type Files<'a> = &'a [(&'a str, &'a str)];

const NOTE: (&str, &str) = ("before.json", r#"{"text": "hi", "n": 1.10}"#);
const PERSON: (&str, &str) = ("before.json", r#"{"age": "7", "name": "Ann Lee"}"#);
const PERSON_AFTER: (&str, &str) = ("after.json", r#"{"age": 7, "first": "Ann", "last": "Lee"}"#);

#[test]
fn a_case_holds_when_everything_is_as_it_says() {
    let back = ("back.json", r#"{"name": "Ann Lee", "age": 7}"#);
    let rejected = ("before.json", r#"{"age": "old"}"#);
    let no_return = [("before.json", r#"{"code": "x"}"#), ("after.json", r#"{"code": "x"}"#)];
    let cases: [(&str, Files<'_>); 6] = [
        // By content: neither the order of members nor the way a number is written counts.
        ("ticket", &[NOTE, ("after.json", r#"{"n": 1.1, "body": "hi"}"#)]),
        ("person", &[PERSON, PERSON_AFTER, back]),
        ("person", &[rejected, ("error.txt", "# why\n\ncode: T0107\n")]),
        ("person", &[rejected, ("error.txt", "code: T0107\nfield: age\noperation: 1, cast\n")]),
        ("person", &[no_return[0], no_return[1], ("back-error.txt", "code: T0107\n")]),
        ("log", &[("before.json", r#"{"debug": 1}"#), ("after.json", "{}")]),
    ];
    for (index, case) in cases {
        let (problems, updates) = tried(index, case);
        assert!(problems.is_empty() && updates.is_empty(), "{case:?}: {problems:?} {updates:?}");
    }
}

#[test]
fn a_case_says_all_that_comes_of_a_document() {
    let before = ("before.json", r#"{"lines": [1, 2]}"#);
    let right = r#"[
        {"_id": "order-one-2", "_index": "extra", "_source": {"line": 2.0}},
        {"_id": "order-one-1", "_index": "extra", "_source": {"line": 1}}]"#;
    let twice = ("before.json", r#"{"lines": [1, 1]}"#);
    let cases: [(&str, Files<'_>); 4] = [
        ("order", &[before, ("after.json", right)]),
        ("order", &[("before.json", r#"{"kind": "test"}"#), ("after.json", "[]")]),
        // One that stays at its place may be written either way.
        ("order", &[("before.json", "{}"), ("after.json", "{}")]),
        ("order", &[("before.json", "{}"), ("after.json", r#"[{"_id": "one", "_source": {}}]"#)]),
    ];
    for (index, case) in
        cases.iter().chain(&[("order", &[twice, ("error.txt", "code: T0402")] as Files<'_>)])
    {
        let (problems, updates) = tried(index, case);
        assert!(problems.is_empty() && updates.is_empty(), "{case:?}: {problems:?} {updates:?}");
    }
    let wrong = [
        before,
        ("after.json", r#"[{"_id": "order-one-1", "_index": "extra", "_source": {"line": 3}}]"#),
    ];
    let (problems, updates) = tried("order", &wrong);
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.starts_with("Differs { file: \"after.json\""), "{problem}");
    assert!(
        problem.contains("extra/order-one-1") && problem.contains("extra/order-one-2"),
        "{problem}"
    );
    let [update] = updates.as_slice() else { panic!("{updates:?}") };
    let (_, written) = update.split_once(": ").expect("a file");
    assert_eq!(tried("order", &[before, ("after.json", written)]), (Vec::new(), Vec::new()));
}

#[test]
fn what_is_not_as_a_case_says_is_told_and_can_be_written() {
    let rejected = ("before.json", r#"{"age": "old"}"#);
    let cases: [(&str, Files<'_>, &str, &[&str]); 9] = [
        (
            "ticket",
            &[NOTE],
            "Unwritten",
            &["after.json: {\n  \"body\": \"hi\",\n  \"n\": 1.10\n}\n"],
        ),
        (
            "ticket",
            &[NOTE, ("after.json", r#"{"body": "ho", "n": 1.1}"#)],
            "Differs { file: \"after.json\"",
            &["after.json: {\n  \"body\": \"hi\",\n  \"n\": 1.10\n}\n"],
        ),
        (
            "ticket",
            &[NOTE, ("error.txt", "code: T0104")],
            "Taken { file: \"error.txt\"",
            &["after.json: {\n  \"body\": \"hi\",\n  \"n\": 1.10\n}\n", "error.txt: removed"],
        ),
        (
            "person",
            &[rejected, ("after.json", "{}")],
            "Rejected { file: \"after.json\"",
            &[
                "after.json: removed",
                "error.txt: code: T0107\noperation: 1, cast\nfield: age\ntext: `\"old\"` can't become a long; say `otherwise: keep`, `remove` or `null` if such values may occur\n",
            ],
        ),
        (
            "person",
            &[rejected, ("error.txt", "code: T0107\nfield: name")],
            "RejectedOtherwise { file: \"error.txt\"",
            &[
                "error.txt: code: T0107\noperation: 1, cast\nfield: age\ntext: `\"old\"` can't become a long; say `otherwise: keep`, `remove` or `null` if such values may occur\n",
            ],
        ),
        // A way back that loses something has to be written down.
        (
            "person",
            &[PERSON, PERSON_AFTER],
            "BackDiffers",
            &["back.json: {\n  \"age\": 7,\n  \"name\": \"Ann Lee\"\n}\n"],
        ),
        (
            "person",
            &[PERSON, PERSON_AFTER, ("back.json", "{}")],
            "Differs { file: \"back.json\"",
            &["back.json: {\n  \"age\": 7,\n  \"name\": \"Ann Lee\"\n}\n"],
        ),
        (
            "person",
            &[("before.json", r#"{"code": "x"}"#), ("after.json", r#"{"code": "x"}"#)],
            "BackRejected",
            &[
                "back-error.txt: code: T0107\noperation: 2, cast\nfield: code\ntext: `\"x\"` can't become a boolean; say `otherwise: keep`, `remove` or `null` if such values may occur\n",
            ],
        ),
        (
            "log",
            &[("before.json", "{}"), ("after.json", "{}"), ("back.json", "{}")],
            "NoWayBack { file: \"back.json\"",
            &["back.json: removed"],
        ),
    ];
    for (index, case, problem, expected) in cases {
        let (problems, updates) = tried(index, case);
        assert_eq!(problems.len(), 1, "{case:?}: {problems:?}");
        assert!(problems[0].starts_with(problem), "{case:?}: {problems:?}");
        assert_eq!(updates, expected, "{case:?}");
    }
}

#[test]
fn a_document_that_comes_back_has_no_use_for_another_one() {
    let (problems, updates) = tried(
        "ticket",
        &[NOTE, ("after.json", r#"{"n": 1.1, "body": "hi"}"#), ("back.json", "{}")],
    );
    assert!(problems[0].starts_with("Differs { file: \"back.json\""), "{problems:?}");
    assert_eq!(updates, ["back.json: removed"]);
}

#[test]
fn cases_change_neither_the_digest_nor_what_is_told_of_a_pack() {
    let plain = files(&[]);
    let tested = files(&[
        ("releases/1.1/tests/ticket/one/before.json", "{}"),
        ("releases/1.1/tests/nonsense.yaml", ""),
    ]);
    assert_eq!(load(&plain).unwrap().digest, load(&tested).unwrap().digest);
    let told = |files| crate::pack::read(files).diagnostics;
    assert_eq!(told(&plain), told(&tested));
    let elsewhere = files(&[("tests/ticket/one/before.json", "{}")]);
    assert_ne!(load(&plain).unwrap().digest, load(&elsewhere).unwrap().digest);
}

#[test]
fn mappings_have_to_take_what_went_up_and_what_came_back() {
    let files = files(&[
        ("releases/1.1/tests/person/one/before.json", PERSON.1),
        ("releases/1.1/tests/ticket/two/before.json", NOTE.1),
    ]);
    let pack = load(&files).unwrap();
    let cases = cases::read(&files, &pack).unwrap();
    let fittings: Vec<Vec<String>> = cases
        .iter()
        .map(|case| {
            let outcome = run(&pack, case);
            outcome
                .fittings(case)
                .iter()
                .map(|fitting| {
                    let Fitting { file, position, index, document: _ } = fitting;
                    format!("{file} {position} {index}")
                })
                .collect()
        })
        .collect();
    assert_eq!(
        fittings,
        [
            vec!["before.json 0 person", "after.json 1 person", "back.json 0 person"],
            vec!["before.json 0 note", "after.json 1 ticket"],
        ]
    );
}
