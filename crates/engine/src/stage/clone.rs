//! Clone: a target that no step changes is made of its source's files, within moments and whatever its size.
//!
//! The source is blocked for writes meanwhile. That a run prepares, and which sources its plan clones, is journalled before any is
//! blocked; whoever drives next lifts these blocks first. One source is blocked at a time, and for at most the time that a fence may
//! take.
//!
//! What makes a clone right is not the block but what is looked at: the source's log stands at a number below which everything
//! is on every copy, and the clone's log ends at exactly that number. Then it holds the state at that number, and what is newer
//! is caught up like on a copy. A clone that isn't so is dropped, and the index copied instead. That is also done where the
//! application gives documents versions of its own, as the catch-up couldn't write over them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lockstep_core::{
    plan::{
        model::{CloneStart, SourcePlan, TargetPlan},
        schema::{clone_body, clone_mark, create_body},
    },
    run::state::RunState,
};
use lockstep_elastic::{AliasAction, FailureKind, IndexState};
use serde_json::{Map, Value};

use super::{
    StageContext,
    fence::blocked_before,
    gate::milliseconds,
    position::Covered,
    prepare::{is_ours, read_set},
};
use crate::{
    error::EngineError,
    journal::{RunRecord, SetRecord, Write},
    report::Event as ReportEvent,
};

/// Shard → the highest number of the log that the clone has.
type Numbers = BTreeMap<u32, i64>;

/// Makes the targets that begin as clones and are not there. Those that can't be cloned are left for copying.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with; no source stays blocked if that was possible.
pub(super) async fn clone_targets(context: &StageContext) -> Result<(), EngineError> {
    let clones: Vec<_> = context.plan.clones().collect();
    if clones.is_empty() {
        return Ok(());
    }
    // A driver of before may have died with one of them blocked.
    lift_blocks(context).await?;
    let driver = driver_of(context).await?;
    claim(context, driver).await?;
    for (_, source, target, start) in clones {
        context.check_stop()?;
        let set = read_set(context).await?;
        if set.record.targets.contains_key(&target.index) {
            continue;
        }
        let attempt = Attempt { context, source, target, start, driver };
        let Some((uuid, numbers)) = attempt.clone().await? else { continue };
        let mut record = set.record.clone();
        record.targets.insert(target.index.clone(), uuid);
        record.clones.insert(target.index.clone(), numbers);
        match context.journal.replace(&context.run, &set, record).await? {
            Write::Kept(_) => {}
            Write::Conflict => return Err(EngineError::LeaseLost),
        }
    }
    // A request of a dead driver may still block one of them.
    if !context.quiet_in().is_zero() {
        context.wait_until_quiet().await?;
        lift_blocks(context).await?;
    }
    Ok(())
}

/// Lifts what cloning blocks; blocks that were there before the plan was made stay.
pub(crate) async fn lift_blocks(context: &StageContext) -> Result<(), EngineError> {
    let sources: Vec<&str> = context
        .plan
        .clones()
        .map(|(_, source, ..)| source.index.as_str())
        .filter(|source| !blocked_before(&context.plan, source))
        .collect();
    if !sources.is_empty() {
        context.cluster.unblock_writes(&sources).await?;
    }
    Ok(())
}

impl StageContext {
    /// `(position in the plan, shard)` → the highest number that the target had from the beginning, of those that were cloned.
    pub(super) async fn cloned(&self) -> Result<Covered, EngineError> {
        let clones: Vec<_> = self.plan.clones().collect();
        if clones.is_empty() {
            return Ok(Covered::new());
        }
        let set = read_set(self).await?.record;
        let mut cloned = Covered::new();
        for (position, _, target, _) in clones {
            for (shard, last) in set.clones.get(&target.index).into_iter().flatten() {
                cloned.insert((position, *shard), *last);
            }
        }
        Ok(cloned)
    }
}

/// From here on nobody who cloned before can say that a clone is there: it is dropped.
async fn claim(context: &StageContext, driver: u64) -> Result<(), EngineError> {
    let set = read_set(context).await?;
    if set.record.cloned_by == Some(driver) {
        return Ok(());
    }
    let record = SetRecord { cloned_by: Some(driver), ..set.record.clone() };
    match context.journal.replace(&context.run, &set, record).await? {
        Write::Kept(_) => Ok(()),
        Write::Conflict => Err(EngineError::LeaseLost),
    }
}

/// The number of the driver that the run has, as long as it prepares.
async fn driver_of(context: &StageContext) -> Result<u64, EngineError> {
    match context.journal.read::<RunRecord>(&context.run).await? {
        Some(kept) if kept.record.state == RunState::Preparing => Ok(kept.record.driver),
        Some(_) | None => Err(EngineError::LeaseLost),
    }
}

/// An index that is being cloned.
struct Attempt<'a> {
    context: &'a StageContext,
    source: &'a SourcePlan,
    target: &'a TargetPlan,
    start: &'a CloneStart,
    driver: u64,
}

