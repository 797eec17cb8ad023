//! Plans: from the good pack and an inventory written by hand, seen as an operator sees them.

#[path = "pack/fixture.rs"]
#[expect(dead_code, reason = "the pack tests use the rest")]
mod fixture;

use std::collections::BTreeMap;

use lockstep_core::{
    inventory::{ClusterFacts, EngineKind, IndexFacts, Inventory, NodeFacts, ShardFacts},
    pack::{load, model::Pack},
    plan::{
        build::{PlanError, PlanRequest, build},
        finding::Finding,
        live::LiveError,
        model::{Limits, Plan, Strategy, UpgradeKind},
    },
    version::Version,
};
use serde_json::{Value, json};

fn pack() -> Pack {
    load(&fixture::good()).expect("the good pack has no mistakes")
}

fn index(alias: Option<&str>) -> IndexFacts {
    let aliases = alias.map(|alias| (alias.to_owned(), json!({})));
    IndexFacts {
        uuid: "u".to_owned(),
        is_open: true,
        in_data_stream: false,
        aliases: aliases.into_iter().collect(),
        mapping: json!({"properties": {}}),
        settings: BTreeMap::new(),
        primaries: 1,
        replicas: 1,
        document_count: 10,
        bytes: 1_000,
        shards: vec![ShardFacts {
            shard: 0,
            max_seq_no: 9,
            global_checkpoint: 9,
            document_count: 10,
        }],
    }
}

/// A cluster with these indices, each `NAME` or `NAME=ALIAS`.
fn cluster(indices: &[&str]) -> Inventory {
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
    let entry = |text: &&str| match text.split_once('=') {
        Some((name, alias)) => (name.to_owned(), index(Some(alias))),
        None => ((*text).to_owned(), index(None)),
    };
    Inventory { cluster, indices: indices.iter().map(entry).collect(), templates: BTreeMap::new() }
}

const RELEASE_1_0: [&str; 6] = [
    "a-customers-v1.0=a-customers",
    "a-event-v1.0-2022-9=a-event",
    "a-event-v1.0-2022-10=a-event",
    "a-audit-v1.0=a-audit",
    "a-legacy-v1.0=a-legacy",
    "b-customers-v1.0=b-customers",
];

fn planned(inventory: &Inventory, to: &str) -> Result<Plan, PlanError> {
    let (pack, to, limits) = (pack(), version(to), Limits::default());
    build(PlanRequest { pack: &pack, inventory, to: &to, from: None, limits: &limits })
}

fn version(text: &str) -> Version {
    text.parse().expect("the test's version is one")
}

/// A plan in a few words a line.
fn words(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for index in &plan.indices {
        let place = format!("{} {}", index.tenant, index.logical);
        lines.push(match &index.strategy {
            Strategy::Copy { source, target, program } => {
                let operations = plan.programs.get(program).map_or(0, Vec::len);
                format!("{place}: {} -> {} ({operations} operations)", source.index, target.index)
            }
            Strategy::Empty { target } => format!("{place}: empty {}", target.index),
            Strategy::Drop { source } => format!("{place}: drop {}", source.index),
        });
    }
    for alias in &plan.aliases {
        let names =
            |side: &BTreeMap<String, Value>| side.keys().cloned().collect::<Vec<_>>().join(",");
        lines.push(format!(
            "alias {}: {} -> {}",
            alias.alias,
            names(&alias.before),
            names(&alias.after)
        ));
    }
    lines.extend(plan.templates.iter().map(|template| format!("template {}", template.name)));
    for finding in &plan.findings {
        lines.push(format!(
            "{} {} {}: {}",
            finding.severity, finding.code, finding.subject, finding.message
        ));
    }
    lines.join("\n")
}

#[test]
fn a_step_is_planned_for_every_tenant() {
    let plan = planned(&cluster(&RELEASE_1_0), "1.1").unwrap();
    assert_eq!(plan.kind, UpgradeKind::Major);
    insta::assert_snapshot!(words(&plan));
}

#[test]
fn a_chain_is_fused_into_one_pass() {
    let plan = planned(&cluster(&RELEASE_1_0), "2.0").unwrap();
    assert_eq!(plan.chain, [version("1.0"), version("1.1"), version("2.0")]);
    insta::assert_snapshot!(words(&plan));
}

#[test]
fn the_same_data_version_is_a_minor_upgrade() {
    let plan = planned(&cluster(&RELEASE_1_0), "1.0.7").unwrap();
    assert_eq!((plan.kind, plan.indices.len(), plan.tenants.len()), (UpgradeKind::Minor, 0, 2));
}

#[test]
fn there_is_no_way_to_unknown_or_older_versions() {
    let inventory = cluster(&["a-customers-v1.1=a-customers"]);
    assert!(matches!(planned(&inventory, "3.0"), Err(PlanError::UnknownVersion { .. })));
    assert!(matches!(planned(&inventory, "1.0"), Err(PlanError::Downgrade { .. })));
    let nothing = planned(&cluster(&["somebody-elses"]), "2.0");
    assert!(matches!(nothing, Err(PlanError::Live(LiveError::NothingLive { .. }))));
}

#[test]
fn aliases_tell_which_release_is_live() {
    let inventory = cluster(&["a-customers-v1.0", "a-customers-v1.1=a-customers"]);
    assert_eq!(planned(&inventory, "2.0").unwrap().from, version("1.1"));
    let both = cluster(&["a-customers-v1.0=a-customers", "b-customers-v1.1=b-customers"]);
    assert!(matches!(planned(&both, "2.0"), Err(PlanError::Live(LiveError::Ambiguous { .. }))));
}

