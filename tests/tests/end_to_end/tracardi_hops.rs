//! A Tracardi of three tenants goes from 0.7.4 to 0.8.2 twice, while it is written to: hop by hop, and in one pass. The pack is one
//! that `lockstep pack import tracardi` makes, so the scripts are those of the migration files, and both ways must end with
//! the same documents.
//!
//! The installations that it is made from are made up (`fixtures/tracardi-installations`). With `LOCKSTEP_TRACARDI_PACK=FOLDER`
//! the pack is somebody's own, made from real ones, and the data is that of the real installation.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lockstep_core::pack::model::{LogicalIndex, Pack, Release};
use lockstep_engine::{pack_folder, session::Ending};
use serde_json::{Map, Value, json};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, program, wish},
    tracardi::{load_fixture, remove_tracardi, repository, shown},
};

/// Names a pack that was made from real installations.
const PACK_VARIABLE: &str = "LOCKSTEP_TRACARDI_PACK";
/// Tenants: one with the name that 0.7.4 gives by itself, two with names of their own.
const TENANTS: [&str; 3] = ["75120", "acme", "globex"];
/// Writes to each tenant during the upgrade.
const WRITES: usize = 50;
/// How often a write may be refused by the fence before it is given up.
const TRIES_MAX: u32 = 400;

/// Scripts run on real engines only; two of them are enough to tell them apart.
pub(crate) fn scenarios(stand: &str) -> Vec<Scenario> {
    if !["elasticsearch-7.10.2", "opensearch-2.19.1"].contains(&stand) {
        return Vec::new();
    }
    vec![Scenario {
        name: "tracardi_0_7_4_becomes_0_8_2_in_one_pass_as_hop_by_hop",
        load: Load::Light,
        is_pocket_only: false,
        play: both_ways,
    }]
}

fn both_ways(runtime: &Runtime, stand: &Stand) -> Outcome {
    let place = tempfile::tempdir()?;
    let folder = match env::var_os(PACK_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => import_made_up(place.path())?,
    };
    let pack = pack_folder::open(&folder).map_err(shown)?;
    runtime.block_on(async {
        let hops = go(stand, &pack, &["0.8.0", "0.8.1", "0.8.2"]).await?;
        let fused = go(stand, &pack, &["0.8.2"]).await?;
        assert_eq!(hops.len(), fused.len());
        for (key, document) in &hops {
            assert_eq!(fused.get(key), Some(document), "{key:?}");
        }
        if env::var_os(PACK_VARIABLE).is_none() {
            check_made_up(&fused)?;
        }
        remove_tracardi(stand).await
    })
}

fn import_made_up(place: &Path) -> Result<PathBuf, Trouble> {
    let installations = repository().join("tests/fixtures/tracardi-installations");
    let folder = place.join("pack");
    let output = Command::new(program()?)
        .args(["pack", "import", "tracardi"])
        .args(["0.7.4", "0.8.0", "0.8.1", "0.8.2"].map(|version| installations.join(version)))
        .arg("--out")
        .arg(&folder)
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(folder)
}

/// Documents by index and id.
type Documents = BTreeMap<(String, String), Value>;

/// Loads the data, takes it through these versions while the first of them is written to, and gives what the last one has.
async fn go(stand: &Stand, pack: &Pack, versions: &[&str]) -> Result<Documents, Trouble> {
    remove_tracardi(stand).await?;
    if env::var_os(PACK_VARIABLE).is_some() {
        for tenant in TENANTS {
            load_fixture(stand, tenant).await?;
        }
    } else {
        load_made_up(stand, pack).await?;
    }
    let originals = originals(stand).await?;
    let [first, rest @ ..] = versions else { return Err("no version".into()) };
    let mut hold = wish(first);
    hold.is_held = true;
    let session = stand.session();
    let upgrade = session.upgrade(pack, &hold);
    let writing = async {
        write(stand, &originals).await?;
        // The run begins while the first documents are written.
        let mut ordered = session.order(&pack.name, |orders| orders.is_held = false).await;
        for _ in 0..TRIES_MAX {
            if ordered.is_ok() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
            ordered = session.order(&pack.name, |orders| orders.is_held = false).await;
        }
        ordered.map_err(shown)
    };
    let (ending, written) = tokio::join!(upgrade, writing);
    written?;
    assert!(matches!(ending.map_err(shown)?, Ending::Switched { .. }));
    for version in rest {
        let ending = stand.session().upgrade(pack, &wish(version)).await.map_err(shown)?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
    }
    documents(stand, "*0820.*").await
}

async fn documents(stand: &Stand, pattern: &str) -> Result<Documents, Trouble> {
    stand.send("POST", &format!("/{pattern}/_refresh"), Value::Null).await?;
    let mut found = Documents::new();
    for index in stand.indices(pattern).await? {
        let query = json!({"size": 10_000, "sort": ["_doc"]});
        let answer = stand.send("POST", &format!("/{index}/_search"), query).await?;
        for hit in answer["hits"]["hits"].as_array().ok_or_else(|| answer.to_string())? {
            let id = hit["_id"].as_str().unwrap_or_default().to_owned();
            found.insert((index.clone(), id), hit["_source"].clone());
        }
    }
    Ok(found)
}

