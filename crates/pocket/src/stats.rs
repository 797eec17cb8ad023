//! `_stats`: counts, sizes and sequence numbers of each shard.

use serde_json::{Map, Value, json};

use crate::error::Refusal;
use crate::names::{Expansion, resolve};
use crate::node::{Index, Node, read_shard};
use crate::request::{Answer, Request};
use crate::search::tally::Searches;

/// The metrics of the engines; pocket fills `docs`, `store`, `search` and `get` and leaves the others out.
const METRICS: [&str; 18] = [
    "docs",
    "store",
    "_all",
    "bulk",
    "completion",
    "fielddata",
    "flush",
    "get",
    "indexing",
    "merge",
    "query_cache",
    "recovery",
    "refresh",
    "request_cache",
    "search",
    "segments",
    "translog",
    "warmer",
];

/// Counts of one or several shards.
#[derive(Debug, Clone, Default)]
struct Counts {
    documents: usize,
    bytes: usize,
    searches: Searches,
    gets: u64,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Wanted<'r> {
    /// No list means all.
    metrics: Option<&'r str>,
    /// Groups of searches, as patterns.
    groups: Option<&'r str>,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.documents += other.documents;
        self.bytes += other.bytes;
        self.searches.add(&other.searches);
        self.gets += other.gets;
    }

    fn json(&self, wanted: Wanted<'_>) -> Value {
        let wants = |name: &str| {
            wanted.metrics.is_none_or(|list| list.split(',').any(|m| m == name || m == "_all"))
        };
        let mut map = Map::new();
        if wants("docs") {
            map.insert("docs".into(), json!({"count": self.documents, "deleted": 0}));
        }
        if wants("store") {
            map.insert(
                "store".into(),
                json!({"size_in_bytes": self.bytes, "reserved_in_bytes": 0}),
            );
        }
        if wants("search") {
            map.insert("search".into(), self.searches.json(wanted.groups));
        }
        if wants("get") {
            map.insert("get".into(), json!({"total": self.gets, "current": 0}));
        }
        Value::Object(map)
    }
}

/// `GET /_stats`, `GET /I/_stats/METRICS`.
pub(crate) fn show(
    node: &Node,
    expression: &str,
    metrics: Option<&str>,
    request: &Request,
) -> Result<Answer, Refusal> {
    let level = request.parameter("level").unwrap_or("indices");
    if !["cluster", "indices", "shards"].contains(&level) {
        return Err(Refusal::illegal_argument(format!(
            "level parameter must be one of [cluster] or [indices] or [shards] but was [{level}]"
        )));
    }
    for metric in metrics.into_iter().flat_map(|list| list.split(',')) {
        if !METRICS.contains(&metric) {
            return Err(Refusal::illegal_argument(format!(
                "request [{}] contains unrecognized metric: [{metric}]",
                request.path
            )));
        }
    }
    let expansion = Expansion { hidden: true, ..Expansion::OPEN }.of(request)?;
    let wanted = Wanted { metrics, groups: request.parameter("groups") };
    let state = node.read();
    let mut indices = Map::new();
    let mut all = Counts::default();
    let (mut total, mut successful) = (0, 0);
    for target in resolve(&state, expression, expansion)? {
        let index = target.index;
        index.refresh_due();
        total += index.copies();
        successful += index.settings.shards();
        let (counts, shards) = index_stats(node, index, wanted);
        all.add(&counts);
        let mut json = Map::new();
        json.insert("uuid".into(), json!(index.uuid));
        json.insert("primaries".into(), counts.json(wanted));
        json.insert("total".into(), counts.json(wanted));
        if level == "shards" {
            json.insert("shards".into(), Value::Object(shards));
        }
        indices.insert(index.name.clone(), Value::Object(json));
    }
    let mut answer = Map::new();
    answer.insert("_shards".into(), json!({"total": total, "successful": successful, "failed": 0}));
    answer.insert("_all".into(), json!({"primaries": all.json(wanted), "total": all.json(wanted)}));
    if level != "cluster" {
        answer.insert("indices".into(), Value::Object(indices));
    }
    Ok(Answer::ok(&Value::Object(answer)))
}

fn index_stats(node: &Node, index: &Index, wanted: Wanted<'_>) -> (Counts, Map<String, Value>) {
    // What is read is counted for the whole index; its shards tell none.
    let mut sum =
        Counts { searches: index.searches().clone(), gets: index.gets(), ..Counts::default() };
    let mut shards = Map::new();
    for (number, shard) in index.shards.iter().enumerate() {
        let shard = read_shard(shard);
        let (documents, bytes) = (shard.visible_count(), shard.bytes());
        let counts = Counts { documents, bytes, ..Counts::default() };
        sum.add(&counts);
        let seq_no = shard.max_seq_no();
        let mut json = json!({
            "routing": {
                "state": "STARTED", "primary": true,
                "node": node.id, "relocating_node": null,
            },
            "seq_no": {
                "max_seq_no": seq_no, "local_checkpoint": seq_no, "global_checkpoint": seq_no,
            },
        });
        if let (Value::Object(json), Value::Object(counts)) = (&mut json, counts.json(wanted)) {
            json.extend(counts);
        }
        shards.insert(number.to_string(), json!([json]));
    }
    (sum, shards)
}

/// `GET /_cat/indices?format=json`.
pub(crate) fn cat_indices(
    node: &Node,
    expression: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    let expansion = Expansion { closed: true, ..Expansion::METADATA }.of(request)?;
    let state = node.read();
    let mut rows = Vec::new();
    for target in resolve(&state, expression, expansion)? {
        let index = target.index;
        index.refresh_due();
        let (counts, _) = index_stats(node, index, Wanted { metrics: None, groups: None });
        let replicas = index.settings.replicas();
        rows.push(json!({
            "health": if replicas == 0 { "green" } else { "yellow" },
            "status": if index.open { "open" } else { "close" },
            "index": index.name,
            "uuid": index.uuid,
            "pri": index.settings.shards().to_string(),
            "rep": replicas.to_string(),
            "docs.count": counts.documents.to_string(),
            "docs.deleted": "0",
            "store.size": format!("{}b", counts.bytes),
            "pri.store.size": format!("{}b", counts.bytes),
        }));
    }
    Ok(table(&rows, request))
}

/// `GET /_cat/aliases?format=json`.
pub(crate) fn cat_aliases(node: &Node, request: &Request) -> Answer {
    let state = node.read();
    let mut rows = Vec::new();
    for index in state.indices.values() {
        for (name, alias) in &index.aliases {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            rows.push(json!({
                "alias": name,
                "index": index.name,
                "filter": if alias.filter.is_some() { "*" } else { "-" },
                "routing.index": text(&alias.index_routing),
                "routing.search": text(&alias.search_routing),
                "is_write_index": alias.is_write_index.map_or_else(|| "-".to_owned(), |f| f.to_string()),
            }));
        }
    }
    table(&rows, request)
}

/// Rows as JSON or as columns of text; `h` picks columns, and leaves out those that are not there.
fn table(rows: &[Value], request: &Request) -> Answer {
    let mut rows = rows.to_vec();
    if let Some(columns) = request.parameter("h") {
        for row in &mut rows {
            *row = columns
                .split(',')
                .filter_map(|column| Some((column.to_owned(), row.get(column)?.clone())))
                .collect();
        }
    }
    if request.parameter("format") == Some("json") {
        return Answer::ok(&json!(rows));
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<&str> =
            row.as_object().into_iter().flatten().filter_map(|(_, cell)| cell.as_str()).collect();
        text.push_str(&cells.join(" "));
        text.push('\n');
    }
    Answer::text(200, text)
}
