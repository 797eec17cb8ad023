//! A real Tracardi 0.7.4 installation goes to 0.8.0: every document, index, alias and template that 0.8.0 needs to see
//! itself as installed.
//!
//! What must come out is worked out here by hand, from the facts of Tracardi's own step, on plain JSON values.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use lockstep_engine::{EngineError, pack_folder, session::Ending};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, wish},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "tracardi_0_7_4_becomes_0_8_0",
        load: Load::Light,
        is_pocket_only: false,
        play: tracardi,
    }]
}

/// The name that 0.7.4 gives its installation by itself.
const TENANT: &str = "75120";

/// A document of the fixture.
#[derive(Deserialize)]
pub(crate) struct Line {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_source")]
    source: Box<RawValue>,
}

fn tracardi(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        remove_tracardi(stand).await?;
        let lines = load_fixture(stand, TENANT).await?;
        let pack = pack_folder::open(&repository().join("packs/tracardi")).map_err(shown)?;
        let ending = stand.session().upgrade(&pack, &wish("0.8.0")).await.map_err(shown)?;
        let Ending::Switched { plan, .. } = ending else {
            return Err(format!("{ending:?}").into());
        };
        assert_eq!(plan.tenants.len(), 1);
        assert_eq!(
            (plan.tenants[0].source.as_str(), plan.tenants[0].target.as_str()),
            ("75120", "fa73a")
        );
        check_documents(stand, &lines).await?;
        check_installation(stand).await?;
        check_new_month(stand).await?;
        remove_tracardi(stand).await
    })
}

pub(crate) fn shown(error: EngineError) -> Trouble {
    match error {
        EngineError::Pack { rendered, .. } => rendered.into(),
        EngineError::Refused { plan } => {
            let refusals: Vec<_> =
                plan.findings.iter().filter(|finding| finding.is_refusal()).collect();
            format!("{refusals:#?}").into()
        }
        other => format!("{other:?}").into(),
    }
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) async fn remove_tracardi(stand: &Stand) -> Result<(), Trouble> {
    stand.clean().await?;
    for index in stand.indices("*tracardi-*").await? {
        stand.send("DELETE", &format!("/{index}"), Value::Null).await?;
    }
    let templates = stand.send("GET", "/_index_template", Value::Null).await?;
    for template in templates["index_templates"].as_array().into_iter().flatten() {
        let name = template["name"].as_str().unwrap_or_default();
        if name.contains("tracardi-") {
            stand.send("DELETE", &format!("/_index_template/{name}"), Value::Null).await?;
        }
    }
    Ok(())
}

/// Loads the fixture as its README says, under another tenant's name perhaps, and gives its documents.
pub(crate) async fn load_fixture(stand: &Stand, tenant: &str) -> Result<Vec<Line>, Trouble> {
    let folder = repository().join("tests/fixtures/tracardi-0.7.4");
    let identity = stand.send("GET", "/", Value::Null).await?;
    let is_opensearch = identity["version"]["distribution"] == "opensearch";
    let read = |name: &str| -> Result<BTreeMap<String, Value>, Trouble> {
        let text = std::fs::read_to_string(folder.join(name))?;
        // OpenSearch has another name for the type.
        let text =
            if is_opensearch { text.replace("\"flattened\"", "\"flat_object\"") } else { text };
        let text = text.replace(TENANT, tenant);
        Ok(serde_json::from_str(&text)?)
    };
    for (name, body) in read("templates.json")? {
        accepted(&stand.send("PUT", &format!("/_index_template/{name}"), body).await?)?;
    }
    for (name, body) in read("indices.json")? {
        let body = json!({"settings": {"index": body["settings"]}, "mappings": body["mappings"], "aliases": body["aliases"]});
        accepted(&stand.send("PUT", &format!("/{name}"), body).await?)?;
    }
    let mut lines: Vec<Line> = Vec::new();
    for name in ["documents.ndjson", "additions.ndjson"] {
        let text = std::fs::read_to_string(folder.join(name))?;
        for line in text.lines() {
            lines.push(serde_json::from_str(line)?);
        }
    }
    for part in lines.chunks(500) {
        let mut body = String::new();
        for line in part {
            let index = line.index.replace(TENANT, tenant);
            body.push_str(&json!({"index": {"_index": index, "_id": line.id}}).to_string());
            body.push('\n');
            body.push_str(line.source.get());
            body.push('\n');
        }
        let request = reqwest::Client::new().post(format!("{}/_bulk", stand.cluster.url));
        let answer = request
            .header("content-type", "application/x-ndjson")
            .body(body)
            .send()
            .await?
            .text()
            .await?;
        let answer: Value = serde_json::from_str(&answer)?;
        assert_eq!(answer["errors"], false, "{answer}");
    }
    stand.send("POST", "/074.*/_refresh", Value::Null).await?;
    Ok(lines)
}

fn accepted(answer: &Value) -> Result<(), Trouble> {
    if answer["acknowledged"] == true { Ok(()) } else { Err(answer.to_string().into()) }
}

