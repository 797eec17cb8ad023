//! Executing: what a request does once it is its turn, and what it answers.

use std::collections::BTreeSet;

use super::{
    cluster::{Lock, hit},
    history::Trace,
    invariants,
    journal::{Key, Record},
    request::{Aim, Answer, IndexName, Place, Request},
    rules::{Change, Gap},
    shape::{Id, Letter, Set, Step},
    shard::{Copy, Item},
    world::{Pending, Sender, World, Written},
};

impl World {
    /// The lease number of a sender.
    fn number(&self, sender: Sender) -> Option<u64> {
        match sender {
            Sender::Process(slot) => Some(self.processes[slot].number),
            Sender::Writer(_) => None,
        }
    }

    fn may_have_slept(&self, sender: Sender) -> bool {
        match sender {
            Sender::Process(slot) => self.unsure.contains(&slot),
            Sender::Writer(_) => false,
        }
    }

    /// Whether a request comes too late to be let through, by what the protocol relies on; see [`Gap`].
    fn is_too_late(&self, pending: &Pending) -> bool {
        let Some(number) = self.number(pending.sender) else { return false };
        let is_stray = pending.is_abandoned || number < self.journal.lease();
        match &pending.request {
            Request::Bulk { index, .. } if self.shape.is_spread => {
                let is_over = number < self.silent_before
                    || self.cluster.live() == Set::New
                    || self.cluster.is_blocked(index.0.other());
                let is_first = !pending.is_repeat;
                is_stray && is_first && is_over && !self.rules.has(Gap::CopiesAfterFence)
            }
            Request::Bulk { index, .. } => {
                let is_over =
                    self.cluster.live() == index.0 || self.cluster.is_blocked(index.0.other());
                let is_first = !pending.is_repeat;
                is_stray && is_first && is_over && !self.rules.has(Gap::CopiesAfterFence)
            }
            Request::Block(_)
            | Request::Unblock(_)
            | Request::MoveAliases { .. }
            | Request::CreateIndex(_)
            | Request::UnblockCloned(_)
            | Request::DropIndex(_) => is_stray && !self.rules.has(Gap::BlocksAfterLease),
            // Who died may have sent it: whoever comes next waits until it can't arrive any more.
            Request::BlockToClone(_) | Request::Clone(_) => {
                number < self.silent_before || pending.is_left
            }
            Request::Guard(_) | Request::OpenToAll(_) | Request::BlockAgain(_) => {
                // Who may have slept sends it after its lease ended: nothing holds that off.
                let may_be_late = !pending.is_abandoned && self.may_have_slept(pending.sender);
                is_stray && !may_be_late && !self.rules.has(Gap::BlocksAfterLease)
            }
            _other => false,
        }
    }

    /// Executes a request that was sent. Gives its answer, and the operations that have to be on every copy before.
    pub(crate) fn execute(&mut self, at: usize) -> (Answer, Vec<Written>) {
        let pending = self.pending[at].clone();
        if self.is_too_late(&pending) {
            return (Answer::Forbidden, Vec::new());
        }
        self.note_effect(&pending);
        let done = |answer| (answer, Vec::new());
        match pending.request {
            Request::WriteJournal { key, expected, record } => {
                done(self.write_journal(pending.sender, (key, expected), &record))
            }
            Request::CreateIndex(name) => {
                self.cluster.create(name);
                done(Answer::Done)
            }
            Request::DropIndex(name) => {
                self.cluster.indices.remove(&name);
                done(Answer::Done)
            }
            Request::Refresh(names) => {
                for name in names {
                    self.cluster.refresh(name);
                }
                done(Answer::Done)
            }
            Request::Bulk { index, items } => self.bulk(index, &items),
            Request::Block(set) => self.block(set),
            Request::Unblock(set) => {
                self.cluster.lock_set(set, Lock::Open);
                done(Answer::Done)
            }
            Request::BlockToClone(position) => self.block_names(&[(Set::Old, position)]),
            Request::UnblockCloned(positions) => {
                let names: Vec<_> = positions.into_iter().map(|at| (Set::Old, at)).collect();
                self.cluster.lock(&names, Lock::Open);
                done(Answer::Done)
            }
            Request::Clone(position) => {
                let is_made = self.cluster.clone_index(position);
                done(if is_made { Answer::Done } else { Answer::Conflict })
            }
            Request::Guard(names) => done(self.guard(&names)),
            Request::OpenToAll(names) => {
                self.cluster.lock(&names, Lock::Open);
                done(Answer::Done)
            }
            Request::BlockAgain(names) => {
                self.cluster.lock(&names, Lock::Blocked);
                done(Answer::Done)
            }
            Request::MoveAliases { from, positions } => done(self.move_aliases(from, &positions)),
            Request::Write { position, item, aim } => self.write(position, item, aim),
            Request::Nap => done(Answer::Done),
            Request::Silence => {
                let number = self.number(pending.sender).unwrap_or_default();
                if number == self.journal.lease() {
                    self.silent_before = number;
                }
                done(Answer::Done)
            }
            looking => done(self.look(looking)),
        }
    }

