//! What must be refused, and what must stop a run before the switch: nothing is lost, and nothing half done.

use lockstep_core::run::state::RunState;
use lockstep_engine::{EngineError, report::Event, session::Ending};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, demo_pack, meddle, wish},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("a_rejected_document_stops_before_the_switch", rejected),
        scenario("abort_drops_what_the_run_made_and_nothing_else", aborted),
        scenario("a_plan_with_refusals_leaves_no_trace", refused),
        scenario("a_moved_alias_stops_the_switch", moved_alias),
        scenario("a_new_month_during_the_run_is_not_left_behind", new_month),
        scenario("a_replaced_source_stops_the_run", replaced_source),
        scenario("another_version_is_refused_while_a_run_is_under_way", other_version),
    ]
}

/// A profile that the steps can't take: `newsletter` is no truth value.
pub(crate) async fn poison(stand: &Stand) -> Result<(), Trouble> {
    let profile = json!({"name": "Bad Apple", "newsletter": "perhaps"});
    stand.send("PUT", "/acme-profile-v1.0/_doc/bad%20apple?refresh=true", profile).await?;
    Ok(())
}

fn halted(
    outcome: &Result<Ending, EngineError>,
) -> Result<(&str, &[lockstep_core::run::state::BadDocument]), Trouble> {
    match outcome {
        Err(EngineError::Halted(problem)) => Ok((&problem.code, &problem.documents)),
        other => Err(format!("not halted: {other:?}").into()),
    }
}

fn rejected(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        poison(stand).await?;
        let outcome = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        let (code, documents) = halted(&outcome)?;
        assert_eq!((code, documents.len()), ("R0208", 1), "{documents:?}");
        assert_eq!(
            (documents[0].index.as_str(), documents[0].id.as_str()),
            ("acme-profile-v1.0", "bad apple")
        );
        assert!(documents[0].reason.contains("newsletter"), "{documents:?}");
        // The application goes on as before.
        let alias = stand.send("GET", "/_alias/acme-profile", Value::Null).await?;
        assert_eq!(alias.as_object().map(serde_json::Map::len), Some(1));
        assert!(alias.get("acme-profile-v1.0").is_some(), "{alias}");
        // The same command says the same until the document is mended, and then goes on to the end.
        let again = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        assert_eq!(halted(&again)?.0, "R0208");
        let mended = json!({"name": "Good Apple", "newsletter": "true"});
        stand.send("PUT", "/acme-profile-v1.0/_doc/bad%20apple?refresh=true", mended).await?;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }));
        assert_eq!(stand.check_switched().await?, 601);
        stand.clean().await
    })
}

fn aborted(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let old = stand.indices("*-v1.0*").await?;
        poison(stand).await?;
        let outcome = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        halted(&outcome)?;
        assert!(!stand.indices("*-v2.0*").await?.is_empty());
        // Somebody replaces an index of the unfinished set: it isn't the run's any more.
        stand.send("DELETE", "/acme-audit-v2.0", Value::Null).await?;
        stand.send("PUT", "/acme-audit-v2.0", json!({})).await?;
        let ending = stand.session().abort("event-store").await?;
        assert!(
            matches!(&ending, Ending::Aborted { run, .. } if run.state == RunState::Aborted),
            "{ending:?}"
        );
        assert_eq!(stand.indices("*-v2.0*").await?, ["acme-audit-v2.0"]);
        assert_eq!(stand.indices("*-v1.0*").await?, old);
        let nothing = stand.session().abort("event-store").await;
        assert!(matches!(nothing, Err(EngineError::NoRun { .. })), "{nothing:?}");
        // Writable as before, and ready for another try.
        stand.send("DELETE", "/acme-audit-v2.0", Value::Null).await?;
        stand
            .send("DELETE", "/acme-profile-v1.0/_doc/bad%20apple?refresh=true", Value::Null)
            .await?;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }));
        assert_eq!(stand.check_switched().await?, 600);
        stand.clean().await
    })
}

