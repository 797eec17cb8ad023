//! A node of a cluster of two dies of SIGKILL while Lockstep works and the application writes: once while documents are
//! copied, when the new set has no replicas and loses shards for good, and once while the run is held, when it has some.
//!
//! It needs two nodes that are processes of their own, so it starts them, where an OpenSearch 3.8.0 is under test anyway.
//! What is not here: a node that comes back with its data, the death of the elected manager (two nodes can't elect another
//! one), a network that parts the nodes, the death of a node within the fence or on the way back.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    path::Path,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lockstep_core::run::state::RunState;
use lockstep_demo::{
    Ledger, Release, SeedOptions, Traffic, TrafficOptions, TrafficReport, check_traffic,
};
use lockstep_engine::{EngineError, report::Event, session::Ending, status::status};
use lockstep_tests::clusters::Cluster;
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, demo_pack, wish},
};

/// The engine that is started, and that tells by being under test that it can be.
const ENGINE: &str = "opensearch-3.8.0";
/// Pairs of ports that are tried, the first one of each; transport is 50 above.
const PORTS: [u16; 5] = [19440, 19442, 19444, 19446, 19448];
/// As in `chaos.rs`, with more to copy.
const SEEDED: SeedOptions = SeedOptions { tenants: 1, documents: 1_200, seed: 1 };
const OPERATIONS_PER_SECOND: u32 = 40;
/// So that a copy takes seconds.
const DOCUMENTS_PER_SECOND: u64 = 250;
/// Documents copied, of 1,200 and what the application writes, when the node dies.
const COPIED_MIN: u64 = 200;
/// For how long anything is waited for.
const WAIT_MAX: Duration = Duration::from_mins(3);
const EXAMPLES: usize = 10;
/// What the oracle finds odd in answers, and isn't: when a primary dies before it answers, the engine itself repeats the write
/// on the copy that takes over, which may have it already. Then an insert finds its own document, a delete doesn't.
const REPEATED: [&str; 2] = [" was there when inserted", " was not there when deleted"];
/// Four writers have one small request each under way, at each of two deaths.
const REPEATED_MAX: usize = 40;

/// Nothing but on the engine that is started.
pub(crate) fn scenarios(cluster: &str) -> Vec<Scenario> {
    let scenario = Scenario {
        name: "a_node_that_dies_loses_nothing",
        load: Load::Whole,
        is_pocket_only: false,
        play: dies,
    };
    if cluster == ENGINE { vec![scenario] } else { Vec::new() }
}

fn dies(runtime: &Runtime, _: &Stand) -> Outcome {
    let nodes = Nodes::start()?;
    runtime.block_on(async {
        let stand = &nodes.stand;
        lockstep_demo::seed(&stand.cluster.url, &SEEDED).await?;
        let replicas = json!({"index.number_of_replicas": 1});
        stand.send("PUT", "/*-v1.0*/_settings", replicas).await?;
        green(stand, "*-v1.0*").await?;
        let options = TrafficOptions {
            operations_per_second: OPERATIONS_PER_SECOND,
            ..TrafficOptions::new(SEEDED)
        };
        let traffic = Traffic::start(&stand.cluster.url, options).await?;
        while_copying(&nodes).await?;
        let ledger = checked(stand, traffic, Release::V1_0).await?;
        nodes.join()?;
        green(stand, "*").await?;
        promote_copies(stand).await?;
        let traffic = Traffic::resume(&stand.cluster.url, ledger).await?;
        while_held(&nodes).await?;
        checked(stand, traffic, Release::V2_0).await.map(drop)
    })
}

