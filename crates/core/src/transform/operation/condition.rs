//! `when`: which of two lists of operations a document goes through.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FieldPath, Operation, Scalar};

/// What `when` does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branching {
    /// What is asked of a document, before any of the operations.
    pub condition: Condition,
    /// What is done where it holds.
    pub then: Vec<Operation>,
    /// What is done where it doesn't.
    #[serde(default, rename = "else", skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<Operation>,
}

/// What is asked of a document as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// All of them hold.
    All(Vec<Self>),
    /// At least one of them holds.
    Any(Vec<Self>),
    /// It doesn't hold.
    Not(Box<Self>),
    /// A field is as the test says.
    Field(Question),
}

/// What is asked of a field. Of several values that a path leads to, through lists, one is enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The field.
    pub field: FieldPath,
    /// The test.
    pub test: Test,
}

/// A test of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// It is one of these.
    In(Vec<Scalar>),
    /// It is there, if only as `null`.
    Exists,
    /// It is not there.
    Missing,
    /// It is a string that the pattern fits as a whole.
    Matches(Pattern),
}

impl Condition {
    /// The fields that it looks at, in the order in which it is written.
    pub fn fields(&self) -> Vec<&FieldPath> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::fields).collect(),
            Self::Not(part) => part.fields(),
            Self::Field(question) => vec![&question.field],
        }
    }
}

/// A regular expression that a whole text has to fit. It takes time in proportion to the text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    regex: regex::bytes::Regex,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no regular expression: {reason}")]
pub struct NotAPattern {
    text: String,
    reason: String,
}

impl Pattern {
    /// Whether it fits. `content` need not be text.
    pub fn fits(&self, content: &[u8]) -> bool {
        self.regex.is_match(content)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = NotAPattern;

    fn try_from(text: String) -> Result<Self, NotAPattern> {
        // Alone first: a text such as `a)(b` is none, although it would be one within the group.
        let alone = regex::bytes::Regex::new(&text);
        let whole = alone.and_then(|_| regex::bytes::Regex::new(&format!(r"\A(?:{text})\z")));
        match whole {
            Ok(regex) => Ok(Self { text, regex }),
            Err(error) => {
                let shown = error.to_string();
                let reason = shown.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ").to_owned();
                Err(NotAPattern { text, reason })
            }
        }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}
