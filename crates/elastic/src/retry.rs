//! Repeating with jitter and bounds: the one loop behind every call that is repeated. Knows nothing of HTTP.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::class::Class;
use crate::connection::RetryBounds;
use crate::failure::Failure;

/// Waits to come, bounded in number and in sum.
pub(crate) struct Waits {
    backoff: ExponentialBackoff,
    left: Duration,
    attempt_count: u32,
}

impl Waits {
    pub(crate) fn new(bounds: RetryBounds) -> Self {
        let times = usize::try_from(bounds.attempts_max.saturating_sub(1)).unwrap_or(usize::MAX);
        let backoff = ExponentialBuilder::new()
            .with_min_delay(bounds.wait_first)
            .with_max_delay(bounds.wait_max)
            .with_max_times(times)
            .with_jitter()
            .build();
        Self { backoff, left: bounds.wait_total, attempt_count: 1 }
    }

    /// How many attempts were allowed so far, the first one included.
    pub(crate) fn attempt_count(&self) -> u32 {
        self.attempt_count
    }

    /// How long to wait before the next attempt; `None` when a bound is reached, also by a wait that the server asks for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let wait = self.backoff.next()?.max(asked.unwrap_or_default());
        self.left = self.left.checked_sub(wait)?;
        self.attempt_count += 1;
        Some(wait)
    }
}

/// Repeats `attempt` while `may_repeat` says so and the bounds allow it.
///
/// Takes a function that gives futures rather than an async closure: only then can callers be sent between threads.
pub(crate) async fn repeat<T, Attempt: Future<Output = Result<T, Failure>>>(
    bounds: RetryBounds,
    may_repeat: impl Fn(&Failure) -> bool,
    mut attempt: impl FnMut() -> Attempt,
) -> Result<T, Failure> {
    let mut waits = Waits::new(bounds);
    loop {
        let failure = match attempt().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure.with_attempts(waits.attempt_count()),
        };
        if !may_repeat(&failure) {
            return Err(failure);
        }
        let Some(wait) = waits.next(failure.retry_after()) else {
            return Err(failure);
        };
        tracing::debug!(
            request = failure.request(),
            status = failure.status(),
            error_type = failure.error_type(),
            attempt_count = failure.attempt_count(),
            wait_ms = wait.as_millis(),
            "repeating after a failure"
        );
        tokio::time::sleep(wait).await;
    }
}

/// Whether a failure passes by itself.
pub(crate) fn passes(failure: &Failure) -> bool {
    matches!(failure.class(), Class::Retry | Class::BackOff)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;
    use crate::failure::FailureKind;

    fn refused(status: u16) -> Failure {
        Failure::refused("GET /x", status, b"")
    }

    async fn run(
        bounds: RetryBounds,
        make: impl Fn(u32) -> Result<u32, Failure>,
    ) -> (Result<u32, Failure>, u32, Duration) {
        let count = Cell::new(0);
        let start = Instant::now();
        let outcome = repeat(bounds, passes, || {
            count.set(count.get() + 1);
            std::future::ready(make(count.get()))
        })
        .await;
        (outcome, count.get(), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_and_counted() {
        let bounds = RetryBounds { attempts_max: 5, ..RetryBounds::default() };
        let (outcome, count, waited) = run(bounds, |_| Err(refused(503))).await;
        assert_eq!(count, 5);
        assert_eq!(outcome.unwrap_err().attempt_count(), 5);
        // 0.2 + 0.4 + 0.8 + 1.6, each with up to its own length of jitter.
        assert!(waited >= Duration::from_secs(3), "{waited:?}");
        assert!(waited <= Duration::from_millis(6_100), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_bounded_in_sum() {
        let bounds = RetryBounds {
            attempts_max: 1_000,
            wait_total: Duration::from_secs(20),
            ..RetryBounds::default()
        };
        let (outcome, count, waited) = run(bounds, |_| Err(refused(503))).await;
        assert!(outcome.is_err());
        assert!((3..20).contains(&count), "{count}");
        assert!(waited <= Duration::from_millis(20_100), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_not_repeated() {
        for status in [400, 401, 403, 404, 409, 413] {
            let (outcome, count, _) = run(RetryBounds::default(), |_| Err(refused(status))).await;
            assert_eq!((outcome.is_err(), count), (true, 1), "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_that_the_server_asks_for_is_kept_or_given_up() {
        let asking = |seconds| {
            move |count| match count {
                1 => Err(refused(429).with_retry_after(Some(Duration::from_secs(seconds)))),
                _ => Ok(count),
            }
        };
        let (outcome, count, waited) = run(RetryBounds::default(), asking(30)).await;
        assert_eq!((outcome.unwrap(), count), (2, 2));
        assert!(waited >= Duration::from_secs(30), "{waited:?}");
        let (outcome, count, waited) = run(RetryBounds::default(), asking(3_600)).await;
        assert_eq!((outcome.is_err(), count, waited), (true, 1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn once_means_once() {
        let lost = |_| Err(Failure::new(FailureKind::AnswerLost, "GET /", "cut"));
        let (outcome, count, _) = run(RetryBounds::once(), lost).await;
        assert_eq!((outcome.is_err(), count), (true, 1));
    }
}
