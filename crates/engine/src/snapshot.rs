//! A snapshot of the live set before an upgrade: begun, waited for, and looked at shard by shard. Whatever goes wrong stops the
//! upgrade before anything was changed.

use std::time::{Duration, Instant};

use lockstep_core::plan::model::Plan;
use lockstep_elastic::{Failure, FailureKind, Snapshot, SnapshotState};
use tokio::time;

use crate::{
    error::EngineError,
    journal::{Journal, SnapshotRecord, SnapshotReference},
    report::{Event, Progress, Unit},
    session::Session,
};

/// Time between two looks.
const LOOK_TIME: Duration = Duration::from_millis(500);
/// How long it may take: a snapshot of terabytes that is the first of its repository takes hours.
const WAIT_MAX: Duration = Duration::from_hours(24);

/// Takes a snapshot of all indices that the plan reads, under a name with the run's id, and journals it.
///
/// # Errors
/// [`EngineError::Snapshot`] when it isn't whole, [`EngineError::Interrupted`] when somebody asks to stop: the cluster goes on
/// with it then, and nobody waits.
pub(crate) async fn take(
    session: &Session,
    journal: &Journal,
    (plan, run): (&Plan, &str),
    repository: &str,
) -> Result<(), EngineError> {
    let indices: Vec<&String> = plan.sources().map(|source| &source.index).collect();
    let name = format!("lockstep-{}-{}-{run}", plan.application, plan.from).to_lowercase();
    let reference = SnapshotReference { repository: repository.to_owned(), name: name.clone() };
    let record = |is_whole| SnapshotRecord {
        snapshot: reference.clone(),
        is_whole,
        at: jiff::Timestamp::now().to_string(),
    };
    journal.overwrite(run, record(false)).await?;
    let begun = session.cluster.begin_snapshot((repository, &name), &indices).await;
    match begun {
        Ok(()) => {}
        // The look below tells whether it was begun.
        Err(failure) if failure.outcome_unknown() => {}
        Err(failure) => return Err(refused(repository, failure)),
    }
    let since = Instant::now();
    loop {
        let found = session.cluster.snapshot(repository, &name).await;
        let found = found.map_err(|failure| refused(repository, failure))?;
        let Some(snapshot) = found else {
            return Err(failed(repository, "it was not begun".to_owned()));
        };
        tell(session, &snapshot);
        match snapshot.state {
            SnapshotState::Whole => break,
            SnapshotState::Failed => {
                let reason = snapshot.reason.unwrap_or_else(|| "no reason given".to_owned());
                let (done, total) = (snapshot.shards_done, snapshot.shards_total);
                return Err(failed(repository, format!("{done} of {total} shards: {reason}")));
            }
            SnapshotState::UnderWay if since.elapsed() > WAIT_MAX => {
                return Err(failed(repository, format!("it was not over after {WAIT_MAX:?}")));
            }
            SnapshotState::UnderWay => {}
        }
        tokio::select! {
            () = time::sleep(LOOK_TIME) => {}
            () = session.stop.cancelled() => return Err(EngineError::Interrupted),
        }
    }
    journal.overwrite(run, record(true)).await
}

fn tell(session: &Session, snapshot: &Snapshot) {
    session.reporter.report(Event::Progress(Progress {
        stage: "snapshot",
        unit: Unit::Shards,
        done: snapshot.shards_done,
        total: snapshot.shards_total,
        bytes: 0,
        waiting: None,
    }));
}

/// What the cluster refuses is the repository's; that it can't be reached is not.
fn refused(repository: &str, failure: Failure) -> EngineError {
    match failure.kind() {
        FailureKind::Refused => failed(repository, failure.to_string()),
        _ => failure.into(),
    }
}

fn failed(repository: &str, reason: String) -> EngineError {
    EngineError::Snapshot { repository: repository.to_owned(), reason }
}
