//! Suggests smaller documents. Whether one still shows the trouble that a larger one shows, is tried elsewhere.

use super::json::Json;

/// Documents that are a little smaller than this one, the smallest first. The first of them that still shows the trouble is
/// where to go on from; when none does, this one is as small as it gets.
pub fn smaller(document: &Json) -> Vec<Json> {
    let weight = document.weight();
    let mut found: Vec<Json> =
        reduced(document).into_iter().filter(|one| matches!(one, Json::Object(_))).collect();
    found.retain(|one| one.weight() < weight);
    found.sort_by_key(Json::weight);
    found
}

/// Everything that a value can be made into by one change.
fn reduced(value: &Json) -> Vec<Json> {
    match value {
        Json::Null => Vec::new(),
        Json::Boolean(_) => vec![Json::Null],
        Json::Number(text) => {
            let mut found = vec![Json::Null];
            found.extend(
                ["0", "1", "-1"]
                    .iter()
                    .filter(|other| *other != text)
                    .map(|other| Json::Number((*other).to_owned())),
            );
            found
        }
        Json::Text(text) => {
            let half: String = text.chars().take(text.chars().count() / 2).collect();
            let shorter: String = text.chars().skip(1).collect();
            vec![Json::Null, Json::Text(String::new()), Json::Text(half), Json::Text(shorter)]
        }
        Json::List(list) => {
            let mut found = vec![Json::Null, Json::List(Vec::new())];
            for (position, element) in list.iter().enumerate() {
                let without = list.iter().enumerate().filter(|(at, _)| *at != position);
                found.push(Json::List(without.map(|(_, one)| one.clone()).collect()));
                found.push(element.clone());
                for smaller in reduced(element) {
                    let mut changed = list.clone();
                    changed.splice(position..=position, [smaller]);
                    found.push(Json::List(changed));
                }
            }
            found
        }
        Json::Object(members) => {
            let mut found = vec![Json::Null, Json::Object(Vec::new())];
            for (position, (name, value)) in members.iter().enumerate() {
                let without = members.iter().enumerate().filter(|(at, _)| *at != position);
                found.push(Json::Object(without.map(|(_, one)| one.clone()).collect()));
                for smaller in reduced(value) {
                    let mut changed = members.clone();
                    changed.splice(position..=position, [(name.clone(), smaller)]);
                    found.push(Json::Object(changed));
                }
            }
            found
        }
    }
}
