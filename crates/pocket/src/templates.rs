//! Composable index templates: kept, listed, and matched when an index is made.

use serde_json::{Map, Value, json};

use crate::error::Refusal;
use crate::lifecycle::Blueprint;
use crate::mapping::{Mapping, merge};
use crate::names::matches;
use crate::node::{Node, State};
use crate::request::{Answer, Request};
use crate::settings::{Settings, nest};

/// One template.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) patterns: Vec<String>,
    pub(crate) priority: i64,
    /// As clients get it back.
    json: Map<String, Value>,
}

impl Template {
    /// What it gives an index that it matches.
    pub(crate) fn blueprint_json(&self) -> Value {
        self.json.get("template").cloned().unwrap_or_default()
    }

    /// Whether some index would match both.
    fn overlaps(&self, other: &Self) -> bool {
        self.patterns
            .iter()
            .any(|one| other.patterns.iter().any(|two| overlap(one.as_bytes(), two.as_bytes())))
    }
}

const KEYS: [&str; 7] =
    ["index_patterns", "template", "priority", "version", "_meta", "composed_of", "data_stream"];

/// `PUT /_index_template/NAME`.
pub(crate) fn put(node: &Node, name: &str, request: &Request) -> Result<Answer, Refusal> {
    let template = parse(node, name, request.json_required()?)?;
    let create = request.flag("create")?.unwrap_or(false);
    let mut state = node.change();
    if create && state.templates.contains_key(name) {
        let reason = format!("index template [{name}] already exists");
        return Err(Refusal::illegal_argument(reason));
    }
    check_clash(&state, name, &template)?;
    state.templates.insert(name.to_owned(), template);
    Ok(Answer::acknowledged())
}

/// Refuses a template of which it would be left open whether it or another one applies.
fn check_clash(state: &State, name: &str, template: &Template) -> Result<(), Refusal> {
    for (other_name, other) in &state.templates {
        if other_name == name || other.priority != template.priority {
            continue;
        }
        if other.overlaps(template) {
            return Err(Refusal::illegal_argument(format!(
                "index template [{name}] has index patterns [{}] matching patterns from existing templates [{other_name}] with patterns ({other_name} => [{}]) that have the same priority [{}], multiple index templates may not match during index creation, please use a different priority",
                template.patterns.join(", "),
                other.patterns.join(", "),
                other.priority
            )));
        }
    }
    Ok(())
}

/// `POST /_index_template/_simulate[/NAME]`: what a template would give, nothing kept.
pub(crate) fn simulate(
    node: &Node,
    name: Option<&str>,
    request: &Request,
) -> Result<Answer, Refusal> {
    let state = node.read();
    let template = match (name, request.json()?) {
        (Some(name), Value::Null) => state.templates.get(name).cloned().ok_or_else(|| {
            Refusal::illegal_argument(format!(
                "unable to simulate template [{name}] that does not exist"
            ))
        })?,
        (None, Value::Null) => {
            let complaint =
                "either index name or index template body must be specified for simulation";
            return Err(Refusal::validation(&[complaint.to_owned()]));
        }
        (name, body) => {
            let made_up = format!("simulate_template_{}", node.uuid());
            let name = name.unwrap_or(&made_up);
            let template = parse(node, name, body)?;
            check_clash(&state, name, &template)?;
            template
        }
    };
    Ok(Answer::ok(&simulated(&state, &template)))
}

/// `POST /_index_template/_simulate_index/NAME`: what an index of this name would be given.
pub(crate) fn simulate_index(
    node: &Node,
    index: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    let state = node.read();
    let given = match request.json()? {
        Value::Null => None,
        body => Some(parse(node, &format!("simulate_index_template_{}", node.uuid()), body)?),
    };
    let template = state
        .templates
        .values()
        .chain(&given)
        .filter(|template| template.patterns.iter().any(|pattern| matches(pattern, index)))
        .max_by_key(|template| template.priority);
    Ok(Answer::ok(&template.map_or_else(|| json!({}), |template| simulated(&state, template))))
}

fn simulated(state: &State, template: &Template) -> Value {
    let part = |key: &str| template.json.get("template").and_then(|inner| inner.get(key)).cloned();
    let others: Vec<Value> = state
        .templates
        .iter()
        .filter(|(_, other)| other.json != template.json && other.overlaps(template))
        .map(|(name, other)| json!({"name": name, "index_patterns": other.patterns}))
        .collect();
    json!({
        "template": {
            "settings": part("settings").unwrap_or_else(|| json!({})),
            "mappings": part("mappings").unwrap_or_else(|| json!({})),
            "aliases": part("aliases").unwrap_or_else(|| json!({})),
        },
        "overlapping": others,
    })
}

