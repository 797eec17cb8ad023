//! The cluster: indices with shards, who may write to them, and aliases that move all together.

use std::collections::BTreeMap;

use super::{
    request::{Hit, IndexName, Place, ShardPosition},
    shape::{Id, Letter, Set, Shape},
    shard::{Copy, Entry, Shard},
};

/// Who may write to an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Everybody.
    #[default]
    Open,
    /// Lockstep alone: everybody else waits.
    Guarded,
    /// Nobody.
    Blocked,
}

/// An index.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) shards: Vec<Shard>,
    pub(crate) lock: Lock,
}

/// All indices, and where the alias of each position is.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) indices: BTreeMap<IndexName, Index>,
    pub(crate) aliases: Vec<Set>,
    shape: Shape,
}

impl Cluster {
    pub(crate) fn new(shape: &Shape) -> Self {
        let aliases = vec![Set::Old; shape.indices.len()];
        let mut cluster = Self { indices: BTreeMap::new(), aliases, shape: shape.clone() };
        for position in 0..shape.indices.len() {
            cluster.create((Set::Old, position));
        }
        cluster
    }

    /// Makes an index, if it isn't there.
    pub(crate) fn create(&mut self, name: IndexName) {
        let shards = self.shape.indices[name.1].shards(name.0);
        self.indices.entry(name).or_insert_with(|| Index {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            lock: Lock::Open,
        });
    }

    /// Makes an index of the new set of the files of one of the old set; `false` when it can't be.
    pub(crate) fn clone_index(&mut self, position: usize) -> bool {
        let Some(source) = self.indices.get(&(Set::Old, position)) else { return false };
        let target = (Set::New, position);
        if source.lock != Lock::Blocked || self.indices.contains_key(&target) {
            return false;
        }
        let shards = source.shards.iter().map(Shard::cloned).collect();
        self.indices.insert(target, Index { shards, lock: Lock::Open });
        true
    }

    /// The documents that envelopes hold for the index of a position, as a copy of each index of envelopes shows them, with
    /// the index of envelopes and the envelope that each is in.
    pub(crate) fn letters(
        &self,
        position: usize,
        mut copy: impl FnMut() -> Copy,
    ) -> Vec<((usize, Id), Letter)> {
        let mut letters = Vec::new();
        for log in self.shape.logs_of(position) {
            let Some(shard) = self.shard((Set::Envelopes, log, 0)) else { continue };
            for (id, entry) in shard.seen(copy()) {
                let held = self.shape.letters(log, entry.content.expect("searches see no deletes"));
                letters.extend(held.into_iter().map(|letter| ((log, *id), letter)));
            }
        }
        letters.retain(|(_, letter)| letter.position == position);
        letters
    }

    /// The set that the application is on; tenants on both give that of the first one.
    pub(crate) fn live(&self) -> Set {
        self.aliases[0]
    }

    /// The shard that a document belongs to.
    pub(crate) fn place(&self, (set, position): IndexName, id: Id) -> Place {
        (set, position, usize::from(id) % self.shape.indices[position].shards(set))
    }

    pub(crate) fn shard(&self, (set, position, shard): Place) -> Option<&Shard> {
        self.indices.get(&(set, position)).map(|index| &index.shards[shard])
    }

    pub(crate) fn shard_mut(&mut self, (set, position, shard): Place) -> Option<&mut Shard> {
        self.indices.get_mut(&(set, position)).map(|index| &mut index.shards[shard])
    }

    /// All shards of all indices.
    pub(crate) fn places(&self) -> impl Iterator<Item = (Place, &Shard)> {
        self.indices.iter().flat_map(|(name, index)| {
            let shards = index.shards.iter().enumerate();
            shards.map(|(shard, found)| ((name.0, name.1, shard), found))
        })
    }

    /// What the primary of its shard holds of a document, deletes included.
    pub(crate) fn entry(&self, name: IndexName, id: Id) -> Option<Entry> {
        self.shard(self.place(name, id))?.entries().get(&id).copied()
    }

    /// The sum of the terms of the primaries that documents of an index pass on their way into a set.
    pub(crate) fn terms_into(&self, to: Set, position: usize) -> u64 {
        match to {
            Set::New if self.shape.is_spread => {
                self.terms((Set::Envelopes, position)) + self.terms((to, position))
            }
            Set::Old | Set::New | Set::Envelopes => self.terms((to, position)),
        }
    }

