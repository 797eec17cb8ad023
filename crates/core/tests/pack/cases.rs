//! Mistakes of test cases: what a folder of a case may hold, and where cases may stand.

use insta::assert_snapshot;
use lockstep_core::pack::{PackFiles, cases, load};

use super::fixture::good;

/// What is told of the good pack's cases when these files are added.
fn told(more: &[(&str, &[u8])]) -> String {
    let mut files: PackFiles = good();
    for (path, content) in more {
        files.files.insert((*path).to_owned(), content.to_vec());
    }
    let pack = load(&files).expect("cases never keep a pack from being used");
    match cases::read(&files, &pack) {
        Ok(cases) => format!("{} cases", cases.len()),
        Err(diagnostics) => diagnostics.render(&files, false),
    }
}

#[test]
fn cases_are_read_in_order() {
    let files: [(&str, &[u8]); 5] = [
        ("releases/2.0/tests/person/two/before.json", b"{}"),
        ("releases/2.0/tests/person/one/before.json", b"\xef\xbb\xbf {}\n"),
        ("releases/2.0/tests/audit/one/before.json", b"{}"),
        ("releases/2.0/tests/audit/one/after.json", b"{}"),
        ("releases/2.0/tests/audit/one/.before.json.swp", b"\xff"),
    ];
    assert_snapshot!(told(&files), @"3 cases");
}

