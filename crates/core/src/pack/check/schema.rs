//! Which fields documents of a mapping may have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::transform::operation::FieldPath;

/// Whether a mapping is strict and lacks a field, so that no document can have it.
pub(in crate::pack) fn rules_out(mapping: &Value, path: &FieldPath) -> bool {
    let segments: Vec<&str> = path.segments().collect();
    matches!(Fields::of_mapping(mapping).find(&segments), Found::Absent)
}

/// What stands at a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// An object with known fields.
    Object(Fields),
    /// A single value, or a list of such.
    Value(Kind),
    /// Anything: what is inside is not the mapping's business, or not known.
    Anything,
    /// A name for another field, which documents can't have.
    FieldAlias,
    /// One of these, each with its own writer; none of them is such a list.
    Either(Vec<Field>),
}

/// The fields of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields {
    pub(super) known: BTreeMap<String, Field>,
    /// What becomes of a document that has other fields.
    pub(super) others: Others,
    /// Whether it is mapped as `nested`, so that documents usually have a list of it.
    pub(super) is_nested: bool,
}

/// What becomes of a document with a field that the mapping does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// It is rejected.
    Rejected,
    /// It is taken.
    Taken,
}

/// A field and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) shape: Shape,
    /// The operation that wrote it, by position; `None` for a field of the source mapping.
    pub(super) writer: Option<usize>,
}

/// What a single value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Whole,
    Fractional,
    Boolean,
    /// A type whose values have several forms, such as a date.
    Mixed,
}

impl Fields {
    /// The fields of documents that fit a mapping.
    pub(super) fn of_mapping(mapping: &Value) -> Self {
        let empty = Map::new();
        Self::of_object(mapping.as_object().unwrap_or(&empty), Others::Taken)
    }

    fn of_object(object: &Map<String, Value>, inherited: Others) -> Self {
        let others = match object.get("dynamic") {
            None => inherited,
            Some(Value::String(word)) if word == "strict" => Others::Rejected,
            Some(_) => Others::Taken,
        };
        let is_nested = object.get("type").and_then(Value::as_str) == Some("nested");
        let mut fields = Self { known: BTreeMap::new(), others, is_nested };
        let properties = object.get("properties").and_then(Value::as_object);
        for (name, definition) in properties.into_iter().flatten() {
            let shape = Shape::of_definition(definition, others);
            // An engine takes a dotted name for a path.
            let segments: Vec<&str> = name.split('.').collect();
            fields.insert(&segments, Field { shape, writer: None });
        }
        fields
    }

    /// An object that has exactly what is put into it.
    pub(super) fn closed() -> Self {
        Self { known: BTreeMap::new(), others: Others::Rejected, is_nested: false }
    }

    /// Nothing is known.
    pub(super) fn unknown() -> Self {
        Self { known: BTreeMap::new(), others: Others::Taken, is_nested: false }
    }

    /// Puts a field at a path; parents are made. Below something that takes anything it changes nothing.
    pub(super) fn insert(&mut self, path: &[&str], field: Field) {
        let Some((name, rest)) = path.split_first() else { return };
        if rest.is_empty() {
            self.known.insert((*name).to_owned(), field);
            return;
        }
        let parent = self.known.entry((*name).to_owned()).or_insert_with(|| Field {
            shape: Shape::Object(Self { others: self.others, ..Self::closed() }),
            writer: field.writer,
        });
        match &mut parent.shape {
            Shape::Object(fields) => fields.insert(rest, field),
            Shape::Anything => {}
            Shape::Either(all) => {
                for alternative in all {
                    if let Some(fields) = alternative.shape.as_object_mut() {
                        fields.insert(rest, field.clone());
                    }
                }
            }
            shape @ (Shape::Value(_) | Shape::FieldAlias) => {
                let mut fields = Self::closed();
                let writer = field.writer;
                fields.insert(rest, field);
                *shape = Shape::Object(fields);
                parent.writer = writer;
            }
        }
    }

    /// What stands at a path.
    pub(super) fn find(&self, path: &[&str]) -> Found<'_> {
        let Some((name, rest)) = path.split_first() else { return Found::Unknown };
        let Some(field) = self.known.get(*name) else {
            return match self.others {
                Others::Rejected => Found::Absent,
                Others::Taken => Found::Unknown,
            };
        };
        if rest.is_empty() {
            return if field.shape == Shape::FieldAlias {
                Found::Absent
            } else {
                Found::Field(field)
            };
        }
        field.find(rest)
    }

    /// How many names of a path lead to the innermost `nested` object around its field, 0 for none.
    pub(super) fn nested_depth(&self, path: &[&str]) -> usize {
        let Some((name, rest)) = path.split_first() else { return 0 };
        let Some(Field { shape: Shape::Object(fields), writer: _ }) = self.known.get(*name) else {
            return 0;
        };
        match (rest.is_empty(), fields.nested_depth(rest)) {
            (true, _) => 0,
            (false, 0) => usize::from(fields.is_nested),
            (false, depth) => depth + 1,
        }
    }

    /// The object at a path may have any other fields from here on.
    pub(super) fn open(&mut self, path: &[&str]) {
        let Some((name, rest)) = path.split_first() else {
            self.others = Others::Taken;
            return;
        };
        let object = self.known.get_mut(*name).and_then(|field| field.shape.as_object_mut());
        if let Some(fields) = object {
            fields.open(rest);
        }
    }

    /// Takes a field away; objects that were emptied by it go as well.
    pub(super) fn remove(&mut self, path: &[&str]) -> Option<Field> {
        let (name, rest) = path.split_first()?;
        if rest.is_empty() {
            return self.known.remove(*name);
        }
        let removed = match &mut self.known.get_mut(*name)?.shape {
            Shape::Object(fields) => {
                let removed = fields.remove(rest)?;
                if fields.known.is_empty() && fields.others == Others::Rejected {
                    self.known.remove(*name);
                }
                removed
            }
            Shape::Either(all) => {
                let objects = all.iter_mut().filter_map(|field| field.shape.as_object_mut());
                objects.filter_map(|fields| fields.remove(rest)).last()?
            }
            Shape::Value(_) | Shape::Anything | Shape::FieldAlias => return None,
        };
        Some(removed)
    }
}

