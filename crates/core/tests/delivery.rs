//! Plans of steps that don't keep documents one to one: what is put into envelopes, and where it goes from there.

use std::collections::BTreeMap;

use lockstep_core::{
    inventory::{ClusterFacts, EngineKind, IndexFacts, Inventory, NodeFacts, ShardFacts},
    pack::{PackFiles, load},
    plan::{
        build::{PlanRequest, build},
        model::{Limits, Plan, Strategy, WayBack},
        rehearsal::rehearsal,
        tenants::TenantChoice,
    },
};
use serde_json::json;

const PACK: &str = r#"
format: 1
name: shop
data_parts: 2
mode: alias
naming:
  default:
    index: "{tenant}-{name}-v{version}"
    partitioned: "{tenant}-{name}-v{version}-{partition}"
    alias: "{tenant}-{name}"
    template: "{tenant}-{name}-v{version}"
    template_pattern: "{tenant}-{name}-v{version}-*"
tenants:
  pattern: "[a-z0-9]+"
"#;

const FIRST: &str = "
indices:
  order: {mapping: any.json}
  note: {mapping: any.json}
  memo: {mapping: any.json}
  event: {mapping: any.json, partition: month}
  plain: {mapping: any.json}
";

/// The second release: its indices but `plain`, and what its step does about them.
fn plan(indices: &str, steps: &str) -> Plan {
    let (files, inventory) = (files(indices, steps), inventory());
    let pack = load(&files).map_err(|error| format!("{error:?}")).expect("a pack");
    let limits = Limits { clone_documents_min: 1, ..Limits::default() };
    build(PlanRequest {
        pack: &pack,
        inventory: &inventory,
        to: &"2.0".parse().expect("a version"),
        from: None,
        tenants: &TenantChoice::All,
        limits: &limits,
    })
    .expect("there is a way")
}