    /// Answers what changes nothing.
    fn look(&mut self, request: Request) -> Answer {
        match request {
            Request::ReadJournal(key) => Answer::Record(self.journal.read(key).cloned()),
            Request::Positions(set) => Answer::Positions(self.cluster.positions(set)),
            Request::Window { place, first, last } => {
                let copy = self.copy();
                Answer::Hits(self.cluster.window(place, (first, last), copy))
            }
            Request::Documents { index, ids } => {
                let mut hits = Vec::new();
                for id in ids {
                    let copy = self.copy();
                    let shard = self.cluster.shard(self.cluster.place(index, id));
                    let seen = shard.and_then(|shard| shard.seen(copy).get(&id));
                    hits.extend(seen.map(|entry| hit(id, entry)));
                }
                Answer::Hits(hits)
            }
            Request::Count((set, position)) => {
                let mut count = 0;
                for shard in 0..self.shape.indices[position].shards(set) {
                    let copy = self.copy();
                    let shard = self.cluster.shard((set, position, shard));
                    count += shard.map_or(0, |shard| shard.seen(copy).len());
                }
                Answer::Count(count)
            }
            Request::Holders { position, ids } => {
                let letters = self.letters(position);
                let held = letters.iter().filter(|(_, letter)| ids.contains(&letter.id));
                let holders: BTreeSet<_> = held.map(|(envelope, _)| *envelope).collect();
                Answer::Count(holders.len())
            }
            Request::Addressed(position) => Answer::Count(self.letters(position).len()),
            Request::Aliases => Answer::Aliases(self.cluster.aliases.clone()),
            other => panic!("it changes something: {other:?}"),
        }
    }

    /// Whoever changes anything acts, and later drivers come after him.
    fn note_effect(&mut self, pending: &Pending) {
        let acts = matches!(
            pending.request,
            Request::Bulk { .. }
                | Request::Block(_)
                | Request::Unblock(_)
                | Request::Guard(_)
                | Request::OpenToAll(_)
                | Request::BlockAgain(_)
                | Request::MoveAliases { .. }
                | Request::CreateIndex(_)
                | Request::BlockToClone(_)
                | Request::UnblockCloned(_)
                | Request::Clone(_)
                | Request::DropIndex(_)
        );
        if acts && let Some(number) = self.number(pending.sender) {
            self.acted = self.acted.max(number);
        }
    }

    /// What envelopes hold for the index of a position, as searches see them.
    fn letters(&mut self, position: usize) -> Vec<((usize, Id), Letter)> {
        let Self { cluster, random, .. } = self;
        cluster.letters(position, || random.pick(&[Copy::Primary, Copy::Replica]))
    }

    fn copy(&mut self) -> Copy {
        self.random.pick(&[Copy::Primary, Copy::Replica])
    }

    fn write_journal(
        &mut self,
        sender: Sender,
        (key, expected): (Key, Option<u64>),
        record: &Record,
    ) -> Answer {
        let expected = if self.rules.is(Change::NoCompareAndSwap) {
            self.journal.read(key).map(|kept| kept.version)
        } else {
            expected
        };
        let before = self.journal.state().cloned();
        let Some(version) = self.journal.write(key, expected, record.clone()) else {
            return Answer::Conflict;
        };
        match record {
            Record::Run { state, driver } => {
                self.check(invariants::only_one_driver_moves_the_run(self, *driver));
                self.check(invariants::state_is_true(self, state));
                // A driver that takes over writes the state that it found: the alarm was raised before.
                if before.as_ref() != Some(state) {
                    self.check(invariants::alarm_is_true(self, state));
                }
                self.tell(|| format!("        the run is {state} by {driver}"));
            }
            Record::Marks(marks) => {
                let Key::Marks(to) = key else { panic!("marks under {key:?}") };
                self.check(invariants::marks_are_true(self, to, marks));
            }
            Record::Lease { number, .. } => {
                if let Sender::Process(slot) = sender {
                    self.processes[slot].number = *number;
                }
            }
            Record::Flow { stuck: Some(problem), .. } => {
                self.check(invariants::has_cause(self, problem));
            }
            Record::Round { .. }
            | Record::Tasks(_)
            | Record::Clones { .. }
            | Record::Delivery(_)
            | Record::Fence { .. }
            | Record::Flow { stuck: None, .. } => {}
        }
        Answer::Written(version)
    }

