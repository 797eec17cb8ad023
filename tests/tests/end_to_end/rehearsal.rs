//! `lockstep rehearse`: a whole upgrade beside the live system. What it tells is what an upgrade then meets; nothing live is
//! touched, and nothing of it is left, however it ends.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use lockstep_core::plan::{rehearsal::journal_name, tenants::TenantChoice};
use lockstep_demo::{Release, SeedOptions, Traffic, TrafficOptions, check_traffic};
use lockstep_engine::{
    EngineError, Session,
    journal::{ApplicationRecord, JOURNAL_INDEX, Journal, QUARANTINE_INDEX},
    rehearsal::{RehearsalReport, RehearsalWish, Rehearsed},
    report::Event,
    session::{Ending, Wish},
    status::status,
};
use lockstep_pocket::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    faults::impatient,
    process::Process,
    quarantine::{APPLICATION, good, reject_by_step},
    stand::{Stand, TENANTS, Trouble, demo_pack, program, wish},
};

/// Every kind of request by which a rehearsal changes something, its own records included.
const EFFECTS: [(&str, &str); 9] = [
    ("PUT", "/lockstep-rehearsal-*"),
    ("DELETE", "/lockstep-rehearsal-*"),
    ("PUT", "*/_settings"),
    ("PUT", "*/_mapping"),
    ("PUT", "*/_block/write"),
    ("POST", "/_bulk"),
    ("PUT", "/lockstep-journal/_create/*"),
    ("PUT", "/lockstep-journal/_doc/*"),
    ("DELETE", "/lockstep-journal/_doc/*"),
];

/// How long anything that has to happen is waited for.
const WAIT_MAX: Duration = Duration::from_mins(2);

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    let on_pocket = |name, play| Scenario { is_pocket_only: true, ..scenario(name, play) };
    vec![
        scenario("a_rehearsal_foretells_an_upgrade_and_touches_nothing", foretold),
        on_pocket("a_rehearsal_groups_rejected_documents_by_cause", grouped),
        Scenario {
            load: Load::Heavy,
            ..on_pocket("a_sample_is_compared_while_the_application_writes", sampled_under_writes)
        },
        on_pocket("wherever_a_rehearsal_is_stopped_nothing_is_left", stopped),
        on_pocket("what_a_failed_rehearsal_leaves_is_found_and_mended", failed),
        on_pocket("whatever_fails_in_a_rehearsal_the_next_one_clears_up", survived),
        on_pocket("what_a_killed_rehearsal_leaves_the_next_one_removes", killed),
        on_pocket("a_rehearsal_gives_way_to_an_upgrade", gave_way),
    ]
}

fn all_of(upgrade: Wish) -> RehearsalWish {
    RehearsalWish { upgrade, sample: None, shows_documents: false }
}

/// Of the indices of one tenant, which keeps it short.
fn of_one_tenant() -> RehearsalWish {
    let tenants = TenantChoice::Only(["acme".to_owned()].into());
    all_of(Wish { tenants, ..wish("2.0") })
}

async fn rehearse(session: &Session, wish: &RehearsalWish) -> Result<RehearsalReport, EngineError> {
    match session.rehearse(&demo_pack(), wish).await? {
        Rehearsed::Done(report) => Ok(*report),
        Rehearsed::Minor { plan } => panic!("{plan:?}"),
    }
}

/// Everything of the cluster that isn't Lockstep's own: names, unique ids, settings, mappings, aliases, and how often each
/// shard was written to; and all templates.
async fn live(stand: &Stand) -> Result<BTreeMap<String, String>, Trouble> {
    let cluster = stand.session().cluster;
    let mut found = BTreeMap::new();
    for index in cluster.indices().await? {
        if index.name == JOURNAL_INDEX {
            continue;
        }
        let numbers: Vec<i64> = index.shards.iter().map(|shard| shard.max_seq_no).collect();
        let facts = json!([index.uuid, index.settings, index.mapping, index.aliases, numbers]);
        found.insert(index.name, facts.to_string());
    }
    for template in cluster.templates().await? {
        found.insert(format!("template {}", template.name), template.body.to_string());
    }
    if stand.pocket.is_none() {
        // A setting that was set to what it was counts as a change there.
        let state = stand.send("GET", "/_cluster/state/metadata", Value::Null).await?;
        for (name, facts) in state["metadata"]["indices"].as_object().into_iter().flatten() {
            let versions = ["settings_version", "mapping_version", "aliases_version"]
                .map(|version| facts[version].to_string());
            if name != JOURNAL_INDEX {
                found.insert(format!("versions {name}"), versions.join(" "));
            }
        }
    }
    Ok(found)
}

