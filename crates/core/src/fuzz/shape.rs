//! What documents of an index may look like: which fields they have, how often, and which values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::json::Json;

/// Of a hundred documents, those in which a field of a mapping is there.
const PRESENCE_OF_MAPPING: u8 = 70;
/// Objects within each other that are drawn of a mapping.
const LEVELS_MAX: usize = 12;

/// What an object may look like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shape {
    /// Its fields by name.
    pub fields: BTreeMap<String, Field>,
    /// Names of fields that may be there as well, with any value; empty where there can be no others.
    pub strays: Vec<String>,
}

/// What a field may look like.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Of a hundred objects, those that have it.
    pub presence: u8,
    /// Its values, each as often as its weight says.
    pub values: Vec<(u64, Values)>,
}

/// Values of a kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `null`.
    Null,
    /// `true`, `false`.
    Boolean,
    /// Whole numbers of this many bits.
    Whole(u32),
    /// Numbers with a fraction.
    Fraction,
    /// Texts of at most this many letters.
    Text(usize),
    /// A number, written as a text.
    NumberText,
    /// A moment as engines write it.
    Moment,
    /// Milliseconds since 1970.
    Milliseconds,
    /// An address of the internet.
    Address,
    /// A place on earth.
    Point,
    /// Base64.
    Binary,
    /// One of these texts.
    OneOf(Vec<String>),
    /// An object.
    Object(Shape),
    /// A list of at most this many such values.
    List(Box<Field>, usize),
    /// Anything.
    Anything,
}

impl Shape {
    /// What documents of a mapping may look like. Where it takes fields that it doesn't know, `names` are some that are worth
    /// trying: those that a step writes, and those of the mapping that it leads to.
    pub fn of_mapping(mapping: &Value, names: &[String]) -> Self {
        let empty = Map::new();
        of_object(mapping.as_object().unwrap_or(&empty), (true, names), LEVELS_MAX)
    }
}

impl Shape {
    /// Whether a document has no field but those of this shape.
    pub fn knows(&self, document: &Json) -> bool {
        match document {
            Json::Object(members) => {
                members.iter().all(|(name, value)| self.knows_field(name, value))
            }
            Json::List(list) => list.iter().all(|one| self.knows(one)),
            Json::Null | Json::Boolean(_) | Json::Number(_) | Json::Text(_) => true,
        }
    }

    fn knows_field(&self, name: &str, value: &Json) -> bool {
        // What is free inside has no fields of its own, and takes all.
        if self.fields.is_empty() && !self.strays.is_empty() {
            return true;
        }
        if let Some(field) = self.fields.get(name) {
            return field.inside().is_none_or(|shape| shape.knows(value));
        }
        let Some((first, rest)) = name.split_once('.') else { return false };
        let inside = self.fields.get(first).and_then(Field::inside);
        inside.is_some_and(|shape| shape.knows_field(rest, value))
    }
}

impl Field {
    /// Its single values, where they have another form than any text: dates, numbers, addresses.
    pub(super) fn typed(&self) -> Vec<(u64, Values)> {
        let is_free = |values: &Values| matches!(values, Values::Text(_) | Values::Anything);
        let is_single = |values: &Values| {
            !matches!(values, Values::Null | Values::List(..) | Values::Object(_))
        };
        if self.values.iter().any(|(_, values)| is_free(values)) {
            return Vec::new();
        }
        self.values.iter().filter(|(_, values)| is_single(values)).cloned().collect()
    }

    /// The shape of its objects.
    pub(super) fn inside(&self) -> Option<&Shape> {
        self.values.iter().find_map(|(_, values)| match values {
            Values::Object(shape) => Some(shape),
            Values::List(element, _) => element.inside(),
            Values::Null
            | Values::Boolean
            | Values::Whole(_)
            | Values::Fraction
            | Values::Text(_)
            | Values::NumberText
            | Values::Moment
            | Values::Milliseconds
            | Values::Address
            | Values::Point
            | Values::Binary
            | Values::OneOf(_)
            | Values::Anything => None,
        })
    }
}

