//! Asks how an application is: its pages, searches as it makes them, and what it counts itself. What follows from the answers is
//! decided in `lockstep_core::health`.

mod question;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use lockstep_core::{
    configuration::health::{HealthConfiguration, Probe},
    health::{
        Sample,
        counters::{Counted, RateWatch, Reading},
    },
};
use lockstep_elastic::Cluster;

use self::question::{Question, counters_name, questions};
use crate::deploy::client::client;

/// Probes that are asked at the same time.
const PROBES_IN_FLIGHT: usize = 8;
/// Most reasons that stand in one sample.
const REASONS_MAX: usize = 3;

/// Asks all probes.
#[derive(Debug)]
pub(crate) struct Prober {
    probes: Vec<Probe>,
    cluster: Cluster,
    client: reqwest::Client,
    /// What answered well once. Who answered and doesn't any more isn't well; who never did may not be reachable from here.
    heard: BTreeSet<String>,
    /// Who follows the application's own counters, by the names of the probes.
    watches: BTreeMap<String, RateWatch>,
    /// Counters that were found well since the last good sample: a good one needs all of them, and they seldom come together.
    counted_well: BTreeSet<String>,
}

/// What one probe came to.
enum Answer {
    Good,
    Bad(String),
    Silent(String),
    /// Where counters stand, or why that can't be told.
    Counters(Result<Reading, String>),
}

impl Prober {
    /// Somebody who asks. `heard`: which probes answered well before. `counted_before`: what the application counted before the
    /// tag was changed, by the names of the probes; `None` while that is being looked at.
    ///
    /// # Errors
    /// Why pages can't be asked for.
    pub(crate) fn new(
        cluster: &Cluster,
        (configuration, ca): (&HealthConfiguration, Option<&[u8]>),
        heard: &[String],
        counted_before: Option<&BTreeMap<String, Counted>>,
    ) -> Result<Self, String> {
        let watches = configuration.probes.iter().filter_map(|probe| {
            let Probe::Counters(probe) = probe else { return None };
            let name = counters_name(probe);
            let watch = match counted_before {
                None => RateWatch::before(probe.rules),
                Some(counted) => {
                    let counted = counted.get(&name).copied().unwrap_or_default();
                    RateWatch::after(probe.rules, counted)
                }
            };
            Some((name, watch))
        });
        Ok(Self {
            probes: configuration.probes.clone(),
            cluster: cluster.clone(),
            client: client(ca)?,
            heard: heard.iter().cloned().collect(),
            watches: watches.collect(),
            counted_well: BTreeSet::new(),
        })
    }

    /// Which probes answered well until now.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.iter().cloned().collect()
    }

    /// What the application counted until now, by the names of the probes.
    pub(crate) fn counted(&self) -> BTreeMap<String, Counted> {
        self.watches.iter().map(|(name, watch)| (name.clone(), watch.counted())).collect()
    }

    /// Asks every probe once, searches for every one of these tenants.
    pub(crate) async fn sample(&mut self, tenants: &[String]) -> Sample {
        let questions: Vec<Question> =
            self.probes.iter().flat_map(|probe| questions(probe, tenants)).collect();
        let (cluster, client) = (&self.cluster, &self.client);
        let answers: Vec<(String, Answer)> = stream::iter(questions)
            .map(|question| async move {
                let name = question.name();
                (name, question.ask(cluster, client).await)
            })
            .buffered(PROBES_IN_FLIGHT)
            .collect()
            .await;
        let (mut bad, mut silent) = (Vec::new(), Vec::new());
        for (name, answer) in answers {
            match answer {
                Answer::Good => {
                    self.heard.insert(name);
                }
                Answer::Bad(reason) => bad.push(format!("{name}: {reason}")),
                Answer::Silent(reason) if self.heard.contains(&name) => {
                    bad.push(format!("{name}: {reason}, and it answered before"));
                }
                Answer::Silent(reason) => silent.push(format!("{name}: {reason}")),
                Answer::Counters(reading) => match self.watches.get_mut(&name) {
                    Some(watch) => match watch.take(reading) {
                        Sample::Good => {
                            self.counted_well.insert(name);
                        }
                        Sample::Bad(reason) => bad.push(format!("{name}: {reason}")),
                        Sample::Unknown(_) if self.counted_well.contains(&name) => {}
                        // What isn't counted is never held against it, whatever was counted before.
                        Sample::Unknown(reason) => silent.push(format!("{name}: {reason}")),
                    },
                    None => silent.push(format!("{name}: nobody follows it")),
                },
            }
        }
        if bad.is_empty() && !silent.is_empty() {
            return Sample::Unknown(few(&silent));
        }
        self.counted_well.clear();
        if bad.is_empty() { Sample::Good } else { Sample::Bad(few(&bad)) }
    }
}

fn few(reasons: &[String]) -> String {
    let shown: Vec<&str> = reasons.iter().take(REASONS_MAX).map(String::as_str).collect();
    let rest = reasons.len().saturating_sub(REASONS_MAX);
    let more = if rest == 0 { String::new() } else { format!("; and {rest} more") };
    format!("{}{more}", shown.join("; "))
}

#[cfg(test)]
mod tests;
