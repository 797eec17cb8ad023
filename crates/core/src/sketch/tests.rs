//! Pairs of mappings and the steps that are drafted of them. Each is read again, as a pack.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{About, Answer, Answers, Seen, Side, files, questions};
use crate::pack::{PackFiles, Severity, model::Partition, read};

const PACK: &str = "format: 1\nname: shop\ndata_parts: 2\nmode: alias\nnaming:\n  default:\n    \
                    index: \"{tenant}-{name}-v{version}\"\n    \
                    partitioned: \"{tenant}-{name}-v{version}-{partition}\"\n    alias: \"{tenant}-{name}\"\n";

fn strict(fields: &Value) -> Seen {
    Seen { mapping: json!({"dynamic": "strict", "properties": fields}), ..Seen::default() }
}

fn side(version: &str, indices: &[(&str, Seen)]) -> Side {
    let indices = indices.iter().map(|(key, seen)| ((*key).to_owned(), seen.clone())).collect();
    Side { version: version.parse().unwrap(), label: None, indices }
}

/// The step that is drafted, and what `pack check` says of the pack: codes and messages of its errors.
fn drafted(old: &Side, new: &Side, answers: &Answers) -> (String, Vec<String>) {
    let mut all = BTreeMap::from([("pack.yaml".to_owned(), PACK.to_owned())]);
    all.extend(files(old, None, &Answers::new()));
    let written = files(new, Some(old), answers);
    let release = written["releases/1.1/release.yaml"].clone();
    all.extend(written);
    let all = all.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let reading = read(&PackFiles { files: all });
    let errors = reading.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    let errors = errors.map(|one| format!("{} {}", one.code, one.message)).collect();
    let (_, step) = release.split_once("step:\n").unwrap();
    (step.to_owned(), errors)
}

fn field(index: &str, field: &str) -> About {
    About::Field { index: index.to_owned(), field: field.to_owned() }
}

#[test]
fn what_can_be_told_is_written_and_nothing_is_open() {
    let kinds = |kind: &str| json!({"count": {"type": kind}});
    let rows = [
        (kinds("long"), kinds("long"), "note: unchanged\n"),
        (kinds("keyword"), kinds("text"), "operations: []\n"),
        (kinds("keyword"), kinds("long"), "- cast: {field: count, to: long, otherwise: reject}"),
        (kinds("long"), kinds("keyword"), "- cast: {field: count, to: string, otherwise: reject}"),
        (kinds("long"), kinds("double"), "- cast: {field: count, to: double, otherwise: reject}"),
        (
            kinds("long"),
            json!({"count": {"type": "long"}, "new": {"type": "date"}}),
            "# new here: new\n",
        ),
    ];
    for (before, after, expected) in rows {
        let (old, new) =
            (side("1.0", &[("note", strict(&before))]), side("1.1", &[("note", strict(&after))]));
        assert_eq!(questions(&old, &new), [], "{expected}");
        let (step, errors) = drafted(&old, &new, &Answers::new());
        assert!(step.contains(expected), "{step}");
        assert!(errors.is_empty(), "{step}{errors:?}");
    }
}

fn people() -> (Side, Side) {
    let document = |number: u32, name: &str| json!({name: format!("mail{number}@example.org")});
    let documents = |name: &str| (0..5).map(|number| document(number, name)).collect();
    let old = Seen {
        documents: documents("mail"),
        ..strict(&json!({
            "mail": {"type": "keyword"}, "adress": {"type": "text"}, "debug": {"type": "boolean"},
            "home": {"properties": {"city": {"type": "text"}}}}))
    };
    let new = Seen {
        documents: documents("contact"),
        ..strict(&json!({
            "contact": {"type": "keyword"}, "address": {"type": "text"}, "place": {"properties": {"city": {"type": "text"}}}}))
    };
    (side("1.0", &[("person", old)]), side("1.1", &[("person", new)]))
}

