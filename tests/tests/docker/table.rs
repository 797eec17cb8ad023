//! The table of all cases that were played.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// One case on one cluster.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) case: &'static str,
    pub(crate) cluster: String,
    pub(crate) story: String,
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) longest_wait: Duration,
    pub(crate) time: Duration,
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// Writes a row down.
pub(crate) fn add(row: Row) {
    ROWS.lock().unwrap_or_else(PoisonError::into_inner).push(row);
}

/// All rows as text; nothing when no case was played.
pub(crate) fn text() -> String {
    let rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = String::new();
    let mut line =
        |line: String| writeln!(text, "{line}").expect("writing to a string does not fail");
    if !rows.is_empty() {
        line(format!(
            "{:<20} {:<16} {:>12} {:>5} {:>13} {:>7}  {}",
            "case", "cluster", "acknowledged", "lost", "longest wait", "time", "what happened"
        ));
    }
    for Row { case, cluster, story, acknowledged, lost, longest_wait, time } in rows.iter() {
        line(format!(
            "{case:<20} {cluster:<16} {acknowledged:>12} {lost:>5} {:>11.1} s {:>5.1} s  {story}",
            longest_wait.as_secs_f64(),
            time.as_secs_f64()
        ));
    }
    text
}
