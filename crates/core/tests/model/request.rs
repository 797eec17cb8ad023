//! What is asked of the cluster, and what it answers.

use super::{
    journal::{Kept, Key, Record},
    shape::{Content, Id, Set},
    shard::Item,
};

/// An index of a set: the same position in both is one index before and after.
pub(crate) type IndexName = (Set, usize);

/// A shard of an index.
pub(crate) type Place = (Set, usize, usize);

/// A request of a driver or of the application.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    ReadJournal(Key),
    /// Compare and swap; without a version the record must not be there.
    WriteJournal {
        key: Key,
        expected: Option<u64>,
        record: Box<Record>,
    },
    CreateIndex(IndexName),
    DropIndex(IndexName),
    Positions(Set),
    Refresh(Vec<IndexName>),
    /// Documents of a shard with numbers between two, included.
    Window {
        place: Place,
        first: i64,
        last: i64,
    },
    Documents {
        index: IndexName,
        ids: Vec<Id>,
    },
    Count(IndexName),
    /// How many envelopes hold a document with one of these ids for the index of a position.
    Holders {
        position: usize,
        ids: Vec<Id>,
    },
    /// How many documents envelopes hold for the index of a position.
    Addressed(usize),
    Bulk {
        index: IndexName,
        items: Vec<Item>,
    },
    /// Answered when no write is under way any more.
    Block(Set),
    /// Lets everybody write.
    Unblock(Set),
    /// Blocks one index of the old set, to clone it.
    BlockToClone(usize),
    /// Lets everybody write to indices of the old set that may have been blocked to be cloned.
    UnblockCloned(Vec<usize>),
    /// Makes an index of the new set of the files of the old one. Refused where that one isn't blocked, or this one is there.
    Clone(usize),
    /// Lets Lockstep write, and nobody else.
    Guard(Vec<IndexName>),
    /// Takes a guard away, and lets everybody write.
    OpenToAll(Vec<IndexName>),
    /// Blocks what only Lockstep could write to. Waits for nothing.
    BlockAgain(Vec<IndexName>),
    Aliases,
    /// Moves all aliases of the tenants named, or none when one of them is not on `from`.
    MoveAliases {
        from: Set,
        positions: Vec<usize>,
    },
    /// A write of the application.
    Write {
        position: usize,
        item: Item,
        aim: Aim,
    },
    /// Time passes.
    Nap,
    /// So much time passes that nothing can arrive any more that a driver of before has sent.
    Silence,
}

/// By which name the application writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// The alias, wherever it is when the write is executed.
    Alias,
    /// The alias, of which the engine found already that it is there.
    Resolved(Set),
    /// The index of the set that the writer saw last.
    Index(Set),
}

/// A document as a search gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) id: Id,
    pub(crate) number: i64,
    pub(crate) version: u64,
    pub(crate) content: Content,
}

/// Where a shard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardPosition {
    pub(crate) highest: i64,
    pub(crate) checkpoint: i64,
    /// Of its primary. The engines tell it in the cluster's state.
    pub(crate) term: u64,
}

/// What the cluster answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Done,
    /// A compare-and-swap met another record, or a guard held.
    Conflict,
    /// The index is blocked for writes, or gone.
    Forbidden,
    Record(Option<Kept>),
    /// The version of the record that was written.
    Written(u64),
    /// By index and shard.
    Positions(Vec<Vec<ShardPosition>>),
    Hits(Vec<Hit>),
    Count(usize),
    Aliases(Vec<Set>),
}

/// What becomes of a request, as its sender sees it.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Answered(Answer),
    /// Refused before anything happened.
    Refused,
    /// No answer: it may have happened, or still will.
    Unknown,
    /// The sender's own time limit was over first.
    TimeOver,
}

impl Answer {
    pub(crate) fn hits(self) -> Vec<Hit> {
        match self {
            Self::Hits(hits) => hits,
            other => panic!("not hits: {other:?}"),
        }
    }

    pub(crate) fn positions(self) -> Vec<Vec<ShardPosition>> {
        match self {
            Self::Positions(positions) => positions,
            other => panic!("not positions: {other:?}"),
        }
    }

    pub(crate) fn count(self) -> usize {
        match self {
            Self::Count(count) => count,
            other => panic!("not a count: {other:?}"),
        }
    }

    pub(crate) fn aliases(self) -> Vec<Set> {
        match self {
            Self::Aliases(aliases) => aliases,
            other => panic!("not aliases: {other:?}"),
        }
    }
}
