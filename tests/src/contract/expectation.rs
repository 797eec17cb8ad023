//! Comparing a JSON answer with what a case expects, and saying where the two differ.
//!
//! An expected object needs its keys to be there; more keys in the answer are fine. An expected list has as many
//! elements as the answer's. A text that starts with `$`, or an object with a key that does, is a matcher.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

/// Values that a case saved with `$save NAME`, as they are put into later requests.
pub type Saved = BTreeMap<String, Value>;

/// The first difference between `expected` and `found`, with its place; `None` when the expectation holds.
pub fn difference(expected: &Value, found: &Value, saved: &mut Saved) -> Option<String> {
    compare("answer", expected, Some(found), saved)
}

fn compare(
    place: &str,
    expected: &Value,
    found: Option<&Value>,
    saved: &mut Saved,
) -> Option<String> {
    if let Some(matcher) = expected.as_str().filter(|text| text.starts_with('$')) {
        return compare_matcher(place, matcher, found, saved);
    }
    let Some(found) = found else {
        return Some(format!("{place}: expected {expected}, but it is not there"));
    };
    match (expected, found) {
        (Value::Object(wanted), _) if wanted.keys().any(|key| key.starts_with('$')) => {
            compare_structure(place, wanted, found, saved)
        }
        (Value::Object(wanted), Value::Object(present)) => {
            wanted.iter().find_map(|(key, value)| {
                compare(&format!("{place}.{key}"), value, present.get(key), saved)
            })
        }
        (Value::Array(wanted), Value::Array(present)) => {
            if wanted.len() != present.len() {
                return Some(format!(
                    "{place}: expected {} elements, found {}",
                    wanted.len(),
                    present.len()
                ));
            }
            wanted.iter().zip(present).enumerate().find_map(|(position, (value, element))| {
                compare(&format!("{place}[{position}]"), value, Some(element), saved)
            })
        }
        _ if same(expected, found) => None,
        _ => Some(format!("{place}: expected {expected}, found {found}")),
    }
}

/// Equality in which 1 and 1.0 are the same number, as they are to every JSON reader that matters here.
fn same(expected: &Value, found: &Value) -> bool {
    expected == found
        || (expected.is_number() && found.is_number() && expected.as_f64() == found.as_f64())
}

fn compare_matcher(
    place: &str,
    matcher: &str,
    found: Option<&Value>,
    saved: &mut Saved,
) -> Option<String> {
    let (verb, argument) = matcher.split_once(' ').unwrap_or((matcher, ""));
    let holds = match (verb, found) {
        ("$absent", found) => found.is_none(),
        ("$any", found) => found.is_some(),
        ("$text", found) => found.is_some_and(Value::is_string),
        ("$number", found) => found.is_some_and(Value::is_number),
        ("$save", Some(value)) => {
            saved.insert(argument.to_owned(), value.clone());
            true
        }
        ("$same", Some(value)) => saved.get(argument) == Some(value),
        ("$not", Some(value)) => saved.get(argument).is_some_and(|other| other != value),
        ("$least", Some(value)) => {
            let least = argument.parse::<f64>();
            least.is_ok_and(|least| value.as_f64().is_some_and(|number| number >= least))
        }
        ("$matches", Some(value)) => Regex::new(argument)
            .is_ok_and(|pattern| value.as_str().is_some_and(|text| pattern.is_match(text))),
        _ => false,
    };
    let shown = found.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    (!holds).then(|| format!("{place}: expected {matcher}, found {shown}"))
}

