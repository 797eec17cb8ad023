//! The cluster on which is measured: what the benchmark makes there, looks at, and removes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lockstep_elastic::{Cluster, Connection, Created};
use lockstep_engine::{
    EngineError, JqHosts, Session, journal::JOURNAL_INDEX, report::Silent, status::status,
};
use reqwest::Method as Verb;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Method;
use crate::{
    application::{APPLICATION, SOURCE, TARGET, TARGET_FAR, index_body},
    error::BenchError,
    listener::process_behind,
    process,
    report::tell,
    rest::{Rest, number},
};

/// How long merges of the source are waited for; then it is measured as it is.
const MERGE_WAIT_MAX: Duration = Duration::from_mins(3);
/// How often is looked.
const LOOK_TIME: Duration = Duration::from_millis(500);

/// A cluster on which is measured.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its address, with credentials.
    pub(crate) address: String,
    /// Lockstep's client.
    pub(crate) cluster: Cluster,
    /// Plain requests.
    pub(crate) rest: Rest,
    /// Name and version.
    pub(crate) engine: String,
    process: Option<String>,
    had_journal: bool,
    task: Mutex<Option<String>>,
}

impl Field {
    /// Takes a cluster that has nothing of ours.
    pub(crate) async fn open(address: &str) -> Result<Self, BenchError> {
        let field = Self::at(address).await?;
        let mut names = Vec::new();
        let aliases = field.cluster.aliases().await?;
        for name in index_names() {
            let is_alias = aliases.values().any(|aliases| aliases.contains_key(name));
            if is_alias || field.cluster.index_uuid(name).await?.is_some() {
                names.push(format!("index {name}"));
            }
        }
        if let Some(run) = status(&field.cluster, APPLICATION).await?.run {
            names.push(format!("run {} of {APPLICATION}", run.record.id));
        }
        if names.is_empty() { Ok(field) } else { Err(BenchError::NamesTaken { names }) }
    }

    /// Takes a cluster as it is.
    pub(crate) async fn at(address: &str) -> Result<Self, BenchError> {
        let cluster = Cluster::new(Connection::parse(address)?)?;
        let identity = cluster.identity().await?;
        let had_journal = cluster.index_uuid(JOURNAL_INDEX).await?.is_some();
        Ok(Self {
            address: address.to_owned(),
            cluster,
            rest: Rest::new(address)?,
            engine: format!("{} {}", identity.engine, identity.version),
            process: process_behind(address),
            had_journal,
            task: Mutex::default(),
        })
    }

    /// Makes an index that must not be there.
    pub(crate) async fn create(&self, name: &str, shards: u32) -> Result<(), BenchError> {
        match self.cluster.create_index(name, &index_body(shards)).await? {
            Created::Created { .. } => Ok(()),
            Created::AlreadyExists { .. } => {
                Err(BenchError::NamesTaken { names: vec![format!("index {name}")] })
            }
        }
    }

    /// Removes an index, if it is there.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), BenchError> {
        if [TARGET, TARGET_FAR].contains(&name) {
            return self.abort().await;
        }
        if let Some(uuid) = self.cluster.index_uuid(name).await? {
            self.cluster.delete_index(name, &uuid).await?;
        }
        Ok(())
    }

    /// Gives Lockstep's run up, which removes its target.
    async fn abort(&self) -> Result<(), BenchError> {
        let stop = CancellationToken::new();
        let session = Session {
            cluster: self.cluster.clone(),
            jq: JqHosts::none(),
            reporter: Arc::new(Silent),
            stop,
            databases: lockstep_engine::Databases::unknown(),
        };
        match session.abort(APPLICATION).await {
            Ok(_) | Err(EngineError::NoRun { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Remembers which task runs on the cluster, so that it can be cancelled.
    pub(crate) fn set_task(&self, task: Option<String>) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = task;
    }

    /// Processor seconds of the engine's process so far; `None` when it is not on this machine.
    pub(crate) fn engine_cpu_seconds(&self) -> Result<Option<f64>, BenchError> {
        self.process.as_deref().map(process::cpu_seconds).transpose()
    }

    /// Makes everything written so far visible and durable, and lets the engine finish its merges.
    pub(crate) async fn settle(&self, index: &str) -> Result<(), BenchError> {
        self.cluster.refresh(&[index]).await?;
        self.rest.call(Verb::POST, &format!("/{index}/_flush"), None).await?;
        let begun = Instant::now();
        loop {
            let path = format!("/{index}/_stats/merge");
            let stats = self.rest.call(Verb::GET, &path, None).await?;
            if number(&stats, "/_all/total/merges/current", &path)? == 0 {
                return Ok(());
            }
            if begun.elapsed() > MERGE_WAIT_MAX {
                tell("the engine still merges the source; going on");
                return Ok(());
            }
            sleep(LOOK_TIME).await;
        }
    }

    /// Looks whether an index has so many documents, each with a kind in this field.
    pub(crate) async fn check(
        &self,
        index: &str,
        kind_field: &str,
        documents: u64,
        method: &str,
    ) -> Result<(), BenchError> {
        let path = format!("/{index}/_count");
        let all = self.cluster.count(index).await?;
        let query = json!({"query": {"exists": {"field": kind_field}}});
        let answer = self.rest.call(Verb::POST, &path, Some(&query)).await?;
        let with_kind = number(&answer, "/count", &path)?;
        if (all, with_kind) == (documents, documents) {
            return Ok(());
        }
        let reason = format!(
            "{index} has {all} documents, {with_kind} with `{kind_field}`; {documents} are right"
        );
        Err(BenchError::Wrong { method: method.to_owned(), reason })
    }

    /// Removes everything that the benchmark makes.
    pub(crate) async fn clear(&self) -> Result<(), BenchError> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            self.rest.call_optional(Verb::POST, &format!("/_tasks/{task}/_cancel"), None).await?;
            self.forget_task(&task).await?;
        }
        self.abort().await?;
        for method in Method::ALL {
            if method.step().is_none() {
                self.remove(method.target()).await?;
            }
        }
        self.remove(SOURCE).await?;
        self.clear_journal(APPLICATION).await
    }

    /// Removes the record that the engine keeps of a task that is over.
    pub(crate) async fn forget_task(&self, task: &str) -> Result<(), BenchError> {
        self.rest.call_optional(Verb::DELETE, &format!("/.tasks/_doc/{task}"), None).await?;
        Ok(())
    }

    /// Removes an application's records from the journal, and the journal when it was made for them.
    pub(crate) async fn clear_journal(&self, application: &str) -> Result<(), BenchError> {
        let Some(uuid) = self.cluster.index_uuid(JOURNAL_INDEX).await? else { return Ok(()) };
        self.cluster.refresh(&[JOURNAL_INDEX]).await?;
        let ours = json!({"query": {"term": {"application": application}}});
        let path = format!("/{JOURNAL_INDEX}/_count");
        let answer = self.rest.call(Verb::POST, &path, Some(&ours)).await?;
        let is_all_ours =
            number(&answer, "/count", &path)? == self.cluster.count(JOURNAL_INDEX).await?;
        if !self.had_journal && is_all_ours {
            self.cluster.delete_index(JOURNAL_INDEX, &uuid).await?;
            return Ok(());
        }
        let path = format!("/{JOURNAL_INDEX}/_delete_by_query?refresh=true");
        self.rest.call(Verb::POST, &path, Some(&ours)).await?;
        Ok(())
    }
}

/// The names of all indices that the benchmark makes.
fn index_names() -> impl Iterator<Item = &'static str> {
    [SOURCE, TARGET_FAR].into_iter().chain(Method::ALL.into_iter().map(Method::target))
}