/// From here on nothing of the live set can be made, changed or deleted; on the pocket cluster only.
fn lock_live_set(stand: &Stand) {
    for method in ["PUT", "DELETE"] {
        let kind = FaultKind::Status { status: 403, error_type: "test".to_owned() };
        if let Some(pocket) = &stand.pocket {
            pocket.plan_fault(Fault::new("*-v1.0*", kind).on(method).times(999));
        }
    }
}

/// Asserts that of a rehearsal only its lease is left, and the places of its workers.
async fn assert_nothing_left(stand: &Stand) -> Outcome {
    let left = stand.indices("lockstep-*").await?;
    assert_eq!(left, [JOURNAL_INDEX], "throw-away indices are left");
    stand.send("POST", &format!("/{JOURNAL_INDEX}/_refresh"), Value::Null).await?;
    let query =
        json!({"size": 1_000, "query": {"term": {"application": journal_name(APPLICATION)}}});
    let found = stand.send("POST", &format!("/{JOURNAL_INDEX}/_search"), query).await?;
    let hits = found["hits"]["hits"].as_array().cloned().unwrap_or_default();
    let kinds: Vec<&str> = hits.iter().filter_map(|hit| hit["_source"]["kind"].as_str()).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| *kind == "lease"), "{kinds:?}");
    Ok(())
}

fn foretold(runtime: &Runtime, stand: &Stand) -> Outcome {
    const DOCUMENTS: u64 = 3_000;
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let before = live(stand).await?;
        lock_live_set(stand);
        let mut foretold = Vec::new();
        // On a real engine each takes half a minute, most of it for making indices.
        if stand.pocket.is_some() {
            let full = rehearse(&stand.session(), &all_of(wish("2.0"))).await?;
            assert!(full.is_ready(), "{full:#?}");
            // The new release has no place for one index of the old one.
            assert_eq!(full.documents, full.copied.read);
            assert!(full.documents > DOCUMENTS * 9 / 10, "{:?}", full.copied);
            assert_eq!(full.verified, Some(full.copied.written));
            foretold.push(full.forecast.ok_or("no forecast")?.total_ms);
        }
        let sample = RehearsalWish { sample: Some(100), ..all_of(wish("2.0")) };
        let part = rehearse(&stand.session(), &sample).await?;
        assert!(part.is_ready() && part.repaired == 0, "{part:#?}");
        assert!(part.copied.read < DOCUMENTS * 2 / 3, "{:?}", part.copied);
        assert_eq!(part.verified, Some(part.copied.written));
        let forecast = part.forecast.ok_or("no forecast")?;
        // A hundred of each, or all where there are fewer; numbers with no document make it a few less.
        for one in &forecast.indices {
            assert!(one.taken >= one.documents.min(50 * one.index_count), "{one:?}");
        }
        assert!(forecast.disk_bytes > 0 && forecast.total_ms >= forecast.copy_ms, "{forecast:?}");
        assert_eq!(live(stand).await?, before, "something live was touched");
        assert_nothing_left(stand).await?;
        if let Some(pocket) = &stand.pocket {
            pocket.clear_faults();
        }
        let begun = Instant::now();
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        stand.check_switched().await?;
        let took = begun.elapsed().as_millis();
        foretold.push(forecast.total_ms);
        let figures = format!("foretold were {foretold:?} ms, the last from a sample");
        writeln!(std::io::stderr(), "an upgrade took {took} ms; {figures}")?;
        stand.clean().await
    })
}

fn grouped(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        for (tenant, id) in [("acme", "p1"), ("acme", "p2"), ("borealis", "p3")] {
            reject_by_step(stand, tenant, id).await?;
        }
        let big = json!({"name": "Big Foot", "newsletter": "true", "shoe_size": 44});
        stand.send("PUT", "/acme-profile-v1.0/_doc/p4?refresh=true", big).await?;
        let before = live(stand).await?;
        let output = Command::new(program()?)
            .args(["rehearse", "--to", "2.0", "--sample", "100000", "--show-documents", "--json"])
            .args(["--cluster", &stand.cluster.url, "--pack"])
            .arg(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pack"))
            .output()?;
        assert_eq!(output.status.code(), Some(6), "{output:?}");
        let told = String::from_utf8(output.stdout)?;
        let report: Value = serde_json::from_str(told.lines().last().ok_or("nothing was told")?)?;
        assert_eq!((&report["event"], &report["is_ready"]), (&json!("rehearsed"), &json!(false)));
        let causes = report["causes"].as_array().ok_or("no causes")?;
        let counts: Vec<&Value> = causes.iter().map(|cause| &cause["document_count"]).collect();
        assert_eq!((counts, &report["rejected"]), (vec![&json!(3), &json!(1)], &json!(4)));
        let (step, mapping) = (&causes[0], &causes[1]);
        assert_eq!((&step["operation"], &step["field"]), (&json!("cast"), &json!("newsletter")));
        assert_eq!(step["indices"].as_object().map(serde_json::Map::len), Some(2), "{step}");
        assert_eq!(mapping["field"], "shoe_size", "{mapping}");
        let shown = mapping["examples"][0]["source"].as_str().unwrap_or_default();
        assert!(shown.contains("Big Foot"), "{mapping}");
        // Nothing stopped: everything else was compared, and the fence measured.
        assert!(report["fence"]["gate_ms"].is_u64() && report["problem"].is_null(), "{report}");
        assert_eq!(live(stand).await?, before, "something live was touched");
        assert_nothing_left(stand).await?;
        assert_eq!(stand.session().cluster.index_uuid(QUARANTINE_INDEX).await?, None);
        stand.clean().await
    })
}

