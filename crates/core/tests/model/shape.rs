//! What the modelled application looks like: tenants, indices, shards, and the step that each index takes.

use super::random::Random;

/// A document's id.
pub(crate) type Id = u8;

/// A document's content. Every write of the application has one of its own, so that contents tell writes apart.
pub(crate) type Content = u64;

/// Which of both sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Set {
    /// The one that is live when a run begins.
    Old,
    /// The one that the run makes.
    New,
}

impl Set {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

/// What happens to a document on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Same,
    /// Its content is doubled.
    Double,
    /// Its content is doubled, unless it is poison: that is rejected, both ways.
    Picky,
}

/// Contents are multiples of this, plus one for poison.
const SPACING: Content = 4;

/// The content of a write, in the form of the old set.
pub(crate) fn content(serial: u64, is_poison: bool) -> Content {
    serial * SPACING + u64::from(is_poison)
}

/// Whether a picky step rejects this content, in the form of the old set.
pub(crate) fn is_poison(content: Content) -> bool {
    content % SPACING == 1
}

impl Step {
    /// How the application writes a content into a set.
    pub(crate) fn form(self, set: Set, content: Content) -> Content {
        match (self, set) {
            (Self::Same, _) | (_, Set::Old) => content,
            (Self::Double | Self::Picky, Set::New) => content * 2,
        }
    }

    /// What the step, or its inverse, makes of a content; `None` when it rejects it.
    pub(crate) fn apply(self, to: Set, content: Content) -> Option<Content> {
        let (old, made) = match (self, to) {
            (Self::Same, _) => (content, content),
            (Self::Double | Self::Picky, Set::New) => (content, content * 2),
            (Self::Double | Self::Picky, Set::Old) => (content / 2, content / 2),
        };
        (self != Self::Picky || !is_poison(old)).then_some(made)
    }
}

/// One index of both sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexShape {
    pub(crate) step: Step,
    pub(crate) old_shards: usize,
    pub(crate) new_shards: usize,
}

impl IndexShape {
    pub(crate) fn shards(&self, set: Set) -> usize {
        match set {
            Set::Old => self.old_shards,
            Set::New => self.new_shards,
        }
    }
}

/// Everything that a seed chooses about the application.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Positions of a plan: the indices of the first tenant, then those of the second.
    pub(crate) indices: Vec<IndexShape>,
    /// Ids that are used in every index.
    pub(crate) ids: usize,
}

/// How many tenants there are; each has the same indices.
const TENANTS: usize = 2;

impl Shape {
    /// A small one has few documents, so that much happens to each.
    pub(crate) fn choose(is_large: bool, random: &mut Random) -> Self {
        let logical: Vec<IndexShape> = (0..if is_large { random.between(1, 2) } else { 1 })
            .map(|_| IndexShape {
                step: random.pick(&[Step::Same, Step::Double, Step::Picky]),
                old_shards: random.between(1, 2),
                new_shards: random.between(1, 2),
            })
            .collect();
        let indices = (0..TENANTS).flat_map(|_| logical.iter().copied()).collect();
        Self { indices, ids: if is_large { random.between(4, 8) } else { 3 } }
    }
}
