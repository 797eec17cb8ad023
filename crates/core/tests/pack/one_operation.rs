//! What is told of one operation, as a table: how it is written, and for each mistake its code, what the place points
//! at, the message and the fix.

use lockstep_core::pack::{Diagnostic, PackFiles, Severity, read};

const PACK: &str = "format: 1
name: shop
data_parts: 1
mode: versioned
naming: {default: {index: \"{tenant}-{name}-v{version}\"}}
";

/// An old mapping that rules out `z`, and a new one that takes anything.
const OLD: &str = r#"{"dynamic": "strict", "properties": {
    "a": {"type": "keyword"}, "b": {"type": "keyword"}, "n": {"type": "long"},
    "o": {"properties": {"p": {"type": "keyword"}, "q": {"type": "keyword"}}},
    "list": {"type": "nested", "properties": {"a": {"type": "keyword"}}}}}"#;

/// All mistakes of an operation that is written behind `- `, line breaks with the indentation of its keys.
fn told(operation: &str) -> Vec<String> {
    let first = "indices: {thing: {mapping: thing.json}}\n";
    let operation = operation.replace('\n', "\n            ");
    let second = format!(
        "{first}step:\n  from: \"1\"\n  indices:\n    thing:\n      migrate:\n        operations:\n          - {operation}\n"
    );
    let files = [
        ("pack.yaml", PACK),
        ("releases/1/release.yaml", first),
        ("releases/1/mappings/thing.json", OLD),
        ("releases/2/release.yaml", &second),
        ("releases/2/mappings/thing.json", "{}"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let reading = read(&PackFiles { files: files.into_iter().collect() });
    let line = |one: &Diagnostic| {
        assert_eq!(one.file, "releases/2/release.yaml", "{}", one.message);
        let token = one.span.clone().and_then(|span| second.get(span)).unwrap_or_default();
        let severity = match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        format!("{severity}[{}]: {token} | {} | {}", one.code, one.message, one.fix)
    };
    reading.diagnostics.iter().map(line).collect()
}

fn check(rows: &[(&str, &[&str])]) {
    let wrong = rows.iter().filter_map(|(operation, expected)| {
        let told = told(operation);
        (told != *expected).then(|| format!("({operation:?}, &{told:#?}),"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "rows with what is told now:\n{}\n", wrong.join("\n"));
}

#[test]
fn spelling() {
    check(&[
        ("lower: {fields: [a, o.p]}", &[]),
        ("upper: {fields: [a], otherwise: keep}", &[]),
        ("trim: {fields: [a], otherwise: null}", &[]),
        (
            "trim: {fields: []}",
            &[
                "error[P0602]: trim | this `trim` names no field | name at least one field, or leave the operation out",
            ],
        ),
        (
            "lower: {field: a}",
            &["error[P0004]: field | `lower` has no field `field` | did you mean `fields`?"],
        ),
        (
            "upper: {fields: [z]}",
            &[
                "warning[P0605]: z | no document has the field `z` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
            ],
        ),
    ]);
}

#[test]
fn mapping() {
    check(&[
        ("map: {field: a, values: {m: male, 'f x': 2, n: null}}", &[]),
        (
            "map: {field: a, values: [{from: 1, to: x}, {from: '1', to: y}, {from: null, to: true}]}",
            &[],
        ),
        (
            "map: {field: a, values: {}}",
            &[
                "error[P0602]: map | this `map` has an empty table | write the values and what they become, or leave the operation out",
            ],
        ),
        (
            "map: {field: a, values: {1: one, '2': two, true: x, 'null': y, -1.5e3: z, 1a: b, x: y}}",
            &[
                "error[P0611]: 1 | the key `1` may be meant as a text or as something else | write the table as a list: `- {from: 1, to: …}`, or `- {from: \"1\", to: …}` for a text",
                "error[P0611]: '2' | the key `2` may be meant as a text or as something else | write the table as a list: `- {from: 2, to: …}`, or `- {from: \"2\", to: …}` for a text",
                "error[P0611]: true | the key `true` may be meant as a text or as something else | write the table as a list: `- {from: true, to: …}`, or `- {from: \"true\", to: …}` for a text",
                "error[P0611]: 'null' | the key `null` may be meant as a text or as something else | write the table as a list: `- {from: null, to: …}`, or `- {from: \"null\", to: …}` for a text",
                "error[P0611]: -1.5e3 | the key `-1.5e3` may be meant as a text or as something else | write the table as a list: `- {from: -1.5e3, to: …}`, or `- {from: \"-1.5e3\", to: …}` for a text",
            ],
        ),
        (
            "map: {field: a, values: [{from: 1, to: x}, {from: 1.0, to: y}]}",
            &["error[P0611]: 1.0 | 1.0 stands twice in the table | keep one of the two"],
        ),
        (
            "map: {field: a, values: {x: y, x: z}}",
            &["error[P0007]: x | the key `x` stands twice | keep one of the two"],
        ),
        (
            "map: {field: a, values: [{from: [1], to: {x: 1}}, {from: , to: y}, 7, {from: x}]}",
            &[
                "error[P0006]: [ | `from` takes single values, but this is a list | write a text, a number, `true`, `false` or `null`",
                "error[P0006]: { | `to` takes single values, but this is a mapping | write a text, a number, `true`, `false` or `null`",
                "error[P0006]: from | `from` takes single values, but this is nothing | write a text, a number, `true`, `false` or `null`",
                "error[P0006]: 7 | a pair of `values` must be a mapping, but this is `7` | write `key: value` lines here, or `{}` for none",
                "error[P0005]: { | a pair of `values` lacks the field `to` | add `to: new`",
            ],
        ),
        (
            "map: {field: a, values: x}",
            &[
                "error[P0006]: x | `values` must be a table, but this is a text | write `{old: new, …}` for texts, or `[{from: 1, to: one}, …]` for any single values",
            ],
        ),
        (
            "map: {field: a, values: {x: }, otherwise: drop}",
            &[
                "error[P0006]: x | `x` takes single values, but this is nothing | write a text, a number, `true`, `false` or `null`",
                "error[P0008]: drop | `otherwise` can't be `drop` | known here: `reject`, `keep`, `remove`, `null`",
            ],
        ),
        (
            "map: {field: z, table: {x: y}}",
            &[
                "error[P0005]: map | `map` lacks the field `values` | add `values: {old: new}`",
                "error[P0004]: table | `map` has no field `table` | known here: `field`, `values`, `otherwise`",
            ],
        ),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("wrap: {fields: [a, o.p]}", &[]),
        ("unwrap: {fields: [a], several: first, empty: null}", &[]),
        (
            "wrap: {fields: []}",
            &[
                "error[P0602]: wrap | this `wrap` names no field | name at least one field, or leave the operation out",
            ],
        ),
        (
            "unwrap: {fields: [], empty: }",
            &[
                "error[P0006]: empty | `empty` must be a word, but this is nothing | write one of `remove`, `null`",
            ],
        ),
        (
            "unwrap: {fields: [z, a], several: last, empty: drop}",
            &[
                "error[P0008]: last | `several` can't be `last` | known here: `reject`, `first`, `keep`",
                "error[P0008]: drop | `empty` can't be `drop` | known here: `remove`, `null`",
            ],
        ),
        (
            "wrap: {field: a}",
            &["error[P0004]: field | `wrap` has no field `field` | did you mean `fields`?"],
        ),
    ]);
}

#[test]
fn nesting() {
    check(&[
        ("nest: {fields: [a, o.p], into: x.y, existing: keep}", &[]),
        (
            "nest: {fields: [], into: x}",
            &[
                "error[P0602]: nest | this `nest` names no field | name at least one field, or leave the operation out",
            ],
        ),
        (
            "nest: {fields: [a, o.q, list.a], into: x}",
            &[
                "error[P0612]: list.a | `a` and `list.a` would both become `x.a` | rename one of them first, or nest it into another object",
                "warning[P0609]: x | `list.a` and `x.a` are not in the same `nested` object: documents with a list there would be rejected | stay below the same `nested` field",
            ],
        ),
        (
            "nest: {fields: [o, o.p, a], into: a}",
            &[
                "error[P0603]: o.p | `o.p` and `o` lie within each other | nest fields beside each other",
                "warning[P0605]: o.p | no document has the field `o.p` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
                "error[P0603]: a | this `nest` leads from `a` to `a.a`: one lies within the other | go through a third field: take it there, remove the outer one, then take it back",
            ],
        ),
        (
            "nest: {fields: [o.p], into: o}",
            &[
                "error[P0602]: o.p | this `nest` leads from `o.p` to itself | correct `into`, or leave the operation out",
            ],
        ),
        (
            "nest: {fields: [z], to: x}",
            &[
                "error[P0005]: nest | `nest` lacks the field `into` | add `into: customer.name`",
                "error[P0004]: to | `nest` has no field `to` | known here: `fields`, `into`, `existing`",
            ],
        ),
    ]);
}

#[test]
fn flattening() {
    check(&[
        ("flatten: {field: o, separator: _}", &[]),
        ("flatten: {field: o, prefix: ''}", &[]),
        (
            "flatten: {field: o}",
            &[
                "error[P0005]: flatten | `flatten` lacks the field `separator` | add `separator: \"_\"`",
            ],
        ),
        (
            "flatten: {field: o, separator: _, prefix: o}",
            &[
                "error[P0612]: separator | `prefix` is all that stands before the names, so `separator` says nothing | keep one of the two",
            ],
        ),
        (
            "flatten: {field: o, prefix: .x}",
            &[
                "error[P0612]: .x | `.x` can't stand before a name: an empty name would come to be | begin it with a name, and join names by single dots",
            ],
        ),
        (
            "flatten: {field: o, separator: .}",
            &[
                "error[P0602]: . | this `flatten` puts the fields of `o` where they are | correct it, or leave the operation out",
            ],
        ),
        (
            "flatten: {field: z, prefix: 1}",
            &[
                "warning[P0605]: z | no document has the field `z` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
            ],
        ),
        (
            "flatten: {field: list, prefix: ''}",
            &[
                "warning[P0609]: list | `list` is a `nested` object: documents with a list there would be rejected | unwrap it first, or keep it",
            ],
        ),
        (
            "flatten: {fields: [o], prefix: ''}",
            &["error[P0004]: fields | `flatten` has no field `fields` | did you mean `field`?"],
        ),
    ]);
}

#[test]
fn programs_in_jq() {
    check(&[
        (
            "when: {field: a, equals: x}\nthen: [jq: {program: .}]",
            &[
                "error[P0614]: jq | a program in jq runs in a process of its own, and can't stand within a `when` | ask for the condition in the program itself, or put the program behind the `when`",
            ],
        ),
        (
            "jq: {program: \".b = \"}",
            &[
                "error[P0616]:  | the program ends where term is expected | correct it there, or just before",
            ],
        ),
        (
            "jq: {program: \"length\", field: z}",
            &[
                "warning[P0605]: z | no document has the field `z` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
            ],
        ),
        ("jq: {program: \"length\", field: a}", &[]),
    ]);
}

#[test]
fn branching() {
    check(&[
        (
            "when: {field: a, equals: x}\nthen: [remove: {fields: [b]}]\nelse: [lower: {fields: [b]}]",
            &[],
        ),
        (
            "when: {all: [{field: n, in: [1, '1', null]}, {not: {field: b, missing: true}}, {any: [{field: a, matches: 'x.*'}]}]}\nthen:\n- when: {field: o.p, exists: true}\n  then: [remove: {fields: [b]}]",
            &[],
        ),
        (
            "when: {field: a, equals: x}",
            &[
                "error[P0005]: when | the operation with `when` lacks the field `then` | add `then: […]`",
            ],
        ),
        (
            "then: [remove: {fields: [b]}]",
            &[
                "error[P0005]: then | the operation with `then` lacks the field `when` | add `when: {field: a, equals: x}`",
            ],
        ),
        (
            "when: {field: a, equals: x}\nthen: []",
            &[
                "error[P0602]: when | this `when` does nothing, whether its condition holds or not | write operations in `then`, or leave it out",
            ],
        ),
        (
            "when: {field: a, equals: x}\nthen: [remove: {fields: []}, upcase: {fields: [a]}]\notherwise: []",
            &[
                "error[P0008]: upcase | there is no operation `upcase` | known here: `rename`, `move`, `copy`, `remove`, `set`, `default`, `cast`, `lower`, `upper`, `trim`, `map`, `date`, `decode`, `encode`, `wrap`, `unwrap`, `nest`, `flatten`, `split`, `join`, `hash`, `drop`, `rekey`, `reroute`, `each`, `send`, `when`, `jq`, `painless`",
                "error[P0004]: otherwise | the operation with `when` has no field `otherwise` | known here: `when`, `then`, `else`",
            ],
        ),
        (
            "when: {field: a, equals: x, then: []}\nthen: [remove: {fields: [z]}]",
            &[
                "error[P0004]: then | the condition has no field `then` | known here: `field`, `equals`, `in`, `exists`, `missing`, `matches`, `all`, `any`, `not`",
            ],
        ),
        (
            "when: {field: a, equals: x}\nthen: [painless: {script: x}]",
            &[
                "error[P0614]: painless | a script runs in the engine, and can't stand within a `when` | ask for the condition in the script itself, or put the script behind the `when`",
            ],
        ),
        (
            "when: {field: z, exists: true}\nthen: [remove: {fields: [b]}]",
            &[
                "warning[P0605]: z | no document has the field `z` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
            ],
        ),
        (
            "remove: {fields: [b]}\nwhen: {field: a, equals: x}",
            &[
                "error[P0006]: remove | `remove` can't stand beside a `when` | begin each operation with its own `-`",
            ],
        ),
        (
            "when: {field: a, equals: x}\nthen: [{when: {field: a, equals: x}, then: [{when: {field: a, equals: x}, then: [{when: {field: a, equals: x}, then: [{when: {field: a, equals: x}, then: []}]}]}]}]",
            &[
                "error[P0613]: when | a `when` lies within 4 others | put the conditions together with `all`, or the operations into another step",
            ],
        ),
    ]);
}

#[test]
fn conditions() {
    check(&[
        (
            "when: x\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0006]: x | the condition must be a mapping, but this is a text | write `key: value` lines here, or `{}` for none",
            ],
        ),
        (
            "when: {}\nthen: [remove: {fields: [b]}]",
            &["error[P0005]: { | the condition lacks the field `field` | add `field: a`"],
        ),
        (
            "when: {field: a}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0613]: field | the condition does not say what `a` has to be | add `equals: x`, `in: [x, y]`, `exists: true`, `missing: true` or `matches: \"x.*\"`",
            ],
        ),
        (
            "when: {equals: x}\nthen: [remove: {fields: [b]}]",
            &["error[P0005]: { | the condition lacks the field `field` | add `field: a`"],
        ),
        (
            "when: {field: a., equals: [x]}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0006]: a. | `a.` is not a field path: it needs one or more names joined by dots, such as `customer.name` | join the names by single dots, with none at the ends",
                "error[P0006]: [ | `equals` takes single values, but this is a list | write a text, a number, `true`, `false` or `null`",
            ],
        ),
        (
            "when: {field: a, equal: x}\nthen: [remove: {fields: [b]}]",
            &["error[P0004]: equal | the condition has no field `equal` | did you mean `equals`?"],
        ),
        (
            "when: {field: a, equals: x, exists: true}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0613]: exists | a condition says one thing, but here are `equals` and `exists` | put two conditions into a list below `all` or `any`",
            ],
        ),
        (
            "when: {field: a, not: {field: b, exists: true}}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0613]: field | a condition says one thing, but here are `not` and `field` | put two conditions into a list below `all` or `any`",
            ],
        ),
        (
            "when: {all: [{field: a, exists: true}], any: []}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0613]: any | a condition says one thing, but here are `all` and `any` | put two conditions into a list below `all` or `any`",
            ],
        ),
    ]);
}

