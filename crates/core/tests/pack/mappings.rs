//! Mistakes in mapping files.

use insta::assert_snapshot;

use crate::fixture::{FIRST, good, mistakes, told};

#[test]
fn a_file_that_is_not_there() {
    let output = mistakes(&[(FIRST, "mapping: legacy.json", "mapping: legcy.json")]);
    assert_snapshot!(output, @r#"
    warning[P0009]: nothing in the pack uses the file `releases/1.0/mappings/legacy.json`
    --> releases/1.0/mappings/legacy.json
     = help: mention it in an index's `mapping`, give it the name that the format asks for, or remove it

    error[P0401]: there is no file `releases/1.0/mappings/legcy.json`
      --> releases/1.0/release.yaml:13:14
       |
    13 |     mapping: legcy.json
       |              ^^^^^^^^^^
       |
       = help: did you mean `legacy.json`?
    "#);
}

#[test]
fn a_file_that_is_not_json() {
    let output = mistakes(&[(
        "releases/2.0/mappings/event.json",
        r#""dynamic": "strict","#,
        r#""dynamic": "strict""#,
    )]);
    assert_snapshot!(output, @r#"
    error[P0402]: this is not well-formed JSON: expected `,` or `}`
     --> releases/2.0/mappings/event.json:3:3
      |
    3 |   "_meta": {"release": "{version}"},
      |   ^
      |
      = help: correct the file here or just before
    "#);
}

#[test]
fn a_key_that_stands_twice() {
    let output = mistakes(&[(
        "releases/1.0/mappings/customer.json",
        r#""note": {"type": "text"}"#,
        r#""name": {"type": "keyword"}"#,
    )]);
    assert_snapshot!(output, @r#"
    error[P0402]: this is not well-formed JSON: the key `name` stands twice
      --> releases/1.0/mappings/customer.json:12:31
       |
    12 |     "name": {"type": "keyword"},
       |                               ^
       |
       = help: correct the file here or just before
    "#);
}

#[test]
fn a_mapping_that_is_no_object() {
    let mut files = good();
    files.files.insert("releases/1.0/mappings/legacy.json".to_owned(), b"[]".to_vec());
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0403]: a mapping must be a JSON object
    --> releases/1.0/mappings/legacy.json
     = help: write `{"dynamic": "strict", "properties": {…}}`
    "#);
}

#[test]
fn a_mapping_in_its_wrapper() {
    let mut files = good();
    let wrapped = br#"{"mappings": {"properties": {}}}"#.to_vec();
    files.files.insert("releases/1.0/mappings/legacy.json".to_owned(), wrapped);
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0403]: the mapping stands inside `mappings`
    --> releases/1.0/mappings/legacy.json
     = help: keep only what is inside `mappings`; settings belong into release.yaml
    "#);
}

#[test]
fn other_shapes_that_engines_refuse() {
    let mut files = good();
    let mapping = br#"{"propertys": {}, "dynamic": "strikt", "properties": {"a": "keyword", "b": {"type": 1}, "c": {"index": false}, "d": {"properties": []}}}"#;
    files.files.insert("releases/1.0/mappings/legacy.json".to_owned(), mapping.to_vec());
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0403]: `dynamic` of the mapping can't be "strikt"
    --> releases/1.0/mappings/legacy.json
     = help: write true, false, "strict" or "runtime"

    error[P0403]: `properties` of the field `d` must be a JSON object
    --> releases/1.0/mappings/legacy.json
     = help: write `{"field": {"type": …}}`

    error[P0403]: `type` of the field `b` must be a text
    --> releases/1.0/mappings/legacy.json
     = help: write a type such as "keyword"

    error[P0403]: a mapping has no field `propertys` at its top
    --> releases/1.0/mappings/legacy.json
     = help: did you mean `properties`?

    error[P0403]: the field `a` must be a JSON object
    --> releases/1.0/mappings/legacy.json
     = help: write `{"type": "keyword"}` or the like

    error[P0403]: the field `c` has no `type`
    --> releases/1.0/mappings/legacy.json
     = help: add `"type": …` or `"properties": …`
    "#);
}

#[test]
fn a_mapping_without_source() {
    let output = mistakes(&[(
        "releases/1.0/mappings/customer.json",
        r#""dynamic": "strict","#,
        r#""dynamic": "strict", "_source": {"enabled": false},"#,
    )]);
    assert_snapshot!(output, @r#"
    error[P0404]: the mapping does not keep `_source` whole, so its documents could never be upgraded
    --> releases/1.0/mappings/customer.json
     = help: remove `_source` from the mapping
    "#);
}
