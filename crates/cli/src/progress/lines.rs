//! Progress as plain lines on stderr, for logs: states at once, how far it is every two seconds at most.

use std::time::{Duration, Instant};

use lockstep_core::run::state::RunState;
use lockstep_engine::report::{Event, Lag, Progress, Unit};

use super::{
    Display,
    pace::{Pace, Speed},
};
use crate::{
    render::quantity::{count, counted, percent, rough_duration},
    ui::Ui,
};

/// Time between two lines about the same stage.
const PAUSE: Duration = Duration::from_secs(2);

/// Writes lines.
#[derive(Debug)]
pub(super) struct Lines {
    ui: Ui,
    begun: Instant,
    stage: &'static str,
    pace: Pace,
    told_at: Option<Instant>,
}

impl Lines {
    pub(super) fn new(ui: Ui, begun: Instant) -> Self {
        Self { ui, begun, stage: "", pace: Pace::default(), told_at: None }
    }

    fn tell(&self, at: Instant, text: &str) {
        let time = at.duration_since(self.begun).as_secs_f64();
        self.ui.note(&format!("[{time:8.1} s] {text}"));
    }
}

impl Display for Lines {
    fn show(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Entered { run: _, state } => {
                self.told_at = Some(at);
                self.tell(at, &state_text(state));
            }
            Event::Notice { message } => self.tell(at, message),
            Event::Pace(news) => self.tell(at, &news.to_string()),
            Event::Waiting(waiting) => self.tell(at, &waiting.to_string()),
            Event::Lag(lag) => {
                if self.told_at.is_none_or(|told| at.duration_since(told) >= PAUSE) {
                    self.told_at = Some(at);
                    self.tell(at, &lag_text(lag));
                }
            }
            Event::Progress(progress) => {
                if self.stage != progress.stage {
                    self.stage = progress.stage;
                    self.pace = Pace::default();
                }
                self.pace.note(progress, at);
                if self.told_at.is_none_or(|told| at.duration_since(told) >= PAUSE) {
                    self.told_at = Some(at);
                    self.tell(at, &progress_text(progress, self.pace.speed(progress)));
                }
            }
        }
    }

    fn finish(&mut self) {}
}

/// A state as a line says it.
pub(super) fn state_text(state: &RunState) -> String {
    match state {
        RunState::Halted { stage: _, round: _, problem } => {
            format!("halted [{}]: {}", problem.code, problem.message)
        }
        state => match state.round() {
            0 | 1 => state.name().to_owned(),
            round => format!("{}, round {round}", state.name()),
        },
    }
}

/// How far a stage is, as a line says it.
fn progress_text(progress: &Progress, speed: Option<Speed>) -> String {
    let Progress { stage, unit, done, total, bytes: _, waiting } = progress;
    let mut parts = Vec::new();
    if *total > 0 {
        let (unit, share) = (unit_text(*unit), percent(*done, *total));
        parts.push(format!("{} of {} {unit} ({share} %)", count(*done), count(*total)));
    }
    parts.push(speed_text(speed));
    parts.extend(waiting.as_ref().map(ToString::to_string));
    parts.retain(|part| !part.is_empty());
    format!("{stage}: {}", parts.join(", "))
}

/// How far the new set is behind, as a line says it.
pub(super) fn lag_text(lag: &Lag) -> String {
    let Lag { numbers, arriving_per_second, carried_per_second, left_ms } = lag;
    let mut parts =
        vec![format!("{} behind ({left_ms} ms)", counted(*numbers, "operation", "operations"))];
    if let Some(rate) = arriving_per_second {
        parts.push(format!("{}/s arrive", count(*rate)));
    }
    if let Some(rate) = carried_per_second {
        parts.push(format!("{}/s carried over", count(*rate)));
    }
    format!("catching up: {}", parts.join(", "))
}

/// What progress is counted in.
pub(super) fn unit_text(unit: Unit) -> &'static str {
    match unit {
        Unit::Documents => "documents",
        Unit::Indices => "indices",
        Unit::Shards => "shards",
    }
}

/// How fast, and how long still; empty when that can't be told.
pub(super) fn speed_text(speed: Option<Speed>) -> String {
    match speed {
        None => String::new(),
        Some(Speed { per_second, left: None }) => format!("{}/s", count(per_second)),
        Some(Speed { per_second, left: Some(left) }) => {
            format!("{}/s, {} left", count(per_second), rough_duration(left))
        }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_engine::report::Waiting;

    use super::*;

    #[test]
    fn lines_say_how_far_how_fast_and_what_is_waited_for() {
        let progress = |done, total, waiting| Progress {
            stage: "copying",
            unit: Unit::Documents,
            done,
            total,
            bytes: 0,
            waiting,
        };
        let speed = Speed { per_second: 41_000, left: Some(Duration::from_secs(75)) };
        let lease = Some(Waiting::Lease { owner: "host/7".to_owned() });
        let cases = [
            (
                progress_text(&progress(62_000, 120_000, None), Some(speed)),
                "copying: 62,000 of 120,000 documents (51 %), 41,000/s, 1 min 15 s left",
            ),
            (
                progress_text(&progress(0, 0, lease), None),
                "copying: waiting for the lease of host/7",
            ),
            (state_text(&RunState::Copying { round: 2 }), "copying, round 2"),
            (state_text(&RunState::Preparing), "preparing"),
        ];
        for (seen, expected) in cases {
            assert_eq!(seen, expected);
        }
    }
}
