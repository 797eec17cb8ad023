//! Planned faults: what a test wants to go wrong, when, and how.
//!
//! The server asks here twice for each request: before it is handled and after it had its effect.
//! A fault fires on the n-th request that fits it, `times` times in a row, and is then spent.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::names::matches;
use crate::request::Request;

/// When a fault fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Before the request has had any effect.
    #[default]
    Before,
    /// After the effect, in place of the answer.
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The connection is closed without an answer. Before the effect this looks like a refused
    /// connection; after it, like a lost answer.
    Disconnect,
    /// Nothing is answered until this many milliseconds have passed; then the connection closes.
    Timeout {
        /// How long the client is kept waiting.
        ms: u64,
    },
    /// An error is answered.
    Status {
        /// The HTTP status.
        status: u16,
        /// The engines' error type, such as `es_rejected_execution_exception`.
        error_type: String,
    },
    /// The first items of a `_bulk` are carried out, the others answered with an error.
    PartialBulk {
        /// How many items are carried out.
        items: usize,
        /// The status of the others, such as 429.
        status: u16,
        /// The error type of the others.
        error_type: String,
    },
    /// The answer comes late.
    Slow {
        /// By how many milliseconds.
        ms: u64,
    },
}

/// One planned fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The HTTP method it waits for; none means any.
    #[serde(default)]
    pub method: Option<String>,
    /// The path it waits for, `*` standing for any text, such as `/*/_bulk`.
    pub path: String,
    /// On which request that fits it fires, counted from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// On how many requests in a row it fires.
    #[serde(default = "one")]
    pub times: u32,
    /// Before or after the effect.
    #[serde(default)]
    pub moment: Moment,
    /// What goes wrong.
    pub kind: Kind,
}

fn one() -> u32 {
    1
}

impl Fault {
    /// A fault that fires once, on the first request that fits, before it has an effect.
    pub fn new(path: &str, kind: Kind) -> Self {
        Self { method: None, path: path.to_owned(), nth: 1, times: 1, moment: Moment::Before, kind }
    }

    /// The same for one HTTP method only.
    #[must_use]
    pub fn on(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// The same on the n-th request that fits, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: u32) -> Self {
        self.nth = nth;
        self
    }

    /// The same on so many requests in a row.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same, but after the effect.
    #[must_use]
    pub fn after(mut self) -> Self {
        self.moment = Moment::After;
        self
    }

    fn fits(&self, request: &Request) -> bool {
        self.method
            .as_deref()
            .is_none_or(|method| request.method.as_str().eq_ignore_ascii_case(method))
            && matches(&self.path, &request.path)
    }
}

#[derive(Debug)]
struct Planned {
    fault: Fault,
    seen: u32,
    fired: u32,
}

/// Every planned fault of a pocket cluster.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    planned: Mutex<Vec<Planned>>,
}

/// What a request is in for.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    pub(crate) before: Option<Kind>,
    pub(crate) after: Option<Kind>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Planned>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn plan(&self, fault: Fault) {
        self.lock().push(Planned { fault, seen: 0, fired: 0 });
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Faults that have not fired as often as planned.
    pub(crate) fn pending(&self) -> Vec<Fault> {
        self.lock().iter().filter(|p| p.fired < p.fault.times).map(|p| p.fault.clone()).collect()
    }

    /// Counts the request for every fault that it fits, and says what happens to it.
    pub(crate) fn fate(&self, request: &Request) -> Fate {
        let mut fate = Fate::default();
        for planned in self.lock().iter_mut().filter(|planned| planned.fault.fits(request)) {
            planned.seen = planned.seen.saturating_add(1);
            if planned.seen < planned.fault.nth || planned.fired >= planned.fault.times {
                continue;
            }
            let place = match planned.fault.moment {
                Moment::Before => &mut fate.before,
                Moment::After => &mut fate.after,
            };
            if place.is_none() {
                planned.fired += 1;
                *place = Some(planned.fault.kind.clone());
            }
        }
        fate
    }
}

/// What a partial bulk does to its items.
#[derive(Debug, Clone)]
pub(crate) struct PartialBulk {
    items: usize,
    refusal: Refusal,
}

impl PartialBulk {
    pub(crate) fn new(items: usize, status: u16, error_type: &str) -> Self {
        Self { items, refusal: planned_refusal(status, error_type) }
    }

    /// The refusal of the item at `position`, if it is one of the spoilt ones.
    pub(crate) fn refusal(&self, position: usize) -> Option<Refusal> {
        (position >= self.items).then(|| self.refusal.clone())
    }
}

/// The refusal of a fault that answers an error.
pub(crate) fn planned_refusal(status: u16, error_type: &str) -> Refusal {
    Refusal::new(status, error_type.to_owned(), "a planned fault of the pocket cluster")
}

/// The longest that a fault keeps a client waiting.
const WAIT_MAX: Duration = Duration::from_mins(10);

/// A wait in milliseconds, bounded.
pub(crate) fn wait(ms: u64) -> Duration {
    Duration::from_millis(ms).min(WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_fault_fires_on_the_planned_requests_and_is_then_spent() {
        let faults = Faults::default();
        faults.plan(Fault::new("/*/_bulk", Kind::Disconnect).on("POST").nth(2).times(2).after());
        let fires = |method: Method, path: &str| {
            faults.fate(&Request::new(method, path, "", Bytes::new())).after.is_some()
        };
        assert!(!fires(Method::POST, "/a/_bulk"));
        assert!(!fires(Method::GET, "/a/_bulk"));
        assert!(!fires(Method::POST, "/a/_search"));
        assert!(fires(Method::POST, "/b/_bulk"));
        assert_eq!(faults.pending().len(), 1);
        assert!(fires(Method::POST, "/b/_bulk"));
        assert_eq!(faults.pending().len(), 0);
        assert!(!fires(Method::POST, "/b/_bulk"));
    }

    #[test]
    fn faults_are_read_from_json() {
        let fault: Fault = serde_json::from_str(
            r#"{"method": "POST", "path": "/_aliases", "nth": 3, "moment": "after",
                "kind": {"status": {"status": 503, "error_type": "x"}}}"#,
        )
        .unwrap();
        let kind = Kind::Status { status: 503, error_type: "x".into() };
        assert_eq!(fault, Fault::new("/_aliases", kind).on("POST").nth(3).after());
    }
}
