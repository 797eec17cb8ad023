//! A mapping file: JSON with placeholders, as text, for what is only known when Tracardi is installed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::mistake::{MAPPING_SHAPE, MAPPING_UNREADABLE, Mistake, Place};

/// What a mapping file says of an index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Body {
    pub(crate) mapping: Value,
    pub(crate) settings: BTreeMap<String, Value>,
    pub(crate) shards: Option<u64>,
    /// Whether the file gives the index its alias.
    pub(crate) has_alias: bool,
}

/// What the names of an index are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_static: bool,
    pub(crate) is_partitioned: bool,
    /// Whether the file must give the index its alias.
    pub(crate) needs_alias: bool,
}

/// Stands for a number that the installation's environment gives.
const NUMBER: &str = "%number%";

/// Reads a mapping file.
pub(crate) fn read(file: &Place, text: &str, names: Names<'_>) -> Result<Body, Mistake> {
    let text = filled(file, text, names)?;
    let body: Value = serde_json::from_str(&text).map_err(|error| {
        let message = format!("this is not JSON once its placeholders are filled: {error}");
        let fix = "give an installation as it was published";
        Mistake::new(MAPPING_UNREADABLE, file.line(error.line()), message, fix)
    })?;
    let shape = Shape { file };
    let inner = if names.is_partitioned {
        let outer = shape.object(&body, "the file", &["index_patterns", "template"])?;
        let pattern = json!([format!("{{version}}.{{tenant}}.{}-*-*", names.name)]);
        if outer.get("index_patterns") != Some(&pattern) {
            let message = format!("`index_patterns` must be {pattern}, as this index is called");
            return Err(shape.wrong(message));
        }
        outer.get("template").unwrap_or(&Value::Null)
    } else {
        &body
    };
    let what = if names.is_partitioned { "`template`" } else { "the file" };
    let parts = shape.object(inner, what, &["settings", "mappings", "aliases"])?;
    let aliases = json!({ alias(names): {} });
    let has_alias = parts.contains_key("aliases");
    if (has_alias || names.needs_alias) && parts.get("aliases") != Some(&aliases) {
        let message = format!("`aliases` must be {aliases}, as this index is called");
        return Err(shape.wrong(message));
    }
    let Some(mapping @ Value::Object(_)) = parts.get("mappings") else {
        return Err(shape.wrong("there is no `mappings`"));
    };
    let mut settings = BTreeMap::new();
    if let Some(written) = parts.get("settings") {
        flatten("", written, &mut settings);
    }
    // The operator's own: Lockstep keeps those of the live index.
    settings.remove("number_of_replicas");
    let shards = settings.remove("number_of_shards").and_then(|shards| shards.as_u64());
    if settings.values().any(|value| *value == json!(NUMBER)) {
        return Err(
            shape.wrong("a setting other than shards and replicas comes from the environment")
        );
    }
    Ok(Body { mapping: mapping.clone(), settings, shards, has_alias })
}

fn alias(names: Names<'_>) -> String {
    let prefix = if names.is_static { "static-" } else { "" };
    format!("{prefix}{{tenant}}.{}", names.name)
}

/// The text with every placeholder filled.
fn filled(file: &Place, text: &str, names: Names<'_>) -> Result<String, Mistake> {
    let number = format!("\"{NUMBER}\"");
    let mut filled = text.to_owned();
    for (placeholder, value) in [
        ("%%VERSION%%", "{version}"),
        ("%%PREFIX%%", "{tenant}"),
        ("%%ALIAS%%", &alias(names)),
        ("%%TEMPLATE_PATTERN%%", &format!("{{version}}.{{tenant}}.{}-*-*", names.name)),
        ("%%REPLICAS%%", &number),
        ("%%SHARDS%%", &number),
        ("%%CONF_SHARDS%%", &number),
    ] {
        filled = filled.replace(placeholder, value);
    }
    let left = filled.lines().enumerate().find(|(_, line)| line.contains("%%"));
    if let Some((position, line)) = left {
        let message = format!("a placeholder that isn't known: `{}`", line.trim());
        let fix = "give an installation as it was published; report it if this is one";
        return Err(Mistake::new(MAPPING_UNREADABLE, file.line(position + 1), message, fix));
    }
    Ok(filled)
}

/// Settings with dotted names, without the prefix `index.`.
fn flatten(parent: &str, value: &Value, settings: &mut BTreeMap<String, Value>) {
    let Value::Object(inner) = value else {
        let name = parent.strip_prefix("index.").unwrap_or(parent);
        settings.insert(name.to_owned(), value.clone());
        return;
    };
    for (name, value) in inner {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        flatten(&path, value, settings);
    }
}

struct Shape<'a> {
    file: &'a Place,
}

impl Shape<'_> {
    fn object<'v>(
        &self,
        value: &'v Value,
        what: &str,
        keys: &[&str],
    ) -> Result<&'v Map<String, Value>, Mistake> {
        let Some(object) = value.as_object() else {
            return Err(self.wrong(format!("{what} must be a JSON object")));
        };
        match object.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(key) => Err(self.wrong(format!("{what} has a part `{key}`, which isn't known"))),
            None => Ok(object),
        }
    }

    fn wrong(&self, message: impl Into<String>) -> Mistake {
        let fix = "give an installation as it was published; report it if this is one";
        Mistake::new(MAPPING_SHAPE, self.file.clone(), message, fix)
    }
}
