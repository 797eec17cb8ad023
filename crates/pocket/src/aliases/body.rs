//! The body of an `_aliases` request taken apart into actions.

use serde_json::Value;

use crate::error::Refusal;
use crate::mapping::model::as_flag;
use crate::node::{Alias, Flavour};

/// The properties of an alias as they are given in bodies.
pub(crate) fn parse_alias(json: &Value) -> Result<Alias, Refusal> {
    let map = match json {
        Value::Object(map) => map,
        Value::Null => return Ok(Alias::default()),
        _ => return Err(Refusal::parsing("the properties of an alias must be an object")),
    };
    let mut alias = Alias::default();
    for (key, value) in map {
        set_property(&mut alias, key, value);
    }
    Ok(alias)
}

fn set_property(alias: &mut Alias, key: &str, value: &Value) {
    let text = || match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match key {
        "filter" if value.is_null() => {}
        "filter" => alias.filter = Some(value.clone()),
        "routing" => {
            alias.index_routing = Some(text());
            alias.search_routing = Some(text());
        }
        "index_routing" | "indexRouting" => alias.index_routing = Some(text()),
        "search_routing" | "searchRouting" => alias.search_routing = Some(text()),
        "is_write_index" => alias.is_write_index = as_flag(value),
        "is_hidden" => alias.is_hidden = as_flag(value),
        // As on the engines.
        _ => {}
    }
}

#[derive(Debug)]
pub(super) enum Action {
    Add { indices: Vec<String>, aliases: Vec<String>, alias: Alias },
    Remove { indices: Vec<String>, aliases: Vec<String>, must_exist: Option<bool> },
    RemoveIndex { indices: Vec<String> },
}

pub(super) fn parse_action(json: &Value, flavour: Flavour) -> Result<Action, Refusal> {
    let Some((verb, body)) = json.as_object().and_then(|map| map.iter().next()) else {
        return Err(Refusal::new(
            400,
            "x_content_parse_exception",
            "[alias_action] expects one of add, remove, remove_index",
        ));
    };
    let Some(body) = body.as_object() else {
        return Err(Refusal::new(
            400,
            "x_content_parse_exception",
            format!("[{verb}] must be an object"),
        ));
    };
    let mut parts = Parts::default();
    for (key, value) in body {
        parts.take(verb, key, value, flavour)?;
    }
    if parts.indices.is_empty() {
        return Err(in_action(verb, "One of [index] or [indices] is required"));
    }
    let needs_alias = verb != "remove_index";
    if needs_alias && parts.aliases.is_empty() {
        return Err(in_action(verb, "One of [alias] or [aliases] is required"));
    }
    let Parts { indices, aliases, alias, must_exist } = parts;
    match verb.as_str() {
        "add" => Ok(Action::Add { indices, aliases, alias }),
        "remove" => Ok(Action::Remove { indices, aliases, must_exist }),
        "remove_index" => Ok(Action::RemoveIndex { indices }),
        other => Err(Refusal::new(
            400,
            "x_content_parse_exception",
            format!("[alias_action] unknown field [{other}]"),
        )),
    }
}

fn in_action(verb: &str, reason: &str) -> Refusal {
    Refusal::new(400, "x_content_parse_exception", format!("[{verb}] failed to parse: {reason}"))
        .caused_by(Refusal::illegal_argument(reason))
}

#[derive(Debug, Default)]
struct Parts {
    indices: Vec<String>,
    aliases: Vec<String>,
    alias: Alias,
    must_exist: Option<bool>,
}

impl Parts {
    fn take(
        &mut self,
        verb: &str,
        key: &str,
        value: &Value,
        flavour: Flavour,
    ) -> Result<(), Refusal> {
        match key {
            "index" => self.indices.push(one(verb, key, value, &self.indices)?),
            "indices" => self.indices.extend(many(verb, key, value, &self.indices)?),
            "alias" if verb != "remove_index" => {
                self.aliases.push(one(verb, key, value, &self.aliases)?);
            }
            "aliases" if verb != "remove_index" => {
                self.aliases.extend(many(verb, key, value, &self.aliases)?);
            }
            "must_exist" if verb == "remove" && flavour == Flavour::OpenSearch => {
                self.must_exist = as_flag(value);
            }
            "filter" | "routing" | "index_routing" | "indexRouting" | "search_routing"
            | "searchRouting" | "is_write_index" | "is_hidden"
                if verb == "add" =>
            {
                set_property(&mut self.alias, key, value);
            }
            other => {
                return Err(Refusal::new(
                    400,
                    "x_content_parse_exception",
                    format!("[{verb}] unknown field [{other}]"),
                ));
            }
        }
        Ok(())
    }
}

/// The name under `index` or `alias`, unless names were given already.
fn one(verb: &str, key: &str, value: &Value, before: &[String]) -> Result<String, Refusal> {
    match value {
        Value::String(name) if before.is_empty() => Ok(name.clone()),
        Value::String(_) => Err(in_action(verb, "Only one of [index] and [indices] is supported")),
        _ => Err(in_action(verb, &format!("[{key}] must be a text"))),
    }
}

/// The names under `indices` or `aliases`.
fn many(verb: &str, key: &str, value: &Value, before: &[String]) -> Result<Vec<String>, Refusal> {
    if !before.is_empty() {
        return Err(in_action(verb, "Only one of [index] and [indices] is supported"));
    }
    match value {
        Value::String(name) => Ok(vec![name.clone()]),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => Err(in_action(verb, &format!("[{key}] must be a list of texts"))),
    }
}
