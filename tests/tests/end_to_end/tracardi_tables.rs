//! A made-up Tracardi goes from 0.8.2 to 0.9, which keeps a part of its documents in tables: on the pocket cluster, with a real
//! `MariaDB`. What the rows must be is written down here by hand.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    pack::{PackFiles, load, model::Pack},
    run::quarantine::Decision,
};
use lockstep_engine::{
    Databases, EngineError, Session,
    quarantine::{Chosen, decide, list},
    session::Ending,
};
use lockstep_import::{Fields, Installation, import};
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, wish},
    tables::databases,
    tracardi::{remove_tracardi, repository},
};

/// What the releases call a tenant without a name of its own. More tenants would be alike, and each costs seconds.
const TENANTS: [(&str, &str); 1] = [("ffe49", "8504a")];

/// Where `MariaDB` is, among the databases of `LOCKSTEP_TEST_DATABASES`.
const MARIADB: &str = "mariadb=";

/// A pocket cluster is enough: no script runs in this step.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: true, play };
    if mariadb().is_none() {
        return Vec::new();
    }
    vec![scenario("a_tracardi_0_8_2_becomes_rows_of_0_9", rows)]
}

fn mariadb() -> Option<String> {
    let told = std::env::var("LOCKSTEP_TEST_DATABASES").ok()?;
    told.split(',').find_map(|pair| pair.strip_prefix(MARIADB)).map(str::to_owned)
}