#[test]
fn conditions_within_conditions_and_tests() {
    check(&[
        (
            "when: {all: []}\nthen: [remove: {fields: [b]}]",
            &["error[P0613]: all | `all` has no condition | write one or more"],
        ),
        (
            "when: {any: [x, {field: a, exists: false}]}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0006]: x | a condition of `any` must be a mapping, but this is a text | write `key: value` lines here, or `{}` for none",
                "error[P0613]: false | `exists: false` is written as `missing: true` | write `missing: true`",
            ],
        ),
        (
            "when: {not: [x]}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0006]: [ | a condition of `not` must be a mapping, but this is a list | write `key: value` lines here, or `{}` for none",
            ],
        ),
        (
            "when: {field: a, missing: yes}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0006]: yes | `missing` must be true or false, but this is a text | write `true` or `false` without quotes",
            ],
        ),
        (
            "when: {field: a, in: []}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0613]: in | `in` has no value, so the condition never holds | write one or more",
            ],
        ),
        (
            "when: {field: a, in: x}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0006]: x | `in` must be a list, but this is a text | write `[…]`, or `[]` for none",
            ],
        ),
        (
            "when: {field: a, in: [[x]]}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0006]: [ | `in` takes single values, but this is a list | write a text, a number, `true`, `false` or `null`",
            ],
        ),
        (
            "when: {field: a, equals: }\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0006]: equals | `equals` takes single values, but this is nothing | write a text, a number, `true`, `false` or `null`",
            ],
        ),
        (
            "when: {field: a, matches: '(x'}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0613]: '(x' | `(x` is no regular expression: unclosed group | correct it; it has to fit the whole of a text, so no `^` and `$` are needed",
            ],
        ),
        (
            "when: {field: a, matches: 'x)|(y'}\nthen: [remove: {fields: [b]}]",
            &[
                "error[P0613]: 'x)|(y' | `x)|(y` is no regular expression: unopened group | correct it; it has to fit the whole of a text, so no `^` and `$` are needed",
            ],
        ),
        (
            "when: {not: {not: {not: {not: {not: {not: {not: {not: {field: a, exists: true}}}}}}}}}\nthen: [remove: {fields: [b]}]",
            &["error[P0613]: { | conditions lie deeper than 8 levels | write it with fewer levels"],
        ),
    ]);
}

