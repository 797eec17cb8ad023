//! Random moments to kill a driver at: all from one seed, so that a run which failed can be drawn again. What a driver is
//! doing at a moment still depends on the machine; the seed gives the same draws, not the same interleaving.

use std::{collections::BTreeMap, time::Duration};

use crate::dice::Dice;

/// The states that a run goes through, in order.
pub(crate) const STATES: [&str; 8] = [
    "preparing",
    "copying",
    "settling",
    "verifying",
    "holding",
    "fencing",
    "switching",
    "switched",
];

/// How long a driver is taken to live until one was seen.
const LIFE_FIRST: Duration = Duration::from_secs(2);
/// The beginning of a life, where a driver takes up what another left, is one part in so many. It gets as many moments as
/// all of it.
const BEGINNING: u32 = 10;
/// How long a state is taken to last until one was seen.
const STATE_FIRST: Duration = Duration::from_millis(30);

/// When a driver is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So long after it was started.
    Started { after: Duration },
    /// So long after it announced a state. One that never announces it lives on.
    Entered { state: &'static str, after: Duration },
    /// Not at all.
    Never,
}

/// Draws moments, and learns how long drivers live and states last.
#[derive(Debug)]
pub(crate) struct Moments {
    dice: Dice,
    life: Duration,
    lengths: BTreeMap<&'static str, Duration>,
    /// How often each state was drawn.
    drawn: BTreeMap<&'static str, u32>,
}

impl Moments {
    pub(crate) fn new(seed: u64) -> Self {
        let lengths = STATES.map(|state| (state, STATE_FIRST)).into();
        let drawn = STATES.map(|state| (state, 0)).into();
        Self { dice: Dice::new(seed), life: LIFE_FIRST, lengths, drawn }
    }

    /// A moment for a driver that takes up a run in a state, or begins one. A quarter are anywhere in a driver's life; of
    /// the others, which are triggered by what it tells, most go where the fewest went before, so that short states get
    /// as many as long ones. Few go to the end, after which no driver of the run could be killed any more.
    pub(crate) fn draw(&mut self, stands: Option<&str>) -> Moment {
        let at = stands.and_then(|state| STATES.iter().position(|known| *known == state));
        let ahead = STATES.get(at.unwrap_or(0)..).unwrap_or_default();
        let open = ahead.strip_suffix(&["switched"]).unwrap_or(ahead);
        let fewest = open.iter().map(|state| self.drawn[state]).min().unwrap_or(0);
        let scarce: Vec<&'static str> =
            open.iter().copied().filter(|state| self.drawn[state] == fewest).collect();
        let state = match self.dice.below(4) {
            0 => {
                let longest = self.life / if self.dice.below(2) == 0 { 1 } else { BEGINNING };
                return Moment::Started { after: self.dice.duration(longest) };
            }
            1 | 2 => self.dice.pick(&scarce),
            _ => self.dice.pick(ahead),
        };
        let Some(state) = state else { return Moment::Never };
        self.drawn.entry(state).and_modify(|drawn| *drawn += 1);
        let after = match self.dice.below(3) {
            0 => Duration::ZERO,
            _ => self.dice.duration(self.lengths[state]),
        };
        Moment::Entered { state, after }
    }

    /// Learns how long a driver lived.
    pub(crate) fn lived(&mut self, life: Duration) {
        self.life = self.life.max(life);
    }

    /// Learns how long a state lasted.
    pub(crate) fn lasted(&mut self, state: &str, length: Duration) {
        if let Some(longest) = STATES
            .iter()
            .find(|known| **known == state)
            .and_then(|known| self.lengths.get_mut(known))
        {
            *longest = length.max(*longest);
        }
    }
}
