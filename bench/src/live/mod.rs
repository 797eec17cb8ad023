//! `live`: how much slower an application's writes get while its data is copied, by Lockstep and by `_reindex`.
//!
//! The application overwrites documents of the source at a steady rate all the time. It is measured with nothing beside it,
//! while Lockstep copies the source, and while `_reindex` does with the same rename in Painless. The order of the last two
//! changes from round to round.

mod writer;

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    application::{SOURCE, Step, TARGET},
    arguments::LiveOptions,
    copy::{Method, after_cleaning, field::Field, ingest, reindex, until_stopped},
    error::BenchError,
    process,
    report::{self, tell},
    steady::Rate,
    worker::{self, Until},
};

/// Quiet time before each measurement, in which the engine puts the last target away.
const PAUSE: Duration = Duration::from_secs(2);
/// Documents of one batch of `_reindex`: the engines' default.
const REINDEX_BATCH: u32 = 1_000;

/// What goes on beside the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Beside {
    /// Nothing.
    Nothing,
    /// Lockstep copies.
    Lockstep,
    /// `_reindex` copies, with a script.
    ReindexScript,
}

impl Beside {
    const ALL: [Self; 3] = [Self::Nothing, Self::Lockstep, Self::ReindexScript];

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Lockstep => "lockstep",
            Self::ReindexScript => "reindex-script",
        }
    }
}

/// The application's writes beside one thing, in one round.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Measurement {
    beside: Beside,
    round: u32,
    /// How long it was measured, which is how long the copy took.
    seconds: f64,
    requests: usize,
    /// Milliseconds from when a request was due to its acknowledgement: median, 95 and 99 percent of them.
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
}

/// Two 95-percent times of the same round, divided.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ratio {
    what: &'static str,
    median: f64,
    range: [f64; 2],
}

/// What `live` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LiveResults {
    engine: String,
    core_count: usize,
    load_average: [f64; 2],
    documents: u64,
    shards: u32,
    requests_per_second: u32,
    measurements: Vec<Measurement>,
    ratios: Vec<Ratio>,
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: LiveOptions) -> Result<LiveResults, BenchError> {
    let field = Field::open(&options.data.cluster).await?;
    let outcome = Box::pin(until_stopped(measure(&field, &options))).await?;
    tell("removing what was made");
    after_cleaning(field.clear().await, outcome)
}

async fn measure(field: &Field, options: &LiveOptions) -> Result<LiveResults, BenchError> {
    let data = &options.data;
    ingest::seed_source(field, data, options.bounds.windows.max(1)).await?;
    // An application reads what it writes.
    field.cluster.put_settings(&[SOURCE], &json!({"index.refresh_interval": "1s"})).await?;
    let load_before = process::load_average()?;
    let mut measurements = Vec::new();
    for round in 1..=data.rounds {
        let mut order = Beside::ALL;
        if round % 2 == 0 {
            order.swap(1, 2);
        }
        for beside in order {
            sleep(PAUSE).await;
            let one = measure_once(field, options, (beside, round)).await?;
            tell(&format!(
                "round {round} of {}, beside {}: p95 {:.1} ms in {:.1} s",
                data.rounds,
                beside.name(),
                one.p95_ms,
                one.seconds
            ));
            measurements.push(one);
        }
    }
    Ok(LiveResults {
        engine: field.engine.clone(),
        core_count: process::core_count(),
        load_average: [load_before, process::load_average()?],
        documents: data.documents,
        shards: data.shards,
        requests_per_second: options.requests_per_second,
        ratios: ratios(&measurements),
        measurements,
    })
}

async fn measure_once(
    field: &Field,
    options: &LiveOptions,
    (beside, round): (Beside, u32),
) -> Result<Measurement, BenchError> {
    let data = &options.data;
    let target = Method::ReindexScript.target();
    if beside == Beside::ReindexScript {
        field.create(target, data.shards).await?;
    }
    let rate = Rate {
        documents: data.documents,
        bytes: data.bytes,
        requests_per_second: options.requests_per_second,
    };
    let writers = writer::start(&field.cluster, rate)?;
    let begun = Instant::now();
    match beside {
        Beside::Nothing => sleep(Duration::from_secs(options.quiet_seconds)).await,
        Beside::Lockstep => {
            worker::measure(&field.address, &options.bounds, (Until::Copied, Step::Operation))
                .await?;
        }
        Beside::ReindexScript => reindex::copy(field, target, (REINDEX_BATCH, true)).await?,
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut times: Vec<f64> =
        writers.stop().await?.into_iter().map(|one| one.milliseconds).collect();
    times.sort_by(f64::total_cmp);
    match beside {
        Beside::Nothing => {}
        Beside::Lockstep => field.remove(TARGET).await?,
        Beside::ReindexScript => {
            // Overwriting adds no document.
            field.cluster.refresh(&[target]).await?;
            field.check(target, "action", data.documents, beside.name()).await?;
            field.remove(target).await?;
        }
    }
    let percent = |percent| report::percentile(&times, percent).unwrap_or_default();
    let (p50_ms, p95_ms, p99_ms) = (percent(50), percent(95), percent(99));
    Ok(Measurement { beside, round, seconds, requests: times.len(), p50_ms, p95_ms, p99_ms })
}

fn ratios(measurements: &[Measurement]) -> Vec<Ratio> {
    let pairs = [
        ("lockstep / nothing", Beside::Lockstep, Beside::Nothing),
        ("reindex-script / nothing", Beside::ReindexScript, Beside::Nothing),
        ("lockstep / reindex-script", Beside::Lockstep, Beside::ReindexScript),
    ];
    let of = |beside: Beside| measurements.iter().filter(move |one| one.beside == beside);
    let ratio = |(what, upper, lower): (&'static str, Beside, Beside)| {
        let mut ratios: Vec<f64> = of(upper)
            .filter_map(|one| {
                let other = of(lower).find(|other| other.round == one.round)?;
                Some(one.p95_ms / other.p95_ms.max(f64::MIN_POSITIVE))
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let median = report::median(&ratios)?;
        Some(Ratio { what, median, range: report::range(&ratios) })
    };
    pairs.into_iter().filter_map(ratio).collect()
}

impl LiveResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let mut text = format!(
            "{}: {} documents, {} shards; {} write requests/s of 5 documents; {} cores, load average {} before, {} after\n\n",
            self.engine,
            self.documents,
            self.shards,
            self.requests_per_second,
            self.core_count,
            self.load_average[0],
            self.load_average[1],
        );
        let head = ["beside", "round", "seconds", "requests", "p50 ms", "p95 ms", "p99 ms"];
        report::add_line(&mut text, &head);
        for one in &self.measurements {
            let cells = [
                one.beside.name().to_owned(),
                one.round.to_string(),
                format!("{:.1}", one.seconds),
                one.requests.to_string(),
                format!("{:.1}", one.p50_ms),
                format!("{:.1}", one.p95_ms),
                format!("{:.1}", one.p99_ms),
            ];
            report::add_line(&mut text, &cells.each_ref().map(String::as_str));
        }
        text.push_str("\np95 divided by that of the same round, medians over the rounds:\n");
        for Ratio { what, median, range: [least, most] } in &self.ratios {
            writeln!(text, "  {what:<26} {median:.2}  ({least:.2} to {most:.2})")
                .expect("writing to a String cannot fail");
        }
        report::write(&text)
    }
}
