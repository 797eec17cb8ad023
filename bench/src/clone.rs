//! `clone`: how long an upgrade takes over an index that no step changes, cloned and copied, from its beginning to the moment
//! when both sets were found equal.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    application::{Step, TARGET},
    arguments::RoundsOptions,
    copy::field::Field,
    error::BenchError,
    report::{self, tell},
    scene::{Scene, rounds, spread},
    worker::{self, Until},
};

/// The same index, both ways.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Round {
    cloned_seconds: f64,
    copied_seconds: f64,
}

impl Round {
    fn times_as_fast(self) -> f64 {
        self.copied_seconds / self.cloned_seconds.max(f64::MIN_POSITIVE)
    }
}

/// What `clone` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CloneResults {
    #[serde(flatten)]
    scene: Scene,
    rounds: Vec<Round>,
    /// Median, smallest and largest time of the cloned index, in seconds.
    cloned_seconds: [f64; 3],
    /// The same for the copied one's time divided by it.
    times_as_fast: [f64; 3],
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: RoundsOptions) -> Result<CloneResults, BenchError> {
    let (scene, rounds) = rounds(&options, async |field, number| {
        let round = Round {
            cloned_seconds: upgrade(field, &options, Step::Unchanged).await?,
            copied_seconds: upgrade(field, &options, Step::UnchangedCopied).await?,
        };
        tell(&format!(
            "round {number} of {}: cloned in {:.2} s, copied in {:.1} s",
            options.data.rounds, round.cloned_seconds, round.copied_seconds
        ));
        Ok(round)
    })
    .await?;
    Ok(CloneResults {
        scene,
        cloned_seconds: spread(&rounds, |round| round.cloned_seconds),
        times_as_fast: spread(&rounds, |round| round.times_as_fast()),
        rounds,
    })
}

async fn upgrade(field: &Field, options: &RoundsOptions, step: Step) -> Result<f64, BenchError> {
    let how = (Until::Compared, step);
    let outcome = worker::measure(&field.address, &options.bounds, how).await?;
    field.check(TARGET, "type", options.data.documents, "lockstep").await?;
    field.remove(TARGET).await?;
    outcome.whole_seconds.ok_or_else(|| BenchError::Bug("the run was not measured".to_owned()))
}

impl CloneResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let mut text = self.scene.heading();
        report::add_line(&mut text, &["round", "cloned s", "copied s", "ratio"]);
        for (round, number) in self.rounds.iter().zip(1..) {
            let cells = [
                format!("{number}"),
                format!("{:.2}", round.cloned_seconds),
                format!("{:.2}", round.copied_seconds),
                format!("{:.1}", round.times_as_fast()),
            ];
            report::add_line(&mut text, &cells.each_ref().map(String::as_str));
        }
        let ([cloned, least, most], [times, times_least, times_most]) =
            (self.cloned_seconds, self.times_as_fast);
        writeln!(
            text,
            "\ncloned and compared in {cloned:.2} s ({least:.2} to {most:.2}), {times:.1} times as fast as copied and compared ({times_least:.1} to {times_most:.1})"
        )
        .expect("writing to a String cannot fail");
        report::write(&text)
    }
}
