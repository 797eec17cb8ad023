//! Share: this process works off tasks of a round together with every other worker, wherever that runs. It claims a few tasks
//! at a time, copies as many windows at once as the plan allows, and takes up what workers that died had begun.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_core::run::{
    crew::{Holder, Standing, choose, standing, tasks_wanted},
    state::RunState,
    task::Task,
};
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use super::{
    StageContext,
    checkpoint::{Desk, task_key},
    copy::{Shop, copy_task},
    meter::Meter,
};
use crate::{
    crew::{Crew, Place},
    error::EngineError,
    journal::{Kept, RunRecord, TaskRecord},
};

/// How often tasks and places are looked at.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// Looking reads every task that isn't done: at most one part in so many of the time goes into it.
const LOOK_SHARE: u32 = 10;

/// How a process's share ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shared {
    /// Every task of the round is done, by whomever.
    AllDone,
    /// What isn't done is held by others; here are their names.
    Held(Vec<String>),
    /// The run is in another state now, or this process was taken for dead: begin anew.
    Over,
}

/// The tasks of a round as they were at the last look.
pub(super) struct View {
    tasks: BTreeMap<u32, Seen>,
    looked_at: Instant,
    look_time: Duration,
}

struct Seen {
    task: Task,
    kept: Option<Kept<TaskRecord>>,
    /// Somebody was faster; until the next look it isn't known who.
    is_contested: bool,
}

impl Seen {
    fn holder(&self) -> Option<Holder> {
        self.kept.as_ref().and_then(|kept| kept.record.holder)
    }
}

impl View {
    pub(super) async fn open(
        context: &StageContext,
        tasks: impl Iterator<Item = Task>,
    ) -> Result<Self, EngineError> {
        let unseen = |task: Task| (task.ordinal, Seen { task, kept: None, is_contested: false });
        let (looked_at, look_time) = (Instant::now(), Duration::ZERO);
        let mut view = Self { tasks: tasks.map(unseen).collect(), looked_at, look_time };
        view.look(context).await?;
        Ok(view)
    }

    /// Reads every task again that wasn't done.
    pub(super) async fn look(&mut self, context: &StageContext) -> Result<(), EngineError> {
        let begun = Instant::now();
        let open = self.tasks.values().filter(|seen| seen.task.next().is_some());
        let keys: Vec<String> =
            open.map(|seen| task_key(&context.run, seen.task.ordinal)).collect();
        for kept in context.journal.read_many::<TaskRecord>(&keys).await? {
            let task = kept.record.task.clone();
            let seen = Seen { task, kept: Some(kept), is_contested: false };
            self.tasks.insert(seen.task.ordinal, seen);
        }
        self.looked_at = Instant::now();
        self.look_time = begun.elapsed();
        Ok(())
    }

    fn look_due(&self) -> Instant {
        self.looked_at + LOOK_TIME.max(self.look_time * LOOK_SHARE)
    }

    /// The tasks as they were seen.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().map(|seen| &seen.task)
    }

    /// The same, each with its record.
    pub(super) fn records(&self) -> impl Iterator<Item = (&Task, Option<&Kept<TaskRecord>>)> {
        self.tasks.values().map(|seen| (&seen.task, seen.kept.as_ref()))
    }

    fn left(&self) -> usize {
        self.tasks().filter(|task| task.next().is_some()).count()
    }
}

/// One process's part in the work of a round.
struct Share<'a> {
    context: &'a StageContext,
    view: &'a mut View,
    crew: &'a mut Crew,
    me: Holder,
    desk: Arc<Desk>,
    queue: VecDeque<Task>,
}

/// Works off tasks until none can be taken any more.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or somebody asked to stop: what was acknowledged is
/// journalled, and everything that was held is let go of.
pub(super) async fn share(
    context: &StageContext,
    (view, crew): (&mut View, &mut Crew),
    place: &Place,
    meter: &Arc<Meter>,
) -> Result<Shared, EngineError> {
    let me = place.holder();
    let desk = Arc::new(Desk::new(context.journal.clone(), context.run.clone(), me));
    // One failing lane stops the others, without stopping the run itself.
    let stop = context.stop.child_token();
    let shop_context = StageContext { stop: stop.clone(), ..context.clone() };
    let shop = Arc::new(Shop::open(shop_context, Arc::clone(&desk), Arc::clone(meter))?);
    let over = CancellationToken::new();
    let mut share =
        Share { context, view, crew, me, desk: Arc::clone(&desk), queue: VecDeque::new() };
    let working = async {
        let outcome = share.work(&shop, place.lost()).await;
        over.cancel();
        outcome
    };
    let writing = async {
        let outcome = desk.write_until(&over).await;
        if outcome.is_err() {
            stop.cancel();
        }
        outcome
    };
    let (worked, written) = tokio::join!(working, writing);
    let released = desk.release().await;
    context.pace.share(1);
    written?;
    let shared = worked?;
    released?;
    Ok(shared)
}

