//! The right to drive an application's runs: one holder at a time, fenced by a number, kept alive by beats.
//!
//! No clock is compared between machines. Who wants a held lease watches it: a beat means its holder lives; none for
//! [`LEASE_TIME`] means that it is dead. On the same machine the process itself is looked for, so that a killed driver
//! is followed at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_elastic::Class;
use tokio::{sync::Mutex, time};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

use crate::{
    error::EngineError,
    journal::{Journal, Kept, LeaseRecord, Write},
    report::{Event, Progress, Reporter, Unit, Waiting},
};

/// A lease without a beat for this long is dead.
pub const LEASE_TIME: Duration = Duration::from_secs(12);
/// How often a holder beats; several beats may be lost within [`LEASE_TIME`].
const BEAT_TIME: Duration = Duration::from_secs(2);
/// How often a held lease is looked at.
pub(crate) const WATCH_TIME: Duration = Duration::from_millis(300);

/// A held lease. It is given back by [`Lease::release`]; dropped without, it dies by itself.
#[derive(Debug)]
pub struct Lease {
    journal: Journal,
    key: String,
    kept: Arc<Mutex<Kept<LeaseRecord>>>,
    number: u64,
    lost: CancellationToken,
    beating: AbortOnDropHandle<()>,
}

impl Lease {
    /// Takes the lease of an application, waiting for a dead holder to be known as dead.
    ///
    /// # Errors
    /// [`EngineError::Driven`] when its holder lives.
    pub async fn take(
        journal: &Journal,
        application: &str,
        reporter: &dyn Reporter,
        stop: &CancellationToken,
    ) -> Result<Self, EngineError> {
        let mut seen: Option<(LeaseRecord, Instant)> = None;
        loop {
            let found = journal.read::<LeaseRecord>(application).await?;
            let next = next_record(found.as_ref().map(|kept| &kept.record));
            let written = match &found {
                None => Some(journal.create(application, next).await?),
                Some(kept) if kept.record.is_free || is_dead_here(&kept.record) => {
                    Some(journal.replace(application, kept, next).await?)
                }
                Some(kept) => match &seen {
                    Some((before, since)) if *before == kept.record => {
                        if since.elapsed() >= LEASE_TIME {
                            Some(journal.replace(application, kept, next).await?)
                        } else {
                            None
                        }
                    }
                    Some(_) => {
                        return Err(EngineError::Driven { owner: kept.record.owner.clone() });
                    }
                    None => {
                        seen = Some((kept.record.clone(), Instant::now()));
                        None
                    }
                },
            };
            match written {
                Some(Write::Kept(kept)) => return Ok(Self::hold(journal, application, kept)),
                Some(Write::Conflict) => seen = None,
                None => {
                    let owner = found.map(|kept| kept.record.owner).unwrap_or_default();
                    reporter.report(Event::Progress(Progress {
                        stage: "lease",
                        unit: Unit::Indices,
                        done: 0,
                        total: 0,
                        bytes: 0,
                        waiting: Some(Waiting::Lease { owner }),
                    }));
                }
            }
            tokio::select! {
                () = time::sleep(WATCH_TIME) => {}
                () = stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
    }

    fn hold(journal: &Journal, application: &str, kept: Kept<LeaseRecord>) -> Self {
        let number = kept.record.number;
        let kept = Arc::new(Mutex::new(kept));
        let lost = CancellationToken::new();
        let beats = beat(journal.clone(), application.to_owned(), Arc::clone(&kept), lost.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the lease owns the task, and its handle ends it on drop"
        )]
        let beating = AbortOnDropHandle::new(tokio::spawn(beats));
        Self { journal: journal.clone(), key: application.to_owned(), kept, number, lost, beating }
    }

    /// The fencing number; later holders have higher ones.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Cancelled when somebody else took the lease.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Gives the lease back, so that the next driver needn't wait.
    pub async fn release(self) -> Result<(), EngineError> {
        let Self { journal, key, kept, number: _, lost: _, beating } = self;
        beating.abort();
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
                    && answered.elapsed() < LEASE_TIME =>
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

fn next_record(found: Option<&LeaseRecord>) -> LeaseRecord {
    LeaseRecord {
        owner: format!("{}/{}", host(), std::process::id()),
        holder: Uuid::now_v7().simple().to_string(),
        process: process_mark(std::process::id()),
        number: found.map_or(0, |record| record.number).saturating_add(1),
        beat: 0,
        is_free: false,
    }
}

/// Whether the holder was a process of this machine that is gone.
pub(crate) fn is_dead_here(record: &LeaseRecord) -> bool {
    let Some(mark) = &record.process else { return false };
    let mut parts = mark.rsplitn(3, ':');
    let (Some(_started), Some(pid), Some(place)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    process_place().as_deref() == Some(place) && process_mark(pid).as_ref() != Some(mark)
}

/// The name of this machine.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// Boot and process namespace: within one, a process id means one process at a time.
fn process_place() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), space.to_string_lossy()))
}

/// `PLACE:PID:START`, which no other process ever has; `None` when the process is gone or the system doesn't tell.
fn process_mark(pid: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may hold anything; the start time is field 22.
    let (_, after) = status.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let is_zombie = fields.next()? == "Z";
    let started = fields.nth(18)?;
    if is_zombie {
        return None;
    }
    Some(format!("{}:{pid}:{started}", process_place()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(process: Option<String>) -> LeaseRecord {
        LeaseRecord {
            owner: "a/1".to_owned(),
            holder: "h".to_owned(),
            process,
            number: 1,
            beat: 0,
            is_free: false,
        }
    }

    #[test]
    fn a_process_of_this_machine_is_known_to_live_or_to_be_gone() {
        let own = process_mark(std::process::id()).unwrap();
        assert!(!is_dead_here(&record(Some(own.clone()))));
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let mark = process_mark(child.id()).unwrap();
        assert!(!is_dead_here(&record(Some(mark.clone()))));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_dead_here(&record(Some(mark))));
        let reused = own.rsplit_once(':').map(|(place, _)| format!("{place}:1")).unwrap();
        assert!(is_dead_here(&record(Some(reused))));
    }

    #[test]
    fn a_process_elsewhere_is_never_taken_for_dead() {
        assert!(!is_dead_here(&record(Some("other-boot/pid:[1]:1:1".to_owned()))));
        assert!(!is_dead_here(&record(None)));
        assert!(!is_dead_here(&record(Some("nonsense".to_owned()))));
    }
}
