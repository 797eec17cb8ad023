//! Mistakes in what a pack says of tables.

use insta::assert_snapshot;

use crate::fixture::{PACK, SECOND, THIRD, mistakes};

const DATABASES: (&str, &str, &str) =
    (PACK, "mode: alias", "mode: alias\ndatabases: {main: {kind: mysql}}");

/// A table of the index `person` that is right.
const TABLE: &str = r"    table:
      database: main
      name: person
      key: [id, tenant]
      columns:
        - {name: id, type: string(40), from: _id}
        - {name: tenant, type: string(40), from: _tenant}
        - {name: production, type: boolean, value: true}
        - {name: age, type: integer, from: age}
        - {name: home, type: json, from: home}
        - {name: first_name, type: text, from: first_name, required: true}
";

/// The good pack in whose last release `person` has a table, with texts of it replaced.
fn person(changes: &[(&str, &str)]) -> String {
    let mut table = TABLE.to_owned();
    for (from, to) in changes {
        assert_eq!(table.matches(from).count(), 1, "{from}");
        table = table.replace(from, to);
    }
    let last = "          - set: {field: home.country, value: {code: NO, since: 2020}}\n";
    mistakes(&[
        DATABASES,
        (THIRD, "    mapping: person.json\n", &format!("    mapping: person.json\n{table}")),
        (THIRD, last, &format!("{last}        irreversible: rows can't be followed\n")),
    ])
}

#[test]
fn a_table_that_is_right() {
    assert_eq!(person(&[]), "");
}

