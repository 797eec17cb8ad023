//! Draws that follow from a seed: nothing here is random.

/// splitmix64: short, and good enough to choose with.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Draws that follow from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to one less than the bound; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Whether something that is so in `percent` of a hundred draws is so.
    pub fn is_so(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// A size from 0 to one less than the bound.
    pub fn size(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.below(bound)).unwrap_or_default()
    }

    /// One of several; `None` of none.
    pub fn pick<'a, T>(&mut self, some: &'a [T]) -> Option<&'a T> {
        some.get(self.size(some.len()))
    }

    /// One of several, each as often as its weight says; `None` where all weigh nothing.
    pub fn weighed<'a, T>(&mut self, some: &'a [(u64, T)]) -> Option<&'a T> {
        let sum: u64 = some.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(sum);
        let found = some.iter().find(|(weight, _)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        found.map(|(_, one)| one)
    }
}
