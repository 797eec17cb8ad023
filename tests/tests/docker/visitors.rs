//! Visitors of the application: they send events over HTTP, each again and again until it is acknowledged, and keep a book
//! of what was.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::Trouble;

/// Visitors of each tenant.
const VISITORS_PER_TENANT: u64 = 2;
/// Numbers that one visitor has for events of its own.
const NUMBERS: u64 = 1_000_000;
/// Pause between two events of a visitor, and between two attempts at one.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest wait for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// For how long an event is sent again; who waits longer has an outage.
const REPEAT_MAX: Duration = Duration::from_mins(3);
/// For how long after visitors were told to leave.
const REPEAT_LEAVING_MAX: Duration = Duration::from_secs(3);
/// Longest wait for a number of events to be acknowledged.
const EVENTS_WAIT: Duration = Duration::from_mins(2);

/// The numbers of all events that were acknowledged, by tenant, and the longest wait for that.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) acknowledged: BTreeMap<String, Vec<u64>>,
    pub(crate) longest_wait: Duration,
}

/// The id of an event.
pub(crate) fn event_id(number: u64) -> String {
    format!("visit-{number}")
}

/// What an event says; all of it follows from its number: kind, user, time, duration, amount.
pub(crate) fn event_content(number: u64) -> (String, String, String, i64, String) {
    let user = format!("u-{}", number % 500);
    let at = format!("2026-02-{:02}T10:{:02}:00Z", number % 28 + 1, number % 60);
    let duration = i64::try_from(number % 1000).unwrap_or(0);
    ("purchase".to_owned(), user, at, duration, format!("{}.10", number % 90))
}

/// Visitors at work.
#[derive(Debug)]
pub(crate) struct Visitors {
    /// Ports of the application's containers; visitors try one after the other, as a balancer would.
    door: Arc<Mutex<Vec<u16>>>,
    acknowledged: Arc<AtomicU64>,
    leave: watch::Sender<bool>,
    tasks: JoinSet<Result<Book, String>>,
}

impl Visitors {
    /// Visitors of these tenants, from now on, at these ports.
    pub(crate) fn come(tenants: &[String], ports: &[u16]) -> Result<Self, Trouble> {
        let client = Client::builder().timeout(ANSWER_WAIT).build()?;
        let door = Arc::new(Mutex::new(ports.to_vec()));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (leave, leaving) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for tenant in tenants {
            for visitor in 0..VISITORS_PER_TENANT {
                let visitor = Visitor {
                    client: client.clone(),
                    tenant: tenant.clone(),
                    first: visitor * NUMBERS,
                    door: Arc::clone(&door),
                    acknowledged: Arc::clone(&acknowledged),
                    leaving: leaving.clone(),
                };
                tasks.spawn(visitor.visit());
            }
        }
        Ok(Self { door, acknowledged, leave, tasks })
    }

    /// Waits until so many more events were acknowledged: the application works.
    pub(crate) async fn more(&self, count: u64) -> Result<(), Trouble> {
        let wanted = self.acknowledged.load(Ordering::Relaxed) + count;
        let begun = Instant::now();
        while self.acknowledged.load(Ordering::Relaxed) < wanted {
            if begun.elapsed() > EVENTS_WAIT {
                return Err("the application acknowledges no events any more".into());
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// From now on they come to these ports.
    pub(crate) fn go_to(&self, ports: &[u16]) {
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = ports.to_vec();
    }

    /// Visitors leave; what all of them wrote down.
    pub(crate) async fn leave(mut self) -> Result<Book, Trouble> {
        self.leave.send_replace(true);
        let mut all = Book::default();
        while let Some(book) = self.tasks.join_next().await {
            let Book { acknowledged, longest_wait } = book??;
            all.longest_wait = all.longest_wait.max(longest_wait);
            for (tenant, numbers) in acknowledged {
                all.acknowledged.entry(tenant).or_default().extend(numbers);
            }
        }
        Ok(all)
    }
}

struct Visitor {
    client: Client,
    tenant: String,
    first: u64,
    door: Arc<Mutex<Vec<u16>>>,
    acknowledged: Arc<AtomicU64>,
    leaving: watch::Receiver<bool>,
}

impl Visitor {
    async fn visit(self) -> Result<Book, String> {
        let mut book = Book::default();
        let mut numbers = self.first..self.first + NUMBERS;
        while !*self.leaving.borrow()
            && let Some(number) = numbers.next()
        {
            let begun = Instant::now();
            if !self.send(number).await? {
                break;
            }
            book.longest_wait = book.longest_wait.max(begun.elapsed());
            book.acknowledged.entry(self.tenant.clone()).or_default().push(number);
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
            sleep(PAUSE).await;
        }
        Ok(book)
    }

    /// Sends an event until it is acknowledged. False: it was given up, and nobody knows whether it is there.
    async fn send(&self, number: u64) -> Result<bool, String> {
        let (kind, user, at, duration, amount) = event_content(number);
        let event = json!({"id": event_id(number), "kind": kind, "user": user, "at": at, "duration": duration, "amount": amount});
        let begun = Instant::now();
        let mut leaving_since = None;
        let mut reason = String::new();
        loop {
            let ports = self.door.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for port in ports {
                let url = format!("http://127.0.0.1:{port}/tenants/{}/events", self.tenant);
                let answer = self.client.post(url).body(event.to_string()).send().await;
                match answer.map(|answer| answer.status()) {
                    Ok(StatusCode::CREATED) => return Ok(true),
                    Ok(StatusCode::SERVICE_UNAVAILABLE) => "503".clone_into(&mut reason),
                    Ok(status) => return Err(format!("an event was refused for good: {status}")),
                    // Refused or broken off: a container starts or ends.
                    Err(error) => reason = error.to_string(),
                }
            }
            if *self.leaving.borrow()
                && leaving_since.get_or_insert_with(Instant::now).elapsed() > REPEAT_LEAVING_MAX
            {
                return Ok(false);
            }
            if begun.elapsed() > REPEAT_MAX {
                let seconds = REPEAT_MAX.as_secs();
                return Err(format!("an event was not taken for {seconds} s: {reason}"));
            }
            sleep(PAUSE).await;
        }
    }
}
