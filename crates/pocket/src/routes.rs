//! Which handler a method and path belong to.

use axum::http::Method;
use serde_json::json;

use crate::document::Change;
use crate::error::Refusal;
use crate::fault::PartialBulk;
use crate::lifecycle::Part;
use crate::names::check_index_name;
use crate::node::Node;
use crate::request::{Answer, Request};
use crate::search::scroll;
use crate::{aliases, bulk, cluster, document, lifecycle, search, stats, templates};

/// Answers one request; never fails, since a refusal is an answer too.
pub(crate) fn answer(node: &Node, request: &Request, partial: Option<&PartialBulk>) -> Answer {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let call = Call { node, request, verb: Verb::of(&request.method), partial };
    let answered = request.check_parameters().and_then(|()| match segments.as_slice() {
        [] => Ok(call.root()),
        [first, ..] if first.starts_with('_') && *first != "_all" => call.cluster(&segments),
        [index] => call.index(index),
        [index, rest @ ..] => call.inside(index, rest),
    });
    match answered {
        Ok(Some(answer)) => answer,
        Ok(None) => unknown(request),
        Err(refusal) => refusal.into(),
    }
}

/// No handler: told apart as the engines do, by whether the path is known for another method.
fn unknown(request: &Request) -> Answer {
    let (path, method) = (&request.path, &request.method);
    let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD];
    if !known.contains(method) {
        let reason = format!("Incorrect HTTP method for uri [{path}] and method [{method}]");
        return Answer::json(405, &json!({"error": reason, "status": 405}));
    }
    let last = request.segments.last().map_or("", String::as_str);
    let allowed = match last {
        "_bulk" => Some("[POST, PUT]"),
        "_search" | "_msearch" | "_count" | "_refresh" | "_mget" | "_aliases" => {
            Some("[GET, POST]")
        }
        "_settings" | "_stats" | "_mapping" => Some("[GET, PUT]"),
        "_doc" | "_simulate" | "_open" | "_close" => Some("[POST]"),
        "_alias" | "_cluster" => Some("[GET]"),
        _ if request.segments.len() == 1 && !last.starts_with('_') => {
            Some("[GET, HEAD, DELETE, PUT]")
        }
        _ => None,
    };
    if let Some(allowed) = allowed {
        let reason = format!(
            "Incorrect HTTP method for uri [{path}] and method [{method}], allowed: {allowed}"
        );
        return Answer::json(405, &json!({"error": reason, "status": 405}));
    }
    let reason = format!("no handler found for uri [{path}] and method [{method}]");
    Answer::json(400, &json!({ "error": reason }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Get,
    Head,
    Put,
    Post,
    Delete,
    Other,
}

impl Verb {
    fn of(method: &Method) -> Self {
        match method.as_str() {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "POST" => Self::Post,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }
}

/// First segments that are no names of indices.
const KNOWN: [&str; 23] = [
    "_alias",
    "_aliases",
    "_bulk",
    "_cat",
    "_cluster",
    "_component_template",
    "_count",
    "_flush",
    "_forcemerge",
    "_index_template",
    "_ingest",
    "_mapping",
    "_mappings",
    "_mget",
    "_msearch",
    "_nodes",
    "_refresh",
    "_search",
    "_search_shards",
    "_settings",
    "_stats",
    "_tasks",
    "_template",
];

fn bad_name(name: &str) -> Refusal {
    Refusal::new(
        400,
        "invalid_index_name_exception",
        format!("Invalid index name [{name}], must not start with '_'."),
    )
    .about_index(name, "_na_")
}

/// What an engine says that was built without its module for Painless.
fn without_painless() -> Refusal {
    Refusal::new(400, "illegal_argument_exception", "script_lang not supported [painless]")
}

type Answered = Result<Option<Answer>, Refusal>;

#[derive(Clone, Copy)]
struct Call<'c> {
    node: &'c Node,
    request: &'c Request,
    verb: Verb,
    partial: Option<&'c PartialBulk>,
}

impl Call<'_> {
    fn root(self) -> Option<Answer> {
        match self.verb {
            Verb::Get => Some(cluster::identity(self.node)),
            Verb::Head => Some(Answer::text(200, String::new())),
            _ => None,
        }
    }

    /// Paths that start with an underscore.
    fn cluster(self, segments: &[&str]) -> Answered {
        use Verb::{Delete, Get, Head, Post, Put};
        let Self { node, request, verb, partial } = self;
        let answer = match (verb, segments) {
            (Post | Put, ["_bulk"]) => bulk::bulk(node, None, request, partial)?,
            (Get | Post, ["_search", "scroll"]) => scroll::next(node, request, None)?,
            (Get | Post, ["_search", "scroll", id]) => scroll::next(node, request, Some(id))?,
            (Delete, ["_search", "scroll"]) => scroll::clear(node, request, None)?,
            (Delete, ["_search", "scroll", id]) => scroll::clear(node, request, Some(id))?,
            (Get | Post, ["_mget"]) => document::get_many(node, None, request)?,
            (Post, ["_aliases"]) => aliases::change(node, request)?,
            (Get, ["_aliases"]) | (Get | Head, ["_alias"]) => {
                aliases::show(node, "_all", None, request)?
            }
            (Get | Head, ["_alias", names]) => aliases::show(node, "_all", Some(names), request)?,
            (Get, ["_cluster", "health"]) => cluster::health(node, "_all", request)?,
            (Get, ["_cluster", "health", index]) => cluster::health(node, index, request)?,
            (Get, ["_cluster", "state", "metadata", index]) => {
                cluster::metadata(node, index, request)?
            }
            (Get, ["_cluster", "settings"]) => cluster::settings(node, request)?,
            (Put, ["_cluster", "settings"]) => cluster::put_settings(node, request)?,
            (Get, ["_nodes", "stats", ..]) => cluster::node_stats(node),
            (Get, ["_cat", "indices"]) => stats::cat_indices(node, "_all", request)?,
            (Get, ["_cat", "indices", index]) => stats::cat_indices(node, index, request)?,
            (Get, ["_cat", "aliases"]) => stats::cat_aliases(node, request),
            (Post, ["_index_template", "_simulate"]) => templates::simulate(node, None, request)?,
            (Post, ["_index_template", "_simulate", name]) => {
                templates::simulate(node, Some(name), request)?
            }
            (Post, ["_index_template", "_simulate_index", name]) => {
                templates::simulate_index(node, name, request)?
            }
            (Get | Post, ["_ingest", "pipeline", "_simulate"]) => return Err(without_painless()),
            (_, ["_index_template", name]) if name.starts_with('_') => return Ok(None),
            (Get, ["_index_template"]) => templates::show(node, None)?,
            (Get, ["_index_template", name]) => templates::show(node, Some(name))?,
            (Head, ["_index_template", name]) => templates::exists(node, name),
            (Put | Post, ["_index_template", name]) => templates::put(node, name, request)?,
            (Delete, ["_index_template", name]) => templates::delete(node, name)?,
            // Older and finer kinds of templates: there are none, and survey may ask.
            (Get, ["_template", ..]) => Answer::ok(&json!({})),
            (Get, ["_component_template", ..]) => Answer::ok(&json!({"component_templates": []})),
            (_, [first, ..]) if !KNOWN.contains(first) => {
                // Taken for the name of an index, and refused as such.
                let mut refusal = bad_name(first);
                if verb == Put && segments.len() == 1 {
                    refusal = check_index_name(first).err().unwrap_or(refusal);
                }
                return Err(refusal);
            }
            (_, rest) => return self.inside("_all", rest),
        };
        Ok(Some(answer))
    }

    fn index(self, index: &str) -> Answered {
        let Self { node, request, .. } = self;
        let answer = match self.verb {
            Verb::Get => lifecycle::show(node, index, Part::All, request)?,
            Verb::Head => lifecycle::exists(node, index, request)?,
            Verb::Put => lifecycle::create(node, index, request)?,
            Verb::Delete => lifecycle::delete(node, index, request)?,
            Verb::Post | Verb::Other => return Ok(None),
        };
        Ok(Some(answer))
    }

    /// Paths below an index expression, and the same without one.
    fn inside(self, index: &str, rest: &[&str]) -> Answered {
        use Verb::{Delete, Get, Head, Post, Put};
        let Self { node, request, verb, partial } = self;
        let answer = match (verb, rest) {
            (Get | Post, ["_search"]) => search::search(node, index, request)?,
            (Get | Post, ["_msearch"]) => search::many::search_many(node, index, request)?,
            (Get | Post, ["_count"]) => search::count(node, index, request)?,
            (Get | Post, ["_refresh" | "_flush" | "_forcemerge"]) => {
                lifecycle::refresh(node, index, request)?
            }
            (Get | Post, ["_search_shards"]) => search::show_shards(node, index, request)?,
            (Get, ["_stats"]) => stats::show(node, index, None, request)?,
            (Get, ["_stats", metrics]) => stats::show(node, index, Some(metrics), request)?,
            (Get, ["_mapping" | "_mappings"]) => {
                lifecycle::show(node, index, Part::Mapping, request)?
            }
            (Put | Post, ["_mapping" | "_mappings"]) => {
                lifecycle::put_mapping(node, index, request)?
            }
            (Get, ["_settings"]) => lifecycle::show(node, index, Part::Settings(None), request)?,
            (Get, ["_settings", names]) => {
                lifecycle::show(node, index, Part::Settings(Some(names)), request)?
            }
            (Put, ["_settings"]) => lifecycle::put_settings(node, index, request)?,
            (Get | Head, ["_alias"]) => aliases::show(node, index, None, request)?,
            (Get | Head, ["_alias", names]) => aliases::show(node, index, Some(names), request)?,
            _ if index == "_all" => return Ok(None),
            (Post | Put, ["_bulk"]) => bulk::bulk(node, Some(index), request, partial)?,
            (Put | Post, ["_alias" | "_aliases", name]) => {
                aliases::put(node, index, name, request)?
            }
            (Delete, ["_alias" | "_aliases", names]) => aliases::delete(node, index, names)?,
            (Put, ["_block", block]) => lifecycle::put_block(node, index, block, request)?,
            (Post | Put, ["_clone", name]) => lifecycle::clone(node, index, name, request)?,
            (Post, ["_open"]) => lifecycle::set_open(node, index, true, request)?,
            (Post, ["_close"]) => lifecycle::set_open(node, index, false, request)?,
            (Get | Post, ["_mget"]) => document::get_many(node, Some(index), request)?,
            _ => return self.document(index, rest),
        };
        Ok(Some(answer))
    }

    fn document(self, index: &str, rest: &[&str]) -> Answered {
        use Verb::{Delete, Get, Head, Post, Put};
        let Self { node, request, verb, .. } = self;
        let answer = match (verb, rest) {
            (Get | Head, ["_doc", id]) => document::get(node, index, id, request)?,
            (Get | Head, ["_source", id]) => document::source(node, index, id, request)?,
            (Put | Post, ["_doc", id]) => {
                document::write(node, index, Some(id), Change::Index, request)?
            }
            (Post, ["_doc"]) => document::write(node, index, None, Change::Index, request)?,
            (Put | Post, ["_create", id]) => {
                document::write(node, index, Some(id), Change::Create, request)?
            }
            (Delete, ["_doc", id]) => {
                document::write(node, index, Some(id), Change::Delete, request)?
            }
            _ => return Ok(None),
        };
        Ok(Some(answer))
    }
}
