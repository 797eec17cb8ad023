//! What a run measures of itself, for the forecast of a rehearsal: it costs a lock for each window, and decides nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lockstep_core::{
    rehearsal::forecast::{FenceMeasure, StateTimes},
    run::{state::RunState, task::Tally},
};

use crate::report::{Event, Reporter};

/// What was measured; shared by all who have a clone.
#[derive(Debug, Clone, Default)]
pub struct Measures(Arc<Mutex<Measured>>);

#[derive(Debug, Default)]
struct Measured {
    /// By position in the plan.
    copied: BTreeMap<usize, Copied>,
    fence: Option<FenceMeasure>,
    targets: BTreeMap<String, TargetSize>,
    times: StateTimes,
    entered: Option<(RunState, Instant)>,
}

/// What was copied of one index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Documents and bytes.
    pub(crate) tally: Tally,
    /// How long all lanes together worked on it.
    pub(crate) time: Duration,
}

/// How large an index of the new set became.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TargetSize {
    /// Documents.
    pub(crate) documents: u64,
    /// Bytes on disk.
    pub(crate) bytes: u64,
}

impl Measures {
    /// Notes a window that was copied.
    pub(super) fn copied(&self, position: usize, tally: Tally, time: Duration) {
        let mut measured = self.measured();
        let copied = measured.copied.entry(position).or_default();
        copied.tally.add(tally);
        copied.time += time;
    }

    /// What was copied, by position in the plan.
    pub(crate) fn all_copied(&self) -> BTreeMap<usize, Copied> {
        self.measured().copied.clone()
    }

    pub(super) fn note_fence(&self, fence: FenceMeasure) {
        self.measured().fence = Some(fence);
    }

    /// What a fence would take, where that was measured.
    pub(crate) fn fence(&self) -> Option<FenceMeasure> {
        self.measured().fence
    }

    pub(super) fn note_targets(&self, targets: BTreeMap<String, TargetSize>) {
        self.measured().targets = targets;
    }

    /// How large the new set became, by name.
    pub(crate) fn targets(&self) -> BTreeMap<String, TargetSize> {
        self.measured().targets.clone()
    }

    /// How long the run was in its states until now.
    pub(crate) fn times(&self) -> StateTimes {
        self.measured().times
    }

    /// Notes that the run entered a state, or ended.
    fn entered(&self, state: &RunState, at: Instant) {
        let mut measured = self.measured();
        if let Some((before, since)) = measured.entered.replace((state.clone(), at)) {
            let took = at.saturating_duration_since(since);
            let times = &mut measured.times;
            match before {
                RunState::Preparing => times.preparing += took,
                RunState::Copying { .. } => times.copying += took,
                RunState::Settling { .. } => times.settling += took,
                RunState::Verifying { .. } => times.verifying += took,
                RunState::Holding { .. } => times.holding += took,
                RunState::Fencing { .. }
                | RunState::Rehearsing { .. }
                | RunState::Switching { .. }
                | RunState::Switched
                | RunState::Returning { .. }
                | RunState::ReturnFencing { .. }
                | RunState::ReturnSwitching { .. }
                | RunState::Returned
                | RunState::Staying
                | RunState::Finalized
                | RunState::Halted { .. }
                | RunState::Aborting
                | RunState::Aborted => {}
            }
        }
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes events on, and notes when the run entered which state.
pub(crate) struct Timekeeper {
    /// Who listens.
    pub(crate) listener: Arc<dyn Reporter>,
    /// What is noted.
    pub(crate) measures: Measures,
}

impl Reporter for Timekeeper {
    fn report(&self, event: Event) {
        if let Event::Entered { state, .. } = &event {
            self.measures.entered(state, Instant::now());
        }
        self.listener.report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_timed_from_one_to_the_next() {
        let (measures, start) = (Measures::default(), Instant::now());
        let states = [
            (RunState::Preparing, 0),
            (RunState::Copying { round: 1 }, 2),
            (RunState::Settling { round: 1 }, 5),
            (RunState::Verifying { round: 1 }, 6),
            (RunState::Holding { round: 1 }, 16),
            (RunState::Verifying { round: 2 }, 17),
            (RunState::Holding { round: 2 }, 20),
            (RunState::Rehearsing { round: 2 }, 21),
            (RunState::Aborting, 40),
        ];
        for (state, second) in states {
            measures.entered(&state, start + Duration::from_secs(second));
        }
        let StateTimes { preparing, copying, settling, verifying, holding } = measures.times();
        let seconds = [preparing, copying, settling, verifying, holding].map(|time| time.as_secs());
        assert_eq!(seconds, [2, 3, 1, 13, 2]);
    }
}