/// What stands at a path.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Field(&'a Field),
    /// Nothing can stand there.
    Absent,
    /// The mapping does not say.
    Unknown,
}

impl Shape {
    /// Its fields, if it is an object and nothing else.
    fn as_object_mut(&mut self) -> Option<&mut Fields> {
        match self {
            Self::Object(fields) => Some(fields),
            Self::Value(_) | Self::Anything | Self::FieldAlias | Self::Either(_) => None,
        }
    }

    fn of_definition(definition: &Value, inherited: Others) -> Self {
        let Some(object) = definition.as_object() else { return Self::Anything };
        let default = if object.contains_key("properties") { "object" } else { "" };
        match object.get("type").and_then(Value::as_str).unwrap_or(default) {
            "" | "object" | "nested" => {
                let is_enabled = object.get("enabled") != Some(&Value::Bool(false))
                    && object.get("enabled").and_then(Value::as_str) != Some("false");
                if is_enabled {
                    Self::Object(Fields::of_object(object, inherited))
                } else {
                    Self::Anything
                }
            }
            "keyword" | "text" | "wildcard" | "match_only_text" | "constant_keyword"
            | "search_as_you_type" => Self::Value(Kind::Text),
            "long" | "integer" | "short" | "byte" | "unsigned_long" => Self::Value(Kind::Whole),
            "double" | "float" | "half_float" | "scaled_float" => Self::Value(Kind::Fractional),
            "boolean" => Self::Value(Kind::Boolean),
            "date" | "date_nanos" | "ip" | "binary" | "version" | "token_count" => {
                Self::Value(Kind::Mixed)
            }
            "alias" => Self::FieldAlias,
            // `flattened`, points, ranges and types that are not known here may hold objects.
            _ => Self::Anything,
        }
    }

    /// The shape of a JSON value, all of it written by one operation.
    pub(super) fn of_value(value: &Value, writer: usize) -> Self {
        match value {
            Value::Null => Self::Anything,
            Value::Bool(_) => Self::Value(Kind::Boolean),
            Value::Number(number) if number.is_f64() => Self::Value(Kind::Fractional),
            Value::Number(_) => Self::Value(Kind::Whole),
            Value::String(_) => Self::Value(Kind::Text),
            Value::Array(values) => {
                values.first().map_or(Self::Anything, |first| Self::of_value(first, writer))
            }
            Value::Object(object) => {
                let mut fields = Fields::closed();
                for (name, value) in object {
                    let shape = Self::of_value(value, writer);
                    let segments: Vec<&str> = name.split('.').collect();
                    fields.insert(&segments, Field { shape, writer: Some(writer) });
                }
                Self::Object(fields)
            }
        }
    }
}

impl Kind {
    /// Whether values of this kind are taken by a field of another kind.
    pub(super) fn fits(self, target: Self) -> bool {
        match (self, target) {
            (_, Self::Text)
            | (Self::Text | Self::Whole | Self::Fractional | Self::Mixed, Self::Mixed)
            | (Self::Whole | Self::Mixed, Self::Whole | Self::Fractional)
            | (Self::Fractional, Self::Fractional)
            | (Self::Boolean, Self::Boolean) => true,
            (Self::Text, Self::Whole | Self::Fractional | Self::Boolean)
            | (Self::Whole | Self::Fractional | Self::Mixed, Self::Boolean)
            | (Self::Fractional, Self::Whole)
            | (Self::Boolean, Self::Whole | Self::Fractional | Self::Mixed) => false,
        }
    }

    /// In words for messages.
    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Whole => "a whole number",
            Self::Fractional => "a number with a fraction",
            Self::Boolean => "a boolean",
            Self::Mixed => "a date or the like",
        }
    }
}

impl Field {
    /// What stands at a path below it.
    fn find(&self, rest: &[&str]) -> Found<'_> {
        match &self.shape {
            Shape::Object(fields) => fields.find(rest),
            Shape::Anything => Found::Unknown,
            Shape::Value(_) | Shape::FieldAlias => Found::Absent,
            Shape::Either(all) => {
                let mut found = all.iter().map(|field| field.find(rest));
                found.find(|found| !matches!(found, Found::Absent)).unwrap_or(Found::Absent)
            }
        }
    }

    /// The same shape, all of it written by one operation.
    pub(super) fn written_by(mut self, writer: usize) -> Self {
        self.writer = Some(writer);
        match &mut self.shape {
            Shape::Object(fields) => {
                let known = std::mem::take(&mut fields.known).into_iter();
                fields.known =
                    known.map(|(name, field)| (name, field.written_by(writer))).collect();
            }
            Shape::Either(all) => {
                *all = std::mem::take(all).into_iter().map(|one| one.written_by(writer)).collect();
            }
            Shape::Value(_) | Shape::Anything | Shape::FieldAlias => {}
        }
        self
    }
}
