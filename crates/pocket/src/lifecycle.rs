//! Indices made, looked at, changed and deleted.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::aliases::{check_alias_name, check_filter, parse_alias};
use crate::error::Refusal;
use crate::mapping::{Mapping, merge};
use crate::names::{Expansion, check_index_name, matches, resolve};
use crate::node::{Alias, Deed, Flavour, Index, Node, State};
use crate::request::{Answer, Request};
use crate::settings::Settings;
use crate::write::field_count;

/// `PUT /I`.
pub(crate) fn create(node: &Node, name: &str, request: &Request) -> Result<Answer, Refusal> {
    let body = request.json()?;
    create_index(node, name, &body)?;
    Ok(Answer::ok(&json!({"acknowledged": true, "shards_acknowledged": true, "index": name})))
}

/// Makes the index that a write was sent to; somebody else having made it meanwhile is fine.
pub(crate) fn create_automatically(node: &Node, name: &str) -> Result<(), Refusal> {
    match create_index(node, name, &Value::Null) {
        Err(refusal) if refusal.kind == "resource_already_exists_exception" => Ok(()),
        other => other,
    }
}

/// What an index is made from.
#[derive(Debug, Default)]
pub(crate) struct Blueprint {
    pub(crate) settings: BTreeMap<String, Value>,
    pub(crate) mappings: Map<String, Value>,
    pub(crate) aliases: BTreeMap<String, Alias>,
}

impl Blueprint {
    /// Reads the body of a create request or the `template` of a template.
    pub(crate) fn parse(body: &Value) -> Result<Self, Refusal> {
        let mut blueprint = Self::default();
        let map = match body {
            Value::Null => return Ok(blueprint),
            Value::Object(map) => map,
            _ => return Err(Refusal::new(400, "parse_exception", "expected an object")),
        };
        for (key, value) in map {
            match (key.as_str(), value) {
                ("settings", value) => blueprint.settings = Settings::flatten(value)?,
                ("mappings", Value::Object(mappings)) => {
                    if mappings.len() == 1 && mappings.contains_key("_doc") {
                        return Err(Refusal::illegal_argument(
                            "The mapping definition cannot be nested under a type [_doc] unless include_type_name is set to true.",
                        ));
                    }
                    blueprint.mappings.clone_from(mappings);
                }
                ("aliases", Value::Object(aliases)) => {
                    for (name, properties) in aliases {
                        blueprint.aliases.insert(name.clone(), parse_alias(properties)?);
                    }
                }
                _ => {
                    return Err(Refusal::new(
                        400,
                        "parse_exception",
                        format!("unknown key [{key}] for create index"),
                    ));
                }
            }
        }
        Ok(blueprint)
    }
}

fn create_index(node: &Node, name: &str, body: &Value) -> Result<(), Refusal> {
    check_index_name(name)?;
    let given = Blueprint::parse(body)?;
    let mut state = node.change();
    check_is_new(&state, name)?;
    let index = build(node, &state, name, given)?;
    check_shard_limit(node, &state, index.copies())?;
    check_write_indices(&state, &index)?;
    state.indices.insert(name.to_owned(), index);
    Ok(())
}

/// `POST /I/_clone/T`.
pub(crate) fn clone(
    node: &Node,
    source: &str,
    name: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    check_index_name(name)?;
    let body = request.json()?;
    if let Some(key) = body
        .as_object()
        .and_then(|body| body.keys().find(|key| !matches!(key.as_str(), "settings" | "aliases")))
    {
        let reason = format!("[1:2] [resize_request] unknown field [{key}]");
        return Err(Refusal::new(400, "x_content_parse_exception", reason));
    }
    let given = Blueprint::parse(&body)?;
    let mut state = node.change();
    let found = state.indices.get(source);
    let Some(found) = found else { return Err(Refusal::index_not_found(source)) };
    if !found.settings.flag("index.blocks.write") {
        let must = match node.flavour {
            Flavour::Elasticsearch => "be read-only",
            Flavour::OpenSearch => "block write operations",
        };
        let reason =
            format!("index {source} must {must} to resize index. use \"index.blocks.write=true\"");
        return Err(Refusal::new(500, "illegal_state_exception", reason));
    }
    check_is_new(&state, name)?;
    let settings = found.settings.cloned(&given.settings, (source, &found.uuid))?;
    let mut index = found.cloned(name, node.uuid(), settings);
    take_aliases(&state, &mut index, given.aliases)?;
    check_shard_limit(node, &state, index.copies())?;
    state.indices.insert(name.to_owned(), index);
    Ok(Answer::ok(&json!({"acknowledged": true, "shards_acknowledged": true, "index": name})))
}

