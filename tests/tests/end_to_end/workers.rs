//! Several processes share a run: `lockstep worker` beside `lockstep upgrade`, killed and stopped, and the journal of what
//! each of them did.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use lockstep_core::run::state::RunState;
use lockstep_engine::{
    EngineError,
    session::Ending,
    status::{RunStatus, status},
};
use serde_json::Value;
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    process::Process,
    stand::{Stand, Trouble, demo_pack, program, wish},
};

const DOCUMENTS: u64 = 12_000;
/// How long the journal may take to show what is waited for.
const WAIT_MAX: Duration = Duration::from_mins(3);

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("workers_share_a_copy_and_a_killed_one_is_made_up_for", share_and_kill),
        scenario("a_worker_takes_over_from_a_killed_driver", driver_killed),
        scenario("a_worker_without_a_run_waits_and_ends_cleanly", without_run),
        scenario("an_operator_gets_the_run_from_the_workers", abort_among_workers),
        scenario("a_pause_and_a_rate_hold_for_all_workers", orders),
    ]
}

/// Slow enough on the fastest machine that everybody has time to do something: one lane each, small windows, which make small
/// tasks, and a rate.
const SLOW: [&str; 6] =
    ["--windows", "1", "--window-documents", "20", "--max-docs-per-second", "600"];

fn share_and_kill(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let program = program()?;
        stand.seed(DOCUMENTS).await?;
        let mut workers: Vec<Process> =
            (0..3).map(|_| Process::worker(&program, stand, &[])).collect::<Result<_, _>>()?;
        let mut driver = Process::upgrade(&program, stand, &SLOW)?;
        // Everybody has done something, and holds something.
        let run = wait_for(stand, |run| {
            let is_at_work = |worker: &&lockstep_engine::status::WorkerStatus| {
                worker.tasks > 0 && worker.documents > 0
            };
            matches!(run.record.state, RunState::Copying { .. })
                && run.workers.iter().filter(is_at_work).count() == 4
        })
        .await?;
        let names: BTreeSet<String> =
            run.workers.iter().map(|worker| worker.name.clone()).collect();
        assert_eq!(names.len(), 4, "{run:?}");
        let held = held_tasks(stand, &run).await?;
        workers.remove(0).kill()?;
        lift_rate(stand).await?;
        driver.finish()?;
        let run = run_status(stand).await?.ok_or("no run")?;
        assert_eq!(run.record.state, RunState::Switched);
        // Every number was counted once, by whoever journalled it, however many carried it.
        assert_eq!((run.copied.read, run.copied.rejected), (run.document_count, 0), "{run:?}");
        assert!(held.len() >= 4, "{held:?}");
        assert_eq!(held_tasks(stand, &run).await?, BTreeSet::new());
        assert_eq!(stand.check_switched().await?, DOCUMENTS);
        for mut worker in workers {
            worker.interrupt()?;
            worker.finish()?;
        }
        stand.clean().await
    })
}

fn driver_killed(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let program = program()?;
        stand.seed(DOCUMENTS / 2).await?;
        let driver = Process::upgrade(&program, stand, &SLOW)?;
        wait_for(stand, |run| run.copied.read > 0).await?;
        let mut workers: Vec<Process> = (0..2)
            .map(|_| Process::worker(&program, stand, &["--once"]))
            .collect::<Result<_, _>>()?;
        wait_for(stand, |run| run.workers.len() == 3).await?;
        driver.kill()?;
        lift_rate(stand).await?;
        for worker in &mut workers {
            worker.finish()?;
        }
        let run = run_status(stand).await?.ok_or("no run")?;
        assert_eq!((&run.record.state, run.is_under_way), (&RunState::Switched, false), "{run:?}");
        assert!(run.record.driver > 1, "{run:?}");
        assert_eq!(run.copied.read, run.document_count, "{run:?}");
        assert_eq!(stand.check_switched().await?, DOCUMENTS / 2);
        stand.clean().await
    })
}

fn without_run(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let program = program()?;
        stand.seed(300).await?;
        let mut worker = Process::worker(&program, stand, &[])?;
        sleep(Duration::from_secs(3)).await;
        assert!(!worker.is_over()?, "it doesn't wait");
        worker.interrupt()?;
        worker.finish()?;
        assert!(run_status(stand).await?.is_none(), "a worker began a run");
        let journal = stand.session().cluster.index_uuid("lockstep-journal").await?;
        assert!(journal.is_none(), "a worker left a trace");
        // One that halted is not gone on with: a document can't be taken through the steps.
        crate::trouble::poison(stand).await?;
        let halted = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        if let Err(EngineError::Halted(_)) = halted {
            Process::worker(&program, stand, &["--once"])?.finish()?;
            let run = run_status(stand).await?.ok_or("no run")?;
            assert!(matches!(run.record.state, RunState::Halted { .. }), "{run:?}");
        } else {
            return Err(format!("the run was to halt: {halted:?}").into());
        }
        stand.session().abort("event-store").await?;
        stand.clean().await
    })
}

