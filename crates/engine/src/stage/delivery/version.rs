//! Versions under which documents are delivered: a later epoch comes over every earlier one; within an epoch every number of every
//! log has a version of its own, and so has the delete of what was delivered under it.
//!
//! So two writes of one version are the same write, and whatever arrives late or twice changes nothing: within a log the higher number
//! wins, as the later one of two documents that get one id. Numbers of two logs say nothing about each other. What was delivered in
//! vain, because something with a higher version is or was there, is delivered anew in a new epoch, which is journalled first.

use crate::error::EngineError;

/// Bits below those that hold the epoch.
const EPOCH_SHIFT: u32 = 40;
/// Epochs that versions have room for; the engines keep them as signed numbers of 64 bits.
const EPOCHS_MAX: u64 = 1 << (63 - EPOCH_SHIFT);
/// Versions of one number of one log: that of a document, and that of its delete.
const VERSIONS_OF_NUMBER: u64 = 2;

/// Gives versions in an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions {
    pub(super) epoch: u64,
    /// How many logs are delivered.
    pub(super) logs: u64,
}

impl Versions {
    /// The version of documents in the envelope of a log with this number.
    ///
    /// # Errors
    /// [`EngineError::Bug`] when there is no such version: after some hundred thousand millions of numbers, or eight million epochs.
    pub(super) fn of(&self, log: usize, seq_no: i64) -> Result<u64, EngineError> {
        let number = u64::try_from(seq_no.saturating_add(1)).unwrap_or_default();
        let within = number
            .saturating_mul(self.slots())
            .saturating_add((log as u64).saturating_mul(VERSIONS_OF_NUMBER));
        if self.epoch >= EPOCHS_MAX || within >= 1 << EPOCH_SHIFT {
            return Err(EngineError::Bug(format!(
                "there is no version for number {seq_no} of log {log} in epoch {}",
                self.epoch
            )));
        }
        Ok((self.epoch << EPOCH_SHIFT) + within)
    }

    /// Whether who covered the logs up to these numbers knows of whatever was delivered under a version. What it doesn't know
    /// somebody delivered who drives since.
    pub(super) fn knows(&self, version: u64, covered: impl Fn(usize) -> Option<i64>) -> bool {
        let (epoch, within) = (version >> EPOCH_SHIFT, version & ((1 << EPOCH_SHIFT) - 1));
        let number = i64::try_from(within / self.slots()).unwrap_or(i64::MAX).saturating_sub(1);
        let log = usize::try_from(within % self.slots() / VERSIONS_OF_NUMBER).unwrap_or(usize::MAX);
        epoch < self.epoch
            || (epoch == self.epoch && covered(log).is_none_or(|covered| number <= covered))
    }

    fn slots(&self) -> u64 {
        self.logs.max(1).saturating_mul(VERSIONS_OF_NUMBER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGS: u64 = 3;

    fn versions(epoch: u64) -> Versions {
        Versions { epoch, logs: LOGS }
    }

    #[test]
    fn no_two_writes_have_one_version() {
        let mut all = Vec::new();
        for epoch in 0..3 {
            for log in 0..3 {
                let mut last = 0;
                for seq_no in 0..20 {
                    let version = versions(epoch).of(log, seq_no).unwrap();
                    assert!(version > last, "a later number of a log comes over an earlier one");
                    last = version;
                    all.extend([version, version + 1]);
                }
            }
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "documents and deletes");
    }

    #[test]
    fn a_later_epoch_comes_over_every_earlier_one() {
        let highest = versions(4).of(2, 100_000_000_000).unwrap();
        assert!(versions(5).of(0, 0).unwrap() > highest + 1);
        assert!(versions(0).of(0, i64::MAX).is_err());
        assert!(versions(1 << 23).of(0, 0).is_err());
        assert!(i64::try_from(versions((1 << 23) - 1).of(2, 100_000_000_000).unwrap()).is_ok());
    }

    #[test]
    fn who_slept_knows_nothing_of_what_came_later() {
        let covered = |log: usize| [7, 3, -1].get(log).copied();
        let cases = [
            (versions(2).of(0, 7), true),
            (versions(2).of(0, 8), false),
            (versions(2).of(1, 4), false),
            (versions(2).of(2, 0), false),
            (versions(1).of(1, 9), true),
            (versions(3).of(0, 0), false),
            // Of a stranger.
            (Ok(1), true),
        ];
        for (version, is_known) in cases {
            let version = version.unwrap();
            assert_eq!(versions(2).knows(version, covered), is_known, "{version}");
        }
    }
}
