//! The copy path: watermark, windows, bulk.

use std::collections::BTreeMap;

use lockstep_elastic::{BulkBody, Class, FailureKind, IndexName, Key, Version, WindowRequest};
use serde_json::json;

use crate::clusters::on_every_cluster;

#[tokio::test]
async fn windows_up_to_the_watermark_give_every_document_once_and_its_bytes() {
    on_every_cluster("window", async |target| {
        let nested = json!({"properties": {"list": {"type": "nested"}, "n": {"type": "long"}}});
        let index = target.create("a", 3, nested).await;
        let source = |n: i32| {
            format!(
                "{{\"n\":{n}, \"x\":1.10,\"list\":[{{\"a\":1}},{{\"a\":2}}],\"t\":\"\\u00e9\"}}"
            )
        };
        let documents: Vec<_> = (0..300).map(|n| (format!("id/{n}\""), source(n))).collect();
        target.write(&index, &documents).await;
        // Some of them again: an update moves a document to a new number.
        target.write(&index, &documents[..50]).await;
        let positions = target.cluster.watermark(&index).await.unwrap();
        assert_eq!(positions.len(), 3);
        // Each document counts three times: nested objects are documents of their own.
        let docs: u64 = positions.iter().map(|position| position.docs).sum();
        assert_eq!(docs, if target.name.starts_with("pocket") { 300 } else { 900 });
        let uuid = target.cluster.index_uuid(&index).await.unwrap().unwrap();
        assert_eq!(target.cluster.watermark_of(&index, &uuid).await.unwrap(), positions);
        let failure = target.cluster.watermark_of(&index, "another").await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::ShardAbsent, "{}: {failure}", target.name);
        let mut seen = BTreeMap::new();
        for position in positions {
            assert!(position.global_checkpoint >= 0, "{}", target.name);
            let mut first = 0;
            while first <= position.global_checkpoint {
                let last = (first + 29).min(position.global_checkpoint);
                let shard = position.number;
                let window = WindowRequest { index: &index, shard, first, last, size: 30 };
                let page = target.cluster.window(&window).await.unwrap();
                assert!(!page.is_full());
                let identities = target.cluster.window_identities(&window).await.unwrap();
                assert_eq!(identities.len(), page.len());
                for (hit, identity) in page.hits().zip(identities.hits()) {
                    assert!((first..=last).contains(&hit.seq_no));
                    assert_eq!((&hit.id, hit.seq_no), (&identity.id, identity.seq_no));
                    assert!(identity.version >= 1 && identity.source.is_empty());
                    let text = String::from_utf8(hit.source.to_vec()).unwrap();
                    assert!(seen.insert(hit.id.to_string(), text).is_none(), "{}", target.name);
                }
                first = last + 1;
            }
        }
        assert_eq!(seen, documents.into_iter().collect(), "{}", target.name);
        let window = WindowRequest { index: &index, shard: 0, first: 0, last: 1_000, size: 10 };
        assert!(target.cluster.window(&window).await.unwrap().is_full());
        assert_eq!(target.cluster.count(&index).await.unwrap(), 300);
    })
    .await;
}

#[tokio::test]
async fn searches_of_others_are_told_from_our_own() {
    on_every_cluster("others", async |target| {
        let index = target.create("a", 2, json!({})).await;
        target.write(&index, &[("1".to_owned(), "{}".to_owned())]).await;
        target.cluster.refresh(&[&index]).await.unwrap();
        let names = [index.as_str(), "lockstep-test-is-not-there"];
        let others = async || target.cluster.searches_of_others(&names).await.unwrap();
        let before = others().await;
        // Every way in which the live set is read.
        let window = WindowRequest { index: &index, shard: 0, first: 0, last: 9, size: 10 };
        target.cluster.window(&window).await.unwrap();
        target.cluster.window_identities(&window).await.unwrap();
        target.cluster.windows(&[window]).await.unwrap();
        target.cluster.windows_identities(&[window]).await.unwrap();
        target.cluster.counts(&[&index]).await.unwrap();
        target.cluster.documents(&index, &["1"]).await.unwrap();
        target.cluster.documents_of(&[(&index, vec!["1"])]).await.unwrap();
        assert_eq!(others().await, before, "{}", target.name);
        let search = json!({"query": {"match_all": {}}});
        target.cluster.search(&index, &search).await.unwrap();
        let since = others().await.since(before).unwrap();
        assert_eq!(since.count, 2, "{}: one a shard", target.name);
    })
    .await;
}

