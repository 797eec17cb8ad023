//! Terms: whether a primary shard of either set failed since both were compared.
//!
//! A primary that fails may have shown writes that no copy had. They are gone with it, and the acknowledged state under them
//! is there again, under a number that was carried over long ago: neither a pass nor a count would find it. The same way the
//! new set may lose a copy. So a comparison is good only as long as every shard has the primary that it had before. Found
//! by the model.

use std::collections::{BTreeMap, BTreeSet};

use super::{CopyPair, follow::Follower};
use crate::{error::EngineError, journal::PairTerms};

impl Follower<'_> {
    /// The terms of both indices of every pair, in the plan's order, then those of the indices that are delivered to.
    ///
    /// # Errors
    /// [`EngineError`] when the cluster can't be asked, or an index is gone.
    pub(super) async fn terms(&self) -> Result<Vec<PairTerms>, EngineError> {
        let cluster = &self.context.cluster;
        let names =
            |name: fn(&CopyPair) -> &str| -> Vec<&str> { self.pairs.values().map(name).collect() };
        let (sources, mut targets) = (names(|pair| &pair.source.index), names(|pair| &pair.target));
        targets.extend(self.deliveries.targets());
        let (sources, targets) =
            tokio::try_join!(cluster.primary_terms(&sources), cluster.primary_terms(&targets))?;
        let of = |terms: &BTreeMap<String, Vec<u64>>, index: &str| {
            terms.get(index).cloned().unwrap_or_default()
        };
        let pairs = self.pairs.iter().map(|(position, pair)| PairTerms {
            position: *position,
            source: of(&sources, &pair.source.index),
            target: of(&targets, &pair.target),
        });
        let delivered: BTreeSet<&str> = self.deliveries.targets().collect();
        let planned = self.context.plan.delivered();
        let planned = planned.filter(|(_, target)| delivered.contains(target.index.as_str()));
        let delivered = planned.map(|(position, target)| PairTerms {
            position,
            source: Vec::new(),
            target: of(&targets, &target.index),
        });
        Ok(pairs.chain(delivered).collect())
    }

    /// Names an index of which a primary failed since both sets were compared, if there is one. `terms` are those of now;
    /// what has none was never compared.
    pub(super) fn failed_over(&self, terms: &[PairTerms]) -> Option<&str> {
        let compared = self.compared_terms();
        let other = terms.iter().find(|now| compared.iter().all(|then| then != *now))?;
        let Some(pair) = self.pairs.get(&other.position) else {
            let mut delivered = self.context.plan.delivered();
            let found = delivered.find(|(position, _)| *position == other.position);
            return found.map(|(_, target)| target.index.as_str());
        };
        let then = compared.iter().find(|then| then.position == other.position);
        let is_target = then.is_some_and(|then| then.source == other.source);
        Some(if is_target { &pair.target } else { &pair.source.index })
    }
}