#[test]
fn a_row_is_one_document() {
    let output = person(&[("    table:\n", "    settings: {}\n    table:\n")]);
    assert_eq!(output, "");
    let last = "          - set: {field: home.country, value: {code: NO, since: 2020}}\n";
    let output = mistakes(&[
        DATABASES,
        (THIRD, "    mapping: person.json\n", &format!("    mapping: person.json\n{TABLE}")),
        (
            THIRD,
            last,
            "          - rekey: {id: \"{age}\"}\n        irreversible: rows can't be followed\n",
        ),
    ]);
    assert_snapshot!(output, @r#"
    error[P0617]: `person` has a table, in which every document is one row, and `rekey` may not leave it so
      --> releases/2.0/release.yaml:35:13
       |
    35 |           - rekey: {id: "{age}"}
       |             ^^^^^
       |
       = help: do it in a step before the one that leads to the table
    "#);
}

#[test]
fn databases_and_fields_that_are_not_there() {
    let output = person(&[("database: main", "database: mian"), ("from: age", "from: aeg")]);
    assert_snapshot!(output, @r#"
    error[P0701]: pack.yaml names no database `mian`
     --> releases/2.0/release.yaml:7:17
      |
    7 |       database: mian
      |                 ^^^^
      |
      = help: did you mean `main`?

    error[P0705]: the column `age` is made of the field `aeg`, which the mapping rules out
      --> releases/2.0/release.yaml:14:44
       |
    14 |         - {name: age, type: integer, from: aeg}
       |                                            ^^^
       |
       = help: correct the path, or the mapping
    "#);
}

#[test]
fn a_pack_without_databases() {
    let output = mistakes(&[(
        SECOND,
        "  audit:\n    mapping: audit.json\n",
        &format!(
            "  audit:\n    mapping: audit.json\n{}",
            TABLE.replace("from: home", "from: _id").replace("from: age", "from: _id")
        ),
    )]);
    assert_snapshot!(output, @r#"
    error[P0701]: pack.yaml names no database `main`
      --> releases/1.1/release.yaml:13:17
       |
    13 |       database: main
       |                 ^^^^
       |
       = help: add `databases: {main: {kind: mysql}}` to pack.yaml

    error[P0704]: the column `age` has the type integer, and ids and tenants' names are texts
      --> releases/1.1/release.yaml:20:29
       |
    20 |         - {name: age, type: integer, from: _id}
       |                             ^^^^^^^
       |
       = help: give it a type such as `string(40)`

    error[P0704]: the column `home` has the type json, and ids and tenants' names are texts
      --> releases/1.1/release.yaml:21:30
       |
    21 |         - {name: home, type: json, from: _id}
       |                              ^^^^
       |
       = help: give it a type such as `string(40)`

    error[P0709]: `audit` of 1.1 has a table, which would stay empty in a chain that goes on to a later release
      --> releases/1.1/release.yaml:26:1
       |
    26 | step:
       | ^^^^
       |
       = help: write `required_stop: true` in this step

    error[P0707]: the index `audit` leads to a table, which the application writes to after the switch: there is no way back from it
      --> releases/1.1/release.yaml:38:5
       |
    38 |     audit: unchanged
       |     ^^^^^
       |
       = help: write `audit: {migrate: {operations: [], irreversible: "rows of a table can't be followed"}}`

    error[P0709]: the index `audit` of 1.1 has a table, and what was written to that is not in the index
      --> releases/2.0/release.yaml:26:5
       |
    26 |     audit: unchanged
       |     ^^^^^
       |
       = help: write `audit: dropped`; the table stays as it is
    "#);
}

#[test]
fn keys_that_tell_nothing_apart() {
    let output = person(&[
        ("key: [id, tenant]", "key: [age, home, nmae, age]"),
        ("string(40), from: _id", "integer, from: _id"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0702]: the column `age` is made of a field and part of the key: a document whose field changes would leave its row behind
     --> releases/2.0/release.yaml:9:13
      |
    9 |       key: [age, home, nmae, age]
      |             ^^^
      |
      = help: correct the key or the column

    error[P0702]: the column `home` has a type that no key can have; `string(N)` can
     --> releases/2.0/release.yaml:9:18
      |
    9 |       key: [age, home, nmae, age]
      |                  ^^^^
      |
      = help: correct the key or the column

    error[P0702]: the key names a column `nmae`, which the table lacks
     --> releases/2.0/release.yaml:9:24
      |
    9 |       key: [age, home, nmae, age]
      |                        ^^^^
      |
      = help: known here: `id`, `tenant`, `production`, `age`, `home`, `first_name`

    error[P0702]: the column `age` stands twice in the key
     --> releases/2.0/release.yaml:9:30
      |
    9 |       key: [age, home, nmae, age]
      |                              ^^^
      |
      = help: correct the key or the column

    error[P0704]: the column `id` has the type integer, and ids and tenants' names are texts
      --> releases/2.0/release.yaml:11:28
       |
    11 |         - {name: id, type: integer, from: _id}
       |                            ^^^^^^^
       |
       = help: give it a type such as `string(40)`
    "#);
    let output =
        person(&[("key: [id, tenant]", "key: [production]"), ("value: true", "value: null")]);
    assert_snapshot!(output, @r#"
    error[P0702]: no column of the key is the document's id: two documents could become one row
     --> releases/2.0/release.yaml:6:5
      |
    6 |     table:
      |     ^^^^^
      |
      = help: add a column with `from: _id` to the key

    error[P0702]: no column of the key is the tenant: rows of two tenants could be one
     --> releases/2.0/release.yaml:6:5
      |
    6 |     table:
      |     ^^^^^
      |
      = help: add a column with `from: _tenant` to the key

    error[P0702]: the column `production` is part of the key and would be NULL
     --> releases/2.0/release.yaml:9:13
      |
    9 |       key: [production]
      |             ^^^^^^^^^^
      |
      = help: correct the key or the column
    "#);
}

#[test]
fn keys_that_lack_what_tells_apart() {
    let output = person(&[("string(40), from: _id", "string(800), from: _id")]);
    assert_snapshot!(output, @r#"
    error[P0702]: the texts of the key have 840 characters, and a key has room for 768
     --> releases/2.0/release.yaml:6:5
      |
    6 |     table:
      |     ^^^^^
      |
      = help: make them shorter
    "#);
}

#[test]
fn names_and_types_that_are_none() {
    let output = person(&[
        ("name: person", "name: per son"),
        ("name: home", "name: AGE"),
        ("type: integer", "type: integr"),
        ("type: text", "type: string"),
        ("type: boolean, value: true", "type: boolean, value: maybe"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0703]: `per son` can't name a table or a column
     --> releases/2.0/release.yaml:8:13
      |
    8 |       name: per son
      |             ^^^^^^^
      |
      = help: use letters, digits and `_`, no digit first, 63 at the most

    error[P0704]: the value of the column `production` is neither true nor false (boolean): "maybe"
      --> releases/2.0/release.yaml:13:52
       |
    13 |         - {name: production, type: boolean, value: maybe}
       |                                                    ^^^^^
       |
       = help: correct the value or the type

    error[P0704]: there is no column type `integr`
      --> releases/2.0/release.yaml:14:29
       |
    14 |         - {name: age, type: integr, from: age}
       |                             ^^^^^^
       |
       = help: did you mean `integer`?

    error[P0704]: `string` is no column type: write `string(N)` with a length from 1 to 16000, or `text`
      --> releases/2.0/release.yaml:16:36
       |
    16 |         - {name: first_name, type: string, from: first_name, required: true}
       |                                    ^^^^^^
       |
       = help: correct the type
    "#);
}

#[test]
fn columns_without_a_source() {
    let output = person(&[
        ("from: age}", "from: age, value: 1}"),
        ("type: json, from: home", "type: json"),
        ("from: first_name", "from: home"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0005]: a column has both `from` and `value`
      --> releases/2.0/release.yaml:14:49
       |
    14 |         - {name: age, type: integer, from: age, value: 1}
       |                                                 ^^^^^
       |
       = help: write `from: PATH` for a field, `from: _id`, `from: _tenant`, or `value: …` for what is the same in every row

    error[P0005]: a column has neither `from` nor `value`
      --> releases/2.0/release.yaml:15:18
       |
    15 |         - {name: home, type: json}
       |                  ^^^^
       |
       = help: write `from: PATH` for a field, `from: _id`, `from: _tenant`, or `value: …` for what is the same in every row

    error[P0705]: the column `first_name` is made of the field `home`, which is an object; only a column of the type json takes one
      --> releases/2.0/release.yaml:16:48
       |
    16 |         - {name: first_name, type: text, from: home, required: true}
       |                                                ^^^^
       |
       = help: correct the path, or the mapping
    "#);
}

/// The good pack with tables of `audit` and of `event`, which later steps read.
fn carried_on() -> String {
    let audit = "  audit:\n    mapping: audit.json\n";
    let table = TABLE
        .replace("from: home", "from: what")
        .replace("from: age", "from: who")
        .replace("from: first_name", "from: at");
    let event = "  event:\n    mapping: event.json\n    partition: month\n";
    mistakes(&[
        DATABASES,
        (SECOND, audit, &format!("{audit}{table}")),
        (
            SECOND,
            event,
            &format!(
                "{event}{}",
                TABLE
                    .replace("from: age", "from: at")
                    .replace("from: first_name", "from: at")
                    .replace("from: home", "from: payload")
            ),
        ),
    ])
}

#[test]
fn steps_that_a_table_does_not_allow() {
    let output = carried_on();
    assert_snapshot!(output, @r#"
    error[P0706]: the index `event` has partitions, and its table would have rows of all of them
      --> releases/1.1/release.yaml:10:5
       |
    10 |     table:
       |     ^^^^^
       |
       = help: leave `partition` or `table` out

    error[P0708]: rows of `event` and of `audit` in the same table can't be told apart
      --> releases/1.1/release.yaml:10:5
       |
    10 |     table:
       |     ^^^^^
       |
       = help: give both a column in the key with another `value`, or another table

    error[P0709]: `audit` of 1.1 has a table, which would stay empty in a chain that goes on to a later release
      --> releases/1.1/release.yaml:37:1
       |
    37 | step:
       | ^^^^
       |
       = help: write `required_stop: true` in this step

    error[P0707]: the index `event` leads to a table, which the application writes to after the switch: there is no way back from it
      --> releases/1.1/release.yaml:48:5
       |
    48 |     event: {migrate: {from: event, operations: [{rename: {from: kind, to: type}}]}}
       |     ^^^^^
       |
       = help: write `event: {migrate: {operations: [], irreversible: "rows of a table can't be followed"}}`

    error[P0707]: the index `audit` leads to a table, which the application writes to after the switch: there is no way back from it
      --> releases/1.1/release.yaml:49:5
       |
    49 |     audit: unchanged
       |     ^^^^^
       |
       = help: write `audit: {migrate: {operations: [], irreversible: "rows of a table can't be followed"}}`

    error[P0709]: the index `event` of 1.1 has a table, and what was written to that is not in the index
      --> releases/2.0/release.yaml:25:5
       |
    25 |     event: {migrate: {}}
       |     ^^^^^
       |
       = help: write `event: dropped`; the table stays as it is

    error[P0709]: the index `audit` of 1.1 has a table, and what was written to that is not in the index
      --> releases/2.0/release.yaml:26:5
       |
    26 |     audit: unchanged
       |     ^^^^^
       |
       = help: write `audit: dropped`; the table stays as it is
    "#);
}
