//! The application that is copied: one tenant, one index, two releases or six, and steps that rename one field.

use std::collections::BTreeMap;

use clap::ValueEnum;
use lockstep_core::pack::{PackFiles, model::Pack};
use lockstep_engine::pack_folder;
use serde_json::{Value, json};

use crate::error::BenchError;

/// The application's name, in the journal too.
pub(crate) const APPLICATION: &str = "lockstep-bench";

/// The index that all methods read.
pub(crate) const SOURCE: &str = "lockstep-bench-one-event-v1.0";

/// The index that Lockstep writes.
pub(crate) const TARGET: &str = "lockstep-bench-one-event-v2.0";

/// The release that is live.
pub(crate) const VERSION_FROM: &str = "1.0";

/// The index that Lockstep writes when it goes five hops at once.
pub(crate) const TARGET_FAR: &str = "lockstep-bench-one-event-v6.0";

const PACK_FILE: &str = r#"format: 1
name: lockstep-bench
data_parts: 2
mode: versioned
naming:
  default:
    index: "lockstep-bench-{tenant}-{name}-v{version}"
tenants:
  pattern: "[a-z]+"
"#;

const RELEASE_FROM: &str = "indices:
  event: {mapping: event.json, replicas: 0}
";

/// How the step is written that renames the field, and how many such steps there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// As an operation.
    Operation,
    /// As a script in Painless.
    Script,
    /// As an operation, and four more steps behind it, which rename the field back and forth.
    Chain,
    /// Nothing is renamed: the index is cloned.
    Unchanged,
    /// Nothing is renamed, and the index is copied all the same.
    UnchangedCopied,
}

impl Step {
    /// The release that is asked for.
    pub(crate) fn version_to(self) -> &'static str {
        match self {
            Self::Operation | Self::Script | Self::Unchanged | Self::UnchangedCopied => "2.0",
            Self::Chain => "6.0",
        }
    }

    /// The index that Lockstep writes.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Operation | Self::Script | Self::Unchanged | Self::UnchangedCopied => TARGET,
            Self::Chain => TARGET_FAR,
        }
    }

    /// What the steps into 2.0 and later do, in order. In the end the field is called `action`.
    fn operations(self) -> &'static [&'static str] {
        const THERE: &str = "rename: {from: type, to: action}";
        const BACK: &str = "rename: {from: action, to: type}";
        match self {
            Self::Operation => &[THERE],
            Self::Script => {
                &[r#"painless: {script: "ctx._source.action = ctx._source.remove('type')"}"#]
            }
            Self::Chain => &[THERE, BACK, THERE, BACK, THERE],
            Self::Unchanged | Self::UnchangedCopied => &[],
        }
    }
}

/// The mapping of the source and of all targets. It has the field that is renamed under both names, so that a method
/// that doesn't rename it indexes as much as the others.
fn mapping() -> Value {
    let keyword = json!({"type": "keyword"});
    json!({
        "dynamic": "strict",
        "properties": {
            "timestamp": {"type": "date"},
            "type": keyword,
            "action": keyword,
            "session": {"properties": {
                "id": keyword, "duration": {"type": "long"}, "is_new": {"type": "boolean"}
            }},
            "profile": {"properties": {"id": keyword, "name": {"type": "text"}, "email": keyword}},
            "request": {"properties": {
                "url": keyword, "referer": keyword, "agent": keyword, "ip": {"type": "ip"}
            }},
            "traits": {"properties": {
                "price": {"type": "double"}, "quantity": {"type": "long"}, "currency": keyword, "sku": keyword
            }},
            "tags": keyword,
            "message": {"type": "text"},
        },
    })
}

/// The body that makes the source or a target: the settings that Lockstep gives its targets while it copies.
pub(crate) fn index_body(shards: u32) -> Value {
    json!({
        "settings": {
            "index.number_of_shards": shards,
            "index.number_of_replicas": 0,
            "index.refresh_interval": "-1",
            "index.gc_deletes": "1d",
        },
        "mappings": mapping(),
    })
}

/// The pack, checked as any other.
pub(crate) fn pack(step: Step) -> Result<Pack, BenchError> {
    let mut files = BTreeMap::from([("pack.yaml".to_owned(), PACK_FILE.as_bytes().to_vec())]);
    let mut add = |version: &str, release: &str| {
        let folder = format!("releases/{version}");
        files.insert(format!("{folder}/release.yaml"), release.as_bytes().to_vec());
        let mapping = mapping().to_string().into_bytes();
        files.insert(format!("{folder}/mappings/event.json"), mapping);
    };
    add(VERSION_FROM, RELEASE_FROM);
    if step.operations().is_empty() {
        add(
            "2.0",
            &format!("{RELEASE_FROM}step: {{from: \"1.0\", indices: {{event: unchanged}}}}\n"),
        );
    }
    for (operation, number) in step.operations().iter().zip(2..) {
        let before = number - 1;
        let release = format!(
            "{RELEASE_FROM}step:\n  from: \"{before}.0\"\n  indices:\n    event:\n      migrate:\n        operations:\n          - {operation}\n"
        );
        add(&format!("{number}.0"), &release);
    }
    Ok(pack_folder::check(&PackFiles { files })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_has_no_mistake() {
        for (step, releases) in [
            (Step::Operation, 2),
            (Step::Script, 2),
            (Step::Chain, 6),
            (Step::Unchanged, 2),
            (Step::UnchangedCopied, 2),
        ] {
            let pack = pack(step).unwrap_or_else(|error| panic!("{error:?}"));
            assert_eq!((pack.name.as_str(), pack.releases.len()), (APPLICATION, releases));
        }
    }
}
