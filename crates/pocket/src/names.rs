//! Names of indices and aliases: which are valid, and what a path expression means.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Refusal;
use crate::node::{Alias, Index, State};
use crate::request::Request;

/// Whether `pattern`, with `*` for any text, matches the whole of `text`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        match text.find(piece) {
            Some(at) => text = text.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// Refuses what no engine takes for the name of an index.
pub(crate) fn check_index_name(name: &str) -> Result<(), Refusal> {
    let complaint = if name == "." || name == ".." {
        "must not be '.' or '..'"
    } else if name.is_empty() {
        "must not be empty"
    } else if let Some(bad) = name.chars().find(|c| "\\/*?\"<>| ,#:".contains(*c)) {
        return Err(invalid_name(
            name,
            &format!(
                "must not contain the following characters [ , \", *, \\, <, |, ,, >, /, ?] (found {bad})"
            ),
        ));
    } else if name.starts_with(['_', '-', '+']) {
        "must not start with '_', '-', or '+'"
    } else if name.chars().any(char::is_uppercase) {
        "must be lowercase"
    } else if name.len() > 255 {
        "index name is too long, exceeds 255 bytes"
    } else {
        return Ok(());
    };
    Err(invalid_name(name, complaint))
}

fn invalid_name(name: &str, complaint: &str) -> Refusal {
    Refusal::new(
        400,
        "invalid_index_name_exception",
        format!("Invalid index name [{name}], {complaint}"),
    )
    .about_index(name, "_na_")
}

/// How a path expression is taken.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of its own")]
pub(crate) struct Expansion {
    pub(crate) ignore_unavailable: bool,
    pub(crate) allow_no_indices: bool,
    /// Wildcards match open indices.
    pub(crate) open: bool,
    /// Wildcards match closed indices.
    pub(crate) closed: bool,
    /// Wildcards match hidden indices.
    pub(crate) hidden: bool,
    /// Closed indices that are named are refused.
    pub(crate) forbid_closed: bool,
    /// Alias names are taken for their indices.
    pub(crate) aliases: bool,
}

impl Expansion {
    /// What most requests do: open indices, closed ones refused.
    pub(crate) const OPEN: Self = Self {
        ignore_unavailable: false,
        allow_no_indices: true,
        open: true,
        closed: false,
        hidden: false,
        forbid_closed: true,
        aliases: true,
    };

    /// What requests about metadata do.
    pub(crate) const METADATA: Self = Self { forbid_closed: false, ..Self::OPEN };

    /// The defaults of a request kind, changed by the request's parameters.
    pub(crate) fn of(self, request: &Request) -> Result<Self, Refusal> {
        let mut expansion = self;
        if let Some(flag) = request.flag("ignore_unavailable")? {
            expansion.ignore_unavailable = flag;
            expansion.forbid_closed &= !flag;
        }
        if let Some(flag) = request.flag("allow_no_indices")? {
            expansion.allow_no_indices = flag;
        }
        if let Some(list) = request.parameter("expand_wildcards") {
            (expansion.open, expansion.closed, expansion.hidden) = (false, false, false);
            for word in list.split(',') {
                match word {
                    "open" => expansion.open = true,
                    "closed" => expansion.closed = true,
                    "hidden" => expansion.hidden = true,
                    "all" => {
                        (expansion.open, expansion.closed, expansion.hidden) = (true, true, true);
                    }
                    "none" => {}
                    other => {
                        return Err(Refusal::illegal_argument(format!(
                            "No valid expand wildcard value [{other}]"
                        )));
                    }
                }
            }
            // "hidden" alone says nothing about open or closed.
            if expansion.hidden && !expansion.open && !expansion.closed {
                expansion.open = true;
            }
        }
        Ok(expansion)
    }

    fn admits(self, index: &Index, pattern: &str) -> bool {
        let hidden = index.settings.hidden();
        let by_dot = pattern.starts_with('.') && index.name.starts_with('.');
        (if index.open { self.open } else { self.closed }) && (!hidden || self.hidden || by_dot)
    }
}

/// An index that an expression reached, with the aliases it was reached through (none when it was
/// named itself).
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) index: &'a Index,
    through: Option<Vec<&'a Alias>>,
}

