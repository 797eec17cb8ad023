//! A document as a tree whose numbers are texts, so that it may hold any.

use std::fmt;

use crate::json::quote;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number as it is written.
    Number(String),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object: names and values in order.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// How large it is: what shrinking makes less.
    pub fn weight(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Boolean(_) => 2,
            Self::Number(text) | Self::Text(text) => 2 + text.len(),
            Self::List(list) => 3 + list.iter().map(Self::weight).sum::<usize>(),
            Self::Object(members) => {
                3 + members.iter().map(|(name, value)| name.len() + value.weight()).sum::<usize>()
            }
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        write(self, &mut text);
        formatter.write_str(&text)
    }
}

fn write(value: &Json, text: &mut String) {
    match value {
        Json::Null => text.push_str("null"),
        Json::Boolean(value) => text.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => text.push_str(number),
        Json::Text(content) => quote(content, text),
        Json::List(list) => {
            text.push('[');
            for (position, element) in list.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write(element, text);
            }
            text.push(']');
        }
        Json::Object(members) => {
            text.push('{');
            for (position, (name, value)) in members.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                quote(name, text);
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
    }
}