fn check_is_new(state: &State, name: &str) -> Result<(), Refusal> {
    if let Some(index) = state.indices.get(name) {
        return Err(Refusal::new(
            400,
            "resource_already_exists_exception",
            format!("index [{name}/{}] already exists", index.uuid),
        )
        .about_index(name, &index.uuid));
    }
    if state.is_alias(name) {
        return Err(Refusal::new(
            400,
            "invalid_index_name_exception",
            format!("Invalid index name [{name}], already exists as alias"),
        )
        .about_index(name, "_na_"));
    }
    Ok(())
}

fn build(node: &Node, state: &State, name: &str, given: Blueprint) -> Result<Index, Refusal> {
    let template = state
        .templates
        .values()
        .filter(|template| template.patterns.iter().any(|pattern| matches(pattern, name)))
        .max_by_key(|template| template.priority);
    let mut blueprint = match template {
        Some(template) => Blueprint::parse(&template.blueprint_json())?,
        None => Blueprint::default(),
    };
    blueprint.settings.extend(given.settings);
    blueprint.aliases.extend(given.aliases);
    let base =
        Mapping::compile(merge::normalise(blueprint.mappings), node.flavour).map_err(in_mapping)?;
    // The request's own mapping wins over the template's, field by field.
    let mapping = merge::overlay(&base, given.mappings, node.flavour).map_err(in_mapping)?;
    let mut settings = Settings::create(&blueprint.settings, node.flavour)?;
    check_field_count(&mapping, &settings)?;
    settings.set("index.version.created", node.flavour.version_created());
    if node.flavour == Flavour::OpenSearch {
        settings.set("index.replication.type", "DOCUMENT");
    }
    let mut index = Index::new(name, node.uuid(), settings, mapping);
    take_aliases(state, &mut index, blueprint.aliases)?;
    Ok(index)
}

fn take_aliases(
    state: &State,
    index: &mut Index,
    aliases: BTreeMap<String, Alias>,
) -> Result<(), Refusal> {
    for (alias, properties) in aliases {
        check_alias_name(&alias)?;
        check_filter(index, &alias, &properties)?;
        if alias == index.name || state.indices.contains_key(&alias) {
            return Err(crate::aliases::name_is_index(&alias));
        }
        index.aliases.insert(alias, properties);
    }
    Ok(())
}

/// The engines put the name of the type in front of what is wrong with a mapping at creation.
fn in_mapping(cause: Refusal) -> Refusal {
    if cause.kind != "mapper_parsing_exception" {
        return cause;
    }
    let reason = format!("Failed to parse mapping [_doc]: {}", cause.reason);
    let root = Refusal::mapper_parsing(cause.reason.clone());
    Refusal::mapper_parsing(reason).caused_by(cause).rooted_in(root)
}

fn check_shard_limit(node: &Node, state: &State, adding: u32) -> Result<(), Refusal> {
    let limit = state
        .cluster_setting("cluster.max_shards_per_node")
        .and_then(|text| text.parse().ok())
        .unwrap_or(node.shards_max);
    let present = state.shard_count();
    if present.saturating_add(adding) <= limit {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "validation_exception",
        format!(
            "Validation Failed: 1: this action would add [{adding}] total shards, but this cluster currently has [{present}]/[{limit}] maximum shards open;"
        ),
    ))
}

fn check_write_indices(state: &State, index: &Index) -> Result<(), Refusal> {
    for (name, alias) in &index.aliases {
        let is_write = |alias: &Alias| alias.is_write_index == Some(true);
        let other =
            state.indices.values().find(|other| other.aliases.get(name).is_some_and(is_write));
        if let (true, Some(other)) = (is_write(alias), other) {
            return Err(Refusal::new(
                500,
                "illegal_state_exception",
                format!(
                    "alias [{name}] has more than one write index [{},{}]",
                    other.name, index.name
                ),
            ));
        }
    }
    Ok(())
}

