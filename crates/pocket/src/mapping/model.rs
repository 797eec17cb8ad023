//! The mapping of one index, compiled from its JSON: a tree of fields that validation walks.
//!
//! The JSON stays the truth (it is what clients get back); the tree is rebuilt after each change.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::date::DateFormats;
use crate::error::Refusal;
use crate::node::Flavour;
use crate::search::body::SourceFilter;

/// How unknown fields are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dynamic {
    Add,
    Ignore,
    Refuse,
}

/// A mapping as clients see it and as validation needs it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the JSON")]
pub(crate) struct Mapping {
    pub(crate) flavour: Flavour,
    pub(crate) json: Map<String, Value>,
    pub(crate) root: ObjectField,
    pub(crate) date_detection: bool,
    pub(crate) numeric_detection: bool,
    pub(crate) routing_required: bool,
    /// False where `_source` is disabled: the documents can't be read back.
    pub(crate) source_enabled: bool,
    /// What is left out of `_source` when it is stored.
    pub(crate) source_filter: Option<SourceFilter>,
}

/// An object, a nested object or the document itself.
#[derive(Debug, Clone)]
pub(crate) struct ObjectField {
    pub(crate) dynamic: Dynamic,
    pub(crate) enabled: bool,
    /// Its objects are documents of their own.
    pub(crate) nested: bool,
    pub(crate) fields: BTreeMap<String, Field>,
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) enum Field {
    Object(ObjectField),
    Leaf(Leaf),
}

/// A field that holds values.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// The type's name in the mapping, used in messages.
    pub(crate) type_name: String,
    pub(crate) kind: Kind,
    pub(crate) ignore_malformed: bool,
    pub(crate) coerce: bool,
    /// Multi-fields: other ways in which the same value is indexed.
    pub(crate) variants: BTreeMap<String, Self>,
}

/// What values a leaf takes.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Keyword {
        ignore_above: Option<usize>,
    },
    Text,
    /// A whole number between the bounds of its type.
    Integer {
        low: i128,
        high: i128,
    },
    /// A finite number whose magnitude is at most this.
    Float {
        magnitude_max: f64,
    },
    Boolean,
    Date(DateFormats),
    Ip,
    Binary {
        /// Looked at only where it is stored or has doc values, as on the engines.
        checked: bool,
    },
    /// `flattened` or `flat_object`: any object, kept whole.
    Flattened,
    GeoPoint,
    /// A range of some type: an object with bounds.
    Range,
    /// Another name of a field; can't be written.
    Alias {
        path: String,
    },
    /// Accepted without a look.
    Opaque,
}

impl Mapping {
    /// Compiles a mapping, or says what is wrong with it.
    pub(crate) fn compile(json: Map<String, Value>, flavour: Flavour) -> Result<Self, Refusal> {
        check_root(&json)?;
        let source_filter = json.get("_source").and_then(SourceFilter::of_mapping);
        let compiler = Compiler { flavour };
        let root = compiler.object("_doc", &json, Dynamic::Add)?;
        let flag = |key: &str| json.get(key).and_then(as_flag);
        let inner = |key: &str, flag: &str| json.get(key)?.get(flag).and_then(as_flag);
        Ok(Self {
            flavour,
            source_filter,
            date_detection: flag("date_detection").unwrap_or(true),
            numeric_detection: flag("numeric_detection").unwrap_or(false),
            routing_required: inner("_routing", "required").unwrap_or(false),
            source_enabled: inner("_source", "enabled").unwrap_or(true),
            root,
            json,
        })
    }

