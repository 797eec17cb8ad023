//! The world: the cluster, the journal, and the requests that are under way. What executing one does is not here, nor what
//! happens next.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cluster::Cluster,
    faults::Weather,
    history::{Fate, History, Trace},
    invariants::{self, Verdict, Violation},
    journal::{Journal, Key, Record},
    random::Random,
    request::{Answer, Outcome, Place, Request},
    rules::Rules,
    shape::{Content, Id, Kind, Set, Shape},
    shard::Shard,
};

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A driver's process.
    Process(usize),
    /// A writer of the application.
    Writer(usize),
}

/// Where a request is on its way.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    /// It may be executed at any time.
    Sent,
    /// It was executed, and waits until every copy has these operations.
    Executed { operations: Vec<Written>, answer: Answer },
}

/// An operation that a request made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) place: Place,
    pub(crate) number: i64,
    pub(crate) serial: u64,
    pub(crate) trace: Option<Trace>,
}

/// A request under way.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) ticket: u64,
    pub(crate) sender: Sender,
    pub(crate) request: Request,
    pub(crate) progress: Progress,
    /// The event from which on it may get on.
    pub(crate) wakes_at: usize,
    /// Nobody waits for its answer any more.
    pub(crate) is_abandoned: bool,
    /// Its sender didn't wait any longer.
    pub(crate) is_left: bool,
    /// It was answered once, and is delivered again.
    pub(crate) is_repeat: bool,
}

/// A driver's process.
#[derive(Debug, Default)]
pub(crate) struct Process {
    pub(crate) number: u64,
    pub(crate) is_alive: bool,
    /// It knows that somebody else took its lease.
    pub(crate) knows_lost: bool,
    pub(crate) has_time_limit: bool,
    /// The event from which on it does anything again.
    pub(crate) sleeps_until: usize,
}

/// What is to happen in some histories, or they would show nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// A pass carried something back after the switch.
    Flowed,
    /// It found a document that can't go back.
    FlowRejected,
    /// A writer who missed the switch met a guard.
    KeptOut,
    /// Somebody blocked again what a worker had left open.
    LeftOpen,
    /// An index began as a clone.
    Cloned,
    /// A clone couldn't be relied on, and was dropped.
    CloneDropped,
    /// A document was delivered anew, above whatever is there.
    DeliveredAnew,
    /// What no envelope holds any more was deleted.
    StrayDeleted,
    /// Two documents became one.
    Clashed,
}

/// In a thousand histories, in how many documents don't come one to one.
const SPREAD: usize = 350;

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) rules: Rules,
    pub(crate) shape: Shape,
    pub(crate) cluster: Cluster,
    pub(crate) journal: Journal,
    pub(crate) history: History,
    pub(crate) pending: Vec<Pending>,
    pub(crate) processes: Vec<Process>,
    pub(crate) answers: BTreeMap<u64, Outcome>,
    pub(crate) violation: Option<Violation>,
    /// The highest lease number under which anything was done.
    pub(crate) acted: u64,
    pub(crate) had_poison: bool,
    pub(crate) sights: BTreeSet<Sight>,
    /// Processes that worked for long since they last saw that they have the lease.
    pub(crate) unsure: BTreeSet<usize>,
    /// Processes before which somebody had the lease who may still have something under way.
    pub(crate) after_dead: BTreeSet<usize>,
    pub(crate) is_held: bool,
    /// The number of the event.
    pub(crate) now: usize,
    /// Nothing arrives any more that was sent under an earlier lease than this.
    pub(crate) silent_before: u64,
    /// What was delivered when the aliases moved, by index and id: it stays so.
    pub(crate) delivered: Option<BTreeMap<(usize, Id), Content>>,
    /// In a thousand requests, how many take their time.
    pub(crate) slow_requests: usize,
    /// Whether anything changed since the invariants were asked.
    pub(super) is_changed: bool,
    pub(crate) log: Option<Vec<String>>,
    ticket: u64,
    pub(super) serial: u64,
}

