//! What the oracle found.

pub use crate::traffic::history::TrafficVerdict;

/// Whether everything that was acknowledged is there. All is well when [`TrafficReport::is_clean`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrafficReport {
    /// Documents that the live set must have, seeded ones that nobody touched among them.
    pub documents: u64,
    /// Operations that were acknowledged.
    pub operations: u64,
    /// Documents that were acknowledged, and aren't there or are in an older state.
    pub lost: u64,
    /// Documents that were acknowledged as deleted, and are there.
    pub resurrected: u64,
    /// Documents with a content that nobody wrote.
    pub differing: u64,
    /// Documents that nobody ever wrote.
    pub extra: u64,
    /// Operations that were refused at least once and then repeated.
    pub refused_writes: u64,
    /// The longest time that a writer could not get its operations acknowledged, in milliseconds.
    pub longest_wait_ms: u64,
    /// In how many looks at the aliases not all tenants were on one release.
    pub split_observations: u64,
    /// How often the aliases were looked at.
    pub observations: u64,
    /// Some of the documents that are counted above.
    pub examples: Vec<TrafficExample>,
    /// Everything else that is not as it must be, one sentence each: aliases, templates, indices, answers to writes that
    /// can't be, and the first of the split observations.
    pub problems: Vec<String>,
}

impl TrafficReport {
    /// Whether nothing was lost, nothing came back, nothing differs, and all tenants were on one release at all times.
    pub fn is_clean(&self) -> bool {
        let documents = self.lost + self.resurrected + self.differing + self.extra;
        documents == 0 && self.split_observations == 0 && self.problems.is_empty()
    }

    /// Counts a document.
    pub(super) fn count(&mut self, verdict: TrafficVerdict) {
        let counter = match verdict {
            TrafficVerdict::Lost => &mut self.lost,
            TrafficVerdict::Resurrected => &mut self.resurrected,
            TrafficVerdict::Differing => &mut self.differing,
            TrafficVerdict::Extra => &mut self.extra,
        };
        *counter += 1;
    }
}

/// A document that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficExample {
    /// The index of the live set.
    pub index: String,
    /// The document's id.
    pub id: String,
    /// Its routing.
    pub routing: Option<String>,
    /// What is wrong.
    pub verdict: TrafficVerdict,
    /// Where it differs from the state last acknowledged: `path: expected …, found …`.
    pub fields: Vec<String>,
}