/// Refuses a mapping with more fields than the index allows.
pub(crate) fn check_field_count(mapping: &Mapping, settings: &Settings) -> Result<(), Refusal> {
    let limit = settings.number("index.mapping.total_fields.limit").unwrap_or(1000);
    let count = field_count(&mapping.root);
    if u32::try_from(count).is_ok_and(|count| count <= limit) {
        return Ok(());
    }
    Err(Refusal::illegal_argument(format!("Limit of total fields [{limit}] has been exceeded")))
}

/// `DELETE /I`.
pub(crate) fn delete(node: &Node, expression: &str, request: &Request) -> Result<Answer, Refusal> {
    let expansion =
        Expansion { aliases: false, closed: true, ..Expansion::METADATA }.of(request)?;
    let mut state = node.change();
    let mut names = Vec::new();
    for target in resolve(&state, expression, expansion)? {
        target.index.check_block(Deed::Drop)?;
        names.push(target.index.name.clone());
    }
    for name in names {
        state.indices.remove(&name);
    }
    Ok(Answer::acknowledged())
}

/// `HEAD /I`.
pub(crate) fn exists(node: &Node, expression: &str, request: &Request) -> Result<Answer, Refusal> {
    let expansion = Expansion { closed: true, ..Expansion::METADATA }.of(request)?;
    let state = node.read();
    let found = resolve(&state, expression, expansion).is_ok();
    Ok(Answer::text(if found { 200 } else { 404 }, String::new()))
}

/// What `GET /I` and its parts show of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'p> {
    All,
    Mapping,
    /// Those that the patterns name, or all.
    Settings(Option<&'p str>),
}

/// `GET /I`, `GET /I/_mapping`, `GET /I/_settings`.
pub(crate) fn show(
    node: &Node,
    expression: &str,
    part: Part<'_>,
    request: &Request,
) -> Result<Answer, Refusal> {
    let closed = part != Part::All;
    let expansion = Expansion { closed, ..Expansion::METADATA }.of(request)?;
    let flat = request.flag("flat_settings")?.unwrap_or(false);
    let state = node.read();
    let mut answer = Map::new();
    for target in resolve(&state, expression, expansion)? {
        let index = target.index;
        index.check_block(Deed::Look)?;
        let mut json = Map::new();
        if part == Part::All {
            json.insert("aliases".into(), aliases_json(index));
        }
        if !matches!(part, Part::Settings(_)) {
            json.insert("mappings".into(), Value::Object(index.mapping.json.clone()));
        }
        if part != Part::Mapping {
            let settings = match part {
                Part::Settings(Some(patterns)) => index.settings.only(patterns).json(flat),
                _ => index.settings.json(flat),
            };
            json.insert("settings".into(), settings);
        }
        answer.insert(index.name.clone(), Value::Object(json));
    }
    Ok(Answer::ok(&Value::Object(answer)))
}

/// The aliases of an index with their properties.
pub(crate) fn aliases_json(index: &Index) -> Value {
    index.aliases.iter().map(|(name, alias)| (name.clone(), alias.json())).collect()
}

/// `PUT /I/_settings`.
pub(crate) fn put_settings(
    node: &Node,
    expression: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    let body = request.json_required()?;
    let given =
        Settings::flatten(body.get("settings").filter(|inner| inner.is_object()).unwrap_or(&body))?;
    let expansion =
        Expansion { closed: true, allow_no_indices: false, ..Expansion::METADATA }.of(request)?;
    let preserve = request.flag("preserve_existing")?.unwrap_or(false);
    if given.is_empty() {
        return Err(Refusal::validation(&["no settings to update".to_owned()]));
    }
    let mut state = node.change();
    let mut changed = Vec::new();
    // All or nothing: the new settings are worked out for every index before one is changed.
    for target in resolve(&state, expression, expansion)? {
        let index = target.index;
        let lifts_block = given.keys().all(|key| key.starts_with("index.blocks."));
        if !lifts_block {
            index.check_block(Deed::Change)?;
        }
        let mut settings = index.settings.clone();
        let mut wanted = given.clone();
        if preserve {
            wanted.retain(|key, _| settings.text(key).is_none());
        }
        settings.update(&wanted, (&index.name, &index.uuid, index.open))?;
        changed.push((index.name.clone(), settings));
    }
    for (name, settings) in changed {
        if let Some(index) = state.indices.get_mut(&name) {
            index.settings = settings;
        }
    }
    Ok(Answer::acknowledged())
}

