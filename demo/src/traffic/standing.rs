//! On which release each tenant is, as its aliases say, and the observer that looks again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{
    application::{Release, alias_name, index_parts},
    check::live::{Aliases, indices_and_aliases},
    cluster::Cluster,
    error::DemoError,
    traffic::counts::Counters,
};

/// How often the observer looks at the aliases, in milliseconds. A switch that isn't one call would need to be quicker.
const OBSERVATION_MS: u64 = 20;
/// The longest wait for one answer about aliases.
const ALIASES_WAIT: Duration = Duration::from_secs(10);

/// Tenant → the releases of the indices that its aliases point at. One of them is all right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing(BTreeMap<String, BTreeSet<Release>>);

impl Standing {
    /// Asks the cluster, in one call for all tenants.
    pub(super) async fn ask(cluster: &Cluster, tenants: &[String]) -> Result<Self, DemoError> {
        let answer = timeout(ALIASES_WAIT, indices_and_aliases(cluster)).await;
        let there = answer.map_err(|_| DemoError::Answer {
            path: "_alias".to_owned(),
            reason: format!("none came within {} s", ALIASES_WAIT.as_secs()),
        })??;
        Ok(Self::of(&there, tenants))
    }

    fn of(there: &Aliases, tenants: &[String]) -> Self {
        let mut standing: BTreeMap<String, BTreeSet<Release>> =
            tenants.iter().map(|tenant| (tenant.clone(), BTreeSet::new())).collect();
        for (index, aliases) in there {
            let Some(at) = index_parts(index) else { continue };
            let release = Release::ALL.into_iter().find(|release| release.version() == at.version);
            if let (Some(release), Some(releases)) = (release, standing.get_mut(at.tenant))
                && aliases.contains_key(&alias_name(at.tenant, at.name))
            {
                releases.insert(release);
            }
        }
        Self(standing)
    }

    /// The release that a tenant is on, if it is on one.
    pub(super) fn release(&self, tenant: &str) -> Option<Release> {
        let releases = self.0.get(tenant)?;
        releases.first().copied().filter(|_| releases.len() == 1)
    }

    /// How the tenants are apart, if they are: not all on one release, or one of them on none or on two.
    pub(super) fn split(&self) -> Option<String> {
        let all: BTreeSet<Release> = self.0.values().flatten().copied().collect();
        if all.len() == 1 && self.0.values().all(|releases| !releases.is_empty()) {
            return None;
        }
        let one = |(tenant, releases): (&String, &BTreeSet<Release>)| {
            let versions: Vec<&str> = releases.iter().map(|release| release.version()).collect();
            let versions = versions.join(" and ");
            format!("{tenant} on {}", if versions.is_empty() { "nothing" } else { &versions })
        };
        Some(self.0.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

/// Looks at the aliases until it is ended from outside. A look that fails says nothing and isn't counted.
pub(super) async fn observe(cluster: Cluster, tenants: Vec<String>, counters: Arc<Counters>) {
    let mut interval = interval(Duration::from_millis(OBSERVATION_MS));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Ok(standing) = Standing::ask(&cluster, &tenants).await {
            counters.observed(standing.split());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// index → alias, what is said of acme and borealis
    type Case = (&'static [(&'static str, &'static str)], Option<&'static str>);

    #[test]
    fn tenants_that_are_apart_are_told() {
        let cases: &[Case] = &[
            (&[("acme-note-v1.0", "acme-note"), ("borealis-note-v1.0", "borealis-note")], None),
            (
                &[("acme-note-v1.0", "acme-note"), ("borealis-note-v2.0", "borealis-note")],
                Some("acme on 1.0, borealis on 2.0"),
            ),
            (
                &[
                    ("acme-note-v1.0", "acme-note"),
                    ("acme-event-v2.0-2026-01", "acme-event"),
                    ("borealis-note-v1.0", "borealis-note"),
                ],
                Some("acme on 1.0 and 2.0, borealis on 1.0"),
            ),
            (
                &[("acme-note-v1.0", "acme-note"), ("borealis-note-v1.0", "")],
                Some("acme on 1.0, borealis on nothing"),
            ),
            (
                &[
                    ("acme-note-v1.0", "acme-note"),
                    ("acme-note-v2.0", "elsewhere"),
                    ("cobalt-note-v2.0", "cobalt-note"),
                    ("journal", "acme-note"),
                    ("borealis-note-v1.0", "borealis-note"),
                ],
                None,
            ),
        ];
        let tenants = ["acme".to_owned(), "borealis".to_owned()];
        for (aliases, split) in cases {
            let mut there = Aliases::new();
            for (index, alias) in *aliases {
                let of_index = there.entry((*index).to_owned()).or_default();
                of_index.insert((*alias).to_owned(), json!({}));
            }
            let standing = Standing::of(&there, &tenants);
            assert_eq!(standing.split().as_deref(), *split);
            if split.is_none() {
                assert_eq!(standing.release("acme"), Some(Release::V1_0));
            }
        }
    }
}
