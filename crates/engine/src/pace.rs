//! Orders to a run that is under way: hold before the switch, pause, go slower. They take effect within a second.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    error::EngineError,
    journal::{Journal, OrdersRecord, Write},
};

/// How often orders are written again when somebody else wrote them meanwhile.
const ATTEMPTS_MAX: u32 = 5;
/// How often orders are looked for in the journal.
const LOOK_TIME: Duration = Duration::from_millis(500);
/// Longest time that somebody sleeps without a look at the orders.
const NAP_TIME: Duration = Duration::from_millis(100);
/// What may be carried at once after a quiet time, as time at the full rate.
const BURST_TIME: Duration = Duration::from_millis(500);

/// The orders that hold now, shared by everything that carries documents in this process.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    orders: OrdersRecord,
    /// When all documents that were let through have had their time.
    busy_until: Option<Instant>,
    /// How many processes share the rate; 0 is one as well.
    sharers: u64,
}

impl Pace {
    /// Takes new orders.
    pub fn order(&self, orders: OrdersRecord) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).orders = orders;
    }

    /// The orders that hold now.
    pub fn orders(&self) -> OrdersRecord {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).orders
    }

    /// Divides the rate among that many processes.
    pub(crate) fn share(&self, processes: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).sharers = processes;
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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
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

    #[test]
    fn a_rate_is_kept_and_a_pause_holds_everybody() {
        let pace = Pace::default();
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
