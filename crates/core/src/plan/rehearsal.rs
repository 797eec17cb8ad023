//! An upgrade's plan becomes that of its rehearsal: the same programs, schemas and sources, a new set under throw-away
//! names, and nothing that the application would see.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    finding::Finding,
    live::LiveError,
    model::{Plan, Rehearsal, Strategy, TargetPlan},
};
use crate::{
    inventory::Inventory,
    names::{Glob, Recognised, ReleaseNames},
    pack::model::Pack,
};

/// What throw-away names begin with; the run's id and a number follow.
const NAME_PREFIX: &str = "lockstep-rehearsal-";

/// Rejected documents that a rehearsal knows by id. Where documents are looked at, all of these are asked for in one
/// request, of which the engines give no more than 10,000 documents.
const REJECTIONS_KNOWN_MAX: u32 = 5_000;

/// The name under which the rehearsals of an application are journalled. No application can have it: names of packs have no
/// colon. So a rehearsal has a lease, a run and workers of its own, and can't take those of an upgrade.
pub fn journal_name(application: &str) -> String {
    format!("rehearsal:{application}")
}

/// Makes the plan of a rehearsal with this run id, which takes about `sample` documents of each index, or all.
///
/// # Errors
/// A refusal when a throw-away name would be taken for an index of the application, or a template of somebody else's would
/// make other indices of them than of the new set.
pub fn rehearsal(
    plan: &Plan,
    (pack, inventory): (&Pack, &Inventory),
    (id, sample): (&str, Option<u64>),
) -> Result<Plan, Box<Finding>> {
    let mut names = Vec::with_capacity(pack.releases.len());
    for release in &pack.releases {
        let release = ReleaseNames::new(pack, release).map_err(LiveError::from);
        names.push(release.map_err(|error| Box::new(refused(&pack.name, &error.to_string())))?);
    }
    let mut rehearsed = Plan {
        application: journal_name(&plan.application),
        rehearsal: Some(Rehearsal { application: plan.application.clone(), sample }),
        templates: Vec::new(),
        aliases: Vec::new(),
        ..plan.clone()
    };
    rehearsed.limits.quarantine_max = REJECTIONS_KNOWN_MAX;
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    for (position, index) in rehearsed.indices.iter_mut().enumerate() {
        let target = match &mut index.strategy {
            Strategy::Copy { target, clone, .. } => {
                // Cloning would block the source for a moment.
                *clone = None;
                target
            }
            Strategy::Empty { target } | Strategy::Deliver { target } => target,
            Strategy::Drop { .. } => continue,
        };
        let name = format!("{NAME_PREFIX}{id}-{position}");
        look_at_name(&name, target, (&names, inventory))?;
        renamed.insert(std::mem::replace(&mut target.index, name.clone()), name);
        // Nobody needs a copy of what is thrown away; a forecast counts those of the new set.
        target.replicas = 0;
        // Rows would be in a table that somebody uses, or make one.
        target.table = None;
    }
    for index in &mut rehearsed.indices {
        if let Strategy::Copy { delivery: Some(delivery), .. } = &mut index.strategy {
            for name in delivery.to.values_mut() {
                if let Some(new) = renamed.get(name) {
                    name.clone_from(new);
                }
            }
        }
    }
    Ok(rehearsed)
}

fn look_at_name(
    name: &str,
    target: &TargetPlan,
    (releases, inventory): (&[ReleaseNames], &Inventory),
) -> Result<(), Box<Finding>> {
    if releases.iter().any(|names| names.recognise(name) != Recognised::Foreign) {
        let reason = "the pack's naming would take them for indices of the application";
        return Err(Box::new(refused(name, reason)));
    }
    for (template, body) in &inventory.templates {
        let patterns = body.get("index_patterns").and_then(Value::as_array);
        let fits = |index: &str| {
            let patterns = patterns.into_iter().flatten().filter_map(Value::as_str);
            patterns.map(Glob::new).any(|pattern| pattern.matches(index))
        };
        // One that fits every index fits the new set as well: F0204 tells of it.
        if fits(name) && !fits(&target.index) {
            let reason = format!("the index template `{template}` fits them");
            return Err(Box::new(refused(name, &reason)));
        }
    }
    Ok(())
}

fn refused(subject: &str, reason: &str) -> Finding {
    Finding::refuse(
        "F0504",
        subject,
        format!("the rehearsal's throw-away indices can't have these names: {reason}"),
        format!("make that pattern fit no name that begins with `{NAME_PREFIX}`"),
    )
}
