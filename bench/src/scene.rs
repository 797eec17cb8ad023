//! What `verify`, `hops` and `clone` have in common: a seeded source on a cluster that is cleaned afterwards, rounds, and the
//! circumstances that their results are told with.

use serde::Serialize;

use crate::{
    application::SOURCE,
    arguments::RoundsOptions,
    copy::{after_cleaning, field::Field, ingest, until_stopped},
    error::BenchError,
    process,
    report::{self, tell},
};

/// Where and of what something was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Scene {
    engine: String,
    core_count: usize,
    /// The machine's load before and after.
    load_average: [f64; 2],
    documents: u64,
    shards: u32,
}

/// Seeds the source, measures round after round, and removes everything from the cluster again, whatever happens.
pub(crate) async fn rounds<R>(
    options: &RoundsOptions,
    measure: impl AsyncFn(&Field, u32) -> Result<R, BenchError>,
) -> Result<(Scene, Vec<R>), BenchError> {
    let field = Field::open(&options.data.cluster).await?;
    let measured = async {
        let data = &options.data;
        ingest::seed_source(&field, data, options.bounds.windows.max(1)).await?;
        let load_before = process::load_average()?;
        let mut rounds = Vec::new();
        for number in 1..=data.rounds {
            rounds.push(measure(&field, number).await?);
        }
        let scene = Scene {
            engine: field.engine.clone(),
            core_count: process::core_count(),
            load_average: [load_before, process::load_average()?],
            documents: data.documents,
            shards: data.shards,
        };
        Ok((scene, rounds))
    };
    let outcome = Box::pin(until_stopped(measured)).await?;
    tell("removing what was made");
    after_cleaning(field.clear().await, outcome)
}

/// Median, smallest and largest value of all rounds.
pub(crate) fn spread<R>(rounds: &[R], value: impl Fn(&R) -> f64) -> [f64; 3] {
    let mut values: Vec<f64> = rounds.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let [least, most] = report::range(&values);
    [report::median(&values).unwrap_or_default(), least, most]
}

impl Scene {
    /// The lines above a table.
    pub(crate) fn heading(&self) -> String {
        let Self { engine, core_count, load_average: [before, after], documents, shards } = self;
        format!(
            "{engine}: {documents} documents, {shards} shards of `{SOURCE}`; {core_count} cores, load average {before} before, {after} after\n\n"
        )
    }
}
