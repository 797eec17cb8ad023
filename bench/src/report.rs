//! Results as tables and as JSON, and the little arithmetic behind them.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use serde::Serialize;

use crate::{
    copy::{CopyResults, Measurement, Method},
    error::BenchError,
    mover::MoverResults,
};

/// Tells what goes on, beside the results.
pub(crate) fn tell(text: &str) {
    // Nothing can be told to a reader who has gone.
    drop(writeln!(io::stderr(), "{text}"));
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "rates are shown with a few digits")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// So many a second.
pub(crate) fn rate(count: u64, seconds: f64) -> f64 {
    float(count) / seconds.max(f64::MIN_POSITIVE)
}

/// The middle of sorted numbers; between the two in the middle of an even count.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let low = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    let high = *sorted.get(sorted.len() / 2)?;
    Some(f64::midpoint(low, high))
}

/// The smallest of sorted numbers that so many percent of them don't exceed (nearest rank).
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The smallest and the largest of sorted numbers.
pub(crate) fn range(sorted: &[f64]) -> [f64; 2] {
    [sorted.first().copied().unwrap_or_default(), sorted.last().copied().unwrap_or_default()]
}

/// Writes one JSON object on one line.
pub(crate) fn write_json(results: &impl Serialize) -> Result<(), BenchError> {
    let text =
        serde_json::to_string(results).map_err(|error| BenchError::Bug(error.to_string()))?;
    write(&text)
}

/// Writes the table of `copy`.
pub(crate) fn write_copy(results: &CopyResults) -> Result<(), BenchError> {
    let mut text = format!(
        "{}: {} documents of {:.0} bytes, {} shards, {} connections; {} cores, load average {} before, {} after\n\n",
        results.engine,
        results.documents,
        results.document_bytes,
        results.shards,
        results.connections,
        results.core_count,
        results.load_average[0],
        results.load_average[1],
    );
    add_line(
        &mut text,
        &[
            "method",
            "documents/s",
            "MB/s",
            "seconds",
            "own CPU s",
            "engine CPU s",
            "refresh s",
            "peak MB",
        ],
    );
    let is_measured =
        |method: &Method| results.measurements.iter().any(|one| one.method == *method);
    for method in Method::ALL.into_iter().filter(is_measured) {
        let of = |value: &dyn Fn(&Measurement) -> Option<f64>| -> Option<f64> {
            let mut values: Vec<f64> = results
                .measurements
                .iter()
                .filter(|one| one.method == method)
                .filter_map(value)
                .collect();
            values.sort_by(f64::total_cmp);
            median(&values)
        };
        let show = |value: Option<f64>, digits: usize| {
            value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let rate_of = |one: &Measurement| Some(rate(results.documents, one.seconds));
        let megabytes = |one: &Measurement| {
            Some(rate(results.documents, one.seconds) * results.document_bytes / 1e6)
        };
        let cells = [
            method.name().to_owned(),
            show(of(&rate_of), 0),
            show(of(&megabytes), 1),
            show(of(&|one| Some(one.seconds)), 2),
            show(of(&|one| Some(one.own_cpu_seconds)), 2),
            show(of(&|one| one.engine_cpu_seconds), 2),
            show(of(&|one| Some(one.refresh_seconds)), 2),
            show(of(&|one| Some(float(one.peak_bytes?) / 1e6)), 0),
        ];
        add_line(&mut text, &cells.each_ref().map(String::as_str));
    }
    text.push_str(
        "\nmedians over the rounds; Lockstep's documents/s divided by those of the same round:\n",
    );
    for ratio in &results.ratios {
        let [least, most] = ratio.range;
        writeln!(
            text,
            "  lockstep / {:<18} {:.2}  ({least:.2} to {most:.2})",
            ratio.method.name(),
            ratio.median
        )
        .expect("writing to a String cannot fail");
    }
    write(&text)
}

/// Writes the table of `mover`.
pub(crate) fn write_mover(results: &MoverResults) -> Result<(), BenchError> {
    let mut text = format!(
        "documents of {:.0} bytes, one rename; {} cores, load average {} before, {} after\n\n",
        results.document_bytes,
        results.core_count,
        results.load_average[0],
        results.load_average[1],
    );
    add_line(
        &mut text,
        &["round", "documents", "seconds", "documents/s", "CPU s", "doc/s/core", "peak MB"],
    );
    for (outcome, round) in results.outcomes.iter().zip(1..) {
        let cells = [
            format!("{round}"),
            outcome.documents.to_string(),
            format!("{:.2}", outcome.seconds),
            format!("{:.0}", rate(outcome.documents, outcome.seconds)),
            format!("{:.2}", outcome.cpu_seconds),
            format!("{:.0}", rate(outcome.documents, outcome.cpu_seconds)),
            format!("{:.0}", float(outcome.peak_bytes) / 1e6),
        ];
        add_line(&mut text, &cells.each_ref().map(String::as_str));
    }
    writeln!(
        text,
        "\ncopy stage, all of the process: {:.0} documents/s/core (median)\nsteps and bulk body alone:      {:.0} documents/s/core",
        results.documents_per_core, results.steps_documents_per_core
    )
    .expect("writing to a String cannot fail");
    write(&text)
}

/// Adds a line of a table.
pub(crate) fn add_line(text: &mut String, cells: &[&str]) {
    for (position, cell) in cells.iter().enumerate() {
        let written =
            if position == 0 { write!(text, "{cell:<17}") } else { write!(text, "{cell:>13}") };
        written.expect("writing to a String cannot fail");
    }
    text.push('\n');
}

/// Writes results.
pub(crate) fn write(text: &str) -> Result<(), BenchError> {
    writeln!(io::stdout(), "{text}").map_err(BenchError::system("the results can't be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 4.0]), Some(2.5));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
    }

    #[test]
    fn a_percentile_is_a_number_that_was_measured() {
        let hundred: Vec<f64> = (1..=100_u32).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 95), Some(95.0));
        assert_eq!(percentile(&[1.0, 2.0, 9.0], 95), Some(9.0));
        assert_eq!(percentile(&[1.0, 2.0, 9.0], 50), Some(2.0));
        assert_eq!(percentile(&[], 50), None);
    }
}
