//! Catch up: passes until so little is left that a fence would be short, and a word when that doesn't come nearer.

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
/// A pass shorter than this says little about rates.
const RATE_TIME_MIN: Duration = Duration::from_millis(50);

/// Carries over what the application wrote until a pass begins with little enough. Gives a problem when the application
/// writes faster than it can be carried over, however long it is tried.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or a document is rejected.
pub(super) async fn catch_up(follower: &mut Follower<'_>) -> Result<Option<Problem>, EngineError> {
    let enough = follower.context.plan.limits.lag_numbers_max;
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
        stalled = if pass.numbers < smallest { 0 } else { stalled + 1 };
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
