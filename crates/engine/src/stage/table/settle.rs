//! Settle: a table has as many rows as its row index has documents; what was deleted there is deleted here.
//!
//! A delete leaves nothing in a log that could be followed. Where the numbers differ, the ids of both sides are compared.
//! Nobody but this driver writes to either side, so equal numbers of what was followed to the end are the same documents.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::compare::entry_hash;
use lockstep_tables::Deleted;

use super::{
    TableLog,
    follow::{Patience, follow_tables},
};
use crate::{
    error::EngineError,
    stage::{
        StageContext,
        follow::Follower,
        side::Depth,
        window::{WindowReader, WindowWidth},
    },
};

/// Ids of the row index that are held at the same time, 16 bytes each.
const IDS_HELD_MAX: u64 = 4_000_000;
/// Ids of rows that are read, or deleted, at the same time.
const IDS_AT_ONCE: u32 = 5_000;

/// A table that doesn't hold what its index holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stage) struct Unsettled {
    /// The table.
    pub(in crate::stage) table: String,
    /// Its rows.
    pub(in crate::stage) rows: u64,
    /// The row index.
    pub(in crate::stage) index: String,
    /// Its documents.
    pub(in crate::stage) documents: u64,
    /// What the database says of a row that others refer to, and that should be gone.
    kept: Option<String>,
}

impl Unsettled {
    /// In words.
    pub(in crate::stage) fn told(&self) -> String {
        let Self { table, rows, index, documents, kept } = self;
        let kept = kept.as_ref().map(|reason| {
            format!(
                "; a row whose document is gone can't be deleted while others refer to it: {reason}"
            )
        });
        format!(
            "`{table}` has {rows} rows and `{index}` has {documents} documents{}",
            kept.unwrap_or_default()
        )
    }
}

/// Follows all tables to where their row indices are, and deletes the rows of documents that are gone. Gives the first table
/// that still holds something else.
///
/// # Errors
/// [`EngineError`] when a database or the cluster can't be worked with.
pub(in crate::stage) async fn settle_tables(
    follower: &mut Follower<'_>,
    patience: Patience,
) -> Result<Option<Unsettled>, EngineError> {
    follow_tables(follower, patience).await?;
    let context = follower.context;
    let unsettled = count(context, follower.tables.iter().collect()).await?;
    let (mut again, mut kept) = (Vec::with_capacity(unsettled.len()), BTreeMap::new());
    // Those that refer to others first.
    for (table, Unsettled { documents, .. }) in unsettled.into_iter().rev() {
        if let Some(reason) = delete_gone(context, table, documents).await? {
            kept.insert(table.pair.position, reason);
        }
        again.push(table);
    }
    let unsettled = count(context, again).await?;
    Ok(unsettled.into_iter().next().map(|(table, unsettled)| Unsettled {
        kept: kept.remove(&table.pair.position),
        ..unsettled
    }))
}

/// Tables with counts that differ. The indices are counted together: under the fence every request is waited for.
pub(super) async fn count<'a>(
    context: &StageContext,
    tables: Vec<&'a TableLog>,
) -> Result<Vec<(&'a TableLog, Unsettled)>, EngineError> {
    let indices: Vec<&str> = tables.iter().map(|table| table.pair.target.as_str()).collect();
    if indices.is_empty() {
        return Ok(Vec::new());
    }
    // A row that was rejected has just been deleted from its index.
    context.cluster.refresh(&indices).await?;
    let counts = context.cluster.counts(&indices).await?;
    let mut unsettled = Vec::new();
    for (table, documents) in tables.into_iter().zip(counts) {
        let rows = table.database.row_count(&table.maker).await;
        let rows = rows.map_err(|error| table.failed(error))?;
        if rows != documents {
            let index = table.pair.target.clone();
            let name = table.name();
            unsettled.push((table, Unsettled { table: name, rows, index, documents, kept: None }));
        }
    }
    Ok(unsettled)
}

/// Deletes the rows whose documents are not in the row index, which has so many. Gives why one of them is there still.
async fn delete_gone(
    context: &StageContext,
    table: &TableLog,
    documents: u64,
) -> Result<Option<String>, EngineError> {
    let mut reason = None;
    // Where there are too many to hold, a part of all ids is looked at at a time.
    let parts = u128::from(documents / IDS_HELD_MAX + 1);
    for part in 0..parts {
        let is_of_part = |id: &str| entry_hash(id, None, 0) % parts == part;
        // The rows first: what came to the index later is then no row that would have to be deleted.
        let rows = row_ids(context, table, is_of_part).await?;
        let there = index_ids(context, table, is_of_part).await?;
        let gone: Vec<&str> = rows
            .iter()
            .filter(|(hash, _)| !there.contains(hash))
            .map(|(_, id)| id.as_str())
            .collect();
        for ids in gone.chunks(usize::try_from(IDS_AT_ONCE).unwrap_or(usize::MAX)) {
            let covered = (&table.log, &table.covered);
            let deleted = table.database.delete_gone(&table.maker, covered, ids).await;
            match deleted.map_err(|error| table.failed(error))? {
                Deleted::Done { count: _, kept } => reason = kept.or(reason),
                // Somebody else writes to it; the next look tells where it is.
                Deleted::Elsewhere => return Ok(reason),
            }
        }
    }
    Ok(reason)
}

/// Ids of rows, with their hashes.
async fn row_ids(
    context: &StageContext,
    table: &TableLog,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(u128, String)>, EngineError> {
    let mut all: Vec<(u128, String)> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        context.check_stop()?;
        let page = table.database.ids_after(&table.maker, (after.as_deref(), IDS_AT_ONCE)).await;
        let page = page.map_err(|error| table.failed(error))?;
        let Some(last) = page.last().cloned() else { return Ok(all) };
        let wanted = page.into_iter().filter(|id| is_wanted(id));
        all.extend(wanted.map(|id| (entry_hash(&id, None, 0), id)));
        after = Some(last);
    }
}

/// Hashes of the ids of the row index.
async fn index_ids(
    context: &StageContext,
    table: &TableLog,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<BTreeSet<u128>, EngineError> {
    let limits = &context.plan.limits;
    let position = table.position(context).await?;
    let mut all = BTreeSet::new();
    for shard in &position.shards {
        let place = (table.pair.target.as_str(), shard.number);
        let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
        let range = (0, shard.max_seq_no);
        let mut reader =
            WindowReader::new(&context.cluster, place, range, width).at_depth(Depth::Identities);
        while let Some((page, _)) = reader.next().await? {
            context.check_stop()?;
            let hits = page.hits().filter(|hit| is_wanted(&hit.id));
            all.extend(hits.map(|hit| entry_hash(&hit.id, None, 0)));
        }
    }
    Ok(all)
}
