//! The independent checker: reads both sets by scroll, computes what the new documents must be, counts what disagrees.
//!
//! Per physical index the documents of both sides are compared as multisets by id and routing. It keeps two hashes for each
//! document of the indices that are compared at the moment, nothing of their contents.

pub(crate) mod live;
mod multiset;
pub(crate) mod pairs;
mod read;

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use crate::{
    application::Release, check::multiset::Comparison, cluster::Cluster, error::DemoError,
};

/// Indices that are compared at the same time.
const PAIRS_IN_FLIGHT: usize = 4;

/// What is compared with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOptions {
    /// The release of the old set.
    pub from: Release,
    /// The release of the new set.
    pub to: Release,
    /// The release that the aliases must point at.
    pub live: Release,
    /// The most examples in the report.
    pub examples: usize,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { from: Release::V1_0, to: Release::V2_0, live: Release::V2_0, examples: 10 }
    }
}

/// What the checker found. All is well when [`CheckReport::is_clean`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Tenants that were compared.
    pub tenants: u64,
    /// Pairs of indices that were compared.
    pub indices: u64,
    /// Documents that the new set must have.
    pub documents: u64,
    /// Documents of the old set that end there, as the application wants it.
    pub dropped: u64,
    /// Documents that are in the new set, but not as they must be.
    pub differing: u64,
    /// Documents that the new set lacks.
    pub missing: u64,
    /// Documents that the new set must not have.
    pub extra: u64,
    /// Some of the documents that are counted above.
    pub examples: Vec<Example>,
    /// Everything else that is not as it must be: aliases, templates, indices. One sentence each.
    pub problems: Vec<String>,
}

impl CheckReport {
    /// Whether nothing disagrees.
    pub fn is_clean(&self) -> bool {
        self.differing == 0 && self.missing == 0 && self.extra == 0 && self.problems.is_empty()
    }
}

/// A document that disagrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The index of the new set.
    pub index: String,
    /// The document's id.
    pub id: String,
    /// Its routing.
    pub routing: Option<String>,
    /// How it disagrees.
    pub verdict: Verdict,
    /// Where it differs: `path: expected …, found …`.
    pub fields: Vec<String>,
}

/// How a document disagrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// On both sides, with other content.
    Differing,
    /// Not in the new set.
    Missing,
    /// Only in the new set.
    Extra,
}

/// Compares two sets of the demo on the cluster at `url`, and looks whether the aliases point at the live one.
///
/// # Errors
/// When there is nothing to check, or something can't be read. Disagreements are in the report.
pub async fn check(url: &str, options: &CheckOptions) -> Result<CheckReport, DemoError> {
    if options.from >= options.to {
        return Err(DemoError::Options(
            "the checker compares a release with a later one".to_owned(),
        ));
    }
    let cluster = Cluster::new(url)?;
    let there = live::indices_and_aliases(&cluster).await?;
    let names: BTreeSet<&str> = there.keys().map(String::as_str).collect();
    let found = pairs::find(&names, options);
    if found.tenants.is_empty() {
        return Err(DemoError::NothingToCheck { release: options.from.version().to_owned() });
    }
    let mut report = CheckReport {
        tenants: u64::try_from(found.tenants.len()).unwrap_or(u64::MAX),
        problems: found.problems,
        ..CheckReport::default()
    };
    compare_all(&cluster, options, found.pairs, &mut report).await?;
    report.problems.extend(live::problems(&cluster, &there, &found.tenants, options.live).await?);
    Ok(report)
}

async fn compare_all(
    cluster: &Cluster,
    options: &CheckOptions,
    pairs: Vec<pairs::Pair>,
    report: &mut CheckReport,
) -> Result<(), DemoError> {
    let mut comparing = JoinSet::new();
    let mut pairs = pairs.into_iter();
    loop {
        while comparing.len() < PAIRS_IN_FLIGHT
            && let Some(pair) = pairs.next()
        {
            let (cluster, options) = (cluster.clone(), options.clone());
            comparing.spawn(async move { compare(&cluster, &options, pair).await });
        }
        let Some(compared) = comparing.join_next().await else { break };
        let (pair, comparison, dropped) = compared??;
        report.indices += 1;
        report.documents += comparison.expected;
        report.dropped += dropped;
        report.differing += comparison.differing;
        report.missing += comparison.missing;
        report.extra += comparison.extra;
        let room = options.examples.saturating_sub(report.examples.len());
        if room > 0 && !comparison.keys.is_empty() {
            let keys = comparison.keys.into_iter().take(room).collect();
            report.examples.extend(read::examples(cluster, options, &pair, &keys).await?);
        }
    }
    report.examples.sort_by(|one, other| (&one.index, &one.id).cmp(&(&other.index, &other.id)));
    Ok(())
}

/// Compares one pair of indices. Gives the number of documents that end with the old set as well.
async fn compare(
    cluster: &Cluster,
    options: &CheckOptions,
    pair: pairs::Pair,
) -> Result<(pairs::Pair, Comparison, u64), DemoError> {
    let (expected, dropped) = read::expected_entries(cluster, options, &pair).await?;
    let found = read::found_entries(cluster, &pair).await?;
    let comparison = multiset::compare(expected, found, options.examples);
    Ok((pair, comparison, dropped))
}

#[cfg(test)]
pub(crate) mod tests;
