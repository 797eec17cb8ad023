//! Mistakes in reading: files, fields, values and the application's own words.

use insta::{assert_json_snapshot, assert_snapshot};
use lockstep_core::pack::read;

use crate::fixture::{FIRST, PACK, SECOND, THIRD, changed, good, mistakes, told};

#[test]
fn a_pack_without_its_file() {
    let mut files = good();
    files.files.remove(PACK);
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0001]: the pack has no file `pack.yaml`
    --> pack.yaml
     = help: add it, or give the folder in which it is
    "#);
}

#[test]
fn a_release_without_its_file() {
    let mut files = good();
    files.files.remove(SECOND);
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0001]: the release 1.1 has no file `release.yaml`
    --> releases/1.1/release.yaml
     = help: add it, or remove the folder
    "#);
}

#[test]
fn a_file_that_is_not_text() {
    let mut files = good();
    files.files.insert(FIRST.to_owned(), b"indices: \xff".to_vec());
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0002]: the file is not UTF-8 text: byte 9 is wrong
    --> releases/1.0/release.yaml
     = help: save it as UTF-8
    "#);
}

#[test]
fn a_file_that_is_not_yaml() {
    let output = mistakes(&[(PACK, "mode: alias", "mode: [alias")]);
    assert_snapshot!(output, @r#"
    error[P0003]: this is not well-formed YAML: illegal placement of ':' indicator
     --> pack.yaml:5:7
      |
    5 | naming:
      |       ^
      |
      = help: check the indentation, quotes and brackets here and just before; nothing else in this file was checked
    "#);
}

#[test]
fn wrong_indentation() {
    let output = mistakes(&[(SECOND, "  event:\n    mapping", "  event:\n   mapping")]);
    assert_snapshot!(output, @r#"
    error[P0003]: this is not well-formed YAML: mapping values are not allowed in this context
     --> releases/1.1/release.yaml:9:14
      |
    9 |     partition: month
      |              ^
      |
      = help: check the indentation, quotes and brackets here and just before; nothing else in this file was checked
    "#);
}

#[test]
fn an_unknown_field_is_corrected() {
    let output = mistakes(&[(THIRD, "required_stop: true", "requierd_stop: true")]);
    assert_snapshot!(output, @r#"
    error[P0004]: a step has no field `requierd_stop`
      --> releases/2.0/release.yaml:16:3
       |
    16 |   requierd_stop: true
       |   ^^^^^^^^^^^^^
       |
       = help: did you mean `required_stop`?
    "#);
}

#[test]
fn an_unknown_field_without_a_likely_one() {
    let output = mistakes(&[(PACK, "mode: alias", "mode: alias\nflavour: sweet")]);
    assert_snapshot!(output, @r#"
    error[P0004]: a pack has no field `flavour`
     --> pack.yaml:5:1
      |
    5 | flavour: sweet
      | ^^^^^^^
      |
      = help: known here: `format`, `name`, `data_parts`, `mode`, `naming`, `tenants`, `ignore`, `types`, `databases`, `allow`
    "#);
}

#[test]
fn a_missing_field() {
    let output = mistakes(&[(PACK, "data_parts: 2\n", "")]);
    assert_snapshot!(output, @r#"
    error[P0005]: a pack lacks the field `data_parts`
    --> pack.yaml
     = help: add `data_parts: 2`
    "#);
}

#[test]
fn a_misspelt_needed_field_is_told_once() {
    let output = mistakes(&[(PACK, "data_parts: 2", "data_part: 2")]);
    assert_snapshot!(output, @r#"
    error[P0004]: a pack has no field `data_part`
     --> pack.yaml:3:1
      |
    3 | data_part: 2
      | ^^^^^^^^^
      |
      = help: did you mean `data_parts`?
    "#);
}

#[test]
fn values_of_the_wrong_kind() {
    let output = mistakes(&[
        (PACK, "data_parts: 2", "data_parts: two"),
        (PACK, "ignore: [scratch]", "ignore: scratch"),
        (PACK, r#"pattern: "[a-z0-9]+""#, "pattern:"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0006]: `data_parts` must be a whole number, but this is a text
     --> pack.yaml:3:13
      |
    3 | data_parts: two
      |             ^^^
      |
      = help: write digits without quotes

    error[P0006]: `pattern` must be a text, but this is nothing
      --> pack.yaml:13:3
       |
    13 |   pattern:
       |   ^^^^^^^
       |
       = help: write one text here, in quotes if it may be mistaken

    error[P0006]: `ignore` must be a list, but this is a text
      --> pack.yaml:14:11
       |
    14 |   ignore: scratch
       |           ^^^^^^^
       |
       = help: write `[…]`, or `[]` for none
    "#);
}

#[test]
fn yes_is_not_a_boolean() {
    let output = mistakes(&[(THIRD, "required_stop: true", "required_stop: yes")]);
    assert_snapshot!(output, @r#"
    error[P0006]: `required_stop` must be true or false, but this is a text
      --> releases/2.0/release.yaml:16:18
       |
    16 |   required_stop: yes
       |                  ^^^
       |
       = help: write `true` or `false` without quotes
    "#);
}

#[test]
fn a_number_out_of_range() {
    let output =
        mistakes(&[(FIRST, "shards: 2", "shards: 0"), (THIRD, "replicas: 0", "replicas: 1025")]);
    assert_snapshot!(output, @r#"
    error[P0006]: `shards` can't be 0
     --> releases/1.0/release.yaml:6:13
      |
    6 |     shards: 0
      |             ^
      |
      = help: write a number from 1 to 1024

    error[P0006]: `replicas` can't be 1025
      --> releases/2.0/release.yaml:13:15
       |
    13 |     replicas: 1025
       |               ^^^^
       |
       = help: write a number from 0 to 1024
    "#);
}

#[test]
fn a_number_that_json_can_not_keep() {
    let output = mistakes(&[(THIRD, "since: 2020", "since: 12345678901234567890123")]);
    assert_snapshot!(output, @r#"
    error[P0006]: `12345678901234567890123` can't be kept exactly as a JSON number
      --> releases/2.0/release.yaml:24:65
       |
    24 |           - set: {field: home.country, value: {code: NO, since: 12345678901234567890123}}
       |                                                                 ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: put it in quotes to make it a text, or write fewer digits
    "#);
}

#[test]
fn a_key_that_stands_twice() {
    let output = mistakes(&[(PACK, "mode: alias", "mode: alias\nmode: versioned")]);
    assert_snapshot!(output, @r#"
    error[P0007]: the key `mode` stands twice
     --> pack.yaml:5:1
      |
    5 | mode: versioned
      | ^^^^
      |
      = help: keep one of the two
    "#);
}

#[test]
fn an_unknown_word() {
    let output = mistakes(&[
        (PACK, "mode: alias", "mode: aliased"),
        (FIRST, "partition: month", "partition: monthly"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0008]: `mode` can't be `aliased`
     --> pack.yaml:4:7
      |
    4 | mode: aliased
      |       ^^^^^^^
      |
      = help: did you mean `alias`?

    error[P0008]: `partition` can't be `monthly`
     --> releases/1.0/release.yaml:9:16
      |
    9 |     partition: monthly
      |                ^^^^^^^
      |
      = help: did you mean `month`?
    "#);
}

#[test]
fn partitions_that_are_never_written_so() {
    let told = |written: &str| {
        let output = mistakes(&[(FIRST, "partition: month", &format!("partition: {written}"))]);
        let told = output.lines().filter(|line| line.contains("error[") || line.contains("help:"));
        format!("{written}\n{}", told.collect::<Vec<_>>().join("\n"))
    };
    let all = [
        "{month: 2022-1x}",
        "{quarter: 2022-Q1}",
        "{month: 2022-10}",
        "[quarter, {months: 2022-01}]",
        "[{year: [2022]}]",
        "[[month]]",
        "{}",
    ];
    assert_snapshot!(all.map(told).join("\n\n"), @r#"
    {month: 2022-1x}
    error[P0008]: `2022-1x` is not how partitions by month are written
      = help: write the first one of 2022 as the application does: did you mean `2022-1`?

    {quarter: 2022-Q1}
    error[P0008]: `2022-Q1` is not how partitions by quarter are written
      = help: write the first one of 2022 as the application does: did you mean `2022-q1`?

    {month: 2022-10}
    error[P0008]: `2022-10` is not how partitions by month are written
      = help: write the first one of 2022 as the application does: did you mean `2022-01`?

    [quarter, {months: 2022-01}]
    error[P0008]: `partition` can't hold `months`
      = help: did you mean `month`?

    [{year: [2022]}]
    error[P0006]: `year` must be a text, but this is a list
      = help: write one text here, in quotes if it may be mistaken

    [[month]]
    error[P0006]: `partition` takes kinds of partitions, but this is a list
      = help: write a kind for each element, or `{month: 2022-01}`

    {}
    error[P0006]: `partition` holds no kind
      = help: write `partition: none`, or the kinds of partitions that the index has
    "#);
    let first = |written: &str| mistakes(&[(FIRST, "partition: month", written)]);
    for written in ["{month: 2022-1}", "[{month: 2022.01}, year]", "{month: 2022-01, year: 2022}"] {
        let told = first(&format!("partition: {written}"));
        assert!(!told.contains("`partition`") && !told.contains("are written"), "{told}");
    }
}

#[test]
fn an_unknown_engine() {
    let output = mistakes(&[(PACK, "opensearch: flat_object", "open_search: flat_object")]);
    assert_snapshot!(output, @r#"
    error[P0008]: there is no engine `open_search`
      --> pack.yaml:17:15
       |
    17 |   flattened: {open_search: flat_object}
       |               ^^^^^^^^^^^
       |
       = help: did you mean `opensearch`?
    "#);
}

#[test]
fn an_unknown_operation() {
    let output = mistakes(&[(SECOND, "- rename:", "- renmae:")]);
    assert_snapshot!(output, @r#"
    error[P0008]: there is no operation `renmae`
      --> releases/1.1/release.yaml:23:13
       |
    23 |           - renmae: {from: address.zip, to: address.postcode}
       |             ^^^^^^
       |
       = help: did you mean `rename`?
    "#);
}

#[test]
fn an_operation_that_is_none() {
    let output = mistakes(&[(SECOND, "- remove: {fields: [note]}", "- remove")]);
    assert_snapshot!(output, @r#"
    error[P0006]: an operation is one name with its fields, such as `rename: {from: a, to: b}`
      --> releases/1.1/release.yaml:24:13
       |
    24 |           - remove
       |             ^^^^^^
       |
       = help: the operations are `rename`, `move`, `copy`, `remove`, `set`, `default`, `cast`, `lower`, `upper`, `trim`, `map`, `date`, `decode`, `encode`, `wrap`, `unwrap`, `nest`, `flatten`, `split`, `join`, `hash`, `drop`, `rekey`, `reroute`, `each`, `send`, `when`, `jq`, `painless`
    "#);
}

#[test]
fn two_operations_in_one() {
    let output = mistakes(&[(
        SECOND,
        "- remove: {fields: [note]}",
        "- remove: {fields: [note]}\n            set: {field: a, value: 1}",
    )]);
    assert_snapshot!(output, @r#"
    error[P0006]: an operation is one name with its fields, such as `rename: {from: a, to: b}`
      --> releases/1.1/release.yaml:24:13
       |
    24 |           - remove: {fields: [note]}
       |             ^^^^^^
       |
       = help: begin each operation with its own `-`
    "#);
}

#[test]
fn fields_of_operations() {
    let output = mistakes(&[
        (
            SECOND,
            "{field: age, to: long, otherwise: remove}",
            "{feild: age, to: integer, otherwise: ignore}",
        ),
        (SECOND, "from: address.zip", "from: address..zip"),
        (SECOND, "value: true", "valeu: true"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0004]: `cast` has no field `feild`
      --> releases/1.1/release.yaml:22:20
       |
    22 |           - cast: {feild: age, to: integer, otherwise: ignore}
       |                    ^^^^^
       |
       = help: did you mean `field`?

    error[P0008]: `to` can't be `integer`
      --> releases/1.1/release.yaml:22:36
       |
    22 |           - cast: {feild: age, to: integer, otherwise: ignore}
       |                                    ^^^^^^^
       |
       = help: known here: `string`, `long`, `double`, `boolean`

    error[P0008]: `otherwise` can't be `ignore`
      --> releases/1.1/release.yaml:22:56
       |
    22 |           - cast: {feild: age, to: integer, otherwise: ignore}
       |                                                        ^^^^^^
       |
       = help: known here: `reject`, `keep`, `remove`, `null`

    error[P0006]: `address..zip` is not a field path: it needs one or more names joined by dots, such as `customer.name`
      --> releases/1.1/release.yaml:23:28
       |
    23 |           - rename: {from: address..zip, to: address.postcode}
       |                            ^^^^^^^^^^^^
       |
       = help: join the names by single dots, with none at the ends

    error[P0004]: `default` has no field `valeu`
      --> releases/1.1/release.yaml:25:38
       |
    25 |           - default: {field: active, valeu: true}
       |                                      ^^^^^
       |
       = help: did you mean `value`?
    "#);
}

#[test]
fn an_unknown_fate() {
    let output = mistakes(&[
        (SECOND, "legacy: dropped", "legacy: droped"),
        (SECOND, "{new_like: event}", "{like: event}"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0008]: an index can't become `like`
      --> releases/1.1/release.yaml:28:15
       |
    28 |     session: {like: event}
       |               ^^^^
       |
       = help: known here: `unchanged`, `migrate`, `new`, `new_like`, `dropped`

    error[P0008]: an index can't become `droped`
      --> releases/1.1/release.yaml:29:13
       |
    29 |     legacy: droped
       |             ^^^^^^
       |
       = help: did you mean `dropped`?
    "#);
}

#[test]
fn an_incomplete_fate() {
    let output = mistakes(&[
        (THIRD, "{migrate: {}}", "migrate"),
        (THIRD, "invoice: new", "invoice: {new: {}}"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0006]: `event` must be more than the word `migrate`, but this is a text
      --> releases/2.0/release.yaml:25:12
       |
    25 |     event: migrate
       |            ^^^^^^^
       |
       = help: write `{migrate: {from: …, operations: […]}}`

    error[P0006]: `new` must be a word without a value, but this is a mapping
      --> releases/2.0/release.yaml:27:20
       |
    27 |     invoice: {new: {}}
       |                    ^
       |
       = help: write the word `new` alone: `{…}` around it and what follows are too much
    "#);
}

#[test]
fn a_fate_that_is_none() {
    let output = mistakes(&[(THIRD, "invoice: new", "invoice: [new]")]);
    assert_snapshot!(output, @r#"
    error[P0006]: `invoice` must be what becomes of the index, but this is a list
      --> releases/2.0/release.yaml:27:14
       |
    27 |     invoice: [new]
       |              ^
       |
       = help: write one of `unchanged`, `new`, `dropped`, `{migrate: {…}}`, `{new_like: …}`
    "#);
}

#[test]
fn a_file_that_nothing_uses() {
    let mut files = good();
    files.files.insert("releases/1.0/mappings/old.json".to_owned(), b"{}".to_vec());
    files.files.insert("pack.yml".to_owned(), Vec::new());
    files.files.insert("README.md".to_owned(), Vec::new());
    files.files.insert(".editor/settings.json".to_owned(), Vec::new());
    let output = told(&files);
    assert_snapshot!(output, @r#"
    warning[P0009]: nothing in the pack uses the file `pack.yml`
    --> pack.yml
     = help: mention it in an index's `mapping`, give it the name that the format asks for, or remove it

    warning[P0009]: nothing in the pack uses the file `releases/1.0/mappings/old.json`
    --> releases/1.0/mappings/old.json
     = help: mention it in an index's `mapping`, give it the name that the format asks for, or remove it
    "#);
}

#[test]
fn another_format() {
    let output = mistakes(&[(PACK, "format: 1", "format: 2")]);
    assert_snapshot!(output, @r#"
    error[P0101]: this version of Lockstep does not read format 2
     --> pack.yaml:1:9
      |
    1 | format: 2
      |         ^
      |
      = help: write `format: 1`, or use the Lockstep that the pack was written for
    "#);
}

#[test]
fn the_application_name() {
    let output = mistakes(&[(PACK, "name: shop", "name: My Shop")]);
    assert_snapshot!(output, @r#"
    error[P0102]: `My Shop` can't name an application
     --> pack.yaml:2:7
      |
    2 | name: My Shop
      |       ^^^^^^^
      |
      = help: use a lower case letter, then lower case letters, digits and `-`
    "#);
}

#[test]
fn no_data_parts() {
    let output = mistakes(&[(PACK, "data_parts: 2", "data_parts: 0")]);
    assert_snapshot!(output, @r#"
    error[P0103]: a data version of 0 numbers would make every upgrade minor
     --> pack.yaml:3:13
      |
    3 | data_parts: 0
      |             ^
      |
      = help: write how many leading numbers of a version change when the data changes, 1 or more
    "#);
}

#[test]
fn a_tenant_pattern_that_does_not_compile() {
    let output = mistakes(&[(PACK, r#""[a-z0-9]+""#, r#""[a-z0-9+""#)]);
    assert_snapshot!(output, @r#"
    error[P0104]: the tenant pattern is no regular expression: unclosed character class
      --> pack.yaml:13:12
       |
    13 |   pattern: "[a-z0-9+"
       |            ^^^^^^^^^^
       |
       = help: write one such as "[a-z0-9]+"
    "#);
}

#[test]
fn a_tenant_pattern_with_anchors() {
    let output = mistakes(&[(PACK, r#""[a-z0-9]+""#, r#""^[a-z0-9]+$""#)]);
    assert_snapshot!(output, @r#"
    error[P0104]: the tenant pattern has an anchor
      --> pack.yaml:13:12
       |
    13 |   pattern: "^[a-z0-9]+$"
       |            ^^^^^^^^^^^^^
       |
       = help: leave `^` and `$` out: the pattern is always matched against the whole name
    "#);
}

#[test]
fn a_tenant_pattern_for_nothing() {
    let output = mistakes(&[(PACK, r#""[a-z0-9]+""#, r#""[a-z0-9]*""#)]);
    assert_snapshot!(output, @r#"
    error[P0104]: the tenant pattern fits a tenant without a name
      --> pack.yaml:13:12
       |
    13 |   pattern: "[a-z0-9]*"
       |            ^^^^^^^^^^^
       |
       = help: ask for at least one character, with `+` instead of `*`
    "#);
}

#[test]
fn a_tenant_that_can_not_be() {
    let output = mistakes(&[
        (PACK, "[scratch]", "[Scratch]"),
        (SECOND, r#"label: "1.1""#, "label: \"1.1\"\ndefault_tenant: acme-1"),
    ]);
    assert_snapshot!(output, @r#"
    warning[P0105]: the tenant `Scratch` does not fit the tenant pattern `[a-z0-9]+`
      --> pack.yaml:14:12
       |
    14 |   ignore: [Scratch]
       |            ^^^^^^^
       |
       = help: correct the name, or widen `tenants.pattern` in pack.yaml

    error[P0105]: the tenant `acme-1` does not fit the tenant pattern `[a-z0-9]+`
     --> releases/1.1/release.yaml:2:17
      |
    2 | default_tenant: acme-1
      |                 ^^^^^^
      |
      = help: correct the name, or widen `tenants.pattern` in pack.yaml
    "#);
}

#[test]
fn settings_in_the_wrong_form() {
    let output = mistakes(&[(
        FIRST,
        r#"{refresh_interval: 10s, "mapping.total_fields.limit": 2000}"#,
        "{index.refresh_interval: 10s, number_of_shards: 1, mapping: {total_fields: {limit: 1}}, mapping.total_fields.limit: 2}",
    )]);
    assert_snapshot!(output, @r#"
    error[P0405]: the setting `index.refresh_interval` is written with the prefix `index.`
     --> releases/1.0/release.yaml:5:16
      |
    5 |     settings: {index.refresh_interval: 10s, number_of_shards: 1, mapping: {total_fields: {limit: 1}}, mapping.total_fields.limit: 2}
      |                ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: leave the prefix out

    error[P0405]: `number_of_shards` is not written among the settings
     --> releases/1.0/release.yaml:5:45
      |
    5 |     settings: {index.refresh_interval: 10s, number_of_shards: 1, mapping: {total_fields: {limit: 1}}, mapping.total_fields.limit: 2}
      |                                             ^^^^^^^^^^^^^^^^
      |
      = help: write `shards: …` beside `settings`

    error[P0007]: the setting `mapping.total_fields.limit` stands twice, nested and dotted
     --> releases/1.0/release.yaml:5:103
      |
    5 |     settings: {index.refresh_interval: 10s, number_of_shards: 1, mapping: {total_fields: {limit: 1}}, mapping.total_fields.limit: 2}
      |                                                                                                       ^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: keep one of the two
    "#);
}

#[test]
fn mistakes_as_json_and_in_one_line() {
    let reading = read(&changed(&[(PACK, "mode: alias", "mode: aliased")]));
    assert_snapshot!(reading.diagnostics, @r#"
    error[P0008]: pack.yaml:4:7: `mode` can't be `aliased`; did you mean `alias`?
    "#);
    assert_json_snapshot!(reading.diagnostics.to_json(), @r#"
    [
      {
        "code": "P0008",
        "severity": "error",
        "file": "pack.yaml",
        "span": {
          "start": 41,
          "end": 48
        },
        "line": 4,
        "column": 7,
        "message": "`mode` can't be `aliased`",
        "fix": "did you mean `alias`?"
      }
    ]
    "#);
}

#[test]
fn colour_is_given_on_demand() {
    let files = changed(&[(PACK, "mode: alias", "mode: aliased")]);
    let diagnostics = read(&files).diagnostics;
    assert!(diagnostics.render(&files, true).contains("\u{1b}["));
    assert!(!diagnostics.render(&files, false).contains('\u{1b}'));
}

#[test]
fn mistakes_of_all_files_are_told_at_once() {
    let files = changed(&[
        (PACK, "mode: alias", "mode: aliased"),
        (FIRST, "indices:", "indices: ["),
        (SECOND, "from: address.zip", "form: address.zip"),
        (THIRD, "partition: month", "partition: moon"),
    ]);
    let reading = read(&files);
    let places: Vec<String> = reading
        .diagnostics
        .iter()
        .map(|one| format!("{} {}:{}", one.code, one.file, one.line.unwrap_or_default()))
        .collect();
    let output = places.join("\n");
    assert_snapshot!(output, @r#"
    P0008 pack.yaml:4
    P0003 releases/1.0/release.yaml:3
    P0004 releases/1.1/release.yaml:23
    P0008 releases/2.0/release.yaml:8
    "#);
}
