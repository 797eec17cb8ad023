//! What a rehearsal made is removed: indices by unique id, then its records in the journal.
//!
//! The plan with all names is journalled before the first index is made, so that whoever comes after a SIGKILL knows them.
//! What stays is the lease and the places of its workers: small records with numbers that must only grow.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::run::state::{Event, RunState};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    drive::Drive,
    error::EngineError,
    journal::{
        ApplicationRecord, Journal, OrdersRecord, PlanRecord, PositionRecord, RoundRecord,
        RunRecord, SetRecord, SwitchRecord, TaskRecord, VerdictRecord,
    },
    lease::Lease,
    report::Event as ReportEvent,
    session::{Session, watched},
    stage::task_key,
};

/// Looks for indices that a late request made again, and the time between two of them: a request that was under way when the
/// stages were stopped arrives within these.
const LOOKS: u32 = 3;
const LOOK_TIME: Duration = Duration::from_millis(300);
/// Records that are removed at the same time.
const REMOVALS_IN_FLIGHT: usize = 8;

impl Session {
    /// Removes everything that a rehearsal made, however far it came.
    pub(super) async fn clear(&self, lease: &Lease, drive: &mut Drive) -> Result<(), EngineError> {
        // Who asked to stop wants it gone as well; a second Ctrl-C ends even this.
        let stop = CancellationToken::new();
        drive.context.stop = stop.clone();
        // Of one that was driven to its end, every request has been answered.
        let is_quiet = drive.run.record.state == RunState::Aborted;
        if !is_quiet {
            if drive.run.record.state != RunState::Aborting {
                drive.happened(Event::Abort, SwitchRecord::default()).await?;
            }
            watched(&stop, lease, drive).await?;
        }
        drop_late(drive, if is_quiet { 1 } else { LOOKS }).await?;
        let context = &drive.context;
        forget(&context.journal, &context.plan.application, &context.run).await
    }

    /// Removes what a rehearsal left that was killed. Gives whether there was one.
    pub(crate) async fn clear_left_over(
        &self,
        journal: &Journal,
        name: &str,
        lease: &Lease,
    ) -> Result<bool, EngineError> {
        let Some(kept) = journal.read::<ApplicationRecord>(name).await? else { return Ok(false) };
        let ApplicationRecord { live: _, run, last_run } = kept.record;
        let Some(id) = run else {
            if let Some(id) = last_run {
                forget(journal, name, &id).await?;
            }
            return Ok(false);
        };
        let missing = |what: &str| EngineError::JournalUnreadable {
            id: format!("{what}:{id}"),
            reason: "it is not there, although the rehearsal's record names it".to_owned(),
        };
        let run = journal.read::<RunRecord>(&id).await?.ok_or_else(|| missing("run"))?;
        let plan = journal.read::<PlanRecord>(&id).await?.ok_or_else(|| missing("plan"))?;
        self.reporter.report(ReportEvent::Notice {
            message: "an earlier rehearsal did not come to its end: what it left is removed"
                .to_owned(),
        });
        let mut drive = self.drive(journal, &plan.record.plan, run, lease);
        // What it sent last could otherwise make an index again that was removed.
        drive.context.wait_until_quiet().await?;
        self.clear(lease, &mut drive).await?;
        Ok(true)
    }
}

/// Drops indices that came to be under the rehearsal's names after they were dropped: a document for an index that is gone
/// makes a new one. The names hold the run's id, so nobody else has them.
async fn drop_late(drive: &Drive, looks: u32) -> Result<(), EngineError> {
    let context = &drive.context;
    let names: BTreeSet<&String> =
        context.plan.targets().map(|target| &target.index).collect();
    for look in 0..looks {
        if look > 0 {
            time::sleep(LOOK_TIME).await;
        }
        for (index, _) in context.cluster.aliases().await? {
            if names.contains(&index)
                && let Some(uuid) = context.cluster.index_uuid(&index).await?
            {
                context.cluster.delete_index(&index, &uuid).await?;
            }
        }
    }
    Ok(())
}

/// Removes the records of a rehearsal whose indices are gone; the one that names it last.
async fn forget(journal: &Journal, name: &str, id: &str) -> Result<(), EngineError> {
    // A rehearsal copies once: it has one round.
    let round = format!("{id}:1");
    if let Some(kept) = journal.read::<RoundRecord>(&round).await? {
        let keys = kept.record.tasks().into_iter().map(|task| task_key(id, task.ordinal));
        stream::iter(keys)
            .map(|key| async move { journal.remove::<TaskRecord>(&key).await })
            .buffer_unordered(REMOVALS_IN_FLIGHT)
            .try_collect::<()>()
            .await?;
    }
    journal.remove::<RoundRecord>(&round).await?;
    journal.remove::<VerdictRecord>(&round).await?;
    journal.remove::<PositionRecord>(id).await?;
    journal.remove::<OrdersRecord>(id).await?;
    journal.remove::<SetRecord>(id).await?;
    journal.remove::<RunRecord>(id).await?;
    journal.remove::<PlanRecord>(id).await?;
    journal.remove::<ApplicationRecord>(name).await
}
