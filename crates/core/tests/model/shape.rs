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
    /// Envelopes, between both: documents that don't come one to one are delivered from there.
    Envelopes,
}

impl Set {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New | Self::Envelopes => Self::Old,
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
    /// Documents are dropped, split, re-keyed and sent elsewhere, as their content says.
    Spread,
}

/// Contents are multiples of this, plus what they become, plus one for poison.
const SPACING: Content = 64;
/// Ids that documents are given which don't come one to one.
pub(crate) const MADE_IDS: u8 = 3;

/// The content of a write, in the form of the old set.
pub(crate) fn content(serial: u64, is_poison: bool) -> Content {
    serial * SPACING + u64::from(is_poison)
}

/// Whether a picky step rejects this content, in the form of the old set.
pub(crate) fn is_poison(content: Content) -> bool {
    content % 2 == 1
}

/// What a document becomes that doesn't come one to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spreading {
    /// One bit for each id that it becomes a document with.
    pub(crate) ids: u8,
    /// Whether they go to the tenant's first index.
    pub(crate) is_sent: bool,
}

impl Spreading {
    /// A content that becomes this.
    pub(crate) fn with(self, content: Content) -> Content {
        content + 2 * u64::from(self.ids) + 16 * u64::from(self.is_sent)
    }

    /// The same content, but that becomes this.
    pub(crate) fn instead_of(self, content: Content) -> Content {
        self.with(content / SPACING * SPACING + content % 2)
    }

    fn of(content: Content) -> Self {
        let bits = content % SPACING;
        let ids = u8::try_from((bits / 2) % (1 << MADE_IDS)).expect("there are few ids");
        Self { ids, is_sent: bits / 16 == 1 }
    }
}

/// A document that was made of another one: where it goes, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) position: usize,
    pub(crate) id: Id,
    pub(crate) content: Content,
}

impl Step {
    /// How the application writes a content into a set.
    pub(crate) fn form(self, set: Set, content: Content) -> Content {
        match (self, set) {
            (Self::Same | Self::Spread, _) | (_, Set::Old) => content,
            (Self::Double | Self::Picky, Set::New | Set::Envelopes) => content * 2,
        }
    }

    /// What the step, or its inverse, makes of a content; `None` when it rejects it.
    pub(crate) fn apply(self, to: Set, content: Content) -> Option<Content> {
        let (old, made) = match (self, to) {
            (Self::Same | Self::Spread, _) => (content, content),
            (Self::Double | Self::Picky, Set::New | Set::Envelopes) => (content, content * 2),
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
    /// Whether it begins as a clone.
    pub(crate) is_cloned: bool,
}

impl IndexShape {
    fn choose(random: &mut Random) -> Self {
        let step = random.pick(&[Step::Same, Step::Double, Step::Picky]);
        let old_shards = random.between(1, 2);
        let is_cloned = step == Step::Same && random.chance(600);
        let new_shards = if is_cloned { old_shards } else { random.between(1, 2) };
        Self { step, old_shards, new_shards, is_cloned }
    }

    fn cloned(random: &mut Random) -> Self {
        let shards = random.between(1, 2);
        Self { step: Step::Same, old_shards: shards, new_shards: shards, is_cloned: true }
    }

    fn spread(random: &mut Random) -> Self {
        let (old_shards, new_shards) = (random.between(1, 2), random.between(1, 2));
        Self { step: Step::Spread, old_shards, new_shards, is_cloned: false }
    }

    pub(crate) fn shards(&self, set: Set) -> usize {
        match set {
            Set::Old => self.old_shards,
            Set::New => self.new_shards,
            Set::Envelopes => 1,
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
    /// Whether documents don't come one to one: all of them, or none.
    pub(crate) is_spread: bool,
    /// Whether two documents may become one for a while.
    pub(crate) may_clash: bool,
}

/// How many tenants there are; each has the same indices.
const TENANTS: usize = 2;

impl Shape {
    /// A small one has few documents, so that much happens to each.
    pub(crate) fn choose(is_large: bool, kind: Kind, random: &mut Random) -> Self {
        let is_spread = matches!(kind, Kind::Spread | Kind::Clashing);
        let count = if is_large || is_spread { random.between(1, 2) } else { 1 };
        let logical: Vec<IndexShape> = (0..count)
            .map(|_| match kind {
                Kind::OneToOne => IndexShape::choose(random),
                Kind::Cloned => IndexShape::cloned(random),
                Kind::Spread | Kind::Clashing => IndexShape::spread(random),
            })
            .collect();
        let indices = (0..TENANTS).flat_map(|_| logical.iter().copied()).collect();
        let ids = if is_large { random.between(4, 8) } else { 3 };
        let may_clash = kind == Kind::Clashing || (is_spread && random.chance(400));
        Self { indices, ids, is_spread, may_clash }
    }

    /// The position that documents of a position go to which are sent.
    fn sent_to(&self, position: usize) -> usize {
        let of_tenant = self.indices.len() / TENANTS;
        position / of_tenant * of_tenant
    }

    /// The documents that one of a position becomes.
    pub(crate) fn letters(&self, position: usize, content: Content) -> Vec<Letter> {
        let Spreading { ids, is_sent } = Spreading::of(content);
        let position = if is_sent { self.sent_to(position) } else { position };
        let is_made = |id: &Id| ids & (1 << id) != 0;
        (0..MADE_IDS).filter(is_made).map(|id| Letter { position, id, content }).collect()
    }

    /// Positions whose documents may go to a position.
    pub(crate) fn logs_of(&self, position: usize) -> Vec<usize> {
        (0..self.indices.len())
            .filter(|from| *from == position || self.sent_to(*from) == position)
            .collect()
    }

    /// The set that documents of the old one are carried into.
    pub(crate) fn carried_into(&self) -> Set {
        if self.is_spread { Set::Envelopes } else { Set::New }
    }
}

/// Which kind of application a history is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Documents come one to one.
    OneToOne,
    /// They do, and every index begins as a clone.
    Cloned,
    /// They don't.
    Spread,
    /// They don't, and two of them may become one for a while.
    Clashing,
}

/// All kinds.
pub(crate) const KINDS: [Kind; 4] = [Kind::OneToOne, Kind::Cloned, Kind::Spread, Kind::Clashing];
