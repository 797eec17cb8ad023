//! An application whose people become rows: its pack, somebody who writes, and an oracle that reads both sides by itself,
//! the index over HTTP and the table with SQL of its own.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use lockstep_core::{
    pack::{PackFiles, model::Pack},
    table::DatabaseKind,
};
use lockstep_engine::{Databases, Session};
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    Outcome,
    stand::{Stand, Trouble},
};

pub(crate) const APPLICATION: &str = "ledger";
pub(crate) const TENANTS: [&str; 2] = ["acme", "beta"];
/// The time between two writes of the writer.
const WRITE_TIME: Duration = Duration::from_millis(4);

/// The pack: two releases, of which the second one leads to a table.
pub(crate) fn pack(kind: DatabaseKind) -> Pack {
    let naming = "{default: {index: \"{tenant}-{name}-v{version}\", alias: \"{tenant}-{name}\"}}";
    let application = format!(
        "format: 1\nname: {APPLICATION}\ndata_parts: 2\nmode: alias\nnaming: {naming}\ntenants: {{pattern: \"acme|beta\"}}\ndatabases: {{main: {{kind: {}}}}}\n",
        kind.word()
    );
    let second = r#"
indices:
  person:
    mapping: person.json
    table:
      database: main
      name: person
      key: [id, tenant]
      columns:
        - {name: id, type: string(40), from: _id}
        - {name: tenant, type: string(40), from: _tenant}
        - {name: full_name, type: string(20), from: full_name}
        - {name: age, type: integer, from: age}
        - {name: config, type: json, from: config}
        - {name: seen, type: timestamp, from: seen}
step:
  from: "1.0"
  indices:
    person:
      migrate:
        operations: [{rename: {from: name, to: full_name}}]
        irreversible: rows can't be followed
"#;
    let mapping = |name: &str| {
        format!(
            r#"{{"dynamic":"strict","properties":{{"{name}":{{"type":"keyword"}},"age":{{"type":"long"}},"config":{{"type":"object","enabled":false}},"seen":{{"type":"date"}}}}}}"#
        )
    };
    let first = "indices: {person: {mapping: person.json}}\n".to_owned();
    let files = BTreeMap::from([
        ("pack.yaml".to_owned(), application),
        ("releases/1.0/release.yaml".to_owned(), first),
        ("releases/1.0/mappings/person.json".to_owned(), mapping("name")),
        ("releases/1.1/release.yaml".to_owned(), second.to_owned()),
        ("releases/1.1/mappings/person.json".to_owned(), mapping("full_name")),
    ]);
    let files = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    lockstep_engine::pack_folder::check(&PackFiles { files })
        .unwrap_or_else(|error| panic!("{error:?}"))
}

/// The application on one cluster, and the database that its people go to.
pub(crate) struct Ledger {
    pub(crate) kind: DatabaseKind,
    /// Of a database of its own.
    pub(crate) url: String,
    cluster: String,
    pool: AnyPool,
}

/// Somebody who writes until he is stopped.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    tasks: JoinSet<Outcome>,
}

impl Writer {
    /// Gives how many writes were acknowledged.
    pub(crate) async fn stop(mut self) -> Result<u64, Trouble> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_next().await.ok_or("nobody writes")???;
        Ok(self.count.load(Ordering::Relaxed))
    }
}

