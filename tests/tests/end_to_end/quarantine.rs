//! Documents that a step or the new mapping rejects: they stop nothing until the switch, the switch waits until somebody
//! decides about them, and exactly those that were discarded are missing afterwards.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lockstep_core::run::{
    quarantine::{Decision, Entry, EntryState, RejectedBy},
    state::{Problem, RunState, Stage},
};
use lockstep_demo::{Release, SeedOptions, Traffic, TrafficOptions, check_traffic};
use lockstep_engine::{
    EngineError, Session,
    quarantine::{Chosen, decide, list, show},
    report::Event,
    session::{Ending, Wish},
    status::{RunStatus, status},
};
use lockstep_pocket::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    kill::Driver,
    process::Process,
    stand::{Stand, TENANTS, Trouble, demo_pack, meddle, program, wish},
};

/// The demo's application.
pub(crate) const APPLICATION: &str = "event-store";
/// How long anything that has to happen is waited for.
const WAIT_MAX: Duration = Duration::from_mins(3);

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("a_rejected_document_is_left_out_only_when_somebody_says_so", discarded),
        scenario("what_was_discarded_is_there_again_after_a_rollback", returned),
        scenario("a_mended_document_needs_no_decision", mended),
        scenario("whenever_a_document_is_rejected_nothing_stops_until_the_switch", whenever),
        scenario("a_held_run_tells_what_is_undecided_and_goes_on", held),
        Scenario {
            load: Load::Heavy,
            ..scenario("rejected_under_live_writes_and_nothing_else_is_missing", under_load)
        },
        scenario("another_try_carries_what_the_mapping_takes_now", tried_again),
        scenario("more_than_the_quarantine_takes_stops_the_run", too_many),
        scenario("the_gate_allows_for_exactly_what_was_discarded", exactly_these),
        scenario("a_driver_killed_before_its_cursor_moved_sets_aside_once", killed),
    ]
}

/// Writes a profile that the steps can't take: `newsletter` is no truth value.
pub(crate) async fn reject_by_step(stand: &Stand, tenant: &str, id: &str) -> Result<(), Trouble> {
    let path = format!("/{tenant}-profile-v1.0/_doc/{id}?refresh=true");
    let put = stand.send("PUT", &path, by_step("Bad Apple")).await?;
    assert!(put["result"].is_string(), "{put}");
    Ok(())
}

fn by_step(name: &str) -> Value {
    json!({"name": name, "newsletter": "perhaps"})
}

/// The new mapping of profiles is strict.
fn by_mapping(name: &str) -> Value {
    json!({"name": name, "newsletter": "true", "shoe_size": 44})
}

pub(crate) fn good(name: &str) -> Value {
    json!({"name": name, "newsletter": "true"})
}

/// An upgrade that has to halt.
async fn halt(session: &Session, wish: &Wish) -> Result<Problem, Trouble> {
    match session.upgrade(&demo_pack(), wish).await {
        Err(EngineError::Halted(problem)) => Ok(*problem),
        other => Err(format!("not halted: {other:?}").into()),
    }
}

async fn switch(stand: &Stand) -> Outcome {
    let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
    assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
    Ok(())
}

async fn entries(stand: &Stand) -> Result<Vec<Entry>, Trouble> {
    Ok(list(&stand.session().cluster, APPLICATION).await?.entries)
}

async fn discard(stand: &Stand, keys: &[&Entry]) -> Result<Vec<Entry>, EngineError> {
    let keys = keys.iter().map(|entry| entry.key.clone()).collect();
    let decision = Decision::Discard { reason: "test data".to_owned() };
    let cluster = stand.session().cluster;
    decide(&cluster, APPLICATION, (&Chosen::Keys(keys), &decision), "anna@test").await
}

async fn retry(stand: &Stand) -> Result<Vec<Entry>, EngineError> {
    let cluster = stand.session().cluster;
    decide(&cluster, APPLICATION, (&Chosen::Undecided, &Decision::Retry), "ben@test").await
}

async fn run_status(stand: &Stand) -> Result<RunStatus, Trouble> {
    Ok(status(&stand.session().cluster, APPLICATION).await?.run.ok_or("no run")?)
}

