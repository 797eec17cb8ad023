//! What a run tells, shown while it works: bars on a terminal, lines elsewhere, JSON for programs.
//!
//! The run calls [`Reporter::report`], which must return at once: while writes are blocked nobody may wait for a slow
//! terminal. So events are queued, and a thread of its own shows them. The queue is bounded because of progress only
//! the newest is kept.

mod bars;
mod events;
mod ledger;
mod lines;
mod pace;

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use lockstep_engine::report::{Event, Reporter};

pub(crate) use self::ledger::Ledger;
use crate::ui::Ui;

/// Events that are kept for a display that doesn't keep up; a run has a few dozen beside its progress.
const QUEUE_MAX: usize = 4_096;

/// Shows events.
trait Display: Send {
    /// Shows one event that happened at `at`.
    fn show(&mut self, event: &Event, at: Instant);

    /// Shows that there is nothing more.
    fn finish(&mut self);
}

/// Shows what a run tells, and keeps count of it.
#[derive(Debug)]
pub(crate) struct Teller {
    queue: Arc<Queue>,
    showing: thread::JoinHandle<Ledger>,
}

impl Teller {
    /// Starts the thread that shows.
    pub(crate) fn start(ui: &Ui) -> Self {
        let begun = Instant::now();
        let mut display: Box<dyn Display> = match (ui.is_json(), Ui::is_watched()) {
            (true, _) => Box::new(events::JsonEvents::new(ui.clone())),
            (false, true) => Box::new(bars::Bars::new(ui.bars().clone(), begun)),
            (false, false) => Box::new(lines::Lines::new(ui.clone(), begun)),
        };
        let queue = Arc::new(Queue::default());
        let shown = Arc::clone(&queue);
        let showing = thread::spawn(move || {
            let mut ledger = Ledger::new(begun);
            while let Some((event, at)) = shown.next() {
                ledger.note(&event, at);
                display.show(&event, at);
            }
            ledger.end(Instant::now());
            display.finish();
            ledger
        });
        Self { queue, showing }
    }

    /// Where a run tells what happens.
    pub(crate) fn reporter(&self) -> Arc<dyn Reporter> {
        Arc::<Queue>::clone(&self.queue)
    }

    /// Shows what is left, and gives the count.
    pub(crate) fn finish(self) -> Ledger {
        self.queue.close();
        self.showing.join().unwrap_or_else(|_panic| Ledger::new(Instant::now()))
    }
}

/// Events on their way to the display.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<(Event, Instant)>,
    is_closed: bool,
}

impl Queue {
    /// The next event, waited for; `None` at the end.
    fn next(&self) -> Option<(Event, Instant)> {
        let mut waiting = self.lock();
        loop {
            if let Some(next) = waiting.events.pop_front() {
                return Some(next);
            }
            if waiting.is_closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whoever panicked left a queue of whole events behind.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Queue {
    fn report(&self, event: Event) {
        let mut waiting = self.lock();
        if waiting.events.len() >= QUEUE_MAX {
            tracing::warn!("an event wasn't shown: the display doesn't keep up");
            return;
        }
        let at = Instant::now();
        if let (Event::Progress(next), Some((Event::Progress(last), last_at))) =
            (&event, waiting.events.back_mut())
            && next.stage == last.stage
        {
            // The newer one says all that the older one said.
            *last = next.clone();
            *last_at = at;
            return;
        }
        waiting.events.push_back((event, at));
        drop(waiting);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::run::state::RunState;
    use lockstep_engine::report::{Progress, Unit};

    use super::*;

    fn progress(stage: &'static str, done: u64) -> Event {
        Event::Progress(Progress {
            stage,
            unit: Unit::Documents,
            done,
            total: 10,
            bytes: 0,
            waiting: None,
        })
    }

    #[test]
    fn of_progress_only_the_newest_is_kept_and_states_never_get_lost() {
        let queue = Queue::default();
        let entered = Event::Entered { run: "r".to_owned(), state: RunState::Preparing };
        for done in 0..100 {
            queue.report(progress("copying", done));
        }
        queue.report(entered.clone());
        queue.report(progress("copying", 100));
        queue.report(progress("verifying", 1));
        queue.close();
        let seen: Vec<Event> =
            std::iter::from_fn(|| queue.next()).map(|(event, _)| event).collect();
        let expected =
            [progress("copying", 99), entered, progress("copying", 100), progress("verifying", 1)];
        assert_eq!(seen, expected);
    }
}
