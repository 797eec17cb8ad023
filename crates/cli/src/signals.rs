//! Ctrl-C and SIGTERM: the first one stops cleanly, the second one ends at once.

use std::io;

use lockstep_engine::EngineError;

use crate::{commands::Context, error::CommandError, exit::Exit};

/// A signal that asks to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopSignal {
    /// Ctrl-C.
    Interrupt,
    /// What a container's end begins with.
    Terminate,
}

impl StopSignal {
    /// The system's name of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// Runs a command while listening to signals.
pub(crate) async fn watched(
    command: impl Future<Output = Result<Exit, CommandError>>,
    context: &Context,
) -> Result<Exit, CommandError> {
    let mut signals = Signals::new()
        .map_err(|source| CommandError::Terminal { what: "listen to signals", source })?;
    let mut command = Box::pin(command);
    loop {
        tokio::select! {
            outcome = &mut command => return outcome,
            signal = signals.next() => {
                // Only the first one counts.
                context.stop_signal.get_or_init(|| signal);
                if context.stop.is_cancelled() {
                    return Err(EngineError::Interrupted.into());
                }
                context.stop.cancel();
                context.ui.note("stopping cleanly; a second Ctrl-C ends at once");
            }
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.terminate.recv() => StopSignal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> StopSignal {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nobody can signal then; the command ends by itself.
            std::future::pending::<()>().await;
        }
        StopSignal::Interrupt
    }
}
