//! The application writes and deletes while the run goes on, at chosen moments: before and after each comparison, within the
//! fence, behind everybody's back. What must be carried over is, what must be noticed is.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lockstep_core::run::state::RunState;
use lockstep_demo::{Release, SeedOptions, Traffic, TrafficOptions, check_traffic};
use lockstep_engine::{
    EngineError, journal::OrdersRecord, report::Event, session::Ending, status::status,
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, TENANTS, Trouble, demo_pack, meddle, wish},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        Scenario { load: Load::Heavy, ..scenario("nothing_is_lost_under_live_writes", under_load) },
        scenario("deletes_are_found_whenever_they_come", deleted),
        scenario("a_document_made_anew_is_not_deleted", made_anew),
        scenario("what_was_changed_in_the_new_set_is_put_right", put_right),
        scenario("what_somebody_else_writes_into_the_new_set_stops_the_run", foreign),
        scenario("a_missed_fence_lifts_the_block_and_tries_again", missed_fence),
        scenario("a_held_run_stays_in_step_until_the_switch", held),
        scenario("orders_take_effect_while_the_run_goes_on", ordered),
    ]
}

/// How long a run may take to show what is waited for.
const WAIT_MAX: Duration = Duration::from_mins(2);

/// Writes a profile of release 1.0.
fn profile(url: &str, id: &str, name: &str) {
    let body = json!({"name": name, "newsletter": "true"});
    meddle("PUT", format!("{url}/acme-profile-v1.0/_doc/{id}"), body);
}

fn remove(url: &str, id: &str) {
    meddle("DELETE", format!("{url}/acme-profile-v1.0/_doc/{id}"), Value::Null);
}

fn under_load(runtime: &Runtime, stand: &Stand) -> Outcome {
    const DOCUMENTS: u64 = 2_000;
    // A real engine shares the machine with others.
    let operations_per_second = if stand.pocket.is_some() { 1_500 } else { 80 };
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let seed = SeedOptions { tenants: TENANTS, documents: DOCUMENTS, seed: 1 };
        let options = TrafficOptions { operations_per_second, ..TrafficOptions::new(seed) };
        let traffic = Traffic::start(&stand.cluster.url, options).await?;
        sleep(Duration::from_millis(300)).await;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        // The application goes on in the new set, in its form.
        sleep(Duration::from_secs(1)).await;
        let ledger = traffic.stop().await?;
        let ending = ending?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        let report = check_traffic(&stand.cluster.url, &ledger, Release::V2_0, 5).await?;
        assert!(report.is_clean(), "{report:#?}");
        assert!(report.operations > u64::from(operations_per_second), "{report:#?}");
        let run = status(&stand.session().cluster, "event-store").await?.run.ok_or("no run")?;
        let followed = run.followed.unwrap_or_default();
        // At the lower rate the copying itself may get everything.
        if stand.pocket.is_some() {
            assert!(followed.carried.read > 0 && followed.deleted > 0, "{followed:?}");
        }
        stand.clean().await
    })
}

fn deleted(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        for id in ["copying", "settling", "verifying", "holding", "fencing"] {
            profile(&url, id, "Short Lived");
        }
        let missed = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&missed);
        let deleter = stand.session_with(move |event, _| {
            // A fence that can't find them is missed for the number of documents, and the next comparison finds them.
            if let Event::Notice { message } = event
                && message.contains(" documents and ")
            {
                told.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
            }
            let Event::Entered { state, .. } = event else { return };
            if matches!(state.name(), "settling" | "verifying" | "holding" | "fencing") {
                remove(&url, state.name());
            }
        });
        let ending = deleter.upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }));
        assert_eq!(stand.check_switched().await?, 601);
        let run = status(&stand.session().cluster, "event-store").await?.run.ok_or("no run")?;
        assert_eq!(run.followed.map(|followed| followed.deleted), Some(4));
        let missed = missed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(missed.is_empty(), "{missed:?}");
        stand.clean().await
    })
}

fn made_anew(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        profile(&url, "phoenix", "First Life");
        let maker = stand.session_with(move |event, _| {
            let Event::Entered { state, .. } = event else { return };
            match state.name() {
                "settling" => remove(&url, "phoenix"),
                "verifying" => profile(&url, "phoenix", "Second Life"),
                "holding" => {
                    remove(&url, "phoenix");
                    profile(&url, "phoenix", "Third Life");
                }
                _ => {}
            }
        });
        let ending = maker.upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }));
        let found = stand.send("GET", "/acme-profile-v2.0/_doc/phoenix", Value::Null).await?;
        assert_eq!(found["_source"]["first_name"], "Third", "{found}");
        assert_eq!(stand.check_switched().await?, 601);
        stand.clean().await
    })
}

fn put_right(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        profile(&url, "lost", "Lost Once");
        let meddler = stand.session_with(move |event, _| {
            if let Event::Entered { state: RunState::Settling { .. }, .. } = event {
                // As if a shard of the new set had forgotten a write that it acknowledged.
                let gone = format!(
                    "{url}/acme-profile-v2.0/_doc/lost?version=1&version_type=external_gte"
                );
                meddle("DELETE", gone.replace("version=1&", "version=1000000&"), Value::Null);
            }
        });
        // The tombstone has a higher version than any copy: the document can't be put right, and nobody pretends it was.
        let outcome = meddler.upgrade(&demo_pack(), &wish("2.0")).await;
        let Err(EngineError::Halted(problem)) = outcome else {
            return Err(format!("{outcome:?}").into());
        };
        assert_eq!(problem.code, "R0401", "{problem:?}");
        assert_eq!(problem.documents[0].id, "lost");
        // Written once more by the application it is newer than what stands in its way, or the run is given up.
        stand.session().abort("event-store").await?;
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert_eq!(stand.check_switched().await?, 601);
        stand.clean().await
    })
}

