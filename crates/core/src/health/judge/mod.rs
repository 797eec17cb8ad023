//! The judge: samples go in one after the other, a verdict comes out as soon as there is one.
//!
//! It says "healthy" only after enough good samples in a row, "unhealthy" only because of bad ones, and "can't tell" in every
//! other case. Time comes as an argument.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How samples are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Good samples in a row without which nothing is healthy.
    pub samples_min: u32,
    /// Bad samples in a row that make it unhealthy.
    pub failures_max: u32,
    /// How long an application may take to start: bad samples don't count before that, until the first good one.
    pub start_time: Duration,
    /// How long it is watched at the most.
    pub time_limit: Duration,
    /// By how much the share of bad samples may be higher than before the switch, in percent of all samples.
    pub failure_rise_percent_max: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            samples_min: 5,
            failures_max: 3,
            start_time: Duration::from_secs(30),
            time_limit: Duration::from_mins(5),
            failure_rise_percent_max: 20,
        }
    }
}

/// What one round of probes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// Every probe was answered as it should be.
    Good,
    /// A probe was answered in another way, or wasn't by what had answered before.
    Bad(String),
    /// Nothing is known: a probe wasn't answered, and nothing was ever heard of what it asks; or too little was counted.
    Unknown(String),
}

/// What is told of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It is well.
    Healthy,
    /// It isn't.
    Unhealthy {
        /// Why.
        reason: String,
    },
    /// It isn't known.
    CantTell {
        /// Why.
        reason: String,
    },
}

/// How many samples of each kind there were before the tag was changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Good ones.
    pub good: u32,
    /// Bad ones.
    pub bad: u32,
    /// Those of which nothing is known.
    #[serde(default)]
    pub unknown: u32,
}

impl Baseline {
    /// Bad ones of those of which something is known, in percent; 0 where nothing is known.
    fn failure_percent(self) -> u32 {
        let known = u64::from(self.good) + u64::from(self.bad);
        let percent = (u64::from(self.bad) * 100).checked_div(known).unwrap_or_default();
        u32::try_from(percent).unwrap_or(100)
    }
}

/// Judges samples one after the other.
#[derive(Debug, Clone)]
pub struct Judge {
    rules: Rules,
    /// What came before the switch; `None` while that is being sampled.
    before: Option<Baseline>,
    seen: Baseline,
    good_in_a_row: u32,
    bad_in_a_row: u32,
    reason: Option<String>,
}

impl Judge {
    /// A judge who has seen nothing yet. `before`: what was seen before the tag was changed.
    pub fn new(rules: Rules, before: Option<Baseline>) -> Self {
        Self {
            rules,
            before,
            seen: Baseline::default(),
            good_in_a_row: 0,
            bad_in_a_row: 0,
            reason: None,
        }
    }

    /// How many samples of each kind there were.
    pub fn seen(&self) -> Baseline {
        self.seen
    }

    /// Why the last sample that wasn't good wasn't; `None` while all were.
    pub fn last_reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Takes a sample, `since` the beginning, and says what follows from all of them; `None` while it is too early.
    pub fn take(&mut self, sample: Sample, since: Duration) -> Option<Verdict> {
        match sample {
            Sample::Good => {
                self.seen.good = self.seen.good.saturating_add(1);
                self.good_in_a_row = self.good_in_a_row.saturating_add(1);
                self.bad_in_a_row = 0;
            }
            // It is still starting.
            Sample::Bad(reason) if self.seen.good == 0 && since < self.rules.start_time => {
                self.reason = Some(reason);
            }
            Sample::Bad(reason) => {
                self.seen.bad = self.seen.bad.saturating_add(1);
                self.bad_in_a_row = self.bad_in_a_row.saturating_add(1);
                self.good_in_a_row = 0;
                self.reason = Some(reason);
            }
            // It neither mends what was bad nor breaks what was good.
            Sample::Unknown(reason) => {
                self.seen.unknown = self.seen.unknown.saturating_add(1);
                self.reason = Some(reason);
            }
        }
        self.verdict(since)
    }

    fn verdict(&self, since: Duration) -> Option<Verdict> {
        let last = || self.reason.clone().unwrap_or_else(|| "nothing was seen".to_owned());
        let (bad, rules) = (self.bad_in_a_row, &self.rules);
        if bad >= rules.failures_max.max(1) {
            return Some(Verdict::Unhealthy {
                reason: format!("{bad} bad samples in a row: {}", last()),
            });
        }
        let allowed = self.before.unwrap_or_default().failure_percent();
        let allowed = allowed.saturating_add(rules.failure_rise_percent_max);
        let seen = self.seen.failure_percent();
        let is_enough = self.good_in_a_row >= rules.samples_min.max(1);
        if is_enough && seen <= allowed {
            return Some(Verdict::Healthy);
        }
        if since < rules.time_limit {
            return None;
        }
        let known = self.seen.good.saturating_add(self.seen.bad);
        let is_often = self.seen.bad >= rules.failures_max.max(1) && seen > allowed;
        if is_often && known >= rules.samples_min {
            let reason = format!(
                "{seen} % of {known} samples were bad, and {allowed} % would be borne: {}",
                last()
            );
            return Some(Verdict::Unhealthy { reason });
        }
        let (good, unknown) = (self.seen.good, self.seen.unknown);
        let samples = format!("{good} good, {} bad and {unknown} unclear samples", self.seen.bad);
        let reason = match &self.reason {
            Some(last) => format!("{samples} within the time limit; at last: {last}"),
            None => format!("{samples} within the time limit"),
        };
        Some(Verdict::CantTell { reason })
    }
}

#[cfg(test)]
mod tests;
