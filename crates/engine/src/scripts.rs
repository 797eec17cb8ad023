//! Scripts of a plan: whether the engine takes them, before anything is begun.

use std::collections::BTreeSet;

use lockstep_core::{
    plan::{
        finding::Finding,
        model::{Plan, WayBack},
    },
    transform::operation::{Operation, Script},
};
use lockstep_elastic::{Cluster, ScriptText};

use crate::error::EngineError;

/// Has every script of a plan compiled, and adds a refusal for each that the engine doesn't take.
///
/// # Errors
/// [`EngineError`] when the cluster can't be asked.
pub(crate) async fn probe(cluster: &Cluster, plan: &mut Plan) -> Result<(), EngineError> {
    // The same script in several indices is asked for once, and told once.
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let scripts: Vec<_> =
        scripts(plan).filter(|(_, _, script)| known.insert(&script.script)).collect();
    let texts: Vec<ScriptText<'_>> =
        scripts.iter().map(|(_, _, script)| script_text(script)).collect();
    // All together first: mostly nothing is wrong with any of them.
    if texts.is_empty() || is_taken(cluster, &texts).await?.is_ok() {
        return Ok(());
    }
    let mut findings = Vec::new();
    for (key, number, script) in scripts {
        if let Err(reason) = is_taken(cluster, &[script_text(script)]).await? {
            findings.push(Finding::refuse(
                "F0601",
                key,
                format!("the engine doesn't take the script of operation {number}: {reason}"),
                "correct the script; an engine without the module for Painless takes none",
            ));
        }
    }
    plan.findings.extend(findings);
    Ok(())
}

/// Whether the engine compiles scripts, or why it doesn't.
async fn is_taken(
    cluster: &Cluster,
    scripts: &[ScriptText<'_>],
) -> Result<Result<(), String>, EngineError> {
    match cluster.compile_scripts(scripts).await {
        Ok(()) => Ok(Ok(())),
        Err(failure) if failure.status() == Some(400) => Ok(Err(failure.reason().to_owned())),
        Err(failure) => Err(failure.into()),
    }
}

/// A script as the engine's client takes it.
pub(crate) fn script_text(script: &Script) -> ScriptText<'_> {
    ScriptText { source: &script.script, params: &script.params }
}

/// All scripts of a plan, each with the key that it belongs to and its number among the operations, from 1.
fn scripts(plan: &Plan) -> impl Iterator<Item = (&str, usize, &Script)> {
    let back = plan.ways_back.iter().filter_map(|(key, way)| match way {
        WayBack::Program { operations } => Some((key, operations)),
        WayBack::None { .. } => None,
    });
    plan.programs.iter().chain(back).flat_map(|(key, operations)| {
        operations.iter().zip(1..).filter_map(|(operation, number)| {
            let Operation::Painless(script) = operation else { return None };
            Some((key.as_str(), number, script))
        })
    })
}
