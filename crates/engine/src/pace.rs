//! The pace of a process: orders to a run that is under way (hold before the switch, pause, go slower), which take effect within
//! a second, and below them the pace that finds itself ([`Governor`]): every bulk request has a permit while it is under way.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lockstep_core::{
    plan::model::Limits,
    run::pace::{Allowed, Disk, FULL_TIME_MAX, Governor, Reason, Written},
};
use tokio::{sync::Notify, time};
use tokio_util::sync::CancellationToken;

use crate::{
    error::{DISK_FULL, EngineError},
    journal::{Journal, OrdersRecord, Write},
    report::{Event, PaceNews, Reporter},
    stage::problem,
};

/// How often orders are written again when somebody else wrote them meanwhile.
const ATTEMPTS_MAX: u32 = 5;
/// How often orders are looked for in the journal.
const LOOK_TIME: Duration = Duration::from_millis(500);
/// Longest time that somebody sleeps without a look at the orders.
const NAP_TIME: Duration = Duration::from_millis(100);
/// What may be carried at once after a quiet time, as time at the full rate.
const BURST_TIME: Duration = Duration::from_millis(500);

/// A body that has at most this part of the bytes that are allowed counts as this part of a request: many small ones at once
/// are no more work than one large one.
const PARTS: usize = 4;
/// A bulk body is sent once it has this many bytes, where nothing else bounds it: the engines refuse more than 100 MB
/// (`http.max_content_length`), and one window is smaller unless a document is large.
const BULK_BYTES_MAX: usize = 12 * 1024 * 1024;

/// The orders that hold now and the pace that was found, shared by everything that carries documents in this process.
#[derive(Clone)]
pub struct Pace {
    state: Arc<Mutex<State>>,
    /// Told whenever a permit is given back or more are allowed.
    freed: Arc<Notify>,
    begun: Instant,
    reporter: Arc<dyn Reporter>,
}

#[derive(Debug)]
struct State {
    orders: OrdersRecord,
    governor: Governor,
    /// Parts of requests that are under way.
    parts_under_way: usize,
    /// How many are in a hurry: nothing is slowed down then.
    hurries: usize,
    /// When all documents that were let through have had their time.
    busy_until: Option<Instant>,
    /// How many processes share the rate; 0 is one as well.
    sharers: u64,
}

/// The right to have one bulk request under way; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit<'p> {
    pace: &'p Pace,
    parts: usize,
    bytes: usize,
    has_queued: bool,
    begun: Instant,
}

/// While this is held nothing is slowed down.
#[derive(Debug)]
pub(crate) struct Hurry<'p> {
    pace: &'p Pace,
}

