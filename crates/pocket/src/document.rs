//! Single documents: `_doc`, `_create`, `_source` and `_mget`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::bulk::{Refresh, refresh_shard, wants_refresh};
use crate::error::Refusal;
use crate::node::{Deed, Flavour, Index, Node, State, read_shard};
use crate::request::{Answer, Request};
use crate::shard::Document;
use crate::wait::Wait;
use crate::write::{
    ATTEMPTS_MAX, Given, Operation, Rendering, Step, Writer, id_complaint, push_text, push_written,
    supply,
};

/// What a write request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Index,
    Create,
    Delete,
}

/// `PUT|POST /I/_doc[/ID]`, `PUT /I/_create/ID`, `DELETE /I/_doc/ID`.
pub(crate) fn write(
    node: &Node,
    index: &str,
    id: Option<&str>,
    deed: Change,
    request: &Request,
) -> Result<Answer, Refusal> {
    let create = deed == Change::Create || request.parameter("op_type") == Some("create");
    let given = Given {
        version: request.number("version")?,
        version_type: request.parameter("version_type"),
        if_seq_no: request.number("if_seq_no")?,
        if_primary_term: request.number("if_primary_term")?,
        create: create && deed != Change::Delete,
    };
    given.check_version_type()?;
    if given.if_seq_no.is_some_and(|number| number < 0) {
        return Err(Refusal::illegal_argument("sequence numbers must be non negative"));
    }
    let condition = given.condition().map_err(|complaint| Refusal::validation(&[complaint]))?;
    let refresh = wants_refresh(request)?;
    let id = match id {
        Some(id) => id.to_owned(),
        None => node.document_id(),
    };
    if let Some(complaint) = id_complaint(&id) {
        return Err(Refusal::validation(&[complaint]));
    }
    let source = match deed {
        Change::Delete => None,
        Change::Index | Change::Create => Some(body(request)?),
    };
    let operation = Operation {
        index,
        id: &id,
        routing: request.parameter("routing"),
        source,
        condition,
        require_alias: request.flag("require_alias")?.unwrap_or(false),
        copies: Wait::of(request)?,
    };
    for _ in 0..ATTEMPTS_MAX {
        let state = node.read();
        let need = match Writer::new(&state).attempt(&operation)? {
            Step::Done(done) => {
                if refresh != Refresh::Later
                    && let Some(shard) = done.index.shard(done.shard)
                {
                    refresh_shard(done.index, shard);
                }
                let rendering =
                    Rendering { flavour: node.flavour, forced_refresh: refresh == Refresh::Now };
                let mut buffer = vec![b'{'];
                push_written(&mut buffer, &done, &id, rendering);
                buffer.push(b'}');
                return Ok(Answer::bytes(done.written.effect.status(), buffer));
            }
            Step::Needs(need) => need,
        };
        drop(state);
        supply(node, index, need)?;
    }
    let reason = "the cluster state changes under this write again and again";
    Err(Refusal::new(503, "process_cluster_event_timeout_exception", reason))
}

fn body(request: &Request) -> Result<&str, Refusal> {
    if request.body.is_empty() {
        return Err(Refusal::new(400, "parse_exception", "request body is required"));
    }
    std::str::from_utf8(&request.body)
        .map_err(|error| Refusal::mapper_parsing(format!("failed to parse: not UTF-8: {error}")))
}

/// `GET|HEAD /I/_doc/ID`; sees every acknowledged write, refreshed or not.
pub(crate) fn get(node: &Node, name: &str, id: &str, request: &Request) -> Result<Answer, Refusal> {
    let state = node.read();
    let routing = request.parameter("routing");
    let wanted = Wanted {
        source: source_wanted(request)?,
        realtime: request.flag("realtime")?.unwrap_or(true),
        version: request.number("version")?,
    };
    let (status, body) = fetch(node, &state, name, (id, routing), wanted)?;
    Ok(Answer::bytes(status, body))
}

fn source_wanted(request: &Request) -> Result<bool, Refusal> {
    Ok(match request.parameter("_source") {
        Some("true" | "false" | "") => request.flag("_source")?.unwrap_or(true),
        Some(_) | None => true,
    })
}

/// What a read of one document asks for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    source: bool,
    /// Sees what is not refreshed yet.
    realtime: bool,
    version: Option<i64>,
}