fn abort_among_workers(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let program = program()?;
        stand.seed(DOCUMENTS).await?;
        let mut workers: Vec<Process> =
            (0..2).map(|_| Process::worker(&program, stand, &[])).collect::<Result<_, _>>()?;
        let mut driver = Process::upgrade(&program, stand, &SLOW)?;
        wait_for(stand, |run| run.copied.read > 0 && run.workers.len() == 3).await?;
        // The driver is stopped, and the workers go on; whoever asks gets the run in the midst of that.
        driver.interrupt()?;
        driver.wait()?;
        let before = run_status(stand).await?.ok_or("no run")?.copied.read;
        wait_for(stand, |run| run.copied.read > before).await?;
        let begun = Instant::now();
        let ending = stand.session().abort("event-store").await?;
        assert!(matches!(ending, Ending::Aborted { .. }), "{ending:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        sleep(Duration::from_secs(2)).await;
        assert!(stand.indices("*-v2.0*").await?.is_empty(), "a worker made an index again");
        for worker in &mut workers {
            assert!(!worker.is_over()?);
            worker.interrupt()?;
            worker.finish()?;
        }
        stand.clean().await
    })
}

fn orders(runtime: &Runtime, stand: &Stand) -> Outcome {
    const RATE: u64 = 600;
    runtime.block_on(async {
        let program = program()?;
        stand.seed(DOCUMENTS / 2).await?;
        let mut workers: Vec<Process> =
            (0..2).map(|_| Process::worker(&program, stand, &[])).collect::<Result<_, _>>()?;
        let mut driver = Process::upgrade(&program, stand, &SLOW)?;
        wait_for(stand, |run| run.copied.read > 0 && run.workers.len() == 3).await?;
        let session = stand.session();
        session.order("event-store", |orders| orders.is_paused = true).await?;
        sleep(Duration::from_secs(3)).await;
        let run = run_status(stand).await?.ok_or("no run")?;
        let paused = run.copied.read;
        sleep(Duration::from_secs(3)).await;
        let still = run_status(stand).await?.ok_or("no run")?.copied.read;
        assert_eq!(paused, still, "somebody doesn't pause");
        assert!(paused < run.document_count, "it was over before it could be paused");
        let begun = Instant::now();
        session.order("event-store", |orders| orders.is_paused = false).await?;
        let last = wait_for(stand, |run| {
            run.copied.read >= paused + RATE * 3 || run.copied.read == run.document_count
        })
        .await?;
        let took = begun.elapsed();
        let rate = (last.copied.read - paused) * 1_000 / u64::try_from(took.as_millis())?;
        // The first half second is free for each of them.
        assert!(rate < RATE * 2, "{rate} a second in {took:?}, {RATE} are allowed");
        lift_rate(stand).await?;
        driver.finish()?;
        assert_eq!(stand.check_switched().await?, DOCUMENTS / 2);
        for worker in &mut workers {
            worker.interrupt()?;
            worker.finish()?;
        }
        stand.clean().await
    })
}

/// Lets everybody work as fast as the cluster takes it.
async fn lift_rate(stand: &Stand) -> Outcome {
    let session = stand.session();
    session.order("event-store", |orders| orders.documents_per_second_max = None).await?;
    Ok(())
}

async fn run_status(stand: &Stand) -> Result<Option<RunStatus>, Trouble> {
    Ok(status(&stand.session().cluster, "event-store").await?.run)
}

/// The tasks that somebody holds and that aren't done, as the journal has them: each with its one holder.
async fn held_tasks(stand: &Stand, run: &RunStatus) -> Result<BTreeSet<String>, Trouble> {
    stand.send("POST", "/lockstep-journal/_refresh", Value::Null).await?;
    let query = serde_json::json!({"size": 1_000, "query": {"term": {"kind": "task"}}});
    let found = stand.send("POST", "/lockstep-journal/_search", query).await?;
    let hits = found["hits"]["hits"].as_array().ok_or("no hits")?;
    let own = hits.iter().filter(|hit| {
        hit["_id"].as_str().is_some_and(|id| id.starts_with(&format!("task:{}:", run.record.id)))
    });
    Ok(own
        .map(|hit| &hit["_source"]["body"])
        .filter(|body| !body["holder"].is_null() && body["task"]["cursor"] != "done")
        .map(|body| format!("{} by {}", body["task"]["ordinal"], body["holder"]))
        .collect())
}

async fn wait_for(
    stand: &Stand,
    is_there: impl Fn(&RunStatus) -> bool,
) -> Result<RunStatus, Trouble> {
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < WAIT_MAX {
        last = run_status(stand).await?;
        if let Some(run) = last.take_if(|run| is_there(run)) {
            return Ok(run);
        }
        if last.as_ref().is_some_and(|run| run.record.state == RunState::Switched) {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err(format!("the journal never showed what was waited for: {last:?}").into())
}
