//! Two multisets of documents: what is missing, extra, different.

use std::collections::BTreeSet;

/// One document as two hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Of its id and routing.
    pub(super) key: u128,
    /// Of its content, numbers by value.
    pub(super) content: u128,
}

/// How two multisets disagree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Size of the expected multiset.
    pub(super) expected: u64,
    /// Documents with the same key, but another content.
    pub(super) differing: u64,
    /// Documents that were expected only.
    pub(super) missing: u64,
    /// Documents that were found only.
    pub(super) extra: u64,
    /// Keys of some of them.
    pub(super) keys: BTreeSet<u128>,
}

/// Compares what is expected with what was found; keeps at most `limit` keys.
pub(super) fn compare(mut expected: Vec<Entry>, mut found: Vec<Entry>, limit: usize) -> Comparison {
    expected.sort_unstable();
    found.sort_unstable();
    let mut comparison = Comparison { expected: count(expected.len()), ..Comparison::default() };
    let mut expected = expected.chunk_by(|one, other| one.key == other.key).peekable();
    let mut found = found.chunk_by(|one, other| one.key == other.key).peekable();
    loop {
        let key = |group: &&[Entry]| group.first().map(|entry| entry.key);
        let (left, right) = (expected.peek().and_then(key), found.peek().and_then(key));
        let next = match (left, right) {
            (None, None) => return comparison,
            (Some(key), None) | (None, Some(key)) => key,
            (Some(left), Some(right)) => left.min(right),
        };
        let left = expected.next_if(|group| key(group) == Some(next)).unwrap_or_default();
        let right = found.next_if(|group| key(group) == Some(next)).unwrap_or_default();
        let common = common(left, right);
        let (left, right) = (left.len() - common, right.len() - common);
        let differing = left.min(right);
        comparison.differing += count(differing);
        comparison.missing += count(left - differing);
        comparison.extra += count(right - differing);
        if left + right > 0 && comparison.keys.len() < limit {
            comparison.keys.insert(next);
        }
    }
}

/// How many entries two sorted groups have in common.
fn common(left: &[Entry], right: &[Entry]) -> usize {
    let mut right = right.iter().peekable();
    let mut common = 0;
    for entry in left {
        while right.next_if(|other| *other < entry).is_some() {}
        if right.next_if_eq(&entry).is_some() {
            common += 1;
        }
    }
    common
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(pairs: &[(u128, u128)]) -> Vec<Entry> {
        pairs.iter().map(|(key, content)| Entry { key: *key, content: *content }).collect()
    }

    /// expected, found, (differing, missing, extra)
    type Case = (&'static [(u128, u128)], &'static [(u128, u128)], (u64, u64, u64));

    #[test]
    fn what_disagrees_is_counted() {
        let cases: &[Case] = &[
            (&[], &[], (0, 0, 0)),
            (&[(1, 1), (2, 2)], &[(2, 2), (1, 1)], (0, 0, 0)),
            (&[(1, 1), (2, 2)], &[(2, 2)], (0, 1, 0)),
            (&[(1, 1)], &[(1, 1), (3, 3)], (0, 0, 1)),
            (&[(1, 1), (2, 2)], &[(1, 1), (2, 9)], (1, 0, 0)),
            (&[(1, 1)], &[(2, 1)], (0, 1, 1)),
            (&[(1, 1), (1, 1)], &[(1, 1)], (0, 1, 0)),
            (&[(1, 1), (1, 2)], &[(1, 2), (1, 1)], (0, 0, 0)),
            (&[(1, 1), (1, 2), (1, 3)], &[(1, 2), (1, 4)], (1, 1, 0)),
            (&[], &[(7, 1), (7, 1)], (0, 0, 2)),
        ];
        for (expected, found, numbers) in cases {
            let comparison = compare(entries(expected), entries(found), 9);
            let counted = (comparison.differing, comparison.missing, comparison.extra);
            assert_eq!(counted, *numbers, "{expected:?} {found:?}");
            assert_eq!(comparison.keys.is_empty(), *numbers == (0, 0, 0));
        }
    }
}
