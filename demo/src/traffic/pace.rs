//! How fast a writer writes: so many operations a second on average, never much faster after a pause.

use std::time::Duration;

use tokio::time::Instant;

/// How much a writer that was kept waiting catches up on; what it missed before that is not made up for.
const BEHIND_MAX: Duration = Duration::from_millis(500);
/// Requests a second of a slow writer at least, as far as there are operations: nobody waits seconds to fill a request.
const REQUESTS_PER_SECOND: u64 = 5;
/// Operations of one request.
const BATCH: std::ops::RangeInclusive<u64> = 10..=50;

/// When a writer may write again.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    next: Instant,
    batch_max: u64,
}

impl Pace {
    /// The pace of one of several writers that together do so many operations a second.
    pub(super) fn new(operations_per_second: u64, writers: u64) -> Self {
        let rate = operations_per_second.max(1);
        let every = Duration::from_nanos(1_000_000_000_u64.saturating_mul(writers) / rate);
        let batch_max = (rate / writers.max(1) / REQUESTS_PER_SECOND).clamp(1, *BATCH.end());
        Self { every, next: Instant::now(), batch_max }
    }

    /// How many operations the next request has; `random` is any number.
    pub(super) fn batch(&self, random: u64) -> usize {
        let least = (*BATCH.start()).min(self.batch_max);
        let count = least + random % (self.batch_max - least + 1);
        usize::try_from(count).unwrap_or(1)
    }

    /// When the next request is due after one with so many operations.
    pub(super) fn due(&mut self, operations: usize) -> Instant {
        let now = Instant::now();
        let operations = u32::try_from(operations).unwrap_or(u32::MAX);
        let earliest = now.checked_sub(BEHIND_MAX).unwrap_or(now);
        self.next = (self.next + self.every.saturating_mul(operations)).max(earliest);
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_small_and_slow_writers_make_smaller_ones() {
        for (rate, writers, sizes) in
            [(1500, 4, (10, 50)), (200, 4, (10, 10)), (8, 4, (1, 1)), (1, 64, (1, 1))]
        {
            let pace = Pace::new(rate, writers);
            let drawn: Vec<usize> = (0..500).map(|random| pace.batch(random)).collect();
            let found = (*drawn.iter().min().unwrap(), *drawn.iter().max().unwrap());
            assert_eq!(found, sizes, "{rate} {writers}");
        }
    }

    #[test]
    fn the_rate_is_kept_and_a_long_wait_is_not_made_up_for() {
        let mut pace = Pace::new(1000, 2);
        let start = pace.next;
        assert_eq!(pace.due(30) - start, Duration::from_millis(60));
        assert_eq!(pace.due(20) - start, Duration::from_millis(100));
        let long_ago = Instant::now().checked_sub(Duration::from_mins(1));
        pace.next = long_ago.unwrap_or(start);
        assert!(pace.due(1) + BEHIND_MAX + BEHIND_MAX > Instant::now());
    }
}
