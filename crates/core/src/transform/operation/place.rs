//! Operations that don't leave one document at its place: what they say.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Branching, FieldPath, JqStep, Operation, Script};

/// `drop`: the document ends here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropping {}

/// What `rekey` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rekeying {
    /// The new `_id`.
    pub id: Template,
}

/// What `reroute` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rerouting {
    /// The new `_routing`; `None`: the document has none any more.
    pub routing: Option<Template>,
}

/// What `send` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sending {
    /// Key of the logical index of the release that the step leads to.
    pub to: String,
}

/// What `each` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dividing {
    /// The list; a document is made for every element.
    pub field: FieldPath,
    /// Where the element stands in its document; in the place of the list without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<FieldPath>,
    /// The `_id` of each, filled from the document that was made.
    pub id: Template,
    /// When there is no element: the list is empty, `null` or missing.
    #[serde(default)]
    pub empty: Elementless,
}

/// What becomes of a document without elements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elementless {
    /// It is rejected.
    #[default]
    Reject,
    /// It goes on as it is, under its own id.
    Keep,
    /// It ends here.
    Drop,
}

/// What a program in jq or a script may make of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Documents {
    /// One, at its place; anything else is a rejection.
    #[default]
    One,
    /// None, one or several, at any place.
    Any,
}

impl Documents {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn is_one(&self) -> bool {
        *self == Self::One
    }
}

impl Operation {
    /// Whether it may make anything but one document, or one at another place: with another id, routing or index.
    pub fn is_spreading(&self) -> bool {
        match self {
            Self::Drop(_) | Self::Rekey(_) | Self::Reroute(_) | Self::Each(_) | Self::Send(_) => {
                true
            }
            Self::When(Branching { condition: _, then, otherwise }) => {
                then.iter().chain(otherwise).any(Self::is_spreading)
            }
            Self::Jq(JqStep { documents, .. }) | Self::Painless(Script { documents, .. }) => {
                *documents == Documents::Any
            }
            Self::Rename(_)
            | Self::Move(_)
            | Self::Copy(_)
            | Self::Remove(_)
            | Self::Set(_)
            | Self::Default(_)
            | Self::Cast(_)
            | Self::Lower(_)
            | Self::Upper(_)
            | Self::Trim(_)
            | Self::Map(_)
            | Self::Date(_)
            | Self::Decode(_)
            | Self::Encode(_)
            | Self::Wrap(_)
            | Self::Unwrap(_)
            | Self::Nest(_)
            | Self::Flatten(_)
            | Self::Split(_)
            | Self::Join(_)
            | Self::Hash(_) => false,
        }
    }

    /// The keys of the logical indices that it may send documents to, besides the one that the step leads to.
    pub fn destinations(&self) -> Vec<&str> {
        if let Self::Send(sending) = self {
            return vec![sending.to.as_str()];
        }
        if let Self::Jq(JqStep { to, .. }) | Self::Painless(Script { to, .. }) = self {
            return to.iter().map(String::as_str).collect();
        }
        self.branches().flat_map(Self::destinations).collect()
    }

    /// The operations of both branches of a `when`; none of others.
    fn branches(&self) -> impl Iterator<Item = &Self> {
        let branching = if let Self::When(branching) = self { Some(branching) } else { None };
        branching
            .into_iter()
            .flat_map(|branching| branching.then.iter().chain(&branching.otherwise))
    }

    /// What the id or the routing is made of that it gives documents.
    pub fn template(&self) -> Option<&Template> {
        match self {
            Self::Rekey(Rekeying { id }) | Self::Each(Dividing { id, .. }) => Some(id),
            Self::Reroute(Rerouting { routing }) => routing.as_ref(),
            _ => None,
        }
    }

    /// The same for documents that come from the logical index with this key, which templates may name.
    #[must_use]
    pub fn bound(mut self, key: &str) -> Self {
        if let Self::Rekey(Rekeying { id }) | Self::Each(Dividing { id, .. }) = &mut self {
            *id = id.bound(key);
        } else if let Self::Reroute(Rerouting { routing: Some(routing) }) = &mut self {
            *routing = routing.bound(key);
        } else if let Self::When(Branching { condition: _, then, otherwise }) = &mut self {
            for branch in [then, otherwise] {
                *branch = std::mem::take(branch).into_iter().map(|one| one.bound(key)).collect();
            }
        }
        self
    }
}