fn files(indices: &str, steps: &str) -> PackFiles {
    let second = format!(
        "indices:\n{indices}\n  plain: {{mapping: any.json}}\nstep:\n  from: \"1.0\"\n  indices:\n{steps}\n    plain: unchanged\n"
    );
    let any = r#"{"dynamic": true, "properties": {}}"#;
    let files = [
        ("pack.yaml", PACK),
        ("releases/1.0/release.yaml", FIRST),
        ("releases/1.0/mappings/any.json", any),
        ("releases/2.0/release.yaml", second.as_str()),
        ("releases/2.0/mappings/any.json", any),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    PackFiles { files: files.into_iter().collect() }
}

fn inventory() -> Inventory {
    let cluster = ClusterFacts {
        engine: EngineKind::Opensearch,
        version: "3.8.0".to_owned(),
        name: "c".to_owned(),
        uuid: "cluster-1".to_owned(),
        data_nodes: vec![NodeFacts {
            name: "n".to_owned(),
            disk_bytes: 1 << 40,
            disk_free_bytes: 1 << 39,
        }],
        shard_count: 20,
        shards_per_node_max: 1_000,
        disk_used_share_max: 0.9,
        health: "green".to_owned(),
        alias_must_exist: true,
    };
    let index = |alias: &str| IndexFacts {
        uuid: "u".to_owned(),
        is_open: true,
        in_data_stream: false,
        aliases: BTreeMap::from([(alias.to_owned(), json!({"is_write_index": true}))]),
        mapping: json!({"dynamic": "true", "properties": {}}),
        settings: BTreeMap::new(),
        primaries: 3,
        replicas: 1,
        document_count: 10,
        bytes: 1_000,
        shards: vec![ShardFacts {
            shard: 0,
            max_seq_no: 9,
            global_checkpoint: 9,
            document_count: 10,
        }],
    };
    let named = |name: &str, alias: &str| (name.to_owned(), index(alias));
    let mut indices: BTreeMap<String, IndexFacts> = ["order", "note", "memo", "plain"]
        .map(|key| named(&format!("a-{key}-v1.0"), &format!("a-{key}")))
        .into();
    for month in ["2022-9", "2022-10", "2022-11"] {
        indices.extend([named(&format!("a-event-v1.0-{month}"), "a-event")]);
    }
    Inventory { cluster, indices, templates: BTreeMap::new() }
}

/// What becomes of each index but `plain`, a line each, then aliases and findings about envelopes.
fn words(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for index in plan.indices.iter().filter(|index| index.logical != "plain") {
        lines.push(match &index.strategy {
            Strategy::Copy { source, target, delivery: None, .. } => {
                format!("{} -> {}", source.index, target.index)
            }
            Strategy::Copy { source, target, delivery: Some(delivery), .. } => format!(
                "{} -> {} ({} shard) -> {:?}",
                source.index, target.index, target.shards, delivery.to
            ),
            Strategy::Deliver { target } => {
                format!("delivered {} ({} shards)", target.index, target.shards)
            }
            Strategy::Empty { target } => format!("empty {}", target.index),
            Strategy::Drop { source } => format!("drop {}", source.index),
        });
    }
    let aliases = plan.aliases.iter().filter(|plan| plan.alias != "a-plain");
    lines.extend(aliases.map(|plan| format!("alias {} -> {:?}", plan.alias, plan.after)));
    let findings = plan
        .findings
        .iter()
        .filter(|finding| ["F0105", "F0505", "F0506", "F0906"].contains(&finding.code.as_str()));
    lines.extend(findings.map(|finding| format!("{} {}", finding.code, finding.subject)));
    for (key, back) in &plan.ways_back {
        if let WayBack::None { reason, .. } = back {
            lines.push(format!("no way back for {key}: {reason}"));
        }
    }
    lines.join("\n")
}

const ALL: &str = "
  order: {mapping: any.json}
  note: {mapping: any.json}
  memo: {mapping: any.json}
  event: {mapping: any.json, partition: month}";

#[test]
fn what_keeps_documents_one_to_one_needs_no_envelopes() {
    let steps = "    order: {migrate: {operations: [{rename: {from: a, to: b}}]}}\n    note: unchanged\n    memo: unchanged\n    event: unchanged";
    let plan = plan(ALL, steps);
    assert_eq!(plan.envelopes().count() + plan.delivered().count(), 0);
    assert!(plan.targets().eq(plan.new_set()));
}

#[test]
fn an_index_whose_documents_are_dropped_is_delivered() {
    let steps = "    order: {migrate: {operations: [{drop: {}}]}}\n    note: unchanged\n    memo: unchanged\n    event: {migrate: {operations: [{rekey: {id: \"x-{_id}\"}}]}}";
    let plan = plan(ALL, steps);
    insta::assert_snapshot!(words(&plan));
    assert_eq!(plan.clones().count(), 3, "the others are as they would be");
    assert_eq!(plan.new_set().count() + plan.envelopes().count(), plan.targets().count());
    let schema = &plan.schemas["envelopes/order"];
    assert_eq!(
        schema.mapping["properties"]["counts"],
        json!({"properties": {"order": {"type": "integer"}}})
    );
}

#[test]
fn what_is_sent_takes_all_of_the_other_index_along() {
    let steps = "    order: {migrate: {operations: [{when: {field: a, exists: true}, then: [{send: {to: note}}]}]}}\n    note: unchanged\n    memo: unchanged\n    event: unchanged";
    insta::assert_snapshot!(words(&plan(ALL, steps)));
}

#[test]
fn indices_that_become_one_are_delivered_to_it() {
    let indices = "
  order: {mapping: any.json}
  note: {mapping: any.json}
  event: {mapping: any.json, partition: month}";
    let steps = "    order: unchanged\n    note: {migrate: {from: [note, memo], operations: [{rekey: {id: \"{_index}-{_id}\"}}]}}\n    event: unchanged";
    insta::assert_snapshot!(words(&plan(indices, steps)));
}

#[test]
fn months_become_quarters() {
    let indices = ALL.replace("partition: month", "partition: quarter");
    let steps = "    order: unchanged\n    note: unchanged\n    memo: unchanged\n    event: {migrate: {operations: []}}";
    insta::assert_snapshot!(words(&plan(&indices, steps)));
}

#[test]
fn partitions_are_called_as_the_application_writes_them() {
    let steps =
        "    order: unchanged\n    note: unchanged\n    memo: unchanged\n    event: unchanged";
    let events = |written: &str| {
        let indices = ALL.replace("partition: month", &format!("partition: {written}"));
        let all = words(&plan(&indices, steps));
        let lines = all.lines().filter(|line| line.contains("event")).map(str::to_owned);
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("years", events("{year: 2022-year}"));
    insta::assert_snapshot!("dotted_months", events("{month: 2022.01}"));
}

#[test]
fn a_rehearsal_delivers_to_names_of_its_own() {
    let steps = "    order: {migrate: {operations: [{drop: {}}]}}\n    note: unchanged\n    memo: unchanged\n    event: unchanged";
    let (plan, pack) = (plan(ALL, steps), load(&files(ALL, steps)).expect("a pack"));
    let rehearsed = rehearsal(&plan, (&pack, &inventory()), ("0190", Some(100))).expect("a plan");
    let delivered: Vec<&String> = rehearsed.delivered().map(|(_, target)| &target.index).collect();
    let addressed: Vec<&String> =
        rehearsed.envelopes().flat_map(|(_, _, delivery)| delivery.to.values()).collect();
    assert_eq!((delivered.len(), &delivered), (1, &addressed));
    assert!(rehearsed.targets().all(|target| target.index.starts_with("lockstep-rehearsal-0190-")));
}
