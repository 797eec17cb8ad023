//! `copy`: the same data copied by several methods in turn, on one cluster, in one run.
//!
//! The order rotates from round to round, so that no method always follows the same other one. Every method writes into a
//! new index with the same mapping and settings, which is looked at and deleted afterwards.

pub(crate) mod field;
pub(crate) mod ingest;
pub(crate) mod reindex;

use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use self::field::Field;
use crate::{
    application::{SOURCE, Step, TARGET},
    arguments::CopyOptions,
    document::Form,
    error::BenchError,
    process,
    report::{self, tell},
    worker::{self, Until},
};

/// Quiet time before each measurement, in which the engine puts the last target away.
const PAUSE: Duration = Duration::from_secs(2);

/// A way to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// `_reindex` with as many slices as shards, without a script: it does not even rename.
    Reindex,
    /// The same with a Painless script that renames the field.
    ReindexScript,
    /// Prebuilt bodies, versions counted by the engine.
    Ingest,
    /// Prebuilt bodies with `external_gte` versions, as Lockstep writes them: the limit of what Lockstep can reach.
    IngestVersioned,
    /// Lockstep's copy stage, with an operation that renames the field.
    Lockstep,
    /// The same with the Painless script of `ReindexScript`.
    LockstepScript,
}

impl Method {
    /// All, in the order of the first round.
    pub(crate) const ALL: [Self; 6] = [
        Self::Reindex,
        Self::ReindexScript,
        Self::Ingest,
        Self::IngestVersioned,
        Self::Lockstep,
        Self::LockstepScript,
    ];

    /// Its name in tables and in the names of indices.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reindex => "reindex",
            Self::ReindexScript => "reindex-script",
            Self::Ingest => "ingest",
            Self::IngestVersioned => "ingest-versioned",
            Self::Lockstep => "lockstep",
            Self::LockstepScript => "lockstep-script",
        }
    }

    /// The index that it writes.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Reindex => "lockstep-bench-copy-reindex",
            Self::ReindexScript => "lockstep-bench-copy-reindex-script",
            Self::Ingest => "lockstep-bench-copy-ingest",
            Self::IngestVersioned => "lockstep-bench-copy-ingest-versioned",
            Self::Lockstep | Self::LockstepScript => TARGET,
        }
    }

    /// How Lockstep's step is written, where it is Lockstep that copies. It makes its target itself.
    pub(crate) fn step(self) -> Option<Step> {
        match self {
            Self::Lockstep => Some(Step::Operation),
            Self::LockstepScript => Some(Step::Script),
            Self::Reindex | Self::ReindexScript | Self::Ingest | Self::IngestVersioned => None,
        }
    }

    /// The field in which its target has the kind of an event.
    fn kind_field(self) -> &'static str {
        if self == Self::Reindex { "type" } else { "action" }
    }
}

/// One method, once.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measurement {
    /// Which.
    pub(crate) method: Method,
    /// In which round, from 1.
    pub(crate) round: u32,
    /// Time from the first request to the last answer.
    pub(crate) seconds: f64,
    /// Processor seconds of the process that sends the requests.
    pub(crate) own_cpu_seconds: f64,
    /// Processor seconds of the engine's process, when it is on this machine.
    pub(crate) engine_cpu_seconds: Option<f64>,
    /// Peak resident memory of Lockstep's process.
    pub(crate) peak_bytes: Option<u64>,
    /// Time that the refresh after it took: work that was put off.
    pub(crate) refresh_seconds: f64,
}

/// What `copy` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CopyResults {
    /// Name and version of the engine.
    pub(crate) engine: String,
    /// Cores of this machine.
    pub(crate) core_count: usize,
    /// Load average of this machine before the first measurement, and after the last one.
    pub(crate) load_average: [f64; 2],
    /// Documents in the source.
    pub(crate) documents: u64,
    /// Bytes of one document, on average.
    pub(crate) document_bytes: f64,
    /// Primary shards of every index.
    pub(crate) shards: u32,
    /// Connections of Lockstep and of prebuilt ingest.
    pub(crate) connections: usize,
    /// All measurements, in the order in which they were made.
    pub(crate) measurements: Vec<Measurement>,
    /// Medians over all rounds of Lockstep's documents a second divided by another method's in the same round.
    pub(crate) ratios: Vec<Ratio>,
}

/// How Lockstep compares to another method.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ratio {
    /// The other method.
    pub(crate) method: Method,
    /// Median over the rounds; above 1 Lockstep is faster.
    pub(crate) median: f64,
    /// The smallest and the largest one.
    pub(crate) range: [f64; 2],
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: CopyOptions) -> Result<CopyResults, BenchError> {
    let field = Field::open(&options.cluster).await?;
    let outcome = Box::pin(until_stopped(measure(&field, &options))).await?;
    tell("removing what was made");
    after_cleaning(field.clear().await, outcome)
}

/// Works until it is done or somebody asks to stop. Whatever comes of it, what was made has to be removed then.
pub(crate) async fn until_stopped<T>(
    work: impl Future<Output = Result<T, BenchError>>,
) -> Result<Result<T, BenchError>, BenchError> {
    let mut terminated =
        signal(SignalKind::terminate()).map_err(BenchError::system("signals can't be heard"))?;
    Ok(tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => Err(BenchError::Interrupted),
        _ = terminated.recv() => Err(BenchError::Interrupted),
    })
}

/// What to tell after a measurement and the cleaning behind it.
pub(crate) fn after_cleaning<T>(
    cleaned: Result<(), BenchError>,
    outcome: Result<T, BenchError>,
) -> Result<T, BenchError> {
    let Err(cleaning) = cleaned else { return outcome };
    let cause =
        outcome.err().map_or("the measurement was made".to_owned(), |error| error.to_string());
    Err(BenchError::NotCleaned { cause, cleaning: Box::new(cleaning) })
}