fn parse(node: &Node, name: &str, body: Value) -> Result<Template, Refusal> {
    let Value::Object(mut json) = body else {
        return Err(Refusal::parsing("an index template must be an object"));
    };
    if let Some(key) = json.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let reason = format!("[index_template] unknown field [{key}]");
        return Err(Refusal::new(400, "x_content_parse_exception", reason));
    }
    let patterns: Vec<String> = match json.get("index_patterns") {
        Some(Value::String(pattern)) => vec![pattern.clone()],
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    if patterns.is_empty() {
        return Err(Refusal::illegal_argument("Required [index_patterns]"));
    }
    let components = json.get("composed_of").and_then(Value::as_array).cloned().unwrap_or_default();
    if !components.is_empty() {
        let list: Vec<&str> = components.iter().filter_map(Value::as_str).collect();
        let list = list.join(", ");
        return Err(Refusal::new(
            400,
            "invalid_index_template_exception",
            format!(
                "index_template [{name}] invalid, cause [index template [{name}] specified component templates [{list}] that do not exist]"
            ),
        ));
    }
    if json.contains_key("data_stream") {
        return Err(Refusal::illegal_argument("the pocket cluster has no data streams"));
    }
    json.insert("index_patterns".into(), json!(patterns));
    json.entry("composed_of").or_insert_with(|| json!([]));
    if let Some(template) = json.get_mut("template") {
        *template = checked(node, name, template)?;
    }
    let priority = match json.get("priority") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().ok_or_else(|| {
            let reason = "[index_template] failed to parse field [priority]";
            Refusal::new(400, "x_content_parse_exception", reason)
        })?,
    };
    if priority < 0 {
        let complaint = "index template priority must be >= 0";
        return Err(Refusal::validation(&[complaint.to_owned()]));
    }
    Ok(Template { patterns, priority, json })
}

/// Looks at settings, mapping and aliases as creation would, and gives them their final form.
fn checked(node: &Node, name: &str, template: &Value) -> Result<Value, Refusal> {
    let unreadable = |cause: Refusal| {
        let reason = format!("[index_template] failed to parse field [template]: {}", cause.reason);
        Refusal::new(400, "x_content_parse_exception", reason)
    };
    let blueprint = Blueprint::parse(template).map_err(unreadable)?;
    Settings::create(&blueprint.settings, node.flavour).map_err(|cause| {
        let reason = format!("index_template [{name}] invalid, cause [{}]", cause.reason);
        Refusal::new(400, "invalid_index_template_exception", reason)
    })?;
    let invalid = |cause: Refusal| {
        let reason = format!("composable template [{name}] template after composition is invalid");
        let composite = format!("invalid composite mappings for [{name}]");
        Refusal::illegal_argument(reason)
            .caused_by(Refusal::illegal_argument(composite).caused_by(cause))
    };
    let mapping =
        Mapping::compile(merge::normalise(blueprint.mappings), node.flavour).map_err(invalid)?;
    let mut json = Map::new();
    if template.get("settings").is_some() {
        json.insert("settings".into(), nest(&blueprint.settings));
    }
    if template.get("mappings").is_some() {
        json.insert("mappings".into(), Value::Object(mapping.json));
    }
    if template.get("aliases").is_some() {
        let aliases = blueprint.aliases.iter().map(|(alias, p)| (alias.clone(), p.json()));
        json.insert("aliases".into(), aliases.collect());
    }
    Ok(Value::Object(json))
}

/// Whether some name matches both patterns.
fn overlap(one: &[u8], two: &[u8]) -> bool {
    match (one, two) {
        ([], []) => true,
        ([b'*', rest @ ..], other) | (other, [b'*', rest @ ..]) => {
            overlap(rest, other)
                || other.split_first().is_some_and(|(_, tail)| overlap_star(rest, tail))
        }
        ([a, one @ ..], [b, two @ ..]) => a == b && overlap(one, two),
        _ => false,
    }
}

/// `*rest` against `other`, where the star has taken one byte already.
fn overlap_star(rest: &[u8], other: &[u8]) -> bool {
    overlap(rest, other) || other.split_first().is_some_and(|(_, tail)| overlap_star(rest, tail))
}

/// `GET /_index_template` and `GET /_index_template/NAME`.
pub(crate) fn show(node: &Node, name: Option<&str>) -> Result<Answer, Refusal> {
    let state = node.read();
    let pattern = name.unwrap_or("*");
    let found: Vec<Value> = state
        .templates
        .iter()
        .filter(|(known, _)| matches(pattern, known))
        .map(|(known, template)| json!({"name": known, "index_template": template.json}))
        .collect();
    if found.is_empty() && !pattern.contains('*') {
        let reason = format!("index template matching [{pattern}] not found");
        return Err(Refusal::new(404, "resource_not_found_exception", reason));
    }
    // The engines answer a wildcard that matches nothing with an empty list and this status.
    let status = if found.is_empty() && name.is_some() { 404 } else { 200 };
    Ok(Answer::json(status, &json!({ "index_templates": found })))
}

/// `HEAD /_index_template/NAME`.
pub(crate) fn exists(node: &Node, name: &str) -> Answer {
    let found = node.read().templates.keys().any(|known| matches(name, known));
    Answer::text(if found { 200 } else { 404 }, String::new())
}

/// `DELETE /_index_template/NAME`.
pub(crate) fn delete(node: &Node, name: &str) -> Result<Answer, Refusal> {
    let mut state = node.change();
    let before = state.templates.len();
    state.templates.retain(|known, _| !matches(name, known));
    if state.templates.len() == before && name != "*" {
        let reason = format!("index_template [{name}] missing");
        return Err(Refusal::new(404, "index_template_missing_exception", reason));
    }
    Ok(Answer::acknowledged())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_when_one_name_fits_both() {
        for (one, two, expected) in [
            ("a-*", "a-b*", true),
            ("a-*", "b-*", false),
            ("*-x", "a-*", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("a*b", "ab", true),
            ("*", "anything", true),
            ("a*c", "a*d", false),
        ] {
            assert_eq!(overlap(one.as_bytes(), two.as_bytes()), expected, "{one} {two}");
            assert_eq!(overlap(two.as_bytes(), one.as_bytes()), expected, "{two} {one}");
        }
    }
}