fn sampled_under_writes(runtime: &Runtime, stand: &Stand) -> Outcome {
    const DOCUMENTS: u64 = 3_000;
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let seed = SeedOptions { tenants: TENANTS, documents: DOCUMENTS, seed: 1 };
        let options = TrafficOptions { operations_per_second: 500, ..TrafficOptions::new(seed) };
        let traffic = Traffic::start(&stand.cluster.url, options).await?;
        sleep(Duration::from_millis(500)).await;
        let mut followed = 0;
        for sample in [Some(50), None] {
            let wished = RehearsalWish { sample, ..all_of(wish("2.0")) };
            let report = rehearse(&stand.session(), &wished).await?;
            assert!(report.is_ready() && report.repaired == 0, "{report:#?}");
            followed += report.followed;
        }
        assert!(followed > 0, "nobody wrote anything");
        assert_nothing_left(stand).await?;
        let ledger = traffic.stop().await?;
        let report = check_traffic(&stand.cluster.url, &ledger, Release::V1_0, 5).await?;
        assert!(report.is_clean(), "{report:#?}");
        assert_eq!(report.refused_writes, 0, "a rehearsal blocked the application");
        stand.clean().await
    })
}

fn stopped(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(900).await?;
        let before = live(stand).await?;
        lock_live_set(stand);
        for name in ["preparing", "copying", "settling", "verifying", "holding", "rehearsing"] {
            let met = std::sync::Arc::new(AtomicBool::new(false));
            let noted = std::sync::Arc::clone(&met);
            let session = stand.session_with(move |event, stop| {
                if matches!(event, Event::Entered { state, .. } if state.name() == name) {
                    noted.store(true, Ordering::Relaxed);
                    stop.cancel();
                }
            });
            let outcome = rehearse(&session, &of_one_tenant()).await;
            assert!(matches!(outcome, Err(EngineError::Interrupted)), "{name}: {outcome:?}");
            assert!(met.load(Ordering::Relaxed), "it was never {name}");
            assert_nothing_left(stand).await?;
        }
        assert_eq!(live(stand).await?, before, "something live was touched");
        stand.clean().await
    })
}

async fn leftovers(stand: &Stand) -> Result<Vec<&'static str>, Trouble> {
    let found = stand.session().examine(APPLICATION).await?;
    Ok(found.into_iter().map(|leftover| leftover.code).collect())
}

fn failed(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let pocket = stand.pocket.as_ref().ok_or("only the pocket cluster fails as planned")?;
        // It can neither go on nor clean up.
        let kind = FaultKind::Status { status: 403, error_type: "security_exception".to_owned() };
        pocket.plan_fault(Fault::new("/lockstep-rehearsal-*", kind.clone()).on("DELETE").times(99));
        pocket.plan_fault(Fault::new("/_bulk", kind).times(99));
        let outcome = rehearse(&stand.session(), &all_of(wish("2.0"))).await;
        assert!(matches!(outcome, Err(EngineError::Cluster(_))), "{outcome:?}");
        pocket.clear_faults();
        assert!(stand.indices("lockstep-rehearsal-*").await?.len() > 3);
        assert_eq!(leftovers(stand).await?, ["L0501"]);
        let mended = stand.session().mend(APPLICATION).await?;
        assert_eq!(mended.iter().map(|one| one.code).collect::<Vec<_>>(), ["L0501"]);
        assert_eq!(leftovers(stand).await?, Vec::<&str>::new());
        assert_eq!(stand.indices("lockstep-rehearsal-*").await?, Vec::<String>::new());
        stand.clean().await
    })
}

