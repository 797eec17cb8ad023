//! The application: writers that insert, update and delete through the aliases, or in the indices that they saw behind them
//! last; they retry what was refused, and remember what they were told.

use std::collections::BTreeSet;

use super::{
    history::{Fate, Trace},
    request::{Aim, Answer, Outcome, Request},
    shape::{self, Id, Set, Spreading, is_poison},
    shard::{Item, Versioning},
    world::{Sender, World},
};

/// A write that somebody wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) position: usize,
    item: Item,
}

/// One writer: one write at a time.
#[derive(Debug, Default)]
struct Writer {
    under_way: Option<(u64, Wish)>,
    /// Where it saw the aliases last, if it writes to the indices behind them: it looks anew only when it is refused.
    seen: Option<Vec<Set>>,
}

/// All writers.
#[derive(Debug)]
pub(crate) struct Application {
    writers: Vec<Writer>,
    /// Writes that were refused, or that an operator asks for.
    waiting: Vec<Wish>,
    /// Writes that are still to be made up.
    pub(crate) wishes_left: usize,
    serial: u64,
    /// How many in a thousand writes a picky step would reject.
    poison: usize,
    /// A document that gets most of the writes.
    hot: Option<(usize, Id)>,
}

/// Writes that are made up after the switch, at the most.
const WISHES_AFTER_SWITCH: usize = 16;
/// What documents become that don't come one to one: nothing, one or two.
const SPREADINGS: [u8; 6] = [0, 1, 2, 4, 3, 5];
/// How many writers there are.
const WRITERS: usize = 3;

impl Application {
    pub(crate) fn new(world: &mut World) -> Self {
        let poison = if world.random.chance(250) { 60 } else { 0 };
        let hot_id = Id::try_from(world.random.below(world.shape.ids)).expect("few ids");
        let hot = (world.random.below(world.shape.indices.len()), hot_id);
        let hot = world.random.chance(400).then_some(hot);
        let writers = (0..WRITERS)
            .map(|_| {
                let keeps = world.random.chance(350);
                Writer { under_way: None, seen: keeps.then(|| world.cluster.aliases.clone()) }
            })
            .collect();
        Self {
            hot,
            writers,
            waiting: Vec::new(),
            wishes_left: world.random.between(15, 60),
            serial: 0,
            poison,
        }
    }

    /// What is there before anything begins.
    pub(crate) fn fill(&mut self, world: &mut World) {
        for position in 0..world.shape.indices.len() {
            for _ in 0..world.random.below(7) {
                let wish = self.make_up(world, position);
                let item = wish.item;
                let trace = world.history.next(position, item.id);
                let (_, written) = {
                    let request = Request::Write { position, item, aim: Aim::Alias };
                    world.send(Sender::Writer(0), request);
                    let executed = world.execute(0);
                    world.pending.clear();
                    executed
                };
                for written in written {
                    world.replicate(written.place, written.number);
                    world.history.settle(trace, Fate::Acknowledged);
                }
            }
        }
    }

    /// Its life after the switch begins.
    pub(crate) fn go_on(&mut self, world: &mut World) {
        self.wishes_left += world.random.between(4, WISHES_AFTER_SWITCH);
        if world.random.chance(200) {
            self.poison = 150;
        }
    }

    fn make_up(&mut self, world: &mut World, position: usize) -> Wish {
        let id = Id::try_from(world.random.below(world.shape.ids)).expect("there are few ids");
        self.serial += 1;
        let is_poison = world.random.chance(self.poison);
        world.had_poison |= is_poison;
        let content = shape::content(self.serial, is_poison);
        let content = self.spreading(world, (position, id)).with(content);
        let content = (!world.random.chance(300)).then_some(content);
        Wish { position, item: Item { id, versioning: Versioning::Internal, content } }
    }

    /// What a document is to become where documents don't come one to one. Most applications see to it that no two documents
    /// become one.
    fn spreading(&self, world: &mut World, document: (usize, Id)) -> Spreading {
        let none = Spreading { ids: 0, is_sent: false };
        if !world.shape.is_spread {
            return none;
        }
        let ids = world.random.pick(&SPREADINGS);
        let wanted = Spreading { ids, is_sent: world.random.chance(400) };
        if world.shape.may_clash {
            return wanted;
        }
        let taken = self.taken(world, document);
        let letters = world.shape.letters(document.0, wanted.with(0));
        let free =
            letters.into_iter().filter(|letter| !taken.contains(&(letter.position, letter.id)));
        let ids = free.fold(0, |ids, letter| ids | (1 << letter.id));
        Spreading { ids, ..wanted }
    }

    /// Documents that any other document may have become, or may yet become by what is under way.
    fn taken(&self, world: &World, document: (usize, Id)) -> BTreeSet<(usize, Id)> {
        let mut contents = Vec::new();
        let ids = u8::try_from(world.shape.ids).expect("there are few ids");
        for position in 0..world.shape.indices.len() {
            for id in (0..ids).filter(|id| (position, *id) != document) {
                contents.extend(
                    world.history.possible(position, id).map(|content| (position, content)),
                );
            }
        }
        let under_way = self.writers.iter().filter_map(|writer| writer.under_way);
        let wishes = self.waiting.iter().copied().chain(under_way.map(|(_, wish)| wish));
        let late = world.pending.iter().filter_map(|pending| match &pending.request {
            Request::Write { position, item, .. } => Some((*position, *item)),
            _other => None,
        });
        for (position, item) in wishes.map(|wish| (wish.position, wish.item)).chain(late) {
            if (position, item.id) != document {
                contents.extend(item.content.map(|content| (position, content)));
            }
        }
        let letters =
            contents.into_iter().flat_map(|(at, content)| world.shape.letters(at, content));
        letters.map(|letter| (letter.position, letter.id)).collect()
    }

