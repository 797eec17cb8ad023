//! A shard: a numbered log on a primary and one copy, what searches see on each, and what a failover leaves of it.

use std::collections::BTreeMap;

use super::{
    history::Trace,
    shape::{Content, Id},
};

/// An operation of the log. Its place in the list is its sequence number.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// `None`: it fills a gap after a failover, and does nothing.
    effect: Option<Effect>,
    /// Tells operations apart that have the same number, one after the other.
    pub(crate) serial: u64,
    /// Whether the copy has it too.
    is_replicated: bool,
}

#[derive(Debug, Clone, Copy)]
struct Effect {
    id: Id,
    version: u64,
    content: Option<Content>,
    trace: Option<Trace>,
}

/// What a shard knows of an id. Deletes are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The sequence number of its last write.
    pub(crate) number: i64,
    pub(crate) version: u64,
    /// `None`: deleted.
    pub(crate) content: Option<Content>,
}

/// How a write chooses its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    /// One more than before.
    Internal,
    /// This one, refused when there is a higher one.
    AtLeast(u64),
}

/// A write of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: Id,
    pub(crate) versioning: Versioning,
    /// `None`: a delete.
    pub(crate) content: Option<Content>,
}

/// Which copy of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copy {
    Primary,
    Replica,
}

/// One shard.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    operations: Vec<Operation>,
    entries: BTreeMap<Id, Entry>,
    seen_on_primary: BTreeMap<Id, Entry>,
    seen_on_replica: BTreeMap<Id, Entry>,
    /// How many operations the copy has in one piece, as far as the primary knows.
    known_count: usize,
    lagging_count: usize,
    fail_over_count: u64,
}

fn number(position: usize) -> i64 {
    i64::try_from(position).expect("logs are short")
}

impl Shard {
    /// The highest number given out; -1 for none.
    pub(crate) fn highest(&self) -> i64 {
        number(self.operations.len()) - 1
    }

    /// Every copy is known to have everything up to here; -1 for nothing.
    pub(crate) fn checkpoint(&self) -> i64 {
        number(self.known_count) - 1
    }

    /// The term of its primary, from 1. Within a term no operation is ever lost.
    pub(crate) fn term(&self) -> u64 {
        self.fail_over_count + 1
    }

    /// What the primary holds, deletes included.
    pub(crate) fn entries(&self) -> &BTreeMap<Id, Entry> {
        &self.entries
    }

    /// What a search on a copy sees.
    pub(crate) fn seen(&self, copy: Copy) -> &BTreeMap<Id, Entry> {
        match copy {
            Copy::Primary => &self.seen_on_primary,
            Copy::Replica => &self.seen_on_replica,
        }
    }

    /// Writes on the primary. `None`: a newer version is there.
    pub(crate) fn write(&mut self, item: Item, serial: u64, trace: Option<Trace>) -> Option<i64> {
        let before = self.entries.get(&item.id).map_or(0, |entry| entry.version);
        let version = match item.versioning {
            Versioning::Internal => before + 1,
            Versioning::AtLeast(version) if version >= before => version,
            Versioning::AtLeast(_) => return None,
        };
        let number = self.highest() + 1;
        let effect = Effect { id: item.id, version, content: item.content, trace };
        self.operations.push(Operation { effect: Some(effect), serial, is_replicated: false });
        self.entries.insert(item.id, Entry { number, version, content: item.content });
        self.lagging_count += 1;
        Some(number)
    }

    /// The operation that has this number now.
    pub(crate) fn operation(&self, number: i64) -> Option<&Operation> {
        self.operations.get(usize::try_from(number).ok()?)
    }

    /// A shard that is made of this one's files: all that the primary has, on every copy.
    pub(crate) fn cloned(&self) -> Self {
        let operations: Vec<Operation> = self
            .operations
            .iter()
            .map(|operation| Operation { serial: 0, is_replicated: true, ..operation.clone() })
            .collect();
        let seen = living(&self.entries);
        Self {
            known_count: operations.len(),
            operations,
            entries: self.entries.clone(),
            seen_on_primary: seen.clone(),
            seen_on_replica: seen,
            lagging_count: 0,
            fail_over_count: 0,
        }
    }

    /// Whether operations are on the primary only.
    pub(crate) fn is_lagging(&self) -> bool {
        self.lagging_count > 0
    }

    /// Whether the primary knows less of its copy than it could.
    pub(crate) fn is_checkpoint_late(&self) -> bool {
        self.operations.get(self.known_count).is_some_and(Operation::is_replicated)
    }

    /// Serials and numbers of the operations that are on the primary only.
    pub(crate) fn unreplicated(&self) -> Vec<(i64, u64)> {
        let all = self.operations.iter().enumerate();
        all.filter(|(_, operation)| !operation.is_replicated)
            .map(|(position, operation)| (number(position), operation.serial))
            .collect()
    }

    /// Brings one operation to the copy.
    pub(crate) fn replicate(&mut self, number: i64) {
        let position = usize::try_from(number).expect("numbers begin at 0");
        if let Some(operation) = self.operations.get_mut(position)
            && !operation.is_replicated
        {
            operation.is_replicated = true;
            self.lagging_count -= 1;
        }
    }

    /// The primary learns how far its copy is.
    pub(crate) fn learn_checkpoint(&mut self) {
        while self.is_checkpoint_late() {
            self.known_count += 1;
        }
    }

    /// Makes visible what a copy has.
    pub(crate) fn refresh(&mut self, copy: Copy) {
        match copy {
            Copy::Primary => self.seen_on_primary = living(&self.entries),
            Copy::Replica => self.seen_on_replica = living(&self.replayed()),
        }
    }

    /// What the replicated operations come to.
    fn replayed(&self) -> BTreeMap<Id, Entry> {
        let mut entries = BTreeMap::new();
        for (position, operation) in self.operations.iter().enumerate() {
            if let (true, Some(effect)) = (operation.is_replicated, operation.effect) {
                let Effect { id, version, content, trace: _ } = effect;
                entries.insert(id, Entry { number: number(position), version, content });
            }
        }
        entries
    }

    /// The copy becomes the primary, and gets a new copy that has all it has. Gives the writes that are gone.
    pub(crate) fn fail_over(&mut self) -> Vec<Trace> {
        let mut lost = Vec::new();
        for operation in self.operations.iter_mut().filter(|operation| !operation.is_replicated) {
            let effect = operation.effect.take();
            lost.extend(effect.and_then(|effect| effect.trace));
        }
        // Gaps below the highest number that the copy has are filled; above it, numbers are given out once more.
        let kept = self.operations.iter().rposition(|operation| operation.is_replicated);
        self.operations.truncate(kept.map_or(0, |kept| kept + 1));
        for operation in self.operations.iter_mut().filter(|operation| !operation.is_replicated) {
            operation.is_replicated = true;
            operation.serial = 0;
        }
        self.entries = self.replayed();
        self.lagging_count = 0;
        self.fail_over_count += 1;
        self.learn_checkpoint();
        self.seen_on_primary = std::mem::take(&mut self.seen_on_replica);
        self.refresh(Copy::Replica);
        lost
    }
}

impl Operation {
    pub(crate) fn is_replicated(&self) -> bool {
        self.is_replicated
    }
}

fn living(entries: &BTreeMap<Id, Entry>) -> BTreeMap<Id, Entry> {
    entries
        .iter()
        .filter(|(_, entry)| entry.content.is_some())
        .map(|(id, entry)| (*id, *entry))
        .collect()
}
