//! What the suffix of a partition looks like, by kind.

use crate::pack::model::{Partition, Partitions};

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
