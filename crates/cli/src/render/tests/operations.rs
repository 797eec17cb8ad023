//! Operations as a plan shows them.

use lockstep_core::transform::operation::Operation;
use serde_json::json;

use crate::render::program::operation_lines;

#[test]
fn each_operation_has_its_words() {
    let operations = json!([
        {"lower": {"fields": ["mail", "user.name"]}},
        {"trim": {"fields": ["name"], "otherwise": "keep"}},
        {"map": {"field": "sex", "values": [{"from": "m", "to": "male"}, {"from": 1, "to": null}], "otherwise": "null"}},
        {"map": {"field": "day", "values": (1..=7).map(|day| json!({"from": day, "to": day + 1})).collect::<Vec<_>>()}},
        {"date": {"field": "at", "from": "epoch_millis", "to": "%d.%m.%Y", "otherwise": "remove"}},
        {"decode": {"field": "draft", "from": "base64-gzip-json", "otherwise": "keep"}},
        {"encode": {"field": "draft", "to": "base64"}},
        {"wrap": {"fields": ["tag"]}},
        {"unwrap": {"fields": ["tag"], "several": "first", "empty": "null"}},
        {"nest": {"fields": ["street", "city"], "into": "home", "existing": "keep"}},
        {"flatten": {"field": "user.home", "prefix": "home_"}},
        {"join": {"fields": ["tags"], "separator": ",", "into": "tags", "lists": "join"}},
        {"hash": {"fields": ["mail", "name"], "into": "key"}},
    ]);
    insta::assert_snapshot!(shown(&operations), @r#"
    lower mail, user.name
    trim name, or keep it
    map sex by "m" → "male", 1 → null, or make it null
    map day by 1 → 2, 2 → 3, 3 → 4, 4 → 5, … (7 values)
    date at from epoch_millis to %d.%m.%Y, or remove it
    decode draft from base64-gzip-json, or keep it
    encode draft to base64
    wrap tag
    unwrap tag, the first of several, an empty list to null
    nest street, city below home, unless something is there
    flatten user.home to user.home_*
    join tags and what is in lists with "," into tags
    hash mail, name into key
    "#);
}

#[test]
fn a_when_shows_its_branches_further_in() {
    let is =
        |field: &str, values: &[&str]| json!({"field": {"field": field, "test": {"in": values}}});
    let operations = json!([
        {"when": {
            "condition": {"all": [
                is("type", &["order", "offer"]),
                {"not": {"any": [is("state", &["open"]), {"field": {"field": "sum", "test": "missing"}}]}},
                {"field": {"field": "mail", "test": {"matches": ".*@x"}}},
            ]},
            "then": [
                {"remove": {"fields": ["a"]}},
                {"when": {"condition": {"field": {"field": "b", "test": "exists"}}, "then": [{"remove": {"fields": ["b"]}}]}},
            ],
            "else": [{"set": {"field": "c", "value": 1}}],
        }},
        {"remove": {"fields": ["d"]}},
    ]);
    insta::assert_snapshot!(shown(&operations), @r#"
    when (type is "order" or "offer") and not (state is "open" or sum is missing) and mail matches .*@x
      remove a
      when b is there
        remove b
    else
      set c = 1
    remove d
    "#);
}

fn shown(operations: &serde_json::Value) -> String {
    let operations: Vec<Operation> = serde_json::from_value(operations.clone()).unwrap();
    operation_lines(&operations).join("\n")
}
