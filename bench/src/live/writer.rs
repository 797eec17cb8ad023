//! The application: a few writers that overwrite documents of the source at a steady rate.
//!
//! Every request is due at a fixed moment, and its time runs from there to its acknowledgement: a writer that is held up
//! counts what waits behind it as well.

use std::time::Duration;

use lockstep_elastic::{BulkBody, Cluster, IndexName, Key, Version};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    application::SOURCE,
    document::{Documents, Form},
    error::BenchError,
};

/// Writers at the same time.
const WRITERS: u32 = 4;
/// Documents of one request.
const DOCUMENTS_A_REQUEST: u64 = 5;
/// Spreads the documents that are overwritten over all of the source.
const STRIDE: u64 = 7_919;

/// How the application writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Documents in the source.
    pub(crate) documents: u64,
    /// Bytes of one.
    pub(crate) bytes: u64,
    /// Requests a second, of all writers together.
    pub(crate) requests_per_second: u32,
}

/// Writers at work. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Writers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<Vec<f64>, BenchError>>,
}

impl Writers {
    /// Begins to write.
    pub(crate) fn start(cluster: &Cluster, rate: Rate) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            tasks.spawn(write(cluster.clone(), rate, writer, stopped.clone()));
        }
        Self { stop, tasks }
    }

    /// Ends, and gives how long every request took, in milliseconds, sorted.
    pub(crate) async fn stop(mut self) -> Result<Vec<f64>, BenchError> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            all.append(&mut ended.map_err(|error| BenchError::Bug(error.to_string()))??);
        }
        all.sort_by(f64::total_cmp);
        Ok(all)
    }
}

async fn write(
    cluster: Cluster,
    rate: Rate,
    writer: u32,
    stopped: watch::Receiver<bool>,
) -> Result<Vec<f64>, BenchError> {
    let name = IndexName::parse(SOURCE).map_err(|error| BenchError::Bug(error.to_string()))?;
    let period = Duration::from_secs(1) * WRITERS / rate.requests_per_second.max(1);
    let mut due = Instant::now() + period * writer / WRITERS;
    let mut number = u64::from(writer);
    let mut times = Vec::new();
    while !*stopped.borrow() {
        sleep_until(due).await;
        let report = cluster.write_all(body(rate, &name, number)?).await?;
        if let Some(poison) = report.poison.first() {
            return Err(BenchError::Wrong {
                method: "the application".to_owned(),
                reason: poison.rejection.reason.clone(),
            });
        }
        times.push(due.elapsed().as_secs_f64() * 1e3);
        due += period;
        number += u64::from(WRITERS);
    }
    Ok(times)
}

fn body(rate: Rate, index: &IndexName, request: u64) -> Result<BulkBody, BenchError> {
    let documents = Documents::new(rate.bytes);
    let mut body = BulkBody::default();
    let (mut id, mut source) = (String::new(), Vec::new());
    for part in 0..DOCUMENTS_A_REQUEST {
        let number = (request * DOCUMENTS_A_REQUEST + part).wrapping_mul(STRIDE);
        let number = number.checked_rem(rate.documents).unwrap_or_default();
        Documents::write_id(number, &mut id);
        documents.write_source(number ^ request, Form::Old, &mut source);
        body.index(index, Key::of(&id), Version::Internal, &source)
            .map_err(|error| BenchError::Bug(error.to_string()))?;
    }
    Ok(body)
}
