//! The right to drive an application's runs: one holder at a time, fenced by a number, kept alive by beats. A place among the
//! [workers](crate::crew) is held in the same way.
//!
//! No clock is compared between machines. Who wants a held lease watches it: a beat means its holder lives; none for
//! [`SILENCE_MAX`] means that it is dead. On the same machine the process itself is looked for, so that a killed driver
//! is followed at once. A worker that holds the lease gives it to whoever [asks](crate::request).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_core::run::crew::SILENCE_MAX;
use lockstep_elastic::Class;
use tokio::{sync::Mutex, time};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

use crate::{
    error::EngineError,
    journal::{Journal, Kept, LeaseRecord, Write},
    process,
    report::{Event, Progress, Reporter, Unit, Waiting},
    request::Request,
};

/// How often a holder beats; several beats may be lost within [`SILENCE_MAX`].
const BEAT_TIME: Duration = Duration::from_secs(2);
/// How often a held lease is looked at.
pub(crate) const WATCH_TIME: Duration = Duration::from_millis(300);
/// How long a worker may take to give the lease to whoever asks. It stops what it does as if it was interrupted.
const GIVE_TIME_MAX: Duration = Duration::from_mins(1);

/// A held lease. It is given back by [`Lease::release`]; dropped without, it dies by itself.
#[derive(Debug)]
pub struct Lease {
    journal: Journal,
    key: String,
    kept: Arc<Mutex<Kept<LeaseRecord>>>,
    number: u64,
    quiet_at: Option<Instant>,
    lost: CancellationToken,
    beating: AbortOnDropHandle<()>,
}

/// How a holder takes a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Until it is done.
    Keep,
    /// Until somebody asks for it.
    GiveWay,
}

/// What came of reaching for a lease.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It is held by this process now.
    Taken(Lease),
    /// Somebody else has it.
    Held {
        /// Who.
        owner: String,
        /// Whether its holder was seen to beat since the look before.
        is_alive: bool,
        /// Whether its holder gives it to whoever asks.
        gives_way: bool,
    },
}

/// What was seen of the lease of an application.
#[derive(Debug, Default)]
pub(crate) struct LeaseWatch {
    seen: Option<(LeaseRecord, Instant)>,
}

impl LeaseWatch {
    /// Takes the lease if nobody has it, or its holder is known to be dead.
    pub(crate) async fn reach(
        &mut self,
        journal: &Journal,
        application: &str,
        manner: Manner,
    ) -> Result<Attempt, EngineError> {
        loop {
            let mut quiet_in = Duration::ZERO;
            let found = journal.read::<LeaseRecord>(application).await?;
            if let Some(kept) = found.as_ref().filter(|kept| !kept.record.is_free) {
                let record = &kept.record;
                let silence = self.silence(record);
                quiet_in = SILENCE_MAX.saturating_sub(silence.unwrap_or_default());
                let is_dead = silence.is_some_and(|silence| silence >= SILENCE_MAX)
                    || process::is_gone(record.process.as_deref());
                if !is_dead {
                    return Ok(Attempt::Held {
                        owner: record.owner.clone(),
                        is_alive: silence.is_none(),
                        gives_way: record.gives_way,
                    });
                }
            }
            self.seen = None;
            let seized = Lease::seize(journal, application, found.as_ref(), manner).await?;
            if let Some(mut lease) = seized {
                let is_over = quiet_in.is_zero();
                lease.quiet_at = (!is_over).then(|| Instant::now() + quiet_in);
                return Ok(Attempt::Taken(lease));
            }
        }
    }

    /// How long the same record was seen already; `None` when it changed since the last look.
    fn silence(&mut self, record: &LeaseRecord) -> Option<Duration> {
        match &mut self.seen {
            Some((before, since)) if before == record => Some(since.elapsed()),
            seen => {
                let is_first = seen.is_none();
                *seen = Some((record.clone(), Instant::now()));
                is_first.then_some(Duration::ZERO)
            }
        }
    }
}

impl Lease {
    /// Takes the lease of an application, waiting for a dead holder to be known as dead, and for a worker to give it.
    ///
    /// # Errors
    /// [`EngineError::Driven`] when its holder lives.
    pub async fn take(
        journal: &Journal,
        application: &str,
        reporter: &dyn Reporter,
        stop: &CancellationToken,
    ) -> Result<Self, EngineError> {
        let mut watch = LeaseWatch::default();
        let mut request = Request::new(journal, application);
        let outcome = loop {
            match watch.reach(journal, application, Manner::Keep).await {
                Ok(Attempt::Taken(lease)) => break Ok(lease),
                Ok(Attempt::Held { owner, is_alive, gives_way }) => {
                    let is_refused =
                        if gives_way { request.age() > GIVE_TIME_MAX } else { is_alive };
                    if is_refused {
                        break Err(EngineError::Driven { owner });
                    }
                    if gives_way {
                        request.repeat().await?;
                    }
                    reporter.report(Event::Progress(Progress {
                        stage: "lease",
                        unit: Unit::Indices,
                        done: 0,
                        total: 0,
                        bytes: 0,
                        waiting: Some(Waiting::Lease { owner }),
                    }));
                }
                Err(error) => break Err(error),
            }
            tokio::select! {
                () = time::sleep(WATCH_TIME) => {}
                () = stop.cancelled() => break Err(EngineError::Interrupted),
            }
        };
        request.end().await;
        outcome
    }

