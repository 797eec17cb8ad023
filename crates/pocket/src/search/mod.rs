//! `_search` and `_count`: which documents fit, in which order, rendered without touching their
//! `_source`.

pub(crate) mod aggregate;
pub(crate) mod body;
pub(crate) mod key;
pub(crate) mod many;
pub(crate) mod query;
pub(crate) mod render;
pub(crate) mod scroll;
pub(crate) mod tally;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use self::aggregate::Aggregation;
use self::body::{Body, Order, TotalWanted};
use self::key::{Key, SortField};
use self::query::Query;
use self::render::{Page, Total};
use crate::error::Refusal;
use crate::names::{Expansion, Target, resolve};
use crate::node::{Deed, Index, Node, read_shard};
use crate::request::{Answer, Request};
use crate::settings::{Time, parse_time};
use crate::shard::Document;

/// A document that fits.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) index: Arc<str>,
    pub(crate) document: Arc<Document>,
    /// One key for each sort field; empty without a sort.
    pub(crate) keys: Vec<Option<Key>>,
    /// Whether `_source` may be given back.
    pub(crate) source_enabled: bool,
}

/// The part of one index that a search reads.
struct Scope<'s> {
    index: &'s Index,
    name: Arc<str>,
    shards: Vec<u32>,
    query: Query,
    sort: Vec<SortField<'s>>,
}

/// What a search found.
struct Found {
    hits: Vec<Hit>,
    count: usize,
    /// Counting stopped early: there may be more.
    at_least: bool,
    shard_count: usize,
    aggregations: Option<Map<String, Value>>,
}

/// `POST /I/_search`.
pub(crate) fn search(node: &Node, expression: &str, request: &Request) -> Result<Answer, Refusal> {
    let started = Instant::now();
    let body = Body::parse(request, node.flavour)?;
    let keep = request.parameter("scroll").map(keep_alive).transpose()?;
    let state = node.read();
    let targets = resolve(&state, expression, Expansion::OPEN.of(request)?)?;
    let scopes = scopes(&targets, request, &body)?;
    check_window(&scopes, &body, keep.is_some())?;
    let limit = if keep.is_some() { usize::MAX } else { body.from.saturating_add(body.size) };
    let mut found = collect(&scopes, &body, limit)?;
    drop(scopes);
    drop(targets);
    drop(state);
    let mut hits = found.hits.split_off(body.from.min(found.hits.len()));
    let scroll_id = keep.map(|keep| {
        let rest = hits.split_off(body.size.min(hits.len()));
        node.scrolls().open(scroll::Context::new(rest, &body, found.count, keep))
    });
    let page = Page {
        flavour: node.flavour,
        hits: &hits,
        body: &body.show,
        took: started.elapsed().as_millis(),
        shard_count: found.shard_count,
        total: total(&found, &body),
        scroll_id: scroll_id.transpose()?,
        aggregations: found.aggregations.take(),
    };
    Ok(Answer::bytes(200, page.render()))
}

fn total(found: &Found, body: &Body) -> Total {
    match body.total {
        TotalWanted::No => Total::Hidden,
        TotalWanted::UpTo(most) if found.count > most || found.at_least => Total::AtLeast(most),
        TotalWanted::Exact | TotalWanted::UpTo(_) => Total::Is(found.count),
    }
}

fn keep_alive(text: &str) -> Result<std::time::Duration, Refusal> {
    match parse_time(text) {
        Some(Time::After(keep)) => Ok(keep),
        _ => Err(Refusal::illegal_argument(format!(
            "failed to parse setting [scroll] with value [{text}] as a time value: unit is missing or unrecognized"
        ))),
    }
}

/// `POST /I/_count`.
pub(crate) fn count(node: &Node, expression: &str, request: &Request) -> Result<Answer, Refusal> {
    let body = Body::parse_count(request, node.flavour)?;
    let state = node.read();
    let targets = resolve(&state, expression, Expansion::OPEN.of(request)?)?;
    let scopes = scopes(&targets, request, &body)?;
    let found = collect(&scopes, &body, 0)?;
    let shards = found.shard_count;
    Ok(Answer::ok(&json!({
        "count": found.count,
        "_shards": {"total": shards, "successful": shards, "skipped": 0, "failed": 0},
    })))
}

