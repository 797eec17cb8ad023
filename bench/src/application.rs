//! The application that is copied: one tenant, one index, two releases, and a step that renames one field.

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

/// The release that is asked for.
pub(crate) const VERSION_TO: &str = "2.0";

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

const RELEASE_TO: &str = r#"indices:
  event: {mapping: event.json, replicas: 0}
step:
  from: "1.0"
  indices:
    event:
      migrate:
        operations:
          - "#;

/// How the step is written that renames the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// As an operation.
    Operation,
    /// As a script in Painless.
    Script,
}

impl Step {
    fn text(self) -> &'static str {
        match self {
            Self::Operation => "rename: {from: type, to: action}",
            Self::Script => {
                r#"painless: {script: "ctx._source.action = ctx._source.remove('type')"}"#
            }
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
    let mapping = mapping().to_string();
    let release_to = format!("{RELEASE_TO}{}\n", step.text());
    let files = [
        ("pack.yaml", PACK_FILE),
        ("releases/1.0/release.yaml", RELEASE_FROM),
        ("releases/1.0/mappings/event.json", &mapping),
        ("releases/2.0/release.yaml", &release_to),
        ("releases/2.0/mappings/event.json", &mapping),
    ];
    let files: BTreeMap<String, Vec<u8>> = files
        .into_iter()
        .map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))
        .collect();
    Ok(pack_folder::check(&PackFiles { files })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_has_no_mistake() {
        for step in [Step::Operation, Step::Script] {
            let pack = pack(step).unwrap_or_else(|error| panic!("{error:?}"));
            assert_eq!((pack.name.as_str(), pack.releases.len()), (APPLICATION, 2));
        }
    }
}
