//! Checks one document against a mapping in a single pass over its text.
//!
//! The walk is a serde visitor: known leaves are looked at as raw text, ignored subtrees are
//! skipped, nothing builds a tree. The result is what dynamic mapping would add, or a refusal.

use super::geo;
use super::infer::{Inference, infer};
use super::model::{Dynamic, Field, Kind, Leaf, Mapping, ObjectField};
use super::scalar::{Scalar, Text, elements};
use super::value::{Complaint, check_value};
use crate::error::Refusal;
use crate::node::Flavour;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// A field that dynamic mapping adds: its dotted path and its definition.
pub(crate) type Addition = (String, Value);

/// Checks `source` and says which fields the mapping lacks.
pub(crate) fn validate(
    source: &str,
    id: &str,
    mapping: &Mapping,
    malformed_ok: bool,
) -> Result<Vec<Addition>, Refusal> {
    if source.trim_ascii().is_empty() {
        return Err(Refusal::mapper_parsing("failed to parse, document is empty"));
    }
    let mut walk = Walk { id, mapping, malformed_ok, additions: Vec::new(), refusal: None };
    let mut deserializer = serde_json::Deserializer::from_str(source);
    let seed = ObjectSeed { object: &mapping.root, path: &Path::ROOT, walk: &mut walk };
    let outcome = seed.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (walk.refusal, outcome) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(Refusal::mapper_parsing("failed to parse")
            .caused_by(Refusal::new(400, "json_parse_exception", error.to_string()))),
        (None, Ok(())) => Ok(walk.additions),
    }
}

struct Walk<'m> {
    id: &'m str,
    mapping: &'m Mapping,
    malformed_ok: bool,
    additions: Vec<Addition>,
    refusal: Option<Refusal>,
}

impl Walk<'_> {
    /// Stores the refusal; the serde error only unwinds the walk.
    fn refuse<E: Error>(&mut self, refusal: Refusal) -> E {
        self.refusal = Some(refusal);
        E::custom("refused by the mapping")
    }
}

/// Where the walk is: a chain on the stack, made into text only for messages.
struct Path<'p> {
    parent: Option<&'p Self>,
    name: &'p str,
}

impl Path<'_> {
    const ROOT: Path<'static> = Path { parent: None, name: "" };

    fn dotted(&self) -> String {
        match self.parent {
            None => String::new(),
            Some(parent) if parent.parent.is_none() => self.name.to_owned(),
            Some(parent) => format!("{}.{}", parent.dotted(), self.name),
        }
    }

    fn object_name(&self) -> String {
        if self.parent.is_none() { "_doc".to_owned() } else { self.dotted() }
    }
}