impl World {
    pub(crate) fn new(
        mut random: Random,
        (rules, weather): (Rules, Weather),
        is_told: bool,
    ) -> Self {
        let is_large = weather == Weather::Mixed;
        let kind = rules
            .kind
            .unwrap_or_else(|| if random.chance(SPREAD) { Kind::Spread } else { Kind::OneToOne });
        let shape = Shape::choose(is_large, kind, &mut random);
        Self {
            cluster: Cluster::new(&shape),
            history: History::new(shape.indices.len(), shape.ids),
            random,
            rules,
            shape,
            journal: Journal::default(),
            pending: Vec::new(),
            processes: Vec::new(),
            answers: BTreeMap::new(),
            violation: None,
            acted: 0,
            had_poison: false,
            sights: BTreeSet::new(),
            unsure: BTreeSet::new(),
            after_dead: BTreeSet::new(),
            is_held: false,
            now: 0,
            slow_requests: 0,
            silent_before: 0,
            delivered: None,
            is_changed: false,
            log: is_told.then(Vec::new),
            ticket: 0,
            serial: 0,
        }
    }

    /// Notes what happened, if anybody will read it.
    pub(crate) fn tell(&mut self, story: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(story());
        }
    }

    /// Keeps the first violation.
    pub(crate) fn check(&mut self, verdict: Verdict) {
        if let Err(violation) = verdict {
            self.violation.get_or_insert(violation);
        }
    }

    /// Notes what a request came to.
    pub(crate) fn tell_of(&mut self, at: usize, answer: &Answer) {
        if self.log.is_some() {
            let Pending { sender, request, is_abandoned, is_repeat, .. } = &self.pending[at];
            let late = if *is_repeat {
                " (again)"
            } else if *is_abandoned {
                " (late)"
            } else {
                ""
            };
            let story = format!("{sender:?}{late}: {request:?} -> {answer:?}");
            self.tell(|| story);
        }
    }

    pub(crate) fn send(&mut self, sender: Sender, request: Request) -> u64 {
        self.ticket += 1;
        let ticket = self.ticket;
        let progress = Progress::Sent;
        let is_slow = self.random.chance(self.slow_requests);
        let nap = if is_slow { self.random.between(10, 90) } else { 0 };
        let wakes_at = self.now.saturating_add(nap);
        let (is_abandoned, is_left, is_repeat) = (false, false, false);
        self.pending.push(Pending {
            ticket,
            sender,
            request,
            progress,
            wakes_at,
            is_abandoned,
            is_left,
            is_repeat,
        });
        ticket
    }

    /// What versions begin with that are carried into a set.
    pub(crate) fn bases(&self, to: Set) -> Option<Vec<u64>> {
        match (to, self.journal.read(Key::Fence).map(|kept| &kept.record)) {
            (Set::New, _) => Some(vec![1; self.shape.indices.len()]),
            (Set::Old, Some(Record::Fence { bases, .. })) => Some(bases.clone()),
            (Set::Old | Set::Envelopes, _) => None,
        }
    }

    /// The first number of a shard that is carried into a set.
    pub(crate) fn first_number(&self, to: Set, key: (usize, usize)) -> i64 {
        match (to, self.journal.read(Key::Fence).map(|kept| &kept.record)) {
            (Set::Old, Some(Record::Fence { begin, .. })) => {
                begin.get(&key).map_or(0, |mark| mark.covered + 1)
            }
            _other => 0,
        }
    }

    /// Brings an operation to the copy of its shard.
    pub(crate) fn replicate(&mut self, place: Place, number: i64) {
        let learns = self.random.chance(750);
        if let Some(shard) = self.cluster.shard_mut(place) {
            shard.replicate(number);
            if learns {
                shard.learn_checkpoint();
            }
        }
    }

    /// The primary learns what its copy has, as it does before anybody is told of a write.
    pub(crate) fn learn(&mut self, place: Place) {
        if let Some(shard) = self.cluster.shard_mut(place) {
            shard.learn_checkpoint();
        }
    }

    /// The primary of a shard dies, and its copy goes on.
    pub(crate) fn fail_over(&mut self, place: Place) {
        self.is_changed = true;
        let lost = self.cluster.shard_mut(place).map(Shard::fail_over);
        for trace in lost.into_iter().flatten() {
            self.history.settle(trace, Fate::Lost);
        }
    }

    /// Checks what has to hold at every moment.
    pub(crate) fn check_now(&mut self) {
        if std::mem::take(&mut self.is_changed) && self.violation.is_none() {
            self.check(invariants::tenants_are_together(self));
            self.check(invariants::delivered_stays(self));
            let verdict = invariants::live_set_is_what_was_written(self, &self.history);
            self.check(verdict);
        }
    }
}