#[test]
fn hashing() {
    check(&[
        ("hash: {fields: [a, o.p], into: h, algorithm: sha256, existing: keep}", &[]),
        (
            "hash: {fields: [], into: h}",
            &[
                "error[P0602]: hash | this `hash` names no field | name at least one field, or leave the operation out",
            ],
        ),
        (
            "hash: {fields: [z], into: h, algorithm: md5}",
            &["error[P0008]: md5 | `algorithm` can't be `md5` | known here: `sha256`"],
        ),
        (
            "hash: {fields: [z], into: z.h}",
            &[
                "warning[P0605]: z | no document has the field `z` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
                "error[P0603]: z.h | `z.h` and `z` lie within each other | put the digest beside the fields that it is made of",
            ],
        ),
        (
            "hash: {field: a, into: h}",
            &["error[P0004]: field | `hash` has no field `field` | did you mean `fields`?"],
        ),
        (
            "hash: {fields: [list.a], into: h}",
            &[
                "warning[P0609]: h | `list.a` and `h` are not in the same `nested` object: documents with a list there would be rejected | stay below the same `nested` field",
            ],
        ),
    ]);
}

#[test]
fn dates() {
    check(&[
        ("date: {field: a, from: '%d.%m.%Y', to: iso, zone: +02:00, otherwise: null}", &[]),
        (
            "date: {field: a, from: iso}",
            &["error[P0005]: date | `date` lacks the field `to` | add `to: epoch_millis`"],
        ),
        (
            "date: {field: a, from: isso, to: '%H:%M'}",
            &[
                "error[P0615]: isso | `isso` is no form of a date: write `epoch_millis`, `epoch_second`, `iso`, or a pattern such as `%d.%m.%Y` | write one such as `iso`",
                "error[P0615]: '%H:%M' | `%H:%M` is no form of a date: it does not say the day: year, month and day are needed | write one such as `epoch_millis`",
            ],
        ),
        (
            "date: {field: a, from: '%Y-%m-%dT%Q', to: '%Y%', zone: Europe/Berlin}",
            &[
                "error[P0615]: '%Y-%m-%dT%Q' | `%Y-%m-%dT%Q` is no form of a date: known in a pattern are %Y %m %d %H %I %p %M %S %.f %:z %z %b %B | write one such as `iso`",
                "error[P0615]: '%Y%' | `%Y%` is no form of a date: known in a pattern are %Y %m %d %H %I %p %M %S %.f %:z %z %b %B | write one such as `epoch_millis`",
                "error[P0615]: Europe/Berlin | `Europe/Berlin` is no zone: `UTC` or a fixed distance such as `+02:00` is needed | write one such as `UTC`",
            ],
        ),
        (
            "date: {field: z, from: 1, to: epoch_millis, zone: +2}",
            &[
                "error[P0615]: 1 | `1` is no form of a date: write `epoch_millis`, `epoch_second`, `iso`, or a pattern such as `%d.%m.%Y` | write one such as `iso`",
                "error[P0615]: +2 | `+2` is no zone: `UTC` or a fixed distance such as `+02:00` is needed | write one such as `UTC`",
            ],
        ),
    ]);
}

