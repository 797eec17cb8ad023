//! The journal: records that are only ever written over what was read of them.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::run::{
    state::{Problem, RunState},
    task::{Stretch, Task},
};

use super::shape::{Id, Set};

/// Which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Lease,
    Run,
    Round,
    Tasks,
    /// How far documents were carried into a set.
    Marks(Set),
    Fence,
    Flow,
    /// What the new set is made of.
    Clones,
    Delivery,
}

/// How far one shard got: carried over, compared in content, compared as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) covered: i64,
    pub(crate) settled: i64,
    pub(crate) compared: i64,
    /// The term of its primary in which it was compared as a whole, and the sum of those of the index that it was compared
    /// with; 0 for not yet. While they stay the same nothing is lost that a search has seen.
    pub(crate) terms: (u64, u64),
}

/// By index and shard.
pub(crate) type Marks = BTreeMap<(usize, usize), Mark>;

/// Documents that can't go back, by index and id. Marks are past them.
pub(crate) type Rejected = BTreeSet<(usize, Id)>;

/// By index: up to which numbers its shards were cloned; none where it is copied.
pub(crate) type Clones = BTreeMap<usize, Vec<i64>>;

/// How far delivering got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// By index of envelopes: up to where it was delivered, and read back.
    pub(crate) logs: Vec<(i64, i64)>,
    /// Whatever is written under a later one wins.
    pub(crate) epoch: u64,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Lease {
        number: u64,
        /// The process that holds it, so that nobody takes another one's for his own.
        holder: usize,
        is_free: bool,
    },
    Run {
        state: RunState,
        driver: u64,
    },
    Round {
        stretches: Vec<Stretch>,
        width: u64,
    },
    Tasks(Vec<Task>),
    Marks(Marks),
    /// With the last driver that made any.
    Clones {
        driver: u64,
        made: Clones,
    },
    Delivery(Delivered),
    /// What the way back needs to know of the fence: what its versions begin above, and where the new set's log stood.
    Fence {
        bases: Vec<u64>,
        begin: Marks,
    },
    /// What flows back after the switch.
    Flow {
        /// Whether the old set may be open for Lockstep.
        is_open: bool,
        rejected: Rejected,
        /// Why it stood still.
        stuck: Option<Problem>,
    },
}

/// A record and the version that a write over it has to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) version: u64,
    pub(crate) record: Record,
}

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: BTreeMap<Key, Kept>,
    version: u64,
}

impl Journal {
    pub(crate) fn read(&self, key: Key) -> Option<&Kept> {
        self.records.get(&key)
    }

    /// Gives the new version, or nothing when another one than the expected is there.
    pub(crate) fn write(&mut self, key: Key, expected: Option<u64>, record: Record) -> Option<u64> {
        if self.records.get(&key).map(|kept| kept.version) != expected {
            return None;
        }
        self.version += 1;
        self.records.insert(key, Kept { version: self.version, record });
        Some(self.version)
    }

    /// The run's state.
    pub(crate) fn state(&self) -> Option<&RunState> {
        match self.read(Key::Run).map(|kept| &kept.record) {
            Some(Record::Run { state, .. }) => Some(state),
            _other => None,
        }
    }

    /// Whether something that flows back may have left the old set open for Lockstep.
    pub(crate) fn is_flow_open(&self) -> bool {
        let flow = self.read(Key::Flow).map(|kept| &kept.record);
        matches!(flow, Some(Record::Flow { is_open: true, .. }))
    }

    /// Whether it is known that a document can't go back.
    pub(crate) fn is_rejected(&self, document: (usize, Id)) -> bool {
        match self.read(Key::Flow).map(|kept| &kept.record) {
            Some(Record::Flow { rejected, .. }) => rejected.contains(&document),
            _other => false,
        }
    }

    /// The highest number of a shard that its target had from the beginning; -1 where it was copied.
    pub(crate) fn cloned_up_to(&self, (position, shard): (usize, usize)) -> i64 {
        match self.read(Key::Clones).map(|kept| &kept.record) {
            Some(Record::Clones { made, .. }) => {
                made.get(&position).and_then(|shards| shards.get(shard)).copied().unwrap_or(-1)
            }
            _other => -1,
        }
    }

    /// The number of the last lease.
    pub(crate) fn lease(&self) -> u64 {
        match self.read(Key::Lease).map(|kept| &kept.record) {
            Some(Record::Lease { number, .. }) => *number,
            _other => 0,
        }
    }
}