    /// The sum of the terms of an index's primaries.
    pub(crate) fn terms(&self, name: IndexName) -> u64 {
        self.indices.get(&name).map_or(0, |index| index.shards.iter().map(Shard::term).sum())
    }

    /// Where all shards of a set stand.
    pub(crate) fn positions(&self, set: Set) -> Vec<Vec<ShardPosition>> {
        let of = |shard: &Shard| ShardPosition {
            highest: shard.highest(),
            checkpoint: shard.checkpoint(),
            term: shard.term(),
        };
        (0..self.shape.indices.len())
            .map(|position| {
                let index = self.indices.get(&(set, position));
                index.map(|index| index.shards.iter().map(of).collect()).unwrap_or_default()
            })
            .collect()
    }

    /// Makes visible what the copies of an index have.
    pub(crate) fn refresh(&mut self, name: IndexName) {
        for shard in self.indices.get_mut(&name).into_iter().flat_map(|index| &mut index.shards) {
            shard.refresh(Copy::Primary);
            shard.refresh(Copy::Replica);
        }
    }

    /// What a search on one copy of a shard sees of a range of numbers.
    pub(crate) fn window(&self, place: Place, (first, last): (i64, i64), copy: Copy) -> Vec<Hit> {
        let Some(shard) = self.shard(place) else { return Vec::new() };
        let mut hits: Vec<Hit> = shard
            .seen(copy)
            .iter()
            .filter(|(_, entry)| (first..=last).contains(&entry.number))
            .map(|(id, entry)| hit(*id, entry))
            .collect();
        hits.sort_by_key(|hit| hit.number);
        hits
    }

    /// Lets others write to a whole set than before. Gives the indices that were not like that.
    pub(crate) fn lock_set(&mut self, set: Set, lock: Lock) -> Vec<IndexName> {
        let names = (0..self.shape.indices.len()).map(|position| (set, position));
        self.lock(&names.collect::<Vec<_>>(), lock)
    }

    /// Lets others write to indices than before. Gives those that were not like that.
    pub(crate) fn lock(&mut self, names: &[IndexName], lock: Lock) -> Vec<IndexName> {
        let mut changed = Vec::new();
        for name in names {
            if let Some(index) = self.indices.get_mut(name)
                && index.lock != lock
            {
                index.lock = lock;
                changed.push(*name);
            }
        }
        changed
    }

    /// Who may write to an index; `None` when it isn't there.
    pub(crate) fn lock_of(&self, name: IndexName) -> Option<Lock> {
        self.indices.get(&name).map(|index| index.lock)
    }

    fn locks(&self, set: Set) -> impl Iterator<Item = Lock> {
        let own = self.indices.iter().filter(move |(name, _)| name.0 == set);
        own.map(|(_, index)| index.lock)
    }

    /// Whether every index of a set is blocked for writes.
    pub(crate) fn is_blocked(&self, set: Set) -> bool {
        self.locks(set).all(|lock| lock == Lock::Blocked)
    }

    /// Whether an index of a set takes writes from Lockstep alone.
    pub(crate) fn has_guard(&self, set: Set) -> bool {
        self.locks(set).any(|lock| lock == Lock::Guarded)
    }

    /// Whether no index of a set takes everybody's writes.
    pub(crate) fn is_shut(&self, set: Set) -> bool {
        self.locks(set).all(|lock| lock != Lock::Open)
    }

    /// Whether every index of a set is there and takes everybody's writes.
    pub(crate) fn is_writable(&self, set: Set) -> bool {
        (0..self.shape.indices.len())
            .all(|position| self.lock_of((set, position)) == Some(Lock::Open))
    }

    /// Moves these aliases; `false`, and nothing moves, when one is not where it was.
    pub(crate) fn move_aliases(&mut self, from: Set, positions: &[usize]) -> bool {
        let to = from.other();
        let may = positions.iter().all(|position| {
            self.aliases[*position] == from && self.indices.contains_key(&(to, *position))
        });
        if may {
            for position in positions {
                self.aliases[*position] = to;
            }
        }
        may
    }
}

pub(crate) fn hit(id: Id, entry: &Entry) -> Hit {
    let content = entry.content.expect("searches see no deletes");
    Hit { id, number: entry.number, version: entry.version, content }
}