/// The node dies in mid-copy and takes shards of the new set along. The run says so and stops; given up, the live set is
/// as if nothing had been.
async fn while_copying(nodes: &Nodes) -> Outcome {
    let stand = &nodes.stand;
    let (pack, wish) = (demo_pack(), wish("2.0"));
    let begun = stand.session_with(|event, stop| {
        if let Event::Entered { state: RunState::Preparing, .. } = event {
            stop.cancel();
        }
    });
    let stopped = begun.upgrade(&pack, &wish).await;
    assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
    let slow = |orders: &mut lockstep_engine::journal::OrdersRecord| {
        orders.documents_per_second_max = Some(DOCUMENTS_PER_SECOND);
    };
    stand.session().order("event-store", slow).await?;
    let session = stand.session();
    let upgrade = session.upgrade(&pack, &wish);
    let kill = async {
        let begun = Instant::now();
        loop {
            let run = status(&stand.session().cluster, "event-store").await?.run.ok_or("no run")?;
            if run.copied.read >= COPIED_MIN {
                assert_eq!(run.record.state.name(), "copying", "{run:?}");
                break;
            }
            assert!(begun.elapsed() < WAIT_MAX, "{run:?}");
            sleep(Duration::from_millis(50)).await;
        }
        let lost = primaries(stand, "*-v2.0*", nodes.name()).await?;
        let live = primaries(stand, "*-v1.0*", nodes.name()).await?;
        assert!(!lost.is_empty() && !live.is_empty(), "nothing is on that node: {lost:?} {live:?}");
        nodes.kill()?;
        Ok::<_, Trouble>(Instant::now())
    };
    let (ended, killed_at) = tokio::join!(upgrade, kill);
    let halted_after = killed_at?.elapsed();
    let Err(EngineError::Halted(problem)) = ended else { return Err(format!("{ended:?}").into()) };
    assert_eq!(problem.code, "R0303", "{problem:?}");
    assert!(problem.hint.contains("`lockstep abort`"), "{problem:?}");
    assert!(halted_after < WAIT_MAX, "{halted_after:?}");
    let ending = stand.session().abort("event-store").await?;
    assert!(matches!(ending, Ending::Aborted { .. }), "{ending:?}");
    assert!(stand.indices("*-v2.0*").await?.is_empty());
    Ok(())
}

/// The node dies while the run is held, after both sets were compared. The same run goes on, compares anew and switches.
async fn while_held(nodes: &Nodes) -> Outcome {
    let stand = &nodes.stand;
    let notices = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&notices);
    let session = stand.session_with(move |event, _| {
        if let Event::Notice { message } = event {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        }
    });
    let (pack, mut hold) = (demo_pack(), wish("2.0"));
    hold.is_held = true;
    let upgrade = session.upgrade(&pack, &hold);
    let kill = async {
        let begun = Instant::now();
        loop {
            let run = status(&stand.session().cluster, "event-store").await?.run;
            if run.as_ref().is_some_and(|run| run.record.state.name() == "holding") {
                break;
            }
            assert!(begun.elapsed() < WAIT_MAX, "{run:?}");
            sleep(Duration::from_millis(200)).await;
        }
        green(stand, "*-v2.0*").await?;
        let lost = primaries(stand, "*-v2.0*", nodes.name()).await?;
        let live = primaries(stand, "*-v1.0*", nodes.name()).await?;
        assert!(!lost.is_empty() && !live.is_empty(), "nothing is on that node: {lost:?} {live:?}");
        nodes.kill()?;
        sleep(Duration::from_secs(1)).await;
        stand.session().order("event-store", |orders| orders.is_held = false).await?;
        Ok::<_, Trouble>(())
    };
    let (ended, killed) = tokio::join!(upgrade, kill);
    killed?;
    let ending = match ended {
        Ok(ending) => ending,
        // A call that the node's death broke: the same command again, as an operator would.
        Err(error) if error.code() == "C0101" => session.upgrade(&pack, &wish("2.0")).await?,
        Err(error) => return Err(error.into()),
    };
    assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
    let notices = notices.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    let reason = "failed since both sets were compared";
    assert!(notices.contains(reason), "{notices}");
    Ok(())
}

/// Stops the traffic and has everything looked at. Gives the ledger to go on with.
async fn checked(stand: &Stand, traffic: Traffic, release: Release) -> Result<Ledger, Trouble> {
    let before = traffic.counts().operations();
    sleep(Duration::from_millis(500)).await;
    let after = traffic.counts().operations();
    let ledger = traffic.stop().await?;
    let mut report = check_traffic(&stand.cluster.url, &ledger, release, EXAMPLES).await?;
    let repeated = report.problems.len();
    report.problems.retain(|problem| !REPEATED.iter().any(|words| problem.contains(words)));
    let repeated = repeated - report.problems.len();
    assert!(repeated <= REPEATED_MAX, "{repeated}, more than a node can have had under way");
    assert!(report.is_clean(), "{release:?}: {report:#?}");
    assert!(after > before, "{release:?}: nothing could be written: {report:#?}");
    let TrafficReport { operations, .. } = report;
    assert!(operations > u64::from(OPERATIONS_PER_SECOND), "{operations}");
    Ok(ledger)
}

