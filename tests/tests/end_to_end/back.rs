//! The way back: after the switch the application goes on writing, and all of it is on the old set again after a rollback.

use std::{process::Command, time::Duration};

use lockstep_core::{pack::model::Pack, run::state::RunState};
use lockstep_demo::{CheckOptions, Release, SeedOptions, Traffic, TrafficOptions, check_traffic};
use lockstep_engine::{EngineError, Session, report::Event, session::Ending, status::status};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, TENANTS, Trouble, demo_pack, meddle, program, wish},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("what_was_written_after_the_switch_goes_back", single_writes),
        Scenario {
            load: Load::Heavy,
            ..scenario("a_rollback_under_live_writes_loses_nothing", under_traffic)
        },
        Scenario {
            load: Load::Heavy,
            ..scenario("the_demo_command_goes_back_as_well", demo_command)
        },
        scenario("a_rollback_that_is_given_up_stays_on_the_new_set", given_up),
        scenario("after_finalize_there_is_no_way_back", finalized),
        scenario("an_index_of_the_new_set_only_stops_the_rollback", new_month),
    ]
}

async fn switched(stand: &Stand, documents: u64) -> Outcome {
    stand.seed(documents).await?;
    let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
    assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
    Ok(())
}

async fn state(stand: &Stand) -> Result<RunState, Trouble> {
    let run = status(&stand.session().cluster, "event-store").await?.run;
    Ok(run.ok_or("no run")?.record.state)
}

/// A profile of release 2.0.
async fn profile(stand: &Stand, id: &str, first: &str) -> Outcome {
    let body = json!({"first_name": first, "last_name": "Back", "newsletter": true});
    let put = stand.send("PUT", &format!("/acme-profile/_doc/{id}"), body).await?;
    assert!(put["result"].is_string(), "{put}");
    Ok(())
}

fn single_writes(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        for id in ["kept", "changed", "deleted", "deleted-and-back"] {
            let body = json!({"name": format!("Old {id}"), "newsletter": "true", "attributes": {"exact": 1.50}});
            stand.send("PUT", &format!("/acme-profile-v1.0/_doc/{id}"), body).await?;
        }
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        profile(stand, "changed", "New").await?;
        profile(stand, "fresh", "Fresh").await?;
        for id in ["deleted", "deleted-and-back"] {
            stand.send("DELETE", &format!("/acme-profile/_doc/{id}"), Value::Null).await?;
        }
        profile(stand, "deleted-and-back", "Again").await?;
        let url = stand.cluster.url.clone();
        let meddler = stand.session_with(move |event, _| {
            // While it goes back, and at the last moment before the block.
            let Event::Entered { state, .. } = event else { return };
            if matches!(state.name(), "returning" | "return fencing") {
                let id = state.name().replace(' ', "-");
                let body = json!({"first_name": id, "last_name": "Back", "newsletter": true});
                meddle("PUT", format!("{url}/acme-profile-v2.0/_doc/{id}"), body);
                meddle("DELETE", format!("{url}/acme-profile-v2.0/_doc/fresh"), Value::Null);
                let body = json!({"first_name": "Fresh", "last_name": id, "newsletter": true});
                meddle("PUT", format!("{url}/acme-profile-v2.0/_doc/fresh"), body);
            }
        });
        let ending = meddler.rollback(&demo_pack()).await?;
        assert!(
            matches!(&ending, Ending::Returned { run, .. } if run.back.is_some()),
            "{ending:?}"
        );
        let name = async |id: &str| {
            let found = stand.send("GET", &format!("/acme-profile/_doc/{id}"), Value::Null).await?;
            assert!(!found["_index"].as_str().unwrap_or_default().contains("2.0"), "{found}");
            Ok::<_, Trouble>(found["_source"]["name"].as_str().map(str::to_owned))
        };
        let cases = [
            ("kept", Some("Old kept")),
            ("changed", Some("New Back")),
            ("fresh", Some("Fresh return-fencing")),
            ("deleted", None),
            ("deleted-and-back", Some("Again Back")),
            ("returning", Some("returning Back")),
            ("return-fencing", Some("return-fencing Back")),
        ];
        for (id, expected) in cases {
            assert_eq!(name(id).await?.as_deref(), expected, "{id}");
        }
        // What nobody touched is as it was, to the byte.
        let kept = stand.send("GET", "/acme-profile/_doc/kept", Value::Null).await?;
        assert_eq!((&kept["_version"], &kept["_source"]["attributes"]["exact"]), (&json!(1), &json!(1.5)));
        // The old set takes writes, the new one doesn't; given up, its indices are gone, and another try begins anew.
        let old =
            stand.send("PUT", "/acme-profile-v1.0/_doc/late", json!({"name": "La Te"})).await?;
        assert_eq!(old["result"], "created", "{old}");
        let new = stand.send("PUT", "/acme-profile-v2.0/_doc/late", json!({})).await?;
        assert_eq!(new["status"], 403, "{new}");
        let again = stand.session().rollback(&demo_pack()).await;
        assert!(matches!(again, Err(EngineError::NotSwitched { .. })), "{again:?}");
        stand.session().abort("event-store").await?;
        assert!(stand.indices("*-v2.0*").await?.is_empty());
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        stand.check_switched().await?;
        stand.clean().await
    })
}