/// For each tenant and each index that the application writes to, one of its documents.
async fn originals(stand: &Stand) -> Result<Vec<(String, Value)>, Trouble> {
    let mut originals = Vec::new();
    for tenant in TENANTS {
        for name in ["event-2022-10", "profile-2022-10", "user"] {
            let index = format!("074.{tenant}.tracardi-{name}");
            let query = json!({"size": 1, "sort": ["_doc"]});
            let found = stand.send("POST", &format!("/{index}/_search"), query).await?;
            let source = found["hits"]["hits"][0]["_source"].clone();
            assert!(source.is_object(), "{found}");
            originals.push((index, source));
        }
    }
    Ok(originals)
}

/// New documents, the same ones again, and deletes: one after the other, so that what is there in the end doesn't depend on time.
async fn write(stand: &Stand, originals: &[(String, Value)]) -> Outcome {
    let client = reqwest::Client::new();
    for number in 0..WRITES {
        for (index, original) in originals {
            let id = format!("live-{}", number % 17);
            let url = format!("{}/{index}/_doc/{id}", stand.cluster.url);
            let mut source = original.clone();
            source["id"] = json!(id);
            let request = if number % 5 == 4 {
                client.delete(url)
            } else {
                client.put(url).header("content-type", "application/json").body(source.to_string())
            };
            let mut tries = 0;
            loop {
                let request = request.try_clone().ok_or("a request with a stream")?;
                let answer: Value = serde_json::from_str(&request.send().await?.text().await?)?;
                if answer["result"].is_string() {
                    break;
                }
                tries += 1;
                assert!(tries < TRIES_MAX, "{answer}");
                sleep(Duration::from_millis(50)).await;
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Makes the installation that the made-up pack describes, with a few documents in each index.
async fn load_made_up(stand: &Stand, pack: &Pack) -> Outcome {
    let identity = stand.send("GET", "/", Value::Null).await?;
    let is_opensearch = identity["version"]["distribution"] == "opensearch";
    let release = pack.releases.first().ok_or("no release")?;
    assert_eq!(release.version.to_string(), "0.7.4");
    for tenant in TENANTS {
        for index in release.indices.values() {
            for name in names(index, tenant) {
                let mapping = index.mapping.to_string();
                let mapping = if is_opensearch {
                    mapping.replace("\"flattened\"", "\"flat_object\"")
                } else {
                    mapping
                };
                let body = json!({
                    "mappings": serde_json::from_str::<Value>(&mapping)?,
                    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
                    "aliases": {format!("{tenant}.{}", index.name): {}},
                });
                let made = stand.send("PUT", &format!("/{name}"), body).await?;
                assert_eq!(made["acknowledged"], true, "{made}");
                fill(stand, &name, release).await?;
            }
        }
    }
    stand.send("POST", "/074.*/_refresh", Value::Null).await?;
    Ok(())
}

fn names(index: &LogicalIndex, tenant: &str) -> Vec<String> {
    let name = format!("074.{tenant}.{}", index.name);
    if index.partitions.is_none() {
        vec![name]
    } else {
        ["2022-10", "2022-11"].map(|month| format!("{name}-{month}")).into()
    }
}

async fn fill(stand: &Stand, name: &str, release: &Release) -> Outcome {
    for number in 0..20 {
        // Ids differ between the months: both stand under one alias.
        let id = format!("{}-{number}", name.rsplit('-').next().unwrap_or_default());
        let mut source = Map::new();
        source.insert("id".to_owned(), json!(id));
        if name.contains("tracardi-event-") {
            source.insert("type".to_owned(), json!("page-view"));
            source.insert("operation".to_owned(), json!("i"));
            source.insert("body".to_owned(), json!({"page": number, "exact": 1.5}));
        }
        if name.contains("tracardi-profile-") {
            source.insert("pii".to_owned(), json!({"name": format!("Name {number}")}));
            source.insert("flags".to_owned(), json!({"merged": true}));
        }
        if name.ends_with("tracardi-user") {
            source.insert("email".to_owned(), json!(format!("user-{number}@example.org")));
        }
        let put = stand.send("PUT", &format!("/{name}/_doc/{id}"), Value::Object(source)).await?;
        assert_eq!(put["result"], "created", "{} of {}: {put}", name, release.version);
    }
    Ok(())
}

/// What three steps make of a few documents, worked out by hand from the made-up migration files.
fn check_made_up(found: &Documents) -> Outcome {
    for tenant in ["ffe49", "acme", "globex"] {
        let document = |name: &str, id: &str| -> Result<&Value, Trouble> {
            let key = (format!("0820.{tenant}.tracardi-{name}"), id.to_owned());
            Ok(found.get(&key).ok_or_else(|| format!("no {key:?}"))?)
        };
        assert_eq!(
            *document("event-2022-10", "10-3")?,
            json!({"id": "10-3", "type": "page-view", "data": {"page": 3, "exact": 1.5}})
        );
        let profile = document("profile-2022-11", "11-7")?;
        assert_eq!((&profile["name"], profile.get("flags")), (&json!("Name 7"), None));
        assert_eq!(document("user", "user-4")?["email"], json!("user-4@example.org"));
        // Number 49 deleted one, and 48 wrote the one before it.
        assert!(document("event-2022-10", "live-15").is_err());
        assert_eq!(document("event-2022-10", "live-14")?["id"], json!("live-14"));
    }
    Ok(())
}
