//! What the writers and the observer count while they run.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::traffic::operation::Kind;

/// The most split observations that are kept in words.
const SPLITS_KEPT: usize = 3;

/// What was done until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrafficCounts {
    /// Inserts that were acknowledged, re-creations of deleted documents among them.
    pub inserts: u64,
    /// Updates that were acknowledged.
    pub updates: u64,
    /// Deletes that were acknowledged.
    pub deletes: u64,
    /// Operations that were refused at least once, by a block or as too many. Each was repeated.
    pub refused_writes: u64,
    /// Operations whose answer was lost at least once. Each was repeated.
    pub unanswered_writes: u64,
    /// The longest time that a writer could not get its operations acknowledged, in milliseconds.
    pub longest_wait_ms: u64,
    /// How often the aliases were looked at.
    pub observations: u64,
    /// In how many of these looks not all tenants were on one release.
    pub split_observations: u64,
    /// How long the writers have been running, in milliseconds.
    pub elapsed_ms: u64,
}

impl TrafficCounts {
    /// Operations that were acknowledged.
    pub fn operations(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    /// Acknowledged operations per second, over all the time.
    pub fn operations_per_second(&self) -> u64 {
        (self.operations() * 1000).checked_div(self.elapsed_ms).unwrap_or(0)
    }
}

/// The counters, shared by the tasks.
#[derive(Debug)]
pub(super) struct Counters {
    start: Instant,
    earlier_ms: u64,
    inserts: AtomicU64,
    updates: AtomicU64,
    deletes: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
    longest_wait_ms: AtomicU64,
    observations: AtomicU64,
    split_observations: AtomicU64,
    splits: Mutex<Vec<String>>,
}

impl Counters {
    /// Counters that go on from what was counted earlier.
    pub(super) fn new(earlier: &TrafficCounts, splits: Vec<String>) -> Self {
        Self {
            start: Instant::now(),
            earlier_ms: earlier.elapsed_ms,
            inserts: AtomicU64::new(earlier.inserts),
            updates: AtomicU64::new(earlier.updates),
            deletes: AtomicU64::new(earlier.deletes),
            refused: AtomicU64::new(earlier.refused_writes),
            unanswered: AtomicU64::new(earlier.unanswered_writes),
            longest_wait_ms: AtomicU64::new(earlier.longest_wait_ms),
            observations: AtomicU64::new(earlier.observations),
            split_observations: AtomicU64::new(earlier.split_observations),
            splits: Mutex::new(splits),
        }
    }

    /// All of them as they are now.
    pub(super) fn counts(&self) -> TrafficCounts {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrafficCounts {
            inserts: now(&self.inserts),
            updates: now(&self.updates),
            deletes: now(&self.deletes),
            refused_writes: now(&self.refused),
            unanswered_writes: now(&self.unanswered),
            longest_wait_ms: now(&self.longest_wait_ms),
            observations: now(&self.observations),
            split_observations: now(&self.split_observations),
            elapsed_ms: self.earlier_ms.saturating_add(milliseconds(self.start.elapsed())),
        }
    }

    pub(super) fn acknowledged(&self, kind: Kind) {
        let counter = match kind {
            Kind::Insert => &self.inserts,
            Kind::Update => &self.updates,
            Kind::Delete => &self.deletes,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unanswered(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// A writer has been waiting for so long, and may still wait.
    pub(super) fn waited(&self, time: Duration) {
        self.longest_wait_ms.fetch_max(milliseconds(time), Ordering::Relaxed);
    }

    /// The aliases were looked at; `split` says how they were split, if they were.
    pub(super) fn observed(&self, split: Option<String>) {
        self.observations.fetch_add(1, Ordering::Relaxed);
        let Some(split) = split else { return };
        self.split_observations.fetch_add(1, Ordering::Relaxed);
        let mut splits = self.splits.lock().unwrap_or_else(PoisonError::into_inner);
        if splits.len() < SPLITS_KEPT {
            splits.push(split);
        }
    }

    /// Some of the split observations in words.
    pub(super) fn splits(&self) -> Vec<String> {
        self.splits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_goes_on_where_it_ended() {
        let earlier = TrafficCounts {
            inserts: 5,
            elapsed_ms: 2000,
            longest_wait_ms: 70,
            ..TrafficCounts::default()
        };
        let counters = Counters::new(&earlier, Vec::new());
        counters.acknowledged(Kind::Delete);
        counters.waited(Duration::from_millis(30));
        for _ in 0..5 {
            counters.observed(Some("one here, one there".to_owned()));
        }
        counters.observed(None);
        let counts = counters.counts();
        assert_eq!((counts.operations(), counts.longest_wait_ms), (6, 70));
        assert_eq!((counts.observations, counts.split_observations), (6, 5));
        assert_eq!(counters.splits().len(), SPLITS_KEPT);
        assert!(counts.elapsed_ms >= 2000 && counts.operations_per_second() <= 3);
        assert_eq!(TrafficCounts::default().operations_per_second(), 0);
    }
}
