//! An index that no step changes is cloned, and what the application writes since is caught up.

use lockstep_core::run::state::RunState;
use lockstep_engine::{EngineError, report::Event, session::Ending, status::status};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, demo_pack, meddle, wish},
};

const APPLICATION: &str = "event-store";
const SOURCE: &str = "acme-audit-v1.0";
const TARGET: &str = "acme-audit-v2.0";

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario =
        |name, is_pocket_only, play| Scenario { name, load: Load::Light, is_pocket_only, play };
    vec![
        scenario("an_unchanged_index_is_cloned_and_caught_up", false, cloned),
        scenario("an_index_with_versions_of_its_own_is_copied", true, foreign_versions),
        scenario("a_driver_that_died_while_cloning_leaves_nothing_blocked", true, died),
    ]
}

/// The settings of an index, flat.
async fn settings(stand: &Stand, index: &str) -> Result<Value, Trouble> {
    let found = stand.send("GET", &format!("/{index}?flat_settings=true"), Value::Null).await?;
    Ok(found[index].clone())
}

fn is_clone(index: &Value) -> bool {
    index["settings"]["index.resize.source.name"] == SOURCE
}

fn cloned(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        let at = |id: &str| format!("{url}/{SOURCE}/_doc/{id}");
        let (changed, made, gone) = (at("audit-0000001"), at("late"), at("audit-0000002"));
        let later = stand.session_with(move |event, _| {
            let Event::Entered { state, .. } = event else { return };
            match state.name() {
                "copying" => {
                    meddle("PUT", changed.clone(), json!({"detail": {"since": 1}}));
                    meddle("PUT", made.clone(), json!({"detail": {"since": 2}}));
                }
                "holding" => {
                    meddle("PUT", changed.clone(), json!({"detail": {"since": 3}}));
                    meddle("DELETE", gone.clone(), Value::Null);
                }
                _ => {}
            }
        });
        let ending = later.upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        let target = settings(stand, TARGET).await?;
        assert!(is_clone(&target), "{target:#}");
        // It is what a new index would have been.
        let aliases: Vec<&String> =
            target["aliases"].as_object().ok_or("no aliases")?.keys().collect();
        assert_eq!(aliases, ["acme-audit"]);
        let meta = &target["mappings"]["_meta"];
        assert!(meta.get("lockstep_run").is_none(), "{meta}");
        for name in ["index.blocks.write", "index.gc_deletes", "index.refresh_interval"] {
            let value = &target["settings"][name];
            assert!(value.is_null(), "{name}: {value}");
        }
        let document =
            async |id: &str| stand.send("GET", &format!("/{TARGET}/_doc/{id}"), Value::Null).await;
        assert_eq!(document("audit-0000001").await?["_source"], json!({"detail": {"since": 3}}));
        assert_eq!(document("late").await?["_source"], json!({"detail": {"since": 2}}));
        assert_eq!(document("audit-0000002").await?["found"], json!(false));
        stand.check_switched().await?;
        // Its documents were not read.
        let run = status(&stand.session().cluster, APPLICATION).await?.run.ok_or("no run")?;
        assert!(run.copied.read < 600, "{run:?}");
        stand.clean().await
    })
}

fn foreign_versions(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let path = format!("/{SOURCE}/_doc/own?version=1760000000000&version_type=external");
        stand.send("PUT", &path, json!({"detail": {"v": 1}})).await?;
        let (sender, told) = std::sync::mpsc::channel();
        let session = stand.session_with(move |event, _| {
            if let Event::Notice { message } = event
                && message.contains("is copied, not cloned")
            {
                // Nobody may listen any more.
                let _gone = sender.send(message.clone());
            }
        });
        session.upgrade(&demo_pack(), &wish("2.0")).await?;
        let told: Vec<String> = told.try_iter().collect();
        let expected = format!(
            "`{SOURCE}` is copied, not cloned: the application gives its documents versions of its own"
        );
        assert_eq!(told, [expected]);
        assert!(!is_clone(&settings(stand, TARGET).await?));
        let own = stand.send("GET", &format!("/{TARGET}/_doc/own"), Value::Null).await?;
        assert_eq!(own["_source"], json!({"detail": {"v": 1}}));
        stand.clean().await
    })
}

/// Begins an upgrade, and does what a driver leaves that is killed while it clones: a blocked source, and a clone that nobody
/// knows the log of.
async fn die_while_cloning(stand: &Stand) -> Outcome {
    stand.seed(600).await?;
    let stopped = stand.session_with(|event, stop| {
        if matches!(event, Event::Entered { state, .. } if *state == RunState::Preparing) {
            stop.cancel();
        }
    });
    let outcome = stopped.upgrade(&demo_pack(), &wish("2.0")).await;
    assert!(matches!(outcome, Err(EngineError::Interrupted)), "{outcome:?}");
    let run = status(&stand.session().cluster, APPLICATION).await?.run.ok_or("no run")?;
    stand.send("PUT", &format!("/{SOURCE}/_block/write"), Value::Null).await?;
    let mark = format!("lockstep-clone-{}", run.record.id);
    let body = json!({"settings": {"index.blocks.write": null}, "aliases": {mark: {}}});
    stand.send("POST", &format!("/{SOURCE}/_clone/{TARGET}"), body).await?;
    assert_eq!(write(stand, "a").await?["status"], 403);
    Ok(())
}

async fn write(stand: &Stand, id: &str) -> Result<Value, Trouble> {
    stand.send("PUT", &format!("/{SOURCE}/_doc/{id}"), json!({"detail": {}})).await
}

fn died(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        die_while_cloning(stand).await?;
        let found = stand.session().examine(APPLICATION).await?;
        let codes: Vec<_> = found.iter().map(|leftover| leftover.code).collect();
        assert_eq!(codes, ["L0201", "L0102"], "{found:?}");
        stand.session().mend(APPLICATION).await?;
        assert_eq!(write(stand, "a").await?["result"], "created");
        // The same is done by whoever goes on, and the clone of before lacks what was written since.
        stand.send("PUT", &format!("/{SOURCE}/_block/write"), Value::Null).await?;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        assert!(is_clone(&settings(stand, TARGET).await?));
        let carried = stand.send("GET", &format!("/{TARGET}/_doc/a"), Value::Null).await?;
        assert_eq!(carried["found"], json!(true));
        // Giving up lifts the block and takes the clone away.
        die_while_cloning(stand).await?;
        stand.session().abort(APPLICATION).await?;
        assert_eq!(write(stand, "b").await?["result"], "created");
        assert_eq!(stand.indices("*-v2.0*").await?, [""; 0]);
        stand.clean().await
    })
}
