//! Settings of an index: which exist, what they may be set to, and what pocket makes of them.
//!
//! Values are kept as the engines give them back: texts, or lists of texts, under full names.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Refusal;
use crate::names::matches;
use crate::node::Flavour;
use crate::wait::ActiveCopies;

/// How many copies of a shard a write waits for.
const WAIT_FOR_ACTIVE_SHARDS: &str = "index.write.wait_for_active_shards";

/// Settings by full name (`index.refresh_interval`).
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    values: BTreeMap<String, Value>,
}

/// Settings that clients may give, as patterns.
const KNOWN: [&str; 46] = [
    "index.allocation.*",
    "index.analysis.*",
    "index.analyze.max_token_count",
    "index.append_only.*",
    "index.auto_expand_replicas",
    "index.blocks.*",
    "index.check_pending_flush.enabled",
    "index.codec",
    "index.codec.*",
    "index.default_pipeline",
    "index.fielddata.cache",
    "index.final_pipeline",
    "index.flush_after_merge",
    "index.force_memory_term_dictionary",
    "index.format",
    "index.gc_deletes",
    "index.hidden",
    "index.highlight.max_analyzed_offset",
    "index.indexing.*",
    "index.load_fixed_bitset_filters_eagerly",
    "index.mapper.dynamic",
    "index.mapping.*",
    "index.max_*",
    "index.merge.*",
    "index.merge_on_flush.*",
    "index.number_of_replicas",
    "index.number_of_routing_shards",
    "index.number_of_shards",
    "index.optimize_auto_generated_id",
    "index.priority",
    "index.queries.*",
    "index.query.*",
    "index.query_string.*",
    "index.recovery.*",
    "index.refresh_interval",
    "index.requests.*",
    "index.rest.direct",
    "index.routing.*",
    "index.routing_partition_size",
    "index.search.*",
    "index.shard.*",
    "index.similarity.*",
    "index.soft_deletes.*",
    "index.sort.*",
    "index.store.*",
    "index.translog.*",
];

/// Further known settings, of less importance.
const KNOWN_TOO: [&str; 7] = [
    "index.unassigned.*",
    "index.unsafe_shard_limit",
    "index.uuid_seed",
    "index.warmer.enabled",
    "index.write.*",
    "index.percolator.*",
    "index.ttl.*",
];

/// Settings that are given once, at creation.
const STATIC: [&str; 12] = [
    "index.analysis.*",
    "index.codec",
    "index.fielddata.cache",
    "index.number_of_routing_shards",
    "index.number_of_shards",
    "index.routing_partition_size",
    "index.shard.check_on_startup",
    "index.similarity.*",
    "index.soft_deletes.enabled",
    "index.sort.*",
    "index.store.type",
    "index.format",
];

/// Settings that pocket itself writes.
const PRIVATE: [&str; 4] =
    ["index.creation_date", "index.provided_name", "index.uuid", "index.version.created"];

impl Settings {
    /// Takes `{"index": {"a": 1}}`, `{"index.a": 1}` and `{"a": 1}` for the same thing.
    pub(crate) fn flatten(value: &Value) -> Result<BTreeMap<String, Value>, Refusal> {
        let mut flat = BTreeMap::new();
        match value {
            Value::Null => {}
            Value::Object(map) => flatten_into("", map, &mut flat),
            _ => {
                return Err(Refusal::new(
                    400,
                    "parse_exception",
                    "key [settings] must be an object",
                ));
            }
        }
        Ok(flat
            .into_iter()
            .map(|(key, value)| {
                let full = key.starts_with("index.") || key.starts_with("archived.");
                (if full { key } else { format!("index.{key}") }, value)
            })
            .collect())
    }

