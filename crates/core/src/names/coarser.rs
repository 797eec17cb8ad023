//! Partitions of a shorter time within those of a longer one: the days of a month, the months of a quarter.

use super::partition::{kind_of, numbers, write};
use crate::pack::model::{Partition, Spelling};

/// The suffix of the partition of a longer time that all of a partition lies in, as it is written: `2022-q4` for `2022-10`.
/// `None` when the suffix is of no kind, when `to` is not longer, or when a week lies in two of them.
pub fn coarser(suffix: &str, to: Partition, spelling: Spelling) -> Option<String> {
    let span = Span::of(suffix)?;
    let (first, last) = span.months()?;
    let year = span.year;
    let name = |month: u32| match to {
        Partition::Day | Partition::Week => None,
        Partition::Month => write(to, spelling, &[year, month]),
        Partition::Quarter => write(to, spelling, &[year, month.div_ceil(3)]),
        Partition::Year => write(to, spelling, &[year]),
    };
    let is_longer = rank(to) > rank(span.kind);
    name(first).filter(|_| is_longer && name(first) == name(last))
}

/// Whether partitions of one kind lie within those of another one, each in a single one.
pub fn is_coarser(to: Partition, from: Partition) -> bool {
    // Weeks lie across the ends of months, quarters and years.
    rank(to) > rank(from) && from != Partition::Week && to != Partition::Week
}

fn rank(kind: Partition) -> u8 {
    match kind {
        Partition::Day => 0,
        Partition::Week => 1,
        Partition::Month => 2,
        Partition::Quarter => 3,
        Partition::Year => 4,
    }
}

/// The time of a partition, as far as its suffix says.
struct Span {
    kind: Partition,
    year: u32,
    /// The month, or the quarter; 0 where there is none.
    part: u32,
}

impl Span {
    fn of(suffix: &str) -> Option<Self> {
        let kind = kind_of(suffix)?;
        let mut numbers = numbers(suffix).into_iter();
        let (year, part) = (numbers.next()?, numbers.next().unwrap_or_default());
        Some(Self { kind, year, part })
    }

    /// The first month and the last one; `None` for a week, which may lie in two.
    fn months(&self) -> Option<(u32, u32)> {
        match self.kind {
            Partition::Day | Partition::Month => Some((self.part, self.part)),
            Partition::Quarter => Some((self.part * 3 - 2, self.part * 3)),
            Partition::Year => Some((1, 12)),
            Partition::Week => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_lies_in_one_of_a_longer_time() {
        use Partition::{Day, Month, Quarter, Week, Year};
        for (suffix, to, expected) in [
            ("2022-10-5", Month, Some("2022-10")),
            ("2022.01.31", Month, Some("2022-1")),
            ("2022-10-05", Quarter, Some("2022-q4")),
            ("2022-1-5", Year, Some("2022")),
            ("2022-10", Quarter, Some("2022-q4")),
            ("2022-9", Quarter, Some("2022-q3")),
            ("2022.03", Quarter, Some("2022-q1")),
            ("2022-04", Year, Some("2022")),
            ("2022-q2", Year, Some("2022")),
            // Not longer, or the same.
            ("2022-10", Month, None),
            ("2022-10", Day, None),
            ("2022-q2", Month, None),
            ("2022", Quarter, None),
            // A week may lie in two of anything.
            ("2022-w41", Month, None),
            ("2022-w41", Year, None),
            ("2022-10-5", Week, None),
            ("orders", Year, None),
            ("", Year, None),
        ] {
            let found = coarser(suffix, to, Spelling::Short);
            assert_eq!(found.as_deref(), expected, "{suffix} {to:?}");
        }
    }

    #[test]
    fn it_is_written_as_the_application_writes_it() {
        use Partition::{Month, Quarter, Year};
        use Spelling::{Dotted, Padded, Word};
        for (suffix, to, spelling, expected) in [
            ("2022-1-5", Month, Padded, Some("2022-01")),
            ("2022-01-31", Month, Dotted, Some("2022.01")),
            ("2022-10-31", Month, Padded, Some("2022-10")),
            ("2022-q2", Year, Word, Some("2022-year")),
            ("2022-2", Quarter, Padded, None),
        ] {
            assert_eq!(coarser(suffix, to, spelling).as_deref(), expected, "{suffix} {to:?}");
        }
    }

    #[test]
    fn every_suffix_of_a_kind_has_one_where_kinds_say_so() {
        for (suffix, from) in [
            ("2022-12-31", Partition::Day),
            ("2022-w53", Partition::Week),
            ("2022-2", Partition::Month),
            ("2022-q3", Partition::Quarter),
            ("2022-year", Partition::Year),
        ] {
            for to in Partition::ALL {
                let found = coarser(suffix, to, Spelling::Short);
                assert_eq!(found.is_some(), is_coarser(to, from), "{suffix} {to:?}");
            }
        }
    }
}
