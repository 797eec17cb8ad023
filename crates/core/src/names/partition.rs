//! What the suffix of a partition looks like, by kind.

use crate::pack::model::Partition;

/// The regular expression of the suffixes of one kind, without anchors; `None` for an index without partitions.
///
/// Every form starts with a year of four digits and none is the end of another, so a suffix is found in one way only.
pub fn partition_pattern(partition: Partition) -> Option<&'static str> {
    match partition {
        Partition::None => None,
        Partition::Day => Some(concat!(
            r"(?:[0-9]{4}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12][0-9]|3[01])",
            r"|[0-9]{4}\.(?:0[1-9]|1[0-2])\.(?:0[1-9]|[12][0-9]|3[01]))"
        )),
        Partition::Week => Some("(?:[0-9]{4}-w(?:0?[1-9]|[1-4][0-9]|5[0-3]))"),
        Partition::Month => Some(r"(?:[0-9]{4}-(?:0?[1-9]|1[0-2])|[0-9]{4}\.(?:0[1-9]|1[0-2]))"),
        Partition::Quarter => Some("(?:[0-9]{4}-q[1-4])"),
        Partition::Year => Some("(?:[0-9]{4}(?:-year)?)"),
    }
}

/// All kinds that have a suffix.
pub(super) const PARTITIONED_KINDS: [Partition; 5] =
    [Partition::Day, Partition::Week, Partition::Month, Partition::Quarter, Partition::Year];

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds_of(suffix: &str) -> Vec<Partition> {
        let fits = |kind: &Partition| {
            let pattern = format!("^{}$", partition_pattern(*kind).unwrap());
            regex::Regex::new(&pattern).unwrap().is_match(suffix)
        };
        PARTITIONED_KINDS.into_iter().filter(fits).collect()
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
