//! Writes the drafted release: its mappings, its indices, the step, and what is open as comments.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    About, Answer, Answers, Candidate, Question, Seen, Side, added,
    fields::{Difference, cast, is_alike},
    questions,
};
use crate::json::{pretty, quote};

/// The files of a release: path in the pack → content. With the release before they have a step from it.
pub fn files(new: &Side, old: Option<&Side>, answers: &Answers) -> BTreeMap<String, String> {
    let folder = format!("releases/{}", new.version.as_str());
    let mut files = BTreeMap::new();
    for (key, seen) in &new.indices {
        let text = seen.mapping.to_string();
        let text = pretty(text.as_bytes()).unwrap_or(text);
        files.insert(format!("{folder}/mappings/{key}.json"), text);
    }
    let mut page =
        vec![format!("# Drafted from what the indices of {} look like.", new.version.as_str())];
    page.extend(new.label.iter().map(|label| format!("label: {}", text(label))));
    page.push("indices:".to_owned());
    for (key, seen) in &new.indices {
        page.extend(seen.remarks.iter().map(|remark| format!("  # {remark}")));
        page.push(index_line(key, seen));
    }
    page.extend(old.into_iter().flat_map(|old| step(old, new, answers)));
    files.insert(format!("{folder}/release.yaml"), page.join("\n") + "\n");
    files
}

fn index_line(key: &str, seen: &Seen) -> String {
    let mapping = text(&format!("{key}.json"));
    let settings = if seen.settings.is_empty() {
        String::new()
    } else {
        format!(", settings: {}", flow(&seen.settings))
    };
    let words: Vec<&str> = seen.partitions.iter().map(|kind| kind.word()).collect();
    let partition = match words.as_slice() {
        [] => String::new(),
        [one] => format!(", partition: {one}"),
        several => format!(", partition: [{}]", several.join(", ")),
    };
    format!("  {}: {{mapping: {mapping}{settings}{partition}}}", text(key))
}

fn step(old: &Side, new: &Side, answers: &Answers) -> Vec<String> {
    let open = questions(old, new);
    let from = format!("  from: {}", text(old.version.as_str()));
    let mut page = vec!["step:".to_owned(), from, "  indices:".to_owned()];
    for (key, after) in &new.indices {
        let Some(before) = old.indices.get(key) else { continue };
        page.extend(kept((key, before, after), &open, answers));
    }
    for (key, after) in added(old, new) {
        let from = answers.iter().find_map(|(about, answer)| match (about, answer) {
            (About::Index { key: old_key }, Answer::Carry(to)) if to == key => Some(old_key),
            (About::Index { .. } | About::Field { .. }, Answer::Carry(_) | Answer::Drop) => None,
        });
        match from.and_then(|from| Some((from, old.indices.get(from)?))) {
            Some((from, before)) => page.extend(moved((key, from), (before, after))),
            None => page.push(format!("    {}: new", text(key))),
        }
    }
    for question in &open {
        let About::Index { key } = &question.about else { continue };
        match answers.get(&question.about) {
            Some(Answer::Drop) => page.push(format!("    {}: dropped", text(key))),
            Some(Answer::Carry(_)) => {}
            None => page.extend(gone_index(key, question, new)),
        }
    }
    page
}

fn gone_index(key: &str, question: &Question, new: &Side) -> Vec<String> {
    let version = new.version.as_str();
    let mut page = vec![
        format!("    # OPEN: {version} has no index `{key}`. Its documents end here with"),
        format!("    #   {}: dropped", text(key)),
    ];
    for Candidate { name, reason } in &question.candidates {
        let (name, from) = (text(name), text(key));
        page.push(format!("    # or it is now `{name}` ({reason}):"));
        page.push(format!("    #   {name}: {{migrate: {{from: {from}, operations: []}}}}"));
    }
    page
}

