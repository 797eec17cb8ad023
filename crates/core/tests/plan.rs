//! Plans: from the good pack and an inventory written by hand, seen as an operator sees them.

#[path = "pack/fixture.rs"]
#[expect(dead_code, reason = "the pack tests use the rest")]
mod fixture;

use std::collections::BTreeMap;

use lockstep_core::{
    inventory::{ClusterFacts, EngineKind, IndexFacts, Inventory, NodeFacts, ShardFacts},
    pack::{
        load,
        model::{Down, IndexStep, Pack},
    },
    plan::{
        build::{PlanError, PlanRequest, build},
        finding::Finding,
        live::LiveError,
        model::{CloneStart, IndexPlan, Limits, Plan, Strategy, UpgradeKind, WayBack},
        rehearsal::rehearsal,
        tenants::TenantChoice,
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
    build(PlanRequest {
        pack: &pack,
        inventory,
        to: &to,
        from: None,
        limits: &limits,
        tenants: &TenantChoice::All,
    })
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
            Strategy::Copy { source, target, program, clone, delivery } => {
                let operations = plan.programs.get(program).map_or(0, Vec::len);
                let how = if clone.is_some() { "cloned" } else { "->" };
                let delivered = delivery.iter().flat_map(|delivery| delivery.to.values());
                let delivered: Vec<&str> = delivered.map(String::as_str).collect();
                let then = if delivered.is_empty() {
                    String::new()
                } else {
                    format!(" -> {}", delivered.join(", "))
                };
                format!(
                    "{place}: {} {how} {}{then} ({operations} operations)",
                    source.index, target.index
                )
            }
            Strategy::Deliver { target } => format!("{place}: delivered {}", target.index),
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
fn one_piece_becomes_a_partition_and_partitions_keep_their_suffix() {
    let mut files = fixture::changed(&[
        (
            fixture::SECOND,
            "  event:\n    mapping: event.json\n    partition: month",
            "  event:\n    mapping: event.json\n    partition: [quarter, month]",
        ),
        (
            fixture::SECOND,
            "  audit:\n    mapping: audit.json",
            "  audit:\n    mapping: audit.json\n    partition: [quarter, month]",
        ),
        (fixture::SECOND, "audit: unchanged", "audit: {migrate: {partition: 2000-q1}}"),
        (
            fixture::SECOND,
            "  session:\n    mapping: session.json\n    partition: month",
            "  session:\n    mapping: session.json\n    partition: [quarter, month]",
        ),
        (fixture::SECOND, "{new_like: event}", "{new_like: audit}"),
    ]);
    files.files.retain(|path, _| !path.starts_with("releases/2.0/"));
    let (pack, to, limits) = (load(&files).unwrap(), version("1.1"), Limits::default());
    let inventory = cluster(&RELEASE_1_0);
    let request = PlanRequest {
        pack: &pack,
        inventory: &inventory,
        to: &to,
        from: None,
        limits: &limits,
        tenants: &TenantChoice::All,
    };
    let plan = words(&build(request).unwrap());
    let is_of_a = |line: &&str| {
        ["a event", "a audit", "a session", "alias a-a"].iter().any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = plan.lines().filter(is_of_a).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    a audit: a-audit-v1.0 -> a-audit-v1.1-2000-q1 (0 operations)
    a event: a-event-v1.0-2022-10 -> a-event-v1.1-2022-10 (1 operations)
    a event: a-event-v1.0-2022-9 -> a-event-v1.1-2022-9 (1 operations)
    a session: empty a-session-v1.1-2000-q1
    alias a-audit: a-audit-v1.0 -> a-audit-v1.1-2000-q1
    "#);
}

#[test]
fn what_starts_empty_on_the_way_is_where_it_would_be_hop_by_hop() {
    // `session` starts empty in 1.1, like `event`; in 2.0 `invoice` starts empty like `session`, and `audit`, which starts
    // empty as one piece in 1.1, becomes a partition.
    let (first, second, third) = ("releases/1.0/release.yaml", fixture::SECOND, fixture::THIRD);
    let mut files = fixture::changed(&[
        (first, "  audit:\n    mapping: audit.json", "  old:\n    mapping: audit.json"),
        (second, "audit: unchanged", "old: dropped\n    audit: new"),
        (third, "audit: unchanged", "audit: {migrate: {partition: 2000-1}}"),
        (
            third,
            "  audit:\n    mapping: audit.json",
            "  audit:\n    mapping: audit.json\n    partition: month\n  session:\n    mapping: audit.json\n    partition: month",
        ),
        (third, "    replicas: 0", "    replicas: 0\n    partition: month"),
        (third, "invoice: new", "invoice: {new_like: session}"),
        (third, "session: dropped", "session: {migrate: {}}"),
    ]);
    let session = files.files["releases/1.1/mappings/session.json"].clone();
    files.files.insert("releases/2.0/mappings/session.json".to_owned(), session);
    let text = String::from_utf8(files.files[third].clone()).unwrap();
    let text =
        text.replace("session:\n    mapping: audit.json", "session:\n    mapping: session.json");
    files.files.insert(third.to_owned(), text.into_bytes());
    let pack = load(&files).map_err(|mistakes| mistakes.render(&files, false)).unwrap();
    let plan = |inventory: &Inventory, to: &str| {
        let (to, limits) = (version(to), Limits::default());
        let tenants = &TenantChoice::All;
        let request =
            PlanRequest { pack: &pack, inventory, to: &to, from: None, limits: &limits, tenants };
        build(request).unwrap()
    };
    let targets = |plan: &Plan| -> Vec<String> {
        let target = |index: &IndexPlan| match &index.strategy {
            Strategy::Copy { target, .. }
            | Strategy::Empty { target }
            | Strategy::Deliver { target } => Some(target.index.clone()),
            Strategy::Drop { .. } => None,
        };
        plan.indices.iter().filter_map(target).collect()
    };
    let live = RELEASE_1_0.map(|name| name.replace("audit", "old"));
    let live: Vec<&str> = live.iter().map(String::as_str).collect();
    let fused = targets(&plan(&cluster(&live), "2.0"));
    let halfway = targets(&plan(&cluster(&live), "1.1"));
    let halfway: Vec<String> = halfway
        .iter()
        .map(|name| format!("{name}={}", name.split("-v").next().unwrap_or_default()))
        .collect();
    let halfway: Vec<&str> = halfway.iter().map(String::as_str).collect();
    assert_eq!(fused, targets(&plan(&cluster(&halfway), "2.0")));
    insta::assert_snapshot!(fused.join("\n"), @r#"
    a-audit-v20-2000-1
    a-event-v20-2022-10
    a-event-v20-2022-9
    a-invoice-v20-2022-10
    a-invoice-v20-2022-9
    a-customers-v20
    a-session-v20-2022-10
    a-session-v20-2022-9
    b-audit-v20-2000-1
    b-customers-v20
    "#);
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
fn tenants_are_left_out_by_name_and_with_a_reason() {
    let (pack, inventory, to, limits) =
        (pack(), cluster(&RELEASE_1_0), version("1.1"), Limits::default());
    let planned = |tenants: &TenantChoice| {
        let (pack, inventory, to, limits) = (&pack, &inventory, &to, &limits);
        build(PlanRequest { pack, inventory, to, from: None, tenants, limits })
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let except =
        |names: &[&str]| TenantChoice::Except { tenants: set(names), reason: "audit".to_owned() };
    let plan = planned(&except(&["b"])).unwrap();
    assert!(plan.tenants.iter().all(|tenant| tenant.source == "a"), "{:?}", plan.tenants);
    assert!(plan.indices.iter().all(|index| index.tenant == "a"), "{:?}", plan.indices);
    assert!(plan.aliases.iter().all(|alias| alias.alias != "b-customers"), "{:?}", plan.aliases);
    let told = plan.findings.iter().find(|finding| finding.code == "F0106").unwrap();
    assert_eq!((told.subject.as_str(), told.is_refusal()), ("b", false));
    assert!(told.message.contains("(audit)") && told.fix.contains("--only-tenant b"), "{told:?}");
    let only = planned(&TenantChoice::Only(set(&["a"]))).unwrap();
    assert_eq!(only.indices, plan.indices);
    assert_eq!(only.excluded[0].tenant, "b");
    let stranger = planned(&except(&["c"]));
    assert!(
        matches!(stranger, Err(PlanError::UnknownTenant { tenant, known }) if tenant == "c" && known == ["a", "b"])
    );
    let nobody = planned(&except(&["a", "b"]));
    assert!(matches!(nobody, Err(PlanError::NoTenantLeft)));
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
        tenants: &TenantChoice::All,
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

#[test]
fn room_for_the_new_set_alone_is_told_before_the_way_back_needs_more() {
    let mut inventory = cluster(&RELEASE_1_0);
    let plan = planned(&inventory, "1.1").unwrap();
    let more: u32 = plan.targets().map(|target| target.shards * (target.replicas + 1)).sum();
    inventory.cluster.shards_per_node_max = inventory.cluster.shard_count + u64::from(more);
    let plan = planned(&inventory, "1.1").unwrap();
    let told = plan.findings.iter().filter(|finding| finding.code == "F0304").count();
    assert_eq!((plan.is_refused(), told), (false, 1), "{:?}", plan.findings);
    inventory.cluster.shards_per_node_max *= 2;
    let plan = planned(&inventory, "1.1").unwrap();
    assert!(plan.findings.iter().all(|finding| finding.code != "F0304"), "{:?}", plan.findings);
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

/// A plan that was journalled before there were ways back is still known by the digest that it had.
#[test]
fn a_plan_without_ways_back_keeps_its_digest() {
    let mut stored: Value = serde_json::from_str(include_str!("golden/plan-1.json")).unwrap();
    stored.as_object_mut().unwrap().shift_remove("ways_back");
    let text = serde_json::to_vec(&stored).unwrap();
    let plan: Plan = serde_json::from_slice(&text).unwrap();
    assert_eq!(plan.ways_back, BTreeMap::new());
    assert_eq!(plan.digest(), blake3::hash(&text).to_hex().to_string());
}

/// The ways back of a plan from 1.0 for a changed pack, one a line.
fn ways_back(to: &str, change: impl Fn(&mut Pack)) -> String {
    let mut changed = pack();
    change(&mut changed);
    let (to, limits, inventory) = (version(to), Limits::default(), cluster(&RELEASE_1_0));
    let request = PlanRequest {
        pack: &changed,
        inventory: &inventory,
        to: &to,
        from: None,
        limits: &limits,
        tenants: &TenantChoice::All,
    };
    let plan = build(request).expect("there is a way");
    assert!(plan.ways_back.keys().eq(plan.programs.keys()));
    let warned = plan.findings.iter().filter(|finding| finding.code == "F0105");
    let warned: Vec<&str> = warned.map(|finding| finding.subject.as_str()).collect();
    let mut lines = Vec::new();
    for (key, back) in &plan.ways_back {
        lines.push(match back {
            WayBack::Program { operations } => {
                assert!(!warned.contains(&key.as_str()));
                format!("{key}: {}", serde_json::to_string(operations).expect("JSON"))
            }
            WayBack::None { step, reason } => {
                assert!(warned.contains(&key.as_str()));
                format!("{key}: none, {step}: {reason}")
            }
        });
    }
    lines.join("\n")
}

/// What the pack says of the way back of an index that is migrated.
fn down<'a>(pack: &'a mut Pack, release: usize, key: &str) -> &'a mut Down {
    let step = pack.releases.get_mut(release).and_then(|release| release.step.as_mut());
    let step = step.expect("the release has a step");
    let Some(IndexStep::Migrate { from: _, partition: _, operations: _, down }) =
        step.indices.get_mut(key)
    else {
        unreachable!("the tests ask for indices that are migrated")
    };
    down
}

fn written(operations: &Value) -> Down {
    Down::Written(serde_json::from_value(operations.clone()).expect("operations"))
}

#[test]
fn ways_back_are_derived_or_say_why_there_is_none() {
    insta::assert_snapshot!(ways_back("1.1", |_| {}), @r#"
    audit: []
    customer: none, 1.1: `split` of `name` can't be undone: a `null` leaves no part, and a part may have been there before
    event: [{"rename":{"from":"type","to":"kind","existing":"reject"}}]
    "#);
    insta::assert_snapshot!(ways_back("2.0", |_| {}), @r#"
    audit: []
    event: [{"rename":{"from":"type","to":"kind","existing":"reject"}}]
    person: none, 1.1: `split` of `name` can't be undone: a `null` leaves no part, and a part may have been there before
    "#);
}

#[test]
fn the_last_step_is_undone_first() {
    let back = ways_back("2.0", |pack| {
        let moved = json!([{"move": {"from": "home.street", "to": "address.street"}}]);
        *down(pack, 2, "person") = written(&moved);
        let joined = json!([{"join": {"fields": ["first_name", "last_name"], "separator": " ", "into": "name"}}]);
        *down(pack, 1, "customer") = written(&joined);
    });
    insta::assert_snapshot!(back, @r#"
    audit: []
    event: [{"rename":{"from":"type","to":"kind","existing":"reject"}}]
    person: [{"move":{"from":"home.street","to":"address.street","existing":"reject"}},{"join":{"fields":["first_name","last_name"],"separator":" ","into":"name"}}]
    "#);
}

#[test]
fn one_step_that_can_not_be_undone_is_enough() {
    let back = ways_back("2.0", |pack| {
        *down(pack, 2, "person") = Down::Irreversible { reason: "streets are gone".to_owned() };
        *down(pack, 2, "event") = Down::Irreversible { reason: "as agreed".to_owned() };
        *down(pack, 1, "customer") = written(&json!([]));
    });
    insta::assert_snapshot!(back, @r#"
    audit: []
    event: none, 2.0: as agreed
    person: none, 2.0: streets are gone
    "#);
}

#[test]
fn a_field_that_a_document_may_have_had_is_not_renamed_back() {
    // 1.0 is loose, 1.1 strict: a document of 1.0 may have the field that 2.0 renames to.
    let back = ways_back("2.0", |pack| {
        pack.releases[0].indices.get_mut("event").unwrap().mapping = json!({});
        let renamed = json!([{"rename": {"from": "at", "to": "time"}}]);
        let step = pack.releases[2].step.as_mut().unwrap();
        let operations = serde_json::from_value(renamed).unwrap();
        let migrate = IndexStep::Migrate {
            from: vec!["event".to_owned()],
            partition: None,
            operations,
            down: Down::Unwritten,
        };
        step.indices.insert("event".to_owned(), migrate);
        *down(pack, 1, "event") = written(&json!([]));
    });
    let event = back.lines().find(|line| line.starts_with("event")).unwrap();
    insta::assert_snapshot!(event, @r#"event: none, 2.0: `rename` of `at` can't be undone: a document may have had `time` before; only a strict mapping without it rules that out"#);
}

#[test]
fn copies_of_one_index_do_not_meet_on_the_way_back() {
    let second = |pack: &mut Pack| {
        let release = &mut pack.releases[1];
        let event = release.indices["event"].clone();
        release.indices.insert("second".to_owned(), event);
        let step = release.step.as_mut().unwrap();
        step.indices.insert("second".to_owned(), step.indices["event"].clone());
    };
    let events = |back: String| -> String {
        let is_event = |line: &&str| line.starts_with("event") || line.starts_with("second");
        back.lines().filter(is_event).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(events(ways_back("1.1", second)), @r#"
    event: none, 1.1: documents of `event`, `second` would meet in `event`; say `irreversible` for all of them but one
    second: none, 1.1: documents of `event`, `second` would meet in `event`; say `irreversible` for all of them but one
    "#);
    let one = ways_back("1.1", |pack| {
        second(pack);
        *down(pack, 1, "second") = Down::Irreversible { reason: "a copy".to_owned() };
    });
    insta::assert_snapshot!(events(one), @r#"
    event: [{"rename":{"from":"type","to":"kind","existing":"reject"}}]
    second: none, 1.1: a copy
    "#);
}

/// A rehearsal of the upgrade to 1.1 in this cluster: its plan, or what forbids it.
fn rehearsed(inventory: &Inventory, change: impl Fn(&mut Pack)) -> Result<Plan, Finding> {
    let mut plan = planned(inventory, "1.1").expect("there is a way to 1.1");
    for index in &mut plan.indices {
        if let Strategy::Copy { clone, .. } = &mut index.strategy {
            *clone = Some(CloneStart { cleared: Vec::new() });
        }
    }
    let mut pack = pack();
    change(&mut pack);
    rehearsal(&plan, (&pack, inventory), ("0190", Some(100))).map_err(|finding| *finding)
}

#[test]
fn a_rehearsal_does_all_that_an_upgrade_does_where_nobody_looks() {
    let inventory = cluster(&RELEASE_1_0);
    let (plan, upgrade) =
        (rehearsed(&inventory, |_| {}).unwrap(), planned(&inventory, "1.1").unwrap());
    assert_eq!(plan.application, format!("rehearsal:{}", upgrade.application));
    let meant = plan.rehearsal.as_ref().unwrap();
    assert_eq!((&meant.application, meant.sample), (&upgrade.application, Some(100)));
    assert!(plan.aliases.is_empty() && plan.templates.is_empty());
    assert!(!upgrade.aliases.is_empty(), "there would be something to leave out");
    for (target, real) in plan.targets().zip(upgrade.targets()) {
        assert!(target.index.starts_with("lockstep-rehearsal-0190-"), "{target:?}");
        assert_eq!((&target.schema, target.shards), (&real.schema, real.shards));
        assert_eq!((&target.meta, target.replicas), (&real.meta, 0));
    }
    assert!(plan.sources().eq(upgrade.sources()));
    assert_eq!(plan.clones().count(), 0);
    assert_eq!((&plan.programs, &plan.schemas), (&upgrade.programs, &upgrade.schemas));
    assert_ne!(plan.digest(), upgrade.digest());
}

#[test]
fn what_no_step_changes_is_cloned_where_that_gives_the_same_index() {
    let pack = pack();
    let live = pack.releases.iter().find(|release| release.version == version("1.0")).unwrap();
    let mapping = &live.indices["audit"].mapping;
    let told = |mapping: &Value, clone_documents_min| {
        let mut inventory = cluster(&RELEASE_1_0);
        inventory.indices.get_mut("a-audit-v1.0").unwrap().mapping = mapping.clone();
        let limits = Limits { clone_documents_min, ..Limits::default() };
        let plan = build(PlanRequest {
            pack: &pack,
            inventory: &inventory,
            to: &version("2.0"),
            from: None,
            limits: &limits,
            tenants: &TenantChoice::All,
        })
        .unwrap();
        let cloned = plan.clones().map(|(_, source, ..)| source.index.clone()).collect::<Vec<_>>();
        let notes = plan.findings.into_iter().filter(|finding| finding.subject == "a-audit-v1.0");
        let codes: Vec<_> = notes.map(|finding| finding.code).collect();
        (cloned.join(","), codes.join(","))
    };
    let pair = |cloned: &str, codes: &str| (cloned.to_owned(), codes.to_owned());
    assert_eq!(told(mapping, 10), pair("a-audit-v1.0", "F0903"));
    assert_eq!(told(mapping, 11), pair("", ""), "it is too small");
    assert_eq!(told(&json!({"dynamic": "strict", "properties": {}}), 10), pair("", "F0904"));
}

#[test]
fn a_throw_away_name_is_nobodys() {
    let template = |pattern: &str| {
        let mut inventory = cluster(&RELEASE_1_0);
        let body = json!({"index_patterns": [pattern], "template": {}});
        inventory.templates.insert("t".to_owned(), body);
        rehearsed(&inventory, |_| {}).map_err(|finding| finding.code)
    };
    assert!(
        template("*").is_ok(),
        "what fits the new set as well changes nothing about the rehearsal"
    );
    assert!(template("logs-*").is_ok());
    assert_eq!(template("lock*").unwrap_err(), "F0504");
    let finding = rehearsed(&cluster(&RELEASE_1_0), |pack| {
        for release in &mut pack.releases {
            for naming in release.naming.values_mut() {
                "{tenant}-{name}".clone_into(&mut naming.index);
            }
        }
        "[a-z0-9-]+".clone_into(&mut pack.tenant_pattern);
    })
    .unwrap_err();
    assert_eq!(finding.code, "F0504", "{finding:?}");
}