    /// The leaf that a query or sort means by `path`, with the path of its value in the source.
    pub(crate) fn resolve<'a>(&'a self, path: &'a str) -> Option<(String, &'a Leaf)> {
        let mut object = &self.root;
        let mut walked = String::new();
        let mut rest = path;
        loop {
            let (name, tail) = rest.split_once('.').map_or((rest, None), |(n, t)| (n, Some(t)));
            if !walked.is_empty() {
                walked.push('.');
            }
            walked.push_str(name);
            match (object.fields.get(name)?, tail) {
                (Field::Object(inner), Some(tail)) => (object, rest) = (inner, tail),
                (Field::Object(_), None) => return None,
                (Field::Leaf(leaf), None) => {
                    return match &leaf.kind {
                        Kind::Alias { path } => self.resolve(path),
                        _ => Some((walked, leaf)),
                    };
                }
                (Field::Leaf(leaf), Some(tail)) => {
                    return match &leaf.kind {
                        Kind::Flattened => Some((path.to_owned(), leaf)),
                        _ => leaf.variants.get(tail).map(|variant| (walked, variant)),
                    };
                }
            }
        }
    }
}

impl Mapping {
    /// Whether the path leads to or through a nested field.
    pub(crate) fn is_nested(&self, path: &str) -> bool {
        let mut object = &self.root;
        for step in path.split('.') {
            match object.fields.get(step) {
                Some(Field::Object(inner)) if inner.nested => return true,
                Some(Field::Object(inner)) => object = inner,
                _ => return false,
            }
        }
        false
    }

    /// Every leaf below the object at `path`, with its own path.
    pub(crate) fn leaves_below(&self, path: &str) -> Vec<(String, &Leaf)> {
        let mut object = &self.root;
        for step in path.split('.') {
            match object.fields.get(step) {
                Some(Field::Object(inner)) => object = inner,
                _ => return Vec::new(),
            }
        }
        let mut leaves = Vec::new();
        object.gather_leaves(path, &mut leaves);
        leaves
    }
}

impl ObjectField {
    fn gather_leaves<'a>(&'a self, path: &str, leaves: &mut Vec<(String, &'a Leaf)>) {
        for (name, field) in &self.fields {
            let path = format!("{path}.{name}");
            match field {
                Field::Object(inner) => inner.gather_leaves(&path, leaves),
                Field::Leaf(leaf) => leaves.push((path, leaf)),
            }
        }
    }
}

/// `true`, `"true"`, `false` or `"false"`.
pub(crate) fn as_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => None,
    }
}

const ROOT_KEYS: [&str; 13] = [
    "_meta",
    "_routing",
    "_source",
    "_size",
    "_field_names",
    "date_detection",
    "dynamic",
    "dynamic_date_formats",
    "dynamic_templates",
    "enabled",
    "numeric_detection",
    "properties",
    "type",
];

fn check_root(json: &Map<String, Value>) -> Result<(), Refusal> {
    if json.get("dynamic_templates").is_some_and(|templates| !templates.is_array()) {
        return Err(Refusal::mapper_parsing(
            "Dynamic template syntax error. An array of named objects is expected.",
        ));
    }
    for (key, value) in json {
        if !ROOT_KEYS.contains(&key.as_str()) {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return Err(Refusal::mapper_parsing(format!(
                "Root mapping definition has unsupported parameters:  [{key} : {shown}]"
            )));
        }
    }
    Ok(())
}

struct Compiler {
    flavour: Flavour,
}

impl Compiler {
    fn object(
        &self,
        name: &str,
        json: &Map<String, Value>,
        inherited: Dynamic,
    ) -> Result<ObjectField, Refusal> {
        let dynamic = match json.get("dynamic") {
            None => inherited,
            Some(value) => parse_dynamic(value)?,
        };
        let mut fields = BTreeMap::new();
        match json.get("properties") {
            None => {}
            Some(Value::Object(properties)) => {
                for (key, definition) in properties {
                    fields.insert(key.clone(), self.field(key, definition, dynamic)?);
                }
            }
            Some(Value::Array(list)) if list.is_empty() => {}
            Some(_) => {
                return Err(Refusal::mapper_parsing(format!(
                    "Expected map for property [properties] on field [{name}] but got a class java.lang.String"
                )));
            }
        }
        let enabled = json.get("enabled").and_then(as_flag).unwrap_or(true);
        let nested = json.get("type").and_then(Value::as_str) == Some("nested");
        Ok(ObjectField { dynamic, enabled, nested, fields })
    }

