//! Writing JSON text by hand: a value tree would turn `1.10` into `1.1` and lose large integers.

use std::fmt::{Display, Write as _};

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct ObjectText(String);

impl ObjectText {
    /// An empty object.
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a field whose value is JSON already: a number, an object, `null`.
    pub(crate) fn raw(&mut self, key: &str, value: impl Display) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quoted(key));
        self.0.push(':');
        write!(self.0, "{value}").expect("writing to a string does not fail");
    }

    /// Adds a string.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.raw(key, quoted(value));
    }

    /// The object as JSON.
    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}

/// A JSON array of values that are JSON already.
pub(crate) fn array(values: &[String]) -> String {
    format!("[{}]", values.join(","))
}
