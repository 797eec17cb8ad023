//! Rejected copies: what becomes of a document in the new set (a row of a table, the documents of an envelope) is refused where it
//! goes. Then the document in the live set goes into quarantine, like one that the new mapping rejects. It has the id of its
//! copy.

use std::collections::BTreeMap;

use lockstep_core::run::{quarantine::RejectedBy, state::BadDocument};
use lockstep_elastic::{Hit, Page};

use super::{
    CopyPair, Direction, StageContext,
    carry::{leave_out, rejected_documents},
    mend::Place,
    quarantine::{Rejected, place},
};
use crate::error::EngineError;

/// Documents that are looked up in one request, whole.
const DOCUMENTS_AT_ONCE: usize = 100;

/// A copy of which nothing can be made, or of which something is refused.
#[derive(Debug)]
pub(super) struct RejectedCopy {
    pub(super) place: Place,
    /// The number of its own write, in the index of the new set.
    pub(super) seq_no: i64,
    /// Who refuses it.
    pub(super) by: RejectedBy,
    /// Why.
    pub(super) reason: String,
}

impl RejectedCopy {
    pub(super) fn of(hit: &Hit<'_>, by: RejectedBy, reason: String) -> Self {
        Self { place: place(hit), seq_no: hit.seq_no, by, reason }
    }
}

/// Sets the documents aside that were copied here, and takes their copies out of the new set. A document that the
/// application wrote again meanwhile, or deleted, is not: its next state comes, or its copy goes.
///
/// # Errors
/// [`EngineError::Halted`] when the quarantine has no room for all of them.
pub(super) async fn set_aside(
    context: &StageContext,
    pair: &CopyPair,
    copies: Vec<RejectedCopy>,
) -> Result<(), EngineError> {
    context.cluster.refresh(&[pair.source.index.as_str(), pair.target.as_str()]).await?;
    let mut unkept = Vec::new();
    for part in copies.chunks(DOCUMENTS_AT_ONCE) {
        let ids: Vec<&str> = part.iter().map(|one| one.place.0.as_str()).collect();
        let there = context.cluster.documents(&pair.target, &ids).await?;
        let live = context.cluster.documents(&pair.source.index, &ids).await?;
        let (there, live) = (by_place(&there), by_place(&live));
        let mut rejected = Vec::new();
        for one in part {
            let (Some(copy), Some(live)) = (there.get(&one.place), live.get(&one.place)) else {
                continue;
            };
            if copy.seq_no == one.seq_no && pair.version_of(live.seq_no) == copy.version {
                rejected.push(Rejected {
                    place: one.place.clone(),
                    seq_no: live.seq_no,
                    source: live.source.to_vec(),
                    by: one.by.clone(),
                    reason: one.reason.clone(),
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
    if unkept.is_empty() { Ok(()) } else { Err(beyond(context, pair, unkept)) }
}

fn by_place(page: &Page) -> BTreeMap<Place, Hit<'_>> {
    page.hits().map(|hit| (place(&hit), hit)).collect()
}

fn beyond(context: &StageContext, pair: &CopyPair, unkept: Vec<BadDocument>) -> EngineError {
    let counts = [(pair.source.index.as_str(), unkept.len() as u64)];
    let problem = rejected_documents(context, Direction::Forward, unkept, &counts);
    EngineError::Halted(Box::new(problem))
}
