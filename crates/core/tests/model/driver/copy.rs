//! Prepare and copy: the new set is made, and every document carried over once, task by task.

use std::collections::BTreeSet;

use lockstep_core::run::{
    state::Event,
    task::{Stretch, Tally, Task, cut, task_width},
};

use super::{
    super::{
        journal::{Key, Record},
        request::Request,
        rules::Gap,
    },
    REJECTED,
    clone::{clone_targets, cloned},
    follow::{Follower, Look, Way, carry, shard_of, window},
    link::{Link, Stop, problem},
};

/// Numbers that one task spans at the most; the real ones span thousands of times as many.
const TASK_WIDTH_MAX: u64 = 8;

pub(super) async fn create_targets(link: &Link) -> Result<Event, Stop> {
    clone_targets(link).await?;
    let there = Way::there(link);
    let known = cloned(link).await?;
    for position in (0..there.steps.len()).filter(|position| !known.contains_key(position)) {
        for set in BTreeSet::from([there.into, there.to]) {
            link.call(Request::CreateIndex((set, position))).await?;
        }
    }
    Ok(Event::TargetsCreated)
}

/// Works off all tasks of the round.
pub(super) async fn copy_documents(link: &Link, way: &Way) -> Result<Event, Stop> {
    let (stretches, width) = begin_round(link, way).await?;
    let mut tasks = cut(&stretches, 1, 0, width);
    let mut version = None;
    if let Some(kept) = link.read(Key::Tasks).await? {
        let Record::Tasks(known) = kept.record else { panic!("not tasks") };
        (tasks, version) = (known, Some(kept.version));
    }
    let mut restarted = Vec::new();
    for task in tasks.iter_mut().filter(|task| task.tally.rejected > 0) {
        restarted.push(way.source(task.index));
        task.restart();
    }
    if !restarted.is_empty() && !link.has(Gap::ResumeWithoutRefresh) {
        // Somebody mended what was rejected, and it should be seen.
        link.call(Request::Refresh(restarted)).await?;
    }
    for at in 0..tasks.len() {
        copy_task(link, way, &mut tasks[at]).await?;
        if link.chance(400) {
            let kept = link.write(Key::Tasks, version, Record::Tasks(tasks.clone())).await?;
            version = Some(kept.version);
        }
    }
    link.write(Key::Tasks, version, Record::Tasks(tasks.clone())).await?;
    if tasks.iter().any(|task| task.tally.rejected > 0) {
        return Ok(Event::Stuck(problem(REJECTED, "documents were rejected by a step")));
    }
    Ok(Event::DocumentsCopied)
}

/// Journals what the round copies, unless that was done before.
async fn begin_round(link: &Link, way: &Way) -> Result<(Vec<Stretch>, u64), Stop> {
    if let Some(kept) = link.read(Key::Round).await? {
        let Record::Round { stretches, width } = kept.record else { panic!("not a round") };
        return Ok((stretches, width));
    }
    let Look { mut stretches, .. } = Follower::unkept(link, way).look().await?;
    let clones = cloned(link).await?;
    for stretch in &mut stretches {
        let (position, shard) = shard_of(stretch);
        let last = clones.get(&position).map_or(-1, |shards| shards[shard]);
        stretch.first = stretch.first.max(last + 1);
    }
    stretches.retain(|stretch| stretch.first <= stretch.last);
    let width = task_width(&stretches, TASK_WIDTH_MAX, TASK_WIDTH_MAX);
    let record = Record::Round { stretches: stretches.clone(), width };
    link.write(Key::Round, None, record).await?;
    Ok((stretches, width))
}

async fn copy_task(link: &Link, way: &Way, task: &mut Task) -> Result<(), Stop> {
    let shard = usize::try_from(task.shard).expect("there are few shards");
    while let Some(first) = task.next() {
        let last = task.last.min(first + link.width() - 1);
        let hits = window(link, (way.from, task.index, shard), (first, last)).await?;
        let rejected = carry(link, way, task.index, &hits).await?;
        let rejected = u64::try_from(rejected.len()).expect("there are few documents");
        task.advance(last, Tally { rejected, ..Tally::default() });
    }
    Ok(())
}