/// Asserts that exactly these documents of the old set are missing in the new one, and that all others are as they must be.
/// The old set loses them by that: the checker can't say what a document must become that has no form in the new set.
pub(crate) async fn check_missing(
    stand: &Stand,
    documents: u64,
    missing: &[(&str, &str)],
) -> Outcome {
    for (index, id) in missing {
        let new = index.replace("v1.0", "v2.0");
        let query = json!({"query": {"ids": {"values": [id]}}});
        stand.send("POST", &format!("/{new}/_refresh"), Value::Null).await?;
        let found = stand.send("POST", &format!("/{new}/_search"), query).await?;
        assert_eq!(found["hits"]["hits"], json!([]), "{found}");
        let open = json!({"index.blocks.write": false});
        stand.send("PUT", &format!("/{index}/_settings"), open).await?;
        let path = format!("/{index}/_doc/{}?refresh=true", id.replace(' ', "%20"));
        let gone = stand.send("DELETE", &path, Value::Null).await?;
        assert_eq!(gone["result"], "deleted", "{gone}");
    }
    assert_eq!(stand.check_switched().await?, documents);
    Ok(())
}

fn discarded(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        reject_by_step(stand, "acme", "bad%20apple").await?;
        let strange = "{ \"name\":\"Bad  Pear\",\n\"newsletter\":\"true\", \"shoe_size\":4.40 }";
        let path = format!("{}/borealis-profile-v1.0/_doc/pear?refresh=true", stand.cluster.url);
        let sent = reqwest::Client::new().put(path).header("content-type", "application/json");
        sent.body(strange).send().await?.error_for_status()?;

        let problem = halt(&stand.session(), &wish("2.0")).await?;
        assert_eq!((problem.code.as_str(), problem.document_count), ("R0208", 2), "{problem:?}");
        let counts = "acme-profile-v1.0 (1), borealis-profile-v1.0 (1)";
        assert!(problem.message.ends_with(counts), "{problem:?}");
        // The application goes on as before.
        let alias = stand.send("GET", "/_alias/acme-profile", Value::Null).await?;
        assert!(alias.get("acme-profile-v1.0").is_some(), "{alias}");
        let run = run_status(stand).await?;
        let stage = |run: &RunStatus| match run.record.state {
            RunState::Halted { stage, .. } => Some(stage),
            _ => None,
        };
        assert_eq!((stage(&run), run.quarantine.open), (Some(Stage::Verify), 2), "{run:?}");

        let found = entries(stand).await?;
        let [apple, pear] = found.as_slice() else { return Err(format!("{found:?}").into()) };
        assert_eq!((apple.document.as_str(), pear.document.as_str()), ("bad apple", "pear"));
        let RejectedBy::Step { code, field, .. } = &apple.rejected_by else {
            return Err(format!("{apple:?}").into());
        };
        assert_eq!((code.as_str(), field.as_deref()), ("T0107", Some("newsletter")));
        let strict = RejectedBy::Mapping { error_type: "strict_dynamic_mapping_exception".into() };
        assert_eq!(pear.rejected_by, strict, "{pear:?}");
        let cluster = stand.session().cluster;
        let (_, original) = show(&cluster, APPLICATION, &pear.key).await?;
        assert_eq!(original.as_deref(), Some(strange));

        // One decision is not enough, and what was decided stays decided.
        discard(stand, &[apple]).await?;
        let problem = halt(&stand.session(), &wish("2.0")).await?;
        assert_eq!((problem.document_count, problem.documents[0].id.as_str()), (1, "pear"));
        discard(stand, &[pear]).await?;
        switch(stand).await?;
        let run = run_status(stand).await?;
        assert_eq!((run.quarantine.discarded, run.quarantine.undecided()), (2, 0));
        let late = discard(stand, &[pear]).await;
        assert!(matches!(late, Err(EngineError::Undecidable { .. })), "{late:?}");
        let missing = [("acme-profile-v1.0", "bad apple"), ("borealis-profile-v1.0", "pear")];
        check_missing(stand, 600, &missing).await?;
        stand.clean().await
    })
}

