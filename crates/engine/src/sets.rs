//! What the indices of a release look like that lives in a cluster, for whoever drafts a pack. Nothing is changed.

use std::collections::BTreeMap;

use lockstep_core::{
    names::{Recognised, ReleaseNames},
    pack::model::{LogicalIndex, Pack, Partition, Partitions, Release},
    sketch::Seen,
};
use lockstep_elastic::{Cluster, IndexState, OpenState};
use serde_json::{Map, Value};

use crate::{error::EngineError, sample::of_index};

/// Documents of a logical index that are looked at.
const SAMPLE: usize = 200;
/// Concrete indices of a logical one that documents are taken from.
const SAMPLED_MAX: usize = 5;

/// The indices of a release that are in the cluster, by their physical name. The pack says how names are made; of the release
/// only its version, label and naming count.
///
/// # Errors
/// [`EngineError::Cluster`] when they can't be seen; [`EngineError::Bug`] when a pack that was checked has names that can't be.
pub async fn of_release(
    cluster: &Cluster,
    pack: &Pack,
    release: &Release,
) -> Result<BTreeMap<String, Seen>, EngineError> {
    let bare = Release { indices: BTreeMap::new(), step: None, ..release.clone() };
    let names = names_of(pack, &bare)?;
    let mut found: BTreeMap<String, Vec<(String, IndexState)>> = BTreeMap::new();
    for index in cluster.indices().await? {
        if index.data_stream.is_none()
            && let Recognised::Unknown { tenant, name } = names.recognise(&index.name)
        {
            found.entry(name).or_default().push((tenant, index));
        }
    }
    let mut seen = BTreeMap::new();
    for (name, indices) in found {
        let partitions = partitions(pack, &bare, (&name, &indices))?;
        let (mapping, remarks) = mapping(&indices);
        let mut documents = Vec::new();
        let open = indices.iter().map(|(_, index)| index);
        let open = open.filter(|index| index.state == OpenState::Open && index.docs > 0);
        for index in open.take(SAMPLED_MAX) {
            documents.extend(of_index(cluster, &index.name, SAMPLE / SAMPLED_MAX).await?);
        }
        let settings = indices.first().map(|(_, index)| settings(index)).unwrap_or_default();
        seen.insert(name, Seen { mapping, settings, partitions, documents, remarks });
    }
    Ok(seen)
}

fn names_of(pack: &Pack, release: &Release) -> Result<ReleaseNames, EngineError> {
    ReleaseNames::new(pack, release).map_err(|error| EngineError::Bug(error.to_string()))
}

/// The kinds of partitions that the concrete names of an index have.
fn partitions(
    pack: &Pack,
    bare: &Release,
    (name, indices): (&str, &[(String, IndexState)]),
) -> Result<Vec<Partition>, EngineError> {
    let is_cut = bare.naming.get(DEFAULT_NAMING).is_some_and(|naming| naming.partitioned.is_some());
    if !is_cut {
        return Ok(Vec::new());
    }
    let mut kinds = Vec::new();
    for kind in Partition::ALL {
        let logical = LogicalIndex {
            name: name.to_owned(),
            naming: DEFAULT_NAMING.to_owned(),
            mapping: Value::Object(Map::new()),
            settings: BTreeMap::new(),
            shards: None,
            replicas: None,
            partitions: Partitions::of([kind]),
            table: None,
        };
        let indices_of_release = BTreeMap::from([(name.to_owned(), logical)]);
        let names = names_of(pack, &Release { indices: indices_of_release, ..bare.clone() })?;
        let has_kind = indices.iter().any(|(_, index)| {
            matches!(names.recognise(&index.name), Recognised::Known { partition: Some(_), .. })
        });
        if has_kind {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

/// The naming variant that indices of a draft use.
const DEFAULT_NAMING: &str = "default";

/// What an engine keeps in an index's settings, or what an upgrade sets itself; with all that begins so and a dot.
const NOT_THE_APPLICATIONS: [&str; 14] = [
    "uuid",
    "creation_date",
    "provided_name",
    "version",
    "number_of_shards",
    "number_of_replicas",
    "auto_expand_replicas",
    "blocks",
    "routing",
    "verified_before_close",
    "replication",
    "resize",
    "gc_deletes",
    "number_of_routing_shards",
];

/// The settings that an application gave an index, flat.
fn settings(index: &IndexState) -> BTreeMap<String, Value> {
    let own = index.settings.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("index.")?;
        let is_other = NOT_THE_APPLICATIONS.iter().any(|other| {
            name.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        (!is_other).then(|| (name.to_owned(), value.clone()))
    });
    own.collect()
}

/// The mapping of an index: that of its first tenant by name; what other indices have beside it is added, and what they have
/// otherwise is told.
fn mapping(indices: &[(String, IndexState)]) -> (Value, Vec<String>) {
    let mut all = indices.iter();
    let Some((_, first)) = all.next() else { return (Value::Object(Map::new()), Vec::new()) };
    let mut mapping = first.mapping.clone();
    if let Some(members) = mapping.as_object_mut() {
        // What it says of itself is the tenant's own.
        members.remove("_meta");
    }
    let mut remarks = Vec::new();
    for (tenant, index) in all {
        let mut differing = Vec::new();
        add(&mut mapping, &index.mapping, "", &mut differing);
        if !differing.is_empty() {
            remarks.push(format!(
                "OPEN: in {} of {tenant} these are otherwise than in {}: {}",
                index.name,
                first.name,
                differing.join(", ")
            ));
        }
    }
    (mapping, remarks)
}

/// Adds fields that a mapping lacks, and tells those that are otherwise.
fn add(mapping: &mut Value, other: &Value, parent: &str, differing: &mut Vec<String>) {
    let (Some(fields), Some(others)) = (
        mapping.get_mut("properties").and_then(Value::as_object_mut),
        other.get("properties").and_then(Value::as_object),
    ) else {
        return;
    };
    for (name, definition) in others {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match fields.get_mut(name) {
            None => {
                fields.insert(name.clone(), definition.clone());
            }
            Some(known) if known == definition => {}
            Some(known) if known.get("properties").is_some() => {
                add(known, definition, &path, differing);
            }
            Some(_) => differing.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_indices_have_beside_each_other_is_added_and_what_they_have_otherwise_is_told() {
        let mut mapping = json!({"properties": {"a": {"type": "long"}, "o": {"properties": {"x": {"type": "long"}}}}});
        let other = json!({"properties": {
            "a": {"type": "keyword"}, "b": {"type": "date"},
            "o": {"properties": {"x": {"type": "text"}, "y": {"type": "ip"}}}}});
        let mut differing = Vec::new();
        add(&mut mapping, &other, "", &mut differing);
        assert_eq!(differing, ["a", "o.x"]);
        assert_eq!(
            mapping,
            json!({"properties": {
                "a": {"type": "long"}, "b": {"type": "date"},
                "o": {"properties": {"x": {"type": "long"}, "y": {"type": "ip"}}}}})
        );
    }
}
