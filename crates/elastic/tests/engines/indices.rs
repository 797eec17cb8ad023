//! Creating, changing and deleting indices and templates; write blocks.

use lockstep_elastic::{BulkBody, Class, Created, Deleted, IndexName, Key, Version};
use serde_json::json;

use crate::clusters::on_every_cluster;

#[tokio::test]
async fn an_index_is_deleted_by_its_unique_id_alone() {
    on_every_cluster("delete", async |target| {
        let index = target.index("a");
        let body =
            json!({"settings": {"number_of_replicas": 0}, "aliases": {target.index("alias"): {}}});
        let Created::Created { uuid } = target.cluster.create_index(&index, &body).await.unwrap()
        else {
            panic!("{}: there was one before", target.name);
        };
        let again = target.cluster.create_index(&index, &body).await.unwrap();
        assert_eq!(again, Created::AlreadyExists { uuid: uuid.clone() });
        let over_alias = target.cluster.create_index(&target.index("alias"), &body).await;
        assert_eq!(over_alias.unwrap_err().class(), Class::Operator, "{}", target.name);
        let other = target.cluster.delete_index(&index, "another").await.unwrap();
        assert_eq!(other, Deleted::OtherUuid(uuid.clone()));
        let by_alias = target.cluster.delete_index(&target.index("alias"), &uuid).await.unwrap();
        assert_eq!(by_alias, Deleted::Absent, "{}", target.name);
        assert_eq!(target.cluster.delete_index(&index, &uuid).await.unwrap(), Deleted::Deleted);
        assert_eq!(target.cluster.delete_index(&index, &uuid).await.unwrap(), Deleted::Absent);
    })
    .await;
}

#[tokio::test]
async fn settings_and_mappings_change_and_bad_ones_are_for_the_operator() {
    on_every_cluster("settings", async |target| {
        let index = target.create("a", 1, json!({"properties": {"n": {"type": "long"}}})).await;
        let names = [index.as_str()];
        let body = json!({"index.refresh_interval": null, "index.gc_deletes": "1d"});
        target.cluster.put_settings(&names, &body).await.unwrap();
        let settings = target.cluster.settings(&index).await.unwrap();
        assert_eq!(settings.get("index.refresh_interval"), None, "{}", target.name);
        assert_eq!(settings.get("index.gc_deletes"), Some(&json!("1d")));
        let meta = json!({"_meta": {"owner": "x"}, "properties": {"k": {"type": "keyword"}}});
        target.cluster.put_mapping(&index, &meta).await.unwrap();
        let seen = target.cluster.index(&index).await.unwrap().unwrap();
        assert_eq!(seen.mapping["_meta"], json!({"owner": "x"}));
        assert_eq!(seen.mapping["properties"]["k"]["type"], json!("keyword"));
        let clash = json!({"properties": {"n": {"type": "keyword"}}});
        let failure = target.cluster.put_mapping(&index, &clash).await.unwrap_err();
        assert_eq!((failure.status(), failure.class()), (Some(400), Class::Operator));
        let unknown = json!({"mappings": {"properties": {"n": {"type": "no_such_type"}}}});
        let failure = target.cluster.create_index(&target.index("b"), &unknown).await.unwrap_err();
        assert_eq!((failure.status(), failure.class()), (Some(400), Class::Operator));
        assert!(!failure.outcome_unknown());
        let absent = target.index("absent");
        let failure = target.cluster.put_settings(&[absent], &body).await.unwrap_err();
        assert!(failure.is_index_absent(), "{}: {failure}", target.name);
    })
    .await;
}

#[tokio::test]
async fn a_write_block_holds_until_it_is_lifted() {
    on_every_cluster("block", async |target| {
        let first = target.create("a", 2, json!({})).await;
        let second = target.create("b", 1, json!({})).await;
        let names = [first.clone(), second.clone()];
        let one = [("1".to_owned(), "{}".to_owned())];
        target.cluster.block_writes(&[first.as_str()]).await.unwrap();
        // One is blocked already, one is not; then both are.
        target.cluster.block_writes(&names).await.unwrap();
        target.cluster.block_writes(&names).await.unwrap();
        assert!(target.cluster.is_write_blocked(&second).await.unwrap());
        let mut body = BulkBody::default();
        let name = IndexName::parse(&second).unwrap();
        body.index(&name, Key::of("1"), Version::AtLeast(1), b"{}").unwrap();
        let failure = target.cluster.write_all(body).await.unwrap_err();
        assert_eq!(failure.class(), Class::Operator, "{}: {failure}", target.name);
        assert_eq!(failure.error_type(), Some("cluster_block_exception"));
        target.cluster.unblock_writes(&names).await.unwrap();
        target.cluster.unblock_writes(&names).await.unwrap();
        assert!(!target.cluster.is_write_blocked(&second).await.unwrap());
        target.write(&first, &one).await;
        target.write(&second, &one).await;
        let absent = [first.clone(), target.index("absent")];
        let failure = target.cluster.block_writes(&absent).await.unwrap_err();
        assert!(failure.is_index_absent(), "{}: {failure}", target.name);
        target.cluster.unblock_writes(&absent).await.unwrap();
        target.write(&first, &one).await;
    })
    .await;
}

#[tokio::test]
async fn templates_come_and_go() {
    on_every_cluster("template", async |target| {
        let name = target.index("template");
        let body = json!({
            "index_patterns": [target.index("made*")], "priority": 3,
            "template": {"settings": {"number_of_replicas": 0, "number_of_shards": 2}},
        });
        assert!(target.cluster.template(&name).await.unwrap().is_none());
        target.cluster.put_template(&name, &body).await.unwrap();
        target.cluster.put_template(&name, &body).await.unwrap();
        let seen = target.cluster.template(&name).await.unwrap().unwrap();
        assert_eq!(seen.body["index_patterns"], body["index_patterns"]);
        let made = target.index("made-1");
        target.write(&made, &[("1".to_owned(), "{}".to_owned())]).await;
        let index = target.cluster.index(&made).await.unwrap().unwrap();
        assert_eq!((index.primaries, index.replicas), (2, 0), "{}", target.name);
        assert!(target.cluster.delete_template(&name).await.unwrap());
        assert!(!target.cluster.delete_template(&name).await.unwrap());
    })
    .await;
}
