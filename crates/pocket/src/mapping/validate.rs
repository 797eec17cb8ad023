//! Checks one document against a mapping in a single pass over its text.
//!
//! The walk is a serde visitor: known leaves are looked at as raw text, ignored subtrees are
//! skipped, nothing builds a tree. The result is what dynamic mapping would add, or a refusal.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::geo;
use super::infer::{Inference, infer};
use super::model::{Dynamic, Field, Kind, Leaf, Mapping, ObjectField};
use super::scalar::{Scalar, Text, elements, whole_part};
use crate::error::Refusal;
use crate::node::Flavour;

/// The longest keyword that an inverted index holds, in bytes of UTF-8.
const KEYWORD_BYTES_MAX: usize = 32_766;

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

/// Why a value does not fit: the cause of a mapper complaint, or the whole complaint.
enum Complaint {
    Cause(Refusal),
    Whole(Refusal),
}

fn cause(reason: impl Into<String>) -> Complaint {
    Complaint::Cause(Refusal::illegal_argument(reason))
}

fn check_value(value: &Scalar<'_>, leaf: &Leaf) -> Result<(), Complaint> {
    if let Scalar::Object(_) = value {
        return match leaf.kind {
            Kind::Flattened | Kind::Opaque | Kind::Range => Ok(()),
            Kind::GeoPoint => geo::check(value).map_err(cause),
            _ => Err(Complaint::Cause(Refusal::new(
                400,
                "illegal_state_exception",
                "Can't get text on a START_OBJECT",
            ))),
        };
    }
    if *value == Scalar::Null && !matches!(leaf.kind, Kind::Alias { .. }) {
        return Ok(());
    }
    match &leaf.kind {
        Kind::Keyword { ignore_above } => check_keyword(&value.as_text(), *ignore_above),
        Kind::Integer { low, high } => check_integer(value, leaf, *low, *high),
        Kind::Float { magnitude_max } => check_float(value, leaf, *magnitude_max),
        Kind::Boolean => check_boolean(value),
        Kind::Date(formats) => match value {
            Scalar::Boolean(_) => Err(cause("a boolean is no date")),
            _ if formats.millis(&value.as_text()).is_some_and(|millis| fits(leaf, millis)) => {
                Ok(())
            }
            _ => Err(cause(format!(
                "failed to parse date field [{}] with format [{}]",
                value.as_text(),
                formats.text
            ))),
        },
        Kind::Ip => check_ip(&value.as_text()),
        Kind::Binary { checked: true } => check_binary(value),
        Kind::GeoPoint => geo::check(value).map_err(cause),
        Kind::Flattened => Err(cause(format!(
            "Failed to parse object: expecting token of type [START_OBJECT] but found [{}]",
            token(value)
        ))),
        Kind::Alias { .. } => Err(Complaint::Whole(
            Refusal::mapper_parsing("failed to parse")
                .caused_by(Refusal::illegal_argument("Cannot write to a field alias.")),
        )),
        Kind::Text | Kind::Range | Kind::Opaque | Kind::Binary { checked: false } => Ok(()),
    }
}

/// Nanoseconds since 1970 end in the year 2262 and have no sign.
fn fits(leaf: &Leaf, millis: i64) -> bool {
    leaf.type_name != "date_nanos" || (0..=i64::MAX / 1_000_000).contains(&millis)
}

fn token(value: &Scalar<'_>) -> &'static str {
    match value {
        Scalar::Null => "VALUE_NULL",
        Scalar::Boolean(_) => "VALUE_BOOLEAN",
        Scalar::Number(_) => "VALUE_NUMBER",
        Scalar::Text(_) => "VALUE_STRING",
        Scalar::Object(_) => "START_OBJECT",
        Scalar::Array(_) => "START_ARRAY",
    }
}

fn check_ip(text: &str) -> Result<(), Complaint> {
    // A zone says through which interface an IPv6 address is reached, and is dropped.
    let address = text.split_once('%').filter(|(head, _)| head.contains(':'));
    match address.map_or(text, |(head, _)| head).parse::<std::net::IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(cause(format!("'{text}' is not an IP string literal."))),
    }
}

