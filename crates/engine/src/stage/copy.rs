//! Copy: every document of the live set is read once, taken through the steps, and written once.
//!
//! The way of one document: a [window](super::window) of the source shard's log gives it with its bytes as they were
//! written; the plan's program takes it through the steps; it goes into a bulk body under the version
//! `_seq_no + 1`, `external_gte`, so that an older copy can never overwrite a newer one; the target's answer is read item
//! by item ([`carry`](super::carry)); the task's cursor moves; the journal remembers it. Who works on which task is
//! [`share`](super::share)'s business. What the application writes
//! meanwhile is carried over afterwards, see [`follow`](super::follow).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_core::run::{
    crew::holds,
    state::{Event, Problem},
    task::{Task, task_width},
};
use tokio::{sync::Mutex, time};

use super::{
    CopyPair, Direction, StageContext,
    carry::{carry, rejected_documents},
    checkpoint::{Desk, task_key},
    meter::Meter,
    position::{covered, sampled, stretches},
    problem, review,
    share::{Shared, View, share},
    window::{WindowReader, WindowWidth},
};
use crate::{
    crew::{Crew, Place},
    error::EngineError,
    journal::{RoundRecord, TaskRecord, Write},
    report::{Event as ReportEvent, Unit, Waiting},
};

/// Time between two looks at tasks that others hold.
const OTHERS_TIME: Duration = Duration::from_secs(1);

/// Works off all tasks of a round, together with every worker that helps.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or somebody asked to stop: what was
/// acknowledged is journalled.
pub async fn copy_documents(context: &StageContext, round: u32) -> Result<Event, EngineError> {
    let rounds = match begin_round(context, round).await? {
        Ok(rounds) => rounds,
        Err(problem) => return Ok(Event::Stuck(problem)),
    };
    let pairs = context.pairs()?;
    // What was mended since is over, and makes room.
    context.quarantine.tidy(&context.cluster, pairs.iter()).await?;
    let mut crew = Crew::new(&context.journal, &context.plan.application);
    let mut view = View::open(context, tasks_of(&rounds)).await?;
    refresh_sources(context, &view).await?;
    crew.look().await?;
    if restart_rejected(context, &view, &crew).await? {
        view = View::open(context, tasks_of(&rounds)).await?;
    }
    let total = documents_to_copy(context).await?;
    let (done, bytes) = view
        .tasks()
        .fold((0, 0), |(done, bytes), task| (done + task.tally.read, bytes + task.tally.bytes));
    let counted = (done, bytes, total);
    let meter = Arc::new(Meter::go_on("copying", Unit::Documents, counted, &context.reporter));
    let mut own_place = None;
    let outcome = until_done(context, &rounds, (&mut crew, &mut own_place), &meter).await;
    if let Some(place) = own_place {
        place.release().await;
    }
    let view = outcome?;
    meter.set(view.tasks().map(|task| (task.tally.read, task.tally.bytes)));
    if let Some(meter) = Arc::into_inner(meter) {
        meter.finish(&context.reporter);
    }
    review::tell(context, &mut 0);
    Ok(unkept(context, &pairs, view.tasks().cloned()).map_or(Event::DocumentsCopied, Event::Stuck))
}

/// Takes part in the work until the journal says of every task that it is done. Nobody holds one any more then: what
/// comes after copying never begins while a worker that may live is at it.
async fn until_done(
    context: &StageContext,
    rounds: &[RoundRecord],
    (crew, own_place): (&mut Crew, &mut Option<Place>),
    meter: &Arc<Meter>,
) -> Result<View, EngineError> {
    let mut told = Vec::new();
    loop {
        context.check_stop()?;
        let mut view = View::open(context, tasks_of(rounds)).await?;
        if view.tasks().all(|task| task.next().is_none()) {
            return Ok(view);
        }
        let shared = match &context.place {
            Some(place) if !place.lost().is_cancelled() => {
                share(context, (&mut view, crew), place, meter).await?
            }
            Some(_) | None => {
                let place = match own_place.take() {
                    Some(place) if !place.lost().is_cancelled() => place,
                    Some(_) | None => crew.take_place().await?,
                };
                let place = own_place.insert(place);
                share(context, (&mut view, crew), place, meter).await?
            }
        };
        if let Shared::Held(names) = shared {
            if !names.is_empty() && names != told {
                told.clone_from(&names);
                let names = names.join(", ");
                context.reporter.report(ReportEvent::Waiting(Waiting::Workers { names }));
            }
            tokio::select! {
                () = time::sleep(OTHERS_TIME) => {}
                () = context.stop.cancelled() => {}
            }
        }
    }
}

/// Takes part in the copying that somebody else drives, while there is something to take.
///
/// # Errors
/// As [`copy_documents`].
pub(crate) async fn help_copy(
    context: &StageContext,
    round: u32,
    crew: &mut Crew,
    place: &Place,
) -> Result<Shared, EngineError> {
    let rounds = context.rounds(round).await?;
    if !rounds.iter().any(|known| known.round == round) {
        return Ok(Shared::Held(Vec::new()));
    }
    let mut view = View::open(context, tasks_of(&rounds)).await?;
    if view.tasks().all(|task| task.next().is_none()) {
        return Ok(Shared::AllDone);
    }
    // What was set aside by others, and decided about.
    context.quarantine.load().await?;
    let (done, bytes) = view
        .tasks()
        .fold((0, 0), |(done, bytes), task| (done + task.tally.read, bytes + task.tally.bytes));
    let counted = (done, bytes, documents_to_copy(context).await?);
    let meter = Arc::new(Meter::go_on("copying", Unit::Documents, counted, &context.reporter));
    share(context, (&mut view, crew), place, &meter).await
}