#[test]
fn codings() {
    check(&[
        ("decode: {field: a, from: base64-gzip-json, otherwise: null}", &[]),
        ("decode: {field: a, from: base64}", &[]),
        ("encode: {field: o, to: base64-json}", &[]),
        ("join: {fields: [a, b], separator: ',', into: a, lists: join}", &[]),
        ("join: {fields: [a], separator: ',', into: a, lists: join}", &[]),
        (
            "join: {fields: [], separator: ',', into: a, lists: join}",
            &[
                "error[P0610]: join | `join` needs at least one field to join | name more fields in `fields`, or use `rename` or `move`",
            ],
        ),
        (
            "join: {fields: [a], separator: ',', into: a}",
            &[
                "error[P0610]: a | `join` needs at least two fields to join | name more fields in `fields`, or use `rename` or `move`",
            ],
        ),
        (
            "join: {fields: [a, b], separator: ',', into: a, lists: keep}",
            &["error[P0008]: keep | `lists` can't be `keep` | known here: `reject`, `join`"],
        ),
        (
            "decode: {field: a}",
            &["error[P0005]: decode | `decode` lacks the field `from` | add `from: base64-json`"],
        ),
        (
            "decode: {field: z, from: base64-jsn}",
            &[
                "error[P0008]: base64-jsn | `from` can't be `base64-jsn` | did you mean `base64-json`?",
            ],
        ),
        (
            "decode: {field: z, from: base64-json}",
            &[
                "warning[P0605]: z | no document has the field `z` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
            ],
        ),
        (
            "encode: {field: z, from: base64}",
            &[
                "error[P0005]: encode | `encode` lacks the field `to` | add `to: base64-json`",
                "error[P0004]: from | `encode` has no field `from` | known here: `field`, `to`, `otherwise`",
            ],
        ),
    ]);
}

