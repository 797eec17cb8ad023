//! Deletes the indices of an old set, one by one: intent, effect, outcome, each looked at once more right before.

use lockstep_core::run::retire::{Facts, Verdict, judge};
use lockstep_elastic::Deleted;
use tokio::time;

use super::{
    Fate, Retirement, Told,
    archive::archived,
    look::{Looked, Seen, found},
};
use crate::{
    error::EngineError,
    journal::{ArchiveReference, Journal, Kept, ReceiptRecord, ReceiptState, Write},
    lease::Lease,
    report::{Event, Unit},
    session::Session,
    stage::meter::Meter,
};

/// What a retirement works with.
pub(super) struct Work<'a> {
    pub(super) session: &'a Session,
    pub(super) application: &'a str,
    pub(super) journal: &'a Journal,
    pub(super) lease: &'a Lease,
    pub(super) wish: &'a Retirement,
}

impl Work<'_> {
    /// Archives a set, if so asked, and deletes it. What holds it up at the last moment is told in the set.
    pub(super) async fn retire(&self, old: &mut Looked) -> Result<(), EngineError> {
        let archive = match &self.wish.archive {
            Some(location) => Some(archived(self, old, location).await?),
            None => None,
        };
        old.set.archive.clone_from(&archive);
        let left = old.seen.iter().filter(|seen| !seen.is_settled()).count() as u64;
        let reporter = &self.session.reporter;
        let meter = Meter::start("retiring", Unit::Indices, left, reporter);
        let mut is_first = true;
        for position in 0..old.seen.len() {
            let Some(seen) = old.seen.get(position).filter(|seen| !seen.is_settled()) else {
                continue;
            };
            if !is_first {
                self.pause().await?;
            }
            is_first = false;
            self.check()?;
            if let Some(reason) = self.remove(old, position, seen, archive.as_ref()).await? {
                if let Some(index) = old.set.indices.get_mut(position) {
                    index.reason = Some(reason);
                }
                old.set.fate = Fate::Stays;
                meter.finish(reporter);
                return Ok(());
            }
            if let Some(index) = old.set.indices.get_mut(position) {
                index.is_gone = true;
                meter.add(1, index.bytes);
            }
        }
        meter.finish(reporter);
        old.set.fate = Fate::Retired;
        Ok(())
    }

    /// Deletes one index, or says why not.
    async fn remove(
        &self,
        old: &Looked,
        position: usize,
        seen: &Seen,
        archive: Option<&ArchiveReference>,
    ) -> Result<Option<Told>, EngineError> {
        let Some(index) = old.set.indices.get(position) else { return Ok(None) };
        let receipt = |state| ReceiptRecord {
            run: old.set.run.clone(),
            index: index.index.clone(),
            uuid: index.uuid.clone(),
            state,
            documents: index.documents,
            bytes: index.bytes,
            // One that was begun may have been archived then.
            archive: archive
                .cloned()
                .or_else(|| seen.receipt.as_ref().and_then(|kept| kept.record.archive.clone())),
            at: jiff::Timestamp::now().to_string(),
        };
        let key = format!("{}:{}", old.set.run, index.index);
        let mut kept = seen.receipt.clone();
        if seen.verdict != Verdict::Gone {
            if let Some(reason) = self.look_again(&index.index, &seen.facts).await? {
                return Ok(Some(reason));
            }
            // Nobody else may retire it at the same time, whatever this process slept through.
            self.lease.confirm().await?;
            kept = Some(self.write(&key, kept.as_ref(), receipt(ReceiptState::Deleting)).await?);
            if let Deleted::OtherUuid(other) =
                self.session.cluster.delete_index(&index.index, &index.uuid).await?
            {
                let message = format!(
                    "`{}` was left alone: it is another index now (unique id {other})",
                    index.index
                );
                self.session.reporter.report(Event::Notice { message });
            }
        }
        self.write(&key, kept.as_ref(), receipt(ReceiptState::Deleted)).await?;
        Ok(None)
    }

    /// Whether something happened since the set was looked at.
    async fn look_again(&self, index: &str, facts: &Facts) -> Result<Option<Told>, EngineError> {
        let cluster = &self.session.cluster;
        let found = match cluster.index(index).await? {
            Some(state) => {
                let usage = cluster.usage_of(&[index]).await?;
                Some(found(&state, usage.get(index)))
            }
            None => None,
        };
        let facts = Facts { found, ..facts.clone() };
        Ok(match judge(&facts, &self.wish.rules) {
            Verdict::Gone | Verdict::Due => None,
            Verdict::Waits(reason) | Verdict::Stays(reason) => Some(Told::from(reason)),
        })
    }

    async fn write(
        &self,
        key: &str,
        kept: Option<&Kept<ReceiptRecord>>,
        record: ReceiptRecord,
    ) -> Result<Kept<ReceiptRecord>, EngineError> {
        match self.journal.put(key, kept, record).await? {
            Write::Kept(kept) => Ok(kept),
            Write::Conflict => Err(EngineError::LeaseLost),
        }
    }

    /// Lets the cluster do other things between two indices.
    async fn pause(&self) -> Result<(), EngineError> {
        tokio::select! {
            () = time::sleep(self.wish.pause) => Ok(()),
            () = self.session.stop.cancelled() => Err(EngineError::Interrupted),
            () = self.lease.lost().cancelled() => Err(EngineError::LeaseLost),
        }
    }

    /// Waits for what a place for archives does, but no longer than the command goes on: a server may take minutes to answer, or
    /// not to.
    pub(super) fn unless_stopped<T, E: Into<EngineError>>(
        &self,
        doing: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, EngineError>> {
        let doing = self.session.unless_stopped(doing);
        async move {
            tokio::select! {
                done = doing => done,
                () = self.lease.lost().cancelled() => Err(EngineError::LeaseLost),
            }
        }
    }

    /// Whether to go on.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        if self.lease.lost().is_cancelled() {
            return Err(EngineError::LeaseLost);
        }
        if self.session.stop.is_cancelled() {
            return Err(EngineError::Interrupted);
        }
        Ok(())
    }
}