/// `GET /I/_search_shards`: which shards a search would read.
pub(crate) fn show_shards(
    node: &Node,
    expression: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    let state = node.read();
    let mut groups = Vec::new();
    let mut indices = Map::new();
    for target in resolve(&state, expression, Expansion::OPEN.of(request)?)? {
        let name = &target.index.name;
        indices.insert(name.clone(), json!({}));
        for number in shards(&target, request)? {
            groups.push(json!([{
                "state": "STARTED", "primary": true, "node": node.id,
                "relocating_node": null, "shard": number, "index": name,
            }]));
        }
    }
    let nodes = json!({node.id.clone(): {"name": "pocket"}});
    Ok(Answer::ok(&json!({"nodes": nodes, "indices": indices, "shards": groups})))
}

fn scopes<'s>(
    targets: &'s [Target<'s>],
    request: &Request,
    body: &'s Body,
) -> Result<Vec<Scope<'s>>, Refusal> {
    let mut scopes = Vec::new();
    for target in targets {
        let index = target.index;
        index.check_block(Deed::Read)?;
        index.refresh_due();
        let mut query = Query::parse(&body.query, index)?;
        let filters: Result<Vec<Query>, Refusal> =
            target.filters().iter().map(|filter| Query::parse(filter, index)).collect();
        let filters = filters?;
        if !filters.is_empty() {
            query = Query::Every(vec![query, Query::Some { of: filters, least: 1 }]);
        }
        for (_, aggregation) in &body.aggregations {
            aggregation.check(index)?;
        }
        let sort: Result<Vec<SortField<'_>>, Refusal> =
            body.sort.iter().map(|order| SortField::resolve(order, index)).collect();
        scopes.push(Scope {
            index,
            name: Arc::from(index.name.as_str()),
            shards: shards(target, request)?,
            query,
            sort: sort?,
        });
    }
    Ok(scopes)
}

/// The shards that `preference`, `routing` and the aliases leave.
fn shards(target: &Target<'_>, request: &Request) -> Result<Vec<u32>, Refusal> {
    let index = target.index;
    let mut shards: BTreeSet<u32> = (0..index.settings.shards()).collect();
    let routed = |routings: &[&str]| -> BTreeSet<u32> {
        routings.iter().map(|routing| index.shard_number("", Some(routing))).collect()
    };
    if let Some(routings) = target.routings() {
        shards = &shards & &routed(&routings);
    }
    if let Some(routing) = request.parameter("routing") {
        shards = &shards & &routed(&routing.split(',').collect::<Vec<_>>());
    }
    let preferred = request.parameter("preference").and_then(|text| text.strip_prefix("_shards:"));
    if let Some(list) = preferred {
        let list = list.split('|').next().unwrap_or(list);
        let mut wanted = BTreeSet::new();
        for number in list.split(',') {
            wanted.insert(number.parse().map_err(|_| {
                Refusal::illegal_argument(format!("For input string: \"{number}\""))
            })?);
        }
        shards = &shards & &wanted;
    }
    Ok(shards.into_iter().collect())
}

