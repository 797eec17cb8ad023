//! How fast a stage goes, and how long it will take: over the last seconds, because that is what people ask.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use lockstep_engine::report::Progress;

use crate::render::quantity::per_second;

/// The rate is taken over this time.
const WINDOW: Duration = Duration::from_secs(10);
/// A rate over less than this says nothing.
const WINDOW_MIN: Duration = Duration::from_millis(300);
/// Samples that are kept.
const SAMPLES_MAX: usize = 64;

/// The last samples of one stage.
#[derive(Debug, Default)]
pub(super) struct Pace {
    samples: VecDeque<(Instant, u64)>,
    is_begun: bool,
}

/// How fast, and how long still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speed {
    /// Documents or indices a second.
    pub(super) per_second: u64,
    /// Time until all that is known of is done; `None` when nothing moves.
    pub(super) left: Option<Duration>,
}

impl Pace {
    /// Takes one sample. The first one of a stage isn't taken: a run that goes on jumps to where it was.
    pub(super) fn note(&mut self, progress: &Progress, at: Instant) {
        if !self.is_begun {
            self.is_begun = true;
            return;
        }
        self.samples.push_back((at, progress.done));
        while self.samples.len() > SAMPLES_MAX
            || self.samples.front().is_some_and(|(first, _)| at.duration_since(*first) > WINDOW)
        {
            self.samples.pop_front();
        }
    }

    /// How fast it goes; `None` before that can be told.
    pub(super) fn speed(&self, progress: &Progress) -> Option<Speed> {
        let ((first_at, first), (last_at, last)) = (self.samples.front()?, self.samples.back()?);
        let time = last_at.duration_since(*first_at);
        if time < WINDOW_MIN {
            return None;
        }
        let per_second = per_second(last.saturating_sub(*first), time);
        let left = progress.total.saturating_sub(progress.done).checked_div(per_second);
        Some(Speed { per_second, left: left.map(Duration::from_secs) })
    }
}

#[cfg(test)]
mod tests {
    use lockstep_engine::report::Unit;

    use super::*;

    fn progress(done: u64) -> Progress {
        Progress {
            stage: "copying",
            unit: Unit::Documents,
            done,
            total: 10_000,
            bytes: 0,
            waiting: None,
        }
    }

    #[test]
    fn documents_of_an_earlier_process_make_no_speed() {
        let start = Instant::now();
        let mut pace = Pace::default();
        for (second, done) in [(0, 0), (1, 5_000), (2, 5_100), (3, 5_200)] {
            pace.note(&progress(done), start + Duration::from_secs(second));
        }
        let speed = pace.speed(&progress(5_200)).unwrap();
        assert_eq!(speed, Speed { per_second: 100, left: Some(Duration::from_secs(48)) });
    }

    #[test]
    fn a_stage_that_stands_still_promises_no_end() {
        let start = Instant::now();
        let mut pace = Pace::default();
        for second in 0..40 {
            let done = if second < 20 { second * 100 } else { 2_000 };
            pace.note(&progress(done), start + Duration::from_secs(second));
        }
        assert_eq!(pace.speed(&progress(2_000)), Some(Speed { per_second: 0, left: None }));
    }
}