impl Attempt<'_> {
    /// Gives the clone's unique id and where its log begins; nothing when the index has to be copied.
    async fn clone(&self) -> Result<Option<(String, Numbers)>, EngineError> {
        let Self { context, source, target, .. } = self;
        // What was written last has to be visible to that look.
        context.cluster.refresh(&[&source.index]).await?;
        if context.cluster.has_foreign_versions(&source.index).await? {
            return Ok(self.give_up("the application gives its documents versions of its own"));
        }
        // One of an attempt before: what it holds isn't known any more.
        self.drop_own().await?;
        let begun = Instant::now();
        let outcome = self.under_block().await;
        if !context.lost.is_cancelled() && !blocked_before(&context.plan, &source.index) {
            // Before anything else, and whatever it came to.
            context.cluster.unblock_writes(&[&source.index]).await?;
        }
        let blocked_ms = milliseconds(begun);
        let numbers = match outcome? {
            Ok(numbers) => numbers,
            Err(reason) => {
                self.drop_own().await?;
                return Ok(self.give_up(&reason));
            }
        };
        let Some(uuid) = self.take_over().await? else {
            self.drop_own().await?;
            return Ok(self.give_up("the clone doesn't take the new mapping"));
        };
        context.reporter.report(ReportEvent::Notice {
            message: format!(
                "`{}` was cloned from `{}`; writes to it were refused for {blocked_ms} ms",
                target.index, source.index
            ),
        });
        Ok(Some((uuid, numbers)))
    }

    /// Blocks the source and clones it. The inner error is the reason why there is no clone that could be relied on.
    async fn under_block(&self) -> Result<Result<Numbers, String>, EngineError> {
        let Self { context, source, target, start, driver } = self;
        let body = clone_body(target, context.schema(target)?, start, &context.run);
        // Who slept since has another driver after it, and must not block anything.
        if driver_of(context).await? != *driver {
            return Err(EngineError::LeaseLost);
        }
        if !blocked_before(&context.plan, &source.index) {
            context.cluster.block_writes(&[&source.index]).await?;
        }
        let Some(before) = self.settled(&source.index, Some(&source.uuid)).await? else {
            return Ok(Err("its copies lag behind its primaries".to_owned()));
        };
        let limit = Duration::from_millis(context.plan.limits.fence_ms_max);
        let names = (source.index.as_str(), target.index.as_str());
        match context.cluster.clone_index(names, &body, limit).await {
            Ok(()) => {}
            // Whether it is there all the same is seen below.
            Err(failure) if failure.outcome_unknown() => {}
            Err(failure)
                if matches!(
                    failure.kind(),
                    FailureKind::Refused | FailureKind::NotAcknowledged
                ) =>
            {
                return Ok(Err(format!("the cluster doesn't clone it: {}", failure.reason())));
            }
            Err(failure) => return Err(failure.into()),
        }
        let after = self.settled(&target.index, None).await?;
        Ok(if after.as_ref() == Some(&before) {
            Ok(before)
        } else {
            Err("the cluster didn't clone it in time".to_owned())
        })
    }

    /// Where the shards of an index stand, if all of them are there, everything is on every copy, and it is the one with this
    /// unique id.
    async fn settled(
        &self,
        index: &str,
        uuid: Option<&str>,
    ) -> Result<Option<Numbers>, EngineError> {
        let positions = match self.context.cluster.positions_of(&[index]).await {
            Ok(positions) => positions,
            Err(failure) if failure.is_index_absent() => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let Some(position) = positions.get(index) else { return Ok(None) };
        let is_other = uuid.is_some_and(|uuid| uuid != position.uuid);
        let lags = position.shards.iter().any(|shard| shard.global_checkpoint < shard.max_seq_no);
        if is_other || lags || position.shards.len() as u64 != u64::from(self.target.shards) {
            return Ok(None);
        }
        let numbers = position.shards.iter().map(|shard| (shard.number, shard.max_seq_no));
        Ok(Some(numbers.collect()))
    }

    /// Gives the clone the mapping of the new release, with the mark in it, and takes the alias away that marked it before.
    async fn take_over(&self) -> Result<Option<String>, EngineError> {
        let Self { context, target, .. } = self;
        let body = create_body(target, context.schema(target)?, &context.run);
        let mapping =
            body.get("mappings").cloned().unwrap_or_else(|| Value::Object(Map::default()));
        match context.cluster.put_mapping(&target.index, &mapping).await {
            Ok(()) => {}
            Err(failure) if failure.kind() == FailureKind::Refused => return Ok(None),
            Err(failure) => return Err(failure.into()),
        }
        let alias = clone_mark(&context.run);
        let remove = AliasAction::Remove { index: target.index.clone(), alias, must_exist: None };
        match context.cluster.change_aliases(&[remove]).await {
            Ok(()) => {}
            // It was taken away by an attempt whose answer was lost, or is seen to be there below.
            Err(failure) if failure.outcome_unknown() || failure.status() == Some(404) => {}
            Err(failure) => return Err(failure.into()),
        }
        let found = context.cluster.index(&target.index).await?;
        Ok(found
            .filter(|index| is_ours(index, &context.run) && !has_mark(index, &context.run))
            .map(|index| index.uuid))
    }

    /// Drops what an attempt made, if it is this run's.
    async fn drop_own(&self) -> Result<(), EngineError> {
        let Self { context, target, .. } = self;
        let Some(found) = context.cluster.index(&target.index).await? else { return Ok(()) };
        if !is_ours(&found, &context.run) {
            // What to do about it is said where the target is made to be copied into.
            return Ok(());
        }
        context.cluster.delete_index(&target.index, &found.uuid).await?;
        Ok(())
    }

    fn give_up<T>(&self, reason: &str) -> Option<T> {
        self.context.reporter.report(ReportEvent::Notice {
            message: format!("`{}` is copied, not cloned: {reason}", self.source.index),
        });
        None
    }
}

/// Whether an index has the alias that marks a clone of this run.
pub(super) fn has_mark(index: &IndexState, run: &str) -> bool {
    index.aliases.contains_key(&clone_mark(run))
}
