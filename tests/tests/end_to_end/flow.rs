//! After the switch a worker carries what is written on the new set to the old one, until it isn't wanted any more.

use std::time::{Duration, Instant};

use lockstep_core::run::state::RunState;
use lockstep_demo::{Release, SeedOptions, Traffic, TrafficOptions, check_traffic};
use lockstep_engine::{
    EngineError, report::Event, session::Ending, stage::flow_back::WayBackStatus, status::status,
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Load, Outcome, Scenario,
    process::Process,
    stand::{Stand, TENANTS, Trouble, demo_pack, program, wish},
};

/// How long the way back may take to show what is waited for.
const WAIT_MAX: Duration = Duration::from_mins(2);

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("what_is_written_after_the_switch_flows_back", single_writes),
        scenario("a_document_that_cannot_go_back_stops_only_itself", rejected),
        scenario("an_old_set_that_was_left_open_is_blocked_again", left_open),
        scenario("who_missed_the_switch_is_never_let_in_to_be_lost", stragglers),
        Scenario {
            load: Load::Heavy,
            ..scenario("a_rollback_after_a_flow_under_live_writes_is_quick", under_traffic)
        },
    ]
}

async fn switched(stand: &Stand) -> Outcome {
    stand.seed(600).await?;
    for id in ["kept", "changed", "deleted"] {
        let body = json!({"name": format!("Old {id}"), "newsletter": "true"});
        stand.send("PUT", &format!("/acme-profile-v1.0/_doc/{id}"), body).await?;
    }
    let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
    assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
    Ok(())
}

async fn way_back(stand: &Stand) -> Result<WayBackStatus, Trouble> {
    let run = status(&stand.session().cluster, "event-store").await?.run.ok_or("no run")?;
    Ok(run.way_back.ok_or_else(|| format!("{:?} has no way back", run.record.state))?)
}

/// A profile of release 2.0, written as the application does.
async fn profile(stand: &Stand, id: &str, first: &str) -> Outcome {
    let body = json!({"first_name": first, "last_name": "Back", "newsletter": true});
    let put = stand.send("PUT", &format!("/acme-profile/_doc/{id}"), body).await?;
    assert!(put["result"].is_string(), "{put}");
    Ok(())
}

/// The name that the old set has of a profile.
async fn old_name(stand: &Stand, id: &str) -> Result<Option<String>, Trouble> {
    let path = format!("/acme-profile-v1.0/_doc/{id}");
    let found = stand.send("GET", &path, Value::Null).await?;
    Ok(found["_source"]["name"].as_str().map(str::to_owned))
}

/// Whether the old set refuses what isn't Lockstep's.
async fn is_blocked(stand: &Stand) -> Result<bool, Trouble> {
    let put = stand.send("PUT", "/acme-profile-v1.0/_doc/stray", json!({"name": "S Tray"})).await?;
    Ok(put["status"] == 403)
}

fn work_once(stand: &Stand) -> Outcome {
    Process::worker(&program()?, stand, &["--once"])?.finish()
}

fn single_writes(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        switched(stand).await?;
        assert_eq!(way_back(stand).await?.behind, Some(0));
        profile(stand, "changed", "New").await?;
        profile(stand, "fresh", "Fresh").await?;
        stand.send("DELETE", "/acme-profile/_doc/deleted", Value::Null).await?;
        assert!(way_back(stand).await?.behind >= Some(3));
        work_once(stand)?;
        let cases = [
            ("kept", Some("Old kept")),
            ("changed", Some("New Back")),
            ("fresh", Some("Fresh Back")),
            ("deleted", None),
        ];
        for (id, expected) in cases {
            assert_eq!(old_name(stand, id).await?.as_deref(), expected, "{id}");
        }
        let found = way_back(stand).await?;
        let flow = found.flow.ok_or("nothing flowed")?;
        assert_eq!((found.behind, flow.is_open, flow.deleted), (Some(0), false, 1), "{flow:?}");
        assert!(is_blocked(stand).await?, "the old set takes writes");
        // A rollback finds nothing left; after it the old set is the live one, and nothing flows any more.
        let ending = stand.session().rollback(&demo_pack()).await?;
        assert!(matches!(ending, Ending::Returned { .. }), "{ending:?}");
        work_once(stand)?;
        assert!(!is_blocked(stand).await?, "a worker blocked the live set");
        stand.clean().await
    })
}

