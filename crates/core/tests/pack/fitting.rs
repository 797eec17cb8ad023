//! Which fields fit the new mapping, as a table: old mapping, operations, new mapping, what is told.

use lockstep_core::pack::{PackFiles, Severity, read};
use serde_json::{Value, json};

const PACK: &str = "format: 1
name: shop
data_parts: 1
mode: versioned
naming: {default: {index: \"{tenant}-{name}-v{version}\"}}
";

fn strict(properties: &Value) -> Value {
    json!({"dynamic": "strict", "properties": properties})
}

/// The codes that are told, with the words in backticks that stand first in the messages; warnings in parentheses.
fn told(old: &Value, operations: &[&str], new: &Value) -> Vec<String> {
    let first = "indices: {thing: {mapping: thing.json}}\n";
    let list = match operations {
        [] => " []".to_owned(),
        all => format!("\n          - {}", all.join("\n          - ")),
    };
    let second = format!(
        "{first}step:\n  from: \"1\"\n  indices:\n    thing:\n      migrate:\n        operations:{list}\n"
    );
    let files = [
        ("pack.yaml", PACK.to_owned()),
        ("releases/1/release.yaml", first.to_owned()),
        ("releases/1/mappings/thing.json", old.to_string()),
        ("releases/2/release.yaml", second),
        ("releases/2/mappings/thing.json", new.to_string()),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.into_bytes()));
    let reading = read(&PackFiles { files: files.into_iter().collect() });
    let text = |one: &lockstep_core::pack::Diagnostic| {
        let field = one.message.split('`').nth(1).unwrap_or_default();
        match one.severity {
            Severity::Error => format!("{} {field}", one.code),
            Severity::Warning => format!("({} {field})", one.code),
        }
    };
    reading.diagnostics.iter().map(text).collect()
}

fn check(old: &Value, operations: &[&str], new: &Value, expected: &[&str]) {
    assert_eq!(told(old, operations, new), expected, "{old} {operations:?} {new}");
}

#[test]
fn equal_mappings_fit() {
    let mapping =
        strict(&json!({"a": {"type": "keyword"}, "b": {"properties": {"c": {"type": "long"}}}}));
    check(&mapping, &[], &mapping, &[]);
}

#[test]
fn a_field_without_a_place_is_told_unless_the_new_mapping_is_open() {
    let old =
        strict(&json!({"a": {"type": "keyword"}, "b": {"properties": {"c": {"type": "long"}}}}));
    let new = strict(&json!({"a": {"type": "keyword"}}));
    check(&old, &[], &new, &["P0607 b"]);
    check(&old, &["remove: {fields: [b]}"], &new, &[]);
    let moves = ["move: {from: b.c, to: a, existing: overwrite}", "cast: {field: a, to: string}"];
    check(&old, &moves, &new, &[]);
    for dynamic in [json!(true), json!(false), json!("runtime")] {
        let open = json!({"dynamic": dynamic, "properties": {"a": {"type": "keyword"}}});
        check(&old, &[], &open, &[]);
    }
}

#[test]
fn an_open_old_mapping_makes_it_a_warning() {
    let old = json!({"properties": {"a": {"type": "keyword"}}});
    check(&old, &[], &strict(&json!({})), &["(P0607 a)"]);
    // What else documents have is not known.
    check(
        &old,
        &["rename: {from: x, to: y}"],
        &strict(&json!({"a": {"type": "keyword"}})),
        &["P0606 y"],
    );
    check(&old, &["remove: {fields: [x, y.z]}"], &old, &[]);
}

#[test]
fn objects_inherit_and_change_what_becomes_of_other_fields() {
    let closed = |inner: Value| strict(&json!({"o": inner}));
    let old = closed(json!({"properties": {"a": {"type": "keyword"}, "b": {"type": "keyword"}}}));
    let one = json!({"a": {"type": "keyword"}});
    check(&old, &[], &closed(json!({"properties": one})), &["P0607 o.b"]);
    check(&old, &[], &closed(json!({"properties": one, "dynamic": true})), &[]);
    check(&old, &[], &closed(json!({"type": "nested", "properties": one})), &["P0607 o.b"]);
    let inner_strict = json!({"properties": {"o": {"dynamic": "strict", "properties": one}}});
    check(&old, &[], &inner_strict, &["P0607 o.b"]);
    // An open object of the old mapping may have any field.
    let open = closed(json!({"type": "object", "dynamic": true}));
    check(&open, &["rename: {from: o.x, to: o.y}"], &open, &[]);
    check(
        &closed(json!({"type": "object"})),
        &["remove: {fields: [o.x]}"],
        &open,
        &["(P0605 o.x)"],
    );
}

#[test]
fn what_a_type_keeps_inside_is_its_own_business() {
    for definition in [
        json!({"type": "flattened"}),
        json!({"type": "flat_object"}),
        json!({"type": "object", "enabled": false}),
        json!({"type": "object", "enabled": "false"}),
        json!({"type": "geo_point"}),
        json!({"type": "a_type_of_tomorrow"}),
    ] {
        let mapping = strict(&json!({"x": definition}));
        check(
            &mapping,
            &["rename: {from: x.a, to: x.b}", "set: {field: x.c, value: 1}"],
            &mapping,
            &[],
        );
        let object = strict(&json!({"x": {"properties": {"deep": {"type": "keyword"}}}}));
        check(&object, &[], &mapping, &[]);
        check(&mapping, &[], &object, &[]);
        check(&mapping, &[], &strict(&json!({})), &["P0607 x"]);
    }
}

#[test]
fn a_dotted_name_is_a_path() {
    let dotted = strict(&json!({"a.b": {"type": "keyword"}, "a.c": {"type": "keyword"}}));
    let nested =
        strict(&json!({"a": {"properties": {"b": {"type": "keyword"}, "c": {"type": "keyword"}}}}));
    check(&dotted, &[], &nested, &[]);
    check(&nested, &["remove: {fields: [a.c]}", "set: {field: a.c, value: x}"], &dotted, &[]);
}

#[test]
fn an_alias_is_no_field_of_documents() {
    let with = strict(&json!({"a": {"type": "keyword"}, "b": {"type": "alias", "path": "a"}}));
    let without = strict(&json!({"a": {"type": "keyword"}}));
    check(&with, &[], &without, &[]);
    check(&with, &["rename: {from: b, to: a, existing: keep}"], &without, &["(P0605 b)"]);
    check(&without, &["copy: {from: a, to: b}"], &with, &["P0606 b"]);
}

#[test]
fn fields_are_followed_through_all_operations() {
    let old = strict(&json!({"a": {"type": "keyword"}}));
    let new = strict(&json!({"d": {"properties": {"e": {"type": "keyword"}}}}));
    check(&old, &["rename: {from: a, to: b}", "move: {from: b, to: d.e}"], &new, &[]);
    check(
        &old,
        &["rename: {from: a, to: b}", "move: {from: a, to: d.e}"],
        &new,
        &["P0606 b", "(P0605 a)"],
    );
    check(&old, &["copy: {from: a, to: d.e}"], &new, &["P0607 a"]);
    // A parent that a move leaves empty is removed.
    check(&new, &["move: {from: d.e, to: a}"], &old, &[]);
    check(&new, &["move: {from: d.e, to: a}", "remove: {fields: [d]}"], &old, &["(P0605 d)"]);
    // Objects move as a whole.
    let moved =
        strict(&json!({"x": {"properties": {"d": {"properties": {"e": {"type": "long"}}}}}}));
    check(&new, &["move: {from: d, to: x.d}"], &moved, &["(P0608 x.d.e)"]);
}

#[test]
fn a_value_stays_in_its_element_of_a_list() {
    let inner = json!({"a": {"type": "keyword"}, "b": {"type": "keyword"}});
    let items = json!({"type": "nested", "properties": inner});
    let old = strict(&json!({"items": items, "x": {"type": "keyword"}}));
    check(&old, &["copy: {from: items.a, to: items.b, existing: overwrite}"], &old, &[]);
    let out = "copy: {from: items.a, to: x, existing: overwrite}";
    check(&old, &[out], &old, &["(P0609 items.a)"]);
    let into = "copy: {from: x, to: items.a, existing: overwrite}";
    check(&old, &[into], &old, &["(P0609 x)"]);
    // A nested object moves as a whole.
    let renamed = strict(&json!({"lines": items, "x": {"type": "keyword"}}));
    check(&old, &["rename: {from: items, to: lines}"], &renamed, &[]);
}

#[test]
fn types_are_compared_where_it_is_clear() {
    let of = |kind: &str| strict(&json!({"a": {"type": kind}}));
    let cases = [
        ("keyword", "long", &["(P0608 a)"] as &[&str]),
        ("keyword", "boolean", &["(P0608 a)"]),
        ("keyword", "date", &[]),
        ("keyword", "text", &[]),
        ("long", "keyword", &[]),
        ("long", "integer", &[]),
        ("long", "double", &[]),
        ("double", "long", &["(P0608 a)"]),
        ("boolean", "long", &["(P0608 a)"]),
        ("boolean", "keyword", &[]),
        ("date", "long", &[]),
        ("date", "boolean", &["(P0608 a)"]),
    ];
    for (old, new, expected) in cases {
        check(&of(old), &[], &of(new), expected);
    }
    check(&of("keyword"), &["cast: {field: a, to: long}"], &of("long"), &[]);
    check(&of("keyword"), &["cast: {field: a, to: long}"], &of("boolean"), &["(P0608 a)"]);
    check(&of("keyword"), &["set: {field: a, value: [1, 2]}"], &of("long"), &[]);
    check(&of("keyword"), &["set: {field: a, value: null}"], &of("long"), &[]);
    for name in ["lower", "upper", "trim"] {
        let operation = format!("{name}: {{fields: [a]}}");
        check(&of("boolean"), &[&operation], &of("boolean"), &["(P0608 a)"]);
        check(&of("keyword"), &[&operation], &of("keyword"), &[]);
        let operation = format!("{name}: {{fields: [a], otherwise: keep}}");
        check(&of("boolean"), &[&operation], &of("boolean"), &[]);
    }
    let date = "date: {field: a, from: iso, to: epoch_millis}";
    check(&of("keyword"), &[date], &of("long"), &[]);
    check(&of("date"), &[date], &of("boolean"), &["(P0608 a)"]);
    check(
        &of("date"),
        &["date: {field: a, from: epoch_millis, to: iso}"],
        &of("long"),
        &["(P0608 a)"],
    );
    for (coding, kinds) in
        [("base64", ["keyword", "boolean"]), ("base64-json", ["object", "object"])]
    {
        let decode = format!("decode: {{field: a, from: {coding}}}");
        check(&of("keyword"), &[&decode], &of(kinds[0]), &[]);
        let told: &[&str] = if coding == "base64" { &["(P0608 a)"] } else { &[] };
        check(&of("keyword"), &[&decode], &of(kinds[1]), told);
        let encode = format!("encode: {{field: a, to: {coding}}}");
        check(&of("long"), &[&encode], &of("long"), &["(P0608 a)"]);
        check(&of("object"), &[&encode], &of("keyword"), &[]);
    }
    let table = "map: {field: a, values: {x: 1, y: 2, z: null}}";
    check(&of("keyword"), &[table], &of("long"), &[]);
    check(&of("keyword"), &[table], &of("boolean"), &["(P0608 a)"]);
    let kept = "map: {field: a, values: {x: y}, otherwise: keep}";
    check(&of("keyword"), &[kept], &of("long"), &["(P0608 a)"]);
    let object = strict(&json!({"a": {"properties": {}}}));
    check(&of("keyword"), &[], &object, &["P0608 a"]);
    check(&object, &[], &of("keyword"), &["P0608 a"]);
}

#[test]
fn fields_are_followed_into_objects_and_out_of_them() {
    let flat = strict(&json!({"a": {"type": "keyword"}, "b": {"type": "long"}}));
    let deep =
        strict(&json!({"o": {"properties": {"a": {"type": "keyword"}, "b": {"type": "boolean"}}}}));
    check(&flat, &["nest: {fields: [a, b], into: o}"], &deep, &["(P0608 o.b)"]);
    check(&flat, &["nest: {fields: [a, b], into: x}"], &deep, &["P0606 x"]);
    check(&flat, &["nest: {fields: [a], into: o}"], &deep, &["P0607 b"]);
    check(&deep, &["flatten: {field: o, prefix: ''}"], &flat, &["(P0608 b)"]);
    check(&deep, &["flatten: {field: o, separator: _}"], &flat, &["P0606 o_a", "P0606 o_b"]);
    let kept = "flatten: {field: o, prefix: '', existing: keep}";
    check(&deep, &["copy: {from: o.a, to: b}", kept], &flat, &[]);
    // What an open object holds may stand anywhere beside it.
    let open = strict(&json!({"o": {"type": "object", "dynamic": true}}));
    let after = ["flatten: {field: o, separator: _}", "rename: {from: o_a, to: a}"];
    check(&open, &after, &flat, &[]);
    let closed = strict(&json!({"o": {"properties": {"b": {"type": "long"}}}}));
    check(&closed, &after, &flat, &["P0606 o_b", "(P0605 o_a)"]);
}

#[test]
fn both_branches_have_to_fit() {
    let keyword = json!({"type": "keyword"});
    let long = json!({"type": "long"});
    let when = |condition: &str, then: &str, otherwise: &str| {
        format!("when: {condition}\n            then: [{then}]\n            else: [{otherwise}]")
    };
    let kind = "{field: kind, equals: x}";
    let old = strict(&json!({"kind": keyword, "a": keyword}));
    let renamed = strict(&json!({"kind": keyword, "b": keyword}));
    let number = strict(&json!({"kind": keyword, "a": long}));
    let object = strict(&json!({"kind": keyword, "a": {"properties": {"p": keyword}}}));
    let rename = "rename: {from: a, to: b}";
    let both = "{all: [{field: a, exists: true}, {field: kind, exists: true}]}";
    let cases: [(String, &Value, &[&str]); 10] = [
        (when(both, rename, ""), &renamed, &["P0607 a"]),
        (when(kind, rename, rename), &renamed, &[]),
        (when(kind, rename, "remove: {fields: [a]}"), &renamed, &[]),
        (when(kind, rename, ""), &renamed, &["P0607 a"]),
        (when(kind, rename, "rename: {from: a, to: c}"), &renamed, &["P0606 c"]),
        // Where it is missing, it has not to go.
        (when("{field: a, exists: true}", rename, ""), &renamed, &[]),
        (
            when(
                "{not: {any: [{field: a, exists: true}, {field: kind, exists: true}]}}",
                "",
                rename,
            ),
            &renamed,
            &[],
        ),
        (when(kind, "cast: {field: a, to: long}", "set: {field: a, value: 1}"), &number, &[]),
        (
            when(kind, "cast: {field: a, to: long}", "set: {field: a, value: x}"),
            &number,
            &["(P0608 a)"],
        ),
        (
            when(kind, "set: {field: a, value: {p: x}}", "set: {field: a, value: x}"),
            &object,
            &["P0608 a"],
        ),
    ];
    for (operation, new, expected) in cases {
        check(&old, &[&operation], new, expected);
    }
    // What is written below what only one branch made an object.
    let operations = [
        when(kind, "set: {field: a, value: {p: x, q: y}}", "remove: {fields: [a]}"),
        "remove: {fields: [a.q]}".to_owned(),
        when(kind, "set: {field: a.q, value: x}", "set: {field: kind, value: y}"),
    ];
    let [first, second, third] = operations.each_ref().map(String::as_str);
    check(&old, &[first, second], &object, &[]);
    check(&old, &[first, second, third], &object, &["P0606 a.q"]);
}
