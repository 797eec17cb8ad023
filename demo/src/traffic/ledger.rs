//! Everything that was seeded and acknowledged.

use std::sync::Arc;

use crate::traffic::{
    TrafficOptions,
    book::Book,
    counts::TrafficCounts,
    history::History,
    place::{Place, Slots},
};

/// Everything that was seeded and acknowledged: what must be there, in which state, and what must not.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(super) options: TrafficOptions,
    pub(super) slots: Arc<Slots>,
    pub(super) books: Arc<Vec<Book>>,
    pub(super) counts: TrafficCounts,
    /// Some of the split observations in words.
    pub(super) splits: Vec<String>,
}

impl Ledger {
    /// What the writers did.
    pub fn counts(&self) -> TrafficCounts {
        self.counts
    }

    /// The histories of a slot's documents that were written to, of all writers.
    pub(super) fn histories(&self, slot: usize) -> impl Iterator<Item = (Place, &History)> {
        self.books.iter().flat_map(move |book| book.histories(slot))
    }

    /// What answers to writes said that can't be, one sentence each.
    pub(super) fn surprises(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for book in self.books.iter() {
            let (count, some) = book.surprises();
            sentences.extend_from_slice(some);
            let kept = u64::try_from(some.len()).unwrap_or(u64::MAX);
            if count > kept {
                sentences.push(format!("{} more answers of this kind", count - kept));
            }
        }
        sentences
    }
}
