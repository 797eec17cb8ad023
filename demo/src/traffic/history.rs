//! What is known of one document: the state last acknowledged, those that may have come after it, those before.

use crate::application::Release;

/// A state that a write left a document in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not there: deleted, or never written.
    Absent,
    /// `{}`: seeding writes some documents so before it writes them in full.
    Empty,
    /// There, with the content of this version, written in the form of this release.
    Written {
        /// Which content.
        version: u32,
        /// Which form.
        form: Release,
    },
}

/// How a document is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrafficVerdict {
    /// Acknowledged, and not there, or there in an older state.
    Lost,
    /// Acknowledged as deleted, and there.
    Resurrected,
    /// There, with a content that nobody wrote.
    Differing,
    /// There, and never written.
    Extra,
}

/// All states of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct History {
    /// The state last acknowledged; absent when nothing was.
    settled: State,
    /// States by writes whose answers were lost: it may be in one of these instead.
    possible: Vec<State>,
    /// States that it was in, or may have been in, before the settled one.
    older: Vec<State>,
}

impl Default for History {
    fn default() -> Self {
        Self { settled: State::Absent, possible: Vec::new(), older: Vec::new() }
    }
}

impl History {
    /// A write was acknowledged: whatever may have been before it is over.
    pub(super) fn acknowledge(&mut self, state: State) {
        self.older.push(self.settled);
        self.older.append(&mut self.possible);
        self.settled = state;
    }

    /// The answer to a write was lost.
    pub(super) fn suppose(&mut self, state: State) {
        if !self.possible.contains(&state) {
            self.possible.push(state);
        }
    }

    /// Whether the document is there; `None` while that is not certain.
    pub(super) fn is_there(&self) -> Option<bool> {
        let there = self.settled != State::Absent;
        let agree = self.possible.iter().all(|state| (*state != State::Absent) == there);
        agree.then_some(there)
    }

    /// Whether the document must be there at the end.
    pub(super) fn must_be_there(&self) -> bool {
        self.is_there() == Some(true)
    }

    /// The state last acknowledged.
    pub(super) fn settled(&self) -> State {
        self.settled
    }

    /// The number of the next content.
    pub(super) fn next_version(&self) -> u32 {
        let states = self.older.iter().chain(&self.possible).chain([&self.settled]);
        let versions = states.map(|state| match state {
            State::Absent | State::Empty => 0,
            State::Written { version, .. } => version + 1,
        });
        versions.max().unwrap_or(0)
    }

    /// What is wrong with the document, if anything is. `is` tells whether the cluster shows it in a given state.
    ///
    /// # Errors
    /// Whatever `is` fails with.
    pub(super) fn judge<E>(
        &self,
        mut is: impl FnMut(State) -> Result<bool, E>,
    ) -> Result<Option<TrafficVerdict>, E> {
        for state in self.possible.iter().chain([&self.settled]) {
            if is(*state)? {
                return Ok(None);
            }
        }
        if is(State::Absent)? {
            return Ok(Some(TrafficVerdict::Lost));
        }
        if self.settled == State::Absent && self.possible.is_empty() {
            let was_written = self.older.iter().any(|state| *state != State::Absent);
            return Ok(Some(if was_written {
                TrafficVerdict::Resurrected
            } else {
                TrafficVerdict::Extra
            }));
        }
        for state in &self.older {
            if *state != State::Absent && is(*state)? {
                let was_deleted = self.settled == State::Absent;
                return Ok(Some(if was_deleted {
                    TrafficVerdict::Resurrected
                } else {
                    TrafficVerdict::Lost
                }));
            }
        }
        Ok(Some(TrafficVerdict::Differing))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const OLD: State = State::Written { version: 0, form: Release::V1_0 };
    const NEW: State = State::Written { version: 1, form: Release::V1_0 };
    const STRANGE: State = State::Written { version: 9, form: Release::V1_0 };

    fn history(acknowledged: &[State], supposed: &[State]) -> History {
        let mut history = History::default();
        for state in acknowledged {
            history.acknowledge(*state);
        }
        for state in supposed {
            history.suppose(*state);
        }
        history
    }

    /// acknowledged, supposed, found, verdict
    type Case = (&'static [State], &'static [State], State, Option<TrafficVerdict>);

    #[test]
    fn the_last_acknowledged_state_counts_and_everything_that_may_have_come_after_it() {
        use State::{Absent, Empty};
        use TrafficVerdict::{Differing, Extra, Lost, Resurrected};
        let cases: &[Case] = &[
            (&[], &[], Absent, None),
            (&[], &[], OLD, Some(Extra)),
            (&[OLD], &[], OLD, None),
            (&[OLD], &[], Absent, Some(Lost)),
            (&[OLD], &[], STRANGE, Some(Differing)),
            (&[Empty, OLD], &[], Empty, Some(Lost)),
            (&[OLD, NEW], &[], OLD, Some(Lost)),
            (&[OLD, Absent], &[], Absent, None),
            (&[OLD, Absent], &[], OLD, Some(Resurrected)),
            (&[OLD, Absent], &[], STRANGE, Some(Resurrected)),
            (&[OLD, Absent, NEW], &[], NEW, None),
            (&[OLD, Absent, NEW], &[], OLD, Some(Lost)),
            (&[OLD, Absent, NEW], &[], Absent, Some(Lost)),
            (&[OLD], &[NEW], OLD, None),
            (&[OLD], &[NEW], NEW, None),
            (&[OLD], &[NEW], Absent, Some(Lost)),
            (&[OLD], &[Absent], Absent, None),
            (&[OLD], &[Absent], OLD, None),
            (&[OLD, NEW], &[Absent], OLD, Some(Lost)),
            (&[OLD, Absent], &[NEW], OLD, Some(Resurrected)),
            (&[], &[OLD], Absent, None),
            (&[], &[OLD], OLD, None),
            (&[], &[OLD], STRANGE, Some(Differing)),
        ];
        for (acknowledged, supposed, found, verdict) in cases {
            let history = history(acknowledged, supposed);
            let judged = history.judge(|state| Ok::<_, Infallible>(state == *found)).unwrap();
            assert_eq!(judged, *verdict, "{acknowledged:?} {supposed:?} {found:?}");
        }
    }

    #[test]
    fn an_acknowledged_write_ends_all_doubt() {
        let mut history = history(&[OLD], &[NEW, State::Absent]);
        assert_eq!(history.is_there(), None);
        assert!(!history.must_be_there());
        history.acknowledge(NEW);
        assert_eq!(history.is_there(), Some(true));
        assert_eq!(history.settled(), NEW);
        assert_eq!(history.next_version(), 2);
    }
}
