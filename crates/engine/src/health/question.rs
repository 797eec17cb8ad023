//! One question of a round, and how it is answered.

use lockstep_core::{
    configuration::health::{CountersProbe, HttpProbe, Probe, SearchProbe},
    health::counters::Reading,
};
use lockstep_elastic::{Cluster, Failure, FailureKind};
use reqwest::header::LOCATION;
use serde_json::json;
use tokio::time::timeout;

use super::Answer;
use crate::deploy::client::{body, excerpt, reason, whole_body};

/// The text format of Prometheus, which is asked for.
const COUNTERS_FORMAT: &str = "text/plain; version=0.0.4";

/// One thing that is asked.
pub(super) enum Question {
    Page(HttpProbe),
    Search(SearchProbe),
    Counters(CountersProbe),
}

/// What is asked for a probe: one question, or one for each tenant.
pub(super) fn questions(probe: &Probe, tenants: &[String]) -> Vec<Question> {
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
        Probe::Counters(probe) => vec![Question::Counters(probe.clone())],
    }
}

/// The name that counters go by, in messages and in the journal: the same page may have several.
pub(super) fn counters_name(probe: &CountersProbe) -> String {
    format!("{} of {} at {}", probe.errors.as_str(), probe.total.as_str(), probe.url)
}

impl Question {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Page(probe) => probe.url.clone(),
            Self::Search(probe) => format!("search in {}", probe.index),
            Self::Counters(probe) => counters_name(probe),
        }
    }

    pub(super) async fn ask(&self, cluster: &Cluster, client: &reqwest::Client) -> Answer {
        match self {
            Self::Page(probe) => page(probe, client).await,
            Self::Search(probe) => search(probe, cluster).await,
            Self::Counters(probe) => Answer::Counters(counters(probe, client).await),
        }
    }
}

async fn page(probe: &HttpProbe, client: &reqwest::Client) -> Answer {
    let asking = async {
        let answer = client.get(&probe.url).send().await.map_err(reason)?;
        let status = answer.status();
        let target = answer.headers().get(LOCATION).and_then(|target| target.to_str().ok());
        let target = target.map(|target| format!(" leads to {target},")).unwrap_or_default();
        let text = body(answer).await.map_err(reason)?;
        Ok::<_, String>((status, target, text))
    };
    let (status, target, text) = match timeout(probe.time_limit, asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(reason)) => return Answer::Silent(reason),
        Err(_elapsed) => return Answer::Silent(format!("no answer within {:?}", probe.time_limit)),
    };
    if u32::from(status.as_u16()) != probe.status {
        let excerpt = excerpt(&text);
        return Answer::Bad(format!("{status}{target} instead of {}: {excerpt}", probe.status));
    }
    match &probe.body {
        Some(wanted) if !text.contains(wanted.as_str()) => {
            Answer::Bad(format!("its body doesn't hold `{wanted}`: {}", excerpt(&text)))
        }
        Some(_) | None => Answer::Good,
    }
}

async fn counters(probe: &CountersProbe, client: &reqwest::Client) -> Result<Reading, String> {
    let asking = async {
        let request = client.get(&probe.url).header("accept", COUNTERS_FORMAT);
        let answer = request.send().await.map_err(reason)?;
        let status = answer.status();
        Ok::<_, String>((status, whole_body(answer).await?))
    };
    let (status, text) = timeout(probe.time_limit, asking)
        .await
        .map_err(|_elapsed| format!("no answer within {:?}", probe.time_limit))??;
    if !status.is_success() {
        return Err(format!("{status}: {}", excerpt(&text)));
    }
    Reading::read(&text, &probe.errors, &probe.total)
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
