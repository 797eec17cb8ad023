//! Which documents of an index a rehearsal takes: ranges of sequence numbers, spread evenly over every shard's log from the
//! oldest document to the newest.
//!
//! Numbers are not documents: a document that was written again leaves a gap where it was. So as many numbers are taken as
//! hold the wanted documents on average; where old numbers are mostly gaps, it becomes a few documents more or less.

use crate::run::task::Stretch;

/// Ranges that a shard's log is cut into at the most.
const RANGES_MAX: u64 = 8;
/// Numbers of one range at least: shorter ones would cost a request each for next to nothing.
const RANGE_NUMBERS_MIN: u64 = 200;

/// Takes about so many documents of one index. `stretches` are whole logs of its shards, each up to its watermark, and
/// `documents` how many documents they hold together. The last range of every shard ends at its watermark, so that what
/// follows goes on from there.
pub fn thinned(stretches: &[Stretch], documents: u64, sample: u64) -> Vec<Stretch> {
    if documents <= sample {
        return stretches.to_vec();
    }
    let mut ranges = Vec::new();
    for stretch in stretches {
        let numbers = stretch.number_count();
        // Every shard gives its part, and something in any case.
        let wanted = scaled(numbers, sample, documents).max(1);
        if wanted >= numbers {
            ranges.push(*stretch);
            continue;
        }
        let count = (wanted / RANGE_NUMBERS_MIN).clamp(1, RANGES_MAX);
        let width = wanted.div_ceil(count);
        for range in 1..=count {
            let last = stretch.first.saturating_add(signed(scaled(numbers, range, count)) - 1);
            let first = last.saturating_sub(signed(width) - 1).max(stretch.first);
            ranges.push(Stretch { first, last, ..*stretch });
        }
    }
    ranges
}

/// What was taken of one index by now: the ranges of its sample, and everything behind them up to where each shard was
/// followed. `followed` has shards and numbers, included.
pub fn taken(sample: &[Stretch], followed: impl IntoIterator<Item = (u32, i64)>) -> Vec<Stretch> {
    let mut ranges = sample.to_vec();
    for (shard, last) in followed {
        let of_shard = sample.iter().filter(|range| range.shard == shard);
        let known = of_shard.clone().map(|range| range.last).max().unwrap_or(-1);
        if last > known {
            let index = of_shard.clone().map(|range| range.index).next().unwrap_or_default();
            ranges.push(Stretch { index, shard, first: known.saturating_add(1), last });
        }
    }
    ranges
}

/// `number × part ÷ whole`, rounded up.
fn scaled(number: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(number) * u128::from(part);
    u64::try_from(product.div_ceil(u128::from(whole.max(1)))).unwrap_or(u64::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(shard: u32, first: i64, last: i64) -> Stretch {
        Stretch { index: 3, shard, first, last }
    }

    fn spans(ranges: &[Stretch]) -> Vec<(u32, i64, i64)> {
        ranges.iter().map(|range| (range.shard, range.first, range.last)).collect()
    }

    #[test]
    fn what_is_small_is_taken_whole() {
        let log = [shard(0, 0, 999), shard(1, 0, 99)];
        assert_eq!(thinned(&log, 1_000, 1_000), log);
    }

    #[test]
    fn ranges_are_spread_from_the_oldest_to_the_newest() {
        let ranges = thinned(&[shard(0, 0, 99_999), shard(1, 0, 999)], 101_000, 1_010);
        assert_eq!(
            spans(&ranges),
            [
                (0, 19_800, 19_999),
                (0, 39_800, 39_999),
                (0, 59_800, 59_999),
                (0, 79_800, 79_999),
                (0, 99_800, 99_999),
                (1, 990, 999)
            ]
        );
    }

    #[test]
    fn numbers_that_are_mostly_gaps_are_taken_more_of() {
        // A tenth of the numbers still has a document: ten times as many numbers hold the wanted ones.
        let numbers = |documents| {
            let ranges = thinned(&[shard(0, 0, 99_999)], documents, 500);
            ranges.iter().map(Stretch::number_count).sum::<u64>()
        };
        assert_eq!((numbers(100_000), numbers(10_000)), (500, 5_000));
    }

    /// Every shape of log: ranges lie within it, in order and apart, and the last one ends where it ends.
    #[test]
    fn ranges_never_overlap_and_always_reach_the_watermark() {
        for numbers in [1_i64, 2, 199, 200, 201, 5_000, 123_457] {
            for (documents, sample) in [(2_u64, 1), (1_000, 1), (1_000, 999), (90_000, 10_000)] {
                let log = shard(0, 7, 6 + numbers);
                let ranges = thinned(&[log], documents, sample);
                let context = format!("{numbers} {documents} {sample} {ranges:?}");
                assert!(ranges.iter().all(|range| range.first <= range.last), "{context}");
                assert!(ranges.windows(2).all(|pair| pair[0].last < pair[1].first), "{context}");
                assert_eq!(ranges.first().map(|range| range.first >= 7), Some(true), "{context}");
                assert_eq!(ranges.last().map(|range| range.last), Some(6 + numbers), "{context}");
            }
        }
    }

    #[test]
    fn what_was_followed_is_taken_as_well() {
        let sample = [shard(0, 10, 19), shard(0, 90, 99), shard(1, 5, 9)];
        let ranges = taken(&sample, [(0, 99), (1, 12), (2, 4)]);
        let expected = [(0, 10, 19), (0, 90, 99), (1, 5, 9), (1, 10, 12), (2, 0, 4)];
        assert_eq!(spans(&ranges), expected);
    }
}
