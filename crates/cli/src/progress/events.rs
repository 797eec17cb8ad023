//! Events as JSON, one a line, for programs.

use std::time::Instant;

use jiff::Timestamp;
use lockstep_engine::report::Event;
use serde::Serialize;

use super::Display;
use crate::ui::Ui;

/// Prints every event in one line.
#[derive(Debug)]
pub(super) struct JsonEvents {
    ui: Ui,
    is_broken: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    #[serde(flatten)]
    event: &'a Event,
}

impl JsonEvents {
    pub(super) fn new(ui: Ui) -> Self {
        Self { ui, is_broken: false }
    }
}

impl Display for JsonEvents {
    fn show(&mut self, event: &Event, _at: Instant) {
        if self.is_broken {
            return;
        }
        if let Err(error) = self.ui.json_line(&Line { at: Timestamp::now().to_string(), event }) {
            // The run is worth more than the tale of it.
            tracing::error!(%error, "events can't be written any more; the run goes on");
            self.is_broken = true;
        }
    }

    fn finish(&mut self) {}
}
