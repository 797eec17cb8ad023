//! The application: it reads and writes the new set at a steady rate, one request a search, the next one a few documents.
//!
//! Every request is due at a fixed moment, and its time runs from there to its answer: one that is held up counts what waits
//! behind it as well.

use std::{sync::Arc, time::Duration};

use lockstep_elastic::{BulkBody, Cluster, IndexName, Key, Version};
use serde_json::json;
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
const LANES: u32 = 4;
/// Documents that one request writes.
const DOCUMENTS_A_WRITE: u64 = 5;
/// Documents that a search gives at the most.
const HITS_MAX: u64 = 10;

/// How the application works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// Documents of each index.
    pub(super) documents: u64,
    /// Bytes of one.
    pub(super) bytes: u64,
    /// Requests a second, of all lanes together.
    pub(super) requests_per_second: u32,
}

/// One request that was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) due: Instant,
    pub(super) milliseconds: f64,
}

/// An application at work. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Steady {
    stop: watch::Sender<bool>,
    lanes: JoinSet<Result<Vec<Answered>, BenchError>>,
}

impl Steady {
    /// Begins to read and write these indices.
    pub(super) fn start(cluster: &Cluster, indices: Vec<IndexName>, rate: Rate) -> Self {
        let (stop, stopped) = watch::channel(false);
        let indices = Arc::new(indices);
        let mut lanes = JoinSet::new();
        for number in 0..LANES {
            let lane = Lane { cluster: cluster.clone(), indices: Arc::clone(&indices), rate };
            lanes.spawn(lane.work(number, stopped.clone()));
        }
        Self { stop, lanes }
    }

    /// Ends it, and gives all its requests.
    pub(super) async fn stop(mut self) -> Result<Vec<Answered>, BenchError> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        while let Some(ended) = self.lanes.join_next().await {
            all.append(&mut ended.map_err(|error| BenchError::Bug(error.to_string()))??);
        }
        Ok(all)
    }
}

struct Lane {
    cluster: Cluster,
    indices: Arc<Vec<IndexName>>,
    rate: Rate,
}

impl Lane {
    async fn work(
        self,
        lane: u32,
        stopped: watch::Receiver<bool>,
    ) -> Result<Vec<Answered>, BenchError> {
        let period = Duration::from_secs(1) * LANES / self.rate.requests_per_second.max(1);
        let mut due = Instant::now() + period * lane / LANES;
        let mut answered = Vec::new();
        let mut turn = u64::from(lane);
        while !*stopped.borrow() {
            sleep_until(due).await;
            let place = usize::try_from(turn).unwrap_or_default() % self.indices.len().max(1);
            let Some(index) = self.indices.get(place) else { break };
            // Lanes are even in number: each of them does both.
            if (turn / u64::from(LANES)).is_multiple_of(2) {
                self.read(index).await?;
            } else {
                self.write(index, turn).await?;
            }
            answered.push(Answered { due, milliseconds: due.elapsed().as_secs_f64() * 1e3 });
            due += period;
            turn += u64::from(LANES);
        }
        Ok(answered)
    }

    async fn read(&self, index: &IndexName) -> Result<(), BenchError> {
        let query = json!({
            "size": HITS_MAX,
            "query": {"exists": {"field": "action"}},
            "sort": [{"timestamp": "desc"}],
        });
        let page = self.cluster.search(index.as_str(), &query).await?;
        let wanted = self.rate.documents.min(HITS_MAX);
        if page.len() as u64 == wanted {
            return Ok(());
        }
        Err(wrong(format!("{index} gave {} documents, not {wanted}", page.len())))
    }

    async fn write(&self, index: &IndexName, turn: u64) -> Result<(), BenchError> {
        let report = self.cluster.write_all(self.body(index, turn)?).await?;
        match report.poison.first() {
            None => Ok(()),
            Some(poison) => Err(wrong(poison.rejection.reason.clone())),
        }
    }

    /// Documents that are there already, with other contents.
    fn body(&self, index: &IndexName, turn: u64) -> Result<BulkBody, BenchError> {
        let documents = Documents::new(self.rate.bytes);
        let mut body = BulkBody::default();
        let (mut id, mut source) = (String::new(), Vec::new());
        for part in 0..DOCUMENTS_A_WRITE {
            let number = (turn * DOCUMENTS_A_WRITE + part) % self.rate.documents.max(1);
            Documents::write_id(number, &mut id);
            documents.write_source(number ^ turn, Form::New, &mut source);
            body.index(index, Key::of(&id), Version::Internal, &source)
                .map_err(|error| BenchError::Bug(error.to_string()))?;
        }
        Ok(body)
    }
}

fn wrong(reason: String) -> BenchError {
    BenchError::Wrong { method: "the application".to_owned(), reason }
}
