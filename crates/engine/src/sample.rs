//! A few live documents of a logical index, to see what they look like. Nothing is changed.

use lockstep_core::{
    names::{Recognised, ReleaseNames},
    pack::model::{Pack, Release},
};
use lockstep_elastic::{Cluster, OpenState};
use serde_json::{Value, json};

use crate::error::EngineError;

/// Indices that are looked into, of tenants and partitions: the first ones by name.
const INDICES_MAX: usize = 20;

/// Documents of an index of a release that is in the cluster, at most so many, a like part of each concrete index.
///
/// # Errors
/// [`EngineError::Cluster`] when they can't be read; [`EngineError::Bug`] when a pack that was checked has names that can't be.
pub async fn documents(
    cluster: &Cluster,
    (pack, release, key): (&Pack, &Release, &str),
    count_max: usize,
) -> Result<Vec<Value>, EngineError> {
    let names =
        ReleaseNames::new(pack, release).map_err(|error| EngineError::Bug(error.to_string()))?;
    let mut indices = cluster.indices().await?;
    indices.retain(|index| {
        let is_it =
            |recognised| matches!(recognised, Recognised::Known { key: found, .. } if found == key);
        index.state == OpenState::Open && index.docs > 0 && is_it(names.recognise(&index.name))
    });
    indices.truncate(INDICES_MAX);
    let mut documents = Vec::new();
    for index in &indices {
        documents.extend(of_index(cluster, &index.name, count_max.div_ceil(indices.len())).await?);
    }
    documents.truncate(count_max);
    Ok(documents)
}

/// Documents of one concrete index, at most so many.
///
/// # Errors
/// [`EngineError::Cluster`] when they can't be read.
pub async fn of_index(
    cluster: &Cluster,
    index: &str,
    count_max: usize,
) -> Result<Vec<Value>, EngineError> {
    let body = json!({"size": count_max, "query": {"match_all": {}}, "sort": ["_doc"]});
    let page = cluster.search(index, &body).await?;
    // What is no JSON could not be searched for either; a number that a tree can't hold says nothing about shapes.
    Ok(page.hits().filter_map(|hit| serde_json::from_slice(hit.source).ok()).collect())
}