#[test]
fn a_pack_without_a_case_says_how_to_write_one() {
    assert_snapshot!(told(&[]), @r"
    error[P0806]: the pack has no test case
    --> releases/2.0/tests
     = help: put a document of the release before into `releases/2.0/tests/INDEX/CASE/before.json`, then run `lockstep pack test --update`
    ");
}

#[test]
fn a_file_in_no_case_is_told() {
    let files: [(&str, &[u8]); 3] = [
        ("releases/2.0/tests/person/before.json", b"{}"),
        ("releases/2.0/tests/person/one/deep/before.json", b"{}"),
        ("releases/2.0/tests/README.md", b"cases"),
    ];
    assert_snapshot!(told(&files), @r"
    error[P0801]: this file is in no case
    --> releases/2.0/tests/README.md
     = help: put it into `tests/INDEX/CASE/`, a folder for each case in one for each index

    error[P0801]: this file is in no case
    --> releases/2.0/tests/person/before.json
     = help: put it into `tests/INDEX/CASE/`, a folder for each case in one for each index

    error[P0801]: this file is in no case
    --> releases/2.0/tests/person/one/deep/before.json
     = help: put it into `tests/INDEX/CASE/`, a folder for each case in one for each index
    ");
}

#[test]
fn a_file_that_a_case_does_not_have_is_told() {
    let files: [(&str, &[u8]); 2] = [
        ("releases/2.0/tests/person/one/before.json", b"{}"),
        ("releases/2.0/tests/person/one/atfer.json", b"{}"),
    ];
    assert_snapshot!(told(&files), @r"
    error[P0801]: a case has no file `atfer.json`
    --> releases/2.0/tests/person/one/atfer.json
     = help: did you mean `after.json`?
    ");
}

#[test]
fn an_index_that_gets_no_documents_can_have_no_case() {
    let files: [(&str, &[u8]); 4] = [
        ("releases/1.0/tests/audit/one/before.json", b"{}"),
        ("releases/2.0/tests/persona/one/before.json", b"{}"),
        ("releases/2.0/tests/invoice/one/before.json", b"{}"),
        ("releases/2.0/tests/session/one/before.json", b"{}"),
    ];
    assert_snapshot!(told(&files), @r"
    error[P0802]: 1.0 is the first release: no step leads to it, so there is nothing to test
    --> releases/1.0/tests/audit
     = help: move the cases to the release that the step leads to

    error[P0802]: the index `invoice` starts empty in 2.0: no document gets there
    --> releases/2.0/tests/invoice
     = help: remove the cases

    error[P0802]: the release 2.0 has no index `persona`
    --> releases/2.0/tests/persona
     = help: name the folder by an index of 2.0; did you mean `person`?

    error[P0802]: the release 2.0 has no index `session`
    --> releases/2.0/tests/session
     = help: name the folder by an index of 2.0; known here: `audit`, `event`, `invoice`, `person`
    ");
}

#[test]
fn files_that_contradict_each_other_are_told() {
    let files: [(&str, &[u8]); 7] = [
        ("releases/2.0/tests/person/both/before.json", b"{}"),
        ("releases/2.0/tests/person/both/after.json", b"{}"),
        ("releases/2.0/tests/person/both/error.txt", b"code: T0107\n"),
        ("releases/2.0/tests/person/return/before.json", b"{}"),
        ("releases/2.0/tests/person/return/error.txt", b"code: T0107\n"),
        ("releases/2.0/tests/person/return/back.json", b"{}"),
        ("releases/2.0/tests/person/nothing/after.json", b"{}"),
    ];
    assert_snapshot!(told(&files), @r"
    error[P0803]: the case has `after.json` and `error.txt`: a document is either taken or rejected
    --> releases/2.0/tests/person/both
     = help: remove one of the two

    error[P0803]: the case has no `before.json`
    --> releases/2.0/tests/person/nothing
     = help: add it: the `_source` of a document of the release before

    error[P0803]: the case has `error.txt` and `back.json`: a rejected document has no way back
    --> releases/2.0/tests/person/return
     = help: remove one of the two
    ");
}

#[test]
fn a_list_of_documents_says_where_each_is() {
    let files: [(&str, &[u8]); 4] = [
        ("releases/2.0/tests/person/a/before.json", b"{}"),
        ("releases/2.0/tests/person/a/after.json", b"[\n  {\"_id\": \"1\"}\n]"),
        ("releases/2.0/tests/person/b/before.json", b"{}"),
        ("releases/2.0/tests/person/b/after.json", b"[{]"),
    ];
    assert_snapshot!(told(&files), @r#"
    error[P0804]: this is no list of documents: missing field `_source`
     --> releases/2.0/tests/person/a/after.json:2:14
      |
    2 |   {"_id": "1"}
      |              ^
      |
      = help: write each as `{"_id": "7", "_source": {…}}`, with `_index` and `_routing` where it has others; `lockstep pack test --update` does it

    error[P0804]: this is not JSON: expected a key in quotes
     --> releases/2.0/tests/person/b/after.json:1:3
      |
    1 | [{]
      |   ^
      |
      = help: write each as `{"_id": "7", "_source": {…}}`, with `_index` and `_routing` where it has others; `lockstep pack test --update` does it
    "#);
    let files: [(&str, &[u8]); 2] = [
        ("releases/2.0/tests/person/a/before.json", b"{}"),
        ("releases/2.0/tests/person/a/after.json", b" []"),
    ];
    assert_snapshot!(told(&files), @"1 cases");
}

#[test]
fn what_is_no_document_is_told_with_its_place() {
    let files: [(&str, &[u8]); 4] = [
        ("releases/2.0/tests/person/broken/before.json", b"{\n  \"a\": 1,\n  \"b\": oh\n}\n"),
        ("releases/2.0/tests/person/list/before.json", b"[1]"),
        ("releases/2.0/tests/person/twice/before.json", b"{} {}"),
        ("releases/2.0/tests/person/latin/before.json", b"{\"a\": \"\xe9\"}"),
    ];
    assert_snapshot!(told(&files), @r#"
    error[P0804]: this is not JSON: expected a value
     --> releases/2.0/tests/person/broken/before.json:3:8
      |
    3 |   "b": oh
      |        ^
      |
      = help: correct it there or just before; a document is one JSON object

    error[P0002]: the file is not UTF-8 text: byte 7 is wrong
    --> releases/2.0/tests/person/latin/before.json
     = help: save it as UTF-8

    error[P0804]: this is JSON, but no object
     --> releases/2.0/tests/person/list/before.json:1:1
      |
    1 | [1]
      | ^
      |
      = help: correct it there or just before; a document is one JSON object

    error[P0804]: this is not JSON: text behind the end of the document
     --> releases/2.0/tests/person/twice/before.json:1:4
      |
    1 | {} {}
      |    ^
      |
      = help: correct it there or just before; a document is one JSON object
    "#);
}

#[test]
fn an_expected_rejection_that_can_not_be_read_is_told() {
    let files: [(&str, &[u8]); 6] = [
        ("releases/2.0/tests/person/one/before.json", b"{}"),
        ("releases/2.0/tests/person/one/error.txt", b"code: T0107\nreason: none\nwhat is this\n"),
        ("releases/2.0/tests/person/two/before.json", b"{}"),
        ("releases/2.0/tests/person/two/error.txt", b"code: T0107\ncode: T0108\n"),
        ("releases/2.0/tests/person/three/before.json", b"{}"),
        ("releases/2.0/tests/person/three/error.txt", b"# nothing yet\n"),
    ];
    assert_snapshot!(told(&files), @r"
    error[P0805]: this is no line of an expected rejection
     --> releases/2.0/tests/person/one/error.txt:2:1
      |
    2 | reason: none
      | ^^^^^^^^^^^^
      |
      = help: write `code: …`, `operation: …`, `field: …` or `text: …`; `lockstep pack test --update` does it

    error[P0805]: this is no line of an expected rejection
     --> releases/2.0/tests/person/one/error.txt:3:1
      |
    3 | what is this
      | ^^^^^^^^^^^^
      |
      = help: write `code: …`, `operation: …`, `field: …` or `text: …`; `lockstep pack test --update` does it

    error[P0805]: the file names no code
    --> releases/2.0/tests/person/three/error.txt
     = help: add a line such as `code: T0107`; the codes are in docs/design/pack-format.md

    error[P0805]: this line stands twice
     --> releases/2.0/tests/person/two/error.txt:2:1
      |
    2 | code: T0108
      | ^^^^^^^^^^^
      |
      = help: keep one
    ");
}