    fn field(&self, name: &str, definition: &Value, dynamic: Dynamic) -> Result<Field, Refusal> {
        let Value::Object(json) = definition else {
            return Err(Refusal::mapper_parsing(format!(
                "Expected map for property [fields] on field [{name}] but got a class java.lang.String"
            )));
        };
        if name.is_empty() {
            return Err(Refusal::illegal_argument("name cannot be empty string"));
        }
        let type_name = match json.get("type") {
            Some(Value::String(type_name)) => type_name.as_str(),
            // As on the engines: nothing else makes an object of a field without a type.
            None if json.contains_key("properties")
                || (json.len() == 1 && json.contains_key("enabled")) =>
            {
                "object"
            }
            _ => {
                return Err(Refusal::mapper_parsing(format!(
                    "No type specified for field [{name}]"
                )));
            }
        };
        if matches!(type_name, "object" | "nested") {
            return Ok(Field::Object(self.object(name, json, dynamic)?));
        }
        self.leaf(name, type_name, json).map(Field::Leaf)
    }

    fn leaf(
        &self,
        name: &str,
        type_name: &str,
        json: &Map<String, Value>,
    ) -> Result<Leaf, Refusal> {
        let kind = self.kind(name, type_name, json)?;
        check_parameters(name, type_name, json)?;
        let mut variants = BTreeMap::new();
        if let Some(Value::Object(list)) = json.get("fields") {
            for (key, definition) in list {
                let Field::Leaf(leaf) = self.field(key, definition, Dynamic::Add)? else {
                    let message = format!("Type [object] cannot be used in multi field [{key}]");
                    return Err(Refusal::mapper_parsing(message));
                };
                variants.insert(key.clone(), leaf);
            }
        }
        Ok(Leaf {
            type_name: type_name.to_owned(),
            kind,
            ignore_malformed: json.get("ignore_malformed").and_then(as_flag).unwrap_or(false),
            coerce: json.get("coerce").and_then(as_flag).unwrap_or(true),
            variants,
        })
    }

    fn kind(
        &self,
        name: &str,
        type_name: &str,
        json: &Map<String, Value>,
    ) -> Result<Kind, Refusal> {
        let whole = |low: i128, high: i128| Kind::Integer { low, high };
        let number = |magnitude_max: f64| Kind::Float { magnitude_max };
        let elasticsearch = self.flavour == Flavour::Elasticsearch;
        Ok(match type_name {
            "keyword" | "constant_keyword" | "wildcard" => Kind::Keyword {
                ignore_above: json.get("ignore_above").and_then(Value::as_u64).map(saturate),
            },
            "text" | "match_only_text" | "search_as_you_type" | "annotated_text" => Kind::Text,
            "long" => whole(i64::MIN.into(), i64::MAX.into()),
            "integer" => whole(i32::MIN.into(), i32::MAX.into()),
            "short" => whole(i16::MIN.into(), i16::MAX.into()),
            "byte" => whole(i8::MIN.into(), i8::MAX.into()),
            "unsigned_long" if !elasticsearch => whole(0, u64::MAX.into()),
            "double" | "scaled_float" => number(f64::MAX),
            "float" => number(f64::from(f32::MAX)),
            "half_float" => number(65504.0),
            "boolean" => Kind::Boolean,
            "date" | "date_nanos" => {
                Kind::Date(DateFormats::parse(json.get("format"), self.flavour))
            }
            "ip" => Kind::Ip,
            "geo_point" => Kind::GeoPoint,
            "binary" => Kind::Binary {
                checked: ["store", "doc_values"]
                    .iter()
                    .any(|key| json.get(*key).and_then(as_flag) == Some(true)),
            },
            "flattened" if elasticsearch => Kind::Flattened,
            "flat_object" if !elasticsearch => Kind::Flattened,
            "alias" => json
                .get("path")
                .and_then(Value::as_str)
                .map(|path| Kind::Alias { path: path.to_owned() })
                .ok_or_else(|| {
                    Refusal::mapper_parsing(format!(
                        "The [path] property must be specified for field [{name}]."
                    ))
                })?,
            "integer_range" | "long_range" | "float_range" | "double_range" | "date_range"
            | "ip_range" => Kind::Range,
            "completion" | "dense_vector" | "geo_shape" | "histogram" | "join" | "knn_vector"
            | "murmur3" | "percolator" | "point" | "rank_feature" | "rank_features" | "shape"
            | "token_count" | "version" => Kind::Opaque,
            other => {
                return Err(Refusal::mapper_parsing(format!(
                    "No handler for type [{other}] declared on field [{name}]"
                )));
            }
        })
    }
}

