//! Whether a condition holds: all values that its path leads to are gathered first.

use super::{Json, Members, Outcome, values::is_same, way};
use crate::transform::operation::{Condition, Question, Test};

pub(super) fn holds(condition: &Condition, document: &Members) -> Outcome<bool> {
    let each = |parts: &[Condition]| {
        parts.iter().map(|part| holds(part, document)).collect::<Outcome<Vec<bool>>>()
    };
    Ok(match condition {
        Condition::All(parts) => !each(parts)?.contains(&false),
        Condition::Any(parts) => each(parts)?.contains(&true),
        Condition::Not(part) => !holds(part, document)?,
        Condition::Field(Question { field, test }) => {
            let values = values(document, field.as_str())?;
            match test {
                Test::Exists => !values.is_empty(),
                Test::Missing => values.is_empty(),
                Test::In(wanted) => flat(&values).iter().any(|value| {
                    wanted.iter().any(|wanted| is_same(&Json::of(wanted.value()), value))
                }),
                Test::Matches(pattern) => {
                    let regex = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
                    flat(&values).iter().any(|value| match value {
                        Json::Text(text) => regex.is_match(text),
                        _ => false,
                    })
                }
            }
        }
    })
}

fn values(frame: &Members, path: &str) -> Outcome<Vec<Json>> {
    let Some(way) = way(frame, path)? else { return Ok(Vec::new()) };
    let mut value = &frame[way.at[0]].1;
    for index in &way.at[1..] {
        let Json::Object(members) = value else { unreachable!("a way leads through objects") };
        value = &members[*index].1;
    }
    if way.rest.is_empty() {
        return Ok(vec![value.clone()]);
    }
    let mut found = Vec::new();
    for members in objects(value) {
        found.extend(values(members, &way.rest)?);
    }
    Ok(found)
}

/// The values that are no lists, those within lists included.
fn flat(values: &[Json]) -> Vec<Json> {
    let mut single = Vec::new();
    for value in values {
        match value {
            Json::Array(elements) => single.extend(flat(elements)),
            value => single.push(value.clone()),
        }
    }
    single
}

fn objects(array: &Json) -> Vec<&Members> {
    let Json::Array(elements) = array else { unreachable!("a way ends at an array") };
    let mut found = Vec::new();
    for element in elements {
        match element {
            Json::Object(members) => found.push(members),
            Json::Array(_) => found.extend(objects(element)),
            _ => {}
        }
    }
    found
}