fn returned(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        for id in ["kept", "anew"] {
            reject_by_step(stand, "acme", id).await?;
        }
        halt(&stand.session(), &wish("2.0")).await?;
        let found = entries(stand).await?;
        discard(stand, &found.iter().collect::<Vec<_>>()).await?;
        switch(stand).await?;
        // What was left out can be written anew, and other documents come and go.
        let new = json!({"first_name": "Quite", "last_name": "New", "newsletter": true});
        for id in ["anew", "short"] {
            stand.send("PUT", &format!("/acme-profile/_doc/{id}"), new.clone()).await?;
        }
        let refresh = "/acme-profile-v2.0/_refresh";
        stand.send("POST", refresh, Value::Null).await?;
        // One that came from the old set, so that its copy there has to be found and deleted.
        let hit = json!({"size": 1, "query": {"bool": {"must_not": {"ids": {"values": ["anew", "short"]}}}}});
        let old = stand.send("POST", "/acme-profile/_search", hit).await?;
        let old = old["hits"]["hits"][0]["_id"].as_str().ok_or("no profile")?.to_owned();
        stand.send("DELETE", &format!("/acme-profile/_doc/{old}"), Value::Null).await?;
        // A part of it flows back by itself.
        Process::worker(&program()?, stand, &["--once"])?.finish()?;
        stand.send("DELETE", "/acme-profile/_doc/short", Value::Null).await?;
        let ending = stand.session().rollback(&demo_pack()).await?;
        assert!(matches!(ending, Ending::Returned { .. }), "{ending:?}");
        let get = async |path: String| stand.send("GET", &path, Value::Null).await;
        let kept = get("/acme-profile/_doc/kept".to_owned()).await?;
        assert_eq!(
            (&kept["_index"], &kept["_source"]),
            (&json!("acme-profile-v1.0"), &by_step("Bad Apple"))
        );
        let anew = get("/acme-profile/_doc/anew".to_owned()).await?;
        assert_eq!(anew["_source"]["name"], "Quite New", "{anew}");
        for gone in ["/acme-profile/_doc/short".to_owned(), format!("/acme-profile/_doc/{old}")]
        {
            assert_eq!(get(gone).await?["found"], false);
        }
        stand.clean().await
    })
}

fn mended(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        for id in ["mended", "deleted"] {
            reject_by_step(stand, "acme", id).await?;
        }
        let problem = halt(&stand.session(), &wish("2.0")).await?;
        assert_eq!((problem.code.as_str(), problem.document_count), ("R0208", 2));
        let again = halt(&stand.session(), &wish("2.0")).await?;
        assert_eq!(again, problem, "the same command says the same");
        assert_eq!(entries(stand).await?.len(), 2);
        let path = |id| format!("/acme-profile-v1.0/_doc/{id}");
        stand.send("PUT", &path("mended"), good("Good Apple")).await?;
        stand.send("DELETE", &path("deleted"), Value::Null).await?;
        switch(stand).await?;
        assert_eq!(stand.check_switched().await?, 601);
        assert!(entries(stand).await?.is_empty());
        stand.clean().await
    })
}

fn whenever(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        let states = ["copying", "settling", "verifying", "holding", "fencing"];
        // All of them are fine at first, and carried over if there is time.
        for state in states {
            let path = format!("/acme-profile-v1.0/_doc/{state}?refresh=true");
            stand.send("PUT", &path, good("Fine Still")).await?;
        }
        let written: Mutex<Vec<&str>> = Mutex::default();
        let writer = stand.session_with(move |event, _| {
            let Event::Entered { state, .. } = event else { return };
            let state = state.name();
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            // Once for each: the run comes by here again.
            if states.contains(&state) && !written.contains(&state) {
                written.push(state);
                let body = if state == "holding" { by_mapping("Bad Pear") } else { by_step("Bad") };
                meddle("PUT", format!("{url}/acme-profile-v1.0/_doc/{state}"), body);
            }
        });
        let first = halt(&writer, &wish("2.0")).await?;
        assert_eq!(first.code, "R0208", "{first:?}");
        assert_eq!(first.document_count, 4, "{first:?}");
        let found = entries(stand).await?;
        discard(stand, &found.iter().collect::<Vec<_>>()).await?;
        // All that was known is decided, so only the gate can find what comes as the fence begins.
        let second = halt(&writer, &wish("2.0")).await?;
        assert_eq!((second.code.as_str(), second.document_count), ("R0208", 1), "{second:?}");
        assert_eq!(second.documents[0].id, "fencing");
        let state = run_status(stand).await?.record.state;
        assert!(matches!(state, RunState::Halted { stage: Stage::Fence, .. }), "{state:?}");
        let written =
            stand.send("PUT", "/acme-profile-v1.0/_doc/late", good("Not Blocked")).await?;
        assert_eq!(written["result"], "created", "{written}");
        // No stale state is shown meanwhile.
        stand.send("POST", "/acme-profile-v2.0/_refresh", Value::Null).await?;
        for entry in entries(stand).await? {
            let path = format!("/acme-profile-v2.0/_doc/{}", entry.document);
            let found = stand.send("GET", &path, Value::Null).await?;
            assert_eq!(found["found"], false, "{found}");
        }
        let found = entries(stand).await?;
        discard(stand, &found.iter().collect::<Vec<_>>()).await?;
        switch(stand).await?;
        let missing: Vec<(&str, &str)> =
            states.iter().map(|state| ("acme-profile-v1.0", *state)).collect();
        check_missing(stand, 601, &missing).await?;
        stand.clean().await
    })
}

