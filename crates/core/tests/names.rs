//! Properties of names: what is rendered is taken apart again, and belongs to one index only.

use std::collections::BTreeMap;

use lockstep_core::{
    names::{Recognised, ReleaseNames},
    pack::model::{LogicalIndex, Naming, Pack, Partition, Partitions, Release, SwitchMode},
};
use proptest::{prelude::*, sample::select};
use serde_json::json;

/// Index text, text for partitions, tenant pattern.
type Style = (&'static str, &'static str, &'static str);

/// As applications name their indices.
const STYLES: [Style; 5] = [
    ("{tenant}-{name}-v{version}", "{tenant}-{name}-v{version}-{partition}", "[a-z0-9]+"),
    ("{version}.{tenant}.{name}", "{version}.{tenant}.{name}-{partition}", "[a-z0-9_-]+"),
    ("prod-{version}.{tenant}.{name}", "prod-{version}.{tenant}.{name}-{partition}", "[a-z0-9]+"),
    ("{name}@{version}~{tenant}", "{name}@{version}~{tenant}{partition}", "[a-z]+|x[0-9]"),
    ("{name}.{version}", "{name}.{version}.{partition}", "[a-z]+"),
];

fn tenants(style: Style) -> BoxedStrategy<String> {
    if !style.0.contains("{tenant}") {
        return Just("default".to_owned()).boxed();
    }
    match style.2 {
        "[a-z]+|x[0-9]" => "[a-z]{1,8}|x[0-9]".boxed(),
        "[a-z0-9_-]+" => "[a-z0-9_-]{1,12}".boxed(),
        _ => "[a-z0-9]{1,12}".boxed(),
    }
}

fn suffixes() -> impl Strategy<Value = (Partitions, Option<String>)> {
    let text = |kind, pattern: &'static str| {
        // Another kind beside it, which is what an application that changed its partitions has.
        let kinds =
            select(Partition::ALL.to_vec()).prop_map(move |other| Partitions::of([kind, other]));
        (kinds, pattern).prop_map(|(kinds, suffix)| (kinds, Some(suffix))).boxed()
    };
    prop_oneof![
        Just((Partitions::NONE, None)),
        text(Partition::Day, "20[0-9]{2}-(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])"),
        text(Partition::Day, "20[0-9]{2}\\.(0[1-9]|1[0-2])\\.(0[1-9]|[12][0-9]|3[01])"),
        text(Partition::Week, "20[0-9]{2}-w(0?[1-9]|[1-4][0-9]|5[0-3])"),
        text(Partition::Month, "20[0-9]{2}-(0?[1-9]|1[0-2])"),
        text(Partition::Month, "20[0-9]{2}\\.(0[1-9]|1[0-2])"),
        text(Partition::Quarter, "20[0-9]{2}-q[1-4]"),
        text(Partition::Year, "20[0-9]{2}(-year)?"),
    ]
}

fn index(name: &str, partitions: Partitions) -> LogicalIndex {
    LogicalIndex {
        name: name.to_owned(),
        naming: "default".to_owned(),
        mapping: json!({}),
        settings: BTreeMap::new(),
        shards: None,
        replicas: None,
        partitions,
        table: None,
    }
}

fn pack(style: Style, label: &str, indices: &[(&str, Partitions)]) -> Pack {
    let naming = Naming {
        index: style.0.to_owned(),
        partitioned: Some(style.1.to_owned()),
        alias: None,
        template: None,
        template_pattern: None,
    };
    let release = Release {
        version: "1.0".parse().expect("a version"),
        label: label.to_owned(),
        default_tenant: None,
        naming: BTreeMap::from([("default".to_owned(), naming)]),
        indices: indices
            .iter()
            .map(|(name, partition)| ((*name).to_owned(), index(name, *partition)))
            .collect(),
        step: None,
    };
    Pack {
        name: "shop".to_owned(),
        data_parts: 2,
        mode: SwitchMode::Versioned,
        tenant_pattern: style.2.to_owned(),
        tenants_ignored: Vec::new(),
        indices_ignored: Vec::new(),
        type_equivalents: BTreeMap::new(),
        releases: vec![release],
        digest: String::new(),
    }
}

fn case() -> impl Strategy<Value = (Style, String, (Partitions, Option<String>))> {
    select(STYLES.as_slice()).prop_flat_map(|style| (Just(style), tenants(style), suffixes()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_rendered_name_is_taken_apart_again(
        (style, tenant, (partition, suffix)) in case(),
        name in "[a-z][a-z0-9._-]{0,15}",
        label in "[a-z0-9.]{1,6}",
    ) {
        let pack = pack(style, &label, &[(&name, partition)]);
        let names = ReleaseNames::new(&pack, &pack.releases[0]).unwrap();
        let rendered = names.grammar(&name).unwrap().render(&tenant, suffix.as_deref());
        let expected = Recognised::Known { key: name, tenant, partition: suffix };
        prop_assert_eq!(names.recognise(&rendered), expected, "{}", rendered);
    }

    #[test]
    fn another_index_of_the_naming_is_unknown_not_foreign(
        (style, tenant, (partition, suffix)) in case(),
        other in "[a-z]{9,12}",
    ) {
        let there = pack(style, "7", &[(&other, partition)]);
        let rendered = ReleaseNames::new(&there, &there.releases[0])
            .unwrap()
            .grammar(&other)
            .unwrap()
            .render(&tenant, suffix.as_deref());
        let here = pack(style, "7", &[("order", partition)]);
        let recognised = ReleaseNames::new(&here, &here.releases[0]).unwrap().recognise(&rendered);
        let is_unknown = matches!(&recognised, Recognised::Unknown { name, .. } if name.contains(&other));
        prop_assert!(is_unknown, "{} {:?}", rendered, recognised);
    }

    #[test]
    fn any_text_is_recognised_without_panic(
        style in select(STYLES.as_slice()),
        partition in suffixes(),
        text in "\\PC{0,40}",
    ) {
        let pack = pack(style, "7", &[("order", partition.0)]);
        let names = ReleaseNames::new(&pack, &pack.releases[0]).unwrap();
        if let Recognised::Known { key, tenant, partition } = names.recognise(&text) {
            let rendered = names.grammar(&key).unwrap().render(&tenant, partition.as_deref());
            prop_assert_eq!(rendered, text);
        }
    }
}
