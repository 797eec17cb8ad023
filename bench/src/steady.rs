//! An application that makes requests at a steady rate.
//!
//! Every request is due at a fixed moment, and its time runs from there to its answer: one that is held up counts what waits
//! behind it as well.

use std::time::Duration;

use lockstep_elastic::{BulkBody, Cluster, IndexName, Key, Version};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    document::{Documents, Form},
    error::BenchError,
};

/// Requests that may be under way at the same time.
pub(crate) const LANES: u32 = 4;
/// Documents that one request writes.
pub(crate) const DOCUMENTS_A_WRITE: u64 = 5;

/// How the application works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Documents of each index.
    pub(crate) documents: u64,
    /// Bytes of one.
    pub(crate) bytes: u64,
    /// Requests a second, of all lanes together.
    pub(crate) requests_per_second: u32,
}

/// One request that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) due: Instant,
    pub(crate) milliseconds: f64,
}

/// An application at work. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Steady {
    stop: watch::Sender<bool>,
    lanes: JoinSet<Result<Vec<Answered>, BenchError>>,
}

impl Steady {
    /// Begins. `request`: what is done, by the number of the request; lanes take turns.
    pub(crate) fn start<F, R>(requests_per_second: u32, request: F) -> Self
    where
        F: Fn(u64) -> R + Clone + Send + 'static,
        R: Future<Output = Result<(), BenchError>> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let mut lanes = JoinSet::new();
        for lane in 0..LANES {
            lanes.spawn(work(lane, requests_per_second, request.clone(), stopped.clone()));
        }
        Self { stop, lanes }
    }

    /// Ends it, and gives all its requests.
    pub(crate) async fn stop(mut self) -> Result<Vec<Answered>, BenchError> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        while let Some(ended) = self.lanes.join_next().await {
            all.append(&mut ended.map_err(|error| BenchError::Bug(error.to_string()))??);
        }
        Ok(all)
    }
}

async fn work<F, R>(
    lane: u32,
    requests_per_second: u32,
    request: F,
    stopped: watch::Receiver<bool>,
) -> Result<Vec<Answered>, BenchError>
where
    F: Fn(u64) -> R + Send,
    R: Future<Output = Result<(), BenchError>> + Send,
{
    let period = Duration::from_secs(1) * LANES / requests_per_second.max(1);
    let mut due = Instant::now() + period * lane / LANES;
    let mut turn = u64::from(lane);
    let mut answered = Vec::new();
    while !*stopped.borrow() {
        sleep_until(due).await;
        request(turn).await?;
        answered.push(Answered { due, milliseconds: due.elapsed().as_secs_f64() * 1e3 });
        due += period;
        turn += u64::from(LANES);
    }
    Ok(answered)
}

/// Overwrites the documents of a request, other ones with every number. `stride`: how far apart they are.
pub(crate) async fn overwrite(
    cluster: &Cluster,
    (index, form): (&IndexName, Form),
    (rate, stride): (Rate, u64),
    request: u64,
) -> Result<(), BenchError> {
    let documents = Documents::new(rate.bytes);
    let mut body = BulkBody::default();
    let (mut id, mut source) = (String::new(), Vec::new());
    for part in 0..DOCUMENTS_A_WRITE {
        let number = (request * DOCUMENTS_A_WRITE + part).wrapping_mul(stride);
        let number = number.checked_rem(rate.documents).unwrap_or_default();
        Documents::write_id(number, &mut id);
        documents.write_source(number ^ request, form, &mut source);
        body.index(index, Key::of(&id), Version::Internal, &source)
            .map_err(|error| BenchError::Bug(error.to_string()))?;
    }
    let report = cluster.write_all(body).await?;
    match report.poison.first() {
        None => Ok(()),
        Some(poison) => Err(wrong(poison.rejection.reason.clone())),
    }
}

/// That the application didn't get what it should.
pub(crate) fn wrong(reason: String) -> BenchError {
    BenchError::Wrong { method: "the application".to_owned(), reason }
}
