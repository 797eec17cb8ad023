//! The demo application is upgraded from 1.0 to 2.0, and an independent checker looks at both sets.

use std::{
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use lockstep_core::run::state::RunState;
use lockstep_engine::{EngineError, report::Event, session::Ending, status::status};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, demo_pack, meddle, program, wish},
};

const DOCUMENTS: u64 = 4_000;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("demo_is_upgraded_in_one_fused_pass", upgraded),
        scenario("repeating_a_finished_upgrade_changes_nothing", repeated),
        scenario("a_stopped_upgrade_goes_on_where_it_was", stopped),
        scenario("writes_during_the_run_are_carried", written_meanwhile),
        scenario("two_drivers_make_one_switch", two_drivers),
        Scenario {
            load: Load::Heavy,
            ..scenario("the_demo_command_ends_with_nothing_differing", demo_command)
        },
    ]
}

fn upgraded(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        let Ending::Switched { plan, run } = ending else {
            return Err(format!("{ending:?}").into());
        };
        assert_eq!(plan.chain.len(), 3);
        assert!(run.switch.is_some());
        assert_eq!(stand.check_switched().await?, DOCUMENTS);
        let (_, verdict) = stand.session().verify("event-store").await?;
        assert!(verdict.difference.is_empty(), "{verdict:?}");
        // The old set stays, closed for writes.
        let refused =
            stand.send("POST", "/acme-profile-v1.0/_doc", json!({"name": "late"})).await?;
        assert_eq!(refused["status"], 403, "{refused}");
        stand.clean().await
    })
}

fn repeated(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        let before = stand.send("GET", "/acme-*/_stats/docs?level=shards", Value::Null).await?;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Minor { .. }), "{ending:?}");
        let after = stand.send("GET", "/acme-*/_stats/docs?level=shards", Value::Null).await?;
        let positions = |stats: &Value| {
            stats["indices"].as_object().map(|indices| {
                indices
                    .iter()
                    .map(|(name, index)| {
                        (
                            name.clone(),
                            index["uuid"].clone(),
                            index["shards"]["0"][0]["seq_no"].clone(),
                        )
                    })
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(positions(&before), positions(&after));
        assert!(positions(&before).is_some_and(|positions| positions.len() > 10));
        stand.clean().await
    })
}

fn stopped(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let half = stand.session_with(|event, stop| {
            if let Event::Progress(progress) = event
                && progress.stage == "copying"
                && progress.done > 0
            {
                stop.cancel();
            }
        });
        // With one window at a time the first progress is told long before the end.
        let mut slow = wish("2.0");
        slow.limits.windows_in_flight = 1;
        slow.limits.window_width_max = 20;
        let stopped = half.upgrade(&demo_pack(), &slow).await;
        assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
        let status = status(&stand.session().cluster, "event-store").await?;
        let run = status.run.ok_or("no run in the journal")?;
        assert!(matches!(run.record.state, RunState::Copying { round: 1 }), "{run:?}");
        assert!(run.copied.read > 0 && run.copied.read < DOCUMENTS, "{run:?}");
        // The first thing the second run tells is what the first one copied.
        let first_told = Arc::new(Mutex::new(None));
        let told = Arc::clone(&first_told);
        let rest = stand.session_with(move |event, _| {
            if let Event::Progress(progress) = event
                && progress.stage == "copying"
            {
                let mut first = told.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(progress.done);
            }
        });
        let ending = rest.upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }));
        let first = *first_told.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(first >= Some(run.copied.read), "{first:?}");
        assert_eq!(stand.check_switched().await?, DOCUMENTS);
        stand.clean().await
    })
}

fn written_meanwhile(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        let writer = stand.session_with(move |event, _| {
            // Before and after the comparison, and right before the fence.
            let Event::Entered { state, .. } = event else { return };
            if matches!(state.name(), "verifying" | "holding" | "fencing") {
                let name = state.name();
                let body = json!({"name": format!("Late {name}"), "newsletter": "true"});
                meddle("PUT", format!("{url}/acme-profile/_doc/late-{name}"), body);
            }
        });
        let ending = writer.upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }));
        assert_eq!(stand.check_switched().await?, 603);
        let late = stand.send("GET", "/acme-profile/_doc/late-fencing", Value::Null).await?;
        assert_eq!(late["_source"]["last_name"], "fencing", "{late}");
        stand.clean().await
    })
}

fn two_drivers(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let (pack, wish) = (demo_pack(), wish("2.0"));
        let (one, two) = (stand.session(), stand.session());
        let outcomes = tokio::join!(one.upgrade(&pack, &wish), two.upgrade(&pack, &wish));
        let driven = |outcome: &Result<Ending, EngineError>| {
            matches!(outcome, Err(EngineError::Driven { .. }))
        };
        let ended = |outcome: &Result<Ending, EngineError>| outcome.is_ok();
        let fine = (ended(&outcomes.0) && (driven(&outcomes.1) || ended(&outcomes.1)))
            || (driven(&outcomes.0) && ended(&outcomes.1));
        assert!(fine, "{outcomes:?}");
        assert_eq!(stand.check_switched().await?, DOCUMENTS);
        stand.clean().await
    })
}

fn demo_command(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(stand.clean())?;
    // Every index with deletes costs time within the fence, and a real engine shares the machine with others.
    let rate = if stand.pocket.is_some() { "200" } else { "50" };
    let size = ["--tenants", "5", "--documents", "5000", "--operations-per-second", rate];
    let mut command = Command::new(program()?);
    command.args(["demo", "--json"]).args(size).args(["--cluster", &stand.cluster.url]);
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}");
    let last: Value = serde_json::from_str(text.lines().last().ok_or("no output")?)?;
    for nothing in ["differing", "missing", "extra", "lost", "resurrected", "split_observations"] {
        assert_eq!(last[nothing], 0, "{last}");
    }
    assert!(last["operations"].as_u64() > Some(100), "{last}");
    assert_eq!(last["tenants"], 5, "{last}");
    assert!(last["documents"].as_u64() > Some(4_000), "{last}");
    assert!(last["docs_per_second"].is_number() && last["switch_ms"].is_number(), "{last}");
    // It removes what it made.
    assert!(runtime.block_on(stand.indices("acme-*"))?.is_empty());
    Ok(())
}
