//! Faults on both sides of every effect: the request never arrives, or its answer is lost. The same command is given
//! until it ends, as an operator would, and the end is always a clean switch.

use std::time::Duration;

use lockstep_core::run::quarantine::Decision;
use lockstep_elastic::{Cluster, Connection, RetryBounds};
use lockstep_engine::{
    EngineError, Session,
    quarantine::{Chosen, decide},
    session::Ending,
};
use lockstep_pocket::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    quarantine::{APPLICATION, check_missing, good, reject_by_step},
    stand::{Stand, Trouble, demo_pack, wish},
};

/// How often the command is given.
const COMMANDS_MAX: usize = 4;

/// Every kind of request that changes something, by method and path.
const EFFECTS: [(&str, &str); 13] = [
    ("PUT", "/lockstep-journal"),
    ("PUT", "/*-v2.0*"),
    ("PUT", "/lockstep-journal/_create/*"),
    ("PUT", "/lockstep-journal/_doc/*"),
    ("POST", "/lockstep-journal/_bulk"),
    ("POST", "/_bulk"),
    ("POST", "*/_refresh"),
    ("PUT", "*/_settings"),
    ("PUT", "*/_mapping"),
    ("PUT", "*/_block/write"),
    ("POST", "*/_clone/*"),
    ("PUT", "/_index_template/*"),
    ("POST", "/_aliases"),
];

/// Requests that only look.
const LOOKS: [(&str, &str); 7] = [
    ("POST", "*/_search"),
    ("POST", "/_msearch"),
    ("GET", "/_index_template"),
    ("GET", "*/_stats/*"),
    ("GET", "/_alias"),
    ("GET", "*/_settings"),
    ("GET", "/lockstep-journal/_doc/*"),
];

/// Every kind of request that the way back makes, by method and path.
const WAY_BACK: [(&str, &str); 13] = [
    ("PUT", "/lockstep-journal/_create/*"),
    ("PUT", "/lockstep-journal/_doc/*"),
    ("POST", "/_bulk"),
    ("POST", "*/_refresh"),
    ("PUT", "*/_settings"),
    ("PUT", "*/_block/write"),
    ("POST", "/_aliases"),
    ("POST", "*/_search"),
    ("POST", "/_msearch"),
    ("GET", "*/_stats/*"),
    ("GET", "/_alias"),
    ("GET", "*/_settings/*"),
    ("GET", "/lockstep-journal/_doc/*"),
];

/// Every kind of request that the quarantine makes, by method and path.
const QUARANTINE: [(&str, &str); 7] = [
    ("PUT", "/lockstep-quarantine"),
    ("PUT", "/lockstep-quarantine/_create/*"),
    ("PUT", "/lockstep-quarantine/_doc/*"),
    ("DELETE", "/lockstep-quarantine/_doc/*"),
    ("GET", "/lockstep-quarantine/_doc/*"),
    ("POST", "/lockstep-quarantine/_refresh"),
    ("POST", "/lockstep-quarantine/_search"),
];

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "every_request_of_the_way_back_may_fail",
            is_pocket_only: true,
            load: Load::Light,
            play: way_back,
        },
        Scenario {
            name: "every_effect_may_fail_before_and_after",
            is_pocket_only: true,
            load: Load::Light,
            play: effects,
        },
        Scenario {
            name: "every_request_of_the_quarantine_may_fail",
            is_pocket_only: true,
            load: Load::Light,
            play: quarantine,
        },
        Scenario {
            name: "every_look_may_fail",
            is_pocket_only: true,
            load: Load::Light,
            play: looks,
        },
        Scenario {
            name: "a_busy_cluster_is_waited_for",
            is_pocket_only: true,
            load: Load::Light,
            play: busy,
        },
    ]
}

/// A session that gives up after one attempt, so that faults reach the engine.
pub(crate) fn impatient(stand: &Stand) -> Result<Session, Trouble> {
    let connection = Connection::parse(&stand.cluster.url)?.with_retry(RetryBounds::once());
    Ok(Session { cluster: Cluster::new(connection)?, ..stand.session() })
}

fn effects(runtime: &Runtime, stand: &Stand) -> Outcome {
    let disconnected = || FaultKind::Disconnect;
    let unavailable =
        || FaultKind::Status { status: 503, error_type: "unavailable_shards_exception".to_owned() };
    for (method, path) in EFFECTS {
        for nth in [1, 3] {
            let fault = |kind| Fault::new(path, kind).on(method).nth(nth);
            for fault in
                [fault(disconnected()), fault(disconnected()).after(), fault(unavailable())]
            {
                runtime.block_on(survive(stand, fault))?;
            }
        }
    }
    Ok(())
}

fn way_back(runtime: &Runtime, stand: &Stand) -> Outcome {
    for (method, path) in WAY_BACK {
        for nth in [1, 3] {
            let fault = || Fault::new(path, FaultKind::Disconnect).on(method).nth(nth);
            for fault in [fault(), fault().after()] {
                runtime.block_on(return_anyway(stand, fault))?;
            }
        }
    }
    Ok(())
}

