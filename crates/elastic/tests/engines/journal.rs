//! Single documents by compare-and-swap.

use lockstep_elastic::{Class, Document, Expect, Put};
use serde_json::json;
use serde_json::value::RawValue;

use crate::clusters::on_every_cluster;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[tokio::test]
async fn a_document_changes_only_from_the_expected_state() {
    on_every_cluster("journal", async |target| {
        let index = target.create("a", 1, json!({"dynamic": false})).await;
        let id = "run/1 é?#%";
        let (one, two) = (raw("{\"n\": 1,\n\"x\": 1.10}"), raw(r#"{"n":2}"#));
        let cluster = &target.cluster;
        assert!(cluster.document(&index, id).await.unwrap().is_none());
        let put = cluster.put_document(&index, id, &one, Expect::Absent).await.unwrap();
        let Put::Stored { seq_no, primary_term } = put else {
            panic!("{}: {put:?}", target.name);
        };
        let stored = cluster.document(&index, id).await.unwrap().unwrap();
        assert_eq!((stored.seq_no, stored.primary_term), (seq_no, primary_term));
        assert_eq!(stored.source.get(), one.get(), "{}", target.name);
        let again = cluster.put_document(&index, id, &two, Expect::Absent).await.unwrap();
        assert_eq!(again, Put::Conflict, "{}", target.name);
        let at = Expect::At { seq_no, primary_term };
        let put = cluster.put_document(&index, id, &two, at).await.unwrap();
        assert!(matches!(put, Put::Stored { .. }), "{}: {put:?}", target.name);
        let stale = cluster.put_document(&index, id, &one, at).await.unwrap();
        assert_eq!(stale, Put::Conflict, "{}", target.name);
        let put = cluster.put_document(&index, id, &one, Expect::Any).await.unwrap();
        assert!(matches!(put, Put::Stored { .. }));
        assert!(cluster.delete_document(&index, id).await.unwrap());
        assert!(!cluster.delete_document(&index, id).await.unwrap());
        assert!(cluster.document(&index, id).await.unwrap().is_none());
        let absent = target.index("absent");
        let failure = cluster.document(&absent, id).await.unwrap_err();
        assert!(failure.is_index_absent(), "{}: {failure}", target.name);
        let failure = cluster.document(&index, "..").await.unwrap_err();
        assert_eq!(failure.class(), Class::Bug);
    })
    .await;
}

#[tokio::test]
async fn many_documents_change_each_from_its_own_expected_state() {
    on_every_cluster("journals", async |target| {
        let mapping = json!({"dynamic": "strict", "properties": {"n": {"type": "long"}}});
        let index = target.create("a", 1, mapping).await;
        let source = raw("{\r\n\"n\":1}");
        let bad = raw(r#"{"m":1}"#);
        let document = |id: &'static str, expect| Document { id, source: &source, expect };
        let first = [
            document("1", Expect::Absent),
            document("2", Expect::Any),
            document("1", Expect::Absent),
            Document { id: "3", source: &bad, expect: Expect::Absent },
        ];
        let outcomes = target.cluster.put_documents(&index, &first).await.unwrap();
        let Ok(Put::Stored { seq_no, primary_term }) = outcomes[0] else {
            panic!("{}: {outcomes:?}", target.name);
        };
        assert!(matches!(outcomes[1], Ok(Put::Stored { .. })), "{}", target.name);
        assert_eq!(outcomes[2], Ok(Put::Conflict), "{}", target.name);
        assert_eq!(outcomes[3].as_ref().unwrap_err().class, Class::Poison, "{}", target.name);
        let at = Expect::At { seq_no, primary_term };
        let next = [document("1", at), document("1", at), document("4", at)];
        let outcomes = target.cluster.put_documents(&index, &next).await.unwrap();
        assert!(matches!(outcomes[0], Ok(Put::Stored { .. })), "{}", target.name);
        assert_eq!(outcomes[1..], [Ok(Put::Conflict), Ok(Put::Conflict)], "{}", target.name);
        assert!(target.cluster.put_documents(&index, &[]).await.unwrap().is_empty());

        target.cluster.refresh(&[index.as_str()]).await.unwrap();
        let body = json!({"query": {"term": {"n": 1}}, "size": 10, "sort": [{"n": "asc"}]});
        let page = target.cluster.search(&index, &body).await.unwrap();
        assert_eq!(page.len(), 2, "{}", target.name);
        assert!(page.hits().all(|hit| hit.source == br#"{"n":1}"#), "{}", target.name);
    })
    .await;
}
