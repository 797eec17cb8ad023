//! What a rehearsal made is removed: indices by unique id, then its records in the journal.
//!
//! The plan with all names is journalled before the first index is made, so that whoever comes after a SIGKILL knows them.
//! What stays is the lease and the places of its workers: small records with numbers that must only grow.

use std::{collections::BTreeSet, time::Duration};

use lockstep_core::run::state::{Event, RunState};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    drive::Drive,
    error::EngineError,
    journal::{ApplicationRecord, Journal, PlanRecord, RunRecord, SwitchRecord},
    lease::Lease,
    report::Event as ReportEvent,
    session::{Session, watched},
};

/// Looks for indices that a late request made again, and the time between two of them: a request that was under way when the
/// stages were stopped arrives within these.
const LOOKS: u32 = 3;
const LOOK_TIME: Duration = Duration::from_millis(300);

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
        drive.context.journal.forget().await
    }

    /// Removes what a rehearsal left that was killed. Gives whether there was one.
    pub(crate) async fn clear_left_over(
        &self,
        journal: &Journal,
        name: &str,
        lease: &Lease,
    ) -> Result<bool, EngineError> {
        let record = journal.read::<ApplicationRecord>(name).await?;
        let Some(id) = record.and_then(|kept| kept.record.run) else {
            // Its indices are gone, or it died before it made any.
            journal.forget().await?;
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
    let names: BTreeSet<&String> = context.plan.targets().map(|target| &target.index).collect();
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