/// `PUT /I/_mapping`.
pub(crate) fn put_mapping(
    node: &Node,
    expression: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    let Value::Object(body) = request.json_required()? else {
        return Err(Refusal::parsing("a mapping must be an object"));
    };
    let expansion = Expansion { closed: true, ..Expansion::METADATA }.of(request)?;
    let mut state = node.change();
    let mut changed = Vec::new();
    for target in resolve(&state, expression, expansion)? {
        let index = target.index;
        index.check_block(Deed::Change)?;
        let mapping = merge::merge(&index.mapping, &body, node.flavour)?;
        check_field_count(&mapping, &index.settings)?;
        changed.push((index.name.clone(), mapping));
    }
    for (name, mapping) in changed {
        if let Some(index) = state.indices.get_mut(&name) {
            index.mapping = mapping;
        }
    }
    Ok(Answer::acknowledged())
}

/// `PUT /I/_block/BLOCK`. The state lock waits for every write under way, so an answer here means
/// that none is left.
pub(crate) fn put_block(
    node: &Node,
    expression: &str,
    block: &str,
    request: &Request,
) -> Result<Answer, Refusal> {
    if !["write", "read", "read_only", "metadata"].contains(&block) {
        let reason = format!("No block found with name {block}");
        return Err(Refusal::illegal_argument(reason));
    }
    let expansion = Expansion::METADATA.of(request)?;
    let setting = format!("index.blocks.{block}");
    let mut state = node.change();
    let mut names = Vec::new();
    for target in resolve(&state, expression, expansion)? {
        target.index.check_block(Deed::Change)?;
        // The engines leave out what is blocked already, and acknowledge no shards for it.
        if !target.index.settings.flag(&setting) {
            names.push(target.index.name.clone());
        }
    }
    for name in &names {
        if let Some(index) = state.indices.get_mut(name) {
            index.settings.set(&setting, "true");
        }
    }
    let indices: Vec<Value> =
        names.iter().map(|name| json!({"name": name, "blocked": true})).collect();
    Ok(Answer::ok(&json!({
        "acknowledged": true,
        "shards_acknowledged": !names.is_empty(),
        "indices": indices,
    })))
}

/// `POST /I/_open` and `POST /I/_close`.
pub(crate) fn set_open(
    node: &Node,
    expression: &str,
    open: bool,
    request: &Request,
) -> Result<Answer, Refusal> {
    let expansion = Expansion { closed: true, aliases: true, ..Expansion::METADATA }.of(request)?;
    let mut state = node.change();
    let names: Vec<String> = resolve(&state, expression, expansion)?
        .iter()
        .map(|target| target.index.name.clone())
        .collect();
    for name in &names {
        if let Some(index) = state.indices.get_mut(name) {
            index.refresh();
            if index.open != open {
                index.begin_terms();
            }
            index.open = open;
            if open {
                index.settings.remove("index.verified_before_close");
            } else {
                index.settings.set("index.verified_before_close", "true");
            }
        }
    }
    if open {
        return Ok(Answer::ok(&json!({"acknowledged": true, "shards_acknowledged": true})));
    }
    let closed: Map<String, Value> =
        names.into_iter().map(|name| (name, json!({"closed": true}))).collect();
    Ok(Answer::ok(&json!({"acknowledged": true, "shards_acknowledged": true, "indices": closed})))
}

/// `POST /I/_refresh` and what else only answers which shards it reached.
pub(crate) fn refresh(node: &Node, expression: &str, request: &Request) -> Result<Answer, Refusal> {
    let expansion = Expansion::OPEN.of(request)?;
    let state = node.read();
    let (mut total, mut successful) = (0, 0);
    for target in resolve(&state, expression, expansion)? {
        target.index.refresh();
        total += target.index.copies();
        successful += target.index.settings.shards();
    }
    Ok(Answer::ok(&json!({
        "_shards": {"total": total, "successful": successful, "failed": 0}
    })))
}
