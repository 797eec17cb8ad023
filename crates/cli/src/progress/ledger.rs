//! What a run's events add up to, for the report at its end.

use std::time::{Duration, Instant};

use lockstep_core::run::state::RunState;
use lockstep_engine::report::Event;

use crate::render::quantity::per_second;

/// What a run's events add up to.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    begun: Instant,
    /// Time from the first event to the end.
    pub(crate) time: Duration,
    /// Time in which documents were copied.
    pub(crate) copy_time: Duration,
    /// How often copying began, as far as it was seen.
    pub(crate) rounds: u32,
    /// Documents that were copied in that time.
    copied: u64,
    copying: Option<Copying>,
    /// Whether the run began in this process.
    is_new: bool,
}

/// A stretch of copying.
#[derive(Debug, Clone, Copy)]
struct Copying {
    since: Instant,
    first: Option<u64>,
    last: u64,
    is_told: bool,
    /// Nothing was copied before. Otherwise the first progress doesn't count yet what earlier rounds and processes did.
    is_fresh: bool,
}

impl Ledger {
    pub(super) fn new(begun: Instant) -> Self {
        Self {
            begun,
            time: Duration::ZERO,
            copy_time: Duration::ZERO,
            rounds: 0,
            copied: 0,
            copying: None,
            is_new: false,
        }
    }

    pub(super) fn note(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Entered { run: _, state } => {
                self.settle(at);
                if let RunState::Copying { round } = state {
                    let is_fresh = self.is_new && *round == 1;
                    self.copying =
                        Some(Copying { since: at, first: None, last: 0, is_told: false, is_fresh });
                }
                self.is_new |= *state == RunState::Preparing;
                self.rounds = self.rounds.max(state.round());
            }
            Event::Progress(progress) if progress.stage == "copying" => {
                if let Some(copying) = &mut self.copying {
                    if copying.first.is_none() && (copying.is_told || copying.is_fresh) {
                        copying.first = Some(progress.done);
                    }
                    copying.is_told = true;
                    copying.last = progress.done;
                }
            }
            Event::Progress(_)
            | Event::Notice { .. }
            | Event::Lag(_)
            | Event::Waiting(_)
            | Event::Pace(_) => {}
        }
    }

    pub(super) fn end(&mut self, at: Instant) {
        self.settle(at);
        self.time = at.duration_since(self.begun);
    }

    fn settle(&mut self, at: Instant) {
        if let Some(copying) = self.copying.take() {
            self.copy_time += at.duration_since(copying.since);
            self.copied += copying.last.saturating_sub(copying.first.unwrap_or_default());
        }
    }

    /// Documents copied a second, while copying.
    pub(crate) fn docs_per_second(&self) -> u64 {
        per_second(self.copied, self.copy_time)
    }
}

#[cfg(test)]
mod tests {
    use lockstep_engine::report::{Progress, Unit};

    use super::*;

    enum Told {
        State(RunState),
        Copied(u64),
    }

    fn ledger(events: impl IntoIterator<Item = (u64, Told)>) -> Ledger {
        let start = Instant::now();
        let mut ledger = Ledger::new(start);
        for (second, told) in events {
            let event = match told {
                Told::State(state) => Event::Entered { run: "r".to_owned(), state },
                Told::Copied(done) => Event::Progress(Progress {
                    stage: "copying",
                    unit: Unit::Documents,
                    done,
                    total: 0,
                    bytes: 0,
                    waiting: None,
                }),
            };
            ledger.note(&event, start + Duration::from_secs(second));
        }
        ledger
    }

    #[test]
    fn two_rounds_add_up() {
        let ledger = ledger([
            (1, Told::State(RunState::Preparing)),
            (2, Told::State(RunState::Copying { round: 1 })),
            (2, Told::Copied(0)),
            (6, Told::Copied(4_000)),
            (6, Told::State(RunState::Settling { round: 1 })),
            (7, Told::State(RunState::Copying { round: 2 })),
            (7, Told::Copied(0)),
            (7, Told::Copied(4_000)),
            (8, Told::Copied(4_100)),
            (8, Told::State(RunState::Settling { round: 2 })),
        ]);
        assert_eq!(ledger.rounds, 2);
        assert_eq!(ledger.copy_time, Duration::from_secs(5));
        assert_eq!(ledger.docs_per_second(), 820);
    }

    #[test]
    fn what_an_earlier_process_copied_does_not_count() {
        let ledger = ledger([
            (0, Told::State(RunState::Copying { round: 1 })),
            (0, Told::Copied(0)),
            (1, Told::Copied(9_000)),
            (4, Told::Copied(9_400)),
            (4, Told::State(RunState::Settling { round: 1 })),
        ]);
        assert_eq!(ledger.docs_per_second(), 100);
    }
}