fn rejected(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        switched(stand).await?;
        // Its customer is no number, as it was in the release before.
        let odd = json!({"customer": "somebody", "total": 1});
        let put = stand.send("PUT", "/acme-order/_doc/odd", odd).await?;
        assert!(put["result"].is_string(), "{put}");
        profile(stand, "fresh", "Fresh").await?;
        work_once(stand)?;
        assert_eq!(old_name(stand, "fresh").await?.as_deref(), Some("Fresh Back"));
        let flow = way_back(stand).await?.flow.ok_or("nothing flowed")?;
        assert_eq!(flow.rejected.len(), 1, "{flow:?}");
        assert_eq!(flow.rejected[0].document.id, "odd", "{flow:?}");
        assert!(flow.stuck.is_none() && !flow.is_open, "{flow:?}");
        // A rollback tells it before anything is fenced.
        let meddler = stand.session_with(|event, _| {
            let Event::Entered { state, .. } = event else { return };
            assert!(!matches!(state, RunState::ReturnFencing { .. }), "it was fenced");
        });
        let Err(EngineError::Halted(problem)) = meddler.rollback(&demo_pack()).await else {
            return Err("it went back without the document".into());
        };
        assert_eq!((problem.code.as_str(), problem.documents[0].id.as_str()), ("R0201", "odd"));
        stand.session().abort("event-store").await?;
        // Mended, it goes back by itself.
        let mended = json!({"customer": "7", "total": 1});
        let put = stand.send("PUT", "/acme-order/_doc/odd", mended).await?;
        assert!(put["result"].is_string(), "{put}");
        work_once(stand)?;
        let old = stand.send("GET", "/acme-order-v1.0/_doc/odd", Value::Null).await?;
        assert_eq!(old["_source"]["customer_id"], 7, "{old}");
        let flow = way_back(stand).await?.flow.ok_or("nothing flowed")?;
        assert!(flow.rejected.is_empty(), "{flow:?}");
        let ending = stand.session().rollback(&demo_pack()).await?;
        assert!(matches!(ending, Ending::Returned { .. }), "{ending:?}");
        stand.clean().await
    })
}

fn left_open(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        switched(stand).await?;
        profile(stand, "fresh", "Fresh").await?;
        work_once(stand)?;
        open_as_if_killed(stand).await?;
        assert!(!is_blocked(stand).await?);
        work_once(stand)?;
        assert!(is_blocked(stand).await?, "the next worker left it open");
        open_as_if_killed(stand).await?;
        // Since the last pass somebody wants more copies of it: that isn't Lockstep's to give back.
        let copies = json!({"index.number_of_replicas": 2});
        stand.send("PUT", "/acme-profile-v1.0/_settings", copies).await?;
        stand.session().finalize("event-store").await?;
        assert!(is_blocked(stand).await?, "finalize left it open");
        let path = "/acme-profile-v1.0/_settings?flat_settings=true";
        let found = stand.send("GET", path, Value::Null).await?;
        let settings = &found["acme-profile-v1.0"]["settings"];
        assert_eq!(settings["index.number_of_replicas"], "2", "{settings}");
        // After finalize nothing flows.
        profile(stand, "late", "Late").await?;
        work_once(stand)?;
        assert_eq!(old_name(stand, "late").await?, None);
        stand.clean().await
    })
}

/// Leaves behind what a worker does that is killed within a pass: the record says open, and the block is lifted.
async fn open_as_if_killed(stand: &Stand) -> Outcome {
    let run = status(&stand.session().cluster, "event-store").await?.run.ok_or("no run")?;
    let path = format!("/lockstep-journal/_doc/flow:{}", run.record.id);
    let mut found = stand.send("GET", &path, Value::Null).await?;
    found["_source"]["body"]["is_open"] = json!(true);
    stand.send("PUT", &path, found["_source"].take()).await?;
    let open = json!({"index.blocks.write": false});
    stand.send("PUT", "/acme-profile-v1.0/_settings", open).await?;
    Ok(())
}

/// Somebody still writes to the old set by its name, all through the flow and the way back: what is acknowledged to him must
/// be there in the end.
fn stragglers(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        switched(stand).await?;
        let before = copy_rules(stand).await?;
        let is_over = CancellationToken::new();
        let kinds = ["index", "replace", "delete"];
        let mut writers = JoinSet::new();
        for kind in kinds {
            writers.spawn(straggle(stand.cluster.url.clone(), kind, is_over.clone()));
        }
        let returned = there_and_back(stand).await;
        is_over.cancel();
        assert!(matches!(returned?, Ending::Returned { .. }));
        while let Some(writer) = writers.join_next().await {
            let (kind, done) = writer??;
            // Once the old set is the live one, he is let in.
            assert!(!done.is_empty(), "{kind}: never let in");
            for id in done {
                let expected = (kind != "delete").then(|| format!("Straggler {kind}"));
                assert_eq!(old_name(stand, &id).await?, expected, "{id}, after {kind}");
            }
        }
        assert_eq!(copy_rules(stand).await?, before, "the old set's settings");
        stand.clean().await
    })
}

