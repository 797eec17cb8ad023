//! How long scenarios took: a suite stays quick only where its slow parts are seen.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// As many as are worth a look.
const SHOWN: usize = 25;

static TIMES: Mutex<Vec<Time>> = Mutex::new(Vec::new());

struct Time {
    cluster: String,
    scenario: &'static str,
    /// While others needed the machine for themselves.
    waited: Duration,
    played: Duration,
}

/// Keeps a scenario's time until all are over.
pub(crate) fn note(cluster: &str, scenario: &'static str, waited: Duration, played: Duration) {
    let time = Time { cluster: cluster.to_owned(), scenario, waited, played };
    TIMES.lock().unwrap_or_else(PoisonError::into_inner).push(time);
}

/// Prints what every cluster was busy with, and the slowest scenarios.
pub(crate) fn print(to: &mut impl Write) -> std::io::Result<()> {
    let mut times = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sums: BTreeMap<&str, (usize, Duration, Duration)> = BTreeMap::new();
    for time in times.iter() {
        let sum = sums.entry(&time.cluster).or_default();
        *sum = (sum.0 + 1, sum.1 + time.played, sum.2 + time.waited);
    }
    for (cluster, (count, played, waited)) in sums {
        let (played, waited) = (played.as_secs_f64(), waited.as_secs_f64());
        writeln!(to, "{cluster}: {count} scenarios in {played:.0} s, waited {waited:.0} s")?;
    }
    times.sort_by_key(|time| std::cmp::Reverse(time.played));
    for time in times.iter().take(SHOWN) {
        writeln!(to, "{:>6.1} s  {}::{}", time.played.as_secs_f64(), time.cluster, time.scenario)?;
    }
    Ok(())
}
