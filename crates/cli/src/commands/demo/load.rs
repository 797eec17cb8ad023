//! The demo's application at work: it begins before the upgrade, goes on beside it, and ends a while after the switch. What
//! came of it is what an independent reader finds.

use std::time::Duration;

use lockstep_demo::{
    CheckOptions, DemoError, Ledger, Release, Traffic, TrafficOptions, check, check_traffic,
};
use lockstep_engine::EngineError;
use tokio::time::{sleep, timeout};

use super::Context;
use crate::{error::CommandError, render::report::Checked};

/// Time in which the application gets going before the upgrade begins.
const WARM_UP: Duration = Duration::from_millis(300);
/// Time for which it goes on after the switch: enough for each tenant to be written to in the form of the new release.
const AFTER_SWITCH: Duration = Duration::from_secs(1);
/// The longest wait for the writers of a demo that failed: nobody asks what they did, they only should be gone.
const GIVE_UP_WAIT: Duration = Duration::from_secs(5);
/// Documents that are named when they are not as they must be.
const EXAMPLES: usize = 10;

/// The application beside the upgrade.
#[derive(Debug)]
pub(super) enum Load {
    /// It does nothing.
    None,
    /// It inserts, updates and deletes.
    Live(Box<Traffic>),
}

impl Load {
    /// Starts the application on what was seeded, and gives it a moment to get going.
    pub(super) async fn start(
        context: &Context,
        url: &str,
        options: TrafficOptions,
    ) -> Result<Self, CommandError> {
        if options.operations_per_second == 0 {
            return Ok(Self::None);
        }
        let traffic = unless_stopped(context, Traffic::start(url, options)).await?;
        let load = Self::Live(Box::new(traffic));
        match load.go_on(context, WARM_UP).await {
            Ok(()) => Ok(load),
            Err(error) => Err(load.give_up(context, error).await),
        }
    }

    /// Goes on after the switch, ends the application, and lets an independent reader look at what is there. With nobody
    /// writing he compares both sets; otherwise the live set with everything that was acknowledged.
    pub(super) async fn finish(
        self,
        context: &Context,
        url: &str,
        live: Release,
    ) -> Result<Checked, CommandError> {
        let went_on = self.go_on(context, AFTER_SWITCH).await;
        if let Err(error) = went_on {
            return Err(self.give_up(context, error).await);
        }
        let Self::Live(traffic) = self else {
            let still = unless_stopped(context, check(url, &CheckOptions::default())).await?;
            return Ok(Checked::Still(still));
        };
        // Stopped by a signal, the writers are dropped, which ends them.
        let ledger: Ledger = unless_stopped(context, traffic.stop()).await?;
        let check = check_traffic(url, &ledger, live, EXAMPLES);
        let report = unless_stopped(context, check).await?;
        Ok(Checked::Live { report, counts: ledger.counts() })
    }

    /// Ends the application of a demo that failed, and gives back why it did.
    pub(super) async fn give_up(self, context: &Context, error: CommandError) -> CommandError {
        let Self::Live(traffic) = self else { return error };
        // Past the wait the writers are dropped, which ends them. What they wrote doesn't matter any more.
        if let Ok(Err(traffic_error)) = timeout(GIVE_UP_WAIT, traffic.stop()).await {
            context.ui.note(&format!("the application failed as well: {traffic_error}"));
        }
        error
    }

    /// Lets the application work on the new set before it goes back.
    pub(super) async fn go_on_after_switch(&self, context: &Context) -> Result<(), CommandError> {
        self.go_on(context, AFTER_SWITCH).await
    }

    /// Lets the application work for a while.
    async fn go_on(&self, context: &Context, time: Duration) -> Result<(), CommandError> {
        match self {
            Self::None => Ok(()),
            Self::Live(_) => {
                let pause = async {
                    sleep(time).await;
                    Ok(())
                };
                unless_stopped(context, pause).await
            }
        }
    }
}

/// Does something of the demo's own, unless a signal stops it.
pub(super) async fn unless_stopped<T>(
    context: &Context,
    work: impl Future<Output = Result<T, DemoError>>,
) -> Result<T, CommandError> {
    tokio::select! {
        outcome = Box::pin(work) => Ok(outcome?),
        () = context.stop.cancelled() => Err(EngineError::Interrupted.into()),
    }
}
