//! What the one alias call of the switch changes, and the index templates that are published with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    build::{LiveKey, LiveSet},
    finding::Finding,
    model::{AliasPlan, IndexPlan, Plan, SourcePlan, Strategy, TargetPlan, TemplatePlan},
};
use crate::{
    inventory::Inventory,
    names::{Glob, ReleaseNames, TemplateNames},
    pack::model::{Release, SwitchMode},
};

/// Plans all alias changes: every alias of the new set leaves whatever carries it now and goes to the new indices, with
/// filter, routing and write index carried over.
pub(super) fn plan(plan: &mut Plan, inventory: &Inventory, names: &ReleaseNames, live: &LiveSet) {
    let mut after: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for index in &plan.indices {
        let (sources, target) = match &index.strategy {
            Strategy::Copy { source, target, delivery: None, .. } => (vec![source], target),
            Strategy::Deliver { target } => (sources_of(&plan.indices, index, target), target),
            Strategy::Empty { target } => (Vec::new(), target),
            Strategy::Copy { delivery: Some(_), .. } | Strategy::Drop { .. } => continue,
        };
        let Some(alias) =
            names.grammar(&index.logical).and_then(|grammar| grammar.alias(&index.tenant))
        else {
            continue;
        };
        let properties = |source: &&SourcePlan| properties_carried(live, inventory, &source.index);
        let carried: Vec<Value> = sources.iter().filter_map(properties).collect();
        // Of several that become one, the one that is written to stays that.
        let is_written = |carried: &&Value| carried.get("is_write_index") == Some(&json!(true));
        let carried = carried.iter().find(is_written).or(carried.first()).cloned();
        after
            .entry(alias)
            .or_default()
            .insert(target.index.clone(), carried.unwrap_or_else(|| json!({})));
    }
    if plan.mode == SwitchMode::Alias {
        for alias in live_aliases(live, inventory, &mut plan.findings) {
            after.entry(alias).or_default();
        }
    }
    let live_indices: BTreeSet<&String> = live.indices.values().collect();
    for (alias, after) in after {
        let before = bearers(inventory, &alias);
        let alias = AliasPlan { alias, before, after };
        judge(&alias, &live_indices, inventory, &mut plan.findings);
        plan.aliases.push(alias);
    }
}

/// The live indices of the same kind whose documents are delivered to a target.
fn sources_of<'a>(
    indices: &'a [IndexPlan],
    delivered: &IndexPlan,
    target: &TargetPlan,
) -> Vec<&'a SourcePlan> {
    let of_this_kind = indices.iter().filter(|index| index.logical == delivered.logical);
    let sources = of_this_kind.filter_map(|index| match &index.strategy {
        Strategy::Copy { source, delivery: Some(delivery), .. } => {
            delivery.to.values().any(|name| *name == target.index).then_some(source)
        }
        Strategy::Copy { delivery: None, .. }
        | Strategy::Empty { .. }
        | Strategy::Deliver { .. }
        | Strategy::Drop { .. } => None,
    });
    sources.collect()
}

/// Plans the index templates of partitioned indices, so that the new release's application can begin new partitions.
pub(super) fn plan_templates(
    plan: &mut Plan,
    inventory: &Inventory,
    names: &ReleaseNames,
    release: &Release,
) {
    let mut templates = Vec::new();
    for tenant in &plan.tenants {
        for (key, logical) in &release.indices {
            if logical.partitions.is_none() {
                continue;
            }
            let Some(grammar) = names.grammar(key) else { continue };
            let Some(TemplateNames { name, pattern }) = grammar.template(&tenant.target) else {
                continue;
            };
            let Some(schema) = plan.schemas.get(key) else { continue };
            let (shards, replicas) = widest(&plan.indices, &tenant.target, key);
            let mut settings: Map<String, Value> = schema
                .settings
                .iter()
                .map(|(name, value)| (format!("index.{name}"), value.clone()))
                .collect();
            settings.insert(
                "index.number_of_shards".to_owned(),
                json!(logical.shards.or(shards).unwrap_or(1)),
            );
            settings.insert(
                "index.number_of_replicas".to_owned(),
                json!(logical.replicas.or(replicas).unwrap_or(1)),
            );
            let mappings = grammar.mapping(&schema.mapping, &tenant.target);
            let mut template = json!({ "settings": settings, "mappings": mappings });
            if let (Some(alias), Some(fields)) =
                (grammar.alias(&tenant.target), template.as_object_mut())
            {
                fields.insert("aliases".to_owned(), json!({ alias: {} }));
            }
            let body = json!({ "index_patterns": [pattern], "template": template });
            let exists =
                inventory.templates.get(&name).is_some_and(|found| same_template(found, &body));
            if !exists && inventory.templates.contains_key(&name) {
                plan.findings.push(Finding::refuse(
                    "F0203",
                    &name,
                    "an index template of this name exists and says something else",
                    "look at it with `GET _index_template`, and remove it if nothing uses it",
                ));
            }
            templates.push(TemplatePlan { name, body, exists });
        }
    }
    plan.templates = templates;
    warn_of_other_templates(plan, inventory);
}

/// The aliases of the live set, and a warning for each live index that its application can't find by alias.
fn live_aliases(
    live: &LiveSet,
    inventory: &Inventory,
    findings: &mut Vec<Finding>,
) -> BTreeSet<String> {
    let mut aliases = BTreeSet::new();
    for (key, index) in &live.indices {
        let Some(alias) =
            live.names.grammar(&key.logical).and_then(|grammar| grammar.alias(&key.tenant))
        else {
            continue;
        };
        if inventory.indices.get(index).is_some_and(|facts| facts.aliases.contains_key(&alias)) {
            aliases.insert(alias);
        } else {
            findings.push(Finding::warn(
                "F0201",
                index,
                format!("doesn't carry its alias `{alias}`: the application doesn't see it, but it is copied"),
                "add the alias, or leave the index out with `ignore` in pack.yaml",
            ));
        }
    }
    aliases
}