fn fetch(
    node: &Node,
    state: &State,
    name: &str,
    (id, routing): (&str, Option<&str>),
    wanted: Wanted,
) -> Result<(u16, Vec<u8>), Refusal> {
    let index = single(state, name)?;
    index.check_block(Deed::Read)?;
    if index.mapping.routing_required && routing.is_none() {
        let reason = format!("routing is required for [{name}]/[_doc]/[{id}]");
        return Err(
            Refusal::new(400, "routing_missing_exception", reason).about_index(name, "_na_")
        );
    }
    let mut text = String::from("{\"_index\":");
    push_json(&mut text, &index.name);
    if node.flavour == Flavour::Elasticsearch {
        text.push_str(",\"_type\":\"_doc\"");
    }
    text.push_str(",\"_id\":");
    push_json(&mut text, id);
    index.note_get();
    let number = index.shard_number(id, routing);
    let document = index.shard(number).and_then(|shard| {
        let shard = read_shard(shard);
        if wanted.realtime { shard.get(id).cloned() } else { shard.visible_document(id).cloned() }
    });
    let Some(document) = document else {
        text.push_str(",\"found\":false}");
        return Ok((404, text.into_bytes()));
    };
    if let Some(version) = wanted.version
        && version != document.version
    {
        let reason = format!(
            "[{id}]: version conflict, current version [{}] is different than the one provided [{version}]",
            document.version
        );
        return Err(Refusal::new(409, "version_conflict_engine_exception", reason)
            .about_index(&index.name, &index.uuid));
    }
    push_found(&mut text, &document, wanted.source && index.mapping.source_enabled);
    Ok((200, text.into_bytes()))
}

fn push_found(text: &mut String, document: &Document, with_source: bool) {
    write!(
        text,
        ",\"_version\":{},\"_seq_no\":{},\"_primary_term\":{}",
        document.version, document.seq_no, document.term
    )
    .expect("writing to a String does not fail");
    if let Some(routing) = &document.routing {
        text.push_str(",\"_routing\":");
        push_json(text, routing);
    }
    text.push_str(",\"found\":true");
    if with_source {
        text.push_str(",\"_source\":");
        text.push_str(&document.source);
    }
    text.push('}');
}

fn push_json(text: &mut String, value: &str) {
    let mut buffer = Vec::new();
    push_text(&mut buffer, value);
    text.push_str(&String::from_utf8_lossy(&buffer));
}

/// The one index that a read of a document means.
fn single<'s>(state: &'s State, name: &str) -> Result<&'s Index, Refusal> {
    let index = if let Some(index) = state.indices.get(name) {
        index
    } else {
        let mut holders = state.indices.values().filter(|index| index.aliases.contains_key(name));
        match (holders.next(), holders.next()) {
            (None, _) => return Err(Refusal::index_not_found(name)),
            (Some(index), None) => index,
            (Some(_), Some(_)) => {
                return Err(Refusal::illegal_argument(format!(
                    "alias [{name}] has more than one index associated with it, can't execute a single index op"
                )));
            }
        }
    };
    if index.open {
        return Ok(index);
    }
    Err(Refusal::new(400, "index_closed_exception", "closed").about_index(&index.name, &index.uuid))
}

/// `GET|HEAD /I/_source/ID`.
pub(crate) fn source(
    node: &Node,
    name: &str,
    id: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    let state = node.read();
    let index = single(&state, name)?;
    index.note_get();
    let number = index.shard_number(id, request.parameter("routing"));
    let document = index.shard(number).and_then(|shard| read_shard(shard).get(id).cloned());
    match document.filter(|_| index.mapping.source_enabled) {
        Some(document) => Ok(Answer::bytes(200, document.source.as_bytes().to_vec())),
        None => Err(Refusal::new(
            404,
            "resource_not_found_exception",
            format!("Document not found [{name}]/[_doc]/[{id}]"),
        )),
    }
}

/// `POST /_mget` and `POST /I/_mget`.
pub(crate) fn get_many(
    node: &Node,
    default_index: Option<&str>,
    request: &Request,
) -> Result<Answer, Refusal> {
    let body = request.json_required()?;
    let mut wanted: Vec<Value> = Vec::new();
    if let Some(Value::Array(list)) = body.get("docs") {
        wanted.extend(list.iter().cloned());
    }
    if let Some(Value::Array(list)) = body.get("ids") {
        wanted.extend(list.iter().map(|id| json!({ "_id": id })));
    }
    if wanted.is_empty() {
        return Err(Refusal::validation(&["no documents to get".to_owned()]));
    }
    let state = node.read();
    let mut buffer = b"{\"docs\":[".to_vec();
    for (position, entry) in wanted.iter().enumerate() {
        if position > 0 {
            buffer.push(b',');
        }
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let index = text("_index").or(default_index).unwrap_or_default();
        let id = text("_id").unwrap_or_default();
        let with_source = entry.get("_source") != Some(&Value::Bool(false));
        let wanted = Wanted { source: with_source, realtime: true, version: None };
        match fetch(node, &state, index, (id, text("routing")), wanted) {
            Ok((_, mut found)) => buffer.append(&mut found),
            Err(refusal) => {
                let error = json!({"_index": index, "_id": id, "error": refusal.cause_json()});
                buffer.extend_from_slice(error.to_string().as_bytes());
            }
        }
    }
    buffer.extend_from_slice(b"]}");
    Ok(Answer::bytes(200, buffer))
}