struct ObjectSeed<'a, 'm> {
    object: &'a ObjectField,
    path: &'a Path<'a>,
    walk: &'a mut Walk<'m>,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys: Vec<&'de str> = Vec::with_capacity(16);
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            if let std::borrow::Cow::Borrowed(key) = key {
                keys.push(key);
            }
            let path = Path { parent: Some(self.path), name: &key };
            check_name(&key).map_err(|refusal| self.walk.refuse(refusal))?;
            if self.path.parent.is_none() && is_metadata(&key, self.walk.mapping.flavour) {
                return Err(self.walk.refuse(metadata(&key, self.walk.id)));
            }
            match find(self.object, &key) {
                Found::Object(object) if object.enabled => {
                    map.next_value_seed(ObjectSeed { object, path: &path, walk: self.walk })?;
                }
                Found::Object(_) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Found::Leaf(leaf) => {
                    let raw: &'de RawValue = map.next_value()?;
                    check_leaf(raw.get(), leaf, &path, self.walk)
                        .map_err(|refusal| self.walk.refuse(refusal))?;
                }
                Found::Blocked(leaf) => {
                    let reason = format!(
                        "Could not dynamically add mapping for field [{key}]. Existing mapping must be of type object but found [{}].",
                        leaf.type_name
                    );
                    return Err(self.walk.refuse(Refusal::mapper_parsing(reason)));
                }
                Found::Nothing(dynamic) => unknown(&mut map, dynamic, &path, self.walk)?,
            }
        }
        keys.sort_unstable();
        match keys.iter().zip(keys.iter().skip(1)).find(|(one, other)| one == other) {
            Some((key, _)) => Err(self.walk.refuse(duplicate(key))),
            None => Ok(()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.path.parent.is_none() {
            return Err(self.walk.refuse(Refusal::mapper_parsing("failed to parse").caused_by(
                Refusal::new(
                    400,
                    "not_x_content_exception",
                    "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes",
                ),
            )));
        }
        while list
            .next_element_seed(ObjectSeed {
                object: self.object,
                path: self.path,
                walk: self.walk,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.path.parent.is_none() { self.concrete() } else { Ok(()) }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.concrete()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.concrete()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.concrete()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.concrete()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.concrete()
    }
}

impl ObjectSeed<'_, '_> {
    /// A value stands where the mapping has an object.
    fn concrete<E: Error>(self) -> Result<(), E> {
        let refusal = if self.path.parent.is_none() {
            Refusal::mapper_parsing("failed to parse").caused_by(Refusal::new(
                400,
                "not_x_content_exception",
                "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes",
            ))
        } else {
            Refusal::mapper_parsing(format!(
                "object mapping for [{}] tried to parse field [{}] as object, but found a concrete value",
                self.path.dotted(),
                self.path.name
            ))
        };
        Err(self.walk.refuse(refusal))
    }
}

enum Found<'m> {
    Object(&'m ObjectField),
    Leaf(&'m Leaf),
    /// A step of the name is a leaf, below which nothing can be.
    Blocked(&'m Leaf),
    Nothing(Dynamic),
}

/// Looks a key up, dots in it taken as steps into objects.
fn find<'m>(object: &'m ObjectField, key: &str) -> Found<'m> {
    match object.fields.get(key) {
        Some(Field::Object(inner)) => return Found::Object(inner),
        Some(Field::Leaf(leaf)) => return Found::Leaf(leaf),
        None => {}
    }
    match key.split_once('.') {
        Some((head, tail)) => match object.fields.get(head) {
            Some(Field::Object(inner)) => find(inner, tail),
            Some(Field::Leaf(leaf)) if tail.is_empty() => Found::Leaf(leaf),
            Some(Field::Leaf(leaf)) => Found::Blocked(leaf),
            None => Found::Nothing(object.dynamic),
        },
        None => Found::Nothing(object.dynamic),
    }
}

fn unknown<'de, A: MapAccess<'de>>(
    map: &mut A,
    dynamic: Dynamic,
    path: &Path<'_>,
    walk: &mut Walk<'_>,
) -> Result<(), A::Error> {
    match dynamic {
        Dynamic::Ignore => {
            map.next_value::<IgnoredAny>()?;
            Ok(())
        }
        Dynamic::Refuse => {
            let (object, name) = match path.name.rsplit_once('.') {
                Some((head, tail)) => (head.to_owned(), tail),
                None => (path.parent.map_or_else(String::new, Path::object_name), path.name),
            };
            Err(walk.refuse(Refusal::new(
                400,
                "strict_dynamic_mapping_exception",
                format!(
                    "mapping set to strict, dynamic introduction of [{name}] within [{object}] is not allowed"
                ),
            )))
        }
        Dynamic::Add => {
            let raw: &'de RawValue = map.next_value()?;
            let dotted = path.dotted();
            let inference = Inference { mapping: walk.mapping, path: &dotted };
            match infer(&inference, raw.get()) {
                Ok(None) => {}
                Ok(Some(definition)) => walk.additions.push((dotted, definition)),
                Err(refusal) => return Err(walk.refuse(refusal)),
            }
            Ok(())
        }
    }
}

/// Refuses names that no field can have. A dot at the end is fine: the engines drop it.
pub(crate) fn check_name(key: &str) -> Result<(), Refusal> {
    let reason = if key.is_empty() {
        "field name cannot be an empty string".to_owned()
    } else if key.contains('.') && key.trim_end_matches('.').split('.').any(str::is_empty) {
        format!(
            "object field starting or ending with a [.] makes object resolution ambiguous: [{key}]"
        )
    } else {
        return Ok(());
    };
    Err(Refusal::mapper_parsing("failed to parse").caused_by(Refusal::illegal_argument(reason)))
}

/// Whether the engines keep this name at the root of a document for themselves.
fn is_metadata(key: &str, flavour: Flavour) -> bool {
    key.starts_with('_')
        && (matches!(
            key,
            "_field_names"
                | "_id"
                | "_ignored"
                | "_index"
                | "_nested_path"
                | "_primary_term"
                | "_routing"
                | "_seq_no"
                | "_source"
                | "_version"
        ) || (key == "_type" && flavour == Flavour::Elasticsearch))
}

fn metadata(key: &str, id: &str) -> Refusal {
    Refusal::mapper_parsing(format!(
        "failed to parse field [{key}] of type [{key}] in document with id '{id}'."
    ))
    .caused_by(Refusal::mapper_parsing(format!(
        "Field [{key}] is a metadata field and cannot be added inside a document. Use the index API request parameters."
    )))
}

fn duplicate(key: &str) -> Refusal {
    Refusal::mapper_parsing("failed to parse").caused_by(Refusal::new(
        400,
        "json_parse_exception",
        format!("Duplicate field '{key}'"),
    ))
}

fn check_leaf(raw: &str, leaf: &Leaf, path: &Path<'_>, walk: &Walk<'_>) -> Result<(), Refusal> {
    let value = Scalar::read(raw);
    if let Scalar::Array(array) = value
        && !(matches!(leaf.kind, Kind::GeoPoint) && geo::is_point(array))
    {
        let geo = matches!(leaf.kind, Kind::GeoPoint);
        if geo && elements(array).iter().any(|element| Scalar::read(element.get()) == Scalar::Null)
        {
            return Err(Refusal::mapper_parsing("failed to parse: geo_point expected"));
        }
        for element in elements(array) {
            check_leaf(element.get(), leaf, path, walk)?;
        }
        return Ok(());
    }
    match check_value(&value, leaf) {
        Ok(()) => {}
        Err(_)
            if (leaf.ignore_malformed || walk.malformed_ok)
                && (!matches!(value, Scalar::Object(_)) || matches!(leaf.kind, Kind::GeoPoint)) => {
        }
        Err(Complaint::Whole(refusal)) => return Err(refusal),
        Err(Complaint::Cause(cause)) => {
            let preview: String = value.as_text().chars().take(80).collect();
            return Err(Refusal::mapper_parsing(format!(
                "failed to parse field [{}] of type [{}] in document with id '{}'. Preview of field's value: '{preview}'",
                path.dotted(),
                leaf.type_name,
                walk.id
            ))
            .caused_by(cause));
        }
    }
    for variant in leaf.variants.values() {
        check_leaf(raw, variant, path, walk)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping(properties: &Value) -> Mapping {
        let json = json!({"dynamic": "strict", "properties": properties});
        Mapping::compile(json.as_object().unwrap().clone(), Flavour::OpenSearch).unwrap()
    }

    /// The one door: does a field of this definition take this value?
    fn takes(definition: &Value, value: &str) -> bool {
        let mapping = mapping(&json!({"f": definition}));
        validate(&format!("{{\"f\":{value}}}"), "1", &mapping, false).is_ok()
    }

    #[test]
    fn values_are_taken_and_refused_as_on_the_engines() {
        let cases = [
            ("long", "12", true),
            ("long", "\"12\"", true),
            ("long", "\"abc\"", false),
            ("long", "1.7", true),
            ("long", "true", false),
            ("long", "9223372036854775808", false),
            ("long", "{\"a\":1}", false),
            ("long", "[1,null,[2]]", true),
            ("long", "[1,\"x\"]", false),
            ("byte", "128", false),
            ("short", "-32768", true),
            ("integer", "2147483648", false),
            ("double", "1e308", true),
            ("double", "1e400", false),
            ("float", "1e39", false),
            ("boolean", "\"true\"", true),
            ("boolean", "\"yes\"", false),
            ("boolean", "1", false),
            ("keyword", "12", true),
            ("keyword", "1e400", true),
            ("keyword", "{\"a\":1}", false),
            ("text", "true", true),
            ("date", "\"2024-01-01\"", true),
            ("date", "\"2024-13-01\"", false),
            ("date", "1700000000000", true),
            ("ip", "\"10.0.0.1\"", true),
            ("ip", "\"10.0.0\"", false),
            ("binary", "\"AAAA\"", true),
            ("binary", "\"%\"", true),
            ("date", "-1", true),
            ("flat_object", "{\"a\":{\"b\":[1]}}", true),
            ("flat_object", "\"a\"", false),
            ("object", "\"a\"", false),
            ("object", "null", true),
            ("nested", "[{},{}]", true),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(takes(&json!({"type": kind}), value), expected, "{value} in {kind}");
        }
        assert!(takes(&json!({"type": "long", "ignore_malformed": true}), "\"abc\""));
        assert!(takes(&json!({"type": "object", "enabled": false}), "\"abc\""));
        assert!(!takes(&json!({"type": "binary", "store": true}), "\"%\""));
    }

    #[test]
    fn strict_names_the_field_and_its_object() {
        let mapping = mapping(&json!({"a": {"properties": {"b": {"type": "long"}}}}));
        let reason = |source: &str| validate(source, "1", &mapping, false).unwrap_err().reason;
        assert!(reason(r#"{"x":1}"#).contains("introduction of [x] within [_doc]"));
        assert!(reason(r#"{"a":{"x":1}}"#).contains("introduction of [x] within [a]"));
        assert!(reason(r#"{"a":{"b":"q"}}"#).contains("field [a.b] of type [long]"));
        assert!(validate(r#"{"a.b":1}"#, "1", &mapping, false).is_ok());
        assert!(reason(r#"{"a":{"b":1},"a":null}"#).contains("failed to parse"));
        assert!(reason(r#"{"a":"#).contains("failed to parse"));
        assert!(reason("[1]").contains("failed to parse"));
    }
}
