//! Aliases: one `_aliases` body is one change, all of it or nothing.
//!
//! The change is worked out on a copy of every alias and put in place only when each action holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::error::Refusal;
use crate::lifecycle::aliases_json;
use crate::mapping::model::as_flag;
use crate::names::{Expansion, matches, not_an_index, resolve};
use crate::node::{Alias, Deed, Flavour, Index, Node, State};
use crate::request::{Answer, Request};
use crate::search::query::Query;

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

/// An alias can't have the name of an index.
pub(crate) fn name_is_index(name: &str) -> Refusal {
    Refusal::new(
        400,
        "invalid_alias_name_exception",
        format!("Invalid alias name [{name}], an index or data stream exists with the same name as the alias"),
    )
    .with("index", json!(name))
    .with("index_uuid", json!("_na_"))
}

fn missing(names: &[String]) -> Refusal {
    let list = names.join(",");
    Refusal::new(404, "aliases_not_found_exception", format!("aliases [{list}] missing"))
        .with("resource.type", json!("aliases"))
        .with("resource.id", json!(list))
}

#[derive(Debug)]
enum Action {
    Add { indices: Vec<String>, aliases: Vec<String>, alias: Alias },
    Remove { indices: Vec<String>, aliases: Vec<String>, must_exist: Option<bool> },
    RemoveIndex { indices: Vec<String> },
}

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

fn parse_action(json: &Value, flavour: Flavour) -> Result<Action, Refusal> {
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

/// The aliases of all indices while a change is being worked out.
struct Draft {
    aliases: BTreeMap<String, BTreeMap<String, Alias>>,
    removed: BTreeSet<String>,
    /// Names of aliases that a `remove` did not find.
    absent: Vec<String>,
    effective: usize,
}

fn apply(node: &Node, actions: Vec<Action>) -> Result<Answer, Refusal> {
    let mut state = node.change();
    let mut draft = Draft {
        aliases: state
            .indices
            .iter()
            .map(|(name, index)| (name.clone(), index.aliases.clone()))
            .collect(),
        removed: BTreeSet::new(),
        absent: Vec::new(),
        effective: 0,
    };
    // Indices go first, so that an alias can take the name of an index that the same body removes.
    let (removals, changes): (Vec<Action>, Vec<Action>) =
        actions.into_iter().partition(|action| matches!(action, Action::RemoveIndex { .. }));
    for action in removals.iter().chain(&changes) {
        draft.apply(&state, action)?;
    }
    if draft.effective == 0 && !draft.absent.is_empty() {
        return Err(missing(&draft.absent));
    }
    draft.check()?;
    for name in &draft.removed {
        state.indices.remove(name);
    }
    for (name, aliases) in draft.aliases {
        if let Some(index) = state.indices.get_mut(&name) {
            index.aliases = aliases;
        }
    }
    Ok(Answer::acknowledged())
}

impl Draft {
    fn apply(&mut self, state: &State, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::RemoveIndex { indices } => {
                for name in concrete(state, indices)? {
                    state
                        .indices
                        .get(&name)
                        .map_or(Ok(()), |index| index.check_block(Deed::Drop))?;
                    self.aliases.remove(&name);
                    self.removed.insert(name);
                    self.effective += 1;
                }
                Ok(())
            }
            Action::Add { indices, aliases, alias } => {
                for name in concrete(state, indices)? {
                    if self.removed.contains(&name) {
                        return Err(Refusal::index_not_found(&name));
                    }
                    if let Some(index) = state.indices.get(&name) {
                        index.check_block(Deed::Change)?;
                        check_filter(index, &aliases.join(","), alias)?;
                    }
                    for alias_name in aliases {
                        self.add(&name, alias_name, alias)?;
                    }
                }
                Ok(())
            }
            Action::Remove { indices, aliases, must_exist } => {
                let names = concrete(state, indices)?;
                if let Some(name) = names.iter().find(|name| self.removed.contains(*name)) {
                    return Err(Refusal::index_not_found(name));
                }
                if *must_exist == Some(true) {
                    check_present(state, &names, aliases)?;
                }
                self.remove(&names, aliases, *must_exist);
                Ok(())
            }
        }
    }

    fn add(&mut self, index: &str, alias_name: &str, alias: &Alias) -> Result<(), Refusal> {
        if self.aliases.contains_key(alias_name) {
            return Err(name_is_index(alias_name));
        }
        check_alias_name(alias_name)?;
        if alias.index_routing.as_ref().is_some_and(|routing| routing.contains(',')) {
            return Err(Refusal::illegal_argument(format!(
                "alias [{alias_name}] has several index routing values associated with it"
            )));
        }
        if let Some(held) = self.aliases.get_mut(index) {
            held.insert(alias_name.to_owned(), alias.clone());
            self.effective += 1;
        }
        Ok(())
    }

    fn remove(&mut self, indices: &[String], aliases: &[String], must_exist: Option<bool>) {
        for pattern in aliases {
            let mut found = false;
            for index in indices {
                let Some(held) = self.aliases.get_mut(index) else { continue };
                let before = held.len();
                held.retain(|name, _| !matches(pattern, name));
                found |= held.len() < before;
            }
            if found {
                self.effective += 1;
            } else if must_exist.is_none() {
                self.absent.push(pattern.clone());
            }
        }
    }

    /// What must hold for all indices together.
    fn check(&self) -> Result<(), Refusal> {
        self.check_hidden()?;
        let mut writers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (index, aliases) in &self.aliases {
            for (name, alias) in aliases {
                if alias.is_write_index == Some(true) {
                    writers.entry(name).or_default().push(index);
                }
            }
        }
        match writers.iter().find(|(_, indices)| indices.len() > 1) {
            None => Ok(()),
            Some((name, indices)) => Err(Refusal::new(
                500,
                "illegal_state_exception",
                format!("alias [{name}] has more than one write index [{}]", indices.join(",")),
            )),
        }
    }
}

