//! The way back of the demo's pack: from 2.0 to 1.0 in one pass, document by document.

use std::collections::BTreeMap;

use lockstep_core::{
    inventory::{ClusterFacts, EngineKind, IndexFacts, Inventory, ShardFacts},
    pack::{PackFiles, load, read},
    plan::{
        build::{PlanRequest, build},
        model::{Limits, Plan, WayBack},
        tenants::TenantChoice,
    },
    transform::{Document, Program, Workspace},
};
use serde_json::{Value, json};

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../demo/pack/", $path)))),+]
    };
}

const PACK: &[(&str, &str)] = files![
    "pack.yaml",
    "releases/1.0/release.yaml",
    "releases/1.0/mappings/audit.json",
    "releases/1.0/mappings/event.json",
    "releases/1.0/mappings/note.json",
    "releases/1.0/mappings/order.json",
    "releases/1.0/mappings/profile.json",
    "releases/1.0/mappings/visit.json",
    "releases/1.1/release.yaml",
    "releases/1.1/mappings/audit.json",
    "releases/1.1/mappings/consent.json",
    "releases/1.1/mappings/event.json",
    "releases/1.1/mappings/note.json",
    "releases/1.1/mappings/order.json",
    "releases/1.1/mappings/profile.json",
    "releases/2.0/release.yaml",
    "releases/2.0/mappings/audit.json",
    "releases/2.0/mappings/consent.json",
    "releases/2.0/mappings/event.json",
    "releases/2.0/mappings/order.json",
    "releases/2.0/mappings/profile.json",
    "releases/2.0/mappings/rejection.json",
    "releases/2.0/mappings/ticket.json",
];

fn files() -> PackFiles {
    let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
    PackFiles { files: PACK.iter().map(file).collect() }
}

fn plan() -> Plan {
    let index = |name: &str| IndexFacts {
        uuid: "u".to_owned(),
        is_open: true,
        in_data_stream: false,
        aliases: BTreeMap::from([(format!("a-{name}"), json!({}))]),
        mapping: json!({}),
        settings: BTreeMap::new(),
        primaries: 1,
        replicas: 0,
        document_count: 1,
        bytes: 1,
        shards: vec![ShardFacts {
            shard: 0,
            max_seq_no: 0,
            global_checkpoint: 0,
            document_count: 1,
        }],
    };
    let cluster = ClusterFacts {
        engine: EngineKind::Opensearch,
        version: "3.8.0".to_owned(),
        name: "c".to_owned(),
        uuid: "cluster-1".to_owned(),
        data_nodes: Vec::new(),
        shard_count: 0,
        shards_per_node_max: 1_000,
        disk_used_share_max: 0.9,
        health: "green".to_owned(),
        alias_must_exist: true,
    };
    let single = ["profile", "order", "note", "visit", "audit"]
        .map(|name| (format!("a-{name}-v1.0"), index(name)));
    let event = ("a-event-v1.0-2026-01".to_owned(), index("event"));
    let indices = single.into_iter().chain([event]).collect();
    let inventory = Inventory { cluster, indices, templates: BTreeMap::new() };
    let pack = load(&files()).expect("the demo's pack has no mistakes");
    let (to, limits) = ("2.0".parse().expect("a version"), Limits::default());
    build(PlanRequest {
        pack: &pack,
        inventory: &inventory,
        to: &to,
        from: None,
        limits: &limits,
        tenants: &TenantChoice::All,
    })
    .expect("there is a way")
}

#[test]
fn the_pack_has_no_mistakes_and_every_index_a_way_back() {
    assert_eq!(read(&files()).diagnostics.render(&files(), false), "");
    let plan = plan();
    let keys: Vec<&String> = plan.ways_back.keys().collect();
    assert_eq!(keys, ["audit", "event", "order", "profile", "ticket"]);
    for (key, back) in &plan.ways_back {
        assert!(matches!(back, WayBack::Program { .. }), "{key}: {back:?}");
    }
    assert!(plan.findings.iter().all(|finding| finding.code != "F0105"));
}

/// Logical index of 2.0, a document there, the same in 1.0; `T…` for a rejection.
const DOCUMENTS: [(&str, &str, &str); 11] = [
    (
        "event",
        r#"{"action":"a","customer":"u","timestamp":"t","received":"t","duration":12,"amount":1.10,"channel":"web",
            "schema":2,"origin":{"address":"1.2.3.4","agent":"x"},"client":{"display":{"width":1}},"payload":{"b":1.0}}"#,
        r#"{"type":"a","user":"u","timestamp":"t","duration":12,"amount":"1.10","channel":"web",
            "client":{"ip":"1.2.3.4","agent":"x","screen":{"width":1}},"payload":{"b":1.0}}"#,
    ),
    (
        "event",
        r#"{"timestamp":"t","received":"t","origin":{"address":null},"client.display":{"width":1},"schema":2,"amount":null}"#,
        r#"{"timestamp":"t","client":{"ip":null},"client.screen":{"width":1},"amount":null}"#,
    ),
    ("event", r#"{"schema":2}"#, "{}"),
    (
        "profile",
        r#"{"first_name":"Ada","last_name":"King Lovelace","newsletter":true,"address":{"zip":"10115"},
            "rating":{"score":1.10},"contacts":[{"address":"1"},{"kind":"x"}]}"#,
        r#"{"name":"Ada King Lovelace","newsletter":true,"address":{"zip":"10115"},
            "score":1.10,"contacts":[{"value":"1"},{"kind":"x"}]}"#,
    ),
    (
        "profile",
        r#"{"first_name":"Plato","contacts":{"address":"1"}}"#,
        r#"{"name":"Plato","contacts":{"value":"1"}}"#,
    ),
    ("profile", r#"{"first_name":"Trailing","last_name":""}"#, r#"{"name":"Trailing "}"#),
    (
        "order",
        r#"{"customer":"9007199254740993","lines":[{"quantity":3,"unit_price":1.10}],"delivery":{"address":{"city":"K"}},
            "currency":"EUR"}"#,
        r#"{"customer_id":9007199254740993,"lines":[{"quantity":3,"price":1.10}],"shipping":{"city":"K"},
            "currency":"EUR"}"#,
    ),
    ("order", r#"{"customer":"c-7"}"#, "T0107"),
    (
        "ticket",
        r#"{"body":"t","pinned":true,"priority":-3}"#,
        r#"{"text":"t","pinned":true,"priority":-3}"#,
    ),
    ("ticket", r#"{"priority":null}"#, r#"{"priority":null}"#),
    ("audit", r#"{"detail":{"a":1.0}}"#, r#"{"detail":{"a":1.0}}"#),
];

#[test]
fn documents_of_2_0_become_documents_of_1_0() {
    let plan = plan();
    for (key, new, old) in DOCUMENTS {
        let WayBack::Program { operations } = &plan.ways_back[key] else { panic!("{key}") };
        let program = Program::new(operations.clone());
        let mut found = Vec::new();
        let document = Document { index: None, id: "1", routing: None, source: new.as_bytes() };
        let outcome = program.apply(&mut Workspace::new(), document, &mut |document| {
            found = document.source.to_vec();
        });
        if let Err(rejection) = outcome {
            assert_eq!(rejection.code.as_str(), old, "{key} {new}");
            continue;
        }
        let value = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
        assert_eq!(value(&found), value(old.as_bytes()), "{key} {new}");
    }
}