/// Has writes flow back twice, goes back, and lets the others go on for a moment after that.
async fn there_and_back(stand: &Stand) -> Result<Ending, Trouble> {
    for pass in 0..2 {
        for id in 0..20 {
            profile(stand, &format!("fresh-{id}"), &format!("Fresh {pass}")).await?;
        }
        let mut worker = Process::worker(&program()?, stand, &["--once"])?;
        while !worker.is_over()? {
            sleep(Duration::from_millis(20)).await;
        }
        worker.finish()?;
    }
    profile(stand, "last", "Last").await?;
    let ending = stand.session().rollback(&demo_pack()).await?;
    sleep(Duration::from_millis(300)).await;
    Ok(ending)
}

/// Writes one document after the other to the old set until told to stop; gives those that were acknowledged.
async fn straggle(
    url: String,
    kind: &'static str,
    is_over: CancellationToken,
) -> Result<(&'static str, Vec<String>), Trouble> {
    let client = reqwest::Client::new();
    let mut done = Vec::new();
    let mut number = 0;
    while !is_over.is_cancelled() {
        // Documents that are there are what replacing and deleting is about.
        let id = match kind {
            "index" => format!("straggler-{number}"),
            "replace" => "kept".to_owned(),
            _ => "changed".to_owned(),
        };
        number += 1;
        let index = format!("{url}/acme-profile-v1.0/_doc/{id}?timeout=100ms");
        let body = json!({"name": format!("Straggler {kind}"), "newsletter": "true"});
        let request = match kind {
            "delete" => client.delete(index),
            _ => {
                client.put(index).header("content-type", "application/json").body(body.to_string())
            }
        };
        let status = request.send().await?.status();
        if status.is_success() {
            done.push(id);
        }
        assert!(
            status.is_success() || matches!(status.as_u16(), 403 | 404 | 503),
            "{kind}: {status}"
        );
        sleep(Duration::from_millis(2)).await;
    }
    Ok((kind, done))
}

/// The settings that a guard replaces, of all old indices.
async fn copy_rules(stand: &Stand) -> Result<Value, Trouble> {
    let path = "/*-v1.0*/_settings/index.number_of_replicas,index.auto_expand_replicas,index.write.wait_for_active_shards,index.routing.allocation.enable?flat_settings=true";
    stand.send("GET", path, Value::Null).await
}

fn under_traffic(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let program = program()?;
        let seed = SeedOptions { tenants: TENANTS, documents: 2_000, seed: 1 };
        stand.seed(seed.documents).await?;
        let mut options = TrafficOptions::new(seed);
        options.operations_per_second = if stand.pocket.is_some() { 400 } else { 60 };
        let traffic = Traffic::start(&stand.cluster.url, options).await?;
        sleep(Duration::from_millis(300)).await;
        let switched = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        let mut workers: Vec<Process> =
            (0..2).map(|_| Process::worker(&program, stand, &[])).collect::<Result<_, _>>()?;
        let flowed = wait_for_flow(stand).await;
        let begun = Instant::now();
        let returned = stand.session().rollback(&demo_pack()).await;
        let took = begun.elapsed();
        sleep(Duration::from_millis(500)).await;
        let ledger = traffic.stop().await?;
        assert!(matches!(switched?, Ending::Switched { .. }));
        flowed?;
        assert!(matches!(returned?, Ending::Returned { .. }));
        let report = check_traffic(&stand.cluster.url, &ledger, Release::V1_0, 10).await?;
        assert!(report.is_clean(), "{report:#?}");
        assert!(took < Duration::from_secs(30), "the lease and the way back took {took:?}");
        for worker in &mut workers {
            assert!(!worker.is_over()?);
            worker.interrupt()?;
            worker.finish()?;
        }
        stand.clean().await
    })
}

/// Waits until some writes and a delete have flowed back, several passes long.
async fn wait_for_flow(stand: &Stand) -> Outcome {
    let begun = Instant::now();
    let mut passes = std::collections::BTreeSet::new();
    let mut last = None;
    while begun.elapsed() < WAIT_MAX {
        last = Some(way_back(stand).await?);
        if let Some(flow) = last.as_ref().and_then(|found| found.flow.as_ref()) {
            assert!(flow.stuck.is_none() && flow.rejected.is_empty(), "{flow:?}");
            passes.insert(flow.at.clone());
            if passes.len() >= 4 && flow.deleted > 0 {
                return Ok(());
            }
        }
        sleep(Duration::from_millis(200)).await;
    }
    Err(format!("nothing flows back: {last:?}").into())
}
