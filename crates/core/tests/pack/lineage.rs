//! Mistakes in where documents come from.

use insta::assert_snapshot;

use crate::fixture::{SECOND, THIRD, mistakes};

#[test]
fn an_index_that_the_step_leaves_out() {
    let output = mistakes(&[
        (SECOND, "    session: {new_like: event}\n", ""),
        (THIRD, "    audit: unchanged\n", ""),
    ]);
    assert_snapshot!(output, @r#"
    error[P0501]: the step into 1.1 does not say where the index `session` gets its documents
      --> releases/1.1/release.yaml:12:3
       |
    12 |   session:
       |   ^^^^^^^
       |
       = help: add `session: new`, or `session: {migrate: {…}}`, to the step's `indices`

    error[P0501]: the step into 2.0 does not say where the index `audit` gets its documents
     --> releases/2.0/release.yaml:9:3
      |
    9 |   audit:
      |   ^^^^^
      |
      = help: add `audit: unchanged`, or `audit: {migrate: {…}}`, to the step's `indices`
    "#);
}

#[test]
fn an_index_that_is_not_there() {
    let output = mistakes(&[(
        SECOND,
        "    legacy: dropped",
        "    legacy: dropped\n    sesion: new\n    ghost: dropped",
    )]);
    assert_snapshot!(output, @r#"
    error[P0502]: the release 1.1 has no index `sesion`
      --> releases/1.1/release.yaml:30:5
       |
    30 |     sesion: new
       |     ^^^^^^
       |
       = help: did you mean `session`?

    error[P0502]: the release 1.0 has no index `ghost`
      --> releases/1.1/release.yaml:31:5
       |
    31 |     ghost: dropped
       |     ^^^^^
       |
       = help: known here: `audit`, `customer`, `event`, `legacy`
    "#);
}

#[test]
fn a_partition_that_the_application_would_write_otherwise() {
    let output = mistakes(&[
        (
            SECOND,
            "  audit:\n    mapping: audit.json",
            "  audit:\n    mapping: audit.json\n    partition: {month: 2022-01}",
        ),
        (SECOND, "audit: unchanged", "audit: {migrate: {partition: 2000-1}}"),
    ]);
    let told = output.lines().filter(|line| line.contains("P0505") || line.contains("mean"));
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
    error[P0505]: the partitions of `audit` are written otherwise than `2000-1`
       = help: did you mean `2000-01`?
    "#);
}

#[test]
fn a_source_that_is_not_there() {
    let output = mistakes(&[
        (THIRD, "from: customer", "from: custommer"),
        (THIRD, "invoice: new", "invoice: unchanged"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0502]: the release 1.1 has no index `custommer`
      --> releases/2.0/release.yaml:20:15
       |
    20 |         from: custommer
       |               ^^^^^^^^^
       |
       = help: did you mean `customer`?

    error[P0502]: the release 1.1 has no index `invoice`
      --> releases/2.0/release.yaml:27:5
       |
    27 |     invoice: unchanged
       |     ^^^^^^^
       |
       = help: known here: `audit`, `customer`, `event`, `session`
    "#);
}

#[test]
fn an_index_that_is_dropped_and_there() {
    let output = mistakes(&[(THIRD, "audit: unchanged", "audit: dropped")]);
    assert_snapshot!(output, @r#"
    error[P0502]: the index `audit` is dropped, but the release 2.0 has an index with this key
      --> releases/2.0/release.yaml:26:5
       |
    26 |     audit: dropped
       |     ^^^^^
       |
       = help: write `audit: unchanged` or `audit: {migrate: {…}}`, or give the new index another key
    "#);
}

#[test]
fn an_index_that_is_dropped_and_read() {
    let output =
        mistakes(&[(THIRD, "session: dropped", "session: dropped\n    customer: dropped")]);
    assert_snapshot!(output, @r#"
    error[P0502]: the index `customer` is dropped, but `person` gets its documents
      --> releases/2.0/release.yaml:29:5
       |
    29 |     customer: dropped
       |     ^^^^^^^^
       |
       = help: remove this line: an index whose documents go elsewhere ends by itself
    "#);
}

#[test]
fn an_index_that_would_be_lost() {
    let output = mistakes(&[
        (SECOND, "    legacy: dropped\n", ""),
        (THIRD, "audit: unchanged", "audit: new"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0503]: the index `legacy` of 1.0 is neither carried on nor dropped: its documents would be lost in silence
      --> releases/1.1/release.yaml:15:1
       |
    15 | step:
       | ^^^^
       |
       = help: add `legacy: dropped` to the step's `indices`, or name it in a `from`

    error[P0503]: the index `audit` of 1.1 is neither carried on nor dropped: its documents would be lost in silence
      --> releases/2.0/release.yaml:26:5
       |
    26 |     audit: new
       |     ^^^^^
       |
       = help: carry it on, or give the new index another key (its `name` may stay) and write `audit: dropped`
    "#);
}

#[test]
fn an_index_that_is_not_unchanged() {
    let output = mistakes(&[
        (THIRD, "event: {migrate: {}}", "event: unchanged"),
        (
            SECOND,
            "event: {migrate: {from: event, operations: [{rename: {from: kind, to: type}}]}}",
            "event: unchanged",
        ),
    ]);
    assert_snapshot!(output, @r#"
    error[P0504]: the index `event` is `unchanged`, but its mapping is another one than in 1.0
      --> releases/1.1/release.yaml:26:5
       |
    26 |     event: unchanged
       |     ^^^^^
       |
       = help: write `{migrate: {operations: […]}}`, or make the two mappings equal
    "#);
}

#[test]
fn a_changed_partition() {
    let third = "event: {migrate: {}}";
    let cases = [
        [("partition: month", "partition: week"), (third, third)],
        [("partition: month", "partition: [week, day]"), (third, third)],
        [
            ("partition: month", "partition: month"),
            (third, "event: {migrate: {partition: 2000-1}}"),
        ],
        [("partition: month", "partition: [month, none]"), (third, third)],
        [("partition: month", "partition: []"), (third, third)],
    ];
    let tell = |pairs: [(&'static str, &'static str); 2]| {
        mistakes(&pairs.map(|(from, to)| (THIRD, from, to)))
    };
    for longer in ["partition: year", "partition: none", "partition: [year, day]"] {
        let packs = [("partition: month", longer), (third, third)];
        assert_eq!(tell(packs), "", "{longer}");
    }
    let output = cases.map(tell).join("\n");
    assert_snapshot!(output, @r#"
    error[P0505]: the step changes how `event` is partitioned, from month to week: which of the new ones a document belongs to can't be told by the old one that it is in
      --> releases/2.0/release.yaml:25:5
       |
    25 |     event: {migrate: {}}
       |     ^^^^^
       |
       = help: write `partition: [week, month]`: the new kind, and what is kept of the old one
    error[P0505]: the step changes how `event` is partitioned, from month to [day, week]: which of the new ones a document belongs to can't be told by the old one that it is in
      --> releases/2.0/release.yaml:25:5
       |
    25 |     event: {migrate: {}}
       |     ^^^^^
       |
       = help: write `partition: [day, week, month]`: the new kind, and what is kept of the old one
    error[P0505]: `event` has partitions already, which keep their suffix
      --> releases/2.0/release.yaml:25:34
       |
    25 |     event: {migrate: {partition: 2000-1}}
       |                                  ^^^^^^
       |
       = help: remove `partition`: it is for an index of one piece that gets partitions
    error[P0008]: `partition` can't hold `none`
     --> releases/2.0/release.yaml:8:24
      |
    8 |     partition: [month, none]
      |                        ^^^^
      |
      = help: known here: `day`, `week`, `month`, `quarter`, `year`
    error[P0006]: `partition` holds no kind
     --> releases/2.0/release.yaml:8:16
      |
    8 |     partition: []
      |                ^
      |
      = help: write `partition: none`, or the kinds of partitions that the index has
    "#);
}

#[test]
fn one_piece_gets_partitions() {
    let audit = (
        "audit:\n    mapping: audit.json\n  invoice",
        "audit:\n    mapping: audit.json\n    partition: [quarter, year]\n  invoice",
    );
    let cases = [
        ("audit: unchanged", "audit: unchanged"),
        ("audit: unchanged", "audit: {migrate: {partition: 2000-1}}"),
        ("audit: unchanged", "audit: {migrate: {partition: 2000-q1}}"),
        ("audit: unchanged", "audit: {migrate: {partition: 2000}}"),
    ];
    let tell = |(from, to): (&'static str, &'static str)| {
        mistakes(&[(THIRD, audit.0, audit.1), (THIRD, from, to)])
    };
    assert_snapshot!(cases.map(tell).join("\n---\n"), @r#"
    error[P0505]: the step changes how `audit` is partitioned, from none to [quarter, year]: its documents need a partition
      --> releases/2.0/release.yaml:27:5
       |
    27 |     audit: unchanged
       |     ^^^^^
       |
       = help: say which one they get: `{migrate: {partition: "2000-1"}}`
    ---
    error[P0505]: `2000-1` is no partition of `audit`, which has them by [quarter, year]
      --> releases/2.0/release.yaml:27:34
       |
    27 |     audit: {migrate: {partition: 2000-1}}
       |                                  ^^^^^^
       |
       = help: write a suffix as the application would, such as "2000-1", "2000-q1" or "2000-year"
    ---

    ---
    "#);
}

#[test]
fn partitions_of_an_index_of_one_piece() {
    let output = mistakes(&[(THIRD, "audit: unchanged", "audit: {migrate: {partition: 2000-q1}}")]);
    assert_snapshot!(output, @r#"
    error[P0505]: `audit` has no partitions
      --> releases/2.0/release.yaml:26:34
       |
    26 |     audit: {migrate: {partition: 2000-q1}}
       |                                  ^^^^^^^
       |
       = help: remove `partition`
    "#);
}

#[test]
fn another_kind_of_partitions_beside_the_old_one_is_fine() {
    let output = mistakes(&[(THIRD, "partition: month", "partition: [quarter, month]")]);
    assert_snapshot!(output, @"");
}

#[test]
fn partitions_from_an_index_that_starts_empty() {
    let output = mistakes(&[
        (SECOND, "{new_like: event}", "{new_like: audit}"),
        (THIRD, "invoice: new", "invoice: {new_like: event}"),
    ]);
    assert_snapshot!(output, @r#"
    error[P0506]: `session` can't have the partitions of `audit`: the two are not partitioned alike
      --> releases/1.1/release.yaml:28:25
       |
    28 |     session: {new_like: audit}
       |                         ^^^^^
       |
       = help: write the same `partition` for both, or `new` here

    error[P0506]: `invoice` can't have the partitions of `event`: the two are not partitioned alike
      --> releases/2.0/release.yaml:27:25
       |
    27 |     invoice: {new_like: event}
       |                         ^^^^^
       |
       = help: write the same `partition` for both, or `new` here
    "#);
}

#[test]
fn partitions_like_a_new_index() {
    let output = mistakes(&[(
        SECOND,
        "event: {migrate: {from: event, operations: [{rename: {from: kind, to: type}}]}}",
        "event: new",
    )]);
    assert_snapshot!(output, @r#"
    error[P0503]: the index `event` of 1.0 is neither carried on nor dropped: its documents would be lost in silence
      --> releases/1.1/release.yaml:26:5
       |
    26 |     event: new
       |     ^^^^^
       |
       = help: carry it on, or give the new index another key (its `name` may stay) and write `event: dropped`

    error[P0506]: `session` can't have the partitions of `event`: that index starts empty as well
      --> releases/1.1/release.yaml:28:25
       |
    28 |     session: {new_like: event}
       |                         ^^^^^
       |
       = help: name an index that is `unchanged` or gets documents by `migrate`
    "#);
}

#[test]
fn partitions_like_nothing() {
    let output = mistakes(&[(SECOND, "{new_like: event}", "{new_like: evnet}")]);
    assert_snapshot!(output, @r#"
    error[P0502]: the release 1.1 has no index `evnet`
      --> releases/1.1/release.yaml:28:25
       |
    28 |     session: {new_like: evnet}
       |                         ^^^^^
       |
       = help: did you mean `event`?
    "#);
}
