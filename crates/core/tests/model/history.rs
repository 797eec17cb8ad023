//! What the application did, as it remembers it, and what it may therefore find.

use super::shape::{Content, Id};

/// Which write of the application an operation was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) position: usize,
    pub(crate) id: Id,
    pub(crate) place: usize,
}

/// What became of a write that was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Executed; nobody told the application.
    Unknown,
    /// The application was told.
    Acknowledged,
    /// Gone with a primary, before anybody was told.
    Lost,
}

/// A write that was executed, in the form of the old set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deed {
    pub(crate) content: Option<Content>,
    pub(crate) fate: Fate,
}

/// All writes of all documents, in the order in which they were executed.
#[derive(Debug)]
pub(crate) struct History {
    ids: usize,
    deeds: Vec<Vec<Deed>>,
}

impl History {
    pub(crate) fn new(positions: usize, ids: usize) -> Self {
        Self { ids, deeds: vec![Vec::new(); positions * ids] }
    }

    fn slot(&self, position: usize, id: Id) -> usize {
        position * self.ids + usize::from(id)
    }

    /// The place that the next write of a document will have.
    pub(crate) fn next(&self, position: usize, id: Id) -> Trace {
        Trace { position, id, place: self.deeds[self.slot(position, id)].len() }
    }

    pub(crate) fn executed(&mut self, trace: Trace, content: Option<Content>) {
        let slot = self.slot(trace.position, trace.id);
        self.deeds[slot].push(Deed { content, fate: Fate::Unknown });
    }

    pub(crate) fn settle(&mut self, trace: Trace, fate: Fate) {
        let slot = self.slot(trace.position, trace.id);
        self.deeds[slot][trace.place].fate = fate;
    }

    /// Whether a document may be found like this: as the last acknowledged write left it, or any later one whose outcome
    /// the application doesn't know.
    pub(crate) fn allows(&self, position: usize, id: Id, found: Option<Content>) -> bool {
        for deed in self.deeds[self.slot(position, id)].iter().rev() {
            match deed.fate {
                Fate::Unknown if deed.content == found => return true,
                Fate::Unknown | Fate::Lost => {}
                Fate::Acknowledged => return deed.content == found,
            }
        }
        found.is_none()
    }

    /// What a document may hold now: what was written last that the application was told of, or anything later.
    pub(crate) fn possible(&self, position: usize, id: Id) -> impl Iterator<Item = Content> {
        let deeds = self.deeds[self.slot(position, id)].iter().rev();
        let mut is_over = false;
        let until_told = deeds.take_while(move |deed| {
            let is_within = !is_over;
            is_over |= deed.fate == Fate::Acknowledged;
            is_within
        });
        until_told.filter(|deed| deed.fate != Fate::Lost).filter_map(|deed| deed.content)
    }

    /// Whether the last write that the application was told of deleted the document.
    pub(crate) fn is_deleted(&self, position: usize, id: Id) -> bool {
        let deeds = &self.deeds[self.slot(position, id)];
        let told = deeds.iter().rev().find(|deed| deed.fate == Fate::Acknowledged);
        told.is_none_or(|deed| deed.content.is_none())
    }
}
