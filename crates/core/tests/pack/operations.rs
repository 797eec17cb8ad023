//! Mistakes in operations, by themselves and against mappings.

use insta::assert_snapshot;

use crate::fixture::{SECOND, THIRD, mistakes};

#[test]
fn rename_into_another_parent() {
    let output = mistakes(&[(SECOND, "to: address.postcode", "to: home.postcode")]);
    assert_snapshot!(output, @r#"
    error[P0601]: `rename` keeps the parent, but `home.postcode` is elsewhere than `address.zip`
      --> releases/1.1/release.yaml:23:45
       |
    23 |           - rename: {from: address.zip, to: home.postcode}
       |                                             ^^^^^^^^^^^^^
       |
       = help: write `move: {from: address.zip, to: home.postcode}`

    error[P0606]: the strict new mapping has no field `home`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:23:45
       |
    23 |           - rename: {from: address.zip, to: home.postcode}
       |                                             ^^^^^^^^^^^^^
       |
       = help: correct the path, or add the field to the mapping
    "#);
}

#[test]
fn operations_without_effect() {
    let output = mistakes(&[
        (SECOND, "fields: [note]", "fields: []"),
        (SECOND, "to: address.postcode", "to: address.zip"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0607]: the field `note` of `customer` has no place in the strict mapping of `customer` in 1.1: documents with it would be rejected
      --> releases/1.1/release.yaml:18:5
       |
    18 |     customer:
       |     ^^^^^^^^
       |
       = help: add `remove: {fields: [note]}` or move it in the step, or add it to the mapping

    error[P0602]: this `rename` leads from `address.zip` to itself
      --> releases/1.1/release.yaml:23:45
       |
    23 |           - rename: {from: address.zip, to: address.zip}
       |                                             ^^^^^^^^^^^
       |
       = help: correct `to`, or leave the operation out

    error[P0606]: the strict new mapping has no field `address.zip`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:23:45
       |
    23 |           - rename: {from: address.zip, to: address.zip}
       |                                             ^^^^^^^^^^^
       |
       = help: correct the path, or add the field to the mapping

    error[P0602]: this `remove` removes nothing
      --> releases/1.1/release.yaml:24:13
       |
    24 |           - remove: {fields: []}
       |             ^^^^^^
       |
       = help: name at least one field, or leave the operation out
    "#);
}

#[test]
fn paths_within_each_other() {
    let output = mistakes(&[(
        THIRD,
        "{from: address.street, to: home.street}",
        "{from: address, to: address.street}",
    )]);
    assert_snapshot!(output, @r#"
    error[P0603]: this `move` leads from `address` to `address.street`: one lies within the other
      --> releases/2.0/release.yaml:22:39
       |
    22 |           - move: {from: address, to: address.street}
       |                                       ^^^^^^^^^^^^^^
       |
       = help: go through a third field: take it there, remove the outer one, then take it back

    error[P0606]: the strict new mapping has no field `address`: every document that gets it would be rejected
      --> releases/2.0/release.yaml:22:39
       |
    22 |           - move: {from: address, to: address.street}
       |                                       ^^^^^^^^^^^^^^
       |
       = help: correct the path, or add the field to the mapping

    warning[P0605]: no document has the field `address.postcode` here: the mapping before is strict and lacks it
      --> releases/2.0/release.yaml:23:26
       |
    23 |           - move: {from: address.postcode, to: home.postcode}
       |                          ^^^^^^^^^^^^^^^^
       |
       = help: correct the path, or the order of the operations
    "#);
}

#[test]
fn a_split_that_can_not_split() {
    let output = mistakes(&[(
        SECOND,
        r#"separator: " ", into: [first_name, last_name]"#,
        r#"separator: "", into: [name]"#,
    )]);
    assert_snapshot!(output, @r#"
    error[P0604]: an empty separator splits nothing
      --> releases/1.1/release.yaml:21:45
       |
    21 |           - split: {field: name, separator: "", into: [name]}
       |                                             ^^
       |
       = help: write the text between two parts, such as " "

    error[P0604]: `split` needs at least two fields to split into
      --> releases/1.1/release.yaml:21:56
       |
    21 |           - split: {field: name, separator: "", into: [name]}
       |                                                        ^^^^
       |
       = help: name more fields in `into`, or use `rename`

    error[P0606]: the strict new mapping has no field `name`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:21:56
       |
    21 |           - split: {field: name, separator: "", into: [name]}
       |                                                        ^^^^
       |
       = help: correct the path, or add the field to the mapping
    "#);
}

#[test]
fn split_into_twice_and_within() {
    let output = mistakes(&[(
        SECOND,
        "into: [first_name, last_name]",
        "into: [first_name, first_name, name.last]",
    )]);
    assert_snapshot!(output, @r#"
    error[P0606]: the strict new mapping has no field `name`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:21:13
       |
    21 |           - split: {field: name, separator: " ", into: [first_name, first_name, name.last]}
       |             ^^^^^
       |
       = help: correct the path, or add the field to the mapping

    error[P0604]: `first_name` stands twice in `into`
      --> releases/1.1/release.yaml:21:69
       |
    21 |           - split: {field: name, separator: " ", into: [first_name, first_name, name.last]}
       |                                                                     ^^^^^^^^^^
       |
       = help: give each part its own field

    error[P0603]: `name.last` and `name` lie within each other
      --> releases/1.1/release.yaml:21:81
       |
    21 |           - split: {field: name, separator: " ", into: [first_name, first_name, name.last]}
       |                                                                                 ^^^^^^^^^
       |
       = help: split into fields beside each other
    "#);
}

#[test]
fn a_join_that_can_not_join() {
    let split = r#"split: {field: name, separator: " ", into: [first_name, last_name]}"#;
    let join = "join: {fields: [name], separator: \"\", into: first_name}";
    let output = mistakes(&[(SECOND, split, join)]);
    assert_snapshot!(output, @r#"
    error[P0610]: `join` needs at least two fields to join
      --> releases/1.1/release.yaml:21:29
       |
    21 |           - join: {fields: [name], separator: "", into: first_name}
       |                             ^^^^
       |
       = help: name more fields in `fields`, or use `rename` or `move`
    "#);
    let join = "join: {fields: [name, name, first_name.x], separator: \"\", into: first_name}";
    let output = mistakes(&[(SECOND, split, join)]);
    assert_snapshot!(output, @r#"
    error[P0610]: `name` stands twice in `fields`
      --> releases/1.1/release.yaml:21:35
       |
    21 |           - join: {fields: [name, name, first_name.x], separator: "", into: first_name}
       |                                   ^^^^
       |
       = help: name each part once

    error[P0603]: `first_name.x` and `first_name` lie within each other
      --> releases/1.1/release.yaml:21:41
       |
    21 |           - join: {fields: [name, name, first_name.x], separator: "", into: first_name}
       |                                         ^^^^^^^^^^^^
       |
       = help: join fields beside each other into a field outside of them

    warning[P0605]: no document has the field `first_name.x` here: the mapping before is strict and lacks it
      --> releases/1.1/release.yaml:21:41
       |
    21 |           - join: {fields: [name, name, first_name.x], separator: "", into: first_name}
       |                                         ^^^^^^^^^^^^
       |
       = help: correct the path, or the order of the operations
    "#);
}

#[test]
fn a_field_that_no_document_has() {
    let output = mistakes(&[
        (SECOND, "field: age,", "field: aeg,"),
        (THIRD, "from: address.postcode", "from: address.zip"),
    ]);
    assert_snapshot!(output, @r#"
    warning[P0608]: the field `age` is a text here, but a whole number in the new mapping: documents may be rejected
      --> releases/1.1/release.yaml:18:5
       |
    18 |     customer:
       |     ^^^^^^^^
       |
       = help: cast it to the new type, or change the mapping

    warning[P0605]: no document has the field `aeg` here: the mapping before is strict and lacks it
      --> releases/1.1/release.yaml:22:27
       |
    22 |           - cast: {field: aeg, to: long, otherwise: remove}
       |                           ^^^
       |
       = help: correct the path, or the order of the operations

    error[P0607]: the field `address` of `customer` has no place in the strict mapping of `person` in 2.0: documents with it would be rejected
      --> releases/2.0/release.yaml:18:5
       |
    18 |     person:
       |     ^^^^^^
       |
       = help: add `remove: {fields: [address]}` or move it in the step, or add it to the mapping

    warning[P0605]: no document has the field `address.zip` here: the mapping before is strict and lacks it
      --> releases/2.0/release.yaml:23:26
       |
    23 |           - move: {from: address.zip, to: home.postcode}
       |                          ^^^^^^^^^^^
       |
       = help: correct the path, or the order of the operations
    "#);
}

#[test]
fn a_field_that_the_new_mapping_lacks() {
    let output = mistakes(&[
        (SECOND, "[first_name, last_name]", "[first_name, lastname]"),
        (THIRD, "field: home.country", "field: home.land"),
        (SECOND, "field: active", "field: activ"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0606]: the strict new mapping has no field `lastname`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:21:69
       |
    21 |           - split: {field: name, separator: " ", into: [first_name, lastname]}
       |                                                                     ^^^^^^^^
       |
       = help: correct the path, or add the field to the mapping

    error[P0606]: the strict new mapping has no field `activ`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:25:30
       |
    25 |           - default: {field: activ, value: true}
       |                              ^^^^^
       |
       = help: correct the path, or add the field to the mapping

    error[P0606]: the strict new mapping has no field `home.land`: every document that gets it would be rejected
      --> releases/2.0/release.yaml:24:26
       |
    24 |           - set: {field: home.land, value: {code: NO, since: 2020}}
       |                          ^^^^^^^^^
       |
       = help: correct the path, or add the field to the mapping
    "#);
}

#[test]
fn fields_without_a_place() {
    let output = mistakes(&[
        (SECOND, "          - remove: {fields: [note]}\n", ""),
        (SECOND, "          - rename: {from: address.zip, to: address.postcode}\n", ""),
    ]);
    assert_snapshot!(output, @r#"
    error[P0607]: the fields `address.zip`, `note` of `customer` have no place in the strict mapping of `customer` in 1.1: documents with it would be rejected
      --> releases/1.1/release.yaml:18:5
       |
    18 |     customer:
       |     ^^^^^^^^
       |
       = help: add `remove: {fields: [address.zip, note]}` or move it in the step, or add it to the mapping
    "#);
}

#[test]
fn fields_of_an_open_mapping_without_a_place() {
    let output = mistakes(&[
        (SECOND, "          - remove: {fields: [note]}\n", ""),
        ("releases/1.0/mappings/customer.json", r#""dynamic": "strict""#, r#""dynamic": true"#),
    ]);
    assert_snapshot!(output, @r#"
    warning[P0607]: the field `note` of `customer` has no place in the strict mapping of `customer` in 1.1: documents with it would be rejected
      --> releases/1.1/release.yaml:18:5
       |
    18 |     customer:
       |     ^^^^^^^^
       |
       = help: add `remove: {fields: [note]}` or move it in the step, or add it to the mapping
    "#);
}

#[test]
fn types_that_differ() {
    let output = mistakes(&[
        (SECOND, "          - cast: {field: age, to: long, otherwise: remove}\n", ""),
        (SECOND, "value: true", r#"value: "true""#),
        (THIRD, "{code: NO, since: 2020}", "{code: {iso: NO}, since: 2020.5}"),
    ]);
    assert_snapshot!(output, @r#"
    warning[P0608]: the field `age` is a text here, but a whole number in the new mapping: documents may be rejected
      --> releases/1.1/release.yaml:18:5
       |
    18 |     customer:
       |     ^^^^^^^^
       |
       = help: cast it to the new type, or change the mapping

    warning[P0608]: the field `active` is a text here, but a boolean in the new mapping: documents may be rejected
      --> releases/1.1/release.yaml:24:30
       |
    24 |           - default: {field: active, value: "true"}
       |                              ^^^^^^
       |
       = help: cast it to the new type, or change the mapping

    error[P0608]: the field `home.country.code` is an object here, but a single value in the new mapping: every document with it would be rejected
      --> releases/2.0/release.yaml:24:26
       |
    24 |           - set: {field: home.country, value: {code: {iso: NO}, since: 2020.5}}
       |                          ^^^^^^^^^^^^
       |
       = help: move or remove it, or change the mapping

    warning[P0608]: the field `home.country.since` is a number with a fraction here, but a whole number in the new mapping: documents may be rejected
      --> releases/2.0/release.yaml:24:26
       |
    24 |           - set: {field: home.country, value: {code: {iso: NO}, since: 2020.5}}
       |                          ^^^^^^^^^^^^
       |
       = help: cast it to the new type, or change the mapping
    "#);
}

#[test]
fn a_value_that_leaves_its_list() {
    let output = mistakes(&[
        (
            "releases/1.0/mappings/customer.json",
            "\"address\": {",
            "\"address\": {\"type\": \"nested\",",
        ),
        (
            SECOND,
            "remove: {fields: [note]}",
            "move: {from: address.street, to: note, existing: keep}",
        ),
    ]);
    assert_snapshot!(output, @r#"
    error[P0606]: the strict new mapping has no field `note`: every document that gets it would be rejected
      --> releases/1.1/release.yaml:24:46
       |
    24 |           - move: {from: address.street, to: note, existing: keep}
       |                                              ^^^^
       |
       = help: correct the path, or add the field to the mapping

    warning[P0609]: `address.street` and `note` are not in the same `nested` object: documents with a list there would be rejected
      --> releases/1.1/release.yaml:24:46
       |
    24 |           - move: {from: address.street, to: note, existing: keep}
       |                                              ^^^^
       |
       = help: stay below the same `nested` field
    "#);
}

#[test]
fn a_value_in_the_place_of_an_object() {
    let output = mistakes(&[(
        THIRD,
        "field: home.country, value: {code: NO, since: 2020}",
        "field: home.country, value: NO",
    )]);
    assert_snapshot!(output, @r#"
    error[P0608]: the field `home.country` is a single value here, but an object in the new mapping: every document with it would be rejected
      --> releases/2.0/release.yaml:24:26
       |
    24 |           - set: {field: home.country, value: NO}
       |                          ^^^^^^^^^^^^
       |
       = help: move or remove it, or change the mapping
    "#);
}

#[test]
fn scripts() {
    let output = mistakes(&[
        (SECOND, "remove: {fields: [note]}", "painless: {script: \" \", params: [1]}"),
        (
            SECOND,
            "rename: {from: address.zip, to: address.postcode}",
            "painless: {script: \"ctx._source.at = new Date().getTime()\", parms: {}}",
        ),
    ]);
    assert_snapshot!(output, @r#"
    error[P0004]: `painless` has no field `parms`
      --> releases/1.1/release.yaml:23:73
       |
    23 |           - painless: {script: "ctx._source.at = new Date().getTime()", parms: {}}
       |                                                                         ^^^^^
       |
       = help: did you mean `params`?

    error[P0006]: `params` must be a mapping, but this is a list
      --> releases/1.1/release.yaml:24:45
       |
    24 |           - painless: {script: " ", params: [1]}
       |                                             ^
       |
       = help: write `{name: value}`, or leave it out
    "#);
}

#[test]
fn a_script_may_be_empty_or_depend_on_the_clock() {
    let output = mistakes(&[
        (SECOND, "remove: {fields: [note]}", "painless: {script: \" \"}"),
        (
            SECOND,
            "rename: {from: address.zip, to: address.postcode}",
            "painless: {script: \"ctx._source.at = new Date().getTime()\", params: {a: 1}}",
        ),
    ]);
    assert_snapshot!(output, @r#"
    warning[P0630]: `new Date()` gives something else every time the script runs: a document would differ from what it is compared with
      --> releases/1.1/release.yaml:23:32
       |
    23 |           - painless: {script: "ctx._source.at = new Date().getTime()", params: {a: 1}}
       |                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: take it from the document, or from `params`

    error[P0602]: this `painless` has no script
      --> releases/1.1/release.yaml:24:32
       |
    24 |           - painless: {script: " "}
       |                                ^^^
       |
       = help: write one, or leave the operation out
    "#);
}

#[test]
fn programs_in_jq() {
    let output = mistakes(&[
        (SECOND, "remove: {fields: [note]}", "jq: {program: \" \", feild: a}"),
        (SECOND, "rename: {from: address.zip, to: address.postcode}", "jq: {field: a..b}"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0005]: `jq` lacks the field `program`
      --> releases/1.1/release.yaml:23:13
       |
    23 |           - jq: {field: a..b}
       |             ^^
       |
       = help: add `program: ".total = .sum"`

    error[P0006]: `a..b` is not a field path: it needs one or more names joined by dots, such as `customer.name`
      --> releases/1.1/release.yaml:23:25
       |
    23 |           - jq: {field: a..b}
       |                         ^^^^
       |
       = help: join the names by single dots, with none at the ends

    error[P0004]: `jq` has no field `feild`
      --> releases/1.1/release.yaml:24:32
       |
    24 |           - jq: {program: " ", feild: a}
       |                                ^^^^^
       |
       = help: did you mean `field`?
    "#);
}

#[test]
fn a_program_in_jq_that_does_not_compile_is_pointed_at() {
    let block = "jq:\n              program: |\n                def total:\n                  .a + nowhere(1);\n\n                total | now\n";
    let output = mistakes(&[
        (SECOND, "remove: {fields: [note]}", "jq: {program: \".a | (.b\"}"),
        (SECOND, "rename: {from: address.zip, to: address.postcode}", block),
    ]);
    assert_snapshot!(output, @r#"
    error[P0616]: there is no function with one argument `nowhere`
      --> releases/1.1/release.yaml:26:24
       |
    26 |                   .a + nowhere(1);
       |                        ^^^^^^^
       |
       = help: correct the name, or define it

    error[P0616]: there is no function `now`: a program sees no clock, so that it makes the same of a document every time
      --> releases/1.1/release.yaml:28:25
       |
    28 |                 total | now
       |                         ^^^
       |
       = help: do without it

    error[P0616]: there is no closing parenthesis for this `(`
      --> releases/1.1/release.yaml:30:33
       |
    30 |           - jq: {program: ".a | (.b"}
       |                                 ^
       |
       = help: write it
    "#);
    let folded = "jq:\n              program: >\n                .a |\n                nowhere\n";
    let output = mistakes(&[
        (SECOND, "remove: {fields: [note]}", "jq: {program: ' ', field: note}"),
        (SECOND, "rename: {from: address.zip, to: address.postcode}", folded),
    ]);
    assert_snapshot!(output, @r#"
    error[P0616]: there is no function `nowhere`
      --> releases/1.1/release.yaml:25:17
       |
    25 |                 .a |
       |                 ^^^^
       |
       = help: correct the name, or define it

    error[P0602]: this `jq` has no program
      --> releases/1.1/release.yaml:28:27
       |
    28 |           - jq: {program: ' ', field: note}
       |                           ^^^
       |
       = help: write one, or leave the operation out
    "#);
}