    /// The settings of a new index.
    pub(crate) fn create(
        given: &BTreeMap<String, Value>,
        flavour: Flavour,
    ) -> Result<Self, Refusal> {
        let mut complaints = Vec::new();
        for key in given.keys() {
            if PRIVATE.contains(&key.as_str()) {
                complaints.push(format!("private index setting [{key}] can not be set explicitly"));
            }
        }
        if !complaints.is_empty() {
            let reason = format!("Validation Failed: 1: {};", complaints.concat());
            let kind = match flavour {
                Flavour::OpenSearch => "validation_exception",
                Flavour::Elasticsearch => "illegal_argument_exception",
            };
            return Err(Refusal::new(400, kind, reason));
        }
        let mut settings = Self::default();
        for (key, value) in given {
            check(key, value)?;
            if !value.is_null() {
                settings.values.insert(key.clone(), value.clone());
            }
        }
        for (key, default) in [("index.number_of_shards", "1"), ("index.number_of_replicas", "1")] {
            settings.values.entry(key.to_owned()).or_insert_with(|| json!(default));
        }
        settings.expand_replicas();
        settings.check_active_copies()?;
        Ok(settings)
    }

    /// The settings of a clone: the source's, those of the request over them. A `null` stays in the place of what it takes away,
    /// as the engines show it.
    pub(crate) fn cloned(
        &self,
        given: &BTreeMap<String, Value>,
        source: (&str, &str),
    ) -> Result<Self, Refusal> {
        let mut settings = self.clone();
        for (key, value) in given {
            check(key, value)?;
            settings.values.insert(key.clone(), value.clone());
        }
        let (theirs, ours) = (self.shards(), settings.shards());
        if theirs != ours {
            return Err(Refusal::illegal_argument(format!(
                "the number of target shards ({ours}) must be the same as the number of source shards ({theirs})"
            )));
        }
        let (name, uuid) = source;
        settings.set("index.resize.source.name", name);
        settings.set("index.resize.source.uuid", uuid);
        settings.expand_replicas();
        settings.check_active_copies()?;
        Ok(settings)
    }

    /// Changes settings of an existing index; null takes a setting back to its default.
    pub(crate) fn update(
        &mut self,
        given: &BTreeMap<String, Value>,
        index: (&str, &str, bool),
    ) -> Result<(), Refusal> {
        let (name, uuid, open) = index;
        let fixed: Vec<&str> = given
            .keys()
            .map(String::as_str)
            .filter(|key| STATIC.iter().any(|pattern| matches(pattern, key)))
            .collect();
        if let Some(key) = fixed.iter().find(|key| **key == "index.number_of_shards" && !open) {
            let reason = format!("final {name} setting [{key}], not updateable");
            return Err(Refusal::illegal_argument(reason));
        }
        if open && !fixed.is_empty() {
            return Err(Refusal::illegal_argument(format!(
                "Can't update non dynamic settings [[{}]] for open indices [[{name}/{uuid}]]",
                fixed.join(", ")
            )));
        }
        for (key, value) in given {
            if PRIVATE.contains(&key.as_str()) {
                let reason = format!(
                    "can not update private setting [{key}]; this setting is managed by the engine"
                );
                return Err(Refusal::illegal_argument(reason));
            }
            check(key, value)?;
        }
        for (key, value) in given {
            match value {
                Value::Null if key == "index.number_of_replicas" => {
                    self.values.insert(key.clone(), json!("1"));
                }
                Value::Null => self.values.retain(|known, _| !matches(key, known)),
                _ => {
                    self.values.insert(key.clone(), value.clone());
                }
            }
        }
        self.expand_replicas();
        self.check_active_copies()
    }