fn refused(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        stand.send("PUT", "/acme-audit-v2.0", json!({})).await?;
        stand.send("PUT", "/acme-surprise-v1.0", json!({})).await?;
        stand.send("PUT", "/acme-consent", json!({})).await?;
        let mapping = json!({"mappings": {"_source": {"enabled": false}}});
        stand.send("PUT", "/acme-event-v1.0-2025-7", mapping).await?;
        let outcome = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        let Err(EngineError::Refused { plan }) = outcome else {
            return Err(format!("{outcome:?}").into());
        };
        let mut found: Vec<(&str, &str)> = plan
            .findings
            .iter()
            .filter(|finding| finding.is_refusal())
            .map(|finding| (finding.code.as_str(), finding.subject.as_str()))
            .collect();
        found.sort_unstable();
        let expected = [
            ("F0101", "acme-surprise-v1.0"),
            ("F0202", "acme-consent"),
            ("F0403", "acme-event-v1.0-2025-7"),
            ("F0501", "acme-audit-v2.0"),
        ];
        assert_eq!(found, expected);
        assert!(stand.indices("lockstep-*").await?.is_empty(), "a refused plan made a journal");
        assert_eq!(stand.indices("*-v2.0*").await?, ["acme-audit-v2.0"]);
        for index in ["acme-surprise-v1.0", "acme-consent"] {
            stand.send("DELETE", &format!("/{index}"), Value::Null).await?;
        }
        stand.clean().await
    })
}

fn moved_alias(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        let meddler = stand.session_with(move |event, _| {
            let Event::Entered { state: RunState::Switching { .. }, .. } = event else { return };
            let action = json!({"add": {"index": "acme-audit-v1.0", "alias": "acme-order"}});
            meddle("POST", format!("{url}/_aliases"), json!({"actions": [action]}));
        });
        let outcome = meddler.upgrade(&demo_pack(), &wish("2.0")).await;
        assert_eq!(halted(&outcome)?.0, "R0602");
        let aliases = stand.send("GET", "/_alias/borealis-order", Value::Null).await?;
        assert!(aliases.get("borealis-order-v1.0").is_some(), "a tenant moved alone: {aliases}");
        // The switch is decided: there is no way back, only forward once the alias is where it was.
        let abort = stand.session().abort("event-store").await;
        assert!(matches!(abort, Err(EngineError::State(_))), "{abort:?}");
        let back =
            json!({"actions": [{"remove": {"index": "acme-audit-v1.0", "alias": "acme-order"}}]});
        stand.send("POST", "/_aliases", back).await?;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }));
        assert_eq!(stand.check_switched().await?, 600);
        stand.clean().await
    })
}

fn replaced_source(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        poison(stand).await?;
        halted(&stand.session().upgrade(&demo_pack(), &wish("2.0")).await)?;
        stand.send("DELETE", "/acme-profile-v1.0", Value::Null).await?;
        stand.send("PUT", "/acme-profile-v1.0", json!({"aliases": {"acme-profile": {}}})).await?;
        let outcome = stand.session().upgrade(&demo_pack(), &wish("2.0")).await;
        assert_eq!(halted(&outcome)?.0, "R0203");
        stand.session().abort("event-store").await?;
        assert!(stand.indices("*-v2.0*").await?.is_empty());
        stand.clean().await
    })
}

fn other_version(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        poison(stand).await?;
        halted(&stand.session().upgrade(&demo_pack(), &wish("2.0")).await)?;
        let other = stand.session().upgrade(&demo_pack(), &wish("1.1")).await;
        assert!(matches!(other, Err(EngineError::OtherRun { .. })), "{other:?}");
        let mut changed = demo_pack();
        "something else".clone_into(&mut changed.digest);
        let other = stand.session().upgrade(&changed, &wish("2.0")).await;
        assert!(matches!(other, Err(EngineError::PackChanged)), "{other:?}");
        stand.session().abort("event-store").await?;
        stand.clean().await
    })
}

fn new_month(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let url = stand.cluster.url.clone();
        let writer = stand.session_with(move |event, _| {
            // The last moment at which it can happen unseen: both sets were just found equal.
            if let Event::Entered { state: RunState::Fencing { round: 1 }, .. } = event {
                let event = json!({"type": "view", "timestamp": "2031-01-01T00:00:00Z"});
                meddle("PUT", format!("{url}/acme-event-v1.0-2031-1/_doc/first"), event);
            }
        });
        let outcome = writer.upgrade(&demo_pack(), &wish("2.0")).await;
        assert_eq!(halted(&outcome)?.0, "R0204");
        // The block is lifted again, and a new run takes the month along.
        let late = json!({"name": "Still Welcome", "newsletter": "true"});
        let written = stand.send("PUT", "/acme-profile-v1.0/_doc/late", late).await?;
        assert_eq!(written["result"], "created", "{written}");
        stand.session().abort("event-store").await?;
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert_eq!(stand.check_switched().await?, 602);
        stand.clean().await
    })
}
