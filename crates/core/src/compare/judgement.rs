//! What to do about one document when both sets are looked at while the application goes on writing.
//!
//! A copy carries the version that its source's sequence number gives, so the two sides of one document can be ordered
//! without clocks. A difference that vanishes with the next copy is none; what stays is mended by a write under the same
//! version, which can't overwrite anything newer.

/// What the new set should hold of a document, as the live set has it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The version under which it is written: made of the sequence number of its last write.
    pub version: u64,
    /// The hash of the entry that the steps make of it.
    pub entry_hash: u128,
}

/// What the new set holds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its version.
    pub version: u64,
    /// The hash of the entry.
    pub entry_hash: u128,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing: both say the same.
    Equal,
    /// Write the live set's state, under [`Expected::version`]: it is missing, older, or not what it should be.
    Write,
    /// Delete it under this version: the live set has it no more.
    Delete {
        /// One above the copy's. The delete in the live set took a number of its own, so whatever is written there
        /// later has a higher version; a late copy of the deleted state has a lower one.
        version: u64,
    },
    /// The new set has a version that the live set never gave: somebody else wrote to it.
    Foreign,
}

/// Judges one document by both sides. `None`: it isn't there.
pub fn judge(expected: Option<Expected>, found: Option<Found>) -> Judgement {
    match (expected, found) {
        (None, None) => Judgement::Equal,
        (None, Some(found)) => Judgement::Delete { version: found.version.saturating_add(1) },
        (Some(expected), Some(found)) if found.entry_hash == expected.entry_hash => {
            // An older version of the same content needs no write; a newer one comes from an earlier life of the document.
            Judgement::Equal
        }
        (Some(expected), Some(found)) if found.version > expected.version => Judgement::Foreign,
        (Some(_), None | Some(_)) => Judgement::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_judged_by_version_and_content() {
        let expected = |version, entry_hash| Some(Expected { version, entry_hash });
        let found = |version, entry_hash| Some(Found { version, entry_hash });
        let cases = [
            (None, None, Judgement::Equal),
            (expected(5, 1), None, Judgement::Write),
            (expected(5, 1), found(5, 1), Judgement::Equal),
            (expected(5, 1), found(3, 1), Judgement::Equal),
            (expected(5, 1), found(5, 2), Judgement::Write),
            (expected(5, 1), found(3, 2), Judgement::Write),
            (expected(5, 1), found(6, 2), Judgement::Foreign),
            (None, found(5, 1), Judgement::Delete { version: 6 }),
        ];
        for (expected, found, judgement) in cases {
            assert_eq!(judge(expected, found), judgement, "{expected:?} {found:?}");
        }
    }

    /// Every history of one document in the live set: at each number it is written, deleted, or something else happens.
    /// Copies and deletes that were judged at any moment reach the new set in any order, more than once.
    #[test]
    fn whatever_arrives_late_the_last_state_of_the_live_set_wins() {
        const NUMBERS: u64 = 4;
        for history in 0..3_u64.pow(u32::try_from(NUMBERS).unwrap()) {
            let act = |number: u64| history / 3_u64.pow(u32::try_from(number).unwrap()) % 3;
            let mut sent: Vec<(u64, Option<u128>)> = Vec::new();
            let mut target: Option<Found> = None;
            for number in 0..NUMBERS {
                let live = match act(number) {
                    1 => Some(Expected { version: number + 1, entry_hash: number.into() }),
                    2 => None,
                    _ => continue,
                };
                // The new set is brought in step at every other moment only, so that states are skipped as well.
                if number % 2 == history % 2 {
                    continue;
                }
                match judge(live, target) {
                    Judgement::Write => {
                        let Expected { version, entry_hash } = live.unwrap();
                        sent.push((version, Some(entry_hash)));
                        target = Some(Found { version, entry_hash });
                    }
                    Judgement::Delete { version } => {
                        sent.push((version, None));
                        target = None;
                    }
                    Judgement::Equal => {}
                    Judgement::Foreign => panic!("nobody else writes: {history}"),
                }
            }
            for late in 0..sent.len() {
                // All arrived in order, then one of them once more.
                let mut version = 0;
                let mut content = None;
                for (sent_version, sent_content) in sent.iter().chain(sent.get(late)) {
                    if *sent_version >= version {
                        (version, content) = (*sent_version, *sent_content);
                    }
                }
                assert_eq!(content, target.map(|found| found.entry_hash), "{history} {late}");
            }
        }
    }
}
