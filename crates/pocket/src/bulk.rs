//! `_bulk`: many writes in one body, outcomes by position.
//!
//! As on the engines, every action line is read before anything is written: one broken line
//! refuses the body as a whole, one broken document only its own item.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Instant;

use memchr::memchr;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Refusal;
use crate::fault::PartialBulk;
use crate::mapping::scalar::Text;
use crate::node::{Flavour, Index, Node, write_shard};
use crate::request::{Answer, Request};
use crate::search::body::token;
use crate::shard::Condition;
use crate::write::{
    ATTEMPTS_MAX, Done, Given, Need, Operation, Rendering, Step, Writer, id_complaint,
    push_written, supply,
};

/// One item of a body.
#[derive(Debug)]
struct Item<'a> {
    verb: Verb,
    index: Cow<'a, str>,
    id: Cow<'a, str>,
    routing: Option<Cow<'a, str>>,
    source: Option<&'a str>,
    condition: Condition,
    require_alias: bool,
}

impl Item<'_> {
    fn operation(&self) -> Operation<'_> {
        Operation {
            index: &self.index,
            id: &self.id,
            routing: self.routing.as_deref(),
            source: self.source,
            condition: self.condition,
            require_alias: self.require_alias,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Index,
    Create,
    Delete,
}

impl Verb {
    fn word(self) -> &'static str {
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

/// `POST /_bulk` and `POST /I/_bulk`. `partial` is a planned fault that spoils items.
pub(crate) fn bulk(
    node: &Node,
    default_index: Option<&str>,
    request: &Request,
    partial: Option<&PartialBulk>,
) -> Result<Answer, Refusal> {
    let started = Instant::now();
    let body = std::str::from_utf8(&request.body)
        .map_err(|error| Refusal::illegal_argument(format!("the body is not UTF-8: {error}")))?;
    let defaults = Defaults {
        index: default_index,
        routing: request.parameter("routing"),
        require_alias: request.flag("require_alias")?.unwrap_or(false),
    };
    let refresh = wants_refresh(request)?;
    let items = parse(node, body, &defaults)?;
    let mut run = Run {
        node,
        rendering: Rendering { flavour: node.flavour, forced_refresh: refresh == Refresh::Now },
        refresh,
        partial,
        buffer: Vec::with_capacity(items.len() * 200),
        errors: false,
        touched: BTreeSet::new(),
    };
    run.all(&items);
    let took = started.elapsed().as_millis();
    let mut answer =
        format!("{{\"took\":{took},\"errors\":{},\"items\":[", run.errors).into_bytes();
    answer.append(&mut run.buffer);
    answer.extend_from_slice(b"]}");
    Ok(Answer::bytes(200, answer))
}

/// What a write does about visibility.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    Later,
    Now,
    /// The answer comes after the next refresh; here that is one made at once.
    Awaited,
}

/// The `refresh` parameter.
pub(crate) fn wants_refresh(request: &Request) -> Result<Refresh, Refusal> {
    match request.parameter("refresh") {
        None | Some("false") => Ok(Refresh::Later),
        Some("" | "true") => Ok(Refresh::Now),
        Some("wait_for") => Ok(Refresh::Awaited),
        Some(other) => {
            Err(Refusal::illegal_argument(format!("Unknown value for refresh: [{other}].")))
        }
    }
}

struct Run<'r> {
    node: &'r Node,
    rendering: Rendering,
    refresh: Refresh,
    partial: Option<&'r PartialBulk>,
    buffer: Vec<u8>,
    errors: bool,
    /// Shards to refresh before the answer.
    touched: BTreeSet<(String, u32)>,
}

impl Run<'_> {
    fn all(&mut self, items: &[Item<'_>]) {
        let node = self.node;
        let mut position = 0;
        let mut attempts = 0;
        while let Some(rest) = items.get(position..).filter(|rest| !rest.is_empty()) {
            let state = node.read();
            let (done, need) = self.some(&mut Writer::new(&state), rest, position);
            drop(state);
            attempts = if done > 0 { 1 } else { attempts + 1 };
            position += done;
            let (Some(need), Some(item)) = (need, items.get(position)) else { continue };
            let supplied = if attempts > ATTEMPTS_MAX {
                let reason = "the cluster state changes under this write again and again";
                Err(Refusal::new(503, "process_cluster_event_timeout_exception", reason))
            } else {
                supply(node, &item.index, need)
            };
            if let Err(refusal) = supplied {
                self.push_refusal(item, &refusal);
                position += 1;
                attempts = 0;
            }
        }
        self.refresh_touched();
    }

    /// Carries out items until one needs the cluster state changed; says how many it did.
    fn some(
        &mut self,
        writer: &mut Writer<'_>,
        items: &[Item<'_>],
        first: usize,
    ) -> (usize, Option<Need>) {
        for (offset, item) in items.iter().enumerate() {
            if let Some(refusal) = self.partial.and_then(|fault| fault.refusal(first + offset)) {
                self.push_refusal(item, &refusal);
                continue;
            }
            match writer.attempt(&item.operation()) {
                Ok(Step::Done(done)) => self.push_done(item, &done),
                Ok(Step::Needs(need)) => return (offset, Some(need)),
                Err(refusal) => self.push_refusal(item, &refusal),
            }
        }
        (items.len(), None)
    }

    fn push_done(&mut self, item: &Item<'_>, done: &Done<'_>) {
        if self.refresh != Refresh::Later {
            self.touched.insert((done.index.name.clone(), done.shard));
        }
        self.open_item(item);
        push_written(&mut self.buffer, done, &item.id, self.rendering);
        let status = done.written.effect.status();
        self.buffer.extend_from_slice(format!(",\"status\":{status}}}}}").as_bytes());
    }

    fn push_refusal(&mut self, item: &Item<'_>, refusal: &Refusal) {
        self.errors = true;
        self.open_item(item);
        let mut json = serde_json::Map::new();
        json.insert("_index".into(), item.index.as_ref().into());
        if self.node.flavour == Flavour::Elasticsearch {
            json.insert("_type".into(), "_doc".into());
        }
        json.insert("_id".into(), item.id.as_ref().into());
        json.insert("status".into(), refusal.status.into());
        json.insert("error".into(), refusal.cause_json());
        let text = Value::Object(json).to_string();
        self.buffer.extend_from_slice(text.strip_prefix('{').unwrap_or(&text).as_bytes());
        self.buffer.push(b'}');
    }

    fn open_item(&mut self, item: &Item<'_>) {
        if !self.buffer.is_empty() {
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(b"{\"");
        self.buffer.extend_from_slice(item.verb.word().as_bytes());
        self.buffer.extend_from_slice(b"\":{");
    }

    fn refresh_touched(&self) {
        let state = self.node.read();
        for (name, number) in &self.touched {
            if let Some((index, shard)) =
                state.indices.get(name).and_then(|index| Some((index, index.shard(*number)?)))
            {
                refresh_shard(index, shard);
            }
        }
    }
}

/// Refreshes one shard of an index.
pub(crate) fn refresh_shard(index: &Index, shard: &std::sync::RwLock<crate::shard::Shard>) {
    write_shard(shard).refresh(index.settings.gc_deletes());
}

struct Defaults<'a> {
    index: Option<&'a str>,
    routing: Option<&'a str>,
    require_alias: bool,
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

fn parse<'a>(
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