/// Asks for the way back until it is gone, with a fault planned.
async fn return_anyway(stand: &Stand, fault: Fault) -> Outcome {
    let context = format!("{fault:?}");
    stand.seed(100).await?;
    stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
    let new = json!({"first_name": "Way", "last_name": "Back", "newsletter": true});
    for id in ["kept", "dropped"] {
        stand.send("PUT", &format!("/acme-profile/_doc/{id}"), new.clone()).await?;
    }
    stand.send("DELETE", "/acme-profile/_doc/dropped", Value::Null).await?;
    stand.pocket.as_ref().ok_or("no pocket cluster")?.plan_fault(fault);
    let mut errors = Vec::new();
    for _ in 0..COMMANDS_MAX {
        match impatient(stand)?.rollback(&demo_pack()).await {
            // Done, or done before although its answer was lost.
            Ok(Ending::Returned { .. }) | Err(EngineError::NotSwitched { state: "returned" }) => {
                let kept = stand.send("GET", "/acme-profile/_doc/kept", Value::Null).await?;
                assert_eq!(kept["_index"], "acme-profile-v1.0", "{context}: {kept}");
                assert_eq!(kept["_source"]["name"], "Way Back", "{context}: {kept}");
                let gone = stand.send("GET", "/acme-profile/_doc/dropped", Value::Null).await?;
                assert_eq!(gone["found"], false, "{context}: {gone}");
                let put =
                    stand.send("PUT", "/acme-profile/_doc/on", json!({"name": "O N"})).await?;
                assert_eq!(put["result"], "created", "{context}: {put}");
                return stand.clean().await;
            }
            Ok(other) => return Err(format!("{context}: {other:?}").into()),
            Err(error) => errors.push(format!("{} {error}", error.code())),
        }
    }
    Err(format!("{context}: not back after {COMMANDS_MAX} commands: {errors:?}").into())
}

fn looks(runtime: &Runtime, stand: &Stand) -> Outcome {
    for (method, path) in LOOKS {
        for nth in [1, 2, 7] {
            let fault = Fault::new(path, FaultKind::Disconnect).on(method).nth(nth);
            runtime.block_on(survive(stand, fault))?;
        }
    }
    Ok(())
}

/// Gives the command until it ends, with a fault planned.
async fn survive(stand: &Stand, fault: Fault) -> Outcome {
    let context = format!("{fault:?}");
    stand.seed(300).await?;
    let pocket = stand.pocket.as_ref().ok_or("no pocket cluster")?;
    pocket.plan_fault(fault);
    let mut errors = Vec::new();
    for _ in 0..COMMANDS_MAX {
        match impatient(stand)?.upgrade(&demo_pack(), &wish("2.0")).await {
            Ok(Ending::Switched { .. } | Ending::Minor { .. }) => {
                let documents =
                    stand.check_switched().await.map_err(|error| format!("{context}: {error}"))?;
                assert_eq!(documents, 300, "{context}");
                return stand.clean().await;
            }
            Ok(other) => return Err(format!("{context}: {other:?}").into()),
            Err(error) => errors.push(format!("{} {error}", error.code())),
        }
    }
    Err(format!("{context}: not done after {COMMANDS_MAX} commands: {errors:?}").into())
}

fn quarantine(runtime: &Runtime, stand: &Stand) -> Outcome {
    for (method, path) in QUARANTINE {
        for nth in [1, 3] {
            let fault = || Fault::new(path, FaultKind::Disconnect).on(method).nth(nth);
            for fault in [fault(), fault().after()] {
                runtime.block_on(decide_anyway(stand, fault))?;
            }
        }
    }
    Ok(())
}

/// Upgrades with a fault planned; every command is given until it does what it has to.
async fn decide_anyway(stand: &Stand, fault: Fault) -> Outcome {
    let context = format!("{fault:?}");
    stand.seed(100).await?;
    for id in ["1", "2", "mended"] {
        reject_by_step(stand, "acme", id).await?;
    }
    stand.pocket.as_ref().ok_or("no pocket cluster")?.plan_fault(fault);
    let impatient = impatient(stand)?;
    let mut errors = Vec::new();
    let mut is_mended = false;
    for _ in 0..2 * COMMANDS_MAX {
        match impatient.upgrade(&demo_pack(), &wish("2.0")).await {
            Ok(_) => {
                let missing = [("acme-profile-v1.0", "1"), ("acme-profile-v1.0", "2")];
                check_missing(stand, 101, &missing)
                    .await
                    .map_err(|error| format!("{context}: {error}"))?;
                assert!(is_mended, "{context}");
                return stand.clean().await;
            }
            Err(EngineError::Halted(problem)) if problem.code == "R0208" => {
                if !std::mem::replace(&mut is_mended, true) {
                    assert_eq!(problem.document_count, 3, "{context}: {problem:?}");
                    let path = "/acme-profile-v1.0/_doc/mended?refresh=true";
                    stand.send("PUT", path, good("Mended Now")).await?;
                    continue;
                }
                let decision = Decision::Discard { reason: "test data".to_owned() };
                let chosen = (&Chosen::Undecided, &decision);
                if let Err(error) = decide(&impatient.cluster, APPLICATION, chosen, "anna").await {
                    errors.push(format!("{} {error}", error.code()));
                }
            }
            Err(error) => errors.push(format!("{} {error}", error.code())),
        }
    }
    Err(format!("{context}: not done: {errors:?}").into())
}

fn busy(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(300).await?;
        let pocket = stand.pocket.as_ref().ok_or("no pocket cluster")?;
        let error_type = "rejected_execution_exception".to_owned();
        pocket.plan_fault(
            Fault::new("/_bulk", FaultKind::Status { status: 429, error_type: error_type.clone() })
                .nth(2)
                .times(2),
        );
        pocket.plan_fault(
            Fault::new("/_bulk", FaultKind::PartialBulk { items: 3, status: 429, error_type })
                .nth(5)
                .times(2),
        );
        pocket.plan_fault(Fault::new("*/_search", FaultKind::Slow { ms: 300 }).nth(4));
        let begun = std::time::Instant::now();
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        assert!(matches!(ending, Ok(Ending::Switched { .. })), "{ending:?}");
        assert!(begun.elapsed() < Duration::from_mins(1));
        assert!(!matches!(ending, Err(EngineError::Interrupted)));
        assert_eq!(stand.check_switched().await?, 300);
        stand.clean().await
    })
}
