//! Counts what a stage has done and tells it to whoever listens, a few times a second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time;
use tokio_util::task::AbortOnDropHandle;

use crate::report::{Event, Progress, Reporter, Unit};

/// How often progress is told.
const TELL_TIME: Duration = Duration::from_millis(200);

/// A stage's counters. While it lives, progress is told.
#[derive(Debug)]
pub(crate) struct Meter {
    counters: Arc<Counters>,
    _telling: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Counters {
    stage: &'static str,
    unit: Unit,
    done: AtomicU64,
    total: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    pub(crate) fn start(
        stage: &'static str,
        unit: Unit,
        total: u64,
        reporter: &Arc<dyn Reporter>,
    ) -> Self {
        Self::go_on(stage, unit, (0, 0, total), reporter)
    }

    /// A meter of work of which some was done before: `(done, bytes, total)`.
    pub(crate) fn go_on(
        stage: &'static str,
        unit: Unit,
        (done, bytes, total): (u64, u64, u64),
        reporter: &Arc<dyn Reporter>,
    ) -> Self {
        let counters = Arc::new(Counters {
            stage,
            unit,
            done: AtomicU64::new(done),
            total: AtomicU64::new(total),
            bytes: AtomicU64::new(bytes),
        });
        counters.tell(reporter.as_ref());
        let (listened, listener) = (Arc::clone(&counters), Arc::clone(reporter));
        #[expect(
            clippy::disallowed_methods,
            reason = "the meter owns the task, and its handle ends it on drop"
        )]
        let telling = AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                time::sleep(TELL_TIME).await;
                listened.tell(listener.as_ref());
            }
        }));
        Self { counters, _telling: telling }
    }

    pub(crate) fn add(&self, done: u64, bytes: u64) {
        self.counters.done.fetch_add(done, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes what is done from whoever knows it as a whole, as `(done, bytes)` of its parts.
    pub(crate) fn set(&self, parts: impl Iterator<Item = (u64, u64)>) {
        let (done, bytes) =
            parts.fold((0, 0), |(done, bytes), part| (done + part.0, bytes + part.1));
        self.counters.done.store(done, Ordering::Relaxed);
        self.counters.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Tells the last state of things.
    pub(crate) fn finish(self, reporter: &Arc<dyn Reporter>) {
        self.counters.tell(reporter.as_ref());
    }
}

impl Counters {
    fn tell(&self, reporter: &dyn Reporter) {
        let done = self.done.load(Ordering::Relaxed);
        reporter.report(Event::Progress(Progress {
            stage: self.stage,
            unit: self.unit,
            done,
            // Documents are added while a run lasts, so the plan's count is a lower bound.
            total: self.total.load(Ordering::Relaxed).max(done),
            bytes: self.bytes.load(Ordering::Relaxed),
            waiting: None,
        }));
    }
}
