//! The application: it overwrites documents of the source at a steady rate.

use lockstep_elastic::{Cluster, IndexName};

use crate::{
    application::SOURCE,
    document::Form,
    error::BenchError,
    steady::{Rate, Steady, overwrite},
};

/// Spreads the documents that are overwritten over all of the source.
const STRIDE: u64 = 7_919;

/// Begins to write.
pub(super) fn start(cluster: &Cluster, rate: Rate) -> Result<Steady, BenchError> {
    let name = IndexName::parse(SOURCE).map_err(|error| BenchError::Bug(error.to_string()))?;
    let cluster = cluster.clone();
    Ok(Steady::start(rate.requests_per_second, move |request| {
        let (cluster, name) = (cluster.clone(), name.clone());
        async move { overwrite(&cluster, (&name, Form::Old), (rate, STRIDE), request).await }
    }))
}
