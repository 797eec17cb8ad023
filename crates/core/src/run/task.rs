//! Tasks: the smallest resumable units of copying. One task is a range of sequence numbers of one shard.

use serde::{Deserialize, Serialize};

use super::state::BadDocument;

/// A range of sequence numbers of one primary shard, and how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number within the run, from 0.
    pub ordinal: u32,
    /// The round it belongs to.
    pub round: u32,
    /// Position of the index in the plan's list.
    pub index: usize,
    /// The shard.
    pub shard: u32,
    /// First sequence number.
    pub first: i64,
    /// Last sequence number, included.
    pub last: i64,
    /// How far it got.
    pub cursor: Cursor,
    /// What it counted so far.
    pub tally: Tally,
    /// Documents that were rejected and not taken by the quarantine, bounded. Before there was a quarantine: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<BadDocument>,
}

/// How far a task got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cursor {
    /// Everything below this sequence number was acknowledged by the target.
    Next(i64),
    /// Everything was.
    Done,
}

/// What a task counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Documents read.
    pub read: u64,
    /// Documents that the target took.
    pub written: u64,
    /// Documents of which the target had a newer state already.
    pub newer: u64,
    /// Documents that a step or the target rejected.
    pub rejected: u64,
    /// Those of them that the quarantine did not take: it was full, or on the way back there is none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unkept: u64,
    /// Bytes of documents read.
    pub bytes: u64,
}

/// Whether a count says nothing.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like that")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Tally {
    /// Adds what another one counted.
    pub fn add(&mut self, other: Self) {
        self.read = self.read.saturating_add(other.read);
        self.written = self.written.saturating_add(other.written);
        self.newer = self.newer.saturating_add(other.newer);
        self.rejected = self.rejected.saturating_add(other.rejected);
        self.unkept = self.unkept.saturating_add(other.unkept);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Sequence numbers of one shard that a round has to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Position of the index in the plan's list.
    pub index: usize,
    /// The shard.
    pub shard: u32,
    /// First sequence number.
    pub first: i64,
    /// Last sequence number, included; below `first` there is nothing to do.
    pub last: i64,
}

/// Tasks that a round is cut into at least, where there is enough to do: with few tasks, one worker would finish the last
/// one while all others have nothing left.
const TASKS_WANTED: u64 = 64;

/// How wide the tasks of a round should be, at most `width_max` numbers, and not narrower than a window, which spans at most
/// `window_width_max`: where windows are small, because documents are large or the cluster is to be gone easy on, tasks take
/// as much longer. The journal keeps the answer with the round, so that its tasks are found again whatever another version
/// of Lockstep would answer.
pub fn task_width(stretches: &[Stretch], width_max: u64, window_width_max: u64) -> u64 {
    let numbers = stretches.iter().map(Stretch::number_count).fold(0, u64::saturating_add);
    (numbers / TASKS_WANTED).max(window_width_max).clamp(1, width_max.max(1))
}

/// Cuts stretches into tasks of `width` numbers, the last one of each stretch narrower, numbered from `ordinal_first`.
pub fn cut(stretches: &[Stretch], round: u32, ordinal_first: u32, width: u64) -> Vec<Task> {
    let width = i64::try_from(width.max(1)).unwrap_or(i64::MAX);
    let mut tasks = Vec::new();
    let mut ordinal = ordinal_first;
    for stretch in stretches {
        let mut first = stretch.first;
        while first <= stretch.last {
            let last = stretch.last.min(first.saturating_add(width - 1));
            tasks.push(Task {
                ordinal,
                round,
                index: stretch.index,
                shard: stretch.shard,
                first,
                last,
                cursor: Cursor::Next(first),
                tally: Tally::default(),
                rejected: Vec::new(),
            });
            ordinal = ordinal.saturating_add(1);
            first = last.saturating_add(1);
        }
    }
    tasks
}

impl Stretch {
    /// How many numbers it spans.
    pub fn number_count(&self) -> u64 {
        u64::try_from(self.last.saturating_sub(self.first).saturating_add(1)).unwrap_or_default()
    }
}

impl Task {
    /// The first number that is not acknowledged yet; `None` when all are.
    pub fn next(&self) -> Option<i64> {
        match self.cursor {
            Cursor::Next(next) => Some(next),
            Cursor::Done => None,
        }
    }

    /// Remembers that everything up to `last`, included, was acknowledged.
    pub fn advance(&mut self, last: i64, tally: Tally) {
        self.tally.add(tally);
        self.cursor =
            if last >= self.last { Cursor::Done } else { Cursor::Next(last.saturating_add(1)) };
    }

    /// Whether documents were rejected that nobody keeps: they have to be read once more, when they are mended.
    pub fn has_unkept(&self) -> bool {
        // The list alone tells of it in what was written before there was a quarantine.
        self.tally.unkept > 0 || !self.rejected.is_empty()
    }

    /// Starts again from the first number: what was rejected is read once more.
    pub fn restart(&mut self) {
        self.cursor = Cursor::Next(self.first);
        self.tally = Tally::default();
        self.rejected.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_cover_every_number_once() {
        let stretches = [
            Stretch { index: 0, shard: 0, first: 0, last: 24 },
            Stretch { index: 0, shard: 1, first: 0, last: -1 },
            Stretch { index: 3, shard: 0, first: 7, last: 7 },
        ];
        let ranges: Vec<_> = cut(&stretches, 1, 5, 10)
            .into_iter()
            .map(|task| (task.ordinal, task.index, task.shard, task.first, task.last))
            .collect();
        assert_eq!(
            ranges,
            [(5, 0, 0, 0, 9), (6, 0, 0, 10, 19), (7, 0, 0, 20, 24), (8, 3, 0, 7, 7)]
        );
    }

    #[test]
    fn a_round_has_enough_tasks_for_all_workers() {
        let widths = |last: i64, window: u64| {
            let stretches = [Stretch { index: 0, shard: 0, first: 0, last }];
            let tasks = cut(&stretches, 1, 0, task_width(&stretches, 200_000, window));
            (tasks.len(), tasks.first().map(|task| task.last + 1))
        };
        assert_eq!(widths(9_999, 10_000), (1, Some(10_000)));
        assert_eq!(widths(99_999, 10_000), (10, Some(10_000)));
        assert_eq!(widths(1_279_999, 10_000), (64, Some(20_000)));
        assert_eq!(widths(99_999_999, 10_000), (500, Some(200_000)));
        assert_eq!(widths(9_999, 100), (65, Some(156)));
    }

    #[test]
    fn a_task_is_done_when_its_last_number_is_acknowledged() {
        let mut task =
            cut(&[Stretch { index: 0, shard: 0, first: 0, last: 9 }], 1, 0, 100).remove(0);
        task.advance(4, Tally { read: 5, written: 5, ..Tally::default() });
        assert_eq!(task.next(), Some(5));
        task.advance(9, Tally { read: 5, written: 4, rejected: 1, ..Tally::default() });
        assert_eq!((task.next(), task.tally.read, task.tally.rejected), (None, 10, 1));
        task.restart();
        assert_eq!((task.next(), task.tally), (Some(0), Tally::default()));
    }
}
