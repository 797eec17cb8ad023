//! The application: it reads and writes the new set at a steady rate, one request a search, the next one a few documents.

use std::sync::Arc;

use lockstep_elastic::{Cluster, IndexName};
use serde_json::json;

use crate::{
    document::Form,
    error::BenchError,
    steady::{LANES, Rate, Steady, overwrite, wrong},
};

/// Documents that a search gives at the most.
const HITS_MAX: u64 = 10;

/// Begins to read and write these indices.
pub(super) fn start(cluster: &Cluster, indices: Vec<IndexName>, rate: Rate) -> Steady {
    let (cluster, indices) = (cluster.clone(), Arc::new(indices));
    Steady::start(rate.requests_per_second, move |turn| {
        let (cluster, indices) = (cluster.clone(), Arc::clone(&indices));
        async move {
            let place = usize::try_from(turn).unwrap_or_default() % indices.len().max(1);
            let Some(index) = indices.get(place) else { return Ok(()) };
            // Lanes are even in number: each of them does both.
            if (turn / u64::from(LANES)).is_multiple_of(2) {
                read(&cluster, index, rate).await
            } else {
                overwrite(&cluster, (index, Form::New), (rate, 1), turn).await
            }
        }
    })
}

async fn read(cluster: &Cluster, index: &IndexName, rate: Rate) -> Result<(), BenchError> {
    let query = json!({
        "size": HITS_MAX,
        "query": {"exists": {"field": "action"}},
        "sort": [{"timestamp": "desc"}],
    });
    let page = cluster.search(index.as_str(), &query).await?;
    let wanted = rate.documents.min(HITS_MAX);
    if page.len() as u64 == wanted {
        return Ok(());
    }
    Err(wrong(format!("{index} gave {} documents, not {wanted}", page.len())))
}
