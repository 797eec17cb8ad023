//! One writer of the application: small bulk requests, one at a time, each repeated until all of it is acknowledged.
//!
//! It writes to the concrete indices of the release that it last saw its tenant on, and looks again when a block
//! refuses it. An operation whose answer was lost is repeated as it is: it ends in the same document. What is not
//! covered is a first attempt that arrives after its own repetition *and* after the next write to that document.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::Method;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    application::Release,
    cluster::{Body, Cluster},
    documents::Random,
    error::DemoError,
    traffic::{
        answer::{Outcome, outcomes},
        book::Book,
        counts::Counters,
        operation::Operation,
        pace::Pace,
        place::Slots,
        standing::Standing,
    },
};

/// Longest wait for the answer to one request; afterwards its outcome is unknown.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// The shortest and the longest pause before operations are repeated.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// For how long operations are repeated. A switch blocks for a second or so; who waits longer has an outage.
const REPEAT_MAX: Duration = Duration::from_mins(2);
/// For how long operations are repeated after the writer was told to stop.
const REPEAT_STOPPING_MAX: Duration = Duration::from_secs(2);

/// What a writer works with.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) cluster: Cluster,
    pub(super) slots: Arc<Slots>,
    pub(super) tenants: Vec<String>,
    /// Tenant → the release that it was last seen on.
    pub(super) releases: BTreeMap<String, Release>,
    pub(super) book: Book,
    pub(super) pace: Pace,
    /// For the sizes of requests.
    pub(super) random: Random,
    pub(super) counters: Arc<Counters>,
    /// True when it is to stop.
    pub(super) stop: watch::Receiver<bool>,
}

/// An operation on its way.
#[derive(Debug)]
struct Attempt {
    operation: Operation,
    was_refused: bool,
    /// Whether an answer was lost: it may have been carried out before.
    was_unanswered: bool,
}

/// Why operations are still open after an answer.
#[derive(Debug, Default)]
struct Trouble {
    blocked: bool,
    reason: String,
}