    /// Writes a new holder over what was found of a lease; `None` when somebody else was faster.
    pub(crate) async fn seize(
        journal: &Journal,
        key: &str,
        found: Option<&Kept<LeaseRecord>>,
        manner: Manner,
    ) -> Result<Option<Self>, EngineError> {
        let next = next_record(found.map(|kept| &kept.record), manner);
        let written = match found {
            None => journal.create(key, next).await?,
            Some(kept) => journal.replace(key, kept, next).await?,
        };
        match written {
            Write::Kept(kept) => Ok(Some(Self::hold(journal, key, kept))),
            Write::Conflict => Ok(None),
        }
    }

    fn hold(journal: &Journal, key: &str, kept: Kept<LeaseRecord>) -> Self {
        let number = kept.record.number;
        let kept = Arc::new(Mutex::new(kept));
        let lost = CancellationToken::new();
        let beats = beat(journal.clone(), key.to_owned(), Arc::clone(&kept), lost.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the lease owns the task, and its handle ends it on drop"
        )]
        let beating = AbortOnDropHandle::new(tokio::spawn(beats));
        let (journal, key) = (journal.clone(), key.to_owned());
        Self { journal, key, kept, number, quiet_at: None, lost, beating }
    }

    /// The fencing number; later holders have higher ones.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Until when the last requests of the holder before may still be under way, if it died and was followed at once. None when
    /// it gave the lease back, or was silent for [`SILENCE_MAX`].
    pub(crate) fn quiet_at(&self) -> Option<Instant> {
        self.quiet_at
    }

    /// Cancelled when somebody else took the lease.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Beats now, which tells for certain that nobody else has the lease at this moment: for a holder that may have slept.
    ///
    /// # Errors
    /// [`EngineError::LeaseLost`] when somebody else took it.
    pub(crate) async fn confirm(&self) -> Result<(), EngineError> {
        let mut kept = self.kept.lock().await;
        let mut record = kept.record.clone();
        record.beat = record.beat.saturating_add(1);
        match self.journal.replace(&self.key, &kept, record).await? {
            Write::Kept(renewed) => *kept = renewed,
            Write::Conflict => {
                self.lost.cancel();
                return Err(EngineError::LeaseLost);
            }
        }
        Ok(())
    }

    /// Gives the lease back, so that the next driver needn't wait. While requests of a dead holder before may still be under way it
    /// is left to die instead: the next driver has to know of them.
    pub async fn release(self) -> Result<(), EngineError> {
        let Self { journal, key, kept, number: _, quiet_at, lost: _, beating } = self;
        beating.abort();
        if quiet_at.is_some_and(|at| at > Instant::now()) {
            return Ok(());
        }
        let kept = kept.lock().await;
        let mut record = kept.record.clone();
        record.is_free = true;
        match journal.replace(&key, &kept, record).await? {
            Write::Kept(_) => Ok(()),
            Write::Conflict => Err(EngineError::LeaseLost),
        }
    }
}

async fn beat(
    journal: Journal,
    key: String,
    kept: Arc<Mutex<Kept<LeaseRecord>>>,
    lost: CancellationToken,
) {
    let mut answered = Instant::now();
    loop {
        time::sleep(BEAT_TIME).await;
        let mut kept = kept.lock().await;
        let mut record = kept.record.clone();
        record.beat = record.beat.saturating_add(1);
        match journal.replace(&key, &kept, record).await {
            Ok(Write::Kept(renewed)) => {
                *kept = renewed;
                answered = Instant::now();
            }
            Ok(Write::Conflict) => {
                lost.cancel();
                return;
            }
            Err(EngineError::Cluster(failure))
                if matches!(failure.class(), Class::Retry | Class::BackOff)
                    && answered.elapsed() < SILENCE_MAX =>
            {
                tracing::warn!(%failure, "the lease could not be renewed yet");
            }
            Err(error) => {
                tracing::error!(%error, "the lease could not be renewed");
                lost.cancel();
                return;
            }
        }
    }
}

fn next_record(found: Option<&LeaseRecord>, manner: Manner) -> LeaseRecord {
    LeaseRecord {
        owner: process::own_name(),
        holder: Uuid::now_v7().simple().to_string(),
        process: process::own_mark(),
        number: found.map_or(0, |record| record.number).saturating_add(1),
        beat: 0,
        is_free: false,
        gives_way: manner == Manner::GiveWay,
    }
}
