//! `lockstep guard` before an application: what it starts at once, what it waits for, what it refuses, and who makes the
//! switch when several wait for it.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use lockstep_core::run::state::RunState;
use lockstep_engine::{
    EngineError,
    report::Event,
    session::Wish,
    status::{RunStatus, status},
};
use lockstep_pocket::{Fault, FaultKind, Options, Pocket};
use lockstep_tests::clusters::Cluster;
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    process::Process,
    stand::{Stand, Trouble, demo_pack, program, wish},
};

/// The application of these scenarios: it ends with a code that no guard has.
const APPLICATION: [&str; 4] = ["--", "sh", "-c", "exit 42"];
/// Its code.
const STARTED: i32 = 42;
/// Memory of its own that a waiting guard may have, in bytes. A debug build was seen with 4.3 MB, its pack included.
const MEMORY_MAX: u64 = 8 << 20;
/// How long the journal may take to show what is waited for.
const WAIT_MAX: Duration = Duration::from_mins(3);

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: true, play };
    vec![
        scenario("a_guard_starts_what_is_live_and_refuses_the_rest", without_run),
        scenario("a_guard_waits_for_its_cluster", cluster_down),
        scenario("a_guard_waits_for_a_run_and_orders_its_switch", driven_by_another),
        scenario("two_guards_make_one_switch_and_take_it_back", two_guards),
        scenario("a_guard_killed_in_the_switch_is_made_up_for", killed),
        scenario("a_guard_makes_the_whole_upgrade_where_it_is_told_to", auto),
    ]
}

fn guard(stand: &Stand, version: &str, more: &[&str]) -> Result<Process, Trouble> {
    let more: Vec<&str> = more.iter().copied().chain(APPLICATION).collect();
    Process::guard(&program()?, stand, version, &more)
}

/// Waits for the end of a guard and of what it started, and gives its code and what it said.
fn ended(mut guard: Process) -> Result<(i32, String), Trouble> {
    let status = guard.wait()?;
    let words = guard.words()?;
    Ok((status.code().ok_or(format!("{status}; it said {words}"))?, words))
}

/// Asserts how a guard ends, and that it says so.
fn expect(guard: Process, code: i32, words: &str) -> Outcome {
    let (seen, said) = ended(guard)?;
    if seen == code && said.contains(words) {
        return Ok(());
    }
    Err(format!("{seen} instead of {code}, or no word of `{words}`: {said}").into())
}

fn without_run(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(300).await?;
        expect(guard(stand, "1.0.3", &[])?, STARTED, "1.0.3 may start, 1.0 is live")?;
        expect(guard(stand, "2.0", &[])?, 1, "`lockstep upgrade --to 2.0 --hold`")?;
        expect(guard(stand, "0.9", &[])?, 3, "error[G0102]")?;
        assert!(run_status(stand).await?.is_none(), "a guard began a run");
        // Where nothing tells what is live, nothing starts.
        stand.clean().await?;
        expect(guard(stand, "1.0", &[])?, 1, "error[G0106]")?;
        expect(guard(stand, "1.0", &["--first-start"])?, STARTED, "1.0 is noted as live")?;
        expect(guard(stand, "1.0.1", &[])?, STARTED, "1.0 is live")?;
        expect(guard(stand, "2.0", &[])?, 1, "error[G0101]")?;
        let missing = ["--", "/nowhere/application"];
        let missing = Process::guard(&program()?, stand, "1.0", &missing)?;
        expect(missing, 127, "error[G0301]")?;
        expect(Process::guard(&program()?, stand, "1.0", &["--check"])?, 0, "")?;
        stand.clean().await
    })
}

fn cluster_down(runtime: &Runtime, _stand: &Stand) -> Outcome {
    runtime.block_on(async {
        // A port that nobody listens on; the one who takes it is the cluster that comes up.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("http://127.0.0.1:{port}");
        let down = Stand::of(Cluster { name: "down".to_owned(), url });
        let interrupted = guard(&down, "1.0", &[])?;
        let terminated = guard(&down, "1.0", &[])?;
        let waiting = guard(&down, "1.0", &["--first-start"])?;
        for guard in [&interrupted, &terminated, &waiting] {
            heard(guard, "waits for the cluster").await?;
        }
        let begun = Instant::now();
        interrupted.interrupt()?;
        terminated.terminate()?;
        expect(interrupted, 130, "SIGINT")?;
        expect(terminated, 143, "SIGTERM")?;
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        expect(guard(&down, "1.0", &["--wait-max", "1s"])?, 8, "error[G0201]")?;
        let pocket = Pocket::start(Options { port, ..Options::default() }).await?;
        expect(waiting, STARTED, "may start")?;
        drop(pocket);
        Ok(())
    })
}

