//! A bad network between Lockstep and the cluster: connections are cut before, after and in the middle of an answer,
//! half-closed and stalled, requests arrive late. The application writes all the while, by a way of its own. The same
//! commands are given until they end, there and back, and nothing that was acknowledged may be lost.
//!
//! What is not here: late blocks, settings and alias calls, against which the engines give no guard (`docs/promises.md`);
//! a network that loses the application's own requests.

use std::{io::Write as _, time::Duration};

use lockstep_core::run::state::RunState;
use lockstep_demo::{Release, SeedOptions, Traffic, TrafficOptions, check_traffic};
use lockstep_elastic::{Cluster, Connection, RetryBounds, Timeouts};
use lockstep_engine::{EngineError, Session, report::Event, session::Ending};
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep},
};

use crate::{
    Load, Outcome, Scenario,
    dice::Dice,
    proxy::Proxy,
    stand::{Stand, Trouble, demo_pack, wish},
};

/// How often a command is given.
const COMMANDS_MAX: usize = 40;
/// How often every kind of fault is planned, for each of the two ways.
const ROUNDS: usize = 5;
/// Requests between two faults of a state, at most.
const GAP_MAX: u64 = 12;
/// Faults that one state gets, at most.
const SHARE: usize = 4;
/// How long the client waits for an answer: so short that a stall costs little, so long that a busy engine keeps it.
const ANSWER_TIME: Duration = Duration::from_secs(3);
/// The pocket cluster answers at once.
const ANSWER_TIME_POCKET: Duration = Duration::from_secs(1);
/// As in `chaos.rs`: little data, so that the time goes into faults.
const SEEDED: SeedOptions = SeedOptions { tenants: 2, documents: 1_000, seed: 1 };
const OPERATIONS_PER_SECOND: u32 = 80;
const EXAMPLES: usize = 10;
/// What a command does before it announces a state.
const BEFORE: &str = "taking up";

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Heavy, is_pocket_only: false, play };
    vec![
        scenario("a_bad_network_loses_nothing", patient),
        Scenario {
            is_pocket_only: true,
            ..scenario("a_bad_network_loses_nothing_without_repetition", impatient)
        },
    ]
}

/// Repeats as the program does, but with shorter waits.
fn patient(runtime: &Runtime, stand: &Stand) -> Outcome {
    let retry = RetryBounds {
        wait_first: Duration::from_millis(20),
        wait_max: Duration::from_millis(200),
        ..RetryBounds::default()
    };
    runtime.block_on(there_and_back(stand, retry))
}

/// Gives up after one attempt, so that every fault ends a command or is settled by looking.
fn impatient(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(there_and_back(stand, RetryBounds::once()))
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

async fn there_and_back(stand: &Stand, retry: RetryBounds) -> Outcome {
    stand.clean().await?;
    lockstep_demo::seed(&stand.cluster.url, &SEEDED).await?;
    let options = TrafficOptions {
        operations_per_second: OPERATIONS_PER_SECOND,
        ..TrafficOptions::new(SEEDED)
    };
    let mut traffic = Traffic::start(&stand.cluster.url, options).await?;
    let ways = [
        (Way::There, Release::V2_0, ["copying", "verifying", "fencing"]),
        (Way::Back, Release::V1_0, [BEFORE, "returning", "return fencing"]),
    ];
    for (way, release, states) in ways {
        let proxy =
            Proxy::start(&stand.cluster.url, Dice::named(&format!("{way:?} {retry:?}"))).await?;
        proxy.plan(ROUNDS, GAP_MAX, SHARE);
        let begun = Instant::now();
        let errors = give_until_done(stand, &proxy, retry, way)
            .await
            .map_err(|error| format!("{way:?}: {error}; dealt:\n{}", proxy.dealt()))?;
        sleep(Duration::from_millis(500)).await;
        let ledger = traffic.stop().await?;
        let report = check_traffic(&stand.cluster.url, &ledger, release, EXAMPLES).await?;
        let table = proxy.table();
        assert!(report.is_clean(), "{way:?}: {report:#?}\n{errors:?}\n{}", proxy.dealt());
        let complaints = proxy.complaints(&states);
        assert!(complaints.is_empty(), "{way:?}: {complaints:?}, {table}");
        tell(stand, way, &format!("{} errors, {:?}, {table}", errors.len(), begun.elapsed()))?;
        traffic = Traffic::resume(&stand.cluster.url, ledger).await?;
    }
    traffic.stop().await?;
    stand.clean().await
}

/// Tells which faults were dealt in which state, where this is set.
const TABLE_VARIABLE: &str = "LOCKSTEP_FAULT_TABLE";

fn tell(stand: &Stand, way: Way, words: &str) -> Outcome {
    if std::env::var_os(TABLE_VARIABLE).is_some() {
        writeln!(std::io::stderr(), "{} {way:?}: {words}", stand.cluster.name)?;
    }
    Ok(())
}

/// Gives the command until it is done. Gives the errors that it ended with before.
async fn give_until_done(
    stand: &Stand,
    proxy: &Proxy,
    retry: RetryBounds,
    way: Way,
) -> Result<Vec<String>, Trouble> {
    let mut errors = Vec::new();
    let note = proxy.noter();
    for _ in 0..COMMANDS_MAX {
        note(BEFORE);
        let session = session(stand, proxy, retry)?;
        let ended = match way {
            Way::There => session.upgrade(&demo_pack(), &wish("2.0")).await,
            Way::Back => session.rollback(&demo_pack()).await,
        };
        match ended {
            Ok(Ending::Switched { .. } | Ending::Minor { .. }) if way == Way::There => {
                return Ok(errors);
            }
            // Done, or done before although its answer was lost.
            Ok(Ending::Returned { .. }) | Err(EngineError::NotSwitched { state: "returned" })
                if way == Way::Back =>
            {
                return Ok(errors);
            }
            Ok(other) => return Err(format!("{other:?}, after {errors:?}").into()),
            Err(error) => {
                let told = format!("{} {error}", error.code());
                if !may_be_repeated(&error) {
                    return Err(format!("{told}, after {errors:#?}").into());
                }
                errors.push(told);
            }
        }
    }
    Err(format!("not done after {COMMANDS_MAX} commands: {errors:#?}").into())
}

/// Whether an operator would give the same command again: no answer, or the lease of the command before is still held.
fn may_be_repeated(error: &EngineError) -> bool {
    matches!(error.code().as_str(), "C0101" | "J0201" | "J0202")
}

/// Somebody who reaches the cluster through the proxy, and doesn't wait for long.
fn session(stand: &Stand, proxy: &Proxy, retry: RetryBounds) -> Result<Session, Trouble> {
    let time = if stand.pocket.is_some() { ANSWER_TIME_POCKET } else { ANSWER_TIME };
    let timeouts = Timeouts { connect: time, request: time, transfer: time };
    let connection = Connection::parse(&proxy.url)?.with_retry(retry).with_timeouts(timeouts);
    let note = proxy.noter();
    let listening = stand.session_with(move |event, _| {
        if let Event::Entered { state, .. } = event {
            note(RunState::name(state));
        }
    });
    Ok(Session { cluster: Cluster::new(connection)?, ..listening })
}