/// Documents of the indices that weren't cloned, as the plan saw them.
async fn documents_to_copy(context: &StageContext) -> Result<u64, EngineError> {
    let cloned = context.cloned().await?;
    let is_cloned = |position| cloned.range((position, 0)..=(position, u32::MAX)).next().is_some();
    let left_out = context.plan.clones().filter(|(position, ..)| is_cloned(*position));
    let documents: u64 = left_out.map(|(_, source, ..)| source.documents).sum();
    Ok(context.plan.document_count().saturating_sub(documents))
}

fn tasks_of(rounds: &[RoundRecord]) -> impl Iterator<Item = Task> {
    rounds.iter().flat_map(RoundRecord::tasks)
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
    let mut covered = covered(&rounds);
    covered.extend(context.cloned().await?);
    let stretches = stretches(&positions, &covered);
    let stretches = match context.plan.sample() {
        Some(sample) => sampled(&positions, &stretches, sample),
        None => stretches,
    };
    let tasks_before: usize = rounds.iter().map(|known| known.tasks().len()).sum();
    let record = RoundRecord {
        round,
        ordinal_first: u32::try_from(tasks_before)
            .map_err(|error| EngineError::Bug(error.to_string()))?,
        task_width: task_width(
            &stretches,
            context.plan.limits.task_width_max,
            context.plan.limits.window_width_max,
        ),
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

/// Begins tasks anew that rejected documents: somebody mended these, or wants to see them again. Gives whether there were
/// any. Those that a worker holds are left to it.
async fn restart_rejected(
    context: &StageContext,
    view: &View,
    crew: &Crew,
) -> Result<bool, EngineError> {
    let places = crew.places();
    let mut writes = Vec::new();
    for (task, kept) in view.records() {
        let Some(kept) = kept.filter(|_| task.has_unkept()) else { continue };
        let is_held = kept.record.holder.is_some_and(|holder| holds(holder, &places));
        if is_held && task.next().is_some() {
            continue;
        }
        let mut task = task.clone();
        task.restart();
        let key = task_key(&context.run, task.ordinal);
        writes.push((key, TaskRecord { task, holder: None }, Some(kept.clone())));
    }
    // One that somebody else wrote meanwhile is at work again.
    context.journal.write_each(&writes).await?;
    Ok(!writes.is_empty())
}

/// Makes what was mended visible to tasks that go on or start again: their watermark was read by an earlier command.
async fn refresh_sources(context: &StageContext, view: &View) -> Result<(), EngineError> {
    let pairs = context.pairs()?;
    let wanted: BTreeSet<usize> = view
        .tasks()
        .filter(|task| task.next().is_some() || task.has_unkept())
        .map(|task| task.index)
        .collect();
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

/// What all lanes of this process work with; each lane copies one task at a time.
pub(super) struct Shop {
    pub(super) context: StageContext,
    pub(super) meter: Arc<Meter>,
    pairs: BTreeMap<usize, CopyPair>,
    desk: Arc<Desk>,
    /// What is known of the widths of windows, by index: documents of one index are much alike, those of another may be
    /// far larger.
    widths: Mutex<BTreeMap<usize, WindowWidth>>,
}

impl Shop {
    pub(super) fn open(
        context: StageContext,
        desk: Arc<Desk>,
        meter: Arc<Meter>,
    ) -> Result<Self, EngineError> {
        let pairs = context.pairs()?.into_iter().map(|pair| (pair.position, pair)).collect();
        Ok(Self { context, meter, pairs, desk, widths: Mutex::default() })
    }
}

/// Copies what is left of a task, window by window, unless another worker turns out to have taken it over.
pub(super) async fn copy_task(shop: Arc<Shop>, mut task: Task) -> Result<(), EngineError> {
    let Some(first) = task.next() else { return Ok(()) };
    let Shop { context, meter, pairs, desk, widths } = shop.as_ref();
    let pair = pairs.get(&task.index).ok_or_else(|| {
        EngineError::Bug(format!(
            "task {} names index {}, which is not copied",
            task.ordinal, task.index
        ))
    })?;
    let limits = &context.plan.limits;
    let known = widths.lock().await.get(&task.index).cloned();
    let width =
        known.unwrap_or_else(|| WindowWidth::new(limits.window_bytes, limits.window_width_max));
    let place = (pair.source.index.as_str(), task.shard);
    let mut reader = WindowReader::new(&context.cluster, place, (first, task.last), width);
    loop {
        context.check_stop()?;
        let begun = Instant::now();
        let Some((page, last)) = reader.next().await? else { break };
        let tally = carry(context, pair, page, &mut task.rejected).await?;
        context.measures.copied(pair.position, tally, begun.elapsed());
        task.advance(last, tally);
        if !desk.report(&task) {
            // Whoever has it now counts it as well.
            break;
        }
        meter.add(tally.read, tally.bytes);
    }
    widths.lock().await.insert(task.index, reader.into_width());
    Ok(())
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
