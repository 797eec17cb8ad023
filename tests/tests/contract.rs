//! Runs every case of `contract/` on the pocket cluster, in both its guises, and on every engine of `LOCKSTEP_TEST_ENGINES`.
//!
//! A trial is one case on one cluster, named `CLUSTER::TOPIC::CASE`; so `cargo test --test contract -- pocket::`
//! runs the pocket cluster alone.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use lockstep_pocket::{Flavour, Options, Pocket};
use lockstep_tests::clusters::{Cluster, client, identities, real_clusters};
use lockstep_tests::contract::case::{Case, read_suite};
use lockstep_tests::contract::play::{Stage, play};
use tokio::runtime::Runtime;

/// More than there are cores: a trial mostly waits for its cluster.
const TRIALS_AT_ONCE: usize = 8;

fn main() -> std::io::Result<ExitCode> {
    match run() {
        Ok(code) => Ok(code),
        Err(error) => {
            writeln!(std::io::stderr(), "contract: {error}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TRIALS_AT_ONCE);
    let runtime = Arc::new(Runtime::new()?);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract");
    let suite: Vec<(String, Arc<Case>)> = read_suite(&folder)?
        .into_iter()
        .flat_map(|(topic, content)| {
            content.cases.into_iter().map(move |case| (topic.clone(), Arc::new(case)))
        })
        .collect();
    let pockets = runtime.block_on(pockets())?;
    let mut clusters: Vec<Cluster> = pockets
        .iter()
        .map(|(name, pocket)| Cluster { name: (*name).to_owned(), url: pocket.url().to_owned() })
        .collect();
    clusters.extend(real_clusters()?);
    let mut trials = Vec::new();
    for cluster in clusters {
        let client = client()?;
        let mut identities = runtime.block_on(identities(&client, &cluster))?;
        if pockets.iter().any(|(name, _)| *name == cluster.name) {
            // In every guise.
            identities.insert(0, "pocket".to_owned());
            identities.dedup();
        }
        let stage = Arc::new(Stage { cluster, client, identities });
        for (topic, case) in suite.iter().filter(|(_, case)| case.applies_to(&stage.identities)) {
            trials.push(trial(&runtime, &stage, topic, case));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    for (_, pocket) in pockets {
        runtime.block_on(pocket.stop());
    }
    Ok(conclusion.exit_code())
}

fn trial(runtime: &Arc<Runtime>, stage: &Arc<Stage>, topic: &str, case: &Arc<Case>) -> Trial {
    let name = format!("{}::{topic}::{}", stage.cluster.name, case.name);
    let prefix = format!("contract-{topic}-{}", case.name);
    let (runtime, stage, case) = (Arc::clone(runtime), Arc::clone(stage), Arc::clone(case));
    Trial::test(name, move || runtime.block_on(play(&stage, &case, &prefix)).map_err(Failed::from))
}

/// The pocket cluster in each of its guises, which end when they are dropped.
async fn pockets() -> Result<Vec<(&'static str, Pocket)>, Box<dyn std::error::Error>> {
    let mut pockets = Vec::new();
    for (name, engine) in
        [("pocket", Flavour::OpenSearch), ("pocket-elasticsearch", Flavour::Elasticsearch)]
    {
        let options = Options { engine, ..Options::default() };
        pockets.push((name, Pocket::start(options).await?));
    }
    Ok(pockets)
}
