//! The tasks that this process holds: claimed, kept in the journal often enough that a killed worker repeats about a second of
//! work, and let go of. All by compare-and-swap, so that of two workers that believe they hold a task only one goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lockstep_core::run::{crew::Holder, task::Task};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    error::EngineError,
    journal::{Journal, Kept, TaskRecord, Write},
};

/// How often progress is written.
const WRITE_TIME: Duration = Duration::from_secs(1);

/// The key of a task's record.
pub(crate) fn task_key(run: &str, ordinal: u32) -> String {
    format!("{run}:{ordinal:07}")
}

/// The tasks that this process holds.
#[derive(Debug)]
pub(super) struct Desk {
    journal: Journal,
    run: String,
    me: Holder,
    held: Mutex<BTreeMap<u32, Held>>,
}

#[derive(Debug)]
struct Held {
    /// As the journal has it.
    kept: Kept<TaskRecord>,
    /// As it is.
    task: Task,
}

impl Desk {
    pub(super) fn new(journal: Journal, run: String, me: Holder) -> Self {
        Self { journal, run, me, held: Mutex::default() }
    }

    /// Takes tasks, in one call; gives those that nobody else took meanwhile.
    pub(super) async fn claim(
        &self,
        tasks: Vec<(Task, Option<Kept<TaskRecord>>)>,
    ) -> Result<Vec<Task>, EngineError> {
        let writes: Vec<_> = tasks
            .into_iter()
            .map(|(task, kept)| (task_key(&self.run, task.ordinal), self.record(task), kept))
            .collect();
        let mut claimed = Vec::new();
        for write in self.journal.write_each(&writes).await? {
            let Write::Kept(kept) = write else { continue };
            let task = kept.record.task.clone();
            claimed.push(task.clone());
            self.lock().insert(task.ordinal, Held { kept, task });
        }
        Ok(claimed)
    }

    fn record(&self, task: Task) -> TaskRecord {
        TaskRecord { task, holder: Some(self.me) }
    }

    /// Takes in how far a task got. `false`: somebody else holds it now, and nothing more is to be done for it here.
    pub(super) fn report(&self, task: &Task) -> bool {
        let mut held = self.lock();
        let Some(held) = held.get_mut(&task.ordinal) else { return false };
        held.task = task.clone();
        true
    }

    /// The tasks that are held, and those that were done and aren't written yet.
    pub(super) fn tasks(&self) -> Vec<Task> {
        self.lock().values().map(|held| held.task.clone()).collect()
    }

    /// Their ordinals.
    pub(super) fn ordinals(&self) -> BTreeSet<u32> {
        self.lock().keys().copied().collect()
    }

    /// Writes what was reported, again and again until it is over. What was reported last is always written.
    ///
    /// # Errors
    /// [`EngineError`] when the journal can't be written.
    pub(super) async fn write_until(&self, over: &CancellationToken) -> Result<(), EngineError> {
        loop {
            tokio::select! {
                () = time::sleep(WRITE_TIME) => self.write().await?,
                () = over.cancelled() => return self.write().await,
            }
        }
    }

    async fn write(&self) -> Result<(), EngineError> {
        let writes: Vec<_> = self
            .lock()
            .iter()
            .filter(|(_, held)| held.task != held.kept.record.task)
            .map(|(ordinal, held)| {
                let key = task_key(&self.run, *ordinal);
                (key, self.record(held.task.clone()), Some(held.kept.clone()))
            })
            .collect();
        if writes.is_empty() {
            return Ok(());
        }
        let written = self.journal.write_each(&writes).await?;
        let mut held = self.lock();
        for ((_, record, _), write) in writes.iter().zip(written) {
            let ordinal = record.task.ordinal;
            match write {
                // What is done needs no holder any more.
                Write::Kept(kept) if kept.record.task.next().is_none() => {
                    held.remove(&ordinal);
                }
                Write::Kept(kept) => {
                    if let Some(held) = held.get_mut(&ordinal) {
                        held.kept = kept;
                    }
                }
                Write::Conflict => {
                    tracing::info!(ordinal, "another worker took this task over; it is dropped");
                    held.remove(&ordinal);
                }
            }
        }
        Ok(())
    }

    /// Lets go of everything that isn't done, so that others needn't wait until this process is known to be dead.
    pub(super) async fn release(&self) -> Result<(), EngineError> {
        let held = std::mem::take(&mut *self.lock());
        let writes: Vec<_> = held
            .into_values()
            .map(|Held { kept, task }| {
                let holder = Some(self.me).filter(|_| task.next().is_none());
                let key = task_key(&self.run, task.ordinal);
                (key, TaskRecord { task, holder }, Some(kept))
            })
            .collect();
        self.journal.write_each(&writes).await?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Held>> {
        // Whoever panicked left whole entries behind.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
