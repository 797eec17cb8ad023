//! A pack that was imported from made-up installations takes a made-up 0.7.4 to 0.8.2. What must come out is written down here by
//! hand; that it is the same hop by hop is in `tracardi_hops`.

use std::{collections::BTreeMap, path::Path};

use lockstep_core::pack::{PackFiles, load, model::Pack};
use lockstep_engine::session::Ending;
use lockstep_import::{Fields, Installation, import};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, wish},
    tracardi::remove_tracardi,
};

/// A pocket cluster runs no scripts.
pub(crate) fn scenarios(stand: &str) -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    if stand == "pocket" {
        return Vec::new();
    }
    vec![scenario("an_imported_tracardi_goes_to_its_last_release", fused)]
}

fn fused(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(through(stand, &TENANTS))
}

async fn through(stand: &Stand, tenants: &[Tenant]) -> Outcome {
    remove_tracardi(stand).await?;
    let pack = imported()?;
    install(stand, tenants).await?;
    let ending = stand.session().upgrade(&pack, &wish("0.8.2")).await?;
    assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
    check(stand, tenants).await?;
    remove_tracardi(stand).await
}

fn imported() -> Result<Pack, Trouble> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tracardi-installations");
    let mut installations = Vec::new();
    for version in ["0.7.4", "0.8.0", "0.8.1", "0.8.2"] {
        let installation = Installation::read(&fixtures.join(version));
        installations.push(installation.map_err(|mistake| mistake.message)?);
    }
    let imported = import(&installations, Fields::Mended).map_err(|mistakes| {
        mistakes.into_iter().map(|mistake| mistake.message).collect::<String>()
    })?;
    let files = imported.files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let files = PackFiles { files };
    Ok(load(&files).map_err(|mistakes| mistakes.render(&files, false))?)
}

/// A tenant's name before and after.
type Tenant = (&'static str, &'static str);

/// The one that every release calls otherwise, and one with a name.
const TENANTS: [Tenant; 2] = [("75120", "ffe49"), ("my-shop", "my-shop")];

/// Documents of every tenant: where they are in 0.7.4, and where and what they are in 0.8.2.
fn documents() -> Vec<(&'static str, Value, &'static str, Value)> {
    vec![
        (
            "074.{}.tracardi-event-2022-9",
            json!({"id": "e1", "type": "view", "operation": "new", "body": {"page": {"n": 1}}}),
            "0820.{}.tracardi-event-2022-9",
            json!({"id": "e1", "type": "view", "data": {"page": {"n": 1}}}),
        ),
        (
            "074.{}.tracardi-event-2022-10",
            json!({"id": "e2", "type": "view", "body": null}),
            "0820.{}.tracardi-event-2022-10",
            json!({"id": "e2", "type": "view", "data": null}),
        ),
        (
            // `odd` is in no mapping, in an object that ignores such fields. Neither `pii` nor `level` reaches 0.8.2.
            "074.{}.tracardi-profile-2022-10",
            json!({"id": "p1", "flags": {"a": 1}, "pii": {"name": "Ada", "telephone": "1", "marital_status": "single", "odd": true}}),
            "0820.{}.tracardi-profile-2022-10",
            json!({"id": "p1", "name": "Ada", "data": {"contact": {"phone": "1"}, "pii": {"civil": {"status": "single"}}}}),
        ),
        (
            "074.{}.tracardi-profile-2022-10",
            json!({"id": "p2"}),
            "0820.{}.tracardi-profile-2022-10",
            json!({"id": "p2", "name": null}),
        ),
        (
            "074.{}.tracardi-entity",
            json!({"id": "n1", "seen": "2022-10-01"}),
            "0820.{}.tracardi-entity-2000-q1",
            json!({"id": "n1", "seen": "2022-10-01"}),
        ),
        (
            "074.{}.tracardi-bridge",
            json!({"id": "b1", "kind": "old"}),
            "static-0820.{}.tracardi-bridge",
            json!({"id": "b1", "kind": "rest"}),
        ),
        (
            "074.{}.tracardi-user",
            json!({"id": "u1", "email": "ada@example.com"}),
            "0820.{}.tracardi-user",
            json!({"id": "u1", "email": "ada@example.com"}),
        ),
        (
            "074.{}.tracardi-version",
            json!({"id": "v1"}),
            "0820.{}.tracardi-version",
            json!({"id": "v1"}),
        ),
    ]
}

fn of(tenant: &str, name: &str) -> String {
    name.replace("{}", tenant)
}

async fn install(stand: &Stand, tenants: &[Tenant]) -> Outcome {
    for (tenant, _) in tenants {
        for (index, document, _, _) in documents() {
            let index = of(tenant, index);
            let name = index.rsplit('.').next().unwrap_or_default();
            let base = name.split_once("-2022-").map_or(name, |(base, _)| base);
            let alias = format!("{tenant}.{base}");
            let body = json!({"mappings": {"dynamic": false}, "aliases": {alias: {}}});
            // A second document of an index finds it there.
            stand.send("PUT", &format!("/{index}"), body).await?;
            let id = document["id"].as_str().unwrap_or_default().to_owned();
            let path = format!("/{index}/_doc/{id}?refresh=true");
            let answer = stand.send("PUT", &path, document).await?;
            assert_eq!(answer["result"], "created", "{answer}");
        }
    }
    Ok(())
}

async fn check(stand: &Stand, tenants: &[Tenant]) -> Outcome {
    let mut wanted = BTreeMap::new();
    for (_, tenant) in tenants {
        for (_, _, index, document) in documents() {
            let id = document["id"].as_str().unwrap_or_default().to_owned();
            wanted.insert((of(tenant, index), id), document);
        }
    }
    let mut found = BTreeMap::new();
    let indices = stand.indices("*0820.*").await?;
    for index in &indices {
        stand.send("POST", &format!("/{index}/_refresh"), Value::Null).await?;
        let answer = stand.send("POST", &format!("/{index}/_search"), json!({"size": 100})).await?;
        for hit in answer["hits"]["hits"].as_array().ok_or_else(|| answer.to_string())? {
            let id = hit["_id"].as_str().unwrap_or_default().to_owned();
            found.insert((index.clone(), id), hit["_source"].clone());
        }
    }
    assert_eq!(found, wanted);
    // Every index of both contexts can be found by its alias: by this the application knows that it is installed.
    let aliases = stand.send("GET", "/_alias", Value::Null).await?;
    let bearers = |alias: &str| -> Vec<&String> {
        let all = aliases.as_object().into_iter().flatten();
        let of_release = all.filter(|(index, body)| {
            index.contains("0820.") && body["aliases"].get(alias).is_some()
        });
        of_release.map(|(index, _)| index).collect()
    };
    for (_, tenant) in tenants {
        assert!(!bearers(&format!("static-{tenant}.tracardi-bridge")).is_empty());
        for name in ["event", "profile", "item", "entity", "log", "user", "version"] {
            for context in ["", "prod-"] {
                let alias = format!("{context}{tenant}.tracardi-{name}");
                assert!(!bearers(&alias).is_empty(), "{alias} in {indices:?}");
            }
        }
    }
    Ok(())
}
