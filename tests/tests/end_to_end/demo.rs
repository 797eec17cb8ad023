//! The demo application is upgraded from 1.0 to 2.0, and an independent checker looks at both sets.

use lockstep_demo::{CheckOptions, SeedOptions, check, seed};
use lockstep_engine::session::Ending;
use tokio::runtime::Runtime;

use crate::{
    Outcome, Scenario,
    stand::{Stand, demo_pack, wish},
};

const TENANTS: u32 = 3;
const DOCUMENTS: u64 = 6_000;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![Scenario { name: "demo_is_upgraded_in_one_fused_pass", play: upgraded }]
}

fn upgraded(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.clean(TENANTS).await?;
        seed(&stand.cluster.url, &SeedOptions { tenants: TENANTS, documents: DOCUMENTS, seed: 1 })
            .await?;
        let ending = stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        let Ending::Switched { plan, run } = ending else {
            return Err(format!("{ending:?}").into());
        };
        assert_eq!(plan.chain.len(), 3);
        let report = check(&stand.cluster.url, &CheckOptions::default()).await?;
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.documents + report.dropped, DOCUMENTS, "{report:?}");
        assert!(run.switch.is_some());
        stand.clean(TENANTS).await
    })
}
