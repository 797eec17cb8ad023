//! What is looked at before anything is done: whether the cluster can take the new set, and every source can be read.

use serde_json::Value;

use super::{
    finding::Finding,
    model::{Plan, Strategy},
};
use crate::inventory::{IndexFacts, Inventory};

/// How much room a copy needs on disk, as a multiple of its source: segments are merged in place for a while.
const DISK_FACTOR: f64 = 1.2;

/// Adds findings about the cluster, the sources and the targets.
pub(super) fn look(plan: &mut Plan, inventory: &Inventory) {
    let mut findings = Vec::new();
    look_at_cluster(inventory, &mut findings);
    look_at_shards(plan, inventory, &mut findings);
    look_at_disk(plan, inventory, &mut findings);
    for index in &plan.indices {
        if let Strategy::Copy { source, .. } = &index.strategy
            && let Some(facts) = inventory.indices.get(&source.index)
        {
            look_at_source(&source.index, facts, &mut findings);
        }
    }
    look_at_targets(plan, inventory, &mut findings);
    plan.findings.extend(findings);
}

fn look_at_cluster(inventory: &Inventory, findings: &mut Vec<Finding>) {
    if inventory.cluster.health == "red" {
        findings.push(Finding::refuse(
            "F0301",
            "cluster",
            "the cluster's health is red: some primary shards are not there",
            "look at `GET _cluster/allocation/explain` and bring them back first",
        ));
    }
    if !inventory.cluster.alias_must_exist {
        findings.push(Finding::note(
            "F0902",
            "cluster",
            "this engine has no `must_exist` for aliases; the switch notices an alias that was moved by hiding it for a moment, and is two calls",
        ));
    }
}

fn look_at_shards(plan: &Plan, inventory: &Inventory, findings: &mut Vec<Finding>) {
    let cluster = &inventory.cluster;
    let nodes = cluster.data_nodes.len() as u64;
    let limit = cluster.shards_per_node_max.saturating_mul(nodes);
    let more: u64 = plan
        .targets()
        .map(|target| u64::from(target.shards) * (u64::from(target.replicas) + 1))
        .sum();
    let all = cluster.shard_count.saturating_add(more);
    if all > limit {
        findings.push(Finding::refuse(
            "F0302",
            "cluster",
            format!(
                "the new set needs {more} shards; with the {} that are open that makes {all}, and the limit is {limit} ({nodes} data nodes × {})",
                cluster.shard_count, cluster.shards_per_node_max
            ),
            "raise `cluster.max_shards_per_node`, retire old sets, or ask for fewer `shards` and `replicas` in the release",
        ));
        return;
    }
    let guards: u64 = plan.sources().map(|source| source.shards.len() as u64).sum();
    if all.saturating_add(guards) > limit {
        findings.push(Finding::warn(
            "F0304",
            "cluster",
            format!(
                "while something is carried back after the switch, the cluster needs room for {guards} shards more, which are never built; with the {all} of then that is beyond the limit of {limit}"
            ),
            "raise `cluster.max_shards_per_node` before the way back is needed: that takes effect at once",
        ));
    }
}

#[expect(clippy::cast_precision_loss, reason = "disk sizes are compared roughly")]
fn look_at_disk(plan: &Plan, inventory: &Inventory, findings: &mut Vec<Finding>) {
    let cluster = &inventory.cluster;
    let free: f64 = cluster
        .data_nodes
        .iter()
        .map(|node| {
            let reserved = node.disk_bytes as f64 * (1.0 - cluster.disk_used_share_max);
            (node.disk_free_bytes as f64 - reserved).max(0.0)
        })
        .sum();
    let needed: f64 = plan
        .indices
        .iter()
        .filter_map(|index| match &index.strategy {
            Strategy::Copy { source, target, delivery, .. } => {
                // What comes in envelopes is there twice.
                let times = if delivery.is_some() { 2.0 } else { 1.0 };
                Some(source.bytes as f64 * f64::from(target.replicas + 1) * times)
            }
            Strategy::Empty { .. } | Strategy::Deliver { .. } | Strategy::Drop { .. } => None,
        })
        .sum::<f64>()
        * DISK_FACTOR;
    if needed > free {
        findings.push(Finding::refuse(
            "F0303",
            "cluster",
            format!(
                "the new set needs about {:.0} MB of disk, and {:.0} MB are free below the high watermark",
                needed / 1e6,
                free / 1e6
            ),
            "free or add disk space",
        ));
    }
}

