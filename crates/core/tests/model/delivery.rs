//! What becomes of requests on their way: they are executed, answered, refused, late, or lost.

use super::{
    application::Application,
    history::Trace,
    request::{Answer, Outcome, Request},
    run::Loop,
    world::{Pending, Progress, Sender, Sight, World},
};

/// In a thousand deliveries of a write that a guard keeps out, how often its time is over.
const KEPT_OUT_ENDS: usize = 50;

impl Loop {
    /// A request that is under way gets on: it is executed, or answered.
    pub(super) fn deliver(&mut self) {
        let answered = {
            let mut world = self.world.borrow_mut();
            let count = world.pending.len();
            if count == 0 {
                return;
            }
            let is_stray = world.random.chance(self.faults.stray_deliveries);
            let of_kind: Vec<usize> = (0..count)
                .filter(|at| {
                    let pending = &world.pending[*at];
                    pending.is_abandoned == is_stray && pending.wakes_at <= world.now
                })
                .collect();
            if of_kind.is_empty() {
                return;
            }
            let at = world.random.pick(&of_kind);
            self.deliver_at(&mut world, at)
        };
        self.poll_if(answered);
    }

    /// Gives the process that got an answer.
    fn deliver_at(&self, world: &mut World, at: usize) -> Option<usize> {
        let is_abandoned = world.pending[at].is_abandoned;
        if is_abandoned && world.random.chance(200) {
            world.pending.swap_remove(at);
            return None;
        }
        match world.pending[at].progress.clone() {
            Progress::Sent if world.is_kept_out(&world.pending[at].request) => {
                // It waits, a minute at the most.
                world.sights.insert(Sight::KeptOut);
                let is_over = !is_abandoned && world.random.chance(KEPT_OUT_ENDS);
                is_over.then(|| give(world, at, Outcome::Refused)).flatten()
            }
            Progress::Sent => {
                let (answer, operations) = world.execute(at);
                world.tell_of(at, &answer);
                if is_abandoned {
                    world.pending.swap_remove(at);
                    None
                } else if operations.is_empty() {
                    self.answer(world, at, answer)
                } else {
                    world.pending[at].progress = Progress::Executed { operations, answer };
                    None
                }
            }
            Progress::Executed { .. } if self.is_slow(world, at) => None,
            Progress::Executed { operations, answer } => {
                let mut is_lost = false;
                for written in &operations {
                    let shard = world.cluster.shard(written.place);
                    let there = shard.and_then(|shard| shard.operation(written.number));
                    if there.is_some_and(|there| there.serial == written.serial) {
                        world.replicate(written.place, written.number);
                        world.learn(written.place);
                    } else {
                        is_lost = true;
                    }
                }
                let is_block = matches!(
                    world.pending[at].request,
                    Request::Block(_) | Request::BlockToClone(_)
                );
                if is_abandoned {
                    world.pending.swap_remove(at);
                    None
                } else if is_lost && !is_block && world.random.chance(500) {
                    // Its primary is gone; whoever passed it on sends it to the next one.
                    world.pending[at].progress = Progress::Sent;
                    None
                } else if is_lost && !is_block {
                    give(world, at, Outcome::Unknown)
                } else {
                    let traces = operations.iter().filter_map(|written| written.trace);
                    let traces: Vec<_> = traces.collect();
                    self.answer_of(world, at, (answer, &traces))
                }
            }
        }
    }

    /// Whether the copies haven't yet what a request wrote. Writers wait long for that in some histories, drivers less.
    fn is_slow(&self, world: &mut World, at: usize) -> bool {
        let slow_copies = match world.pending[at].sender {
            Sender::Process(_) => self.faults.slow_copies / 2,
            Sender::Writer(_) => self.faults.slow_copies,
        };
        world.random.chance(slow_copies)
    }

    /// Answers, unless the answer is lost on its way.
    fn answer(&self, world: &mut World, at: usize, answer: Answer) -> Option<usize> {
        self.answer_of(world, at, (answer, &[]))
    }

    fn answer_of(
        &self,
        world: &mut World,
        at: usize,
        (answer, traces): (Answer, &[Trace]),
    ) -> Option<usize> {
        if world.random.chance(self.faults.lost_answers) {
            world.tell(|| "        the answer is lost".to_owned());
            return give(world, at, Outcome::Unknown);
        }
        if matches!(world.pending[at].request, Request::Bulk { .. })
            && matches!(answer, Answer::Done)
            && world.random.chance(self.faults.repeats)
        {
            let again = world.pending[at].clone();
            let progress = Progress::Sent;
            world.pending.push(Pending { progress, is_abandoned: true, is_repeat: true, ..again });
        }
        Application::acknowledge(world, traces.iter().copied());
        give(world, at, Outcome::Answered(answer))
    }

    /// Nobody waits for a request any more, which may still be executed.
    pub(super) fn time_out(&mut self) {
        let answered = {
            let mut world = self.world.borrow_mut();
            waiting(&mut world, |_| true).and_then(|at| {
                leave(&mut world, at);
                give(&mut world, at, Outcome::Unknown)
            })
        };
        self.poll_if(answered);
    }

    pub(super) fn refuse(&mut self) {
        let answered = {
            let mut world = self.world.borrow_mut();
            let is_sent = |pending: &Pending| matches!(pending.progress, Progress::Sent);
            waiting(&mut world, is_sent).and_then(|at| give(&mut world, at, Outcome::Refused))
        };
        self.poll_if(answered);
    }

    /// A fence takes too long.
    pub(super) fn end_time(&mut self) {
        let answered = {
            let mut world = self.world.borrow_mut();
            let limited: Vec<usize> = (0..world.processes.len())
                .filter(|slot| world.processes[*slot].has_time_limit)
                .collect();
            let of_limited = |pending: &Pending| match pending.sender {
                Sender::Process(slot) => limited.contains(&slot),
                Sender::Writer(_) => false,
            };
            waiting(&mut world, of_limited).and_then(|at| {
                leave(&mut world, at);
                give(&mut world, at, Outcome::TimeOver)
            })
        };
        self.poll_if(answered);
    }

    fn poll_if(&mut self, slot: Option<usize>) {
        if let Some(slot) = slot {
            self.poll(slot);
        }
    }
}

/// One of the requests that somebody waits for.
fn waiting(world: &mut World, is_one: impl Fn(&Pending) -> bool) -> Option<usize> {
    let all: Vec<usize> = (0..world.pending.len())
        .filter(|at| !world.pending[*at].is_abandoned && is_one(&world.pending[*at]))
        .collect();
    (!all.is_empty()).then(|| world.random.pick(&all))
}

/// A request that wasn't executed yet stays on its way, mostly, though nobody waits for it.
fn leave(world: &mut World, at: usize) {
    let story =
        format!("time is over for {:?}: {:?}", world.pending[at].sender, world.pending[at].request);
    world.tell(|| story);
    if matches!(world.pending[at].progress, Progress::Sent) && world.random.chance(700) {
        let late = Pending { is_abandoned: true, is_left: true, ..world.pending[at].clone() };
        world.pending.push(late);
    }
}

/// Gives an outcome to whoever waits for it; gives the process that it is.
fn give(world: &mut World, at: usize, outcome: Outcome) -> Option<usize> {
    let Pending { ticket, sender, .. } = world.pending.swap_remove(at);
    world.answers.insert(ticket, outcome);
    match sender {
        Sender::Process(slot) => Some(slot),
        Sender::Writer(_) => None,
    }
}
