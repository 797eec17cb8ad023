//! A primary shard fails after both sets were compared, and takes with it what was compared. Closing and opening an index
//! gives it other primaries, on one node as well; what a failed one would have lost is undone by hand, under the same version,
//! so that neither a pass nor a count can see it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use lockstep_engine::{report::Event, session::Ending};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, demo_pack, meddle, wish},
};

const OLD: &str = "acme-profile-v1.0";
const NEW: &str = "acme-profile-v2.0";

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("a_failed_primary_has_both_sets_compared_anew", before_the_switch),
        scenario("after_a_failed_primary_the_way_back_compares_everything", after_the_switch),
    ]
}

/// Gives an index other primaries, and undoes what the last write to a document was.
fn fail_over(url: &str, index: &str, undone: (&str, Value)) {
    let (path, content) = undone;
    // On the way back the old set is guarded: without this the calls below would wait for a copy that there can't be.
    let unguarded = json!({"index.write.wait_for_active_shards": null});
    meddle("PUT", format!("{url}/{index}/_settings"), unguarded);
    meddle("PUT", format!("{url}{path}"), content);
    meddle("POST", format!("{url}/{index}/_close"), Value::Null);
    meddle("POST", format!("{url}/{index}/_open"), Value::Null);
    let health = format!("{url}/_cluster/health/{index}?wait_for_status=yellow&timeout=60s");
    meddle("GET", health, Value::Null);
}

/// Where the present state of a document is written over without a new version.
fn in_place(index: &str, id: &str, version: u64) -> String {
    format!("/{index}/_doc/{id}?version={version}&version_type=external_gte")
}

fn before_the_switch(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let body = json!({"name": "Acknowledged State", "newsletter": "true"});
        let put = stand.send("PUT", &format!("/{OLD}/_doc/hidden"), body).await?;
        let version = put["_seq_no"].as_u64().ok_or("the write has no number")? + 1;
        let (url, is_over) = (stand.cluster.url.clone(), AtomicBool::new(false));
        let notices = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&notices);
        let session = stand.session_with(move |event, _| match event {
            Event::Entered { state, .. }
                if state.name() == "holding" && !is_over.swap(true, Ordering::Relaxed) =>
            {
                let older = json!({"first_name": "Older", "last_name": "State"});
                fail_over(&url, NEW, (&in_place(NEW, "hidden", version), older));
            }
            Event::Notice { message } => {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
            }
            _ => {}
        });
        let ending = session.upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        stand.check_switched().await?;
        let found = stand.send("GET", "/acme-profile/_doc/hidden", Value::Null).await?;
        assert_eq!(found["_source"]["first_name"], "Acknowledged", "{found}");
        let notices = notices.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        let reason = format!("a primary shard of `{NEW}` failed since both sets were compared");
        assert!(notices.contains(&reason) && notices.contains("1 differing"), "{notices}");
        stand.clean().await
    })
}

fn after_the_switch(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        let body = json!({"first_name": "Seen", "last_name": "Once", "newsletter": true});
        stand.send("PUT", "/acme-profile/_doc/hidden", body).await?;
        let (url, is_over) = (stand.cluster.url.clone(), AtomicBool::new(false));
        // A first try carries the document back, and stops there.
        let stopped = stand.session_with(|event, stop| {
            if matches!(event, Event::Entered { state, .. } if state.name() == "return fencing") {
                stop.cancel();
            }
        });
        let outcome = stopped.rollback(&demo_pack()).await;
        assert!(outcome.is_err(), "{outcome:?}");
        let carried = stand.send("GET", &format!("/{OLD}/_doc/hidden"), Value::Null).await?;
        let version = carried["_version"].as_u64().ok_or("it was not carried back")?;
        let session = stand.session_with(move |event, _| {
            let Event::Entered { state, .. } = event else { return };
            if state.name() == "return fencing" && !is_over.swap(true, Ordering::Relaxed) {
                let older = json!({"name": "Older State", "newsletter": "true"});
                fail_over(&url, OLD, (&in_place(OLD, "hidden", version), older));
            }
        });
        let ending = session.rollback(&demo_pack()).await?;
        assert!(matches!(ending, Ending::Returned { .. }), "{ending:?}");
        let found = stand.send("GET", "/acme-profile/_doc/hidden", Value::Null).await?;
        assert_eq!(found["_source"]["name"], "Seen Once", "{found}");
        stand.clean().await
    })
}