fn look_at_source(index: &str, facts: &IndexFacts, findings: &mut Vec<Finding>) {
    let setting = |name: &str| facts.settings.get(name).map(String::as_str);
    if !facts.is_open {
        findings.push(Finding::refuse(
            "F0401",
            index,
            "is closed and can't be read",
            "open it, or leave it out with `ignore` in pack.yaml",
        ));
    }
    if facts.in_data_stream {
        findings.push(Finding::refuse(
            "F0402",
            index,
            "belongs to a data stream, which takes no versioned writes",
            "data streams can't be upgraded in this version",
        ));
    }
    if let Some(reason) = source_missing(&facts.mapping) {
        findings.push(Finding::refuse(
            "F0403",
            index,
            format!("doesn't keep whole documents: {reason}"),
            "such an index can only be filled again from where its data comes from",
        ));
    }
    if setting("disable_sequence_numbers") == Some("true") || setting("mode") == Some("time_series")
    {
        findings.push(Finding::refuse(
            "F0404",
            index,
            "has no searchable sequence numbers, by which Lockstep reads",
            "copy it into an index with sequence numbers first",
        ));
    }
    if setting("blocks.read") == Some("true") {
        findings.push(Finding::refuse(
            "F0405",
            index,
            "is blocked for reading",
            "lift `index.blocks.read`",
        ));
    }
    if setting("blocks.read_only_allow_delete") == Some("true") {
        findings.push(Finding::refuse(
            "F0406",
            index,
            "was made read-only by the engine because a disk was nearly full",
            "free disk space; the engine lifts the block by itself below the high watermark",
        ));
    }
    for name in ["blocks.write", "blocks.read_only"] {
        if setting(name) == Some("true") {
            findings.push(Finding::warn(
                "F0407",
                index,
                format!("has `index.{name}` set already; nobody writes to it"),
                "nothing, if that is meant; it stays as it is when the run is given up",
            ));
        }
    }
}

/// Why a mapping's `_source` isn't whole.
fn source_missing(mapping: &Value) -> Option<&'static str> {
    let source = mapping.get("_source")?;
    let filled = |name: &str| {
        source.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    };
    match source.get("enabled") {
        Some(Value::Bool(false)) => return Some("its mapping says `_source.enabled: false`"),
        Some(Value::String(text)) if text == "false" => {
            return Some("its mapping says `_source.enabled: false`");
        }
        _ => {}
    }
    if filled("includes") || filled("excludes") {
        return Some("its mapping leaves fields out of `_source`");
    }
    (source.get("mode").and_then(Value::as_str) == Some("synthetic"))
        .then_some("its `_source` is synthetic")
}

fn look_at_targets(plan: &Plan, inventory: &Inventory, findings: &mut Vec<Finding>) {
    let mut seen = std::collections::BTreeSet::new();
    for target in plan.targets() {
        if inventory.indices.contains_key(&target.index) {
            findings.push(Finding::refuse(
                "F0501",
                &target.index,
                "exists already, and not by this run",
                "an unfinished run is given up with `lockstep abort`; anything else has to be moved or deleted by its owner",
            ));
        } else if inventory.indices.values().any(|facts| facts.aliases.contains_key(&target.index))
        {
            findings.push(Finding::refuse(
                "F0502",
                &target.index,
                "is the name of an alias, and the new set needs an index of that name",
                "remove the alias",
            ));
        }
        if !seen.insert(&target.index) {
            findings.push(Finding::refuse(
                "F0503",
                &target.index,
                "would be made twice",
                "make the pack's names tell the indices apart",
            ));
        }
    }
}
