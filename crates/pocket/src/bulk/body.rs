//! The body of a `_bulk` taken apart into items; nothing is written here.

use std::borrow::Cow;

use memchr::memchr;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Refusal;
use crate::mapping::scalar::Text;
use crate::node::{Flavour, Node};
use crate::search::body::token;
use crate::shard::Condition;
use crate::wait::Wait;
use crate::write::{Given, Operation, id_complaint};

/// One item of a body.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) verb: Verb,
    pub(super) index: Cow<'a, str>,
    pub(super) id: Cow<'a, str>,
    pub(super) routing: Option<Cow<'a, str>>,
    pub(super) source: Option<&'a str>,
    pub(super) condition: Condition,
    pub(super) require_alias: bool,
}

impl Item<'_> {
    pub(super) fn operation(&self, copies: Wait) -> Operation<'_> {
        Operation {
            index: &self.index,
            id: &self.id,
            routing: self.routing.as_deref(),
            source: self.source,
            condition: self.condition,
            require_alias: self.require_alias,
            copies,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Index,
    Create,
    Delete,
}

impl Verb {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Delete => "delete",
        }
    }
}

#[derive(Deserialize)]
enum ActionLine<'a> {
    #[serde(rename = "index", borrow)]
    Index(Line<'a>),
    #[serde(rename = "create", borrow)]
    Create(Line<'a>),
    #[serde(rename = "delete", borrow)]
    Delete(Line<'a>),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Line<'a> {
    #[serde(borrow, rename = "_index")]
    index: Option<Text<'a>>,
    #[serde(borrow, rename = "_id")]
    id: Option<Text<'a>>,
    /// Elasticsearch 7 takes it and, unless it is `_doc`, warns.
    #[serde(borrow, rename = "_type")]
    _kind: Option<Text<'a>>,
    #[serde(borrow)]
    routing: Option<Text<'a>>,
    version: Option<i64>,
    #[serde(borrow)]
    version_type: Option<Text<'a>>,
    if_seq_no: Option<i64>,
    if_primary_term: Option<i64>,
    #[serde(borrow)]
    op_type: Option<Text<'a>>,
    require_alias: Option<bool>,
    /// Taken, and without meaning here: the pocket cluster has no pipelines.
    #[serde(borrow, rename = "pipeline")]
    _pipeline: Option<Text<'a>>,
}

pub(super) struct Defaults<'a> {
    pub(super) index: Option<&'a str>,
    pub(super) routing: Option<&'a str>,
    pub(super) require_alias: bool,
}

/// The lines of a body, each ended by a line break.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<Option<&'a str>, Refusal> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some(end) = memchr(b'\n', self.rest.as_bytes()) else {
            return Err(Refusal::illegal_argument(
                "The bulk request must be terminated by a newline [\\n]",
            ));
        };
        self.number += 1;
        let (line, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest.strip_prefix('\n').unwrap_or(rest);
        Ok(Some(line.strip_suffix('\r').unwrap_or(line)))
    }
}

pub(super) fn parse<'a>(
    node: &Node,
    body: &'a str,
    defaults: &Defaults<'a>,
) -> Result<Vec<Item<'a>>, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new(400, "parse_exception", "request body is required"));
    }
    let mut lines = Lines { rest: body, number: 0 };
    let mut items = Vec::with_capacity(body.len() / 512);
    let mut complaints = Vec::new();
    while let Some(line) = lines.next()? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let action: ActionLine<'a> = match serde_json::from_str(line) {
            Ok(action) => action,
            // Elasticsearch 7 passes over what it does not know, with its document.
            Err(_) if node.flavour == Flavour::Elasticsearch && is_unknown_verb(line) => {
                lines.next()?;
                continue;
            }
            Err(error) => return Err(broken_line(line, lines.number, &error)),
        };
        let (mut verb, line) = match action {
            ActionLine::Index(line) => (Verb::Index, line),
            ActionLine::Create(line) => (Verb::Create, line),
            ActionLine::Delete(line) => (Verb::Delete, line),
        };
        if line.op_type.as_ref().is_some_and(|kind| kind.0 == "create") && verb == Verb::Index {
            verb = Verb::Create;
        }
        let source = match verb {
            Verb::Delete => None,
            Verb::Index | Verb::Create => match lines.next()? {
                Some(source) => Some(source),
                // The engines drop an action at the end that has no document, without a word.
                None => break,
            },
        };
        check_version_type(&line)?;
        match item(node, verb, line, source, defaults) {
            Ok(item) => items.push(item),
            Err(complaint) => complaints.push(complaint),
        }
    }
    if !complaints.is_empty() {
        return Err(Refusal::validation(&complaints));
    }
    if items.is_empty() {
        return Err(Refusal::validation(&["no requests added".to_owned()]));
    }
    Ok(items)
}

