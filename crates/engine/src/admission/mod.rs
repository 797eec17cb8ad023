//! An application waits for its start: until its data is live, or for ever refused. What may start is decided by
//! [`lockstep_core::run::admission`]; here it is looked, waited, ordered, and driven where nobody else drives.
//!
//! Most starts are those of a version whose data is live: they cost two requests, and nothing is read but one record.

mod help;

mod look;

mod tell;

use std::time::{Duration, Instant};

use lockstep_core::{
    pack::model::Pack,
    run::{
        admission::{Awaited, Refusal},
        state::RunState,
    },
    version::Version,
};
use lockstep_elastic::{Class, Cluster};
use tokio::time;
use tokio_util::sync::CancellationToken;

use self::help::Own;
use self::tell::Told;
pub use self::tell::{News, Waiting};
use crate::{
    error::{EngineError, ErrorClass},
    journal::Journal,
    lease::LeaseWatch,
    session::Session,
};

/// Time between two looks at a run that may be over at any moment.
const LOOK_TIME_SHORT: Duration = Duration::from_millis(300);
/// Time between two looks at a run that takes a while, and at first between two attempts to reach a cluster.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// The longest pause between two attempts to reach a cluster; it begins with [`LOOK_TIME`] and doubles.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What an application asks for.
#[derive(Debug, Clone)]
pub struct AdmissionWish {
    /// The application.
    pub application: String,
    /// The version that wants to start.
    pub version: Version,
    /// The version that is live, as the operator says. It counts only where the journal doesn't know it.
    pub live: Option<Version>,
    /// Whether it may be the first one that ever starts.
    pub is_first_start: bool,
    /// Whether the upgrade is begun, and driven from its beginning to its end, where nobody else does.
    pub is_auto: bool,
    /// How long is waited at the most.
    pub wait_max: Option<Duration>,
}

/// Where the application's pack comes from. It is read only when it is needed, which most starts don't.
pub type PackSource<'a> = Option<&'a (dyn Fn() -> Result<Pack, EngineError> + Send + Sync)>;

/// An application that may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The version whose data is live, which is the application's own but for a minor difference.
    pub live: Version,
}

impl Session {
    /// Waits until an application may start. `looking` is the same cluster with bounds for somebody who asks again and again.
    ///
    /// # Errors
    /// [`EngineError::NotAdmitted`] when waiting is of no use, [`EngineError::WaitedTooLong`], [`EngineError::Interrupted`], or
    /// what the cluster says where that doesn't pass.
    pub async fn admit(
        &self,
        looking: &Cluster,
        pack: PackSource<'_>,
        wish: &AdmissionWish,
        tell: &(dyn Fn(&News) + Send + Sync),
    ) -> Result<Admitted, EngineError> {
        let applicant = Applicant {
            session: self,
            looking,
            journal: Journal::new(looking, &wish.application),
            source: pack,
            wish,
            tell,
            deadline: wish.wait_max.map(|time| Instant::now() + time),
            pack: None,
            cluster_uuid: None,
            run: None,
            released: None,
            lease: LeaseWatch::default(),
            told: None,
        };
        Box::pin(applicant.wait()).await
    }
}

struct Applicant<'a> {
    session: &'a Session,
    looking: &'a Cluster,
    journal: Journal,
    source: PackSource<'a>,
    wish: &'a AdmissionWish,
    tell: &'a (dyn Fn(&News) + Send + Sync),
    deadline: Option<Instant>,
    pack: Option<Pack>,
    cluster_uuid: Option<String>,
    /// The run that was looked at last, by its id.
    run: Option<(String, Seen)>,
    /// The run that was told to hold no more.
    released: Option<String>,
    lease: LeaseWatch,
    told: Option<Told>,
}

/// What is needed of a run's plan.
#[derive(Debug, Clone)]
struct Seen {
    from: Version,
    to: Version,
    pack_digest: String,
}

/// What a look came to.
enum Look {
    Admitted(Admitted),
    Awaits { awaited: Awaited, run: String, state: RunState },
    Begin,
    Again,
}

