//! What a driver is connected by: one request after the other, repeated as the engine's client repeats it.

use std::{cell::RefCell, future::poll_fn, rc::Rc, task::Poll};

use lockstep_core::run::state::Problem;

use super::super::{
    journal::{Kept, Key, Record},
    request::{Answer, Outcome, Request},
    rules::{Change, Gap, Rules},
    shape::{IndexShape, Set},
    world::{Sender, Sight, World},
};

/// How often a request is sent that may be repeated.
const ATTEMPTS_MAX: usize = 3;

/// Why a stage ends before its time.
#[derive(Debug)]
pub(super) enum Stop {
    /// Somebody else drives the run.
    LeaseLost,
    /// The cluster couldn't be worked with; the same command goes on from here.
    Failed,
    /// The fence's time limit is over.
    TimeOver,
    /// Somebody has to help.
    Halted(Box<Problem>),
}

/// What a single attempt came to.
#[derive(Debug)]
pub(super) enum Attempt {
    Answered(Answer),
    Refused,
    Unknown,
}

/// A driver's connection.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) world: Rc<RefCell<World>>,
    pub(crate) slot: usize,
}

pub(super) fn halted(code: &str, message: impl Into<String>) -> Stop {
    Stop::Halted(Box::new(problem(code, message)))
}

pub(super) fn problem(code: &str, message: impl Into<String>) -> Problem {
    Problem {
        code: code.to_owned(),
        message: message.into(),
        hint: String::new(),
        documents: Vec::new(),
        document_count: 0,
    }
}

impl Link {
    /// Sends once.
    pub(super) async fn attempt(&self, request: Request) -> Result<Attempt, Stop> {
        if self.knows_lost() {
            return Err(Stop::LeaseLost);
        }
        let ticket = self.world.borrow_mut().send(Sender::Process(self.slot), request);
        let outcome = poll_fn(|_| match self.world.borrow_mut().answers.remove(&ticket) {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        })
        .await;
        match outcome {
            Outcome::Answered(answer) => Ok(Attempt::Answered(answer)),
            Outcome::Refused => Ok(Attempt::Refused),
            Outcome::Unknown => Ok(Attempt::Unknown),
            Outcome::TimeOver => Err(Stop::TimeOver),
        }
    }

    /// Sends what may be repeated, until it is answered.
    pub(super) async fn call(&self, request: Request) -> Result<Answer, Stop> {
        for _ in 0..ATTEMPTS_MAX {
            match self.attempt(request.clone()).await? {
                Attempt::Answered(Answer::Forbidden) => return Err(Stop::Failed),
                Attempt::Answered(answer) => return Ok(answer),
                Attempt::Refused | Attempt::Unknown => {}
            }
        }
        Err(Stop::Failed)
    }

    pub(super) async fn read(&self, key: Key) -> Result<Option<Kept>, Stop> {
        match self.call(Request::ReadJournal(key)).await? {
            Answer::Record(kept) => Ok(kept),
            other => panic!("not a record: {other:?}"),
        }
    }

    /// Writes a record over the version that was read of it. After a lost answer, or a conflict with what may be our own
    /// write, it is looked at.
    pub(super) async fn write(
        &self,
        key: Key,
        expected: Option<u64>,
        record: Record,
    ) -> Result<Kept, Stop> {
        let request = Request::WriteJournal { key, expected, record: Box::new(record.clone()) };
        let failure = match self.attempt(request).await? {
            Attempt::Answered(Answer::Written(version)) => return Ok(Kept { version, record }),
            Attempt::Answered(_conflict) => Stop::LeaseLost,
            Attempt::Refused => return Err(Stop::Failed),
            Attempt::Unknown => Stop::Failed,
        };
        let there = self.read(key).await?;
        there.filter(|there| there.record == record).ok_or(failure)
    }

    /// Whether who had the lease before may still have something under way.
    pub(super) fn follows_dead(&self) -> bool {
        self.world.borrow().after_dead.contains(&self.slot)
    }

    pub(super) fn note_dead(&self) {
        self.world.borrow_mut().after_dead.insert(self.slot);
    }

    /// Waits until nothing of that can arrive any more.
    pub(super) async fn silence(&self) -> Result<(), Stop> {
        self.call(Request::Silence).await?;
        self.world.borrow_mut().after_dead.remove(&self.slot);
        Ok(())
    }

    pub(super) fn knows_lost(&self) -> bool {
        self.world.borrow().processes[self.slot].knows_lost
    }

    pub(super) fn is(&self, change: Change) -> bool {
        self.world.borrow().rules.is(change)
    }

    pub(super) fn has(&self, gap: Gap) -> bool {
        self.world.borrow().rules.has(gap)
    }

    pub(super) fn rules(&self) -> Rules {
        self.world.borrow().rules.clone()
    }

    pub(super) fn chance(&self, in_thousand: usize) -> bool {
        self.world.borrow_mut().random.chance(in_thousand)
    }

    /// How wide the next window is, in numbers.
    pub(super) fn width(&self) -> i64 {
        i64::try_from(self.world.borrow_mut().random.between(3, 9)).expect("it is small")
    }

    pub(super) fn indices(&self) -> Vec<IndexShape> {
        self.world.borrow().shape.indices.clone()
    }

    pub(super) fn shards(&self, set: Set, position: usize) -> usize {
        self.world.borrow().shape.indices[position].shards(set)
    }

    /// Lets requests end with [`Stop::TimeOver`] from now on, or no more.
    pub(super) fn limit_time(&self, is_limited: bool) {
        self.world.borrow_mut().processes[self.slot].has_time_limit = is_limited;
    }

    /// From now on requests may be sent after the lease ended that they were meant to be sent under, or no more.
    pub(super) fn may_have_slept(&self, may_have: bool) {
        let unsure = &mut self.world.borrow_mut().unsure;
        if may_have {
            unsure.insert(self.slot);
        } else {
            unsure.remove(&self.slot);
        }
    }

    pub(super) fn see(&self, sight: Sight) {
        self.world.borrow_mut().sights.insert(sight);
    }

    pub(super) fn tell(&self, story: impl FnOnce() -> String) {
        self.world.borrow_mut().tell(story);
    }
}
