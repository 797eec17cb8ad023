//! Aliases: one atomic change.

use lockstep_elastic::AliasAction;
use serde_json::{Map, json};

use crate::clusters::on_every_cluster;

#[tokio::test]
async fn aliases_change_all_together_or_not_at_all() {
    on_every_cluster("alias", async |target| {
        let old = target.create("old", 1, json!({"properties": {"t": {"type": "keyword"}}})).await;
        let new = target.create("new", 1, json!({"properties": {"t": {"type": "keyword"}}})).await;
        let alias = target.index("alias");
        let properties = json!({"filter": {"term": {"t": "x"}}, "is_write_index": true});
        let properties = properties.as_object().unwrap().clone();
        let add = |index: &str, alias: &str| AliasAction::Add {
            index: index.to_owned(),
            alias: alias.to_owned(),
            properties: properties.clone(),
        };
        let remove = |index: &str| AliasAction::Remove {
            index: index.to_owned(),
            alias: alias.clone(),
            must_exist: None,
        };
        target.cluster.change_aliases(&[add(&old, &alias)]).await.unwrap();
        let of = async |index: &str| target.cluster.aliases().await.unwrap()[index].clone();
        assert_eq!(of(&old).await[&alias], properties, "{}", target.name);
        target.cluster.change_aliases(&[remove(&old), add(&new, &alias)]).await.unwrap();
        assert!(of(&old).await.is_empty());
        assert_eq!(of(&new).await[&alias], properties);
        // The second action can't be done, so the first one is not done either.
        let other = target.index("other");
        let absent = target.index("absent");
        let broken = [add(&old, &other), add(&absent, &other)];
        let failure = target.cluster.change_aliases(&broken).await.unwrap_err();
        assert!(failure.is_index_absent() && !failure.outcome_unknown(), "{failure}");
        assert!(of(&old).await.is_empty(), "{}", target.name);
        let clash = [add(&old, &other), add(&old, &new)];
        let failure = target.cluster.change_aliases(&clash).await.unwrap_err();
        assert_eq!(failure.status(), Some(400), "{}: {failure}", target.name);
        assert!(of(&old).await.is_empty(), "{}", target.name);
        if target.cluster.abilities().await.unwrap().alias_must_exist {
            let gone = AliasAction::Remove {
                index: old.clone(),
                alias: alias.clone(),
                must_exist: Some(true),
            };
            let failure = target.cluster.change_aliases(&[gone, add(&old, &other)]).await;
            assert_eq!(failure.unwrap_err().status(), Some(404), "{}", target.name);
            assert!(of(&old).await.is_empty(), "{}", target.name);
        }
        let removal = AliasAction::RemoveIndex { index: old.clone() };
        target.cluster.change_aliases(&[removal, add(&new, &other)]).await.unwrap();
        let table = target.cluster.aliases().await.unwrap();
        assert!(!table.contains_key(&old), "{}", target.name);
        assert_eq!(table[&new].len(), 2);
        assert!(target.cluster.change_aliases(&[]).await.is_err());
        let pattern =
            AliasAction::Add { index: format!("{new}*"), alias: other, properties: Map::new() };
        assert!(target.cluster.change_aliases(&[pattern]).await.is_err(), "a pattern is no name");
    })
    .await;
}