impl Ledger {
    /// With an empty database and no documents.
    pub(crate) async fn open(stand: &Stand, name: &str) -> Result<Self, Trouble> {
        sqlx::any::install_default_drivers();
        let told = std::env::var("LOCKSTEP_TEST_DATABASES")?;
        let mut pairs = told.split(',').filter_map(|pair| pair.split_once('='));
        let (_, outside) = pairs.find(|(known, _)| *known == name).ok_or("no such database")?;
        let pool = AnyPool::connect(outside).await?;
        // Connections of an earlier run may still be open.
        let force = if outside.starts_with("mysql") { "" } else { " WITH (FORCE)" };
        let drop = format!("DROP DATABASE IF EXISTS ledger{force}");
        for statement in [drop, "CREATE DATABASE ledger".to_owned()] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await?;
        }
        pool.close().await;
        let (front, _) = outside.rsplit_once('/').ok_or("no path")?;
        let url = format!("{front}/ledger");
        let kind =
            if url.starts_with("mysql") { DatabaseKind::Mysql } else { DatabaseKind::Postgresql };
        let pool = AnyPool::connect_lazy(&url)?;
        let ledger = Self { kind, url, cluster: stand.cluster.url.clone(), pool };
        stand.clean().await?;
        ledger.drop_indices(stand).await?;
        Ok(ledger)
    }

    /// Somebody who upgrades it, with the database at this address.
    pub(crate) fn session(stand: &Stand, url: &str) -> Session {
        let url = url.to_owned();
        let lookup = move |_name: &str| {
            if url.is_empty() { Err("not told".to_owned()) } else { Ok(url.clone()) }
        };
        Session { databases: Databases::new(Arc::new(lookup)), ..stand.session() }
    }

    /// So many documents for each tenant.
    pub(crate) async fn seed(&self, documents: u64) -> Outcome {
        let documents = (0..documents).map(|number| (format!("p {number}"), person(number)));
        self.seed_with(&documents.collect::<Vec<_>>()).await
    }

    /// These documents for each tenant.
    pub(crate) async fn seed_with(&self, documents: &[(String, Value)]) -> Outcome {
        let mapping = json!({"mappings": {"dynamic": "strict", "properties": {
            "name": {"type": "keyword"}, "age": {"type": "long"},
            "config": {"type": "object", "enabled": false}, "seen": {"type": "date"}}},
            "settings": {"number_of_shards": 2, "number_of_replicas": 0},
        });
        let client = reqwest::Client::new();
        for tenant in TENANTS {
            let mut body = mapping.clone();
            body["aliases"] = json!({format!("{tenant}-person"): {}});
            let index = format!("{}/{tenant}-person-v1.0", self.cluster);
            as_json(client.put(&index), &body).send().await?.error_for_status()?;
            let mut lines = String::new();
            for (id, document) in documents {
                lines.push_str(&json!({"index": {"_id": id}}).to_string());
                lines.push('\n');
                lines.push_str(&document.to_string());
                lines.push('\n');
            }
            let sent = client.post(format!("{index}/_bulk?refresh=true"));
            let sent = sent.header("content-type", "application/x-ndjson").body(lines);
            let answer = sent.send().await?.error_for_status()?.text().await?;
            let answer: Value = serde_json::from_str(&answer)?;
            assert_eq!(answer["errors"], false, "{answer}");
        }
        Ok(())
    }

    /// Writes one document to the live set.
    pub(crate) async fn put(&self, tenant: &str, id: &str, document: Value) -> Outcome {
        let url = format!("{}/{tenant}-person/_doc/{}", self.cluster, id.replace(' ', "%20"));
        as_json(reqwest::Client::new().put(url), &document).send().await?.error_for_status()?;
        Ok(())
    }

    /// Writes, changes and deletes until it is stopped or the live set takes no writes any more.
    pub(crate) fn write(&self) -> Writer {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted, cluster) =
            (Arc::clone(&stop), Arc::clone(&count), self.cluster.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let client = reqwest::Client::new();
            let mut turn = 0_u64;
            while !stopped.load(Ordering::Relaxed) {
                turn += 1;
                let tenant = TENANTS[usize::from(turn.is_multiple_of(2))];
                let front = format!("{cluster}/{tenant}-person-v1.0/_doc");
                let sent = match turn % 5 {
                    0 => client.delete(format!("{front}/p%20{}", turn % 97)),
                    1 => as_json(client.put(format!("{front}/new-{turn}")), &person(turn)),
                    _ => {
                        as_json(client.put(format!("{front}/p%20{}", turn % 83)), &person(turn * 7))
                    }
                };
                let status = sent.send().await?.status();
                if status.is_success() || status == 404 {
                    counted.fetch_add(1, Ordering::Relaxed);
                } else {
                    // The fence: nothing is written behind it.
                    assert_eq!(status, 403, "of the application's own write");
                }
                sleep(WRITE_TIME).await;
            }
            Ok(())
        });
        Writer { stop, count, tasks }
    }

    /// Asserts that the table holds a row for every document of the old set but these, and nothing else.
    pub(crate) async fn check(&self, without: &[(&str, &str)]) -> Outcome {
        let mut expected = BTreeMap::new();
        for tenant in TENANTS {
            let index = format!("{}/{tenant}-person-v1.0", self.cluster);
            let client = reqwest::Client::new();
            client.post(format!("{index}/_refresh")).send().await?.error_for_status()?;
            let body = json!({"size": 10_000, "query": {"match_all": {}}});
            let sent = as_json(client.post(format!("{index}/_search")), &body).send().await?;
            let found: Value = serde_json::from_str(&sent.text().await?)?;
            for hit in found["hits"]["hits"].as_array().ok_or("no hits")? {
                let id = hit["_id"].as_str().ok_or("no id")?;
                if !without.contains(&(tenant, id)) {
                    expected.insert(format!("{tenant} {id}"), told(&hit["_source"]));
                }
            }
        }
        let found = self.rows().await?;
        let differing: Vec<_> = expected
            .iter()
            .filter(|(key, row)| found.get(*key) != Some(row))
            .map(|(key, row)| format!("{key}: {row} is {:?}", found.get(key)))
            .collect();
        assert!(differing.is_empty(), "{differing:?}");
        let more: Vec<_> = found.keys().filter(|key| !expected.contains_key(*key)).collect();
        assert!(more.is_empty(), "rows without a document: {more:?}");
        assert!(expected.len() > 50, "nothing was compared");
        Ok(())
    }

    /// Every row by tenant and id, its values in the words of [`told`].
    pub(crate) async fn rows(&self) -> Result<BTreeMap<String, Value>, Trouble> {
        let query = match self.kind {
            DatabaseKind::Mysql => {
                "SELECT CONCAT(tenant, ' ', id), full_name, CAST(age AS CHAR), CAST(config AS CHAR), DATE_FORMAT(seen, '%Y-%m-%dT%H:%i:%s.%f') FROM person"
            }
            DatabaseKind::Postgresql => {
                "SELECT tenant || ' ' || id, full_name, age::text, config::text, to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') FROM person"
            }
        };
        let mut all = BTreeMap::new();
        for row in sqlx::query(query).fetch_all(&self.pool).await? {
            let text = |at: usize| row.try_get::<Option<String>, _>(at);
            let config = text(3)?.map_or(Ok(Value::Null), |text| serde_json::from_str(&text))?;
            let age = text(2)?.map_or(Ok(Value::Null), |text| serde_json::from_str(&text))?;
            let seen = text(4)?.map(|seen| format!("{}Z", seen.trim_end_matches("000")));
            let row = json!([text(1)?, age, config, seen]);
            all.insert(text(0)?.ok_or("a row without a key")?, row);
        }
        Ok(all)
    }

    /// Makes the table as somebody would who wants every name to be the id of another row.
    pub(crate) async fn refer(&self) -> Outcome {
        let (text, json, moment) = match self.kind {
            DatabaseKind::Mysql => {
                ("varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "json", "datetime(6)")
            }
            DatabaseKind::Postgresql => ("varchar(40)", "jsonb", "timestamp(6) with time zone"),
        };
        self.sql(&format!(
            "CREATE TABLE person (id {text}, tenant {text}, full_name {text}, age bigint, config {json}, seen {moment} NULL, PRIMARY KEY (id, tenant), CONSTRAINT known FOREIGN KEY (full_name, tenant) REFERENCES person (id, tenant))"
        ))
        .await
    }

    /// Lets the table take longer names.
    pub(crate) async fn widen(&self) -> Outcome {
        self.sql(match self.kind {
            DatabaseKind::Mysql => "ALTER TABLE person MODIFY full_name varchar(200)",
            DatabaseKind::Postgresql => "ALTER TABLE person ALTER full_name TYPE varchar(200)",
        })
        .await
    }

    pub(crate) async fn sql(&self, statement: &str) -> Outcome {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&self.pool).await?;
        Ok(())
    }

    /// Rows that Lockstep keeps for itself.
    pub(crate) async fn bookkeeping(&self) -> Result<usize, Trouble> {
        let query =
            "SELECT run FROM lockstep_tables UNION ALL SELECT run FROM lockstep_checkpoints";
        Ok(sqlx::query(query).fetch_all(&self.pool).await?.len())
    }

    /// Whether the table is there.
    pub(crate) async fn has_table(&self) -> Result<bool, Trouble> {
        let query = "SELECT 'yes' FROM information_schema.tables WHERE table_name = 'person'";
        Ok(!sqlx::query(query).fetch_all(&self.pool).await?.is_empty())
    }

    /// Stops the database and starts it again after a while.
    pub(crate) async fn restart(&self, name: &str, pause: Duration) -> Outcome {
        let port =
            self.url.rsplit(':').next().and_then(|rest| rest.split('/').next()).ok_or("no port")?;
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/database");
        for command in ["stop", "start"] {
            let status = Command::new(&script).args([command, name, port]).output()?;
            assert!(status.status.success(), "{status:?}");
            sleep(pause).await;
        }
        Ok(())
    }

    /// Removes everything that a scenario left.
    pub(crate) async fn clean(&self, stand: &Stand) -> Outcome {
        self.pool.close().await;
        stand.clean().await?;
        self.drop_indices(stand).await
    }

    async fn drop_indices(&self, stand: &Stand) -> Outcome {
        for index in stand.indices("*-person-v1.*").await? {
            stand.send("DELETE", &format!("/{index}"), Value::Null).await?;
        }
        Ok(())
    }
}

fn as_json(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

/// A document.
fn person(number: u64) -> Value {
    let mut person = json!({"name": format!("Ünal {number}"), "age": number});
    if number.is_multiple_of(3) {
        person["config"] = json!({"level": number, "tags": ["a", null, "b\\\"c"], "ratio": 0.5});
    }
    if number.is_multiple_of(4) {
        person["seen"] = json!(format!(
            "2022-10-05T12:{:02}:{:02}.{:03}Z",
            number % 60,
            number / 60 % 60,
            number % 999 + 1
        ));
    }
    person
}

/// What a row of a document must say.
fn told(document: &Value) -> Value {
    let seen = document["seen"].as_str();
    json!([document["name"], document["age"], document["config"], seen])
}
