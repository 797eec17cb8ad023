//! Reading all documents of an index by scroll.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    check::{CheckOptions, Example, Verdict, multiset::Entry, pairs::Pair},
    cluster::{Body, Cluster},
    error::DemoError,
    expected::expected,
    json::Json,
};

/// Documents asked for at once.
const PAGE_DOCUMENTS: u64 = 2000;
/// The most lines on one example.
const EXAMPLE_LINES: usize = 5;

/// One answer of a scrolling search.
#[derive(Deserialize)]
struct Page<'text> {
    #[serde(rename = "_scroll_id")]
    scroll_id: String,
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(borrow)]
    hits: Hits<'text>,
}

#[derive(Deserialize)]
struct Shards {
    failed: u64,
}

#[derive(Deserialize)]
struct Hits<'text> {
    total: Total,
    #[serde(borrow)]
    hits: Vec<Hit<'text>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

/// One document.
#[derive(Deserialize)]
pub(super) struct Hit<'text> {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_routing")]
    routing: Option<String>,
    #[serde(rename = "_source", borrow)]
    source: &'text RawValue,
}

impl Hit<'_> {
    /// Hash of id and routing.
    fn key(&self) -> u128 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.id.len().to_le_bytes()).update(self.id.as_bytes());
        if let Some(routing) = &self.routing {
            hasher.update(b"routed by").update(routing.as_bytes());
        }
        first_half(&hasher.finalize())
    }

    fn content(&self, index: &str) -> Result<Json, DemoError> {
        Json::parse(self.source.get()).map_err(|error| DemoError::Unexpected {
            index: index.to_owned(),
            id: self.id.clone(),
            reason: error.to_string(),
        })
    }

    /// What this document of the old set must be in the new one.
    fn expected(
        &self,
        index: &str,
        name: &str,
        options: &CheckOptions,
    ) -> Result<Option<Json>, DemoError> {
        expected(name, options.from, options.to, self.content(index)?).map_err(|reason| {
            DemoError::Unexpected { index: index.to_owned(), id: self.id.clone(), reason }
        })
    }
}

fn first_half(hash: &blake3::Hash) -> u128 {
    let half = hash.as_bytes().first_chunk::<16>().expect("a hash has 32 bytes");
    u128::from_le_bytes(*half)
}

/// Hash of a document's content.
fn content_hash(content: &Json, buffer: &mut Vec<u8>) -> u128 {
    buffer.clear();
    content.append_canonical(buffer);
    first_half(&blake3::hash(buffer))
}

/// Hashes of what the new index must hold, and the number of old documents that have no place in it.
pub(super) async fn expected_entries(
    cluster: &Cluster,
    options: &CheckOptions,
    pair: &Pair,
) -> Result<(Vec<Entry>, u64), DemoError> {
    let (mut entries, mut dropped, mut buffer) = (Vec::new(), 0, Vec::new());
    let Some(index) = &pair.old else { return Ok((entries, dropped)) };
    scroll(cluster, index, |hit| {
        match hit.expected(index, pair.name, options)? {
            Some(document) => {
                let content = content_hash(&document, &mut buffer);
                entries.push(Entry { key: hit.key(), content });
            }
            None => dropped += 1,
        }
        Ok(())
    })
    .await?;
    Ok((entries, dropped))
}

/// Hashes of what the new index holds.
pub(super) async fn found_entries(cluster: &Cluster, pair: &Pair) -> Result<Vec<Entry>, DemoError> {
    let (mut entries, mut buffer) = (Vec::new(), Vec::new());
    if !pair.new_is_there {
        return Ok(entries);
    }
    scroll(cluster, &pair.new, |hit| {
        let content = content_hash(&hit.content(&pair.new)?, &mut buffer);
        entries.push(Entry { key: hit.key(), content });
        Ok(())
    })
    .await?;
    Ok(entries)
}

/// A document that disagrees, from whichever side it was read.
#[derive(Default)]
struct Sides {
    id: String,
    routing: Option<String>,
    expected: Option<Json>,
    found: Option<Json>,
}

/// Reads the documents with the given keys again and says how they disagree.
pub(super) async fn examples(
    cluster: &Cluster,
    options: &CheckOptions,
    pair: &Pair,
    keys: &BTreeSet<u128>,
) -> Result<Vec<Example>, DemoError> {
    let mut sides: BTreeMap<u128, Sides> = BTreeMap::new();
    if let Some(index) = &pair.old {
        scroll(cluster, index, |hit| {
            if keys.contains(&hit.key()) {
                let side = sides.entry(hit.key()).or_default();
                side.expected = hit.expected(index, pair.name, options)?;
                (side.id, side.routing) = (hit.id, hit.routing);
            }
            Ok(())
        })
        .await?;
    }
    if pair.new_is_there {
        scroll(cluster, &pair.new, |hit| {
            if keys.contains(&hit.key()) {
                let side = sides.entry(hit.key()).or_default();
                side.found = Some(hit.content(&pair.new)?);
                (side.id, side.routing) = (hit.id, hit.routing);
            }
            Ok(())
        })
        .await?;
    }
    Ok(sides.into_values().map(|side| side.example(&pair.new)).collect())
}

impl Sides {
    fn example(self, index: &str) -> Example {
        let (verdict, mut fields) = match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => (Verdict::Differing, expected.differences(found)),
            (Some(_), None) => (Verdict::Missing, Vec::new()),
            (None, _) => (Verdict::Extra, Vec::new()),
        };
        fields.truncate(EXAMPLE_LINES);
        Example { index: index.to_owned(), id: self.id, routing: self.routing, verdict, fields }
    }
}

/// Gives every document of an index to `visit`, once.
async fn scroll(
    cluster: &Cluster,
    index: &str,
    mut visit: impl FnMut(Hit<'_>) -> Result<(), DemoError>,
) -> Result<(), DemoError> {
    cluster.text(Method::POST, &format!("{index}/_refresh"), Body::Empty).await?;
    let query = json!({"size": PAGE_DOCUMENTS, "sort": ["_doc"], "track_total_hits": true});
    let path = format!("{index}/_search?scroll=2m");
    let mut text = cluster.text(Method::POST, &path, Body::Json(query.to_string())).await?;
    let mut read = 0;
    loop {
        let page: Page<'_> = serde_json::from_str(&text)
            .map_err(|error| DemoError::Answer { path: path.clone(), reason: error.to_string() })?;
        let total = page.hits.total.value;
        let incomplete = |reason: String| {
            Err(DemoError::Incomplete { index: index.to_owned(), read, total, reason })
        };
        if page.timed_out || page.shards.failed > 0 {
            return incomplete(format!(
                "timed out: {}, shards that failed: {}",
                page.timed_out, page.shards.failed
            ));
        }
        if page.hits.hits.is_empty() {
            let body = json!({"scroll_id": [page.scroll_id]}).to_string();
            cluster.text(Method::DELETE, "_search/scroll", Body::Json(body)).await?;
            return if read == total {
                Ok(())
            } else {
                incomplete("the search ended early".to_owned())
            };
        }
        for hit in page.hits.hits {
            read += 1;
            visit(hit)?;
        }
        let body = json!({"scroll": "2m", "scroll_id": page.scroll_id}).to_string();
        text = cluster.text(Method::POST, "_search/scroll", Body::Json(body)).await?;
    }
}