fn check_keyword(text: &str, ignore_above: Option<usize>) -> Result<(), Complaint> {
    let ignored = ignore_above.is_some_and(|most| text.len() > most && text.chars().count() > most);
    if text.len() <= KEYWORD_BYTES_MAX || ignored {
        return Ok(());
    }
    Err(Complaint::Whole(Refusal::illegal_argument(format!(
        "Document contains at least one immense term (whose UTF8 encoding is longer than the max length {KEYWORD_BYTES_MAX}), all of which were skipped."
    ))))
}

fn check_integer(value: &Scalar<'_>, leaf: &Leaf, low: i128, high: i128) -> Result<(), Complaint> {
    let text = match value {
        Scalar::Number(text) => (*text).into(),
        Scalar::Text(text) if leaf.coerce => {
            if text.is_empty() {
                return Ok(());
            }
            text.clone()
        }
        Scalar::Text(_) => return Err(cause(format!("{} value passed as String", leaf.type_name))),
        _ => {
            return Err(cause(
                "Current token (VALUE_TRUE) not numeric, can not use numeric value accessors",
            ));
        }
    };
    // The small types go by way of a floating-point number, which is more forgiving.
    let text = if leaf.type_name.ends_with("long") { text } else { text.trim().to_owned().into() };
    if text == "NaN" && !leaf.type_name.ends_with("long") {
        return Ok(());
    }
    let out_of_range = || {
        cause(format!("Value [{text}] is out of range for a{} {}", article(leaf), leaf.type_name))
    };
    let Some(number) = whole_part(&text) else {
        // A number too long to hold is out of range, anything else is no number.
        return Err(match text.parse::<f64>() {
            Ok(_) if text.bytes().any(|byte| byte.is_ascii_digit()) => out_of_range(),
            _ => cause(format!("For input string: \"{text}\"")),
        });
    };
    if !leaf.coerce && text.parse::<f64>().is_ok_and(|number| number.fract() != 0.0) {
        let complaint =
            format!("{text} cannot be converted to {} without data loss", leaf.type_name);
        return Err(cause(complaint));
    }
    if (low..=high).contains(&number) { Ok(()) } else { Err(out_of_range()) }
}

fn article(leaf: &Leaf) -> &'static str {
    if leaf.type_name.starts_with(['i', 'u']) { "n" } else { "" }
}

fn check_float(value: &Scalar<'_>, leaf: &Leaf, magnitude_max: f64) -> Result<(), Complaint> {
    let text = match value {
        Scalar::Number(text) => (*text).into(),
        Scalar::Text(text) if leaf.coerce => {
            if text.is_empty() {
                return Ok(());
            }
            text.clone()
        }
        Scalar::Text(_) => return Err(cause(format!("{} value passed as String", leaf.type_name))),
        _ => {
            return Err(cause(
                "Current token (VALUE_TRUE) not numeric, can not use numeric value accessors",
            ));
        }
    };
    match text.trim().parse::<f64>() {
        Err(_) => Err(cause(format!("For input string: \"{text}\""))),
        Ok(number) if number.is_finite() && number.abs() <= magnitude_max => Ok(()),
        Ok(number) => {
            let shown = if number.is_nan() { "NaN" } else { "Infinity" };
            let name = &leaf.type_name;
            Err(cause(format!("[{name}] supports only finite values, but got [{shown}]")))
        }
    }
}

fn check_boolean(value: &Scalar<'_>) -> Result<(), Complaint> {
    match value {
        Scalar::Boolean(_) => Ok(()),
        Scalar::Text(text) if matches!(text.as_ref(), "true" | "false" | "") => Ok(()),
        _ => Err(cause(format!(
            "Failed to parse value [{}] as only [true] or [false] are allowed.",
            value.as_text()
        ))),
    }
}

fn check_binary(value: &Scalar<'_>) -> Result<(), Complaint> {
    let text = value.as_text();
    let body = text.trim_end_matches('=');
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    if matches!(value, Scalar::Text(_)) && body.bytes().all(known) && body.len() % 4 != 1 {
        Ok(())
    } else {
        Err(cause("Illegal base64 character"))
    }
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
