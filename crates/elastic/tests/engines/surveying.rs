//! Looking at a cluster: identity, abilities, survey, health.

use std::time::Duration;

use lockstep_elastic::{Block, Engine, FlatType, HealthStatus, OpenState};
use serde_json::{Value, json};

use crate::clusters::on_every_cluster;

#[tokio::test]
async fn identity_and_abilities_are_those_of_the_engine() {
    on_every_cluster("identity", async |target| {
        let identity = target.cluster.identity().await.unwrap();
        let is_opensearch = target.name.to_lowercase().contains("opensearch");
        let engine = if is_opensearch { Engine::OpenSearch } else { Engine::Elasticsearch };
        assert_eq!(identity.engine, engine, "{}", target.name);
        if let Some((_, version)) = target.name.split_once('-') {
            assert_eq!(identity.version, version);
        }
        assert_eq!(identity.is_pocket, target.name.starts_with("pocket"), "{identity:?}");
        assert!(!identity.cluster_uuid.is_empty());
        let abilities = target.cluster.abilities().await.unwrap();
        assert_eq!(abilities.alias_must_exist, is_opensearch, "{}", target.name);
        assert!(abilities.block_api && abilities.sequence_numbers_searchable);
        if is_opensearch {
            assert_eq!(abilities.flat_type, Some(FlatType::FlatObject));
        } else {
            // The open build has none; a plugin may bring it.
            assert_ne!(abilities.flat_type, Some(FlatType::FlatObject));
        }
    })
    .await;
}

#[tokio::test]
async fn a_survey_sees_every_index_with_what_it_carries() {
    on_every_cluster("survey", async |target| {
        let index = target.create("a", 2, json!({"properties": {"n": {"type": "long"}}})).await;
        let alias = target.index("alias");
        let body = json!({
            "settings": {"number_of_replicas": 0, "index.hidden": true},
            "aliases": {alias.as_str(): {"filter": {"term": {"n": 1}}, "routing": "r", "is_write_index": true}},
            "mappings": {"_source": {"excludes": ["secret"]}},
        });
        let hidden = target.index("hidden");
        target.cluster.create_index(&hidden, &body).await.unwrap();
        let documents: Vec<_> = (0..20).map(|n| (n.to_string(), format!("{{\"n\":{n}}}"))).collect();
        target.write(&index, &documents).await;
        target.cluster.block_writes(&[index.as_str()]).await.unwrap();
        target.cluster.refresh(&[index.as_str()]).await.unwrap();
        let body = json!({"index_patterns": [target.index("none*")], "priority": 7});
        target.cluster.put_template(&target.index("template"), &body).await.unwrap();

        let survey = target.cluster.survey().await.unwrap();
        let found = |name: &str| survey.indices.iter().find(|seen| seen.name == name).unwrap();
        let seen = found(&index);
        assert_eq!((seen.primaries, seen.replicas, seen.docs), (2, 0, 20), "{}", target.name);
        assert_eq!(seen.state, OpenState::Open);
        assert_eq!(seen.blocks.iter().copied().collect::<Vec<_>>(), [Block::Write]);
        assert_eq!(seen.shards.iter().map(|shard| shard.number).collect::<Vec<_>>(), [0, 1]);
        let operations: i64 = seen.shards.iter().map(|shard| shard.global_checkpoint + 1).sum();
        assert_eq!((operations, seen.shards.iter().map(|shard| shard.docs).sum()), (20, 20));
        assert!(seen.keeps_source_whole() && seen.sequence_numbers_searchable());
        assert_eq!(seen.mapping, json!({"properties": {"n": {"type": "long"}}}));
        assert_eq!(seen.settings.get("index.number_of_shards"), Some(&json!("2")));
        assert!(seen.store_bytes > 0);

        let seen = found(&hidden);
        let properties = Value::Object(seen.aliases[&alias].clone());
        let expected = json!({
            "filter": {"term": {"n": 1}}, "index_routing": "r", "search_routing": "r",
            "is_write_index": true,
        });
        assert_eq!(properties, expected, "{}", target.name);
        assert!(!seen.keeps_source_whole());

        let template = survey.templates.iter().find(|one| one.name == target.index("template"));
        assert_eq!(template.unwrap().body["priority"], json!(7));
        assert!(!survey.nodes.is_empty() && survey.nodes[0].disk_total_bytes > 0);
        assert!(survey.limits.shards_per_node_max.is_some(), "{:?}", survey.limits);
        assert!(survey.limits.disk.flood_stage.is_some(), "{:?}", survey.limits);
        assert!(survey.health.active_shards >= 3);

        let one = target.cluster.index(&index).await.unwrap().unwrap();
        assert_eq!(&one, found(&index), "{}", target.name);
        assert!(target.cluster.index(&target.index("absent")).await.unwrap().is_none());
        assert!(target.cluster.index(&alias).await.unwrap().is_none(), "an alias is no index");
    })
    .await;
}

#[tokio::test]
async fn health_is_waited_for_up_to_the_bound() {
    on_every_cluster("health", async |target| {
        let index = target.create("a", 1, json!({})).await;
        let names = [index.as_str()];
        let wait = Duration::from_secs(20);
        target.cluster.wait_for_health(&names, HealthStatus::Green, wait).await.unwrap();
        assert!(target.cluster.health().await.unwrap().number_of_data_nodes >= 1);
    })
    .await;
}