fn saturate(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub(crate) fn parse_dynamic(value: &Value) -> Result<Dynamic, Refusal> {
    match value {
        Value::Bool(true) => Ok(Dynamic::Add),
        Value::Bool(false) => Ok(Dynamic::Ignore),
        Value::String(word) => match word.as_str() {
            "true" => Ok(Dynamic::Add),
            "false" => Ok(Dynamic::Ignore),
            "strict" => Ok(Dynamic::Refuse),
            other => Err(bad_dynamic(other)),
        },
        other => Err(bad_dynamic(&other.to_string())),
    }
}

fn bad_dynamic(word: &str) -> Refusal {
    let cause = format!("Failed to parse value [{word}] as only [true] or [false] are allowed.");
    Refusal::illegal_argument("Could not convert [dynamic] to boolean")
        .caused_by(Refusal::illegal_argument(cause))
}

/// Parameters that some leaf type knows. A typo in a mapping must not pass here and fail on a real
/// engine later; which type takes which parameter is not modelled.
const LEAF_PARAMETERS: [&str; 51] = [
    "analyzer",
    "boost",
    "coerce",
    "contexts",
    "copy_to",
    "data_type",
    "depth_limit",
    "dimension",
    "dims",
    "doc_values",
    "dynamic",
    "eager_global_ordinals",
    "enable_position_increments",
    "fielddata",
    "fielddata_frequency_filter",
    "fields",
    "format",
    "ignore_above",
    "ignore_malformed",
    "ignore_z_value",
    "index",
    "index_options",
    "index_phrases",
    "index_prefixes",
    "locale",
    "max_input_length",
    "max_shingle_size",
    "meta",
    "method",
    "mode",
    "norms",
    "normalizer",
    "null_value",
    "orientation",
    "path",
    "position_increment_gap",
    "positive_score_impact",
    "preserve_position_increments",
    "preserve_separators",
    "print_format",
    "relations",
    "scaling_factor",
    "search_analyzer",
    "search_quote_analyzer",
    "similarity",
    "space_type",
    "split_queries_on_whitespace",
    "store",
    "term_vector",
    "type",
    "value",
];

fn check_parameters(name: &str, type_name: &str, json: &Map<String, Value>) -> Result<(), Refusal> {
    for (key, value) in json {
        // The one type without any parameter.
        let bare = type_name == "flat_object" && key != "type";
        if bare || !LEAF_PARAMETERS.contains(&key.as_str()) {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return Err(Refusal::mapper_parsing(format!(
                "Mapping definition for [{name}] has unsupported parameters:  [{key} : {shown}]"
            )));
        }
    }
    if type_name == "scaled_float" && !json.contains_key("scaling_factor") {
        return Err(Refusal::mapper_parsing("Field [scaling_factor] is required"));
    }
    Ok(())
}