fn check_window(scopes: &[Scope<'_>], body: &Body, scroll: bool) -> Result<(), Refusal> {
    let asked = body.from.saturating_add(body.size);
    for scope in scopes {
        let most = scope
            .index
            .settings
            .number("index.max_result_window")
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(10_000);
        if asked <= most {
            continue;
        }
        let reason = if scroll {
            format!(
                "Batch size is too large, size must be less than or equal to: [{most}] but was [{asked}]. Scroll batch sizes cost as much memory as result windows so they are controlled by the [index.max_result_window] index level setting."
            )
        } else {
            format!(
                "Result window is too large, from + size must be less than or equal to: [{most}] but was [{asked}]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting."
            )
        };
        return Err(phase_failure(Refusal::illegal_argument(reason)));
    }
    Ok(())
}

/// What the engines make of an error in the search itself: every shard failed.
pub(crate) fn phase_failure(cause: Refusal) -> Refusal {
    let failed = json!([{"shard": 0, "reason": cause.cause_json()}]);
    let refusal =
        Refusal::new(cause.status, "search_phase_execution_exception", "all shards failed")
            .with("phase", json!("query"))
            .with("grouped", json!(true))
            .with("failed_shards", failed)
            .rooted_in(cause.clone());
    // The engines repeat the root as the cause only where it is none of their own exceptions.
    if cause.kind == "query_shard_exception" { refusal } else { refusal.caused_by(cause) }
}

fn collect(scopes: &[Scope<'_>], body: &Body, limit: usize) -> Result<Found, Refusal> {
    let mut gathering = Gathering {
        body,
        limit,
        hits: Vec::with_capacity(limit.min(10_000)),
        count: 0,
        at_least: false,
        aggregations: body.aggregations.clone(),
        ordered: body.is_ordered_by_log(),
    };
    let mut shard_count = 0;
    for scope in scopes {
        for number in &scope.shards {
            shard_count += 1;
            let begun = Instant::now();
            gathering.shard(scope, *number);
            scope.index.searches().note(&body.groups, begun.elapsed());
        }
    }
    let Gathering { mut hits, count, at_least, aggregations, ordered, .. } = gathering;
    if !ordered {
        hits.sort_by(|one, other| key::compare(&one.keys, &other.keys, &body.sort));
        if let Some(after) = &body.search_after {
            let after = key::after_keys(after, &body.sort)?;
            let accepted = |scope: &Scope<'_>| {
                scope.sort.iter().zip(&after).all(|(field, key)| field.accepts(key.as_ref()))
            };
            if !scopes.iter().all(accepted) {
                return Err(phase_failure(Refusal::illegal_argument(
                    "Failed to parse search_after value",
                )));
            }
            hits.retain(|hit| key::compare(&hit.keys, &after, &body.sort).is_gt());
        }
        hits.truncate(limit);
    }
    let aggregations = (!aggregations.is_empty())
        .then(|| aggregations.into_iter().map(|(name, found)| (name, found.render())).collect());
    Ok(Found { hits, count, at_least, shard_count, aggregations })
}

struct Gathering<'b> {
    body: &'b Body,
    limit: usize,
    hits: Vec<Hit>,
    count: usize,
    at_least: bool,
    aggregations: Vec<(String, Aggregation)>,
    /// The order of the log is the order asked for: the first hits are the right ones.
    ordered: bool,
}

impl Gathering<'_> {
    fn shard(&mut self, scope: &Scope<'_>, number: u32) {
        let Some(shard) = scope.index.shard(number) else { return };
        let shard = read_shard(shard);
        if matches!(scope.query, Query::All) && self.limit == 0 && self.aggregations.is_empty() {
            self.count += shard.visible_count();
            return;
        }
        if let Some(ids) = scope.query.ids() {
            let mut documents: Vec<&Arc<Document>> =
                ids.iter().filter_map(|id| shard.visible_document(id)).collect();
            documents.sort_unstable_by_key(|document| document.seq_no);
            for document in documents {
                if scope.query.fits(document) {
                    self.take(scope, document);
                }
            }
            return;
        }
        let (first, last) = scope.query.bounds();
        let bounds_are_all = scope.query.is_bounds();
        for document in shard.window(first, last) {
            if bounds_are_all || scope.query.fits(document) {
                self.take(scope, document);
                if self.is_done() {
                    return;
                }
            }
        }
    }

    fn take(&mut self, scope: &Scope<'_>, document: &Arc<Document>) {
        self.count += 1;
        for (_, aggregation) in &mut self.aggregations {
            aggregation.take(document, scope.index);
        }
        if self.limit == 0 || (self.ordered && self.hits.len() >= self.limit) {
            return;
        }
        let keys = scope.sort.iter().map(|field| field.key(document)).collect();
        self.hits.push(Hit {
            index: Arc::clone(&scope.name),
            document: Arc::clone(document),
            keys,
            source_enabled: scope.index.mapping.source_enabled,
        });
    }

    /// Nothing that is still to come would change the answer.
    fn is_done(&mut self) -> bool {
        let full = self.ordered && self.hits.len() >= self.limit;
        if !full || !self.aggregations.is_empty() {
            return false;
        }
        match self.body.total {
            TotalWanted::No => true,
            TotalWanted::Exact => false,
            TotalWanted::UpTo(most) => {
                self.at_least = self.count > most;
                self.at_least
            }
        }
    }
}

impl Body {
    /// Whether hits come in the order of the log: no sort, or `_doc` upwards alone.
    fn is_ordered_by_log(&self) -> bool {
        self.search_after.is_none()
            && match self.sort.as_slice() {
                [] => true,
                [only] => only.field == "_doc" && only.order == Order::Ascending,
                _ => false,
            }
    }
}