#[test]
fn a_required_stop_is_not_jumped_over() {
    let mut changed = pack();
    changed.releases[1].step.as_mut().unwrap().required_stop = true;
    let (to, limits, inventory) = (version("2.0"), Limits::default(), cluster(&RELEASE_1_0));
    let plan = build(PlanRequest {
        pack: &changed,
        inventory: &inventory,
        to: &to,
        from: None,
        limits: &limits,
    });
    assert!(matches!(plan, Err(PlanError::RequiredStop { at, .. }) if at == version("1.1")));
}

/// The codes of all refusals after a change to the inventory.
fn refusals(change: impl Fn(&mut Inventory)) -> Vec<String> {
    let mut inventory = cluster(&RELEASE_1_0);
    change(&mut inventory);
    let plan = planned(&inventory, "1.1").expect("there is a way");
    let refused = plan.findings.into_iter().filter(Finding::is_refusal);
    refused.map(|finding| format!("{} {}", finding.code, finding.subject)).collect()
}

fn customers(inventory: &mut Inventory) -> &mut IndexFacts {
    inventory.indices.get_mut("a-customers-v1.0").expect("the release has it")
}

#[test]
fn preflight_names_everything_that_forbids_a_run() {
    type Change = fn(&mut Inventory);
    let cases: [(&str, Change); 17] = [
        ("F0301 cluster", |seen| "red".clone_into(&mut seen.cluster.health)),
        ("F0302 cluster", |seen| seen.cluster.shards_per_node_max = 25),
        ("F0303 cluster", |seen| seen.cluster.data_nodes[0].disk_free_bytes = 0),
        ("F0401 a-customers-v1.0", |seen| customers(seen).is_open = false),
        ("F0402 a-customers-v1.0", |seen| customers(seen).in_data_stream = true),
        ("F0403 a-customers-v1.0", |seen| {
            customers(seen).mapping = json!({"_source": {"enabled": false}});
        }),
        ("F0403 a-customers-v1.0", |seen| {
            customers(seen).mapping = json!({"_source": {"excludes": ["x"]}});
        }),
        ("F0403 a-customers-v1.0", |seen| {
            customers(seen).mapping = json!({"_source": {"mode": "synthetic"}});
        }),
        ("F0404 a-customers-v1.0", |seen| set(seen, "disable_sequence_numbers", "true")),
        ("F0404 a-customers-v1.0", |seen| set(seen, "mode", "time_series")),
        ("F0405 a-customers-v1.0", |seen| set(seen, "blocks.read", "true")),
        ("F0406 a-customers-v1.0", |seen| set(seen, "blocks.read_only_allow_delete", "true")),
        ("F0101 a-unheard-v1.0", |seen| add(seen, "a-unheard-v1.0", None)),
        ("F0205 a-customers", |seen| add(seen, "elsewhere", Some("a-customers"))),
        ("F0202 a-customers", |seen| add(seen, "a-customers", None)),
        ("F0501 a-customers-v1.1", |seen| add(seen, "a-customers-v1.1", None)),
        ("F0203 a-event-v1.1", |seen| {
            seen.templates.insert("a-event-v1.1".to_owned(), json!({"index_patterns": ["x"]}));
        }),
    ];
    for (expected, change) in cases {
        assert_eq!(refusals(change), [expected]);
    }
    assert_eq!(refusals(|_| {}), Vec::<String>::new());
}

fn set(inventory: &mut Inventory, name: &str, value: &str) {
    customers(inventory).settings.insert(name.to_owned(), value.to_owned());
}

fn add(inventory: &mut Inventory, name: &str, alias: Option<&str>) {
    inventory.indices.insert(name.to_owned(), index(alias));
}

#[test]
fn a_template_that_says_the_same_is_not_in_the_way() {
    let first = planned(&cluster(&RELEASE_1_0), "1.1").unwrap();
    let mut inventory = cluster(&RELEASE_1_0);
    for template in &first.templates {
        // As engines give it back: settings nested, numbers as texts.
        let mut body = template.body.clone();
        let settings = json!({"index": {"number_of_shards": "1", "number_of_replicas": "1"}});
        body["template"]["settings"] = settings;
        inventory.templates.insert(template.name.clone(), body);
    }
    let plan = planned(&inventory, "1.1").unwrap();
    assert!(!plan.is_refused(), "{:?}", plan.findings);
    assert!(plan.templates.iter().all(|template| template.exists));
}

#[test]
fn an_alias_keeps_its_filter_and_routing() {
    let mut inventory = cluster(&RELEASE_1_0);
    let properties =
        json!({"filter": {"term": {"a": 1}}, "index_routing": "1", "is_write_index": true});
    customers(&mut inventory).aliases.insert("a-customers".to_owned(), properties.clone());
    let plan = planned(&inventory, "1.1").unwrap();
    let alias = plan.aliases.iter().find(|alias| alias.alias == "a-customers").unwrap();
    assert_eq!(alias.after.get("a-customers-v1.1"), Some(&properties));
}

/// Every stored form that was ever written stays readable, and the newest is written as it stands here.
#[test]
fn the_stored_form_is_remembered() {
    let golden: Plan = serde_json::from_str(include_str!("golden/plan-1.json")).unwrap();
    let plan = planned(&cluster(&RELEASE_1_0), "1.1").unwrap();
    let text = serde_json::to_string_pretty(&plan).unwrap();
    assert_eq!(serde_json::to_string_pretty(&golden).unwrap(), text);
    assert_eq!(golden, plan);
    assert_eq!(golden.digest(), plan.digest());
}