/// Where a document of 0.7.4 goes and what it becomes; `None` where 0.8.0 has no place for it.
fn expected(index: &str, mut source: Value) -> Option<(String, Value)> {
    let rest = index.strip_prefix("074.75120.tracardi-")?;
    let is = |name: &str| rest == name;
    let is_part_of =
        |name: &str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with("-20"));
    if is("state-threshold") || is("schedule") {
        return None;
    }
    let fields = source.as_object_mut()?;
    if is("destination") {
        fields.insert("condition".to_owned(), json!(""));
    }
    if is_part_of("session") || is_part_of("event") {
        fields.shift_remove("operation");
    }
    if is_part_of("profile") {
        fields.shift_remove("operation");
        fields.shift_remove("flags");
    }
    if is("source") {
        let bridge =
            json!({"id": "778ded05-4ff3-4e08-9a86-72c0195fa95d", "name": "API Bridge Open-source"});
        fields.insert("bridge".to_owned(), bridge);
        fields.shift_remove("form");
    }
    if is("bridge") {
        fields.insert("type".to_owned(), json!("rest"));
    }
    let context = if is("bridge") || is("flow-action-plugins") { "static-" } else { "" };
    Some((format!("{context}080.fa73a.tracardi-{rest}"), source))
}

async fn check_documents(stand: &Stand, lines: &[Line]) -> Outcome {
    let mut wanted: BTreeMap<(String, String), Value> = BTreeMap::new();
    for line in lines {
        if let Some((index, source)) =
            expected(&line.index, serde_json::from_str(line.source.get())?)
        {
            wanted.insert((index, line.id.clone()), source);
        }
    }
    stand.send("POST", "/*080.fa73a.*/_refresh", Value::Null).await?;
    let mut found: BTreeMap<(String, String), Value> = BTreeMap::new();
    for index in stand.indices("*080.fa73a.*").await? {
        let query = json!({"size": 10_000, "sort": ["_doc"]});
        let answer = stand.send("POST", &format!("/{index}/_search"), query).await?;
        for hit in answer["hits"]["hits"].as_array().ok_or_else(|| answer.to_string())? {
            let id = hit["_id"].as_str().unwrap_or_default().to_owned();
            found.insert((index.clone(), id), hit["_source"].clone());
        }
    }
    let missing: Vec<_> = wanted.keys().filter(|key| !found.contains_key(*key)).take(5).collect();
    let extra: Vec<_> = found.keys().filter(|key| !wanted.contains_key(*key)).take(5).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, extra {extra:?}");
    for (key, source) in &wanted {
        assert_eq!(found.get(key), Some(source), "{key:?}");
    }
    assert_eq!(wanted.len(), 2_808);
    Ok(())
}

/// What 0.8.0 looks at to see itself as installed: every index and alias of both contexts, and the templates.
async fn check_installation(stand: &Stand) -> Outcome {
    let indices: BTreeSet<String> = stand.indices("*080.fa73a.*").await?.into_iter().collect();
    assert_eq!(indices.len(), 84, "{indices:?}");
    let release: Value = {
        let text = std::fs::read_to_string(
            repository().join("packs/tracardi/releases/0.8.0/release.yaml"),
        )?;
        serde_saphyr::from_str(&text)?
    };
    let aliases = stand.send("GET", "/_alias", Value::Null).await?;
    let mut aliases_seen = BTreeSet::new();
    for (key, index) in release["indices"].as_object().ok_or("no indices")? {
        let name = index["name"].as_str().ok_or("no name")?;
        let context = match index["naming"].as_str() {
            Some("production") => "prod-",
            Some("static") => "static-",
            _ => "",
        };
        let alias = format!("{context}fa73a.{name}");
        let stem = format!("{context}080.fa73a.{name}");
        let bearers: Vec<&String> = aliases
            .as_object()
            .ok_or("no aliases")?
            .iter()
            .filter(|(_, index)| index["aliases"].get(&alias).is_some())
            .map(|(index, _)| index)
            .collect();
        let is_partitioned = index["partition"] == "month";
        assert_eq!(
            bearers.len(),
            bearers.iter().filter(|bearer| bearer.starts_with(&stem)).count(),
            "{alias}"
        );
        if is_partitioned {
            assert!(!bearers.is_empty(), "{key} has no month under {alias}");
            let template = format!("/_index_template/{context}template.080.fa73a.{name}");
            let template = stand.send("GET", &template, Value::Null).await?;
            assert_eq!(
                template["index_templates"][0]["index_template"]["index_patterns"][0],
                format!("{stem}-*-*")
            );
        } else {
            assert_eq!(bearers, [&stem]);
        }
        aliases_seen.insert(alias);
    }
    assert_eq!(aliases_seen.len(), 68);
    let mapping =
        stand.send("GET", "/080.fa73a.tracardi-profile-2022-10/_mapping", Value::Null).await?;
    let mapping = &mapping["080.fa73a.tracardi-profile-2022-10"]["mappings"];
    assert_eq!(mapping["_meta"], json!({"version": "080", "name": "fa73a"}));
    assert_eq!(mapping["dynamic"], "strict");
    Ok(())
}

/// The new release begins a new month by itself: the template gives it mapping and alias.
async fn check_new_month(stand: &Stand) -> Outcome {
    let made = stand
        .send(
            "PUT",
            "/080.fa73a.tracardi-event-2023-1/_doc/first?refresh=true",
            json!({"id": "first"}),
        )
        .await?;
    assert_eq!(made["result"], "created", "{made}");
    let seen = stand.send("GET", "/fa73a.tracardi-event/_search?q=_id:first", Value::Null).await?;
    assert_eq!(seen["hits"]["hits"][0]["_index"], "080.fa73a.tracardi-event-2023-1", "{seen}");
    let refused =
        stand.send("POST", "/080.fa73a.tracardi-event-2023-1/_doc", json!({"surprise": 1})).await?;
    assert_eq!(refused["status"], 400, "{refused}");
    Ok(())
}