/// Removes what a benchmark that was killed left.
pub(crate) async fn clear(address: &str) -> Result<(), BenchError> {
    Field::at(address).await?.clear().await
}

async fn measure(field: &Field, options: &CopyOptions) -> Result<CopyResults, BenchError> {
    let connections = options.bounds.windows.max(1);
    let load = ingest::Load {
        documents: options.documents,
        document_bytes: options.bytes,
        body_bytes: options.bounds.window_bytes,
        connections,
    };
    tell(&format!("seeding {} documents", options.documents));
    field.create(SOURCE, options.shards).await?;
    let source_bytes = ingest::seed(field, SOURCE, &load).await?;
    field.settle(SOURCE).await?;
    field.check(SOURCE, "type", options.documents, "seeding").await?;
    let load_before = process::load_average()?;
    let mut measurements = Vec::new();
    for round in 1..=options.rounds {
        let mut methods =
            if options.methods.is_empty() { Method::ALL.to_vec() } else { options.methods.clone() };
        let turns = usize::try_from(round - 1).unwrap_or(0) % methods.len();
        methods.rotate_left(turns);
        for method in methods {
            let measurement = measure_once(field, options, &load, (method, round)).await?;
            let rate = report::rate(options.documents, measurement.seconds);
            tell(&format!(
                "round {round} of {}, {}: {rate:.0} documents/s",
                options.rounds,
                method.name()
            ));
            measurements.push(measurement);
        }
    }
    Ok(CopyResults {
        engine: field.engine.clone(),
        core_count: process::core_count(),
        load_average: [load_before, process::load_average()?],
        documents: options.documents,
        document_bytes: report::float(source_bytes) / report::float(options.documents),
        shards: options.shards,
        connections,
        ratios: ratios(&measurements),
        measurements,
    })
}

async fn measure_once(
    field: &Field,
    options: &CopyOptions,
    load: &ingest::Load,
    (method, round): (Method, u32),
) -> Result<Measurement, BenchError> {
    let target = method.target();
    if method.step().is_none() {
        field.create(target, options.shards).await?;
    }
    let bodies = match method {
        Method::Ingest | Method::IngestVersioned => {
            ingest::prebuilt(load, target, (Form::New, method == Method::IngestVersioned)).await?
        }
        Method::Reindex | Method::ReindexScript | Method::Lockstep | Method::LockstepScript => {
            Vec::new()
        }
    };
    sleep(PAUSE).await;
    let engine_before = field.engine_cpu_seconds()?;
    let own_before = process::cpu_seconds("self")?;
    let begun = Instant::now();
    let worked = match (method, method.step()) {
        (_, Some(step)) => {
            let how = (Until::Copied, step);
            Some(worker::measure(&field.address, &options.bounds, how).await?)
        }
        (Method::Ingest | Method::IngestVersioned, None) => {
            ingest::write(field, bodies, load.connections).await?;
            None
        }
        (_, None) => {
            let script = method == Method::ReindexScript;
            reindex::copy(field, target, (options.reindex_batch, script)).await?;
            None
        }
    };
    let seconds = worked.map_or(begun.elapsed().as_secs_f64(), |outcome| outcome.seconds);
    let own_cpu_seconds = match worked {
        Some(outcome) => outcome.cpu_seconds,
        None => process::cpu_seconds("self")? - own_before,
    };
    let engine_cpu_seconds =
        field.engine_cpu_seconds()?.zip(engine_before).map(|(now, before)| now - before);
    let refreshed = Instant::now();
    field.cluster.refresh(&[target]).await?;
    let refresh_seconds = refreshed.elapsed().as_secs_f64();
    field.check(target, method.kind_field(), options.documents, method.name()).await?;
    field.remove(target).await?;
    Ok(Measurement {
        method,
        round,
        seconds,
        own_cpu_seconds,
        engine_cpu_seconds,
        peak_bytes: worked.map(|outcome| outcome.peak_bytes),
        refresh_seconds,
    })
}

fn ratios(measurements: &[Measurement]) -> Vec<Ratio> {
    let seconds = |method: Method, round: u32| {
        measurements
            .iter()
            .find(|one| one.method == method && one.round == round)
            .map(|one| one.seconds)
    };
    let ratio = |method: Method| {
        let mut ratios: Vec<f64> = measurements
            .iter()
            .filter(|one| one.method == Method::Lockstep)
            .filter_map(|one| Some(seconds(method, one.round)? / one.seconds))
            .collect();
        ratios.sort_by(f64::total_cmp);
        let range = [*ratios.first()?, *ratios.last()?];
        Some(Ratio { method, median: report::median(&ratios)?, range })
    };
    Method::ALL.into_iter().filter(|method| *method != Method::Lockstep).filter_map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let measurement = |method, round, seconds| Measurement {
            method,
            round,
            seconds,
            own_cpu_seconds: 0.0,
            engine_cpu_seconds: None,
            peak_bytes: None,
            refresh_seconds: 0.0,
        };
        let measurements = [
            measurement(Method::Reindex, 1, 10.0),
            measurement(Method::Lockstep, 1, 5.0),
            measurement(Method::Lockstep, 2, 20.0),
            measurement(Method::Reindex, 2, 20.0),
            measurement(Method::Lockstep, 3, 4.0),
            measurement(Method::Reindex, 3, 12.0),
        ];
        let ratios = ratios(&measurements);
        assert_eq!(ratios.len(), 1);
        assert_eq!(
            (ratios[0].method, ratios[0].median, ratios[0].range),
            (Method::Reindex, 2.0, [1.0, 3.0])
        );
    }
}
