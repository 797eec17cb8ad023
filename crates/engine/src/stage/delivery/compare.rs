//! Compare: everything that was delivered is read back and held against its envelope. What differs is put right, and then
//! everything is compared once more.

use std::time::Duration;

use lockstep_core::run::state::Problem;
use tokio::time;

use super::{
    Deliveries,
    follow::wait_for_envelopes,
    read_back::{Hand, Seen, read_back},
    settle::{Counted, count, settle_deliveries, settle_deliveries_anew},
};
use crate::{
    error::EngineError,
    report::Event as ReportEvent,
    stage::{
        CopyPair, StageContext, compare::Verdict, follow::Follower, gate::reconcile_deletes,
        problem,
    },
};

/// Comparisons that may find something to put right before somebody is asked.
const COMPARISONS_MAX: u32 = 3;
/// How long copies of envelopes are waited for between two of them.
const ENVELOPES_WAIT_MAX: Duration = Duration::from_secs(30);

/// Brings everything that is delivered in step and compares it, until a comparison finds nothing. Gives a problem when that
/// doesn't come about.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(in crate::stage) async fn compare_deliveries(
    follower: &mut Follower<'_>,
) -> Result<Option<Problem>, EngineError> {
    if follower.deliveries.is_empty() {
        return Ok(None);
    }
    let context = follower.context;
    let mut last = String::new();
    for attempt in 0..COMPARISONS_MAX {
        if attempt > 0 {
            catch_up_envelopes(follower).await?;
        }
        if settle_deliveries_anew(follower).await?.is_none() {
            return Ok(None);
        }
        // What was put right is looked at once more, before anything else comes to it.
        let Some(unsettled) = settle_deliveries(follower).await? else { return Ok(None) };
        context
            .reporter
            .report(ReportEvent::Notice { message: format!("{unsettled}; comparing once more") });
        last = unsettled;
    }
    // Two documents that become one stay so, however often that is tried.
    let seen = read_back(context, &mut follower.deliveries, Hand::Look).await?;
    if let Some(clash) = seen.clash {
        return Ok(Some(clash.problem()));
    }
    Ok(Some(Problem {
        document_count: seen.count(),
        documents: seen.documents,
        ..problem(
            "R0401",
            format!(
                "what is delivered doesn't stay as it was written, after it was put right {COMPARISONS_MAX} times: {last}"
            ),
            "look whether somebody else writes into the new set or its shards were lost, then run the same command again",
        )
    }))
}

/// Brings the envelopes to where the live set is. Its shards are carried one after the other, and deletes after all: what seems to be
/// two documents with one id may have been one that moved. An envelope that arrived late is found by counting all.
async fn catch_up_envelopes(follower: &mut Follower<'_>) -> Result<(), EngineError> {
    follower.pass().await?;
    let pairs: Vec<CopyPair> = follower.pairs.values().cloned().collect();
    reconcile_deletes(follower, &pairs).await?;
    follower.write().await?;
    // What some copies lack can't be delivered yet. Should they lag for longer, it is told as what it looks like.
    match time::timeout(ENVELOPES_WAIT_MAX, wait_for_envelopes(follower)).await {
        Ok(waited) => waited,
        Err(_elapsed) => Ok(()),
    }
}

/// Compares everything that is delivered with its envelopes, and changes nothing.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(in crate::stage) async fn look_at_deliveries(
    context: &StageContext,
) -> Result<Verdict, EngineError> {
    let mut verdict = Verdict::default();
    if context.plan.delivered().next().is_none() {
        return Ok(verdict);
    }
    let mut deliveries = Deliveries::seen(context).await?;
    deliveries.forget_read_back();
    let seen = read_back(context, &mut deliveries, Hand::Look).await?;
    verdict.difference.missing_count = seen.missing_count();
    let Seen { missing, differing, documents, clash } = seen;
    verdict.difference.differing_count = differing;
    verdict.documents = documents;
    if let Some(clash) = clash {
        verdict.documents.extend(clash.documents());
        verdict.difference.differing_count += 1;
    }
    for Counted { index, expected, found, .. } in count(context, &deliveries).await? {
        let missing = missing.get(&index).copied().unwrap_or_default();
        verdict.difference.extra_count += (found + missing).saturating_sub(expected);
    }
    Ok(verdict)
}
