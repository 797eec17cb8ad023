//! A deterministic source of variety (`SplitMix64`, public domain, Vigna 2015). Not for secrets.

/// Numbers that look random and are the same in every run.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A source for one document: the parts say which.
    pub(crate) fn new(parts: &[u64]) -> Self {
        let mut random = Self(0x6c6f_636b_7374_6570);
        for part in parts {
            random.0 ^= *part;
            random.0 = random.next();
        }
        random
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit - 1`; 0 for a limit of 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// True once in `times` on average.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of the texts.
    pub(crate) fn pick(&mut self, texts: &[&'static str]) -> &'static str {
        let count = u64::try_from(texts.len()).unwrap_or(1);
        let place = usize::try_from(self.below(count)).unwrap_or(0);
        texts.get(place).copied().unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_give_the_same_numbers_and_others_do_not() {
        let numbers = |parts: &[u64]| -> Vec<u64> {
            let mut random = Random::new(parts);
            (0..8).map(|_| random.next()).collect()
        };
        assert_eq!(numbers(&[1, 2, 3]), numbers(&[1, 2, 3]));
        assert_ne!(numbers(&[1, 2, 3]), numbers(&[1, 3, 2]));
    }
}
