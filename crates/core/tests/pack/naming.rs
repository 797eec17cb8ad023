//! Mistakes in naming.

use insta::assert_snapshot;

use crate::fixture::{FIRST, PACK, SECOND, THIRD, mistakes};

#[test]
fn no_default_variant() {
    let output = mistakes(&[(PACK, "  default:", "  main:")]);
    assert_snapshot!(output, @r#"
    error[P0201]: the naming has no variant `default`, which every index uses that names none
     --> pack.yaml:5:1
      |
    5 | naming:
      | ^^^^^^
      |
      = help: add `default: {index: "{tenant}-{name}-v{version}"}` or rename a variant
    "#);
}

#[test]
fn an_unknown_placeholder() {
    let output = mistakes(&[(
        PACK,
        r#"index: "{tenant}-{name}-v{version}""#,
        r#"index: "{tennant}-{name}-v{version}""#,
    )]);
    assert_snapshot!(output, @r#"
    error[P0202]: `{tennant}` is not a placeholder
     --> pack.yaml:7:13
      |
    7 |     index: "{tennant}-{name}-v{version}"
      |             ^^^^^^^^^
      |
      = help: the placeholders are `{version}`, `{tenant}`, `{name}`, `{partition}`
    "#);
}

#[test]
fn a_lone_brace() {
    let output = mistakes(&[(PACK, r#"alias: "{tenant}-{name}""#, r#"alias: "{tenant-{name""#)]);
    assert_snapshot!(output, @r#"
    error[P0202]: a brace without its partner
     --> pack.yaml:9:13
      |
    9 |     alias: "{tenant-{name"
      |             ^
      |
      = help: close or remove the brace
    "#);
}

#[test]
fn a_missing_placeholder() {
    let output = mistakes(&[
        (PACK, r#"index: "{tenant}-{name}-v{version}""#, r#"index: "{name}""#),
        (PACK, r#""{tenant}-{name}-v{version}-{partition}""#, r#""{tenant}-{name}-v{version}""#),
    ]);
    assert_snapshot!(output, @r#"
    error[P0203]: `index` lacks the placeholder `{tenant}`: other texts hold it, and without it all tenants would share one name
     --> pack.yaml:7:12
      |
    7 |     index: "{name}"
      |            ^^^^^^^^
      |
      = help: put `{tenant}` into the text

    error[P0203]: `index` lacks the placeholder `{version}`: two releases would share one name
     --> pack.yaml:7:12
      |
    7 |     index: "{name}"
      |            ^^^^^^^^
      |
      = help: put `{version}` into the text

    error[P0203]: `partitioned` lacks the placeholder `{partition}`: all partitions would share one name
     --> pack.yaml:8:18
      |
    8 |     partitioned: "{tenant}-{name}-v{version}"
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: put `{partition}` into the text
    "#);
}

#[test]
fn a_misplaced_placeholder() {
    let output = mistakes(&[
        (
            PACK,
            r#"index: "{tenant}-{name}-v{version}""#,
            r#"index: "{tenant}-{name}-v{version}-{partition}""#,
        ),
        (PACK, r#"alias: "{tenant}-{name}""#, r#"alias: "{tenant}-{name}-{version}""#),
        (
            PACK,
            r#"partitioned: "{tenant}-{name}-v{version}-{partition}""#,
            r#"partitioned: "{partition}-{tenant}-{name}-v{version}""#,
        ),
        (
            PACK,
            r#"template: "{tenant}-{name}-v{version}""#,
            r#"template: "{tenant}-{tenant}-{name}""#,
        ),
    ]);
    assert_snapshot!(output, @r#"
    error[P0204]: `index` can't hold `{partition}` here: only the names of partitions have one
     --> pack.yaml:7:40
      |
    7 |     index: "{tenant}-{name}-v{version}-{partition}"
      |                                        ^^^^^^^^^^^
      |
      = help: write it in `partitioned`, and `*` for it in `template_pattern`

    error[P0204]: `partitioned` can't hold `{tenant}` here: behind `{partition}` a name could be taken apart in two ways
     --> pack.yaml:8:31
      |
    8 |     partitioned: "{partition}-{tenant}-{name}-v{version}"
      |                               ^^^^^^^^
      |
      = help: put `{tenant}` before `{partition}`

    error[P0204]: `alias` can't hold `{version}` here: in mode `alias` an alias must stay the same from release to release
     --> pack.yaml:9:29
      |
    9 |     alias: "{tenant}-{name}-{version}"
      |                             ^^^^^^^^^
      |
      = help: remove it, or use mode `versioned`

    error[P0204]: `template` can't hold `{tenant}` here: it stands there twice
      --> pack.yaml:10:25
       |
    10 |     template: "{tenant}-{tenant}-{name}"
       |                         ^^^^^^^^
       |
       = help: keep one of the two
    "#);
}

#[test]
fn illegal_letters() {
    let output = mistakes(&[
        (PACK, r#"index: "{tenant}-{name}-v{version}""#, r#"index: "{tenant}:{name}-V{version}""#),
        (SECOND, r#"label: "1.1""#, r#"label: "1/1""#),
        (FIRST, "name: customers", "name: Customers"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0205]: a name can't hold ':': engines refuse it in names
     --> pack.yaml:7:21
      |
    7 |     index: "{tenant}:{name}-V{version}"
      |                     ^
      |
      = help: use lower case letters, digits, `-`, `_` and `.`

    error[P0205]: `name` can't hold 'C': engines refuse it in names
     --> releases/1.0/release.yaml:3:11
      |
    3 |     name: Customers
      |           ^^^^^^^^^
      |
      = help: use lower case letters, digits, `-`, `_` and `.`

    error[P0205]: `label` can't hold '/': engines refuse it in names
     --> releases/1.1/release.yaml:1:8
      |
    1 | label: "1/1"
      |        ^^^^^
      |
      = help: use lower case letters, digits, `-`, `_` and `.`

    warning[P0213]: the step changes the alias of `customer` from `{tenant}-Customers` to `{tenant}-customers`
      --> releases/1.1/release.yaml:18:5
       |
    18 |     customer:
       |     ^^^^^^^^
       |
       = help: if the application of 1.1 does not know the new alias, keep the `name` or the naming
    "#);
}

#[test]
fn an_illegal_first_letter() {
    let output = mistakes(&[(
        PACK,
        r#"index: "{tenant}-{name}-v{version}""#,
        r#"index: "_{tenant}-{name}-v{version}""#,
    )]);
    assert_snapshot!(output, @r#"
    error[P0205]: a name can't start with `-`, `_` or `+`: engines refuse it
     --> pack.yaml:7:13
      |
    7 |     index: "_{tenant}-{name}-v{version}"
      |             ^
      |
      = help: start with a letter or a placeholder
    "#);
}

#[test]
fn a_name_that_is_too_long() {
    let name = format!("name: {}", "x".repeat(255));
    let output = mistakes(&[(FIRST, "name: customers", &name)])
        .replace(&name, "name: …")
        .replace(&"x".repeat(255), "…");
    assert_snapshot!(output, @r#"
    error[P0205]: the index `customer` can't have the alias name `t-…`: it has 257 bytes, and engines take 255
     --> releases/1.0/release.yaml:2:3
      |
    2 |   customer:
      |   ^^^^^^^^
      |
      = help: change the naming text, `name` or `label`

    error[P0205]: the index `customer` can't have the index name `t-…-v1.0`: it has 262 bytes, and engines take 255
     --> releases/1.0/release.yaml:2:3
      |
    2 |   customer:
      |   ^^^^^^^^
      |
      = help: change the naming text, `name` or `label`

    warning[P0213]: the step changes the alias of `customer` from `{tenant}-…` to `{tenant}-customers`
      --> releases/1.1/release.yaml:18:5
       |
    18 |     customer:
       |     ^^^^^^^^
       |
       = help: if the application of 1.1 does not know the new alias, keep the `name` or the naming
    "#);
}

#[test]
fn an_unknown_variant() {
    let output = mistakes(&[(THIRD, "replicas: 0", "replicas: 0\n    naming: defualt")]);
    assert_snapshot!(output, @r#"
    error[P0206]: there is no naming variant `defualt`
      --> releases/2.0/release.yaml:14:13
       |
    14 |     naming: defualt
       |             ^^^^^^^
       |
       = help: did you mean `default`?
    "#);
}

#[test]
fn no_names_for_partitions() {
    let output =
        mistakes(&[(PACK, "    partitioned: \"{tenant}-{name}-v{version}-{partition}\"\n", "")]);
    assert_snapshot!(output, @r#"
    error[P0207]: the index `event` has partitions, but its naming variant `default` has no `partitioned`
     --> releases/1.0/release.yaml:7:3
      |
    7 |   event:
      |   ^^^^^
      |
      = help: add `partitioned: "{tenant}-{name}-v{version}-{partition}"` to the variant

    error[P0207]: the index `event` has partitions, but its naming variant `default` has no `partitioned`
     --> releases/1.1/release.yaml:7:3
      |
    7 |   event:
      |   ^^^^^
      |
      = help: add `partitioned: "{tenant}-{name}-v{version}-{partition}"` to the variant

    error[P0207]: the index `session` has partitions, but its naming variant `default` has no `partitioned`
      --> releases/1.1/release.yaml:12:3
       |
    12 |   session:
       |   ^^^^^^^
       |
       = help: add `partitioned: "{tenant}-{name}-v{version}-{partition}"` to the variant

    error[P0207]: the index `event` has partitions, but its naming variant `default` has no `partitioned`
     --> releases/2.0/release.yaml:6:3
      |
    6 |   event:
      |   ^^^^^
      |
      = help: add `partitioned: "{tenant}-{name}-v{version}-{partition}"` to the variant
    "#);
}

#[test]
fn half_a_template() {
    let output = mistakes(&[(PACK, "    template: \"{tenant}-{name}-v{version}\"\n", "")]);
    assert_snapshot!(output, @r#"
    error[P0208]: an index template needs `template` as well
      --> pack.yaml:10:23
       |
    10 |     template_pattern: "{tenant}-{name}-v{version}-*"
       |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: add `template`, or remove this line
    "#);
}

#[test]
fn a_template_for_nothing() {
    let output = mistakes(&[(
        PACK,
        r#"template_pattern: "{tenant}-{name}-v{version}-*""#,
        r#"template_pattern: "{tenant}-{name}-v{version}""#,
    )]);
    assert_snapshot!(output, @r#"
    error[P0208]: `template_pattern` has no `*`, so it fits no partition
      --> pack.yaml:11:23
       |
    11 |     template_pattern: "{tenant}-{name}-v{version}"
       |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write `*` where the partition stands
    "#);
}

#[test]
fn no_alias_in_alias_mode() {
    let output = mistakes(&[(PACK, "    alias: \"{tenant}-{name}\"\n", "")]);
    assert_snapshot!(output, @r#"
    error[P0209]: in mode `alias` every index needs an alias, but the naming variant `default` has none
     --> pack.yaml:6:3
      |
    6 |   default:
      |   ^^^^^^^
      |
      = help: add `alias: "{tenant}-{name}"`, or use mode `versioned`
    "#);
}

#[test]
fn two_indices_with_one_name() {
    let output = mistakes(&[(
        THIRD,
        "mapping: audit.json\n    replicas: 0",
        "mapping: audit.json\n    name: audit",
    )]);
    assert_snapshot!(output, @r#"
    error[P0210]: the indices `audit` and `invoice` have the same alias name, such as `t-audit`
      --> releases/2.0/release.yaml:11:3
       |
    11 |   invoice:
       |   ^^^^^^^
       |
       = help: give one of them another `name`, or another naming variant

    error[P0210]: the indices `audit` and `invoice` have the same index name, such as `t-audit-v20`
      --> releases/2.0/release.yaml:11:3
       |
    11 |   invoice:
       |   ^^^^^^^
       |
       = help: give one of them another `name`, or another naming variant
    "#);
}

#[test]
fn two_releases_with_one_label() {
    let output = mistakes(&[(THIRD, r#"label: "20""#, r#"label: "1.1""#)]);
    assert_snapshot!(output, @r#"
    error[P0210]: the releases 1.1 and 2.0 have the same label `1.1`, so they would share all names
     --> releases/2.0/release.yaml:1:8
      |
    1 | label: "1.1"
      |        ^^^^^
      |
      = help: give one of them another `label`
    "#);
}

#[test]
fn a_name_of_two_indices() {
    let output = mistakes(&[
        (PACK, r#""[a-z0-9]+""#, r#""[a-z0-9-]+""#),
        (THIRD, "mapping: audit.json\n    replicas: 0", "mapping: audit.json\n    name: old-audit"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0211]: `a-old-audit-v20` could be an index of `audit` and of `invoice`
      --> releases/2.0/release.yaml:11:3
       |
    11 |   invoice:
       |   ^^^^^^^
       |
       = help: change `name`, `label` or the naming so that one name belongs to one index

    error[P0211]: `a-old-audit` could be the alias of `audit` and of `invoice`
      --> releases/2.0/release.yaml:11:3
       |
    11 |   invoice:
       |   ^^^^^^^
       |
       = help: change `name` or `alias` so that one alias belongs to one index
    "#);
}

#[test]
fn a_partition_that_is_another_index() {
    let output = mistakes(&[
        (THIRD, "    replicas: 0", "    naming: odd"),
        (
            PACK,
            "naming:",
            "naming:\n  odd:\n    index: \"{tenant}-event-v{version}-2022-10\"\n    alias: \"{tenant}-{name}\"",
        ),
    ]);
    assert_snapshot!(output, @r#"
    error[P0211]: `a-event-v20-2022-10` could be an index of `event` and of `invoice`
      --> releases/2.0/release.yaml:11:3
       |
    11 |   invoice:
       |   ^^^^^^^
       |
       = help: change `name`, `label` or the naming so that one name belongs to one index

    warning[P0212]: the index template of `event` catches `t-event-v20-2022-10`, an index of `invoice`
      --> releases/2.0/release.yaml:11:3
       |
    11 |   invoice:
       |   ^^^^^^^
       |
       = help: make `template_pattern` narrower, or change `name`
    "#);
}

#[test]
fn an_alias_that_is_an_index() {
    let output =
        mistakes(&[(PACK, r#"alias: "{tenant}-{name}""#, r#"alias: "{tenant}-{name}-v20""#)]);
    assert_snapshot!(output, @r#"
    error[P0211]: `a-customers-v20` could be an index of `person` and the alias of `person`
     --> releases/2.0/release.yaml:3:3
      |
    3 |   person:
      |   ^^^^^^
      |
      = help: change `alias` or the naming: an alias can't be called like an index

    error[P0211]: `a-customers-v20` could be the alias of `customer` of 1.0 and an index of `person` of 2.0
     --> releases/2.0/release.yaml:3:3
      |
    3 |   person:
      |   ^^^^^^
      |
      = help: change `alias` or the naming: an alias can't be called like an index

    error[P0211]: `a-customers-v20` could be the alias of `customer` of 1.1 and an index of `person` of 2.0
     --> releases/2.0/release.yaml:3:3
      |
    3 |   person:
      |   ^^^^^^
      |
      = help: change `alias` or the naming: an alias can't be called like an index

    error[P0211]: `a-audit-v20` could be an index of `audit` and the alias of `audit`
     --> releases/2.0/release.yaml:9:3
      |
    9 |   audit:
      |   ^^^^^
      |
      = help: change `alias` or the naming: an alias can't be called like an index

    error[P0211]: `a-audit-v20` could be the alias of `audit` of 1.0 and an index of `audit` of 2.0
     --> releases/2.0/release.yaml:9:3
      |
    9 |   audit:
      |   ^^^^^
      |
      = help: change `alias` or the naming: an alias can't be called like an index

    error[P0211]: `a-audit-v20` could be the alias of `audit` of 1.1 and an index of `audit` of 2.0
     --> releases/2.0/release.yaml:9:3
      |
    9 |   audit:
      |   ^^^^^
      |
      = help: change `alias` or the naming: an alias can't be called like an index

    error[P0211]: `a-invoice-v20` could be an index of `invoice` and the alias of `invoice`
      --> releases/2.0/release.yaml:11:3
       |
    11 |   invoice:
       |   ^^^^^^^
       |
       = help: change `alias` or the naming: an alias can't be called like an index
    "#);
}

#[test]
fn a_tenant_pattern_that_is_too_much() {
    let output = mistakes(&[
        (PACK, r#""[a-z0-9]+""#, r#""[é]\\b.+""#),
        (PACK, "ignore: [scratch]", "ignore: []"),
    ]);
    assert_snapshot!(output, @r#"
    warning[P0211]: with this tenant pattern it can't be told whether names can be confused: unsupported regex feature for DFAs: cannot build DFAs for regexes with Unicode word boundaries; switch to ASCII word boundaries, or heuristically enable Unicode word boundaries or use a different regex engine
      --> pack.yaml:13:12
       |
    13 |   pattern: "[é]\\b.+"
       |            ^^^^^^^^^^
       |
       = help: use a simpler tenant pattern, such as "[a-z0-9]+"
    "#);
}

#[test]
fn a_template_that_catches_another_index() {
    let name = "name: event-v1.0-old\n    mapping: legacy.json";
    let output = mistakes(&[(FIRST, "mapping: legacy.json", name)]);
    assert_snapshot!(output, @r#"
    warning[P0212]: the index template of `event` catches `t-event-v1.0-old-v1.0`, an index of `legacy`
      --> releases/1.0/release.yaml:12:3
       |
    12 |   legacy:
       |   ^^^^^^
       |
       = help: make `template_pattern` narrower, or change `name`
    "#);
}

#[test]
fn an_alias_that_changes() {
    let output = mistakes(&[(THIRD, "name: customers", "name: persons")]);
    assert_snapshot!(output, @r#"
    warning[P0213]: the step changes the alias of `person` from `{tenant}-customers` to `{tenant}-persons`
      --> releases/2.0/release.yaml:18:5
       |
    18 |     person:
       |     ^^^^^^
       |
       = help: if the application of 2.0 does not know the new alias, keep the `name` or the naming
    "#);
}
