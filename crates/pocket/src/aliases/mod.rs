//! Aliases: one `_aliases` body is one change, all of it or nothing.

mod body;
mod change;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

pub(crate) use self::body::parse_alias;
use self::body::{Action, parse_action};
use self::change::apply;
pub(crate) use self::change::{check_alias_name, check_filter, name_is_index};
use crate::error::Refusal;
use crate::lifecycle::aliases_json;
use crate::names::{Expansion, matches, resolve};
use crate::node::Node;
use crate::request::{Answer, Request};

/// `POST /_aliases`.
pub(crate) fn change(node: &Node, request: &Request) -> Result<Answer, Refusal> {
    let body = request.json_required()?;
    let actions = body.get("actions").and_then(Value::as_array).ok_or_else(|| {
        Refusal::new(
            400,
            "x_content_parse_exception",
            "[aliases] required [actions]: give a list of add, remove and remove_index",
        )
    })?;
    if actions.is_empty() {
        return Err(Refusal::illegal_argument("No action specified"));
    }
    let actions: Result<Vec<Action>, Refusal> =
        actions.iter().map(|action| parse_action(action, node.flavour)).collect();
    apply(node, actions?)
}

/// `PUT /I/_alias/NAME`.
pub(crate) fn put(
    node: &Node,
    expression: &str,
    name: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    let alias = parse_alias(&request.json()?)?;
    let indices = expression.split(',').map(str::to_owned).collect();
    apply(node, vec![Action::Add { indices, aliases: vec![name.to_owned()], alias }])
}

/// `DELETE /I/_alias/NAME`.
pub(crate) fn delete(node: &Node, expression: &str, names: &str) -> Result<Answer, Refusal> {
    let split = |list: &str| -> Vec<String> { list.split(',').map(str::to_owned).collect() };
    let action =
        Action::Remove { indices: split(expression), aliases: split(names), must_exist: None };
    apply(node, vec![action])
}

/// `GET /_alias`, `GET /_alias/NAME`, `GET /I/_alias`, `GET /I/_alias/NAME`.
pub(crate) fn show(
    node: &Node,
    expression: &str,
    names: Option<&str>,
    request: &Request,
) -> Result<Answer, Refusal> {
    let expansion = Expansion { closed: true, hidden: true, ..Expansion::METADATA }.of(request)?;
    let state = node.read();
    let wanted: Vec<&str> = names.map(|list| list.split(',').collect()).unwrap_or_default();
    let mut answer = Map::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for target in resolve(&state, expression, expansion)? {
        let Value::Object(mut aliases) = aliases_json(target.index) else { continue };
        if names.is_some() {
            aliases.retain(|name, _| {
                let fits = |pattern: &&&str| **pattern == "_all" || matches(pattern, name);
                let before = seen.len();
                seen.extend(wanted.iter().filter(fits));
                seen.len() > before || wanted.iter().any(|pattern| fits(&pattern))
            });
            if aliases.is_empty() {
                continue;
            }
        }
        answer.insert(target.index.name.clone(), json!({ "aliases": aliases }));
    }
    let mut absent: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|name| !name.contains('*') && *name != "_all" && !seen.contains(name))
        .collect();
    absent.sort_unstable();
    if absent.is_empty() {
        return Ok(Answer::ok(&Value::Object(answer)));
    }
    let word = if absent.len() == 1 { "alias" } else { "aliases" };
    answer.insert("error".into(), json!(format!("{word} [{}] missing", absent.join(","))));
    answer.insert("status".into(), json!(404));
    Ok(Answer::json(404, &Value::Object(answer)))
}
