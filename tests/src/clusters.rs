//! The clusters that tests run on: their names, their addresses and who they say they are.
//!
//! Nothing is started here: `scripts/engine` starts the real engines, and a test starts a pocket cluster itself.

use serde_json::Value;

/// The variable that lists the real engines as `NAME=URL`, separated by commas.
pub const ENGINES_VARIABLE: &str = "LOCKSTEP_TEST_ENGINES";

/// A cluster under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What the tests call it, such as `opensearch-3.8.0`, or `pocket`.
    pub name: String,
    /// Where it answers, without a slash at the end.
    pub url: String,
}

/// Why the clusters under test are not known.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The variable's text is not a list of `NAME=URL`.
    #[error(
        "{ENGINES_VARIABLE} has '{entry}' where NAME=URL is expected, for example \
         opensearch-3.8.0=http://127.0.0.1:19230"
    )]
    Entry {
        /// The part that could not be read.
        entry: String,
    },
    /// The variable is set to something which is not text.
    #[error("{ENGINES_VARIABLE} is not readable as text")]
    NotText,
    /// The cluster did not answer as a cluster.
    #[error("{name} at {url} does not answer as a cluster: {reason}; start it with scripts/engine")]
    Silent {
        /// The cluster's name in the tests.
        name: String,
        /// Where it should answer.
        url: String,
        /// What happened instead.
        reason: String,
    },
}

/// The real engines that the environment names; none when the variable is not set.
pub fn real_clusters() -> Result<Vec<Cluster>, ClusterError> {
    match std::env::var(ENGINES_VARIABLE) {
        Ok(text) => parse(&text),
        Err(std::env::VarError::NotPresent) => Ok(Vec::new()),
        Err(std::env::VarError::NotUnicode(_)) => Err(ClusterError::NotText),
    }
}

/// Reads a list such as `elasticsearch-7.10.2=http://127.0.0.1:19210,opensearch-2.19.1=http://127.0.0.1:19220`.
pub fn parse(text: &str) -> Result<Vec<Cluster>, ClusterError> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(parse_entry).collect()
}

fn parse_entry(entry: &str) -> Result<Cluster, ClusterError> {
    entry
        .split_once('=')
        .filter(|(name, url)| !name.is_empty() && url.starts_with("http"))
        .map(|(name, url)| Cluster {
            name: name.to_owned(),
            url: url.trim_end_matches('/').to_owned(),
        })
        .ok_or_else(|| ClusterError::Entry { entry: entry.to_owned() })
}

/// The names under which a cluster may be addressed by a test, the most exact first: its own, the engine with its
/// version as the cluster itself reports it, and the engine alone. A pocket cluster thus follows the engine it plays.
pub async fn identities(
    client: &reqwest::Client,
    cluster: &Cluster,
) -> Result<Vec<String>, ClusterError> {
    let silent = |reason: String| ClusterError::Silent {
        name: cluster.name.clone(),
        url: cluster.url.clone(),
        reason,
    };
    let response = client.get(&cluster.url).send().await.map_err(|error| silent(chain(&error)))?;
    let bytes = response.bytes().await.map_err(|error| silent(chain(&error)))?;
    let answer: Value =
        serde_json::from_slice(&bytes).map_err(|error| silent(error.to_string()))?;
    let number = answer
        .pointer("/version/number")
        .and_then(Value::as_str)
        .ok_or_else(|| silent("its answer to GET / has no version.number".to_owned()))?;
    let engine =
        answer.pointer("/version/distribution").and_then(Value::as_str).unwrap_or("elasticsearch");
    let mut names = vec![cluster.name.clone(), format!("{engine}-{number}"), engine.to_owned()];
    names.dedup();
    Ok(names)
}

/// An error with its causes, which is where reqwest keeps the reason.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A client for tests: no proxy, bounded waits.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    // Installing twice is an error that means it is already there.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(std::time::Duration::from_secs(5))
        .timeout(std::time::Duration::from_mins(1))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_names_and_addresses() {
        let clusters = parse("a-1=http://127.0.0.1:1/, b-2=http://127.0.0.1:2,").unwrap();
        let expected = [("a-1", "http://127.0.0.1:1"), ("b-2", "http://127.0.0.1:2")];
        let found: Vec<_> = clusters.iter().map(|c| (c.name.as_str(), c.url.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_entry_without_address_is_refused_by_name() {
        let error = parse("a=http://127.0.0.1:1,b").unwrap_err();
        assert!(error.to_string().contains("'b'"), "{error}");
    }
}