    /// Sets what clients may not.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.values.insert(key.to_owned(), Value::String(value.into()));
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str)
    }

    pub(crate) fn number(&self, key: &str) -> Option<u32> {
        self.text(key)?.parse().ok()
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.text(key) == Some("true")
    }

    pub(crate) fn shards(&self) -> u32 {
        self.number("index.number_of_shards").unwrap_or(1)
    }

    pub(crate) fn replicas(&self) -> u32 {
        self.number("index.number_of_replicas").unwrap_or(1)
    }

    /// How many copies of a shard a write waits for, where requests don't say; `None` is one.
    pub(crate) fn active_copies(&self) -> Option<ActiveCopies> {
        self.text(WAIT_FOR_ACTIVE_SHARDS).and_then(ActiveCopies::parse)
    }

    /// Replicas as the one node lets them be, when the index has a range of them.
    fn expand_replicas(&mut self) {
        let range = self.text("index.auto_expand_replicas").filter(|text| *text != "false");
        if let Some(least) = range.and_then(|range| range.split('-').next()).map(str::to_owned) {
            self.set("index.number_of_replicas", least);
        }
    }

    fn check_active_copies(&self) -> Result<(), Refusal> {
        let copies = self.replicas().saturating_add(1);
        match self.active_copies() {
            Some(ActiveCopies::AtLeast(number)) if number > copies => {
                Err(Refusal::illegal_argument(format!(
                    "invalid {WAIT_FOR_ACTIVE_SHARDS}[{number}]: cannot be greater than number of shard copies [{copies}]"
                )))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn hidden(&self) -> bool {
        self.flag("index.hidden")
    }

    /// How long writes may stay invisible; `None` means until a refresh is asked for.
    pub(crate) fn refresh_interval(&self) -> Option<Duration> {
        match self.text("index.refresh_interval") {
            None => Some(Duration::from_secs(1)),
            Some(text) => parse_time(text).and_then(Time::duration),
        }
    }

    /// How long a delete is remembered.
    pub(crate) fn gc_deletes(&self) -> Duration {
        self.text("index.gc_deletes")
            .and_then(parse_time)
            .and_then(Time::duration)
            .unwrap_or(Duration::from_mins(1))
    }

    /// The settings whose names one of the patterns matches.
    pub(crate) fn only(&self, patterns: &str) -> Self {
        let wanted = |key: &str| patterns.split(',').any(|p| p == "_all" || matches(p, key));
        let values = self.values.iter().filter(|(key, _)| wanted(key));
        Self { values: values.map(|(key, value)| (key.clone(), value.clone())).collect() }
    }

    /// `{"index": {…}}`, or `{"index.…": …}` when `flat`.
    pub(crate) fn json(&self, flat: bool) -> Value {
        if flat {
            return self.values.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        }
        nest(&self.values)
    }
}

/// Flat names made into a tree.
pub(crate) fn nest(values: &BTreeMap<String, Value>) -> Value {
    let mut root = Map::new();
    for (key, value) in values {
        let mut object = &mut root;
        let mut steps = key.split('.').peekable();
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                object.insert(step.to_owned(), value.clone());
                break;
            }
            let inner = object.entry(step).or_insert_with(|| json!({}));
            match inner {
                Value::Object(inner) => object = inner,
                // A setting that is also the start of another one keeps its dotted rest.
                _ => break,
            }
        }
    }
    Value::Object(root)
}

/// Nested settings made flat, values made into texts.
pub(crate) fn flatten_into(
    prefix: &str,
    map: &Map<String, Value>,
    flat: &mut BTreeMap<String, Value>,
) {
    for (key, value) in map {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) => flatten_into(&name, inner, flat),
            Value::Null => {
                flat.insert(name, Value::Null);
            }
            Value::Array(list) => {
                flat.insert(name, list.iter().map(as_text).collect());
            }
            scalar => {
                flat.insert(name, as_text(scalar));
            }
        }
    }
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => Value::String(other.to_string()),
    }
}

fn check(key: &str, value: &Value) -> Result<(), Refusal> {
    let known = |list: &[&str]| list.iter().any(|pattern| matches(pattern, key));
    let wildcard_reset = key.contains('*') && value.is_null();
    if !known(&KNOWN) && !known(&KNOWN_TOO) && !wildcard_reset {
        return Err(Refusal::illegal_argument(format!(
            "unknown setting [{key}] please check that any required plugins are installed, or check the breaking changes documentation for removed settings"
        )));
    }
    let Some(text) = value.as_str() else { return Ok(()) };
    match key {
        "index.number_of_shards" => check_number(key, text, 1, 1024),
        "index.number_of_replicas" => check_number(key, text, 0, i64::from(i32::MAX)),
        "index.number_of_routing_shards" | "index.max_result_window" => {
            check_number(key, text, 1, i64::from(i32::MAX))
        }
        "index.refresh_interval" | "index.gc_deletes" => check_time(key, text),
        "index.hidden" => check_flag(key, text),
        _ if key.starts_with("index.blocks.") => check_block(key, text),
        _ => Ok(()),
    }
}

