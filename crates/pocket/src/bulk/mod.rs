//! `_bulk`: many writes in one body, outcomes by position.
//!
//! As on the engines, every action line is read before anything is written: one broken line
//! refuses the body as a whole, one broken document only its own item.

mod body;

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use self::body::{Defaults, Item, parse};
use crate::error::Refusal;
use crate::fault::PartialBulk;
use crate::node::{Flavour, Index, Node, write_shard};
use crate::request::{Answer, Request};
use crate::wait::Wait;
use crate::write::{ATTEMPTS_MAX, Done, Need, Rendering, Step, Writer, push_written, supply};

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
        copies: Wait::of(request)?,
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
    copies: Wait,
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
            match writer.attempt(&item.operation(self.copies)) {
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
