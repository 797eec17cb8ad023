//! The demo pack's test cases, with this cluster asked whether mappings take the documents.

use std::path::Path;

use lockstep_core::{
    pack::{cases, load, model::Pack},
    trial,
};
use lockstep_engine::{
    fitting::{Fit, Fitter, NAME_PREFIX},
    pack_folder,
};
use tokio::runtime::Runtime;

use crate::{
    Outcome, Scenario,
    stand::{Stand, Trouble},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, is_heavy: false, is_pocket_only: false, play };
    vec![scenario("the_demos_cases_hold", hold)]
}

fn hold(runtime: &Runtime, stand: &Stand) -> Outcome {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pack");
    let files = pack_folder::read(&folder)?;
    let pack = load(&files)?;
    let cases = cases::read(&files, &pack)?;
    runtime.block_on(async {
        let cluster = stand.session().cluster;
        let identity = cluster.identity().await?;
        let fitter = Fitter::new(cluster, &identity);
        for case in &cases {
            let outcome = trial::run(&pack, case);
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
