//! The files of the contract suite: how they are read and what makes one valid.
//!
//! Not here: what an expected answer means (`expectation`), and making the requests (`play`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// Every name that `only` and `per_engine` may use.
const ENGINES: [&str; 6] = [
    "pocket",
    "elasticsearch",
    "elasticsearch-7.10.2",
    "opensearch",
    "opensearch-2.19.1",
    "opensearch-3.8.0",
];

/// One file: cases about one part of the interface.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// The part of the interface, in a sentence.
    pub about: String,
    /// The cases, independent of each other.
    pub cases: Vec<Case>,
}

/// A named list of requests, made in order on one cluster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Lower-case words with hyphens; unique in its file.
    pub name: String,
    /// The engines it applies to; all when empty.
    #[serde(default)]
    pub only: Vec<String>,
    /// The engines it doesn't apply to.
    #[serde(default)]
    pub except: Vec<String>,
    /// The requests.
    pub requests: Vec<Request>,
}

/// One request and what must come back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Method and path, such as `PUT /{{case}}`.
    #[serde(rename = "request")]
    pub line: String,
    /// The body, sent byte for byte after placeholders are filled in.
    #[serde(default)]
    pub body: Option<String>,
    /// How often the request is repeated until the expectation holds, in seconds; once when absent.
    #[serde(default)]
    pub within_seconds: Option<u64>,
    /// The HTTP status.
    #[serde(default)]
    pub status: Option<u16>,
    /// What the JSON answer must have at least.
    #[serde(default)]
    pub answer: Option<Value>,
    /// Texts that the raw answer must have, byte for byte.
    #[serde(default)]
    pub contains: Vec<String>,
    /// What is expected instead on some engines; the most exact name wins.
    #[serde(default)]
    pub per_engine: BTreeMap<String, Expected>,
}

/// What must come back, where an engine differs. What is absent is taken from the request's own expectation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The HTTP status.
    #[serde(default)]
    pub status: Option<u16>,
    /// What the JSON answer must have at least.
    #[serde(default)]
    pub answer: Option<Value>,
    /// Texts that the raw answer must have, byte for byte.
    #[serde(default)]
    pub contains: Vec<String>,
}

/// Why the suite could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file or the folder could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not in the suite's format.
    #[error("{path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// There is no case at all.
    #[error("{path} has no file NN-topic.yaml")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Reads every `NN-topic.yaml` of a folder, in order of the names: pairs of topic name and content.
pub fn read_suite(folder: &Path) -> Result<Vec<(String, Topic)>, SuiteError> {
    let read = |source| SuiteError::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(SuiteError::Empty { path: folder.to_owned() });
    }
    paths.sort();
    paths.iter().map(|path| Ok((topic_name(path), read_topic(path)?))).collect()
}

fn topic_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.split_once('-').map_or(stem.as_ref(), |(_, name)| name).to_owned()
}

fn read_topic(path: &Path) -> Result<Topic, SuiteError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SuiteError::Read { path: path.to_owned(), source })?;
    parse_topic(&text).map_err(|reason| SuiteError::Format { path: path.to_owned(), reason })
}

/// Reads one file's text and checks what the types alone cannot.
pub fn parse_topic(text: &str) -> Result<Topic, String> {
    let topic: Topic = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let mut seen = std::collections::BTreeSet::new();
    for case in &topic.cases {
        if !seen.insert(case.name.as_str()) {
            return Err(format!("two cases are named '{}'", case.name));
        }
        check_case(case).map_err(|reason| format!("case '{}': {reason}", case.name))?;
    }
    Ok(topic)
}

fn check_case(case: &Case) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if case.name.is_empty() || !case.name.chars().all(plain) {
        return Err("a name has lower-case letters, digits and hyphens only".to_owned());
    }
    if case.requests.is_empty() {
        return Err("it makes no request, so it cannot fail".to_owned());
    }
    let named = case.requests.iter().flat_map(|request| request.per_engine.keys());
    if let Some(unknown) = case
        .only
        .iter()
        .chain(&case.except)
        .chain(named)
        .find(|name| !ENGINES.contains(&name.as_str()))
    {
        return Err(format!("unknown engine '{unknown}'; known: {}", ENGINES.join(", ")));
    }
    for request in &case.requests {
        let whole = request.line.split_once(' ').is_some_and(|(method, path)| {
            method.chars().all(|c| c.is_ascii_uppercase()) && path.starts_with('/')
        });
        if !whole {
            return Err(format!("'{}' is not a method and a path", request.line));
        }
        let everywhere = request.status.is_some();
        if !everywhere && request.per_engine.values().any(|expected| expected.status.is_none()) {
            return Err(format!("'{}' expects no status on some engine", request.line));
        }
        if !everywhere && request.per_engine.is_empty() {
            return Err(format!("'{}' expects no status", request.line));
        }
    }
    Ok(())
}

impl Case {
    /// Whether the case applies to a cluster with these identities.
    pub fn applies_to(&self, identities: &[String]) -> bool {
        let is_named = |names: &[String]| names.iter().any(|engine| identities.contains(engine));
        (self.only.is_empty() || is_named(&self.only)) && !is_named(&self.except)
    }
}

impl Request {
    /// What must come back from a cluster with these identities, the most exact of which is first.
    pub fn expected(&self, identities: &[String]) -> Expected {
        let own = identities.iter().find_map(|name| self.per_engine.get(name));
        let own = own.cloned().unwrap_or_default();
        Expected {
            status: own.status.or(self.status),
            answer: own.answer.or_else(|| self.answer.clone()),
            contains: if own.contains.is_empty() { self.contains.clone() } else { own.contains },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: &str) -> String {
        let text = format!("about: a\ncases:\n  - name: one\n    requests:\n      - {request}\n");
        parse_topic(&text).unwrap_err()
    }

    #[test]
    fn mistakes_in_a_file_are_named() {
        assert!(refused("{request: GET /}").contains("expects no status"));
        assert!(refused("{request: /, status: 200}").contains("not a method and a path"));
        assert!(
            refused("{request: GET /, status: 200, per_engine: {solr: {status: 1}}}")
                .contains("unknown engine 'solr'")
        );
        assert!(refused("{request: GET /, status: 200, anwser: {}}").contains("anwser"));
    }

    #[test]
    fn the_most_exact_engine_wins_and_the_rest_is_inherited() {
        let text = "about: a\ncases:\n  - name: one\n    requests:\n      - request: GET /\n        status: 200\n        \
                    answer: {a: 1}\n        per_engine:\n          opensearch: {status: 400}\n          \
                    opensearch-3.8.0: {status: 409}\n";
        let topic = parse_topic(text).unwrap();
        let request = &topic.cases[0].requests[0];
        let status = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let expected = request.expected(&names);
            assert_eq!(expected.answer, Some(serde_json::json!({"a": 1})));
            expected.status
        };
        assert_eq!(status(&["pocket", "opensearch-3.8.0", "opensearch"]), Some(409));
        assert_eq!(status(&["opensearch-2.19.1", "opensearch"]), Some(400));
        assert_eq!(status(&["elasticsearch-7.10.2", "elasticsearch"]), Some(200));
    }
}
