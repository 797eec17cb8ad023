//! What is drawn, what a profile keeps, and that shrinking ends at something small.

use serde_json::{Value, json};

use super::{Dice, Json, Profile, Shape, document, smaller};

fn mapping() -> Value {
    json!({"dynamic": "strict", "properties": {
        "name": {"type": "keyword"},
        "age": {"type": "long"},
        "is_old": {"type": "boolean"},
        "at": {"type": "date"},
        "home": {"properties": {"city": {"type": "text"}, "place": {"type": "geo_point"}}},
        "other_name": {"type": "alias", "path": "name"},
        "free": {"dynamic": true, "properties": {}},
    }})
}

#[test]
fn a_seed_draws_the_same_documents_and_another_one_others() {
    let shape = Shape::of_mapping(&mapping(), &["note".to_owned()]);
    let drawn = |seed| {
        let mut dice = Dice::new(seed);
        (0..50).map(|_| document(&shape, &mut dice).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn a_mapping_draws_all_its_fields_and_unknown_ones_only_where_it_takes_them() {
    let shape = Shape::of_mapping(&mapping(), &["note".to_owned()]);
    let mut dice = Dice::new(7);
    let mut all = String::new();
    for _ in 0..300 {
        let text = document(&shape, &mut dice).to_string();
        let value: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(value.get("note").is_none() && value.get("other_name").is_none(), "{text}");
        all.push_str(&text);
    }
    for part in [
        "\"name\":",
        "\"age\":9007199254740993",
        "\"age\":-9223372036854775808",
        "\"age\":null",
        "\"age\":[",
        "\"is_old\":",
        "\"at\":",
        "\"home\":{",
        "\"home.city\":",
        "\"place\":{\"lat\":",
        "\"note\":",
    ] {
        assert!(all.contains(part), "{part}");
    }
}

#[test]
fn a_profile_keeps_shapes_and_words_and_no_other_value() {
    let mut profile = Profile::default();
    for number in 0..40 {
        let mail = format!("person{number}@example.org");
        let state = if number % 2 == 0 { "open" } else { "done" };
        let mut one = json!({"mail": mail, "state": state, "tags": ["secret", number], "at": "2020-01-02T03:04:05Z"});
        if number % 4 == 0 {
            one["depth"] = json!({"n": number});
        }
        profile.add(&one);
    }
    assert_eq!(profile.count(), 40);
    let of_mapping = json!({"properties": {
        "mail": {"type": "keyword"}, "state": {"type": "keyword"}, "at": {"type": "ip"},
        "depth": {"properties": {"n": {"type": "date"}}}}});
    let shape = profile.shape(&Shape::of_mapping(&of_mapping, &[]));
    assert_eq!(shape.fields["depth"].presence, 25);
    let mut dice = Dice::new(1);
    let all: String = (0..300).map(|_| document(&shape, &mut dice).to_string()).collect();
    assert!(!all.contains("example.org") && !all.contains("person"));
    assert!(all.contains("\"state\":\"open\"") && all.contains("\"state\":\"done\""));
    // What is no text looks as its mapping wants it.
    assert!(all.contains("\"at\":\"192.0.2.1\"") && all.contains("\"depth\":{\"n\":\"2020-"));
}

/// The smallest document that a search ends at.
fn shrunk(mut document: Json, shows: impl Fn(&str) -> bool) -> String {
    for _round in 0..200 {
        let found = smaller(&document).into_iter().find(|one| shows(&one.to_string()));
        let Some(found) = found else { return document.to_string() };
        document = found;
    }
    panic!("it never ends: {document}")
}

#[test]
fn shrinking_ends_at_what_the_trouble_is_about() {
    let shape = Shape::of_mapping(&mapping(), &[]);
    let is_it = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        value["home"]["city"].is_string() && value.get("age").is_some_and(Value::is_array)
    };
    let mut dice = Dice::new(3);
    let large = loop {
        let one = document(&shape, &mut dice);
        if is_it(&one.to_string()) && one.weight() > 60 {
            break one;
        }
    };
    let small = shrunk(large, is_it);
    let mut value: Value = serde_json::from_str(&small).unwrap();
    value.sort_all_objects();
    assert_eq!(value.to_string(), r#"{"age":[],"home":{"city":""}}"#);
}
