//! What both sets hold, as hashes, and again in full where they disagree.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    check::{CheckOptions, Example, Verdict, multiset::Entry, pairs::Pair},
    cluster::Cluster,
    error::DemoError,
    expected::expected,
    json::Json,
    scroll::{Hit, scroll},
};

/// The most lines on one example.
const EXAMPLE_LINES: usize = 5;

/// Hash of id and routing.
fn key(hit: &Hit<'_>) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&hit.id.len().to_le_bytes()).update(hit.id.as_bytes());
    if let Some(routing) = &hit.routing {
        hasher.update(b"routed by").update(routing.as_bytes());
    }
    first_half(&hasher.finalize())
}

/// What this document of the old set must be in the new one.
fn expected_of(
    hit: &Hit<'_>,
    index: &str,
    name: &str,
    options: &CheckOptions,
) -> Result<Option<Json>, DemoError> {
    expected(name, options.from, options.to, hit.content(index)?).map_err(|reason| {
        DemoError::Unexpected { index: index.to_owned(), id: hit.id.clone(), reason }
    })
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
        match expected_of(&hit, index, pair.name, options)? {
            Some(document) => {
                let content = content_hash(&document, &mut buffer);
                entries.push(Entry { key: key(&hit), content });
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
        entries.push(Entry { key: key(&hit), content });
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
            if keys.contains(&key(&hit)) {
                let side = sides.entry(key(&hit)).or_default();
                side.expected = expected_of(&hit, index, pair.name, options)?;
                (side.id, side.routing) = (hit.id, hit.routing);
            }
            Ok(())
        })
        .await?;
    }
    if pair.new_is_there {
        scroll(cluster, &pair.new, |hit| {
            if keys.contains(&key(&hit)) {
                let side = sides.entry(key(&hit)).or_default();
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
