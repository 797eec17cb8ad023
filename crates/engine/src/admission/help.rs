//! What an application does for the run that it waits for: it orders the switch once the run is ready, and drives where nobody
//! else does. Who has the lease is the one that drives; all others wait.

use std::sync::Arc;

use lockstep_core::{
    plan::{model::Limits, tenants::TenantChoice},
    run::{admission::Awaited, state::RunState},
};

use super::{Applicant, News, past, unless_stopped};
use crate::{
    error::EngineError,
    journal::{ApplicationRecord, Journal},
    lease::{Attempt, Lease, Manner},
    pace,
    session::{Session, Wish, finish, release_names, watched},
};

/// Whether this process drives.
pub(super) enum Own {
    /// It did, and it has to be looked again.
    Drove,
    /// Somebody else does.
    Watches,
    /// It can't, or nobody asks it to.
    Hindered(&'static str),
}

impl Applicant<'_> {
    /// Orders the switch where the run is ready for it, and drives where that is for this process to do.
    pub(super) async fn help(
        &mut self,
        awaited: &Awaited,
        run: &str,
        state: &RunState,
    ) -> Result<Own, EngineError> {
        match awaited {
            Awaited::Switch => {
                self.release(run).await?;
                self.drive(run, state).await
            }
            // A return that is asked for and not begun yet is somebody else's to begin.
            Awaited::Return if !state.is_return() => Ok(Own::Watches),
            Awaited::Return => self.drive(run, state).await,
            Awaited::Run if self.wish.is_auto => self.drive(run, state).await,
            Awaited::Run => Ok(Own::Hindered("it only makes the switch unless it has --auto")),
            Awaited::GivingUp | Awaited::Operator { .. } => {
                Ok(Own::Hindered("that is left to operators"))
            }
        }
    }

    /// Lets the run hold no more. Whoever drives it obeys within a second.
    async fn release(&mut self, run: &str) -> Result<(), EngineError> {
        if self.released.as_deref() == Some(run) {
            return Ok(());
        }
        let ordering = pace::give_orders(&self.journal, run, |orders| orders.is_held = false);
        unless_stopped(&self.session.stop, self.deadline, ordering).await?;
        self.released = Some(run.to_owned());
        Ok(())
    }

    /// Drives the run if nobody else does.
    async fn drive(&mut self, run: &str, state: &RunState) -> Result<Own, EngineError> {
        let Some(seen) =
            self.run.as_ref().filter(|(id, _)| id == run).map(|(_, seen)| seen.clone())
        else {
            return Err(EngineError::Bug("a run is driven that was not looked at".to_owned()));
        };
        let Some(pack) = self.pack()? else {
            return Ok(Own::Hindered("it has no pack"));
        };
        if pack.digest != seen.pack_digest {
            return Ok(Own::Hindered("its pack is not the one that the run was planned with"));
        }
        let journal = Journal::new(&self.session.cluster, &self.wish.application);
        let (stop, deadline) = (self.session.stop.clone(), self.deadline);
        let reaching = self.lease.reach(&journal, &self.wish.application, Manner::Keep);
        match unless_stopped(&stop, deadline, reaching).await? {
            Attempt::Held { .. } => Ok(Own::Watches),
            Attempt::Taken(lease) => {
                self.tell(&News::Driving { state: state.name(), from: seen.from, to: seen.to });
                let outcome = self.drive_leased(&journal, &lease).await;
                finish(lease, outcome).await?;
                Ok(Own::Drove)
            }
        }
    }

    async fn drive_leased(&self, journal: &Journal, lease: &Lease) -> Result<(), EngineError> {
        let stop = self.session.stop.child_token();
        let session = Session { stop, ..self.session.clone() };
        let driving = Box::pin(async {
            // It may have moved since it was looked at.
            let application = &self.wish.application;
            let record = journal.read::<ApplicationRecord>(application).await?;
            let Some((record, pack)) = record.zip(self.pack.as_ref()) else { return Ok(()) };
            let Some((plan, run)) = session.open_run(journal, &record).await? else {
                return Ok(());
            };
            let state = &run.record.state;
            let is_mine = is_for_applications(state) || (self.wish.is_auto && is_built(state));
            if !is_mine || plan.pack_digest != pack.digest {
                return Ok(());
            }
            let release = if state.is_return() { &plan.to } else { &plan.from };
            let names = Arc::new(release_names(pack, &plan, release)?);
            let mut drive = session.drive(journal, &plan, run, lease);
            drive.context.live_names = Some(names);
            watched(&session.stop, lease, &mut drive).await.map(drop)
        });
        self.in_time(&session, driving).await
    }

    /// The whole upgrade, if nobody else begins it at the same time.
    pub(super) async fn begin(&mut self) -> Result<(), EngineError> {
        let wish = Wish {
            to: self.wish.version.clone(),
            from: self.wish.live.clone(),
            tenants: TenantChoice::All,
            limits: Limits::default(),
            is_held: false,
            documents_per_second_max: None,
            snapshot: None,
        };
        self.tell(&News::Beginning { to: wish.to.clone() });
        let stop = self.session.stop.child_token();
        let session = Session { stop, ..self.session.clone() };
        let Some(pack) = self.pack()?.cloned() else {
            return Err(EngineError::Bug("an upgrade begins without a pack".to_owned()));
        };
        let upgrading = Box::pin(async { session.upgrade(&pack, &wish).await.map(drop) });
        self.in_time(&session, upgrading).await
    }

    /// Ends what a session does at a clean place once the time is over.
    async fn in_time(
        &self,
        session: &Session,
        mut work: impl Future<Output = Result<(), EngineError>> + Unpin,
    ) -> Result<(), EngineError> {
        tokio::select! {
            outcome = &mut work => return outcome,
            () = past(self.deadline) => session.stop.cancel(),
        }
        work.await
    }
}

/// Whether the switch, or the way back, is all that is left of a run.
fn is_for_applications(state: &RunState) -> bool {
    match state {
        RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Switching { .. }
        | RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. } => true,
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Rehearsing { .. }
        | RunState::Switched
        | RunState::Returned
        | RunState::Staying
        | RunState::Finalized
        | RunState::Halted { .. }
        | RunState::Aborting
        | RunState::Aborted => false,
    }
}

/// Whether the new set is being built.
fn is_built(state: &RunState) -> bool {
    match state {
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. } => true,
        RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Switching { .. }
        | RunState::Rehearsing { .. }
        | RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. }
        | RunState::Switched
        | RunState::Returned
        | RunState::Staying
        | RunState::Finalized
        | RunState::Halted { .. }
        | RunState::Aborting
        | RunState::Aborted => false,
    }
}
