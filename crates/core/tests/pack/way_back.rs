//! Mistakes in what a step says of the way back.

use insta::assert_snapshot;

use crate::fixture::{SECOND, mistakes};

/// The good pack with more behind the operations of the index `customer`.
fn customer(more: &str) -> String {
    let last = "          - default: {field: active, value: true}\n";
    mistakes(&[(SECOND, last, &format!("{last}{more}"))])
}

const BACK: &str = r#"        down:
          - join: {fields: [first_name, last_name], separator: " ", into: name}
          - cast: {field: age, to: string}
          - rename: {from: address.postcode, to: address.zip}
          - remove: {fields: [active]}
"#;

#[test]
fn a_way_back_that_fits() {
    assert_eq!(customer(BACK), "");
    assert_eq!(customer("        irreversible: names were cut\n"), "");
}

#[test]
fn a_way_back_and_none_at_once() {
    let output = customer(&format!("{BACK}        irreversible: names were cut\n"));
    assert_snapshot!(output, @r#"
    error[P0507]: the index `customer` has a way back by `down`, and `irreversible` says that there is none
      --> releases/1.1/release.yaml:31:9
       |
    31 |         irreversible: names were cut
       |         ^^^^^^^^^^^^
       |
       = help: keep `down` if its operations lead back, else `irreversible` with the reason
    "#);
}

#[test]
fn no_reason() {
    let output = customer("        irreversible: \" \"\n");
    assert_snapshot!(output, @r#"
    error[P0006]: `irreversible` gives no reason
      --> releases/1.1/release.yaml:26:23
       |
    26 |         irreversible: " "
       |                       ^^^
       |
       = help: say in a few words why documents can't get back
    "#);
}

#[test]
fn operations_that_lead_nowhere() {
    let output = customer(
        &BACK
            .replace("address.zip", "home.zip")
            .replace("[active]", "[]")
            .replace("field: age", "field: aeg"),
    );
    assert_snapshot!(output, @r#"
    error[P0607]: the field `active` of `customer` has no place in the strict mapping of `customer` in 1.0: documents with it would be rejected
      --> releases/1.1/release.yaml:26:9
       |
    26 |         down:
       |         ^^^^
       |
       = help: add `remove: {fields: [active]}` or move it in `down`, or add it to the mapping

    warning[P0605]: no document has the field `aeg` here: the mapping before is strict and lacks it
      --> releases/1.1/release.yaml:28:27
       |
    28 |           - cast: {field: aeg, to: string}
       |                           ^^^
       |
       = help: correct the path, or the order of the operations

    error[P0601]: `rename` keeps the parent, but `home.zip` is elsewhere than `address.postcode`
      --> releases/1.1/release.yaml:29:50
       |
    29 |           - rename: {from: address.postcode, to: home.zip}
       |                                                  ^^^^^^^^
       |
       = help: write `move: {from: address.postcode, to: home.zip}`

    error[P0606]: the strict old mapping has no field `home`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:29:50
       |
    29 |           - rename: {from: address.postcode, to: home.zip}
       |                                                  ^^^^^^^^
       |
       = help: correct the path, or add the field to the mapping

    error[P0602]: this `remove` removes nothing
      --> releases/1.1/release.yaml:30:13
       |
    30 |           - remove: {fields: []}
       |             ^^^^^^
       |
       = help: name at least one field, or leave the operation out
    "#);
}

#[test]
fn fields_without_a_place_in_the_old_mapping() {
    let output = customer(
        &BACK
            .replace("          - remove: {fields: [active]}\n", "")
            .replace("into: name", "into: names")
            .replace(
                "          - cast: {field: age, to: string}\n",
                "          - set: {field: age, value: {years: 7}}\n",
            ),
    );
    assert_snapshot!(output, @r#"
    error[P0607]: the field `active` of `customer` has no place in the strict mapping of `customer` in 1.0: documents with it would be rejected
      --> releases/1.1/release.yaml:26:9
       |
    26 |         down:
       |         ^^^^
       |
       = help: add `remove: {fields: [active]}` or move it in `down`, or add it to the mapping

    error[P0606]: the strict old mapping has no field `names`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:27:75
       |
    27 |           - join: {fields: [first_name, last_name], separator: " ", into: names}
       |                                                                           ^^^^^
       |
       = help: correct the path, or add the field to the mapping

    error[P0608]: the field `age` is an object here, but a single value in the old mapping: every document with it would be rejected
      --> releases/1.1/release.yaml:28:26
       |
    28 |           - set: {field: age, value: {years: 7}}
       |                          ^^^
       |
       = help: move or remove it, or change the mapping
    "#);
}