fn rows(runtime: &Runtime, stand: &Stand) -> Outcome {
    let _turn = databases();
    runtime.block_on(async {
        remove_tracardi(stand).await?;
        let (url, pool) = database().await?;
        let files = imported()?;
        let pack = pack(&files)?;
        install(stand, &files).await?;
        let databases = Databases::new(Arc::new(move |_name: &str| Ok(url.clone())));
        let session = Session { databases, ..stand.session() };
        let error = session.upgrade(&pack, &wish("0.9.0")).await.err().ok_or("not halted")?;
        let EngineError::Halted(problem) = error else { return Err(format!("{error:?}").into()) };
        assert_eq!(problem.code, "R0208", "{problem:?}");
        leave_out(&session).await?;
        let ending = session.upgrade(&pack, &wish("0.9.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        check_rows(&pool).await?;
        check_indices(stand).await?;
        pool.close().await;
        remove_tracardi(stand).await
    })
}

/// A database with one table in it, which Tracardi made: it takes one row for each type of event.
async fn database() -> Result<(String, AnyPool), Trouble> {
    sqlx::any::install_default_drivers();
    let outside = mariadb().ok_or("no such database")?;
    let (front, _) = outside.rsplit_once('/').ok_or("no path")?;
    let url = format!("{front}/tracardi");
    let pool = AnyPool::connect(&outside).await?;
    for statement in ["DROP DATABASE IF EXISTS tracardi", "CREATE DATABASE tracardi"] {
        sqlx::raw_sql(statement).execute(&pool).await?;
    }
    pool.close().await;
    let pool = AnyPool::connect(&url).await?;
    let statement = "CREATE TABLE event_mapping (id varchar(40), name varchar(128), event_type varchar(64), tags varchar(128), index_schema json, tenant varchar(40), production tinyint(1), PRIMARY KEY (id, tenant, production), UNIQUE one_mapping (event_type))";
    sqlx::raw_sql(statement).execute(&pool).await?;
    Ok((url, pool))
}

fn imported() -> Result<BTreeMap<String, String>, Trouble> {
    let fixtures = repository().join("tests/fixtures/tracardi-installations");
    let mut installations = Vec::new();
    for version in ["0.8.2", "0.9.0"] {
        let installation = Installation::read(&fixtures.join(version));
        installations.push(installation.map_err(|mistake| mistake.message)?);
    }
    let imported = import(&installations, Fields::Mended).map_err(|mistakes| {
        mistakes.into_iter().map(|mistake| mistake.message).collect::<String>()
    })?;
    Ok(imported.files)
}

fn pack(files: &BTreeMap<String, String>) -> Result<Pack, Trouble> {
    let files =
        files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    let files = PackFiles { files };
    Ok(load(&files).map_err(|mistakes| mistakes.render(&files, false))?)
}

/// What stands for a workflow with a number that a double can't hold, made by another program: gzip, then base64.
const DRAFT: &str = "H4sIAADxU2UC/6tWKk+LL07OSM1NVLJSqFYqSy0qzszPA7KVDPQs9IyUdBSUilOLgMLxGFK1QDkQ19LAwNzQ0tLI1MTcxMDS0rgWALEkByxVAAAA";

/// Documents of every tenant: index, without the tenant, and what it is. A type of event has the tenant in it.
fn documents() -> Vec<(&'static str, Value)> {
    vec![
        (
            "0820.{}.tracardi-user",
            json!({"id": "u1", "email": "ada@example.com", "password": "x", "full_name": "Ada", "roles": ["admin", "maintainer"], "disabled": false, "preference": {"dark": true}}),
        ),
        (
            "0820.{}.tracardi-user",
            json!({"id": "u2", "email": "ada@example.com", "password": "x", "roles": []}),
        ),
        ("prod-0820.{}.tracardi-user", json!({"id": "u3", "email": "eve@example.com"})),
        (
            "0820.{}.tracardi-flow",
            json!({"id": "f1", "timestamp": "2024-02-03T04:05:06.789012", "name": "One", "projects": ["General", "Ü"], "draft": DRAFT, "production": DRAFT, "deployed": true, "debug": {"enabled": true}}),
        ),
        ("0820.{}.tracardi-flow", json!({"id": "f2", "name": "Empty", "draft": ""})),
        ("0820.{}.tracardi-flow", json!({"id": "f3", "name": "Broken", "draft": "????"})),
        // Not compressed: that is read as well.
        (
            "prod-0820.{}.tracardi-flow",
            json!({"id": "f1", "name": "Another", "draft": "eyJiIjogMn0="}),
        ),
        (
            "0820.{}.tracardi-source",
            json!({"id": "s1", "type": ["rest", "webhook"], "bridge": {"id": "b1", "name": "B"}, "name": "S", "enabled": true, "config": {"x": [1]}}),
        ),
        ("static-0820.{}.tracardi-bridge", json!({"id": "b1", "kind": "rest"})),
        (
            "0820.{}.tracardi-event-management",
            json!({"id": "m1", "name": "first", "event_type": "view {}", "tags": ["a", "b"]}),
        ),
        (
            "prod-0820.{}.tracardi-event-management",
            json!({"id": "m2", "name": "second", "event_type": "view {}"}),
        ),
        (
            "0820.{}.tracardi-task",
            json!({"id": "t1", "status": "PROGRESS", "progress": 0.5, "params": {"a": 1}}),
        ),
        ("0820.{}.tracardi-segment", json!({"id": "g1", "condition": "x=1"})),
        (
            "prod-0820.{}.tracardi-event-2024-2",
            json!({"id": "e1", "type": "view", "data": {"a": 1}}),
        ),
    ]
}

/// What the table of each kind of record says of every tenant: columns that tell most, and rows by them.
const ROWS: [(&str, &str, &[&str]); 6] = [
    (
        "user",
        "id, name, email, roles, enabled, preference",
        &["u1|Ada|ada@example.com|admin,maintainer|1|{\"dark\":true}", "u2|-|ada@example.com||0|-"],
    ),
    (
        "workflow",
        "id, production, name, tags, deployed, debug_enabled, timestamp, draft",
        &[
            "f1|0|One|General,Ü|1|1|2024-02-03 04:05:06.789012|{\"wf_schema\":{\"version\":\"0.9.0-rc2\",\"server_version\":\"0.9.0-rc2\"},\"n\":9007199254740993}",
            "f1|1|Another|-|-|-|-|{\"b\":2}",
            "f2|0|Empty|-|-|-|-|-",
        ],
    ),
    (
        "event_source",
        "id, production, type, bridge_id, bridge_name, tags, enabled, config",
        &["s1|0|rest,webhook|b1|B|-|1|{\"x\":[1]}"],
    ),
    ("bridge", "id, kind", &["b1|rest"]),
    ("event_mapping", "id, production, name, event_type, tags", &["m1|0|first|view {}|a,b"]),
    ("task", "id, production, status, progress, params", &["t1|0|running|0.5|{\"a\":1}"]),
];

/// Indices of 0.8.2 with the mappings of the pack, and documents in some of them.
async fn install(stand: &Stand, files: &BTreeMap<String, String>) -> Outcome {
    let released = |file: &str| format!("releases/0.8.2/{file}");
    let text = files.get(&released("release.yaml")).ok_or("no release")?;
    let pack = pack(files)?;
    let release = pack.releases.first().ok_or("no release")?;
    assert!(text.starts_with("# Tracardi 0.8.2"), "{text}");
    for (tenant, _) in TENANTS {
        for index in release.indices.values() {
            let context = match index.naming.as_str() {
                "production" => "prod-",
                "static" => "static-",
                _ => "",
            };
            let partition = if index.partitions.is_none() { "" } else { "-2024-2" };
            let name = format!("{context}0820.{tenant}.{}{partition}", index.name);
            let mapping = index.mapping.to_string().replace("\"flattened\"", "\"flat_object\"");
            let mapping: Value = serde_json::from_str(&mapping)?;
            let aliases = json!({format!("{context}{tenant}.{}", index.name): {}});
            let body = json!({"mappings": mapping, "aliases": aliases});
            let answer = stand.send("PUT", &format!("/{name}"), body).await?;
            assert_eq!(answer["acknowledged"], true, "{answer}");
        }
        for (index, document) in documents() {
            let document = document.to_string().replace("view {}", &format!("view {tenant}"));
            let document: Value = serde_json::from_str(&document)?;
            let id = document["id"].as_str().unwrap_or_default().to_owned();
            let path = format!("/{}/_doc/{id}?refresh=true", index.replace("{}", tenant));
            let answer = stand.send("PUT", &path, document).await?;
            assert_eq!(answer["result"], "created", "{answer}");
        }
    }
    Ok(())
}

/// A text that isn't encoded, and a second mapping of one type of event: both wait for somebody.
async fn leave_out(session: &Session) -> Outcome {
    let entries = list(&session.cluster, "tracardi").await?.entries;
    let mut told: Vec<String> = entries
        .iter()
        .map(|entry| {
            let reason = if entry.reason.starts_with("T0117") { "T0117" } else { &entry.reason };
            format!("{} {}: {reason}", entry.index, entry.document)
        })
        .collect();
    told.sort();
    let mut expected = Vec::new();
    for (tenant, _) in TENANTS {
        expected.push(format!("0820.{tenant}.tracardi-flow f3: T0117"));
    }
    for (tenant, _) in TENANTS {
        expected.push(format!(
            "prod-0820.{tenant}.tracardi-event-management m2: Duplicate entry 'view {tenant}' for key 'one_mapping'"
        ));
    }
    // Which of the two mappings comes first, nobody says.
    let alike: Vec<String> = told
        .iter()
        .map(|line| match line.strip_suffix("' for key 'one_mapping'") {
            Some(_) if line.contains(" m1: ") => {
                format!("prod-{}", line.replace(" m1: ", " m2: "))
            }
            Some(_) | None => line.clone(),
        })
        .collect();
    assert_eq!(alike, expected, "{told:?}");
    let discard = Decision::Discard { reason: "a test".to_owned() };
    decide(&session.cluster, "tracardi", (&Chosen::Undecided, &discard), "ada@test").await?;
    Ok(())
}

async fn check_rows(pool: &AnyPool) -> Outcome {
    for (table, columns, expected) in ROWS {
        for (old, tenant) in TENANTS {
            let texts: Vec<String> = columns
                .split(", ")
                .map(|name| format!("COALESCE(CAST(`{name}` AS CHAR), '-')"))
                .collect();
            let statement = format!(
                "SELECT CAST(CONCAT_WS('|', {}) AS CHAR) FROM `{table}` WHERE tenant = '{tenant}' ORDER BY 1",
                texts.join(", ")
            );
            let mut found = Vec::new();
            for row in sqlx::query(AssertSqlSafe(statement)).fetch_all(pool).await? {
                found.push(row.try_get::<String, _>(0)?);
            }
            let mut expected: Vec<String> =
                expected.iter().map(|row| row.replace("{}", old)).collect();
            // The one of the two that came second was left out.
            if table == "event_mapping" && found.iter().any(|row| row.starts_with("m2")) {
                expected = vec![format!("m2|1|second|view {old}|-")];
            }
            assert_eq!(found, expected, "{table} of {tenant}");
        }
    }
    Ok(())
}

/// What has no table, or no column, is in the new set.
async fn check_indices(stand: &Stand) -> Outcome {
    for (_, tenant) in TENANTS {
        let source = |index: &str, id: &str| {
            let path = format!("/{}/_doc/{id}", index.replace("{}", tenant));
            async move {
                let answer = stand.send("GET", &path, Value::Null).await?;
                Ok::<Value, Trouble>(answer["_source"].clone())
            }
        };
        let segment = source("09x.{}.tracardi-segment", "g1").await?;
        assert_eq!(segment, json!({"id": "g1", "condition": "x=1"}));
        let flow = source("09x.{}.tracardi-flow", "f1").await?;
        assert_eq!((&flow["production"], &flow["deployed"]), (&json!(DRAFT), &json!(true)));
        let user = source("prod-09x.{}.tracardi-user", "u3").await?;
        assert_eq!(user["email"], "eve@example.com");
        let event = source("prod-09x.{}.tracardi-event-2024-2", "e1").await?;
        assert_eq!(event["data"], json!({"a": 1}));
        let aliases = stand.send("GET", "/_alias", Value::Null).await?;
        let index = format!("prod-09x.{tenant}.tracardi-event-2024-2");
        let alias = format!("prod-09x.{tenant}.tracardi-event");
        assert!(aliases[index]["aliases"].get(alias).is_some(), "{aliases}");
    }
    Ok(())
}