#[test]
fn what_can_not_be_told_is_asked_and_stays_open_until_it_is_answered() {
    let (old, new) = people();
    let asked: Vec<String> = questions(&old, &new)
        .iter()
        .map(|question| {
            let About::Field { index: _, field } = &question.about else { panic!("{question:?}") };
            let names: Vec<String> = question
                .candidates
                .iter()
                .map(|one| format!("{} ({})", one.name, one.reason))
                .collect();
            format!("{field}: {}", names.join(", "))
        })
        .collect();
    assert_eq!(
        asked,
        [
            "adress: address (its name is similar, its type the same)",
            "debug: ",
            "home.city: place.city (it has the same name elsewhere)",
            "mail: contact (5 of 5 values are the same)",
        ]
    );
    let (step, errors) = drafted(&old, &new, &Answers::new());
    let expected = r#"  from: "1.0"
  indices:
    person:
      # OPEN: the new mapping has no `adress`. Its values end here with `- remove: {fields: [adress]}`
      #   or it is now `address` (its name is similar, its type the same): `- rename: {from: adress, to: address}`
      # OPEN: the new mapping has no `debug`. Its values end here with `- remove: {fields: [debug]}`
      # OPEN: the new mapping has no `home.city`. Its values end here with `- remove: {fields: [home.city]}`
      #   or it is now `place.city` (it has the same name elsewhere): `- move: {from: home.city, to: place.city}`
      # OPEN: the new mapping has no `mail`. Its values end here with `- remove: {fields: [mail]}`
      #   or it is now `contact` (5 of 5 values are the same): `- rename: {from: mail, to: contact}`
      # new here: address, contact, place.city
      migrate:
        operations: []
"#;
    assert_eq!(step, expected);
    assert!(
        !errors.is_empty() && errors.iter().all(|error| error.starts_with("P0607")),
        "{errors:?}"
    );
    let carry = |to: &str| Answer::Carry(to.to_owned());
    let answers = Answers::from([
        (field("person", "adress"), carry("address")),
        (field("person", "debug"), Answer::Drop),
        (field("person", "home.city"), carry("place.city")),
        (field("person", "mail"), carry("contact")),
    ]);
    let (step, errors) = drafted(&old, &new, &answers);
    let expected = r#"  from: "1.0"
  indices:
    person:
      # new here: address, contact, place.city
      migrate:
        operations:
          - rename: {from: adress, to: address}
          - remove: {fields: [debug]}   # as was said: its values end here
          - move: {from: home.city, to: place.city}
          - rename: {from: mail, to: contact}
"#;
    assert_eq!((step.as_str(), errors), (expected, Vec::new()));
}

#[test]
fn an_index_that_is_gone_is_never_dropped_unasked() {
    let fields = || strict(&json!({"a": {"type": "long"}}));
    let monthly = Seen { partitions: vec![Partition::Month], ..fields() };
    let old = side("1.0", &[("log", fields()), ("order", monthly.clone())]);
    let new = side("1.1", &[("journal", fields()), ("order", monthly)]);
    let about = About::Index { key: "log".to_owned() };
    let (step, errors) = drafted(&old, &new, &Answers::new());
    assert!(
        step.contains("#   log: dropped\n") && step.contains("(its mapping has the same fields)"),
        "{step}"
    );
    assert!(errors.len() == 1 && errors[0].starts_with("P0503"), "{errors:?}");
    for (answer, expected) in [
        (Answer::Drop, "    log: dropped\n"),
        (Answer::Carry("journal".to_owned()), "    journal:\n      migrate:\n        from: log\n"),
    ] {
        let (step, errors) = drafted(&old, &new, &Answers::from([(about.clone(), answer)]));
        assert!(step.contains(expected) && step.contains("    order: unchanged\n"), "{step}");
        assert_eq!(errors, Vec::<String>::new(), "{step}");
    }
}

#[test]
fn names_that_yaml_would_take_for_something_else_are_quoted() {
    let old = side(
        "1.0",
        &[("note", strict(&json!({"Yes": {"type": "keyword"}, "a: b": {"type": "keyword"}})))],
    );
    let new = side(
        "1.1",
        &[("note", strict(&json!({"Yes": {"type": "long"}, "a: b": {"type": "long"}})))],
    );
    let (step, errors) = drafted(&old, &new, &Answers::new());
    assert!(step.contains("field: \"Yes\"") && step.contains("field: \"a: b\""), "{step}");
    assert_eq!(errors, Vec::<String>::new(), "{step}");
}