impl Share<'_> {
    async fn work(
        &mut self,
        shop: &Arc<Shop>,
        lost: &CancellationToken,
    ) -> Result<Shared, EngineError> {
        let windows = self.context.plan.limits.windows_in_flight.max(1);
        let stop = &shop.context.stop;
        let mut lanes = JoinSet::new();
        let mut first_error = None;
        let mut is_over = false;
        loop {
            if !stop.is_cancelled() && Instant::now() >= self.view.look_due() {
                match self.look(shop).await {
                    Ok(is_on) => is_over = !is_on,
                    // The first error is the cause; what follows it is mostly `Interrupted`.
                    Err(error) => drop(first_error.get_or_insert(error)),
                }
            }
            is_over |= lost.is_cancelled();
            if is_over || first_error.is_some() {
                stop.cancel();
            }
            while !stop.is_cancelled() && lanes.len() < windows {
                match self.next(lanes.len(), windows).await {
                    Ok(Some(task)) => drop(lanes.spawn(copy_task(Arc::clone(shop), task))),
                    Ok(None) => break,
                    Err(error) => {
                        first_error.get_or_insert(error);
                        stop.cancel();
                    }
                }
            }
            if lanes.is_empty() {
                break;
            }
            tokio::select! {
                Some(ended) = lanes.join_next() => {
                    let ended = ended.map_err(|error| EngineError::Bug(error.to_string()));
                    if let Err(error) = ended.and_then(|outcome| outcome) {
                        first_error.get_or_insert(error);
                        stop.cancel();
                    }
                }
                () = time::sleep_until(self.view.look_due().into()) => {}
                () = lost.cancelled(), if !lost.is_cancelled() => {}
            }
        }
        if is_over {
            return Ok(Shared::Over);
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        self.context.check_stop()?;
        Ok(self.outcome())
    }

    /// Looks at tasks, places and the run. Gives whether the run is still copying.
    async fn look(&mut self, shop: &Shop) -> Result<bool, EngineError> {
        self.view.look(self.context).await?;
        self.crew.look().await?;
        self.context.pace.share(self.crew.living() as u64);
        let own: BTreeMap<u32, Task> =
            self.desk.tasks().into_iter().map(|task| (task.ordinal, task)).collect();
        let tasks = self.view.tasks().map(|task| own.get(&task.ordinal).unwrap_or(task));
        shop.meter.set(tasks.map(|task| (task.tally.read, task.tally.bytes)));
        self.context.is_copying().await
    }

    /// The next task to work on; claims some when there is none.
    async fn next(&mut self, at_work: usize, windows: usize) -> Result<Option<Task>, EngineError> {
        let mut has_looked = false;
        loop {
            if let Some(task) = self.queue.pop_front() {
                return Ok(Some(task));
            }
            let mine = self.desk.ordinals();
            let places = self.crew.places();
            let wanted = tasks_wanted(self.view.left(), self.crew.living(), windows);
            let count = wanted.saturating_sub(at_work).max(1);
            let open = self.view.tasks.values().filter(|seen| !seen.is_contested);
            let open = open.map(|seen| (&seen.task, seen.holder()));
            let chosen = choose(open, self.me, (&places, &mine), count);
            if chosen.is_empty() {
                // With nothing to do it is worth a look whether that is still so.
                if has_looked || at_work > 0 {
                    return Ok(None);
                }
                has_looked = true;
                self.view.look(self.context).await?;
                self.crew.look().await?;
                continue;
            }
            self.claim(&chosen).await?;
        }
    }

    async fn claim(&mut self, chosen: &[u32]) -> Result<(), EngineError> {
        let wanted = chosen
            .iter()
            .filter_map(|ordinal| self.view.tasks.get(ordinal))
            .map(|seen| (seen.task.clone(), seen.kept.clone()))
            .collect();
        let claimed = self.desk.claim(wanted).await?;
        for ordinal in chosen {
            if let Some(seen) = self.view.tasks.get_mut(ordinal) {
                seen.is_contested = true;
            }
        }
        self.queue.extend(claimed);
        Ok(())
    }

    /// What isn't done, after this process has nothing more to do.
    fn outcome(&self) -> Shared {
        let own: BTreeMap<u32, Task> =
            self.desk.tasks().into_iter().map(|task| (task.ordinal, task)).collect();
        let places = self.crew.places();
        let mut names = Vec::new();
        let mut is_done = true;
        for seen in self.view.tasks.values() {
            let task = own.get(&seen.task.ordinal).unwrap_or(&seen.task);
            match standing(task, seen.holder(), self.me, &places) {
                Standing::Done => {}
                Standing::Held(holder) => {
                    is_done = false;
                    names.push(self.crew.name(holder));
                }
                Standing::Open | Standing::Own => is_done = false,
            }
        }
        names.sort_unstable();
        names.dedup();
        if is_done { Shared::AllDone } else { Shared::Held(names) }
    }
}

impl StageContext {
    /// Whether the run still copies, whoever drives it.
    async fn is_copying(&self) -> Result<bool, EngineError> {
        let run = self.journal.read::<RunRecord>(&self.run).await?;
        Ok(run.is_some_and(|run| matches!(run.record.state, RunState::Copying { .. })))
    }
}
