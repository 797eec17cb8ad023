//! Tenants that are left out of an upgrade, and brought over later.

use lockstep_core::plan::tenants::TenantChoice;
use lockstep_engine::{
    EngineError,
    report::Event,
    session::{Ending, Wish},
    status::status,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, demo_pack, wish},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![scenario("a_tenant_is_left_out_and_brought_over_later", left_out)]
}

/// The indices that an alias is on.
async fn bearers(stand: &Stand, alias: &str) -> Result<Vec<String>, Trouble> {
    let found = stand.send("GET", &format!("/_alias/{alias}"), Value::Null).await?;
    Ok(found.as_object().map(|found| found.keys().cloned().collect()).unwrap_or_default())
}

fn left_out(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let tenants = std::iter::once("borealis".to_owned()).collect();
        let reason = "its audit runs until Friday".to_owned();
        let without = Wish { tenants: TenantChoice::Except { tenants, reason }, ..wish("2.0") };
        let stopped = stand.session_with(|event, stop| {
            if matches!(event, Event::Entered { state, .. } if state.name() == "holding") {
                stop.cancel();
            }
        });
        let outcome = stopped.upgrade(&demo_pack(), &without).await;
        assert!(matches!(outcome, Err(EngineError::Interrupted)), "{outcome:?}");
        let only = |name: &str| {
            let tenants = TenantChoice::Only(std::iter::once(name.to_owned()).collect());
            Wish { tenants, from: "1.0".parse().ok(), ..wish("2.0") }
        };
        let other = stand.session().upgrade(&demo_pack(), &only("borealis")).await;
        assert!(matches!(other, Err(EngineError::OtherTenants { excluded: 1 })), "{other:?}");
        // A new index of the tenant that is left out is nobody's business here.
        let new_month = json!({"aliases": {"borealis-event": {}}});
        stand.send("PUT", "/borealis-event-v1.0-2031-01", new_month).await?;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        assert_eq!(bearers(stand, "acme-profile").await?, ["acme-profile-v2.0"]);
        assert_eq!(bearers(stand, "borealis-profile").await?, ["borealis-profile-v1.0"]);
        assert!(stand.indices("borealis-*-v2.0*").await?.is_empty());
        let body = json!({"name": "Still Here", "newsletter": "true"});
        let put = stand.send("PUT", "/borealis-profile/_doc/still-here", body).await?;
        assert_eq!(put["result"], "created", "{put}");
        let run = status(&stand.session().cluster, "event-store").await?.run.ok_or("no run")?;
        assert_eq!(run.excluded[0].reason, "its audit runs until Friday");
        let ending = stand.session().upgrade(&demo_pack(), &only("borealis")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        assert_eq!(bearers(stand, "borealis-profile").await?, ["borealis-profile-v2.0"]);
        assert_eq!(stand.check_switched().await?, 601);
        stand.clean().await
    })
}
