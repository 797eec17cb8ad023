//! Asks how an application is: its pages, and searches as it makes them. What follows from the answers is decided in
//! `lockstep_core::health`.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use lockstep_core::{
    configuration::health::{HttpProbe, Probe, SearchProbe},
    health::Sample,
};
use lockstep_elastic::{Cluster, Failure, FailureKind};
use serde_json::json;
use tokio::time::timeout;

use crate::deploy::client::{body, client, excerpt, reason};

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
}

/// What one probe came to.
enum Answer {
    Good,
    Bad(String),
    Silent(String),
}

impl Prober {
    /// Somebody who asks these. `heard`: which of them answered well before.
    ///
    /// # Errors
    /// Why pages can't be asked for.
    pub(crate) fn new(
        cluster: &Cluster,
        probes: &[Probe],
        heard: &[String],
    ) -> Result<Self, String> {
        Ok(Self {
            probes: probes.to_vec(),
            cluster: cluster.clone(),
            client: client(None).map_err(reason)?,
            heard: heard.iter().cloned().collect(),
        })
    }

    /// Which probes answered well until now.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.iter().cloned().collect()
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
            }
        }
        if !bad.is_empty() {
            Sample::Bad(few(&bad))
        } else if !silent.is_empty() {
            Sample::Unknown(few(&silent))
        } else {
            Sample::Good
        }
    }
}

fn few(reasons: &[String]) -> String {
    let shown: Vec<&str> = reasons.iter().take(REASONS_MAX).map(String::as_str).collect();
    let rest = reasons.len().saturating_sub(REASONS_MAX);
    let more = if rest == 0 { String::new() } else { format!("; and {rest} more") };
    format!("{}{more}", shown.join("; "))
}

/// One thing that is asked.
enum Question {
    Page(HttpProbe),
    Search(SearchProbe),
}

fn questions(probe: &Probe, tenants: &[String]) -> Vec<Question> {
    match probe {
        Probe::Http(probe) => vec![Question::Page(probe.clone())],
        Probe::Search(probe) if probe.index.contains("{tenant}") => tenants
            .iter()
            .map(|tenant| {
                let index = probe.index.replace("{tenant}", tenant);
                Question::Search(SearchProbe { index, ..probe.clone() })
            })
            .collect(),
        Probe::Search(probe) => vec![Question::Search(probe.clone())],
    }
}

impl Question {
    fn name(&self) -> String {
        match self {
            Self::Page(probe) => probe.url.clone(),
            Self::Search(probe) => format!("search in {}", probe.index),
        }
    }

    async fn ask(&self, cluster: &Cluster, client: &reqwest::Client) -> Answer {
        match self {
            Self::Page(probe) => page(probe, client).await,
            Self::Search(probe) => search(probe, cluster).await,
        }
    }
}

async fn page(probe: &HttpProbe, client: &reqwest::Client) -> Answer {
    let asking = async {
        let answer = client.get(&probe.url).send().await.map_err(reason)?;
        let status = answer.status();
        let text = body(answer).await.map_err(reason)?;
        Ok::<_, String>((status, text))
    };
    let (status, text) = match timeout(probe.time_limit, asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(reason)) => return Answer::Silent(reason),
        Err(_elapsed) => return Answer::Silent(format!("no answer within {:?}", probe.time_limit)),
    };
    if u32::from(status.as_u16()) != probe.status {
        return Answer::Bad(format!("{status} instead of {}: {}", probe.status, excerpt(&text)));
    }
    match &probe.body {
        Some(wanted) if !text.contains(wanted.as_str()) => {
            Answer::Bad(format!("its body doesn't hold `{wanted}`: {}", excerpt(&text)))
        }
        Some(_) | None => Answer::Good,
    }
}

async fn search(probe: &SearchProbe, cluster: &Cluster) -> Answer {
    let body = json!({"query": probe.query, "size": probe.hits_min.max(1)});
    match cluster.search(&probe.index, &body).await {
        Ok(page) if page.len() as u64 >= probe.hits_min => Answer::Good,
        Ok(page) => {
            Answer::Bad(format!("{} found, and {} at least are wanted", page.len(), probe.hits_min))
        }
        Err(failure) if is_silence(&failure) => Answer::Silent(failure.to_string()),
        Err(failure) => Answer::Bad(failure.to_string()),
    }
}

fn is_silence(failure: &Failure) -> bool {
    matches!(failure.kind(), FailureKind::Unreachable | FailureKind::AnswerLost)
        || matches!(failure.status(), Some(401 | 403 | 429 | 502..=504))
}
