//! The clusters under test, and index names that no other test uses.

use lockstep_elastic::{BulkBody, Cluster, Connection, IndexName, Key, RetryBounds, Version};
use lockstep_pocket::{Flavour, Options, Pocket};
use serde_json::{Value, json};

/// One cluster under test.
pub(crate) struct Target {
    /// The name of the engine, for messages.
    pub(crate) name: String,
    pub(crate) cluster: Cluster,
    prefix: String,
}

impl Target {
    /// The name of an index of this test alone.
    pub(crate) fn index(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Creates an index of this test alone, without replicas and without refreshes.
    pub(crate) async fn create(&self, name: &str, shards: u32, mapping: Value) -> String {
        let index = self.index(name);
        let settings = json!({
            "number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "-1",
        });
        let body = json!({"settings": settings, "mappings": mapping});
        self.cluster.create_index(&index, &body).await.unwrap();
        index
    }

    /// Writes documents under their ids.
    pub(crate) async fn write(&self, index: &str, documents: &[(String, String)]) {
        let name = IndexName::parse(index).unwrap();
        let mut body = BulkBody::default();
        for (id, source) in documents {
            body.index(&name, Key::of(id), Version::Internal, source.as_bytes()).unwrap();
        }
        let report = self.cluster.write_all(body).await.unwrap();
        assert_eq!(report.done_count, documents.len(), "{}: {report:?}", self.name);
    }

    async fn clean(&self) {
        for index in self.cluster.indices().await.unwrap() {
            if index.name.starts_with(&self.prefix) {
                self.cluster.unblock_writes(&[index.name.as_str()]).await.unwrap();
                self.cluster.delete_index(&index.name, &index.uuid).await.unwrap();
            }
        }
        for template in self.cluster.templates().await.unwrap() {
            if template.name.starts_with(&self.prefix) {
                self.cluster.delete_template(&template.name).await.unwrap();
            }
        }
    }
}

/// Runs a test on every cluster. `topic` names its indices: no two tests may share one.
pub(crate) async fn on_every_cluster<Run>(topic: &str, test: impl Fn(std::rc::Rc<Target>) -> Run)
where
    Run: Future<Output = ()>,
{
    for engine in [Flavour::OpenSearch, Flavour::Elasticsearch] {
        let pocket = Pocket::start(Options { engine, ..Options::default() }).await.unwrap();
        run_on(&format!("pocket as {engine:?}"), pocket.url(), topic, &test).await;
        pocket.stop().await;
    }
    let engines = std::env::var("LOCKSTEP_TEST_ENGINES").unwrap_or_default();
    for entry in engines.split(',').filter(|entry| !entry.trim().is_empty()) {
        let (name, address) = entry.split_once('=').expect("entries look like name=url");
        run_on(name.trim(), address.trim(), topic, &test).await;
    }
}

#[expect(clippy::print_stdout, reason = "cargo shows it when the test fails: which cluster it was")]
async fn run_on<Run>(
    name: &str,
    address: &str,
    topic: &str,
    test: &impl Fn(std::rc::Rc<Target>) -> Run,
) where
    Run: Future<Output = ()>,
{
    let retry = RetryBounds { attempts_max: 3, ..RetryBounds::default() };
    let connection = Connection::parse(address).unwrap().with_retry(retry);
    let cluster = Cluster::new(connection).unwrap();
    let prefix = format!("elastic-{topic}-{}", std::process::id());
    let target = std::rc::Rc::new(Target { name: name.to_owned(), cluster, prefix });
    target.clean().await;
    println!("on {name}");
    test(std::rc::Rc::clone(&target)).await;
    target.clean().await;
}
