//! Bulk ingest of bodies that were made beforehand: nothing is read, nothing is computed, so it is the engine's limit.
//!
//! Bodies have the size that Lockstep's have, and as many connections send them.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use lockstep_elastic::{BulkBody, Cluster, IndexName, Key, Version};
use tokio::task::{JoinSet, spawn_blocking};

use super::field::Field;
use crate::{
    application::SOURCE,
    arguments::DataOptions,
    document::{Documents, Form},
    error::BenchError,
    process, report,
};

/// Bytes of an action line and the line's ends.
const ACTION_BYTES: u64 = 160;
/// Bytes of a body that fills a source.
const SEED_BODY_BYTES: u64 = 2 << 20;
/// What of the free memory prebuilt bodies may take.
const MEMORY_SHARE_MAX: f64 = 0.7;

/// How much is written, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Documents.
    pub(crate) documents: u64,
    /// Bytes of one.
    pub(crate) document_bytes: u64,
    /// Bytes of a body.
    pub(crate) body_bytes: u64,
    /// Bodies under way at the same time.
    pub(crate) connections: usize,
}

impl Load {
    /// Document numbers, body by body.
    fn ranges(&self) -> VecDeque<Range<u64>> {
        let width = (self.body_bytes / (self.document_bytes + ACTION_BYTES)).max(1);
        let mut ranges = VecDeque::new();
        let mut first = 0;
        while first < self.documents {
            let end = self.documents.min(first + width);
            ranges.push_back(first..end);
            first = end;
        }
        ranges
    }
}

/// Makes the source and fills it, with that many connections.
pub(crate) async fn seed_source(
    field: &Field,
    data: &DataOptions,
    connections: usize,
) -> Result<(), BenchError> {
    report::tell(&format!("seeding {} documents", data.documents));
    let load = Load {
        documents: data.documents,
        document_bytes: data.bytes,
        body_bytes: SEED_BODY_BYTES,
        connections,
    };
    field.create(SOURCE, data.shards).await?;
    seed(field, SOURCE, &load).await?;
    field.settle(SOURCE).await?;
    field.check(SOURCE, "type", data.documents, "seeding").await
}

/// Fills the source. Gives the bytes of all documents.
pub(crate) async fn seed(field: &Field, index: &str, load: &Load) -> Result<u64, BenchError> {
    let documents = Documents::new(load.document_bytes);
    let name = IndexName::parse(index).map_err(|error| BenchError::Bug(error.to_string()))?;
    let open = Arc::new(Mutex::new(load.ranges()));
    let mut workers = JoinSet::new();
    for _ in 0..load.connections {
        let (cluster, open, name) = (field.cluster.clone(), Arc::clone(&open), name.clone());
        workers.spawn(async move {
            let mut source_bytes = 0;
            loop {
                let Some(range) = take(&open) else {
                    return Ok::<_, BenchError>(source_bytes);
                };
                let name = name.clone();
                let (body, bytes) =
                    spawn_blocking(move || body(documents, range, &name, (Form::Old, false)))
                        .await
                        .map_err(|error| BenchError::Bug(error.to_string()))??;
                write_body(&cluster, body).await?;
                source_bytes += bytes;
            }
        });
    }
    let mut source_bytes = 0;
    while let Some(ended) = workers.join_next().await {
        source_bytes += ended.map_err(|error| BenchError::Bug(error.to_string()))??;
    }
    Ok(source_bytes)
}

/// All bodies, in memory.
pub(crate) async fn prebuilt(
    load: &Load,
    index: &str,
    (form, versioned): (Form, bool),
) -> Result<Vec<BulkBody>, BenchError> {
    let needed = load.documents.saturating_mul(load.document_bytes + ACTION_BYTES);
    let available = process::available_bytes()?;
    if report::float(needed) > report::float(available) * MEMORY_SHARE_MAX {
        return Err(BenchError::Memory {
            needed_megabytes: needed / 1_000_000,
            available_megabytes: available / 1_000_000,
        });
    }
    let documents = Documents::new(load.document_bytes);
    let name = IndexName::parse(index).map_err(|error| BenchError::Bug(error.to_string()))?;
    let ranges = load.ranges();
    let building = spawn_blocking(move || {
        ranges
            .into_iter()
            .map(|range| body(documents, range, &name, (form, versioned)).map(|(body, _)| body))
            .collect::<Result<Vec<_>, _>>()
    });
    building.await.map_err(|error| BenchError::Bug(error.to_string()))?
}

/// Writes bodies over several connections.
pub(crate) async fn write(
    field: &Field,
    bodies: Vec<BulkBody>,
    connections: usize,
) -> Result<(), BenchError> {
    let open = Arc::new(Mutex::new(VecDeque::from(bodies)));
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (cluster, open) = (field.cluster.clone(), Arc::clone(&open));
        workers.spawn(async move {
            while let Some(body) = take(&open) {
                write_body(&cluster, body).await?;
            }
            Ok::<_, BenchError>(())
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.map_err(|error| BenchError::Bug(error.to_string()))??;
    }
    Ok(())
}

fn take<T>(open: &Mutex<VecDeque<T>>) -> Option<T> {
    open.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

async fn write_body(cluster: &Cluster, body: BulkBody) -> Result<(), BenchError> {
    let report = cluster.write_all(body).await?;
    match report.poison.first() {
        None => Ok(()),
        Some(poison) => Err(BenchError::Wrong {
            method: "bulk".to_owned(),
            reason: format!("{} was refused: {}", poison.item.id, poison.rejection.reason),
        }),
    }
}

/// One body, and the bytes of the documents in it.
fn body(
    documents: Documents,
    range: Range<u64>,
    index: &IndexName,
    (form, versioned): (Form, bool),
) -> Result<(BulkBody, u64), BenchError> {
    let mut body = BulkBody::default();
    let (mut id, mut source, mut bytes) = (String::new(), Vec::new(), 0);
    for number in range {
        Documents::write_id(number, &mut id);
        documents.write_source(number, form, &mut source);
        let version = if versioned { Version::AtLeast(number + 1) } else { Version::Internal };
        body.index(index, Key::of(&id), version, &source)
            .map_err(|error| BenchError::Bug(error.to_string()))?;
        bytes += u64::try_from(source.len()).unwrap_or(u64::MAX);
    }
    Ok((body, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_cover_every_document_once() {
        let load =
            Load { documents: 25, document_bytes: 1_000, body_bytes: 11_600, connections: 1 };
        let ranges: Vec<_> = load.ranges().into_iter().collect();
        assert_eq!(ranges, [0..10, 10..20, 20..25]);
    }
}
