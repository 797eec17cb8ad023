//! `verify`: how long the comparison of both sets takes, measured against the copy before it, in the same run.
//!
//! It is the comparison that every upgrade makes before its switch: both sides are read whole, the live one through the
//! steps, and hashed by content.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    application::{SOURCE, Step, TARGET},
    arguments::VerifyOptions,
    copy::{after_cleaning, field::Field, ingest, until_stopped},
    error::BenchError,
    process,
    report::{self, tell},
    worker::{self, Until},
};

/// One copy and the comparison behind it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Round {
    /// Time of the copy.
    copy_seconds: f64,
    /// Time of the comparison.
    compare_seconds: f64,
}

impl Round {
    fn share(self) -> f64 {
        self.compare_seconds / self.copy_seconds.max(f64::MIN_POSITIVE)
    }
}

/// What `verify` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct VerifyResults {
    engine: String,
    core_count: usize,
    load_average: [f64; 2],
    documents: u64,
    shards: u32,
    rounds: Vec<Round>,
    /// Median of the comparison's time divided by that of its copy.
    share: f64,
    /// The smallest and the largest one.
    share_range: [f64; 2],
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: VerifyOptions) -> Result<VerifyResults, BenchError> {
    let field = Field::open(&options.data.cluster).await?;
    let outcome = Box::pin(until_stopped(measure(&field, &options))).await?;
    tell("removing what was made");
    after_cleaning(field.clear().await, outcome)
}

async fn measure(field: &Field, options: &VerifyOptions) -> Result<VerifyResults, BenchError> {
    let data = &options.data;
    ingest::seed_source(field, data, options.bounds.windows.max(1)).await?;
    let load_before = process::load_average()?;
    let mut rounds = Vec::new();
    for round in 1..=data.rounds {
        let outcome =
            worker::measure(&field.address, &options.bounds, (Until::Compared, Step::Operation))
                .await?;
        field.check(TARGET, "action", data.documents, "lockstep").await?;
        field.remove(TARGET).await?;
        let compare_seconds = outcome
            .compare_seconds
            .ok_or_else(|| BenchError::Bug("the comparison was not measured".to_owned()))?;
        let one = Round { copy_seconds: outcome.seconds, compare_seconds };
        tell(&format!(
            "round {round} of {}: copied in {:.1} s, compared in {:.1} s",
            data.rounds, one.copy_seconds, one.compare_seconds
        ));
        rounds.push(one);
    }
    let mut shares: Vec<f64> = rounds.iter().map(|round| round.share()).collect();
    shares.sort_by(f64::total_cmp);
    Ok(VerifyResults {
        engine: field.engine.clone(),
        core_count: process::core_count(),
        load_average: [load_before, process::load_average()?],
        documents: data.documents,
        shards: data.shards,
        share: report::median(&shares).unwrap_or_default(),
        share_range: report::range(&shares),
        rounds,
    })
}

impl VerifyResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let mut text = format!(
            "{}: {} documents, {} shards of `{SOURCE}`; {} cores, load average {} before, {} after\n\n",
            self.engine,
            self.documents,
            self.shards,
            self.core_count,
            self.load_average[0],
            self.load_average[1],
        );
        report::add_line(&mut text, &["round", "copy s", "compare s", "share"]);
        for (round, number) in self.rounds.iter().zip(1..) {
            let cells = [
                format!("{number}"),
                format!("{:.2}", round.copy_seconds),
                format!("{:.2}", round.compare_seconds),
                format!("{:.0} %", round.share() * 100.0),
            ];
            report::add_line(&mut text, &cells.each_ref().map(String::as_str));
        }
        let [least, most] = self.share_range;
        writeln!(
            text,
            "\nthe comparison takes {:.2} of the copy's time ({least:.2} to {most:.2})",
            self.share
        )
        .expect("writing to a String cannot fail");
        report::write(&text)
    }
}