fn under_traffic(runtime: &Runtime, stand: &Stand) -> Outcome {
    let rate = if stand.pocket.is_some() { 1_200 } else { 80 };
    runtime.block_on(there_and_back(stand, (&stand.session(), &demo_pack()), rate))
}

/// Goes to 2.0 and back while the application writes so often a second, and asserts that nothing is lost.
pub(crate) async fn there_and_back(
    stand: &Stand,
    (session, pack): (&Session, &Pack),
    operations_per_second: u32,
) -> Outcome {
    let seed = SeedOptions { tenants: TENANTS, documents: 2_000, seed: 1 };
    stand.seed(seed.documents).await?;
    let options = TrafficOptions { operations_per_second, ..TrafficOptions::new(seed) };
    let traffic = Traffic::start(&stand.cluster.url, options).await?;
    sleep(Duration::from_millis(300)).await;
    let switched = session.upgrade(pack, &wish("2.0")).await;
    sleep(Duration::from_secs(1)).await;
    let returned = session.rollback(pack).await;
    sleep(Duration::from_millis(500)).await;
    let ledger = traffic.stop().await?;
    assert!(matches!(switched?, Ending::Switched { .. }));
    assert!(matches!(returned?, Ending::Returned { .. }));
    let report = check_traffic(&stand.cluster.url, &ledger, Release::V1_0, 10).await?;
    assert!(report.is_clean(), "{report:#?}");
    assert!(report.operations > 100, "{report:#?}");
    stand.clean().await
}

fn demo_command(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(stand.clean())?;
    let rate = if stand.pocket.is_some() { "800" } else { "60" };
    let arguments = ["demo", "--rollback", "--json", "--tenants", "3", "--documents", "1500"];
    let output = Command::new(program()?)
        .args(arguments)
        .args(["--operations-per-second", rate, "--cluster", &stand.cluster.url])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}");
    let last: Value = serde_json::from_str(text.lines().last().ok_or("no output")?)?;
    for nothing in ["lost", "resurrected", "differing", "extra", "split_observations"] {
        assert_eq!(last[nothing], 0, "{last}");
    }
    assert!(last["operations"].as_u64() > Some(100), "{last}");
    assert!(last["rollback"]["fence_ms"].is_number(), "{last}");
    assert!(runtime.block_on(stand.indices("acme-*"))?.is_empty());
    Ok(())
}

fn given_up(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        switched(stand, 600).await?;
        // A document that can't go back: its customer is no number.
        let order = json!({"customer": "somebody", "total": 1});
        let put = stand.send("PUT", "/acme-order/_doc/odd", order).await?;
        assert!(put["result"].is_string(), "{put}");
        let stuck = stand.session().rollback(&demo_pack()).await;
        let Err(EngineError::Halted(problem)) = stuck else {
            return Err(format!("{stuck:?}").into());
        };
        assert_eq!((problem.code.as_str(), problem.documents[0].id.as_str()), ("R0201", "odd"));
        // An upgrade doesn't go on with it by mistake.
        let upgrade = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        assert!(matches!(upgrade, Err(EngineError::Returning { .. })), "{upgrade:?}");
        let ending = stand.session().abort("event-store").await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        profile(stand, "stayed", "Stayed").await?;
        let old = stand.send("PUT", "/acme-profile-v1.0/_doc/no", json!({"name": "N O"})).await?;
        assert_eq!(old["status"], 403, "{old}");
        // Once the document is gone it works.
        stand.send("DELETE", "/acme-order/_doc/odd", Value::Null).await?;
        let ending = stand.session().rollback(&demo_pack()).await?;
        assert!(matches!(ending, Ending::Returned { .. }), "{ending:?}");
        let found = stand.send("GET", "/acme-profile/_doc/stayed", Value::Null).await?;
        assert_eq!(found["_source"]["name"], "Stayed Back", "{found}");
        stand.clean().await
    })
}

fn finalized(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let early = stand.session().rollback(&demo_pack()).await;
        assert!(matches!(early, Err(EngineError::NoRun { .. })), "{early:?}");
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        stand.session().finalize("event-store").await?;
        assert_eq!(state(stand).await?, RunState::Finalized);
        stand.session().finalize("event-store").await?;
        let late = stand.session().rollback(&demo_pack()).await;
        assert!(matches!(late, Err(EngineError::NotSwitched { .. })), "{late:?}");
        let options = CheckOptions::default();
        let report = lockstep_demo::check(&stand.cluster.url, &options).await?;
        assert!(report.is_clean(), "{report:?}");
        stand.clean().await
    })
}

fn new_month(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        switched(stand, 600).await?;
        let event = json!({"action": "view", "timestamp": "2031-01-01T00:00:00Z"});
        let put = stand.send("PUT", "/acme-event-v2.0-2031-1/_doc/first", event).await?;
        assert!(put["result"].is_string(), "{put}");
        let stuck = stand.session().rollback(&demo_pack()).await;
        let Err(EngineError::Halted(problem)) = stuck else {
            return Err(format!("{stuck:?}").into());
        };
        assert_eq!(problem.code, "R0701", "{problem:?}");
        profile(stand, "writable", "Still").await?;
        stand.send("DELETE", "/acme-event-v2.0-2031-1", Value::Null).await?;
        let ending = stand.session().rollback(&demo_pack()).await?;
        assert!(matches!(ending, Ending::Returned { .. }), "{ending:?}");
        stand.clean().await
    })
}
