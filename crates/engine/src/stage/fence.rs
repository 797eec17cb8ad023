//! Fence: writes to the live set are blocked while the last of them are carried over and both sets are found equal. Before
//! the switch the live set is the old one, on the way back the new one.
//!
//! The journal says "fencing" before the block is set, so whoever drives next knows to lift it. It has a time limit: when that
//! isn't kept, or anything is left to do, the block is lifted and verification begins anew.

use std::time::{Duration, Instant};

use lockstep_core::{plan::model::Plan, run::state::Event};
use tokio::time;

use super::{
    Direction, StageContext,
    back::{known_return, remember_return},
    follow::Follower,
    gate::{Gate, milliseconds, pass_gate},
    switch::publish_templates,
};
use crate::{error::EngineError, journal::SwitchRecord, report::Event as ReportEvent};

/// Blocks writes to the live set and passes the gate. The block stays only with [`Event::GatePassed`].
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; the block was lifted if that was possible.
pub(crate) async fn block_live(
    context: &StageContext,
    direction: Direction,
    times: &mut SwitchRecord,
) -> Result<Event, EngineError> {
    let outcome = fence(context, direction, times).await;
    if matches!(outcome, Ok(Event::GatePassed)) {
        return outcome;
    }
    if context.lost.is_cancelled() {
        // The block is in the hands of whoever drives the run now; it may be switching.
        return outcome;
    }
    if let Err(error) = unblock(context, direction).await {
        // The journal still says "fencing", so the next driver lifts it; nobody should have to find out by surprise.
        context.reporter.report(ReportEvent::Notice {
            message: format!("the write block on the live set could not be lifted: {error}; run the same command again"),
        });
        tracing::error!(%error, "the write block could not be lifted");
        // Not what the fence came to: that would take the run out of "fencing" with the block still there.
        return Err(error);
    }
    outcome
}

async fn fence(
    context: &StageContext,
    direction: Direction,
    times: &mut SwitchRecord,
) -> Result<Event, EngineError> {
    if !context.quiet_in().is_zero() {
        // Another one began this fence, and died. What it sent last may arrive behind a gate, so everything is looked at once more.
        context.reporter.report(ReportEvent::Notice {
            message: "the fence was missed: the driver that began it died, and what it sent last may still arrive; writes are allowed again".to_owned(),
        });
        return Ok(Event::FenceMissed);
    }
    if direction == Direction::Forward {
        // Each takes the engine a change of its state: under the block they would be most of its time.
        publish_templates(context).await?;
    }
    let mut follower = Follower::open(context, direction).await?;
    // Read before anything is looked at: whoever passed the gate since has written it, and isn't written over.
    let known = known_return(context).await?;
    let limit = Duration::from_millis(context.plan.limits.fence_ms_max);
    let begun = Instant::now();
    // Not under the limit: a call that nobody waits for any more goes on in the engine, and could set the block behind the one
    // that lifts it. It is bounded like every call.
    context.cluster.block_writes(&live_names(context, direction)).await?;
    times.block_ms = milliseconds(begun);
    let left = limit.saturating_sub(begun.elapsed());
    let gate = time::timeout(left, async {
        let (unplanned, gate) =
            tokio::try_join!(context.find_unplanned(direction), pass_gate(&mut follower, times))?;
        if let Some(problem) = unplanned {
            return Err(EngineError::Halted(Box::new(problem)));
        }
        let begun = Instant::now();
        if let (Gate::Passed(standing), Direction::Forward) = (&gate, direction) {
            remember_return(&follower, standing, known).await?;
        }
        times.gate_ms += milliseconds(begun);
        Ok(gate)
    })
    .await;
    let missed = match gate {
        Ok(Ok(Gate::Passed(_))) => return Ok(Event::GatePassed),
        Ok(Ok(Gate::Missed(reason))) => reason,
        Ok(Err(error)) => return Err(error),
        Err(_elapsed) => {
            format!("it took longer than the {} ms that are allowed", limit.as_millis())
        }
    };
    context.reporter.report(ReportEvent::Notice {
        message: format!(
            "the fence was missed after {} ms: {missed}; writes are allowed again",
            milliseconds(begun)
        ),
    });
    Ok(Event::FenceMissed)
}

/// Lifts the block that a fence sets, and leaves those that were there before.
pub(crate) async fn unblock(
    context: &StageContext,
    direction: Direction,
) -> Result<(), EngineError> {
    context.cluster.unblock_writes(&live_names(context, direction)).await?;
    Ok(())
}

/// The indices that a fence blocks: those that the application writes to, and that nobody had blocked when the plan was
/// made.
pub(super) fn live_names(context: &StageContext, direction: Direction) -> Vec<&str> {
    if direction == Direction::Back {
        return context.plan.targets().map(|target| target.index.as_str()).collect();
    }
    context
        .plan
        .sources()
        .map(|source| source.index.as_str())
        .filter(|index| !blocked_before(&context.plan, index))
        .collect()
}

/// Whether an index was blocked for writes when the plan was made, by somebody else.
pub(crate) fn blocked_before(plan: &Plan, index: &str) -> bool {
    plan.findings.iter().any(|finding| finding.code == "F0407" && finding.subject == index)
}