fn of_object(
    object: &Map<String, Value>,
    (is_loose, names): (bool, &[String]),
    levels: usize,
) -> Shape {
    let is_loose = match object.get("dynamic") {
        None => is_loose,
        Some(Value::String(word)) => word != "strict",
        Some(_) => true,
    };
    let properties = object.get("properties").and_then(Value::as_object);
    let mut fields = BTreeMap::new();
    for (name, definition) in properties.into_iter().flatten() {
        let Some(definition) = definition.as_object() else { continue };
        if let Some(field) = of_field(definition, (is_loose, names), levels) {
            fields.insert(name.clone(), field);
        }
    }
    let strays = if is_loose { names.to_vec() } else { Vec::new() };
    Shape { fields, strays }
}

/// `None` for what no document can have.
fn of_field(
    definition: &Map<String, Value>,
    loose: (bool, &[String]),
    levels: usize,
) -> Option<Field> {
    let kind = definition.get("type").and_then(Value::as_str).unwrap_or("object");
    let is_closed = definition.get("enabled") == Some(&Value::Bool(false));
    let object = || {
        let shape = match levels.checked_sub(1) {
            Some(levels) if !is_closed => of_object(definition, loose, levels),
            Some(_) | None => Shape { strays: loose.1.to_vec(), ..Shape::default() },
        };
        vec![(1, Values::Object(shape))]
    };
    let values = match kind {
        "alias" => return None,
        "object" | "nested" => object(),
        "flattened" | "flat_object" => {
            vec![(1, Values::Object(Shape { strays: loose.1.to_vec(), ..Shape::default() }))]
        }
        "boolean" => vec![(9, Values::Boolean), (1, Values::OneOf(texts(&["true", "false", ""])))],
        "byte" => whole(8),
        "short" => whole(16),
        "integer" => whole(32),
        "long" => whole(64),
        "unsigned_long" => vec![(1, Values::Whole(63))],
        "double" | "float" | "half_float" | "scaled_float" => {
            vec![(6, Values::Fraction), (2, Values::Whole(16)), (1, Values::NumberText)]
        }
        "date" | "date_nanos" => dates(definition),
        "ip" => vec![(1, Values::Address)],
        "geo_point" => vec![(1, Values::Point)],
        "binary" => vec![(1, Values::Binary)],
        "keyword" | "text" | "wildcard" | "constant_keyword" | "search_as_you_type"
        | "match_only_text" => {
            vec![
                (8, Values::Text(40)),
                (1, Values::NumberText),
                (1, Values::Whole(64)),
                (1, Values::Boolean),
            ]
        }
        _ => vec![(1, Values::Anything)],
    };
    let sum: u64 = values.iter().map(|(weight, _)| weight).sum();
    let element = Field { presence: 100, values: values.clone() };
    let mut values: Vec<(u64, Values)> =
        values.into_iter().map(|(weight, values)| (weight * 8, values)).collect();
    values.push((sum, Values::Null));
    values.push((sum, Values::List(Box::new(element), 3)));
    Some(Field { presence: PRESENCE_OF_MAPPING, values })
}

/// A whole number may also be written as a text.
fn whole(bits: u32) -> Vec<(u64, Values)> {
    vec![(8, Values::Whole(bits)), (1, Values::OneOf(texts(&["7", "-1"])))]
}

/// A format of its own is not looked into, except for the two that are most used.
fn dates(definition: &Map<String, Value>) -> Vec<(u64, Values)> {
    match definition.get("format").and_then(Value::as_str) {
        None => vec![(2, Values::Moment), (1, Values::Milliseconds)],
        Some(format) if format.contains("epoch_millis") => {
            vec![(1, Values::Milliseconds), (1, Values::Moment)]
        }
        Some(_) => vec![(1, Values::Moment)],
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
