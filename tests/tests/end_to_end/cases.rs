//! The demo pack's test cases, with this cluster asked whether mappings take the documents.

use std::path::Path;

use lockstep_core::{
    pack::{
        cases::{self, Case, Expected},
        load,
        model::Pack,
    },
    transform::RejectionCode,
    trial::{self, Passage},
};
use lockstep_engine::{
    JqHosts,
    fitting::{Fit, Fitter, NAME_PREFIX},
    pack_folder,
};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    scripts::{SCRIPTS, scripted_pack},
    stand::{Stand, Trouble},
};

/// A pocket cluster runs no scripts.
pub(crate) fn scenarios(stand: &str) -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    let mut scenarios = vec![scenario("the_demos_cases_hold", hold)];
    if stand != "pocket" {
        scenarios.push(scenario("cases_go_through_scripts_there_and_back", through_scripts));
    }
    scenarios
}

fn demo() -> Result<(Pack, Vec<Case>), Trouble> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pack");
    let files = pack_folder::read(&folder)?;
    let pack = load(&files)?;
    let cases = cases::read(&files, &pack)?;
    Ok((pack, cases))
}

/// Scripts make of the documents what the operations make that they stand for, or reject them in their own way.
fn through_scripts(runtime: &Runtime, stand: &Stand) -> Outcome {
    let (_, cases) = demo()?;
    let pack = scripted_pack(&SCRIPTS);
    runtime.block_on(async {
        let cluster = stand.session().cluster;
        let mut rejected = 0;
        for case in &cases {
            let outcome =
                lockstep_engine::trial::run((&cluster, &JqHosts::none()), &pack, case).await?;
            if let Some(Expected::Rejection(_)) = case.expected {
                let Passage::Rejected(rejection) = &outcome.up else {
                    return Err(format!("{}: {outcome:?}", case.folder).into());
                };
                assert_eq!(rejection.code, RejectionCode::ScriptFailed, "{rejection}");
                rejected += 1;
                continue;
            }
            assert_eq!(trial::judge(case, &outcome), [], "{}", case.folder);
        }
        assert_eq!(
            (rejected, cases.iter().any(|case| trial::needs_scripts(&pack, case))),
            (1, true)
        );
        Ok(())
    })
}

fn hold(runtime: &Runtime, stand: &Stand) -> Outcome {
    let (pack, cases) = demo()?;
    runtime.block_on(async {
        let cluster = stand.session().cluster;
        let identity = cluster.identity().await?;
        let fitter = Fitter::new(cluster.clone(), &identity);
        for case in &cases {
            let outcome =
                lockstep_engine::trial::run((&cluster, &JqHosts::none()), &pack, case).await?;
            assert_eq!(trial::judge(case, &outcome), [], "{}", case.folder);
            for fitting in outcome.fittings(case) {
                let fit = fit(&fitter, &pack, (fitting.position, fitting.index), fitting.document);
                assert_eq!(fit.await?, Fit::Taken, "{}/{}", case.folder, fitting.file);
            }
        }
        // Strict, and a number where there is a truth value.
        for document in [r#"{"mood": "good"}"#, r#"{"pinned": 7}"#] {
            let fit = fit(&fitter, &pack, (2, "ticket"), document.as_bytes()).await?;
            assert!(matches!(fit, Fit::Refused { .. }), "{document}: {fit:?}");
        }
        let mut broken = pack.clone();
        let ticket = broken.releases[2].indices.get_mut("ticket").ok_or("no ticket")?;
        ticket.mapping["properties"]["pinned"]["type"] = "colour".into();
        let fit = fit(&fitter, &broken, (2, "ticket"), b"{}").await?;
        assert!(matches!(fit, Fit::NoIndex { .. }), "{fit:?}");
        let left = stand.session().cluster.survey().await?.indices;
        assert!(left.iter().all(|index| !index.name.starts_with(NAME_PREFIX)), "{left:?}");
        Ok(())
    })
}

async fn fit(
    fitter: &Fitter,
    pack: &Pack,
    (position, index): (usize, &str),
    document: &[u8],
) -> Result<Fit, Trouble> {
    Ok(fitter.fit(pack, &pack.releases[position].indices[index], document).await?)
}
