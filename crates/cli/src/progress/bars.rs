//! Progress as a bar on a terminal: one bar for the present stage, and a line for every stage that is over.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lockstep_core::run::state::RunState;
use lockstep_engine::report::{Event, Progress};

use super::{
    Display,
    lines::{lag_text, speed_text, state_text, unit_text},
    pace::Pace,
};
use crate::render::quantity::{count, duration};

/// How often the bar moves by itself, so that a stage that waits doesn't look dead.
const TICK: Duration = Duration::from_millis(120);
/// Bar for a stage that counts.
const COUNTING: &str = "{spinner} {prefix:<10} [{bar:28}] {percent:>3}% {msg}";
/// Bar for a stage that doesn't count.
const SPINNING: &str = "{spinner} {prefix:<10} {msg}";

/// Draws bars.
#[derive(Debug)]
pub(super) struct Bars {
    screen: MultiProgress,
    begun: Instant,
    present: Option<Present>,
}

/// The stage that is shown.
#[derive(Debug)]
struct Present {
    title: String,
    since: Instant,
    bar: ProgressBar,
    pace: Pace,
    is_counting: bool,
    last: Option<Progress>,
}

impl Bars {
    pub(super) fn new(screen: MultiProgress, begun: Instant) -> Self {
        Self { screen, begun, present: None }
    }

    fn enter(&mut self, title: String, at: Instant) {
        self.leave(at);
        let bar = self.screen.add(ProgressBar::new(0)).with_style(style(SPINNING));
        bar.set_prefix(title.clone());
        bar.enable_steady_tick(TICK);
        self.present = Some(Present {
            title,
            since: at,
            bar,
            pace: Pace::default(),
            is_counting: false,
            last: None,
        });
    }

    /// Ends the present stage with a line that stays.
    fn leave(&mut self, at: Instant) {
        let Some(present) = self.present.take() else { return };
        present.bar.finish_and_clear();
        self.screen.remove(&present.bar);
        let time = duration(at.duration_since(present.since));
        let done = match present.last.filter(|last| last.done > 0) {
            Some(last) => format!(", {} {}", count(last.done), unit_text(last.unit)),
            None => String::new(),
        };
        self.line(&format!("  {:<10} {time}{done}", present.title));
    }

    /// Says something behind the present stage.
    fn say(&self, text: String) {
        if let Some(present) = &self.present {
            present.bar.set_message(text);
        }
    }

    fn line(&self, text: &str) {
        // A terminal that went away can't be told so.
        drop(self.screen.println(text));
    }
}

impl Display for Bars {
    fn show(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Entered { run: _, state } if state.is_final() => {
                self.leave(at);
                let time = duration(at.duration_since(self.begun));
                self.line(&format!("  {:<10} after {time}", state.name()));
            }
            Event::Entered { run: _, state: state @ RunState::Halted { .. } } => {
                self.leave(at);
                self.line(&format!("  {}", state_text(state)));
            }
            Event::Entered { run: _, state } => self.enter(state_text(state), at),
            Event::Notice { message } => self.line(&format!("  {message}")),
            Event::Pace(news) => self.line(&format!("  {news}")),
            Event::Waiting(waiting) => self.say(waiting.to_string()),
            Event::Lag(lag) => self.say(lag_text(lag)),
            Event::Progress(progress) => {
                if self.present.is_none() {
                    self.enter(progress.stage.to_owned(), at);
                }
                if let Some(present) = &mut self.present {
                    present.note(progress, at);
                }
            }
        }
    }

    fn finish(&mut self) {
        if let Some(present) = self.present.take() {
            present.bar.finish_and_clear();
            self.screen.remove(&present.bar);
        }
    }
}

impl Present {
    fn note(&mut self, progress: &Progress, at: Instant) {
        self.pace.note(progress, at);
        let Self { bar, .. } = self;
        if progress.total > 0 && !self.is_counting {
            bar.set_style(style(COUNTING));
            self.is_counting = true;
        }
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        let mut parts = Vec::new();
        if progress.total > 0 {
            let unit = unit_text(progress.unit);
            parts.push(format!("{} of {} {unit}", count(progress.done), count(progress.total)));
        }
        parts.push(speed_text(self.pace.speed(progress)));
        parts.extend(progress.waiting.as_ref().map(ToString::to_string));
        parts.retain(|part| !part.is_empty());
        bar.set_message(parts.join(", "));
        self.last = Some(progress.clone());
    }
}

fn style(template: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates of this file are well-formed, a test parses them")
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_well_formed() {
        for template in [COUNTING, SPINNING] {
            drop(style(template));
        }
    }
}