/// Objects that are matchers: `$exactly`, `$length`, `$contains`, `$unordered`.
fn compare_structure(
    place: &str,
    wanted: &Map<String, Value>,
    found: &Value,
    saved: &mut Saved,
) -> Option<String> {
    wanted.iter().find_map(|(verb, value)| match (verb.as_str(), value) {
        ("$exactly", value) if value == found => None,
        ("$exactly", value) => Some(format!("{place}: expected exactly {value}, found {found}")),
        ("$length", value) => {
            let length = found.as_array().map(Vec::len).or(found.as_object().map(Map::len));
            (length.map(Value::from).as_ref() != Some(value))
                .then(|| format!("{place}: expected {value} elements, found {length:?} in {found}"))
        }
        ("$contains", Value::Array(elements)) => elements.iter().find_map(|element| {
            let candidates = found.as_array().map(Vec::as_slice).unwrap_or_default();
            let missing = position(element, candidates, saved).is_none();
            missing.then(|| format!("{place}: expected an element {element} in {found}"))
        }),
        ("$unordered", Value::Array(elements)) => {
            let mut rest = found.as_array().cloned().unwrap_or_default();
            if rest.len() != elements.len() {
                return Some(format!("{place}: expected {} elements in {found}", elements.len()));
            }
            elements.iter().find_map(|element| match position(element, &rest, saved) {
                Some(place) => {
                    rest.remove(place);
                    None
                }
                None => Some(format!("{place}: expected an element {element} in {found}")),
            })
        }
        _ => Some(format!("{place}: '{verb}' is not a matcher")),
    })
}

fn position(element: &Value, candidates: &[Value], saved: &mut Saved) -> Option<usize> {
    candidates.iter().position(|candidate| compare("", element, Some(candidate), saved).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differs(expected: &Value, found: &Value) -> bool {
        difference(expected, found, &mut Saved::new()).is_some()
    }

    #[test]
    fn what_holds_and_what_does_not() {
        let rows = [
            (json!({"a": 1}), json!({"a": 1, "b": 2}), true),
            (json!({"a": 1}), json!({"b": 2}), false),
            (json!({"a": 1}), json!({"a": 1.0}), true),
            (json!([1]), json!([1, 2]), false),
            (json!([1, 2]), json!([2, 1]), false),
            (json!({"$unordered": [1, 2]}), json!([2, 1]), true),
            (json!({"$unordered": [1, 1]}), json!([2, 1]), false),
            (json!({"$contains": [2]}), json!([1, 2]), true),
            (json!({"$contains": [3]}), json!([1, 2]), false),
            (json!({"$contains": [3]}), json!(7), false),
            (json!({"$length": 2}), json!([1, 2]), true),
            (json!({"$length": 1}), json!({"a": 1, "b": 1}), false),
            (json!({"$exactly": {}}), json!({}), true),
            (json!({"$exactly": {}}), json!({"a": 1}), false),
            (json!({"a": "$absent"}), json!({}), true),
            (json!({"a": "$absent"}), json!({"a": null}), false),
            (json!({"a": "$any"}), json!({}), false),
            (json!({"a": "$text"}), json!({"a": 1}), false),
            (json!({"a": "$number"}), json!({"a": 1}), true),
            (json!({"a": "$least 5"}), json!({"a": 5}), true),
            (json!({"a": "$least 5"}), json!({"a": 4}), false),
            (json!({"a": "$least x"}), json!({"a": 4}), false),
            (json!({"a": "$matches ^b+$"}), json!({"a": "bb"}), true),
            (json!({"a": "$matches ^b+$"}), json!({"a": "a"}), false),
            (json!({"a": "$mathces x"}), json!({"a": "x"}), false),
            (json!({"$unknown": 1}), json!({"a": 1}), false),
        ];
        for (expected, found, holds) in rows {
            assert_eq!(!differs(&expected, &found), holds, "{expected} against {found}");
        }
    }

    #[test]
    fn a_saved_value_is_compared_later() {
        let mut saved = Saved::new();
        assert_eq!(difference(&json!({"a": "$save x"}), &json!({"a": 7}), &mut saved), None);
        assert_eq!(difference(&json!({"b": "$same x"}), &json!({"b": 7}), &mut saved), None);
        assert!(difference(&json!({"b": "$not x"}), &json!({"b": 7}), &mut saved).is_some());
        assert!(difference(&json!({"b": "$same y"}), &json!({"b": 7}), &mut saved).is_some());
    }

    #[test]
    fn a_difference_names_its_place() {
        let expected = json!({"items": [{"index": {"status": 201}}]});
        let found = json!({"items": [{"index": {"status": 400}}]});
        let text = difference(&expected, &found, &mut Saved::new()).unwrap();
        assert_eq!(text, "answer.items[0].index.status: expected 201, found 400");
    }
}