/// What comes after a look.
enum Turn {
    Admitted(Admitted),
    /// Another look, after this time.
    LookIn(Duration),
}

impl Applicant<'_> {
    async fn wait(mut self) -> Result<Admitted, EngineError> {
        let mut pause = LOOK_TIME;
        loop {
            let rest = match self.turn().await {
                Ok(Turn::Admitted(admitted)) => return Ok(admitted),
                Ok(Turn::LookIn(time)) => {
                    pause = LOOK_TIME;
                    time
                }
                Err(error) => {
                    self.bear(error)?;
                    pause = (pause * 2).min(PAUSE_MAX);
                    pause / 2
                }
            };
            let (stop, deadline) = (self.session.stop.clone(), self.deadline);
            let resting = async {
                time::sleep(rest).await;
                Ok(())
            };
            if let Err(error) = unless_stopped(&stop, deadline, resting).await {
                self.bear(error)?;
            }
        }
    }

    /// One look, and what it asks for.
    async fn turn(&mut self) -> Result<Turn, EngineError> {
        let (stop, deadline) = (self.session.stop.clone(), self.deadline);
        match unless_stopped(&stop, deadline, Box::pin(self.look())).await? {
            Look::Admitted(admitted) => Ok(Turn::Admitted(admitted)),
            Look::Again => Ok(Turn::LookIn(LOOK_TIME_SHORT)),
            Look::Begin => {
                self.begin().await?;
                Ok(Turn::LookIn(Duration::ZERO))
            }
            Look::Awaits { awaited, run, state } => {
                let own = self.help(&awaited, &run, &state).await?;
                if matches!(own, Own::Drove) {
                    return Ok(Turn::LookIn(Duration::ZERO));
                }
                let telling = Box::pin(self.tell_waiting(&awaited, &state, own));
                unless_stopped(&stop, deadline, telling).await?;
                Ok(Turn::LookIn(match awaited {
                    Awaited::Switch | Awaited::Return => LOOK_TIME_SHORT,
                    Awaited::Run | Awaited::GivingUp | Awaited::Operator { .. } => LOOK_TIME,
                }))
            }
        }
    }

    /// What passes by itself, or is somebody else's to do, is told and waited for.
    fn bear(&mut self, error: EngineError) -> Result<(), EngineError> {
        match error {
            EngineError::Interrupted if self.session.stop.is_cancelled() => Err(error),
            EngineError::Interrupted => Err(EngineError::WaitedTooLong {
                seconds: self.wish.wait_max.unwrap_or_default().as_secs(),
                reason: self.last_words(),
            }),
            EngineError::LeaseLost | EngineError::Driven { .. } | EngineError::Halted(_) => {
                self.tell_setback(&error);
                Ok(())
            }
            EngineError::Cluster(ref failure)
                if error.class() == ErrorClass::Unreachable
                    || matches!(failure.class(), Class::Retry | Class::BackOff) =>
            {
                self.tell_unreachable(&error);
                Ok(())
            }
            error => Err(error),
        }
    }

    /// The pack, where there is one.
    fn pack(&mut self) -> Result<Option<&Pack>, EngineError> {
        if let (None, Some(source)) = (&self.pack, self.source) {
            let (pack, application) = (source()?, &self.wish.application);
            if pack.name != *application {
                let (application, pack) = (application.clone(), pack.name);
                return Err(Refusal::OtherPack { application, pack }.into());
            }
            self.pack = Some(pack);
        }
        Ok(self.pack.as_ref())
    }
}

/// Does something unless somebody asks to stop, or the time is over: both are [`EngineError::Interrupted`].
async fn unless_stopped<T>(
    stop: &CancellationToken,
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::select! {
        outcome = work => outcome,
        () = stop.cancelled() => Err(EngineError::Interrupted),
        () = past(deadline) => Err(EngineError::Interrupted),
    }
}

/// Returns when a time has come.
async fn past(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
