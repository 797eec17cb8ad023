//! The gate: with the live set blocked, the last writes are carried over, what wasn't compared yet is compared, and both sets
//! are counted. Only when every index of the new set holds what the live one holds may the switch happen.
//!
//! Contents are compared only of what moved since the comparison of both sets; all indices are counted, once. Nothing moves
//! meanwhile, so positions are read once, and only what differs in number is looked at and counted again.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lockstep_core::run::task::Stretch;
use lockstep_elastic::{Cluster, IndexPosition};
use tokio::time;

use super::{
    CopyPair,
    deletes::{Unequal, delete_gone},
    delivery::{settle_deliveries, wait_for_envelopes},
    delta::compare_delta,
    follow::{Follower, Look, Moment},
    quarantine::Allowance,
    review::{review, undecided},
    table::{Patience, settle_tables},
};
use crate::{
    error::EngineError,
    journal::{PairTerms, SwitchRecord},
};

/// Time between two looks at shards whose copies lag behind.
const COPIES_LOOK_TIME: Duration = Duration::from_millis(10);

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    /// Both sets are equal, as they stand.
    Passed(Standing),
    /// Something is left to do, in words.
    Missed(String),
}

/// How both sets stand when they are equal and nothing moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// The primaries of both sets.
    pub(super) terms: Vec<PairTerms>,
    /// Where the shards of the set that was carried into stand.
    pub(super) positions: BTreeMap<String, IndexPosition>,
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
    let _hurry = follower.context.pace.hurry();
    let begun = Instant::now();
    let Look { stretches, highest, .. } = settled_look(follower).await?;
    times.watermark_ms = milliseconds(begun);
    let begun = Instant::now();
    // All of them, not only what moved: a copy that arrived late, or that a shard lost, moves nothing in the live set.
    let pairs: Vec<CopyPair> = follower.pairs.values().cloned().collect();
    let cluster = follower.context.cluster.clone();
    // The live set doesn't change any more, so it is counted while the new one still does.
    let (live, ()) = tokio::try_join!(
        count_live(&cluster, &pairs),
        bring_in_step(follower, stretches, &pairs, times)
    )?;
    let new = count_new(&cluster, &pairs).await?;
    let allowance = follower.context.quarantine.allowance(&cluster, &pairs).await?;
    let mut unequal = unequal_of(&pairs, (&live, &new), &allowance);
    if !unequal.is_empty() {
        let again: Vec<CopyPair> = unequal.iter().map(|one| one.pair.clone()).collect();
        delete_gone(follower, unequal, Moment::Blocked).await?;
        unequal = unequal_pairs(follower, &again).await?;
    }
    times.gate_ms = milliseconds(begun).saturating_sub(times.carry_ms);
    if let Some(Unequal { pair, live, new }) = unequal.first() {
        return Ok(Gate::Missed(format!(
            "`{}` has {live} documents and `{}` has {new}",
            pair.source.index, pair.target
        )));
    }
    if let Some(reason) = deliveries_missing(follower).await? {
        return Ok(Gate::Missed(reason));
    }
    if let Some(reason) = tables_missing(follower).await? {
        return Ok(Gate::Missed(reason));
    }
    let standing = settled(follower).await?;
    times.gate_ms = milliseconds(begun).saturating_sub(times.carry_ms);
    if let Some(index) = follower.failed_over(&standing.terms) {
        return Ok(Gate::Missed(format!(
            "a primary shard of `{index}` failed since both sets were compared"
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
    Ok(Gate::Passed(standing))
}

/// Delivers what is left. Why something isn't delivered yet, in words.
async fn deliveries_missing(follower: &mut Follower<'_>) -> Result<Option<String>, EngineError> {
    wait_for_envelopes(follower).await?;
    let mut unsettled = settle_deliveries(follower).await?;
    if unsettled.is_some() {
        // What was put right is looked at once more, as nothing comes to it any more.
        unsettled = settle_deliveries(follower).await?;
    }
    // A document may have been rejected only now.
    if let Some(problem) = undecided(follower.context) {
        return Err(EngineError::Halted(Box::new(problem)));
    }
    Ok(unsettled)
}

/// Brings the tables to where the new set is. Why one of them isn't there, in words.
async fn tables_missing(follower: &mut Follower<'_>) -> Result<Option<String>, EngineError> {
    if follower.tables.is_empty() {
        return Ok(None);
    }
    let unsettled = settle_tables(follower, Patience::Over).await?;
    // A row may have been rejected only now.
    if let Some(problem) = undecided(follower.context) {
        return Err(EngineError::Halted(Box::new(problem)));
    }
    Ok(unsettled.map(|one| one.told()))
}

/// How both sets stand, once every copy of what was carried into has everything: what isn't on all of them could be
/// lost with its primary. They are read last, so that no failure before is missed.
async fn settled(follower: &Follower<'_>) -> Result<Standing, EngineError> {
    let carried = follower.pairs.values().map(|pair| pair.target.as_str());
    let targets: Vec<&str> = carried.chain(follower.deliveries.targets()).collect();
    let positions = on_every_copy(&follower.context.cluster, &targets).await?;
    Ok(Standing { terms: follower.terms().await?, positions })
}

/// Waits until every copy of every shard of these indices has everything; where they are then. The caller bounds the time.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub(super) async fn on_every_copy(
    cluster: &Cluster,
    indices: &[&str],
) -> Result<BTreeMap<String, IndexPosition>, EngineError> {
    loop {
        let positions = cluster.positions_of(indices).await?;
        let mut shards = positions.values().flat_map(|index| &index.shards);
        if shards.all(|shard| shard.global_checkpoint >= shard.max_seq_no) {
            return Ok(positions);
        }
        time::sleep(COPIES_LOOK_TIME).await;
    }
}

/// Carries over what is left and compares it. Everything in the new set is visible to searches afterwards.
async fn bring_in_step(
    follower: &mut Follower<'_>,
    stretches: Vec<Stretch>,
    pairs: &[CopyPair],
    times: &mut SwitchRecord,
) -> Result<(), EngineError> {
    let begun = Instant::now();
    follower.carry_all(stretches).await?;
    times.carry_ms = milliseconds(begun);
    if let Some(problem) = review(follower).await? {
        return Err(EngineError::Halted(Box::new(problem)));
    }
    refresh_new(&follower.context.cluster, pairs).await?;
    if compare_delta(follower, Moment::Blocked).await? > 0 {
        refresh_new(&follower.context.cluster, pairs).await?;
    }
    Ok(())
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

/// Finds deletes where the numbers of documents tell of some, and deletes the copies. Gives how many.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub(super) async fn reconcile_deletes(
    follower: &mut Follower<'_>,
    pairs: &[CopyPair],
) -> Result<u64, EngineError> {
    if follower.context.plan.sample().is_some() {
        // Of a sample, numbers of documents tell nothing; the comparison found what was deleted until then.
        return Ok(0);
    }
    let unequal = unequal_pairs(follower, pairs).await?;
    delete_gone(follower, unequal, Moment::Live).await
}

/// Pairs whose indices don't hold equally many documents.
async fn unequal_pairs(
    follower: &Follower<'_>,
    pairs: &[CopyPair],
) -> Result<Vec<Unequal>, EngineError> {
    let cluster = &follower.context.cluster;
    refresh_new(cluster, pairs).await?;
    let (live, new) = tokio::try_join!(count_live(cluster, pairs), count_new(cluster, pairs))?;
    let allowance = follower.context.quarantine.allowance(cluster, pairs).await?;
    Ok(unequal_of(pairs, (&live, &new), &allowance))
}

/// Pairs with counts that differ by anything but the documents in quarantine: exactly these are in one set only.
fn unequal_of(
    pairs: &[CopyPair],
    (live, new): (&[u64], &[u64]),
    allowance: &Allowance,
) -> Vec<Unequal> {
    let counted = pairs.iter().zip(live.iter().zip(new)).map(|(pair, (live, new))| Unequal {
        pair: pair.clone(),
        live: allowance.without(&pair.source.index, *live),
        new: allowance.without(&pair.target, *new),
    });
    counted.filter(|one| one.live != one.new || allowance.is_wrong(&one.pair)).collect()
}

pub(super) async fn refresh_new(cluster: &Cluster, pairs: &[CopyPair]) -> Result<(), EngineError> {
    let targets: Vec<&str> = pairs.iter().map(|pair| pair.target.as_str()).collect();
    Ok(cluster.refresh(&targets).await?)
}

pub(super) async fn count_live(
    cluster: &Cluster,
    pairs: &[CopyPair],
) -> Result<Vec<u64>, EngineError> {
    let sources: Vec<&str> = pairs.iter().map(|pair| pair.source.index.as_str()).collect();
    Ok(cluster.counts(&sources).await?)
}

pub(super) async fn count_new(
    cluster: &Cluster,
    pairs: &[CopyPair],
) -> Result<Vec<u64>, EngineError> {
    let targets: Vec<&str> = pairs.iter().map(|pair| pair.target.as_str()).collect();
    Ok(cluster.counts(&targets).await?)
}

pub(super) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
