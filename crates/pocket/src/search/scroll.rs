//! Scrolls: the rest of a search, kept until it is read, cleared or forgotten.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Hit;
use super::body::{Body, Show};
use super::keep_alive;
use super::render::{Page, Total};
use crate::error::Refusal;
use crate::node::Node;
use crate::request::{Answer, Request};

/// The engines' default for `search.max_open_scroll_context`.
const CONTEXTS_MAX: usize = 500;

/// What is left of one scroll.
#[derive(Debug)]
pub(crate) struct Context {
    rest: std::vec::IntoIter<Hit>,
    size: usize,
    show: Show,
    count: usize,
    keep: Duration,
    deadline: Instant,
}

impl Context {
    pub(crate) fn new(rest: Vec<Hit>, body: &Body, count: usize, keep: Duration) -> Self {
        Self {
            rest: rest.into_iter(),
            size: body.size,
            show: body.show.clone(),
            count,
            keep,
            deadline: Instant::now() + keep,
        }
    }
}

/// All open scrolls.
#[derive(Debug, Default)]
pub(crate) struct Scrolls {
    contexts: BTreeMap<u64, Context>,
    last: u64,
}

impl Scrolls {
    /// Keeps a scroll and gives it an id.
    pub(crate) fn open(&mut self, context: Context) -> Result<String, Refusal> {
        let now = Instant::now();
        self.contexts.retain(|_, context| context.deadline > now);
        if self.contexts.len() >= CONTEXTS_MAX {
            return Err(Refusal::new(
                429,
                "rejected_execution_exception",
                format!(
                    "Trying to create too many scroll contexts. Must be less than or equal to: [{CONTEXTS_MAX}]."
                ),
            ));
        }
        self.last += 1;
        self.contexts.insert(self.last, context);
        Ok(id_of(self.last))
    }
}

fn id_of(number: u64) -> String {
    format!("cG9ja2V0{number:016}")
}

fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix("cG9ja2V0")?.parse().ok()
}

fn ids(request: &Request, from_path: Option<&str>) -> Result<(Vec<String>, Value), Refusal> {
    let body = request.json()?;
    let mut ids: Vec<String> = from_path
        .or_else(|| request.parameter("scroll_id"))
        .into_iter()
        .map(str::to_owned)
        .collect();
    match body.get("scroll_id") {
        Some(Value::String(id)) => ids.push(id.clone()),
        Some(Value::Array(list)) => {
            ids.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        _ => {}
    }
    Ok((ids, body))
}

/// `POST /_search/scroll`.
pub(crate) fn next(
    node: &Node,
    request: &Request,
    from_path: Option<&str>,
) -> Result<Answer, Refusal> {
    let started = Instant::now();
    let (ids, body) = ids(request, from_path)?;
    let Some(id) = ids.first() else {
        return Err(Refusal::validation(&["scrollId is missing".to_owned()]));
    };
    let keep = body
        .get("scroll")
        .and_then(Value::as_str)
        .or_else(|| request.parameter("scroll"))
        .map(keep_alive)
        .transpose()?;
    let number = number_of(id)
        .ok_or_else(|| Refusal::illegal_argument(format!("Cannot parse scroll id [{id}]")))?;
    let mut scrolls = node.scrolls();
    let now = Instant::now();
    scrolls.contexts.retain(|_, context| context.deadline > now);
    let context = scrolls.contexts.get_mut(&number).ok_or_else(|| missing(number))?;
    context.deadline = now + keep.unwrap_or(context.keep);
    let hits: Vec<Hit> = context.rest.by_ref().take(context.size).collect();
    let page = Page {
        flavour: node.flavour,
        hits: &hits,
        body: &context.show,
        took: started.elapsed().as_millis(),
        shard_count: 1,
        total: Total::Is(context.count),
        scroll_id: Some(id.clone()),
        aggregations: None,
    };
    Ok(Answer::bytes(200, page.render()))
}

fn missing(number: u64) -> Refusal {
    let cause = Refusal::new(
        404,
        "search_context_missing_exception",
        format!("No search context found for id [{number}]"),
    );
    super::phase_failure(cause)
}

/// `DELETE /_search/scroll`.
pub(crate) fn clear(
    node: &Node,
    request: &Request,
    from_path: Option<&str>,
) -> Result<Answer, Refusal> {
    let (ids, _) = ids(request, from_path)?;
    let mut scrolls = node.scrolls();
    let before = scrolls.contexts.len();
    if ids.iter().any(|id| id == "_all") {
        scrolls.contexts.clear();
    } else if ids.is_empty() {
        return Err(Refusal::validation(&["no scroll ids specified".to_owned()]));
    }
    for id in ids.iter().filter(|id| *id != "_all") {
        let number = number_of(id)
            .ok_or_else(|| Refusal::illegal_argument(format!("Cannot parse scroll id [{id}]")))?;
        scrolls.contexts.remove(&number);
    }
    let freed = before - scrolls.contexts.len();
    let status = if freed > 0 { 200 } else { 404 };
    Ok(Answer::json(status, &json!({"succeeded": true, "num_freed": freed})))
}
