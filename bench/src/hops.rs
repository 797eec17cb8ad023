//! `hops`: what a copy over five steps at once takes, against copies over one step each.
//!
//! Hop by hop is five copies, of which each reads and writes as many documents of the same size as the first one does. So the
//! first one is measured five times in every round; that their sources are the targets of the ones before is left out.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    application::Step,
    arguments::RoundsOptions,
    copy::field::Field,
    error::BenchError,
    report::{self, tell},
    scene::{Scene, rounds, spread},
    worker::{self, Until},
};

/// Steps of the chain.
const HOPS: usize = 5;

/// A copy over all steps, and copies over one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Round {
    /// Time of the copy over all steps at once.
    fused_seconds: f64,
    /// Times of copies over one step.
    hop_seconds: Vec<f64>,
}

/// What `hops` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HopsResults {
    #[serde(flatten)]
    scene: Scene,
    rounds: Vec<Round>,
    /// Median, smallest and largest of the fused copy's time divided by the mean of one hop in the same round.
    fused_by_one: [f64; 3],
    /// The same for the time of all hops divided by the fused copy's.
    hops_by_fused: [f64; 3],
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: RoundsOptions) -> Result<HopsResults, BenchError> {
    let (scene, rounds) =
        rounds(&options, async |field, number| measure(field, &options, number).await).await?;
    Ok(HopsResults {
        scene,
        fused_by_one: spread(&rounds, Round::fused_by_one),
        hops_by_fused: spread(&rounds, Round::hops_by_fused),
        rounds,
    })
}

async fn measure(field: &Field, options: &RoundsOptions, number: u32) -> Result<Round, BenchError> {
    let mut hop_seconds = Vec::new();
    let mut fused_seconds = None;
    for position in 0..HOPS {
        // In the middle of the others in every round, at another place in each.
        if position == number as usize % HOPS {
            fused_seconds = Some(copy(field, options, Step::Chain).await?);
        }
        hop_seconds.push(copy(field, options, Step::Operation).await?);
    }
    let fused_seconds =
        fused_seconds.ok_or_else(|| BenchError::Bug("no place for the chain".to_owned()))?;
    let round = Round { fused_seconds, hop_seconds };
    tell(&format!(
        "round {number} of {}: {HOPS} steps at once in {:.1} s, hop by hop in {:.1} s",
        options.data.rounds,
        round.fused_seconds,
        round.all_hops()
    ));
    Ok(round)
}

async fn copy(field: &Field, options: &RoundsOptions, step: Step) -> Result<f64, BenchError> {
    let how = (Until::Copied, step);
    let outcome = worker::measure(&field.address, &options.bounds, how).await?;
    field.cluster.refresh(&[step.target()]).await?;
    field.check(step.target(), "action", options.data.documents, "lockstep").await?;
    field.remove(step.target()).await?;
    Ok(outcome.seconds)
}

impl Round {
    fn all_hops(&self) -> f64 {
        self.hop_seconds.iter().sum()
    }

    fn fused_by_one(&self) -> f64 {
        self.fused_seconds * report::float(HOPS as u64) / self.all_hops().max(f64::MIN_POSITIVE)
    }

    fn hops_by_fused(&self) -> f64 {
        self.all_hops() / self.fused_seconds.max(f64::MIN_POSITIVE)
    }
}

impl HopsResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let mut text = self.scene.heading();
        report::add_line(&mut text, &["round", "at once s", "hop by hop s", "one hop s"]);
        for (round, number) in self.rounds.iter().zip(1..) {
            let cells = [
                format!("{number}"),
                format!("{:.2}", round.fused_seconds),
                format!("{:.2}", round.all_hops()),
                format!("{:.2}", round.all_hops() / report::float(HOPS as u64)),
            ];
            report::add_line(&mut text, &cells.each_ref().map(String::as_str));
        }
        let ([fused, fused_least, fused_most], [hops, hops_least, hops_most]) =
            (self.fused_by_one, self.hops_by_fused);
        writeln!(
            text,
            "\n{HOPS} steps at once take {fused:.2} of the time of one ({fused_least:.2} to {fused_most:.2}); hop by hop takes {hops:.2} times as long ({hops_least:.2} to {hops_most:.2})"
        )
        .expect("writing to a String cannot fail");
        report::write(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_held_against_the_mean_of_its_hops() {
        let round = Round { fused_seconds: 2.0, hop_seconds: vec![1.0, 2.0, 1.0, 2.0, 4.0] };
        assert!((round.fused_by_one() - 1.0).abs() < 1e-9);
        assert!((round.hops_by_fused() - 5.0).abs() < 1e-9);
    }
}