fn survived(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(300).await?;
        let before = live(stand).await?;
        let wished = of_one_tenant();
        let pocket = stand.pocket.as_ref().ok_or("only the pocket cluster fails as planned")?;
        let mut failures = 0;
        for (method, path) in EFFECTS {
            let fault = Fault::new(path, FaultKind::Disconnect).on(method).nth(2);
            for fault in [fault.clone(), fault.after()] {
                pocket.plan_fault(fault.clone());
                match rehearse(&impatient(stand)?, &wished).await {
                    Ok(report) => assert!(report.is_ready(), "{fault:?}: {report:?}"),
                    Err(EngineError::Bug(message)) => panic!("{fault:?}: {message}"),
                    Err(_) => failures += 1,
                }
                assert!(pocket.pending_faults().is_empty(), "{fault:?} never fired");
            }
        }
        assert!(failures > 3, "only {failures} faults were met");
        let report = rehearse(&stand.session(), &wished).await?;
        assert!(report.is_ready(), "{report:?}");
        assert_eq!(live(stand).await?, before, "something live was touched");
        assert_nothing_left(stand).await?;
        stand.clean().await
    })
}

fn killed(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(6_000).await?;
        let before = live(stand).await?;
        let slow = ["--windows", "1", "--window-documents", "20", "--full"];
        let process = Process::rehearse(&program()?, stand, &slow)?;
        wait_for_copies(stand).await?;
        process.kill()?;
        assert_eq!(leftovers(stand).await?, ["L0501"]);
        let sample = RehearsalWish { sample: Some(10), ..all_of(wish("2.0")) };
        let report = rehearse(&stand.session(), &sample).await?;
        assert!(report.is_ready(), "{report:#?}");
        assert_eq!(live(stand).await?, before, "something live was touched");
        assert_nothing_left(stand).await?;
        stand.clean().await
    })
}

/// Waits until throw-away indices hold documents.
async fn wait_for_copies(stand: &Stand) -> Outcome {
    let begun = Instant::now();
    while begun.elapsed() < WAIT_MAX {
        let found = stand.send("GET", "/lockstep-rehearsal-*/_stats", Value::Null).await?;
        let indices = found["indices"].as_object().cloned().unwrap_or_default();
        let is_written = |index: &Value| index["primaries"]["docs"]["count"].as_u64() > Some(0);
        let state = status(&stand.session().cluster, &journal_name(APPLICATION)).await?.run;
        let is_copied = state.is_some_and(|run| run.copied.read > 0);
        if is_copied || indices.values().any(is_written) {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err("the rehearsal never copied anything".into())
}

fn gave_way(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(6_000).await?;
        stand.send("PUT", "/acme-profile-v1.0/_doc/good?refresh=true", good("Good")).await?;
        let mut slow = wish("2.0");
        slow.limits.windows_in_flight = 1;
        slow.limits.window_width_max = 5;
        // A fast machine would be done before anybody looked.
        let slowness = Fault { times: 2_000, ..Fault::new("*_bulk*", FaultKind::Slow { ms: 20 }) };
        stand.pocket.as_ref().ok_or("no pocket cluster")?.plan_fault(slowness);
        let (wished, rehearser) = (all_of(slow), stand.session());
        let rehearsing = rehearse(&rehearser, &wished);
        let upgrading = async {
            wait_for_copies(stand).await?;
            let second = rehearse(&stand.session(), &wished).await;
            assert!(matches!(second, Err(EngineError::Driven { .. })), "{second:?}");
            let held = Wish { is_held: true, ..wish("2.0") };
            let session = stand.session_with(|event, stop| {
                if matches!(event, Event::Entered { state, .. } if state.name() == "holding") {
                    stop.cancel();
                }
            });
            let outcome = session.upgrade(&demo_pack(), &held).await;
            assert!(matches!(outcome, Err(EngineError::Interrupted)), "{outcome:?}");
            Ok::<_, Trouble>(())
        };
        let (rehearsed, upgraded) = tokio::join!(rehearsing, upgrading);
        upgraded?;
        assert!(matches!(rehearsed, Err(EngineError::GaveWay { .. })), "{rehearsed:?}");
        assert_nothing_left(stand).await?;
        let refused = rehearse(&stand.session(), &wished).await;
        assert!(matches!(refused, Err(EngineError::OtherRun { .. })), "{refused:?}");
        let journal = Journal::new(&stand.session().cluster, APPLICATION);
        let record = journal.read::<ApplicationRecord>(APPLICATION).await?.ok_or("no record")?;
        assert!(record.record.run.is_some(), "the rehearsal took the upgrade's run");
        stand.session().abort(APPLICATION).await?;
        stand.clean().await
    })
}