#[test]
fn spreading() {
    check(&[
        ("drop: {}", &[]),
        ("rekey: {id: '{a}-{_id}'}", &[]),
        ("reroute: {routing: '{o.p}'}", &[]),
        ("reroute: {remove: true}", &[]),
        ("each: {field: list, into: item, id: '{_id}-{_position}', empty: drop}", &[]),
        ("jq: {program: '.l[]', documents: any}", &[]),
        ("painless: {script: 'ctx.op = \"noop\"', documents: any}", &[]),
        (
            "drop: {field: a}",
            &["error[P0004]: field | `drop` has no field `field` | known here: none"],
        ),
        (
            "drop:",
            &[
                "error[P0006]: drop | `drop` must be a mapping, but this is nothing | write `key: value` lines here, or `{}` for none",
            ],
        ),
        (
            "rekey: {id: '{a'}",
            &[
                "error[P0618]: '{a' | `{a` can't be filled: a `{` is not closed | write names of fields in braces, such as `{customer.id}`, and `{_id}`, `{_routing}` or `{_index}`",
            ],
        ),
        (
            "rekey: {id: same}",
            &[
                "error[P0618]: same | every document would get the same id | name a field, or `{_id}`",
            ],
        ),
        (
            "rekey: {id: '{_position}'}",
            &[
                "error[P0618]: '{_position}' | only the `id` of `each` knows a `{_position}` | name a field, or `{_id}`",
            ],
        ),
        (
            "rekey: {id: '{z}'}",
            &[
                "warning[P0605]: '{z}' | no document has the field `z` here: the mapping before is strict and lacks it | correct the path, or the order of the operations",
            ],
        ),
    ]);
}

