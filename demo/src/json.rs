//! A JSON tree that keeps numbers as their text. `serde_json::Value` would round integers beyond 2^64 and refuse `1e400`.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::number::canonical;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Self>),
    /// An object; the order of its keys has no meaning.
    Object(Object),
}

/// The fields of an object.
pub(crate) type Object = BTreeMap<String, Json>;

impl Json {
    /// Reads one value. Refuses objects with a key twice: their meaning depends on the reader.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let text = text.trim();
        match text.as_bytes().first() {
            Some(b'{') => {
                let fields: Fields<'_> = serde_json::from_str(text)?;
                let fields =
                    fields.0.into_iter().map(|(key, raw)| Ok((key, Self::parse(raw.get())?)));
                fields.collect::<Result<Object, _>>().map(Self::Object)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                let items = items.into_iter().map(|raw| Self::parse(raw.get()));
                items.collect::<Result<Vec<_>, _>>().map(Self::Array)
            }
            Some(b'"') => serde_json::from_str(text).map(Self::Text),
            Some(b't' | b'f') => serde_json::from_str(text).map(Self::Bool),
            Some(b'n') => serde_json::from_str::<()>(text).map(|()| Self::Null),
            _ => {
                let number: &RawValue = serde_json::from_str(text)?;
                canonical(number.get())
                    .map(|_| Self::Number(number.get().to_owned()))
                    .ok_or_else(|| serde_json::Error::custom("a number beyond all bounds"))
            }
        }
    }

    /// Appends a form that is the same exactly for equal values, numbers by value.
    pub(crate) fn append_canonical(&self, target: &mut Vec<u8>) {
        let mut piece = |kind: u8, text: &str| {
            target.push(kind);
            target.extend_from_slice(&text.len().to_le_bytes());
            target.extend_from_slice(text.as_bytes());
        };
        match self {
            Self::Null => piece(b'n', ""),
            Self::Bool(true) => piece(b't', ""),
            Self::Bool(false) => piece(b'f', ""),
            Self::Number(number) => piece(b'd', canonical(number).as_deref().unwrap_or(number)),
            Self::Text(text) => piece(b's', text),
            Self::Array(items) => {
                piece(b'a', &items.len().to_string());
                for item in items {
                    item.append_canonical(target);
                }
            }
            Self::Object(fields) => {
                piece(b'o', &fields.len().to_string());
                for (key, value) in fields {
                    Self::append_key(key, target);
                    value.append_canonical(target);
                }
            }
        }
    }

    fn append_key(key: &str, target: &mut Vec<u8>) {
        target.extend_from_slice(&key.len().to_le_bytes());
        target.extend_from_slice(key.as_bytes());
    }

    /// Whether both are the same value, numbers by value.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        let form = |value: &Self| {
            let mut bytes = Vec::new();
            value.append_canonical(&mut bytes);
            bytes
        };
        form(self) == form(other)
    }

    /// Where the two differ, as lines `path: expected …, found …`.
    pub(crate) fn differences(&self, found: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        collect_differences("", Some(self), Some(found), &mut lines);
        lines
    }
}

fn collect_differences(
    path: &str,
    expected: Option<&Json>,
    found: Option<&Json>,
    lines: &mut Vec<String>,
) {
    match (expected, found) {
        (Some(one), Some(other)) if one.equals(other) => {}
        (Some(Json::Object(one)), Some(Json::Object(other))) => {
            let added = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(added) {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect_differences(&below, one.get(key), other.get(key), lines);
            }
        }
        (Some(Json::Array(one)), Some(Json::Array(other))) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                collect_differences(&format!("{path}[{place}]"), Some(one), Some(other), lines);
            }
        }
        _ => {
            let shown = |value: Option<&Json>| value.map_or("nothing".to_owned(), Json::to_string);
            lines.push(format!("{path}: expected {}, found {}", shown(expected), shown(found)));
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Number(number) => formatter.write_str(number),
            Self::Text(text) => formatter.write_str(&quoted(text)),
            Self::Array(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(formatter, "[{}]", items.join(","))
            }
            Self::Object(fields) => {
                let field = |(key, value): (&String, &Self)| format!("{}:{value}", quoted(key));
                let fields: Vec<String> = fields.iter().map(field).collect();
                write!(formatter, "{{{}}}", fields.join(","))
            }
        }
    }
}

/// The fields of an object, their values not looked into yet.
struct Fields<'text>(BTreeMap<String, &'text RawValue>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            if fields.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format!("the key `{key}` stands there twice")));
            }
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn equality_is_by_value_and_regardless_of_the_order_of_keys() {
        let one = json(r#"{"a":1.10,"b":[1,{"x":"\u00e9"}],"c":null}"#);
        assert!(one.equals(&json(r#" {"c":null, "b":[1.0,{"x":"é"}],"a":1.1} "#)));
        for other in [
            r#"{"a":1.11,"b":[1,{"x":"é"}],"c":null}"#,
            r#"{"a":1.1,"b":[{"x":"é"},1],"c":null}"#,
            r#"{"a":1.1,"b":[1,{"x":"é"}]}"#,
            r#"{"a":"1.1","b":[1,{"x":"é"}],"c":null}"#,
            r#"{"a":1.1,"b":[1,{"x":"é"}],"c":false}"#,
        ] {
            assert!(!one.equals(&json(other)), "{other}");
        }
        assert!(!json("9007199254740993").equals(&json("9007199254740992")));
        assert!(json("1e400").equals(&json("10e399")));
    }

    #[test]
    fn differences_name_the_place() {
        let lines = json(r#"{"a":{"b":1,"c":2},"d":[1,{"e":1}]}"#)
            .differences(&json(r#"{"a":{"b":2},"d":[1,{"e":1,"f":null}]}"#));
        assert_eq!(
            lines,
            [
                "a.b: expected 1, found 2",
                "a.c: expected 2, found nothing",
                "d[1].f: expected nothing, found null"
            ]
        );
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "{\"a\":1,\"a\":2}", "01", "[1,]", "nul", "1 2", "--1"] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }
}
