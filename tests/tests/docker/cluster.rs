//! The clusters that the containers work on, and what a test asks them itself.

use std::sync::Arc;

use lockstep_engine::journal::{JOURNAL_INDEX, QUARANTINE_INDEX};
use lockstep_pocket::{Options, Pocket};
use lockstep_tests::clusters::{Cluster, real_clusters};
use reqwest::{Client, Method};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::Trouble;

/// The real engine that containers work on as well, if it runs; one is enough.
const REAL: &str = "opensearch-3.8.0";

/// A cluster under test.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) cluster: Cluster,
    /// Set for the pocket cluster: in this process, on a loopback port that containers reach by the machine's network.
    pub(crate) pocket: Option<Pocket>,
}

/// The pocket cluster and, where the environment names it, a real engine.
pub(crate) fn stands(runtime: &Runtime) -> Result<Vec<Arc<Stand>>, Trouble> {
    let pocket = runtime.block_on(Pocket::start(Options::default()))?;
    let cluster = Cluster { name: "pocket".to_owned(), url: pocket.url().to_owned() };
    let mut stands = vec![Arc::new(Stand { cluster, pocket: Some(pocket) })];
    let real = real_clusters()?.into_iter().filter(|cluster| cluster.name == REAL);
    stands.extend(real.map(|cluster| Arc::new(Stand { cluster, pocket: None })));
    Ok(stands)
}

impl Stand {
    /// Removes what an earlier case left.
    pub(crate) async fn clean(&self, tenants: u32) -> Result<(), Trouble> {
        if let Some(pocket) = &self.pocket {
            pocket.clear_faults();
        }
        lockstep_demo::clear(&self.cluster.url, tenants).await?;
        for index in [JOURNAL_INDEX, QUARANTINE_INDEX] {
            send(&self.cluster.url, "DELETE", &format!("/{index}"), Value::Null).await?;
        }
        Ok(())
    }
}

/// Sends a request, and gives the answer whatever its status.
pub(crate) async fn send(
    url: &str,
    method: &str,
    path: &str,
    body: Value,
) -> Result<Value, Trouble> {
    let method: Method = method.parse()?;
    let mut request = Client::new().request(method, format!("{url}{path}"));
    if !body.is_null() {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    Ok(serde_json::from_str(&request.send().await?.text().await?)?)
}
