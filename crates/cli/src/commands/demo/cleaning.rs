//! Tells whether a cluster holds anything of the demo, and removes exactly that: indices and templates by the demo's own
//! names, and the journal's records of the demo's application. Never by pattern.

use std::collections::BTreeSet;

use lockstep_core::{
    names::{Recognised, ReleaseNames},
    pack::model::Pack,
    plan::model::Plan,
};
use lockstep_demo::{clear, tenant_names};
use lockstep_elastic::Cluster;
use lockstep_engine::{
    EngineError, Session,
    journal::{ApplicationRecord, JOURNAL_INDEX, Journal, PlanRecord, QUARANTINE_INDEX},
};
use serde_json::json;

use crate::error::CommandError;

/// Indices that an error names.
const NAMED_MAX: usize = 3;
/// Records that are read at once when they are removed.
const RECORDS_AT_ONCE: u64 = 1_000;

/// Knows what is the demo's, and removes it.
pub(super) struct Cleaner {
    cluster: Cluster,
    url: String,
    application: String,
    names: Vec<ReleaseNames>,
    tenants: BTreeSet<String>,
}

impl Cleaner {
    pub(super) fn new(
        pack: &Pack,
        cluster: &Cluster,
        url: &str,
        tenant_count: u32,
    ) -> Result<Self, CommandError> {
        let names: Result<Vec<_>, _> =
            pack.releases.iter().map(|release| ReleaseNames::new(pack, release)).collect();
        Ok(Self {
            cluster: cluster.clone(),
            url: url.to_owned(),
            application: pack.name.clone(),
            names: names.map_err(|error| EngineError::Bug(format!("the demo's names: {error}")))?,
            tenants: tenant_names(tenant_count).into_iter().collect(),
        })
    }

    /// Whether an index has a name that a demo gives.
    fn is_ours(&self, index: &str) -> bool {
        self.names.iter().any(|names| match names.recognise(index) {
            Recognised::Known { tenant, .. } => self.tenants.contains(&tenant),
            _ => false,
        })
    }

    /// Refuses a cluster that holds anything of a demo.
    pub(super) async fn refuse_leftovers(&self) -> Result<(), CommandError> {
        let aliases = self.cluster.aliases().await.map_err(EngineError::from)?;
        let ours: Vec<&str> =
            aliases.keys().map(String::as_str).filter(|index| self.is_ours(index)).collect();
        if !ours.is_empty() {
            let named = ours.get(..NAMED_MAX).unwrap_or(&ours).join(", ");
            let what = match ours.len().saturating_sub(NAMED_MAX) {
                0 => named,
                more => format!("{named} and {more} more indices"),
            };
            return Err(CommandError::DemoThere { what });
        }
        match self.record().await? {
            None => Ok(()),
            Some(_) => Err(CommandError::DemoThere {
                what: format!("the journal knows `{}`", self.application),
            }),
        }
    }

    /// Removes everything of a demo of so many tenants; gives the number of indices.
    pub(super) async fn clean(
        &self,
        session: Session,
        tenant_count: u32,
    ) -> Result<u64, CommandError> {
        if let Some(record) = self.record().await? {
            self.refuse_others(&record).await?;
            if record.run.is_some() {
                match session.abort(&self.application).await {
                    // Once the switch is decided a run can't be given up; here both sets go.
                    Ok(_) | Err(EngineError::State(_) | EngineError::NoRun { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let removed = clear(&self.url, tenant_count).await?;
        self.forget().await.map_err(EngineError::from)?;
        Ok(removed)
    }

    async fn record(&self) -> Result<Option<ApplicationRecord>, CommandError> {
        let kept = self.journal().read::<ApplicationRecord>(&self.application).await?;
        Ok(kept.map(|kept| kept.record))
    }

    fn journal(&self) -> Journal {
        Journal::new(&self.cluster, &self.application)
    }

    /// Refuses to touch the runs of an application that has the demo's name and isn't it.
    async fn refuse_others(&self, record: &ApplicationRecord) -> Result<(), CommandError> {
        let Some(run) = record.run.as_ref().or(record.last_run.as_ref()) else { return Ok(()) };
        let Some(kept) = self.journal().read::<PlanRecord>(run).await? else { return Ok(()) };
        let plan: Plan = kept.record.plan;
        let sources = plan.sources().map(|source| &source.index);
        let mut indices = sources.chain(plan.targets().map(|target| &target.index));
        match indices.find(|index| !self.is_ours(index)) {
            None => Ok(()),
            Some(index) => Err(CommandError::NotTheDemo {
                application: self.application.clone(),
                index: index.clone(),
            }),
        }
    }

    /// Removes the records of the demo in journal and quarantine.
    async fn forget(&self) -> Result<(), lockstep_elastic::Failure> {
        self.forget_in(QUARANTINE_INDEX).await?;
        self.forget_in(JOURNAL_INDEX).await
    }

    /// Removes the records of the demo in an index, and the index if nothing else is in it.
    async fn forget_in(&self, index: &str) -> Result<(), lockstep_elastic::Failure> {
        let Some(uuid) = self.cluster.index_uuid(index).await? else { return Ok(()) };
        let ours = json!({"term": {"application": self.application}});
        loop {
            self.cluster.refresh(&[index]).await?;
            let body = json!({
                "size": RECORDS_AT_ONCE,
                "query": {"constant_score": {"filter": ours}},
                "sort": ["_doc"],
            });
            let page = self.cluster.search(index, &body).await?;
            if page.is_empty() {
                break;
            }
            for hit in page.hits() {
                self.cluster.delete_document(index, &hit.id).await?;
            }
        }
        if self.cluster.count(index).await? == 0 {
            self.cluster.delete_index(index, &uuid).await?;
        }
        Ok(())
    }
}