fn held(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let notices: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&notices);
        let session = stand.session_with(move |event, _| {
            if let Event::Notice { message } = event {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
            }
        });
        let told = |text: &str| {
            let notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
            notices.iter().any(|notice| notice.contains(text))
        };
        let driving = async {
            let held = Wish { is_held: true, ..wish("2.0") };
            session.upgrade(&demo_pack(), &held).await
        };
        let acting = async {
            wait(stand, |run| matches!(run.record.state, RunState::Holding { .. })).await?;
            reject_by_step(stand, "acme", "bad").await?;
            wait(stand, |run| run.quarantine.open == 1).await?;
            let path = "/acme-profile-v1.0/_doc/bad?refresh=true";
            // It goes on following meanwhile.
            stand.send("PUT", "/acme-profile-v1.0/_doc/good", good("Followed Still")).await?;
            appears(stand, "/acme-profile-v2.0/_doc/good").await?;
            let found = entries(stand).await?;
            discard(stand, &found.iter().collect::<Vec<_>>()).await?;
            let run = run_status(stand).await?;
            assert_eq!((run.quarantine.open, run.quarantine.discarded), (0, 1), "{run:?}");
            // Another state of it is another question, even if it is no better.
            stand.send("PUT", path, by_mapping("Bad Again")).await?;
            wait(stand, |run| run.quarantine.open == 1).await?;
            let again = entries(stand).await?;
            assert_eq!(again.len(), 1, "{again:?}");
            assert!(again[0].seq_no > found[0].seq_no && again[0].key == found[0].key);
            // A decision about the state of before is refused.
            stand.send("PUT", path, good("Mended Now")).await?;
            appears(stand, "/acme-profile-v2.0/_doc/bad").await?;
            wait(stand, |run| run.quarantine.total() == 0).await?;
            let late = discard(stand, &[&again[0]]).await;
            assert!(matches!(late, Err(EngineError::NotInQuarantine { .. })), "{late:?}");
            let release = stand.session();
            release.order(APPLICATION, |orders| orders.is_held = false).await?;
            Ok::<_, Trouble>(())
        };
        let (driven, acted) = tokio::join!(driving, acting);
        acted?;
        assert!(matches!(driven?, Ending::Switched { .. }));
        assert!(
            told("1 documents are in quarantine") && told("nothing in quarantine"),
            "{notices:?}"
        );
        assert_eq!(stand.check_switched().await?, 602);
        stand.clean().await
    })
}

fn under_load(runtime: &Runtime, stand: &Stand) -> Outcome {
    const DOCUMENTS: u64 = 1_000;
    // A real engine shares the machine with others.
    let operations_per_second = if stand.pocket.is_some() { 500 } else { 60 };
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let seed = SeedOptions { tenants: TENANTS, documents: DOCUMENTS, seed: 1 };
        let options = TrafficOptions { operations_per_second, ..TrafficOptions::new(seed) };
        let traffic = Traffic::start(&stand.cluster.url, options).await?;
        let session = stand.session();
        let driving = async {
            let held = Wish { is_held: true, ..wish("2.0") };
            session.upgrade(&demo_pack(), &held).await
        };
        let acting = async {
            for number in 0..10 {
                // Some of them come while copying goes on, some while it is followed.
                reject_by_step(stand, "acme", &format!("step-{number}")).await?;
                let path = format!("/borealis-profile-v1.0/_doc/mapping-{number}");
                stand.send("PUT", &path, by_mapping("Bad Pear")).await?;
                sleep(Duration::from_millis(300)).await;
            }
            wait(stand, |run| {
                matches!(run.record.state, RunState::Holding { .. }) && run.quarantine.open == 20
            })
            .await?;
            // One is written again and no better, one goes, and all that are left are left out.
            let path = |id| format!("/acme-profile-v1.0/_doc/{id}");
            let before = entries(stand).await?;
            stand.send("PUT", &path("step-0"), by_step("Still Bad")).await?;
            stand.send("DELETE", &path("step-1"), Value::Null).await?;
            let begun = Instant::now();
            let found = loop {
                let found = entries(stand).await?;
                // The state of before can go first, or the document that is gone.
                let is_new =
                    found.iter().any(|entry| entry.document == "step-0" && !before.contains(entry));
                if is_new && found.len() == 19 {
                    break found;
                }
                assert!(begun.elapsed() < WAIT_MAX, "{found:?}");
                sleep(Duration::from_millis(50)).await;
            };
            discard(stand, &found.iter().collect::<Vec<_>>()).await?;
            let release = stand.session();
            release.order(APPLICATION, |orders| orders.is_held = false).await?;
            Ok::<_, Trouble>(())
        };
        let (driven, acted) = tokio::join!(driving, acting);
        let ledger = traffic.stop().await?;
        acted?;
        assert!(matches!(driven?, Ending::Switched { .. }));
        let report = check_traffic(&stand.cluster.url, &ledger, Release::V2_0, 5).await?;
        assert!(report.is_clean(), "{report:#?}");
        assert_eq!(run_status(stand).await?.quarantine.discarded, 19);
        stand.clean().await
    })
}