fn check_version_type(line: &Line<'_>) -> Result<(), Refusal> {
    let version_type = line.version_type.as_ref().map(|text| text.0.as_ref());
    Given { version_type, ..Given::default() }.check_version_type()
}

fn item<'a>(
    node: &Node,
    verb: Verb,
    line: Line<'a>,
    source: Option<&'a str>,
    defaults: &Defaults<'a>,
) -> Result<Item<'a>, String> {
    let given = Given {
        version: line.version,
        version_type: line.version_type.as_ref().map(|text| text.0.as_ref()),
        if_seq_no: line.if_seq_no,
        if_primary_term: line.if_primary_term,
        create: verb == Verb::Create,
    };
    let condition = given.condition()?;
    let Some(index) = line.index.map(|text| text.0).or(defaults.index.map(Cow::Borrowed)) else {
        return Err("index is missing".to_owned());
    };
    let id = match line.id {
        Some(Text(id)) => match id_complaint(&id) {
            Some(complaint) => return Err(complaint),
            None => id,
        },
        None if verb == Verb::Delete => return Err("id is missing".to_owned()),
        None if matches!(condition, Condition::Any | Condition::Absent) => {
            node.document_id().into()
        }
        None => return Err("an id must be provided if version type or value are set".to_owned()),
    };
    Ok(Item {
        verb,
        index,
        id,
        routing: line.routing.map(|text| text.0).or(defaults.routing.map(Cow::Borrowed)),
        source,
        condition,
        require_alias: line.require_alias.unwrap_or(defaults.require_alias),
    })
}

/// What an action line may say.
const PARAMETERS: [&str; 11] = [
    "_index",
    "_id",
    "_type",
    "routing",
    "version",
    "version_type",
    "if_seq_no",
    "if_primary_term",
    "op_type",
    "require_alias",
    "pipeline",
];

const VERBS: [&str; 4] = ["create", "delete", "index", "update"];

fn is_unknown_verb(line: &str) -> bool {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let verb = value.as_object().and_then(|map| map.keys().next());
    verb.is_some_and(|verb| !VERBS.contains(&verb.as_str()))
}

/// Finds out, from a line that did not parse, what the engines would say about it.
fn broken_line(line: &str, number: usize, error: &serde_json::Error) -> Refusal {
    let malformed = |expected: &str, found: &str| {
        Refusal::illegal_argument(format!(
            "Malformed action/metadata line [{number}], expected {expected} but found [{found}]"
        ))
    };
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return crate::request::broken_json(&error),
    };
    let Value::Object(action) = &value else { return malformed("START_OBJECT", token(&value)) };
    let Some((verb, body)) = action.iter().next() else {
        return malformed("FIELD_NAME", "END_OBJECT");
    };
    if !body.is_object() {
        return malformed("START_OBJECT or END_OBJECT", token(body));
    }
    if verb == "update" {
        return Refusal::illegal_argument(format!(
            "action/metadata line [{number}]: the pocket cluster has no [update]; send the whole document with [index]"
        ));
    }
    if !VERBS.contains(&verb.as_str()) {
        return Refusal::illegal_argument(format!(
            "Malformed action/metadata line [{number}], expected one of [create, delete, index, update] but found [{verb}]"
        ));
    }
    let unknown =
        body.as_object().and_then(|map| map.keys().find(|key| !PARAMETERS.contains(&key.as_str())));
    match unknown {
        Some(key) => Refusal::illegal_argument(format!(
            "Action/metadata line [{number}] contains an unknown parameter [{key}]"
        )),
        None => {
            Refusal::illegal_argument(format!("Malformed action/metadata line [{number}]: {error}"))
        }
    }
}
