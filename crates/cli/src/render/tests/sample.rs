//! A small plan made by hand.

use std::collections::BTreeMap;

use lockstep_core::{
    inventory::{EngineKind, ShardFacts},
    pack::model::SwitchMode,
    plan::model::{
        AliasPlan, ClusterReference, IndexPlan, Limits, PLAN_FORMAT, Plan, SourcePlan, Strategy,
        TargetPlan, TemplatePlan, TenantPlan, UpgradeKind, WayBack,
    },
};
use serde_json::json;

fn target(index: &str) -> TargetPlan {
    TargetPlan {
        index: index.to_owned(),
        schema: "event".to_owned(),
        meta: None,
        shards: 2,
        replicas: 1,
        table: None,
    }
}

fn source(index: &str) -> SourcePlan {
    let shard =
        |shard| ShardFacts { shard, max_seq_no: 9, global_checkpoint: 9, document_count: 5 };
    SourcePlan {
        index: index.to_owned(),
        uuid: "u".to_owned(),
        documents: 12_345,
        bytes: 6_700_000,
        shards: vec![shard(0), shard(1)],
    }
}

fn tenant_indices(tenant: &str) -> Vec<IndexPlan> {
    let index = |logical: &str, partition: Option<&str>, strategy| IndexPlan {
        tenant: tenant.to_owned(),
        logical: logical.to_owned(),
        partition: partition.map(str::to_owned),
        strategy,
    };
    let copy = |month: &str| Strategy::Copy {
        source: source(&format!("{tenant}-event-v1-{month}")),
        target: target(&format!("{tenant}-event-v2-{month}")),
        program: "event".to_owned(),
        clone: None,
        delivery: None,
    };
    vec![
        index("event", Some("2026-01"), copy("2026-01")),
        index("event", Some("2026-02"), copy("2026-02")),
        index("consent", None, Strategy::Empty { target: target(&format!("{tenant}-consent-v2")) }),
        index("visit", None, Strategy::Drop { source: source(&format!("{tenant}-visit-v1")) }),
    ]
}

/// A plan with two steps for so many tenants.
pub(super) fn plan(tenant_count: usize) -> Plan {
    let tenants: Vec<String> = (1..=tenant_count).map(|number| format!("tenant{number}")).collect();
    let operations = json!([
        {"rename": {"from": "user", "to": "customer"}},
        {"cast": {"field": "amount", "to": "double", "otherwise": "null"}},
        {"default": {"field": "channel", "value": "web"}},
        {"split": {"field": "name", "separator": " ", "into": ["first", "last"]}}
    ]);
    let back = json!([
        {"join": {"fields": ["first", "last"], "separator": " ", "into": "name"}},
        {"rename": {"from": "customer", "to": "user"}}
    ]);
    Plan {
        format: PLAN_FORMAT,
        application: "shop".to_owned(),
        pack_digest: "d".to_owned(),
        cluster: ClusterReference {
            uuid: "c".to_owned(),
            name: "production".to_owned(),
            engine: EngineKind::Opensearch,
            version: "2.19.1".to_owned(),
            alias_must_exist: true,
        },
        kind: UpgradeKind::Major,
        mode: SwitchMode::Alias,
        from: "1.0".parse().unwrap(),
        to: "2.0".parse().unwrap(),
        chain: ["1.0", "1.1", "2.0"].map(|version| version.parse().unwrap()).to_vec(),
        indices: tenants.iter().flat_map(|tenant| tenant_indices(tenant)).collect(),
        tenants: tenants
            .into_iter()
            .map(|name| TenantPlan { source: name.clone(), target: name })
            .collect(),
        excluded: Vec::new(),
        programs: BTreeMap::from([(
            "event".to_owned(),
            serde_json::from_value(operations).unwrap(),
        )]),
        ways_back: BTreeMap::from([(
            "event".to_owned(),
            WayBack::Program { operations: serde_json::from_value(back).unwrap() },
        )]),
        schemas: BTreeMap::new(),
        templates: vec![TemplatePlan { name: "t".to_owned(), body: json!({}), exists: true }],
        aliases: vec![AliasPlan {
            alias: "a".to_owned(),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
        }],
        limits: Limits::default(),
        findings: Vec::new(),
        rehearsal: None,
    }
}
