//! What the suffix of a partition looks like, by kind: recognised in every form, written in one.

use crate::pack::model::{Partition, Partitions, Spelling};

/// Every way in which suffixes are written, by the first one of 2022, as a pack says it.
const EXAMPLES: [(Partition, Spelling, &str); 11] = [
    (Partition::Day, Spelling::Short, "2022-1-1"),
    (Partition::Day, Spelling::Padded, "2022-01-01"),
    (Partition::Day, Spelling::Dotted, "2022.01.01"),
    (Partition::Week, Spelling::Short, "2022-w1"),
    (Partition::Week, Spelling::Padded, "2022-w01"),
    (Partition::Month, Spelling::Short, "2022-1"),
    (Partition::Month, Spelling::Padded, "2022-01"),
    (Partition::Month, Spelling::Dotted, "2022.01"),
    (Partition::Quarter, Spelling::Short, "2022-q1"),
    (Partition::Year, Spelling::Short, "2022"),
    (Partition::Year, Spelling::Word, "2022-year"),
];

/// The examples by which a pack can say how the suffixes of a kind are written.
pub fn spellings(kind: Partition) -> impl Iterator<Item = (Spelling, &'static str)> {
    let own = EXAMPLES.into_iter().filter(move |(other, _, _)| *other == kind);
    own.map(|(_, spelling, example)| (spelling, example))
}

/// A suffix as an index's application writes it: another one where the pack says how that is, and it is written otherwise.
pub fn respelt(suffix: &str, partitions: Partitions) -> String {
    let respelt = kind_of(suffix).and_then(|kind| {
        let spelling = partitions.spelling(kind)?;
        write(kind, spelling, &numbers(suffix))
    });
    respelt.unwrap_or_else(|| suffix.to_owned())
}

