//! The gate: with the live set blocked, the last writes are carried over, what wasn't compared yet is compared, and both sets
//! are counted. Only when every index of the new set holds what the live one holds may the switch happen.
//!
//! Contents are compared only of what moved since the comparison of both sets; all indices are counted.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time;

use super::{
    CopyPair,
    compare::{Comparison, Verdict, Way, compare_one},
    delta::compare_delta,
    follow::{Follower, Look},
    mend::Mode,
    meter::Meter,
    review::review,
    side::Depth,
};
use crate::{error::EngineError, journal::SwitchRecord, report::Unit};

/// Indices that are counted at the same time.
const COUNTS_IN_FLIGHT: usize = 8;
/// Indices whose ids are compared at the same time: with an application that deletes, nearly all have deletes, and most
/// are small.
const DELETES_IN_FLIGHT: usize = 8;
/// Time between two looks at shards whose copies lag behind.
const COPIES_LOOK_TIME: Duration = Duration::from_millis(10);

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    /// Both sets are equal.
    Passed,
    /// Something is left to do, in words.
    Missed(String),
}

/// Brings the new set in step with a live set that takes no writes, and looks whether both are equal. The caller bounds the
/// time.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or a document is rejected.
pub(super) async fn pass_gate(
    follower: &mut Follower<'_>,
    times: &mut SwitchRecord,
) -> Result<Gate, EngineError> {
    let begun = Instant::now();
    let look = settled_look(follower).await?;
    times.watermark_ms = milliseconds(begun);
    let begun = Instant::now();
    let Look { stretches, highest, .. } = look;
    follower.carry_all(stretches).await?;
    times.carry_ms = milliseconds(begun);
    let begun = Instant::now();
    if let Some(problem) = review(follower).await? {
        return Err(EngineError::Halted(Box::new(problem)));
    }
    compare_delta(follower).await?;
    // All of them, not only what moved: a copy that arrived late, or that a shard lost, moves nothing in the live set.
    let pairs: Vec<CopyPair> = follower.pairs.values().cloned().collect();
    reconcile_deletes(follower, &pairs).await?;
    let unequal = unequal_pairs(follower, &pairs).await?;
    times.gate_ms = milliseconds(begun);
    if let Some((pair, live, new)) = unequal.first() {
        return Ok(Gate::Missed(format!(
            "`{}` has {live} documents and `{}` has {new}",
            pair.source.index, pair.target
        )));
    }
    for (key, mark) in &mut follower.marks {
        // A number that isn't covered would be a write that nobody carried over.
        if highest.get(key).is_some_and(|highest| mark.covered < *highest) {
            return Ok(Gate::Missed("the live set moved behind its write block".to_owned()));
        }
        mark.compared = mark.covered;
    }
    follower.write().await?;
    Ok(Gate::Passed)
}

/// Looks until every copy of every shard has everything: what isn't on all of them could be rolled back.
async fn settled_look(follower: &Follower<'_>) -> Result<Look, EngineError> {
    loop {
        let look = follower.look().await?;
        if look.unsafe_numbers == 0 {
            return Ok(look);
        }
        time::sleep(COPIES_LOOK_TIME).await;
    }
}

/// Finds deletes where the numbers of documents tell of some, and deletes the copies.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub(super) async fn reconcile_deletes(
    follower: &mut Follower<'_>,
    pairs: &[CopyPair],
) -> Result<u64, EngineError> {
    let context = follower.context;
    let unequal = unequal_pairs(follower, pairs).await?;
    let total = unequal.iter().map(|(_, live, new)| live + new).sum();
    let meter = Meter::start("deletes", Unit::Documents, total, &context.reporter);
    let covered = follower.covered();
    let way = Way { mode: Mode::Mend, depth: Depth::Identities, covered: Some(&covered) };
    let (way, meter) = (&way, &meter);
    let compared = unequal.into_iter().map(|(pair, _, _)| async move {
        compare_one(context, &Comparison::from(pair), *way, meter).await
    });
    let verdicts: Vec<Verdict> =
        stream::iter(compared).buffer_unordered(DELETES_IN_FLIGHT).try_collect().await?;
    let mut deleted = 0;
    for verdict in verdicts {
        follower.count(verdict.deleted, verdict.difference.missing_count);
        deleted += verdict.deleted;
    }
    Ok(deleted)
}

/// Pairs whose indices don't hold equally many documents, with both numbers.
async fn unequal_pairs(
    follower: &Follower<'_>,
    pairs: &[CopyPair],
) -> Result<Vec<(CopyPair, u64, u64)>, EngineError> {
    let cluster = &follower.context.cluster;
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let targets: Vec<&str> = pairs.iter().map(|pair| pair.target.as_str()).collect();
    cluster.refresh(&targets).await?;
    let counts = pairs.iter().map(|pair| async move {
        let live = cluster.count(&pair.source.index).await?;
        let new = cluster.count(&pair.target).await?;
        Ok::<_, EngineError>((pair.clone(), live, new))
    });
    let counts: Vec<(CopyPair, u64, u64)> =
        stream::iter(counts).buffered(COUNTS_IN_FLIGHT).try_collect().await?;
    // Exactly the documents that are in quarantine are in one set only.
    let allowance = follower.context.quarantine.allowance(cluster, pairs).await?;
    let allowed = counts.into_iter().map(|(pair, live, new)| {
        let live = allowance.without(&pair.source.index, live);
        let new = allowance.without(&pair.target, new);
        (pair, live, new)
    });
    Ok(allowed.filter(|(pair, live, new)| live != new || allowance.is_wrong(pair)).collect())
}

pub(super) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
