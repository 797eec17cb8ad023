//! The name of one concrete index: never a pattern, a list or a date expression.

use std::fmt;
use std::sync::Arc;

/// Longest index name that the engines take, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Characters that an index name can't hold. They would turn a name into a pattern, a list or another path.
const FORBIDDEN: &[char] = &['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'];

/// The name of one concrete index, checked. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexName(Arc<str>);

/// Why a text can't be the name of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} can't be the name of an index: {reason}")]
pub struct NameError {
    /// The text.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl IndexName {
    /// Checks a name by the rules that both engines share.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let reason = if name.is_empty() {
            "it is empty"
        } else if name.len() > NAME_BYTES_MAX {
            "it has more than 255 bytes"
        } else if name == "." || name == ".." || name == "_all" {
            "it means something else"
        } else if name.starts_with(['-', '_', '+']) {
            "it starts with -, _ or +"
        } else if name.contains(FORBIDDEN) {
            r#"it holds one of \ / * ? " < > | , # : or a space"#
        } else if name.chars().any(char::is_control) {
            "it holds a control character"
        } else if name.chars().any(char::is_uppercase) {
            "it holds an upper-case letter"
        } else {
            return Ok(Self(Arc::from(name)));
        };
        Err(NameError { name: name.to_owned(), reason })
    }

    /// Checks a whole list.
    pub(crate) fn parse_all(names: &[impl AsRef<str>]) -> Result<Vec<Self>, NameError> {
        names.iter().map(|name| Self::parse(name.as_ref())).collect()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for IndexName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

impl AsRef<str> for IndexName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for IndexName {
    type Error = NameError;

    fn try_from(name: &str) -> Result<Self, NameError> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_or_refused() {
        for name in ["a", ".hidden", "075120.8f54e.tracardi-event-2024-7", "été", "a+b", "1_2-3"]
        {
            assert_eq!(IndexName::parse(name).unwrap().as_str(), name);
        }
        let long = "x".repeat(256);
        for name in [
            "",
            ".",
            "..",
            "_all",
            "_x",
            "-x",
            "+x",
            "a*",
            "a,b",
            "a/b",
            "A",
            "a b",
            "<a-{now}>",
            "a?b",
            "a\nb",
            "a\"b",
            "a:b",
            "a#b",
            &long,
        ] {
            assert!(IndexName::parse(name).is_err(), "{name:?}");
        }
    }
}
