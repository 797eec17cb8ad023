//! `mover`: how many documents one core moves when reading and writing cost nothing elsewhere.
//!
//! Lockstep's copy stage runs in a process of its own against a [`sink`] on loopback that gives prebuilt windows and
//! swallows bulk bodies. What the worker's process uses of the processor, sockets included, is Lockstep's own cost.
//! Beside it, [`steps`] measures the steps and the bulk body alone, on one thread.

mod page;
mod relay;
pub(crate) mod sink;
mod steps;

use std::sync::Arc;

use lockstep_elastic::{Cluster, Connection};
use lockstep_engine::{JqHosts, Session, report::Silent};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    application::{APPLICATION, Step},
    arguments::MoverOptions,
    error::BenchError,
    process,
    report::{self, tell},
    worker::{self, Offspring, Outcome, Until},
};

/// What `mover` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MoverResults {
    /// Cores of this machine.
    pub(crate) core_count: usize,
    /// Load average of this machine before and after.
    pub(crate) load_average: [f64; 2],
    /// Bytes of one document, on average.
    pub(crate) document_bytes: f64,
    /// The whole copy stage, once for each round.
    pub(crate) outcomes: Vec<Outcome>,
    /// Median of documents by processor second of the whole process.
    pub(crate) documents_per_core: f64,
    /// Documents by processor second of the steps and the bulk body alone, on one thread.
    pub(crate) steps_documents_per_core: f64,
}

/// Measures.
pub(crate) async fn run(options: &MoverOptions) -> Result<MoverResults, BenchError> {
    tell("filling the sink");
    let arguments = [
        format!("--documents={}", options.sink.documents),
        format!("--bytes={}", options.sink.bytes),
        format!("--shards={}", options.sink.shards),
    ];
    let mut sink = Offspring::start("sink", &arguments, None)?;
    let address = sink.first_line().await?;
    let load_before = process::load_average()?;
    let mut outcomes = Vec::new();
    for round in 1..=options.rounds {
        let outcome =
            worker::measure(&address, &options.bounds, (Until::Copied, Step::Operation)).await?;
        abort(&address).await?;
        let expected = options.sink.shard_documents() * u64::from(options.sink.shards);
        if outcome.documents != expected {
            let reason = format!("{} documents of {expected}", outcome.documents);
            return Err(BenchError::Wrong { method: "the mover".to_owned(), reason });
        }
        let rate = report::rate(outcome.documents, outcome.cpu_seconds);
        tell(&format!(
            "round {round} of {}: {rate:.0} documents by processor second",
            options.rounds
        ));
        outcomes.push(outcome);
    }
    drop(sink);
    let mut rates: Vec<f64> = outcomes
        .iter()
        .map(|outcome| report::rate(outcome.documents, outcome.cpu_seconds))
        .collect();
    rates.sort_by(f64::total_cmp);
    let bytes: u64 = outcomes.iter().map(|outcome| outcome.bytes).sum();
    let documents: u64 = outcomes.iter().map(|outcome| outcome.documents).sum();
    Ok(MoverResults {
        core_count: process::core_count(),
        load_average: [load_before, process::load_average()?],
        document_bytes: report::float(bytes) / report::float(documents),
        documents_per_core: report::median(&rates).unwrap_or_default(),
        steps_documents_per_core: steps::measure(options.sink.bytes)?,
        outcomes,
    })
}

/// Gives the run up, so that the next round begins anew.
async fn abort(address: &str) -> Result<(), BenchError> {
    let cluster = Cluster::new(Connection::parse(address)?)?;
    let session = Session {
        cluster,
        jq: JqHosts::none(),
        reporter: Arc::new(Silent),
        stop: CancellationToken::new(),
        databases: lockstep_engine::Databases::unknown(),
    };
    session.abort(APPLICATION).await?;
    Ok(())
}
