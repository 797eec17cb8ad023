//! What an application counts itself: how many requests it had, and how many of them failed. Between two looks that is a share
//! of errors, which is held against the share from before the tag was changed.
//!
//! Only what was counted makes an application unhealthy. A page that can't be read, a series that isn't there, a counter that went
//! back: nothing is known then, and it is said why.

mod page;

mod scanner;

mod selector;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::page::{Page, Series};
pub use self::selector::Selector;
use super::Sample;

/// How shares of errors are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateRules {
    /// Requests without which a share says nothing.
    pub requests_min: u32,
    /// Times the share from before the change that is borne.
    pub failure_factor_max: u32,
    /// A share that is borne whatever it was before, in percent of all requests.
    pub failure_percent_max: u32,
}

impl Default for RateRules {
    fn default() -> Self {
        Self { requests_min: 20, failure_factor_max: 2, failure_percent_max: 1 }
    }
}

/// What was counted within some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Requests that failed.
    pub errors: u64,
    /// All requests.
    pub total: u64,
}

impl Counted {
    fn and(self, more: Self) -> Self {
        Self {
            errors: self.errors.saturating_add(more.errors),
            total: self.total.saturating_add(more.total),
        }
    }

    /// The share of errors, in tenths of a percent; rounded down.
    fn per_mille(self) -> u128 {
        (u128::from(self.errors) * 1_000).checked_div(u128::from(self.total)).unwrap_or_default()
    }
}

/// Where the counters stand at a moment, by the names and labels of their series.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    errors: BTreeMap<String, f64>,
    total: BTreeMap<String, f64>,
}

impl Reading {
    /// Reads a page in the text format of Prometheus.
    ///
    /// # Errors
    /// Why it says nothing of these series.
    pub fn read(text: &str, errors: &Selector, total: &Selector) -> Result<Self, String> {
        let page = Page::read(text)?;
        let reading =
            Self { errors: values(errors.select(&page)?)?, total: values(total.select(&page)?)? };
        if reading.total.is_empty() {
            return Err(format!("no series is `{}`", total.as_str()));
        }
        Ok(reading)
    }

    /// What was counted since an earlier reading; `None` when a counter went back or is gone, so that the application was started
    /// again in between.
    fn since(&self, earlier: &Self) -> Option<Counted> {
        Some(Counted {
            errors: risen(&self.errors, &earlier.errors)?,
            total: risen(&self.total, &earlier.total)?,
        })
    }
}

fn values(series: Vec<&Series>) -> Result<BTreeMap<String, f64>, String> {
    let value = |series: &Series| {
        let name = format!("{}{:?}", series.name, series.labels);
        if series.value.is_finite() && series.value >= 0.0 {
            return Ok((name, series.value));
        }
        Err(format!("`{}` stands at {}, which no counter does", series.name, series.value))
    };
    series.into_iter().map(value).collect()
}

/// By how much counters rose in all. One that is new began at 0.
fn risen(now: &BTreeMap<String, f64>, earlier: &BTreeMap<String, f64>) -> Option<u64> {
    let is_back =
        |(name, before): (&String, &f64)| now.get(name).is_none_or(|after| after < before);
    if earlier.iter().any(is_back) {
        return None;
    }
    let rise = |(name, after): (&String, &f64)| after - earlier.get(name).copied().unwrap_or(0.0);
    Some(whole(now.iter().map(rise).sum()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a sum of rises; what is too large becomes the largest number"
)]
fn whole(sum: f64) -> u64 {
    sum.round() as u64
}

/// Takes readings one after the other, and says what they come to.
#[derive(Debug, Clone)]
pub struct RateWatch {
    rules: RateRules,
    held_against: Against,
    /// Where the time began of which a share is told next.
    since: Option<Reading>,
    counted: Counted,
}

/// What shares are held against.
#[derive(Debug, Clone, Copy)]
enum Against {
    /// Nothing: this is what others are held against later.
    Nothing,
    /// What was counted before the tag was changed.
    Before(Counted),
}

impl RateWatch {
    /// Somebody who looks on before the tag is changed: nothing is bad, and it is good once enough was counted.
    pub fn before(rules: RateRules) -> Self {
        Self { rules, held_against: Against::Nothing, since: None, counted: Counted::default() }
    }

    /// Somebody who looks on afterwards. `before`: what was counted before; nothing where it couldn't be read.
    pub fn after(rules: RateRules, before: Counted) -> Self {
        Self { held_against: Against::Before(before), ..Self::before(rules) }
    }

    /// Everything that was counted between two readings.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// Takes a reading, or why there is none.
    pub fn take(&mut self, reading: Result<Reading, String>) -> Sample {
        let now = match reading {
            Ok(now) => now,
            Err(reason) => return Sample::Unknown(reason),
        };
        let Some(earlier) = &self.since else {
            self.since = Some(now);
            return Sample::Unknown("it was read for the first time".to_owned());
        };
        let Some(rise) = now.since(earlier) else {
            self.since = Some(now);
            let reason =
                "a counter went back: the application was started again, or others answer as well";
            return Sample::Unknown(reason.to_owned());
        };
        match self.held_against {
            Against::Nothing => {
                self.since = Some(now);
                self.counted = self.counted.and(rise);
                self.enough(self.counted).unwrap_or(Sample::Good)
            }
            Against::Before(before) => {
                if let Some(too_few) = self.enough(rise) {
                    return too_few;
                }
                self.since = Some(now);
                self.counted = self.counted.and(rise);
                self.judged(rise, before)
            }
        }
    }

    /// That it is too early for a share.
    fn enough(&self, Counted { total, .. }: Counted) -> Option<Sample> {
        let least = self.rules.requests_min.max(1);
        (total < u64::from(least)).then(|| {
            Sample::Unknown(format!("{total} requests were counted, and {least} are needed"))
        })
    }

    fn judged(&self, now: Counted, before: Counted) -> Sample {
        let RateRules { requests_min, failure_factor_max, failure_percent_max } = self.rules;
        let [errors, total, errors_before, total_before] =
            [now.errors, now.total, before.errors, before.total].map(u128::from);
        if errors > total {
            return Sample::Unknown(format!(
                "{errors} errors were counted and {total} requests: they don't belong together"
            ));
        }
        if errors * 100 <= u128::from(failure_percent_max) * total {
            return Sample::Good;
        }
        let share = format!("{errors} of {total} requests failed, {} %", percent(now));
        if total_before < u128::from(requests_min.max(1)) {
            return Sample::Unknown(format!(
                "{share}, and nothing is known of the time before the change"
            ));
        }
        if errors * total_before <= u128::from(failure_factor_max) * errors_before * total {
            return Sample::Good;
        }
        Sample::Bad(format!(
            "{share}; it was {} % before, and {failure_factor_max} times that would be borne, or {failure_percent_max} %",
            percent(before)
        ))
    }
}

fn percent(counted: Counted) -> String {
    let tenths = counted.per_mille();
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests;
