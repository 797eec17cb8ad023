//! What the good pack becomes.

use lockstep_core::{
    names::{Recognised, ReleaseNames, TemplateNames},
    pack::{
        load,
        model::{Down, IndexStep},
        read,
    },
    transform::operation::Operation,
};
use serde_json::json;

use crate::fixture::{SECOND, changed, good};

#[test]
fn a_good_pack_has_no_mistakes() {
    let reading = read(&good());
    assert_eq!(reading.diagnostics.render(&good(), false), "");
    assert!(reading.pack.is_some());
}

#[test]
fn releases_stand_in_order_with_what_was_written() {
    let pack = load(&good()).unwrap();
    let versions: Vec<&str> =
        pack.releases.iter().map(|release| release.version.as_str()).collect();
    assert_eq!(versions, ["1.0", "1.1", "2.0"]);
    let labels: Vec<&str> = pack.releases.iter().map(|release| release.label.as_str()).collect();
    assert_eq!(labels, ["1.0", "1.1", "20"]);

    let customer = &pack.releases[0].indices["customer"];
    assert_eq!(
        (customer.name.as_str(), customer.shards, customer.replicas),
        ("customers", Some(2), None)
    );
    assert_eq!(customer.settings["refresh_interval"], json!("10s"));
    assert_eq!(customer.settings["mapping.total_fields.limit"], json!(2000));

    let step = pack.releases[1].step.as_ref().unwrap();
    assert_eq!(step.dropped, ["legacy"]);
    assert_eq!(step.indices["audit"], IndexStep::Unchanged);
    assert_eq!(step.indices["session"], IndexStep::NewLike { like: "event".to_owned() });
    let IndexStep::Migrate { from, partition: _, operations, down } = &step.indices["customer"]
    else {
        panic!("{step:?}")
    };
    assert_eq!(
        (from.as_slice(), operations.len(), down),
        (["customer".to_owned()].as_slice(), 5, &Down::Unwritten)
    );
    assert!(pack.releases[2].step.as_ref().unwrap().required_stop);
}

#[test]
fn a_way_back_is_kept_as_it_was_written() {
    let step = "event: {migrate: {from: event, operations: [{rename: {from: kind, to: type}}]}}";
    let down = |written: &str| {
        let more = format!("type}}}}], {written}}}}}");
        let changed = changed(&[(SECOND, step, &step.replace("type}}]}}", &more))]);
        let pack = load(&changed).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        match &pack.releases[1].step.as_ref().unwrap().indices["event"] {
            IndexStep::Migrate { from: _, partition: _, operations: _, down } => down.clone(),
            other => panic!("{other:?}"),
        }
    };
    let written = down("down: [{rename: {from: type, to: kind}}, {set: {field: at, value: 0}}]");
    let Down::Written(operations) = written else { panic!("{written:?}") };
    let names: Vec<&str> = operations.iter().map(Operation::name).collect();
    assert_eq!(names, ["rename", "set"]);
    assert_eq!(
        down("irreversible: kinds were told apart by hand"),
        Down::Irreversible { reason: "kinds were told apart by hand".to_owned() }
    );
}

#[test]
fn the_digest_follows_every_byte_of_every_file() {
    let digest = load(&good()).unwrap().digest;
    assert_eq!(digest.len(), 64);
    let mut files = good();
    files.files.get_mut("releases/1.0/mappings/audit.json").unwrap().push(b'\n');
    assert_ne!(load(&files).unwrap().digest, digest);
}

#[test]
fn names_are_recognised_and_rendered() {
    let pack = load(&good()).unwrap();
    let names = ReleaseNames::new(&pack, &pack.releases[0]).unwrap();
    let known = |key: &str, tenant: &str, partition: Option<&str>| Recognised::Known {
        key: key.to_owned(),
        tenant: tenant.to_owned(),
        partition: partition.map(str::to_owned),
    };
    let unknown = |tenant: &str, name: &str| Recognised::Unknown {
        tenant: tenant.to_owned(),
        name: name.to_owned(),
    };
    let cases = [
        ("acme-customers-v1.0", known("customer", "acme", None)),
        ("acme-event-v1.0-2022-10", known("event", "acme", Some("2022-10"))),
        ("acme-event-v1.0", unknown("acme", "event")),
        ("acme-event-v1.0-2022-w10", unknown("acme", "event")),
        ("acme-other-v1.0", unknown("acme", "other")),
        ("scratch-customers-v1.0", Recognised::Ignored),
        ("acme-tmp-v1.0", Recognised::Ignored),
        ("acme-customers-v1.1", Recognised::Foreign),
        ("acme-customers-v1x0", Recognised::Foreign),
        ("a_b-customers-v1.0", Recognised::Foreign),
        (".kibana", Recognised::Foreign),
    ];
    for (name, expected) in cases {
        assert_eq!(names.recognise(name), expected, "{name}");
    }

    let event = names.grammar("event").unwrap();
    assert_eq!(event.render("acme", Some("2022-10")), "acme-event-v1.0-2022-10");
    assert_eq!(event.alias("acme").unwrap(), "acme-event");
    let template = TemplateNames {
        name: "acme-event-v1.0".to_owned(),
        pattern: "acme-event-v1.0-*".to_owned(),
    };
    assert_eq!(event.template("acme"), Some(template));
    let mapping = &pack.releases[0].indices["event"].mapping;
    assert_eq!(event.mapping(mapping, "acme")["_meta"], json!({"release": "1.0"}));
    assert_eq!(names.grammar("customer").unwrap().template("acme"), None);
}