fn check_number(key: &str, text: &str, low: i64, high: i64) -> Result<(), Refusal> {
    let number: i64 = text.parse().map_err(|_| {
        Refusal::illegal_argument(format!("Failed to parse value [{text}] for setting [{key}]"))
    })?;
    if number < low {
        return Err(Refusal::illegal_argument(format!(
            "Failed to parse value [{text}] for setting [{key}] must be >= {low}"
        )));
    }
    if number > high {
        return Err(Refusal::illegal_argument(format!(
            "Failed to parse value [{text}] for setting [{key}] must be <= {high}"
        )));
    }
    Ok(())
}

fn check_time(key: &str, text: &str) -> Result<(), Refusal> {
    if parse_time(text).is_some() {
        return Ok(());
    }
    Err(Refusal::illegal_argument(format!(
        "failed to parse setting [{key}] with value [{text}] as a time value: unit is missing or unrecognized"
    )))
}

fn check_flag(key: &str, text: &str) -> Result<(), Refusal> {
    if matches!(text, "true" | "false") {
        return Ok(());
    }
    Err(Refusal::illegal_argument(format!(
        "Failed to parse value [{text}] as only [true] or [false] are allowed. (setting [{key}])"
    )))
}

fn check_block(key: &str, text: &str) -> Result<(), Refusal> {
    let names = ["write", "read", "read_only", "read_only_allow_delete", "metadata"];
    let known = key.strip_prefix("index.blocks.").is_some_and(|name| names.contains(&name));
    if known {
        return check_flag(key, text);
    }
    Err(Refusal::illegal_argument(format!(
        "unknown setting [{key}] please check that any required plugins are installed, or check the breaking changes documentation for removed settings"
    )))
}

/// A time setting: a span, or `-1` for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    Never,
    After(Duration),
}

impl Time {
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::After(duration) => Some(duration),
        }
    }
}

/// `500ms`, `1s`, `5m`, `1h`, `1d`, `0`, `-1`.
pub(crate) fn parse_time(text: &str) -> Option<Time> {
    match text {
        "-1" => return Some(Time::Never),
        "0" => return Some(Time::After(Duration::ZERO)),
        _ => {}
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    Some(Time::After(match unit {
        "nanos" => Duration::from_nanos(number),
        "micros" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        "h" => Duration::from_secs(number.checked_mul(3600)?),
        "d" => Duration::from_secs(number.checked_mul(86_400)?),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_means_the_same() {
        for given in [
            json!({"refresh_interval": "5s"}),
            json!({"index.refresh_interval": "5s"}),
            json!({"index": {"refresh_interval": "5s"}}),
        ] {
            let settings =
                Settings::create(&Settings::flatten(&given).unwrap(), Flavour::OpenSearch).unwrap();
            assert_eq!(settings.refresh_interval(), Some(Duration::from_secs(5)), "{given}");
        }
    }

    #[test]
    fn wrong_settings_are_refused() {
        for given in [
            json!({"number_of_shards": 0}),
            json!({"number_of_replicas": "many"}),
            json!({"refresh_interval": "5 apples"}),
            json!({"no_such_thing": 1}),
            json!({"uuid": "x"}),
            json!({"blocks": {"write": "maybe"}}),
        ] {
            let flat = Settings::flatten(&given).unwrap();
            assert_eq!(
                Settings::create(&flat, Flavour::OpenSearch).unwrap_err().status,
                400,
                "{given}"
            );
        }
    }

    #[test]
    fn null_takes_a_setting_back() {
        let mut settings = Settings::create(&BTreeMap::new(), Flavour::OpenSearch).unwrap();
        let update = |settings: &mut Settings, value: Value| {
            let flat = Settings::flatten(&json!({ "refresh_interval": value })).unwrap();
            settings.update(&flat, ("i", "u", true)).unwrap();
        };
        update(&mut settings, json!("-1"));
        assert_eq!(settings.refresh_interval(), None);
        update(&mut settings, Value::Null);
        assert_eq!(settings.refresh_interval(), Some(Duration::from_secs(1)));
        assert_eq!(
            settings.json(false),
            json!({"index": {"number_of_replicas": "1", "number_of_shards": "1"}})
        );
    }
}