impl Writer {
    /// Writes until told to stop. Gives the book of everything that was acknowledged.
    ///
    /// # Errors
    /// When the cluster refuses a document for good, or everything for too long.
    pub(super) async fn run(mut self) -> Result<Book, DemoError> {
        while !self.is_stopping() {
            let count = self.pace.batch(self.random.next());
            let operations = self.book.draw(&self.slots, count);
            let due = self.pace.due(operations.len());
            self.deliver(operations).await?;
            self.pause_until(due).await;
        }
        Ok(self.book)
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits, but not once it is to stop.
    async fn pause_until(&mut self, end: Instant) {
        tokio::select! {
            () = sleep_until(end) => {}
            // An error means that nobody is left to say stop; the task is about to be ended.
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Repeats operations until each is acknowledged. When it is to stop, those that are still refused are given up.
    async fn deliver(&mut self, operations: Vec<Operation>) -> Result<(), DemoError> {
        let fresh = |operation| Attempt { operation, was_refused: false, was_unanswered: false };
        let mut open: Vec<Attempt> = operations.into_iter().map(fresh).collect();
        let mut pause = PAUSE_MIN;
        let mut since = None;
        let mut stopping_since = None;
        loop {
            let outcomes = self.send(&open).await?;
            let trouble = self.settle(&mut open, outcomes)?;
            let now = Instant::now();
            let waited = since.map(|since| now - since);
            self.counters.waited(waited.unwrap_or_default());
            let Some(first) = open.first() else { return Ok(()) };
            since = since.or(Some(now));
            if self.is_stopping() && now - *stopping_since.get_or_insert(now) > REPEAT_STOPPING_MAX
            {
                return Ok(());
            }
            if waited.is_some_and(|waited| waited > REPEAT_MAX) {
                return Err(self.outage(&first.operation, &trouble.reason));
            }
            if trouble.blocked {
                self.look_at_aliases().await;
            }
            // Not cut short by a stop: an operation under way is worth a few more tries.
            sleep_until(Instant::now() + pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn send(&self, open: &[Attempt]) -> Result<Vec<Outcome>, DemoError> {
        let mut body = String::new();
        for Attempt { operation, .. } in open {
            let release = self.release(operation);
            operation.append(&mut body, &self.slots, release).map_err(|reason| {
                let index = self.slots.index(operation.place.slot, release);
                let (id, _) = self.slots.identity(operation.place);
                DemoError::Unexpected { index, id, reason }
            })?;
        }
        let answer = self.cluster.send(Method::POST, "_bulk", Body::Lines(body));
        if let Ok(answer) = timeout(ANSWER_WAIT, answer).await {
            return outcomes(answer, open.len());
        }
        let reason = format!("no answer within {} s", ANSWER_WAIT.as_secs());
        Ok(vec![Outcome::Unknown { refused: false, reason }; open.len()])
    }

    /// The release in whose form an operation is written now.
    fn release(&self, operation: &Operation) -> Release {
        let tenant = &self.slots.share(operation.place.slot).tenant;
        self.releases.get(tenant).copied().unwrap_or(Release::V1_0)
    }

    /// Writes down what came of each operation, and keeps the open ones.
    fn settle(
        &mut self,
        open: &mut Vec<Attempt>,
        outcomes: Vec<Outcome>,
    ) -> Result<Trouble, DemoError> {
        let mut trouble = Trouble::default();
        let attempts = std::mem::take(open);
        for (mut attempt, outcome) in attempts.into_iter().zip(outcomes) {
            let (refused, unanswered) = match outcome {
                Outcome::Done { was_there } => {
                    self.acknowledge(&attempt, was_there);
                    continue;
                }
                Outcome::Blocked(reason) => {
                    trouble = Trouble { blocked: true, reason };
                    (true, false)
                }
                Outcome::Busy(reason) => {
                    trouble.reason = reason;
                    (true, false)
                }
                Outcome::Unknown { refused, reason } => {
                    trouble.reason = reason;
                    (refused, true)
                }
                Outcome::Failed { status, reason } => {
                    return Err(self.failed(&attempt.operation, status, reason));
                }
            };
            if unanswered {
                let operation = attempt.operation;
                let state = operation.state(self.release(&operation));
                self.book.suppose(&self.slots, operation.place, state);
            }
            if refused && !attempt.was_refused {
                self.counters.refused();
            }
            if unanswered && !refused && !attempt.was_unanswered {
                self.counters.unanswered();
            }
            attempt.was_refused |= refused;
            attempt.was_unanswered |= unanswered;
            open.push(attempt);
        }
        Ok(trouble)
    }

    fn acknowledge(&mut self, attempt: &Attempt, was_there: bool) {
        let operation = attempt.operation;
        let release = self.release(&operation);
        let known = self.book.is_there(&self.slots, operation.place);
        // The answer itself is an observation: it sees what the end of the traffic would no longer show.
        if let (false, Some(known)) = (attempt.was_unanswered, known)
            && known != was_there
        {
            let index = self.slots.index(operation.place.slot, release);
            let (id, _) = self.slots.identity(operation.place);
            let [was, ought] =
                [was_there, known].map(|there| if there { "there" } else { "not there" });
            let kind = operation.kind.name();
            self.book.surprise(format!(
                "document `{id}` in {index} was {was} when {kind}, but had to be {ought}"
            ));
        }
        self.book.acknowledge(&self.slots, operation, operation.state(release));
        self.counters.acknowledged(operation.kind);
    }

    /// Sees which set is live. An answer that doesn't come, or is undecided, changes nothing: the next refusal asks again.
    async fn look_at_aliases(&mut self) {
        let Ok(standing) = Standing::ask(&self.cluster, &self.tenants).await else { return };
        for (tenant, release) in &mut self.releases {
            if let Some(seen) = standing.release(tenant) {
                *release = seen;
            }
        }
    }

    fn failed(&self, operation: &Operation, status: u16, reason: String) -> DemoError {
        let index = self.slots.index(operation.place.slot, self.release(operation));
        let (id, _) = self.slots.identity(operation.place);
        DemoError::Document { index, id, status, reason }
    }

    /// The error of a writer that was refused for too long.
    fn outage(&self, operation: &Operation, reason: &str) -> DemoError {
        let seconds = REPEAT_MAX.as_secs();
        let reason = format!("for more than {seconds} s: {reason}");
        self.failed(operation, 503, reason)
    }
}
