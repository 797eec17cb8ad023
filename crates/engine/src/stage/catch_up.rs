//! Catch up: passes until so little is left that a fence would be short, and a word when that doesn't come nearer.
//!
//! Each pass begins with what arrived during the one before, so passes get shorter as long as more is carried over than
//! arrives. Once they don't get shorter any more, the last one was about as long as the fence will have to be.

use std::time::{Duration, Instant};

use lockstep_core::run::state::Problem;

use super::{follow::Follower, problem};
use crate::{
    error::EngineError,
    report::{Event as ReportEvent, Lag},
};

/// Passes in a row that may begin with no less than the smallest one before, until somebody is told.
const STALLED_PASSES_TOLD: u32 = 5;
/// Passes in a row like that, until somebody is asked.
const STALLED_PASSES_MAX: u32 = 60;
/// A pass that begins with more than this share of the one before, in percent, makes no headway.
const HEADWAY_PERCENT: u64 = 75;
/// The share of the time allowed for a fence that the last pass may have taken.
const FENCE_SHARE: u64 = 5;
/// A pass shorter than this says little about rates.
const RATE_TIME_MIN: Duration = Duration::from_millis(50);

/// Carries over what the application wrote until a pass begins with little enough. Gives a problem when the application
/// writes faster than it can be carried over, however long it is tried.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or a document is rejected.
pub(super) async fn catch_up(follower: &mut Follower<'_>) -> Result<Option<Problem>, EngineError> {
    let limits = &follower.context.plan.limits;
    let enough = limits.lag_numbers_max;
    let short = Duration::from_millis(limits.fence_ms_max / FENCE_SHARE);
    let (mut smallest, mut stalled) = (u64::MAX, 0);
    let mut last: Option<Duration> = None;
    loop {
        follower.context.check_stop()?;
        let begun = Instant::now();
        let pass = follower.pass().await?;
        let took = begun.elapsed();
        // What a pass begins with arrived while the one before was carried over.
        let lag = Lag {
            numbers: pass.numbers,
            arriving_per_second: last.and_then(|last| rate(pass.numbers, last)),
            carried_per_second: rate(pass.numbers, took),
            left_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        follower.context.reporter.report(ReportEvent::Lag(lag));
        if pass.numbers <= enough {
            return Ok(None);
        }
        last = Some(took);
        let is_ahead = pass.numbers < smallest / 100 * HEADWAY_PERCENT;
        stalled = if is_ahead { 0 } else { stalled + 1 };
        if stalled > 0 && took <= short {
            return Ok(None);
        }
        smallest = smallest.min(pass.numbers);
        if stalled == STALLED_PASSES_TOLD {
            follower.context.reporter.report(ReportEvent::Notice {
                message: format!(
                    "not converging: {} operations arrive while as many are carried over; more windows (--windows) carry faster, \
                     or let the application write less for a moment",
                    pass.numbers
                ),
            });
        }
        if stalled >= STALLED_PASSES_MAX {
            return Ok(Some(problem(
                "R0202",
                format!(
                    "the application writes faster than its writes are carried over: {} operations were left after each of {STALLED_PASSES_MAX} passes",
                    pass.numbers
                ),
                "let it write less for a moment, or give the run more room (`--windows`), then run the same command again",
            )));
        }
    }
}

fn rate(numbers: u64, time: Duration) -> Option<u64> {
    if time < RATE_TIME_MIN {
        return None;
    }
    let micros = u64::try_from(time.as_micros()).ok()?;
    Some(numbers.saturating_mul(1_000_000) / micros.max(1))
}
