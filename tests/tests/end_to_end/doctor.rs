//! `lockstep doctor`: what a killed driver left is found, and only what is provably ours is mended.

use std::{process::Command, time::Duration};

use lockstep_core::{plan::schema::OWNER_MARK, run::state::RunState};
use lockstep_engine::{EngineError, report::Event, session::Ending, status::status};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    moment::Moment,
    stand::{Stand, Trouble, demo_pack, program, wish},
    victim::Victim,
};

const APPLICATION: &str = "event-store";
/// A driver that is killed at the fence is killed before it is through; now and then one is faster.
const ATTEMPTS_MAX: u32 = 5;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("the_doctor_lifts_the_fence_of_a_dead_driver", dead_in_the_fence),
        scenario("the_doctor_drops_only_what_a_finished_run_made", half_made),
    ]
}

async fn codes(stand: &Stand) -> Result<Vec<&'static str>, Trouble> {
    let found = stand.session().examine(APPLICATION).await?;
    Ok(found.into_iter().map(|leftover| leftover.code).collect())
}

/// Runs the program; gives its exit code and the events that it told.
fn doctor(stand: &Stand, more: &[&str]) -> Result<(Option<i32>, Vec<Value>), Trouble> {
    let output = Command::new(program()?)
        .args(["doctor", "--application", APPLICATION, "--json", "--cluster", &stand.cluster.url])
        .args(more)
        .output()?;
    let events: Result<Vec<Value>, _> =
        String::from_utf8(output.stdout)?.lines().map(serde_json::from_str).collect();
    Ok((output.status.code(), events?))
}

/// Seeds, and has a driver killed right when it announces the fence.
async fn kill_in_the_fence(stand: &Stand) -> Outcome {
    for _ in 0..ATTEMPTS_MAX {
        stand.seed(600).await?;
        let victim = Victim::start(&program()?, stand)?;
        let at = Moment::Entered { state: "fencing", after: Duration::ZERO };
        victim.live_until(at)?;
        let run = status(&stand.session().cluster, APPLICATION).await?.run.ok_or("no run")?;
        if matches!(run.record.state, RunState::Fencing { .. }) {
            return Ok(());
        }
    }
    Err("no driver was killed within the fence".into())
}

fn dead_in_the_fence(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        kill_in_the_fence(stand).await?;
        // It may have been killed before its block was set: then the request arrives now.
        let old = stand.indices("*-v1.0*").await?;
        for index in &old {
            stand.send("PUT", &format!("/{index}/_block/write"), Value::Null).await?;
        }
        assert_eq!(codes(stand).await?, ["L0201", "L0101", "L0102"]);
        let (code, told) = doctor(stand, &[])?;
        assert_eq!((code, told.len()), (Some(5), 4), "{told:?}");
        let write = async || {
            let body = json!({"name": "Still There"});
            stand.send("PUT", "/acme-profile-v1.0/_doc/writable", body).await
        };
        assert_eq!(write().await?["status"], 403, "looking mends nothing");
        let (code, told) = doctor(stand, &["--mend", "--yes"])?;
        let mended: Vec<&Value> = told.iter().filter(|event| event["event"] == "mended").collect();
        assert_eq!((code, mended.len()), (Some(5), 2), "the run is still under way: {told:?}");
        assert_eq!(write().await?["result"], "created");
        assert_eq!(codes(stand).await?, ["L0102"]);
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        stand.check_switched().await?;
        let (code, told) = doctor(stand, &[])?;
        assert_eq!((code, &told[0]["leftovers"]), (Some(0), &json!(0)), "{told:?}");
        stand.clean().await
    })
}

fn half_made(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let held = stand.session_with(|event, stop| {
            if matches!(event, Event::Entered { state, .. } if state.name() == "holding") {
                stop.cancel();
            }
        });
        let outcome = held.upgrade(&demo_pack(), &wish("2.0")).await;
        assert!(matches!(outcome, Err(EngineError::Interrupted)), "{outcome:?}");
        let run = status(&stand.session().cluster, APPLICATION).await?.run.ok_or("no run")?;
        let make = async |name: &str, mark: &str, aliases: Value| {
            let meta = json!({ OWNER_MARK: mark });
            let body = json!({"mappings": {"_meta": meta}, "aliases": aliases});
            stand.send("PUT", &format!("/acme-{name}"), body).await
        };
        // Of the run that is under way: it may be needed still.
        make("late", &run.record.id, json!({})).await?;
        assert_eq!(codes(stand).await?, ["L0102"]);
        stand.session().abort(APPLICATION).await?;
        make("used", &run.record.id, json!({"somebody": {}})).await?;
        make("strange", "another-run", json!({})).await?;
        assert_eq!(codes(stand).await?, ["L0301", "L0303", "L0302"]);
        // Somebody who isn't asked for it blocks the live set: it can't be told from a block of ours, and stays.
        stand.send("PUT", "/acme-profile-v1.0/_block/write", Value::Null).await?;
        let mended = stand.session().mend(APPLICATION).await?;
        let mended: Vec<&str> = mended.iter().map(|leftover| leftover.subject.as_str()).collect();
        assert_eq!(mended, ["acme-late"]);
        assert_eq!(codes(stand).await?, ["L0203", "L0303", "L0302"]);
        for index in ["acme-used", "acme-strange"] {
            stand.send("DELETE", &format!("/{index}"), Value::Null).await?;
        }
        stand.clean().await
    })
}