fn driven_by_another(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let program = program()?;
        stand.seed(3_000).await?;
        let slow = ["--hold", "--windows", "1", "--window-documents", "20"];
        let mut driver = Process::upgrade(&program, stand, &slow)?;
        wait_for(stand, |run| matches!(run.record.state, RunState::Copying { .. })).await?;
        stand.session().order("event-store", |orders| orders.is_paused = true).await?;
        let mut waiting = guard(stand, "2.0", &[])?;
        heard(&waiting, "the run from 1.0 to 2.0 is copying").await?;
        if cfg!(target_os = "linux") {
            let memory = waiting.own_memory().ok_or("the system tells no memory")?;
            assert!(memory <= MEMORY_MAX, "a guard that waits has {memory} bytes of its own");
        }
        // The release of before goes on, whoever restarts it.
        expect(guard(stand, "1.0", &[])?, STARTED, "1.0 is live")?;
        expect(guard(stand, "3.0", &[])?, 1, "error[G0103]")?;
        assert!(!waiting.is_over()?, "it doesn't wait");
        let run = run_status(stand).await?.ok_or("no run")?;
        assert!(run.orders.is_held, "a run that isn't ready was told to switch");
        stand.session().order("event-store", |orders| orders.is_paused = false).await?;
        expect(waiting, STARTED, "2.0 is live")?;
        driver.finish()?;
        let run = run_status(stand).await?.ok_or("no run")?;
        assert_eq!((run.record.state, run.record.driver), (RunState::Switched, 1));
        assert_eq!(stand.check_switched().await?, 3_000);
        stand.clean().await
    })
}

fn two_guards(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        hold(stand).await?;
        let guards = [guard(stand, "2.0", &[])?, guard(stand, "2.0.1", &[])?];
        for guard in guards {
            expect(guard, STARTED, "2.0 is live")?;
        }
        let run = run_status(stand).await?.ok_or("no run")?;
        // The first lease was the one of who held it: a single one came after.
        assert_eq!((&run.record.state, run.record.driver), (&RunState::Switched, 2), "{run:?}");
        assert_eq!(stand.check_switched().await?, 600);
        expect(guard(stand, "1.0", &[])?, 3, "`lockstep rollback`")?;
        // On the way back the old release waits; nobody drives that, so it does.
        let stopping = stand.session_with(|event, stop| {
            if matches!(event, Event::Entered { state: RunState::Returning { .. }, .. }) {
                stop.cancel();
            }
        });
        let stopped = stopping.rollback(&demo_pack()).await;
        assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
        expect(guard(stand, "2.0", &[])?, STARTED, "2.0 is live")?;
        expect(guard(stand, "1.0.5", &[])?, STARTED, "1.0 is live")?;
        let run = run_status(stand).await?.ok_or("no run")?;
        assert_eq!(run.record.state, RunState::Returned);
        expect(guard(stand, "2.0", &[])?, 1, "`lockstep abort`")?;
        stand.session().abort("event-store").await?;
        stand.clean().await
    })
}

fn killed(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        hold(stand).await?;
        let pocket = stand.pocket.as_ref().ok_or("no pocket cluster")?;
        pocket.plan_fault(Fault::new("/_aliases", FaultKind::Slow { ms: 600_000 }));
        let first = guard(stand, "2.0", &[])?;
        wait_for(stand, |run| matches!(run.record.state, RunState::Switching { .. })).await?;
        let second = guard(stand, "2.0", &[])?;
        heard(&second, "the run from 1.0 to 2.0 is switching").await?;
        first.kill()?;
        pocket.clear_faults();
        expect(second, STARTED, "this guard does now")?;
        let run = run_status(stand).await?.ok_or("no run")?;
        assert_eq!((&run.record.state, run.record.driver), (&RunState::Switched, 3), "{run:?}");
        assert_eq!(stand.check_switched().await?, 600);
        stand.clean().await
    })
}

fn auto(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let guards = [guard(stand, "2.0", &["--auto"])?, guard(stand, "2.0", &["--auto"])?];
        for guard in guards {
            expect(guard, STARTED, "2.0 is live")?;
        }
        let run = run_status(stand).await?.ok_or("no run")?;
        assert_eq!((&run.record.state, run.record.driver), (&RunState::Switched, 1), "{run:?}");
        assert_eq!(stand.check_switched().await?, 600);
        stand.clean().await
    })
}

/// A run that holds, and that nobody drives.
async fn hold(stand: &Stand) -> Outcome {
    let stopping = stand.session_with(|event, stop| {
        if matches!(event, Event::Entered { state: RunState::Holding { .. }, .. }) {
            stop.cancel();
        }
    });
    let wish = Wish { is_held: true, ..wish("2.0") };
    match stopping.upgrade(&demo_pack(), &wish).await {
        Err(EngineError::Interrupted) => Ok(()),
        other => Err(format!("it doesn't hold: {other:?}").into()),
    }
}

/// Waits until a guard says something.
async fn heard(guard: &Process, words: &str) -> Outcome {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        if guard.words()?.contains(words) {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err(format!("no word of `{words}`: {}", guard.words()?).into())
}

async fn run_status(stand: &Stand) -> Result<Option<RunStatus>, Trouble> {
    Ok(status(&stand.session().cluster, "event-store").await?.run)
}

async fn wait_for(stand: &Stand, is_there: impl Fn(&RunStatus) -> bool) -> Outcome {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        if run_status(stand).await?.is_some_and(|run| is_there(&run)) {
            return Ok(());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Err(format!("the journal never showed what was waited for: {:?}", run_status(stand).await?)
        .into())
}
