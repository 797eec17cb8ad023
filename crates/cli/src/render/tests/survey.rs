//! Snapshots of what people read about a cluster that nobody told them of.

use std::collections::BTreeMap;

use lockstep_core::inventory::{ClusterFacts, EngineKind, IndexFacts, Inventory};
use lockstep_import::sighting::sight;
use serde_json::json;

use super::plain;
use crate::{
    commands::survey::Others,
    render::survey::{View, json as programs, render},
};

fn cluster() -> ClusterFacts {
    ClusterFacts {
        engine: EngineKind::Opensearch,
        version: "2.19.1".to_owned(),
        name: "production".to_owned(),
        uuid: "c1".to_owned(),
        data_nodes: Vec::new(),
        shard_count: 0,
        shards_per_node_max: 1_000,
        disk_used_share_max: 0.9,
        health: "green".to_owned(),
        alias_must_exist: true,
    }
}

/// Indices of 1,000 documents and a megabyte each; `!` behind the name for a closed one, `~` for one without an alias.
fn inventory(names: &[&str]) -> Inventory {
    let facts = |name: &str| IndexFacts {
        uuid: name.to_owned(),
        is_open: !name.ends_with('!'),
        in_data_stream: false,
        aliases: BTreeMap::from_iter((!name.ends_with('~')).then(|| ("a".to_owned(), json!({})))),
        mapping: json!({}),
        settings: BTreeMap::new(),
        primaries: 1,
        replicas: 0,
        document_count: 1_000,
        bytes: 1_000_000,
        shards: Vec::new(),
    };
    let named = |name: &&str| (name.trim_end_matches(['!', '~']).to_owned(), facts(name));
    Inventory {
        cluster: cluster(),
        indices: names.iter().map(named).collect(),
        templates: BTreeMap::new(),
    }
}

fn shown(names: &[&str], others: &Others) -> String {
    let inventory = inventory(names);
    let count = inventory.indices.len() as u64;
    let view = View { all: false, width: None };
    plain(&render((&inventory.cluster, count), (&sight(&inventory), others), view))
}

const TRACARDIS: [&str; 12] = [
    "0820.acme.tracardi-event-2024-2",
    "0820.acme.tracardi-event-2024-10",
    "0820.acme.tracardi-profile-2024-q1",
    "0820.acme.tracardi-user!",
    "prod-0820.acme.tracardi-event-2024-2",
    "static-0820.acme.tracardi-bridge",
    "074.75120.tracardi-event-2022-12~",
    "074.75120.tracardi-user",
    "09y.acme.tracardi-user",
    "09x.acme.tracardi-user~",
    "099.acme.tracardi-log-2024-1231",
    "acme.tracardi-event",
];

#[test]
fn a_tracardi_is_recognised_by_itself() {
    let others = Others {
        has_journal: true,
        system_count: 2,
        unknown: (0..14).map(|number| format!("shop-{number:02}")).collect(),
    };
    insta::assert_snapshot!(shown(&TRACARDIS, &others), @"
    production (opensearch 2.19.1)
      health     green
      indices    12
      journal    there is one; `lockstep status` reads it

    Tracardi
      DATA  VERSION    TENANT           CONTEXT     INDICES  DOCUMENTS    SIZE  CUT BY
      074   0.7.4      75120 (default)  test              2      2,000  2.0 MB  month: event (1)
      0820  0.8.2      acme             test              4      4,000  4.0 MB  month: event (2); quarter: profile (1)
      0820  0.8.2      acme             production        1      1,000  1.0 MB  month: event (1)
      0820  0.8.2      acme             static            1      1,000  1.0 MB
      09x   0.9.0      acme             test              1      1,000  1.0 MB
      099   not known  acme             test              1      1,000  1.0 MB  finer: log (1)
      not all indices have an alias, through which Tracardi reads: 074 of 75120 (test)
      some indices are closed, so that their documents aren't counted: 0820 of acme (test)
      cut finer than by month, which a pack can't say: 099 of acme (test)
      a data version that isn't known here: 099 of acme (test)

    Tracardi's by name, and in no set: 2 indices
      09y.acme.tracardi-user
      acme.tracardi-event

    not recognised: 14 indices
      shop-00
      shop-01
      shop-02
      shop-03
      shop-04
      shop-05
      shop-06
      shop-07
      shop-08
      shop-09
      shop-10
      shop-11
      and 2 more, which --all names

    next: nothing: 0.9.0 is the newest version that Lockstep knows
    ");
    let json = programs(&cluster(), &sight(&inventory(&TRACARDIS[..4])), &others);
    assert_eq!(
        json["tracardi"],
        json!({"astray": [], "sets": [{
            "data_version": "0820", "version": "0.8.2", "tenant": "acme", "is_default_tenant": false,
            "context": "test", "indices": 4, "indices_without_alias": 0, "indices_closed": 1,
            "documents": 4_000, "bytes": 4_000_000,
            "partitioned": {
                "tracardi-event": {"partitions": 2, "kinds": ["month"]},
                "tracardi-profile": {"partitions": 1, "kinds": ["quarter"]},
            },
        }]})
    );
    assert_eq!((&json["has_journal"], &json["system_indices"]), (&json!(true), &json!(2)));
    assert_eq!(json["unknown"].as_array().map(Vec::len), Some(14));
}

#[test]
fn what_to_do_next_depends_on_what_is_there() {
    let next = |names: &[&str]| {
        let shown = shown(names, &Others::default());
        shown.lines().last().unwrap_or_default().to_owned()
    };
    let told = [
        next(&["shop-event"]),
        next(&["099.acme.tracardi-user"]),
        next(&["08x.acme.tracardi-user", "074.acme.tracardi-user"]),
        next(&["09x.acme.tracardi-event-2024-q1"]),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    next: lockstep pack new NAME; or, where there is a pack already, lockstep plan --to VERSION --pack DIR
    next: a Lockstep that knows this version
    next: lockstep pack import tracardi INSTALLATION... --out DIR, with an installation of 0.8.1 and one of each version up to the one that you want
    next: nothing: 0.9.0 is the newest version that Lockstep knows
    ");
}
