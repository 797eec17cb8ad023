//! What one writer knows: the history of every document it wrote to, and what it may write next.
//!
//! A document belongs to one writer, by its number, for ever. So the order of the acknowledged writes to it is known.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    documents::Random,
    traffic::{
        history::{History, State},
        operation::{Kind, Operation},
        place::{Place, Slots, TRAFFIC_FIRST},
    },
};

/// How many of a hundred operations insert a document.
const INSERTS_PERCENT: u64 = 40;
/// How many of a hundred operations insert or update one; the others delete one.
const INSERTS_AND_UPDATES_PERCENT: u64 = 80;
/// One insert in so many takes the id of a deleted document.
const RECREATED_ONE_IN: u64 = 8;
/// How often a seeded document is looked for before something else is done. Most of them are there.
const SEEDED_TRIES: u32 = 4;
/// The most surprises that are kept in words.
const SURPRISES_KEPT: usize = 5;

/// One writer's part of the ledger. It grows by some 100 bytes a document that was written to.
#[derive(Debug, Clone)]
pub(super) struct Book {
    writer: u64,
    writers: u64,
    random: Random,
    /// Documents that were brought so far.
    brought: u64,
    /// Of the documents that were written to; the others are as seeding left them.
    histories: BTreeMap<Place, History>,
    /// Documents that traffic brought and that are there, by slot.
    own: BTreeMap<usize, Vec<u64>>,
    /// Documents that were deleted, by slot.
    deleted: BTreeMap<usize, Vec<u64>>,
    surprises: Vec<String>,
    surprise_count: u64,
}

impl Book {
    /// The empty book of one of several writers, counted from 0.
    pub(super) fn new(seed: u64, writer: u64, writers: u64) -> Self {
        Self {
            writer,
            writers,
            random: Random::new(&[seed, u64::from_le_bytes(*b"traffic\0"), writer]),
            brought: 0,
            histories: BTreeMap::new(),
            own: BTreeMap::new(),
            deleted: BTreeMap::new(),
            surprises: Vec::new(),
            surprise_count: 0,
        }
    }

    /// The writer's number.
    pub(super) fn writer(&self) -> u64 {
        self.writer
    }

    /// The histories of a slot's documents.
    pub(super) fn histories(&self, slot: usize) -> impl Iterator<Item = (Place, &History)> {
        let places = Place { slot, number: 0 }..=Place { slot, number: u64::MAX };
        self.histories.range(places).map(|(place, history)| (*place, history))
    }

    /// What the answers said that can't be: the number of such answers, and some of them in words.
    pub(super) fn surprises(&self) -> (u64, &[String]) {
        (self.surprise_count, &self.surprises)
    }

    /// The next operations, at most one on each document, so that they may be carried out in any order.
    pub(super) fn draw(&mut self, slots: &Slots, count: usize) -> Vec<Operation> {
        let mut taken = BTreeSet::new();
        let mut operations = Vec::with_capacity(count);
        // A document that is taken already costs a try, not an operation.
        for _ in 0..count * 4 {
            if operations.len() == count {
                break;
            }
            let Some(slot) = self.random_slot(slots) else { break };
            let operation = self.draw_one(slots, slot);
            if taken.insert(operation.place) {
                operations.push(operation);
            }
        }
        operations
    }

    /// Months are slots of their own, so half of all operations are on events.
    fn random_slot(&mut self, slots: &Slots) -> Option<usize> {
        let written = slots.written();
        let place = self.random.below(u64::try_from(written.len()).unwrap_or(0));
        written.get(usize::try_from(place).unwrap_or(0)).copied()
    }

    fn draw_one(&mut self, slots: &Slots, slot: usize) -> Operation {
        let kind = match self.random.below(100) {
            below if below < INSERTS_PERCENT => Kind::Insert,
            below if below < INSERTS_AND_UPDATES_PERCENT => Kind::Update,
            _ => Kind::Delete,
        };
        let existing = match kind {
            Kind::Insert => None,
            Kind::Update | Kind::Delete => self.existing(slots, slot),
        };
        let (kind, place) = match existing {
            Some(place) => (kind, place),
            None => (Kind::Insert, self.vacant(slot)),
        };
        let version = self.history(slots, place).next_version();
        Operation { place, kind, version }
    }

    /// A document of this writer that is there: a seeded one or one that it brought.
    fn existing(&mut self, slots: &Slots, slot: usize) -> Option<Place> {
        if self.random.one_in(2) {
            for _ in 0..SEEDED_TRIES {
                let share = slots.share(slot);
                let near = share.first + self.random.below(share.count);
                let number = near - near % self.writers + self.writer;
                let place = Place { slot, number };
                // Outside of the slot's seeded numbers there is nothing.
                if self.history(slots, place).must_be_there() {
                    return Some(place);
                }
            }
        }
        let own = self.own.get(&slot)?;
        let position = self.random.below(u64::try_from(own.len()).unwrap_or(0));
        let number = *own.get(usize::try_from(position).unwrap_or(0))?;
        Some(Place { slot, number })
    }

    /// A document of this writer that is not there: a new one or one that it deleted.
    fn vacant(&mut self, slot: usize) -> Place {
        if self.random.one_in(RECREATED_ONE_IN)
            && let Some(deleted) = self.deleted.get_mut(&slot)
            && let Some(number) = take(&mut self.random, deleted)
        {
            return Place { slot, number };
        }
        let number = TRAFFIC_FIRST - TRAFFIC_FIRST % self.writers
            + (self.brought + 1) * self.writers
            + self.writer;
        self.brought += 1;
        Place { slot, number }
    }

