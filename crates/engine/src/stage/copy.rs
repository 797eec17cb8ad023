//! Copy: every document of the live set is read once, taken through the steps, and written once.
//!
//! The way of one document: a [window](super::window) of the source shard's log gives it with its bytes as they were
//! written; the plan's program takes it through the steps; it goes into a bulk body under the version
//! `_seq_no + 1`, `external_gte`, so that an older copy can never overwrite a newer one; the target's answer is read item
//! by item ([`carry`](super::carry)); the task's cursor moves; the journal remembers it. What the application writes
//! meanwhile is carried over afterwards, see [`follow`](super::follow).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use lockstep_core::run::{
    state::{Event, Problem},
    task::{Task, task_width},
};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use super::{
    CopyPair, Direction, StageContext,
    carry::{carry, rejected_documents},
    checkpoint::{Checkpoints, TASKS_WAITING_MAX, task_key},
    meter::Meter,
    position::{covered, stretches},
    problem, review,
    window::{WindowReader, WindowWidth},
};
use crate::{
    error::EngineError,
    journal::{Kept, RoundRecord, TaskRecord, Write},
    report::Unit,
};

/// Works off all tasks of a round.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or somebody asked to stop: what was
/// acknowledged is journalled.
pub async fn copy_documents(context: &StageContext, round: u32) -> Result<Event, EngineError> {
    let rounds = match begin_round(context, round).await? {
        Ok(rounds) => rounds,
        Err(problem) => return Ok(Event::Stuck(problem)),
    };
    let (tasks, kept) = read_tasks(context, &rounds).await?;
    let open = open_tasks(&tasks);
    refresh_sources(context, &open).await?;
    let pairs = context.pairs()?;
    // What was mended since is over, and makes room.
    context.quarantine.tidy(&context.cluster, pairs.iter()).await?;
    let total = context.plan.document_count();
    let (mut done, mut bytes) = (0, 0);
    for task in &tasks {
        done += task.tally.read;
        bytes += task.tally.bytes;
    }
    let counted = (done, bytes, total);
    let meter = Arc::new(Meter::go_on("copying", Unit::Documents, counted, &context.reporter));
    let finished = work_off(context, open, kept, &meter).await?;
    if let Some(meter) = Arc::into_inner(meter) {
        meter.finish(&context.reporter);
    }
    let mut all: BTreeMap<u32, Task> = tasks.into_iter().map(|task| (task.ordinal, task)).collect();
    all.extend(finished.into_iter().map(|task| (task.ordinal, task)));
    review::tell(context, &mut 0);
    Ok(unkept(context, &pairs, all.into_values()).map_or(Event::DocumentsCopied, Event::Stuck))
}

/// Journals what this round copies, unless that was done before; gives all rounds so far.
async fn begin_round(
    context: &StageContext,
    round: u32,
) -> Result<Result<Vec<RoundRecord>, Problem>, EngineError> {
    let mut rounds = context.rounds(round).await?;
    if rounds.iter().any(|known| known.round == round) {
        return Ok(Ok(rounds));
    }
    if let Some(problem) = context.find_unplanned(Direction::Forward).await? {
        return Ok(Err(problem));
    }
    let positions = context.source_positions().await?;
    if let Some(other) = positions.iter().find(|position| !position.is_the_planned_one()) {
        return Ok(Err(source_replaced(&other.pair)));
    }
    let stretches = stretches(&positions, &covered(&rounds));
    let tasks_before: usize = rounds.iter().map(|known| known.tasks().len()).sum();
    let record = RoundRecord {
        round,
        ordinal_first: u32::try_from(tasks_before)
            .map_err(|error| EngineError::Bug(error.to_string()))?,
        task_width: task_width(&stretches, context.plan.limits.task_width_max),
        stretches: stretches
            .iter()
            .map(|stretch| (stretch.index, stretch.shard, stretch.first, stretch.last))
            .collect(),
    };
    match context.journal.create(&context.round_key(round), record).await? {
        Write::Kept(kept) => rounds.push(kept.record),
        Write::Conflict => return Err(EngineError::LeaseLost),
    }
    Ok(Ok(rounds))
}

/// The problem that a source is not the index that was planned.
pub(super) fn source_replaced(pair: &CopyPair) -> Problem {
    problem(
        "R0203",
        format!(
            "the live index `{}` was deleted or made anew since the plan was made",
            pair.source.index
        ),
        "give this run up with `lockstep abort`, then start again",
    )
}

/// All tasks of the rounds as far as the journal knows them.
async fn read_tasks(
    context: &StageContext,
    rounds: &[RoundRecord],
) -> Result<(Vec<Task>, BTreeMap<u32, Kept<TaskRecord>>), EngineError> {
    let mut tasks: Vec<Task> = rounds.iter().flat_map(RoundRecord::tasks).collect();
    let keys: Vec<String> = tasks.iter().map(|task| task_key(&context.run, task.ordinal)).collect();
    let kept: BTreeMap<u32, Kept<TaskRecord>> = context
        .journal
        .read_many::<TaskRecord>(&keys)
        .await?
        .into_iter()
        .map(|kept| (kept.record.task.ordinal, kept))
        .collect();
    for task in &mut tasks {
        if let Some(known) = kept.get(&task.ordinal) {
            *task = known.record.task.clone();
        }
        // Somebody mended what was rejected and isn't in quarantine, or wants to see it again.
        if task.has_unkept() {
            task.restart();
        }
    }
    Ok((tasks, kept))
}

