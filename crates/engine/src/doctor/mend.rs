//! Mend: everything that can be mended, under the lease, so that nobody drives meanwhile.

use lockstep_core::{
    plan::rehearsal::journal_name,
    run::state::{Event, RunState},
};

use super::{
    Leftover, Remedy,
    examine::{Holder, dead_lease, look},
    leftovers,
};
use crate::{
    drive,
    error::EngineError,
    journal::{Journal, LeaseRecord, SwitchRecord},
    lease::Lease,
    session::{Session, finish},
    stage::{Direction, StageContext, clone, fence},
};

pub(super) async fn mend(
    session: &Session,
    application: &str,
) -> Result<Vec<Leftover>, EngineError> {
    let journal = Journal::new(&session.cluster, application);
    let before = journal.read::<LeaseRecord>(application).await?.map(|kept| kept.record);
    let lease =
        Lease::take(&journal, application, session.reporter.as_ref(), &session.stop).await?;
    // A lease that could be taken although nobody had given it back was a dead holder's.
    let dead = before.filter(|lease| !lease.is_free).map(|lease| lease.owner);
    let outcome = async {
        // What was true when it was shown may have changed: an alias, a run. The holder is this one.
        let seen = look(session, application, Holder::Nobody).await?;
        let mut mended: Vec<Leftover> =
            dead.iter().map(|owner| dead_lease(application, owner)).collect();
        for leftover in leftovers(&seen) {
            let Some(remedy) = &leftover.remedy else { continue };
            mend_one(session, &journal, &lease, (application, remedy)).await?;
            mended.push(leftover);
        }
        Ok(mended)
    }
    .await;
    finish(lease, outcome).await
}

/// Under the lease of rehearsals, so that no other one begins meanwhile.
async fn end_rehearsal(session: &Session, application: &str) -> Result<(), EngineError> {
    let name = journal_name(application);
    let journal = Journal::new(&session.cluster, &name);
    let lease = Lease::take(&journal, &name, session.reporter.as_ref(), &session.stop).await?;
    let outcome = Box::pin(session.clear_left_over(&journal, &name, &lease)).await;
    finish(lease, outcome.map(drop)).await
}

/// Makes the live set writable.
async fn lift(
    context: &StageContext,
    is_preparing: bool,
    direction: Direction,
) -> Result<(), EngineError> {
    if is_preparing {
        clone::lift_blocks(context).await
    } else {
        fence::unblock(context, direction).await
    }
}

async fn mend_one(
    session: &Session,
    journal: &Journal,
    lease: &Lease,
    (application, remedy): (&str, &Remedy),
) -> Result<(), EngineError> {
    match remedy {
        Remedy::FreeLease => Ok(()),
        Remedy::CloseRun => {
            let (plan, run) = session.last_run(journal, application).await?;
            drive::close(journal, &plan, &run.record).await
        }
        Remedy::LiftFence => {
            let (plan, run) = session.last_run(journal, application).await?;
            let direction = match run.record.state {
                RunState::ReturnFencing { .. } => Direction::Back,
                _ => Direction::Forward,
            };
            let mut drive = session.drive(journal, &plan, run, lease);
            // First the record: a driver that only slept can't pass the gate any more.
            drive.take_over().await?;
            let is_preparing = drive.run.record.state == RunState::Preparing;
            let context = &drive.context;
            context.do_for_good(|| lift(context, is_preparing, direction)).await?;
            // Whoever goes on with a run that prepares clones what is left to clone.
            if is_preparing {
                return Ok(());
            }
            drive.happened(Event::FenceMissed, SwitchRecord::default()).await
        }
        Remedy::EndRehearsal => end_rehearsal(session, application).await,
        Remedy::DropIndex { index, uuid } => {
            session.cluster.delete_index(index, uuid).await?;
            Ok(())
        }
    }
}
