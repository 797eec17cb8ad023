//! The real program is killed with SIGKILL, and the same command goes on.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lockstep_core::run::state::RunState;
use lockstep_engine::status::{RunStatus, status};
use serde_json::Value;
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, program},
};

/// On the fastest machine copying takes seconds so.
const SLOW: [&str; 6] =
    ["--windows", "1", "--window-documents", "20", "--max-docs-per-second", "1500"];
const DOCUMENTS: u64 = 12_000;
/// How long a driver's requests may still arrive after its death, less what a look takes.
const QUIET_TIME: Duration = Duration::from_secs(11);
/// How long the journal may take to show what is waited for.
const WAIT_MAX: Duration = Duration::from_mins(3);

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("killed_in_the_copy_it_goes_on_where_it_was", killed_in_copy),
        scenario("killed_again_and_again_it_ends_switched", killed_again_and_again),
    ]
}

fn killed_in_copy(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let mut first = Driver::start(stand, &SLOW)?;
        let copied = wait_for(stand, &mut first, |run| {
            matches!(run.record.state, RunState::Copying { .. }) && run.copied.read > 0
        })
        .await?;
        first.kill()?;
        let run = run_status(stand).await?.ok_or("no run after the kill")?;
        assert!(matches!(run.record.state, RunState::Copying { round: 1 }), "{run:?}");
        assert!(run.copied.read >= copied.copied.read && run.copied.read < DOCUMENTS, "{run:?}");
        let second = Instant::now();
        let events = Driver::start(stand, &["--max-docs-per-second", "1000000"])?.finish()?;
        // The first one's last requests could have come behind an earlier gate.
        assert!(second.elapsed() >= QUIET_TIME, "over in {:?}", second.elapsed());
        let begun = events
            .iter()
            .find(|event| event["event"] == "progress" && event["stage"] == "copying")
            .ok_or("no progress was told")?;
        assert!(begun["done"].as_u64() >= Some(run.copied.read), "copied again from zero: {begun}");
        assert_eq!(stand.check_switched().await?, DOCUMENTS);
        stand.clean().await
    })
}

fn killed_again_and_again(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(DOCUMENTS / 2).await?;
        let mut killed = 0_u32;
        for moment in [120, 250, 400, 600, 900, 1_300, 1_800, 2_500] {
            let mut driver = Driver::start(stand, &SLOW)?;
            sleep(Duration::from_millis(moment)).await;
            if driver.is_over()? {
                break;
            }
            driver.kill()?;
            killed += 1;
        }
        assert!(killed > 0, "the first run was over before it could be killed");
        Driver::start(stand, &["--max-docs-per-second", "1000000"])?.finish()?;
        assert_eq!(stand.check_switched().await?, DOCUMENTS / 2);
        stand.clean().await
    })
}

async fn run_status(stand: &Stand) -> Result<Option<RunStatus>, Trouble> {
    Ok(status(&stand.session().cluster, "event-store").await?.run)
}

async fn wait_for(
    stand: &Stand,
    driver: &mut Driver,
    is_there: impl Fn(&RunStatus) -> bool,
) -> Result<RunStatus, Trouble> {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        if let Some(run) = run_status(stand).await?
            && is_there(&run)
        {
            return Ok(run);
        }
        if driver.is_over()? {
            return Err("the run was over before it could be killed".into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err("the journal never showed what was waited for".into())
}

/// `lockstep upgrade` as a process. It is ended when it is dropped.
pub(crate) struct Driver {
    child: Child,
}

impl Driver {
    pub(crate) fn start(stand: &Stand, more: &[&str]) -> Result<Self, Trouble> {
        let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pack");
        let child = Command::new(program()?)
            .args(["upgrade", "--to", "2.0", "--json", "--cluster", &stand.cluster.url, "--pack"])
            .arg(pack)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }

    pub(crate) fn is_over(&mut self) -> Result<bool, Trouble> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// SIGKILL: the process can't do anything about it.
    pub(crate) fn kill(mut self) -> Result<(), Trouble> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits for a good end, and gives what was told.
    fn finish(mut self) -> Result<Vec<Value>, Trouble> {
        let output = self.child.stdout.take().ok_or("no output")?;
        let mut events = Vec::new();
        for line in BufReader::new(output).lines() {
            events.push(serde_json::from_str(&line?)?);
        }
        let status = self.child.wait()?;
        if status.success() {
            Ok(events)
        } else {
            Err(format!("{status}: {:?}", events.last()).into())
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // An error means that it is over already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
