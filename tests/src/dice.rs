//! Random draws, all from one seed, so that what failed can be drawn again.

use std::time::Duration;

/// splitmix64: short, and good enough for moments and faults.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Draws that follow from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The same for the same name: FNV-1a of it is the seed.
    pub fn named(name: &str) -> Self {
        Self(seed_of(name))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to one less than the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A time from nothing to the longest, in steps of 100 µs.
    pub fn duration(&mut self, longest: Duration) -> Duration {
        let steps = u64::try_from(longest.as_micros() / 100).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(steps.saturating_add(1)) * 100)
    }

    /// Whether something that is so once in `bound` times is so.
    pub fn once_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// A number from 0 to one less than the bound, as a size.
    pub fn count(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.below(bound)).unwrap_or_default()
    }

    /// One of several; `None` of none.
    pub fn pick<T: Copy>(&mut self, some: &[T]) -> Option<T> {
        let count = u64::try_from(some.len()).unwrap_or(u64::MAX);
        usize::try_from(self.below(count)).ok().and_then(|at| some.get(at).copied())
    }
}

/// FNV-1a of a name.
pub fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