/// Makes what was mended visible to tasks that go on or start again: their watermark was read by an earlier command.
async fn refresh_sources(context: &StageContext, open: &VecDeque<Task>) -> Result<(), EngineError> {
    let pairs = context.pairs()?;
    let wanted: BTreeSet<usize> = open.iter().map(|task| task.index).collect();
    let names: Vec<&str> = pairs
        .iter()
        .filter(|pair| wanted.contains(&pair.position))
        .map(|pair| pair.source.index.as_str())
        .collect();
    if !names.is_empty() {
        context.cluster.refresh(&names).await?;
    }
    Ok(())
}

/// What is left to do. Low numbers of all shards come first, so that workers are spread over shards and their nodes.
fn open_tasks(tasks: &[Task]) -> VecDeque<Task> {
    let mut open: Vec<Task> = tasks.iter().filter(|task| task.next().is_some()).cloned().collect();
    open.sort_by_key(|task| (task.first, task.ordinal));
    open.into()
}

/// Shared by the workers of a round.
struct Shop {
    context: StageContext,
    pairs: BTreeMap<usize, CopyPair>,
    open: Mutex<VecDeque<Task>>,
    /// What is known of the widths of windows, by index: documents of one index are much alike, those of another may be
    /// far larger.
    widths: Mutex<BTreeMap<usize, WindowWidth>>,
    reports: mpsc::Sender<Task>,
    meter: Arc<Meter>,
}

/// Lets workers work until no task is open. Gives the tasks as they ended.
async fn work_off(
    context: &StageContext,
    open: VecDeque<Task>,
    kept: BTreeMap<u32, Kept<TaskRecord>>,
    meter: &Arc<Meter>,
) -> Result<Vec<Task>, EngineError> {
    let (reports, reported) = mpsc::channel(TASKS_WAITING_MAX);
    let checkpoints = Checkpoints::new(context.journal.clone(), context.run.clone(), kept);
    let pairs = context.pairs()?.into_iter().map(|pair| (pair.position, pair)).collect();
    let mut shop_context = context.clone();
    // One failing worker stops the others, without stopping the run itself.
    shop_context.stop = context.stop.child_token();
    let stop = shop_context.stop.clone();
    let shop = Arc::new(Shop {
        context: shop_context,
        pairs,
        open: Mutex::new(open),
        widths: Mutex::default(),
        reports,
        meter: Arc::clone(meter),
    });
    let mut workers = JoinSet::new();
    for _ in 0..context.plan.limits.windows_in_flight.max(1) {
        workers.spawn(work(Arc::clone(&shop)));
    }
    drop(shop);
    let working = async {
        let mut finished = Vec::new();
        let mut first_error = None;
        while let Some(ended) = workers.join_next().await {
            let outcome = ended
                .map_err(|error| EngineError::Bug(error.to_string()))
                .and_then(|outcome| outcome);
            match outcome {
                Ok(tasks) => finished.extend(tasks),
                Err(error) => {
                    stop.cancel();
                    // The first error is the cause; what follows it is mostly `Interrupted`.
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(finished), Err)
    };
    let checkpointing = async {
        let outcome = checkpoints.write_all(reported).await;
        if outcome.is_err() {
            stop.cancel();
        }
        outcome
    };
    let (worked, checkpointed) = tokio::join!(working, checkpointing);
    checkpointed?;
    worked
}

async fn work(shop: Arc<Shop>) -> Result<Vec<Task>, EngineError> {
    let mut finished = Vec::new();
    let limits = &shop.context.plan.limits;
    let fresh = WindowWidth::new(limits.window_bytes, limits.window_width_max);
    loop {
        let Some(mut task) = shop.open.lock().await.pop_front() else { return Ok(finished) };
        let known = shop.widths.lock().await.get(&task.index).cloned();
        let learned = copy_task(&shop, &mut task, known.unwrap_or_else(|| fresh.clone())).await?;
        shop.widths.lock().await.insert(task.index, learned);
        finished.push(task);
    }
}

async fn copy_task(
    shop: &Shop,
    task: &mut Task,
    width: WindowWidth,
) -> Result<WindowWidth, EngineError> {
    let Some(first) = task.next() else { return Ok(width) };
    let Shop { context, pairs, open: _, widths: _, reports, meter } = shop;
    let pair = pairs.get(&task.index).ok_or_else(|| {
        EngineError::Bug(format!(
            "task {} names index {}, which is not copied",
            task.ordinal, task.index
        ))
    })?;
    let place = (pair.source.index.as_str(), task.shard);
    let mut reader = WindowReader::new(&context.cluster, place, (first, task.last), width);
    loop {
        context.check_stop()?;
        let Some((page, last)) = reader.next().await? else { break };
        let tally = carry(context, pair, page, &mut task.rejected).await?;
        task.advance(last, tally);
        meter.add(tally.read, tally.bytes);
        if reports.send(task.clone()).await.is_err() {
            // The journal's writer ended with an error, which is the one to tell.
            return Err(EngineError::Interrupted);
        }
    }
    Ok(reader.into_width())
}

/// The problem of all rejected documents that are in no quarantine, if there are any.
fn unkept(
    context: &StageContext,
    pairs: &[CopyPair],
    tasks: impl Iterator<Item = Task>,
) -> Option<Problem> {
    let names: BTreeMap<usize, &str> =
        pairs.iter().map(|pair| (pair.position, pair.source.index.as_str())).collect();
    let mut documents = Vec::new();
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for task in tasks {
        if task.tally.unkept == 0 {
            continue;
        }
        counts.push((names.get(&task.index).copied().unwrap_or_default(), task.tally.unkept));
        let room = context.plan.limits.rejections_kept.saturating_sub(documents.len());
        documents.extend(task.rejected.into_iter().take(room));
    }
    (!counts.is_empty())
        .then(|| rejected_documents(context, Direction::Forward, documents, &counts))
}
