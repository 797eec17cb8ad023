//! Keeps how far tasks got in the journal: often enough that a killed run repeats seconds of work, and in few calls.

use std::{collections::BTreeMap, time::Duration};

use lockstep_core::run::task::Task;
use tokio::{sync::mpsc, time};

use crate::{
    error::EngineError,
    journal::{Journal, Kept, TaskRecord},
};

/// How often progress is written.
const WRITE_TIME: Duration = Duration::from_secs(1);
/// Tasks that wait to be written at the most; workers wait when there are more.
pub(super) const TASKS_WAITING_MAX: usize = 1_024;

/// The journal's view of a run's tasks.
#[derive(Debug)]
pub(super) struct Checkpoints {
    journal: Journal,
    run: String,
    kept: BTreeMap<u32, Kept<TaskRecord>>,
}

/// The key of a task's record.
pub(crate) fn task_key(run: &str, ordinal: u32) -> String {
    format!("{run}:{ordinal:07}")
}

impl Checkpoints {
    pub(super) fn new(
        journal: Journal,
        run: String,
        kept: BTreeMap<u32, Kept<TaskRecord>>,
    ) -> Self {
        Self { journal, run, kept }
    }

    /// Writes what workers report until all of them are gone. What was reported last is always written.
    ///
    /// # Errors
    /// [`EngineError::LeaseLost`] when somebody else writes the same tasks.
    pub(super) async fn write_all(
        mut self,
        mut reported: mpsc::Receiver<Task>,
    ) -> Result<(), EngineError> {
        let mut waiting: BTreeMap<u32, Task> = BTreeMap::new();
        loop {
            let deadline = time::Instant::now() + WRITE_TIME;
            let is_over = loop {
                match time::timeout_at(deadline, reported.recv()).await {
                    Ok(Some(task)) => {
                        waiting.insert(task.ordinal, task);
                        if waiting.len() >= TASKS_WAITING_MAX {
                            break false;
                        }
                    }
                    Ok(None) => break true,
                    Err(_elapsed) => break false,
                }
            };
            self.write(std::mem::take(&mut waiting)).await?;
            if is_over {
                return Ok(());
            }
        }
    }

    async fn write(&mut self, tasks: BTreeMap<u32, Task>) -> Result<(), EngineError> {
        if tasks.is_empty() {
            return Ok(());
        }
        let ordinals: Vec<u32> = tasks.keys().copied().collect();
        let writes = tasks
            .into_iter()
            .map(|(ordinal, task)| {
                (
                    task_key(&self.run, ordinal),
                    TaskRecord { task },
                    self.kept.get(&ordinal).cloned(),
                )
            })
            .collect();
        let written = self.journal.write_many(writes).await?;
        for (ordinal, (_key, kept)) in ordinals.into_iter().zip(written) {
            self.kept.insert(ordinal, kept);
        }
        Ok(())
    }
}
