//! `lockstep pack test`.

use insta::assert_snapshot;
use lockstep_elastic::{Cluster, Connection};
use lockstep_pocket::{Fault, FaultKind, Options, Pocket};
use serde_json::Value;

use super::folder::{Folder, files_below, repository};

const TESTS: &str = "pack/releases/2.0/tests";

#[test]
fn the_demos_cases_hold() {
    let folder = Folder::with_demo();
    assert_snapshot!(folder.run(&["pack", "test", "pack"]).told(), @r"
    ok        1.1/event/duration-is-text, rejected
    ok        1.1/profile/no-name, and back
    ok        1.1/profile/three-names, and back as back.json says
    ok        2.0/audit/numbers-keep-their-digits, and back
    ok        2.0/order/two-lines, and back as back.json says
    ok        2.0/ticket/priority-is-a-word, and back as back.json says

    event-store: 6 cases, 6 passed; mappings of the embedded cluster
    exit 0
    ");
    let ended =
        folder.run(&["pack", "test", "pack", "--json", "--release", "2.0", "--filter", "/order/"]);
    assert_snapshot!(ended.told(), @r#"
    {
      "pack": "event-store",
      "engine": {
        "name": "opensearch",
        "version": "2.19.1",
        "embedded": true
      },
      "passed": 1,
      "updated": 0,
      "failed": 0,
      "not_run": 0,
      "left_out": 0,
      "cases": [
        {
          "release": "2.0",
          "index": "order",
          "case": "two-lines",
          "folder": "releases/2.0/tests/order/two-lines",
          "outcome": "passed",
          "way_back": {
            "outcome": "other",
            "reason": null
          },
          "problems": [],
          "mapping_refusals": [],
          "script_refusal": null,
          "written": [],
          "removed": []
        }
      ]
    }
    exit 0
    "#);
}

#[test]
fn the_cases_of_tracardi_hold() {
    let pack = repository("packs/tracardi");
    let ended = Folder::empty().run(&["pack", "test", pack.to_str().unwrap()]);
    assert_snapshot!(ended.told(), @r"
    ok        0.8.0/destination/without-a-condition, no way back
    ok        0.8.0/event-source/bound-to-the-bridge, no way back
    ok        0.8.0/profile/personal-data-is-carried, no way back

    tracardi: 3 cases, 3 passed; mappings of the embedded cluster
    exit 0
    ");
}

/// The demo's pack with something wrong in every file that a case can have.
fn damaged() -> Folder {
    let folder = Folder::with_demo();
    folder.replace(&format!("{TESTS}/order/two-lines/after.json"), "\"Oslo\"", "\"Bergen\"");
    folder.replace(
        &format!("{TESTS}/order/two-lines/after.json"),
        "\"quantity\": 1,",
        "\"quantity\": 1, \"note\": null,",
    );
    folder.remove(&format!("{TESTS}/order/two-lines/back.json"));
    folder.replace(&format!("{TESTS}/ticket/priority-is-a-word/back.json"), "null", "\"high\"");
    folder.replace("pack/releases/1.1/tests/event/duration-is-text/error.txt", "duration", "type");
    folder.remove("pack/releases/1.1/tests/profile/no-name/after.json");
    folder.write("pack/releases/1.1/tests/profile/no-name/error.txt", "code: T0108\n");
    folder
}

#[test]
fn what_does_not_hold_is_told_by_field_and_file() {
    let folder = damaged();
    assert_snapshot!(folder.run(&["pack", "test", "pack"]).told(), @r#"
    FAILED    1.1/event/duration-is-text
      releases/1.1/tests/event/duration-is-text/error.txt: the document was rejected otherwise
        field: expected type, found duration
    FAILED    1.1/profile/no-name
      releases/1.1/tests/profile/no-name/error.txt: the document was not rejected
    ok        1.1/profile/three-names, and back as back.json says
    ok        2.0/audit/numbers-keep-their-digits, and back
    FAILED    2.0/order/two-lines
      releases/2.0/tests/order/two-lines/after.json: 2 fields differ
        lines[1].note: expected null, found nothing
        delivery.address.city: expected "Bergen", found "Oslo"
      releases/2.0/tests/order/two-lines/before.json: the way back gives another document, and there is no back.json: 2 fields differ
        lines[0].quantity: expected "2", found 2
        currency: expected nothing, found "EUR"
    FAILED    2.0/ticket/priority-is-a-word
      releases/2.0/tests/ticket/priority-is-a-word/back.json: 1 field differs
        priority: expected "high", found null

    event-store: 6 cases, 2 passed, 4 failed; mappings of the embedded cluster
    next: mend the step or the case; `lockstep pack test --update` takes what came of it as right
    exit 4
    "#);
    let ended = folder.run(&["pack", "test", "pack", "--json", "--filter", "1.1/event"]);
    assert_snapshot!(ended.told(), @r#"
    {
      "pack": "event-store",
      "engine": {
        "name": "opensearch",
        "version": "2.19.1",
        "embedded": true
      },
      "passed": 0,
      "updated": 0,
      "failed": 1,
      "not_run": 0,
      "left_out": 0,
      "cases": [
        {
          "release": "1.1",
          "index": "event",
          "case": "duration-is-text",
          "folder": "releases/1.1/tests/event/duration-is-text",
          "outcome": "failed",
          "way_back": {
            "outcome": "not_tried",
            "reason": null
          },
          "problems": [
            {
              "kind": "rejected_otherwise",
              "file": "error.txt",
              "lines": [
                {
                  "line": "field",
                  "expected": "type",
                  "found": "duration"
                }
              ]
            }
          ],
          "mapping_refusals": [],
          "script_refusal": null,
          "written": [],
          "removed": []
        }
      ]
    }
    exit 4
    "#);
}

#[test]
fn an_update_writes_what_came_of_the_cases_and_nothing_else() {
    let folder = damaged();
    assert_snapshot!(folder.run(&["pack", "test", "pack", "--update"]).told(), @r"
    updated   1.1/event/duration-is-text: error.txt written
    updated   1.1/profile/no-name: after.json written, error.txt removed
    ok        1.1/profile/three-names, and back as back.json says
    ok        2.0/audit/numbers-keep-their-digits, and back
    updated   2.0/order/two-lines: after.json written, back.json written
    updated   2.0/ticket/priority-is-a-word: back.json written

    event-store: 6 cases, 2 passed, 4 updated; mappings of the embedded cluster
    exit 0
    ");
    assert_eq!(files_below(&folder.path().join("pack")), files_below(&repository("demo/pack")));
    let again = folder.run(&["pack", "test", "pack", "--update", "--json"]);
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&report["passed"], &report["updated"]), (&6.into(), &0.into()));
}

#[test]
fn a_document_that_a_mapping_refuses_fails_and_no_update_helps() {
    let folder = Folder::with_demo();
    folder.write(
        &format!("{TESTS}/ticket/mood/before.json"),
        "{\"text\": \"hi\", \"mood\": \"good\"}",
    );
    folder
        .write(&format!("{TESTS}/audit/who/before.json"), "{\"actor\": \"eve\", \"by\": \"bob\"}");
    let ended = folder.run(&["pack", "test", "pack", "--update", "--filter", "o"]);
    assert_snapshot!(ended.told(), @r"
    ok        1.1/event/duration-is-text, rejected
    ok        1.1/profile/no-name, and back
    ok        1.1/profile/three-names, and back as back.json says
    FAILED    2.0/audit/who: after.json written
      releases/2.0/tests/audit/who/before.json: `audit` of 1.1: the mapping refuses the document, so the release before can't have it
        mapping set to strict, dynamic introduction of [by] within [_doc] is not allowed
      releases/2.0/tests/audit/who/after.json: `audit` of 2.0: the mapping refuses what the step makes of the document
        mapping set to strict, dynamic introduction of [by] within [_doc] is not allowed
    ok        2.0/order/two-lines, and back as back.json says
    FAILED    2.0/ticket/mood: after.json written
      releases/2.0/tests/ticket/mood/after.json: `ticket` of 2.0: the mapping refuses what the step makes of the document
        mapping set to strict, dynamic introduction of [mood] within [_doc] is not allowed
    ok        2.0/ticket/priority-is-a-word, and back as back.json says

    event-store: 7 cases, 5 passed, 2 failed; mappings of the embedded cluster
    next: mend the step or the case; `lockstep pack test --update` takes what came of it as right
    exit 4
    ");
    folder.replace("pack/releases/2.0/mappings/ticket.json", "\"boolean\"", "\"colour\"");
    let ended = folder.run(&["pack", "test", "pack", "--filter", "ticket/priority"]);
    assert_snapshot!(ended.told(), @r"
    FAILED    2.0/ticket/priority-is-a-word
      releases/2.0/tests/ticket/priority-is-a-word/after.json: `ticket` of 2.0: the engine makes no index with this mapping and these settings
        Failed to parse mapping [_doc]: No handler for type [colour] declared on field [pinned]

    event-store: 1 case, 1 failed; mappings of the embedded cluster
    next: mend the step or the case; `lockstep pack test --update` takes what came of it as right
    exit 4
    ");
}

#[test]
fn cases_that_are_not_there_are_told() {
    let folder = Folder::with_demo();
    for (arguments, part) in [
        (["--filter", "nothing"], "none of the 6 cases of event-store is asked for"),
        (["--release", "1.0"], "none of the 6 cases"),
        (["--release", "3.0"], "event-store has no release 3.0"),
    ] {
        let ended = folder.run(&[["pack", "test", "pack"].as_slice(), &arguments].concat());
        assert_eq!(ended.code, Some(2), "{}", ended.told());
        assert!(
            ended.stderr.contains("error[U0001]") && ended.stderr.contains(part),
            "{}",
            ended.told()
        );
    }
}

#[test]
fn mistakes_in_cases_end_the_command_before_anything_is_tried() {
    let folder = Folder::with_demo();
    folder.write(&format!("{TESTS}/order/odd/befor.json"), "{}");
    folder.write(&format!("{TESTS}/order/broken/before.json"), "{\"a\": }");
    assert_snapshot!(folder.run(&["pack", "test", "pack", "--update"]).told(), @r#"
    error[P0804]: this is not JSON: expected a value
     --> releases/2.0/tests/order/broken/before.json:1:7
      |
    1 | {"a": }
      |       ^
      |
      = help: correct it there or just before; a document is one JSON object

    error[P0803]: the case has no `before.json`
    --> releases/2.0/tests/order/odd
     = help: add it: the `_source` of a document of the release before

    error[P0801]: a case has no file `befor.json`
    --> releases/2.0/tests/order/odd/befor.json
     = help: did you mean `before.json`?

    error[P9002]: the pack has mistakes
    hint: mend the places above; docs/design/pack-errors.md explains each code
    exit 4
    "#);
    let checked = folder.run(&["pack", "check", "pack"]);
    assert_eq!(checked.code, Some(0), "{}", checked.told());
}

#[test]
fn a_case_with_a_script_is_never_left_out_in_silence() {
    let folder = Folder::with_demo();
    folder.replace(
        "pack/releases/2.0/release.yaml",
        "          - rename: {from: text, to: body}",
        "          - painless: {script: \"ctx._source.body = ctx._source.remove('text')\"}",
    );
    let ended = folder.run(&["pack", "test", "pack", "--release", "2.0"]);
    assert_snapshot!(ended.told(), @r"
    ok        2.0/audit/numbers-keep-their-digits, and back
    ok        2.0/order/two-lines, and back as back.json says
    not run   2.0/ticket/priority-is-a-word: a script in Painless needs --cluster

    event-store: 3 cases, 2 passed, 1 not run; mappings of the embedded cluster
    next: scripts in Painless run in an engine only: --cluster URL names one, --without-painless leaves these cases out
    exit 1
    ");
    let ended =
        folder.run(&["pack", "test", "pack", "--filter", "ticket", "--without-painless", "--json"]);
    assert_snapshot!(ended.told(), @r#"
    {
      "pack": "event-store",
      "engine": {
        "name": "opensearch",
        "version": "2.19.1",
        "embedded": true
      },
      "passed": 0,
      "updated": 0,
      "failed": 0,
      "not_run": 0,
      "left_out": 1,
      "cases": [
        {
          "release": "2.0",
          "index": "ticket",
          "case": "priority-is-a-word",
          "folder": "releases/2.0/tests/ticket/priority-is-a-word",
          "outcome": "left_out",
          "way_back": {
            "outcome": "not_tried",
            "reason": null
          },
          "problems": [],
          "mapping_refusals": [],
          "script_refusal": null,
          "written": [],
          "removed": []
        }
      ]
    }
    exit 0
    "#);
}

#[test]
fn a_script_that_the_engine_does_not_take_fails_its_case() {
    let folder = Folder::with_demo();
    folder.replace(
        "pack/releases/1.1/release.yaml",
        "          - cast: {field: newsletter, to: boolean}",
        "          - painless: {script: \"ctx._source.a = 1\"}",
    );
    let (told, left) = on_a_cluster(&folder, Vec::new());
    assert!(told.contains("FAILED    1.1/profile/no-name"), "{told}");
    assert!(told.contains("no-name/before.json: the engine does not take a script"), "{told}");
    assert!(told.ends_with("exit 4"), "{told}");
    assert_eq!(left, 0);
}

/// A cluster that is asked for by its address, and the indices that are on it afterwards.
fn on_a_cluster(folder: &Folder, faults: Vec<Fault>) -> (String, usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pocket = runtime.block_on(Pocket::start(Options::default())).unwrap();
    for fault in faults {
        pocket.plan_fault(fault);
    }
    let ended =
        folder.run(&["pack", "test", "pack", "--filter", "profile", "--cluster", pocket.url()]);
    assert!(pocket.pending_faults().is_empty());
    let cluster = Cluster::new(Connection::parse(pocket.url()).unwrap()).unwrap();
    let survey = runtime.block_on(cluster.survey()).unwrap();
    (ended.told().replace(pocket.url(), "URL"), survey.indices.len())
}

#[test]
fn nothing_is_left_on_a_cluster() {
    let folder = Folder::with_demo();
    let (told, left) = on_a_cluster(&folder, Vec::new());
    assert!(told.contains("2 passed; mappings of opensearch"), "{told}");
    assert!(told.ends_with("exit 0"), "{told}");
    assert_eq!(left, 0);
    let lost = Fault::new("/lockstep-pack-test-*", FaultKind::Disconnect).on("PUT").after();
    let (told, left) = on_a_cluster(&folder, vec![lost]);
    assert!(told.contains("error[C0101]"), "{told}");
    assert_eq!(left, 0, "{told}");
    let refused = FaultKind::Status { status: 403, error_type: "security_exception".to_owned() };
    let (told, left) = on_a_cluster(&folder, vec![Fault::new("/_bulk", refused)]);
    assert!(told.contains("error[C0102]"), "{told}");
    assert_eq!(left, 0, "{told}");
}

#[test]
fn programs_in_jq_need_no_cluster() {
    let folder = Folder::with_demo();
    folder.replace(
        "pack/releases/1.1/release.yaml",
        "- cast: {field: duration, to: long}",
        "- jq: {field: duration, program: 'if type == \"string\" then tonumber end'}",
    );
    folder.write(
        "pack/releases/1.1/tests/event/duration-is-text/error.txt",
        "code: T0301\noperation: 2, jq\nfield: duration\n",
    );
    let filter = ["pack", "test", "pack", "--filter", "1.1/event"];
    assert_snapshot!(folder.run(&filter).told(), @r"
    ok        1.1/event/duration-is-text, rejected

    event-store: 1 case, 1 passed; mappings of the embedded cluster
    exit 0
    ");
    // One that never ends, and one that is down at once: told as rejections of the document, whose text is a text.
    folder.replace(
        "pack/releases/1.1/release.yaml",
        "then tonumber end",
        "then last(repeat(.)) end",
    );
    assert_snapshot!(folder.run(&filter).told(), @r"
    FAILED    1.1/event/duration-is-text
      releases/1.1/tests/event/duration-is-text/error.txt: the document was rejected otherwise
        code: expected T0301, found T0304

    event-store: 1 case, 1 failed; mappings of the embedded cluster
    next: mend the step or the case; `lockstep pack test --update` takes what came of it as right
    exit 4
    ");
    folder.replace("pack/releases/1.1/release.yaml", "last(repeat(.))", "(def f: 1 + f; f)");
    assert_snapshot!(folder.run(&filter).told(), @r"
    FAILED    1.1/event/duration-is-text
      releases/1.1/tests/event/duration-is-text/error.txt: the document was rejected otherwise
        code: expected T0301, found T0305

    event-store: 1 case, 1 failed; mappings of the embedded cluster
    next: mend the step or the case; `lockstep pack test --update` takes what came of it as right
    exit 4
    ");
}
