//! Hold: the new set is kept in step with the live one until the switch is asked for, so that the fence finds next to
//! nothing left. Without an order to hold it ends as soon as that is so.

use std::time::{Duration, Instant};

use lockstep_core::run::state::Event;
use tokio::time;

use super::{
    CopyPair, Direction, StageContext,
    catch_up::catch_up,
    delivery::{settle_deliveries, settle_deliveries_anew},
    delta::compare_delta,
    follow::{Follower, Moment},
    gate::reconcile_deletes,
    review::{review, tell},
    table::{Patience, settle_tables},
};
use crate::{
    error::EngineError,
    report::{Event as ReportEvent, Waiting},
};

/// Time between two passes while nobody asks for the switch.
const PASS_TIME: Duration = Duration::from_secs(1);
/// How often it is looked whether indices came to the live set that the plan doesn't know.
const UNPLANNED_TIME: Duration = Duration::from_secs(10);
/// Looking for deletes reads the ids of an index: at most this share of the time goes into it, as one part in so many.
const DELETES_SHARE: u32 = 10;
/// Numbers of an index up to which it counts as small: its ids are read in a fraction of a second.
const SMALL_NUMBERS_MAX: i64 = 20_000;
/// How long copies of the new set's shards are waited for before the switch.
const COPIES_WAIT_MAX: Duration = Duration::from_mins(10);
/// Passes that in the end bring the new set in step before the fence.
const LAST_PASSES: u32 = 3;

/// Keeps the new set in step until nobody asks to hold any more.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or a document is rejected.
pub async fn keep_in_step(context: &StageContext) -> Result<Event, EngineError> {
    let mut follower = Follower::open(context, Direction::Forward).await?;
    let mut unplanned_at = Instant::now();
    let mut deletes_after = Instant::now();
    let (mut is_told, mut is_silence_told, mut undecided_told) = (false, false, 0);
    let mut copies = Copies::default();
    loop {
        context.check_stop()?;
        if let Some(problem) = catch_up(&mut follower).await? {
            return Ok(Event::Stuck(problem));
        }
        review(&mut follower).await?;
        tell(context, &mut undecided_told);
        compare_delta(&mut follower, Moment::Live).await?;
        let is_held = context.pace.orders().is_held;
        if !is_held && context.quiet_in().is_zero() && copies.are_there(context).await? {
            if context.follows_dead() {
                // What a dead driver sent last may have come over what was read back before.
                settle_deliveries_anew(&mut follower).await?;
            }
            come_close(&mut follower).await?;
            // A rehearsal tells all of them at its end, and goes on to see the rest.
            let undecided =
                review(&mut follower).await?.filter(|_| context.plan.rehearsal.is_none());
            follower.write().await?;
            return Ok(undecided.map_or(Event::Released, Event::Stuck));
        }
        if is_held && !is_told {
            is_told = true;
            context.reporter.report(ReportEvent::Waiting(Waiting::Order));
        }
        if !is_held && !is_silence_told && !context.quiet_in().is_zero() {
            is_silence_told = true;
            context.tell_silence();
        }
        if unplanned_at.elapsed() >= UNPLANNED_TIME {
            unplanned_at = Instant::now();
            if let Some(problem) = context.find_unplanned(Direction::Forward).await? {
                return Ok(Event::Stuck(problem));
            }
        }
        if Instant::now() >= deletes_after {
            let begun = Instant::now();
            let moved = moved_pairs(&follower);
            reconcile_deletes(&mut follower, &moved).await?;
            settle_deliveries(&mut follower).await?;
            settle_tables(&mut follower, Patience::Waiting).await?;
            deletes_after = Instant::now() + begun.elapsed() * DELETES_SHARE;
        }
        follower.write().await?;
        tokio::select! {
            () = time::sleep(PASS_TIME) => {}
            () = context.stop.cancelled() => {}
        }
    }
}

/// Copies of the new set's shards, which begin to be built once the documents are in.
#[derive(Debug, Default)]
struct Copies {
    since: Option<Instant>,
    told: Option<u64>,
}

impl Copies {
    /// Whether none are being built any more, or were waited for long enough. A switch before that would leave what the
    /// application writes then on one node alone. What has no node to go to is not waited for: the live set had to live
    /// with that as well.
    async fn are_there(&mut self, context: &StageContext) -> Result<bool, EngineError> {
        let targets: Vec<&str> =
            context.plan.targets().map(|target| target.index.as_str()).collect();
        let count = context.cluster.initializing_shards(&targets).await?;
        if count == 0 {
            return Ok(true);
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() >= COPIES_WAIT_MAX {
            context.reporter.report(ReportEvent::Notice {
                message: format!(
                    "{count} copies of shards of the new set are still being built after {} minutes; switching without them",
                    COPIES_WAIT_MAX.as_secs() / 60
                ),
            });
            return Ok(true);
        }
        if self.told != Some(count) {
            self.told = Some(count);
            context.reporter.report(ReportEvent::Waiting(Waiting::Copies { count }));
        }
        Ok(false)
    }
}

/// The last passes before a fence, quick after one another. Deletes are looked for once before the last of them: then the
/// fence has to look only at indices in which one comes after that. It reads the ids of each as a whole, so large ones are
/// left to the fence: it has to read them anyway, as more deletes come.
pub(super) async fn come_close(follower: &mut Follower<'_>) -> Result<(), EngineError> {
    let mut is_reconciled = false;
    for _ in 0..LAST_PASSES {
        let pass = follower.pass().await?;
        compare_delta(follower, Moment::Live).await?;
        let is_close = pass.numbers <= follower.context.plan.limits.lag_numbers_max;
        if is_close && is_reconciled {
            break;
        }
        if !is_reconciled {
            is_reconciled = true;
            let moved = small_pairs(follower);
            reconcile_deletes(follower, &moved).await?;
        }
    }
    settle_deliveries(follower).await?;
    settle_tables(follower, Patience::Waiting).await?;
    follower.write().await
}

/// Pairs whose sources moved since both sets were compared, and are small.
fn small_pairs(follower: &Follower<'_>) -> Vec<CopyPair> {
    let numbers = |pair: &CopyPair| -> i64 {
        let marks = follower.marks.iter().filter(|(key, _)| key.0 == pair.position);
        marks.map(|(_, mark)| mark.covered.saturating_add(1)).sum()
    };
    let mut pairs = moved_pairs(follower);
    pairs.retain(|pair| numbers(pair) <= SMALL_NUMBERS_MAX);
    pairs
}

/// Pairs whose sources moved since both sets were compared.
fn moved_pairs(follower: &Follower<'_>) -> Vec<CopyPair> {
    follower
        .pairs
        .iter()
        .filter(|(position, _)| {
            follower
                .marks
                .iter()
                .any(|(key, mark)| key.0 == **position && mark.compared < mark.covered)
        })
        .map(|(_, pair)| pair.clone())
        .collect()
}