fn foreign(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        profile(&url, "mine", "Not Yours");
        let meddler = stand.session_with(move |event, _| {
            if let Event::Entered { state: RunState::Settling { .. }, .. } = event {
                let body = json!({"first_name": "Some", "last_name": "Body", "newsletter": true});
                meddle("PUT", format!("{url}/acme-profile-v2.0/_doc/mine"), body);
            }
        });
        let outcome = meddler.upgrade(&demo_pack(), &wish("2.0")).await;
        let Err(EngineError::Halted(problem)) = outcome else {
            return Err(format!("{outcome:?}").into());
        };
        assert_eq!(problem.code, "R0403", "{problem:?}");
        assert_eq!(problem.documents[0].id, "mine");
        // The live set takes writes, and once the document is gone from the new set the same command goes on.
        stand.send("DELETE", "/acme-profile-v2.0/_doc/mine", Value::Null).await?;
        profile(&stand.cluster.url, "mine", "Mine Again");
        stand.session().abort("event-store").await?;
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert_eq!(stand.check_switched().await?, 601);
        stand.clean().await
    })
}

fn missed_fence(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let mut hasty = wish("2.0");
        hasty.limits.fence_ms_max = 0;
        hasty.limits.rounds_max = 2;
        let outcome = stand.session().upgrade(&demo_pack(), &hasty).await;
        let Err(EngineError::Halted(problem)) = outcome else {
            return Err(format!("{outcome:?}").into());
        };
        assert_eq!(problem.code, "R0501", "{problem:?}");
        // Writable again.
        profile(&stand.cluster.url, "after", "After All");
        stand.session().abort("event-store").await?;
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert_eq!(stand.check_switched().await?, 601);
        stand.clean().await
    })
}

fn held(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let mut hold = wish("2.0");
        hold.is_held = true;
        let url = stand.cluster.url.clone();
        let session = stand.session_with(move |event, stop| {
            // Waiting for the order: more is written, deleted, and carried over.
            if let Event::Waiting(_) = event {
                profile(&url, "while-held", "While Held");
                profile(&url, "gone-again", "Gone Again");
                remove(&url, "gone-again");
                stop.cancel();
            }
        });
        let outcome = session.upgrade(&demo_pack(), &hold).await;
        assert!(matches!(outcome, Err(EngineError::Interrupted)), "{outcome:?}");
        let run = status(&stand.session().cluster, "event-store").await?.run.ok_or("no run")?;
        assert!(matches!(run.record.state, RunState::Holding { round: 1 }), "{run:?}");
        assert!(run.orders.is_held, "{run:?}");
        // The same command still holds; the order to switch lets it go on.
        let held = stand.session();
        let (pack, wish) = (demo_pack(), wish("2.0"));
        let upgrade = held.upgrade(&pack, &wish);
        let order = async {
            sleep(Duration::from_millis(1_500)).await;
            let run = status(&stand.session().cluster, "event-store").await?.run.ok_or("no run")?;
            assert!(matches!(run.record.state, RunState::Holding { .. }), "{run:?}");
            assert!(run.followed.is_some_and(|followed| followed.carried.read >= 1));
            stand.session().order("event-store", |orders| orders.is_held = false).await?;
            Ok::<_, Trouble>(())
        };
        let (ending, ordered) = tokio::join!(upgrade, order);
        ordered?;
        assert!(matches!(ending?, Ending::Switched { .. }));
        assert_eq!(stand.check_switched().await?, 601);
        stand.clean().await
    })
}

fn ordered(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(3_000).await?;
        let nobody = stand.session().order("event-store", |orders| orders.is_paused = true).await;
        assert!(matches!(nobody, Err(EngineError::NoRun { .. })), "{nobody:?}");
        // Stopped as soon as it began: orders for a run hold from the first step of whoever drives it next.
        let begun = stand.session_with(|event, stop| {
            if let Event::Entered { state: RunState::Preparing, .. } = event {
                stop.cancel();
            }
        });
        let pack = demo_pack();
        let stopped = begun.upgrade(&pack, &wish("2.0")).await;
        assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
        let give = async |change: fn(&mut OrdersRecord)| {
            stand.session().order("event-store", change).await
        };
        give(|orders| orders.documents_per_second_max = Some(300)).await?;
        let (session, wish) = (stand.session(), wish("2.0"));
        let upgrade = session.upgrade(&pack, &wish);
        let order = async {
            let copied = async || {
                let run = status(&stand.session().cluster, "event-store").await?.run;
                Ok::<_, Trouble>(run.map(|run| (run.copied.read, run.record.state.name())))
            };
            // A busy machine may take long to begin, and to end what is under way.
            let begun = Instant::now();
            while copied().await?.is_none_or(|(read, _)| read == 0) {
                assert!(begun.elapsed() < WAIT_MAX, "nothing is copied");
                sleep(Duration::from_millis(50)).await;
            }
            give(|orders| orders.is_paused = true).await?;
            let mut before = copied().await?;
            loop {
                sleep(Duration::from_millis(2_500)).await;
                let now = copied().await?;
                if now == before {
                    break;
                }
                before = now;
            }
            sleep(Duration::from_millis(1_200)).await;
            assert_eq!(copied().await?, before, "a paused run carries nothing");
            give(|orders| *orders = OrdersRecord::default()).await?;
            Ok::<_, Trouble>(before)
        };
        let (ending, before) = tokio::join!(upgrade, order);
        let Some((copied, "copying")) = before? else { return Err("not copying".into()) };
        assert!(copied < 3_000, "a rate is a rate");
        assert!(matches!(ending?, Ending::Switched { .. }));
        assert_eq!(stand.check_switched().await?, 3_000);
        stand.clean().await
    })
}
