//! A change of aliases worked out on a copy of them all, and put in place when each action holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::body::Action;
use crate::error::Refusal;
use crate::names::{Expansion, matches, not_an_index, resolve};
use crate::node::{Alias, Deed, Index, Node, State};
use crate::request::Answer;
use crate::search::query::Query;

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

/// The aliases of all indices while a change is being worked out.
struct Draft {
    aliases: BTreeMap<String, BTreeMap<String, Alias>>,
    removed: BTreeSet<String>,
    /// Names of aliases that a `remove` did not find.
    absent: Vec<String>,
    effective: usize,
}

pub(super) fn apply(node: &Node, actions: Vec<Action>) -> Result<Answer, Refusal> {
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