/// An index that both releases have.
fn kept(
    (key, before, after): (&str, &Seen, &Seen),
    open: &[Question],
    answers: &Answers,
) -> Vec<String> {
    if is_equal(&before.mapping, &after.mapping) && before.partitions == after.partitions {
        return vec![format!("    {}: unchanged", text(key))];
    }
    let difference = Difference::of(&before.mapping, &after.mapping);
    let mut operations = Vec::new();
    let mut comments = Vec::new();
    for question in open {
        let About::Field { index, field } = &question.about else { continue };
        if index == key {
            field_lines((field, question, answers), &difference, (&mut operations, &mut comments));
        }
    }
    for (path, old_type, new_type) in &difference.changed {
        match cast(old_type, new_type) {
            Some(to) => operations.push(format!(
                "- cast: {{field: {}, to: {to}, otherwise: reject}}   # was {old_type}, is {new_type}",
                text(path)
            )),
            None if is_alike(old_type, new_type) => {}
            None => comments.push(format!(
                "OPEN: `{path}` was {old_type} and is {new_type}; what its values have to become can't be told from mappings"
            )),
        }
    }
    if !difference.added.is_empty() {
        let names: Vec<&str> = difference.added.keys().map(String::as_str).collect();
        comments.push(format!("new here: {}", names.join(", ")));
    }
    let mut page = vec![format!("    {}:", text(key))];
    page.extend(comments.iter().map(|comment| format!("      # {comment}")));
    page.extend(migrate(None, &operations));
    page
}

/// What becomes of a field that the new mapping doesn't have.
fn field_lines(
    (field, question, answers): (&str, &Question, &Answers),
    difference: &Difference,
    (operations, comments): (&mut Vec<String>, &mut Vec<String>),
) {
    match answers.get(&question.about) {
        Some(Answer::Drop) => {
            operations.push(format!(
                "- remove: {{fields: [{}]}}   # as was said: its values end here",
                text(field)
            ));
        }
        Some(Answer::Carry(to)) => {
            operations.push(carry(field, to));
            let types = (difference.old_types.get(field), difference.added.get(to));
            if let (Some(before), Some(after)) = types
                && let Some(kind) = cast(before, after)
            {
                operations.push(format!(
                    "- cast: {{field: {}, to: {kind}, otherwise: reject}}",
                    text(to)
                ));
            }
        }
        None => {
            comments.push(format!(
                "OPEN: the new mapping has no `{field}`. Its values end here with `- remove: {{fields: [{}]}}`",
                text(field)
            ));
            for Candidate { name, reason } in &question.candidates {
                comments
                    .push(format!("  or it is now `{name}` ({reason}): `{}`", carry(field, name)));
            }
        }
    }
}

/// A rename where only the last name changes, a move elsewhere.
fn carry(from: &str, to: &str) -> String {
    let parent = |path: &str| path.rsplit_once('.').map(|(parent, _)| parent.to_owned());
    let word = if parent(from) == parent(to) { "rename" } else { "move" };
    format!("- {word}: {{from: {}, to: {}}}", text(from), text(to))
}

fn moved((key, from): (&str, &str), (before, after): (&Seen, &Seen)) -> Vec<String> {
    let difference = Difference::of(&before.mapping, &after.mapping);
    let mut page = vec![format!("    {}:", text(key))];
    let gone = difference.gone.iter();
    page.extend(gone.map(|field| format!("      # OPEN: the new mapping has no `{field}`")));
    page.extend(migrate(Some(from), &[]));
    page
}

fn migrate(from: Option<&str>, operations: &[String]) -> Vec<String> {
    let mut page = vec!["      migrate:".to_owned()];
    page.extend(from.map(|from| format!("        from: {}", text(from))));
    if operations.is_empty() {
        page.push("        operations: []".to_owned());
    } else {
        page.push("        operations:".to_owned());
        page.extend(operations.iter().map(|operation| format!("          {operation}")));
    }
    page
}

/// Whether two mappings are the same but for what they say of themselves.
fn is_equal(one: &Value, other: &Value) -> bool {
    let bare = |mapping: &Value| {
        let mut mapping = mapping.clone();
        if let Some(members) = mapping.as_object_mut() {
            members.remove("_meta");
        }
        mapping
    };
    bare(one) == bare(other)
}

/// Settings as YAML in one line; JSON is YAML.
fn flow(settings: &BTreeMap<String, Value>) -> String {
    let one = |(name, value): (&String, &Value)| format!("{}: {value}", text(name));
    format!("{{{}}}", settings.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// A text as YAML: plain where it can't be mistaken.
fn text(value: &str) -> String {
    let is_plain = value.starts_with(|first: char| first.is_ascii_lowercase())
        && value.chars().all(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter)
        })
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&value);
    if is_plain {
        return value.to_owned();
    }
    let mut quoted = String::new();
    quote(value, &mut quoted);
    quoted
}
