//! Notes how old indices were used, so that a later look can tell whether somebody still does.

use std::collections::BTreeMap;

use lockstep_core::plan::model::Plan;
use lockstep_elastic::Cluster;

use super::look::{Looked, counters};
use crate::{
    error::EngineError,
    journal::{Journal, NotedUsage, UsageRecord, Write},
};

/// Notes the use of a run's old set: the wait for its retirement begins. What was noted before stays.
pub(crate) async fn note_sources(
    cluster: &Cluster,
    journal: &Journal,
    (run, plan): (&str, &Plan),
) -> Result<(), EngineError> {
    if journal.read::<UsageRecord>(run).await?.is_some() {
        return Ok(());
    }
    let names: Vec<&String> = plan.sources().map(|source| &source.index).collect();
    if names.is_empty() {
        return Ok(());
    }
    let usage = cluster.usage_of(&names).await?;
    let at = jiff::Timestamp::now().to_string();
    let mut indices = BTreeMap::new();
    for source in plan.sources() {
        // One that is gone, closed or another one has no use to be noted; a retirement says so.
        let Some(seen) = usage.get(&source.index).filter(|seen| seen.uuid == source.uuid) else {
            continue;
        };
        let noted =
            NotedUsage { uuid: seen.uuid.clone(), at: at.clone(), counters: counters(seen) };
        indices.insert(source.index.clone(), noted);
    }
    match journal.create(run, UsageRecord { indices }).await? {
        // Somebody who noted it at the same time noted the same.
        Write::Kept(_) | Write::Conflict => Ok(()),
    }
}

/// Notes what is seen now where something happened since it was noted, or nothing was noted yet.
pub(super) async fn note(journal: &Journal, looked: &[Looked]) -> Result<(), EngineError> {
    let at = jiff::Timestamp::now().to_string();
    for old in looked {
        let mut record = old.noted.as_ref().map(|kept| kept.record.clone()).unwrap_or_default();
        let before = record.clone();
        for (index, seen) in old.set.indices.iter().zip(&old.seen) {
            let counters = seen.facts.found.as_ref().and_then(|found| found.counters.clone());
            if let Some(counters) = counters.filter(|_| seen.verdict.is_noted_anew()) {
                let (uuid, at) = (index.uuid.clone(), at.clone());
                record.indices.insert(index.index.clone(), NotedUsage { uuid, at, counters });
            }
        }
        if record == before {
            continue;
        }
        match journal.put(&old.set.run, old.noted.as_ref(), record).await? {
            Write::Kept(_) => {}
            Write::Conflict => return Err(EngineError::LeaseLost),
        }
    }
    Ok(())
}