    fn history(&self, slots: &Slots, place: Place) -> History {
        self.histories.get(&place).cloned().unwrap_or_else(|| slots.seeded(place))
    }

    fn history_mut(&mut self, slots: &Slots, place: Place) -> &mut History {
        self.histories.entry(place).or_insert_with(|| slots.seeded(place))
    }

    /// Whether the document is there; `None` while that is not certain.
    pub(super) fn is_there(&self, slots: &Slots, place: Place) -> Option<bool> {
        self.history(slots, place).is_there()
    }

    /// The answer to a write was lost, or may have been.
    pub(super) fn suppose(&mut self, slots: &Slots, place: Place, state: State) {
        self.history_mut(slots, place).suppose(state);
    }

    /// A write was acknowledged.
    pub(super) fn acknowledge(&mut self, slots: &Slots, operation: Operation, state: State) {
        let Operation { place, kind, version: _ } = operation;
        self.history_mut(slots, place).acknowledge(state);
        match kind {
            Kind::Insert if place.number >= TRAFFIC_FIRST => {
                self.own.entry(place.slot).or_default().push(place.number);
            }
            Kind::Insert | Kind::Update => {}
            Kind::Delete => {
                if let Some(own) = self.own.get_mut(&place.slot)
                    && place.number >= TRAFFIC_FIRST
                {
                    own.retain(|number| *number != place.number);
                }
                self.deleted.entry(place.slot).or_default().push(place.number);
            }
        }
    }

    /// An answer said what can't be.
    pub(super) fn surprise(&mut self, text: String) {
        self.surprise_count += 1;
        if self.surprises.len() < SURPRISES_KEPT {
            self.surprises.push(text);
        }
    }
}

/// Takes one of the numbers.
fn take(random: &mut Random, numbers: &mut Vec<u64>) -> Option<u64> {
    let position = random.below(u64::try_from(numbers.len()).unwrap_or(0));
    let position = usize::try_from(position).unwrap_or(0);
    (position < numbers.len()).then(|| numbers.swap_remove(position))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{application::Release, seed::SeedOptions};

    const WRITERS: u64 = 3;

    fn slots() -> Slots {
        Slots::new(&SeedOptions { tenants: 2, documents: 2000, seed: 1 }, 2)
    }

    /// Draws and acknowledges; gives what was drawn.
    fn played(slots: &Slots, book: &mut Book, batches: usize) -> Vec<Operation> {
        let mut all = Vec::new();
        for _ in 0..batches {
            let operations = book.draw(slots, 30);
            for operation in &operations {
                let there = book.is_there(slots, operation.place);
                assert_eq!(there, Some(operation.kind != Kind::Insert), "{operation:?}");
                book.acknowledge(slots, *operation, operation.state(Release::V1_0));
            }
            all.extend(operations);
        }
        all
    }

    #[test]
    fn the_mix_is_as_promised_and_every_kind_of_document_is_in_it() {
        let slots = slots();
        let mut book = Book::new(1, 0, WRITERS);
        let drawn = played(&slots, &mut book, 100);
        assert_eq!(drawn.len(), 3000);
        let count = |test: &dyn Fn(&Operation) -> bool| {
            drawn.iter().filter(|operation| test(operation)).count()
        };
        let share = |kind: Kind| count(&|operation| operation.kind == kind);
        assert!((1100..1700).contains(&share(Kind::Insert)), "{}", share(Kind::Insert));
        assert!((900..1400).contains(&share(Kind::Update)), "{}", share(Kind::Update));
        assert!((400..800).contains(&share(Kind::Delete)), "{}", share(Kind::Delete));
        let seeded = |operation: &Operation| operation.place.number < TRAFFIC_FIRST;
        for kind in [Kind::Insert, Kind::Update, Kind::Delete] {
            assert!(count(&|at| at.kind == kind && seeded(at)) > 5, "{kind:?} of seeded ones");
            assert!(count(&|at| at.kind == kind && !seeded(at)) > 5, "{kind:?} of own ones");
        }
        assert!(count(&|at| at.kind == Kind::Insert && at.version > 0 && !seeded(at)) > 5);
    }

    #[test]
    fn the_same_seed_draws_the_same_and_no_two_writers_touch_one_document() {
        let slots = slots();
        let books = || (0..WRITERS).map(|writer| Book::new(7, writer, WRITERS));
        let drawn: Vec<_> = books().map(|mut book| played(&slots, &mut book, 30)).collect();
        let again: Vec<_> = books().map(|mut book| played(&slots, &mut book, 30)).collect();
        assert_eq!(drawn, again);
        let places: Vec<BTreeSet<Place>> =
            drawn.iter().map(|drawn| drawn.iter().map(|at| at.place).collect()).collect();
        for (one, others) in places
            .iter()
            .zip(1..)
            .flat_map(|(one, next)| places.iter().skip(next).map(move |other| (one, other)))
        {
            assert!(one.is_disjoint(others));
        }
    }

    #[test]
    fn a_batch_touches_a_document_once() {
        let slots = Slots::new(&SeedOptions { tenants: 1, documents: 20, seed: 1 }, 1);
        let mut book = Book::new(1, 0, 1);
        for _ in 0..50 {
            let operations = book.draw(&slots, 50);
            let places: BTreeSet<Place> = operations.iter().map(|at| at.place).collect();
            assert_eq!(places.len(), operations.len());
            for operation in operations {
                book.acknowledge(&slots, operation, operation.state(Release::V2_0));
            }
        }
    }
}