fn tried_again(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let path = "/acme-profile-v1.0/_doc/pear?refresh=true";
        stand.send("PUT", path, by_mapping("Good Pear")).await?;
        halt(&stand.session(), &wish("2.0")).await?;
        let before = entries(stand).await?;
        // Nothing was mended, so it is rejected again, and open again.
        let asked = retry(stand).await?;
        assert!(matches!(asked[0].state, EntryState::Retry { .. }), "{asked:?}");
        assert_eq!(run_status(stand).await?.quarantine.retry, 1);
        halt(&stand.session(), &wish("2.0")).await?;
        let after = entries(stand).await?;
        assert_eq!((after.len(), &after[0].state), (1, &EntryState::Open), "{after:?}");
        assert!(after[0].at > before[0].at && after[0].seq_no == before[0].seq_no);
        // A copy that has no business there is deleted, and doesn't stand in the way of another try.
        let stale = format!(
            "/acme-profile-v2.0/_doc/pear?refresh=true&version={}&version_type=external_gte",
            after[0].seq_no + 1
        );
        let put = stand.send("PUT", &stale, json!({"first_name": "Stale"})).await?;
        assert_eq!(put["result"], "created", "{put}");
        halt(&stand.session(), &wish("2.0")).await?;
        let gone = stand.send("GET", "/acme-profile-v2.0/_doc/pear", Value::Null).await?;
        assert_eq!(gone["found"], false, "{gone}");
        // Even what was discarded can be tried again by name.
        discard(stand, &[&after[0]]).await?;
        let mapping = json!({"properties": {"shoe_size": {"type": "integer"}}});
        let put = stand.send("PUT", "/acme-profile-v2.0/_mapping", mapping).await?;
        assert_eq!(put["acknowledged"], true, "{put}");
        let chosen = Chosen::Keys(vec![after[0].key.clone()]);
        let cluster = stand.session().cluster;
        decide(&cluster, APPLICATION, (&chosen, &Decision::Retry), "ben@test").await?;
        switch(stand).await?;
        assert_eq!(stand.check_switched().await?, 601);
        let pear = stand.send("GET", "/acme-profile-v2.0/_doc/pear", Value::Null).await?;
        assert_eq!(pear["_source"]["shoe_size"], 44, "{pear}");
        assert!(entries(stand).await?.is_empty());
        let (over, original) = show(&cluster, APPLICATION, &after[0].key).await?;
        assert!(matches!(over.state, EntryState::Over { .. }) && original.is_none(), "{over:?}");
        stand.clean().await
    })
}

fn too_many(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        for id in ["1", "2", "3"] {
            reject_by_step(stand, "acme", id).await?;
        }
        reject_by_step(stand, "borealis", "4").await?;
        let mut few = wish("2.0");
        few.limits.quarantine_max = 2;
        // All of them are found before it stops, and only so many are kept.
        for _ in 0..2 {
            let problem = halt(&stand.session(), &few).await?;
            assert_eq!(
                (problem.code.as_str(), problem.document_count),
                ("R0201", 2),
                "{problem:?}"
            );
            assert!(problem.message.contains("-profile-v1.0 ("), "{problem:?}");
            assert_eq!(entries(stand).await?.len(), 2);
        }
        assert!(matches!(
            run_status(stand).await?.record.state,
            RunState::Halted { stage: Stage::Copy, .. }
        ));
        for (index, id) in [("acme", "1"), ("acme", "2"), ("acme", "3"), ("borealis", "4")] {
            let path = format!("/{index}-profile-v1.0/_doc/{id}?refresh=true");
            stand.send("PUT", &path, good("All Mended")).await?;
        }
        switch(stand).await?;
        assert_eq!(stand.check_switched().await?, 604);
        stand.clean().await
    })
}

