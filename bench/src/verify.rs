//! `verify`: how long the comparison of both sets takes, measured against the copy before it, in the same run.
//!
//! It is the comparison that every upgrade makes before its switch: both sides are read whole, the live one through the
//! steps, and hashed by content.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    application::{Step, TARGET},
    arguments::RoundsOptions,
    error::BenchError,
    report::{self, tell},
    scene::{Scene, rounds, spread},
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
    #[serde(flatten)]
    scene: Scene,
    rounds: Vec<Round>,
    /// Median, smallest and largest time of a comparison divided by that of its copy.
    share: [f64; 3],
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: RoundsOptions) -> Result<VerifyResults, BenchError> {
    let (scene, rounds) = rounds(&options, async |field, number| {
        let how = (Until::Compared, Step::Operation);
        let outcome = worker::measure(&field.address, &options.bounds, how).await?;
        field.check(TARGET, "action", options.data.documents, "lockstep").await?;
        field.remove(TARGET).await?;
        let compare_seconds = outcome
            .compare_seconds
            .ok_or_else(|| BenchError::Bug("the comparison was not measured".to_owned()))?;
        let round = Round { copy_seconds: outcome.seconds, compare_seconds };
        tell(&format!(
            "round {number} of {}: copied in {:.1} s, compared in {:.1} s",
            options.data.rounds, round.copy_seconds, round.compare_seconds
        ));
        Ok(round)
    })
    .await?;
    Ok(VerifyResults { scene, share: spread(&rounds, |round| round.share()), rounds })
}

impl VerifyResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let mut text = self.scene.heading();
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
        let [share, least, most] = self.share;
        writeln!(
            text,
            "\nthe comparison takes {share:.2} of the copy's time ({least:.2} to {most:.2})"
        )
        .expect("writing to a String cannot fail");
        report::write(&text)
    }
}
