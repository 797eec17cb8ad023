//! Whether an application is well, told from samples. Who takes the samples is not here.

mod judge;

pub mod counters;

pub use judge::{Baseline, Judge, Rules, Sample, Verdict};