#[tokio::test]
async fn versioned_writes_can_be_repeated_in_any_order() {
    on_every_cluster("version", async |target| {
        let index = target.create("a", 2, json!({})).await;
        let name = IndexName::parse(&index).unwrap();
        let key = Key { id: "a\"b", routing: Some("r\nr") };
        let write = async |version, source: &str| {
            let mut body = BulkBody::default();
            match source {
                "" => body.delete(&name, key, Version::AtLeast(version)).unwrap(),
                _ => body.index(&name, key, Version::AtLeast(version), source.as_bytes()).unwrap(),
            }
            let report = target.cluster.write_all(body).await.unwrap();
            assert!(report.poison.is_empty(), "{}: {report:?}", target.name);
            (report.done_count, report.newer_count)
        };
        assert_eq!(write(5, r#"{"n":5}"#).await, (1, 0), "{}", target.name);
        assert_eq!(write(5, "{\"n\" :\r\n5}").await, (1, 0), "{}", target.name);
        assert_eq!(write(4, r#"{"n":4}"#).await, (0, 1), "{}", target.name);
        assert_eq!(write(4, "").await, (0, 1), "{}", target.name);
        target.cluster.refresh(&[index.as_str()]).await.unwrap();
        let page = target.cluster.documents(&index, &[key.id, "absent"]).await.unwrap();
        let hit = page.hits().next().unwrap();
        assert_eq!((page.len(), hit.source, hit.version), (1, br#"{"n":5}"#.as_slice(), 5));
        assert_eq!(hit.routing.as_deref(), key.routing);
        assert_eq!(write(6, "").await, (1, 0), "{}", target.name);
        // The delete is remembered: the older state does not come back.
        assert_eq!(write(5, r#"{"n":5}"#).await, (0, 1), "{}", target.name);
        target.cluster.refresh(&[index.as_str()]).await.unwrap();
        assert_eq!(target.cluster.count(&index).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn poison_is_named_and_the_rest_is_written() {
    on_every_cluster("poison", async |target| {
        let mapping = json!({"dynamic": "strict", "properties": {"n": {"type": "long"}}});
        let index = target.create("a", 1, mapping).await;
        let name = IndexName::parse(&index).unwrap();
        let mut body = BulkBody::default();
        let sources = [r#"{"n":1}"#, r#"{"n":"word"}"#, r#"{"other":1}"#, r#"{"n":2}"#, "{broken"];
        for (position, source) in sources.iter().enumerate() {
            let id = position.to_string();
            body.index(&name, Key::of(&id), Version::AtLeast(1), source.as_bytes()).unwrap();
        }
        let report = target.cluster.write_all(body).await.unwrap();
        assert_eq!((report.done_count, report.newer_count), (2, 0), "{}", target.name);
        let ids: Vec<&str> = report.poison.iter().map(|poison| poison.item.id.as_str()).collect();
        assert_eq!(ids, ["1", "2", "4"], "{}", target.name);
        for poison in &report.poison {
            assert_eq!((poison.rejection.status, poison.rejection.class), (400, Class::Poison));
            assert!(!poison.rejection.reason.is_empty() && !poison.rejection.error_type.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn missing_indices_are_for_the_operator() {
    on_every_cluster("missing", async |target| {
        let absent = target.index("absent");
        let window = WindowRequest { index: &absent, shard: 0, first: 0, last: 9, size: 10 };
        let failures = [
            target.cluster.window(&window).await.unwrap_err(),
            target.cluster.watermark(&absent).await.unwrap_err(),
            target.cluster.count(&absent).await.unwrap_err(),
            target.cluster.refresh(&[absent.as_str()]).await.unwrap_err(),
        ];
        for failure in failures {
            assert!(failure.is_index_absent(), "{}: {failure}", target.name);
            assert_eq!(failure.class(), Class::Operator);
        }
        // A page wider than the engine allows is our own mistake or the index's setting: refused, not cut.
        let index = target.create("a", 1, json!({})).await;
        let window = WindowRequest { index: &index, shard: 0, first: 0, last: 9, size: 10_001 };
        assert_eq!(target.cluster.window(&window).await.unwrap_err().status(), Some(400));
        let window = WindowRequest { index: &index, shard: 7, first: 0, last: 9, size: 10 };
        let failure = target.cluster.window(&window).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::ShardAbsent, "{}: {failure}", target.name);
    })
    .await;
}
