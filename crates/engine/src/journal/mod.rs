//! The durable record of runs, kept in the cluster itself: an index with one JSON document a record.
//!
//! Every write is a compare-and-swap on what was read before, so two drivers can't both believe that they are the one.
//! After a lost answer the record is read again: the write either happened or it didn't. Rejected documents are kept in the
//! same way, in an index of their own: see [`Journal::quarantine`].

mod record;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_elastic::{Cluster, Document, Expect, Failure, Put, Stored};
use serde::de::DeserializeOwned;
use serde_json::{Value, json, value::RawValue};

pub(crate) use self::record::PlanHead;
pub use self::record::{
    ApplicationRecord, ArchiveRecord, ArchiveReference, DeliveryRecord, DeployRecord, FlowRecord,
    GuardRecord, JOURNAL_FORMAT, LeaseRecord, LeaseRequestRecord, NotedUsage, OrdersRecord,
    OriginalRecord, PairTerms, PlanRecord, PositionRecord, PreviewRecord, ReceiptRecord,
    ReceiptState, Record, RejectedBack, ReturnIndex, ReturnRecord, RoundRecord, RunRecord,
    SetRecord, SnapshotRecord, SnapshotReference, SwitchRecord, TaskRecord, UsageRecord,
    VerdictRecord,
};
use self::record::{Envelope, Opened, PlanHeadRecord};
use crate::error::EngineError;

/// The index that holds the journal of all applications of a cluster.
pub const JOURNAL_INDEX: &str = "lockstep-journal";

/// The index that holds rejected documents of all applications of a cluster. It is made when the first one is kept.
pub const QUARANTINE_INDEX: &str = "lockstep-quarantine";

/// Records that are found in one call: the engines give no more (`index.max_result_window`).
const FOUND_MAX: usize = 10_000;
/// How many records are read in one call.
const READ_AT_ONCE: usize = 500;
/// Records that are removed at the same time.
const REMOVALS_IN_FLIGHT: usize = 8;
/// How many records are written in one call.
const WRITE_AT_ONCE: usize = 500;

/// The journal of one application.
#[derive(Debug, Clone)]
pub struct Journal {
    cluster: Cluster,
    application: String,
    index: &'static str,
}

/// A record together with where it stood when it was read or written: the expectation of the next write.
#[derive(Debug, Clone)]
pub struct Kept<R> {
    /// The record.
    pub record: R,
    seq_no: i64,
    primary_term: u64,
}

/// What came of a write.
#[derive(Debug, Clone)]
pub enum Write<R> {
    /// It is in the journal.
    Kept(Kept<R>),
    /// Somebody else wrote meanwhile.
    Conflict,
}

impl<R> Kept<R> {
    /// A record that is in no journal, and can't be written over: what a rehearsal keeps in memory.
    pub(crate) fn unstored(record: R) -> Self {
        Self { record, seq_no: -1, primary_term: 0 }
    }
}

impl Journal {
    /// The journal of an application; the index is made by [`Journal::ensure`].
    pub fn new(cluster: &Cluster, application: &str) -> Self {
        Self { cluster: cluster.clone(), application: application.to_owned(), index: JOURNAL_INDEX }
    }

    /// The quarantine of an application: records of their own kinds, in an index of their own.
    pub fn quarantine(cluster: &Cluster, application: &str) -> Self {
        Self { index: QUARANTINE_INDEX, ..Self::new(cluster, application) }
    }