/// The numbers of a suffix: the year, and what tells its partitions apart.
pub(super) fn numbers(suffix: &str) -> Vec<u32> {
    let texts = suffix.split(|letter: char| !letter.is_ascii_digit());
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// A suffix of these numbers; `None` where there are too few, or where the kind is never written so.
pub(super) fn write(kind: Partition, spelling: Spelling, numbers: &[u32]) -> Option<String> {
    let written = match (kind, spelling, numbers) {
        (Partition::Day, Spelling::Short, [year, month, day]) => format!("{year:04}-{month}-{day}"),
        (Partition::Day, Spelling::Padded, [year, month, day]) => {
            format!("{year:04}-{month:02}-{day:02}")
        }
        (Partition::Day, Spelling::Dotted, [year, month, day]) => {
            format!("{year:04}.{month:02}.{day:02}")
        }
        (Partition::Week, Spelling::Short, [year, week]) => format!("{year:04}-w{week}"),
        (Partition::Week, Spelling::Padded, [year, week]) => format!("{year:04}-w{week:02}"),
        (Partition::Month, Spelling::Short, [year, month]) => format!("{year:04}-{month}"),
        (Partition::Month, Spelling::Padded, [year, month]) => format!("{year:04}-{month:02}"),
        (Partition::Month, Spelling::Dotted, [year, month]) => format!("{year:04}.{month:02}"),
        (Partition::Quarter, Spelling::Short, [year, quarter]) => format!("{year:04}-q{quarter}"),
        (Partition::Year, Spelling::Short, [year]) => format!("{year:04}"),
        (Partition::Year, Spelling::Word, [year]) => format!("{year:04}-year"),
        (
            Partition::Day
            | Partition::Week
            | Partition::Month
            | Partition::Quarter
            | Partition::Year,
            Spelling::Short | Spelling::Padded | Spelling::Dotted | Spelling::Word,
            _,
        ) => return None,
    };
    Some(written)
}

/// The regular expression of the suffixes of some kinds, without anchors; it fits nothing for an index of one piece.
///
/// Every form starts with a year of four digits and none is the end of another, so a suffix is found in one way only.
pub fn partition_pattern(partitions: Partitions) -> String {
    let kinds: Vec<&str> = partitions.kinds().map(kind_pattern).collect();
    match kinds.as_slice() {
        [only] => (*only).to_owned(),
        _ => format!("(?:{})", kinds.join("|")),
    }
}

/// The kind that a suffix is of.
pub(crate) fn kind_of(suffix: &str) -> Option<Partition> {
    Partition::ALL.into_iter().find(|kind| {
        let whole = regex::Regex::new(&format!("^{}$", kind_pattern(*kind)));
        whole.is_ok_and(|whole| whole.is_match(suffix))
    })
}

fn kind_pattern(kind: Partition) -> &'static str {
    match kind {
        Partition::Day => concat!(
            r"(?:[0-9]{4}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12][0-9]|3[01])",
            r"|[0-9]{4}\.(?:0[1-9]|1[0-2])\.(?:0[1-9]|[12][0-9]|3[01]))"
        ),
        Partition::Week => "(?:[0-9]{4}-w(?:0?[1-9]|[1-4][0-9]|5[0-3]))",
        Partition::Month => r"(?:[0-9]{4}-(?:0?[1-9]|1[0-2])|[0-9]{4}\.(?:0[1-9]|1[0-2]))",
        Partition::Quarter => "(?:[0-9]{4}-q[1-4])",
        Partition::Year => "(?:[0-9]{4}(?:-year)?)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds_of(suffix: &str) -> Vec<Partition> {
        let fits = |kind: &Partition| {
            let pattern = format!("^{}$", partition_pattern(Partitions::of([*kind])));
            regex::Regex::new(&pattern).unwrap().is_match(suffix)
        };
        Partition::ALL.into_iter().filter(fits).collect()
    }

    #[test]
    fn each_form_belongs_to_one_kind() {
        let forms = [
            ("2022-10-5", Partition::Day),
            ("2022-10-05", Partition::Day),
            ("2022-1-31", Partition::Day),
            ("2022.10.05", Partition::Day),
            ("2022-w41", Partition::Week),
            ("2022-w1", Partition::Week),
            ("2022-10", Partition::Month),
            ("2022-1", Partition::Month),
            ("2022-01", Partition::Month),
            ("2022.10", Partition::Month),
            ("2022-q4", Partition::Quarter),
            ("2022", Partition::Year),
            ("2022-year", Partition::Year),
        ];
        for (suffix, kind) in forms {
            assert_eq!(kinds_of(suffix), [kind], "{suffix}");
        }
    }

    #[test]
    fn every_example_is_what_it_says() {
        for kind in Partition::ALL {
            for (spelling, example) in spellings(kind) {
                assert_eq!(kind_of(example), Some(kind), "{example}");
                assert_eq!(write(kind, spelling, &numbers(example)).as_deref(), Some(example));
                assert_eq!(respelt(example, Partitions::NONE.with(kind, spelling)), example);
            }
        }
    }

    #[test]
    fn a_suffix_is_written_as_the_application_does() {
        use Partition::{Day, Month, Quarter, Week, Year};
        use Spelling::{Dotted, Padded, Short, Word};
        for (suffix, kind, spelling, expected) in [
            ("2022-3-9", Day, Padded, "2022-03-09"),
            ("2022-03-09", Day, Short, "2022-3-9"),
            ("2022-12-31", Day, Dotted, "2022.12.31"),
            ("2022-w7", Week, Padded, "2022-w07"),
            ("2022-w07", Week, Short, "2022-w7"),
            ("2022-1", Month, Padded, "2022-01"),
            ("2022.01", Month, Short, "2022-1"),
            ("2022-10", Month, Dotted, "2022.10"),
            ("2022-q4", Quarter, Short, "2022-q4"),
            ("2022", Year, Word, "2022-year"),
            ("2022-year", Year, Short, "2022"),
            // Of another kind than the one that is spelt.
            ("2022-1", Year, Word, "2022-1"),
            // No kind is written like that.
            ("2022-q4", Quarter, Dotted, "2022-q4"),
            ("orders", Year, Word, "orders"),
        ] {
            let partitions = Partitions::of([Month]).with(kind, spelling);
            assert_eq!(respelt(suffix, partitions), expected, "{suffix} {kind:?} {spelling:?}");
        }
        assert_eq!(respelt("2022-01", Partitions::of([Month])), "2022-01");
    }

    #[test]
    fn other_texts_belong_to_none() {
        let others = [
            "",
            "22-10",
            "2022-13",
            "2022-0",
            "2022-10-32",
            "2022-w54",
            "2022-q5",
            "2022.1",
            "2022.10.5",
            "2022-10-",
            "20221",
            "2022-10-5-1",
            "2022_10",
        ];
        for suffix in others {
            assert_eq!(kinds_of(suffix), [], "{suffix}");
        }
    }
}