impl fmt::Debug for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pace").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Pace {
    /// The pace of a run with these limits, which tells of its changes.
    pub fn new(limits: &Limits, reporter: &Arc<dyn Reporter>) -> Self {
        let most = Allowed {
            requests: limits.windows_in_flight,
            bytes: usize::try_from(limits.window_bytes).unwrap_or(BULK_BYTES_MAX),
        };
        let state = State {
            orders: OrdersRecord::default(),
            governor: Governor::new(most),
            parts_under_way: 0,
            hurries: 0,
            busy_until: None,
            sharers: 1,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            freed: Arc::default(),
            begun: Instant::now(),
            reporter: Arc::clone(reporter),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes new orders.
    pub fn order(&self, orders: OrdersRecord) {
        self.state().orders = orders;
    }

    /// The orders that hold now.
    pub fn orders(&self) -> OrdersRecord {
        self.state().orders
    }

    /// Divides the rate among that many processes.
    pub(crate) fn share(&self, processes: u64) {
        self.state().sharers = processes;
    }

    /// Slows nothing down until the answer is dropped: writes are blocked meanwhile, so going slowly would help nobody.
    pub(crate) fn hurry(&self) -> Hurry<'_> {
        self.state().hurries += 1;
        self.freed.notify_waiters();
        Hurry { pace: self }
    }

    /// Bytes after which a bulk body is sent.
    pub(crate) fn body_bytes(&self) -> usize {
        let state = self.state();
        if state.hurries > 0 { BULK_BYTES_MAX } else { state.governor.allowed().bytes }
    }

    /// Waits until a bulk request of that many bytes may be sent.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] when somebody asks to stop, [`EngineError::Halted`] when a disk stays full.
    pub(crate) async fn enter(
        &self,
        bytes: usize,
        stop: &CancellationToken,
    ) -> Result<Permit<'_>, EngineError> {
        let mut has_queued = false;
        loop {
            if let Some(parts) = self.state().admit(bytes, self.begun.elapsed())? {
                return Ok(Permit { pace: self, parts, bytes, has_queued, begun: Instant::now() });
            }
            has_queued = true;
            tokio::select! {
                () = self.freed.notified() => {}
                // Somebody else may have been told; and full disks and pauses end without a word.
                () = time::sleep(NAP_TIME) => {}
                () = stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
    }

    /// The cluster asked for less.
    pub(crate) fn pushed_back(&self) {
        self.observe(Governor::pushed_back);
    }

    /// A search of the application took that long, on average.
    pub(crate) fn searched(&self, mean: Duration) {
        self.observe(|governor, now| governor.searched(now, mean));
    }

    /// How full the disks are.
    pub(crate) fn disk(&self, disk: Disk) {
        self.observe(|governor, now| governor.disk(now, disk));
    }

    fn observe(&self, happened: impl FnOnce(&mut Governor, Duration) -> Option<Reason>) {
        let news = {
            let State { governor, .. } = &mut *self.state();
            let before = governor.allowed();
            let reason = happened(governor, self.begun.elapsed());
            let (now, most) = (governor.allowed(), governor.limits());
            if now != before {
                tracing::debug!(requests = now.requests, bytes = now.bytes, "another pace");
            }
            reason.map(|reason| PaceNews {
                requests: now.requests,
                requests_max: most.requests,
                body_bytes: now.bytes,
                reason: reason.to_string(),
            })
        };
        if let Some(news) = news {
            self.reporter.report(Event::Pace(news));
        }
    }

    /// Waits until that many documents may be carried: while paused, and as the rate asks. Returns at once when somebody
    /// asks to stop.
    pub(crate) async fn take(&self, documents: u64, stop: &CancellationToken) {
        let mut is_booked = false;
        while !stop.is_cancelled() {
            let Some(wait) = self.wait(documents, &mut is_booked, Instant::now()) else { return };
            tokio::select! {
                () = time::sleep(wait.min(NAP_TIME)) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// How long to wait still; `None`: go. A slot is booked once, and what is booked is kept when the rate changes.
    fn wait(&self, documents: u64, is_booked: &mut bool, now: Instant) -> Option<Duration> {
        let mut state = self.state();
        if state.hurries > 0 {
            return None;
        }
        if state.orders.is_paused {
            return Some(NAP_TIME);
        }
        let rate = state.orders.documents_per_second_max.filter(|rate| *rate > 0)?;
        let sharers = state.sharers.max(1);
        let begin = state.busy_until.map_or(now, |until| until.max(now));
        if !*is_booked {
            let micros = documents.saturating_mul(1_000_000).saturating_mul(sharers) / rate;
            state.busy_until = Some(begin + Duration::from_micros(micros));
            *is_booked = true;
        }
        let ahead = state.busy_until.map_or(Duration::ZERO, |until| until.duration_since(now));
        ahead.checked_sub(BURST_TIME).filter(|wait| !wait.is_zero())
    }
}

impl State {
    /// The parts that a request may take now; `None`: it has to wait.
    fn admit(&mut self, bytes: usize, now: Duration) -> Result<Option<usize>, EngineError> {
        let allowed = self.governor.allowed();
        let parts = if bytes <= allowed.bytes / PARTS { 1 } else { PARTS };
        if self.hurries == 0 {
            if let Some((node, since)) = self.governor.full_disk() {
                return if now.saturating_sub(since) < FULL_TIME_MAX {
                    Ok(None)
                } else {
                    Err(disk_full(node))
                };
            }
            let is_full = self.parts_under_way + parts > allowed.requests * PARTS;
            if self.orders.is_paused || is_full {
                return Ok(None);
            }
        }
        self.parts_under_way += parts;
        Ok(Some(parts))
    }
}

fn disk_full(node: &str) -> EngineError {
    let minutes = FULL_TIME_MAX.as_secs() / 60;
    EngineError::Halted(Box::new(problem(
        DISK_FULL,
        format!(
            "the disk of node `{node}` has been over its high watermark for {minutes} minutes: writing more would make indices read-only"
        ),
        "free or add disk space, then run the same command again",
    )))
}

impl Permit<'_> {
    /// The request was answered, and its items have their places.
    pub(crate) fn done(self) {
        let written = Written {
            bytes: self.bytes as u64,
            time: self.begun.elapsed(),
            has_queued: self.has_queued,
        };
        self.pace.observe(|governor, now| governor.written(now, written));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        state.parts_under_way = state.parts_under_way.saturating_sub(self.parts);
        drop(state);
        // As many as there are parts in a request: small ones may wait for a large one.
        for _ in 0..self.parts {
            self.pace.freed.notify_one();
        }
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        state.hurries = state.hurries.saturating_sub(1);
    }
}

/// Keeps the orders up to date with the journal, for ever. A look that fails is repeated: until then the orders of before
/// hold, and a driver that can't reach the cluster finds out elsewhere.
pub(crate) async fn follow_orders(journal: Journal, run: String, pace: Pace) {
    loop {
        time::sleep(LOOK_TIME).await;
        match read_orders(&journal, &run).await {
            Ok(orders) => pace.order(orders),
            Err(error) => tracing::debug!(%error, "orders can't be read now"),
        }
    }
}

/// Changes the orders of a run by compare-and-swap.
pub(crate) async fn give_orders(
    journal: &Journal,
    run: &str,
    change: impl Fn(&mut OrdersRecord),
) -> Result<OrdersRecord, EngineError> {
    for _ in 0..ATTEMPTS_MAX {
        let kept = journal.read::<OrdersRecord>(run).await?;
        let before = kept.as_ref().map(|kept| kept.record).unwrap_or_default();
        let mut orders = before;
        change(&mut orders);
        if orders == before {
            return Ok(orders);
        }
        if let Write::Kept(_) = journal.put(run, kept.as_ref(), orders).await? {
            return Ok(orders);
        }
    }
    Err(EngineError::LeaseLost)
}

/// The orders that the journal has for a run; without a record there are none.
pub(crate) async fn read_orders(journal: &Journal, run: &str) -> Result<OrdersRecord, EngineError> {
    Ok(journal.read::<OrdersRecord>(run).await?.map(|kept| kept.record).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Silent;

    fn pace() -> Pace {
        let reporter: Arc<dyn Reporter> = Arc::new(Silent);
        Pace::new(&Limits::default(), &reporter)
    }

    /// Whether a request of that many bytes may be sent at once.
    async fn enter(pace: &Pace, bytes: usize) -> Option<Permit<'_>> {
        let stop = CancellationToken::new();
        let entering = pace.enter(bytes, &stop);
        time::timeout(Duration::from_millis(300), entering).await.ok().map(Result::unwrap)
    }

    #[tokio::test]
    async fn as_many_requests_are_under_way_as_are_allowed() {
        let pace = pace();
        let large = pace.body_bytes();
        let first = enter(&pace, large).await.unwrap();
        let second = enter(&pace, large).await.unwrap();
        assert!(enter(&pace, large).await.is_none(), "it begins with two");
        drop(first);
        let small: Vec<_> = [enter(&pace, 1).await, enter(&pace, 1).await].into();
        assert!(small.iter().all(Option::is_some), "small ones are a part of a large one");
        assert!(enter(&pace, large).await.is_none());
        {
            let _hurry = pace.hurry();
            assert!(enter(&pace, large).await.is_some(), "under the fence nobody waits");
            assert!(pace.body_bytes() > large);
        }
        drop((small, second));
        pace.pushed_back();
        let only = enter(&pace, large).await.unwrap();
        assert!(enter(&pace, large).await.is_none(), "one at a time when the cluster is busy");
        drop(only);
        pace.order(OrdersRecord { is_paused: true, ..OrdersRecord::default() });
        assert!(enter(&pace, 1).await.is_none(), "a pause holds at once");
    }

    #[tokio::test]
    async fn a_full_disk_is_waited_for_and_not_for_ever() {
        let mut pace = pace();
        pace.disk(Disk::Full { node: "n1".to_owned() });
        assert!(enter(&pace, 1).await.is_none());
        pace.disk(Disk::Roomy);
        assert!(enter(&pace, 1).await.is_some());
        pace.disk(Disk::Full { node: "n1".to_owned() });
        pace.begun -= FULL_TIME_MAX;
        let outcome = pace.enter(1, &CancellationToken::new()).await;
        let Err(EngineError::Halted(problem)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(problem.code, DISK_FULL);
        let _hurry = pace.hurry();
        assert!(enter(&pace, 1).await.is_some());
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_who_is_done() {
        let pace = pace();
        let large = pace.body_bytes();
        let stop = CancellationToken::new();
        let held = [enter(&pace, large).await.unwrap(), enter(&pace, large).await.unwrap()];
        let waiting = pace.enter(large, &stop);
        let ending = async {
            time::sleep(Duration::from_millis(10)).await;
            drop(held);
        };
        let begun = time::Instant::now();
        let (entered, ()) = tokio::join!(waiting, ending);
        assert!(entered.unwrap().has_queued);
        assert!(begun.elapsed() < NAP_TIME, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_rate_is_kept_and_a_pause_holds_everybody() {
        let pace = pace();
        let now = Instant::now();
        let mut free = false;
        assert_eq!(pace.wait(1_000_000, &mut free, now), None, "without orders nobody waits");
        let slow =
            OrdersRecord { documents_per_second_max: Some(1_000), ..OrdersRecord::default() };
        pace.order(slow);
        let (mut first, mut second) = (false, false);
        assert_eq!(pace.wait(500, &mut first, now), None);
        let wait = pace.wait(1_000, &mut second, now).unwrap();
        assert_eq!(wait, Duration::from_secs(1), "1,500 documents, of which 500 are free");
        assert_eq!(pace.wait(1_000, &mut second, now + Duration::from_secs(1)), None);
        let mut third = false;
        pace.share(3);
        let begun = now + Duration::from_secs(2);
        let wait = pace.wait(500, &mut third, begun).unwrap();
        assert_eq!(wait, Duration::from_secs(1), "three processes share the rate");
        pace.share(1);
        pace.order(OrdersRecord { is_paused: true, ..slow });
        assert_eq!(pace.wait(1, &mut first, now), Some(NAP_TIME));
        pace.order(OrdersRecord::default());
        assert_eq!(pace.wait(1, &mut first, now), None);
    }
}