/// The properties of the live alias on an index.
fn properties_carried(live: &LiveSet, inventory: &Inventory, index: &str) -> Option<Value> {
    let (LiveKey { tenant, logical, .. }, _) =
        live.indices.iter().find(|(_, name)| name.as_str() == index)?;
    let alias = live.names.grammar(logical)?.alias(tenant)?;
    inventory.indices.get(index)?.aliases.get(&alias).cloned()
}

/// Every index that carries an alias now.
fn bearers(inventory: &Inventory, alias: &str) -> BTreeMap<String, Value> {
    inventory
        .indices
        .iter()
        .filter_map(|(index, facts)| Some((index.clone(), facts.aliases.get(alias)?.clone())))
        .collect()
}

fn judge(
    AliasPlan { alias, before, after }: &AliasPlan,
    live_indices: &BTreeSet<&String>,
    inventory: &Inventory,
    findings: &mut Vec<Finding>,
) {
    if inventory.indices.contains_key(alias) {
        findings.push(Finding::refuse(
            "F0202",
            alias,
            "an index has the name that the new set needs as an alias",
            "it was probably made by a write that came before the alias; move its documents, then delete it",
        ));
    }
    for index in before.keys() {
        if !live_indices.contains(index) && !after.contains_key(index) {
            findings.push(Finding::refuse(
                "F0205",
                alias,
                format!("is also on `{index}`, which isn't part of the live set"),
                "take the alias off that index, or name the index in the pack",
            ));
        }
    }
}

fn widest(indices: &[IndexPlan], tenant: &str, key: &str) -> (Option<u32>, Option<u32>) {
    let targets = indices
        .iter()
        .filter(|index| index.tenant == tenant && index.logical == key)
        .filter_map(|index| match &index.strategy {
            Strategy::Copy { target, delivery: None, .. }
            | Strategy::Empty { target }
            | Strategy::Deliver { target } => Some((target.shards, target.replicas)),
            Strategy::Copy { delivery: Some(_), .. } | Strategy::Drop { .. } => None,
        });
    targets.fold((None, None), |(shards, replicas), (more_shards, more_replicas)| {
        (shards.max(Some(more_shards)), replicas.max(Some(more_replicas)))
    })
}

/// Whether two templates say the same, however the engine renders settings (nested, numbers as texts).
pub fn same_template(found: &Value, planned: &Value) -> bool {
    let part = |value: &Value, name: &str| value.pointer(name).cloned().unwrap_or(Value::Null);
    let aliases = |value: &Value| {
        let aliases = part(value, "/template/aliases");
        aliases
            .as_object()
            .map(|aliases| aliases.keys().cloned().collect::<BTreeSet<_>>())
            .unwrap_or_default()
    };
    let settings = |value: &Value| {
        let mut flat = BTreeMap::new();
        flatten_settings(&part(value, "/template/settings"), String::new(), &mut flat);
        flat
    };
    let mappings = |value: &Value| {
        let mut mappings = part(value, "/template/mappings");
        spell_dynamic(&mut mappings);
        mappings
    };
    part(found, "/index_patterns") == part(planned, "/index_patterns")
        && mappings(found) == mappings(planned)
        && settings(found) == settings(planned)
        && aliases(found) == aliases(planned)
}

/// The engines give `dynamic` back as a text, however it was said.
fn spell_dynamic(mapping: &mut Value) {
    match mapping {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::Bool(is_dynamic) if name == "dynamic" => {
                        *field = json!(is_dynamic.to_string());
                    }
                    field => spell_dynamic(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(spell_dynamic),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn flatten_settings(value: &Value, path: String, flat: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten_settings(field, path, flat);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            flat.insert(path, text.clone());
        }
        other => {
            flat.insert(path, other.to_string());
        }
    }
}

/// A template of somebody else's that fits a target's name adds to what the plan says about that target.
fn warn_of_other_templates(plan: &mut Plan, inventory: &Inventory) {
    let own: BTreeSet<&String> = plan.templates.iter().map(|template| &template.name).collect();
    let targets: Vec<&String> = plan.targets().map(|target| &target.index).collect();
    let mut findings = Vec::new();
    for (name, template) in inventory.templates.iter().filter(|(name, _)| !own.contains(name)) {
        let patterns =
            template.get("index_patterns").and_then(Value::as_array).cloned().unwrap_or_default();
        let fits = |target: &&&String| {
            patterns
                .iter()
                .filter_map(Value::as_str)
                .any(|pattern| Glob::new(pattern).matches(target))
        };
        if let Some(target) = targets.iter().find(fits) {
            findings.push(Finding::warn(
                "F0204",
                name,
                format!("this index template fits new indices such as `{target}` and adds its settings and mappings to them"),
                "narrow its pattern if that isn't meant",
            ));
        }
    }
    plan.findings.extend(findings);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_the_same_however_the_engine_gives_it_back() {
        let body = |dynamic: Value, shards: Value| {
            let mappings =
                json!({"dynamic": dynamic, "properties": {"dynamic": {"type": "boolean"}}});
            let settings = json!({"index.number_of_shards": shards});
            json!({"index_patterns": ["a-*"], "template": {"settings": settings, "mappings": mappings}})
        };
        let planned = body(json!(true), json!(1));
        assert!(same_template(&body(json!("true"), json!("1")), &planned));
        assert!(!same_template(&body(json!("false"), json!("1")), &planned));
        assert!(!same_template(&body(json!("true"), json!("2")), &planned));
    }
}