/// A text with places that each document fills: `{customer.id}-{_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    parts: Vec<TemplatePart>,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// These letters; never empty.
    Text(String),
    /// What stands in a field: a text, a number or a boolean.
    Field(FieldPath),
    /// The document's `_id`.
    Id,
    /// The document's `_routing`.
    Routing,
    /// The key of the logical index that the step takes the document from.
    Index,
    /// The position of an element in its list, from 0; only in the `id` of `each`.
    Position,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` can't be filled: {reason}")]
pub struct NotATemplate {
    text: String,
    reason: String,
}

impl Template {
    /// The parts in order, at least one.
    pub fn parts(&self) -> &[TemplatePart] {
        &self.parts
    }

    /// The fields that it looks at.
    pub fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Field(field) => Some(field),
            TemplatePart::Text(_)
            | TemplatePart::Id
            | TemplatePart::Routing
            | TemplatePart::Index
            | TemplatePart::Position => None,
        })
    }

    /// The same with the key of the index that documents come from.
    #[must_use]
    pub fn bound(&self, key: &str) -> Self {
        let bind = |part: &TemplatePart| match part {
            TemplatePart::Index => TemplatePart::Text(key.to_owned()),
            TemplatePart::Text(_)
            | TemplatePart::Field(_)
            | TemplatePart::Id
            | TemplatePart::Routing
            | TemplatePart::Position => part.clone(),
        };
        Self { parts: self.parts.iter().map(bind).collect() }
    }
}

impl TryFrom<String> for Template {
    type Error = NotATemplate;

    fn try_from(text: String) -> Result<Self, NotATemplate> {
        parse(&text).map(|parts| Self { parts }).map_err(|reason| NotATemplate { text, reason })
    }
}

fn parse(text: &str) -> Result<Vec<TemplatePart>, String> {
    let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(character) = rest.chars().next() {
        let behind = rest.get(character.len_utf8()..).unwrap_or_default();
        if matches!(character, '{' | '}') && behind.starts_with(character) {
            literal.push(character);
            rest = behind.get(1..).unwrap_or_default();
        } else if character == '{' {
            let (name, after) = behind.split_once('}').ok_or("a `{` is not closed")?;
            if !literal.is_empty() {
                parts.push(TemplatePart::Text(std::mem::take(&mut literal)));
            }
            parts.push(part_named(name)?);
            rest = after;
        } else if character == '}' {
            return Err("a `}` closes nothing; write `}}` for the letter".to_owned());
        } else {
            literal.push(character);
            rest = behind;
        }
    }
    if !literal.is_empty() {
        parts.push(TemplatePart::Text(literal));
    }
    if parts.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(parts)
}

fn part_named(name: &str) -> Result<TemplatePart, String> {
    match name {
        "_id" => Ok(TemplatePart::Id),
        "_routing" => Ok(TemplatePart::Routing),
        "_index" => Ok(TemplatePart::Index),
        "_position" => Ok(TemplatePart::Position),
        _ => FieldPath::try_from(name.to_owned())
            .map(TemplatePart::Field)
            .map_err(|error| error.to_string()),
    }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            TemplatePart::Text(text) => {
                formatter.write_str(&text.replace('{', "{{").replace('}', "}}"))
            }
            TemplatePart::Field(field) => write!(formatter, "{{{field}}}"),
            TemplatePart::Id => formatter.write_str("{_id}"),
            TemplatePart::Routing => formatter.write_str("{_routing}"),
            TemplatePart::Index => formatter.write_str("{_index}"),
            TemplatePart::Position => formatter.write_str("{_position}"),
        })
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_and_written_alike() {
        for text in ["{_id}", "{a.b}-{_id}x", "{{{_index}}}", "plain", "{_routing}{_position}"] {
            let template = Template::try_from(text.to_owned()).expect("a template");
            assert_eq!(template.to_string(), text);
        }
        let bound =
            Template::try_from("{_index}/{_id}".to_owned()).expect("a template").bound("o{");
        assert_eq!(bound.to_string(), "o{{/{_id}");
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (text, reason) in [
            ("", "it is empty"),
            ("a{_id", "a `{` is not closed"),
            ("a}", "a `}` closes nothing; write `}}` for the letter"),
            (
                "{a..b}",
                "`a..b` is not a field path: it needs one or more names joined by dots, such as `customer.name`",
            ),
        ] {
            let error = Template::try_from(text.to_owned()).expect_err("none");
            assert_eq!(error.to_string(), format!("`{text}` can't be filled: {reason}"));
        }
    }
}