#[test]
fn places() {
    check(&[
        (
            "rekey: {to: x}",
            &[
                "error[P0005]: rekey | `rekey` lacks the field `id` | add `id: \"{customer.id}-{_id}\"`",
                "error[P0004]: to | `rekey` has no field `to` | known here: `id`",
            ],
        ),
        (
            "reroute: {}",
            &[
                "error[P0005]: reroute | `reroute` lacks the field `routing` | add `routing: \"{customer.id}-{_id}\"`",
            ],
        ),
        (
            "reroute: {routing: '{a}', remove: true}",
            &[
                "error[P0618]: routing | `remove` takes the routing away, so `routing` says nothing | keep one of the two",
            ],
        ),
        (
            "reroute: {routing: '{_position}'}",
            &[
                "error[P0618]: '{_position}' | only the `id` of `each` knows a `{_position}` | name a field, or leave it out",
            ],
        ),
        (
            "each: {field: list, id: '{_id}'}",
            &[
                "error[P0618]: '{_id}' | all documents that are made of one would get the same id | name `{_position}`, or a field of the element",
            ],
        ),
        (
            "each: {field: list, into: list.x, id: '{_position}'}",
            &[
                "error[P0603]: list.x | this `each` leads from `list` to `list.x`: one lies within the other | leave `into` out, or put the element beside the list",
            ],
        ),
        (
            "each: {field: z, id: '{_position}', empty: skip}",
            &[
                "error[P0008]: skip | `empty` can't be `skip` | known here: `reject`, `keep`, `drop`",
            ],
        ),
    ]);
}