/// Waits until every copy of every shard is there.
async fn green(stand: &Stand, indices: &str) -> Outcome {
    let path = format!("/_cluster/health/{indices}?wait_for_status=green&timeout=150s");
    let health = stand.send("GET", &path, Value::Null).await?;
    if health["status"] == "green" { Ok(()) } else { Err(format!("{indices}: {health}").into()) }
}

/// Indices of which a node has primaries.
async fn primaries(stand: &Stand, indices: &str, node: String) -> Result<Vec<String>, Trouble> {
    let path = format!("/_cat/shards/{indices}?format=json&h=index,prirep,node");
    let shards = stand.send("GET", &path, Value::Null).await?;
    let shards = shards.as_array().ok_or_else(|| shards.to_string())?.iter();
    Ok(shards
        .filter(|shard| shard["prirep"] == "p" && shard["node"] == node.as_str())
        .filter_map(|shard| shard["index"].as_str().map(str::to_owned))
        .collect())
}

/// Makes the new node's copies of every other index of the live set primaries: on its own it would have replicas only.
async fn promote_copies(stand: &Stand) -> Outcome {
    let there = primaries(stand, "*-v1.0*", FIRST_NAME.to_owned()).await?;
    let there: BTreeSet<String> = there.into_iter().collect();
    let cancel = |index: &String| json!({"cancel": {"index": index, "shard": 0, "node": FIRST_NAME, "allow_primary": true}});
    let commands: Vec<Value> = there.iter().step_by(2).map(cancel).collect();
    let answer = stand.send("POST", "/_cluster/reroute", json!({"commands": commands})).await?;
    assert_eq!(answer["acknowledged"], true, "{answer}");
    green(stand, "*-v1.0*").await
}

/// What `scripts/engine` calls the first node of a cluster.
const FIRST_NAME: &str = "Node 1";

/// A cluster of two processes. Both are ended when it is dropped.
struct Nodes {
    stand: Stand,
    first: u16,
    second: u16,
}

impl Nodes {
    fn start() -> Result<Self, Trouble> {
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        let first = PORTS
            .into_iter()
            .find(|port| [0, 1, 50, 51].iter().all(|more| is_free(port + more)))
            .ok_or_else(|| format!("no free ports among {PORTS:?}"))?;
        let url = format!("http://127.0.0.1:{first}");
        let stand = Stand::of(Cluster { name: ENGINE.to_owned(), url });
        // From here on whatever was started is ended.
        let nodes = Self { stand, first, second: first + 1 };
        engine(&["start", ENGINE, &first.to_string(), "1g", "1", MEMORY, RECOVERIES])?;
        nodes.join()?;
        Ok(nodes)
    }

    /// Starts the second node, empty, and waits until the first one knows it.
    fn join(&self) -> Outcome {
        let (first, second) = (self.first.to_string(), self.second.to_string());
        engine(&["join", ENGINE, &second, &first, "512m", MEMORY])
    }

    /// The second node's name.
    fn name(&self) -> String {
        format!("Joined {}", self.second)
    }

    /// Ends the second node with SIGKILL.
    fn kill(&self) -> Outcome {
        engine(&["kill", ENGINE, &self.second.to_string()])
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for port in [self.second, self.first] {
            // An error means that it is over already, or can't be helped here. Stopped, it leaves no data in memory.
            drop(engine(&["kill", ENGINE, &port.to_string()]));
            drop(engine(&["stop", ENGINE, &port.to_string()]));
        }
    }
}

/// Garbage is not counted as memory in use, as in `./test`.
const MEMORY: &str = "indices.breaker.total.use_real_memory=false";
/// Copies are made for many shards at the same time: these are small, and a test waits for them.
const RECOVERIES: &str = "cluster.routing.allocation.node_concurrent_recoveries=16";
/// As in `./test`: tests are over before a thorough compilation would pay.
const JAVA_OPTIONS: &str = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

fn engine(arguments: &[&str]) -> Outcome {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/engine");
    let mut command = Command::new(script);
    command.args(arguments);
    if std::env::var_os("ENGINE_JAVA_OPTIONS").is_none() {
        command.env("ENGINE_JAVA_OPTIONS", JAVA_OPTIONS);
    }
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("engine {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
