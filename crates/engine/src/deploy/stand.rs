//! What tests of all ways share: a change, and somebody who hears what is told.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::{Change, Listener};
use crate::report::{Event, Reporter};

/// Keeps what is told.
#[derive(Default)]
pub(super) struct Heard(Mutex<Vec<String>>);

impl Reporter for Heard {
    fn report(&self, event: Event) {
        if let Event::Notice { message } = event {
            self.0.lock().unwrap().push(message);
        }
    }
}

impl Heard {
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Somebody who listens, what he hears, and a way to stop.
pub(super) fn listener() -> (Listener, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let reporter: Arc<dyn Reporter> = Arc::<Heard>::clone(&heard);
    (Listener { reporter, stop: CancellationToken::new() }, heard)
}

/// A change between two versions, whose tags are their names.
pub(super) fn change(from: &str, version: &str) -> Change {
    Change {
        application: "shop".to_owned(),
        tag: version.to_owned(),
        version: version.to_owned(),
        from: from.to_owned(),
        waits_for_data: false,
    }
}