    fn bulk(&mut self, index: (Set, usize), items: &[Item]) -> (Answer, Vec<Written>) {
        if matches!(self.cluster.lock_of(index), None | Some(Lock::Blocked)) {
            return (Answer::Forbidden, Vec::new());
        }
        let mut operations = Vec::new();
        for item in items {
            let place = self.cluster.place(index, item.id);
            operations.extend(self.apply(place, *item, None));
        }
        if index.0 == Set::Old && !operations.is_empty() {
            self.check(invariants::old_set_rests(self, false));
        }
        (Answer::Done, operations)
    }

    fn apply(&mut self, place: Place, item: Item, trace: Option<Trace>) -> Option<Written> {
        self.is_changed = true;
        self.serial += 1;
        let serial = self.serial;
        let number = self.cluster.shard_mut(place)?.write(item, serial, trace)?;
        Some(Written { place, number, serial, trace })
    }

    /// The block is answered when no write is under way any more; unless it was set already, then at once.
    fn block(&mut self, set: Set) -> (Answer, Vec<Written>) {
        let names: Vec<_> = (0..self.shape.indices.len()).map(|at| (set, at)).collect();
        self.block_names(&names)
    }

    fn block_names(&mut self, names: &[IndexName]) -> (Answer, Vec<Written>) {
        let changed: BTreeSet<_> = self.cluster.lock(names, Lock::Blocked).into_iter().collect();
        // Whoever resolved an alias before comes to a blocked index, and looks once more.
        for pending in &mut self.pending {
            if let Request::Write { position, aim, .. } = &mut pending.request
                && let Aim::Resolved(set) = *aim
                && names.contains(&(set, *position))
            {
                *aim = Aim::Alias;
            }
        }
        let mut operations = Vec::new();
        for (place, shard) in self.cluster.places() {
            if changed.contains(&(place.0, place.1)) {
                let under_way = shard.unreplicated().into_iter();
                operations.extend(under_way.map(|(number, serial)| Written {
                    place,
                    number,
                    serial,
                    trace: None,
                }));
            }
        }
        (Answer::Done, operations)
    }

    fn guard(&mut self, names: &[IndexName]) -> Answer {
        self.cluster.lock(names, Lock::Guarded);
        self.check(invariants::guard_is_told(self));
        Answer::Done
    }

    fn move_aliases(&mut self, from: Set, positions: &[usize]) -> Answer {
        self.is_changed = true;
        if !self.cluster.move_aliases(from, positions) {
            return Answer::Conflict;
        }
        self.tell(|| format!("        aliases of {positions:?} leave the {from:?} set"));
        if self.shape.is_spread {
            self.check(invariants::all_is_delivered(self));
            self.delivered = Some(invariants::what_is_delivered(self));
        } else {
            self.check(invariants::sets_are_equal(self, from));
        }
        Answer::Done
    }

    /// The set that a write is for.
    fn aimed_at(&self, position: usize, aim: Aim) -> Set {
        match aim {
            Aim::Alias => self.cluster.aliases[position],
            Aim::Resolved(set) | Aim::Index(set) => set,
        }
    }

    /// Whether a request is a write that is kept waiting by a guard.
    pub(crate) fn is_kept_out(&self, request: &Request) -> bool {
        let Request::Write { position, aim, .. } = request else { return false };
        let set = self.aimed_at(*position, *aim);
        self.cluster.lock_of((set, *position)) == Some(Lock::Guarded)
    }

    fn write(&mut self, position: usize, item: Item, aim: Aim) -> (Answer, Vec<Written>) {
        let set = self.aimed_at(position, aim);
        // Whoever meets a guard is not executed before it is gone.
        if self.cluster.lock_of((set, position)) != Some(Lock::Open) {
            return (Answer::Forbidden, Vec::new());
        }
        if set == Set::Old {
            self.check(invariants::old_set_rests(self, true));
        } else if self.shape.is_spread {
            // The next release writes other documents than the one before did: nothing is carried there or back any more.
            return (Answer::Done, Vec::new());
        }
        let step: Step = self.shape.indices[position].step;
        let content = item.content.map(|content| step.form(set, content));
        let trace = self.history.next(position, item.id);
        self.history.executed(trace, item.content);
        let place = self.cluster.place((set, position), item.id);
        let written = self.apply(place, Item { content, ..item }, Some(trace));
        (Answer::Done, written.into_iter().collect())
    }
}
