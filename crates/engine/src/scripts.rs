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
    let mut findings = Vec::new();
    // The same script in several indices is asked for once, and told once.
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for (key, number, script) in scripts(plan) {
        if !known.insert(&script.script) {
            continue;
        }
        let text = ScriptText { source: &script.script, params: &script.params };
        match cluster.compile_scripts(&[text]).await {
            Ok(()) => {}
            Err(failure) if failure.status() == Some(400) => {
                findings.push(Finding::refuse(
                    "F0601",
                    key,
                    format!(
                        "the engine doesn't take the script of operation {number}: {}",
                        failure.reason()
                    ),
                    "correct the script; an engine without the module for Painless takes none",
                ));
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    plan.findings.extend(findings);
    Ok(())
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
