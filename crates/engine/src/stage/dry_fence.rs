//! Dry fence: what a [fence](super::fence) does under its block is done once while the application goes on writing, and timed.
//! Only a rehearsal does that, and touches nothing of the live set.
//!
//! The last pass, the comparison of what it carried and the counts are those of the real gate. What can't be had without a
//! block is its own time: that is taken on the throw-away indices, as many as there are of the new set. In a real fence nothing
//! arrives any more and the pace slows nothing down, so it takes as long as this or less; on a full index that had deletes,
//! longer: their copies are looked for under the block.

use std::{collections::BTreeMap, time::Instant};

use lockstep_core::{rehearsal::forecast::FenceMeasure, run::state::Event};

use super::{
    CopyPair, Direction, StageContext,
    delta::compare_delta,
    follow::{Follower, Moment},
    gate::{count_live, count_new, milliseconds, refresh_new},
    measure::TargetSize,
};
use crate::error::EngineError;

/// Measures what the fence would take, and how large the new set became.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(crate) async fn measure(context: &StageContext) -> Result<Event, EngineError> {
    let mut follower = Follower::open(context, Direction::Forward).await?;
    let begun = Instant::now();
    let look = follower.look().await?;
    let watermark_ms = milliseconds(begun);
    let begun = Instant::now();
    let pass = follower.carry_all(look.stretches).await?;
    let carry_ms = milliseconds(begun);
    let begun = Instant::now();
    let pairs: Vec<CopyPair> = follower.pairs.values().cloned().collect();
    refresh_new(&context.cluster, &pairs).await?;
    compare_delta(&mut follower, Moment::Live).await?;
    let cluster = &context.cluster;
    tokio::try_join!(count_live(cluster, &pairs), count_new(cluster, &pairs))?;
    follower.terms().await?;
    follower.write().await?;
    let gate_ms = milliseconds(begun);
    note_sizes(context).await?;
    let targets: Vec<&str> = context.plan.targets().map(|target| target.index.as_str()).collect();
    let begun = Instant::now();
    cluster.block_writes(&targets).await?;
    let block_ms = milliseconds(begun);
    let operations = pass.numbers;
    context.measures.note_fence(FenceMeasure {
        block_ms,
        watermark_ms,
        carry_ms,
        gate_ms,
        operations,
    });
    Ok(Event::FenceMeasured)
}

/// Notes how large every index of the new set became.
async fn note_sizes(context: &StageContext) -> Result<(), EngineError> {
    let sizes: BTreeMap<String, TargetSize> = context
        .cluster
        .indices()
        .await?
        .into_iter()
        .map(|index| (index.name, TargetSize { documents: index.docs, bytes: index.store_bytes }))
        .collect();
    let targets = context
        .plan
        .targets()
        .filter_map(|target| sizes.get(&target.index).map(|size| (target.index.clone(), *size)));
    context.measures.note_targets(targets.collect());
    Ok(())
}