#[test]
fn destinations() {
    check(&[
        (
            "send: {to: thing}",
            &[
                "error[P0618]: thing | documents of `thing` are in `thing` anyway | name another index, or leave it out",
            ],
        ),
        (
            "send: {to: thign}",
            &["error[P0618]: thign | the release 2 has no index `thign` | known here: none"],
        ),
        ("send: {}", &["error[P0005]: send | `send` lacks the field `to` | add `to: KEY`"]),
        (
            "jq: {program: ., to: [other]}",
            &[
                "error[P0618]: to | one document stays in its index, so `to` says nothing | write `documents: any`, or leave `to` out",
            ],
        ),
        (
            "jq: {program: ., field: a, documents: any}",
            &[
                "error[P0618]: a | a field's value becomes one other, so `documents: any` says nothing | leave one of the two out",
            ],
        ),
        (
            "jq: {program: ., documents: any, to: [other]}",
            &["error[P0618]: other | the release 2 has no index `other` | known here: none"],
        ),
        (
            "jq: {program: ., documents: several}",
            &["error[P0008]: several | `documents` can't be `several` | known here: `one`, `any`"],
        ),
        (
            "when: {field: a, equals: x}\nthen: [drop: {}, set: {field: a, value: 1}]",
            &[
                "error[P0602]: set | a `drop` stands before this `set`, which is never done | put the `drop` into a `when`, or leave out what follows it",
            ],
        ),
    ]);
}