fn exactly_these(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        reject_by_step(stand, "acme", "bad").await?;
        let path = "/acme-profile-v1.0/_doc/kept?refresh=true";
        stand.send("PUT", path, good("Kept Always")).await?;
        halt(&stand.session(), &wish("2.0")).await?;
        let found = entries(stand).await?;
        discard(stand, &found.iter().collect::<Vec<_>>()).await?;
        let kept = stand.send("GET", "/acme-profile-v1.0/_doc/kept", Value::Null).await?;
        let version = |seq_no: i64| format!("version={}&version_type=external_gte", seq_no + 1);
        let kept = version(kept["_seq_no"].as_i64().ok_or("no number")?);
        let bad = version(found[0].seq_no);
        let new = format!("{}/acme-profile-v2.0/_doc", stand.cluster.url);
        let meddled = Arc::new(Mutex::new(false));
        let once = Arc::clone(&meddled);
        let meddler = stand.session_with(move |event, _| {
            let Event::Entered { state: RunState::Fencing { .. }, .. } = event else { return };
            let mut is_done = once.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::replace(&mut *is_done, true) {
                // Now as many are missing as may be, but not the one that may.
                let body = json!({"first_name": "Stale", "last_name": "State"});
                meddle("PUT", format!("{new}/bad?{bad}"), body);
                meddle("DELETE", format!("{new}/kept?{kept}"), Value::Null);
            }
        });
        let ending = meddler.upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        assert!(*meddled.lock().unwrap_or_else(PoisonError::into_inner));
        check_missing(stand, 601, &[("acme-profile-v1.0", "bad")]).await?;
        stand.clean().await
    })
}

fn killed(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(3_000).await?;
        reject_by_step(stand, "acme", "bad").await?;
        if let Some(pocket) = &stand.pocket {
            // The entry is there, and the driver waits for the answer: no cursor moves past the document.
            let entry = "/lockstep-quarantine/_create/*";
            pocket.plan_fault(Fault::new(entry, FaultKind::Slow { ms: 600_000 }).after());
        }
        let mut driver = Driver::start(stand, &["--windows", "1", "--window-documents", "20"])?;
        let begun = Instant::now();
        while list(&stand.session().cluster, APPLICATION)
            .await
            .map_or(true, |listing| listing.entries.is_empty())
        {
            assert!(begun.elapsed() < WAIT_MAX && !driver.is_over()?);
            sleep(Duration::from_millis(5)).await;
        }
        driver.kill()?;
        let run = run_status(stand).await?;
        if let Some(pocket) = &stand.pocket {
            assert_eq!(run.record.state.name(), "copying", "{run:?}");
            assert!(run.copied.read < run.document_count, "{run:?}");
            pocket.clear_faults();
        }
        // Meanwhile somebody decides; the next driver meets the document again and leaves that alone.
        let found = entries(stand).await?;
        assert_eq!(found.len(), 1, "{found:?}");
        discard(stand, &[&found[0]]).await?;
        switch(stand).await?;
        let after = entries(stand).await?;
        assert_eq!((after.len(), after[0].state.name()), (1, "discarded"), "{after:?}");
        check_missing(stand, 3_000, &[("acme-profile-v1.0", "bad")]).await?;
        stand.clean().await
    })
}

/// Waits until the journal shows something.
async fn wait(stand: &Stand, is_there: impl Fn(&RunStatus) -> bool) -> Outcome {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        match status(&stand.session().cluster, APPLICATION).await?.run {
            Some(run) if is_there(&run) => return Ok(()),
            Some(RunStatus { record, .. }) if matches!(record.state, RunState::Halted { .. }) => {
                return Err(format!("the run halted: {record:?}").into());
            }
            Some(_) | None => sleep(Duration::from_millis(50)).await,
        }
    }
    Err("the journal never showed what was waited for".into())
}

/// Waits until a document is there.
async fn appears(stand: &Stand, path: &str) -> Outcome {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        if stand.send("GET", path, Value::Null).await?["found"] == true {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err(format!("{path} never appeared").into())
}
