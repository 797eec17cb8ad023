//! Rejected rows: the document in the live set that a row was made of goes into quarantine, like one that the new mapping
//! rejects. It has the same id, as steps change no ids.

use std::collections::BTreeMap;

use lockstep_core::run::{quarantine::RejectedBy, state::BadDocument};
use lockstep_elastic::{Hit, Page};

use super::TableLog;
use crate::{
    error::EngineError,
    stage::{
        Direction, StageContext,
        carry::{leave_out, rejected_documents},
        mend::Place,
        quarantine::{Rejected, place},
    },
};

/// Documents that are looked up in one request, whole.
const DOCUMENTS_AT_ONCE: usize = 100;

/// A document of the row index that no row can be made of, or whose row the database refuses.
#[derive(Debug)]
pub(super) struct RejectedRow {
    pub(super) place: Place,
    /// The number of its write in the row index.
    seq_no: i64,
    reason: String,
}

impl RejectedRow {
    pub(super) fn of(hit: &Hit<'_>, reason: String) -> Self {
        Self { place: place(hit), seq_no: hit.seq_no, reason }
    }
}

/// Sets the documents aside that rows were made of, and takes their copies out of the row index. A document that the
/// application wrote again meanwhile, or deleted, is not: its next state comes, or its copy goes.
///
/// # Errors
/// [`EngineError::Halted`] when the quarantine has no room for all of them.
pub(super) async fn set_aside(
    context: &StageContext,
    table: &TableLog,
    rows: Vec<RejectedRow>,
) -> Result<(), EngineError> {
    let pair = &table.pair;
    context.cluster.refresh(&[pair.source.index.as_str(), pair.target.as_str()]).await?;
    let mut unkept = Vec::new();
    for part in rows.chunks(DOCUMENTS_AT_ONCE) {
        let ids: Vec<&str> = part.iter().map(|row| row.place.0.as_str()).collect();
        let copies = context.cluster.documents(&pair.target, &ids).await?;
        let live = context.cluster.documents(&pair.source.index, &ids).await?;
        let (copies, live) = (by_place(&copies), by_place(&live));
        let mut rejected = Vec::new();
        for row in part {
            let (Some(copy), Some(live)) = (copies.get(&row.place), live.get(&row.place)) else {
                continue;
            };
            if copy.seq_no == row.seq_no && pair.version_of(live.seq_no) == copy.version {
                rejected.push(Rejected {
                    place: row.place.clone(),
                    seq_no: live.seq_no,
                    source: live.source.to_vec(),
                    by: RejectedBy::Table { table: table.name() },
                    reason: row.reason.clone(),
                });
            }
        }
        let left_out: BTreeMap<Place, i64> =
            rejected.iter().map(|one| (one.place.clone(), one.seq_no)).collect();
        if !rejected.is_empty() {
            unkept.extend(context.quarantine.take(pair, rejected).await?);
        }
        leave_out(context, pair, &left_out).await?;
    }
    if unkept.is_empty() { Ok(()) } else { Err(beyond(context, table, unkept)) }
}

fn by_place(page: &Page) -> BTreeMap<Place, Hit<'_>> {
    page.hits().map(|hit| (place(&hit), hit)).collect()
}

fn beyond(context: &StageContext, table: &TableLog, unkept: Vec<BadDocument>) -> EngineError {
    let counts = [(table.pair.source.index.as_str(), unkept.len() as u64)];
    let problem = rejected_documents(context, Direction::Forward, unkept, &counts);
    EngineError::Halted(Box::new(problem))
}