impl Target<'_> {
    /// The filters of which one must hold; empty means every document.
    pub(crate) fn filters(&self) -> Vec<&Value> {
        let aliases = self.through.as_deref().unwrap_or_default();
        if aliases.iter().any(|alias| alias.filter.is_none()) {
            return Vec::new();
        }
        aliases.iter().filter_map(|alias| alias.filter.as_ref()).collect()
    }

    /// The routing values that bound the search; `None` means all shards.
    pub(crate) fn routings(&self) -> Option<Vec<&str>> {
        let aliases = self.through.as_deref()?;
        let lists: Option<Vec<&str>> =
            aliases.iter().map(|alias| alias.search_routing.as_deref()).collect();
        Some(lists?.iter().flat_map(|list| list.split(',')).collect())
    }
}

/// The indices that `expression` means, in the order of their names.
pub(crate) fn resolve<'a>(
    state: &'a State,
    expression: &str,
    expansion: Expansion,
) -> Result<Vec<Target<'a>>, Refusal> {
    let mut found: BTreeMap<&'a str, Target<'a>> = BTreeMap::new();
    let expression = if matches!(expression, "" | "_all") { "*" } else { expression };
    let mut seen_wildcard = false;
    for part in expression.split(',') {
        if let (true, Some(excluded)) = (seen_wildcard, part.strip_prefix('-')) {
            found.retain(|name, _| !matches(excluded, name));
        } else if part.contains('*') {
            seen_wildcard = true;
            expand(state, part, expansion, &mut found);
        } else {
            name(state, part, expansion, &mut found)?;
        }
    }
    if found.is_empty() && !expansion.allow_no_indices {
        return Err(Refusal::index_not_found(expression));
    }
    Ok(found.into_values().collect())
}

fn reach<'a>(
    found: &mut BTreeMap<&'a str, Target<'a>>,
    index: &'a Index,
    alias: Option<&'a Alias>,
) {
    let target =
        found.entry(&index.name).or_insert_with(|| Target { index, through: Some(Vec::new()) });
    match (alias, &mut target.through) {
        (Some(alias), Some(list)) => list.push(alias),
        (None, through) => *through = None,
        (Some(_), None) => {}
    }
}

fn expand<'a>(
    state: &'a State,
    pattern: &str,
    expansion: Expansion,
    found: &mut BTreeMap<&'a str, Target<'a>>,
) {
    for index in state.indices.values() {
        if !expansion.admits(index, pattern) {
            continue;
        }
        if matches(pattern, &index.name) {
            reach(found, index, None);
        } else if expansion.aliases {
            for (alias_name, alias) in &index.aliases {
                if matches(pattern, alias_name) {
                    reach(found, index, Some(alias));
                }
            }
        }
    }
}

fn name<'a>(
    state: &'a State,
    name: &str,
    expansion: Expansion,
    found: &mut BTreeMap<&'a str, Target<'a>>,
) -> Result<(), Refusal> {
    let mut reached = false;
    let mut add = |index: &'a Index, alias: Option<&'a Alias>| {
        reached = true;
        if index.open || !(expansion.forbid_closed || expansion.ignore_unavailable) {
            reach(found, index, alias);
            return Ok(());
        }
        if expansion.ignore_unavailable {
            return Ok(());
        }
        Err(Refusal::new(400, "index_closed_exception", "closed")
            .about_index(&index.name, &index.uuid))
    };
    if let Some(index) = state.indices.get(name) {
        add(index, None)?;
    } else {
        for index in state.indices.values() {
            let Some(alias) = index.aliases.get(name) else { continue };
            if !expansion.aliases {
                return Err(not_an_index(name));
            }
            add(index, Some(alias))?;
        }
    }
    if reached || expansion.ignore_unavailable {
        return Ok(());
    }
    if name.starts_with('_') {
        check_index_name(name)?;
    }
    Err(Refusal::index_not_found(name))
}

/// An alias where only an index will do.
pub(crate) fn not_an_index(name: &str) -> Refusal {
    Refusal::illegal_argument(format!(
        "The provided expression [{name}] matches an alias, specify the corresponding concrete indices instead."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*b*c", "a-b-c", true),
            ("a*bc*c", "abc", false),
            ("*", "", true),
            ("a*", "ba", false),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn index_names() {
        for name in ["a", "a-1.2", ".hidden", "a_b"] {
            assert!(check_index_name(name).is_ok(), "{name}");
        }
        for name in ["", "A", "_a", "-a", "a b", "a*", "a/b", "..", "a:b"] {
            assert_eq!(check_index_name(name).unwrap_err().status, 400, "{name}");
        }
    }
}