/// A filter must be a query that the index understands.
pub(crate) fn check_filter(index: &Index, name: &str, alias: &Alias) -> Result<(), Refusal> {
    let Some(filter) = &alias.filter else { return Ok(()) };
    Query::parse(filter, index).map(|_| ()).map_err(|cause| {
        let reason = format!("failed to parse filter for alias [{name}]");
        Refusal::illegal_argument(reason).caused_by(cause)
    })
}

impl Draft {
    /// An alias is hidden on all of its indices or on none.
    fn check_hidden(&self) -> Result<(), Refusal> {
        let mut hidden: BTreeMap<&str, bool> = BTreeMap::new();
        for aliases in self.aliases.values() {
            for (name, alias) in aliases {
                let flag = alias.is_hidden == Some(true);
                if *hidden.entry(name).or_insert(flag) != flag {
                    return Err(Refusal::new(
                        500,
                        "illegal_state_exception",
                        format!(
                            "alias [{name}] has is_hidden set to true on some indices but not on others"
                        ),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// `must_exist`: before this body, each of the indices has each of the aliases.
fn check_present(state: &State, indices: &[String], aliases: &[String]) -> Result<(), Refusal> {
    for pattern in aliases {
        let has = |name: &String| {
            state
                .indices
                .get(name)
                .is_some_and(|index| index.aliases.keys().any(|held| matches(pattern, held)))
        };
        if !indices.iter().all(has) {
            return Err(missing(std::slice::from_ref(pattern)));
        }
    }
    Ok(())
}

/// Refuses what can't be the name of an alias.
pub(crate) fn check_alias_name(name: &str) -> Result<(), Refusal> {
    let bad = name.is_empty()
        || name.contains(|c: char| "\\/*?\"<>| ,#:".contains(c))
        || name.starts_with(['_', '-', '+']);
    if !bad {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "invalid_alias_name_exception",
        format!("Invalid alias name [{name}]: must not be empty, hold special characters or start with '_', '-', or '+'"),
    )
    .with("index", json!(name))
    .with("index_uuid", json!("_na_")))
}

fn concrete(state: &State, expressions: &[String]) -> Result<Vec<String>, Refusal> {
    let expansion = Expansion {
        closed: true,
        hidden: true,
        aliases: false,
        allow_no_indices: false,
        ..Expansion::METADATA
    };
    let mut names = Vec::new();
    for expression in expressions {
        if !state.indices.contains_key(expression) && state.is_alias(expression) {
            return Err(not_an_index(expression));
        }
        let targets = resolve(state, expression, expansion)?;
        names.extend(targets.iter().map(|target| target.index.name.clone()));
    }
    Ok(names)
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
