//! The schemas in `docs/schema`: what a pack may hold they take, what it must not they refuse.

use std::fs;

use jsonschema::Validator;
use lockstep_core::pack::operation_names;
use serde_json::Value;

use super::folder::{Folder, files_below, repository};

/// Folders of packs that are right.
const PACKS: [&str; 4] = [
    "demo/pack",
    "packs/tracardi",
    "crates/core/tests/packs/good",
    "crates/cli/src/commands/pack_new/pack",
];

fn schema(file: &str) -> Value {
    let text = fs::read_to_string(repository(&format!("docs/schema/{file}.schema.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn validator(file: &str) -> Validator {
    jsonschema::draft7::new(&schema(file)).unwrap()
}

/// Everything that the schema says against a file's text.
fn faults(validator: &Validator, yaml: &str) -> Vec<String> {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn packs_that_are_right_are_taken() {
    let (pack, release) = (validator("pack"), validator("release"));
    let mut seen = 0;
    for folder in PACKS {
        for (path, text) in files_below(&repository(folder)) {
            let validator = match path.rsplit('/').next() {
                Some("pack.yaml") => &pack,
                Some("release.yaml") => &release,
                _ => continue,
            };
            assert_eq!(faults(validator, &text), [""; 0], "{folder}/{path}");
            seen += 1;
        }
    }
    assert!(seen >= 14, "{seen} files");
}

#[test]
fn every_operation_is_in_the_schema_and_no_other() {
    let schema = schema("release");
    let operations = schema["definitions"]["operation"]["properties"].as_object().unwrap();
    // The branches of `when` stand beside it.
    let is_branch = |name: &&str| matches!(*name, "then" | "else");
    let mut written: Vec<&str> =
        operations.keys().map(String::as_str).filter(|name| !is_branch(name)).collect();
    let mut known = operation_names().to_vec();
    written.sort_unstable();
    known.sort_unstable();
    assert_eq!(written, known);
}

/// The examples in the tables of the format's page are the operations as an author copies them.
#[test]
fn the_operations_of_the_format_are_taken() {
    let page = fs::read_to_string(repository("docs/design/pack-format.md")).unwrap();
    let release = validator("release");
    let mut seen = 0;
    for part in page.split('`').filter(|part| part.starts_with("- ") && part.contains(": {")) {
        let name = part.trim_start_matches("- ").split(':').next().unwrap_or_default();
        assert!(operation_names().contains(&name), "{part}");
        assert_eq!(faults(&release, &step(part)), [""; 0], "{part}");
        seen += 1;
    }
    for part in [
        "- when: {field: a, exists: true}\n          then: [{remove: {fields: [b]}}]\n          else: []",
        "- {when: {all: [{not: {field: a, matches: x.*}}, {field: b, in: [1, null]}]}, then: []}",
        "- flatten: {field: a, prefix: \"\"}",
        "- map: {field: a, values: [{from: 1, to: x}]}",
    ] {
        assert_eq!(faults(&release, &step(part)), [""; 0], "{part}");
        seen += 1;
    }
    assert!(seen >= operation_names().len(), "{seen} examples");
}

fn step(operation: &str) -> String {
    format!(
        "indices: {{}}\nstep:\n  from: 1.0\n  indices:\n    a:\n      migrate:\n        operations:\n        {operation}\n"
    )
}

#[test]
fn what_is_wrong_is_refused() {
    let (pack, release) = (validator("pack"), validator("release"));
    let right = "format: 1\nname: a\ndata_parts: 2\nmode: alias\nnaming: {default: {index: x}}\n";
    assert_eq!(faults(&pack, right), [""; 0]);
    for (from, to) in [
        ("format: 1", "format: 2"),
        ("name: a", "name: A b"),
        ("mode: alias", "mode: aliases"),
        ("data_parts: 2", "data_parts: 0"),
        ("default:", "other:"),
        ("index:", "indx:"),
        ("mode: alias\n", ""),
        ("mode: alias", "mode: alias\nmoed: alias"),
        ("mode: alias", "mode: alias\nallow: [{lint: L701, at: a}]"),
    ] {
        assert!(!faults(&pack, &right.replace(from, to)).is_empty(), "{to}");
    }
    for operation in [
        "- rename: {from: a}",
        "- rename: {from: a, to: b, existing: maybe}",
        "- renam: {from: a, to: b}",
        "- cast: {field: a, to: int}",
        "- when: {field: a, exists: true}",
        "- {when: {field: a}, then: []}",
        "- {when: {all: []}, then: []}",
        "- {when: {field: a, equals: 1, in: [1]}, then: []}",
        "- {when: {field: a, exists: true}, then: [], rename: {from: a, to: b}}",
        "- {then: []}",
        "- flatten: {field: a}",
        "- remove: {field: a}",
        "- set: {field: a}",
        "- rename: {from: a, to: b}\n          copy: {from: a, to: b}",
        "- rename",
    ] {
        assert!(!faults(&release, &step(operation)).is_empty(), "{operation}");
    }
    for fate in [
        "changed",
        "{new_like: b, migrate: {}}",
        "{migrate: {down: [], irreversible: x}}",
        "{migrate: {form: a}}",
    ] {
        let text = format!("indices: {{}}\nstep: {{from: 1.0, indices: {{a: {fate}}}}}\n");
        assert!(!faults(&release, &text).is_empty(), "{fate}");
    }
    for index in [
        "{}",
        "{mapping: a.json, shards: 0}",
        "{mapping: a.json, partition: hour}",
        "{mapping: a.json, alias: b}",
        "{mapping: a.json, table: {database: d, name: t, key: [a]}}",
        "{mapping: a.json, table: {database: d, name: t, key: [a], columns: [{name: a, type: string, from: b}]}}",
        "{mapping: a.json, table: {database: d, name: t, key: [a], columns: [{name: a, type: text}]}}",
        "{mapping: a.json, table: {database: d, name: t, key: [a], columns: [{name: a, type: text, from: b, value: c}]}}",
    ] {
        assert!(!faults(&release, &format!("indices: {{a: {index}}}\n")).is_empty(), "{index}");
    }
}

#[test]
fn tables_are_taken() {
    let (pack, release) = (validator("pack"), validator("release"));
    let page = fs::read_to_string(repository("docs/design/pack-format.md")).unwrap();
    let (_, tables) = page.split_once("## Tables").unwrap();
    let example = tables.split("```").nth(1).unwrap().trim_start_matches("yaml");
    assert_eq!(faults(&release, example), [""; 0]);
    let databases = "format: 1\nname: a\ndata_parts: 2\nmode: alias\nnaming: {default: {index: x}}\ndatabases: {main: {kind: KIND}}\n";
    for (kind, is_right) in [("mysql", true), ("postgresql", true), ("oracle", false)] {
        assert_eq!(faults(&pack, &databases.replace("KIND", kind)).is_empty(), is_right, "{kind}");
    }
}

#[test]
fn the_command_prints_the_schema_as_it_stands_in_the_documents() {
    let folder = Folder::empty();
    for file in ["pack", "release"] {
        let ended = folder.run(&["pack", "schema", file]);
        assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap(), schema(file));
    }
    assert_eq!(folder.run(&["pack", "schema", "mapping"]).code, Some(2));
}