    /// One of two documents that become one is to be deleted. Gives how many.
    fn mend_clashes(&mut self, world: &World) -> usize {
        let mut made = BTreeSet::new();
        let mut count = 0;
        for ((set, position, _), shard) in world.cluster.places() {
            if set != Set::Old {
                continue;
            }
            for (id, entry) in shard.entries() {
                let Some(content) = entry.content else { continue };
                let letters = world.shape.letters(position, content);
                if letters.iter().all(|letter| made.insert((letter.position, letter.id)))
                    || self.is_waiting(position, *id)
                {
                    continue;
                }
                count += 1;
                let item = Item { id: *id, versioning: Versioning::Internal, content: None };
                self.waiting.push(Wish { position, item });
            }
        }
        count
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.writers.iter().all(|writer| writer.under_way.is_none())
    }

    /// Whether somebody could write something now.
    pub(crate) fn can_write(&self) -> bool {
        let has_wish = self.wishes_left > 0 || !self.waiting.is_empty();
        has_wish && self.writers.iter().any(|writer| writer.under_way.is_none())
    }

    /// Somebody sends a write.
    pub(crate) fn write(&mut self, world: &mut World) {
        let Some(writer) = self.writers.iter().position(|writer| writer.under_way.is_none()) else {
            return;
        };
        let wish = if self.waiting.is_empty() || (self.wishes_left > 0 && world.random.chance(500))
        {
            self.wishes_left = self.wishes_left.saturating_sub(1);
            let position = world.random.below(world.shape.indices.len());
            match self.hot {
                Some((position, id)) if world.random.chance(700) => {
                    let Wish { item, .. } = self.make_up(world, position);
                    let spreading = self.spreading(world, (position, id));
                    let content = item.content.map(|content| spreading.instead_of(content));
                    Wish { position, item: Item { id, content, ..item } }
                }
                _other => self.make_up(world, position),
            }
        } else {
            self.waiting.remove(0)
        };
        let Wish { position, item } = wish;
        let aim = match &self.writers[writer].seen {
            Some(seen) => Aim::Index(seen[position]),
            None => Self::aim_at_alias(world, position),
        };
        let request = Request::Write { position, item, aim };
        let ticket = world.send(Sender::Writer(writer), request);
        self.writers[writer].under_way = Some((ticket, wish));
    }

    /// Whoever finds an index blocked is refused at once; else the alias may move before he is there.
    fn aim_at_alias(world: &mut World, position: usize) -> Aim {
        let set = world.cluster.aliases[position];
        let may_resolve = world.random.chance(300) && world.cluster.is_writable(set);
        if may_resolve { Aim::Resolved(set) } else { Aim::Alias }
    }

    /// Takes in what was answered.
    pub(crate) fn listen(&mut self, world: &mut World) {
        for writer in &mut self.writers {
            let Some((ticket, wish)) = writer.under_way else { continue };
            let Some(outcome) = world.answers.remove(&ticket) else { continue };
            writer.under_way = None;
            match outcome {
                Outcome::Answered(Answer::Forbidden) | Outcome::Refused => {
                    if let Some(seen) = &mut writer.seen {
                        seen.clone_from(&world.cluster.aliases);
                    }
                    self.waiting.push(wish);
                }
                Outcome::Answered(_done) => {}
                // It may have happened: the application goes on, and remembers that it doesn't know.
                Outcome::Unknown | Outcome::TimeOver => {}
            }
        }
    }

    /// An operator mends what a picky step would reject. Gives how many documents there were.
    pub(crate) fn mend(&mut self, world: &World) -> usize {
        self.poison = 0;
        let mut count = if world.shape.may_clash { self.mend_clashes(world) } else { 0 };
        for (place, shard) in world.cluster.places() {
            let (set, position, _) = place;
            let step = world.shape.indices[position].step;
            if set != world.cluster.aliases[position] {
                continue;
            }
            for (id, entry) in shard.entries() {
                let Some(content) = entry.content else { continue };
                if step.apply(set.other(), content).is_some() || self.is_waiting(position, *id) {
                    continue;
                }
                count += 1;
                self.serial += 1;
                let content = Some(shape::content(self.serial, false));
                let item = Item { id: *id, versioning: Versioning::Internal, content };
                self.waiting.push(Wish { position, item });
            }
        }
        self.waiting.retain(|wish| !wish.item.content.is_some_and(is_poison));
        count
    }

    fn is_waiting(&self, position: usize, id: Id) -> bool {
        let same = |wish: &Wish| wish.position == position && wish.item.id == id;
        let under_way = self.writers.iter().filter_map(|writer| writer.under_way);
        self.waiting.iter().any(same) || under_way.into_iter().any(|(_, wish)| same(&wish))
    }

    /// Somebody was told that a write was done.
    pub(crate) fn acknowledge(world: &mut World, traces: impl IntoIterator<Item = Trace>) {
        for trace in traces {
            world.history.settle(trace, Fate::Acknowledged);
        }
    }
}