    /// Makes the index when it isn't there.
    pub async fn ensure(&self) -> Result<(), EngineError> {
        if self.exists().await? {
            return Ok(());
        }
        let body = json!({
            "settings": {"index.number_of_shards": 1, "index.auto_expand_replicas": "0-1"},
            "mappings": {
                "dynamic": false,
                "_meta": {"lockstep_journal_format": JOURNAL_FORMAT},
                "properties": {
                    "kind": {"type": "keyword"},
                    "application": {"type": "keyword"},
                    "run": {"type": "keyword"},
                    "state": {"type": "keyword"},
                    "body": {"type": "object", "enabled": false}
                }
            }
        });
        match self.cluster.create_index(self.index, &body).await {
            // Another process may have made it at the same time; then it is there just as well.
            Ok(_) => Ok(()),
            Err(failure) if failure.outcome_unknown() && self.exists().await? => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Whether the index is there.
    pub async fn exists(&self) -> Result<bool, EngineError> {
        Ok(self.cluster.index_uuid(self.index).await?.is_some())
    }

    /// Reads a record.
    pub async fn read<R: Record>(&self, key: &str) -> Result<Option<Kept<R>>, EngineError> {
        let id = id::<R>(key);
        let Some(stored) = self.stored(&id).await? else { return Ok(None) };
        let record = decode(&id, stored.source.get().as_bytes())?;
        Ok(Some(keep(record, &stored)))
    }

    /// Reads what the plan of a run is about.
    pub(crate) async fn plan_head(&self, run: &str) -> Result<Option<PlanHead>, EngineError> {
        let id = id::<PlanRecord>(run);
        let Some(stored) = self.stored(&id).await? else { return Ok(None) };
        let record: PlanHeadRecord = open(&id, PlanRecord::KIND, stored.source.get().as_bytes())?;
        Ok(Some(record.plan))
    }

    /// A document of the journal; none where nothing was ever journalled.
    async fn stored(&self, id: &str) -> Result<Option<Stored>, EngineError> {
        match self.cluster.document(self.index, id).await {
            Ok(found) => Ok(found),
            Err(failure) if failure.is_index_absent() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Reads many records; those that are not there are left out.
    pub async fn read_many<R: Record>(&self, keys: &[String]) -> Result<Vec<Kept<R>>, EngineError> {
        Ok(self.read_many_keyed(keys).await?.into_iter().map(|(_, kept)| kept).collect())
    }

    /// The same, each with its key.
    pub(crate) async fn read_many_keyed<R: Record>(
        &self,
        keys: &[String],
    ) -> Result<Vec<(String, Kept<R>)>, EngineError> {
        let mut records = Vec::with_capacity(keys.len());
        if keys.is_empty() {
            return Ok(records);
        }
        // Searches see only what was refreshed.
        self.cluster.refresh(&[self.index]).await?;
        for keys in keys.chunks(READ_AT_ONCE) {
            let ids: Vec<String> = keys.iter().map(|key| id::<R>(key)).collect();
            let page = self.cluster.documents(self.index, &ids).await?;
            for hit in page.hits() {
                let record = decode(&hit.id, hit.source)?;
                let key = hit.id.split_once(':').map_or("", |(_, key)| key).to_owned();
                let kept = Kept { record, seq_no: hit.seq_no, primary_term: hit.primary_term };
                records.push((key, kept));
            }
        }
        Ok(records)
    }

    /// All records of one kind that a run has in any of these states; none where the index isn't there.
    ///
    /// # Errors
    /// [`EngineError::JournalUnreadable`] when there are more than can be read in one call.
    pub async fn find<R: Record>(
        &self,
        run: &str,
        states: &[&str],
    ) -> Result<Vec<Kept<R>>, EngineError> {
        let filters = json!([
            {"term": {"kind": R::KIND}},
            {"term": {"application": self.application}},
            {"term": {"run": run}},
            {"terms": {"state": states}},
        ]);
        self.find_by(&filters, run).await
    }

    /// All records of one kind that the application has.
    ///
    /// # Errors
    /// [`EngineError::JournalUnreadable`] when there are more than can be read in one call.
    pub async fn all<R: Record>(&self) -> Result<Vec<Kept<R>>, EngineError> {
        let filters = json!([
            {"term": {"kind": R::KIND}},
            {"term": {"application": self.application}},
        ]);
        self.find_by(&filters, &self.application).await
    }

    /// All records of one kind, whatever application they are of.
    ///
    /// # Errors
    /// [`EngineError::JournalUnreadable`] when there are more than can be read in one call.
    pub async fn everyones<R: Record>(&self) -> Result<Vec<Kept<R>>, EngineError> {
        self.find_by(&json!([{"term": {"kind": R::KIND}}]), "*").await
    }

    async fn find_by<R: Record>(
        &self,
        filters: &Value,
        whose: &str,
    ) -> Result<Vec<Kept<R>>, EngineError> {
        // Searches see only what was refreshed.
        match self.cluster.refresh(&[self.index]).await {
            Ok(()) => {}
            Err(failure) if failure.is_index_absent() => return Ok(Vec::new()),
            Err(failure) => return Err(failure.into()),
        }
        let body = json!({
            "size": FOUND_MAX,
            "query": {"bool": {"filter": filters}},
            "sort": ["_doc"],
        });
        let page = self.cluster.search(self.index, &body).await?;
        if page.len() >= FOUND_MAX {
            return Err(EngineError::JournalUnreadable {
                id: format!("{}:{whose}", R::KIND),
                reason: format!("there are {FOUND_MAX} of them or more"),
            });
        }
        let mut records = Vec::with_capacity(page.len());
        for hit in page.hits() {
            let record = decode(&hit.id, hit.source)?;
            records.push(Kept { record, seq_no: hit.seq_no, primary_term: hit.primary_term });
        }
        Ok(records)
    }

    /// Writes many records in few calls, each over what was read of it, or where nothing was. Gives what came of each, in
    /// the same order.
    pub async fn write_each<R: Record + Clone>(
        &self,
        writes: &[(String, R, Option<Kept<R>>)],
    ) -> Result<Vec<Write<R>>, EngineError> {
        let mut written = Vec::with_capacity(writes.len());
        for part in writes.chunks(WRITE_AT_ONCE) {
            written.extend(self.write_part(part).await?);
        }
        Ok(written)
    }

    async fn write_part<R: Record + Clone>(
        &self,
        part: &[(String, R, Option<Kept<R>>)],
    ) -> Result<Vec<Write<R>>, EngineError> {
        let mut sources = Vec::with_capacity(part.len());
        for (key, record, before) in part {
            let expect = match before {
                Some(kept) => Expect::At { seq_no: kept.seq_no, primary_term: kept.primary_term },
                None => Expect::Absent,
            };
            sources.push((id::<R>(key), self.encode(record)?, expect));
        }
        let documents: Vec<Document<'_>> = sources
            .iter()
            .map(|(id, source, expect)| Document { id, source, expect: *expect })
            .collect();
        let puts = match self.cluster.put_documents(self.index, &documents).await {
            Ok(puts) => puts.into_iter().map(Result::ok).collect(),
            // Each is then written by itself, which tells whether it arrived.
            Err(failure) if failure.outcome_unknown() => vec![None; part.len()],
            Err(failure) => return Err(failure.into()),
        };
        let mut written = Vec::with_capacity(part.len());
        for (((key, record, _), (_, source, expect)), put) in part.iter().zip(&sources).zip(puts) {
            written.push(match put {
                Some(Put::Stored { seq_no, primary_term }) => {
                    Write::Kept(Kept { record: record.clone(), seq_no, primary_term })
                }
                Some(Put::Conflict) => {
                    self.settle_conflict(&id::<R>(key), record.clone(), source).await?
                }
                None => self.write(key, record.clone(), *expect).await?,
            });
        }
        Ok(written)
    }

    /// Writes a record that must not be there yet.
    pub async fn create<R: Record>(&self, key: &str, record: R) -> Result<Write<R>, EngineError> {
        self.write(key, record, Expect::Absent).await
    }

    /// Writes a record over whatever is there.
    pub async fn overwrite<R: Record>(&self, key: &str, record: R) -> Result<(), EngineError> {
        match self.write(key, record, Expect::Any).await? {
            Write::Kept(_) => Ok(()),
            Write::Conflict => {
                Err(EngineError::Bug("a write without a condition met one".to_owned()))
            }
        }
    }

    /// Removes a record, if it is there.
    pub async fn remove<R: Record>(&self, key: &str) -> Result<(), EngineError> {
        self.cluster.delete_document(self.index, &id::<R>(key)).await?;
        Ok(())
    }

    /// Removes every record of the application but leases, whose numbers must only grow; the one that names its run last. Only
    /// for a rehearsal, under its lease: what an upgrade journals stays.
    pub(crate) async fn forget(&self) -> Result<(), EngineError> {
        let own = id::<ApplicationRecord>(&self.application);
        let leases = [LeaseRecord::KIND, LeaseRequestRecord::KIND];
        loop {
            self.cluster.refresh(&[self.index]).await?;
            let body = json!({
                "size": READ_AT_ONCE,
                "query": {"bool": {
                    "filter": [{"term": {"application": self.application}}],
                    "must_not": [{"terms": {"kind": leases}}],
                }},
                "sort": ["_doc"],
            });
            let page = self.cluster.search(self.index, &body).await?;
            let found = page.hits().map(|hit| hit.id.into_owned());
            let others: Vec<String> = found.filter(|id| *id != own).collect();
            if others.is_empty() {
                break;
            }
            stream::iter(others)
                .map(|id| async move { self.cluster.delete_document(self.index, &id).await })
                .buffer_unordered(REMOVALS_IN_FLIGHT)
                .try_for_each(|_| async { Ok(()) })
                .await?;
        }
        self.remove::<ApplicationRecord>(&self.application).await
    }

    /// Writes a record over the one that was read.
    pub async fn replace<R: Record>(
        &self,
        key: &str,
        kept: &Kept<R>,
        record: R,
    ) -> Result<Write<R>, EngineError> {
        let expect = Expect::At { seq_no: kept.seq_no, primary_term: kept.primary_term };
        self.write(key, record, expect).await
    }

    /// Writes a record over the one that was read, or where none was.
    pub async fn put<R: Record>(
        &self,
        key: &str,
        kept: Option<&Kept<R>>,
        record: R,
    ) -> Result<Write<R>, EngineError> {
        match kept {
            Some(kept) => self.replace(key, kept, record).await,
            None => self.create(key, record).await,
        }
    }

    async fn write<R: Record>(
        &self,
        key: &str,
        record: R,
        expect: Expect,
    ) -> Result<Write<R>, EngineError> {
        let id = id::<R>(key);
        let source = self.encode(&record)?;
        match self.cluster.put_document(self.index, &id, &source, expect).await {
            Ok(Put::Stored { seq_no, primary_term }) => {
                Ok(Write::Kept(Kept { record, seq_no, primary_term }))
            }
            Ok(Put::Conflict) => self.settle_conflict(&id, record, &source).await,
            Err(failure) if failure.outcome_unknown() => {
                self.settle_lost(&id, record, &source, failure).await
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// A conflict may be our own write, repeated by the client after its answer was lost.
    async fn settle_conflict<R: Record>(
        &self,
        id: &str,
        record: R,
        source: &RawValue,
    ) -> Result<Write<R>, EngineError> {
        match self.cluster.document(self.index, id).await? {
            Some(stored) if same_json(&stored.source, source) => {
                Ok(Write::Kept(keep(record, &stored)))
            }
            Some(_) | None => Ok(Write::Conflict),
        }
    }

    async fn settle_lost<R: Record>(
        &self,
        id: &str,
        record: R,
        source: &RawValue,
        failure: Failure,
    ) -> Result<Write<R>, EngineError> {
        match self.cluster.document(self.index, id).await? {
            Some(stored) if same_json(&stored.source, source) => {
                Ok(Write::Kept(keep(record, &stored)))
            }
            // It didn't happen, or something else did; whoever tries again finds out by compare-and-swap.
            Some(_) | None => Err(failure.into()),
        }
    }

    fn encode<R: Record>(&self, record: &R) -> Result<Box<RawValue>, EngineError> {
        let bug = |error: serde_json::Error| {
            EngineError::Bug(format!("a journal record can't be written: {error}"))
        };
        let envelope = Envelope {
            format: JOURNAL_FORMAT,
            kind: R::KIND.to_owned(),
            application: self.application.clone(),
            run: record.run().map(str::to_owned),
            state: record.state().map(str::to_owned),
            body: serde_json::to_value(record).map_err(bug)?,
        };
        serde_json::value::to_raw_value(&envelope).map_err(bug)
    }
}

fn id<R: Record>(key: &str) -> String {
    format!("{}:{key}", R::KIND)
}

fn keep<R>(record: R, stored: &Stored) -> Kept<R> {
    Kept { record, seq_no: stored.seq_no, primary_term: stored.primary_term }
}

fn decode<R: Record>(id: &str, source: &[u8]) -> Result<R, EngineError> {
    open(id, R::KIND, source)
}

/// Takes a record of that kind out of its envelope, as far as it is wanted.
fn open<T: DeserializeOwned>(id: &str, kind: &str, source: &[u8]) -> Result<T, EngineError> {
    let unreadable = |reason: String| EngineError::JournalUnreadable { id: id.to_owned(), reason };
    let envelope: Opened<'_> =
        serde_json::from_slice(source).map_err(|error| unreadable(error.to_string()))?;
    if envelope.format != JOURNAL_FORMAT {
        return Err(unreadable(format!(
            "it has form {}, and this version reads {JOURNAL_FORMAT}",
            envelope.format
        )));
    }
    if envelope.kind != kind {
        return Err(unreadable(format!("it is a `{}`", envelope.kind)));
    }
    serde_json::from_str(envelope.body.get()).map_err(|error| unreadable(error.to_string()))
}

fn same_json(a: &RawValue, b: &RawValue) -> bool {
    let parse = |value: &RawValue| serde_json::from_str::<Value>(value.get()).ok();
    parse(a).is_some_and(|a| Some(a) == parse(b))
}

#[cfg(test)]
mod tests {
    use lockstep_core::plan::model::Plan;

    use super::*;

    #[test]
    fn the_head_of_a_plan_is_read_without_the_rest_and_only_out_of_its_envelope() {
        let plan = include_str!("../../../core/tests/golden/plan-1.json");
        let stored = |kind: &str, format: u32| {
            format!(
                r#"{{"format":{format},"kind":"{kind}","application":"a","body":{{"plan":{plan}}}}}"#
            )
        };
        let text = stored("plan", JOURNAL_FORMAT);
        let whole: PlanRecord = decode("plan:1", text.as_bytes()).unwrap();
        let head: PlanHeadRecord = open("plan:1", "plan", text.as_bytes()).unwrap();
        let PlanHead { from, to, pack_digest, cluster } = head.plan;
        let Plan { from: whole_from, to: whole_to, pack_digest: digest, cluster: at, .. } =
            whole.plan;
        assert_eq!((from, to, pack_digest, cluster), (whole_from, whole_to, digest, at));
        for (kind, format) in [("run", JOURNAL_FORMAT), ("plan", JOURNAL_FORMAT + 1)] {
            let other = open::<PlanHeadRecord>("plan:1", "plan", stored(kind, format).as_bytes());
            assert!(matches!(other, Err(EngineError::JournalUnreadable { .. })), "{other:?}");
        }
    }
}
