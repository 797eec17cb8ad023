//! Naming texts: literal parts and placeholders, such as `{tenant}-{name}-v{version}`.

use std::{fmt, ops::Range, str::FromStr};

/// A placeholder of a naming text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// `{version}`: the release's label.
    Version,
    /// `{tenant}`: a tenant's name.
    Tenant,
    /// `{name}`: the physical name of a logical index.
    Name,
    /// `{partition}`: the suffix of a partition.
    Partition,
}

impl Slot {
    /// All placeholders.
    pub const ALL: [Self; 4] = [Self::Version, Self::Tenant, Self::Name, Self::Partition];

    /// The word between the braces.
    pub fn word(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Tenant => "tenant",
            Self::Name => "name",
            Self::Partition => "partition",
        }
    }
}

impl Slot {
    /// The placeholder as it is written.
    pub fn braced(self) -> &'static str {
        match self {
            Self::Version => "{version}",
            Self::Tenant => "{tenant}",
            Self::Name => "{name}",
            Self::Partition => "{partition}",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.braced())
    }
}

/// A naming text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameText {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Slot(Slot),
}

/// Why a text is not a naming text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotANameText {
    /// A word in braces that is no placeholder.
    #[error("`{{{word}}}` is not a placeholder")]
    UnknownSlot {
        /// The word between the braces.
        word: String,
        /// Bytes of the text, braces included.
        range: Range<usize>,
    },
    /// A brace without its partner.
    #[error("a brace without its partner")]
    LoneBrace {
        /// Bytes of the text.
        range: Range<usize>,
    },
}

impl NotANameText {
    /// The bytes of the text that are to blame.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::UnknownSlot { word: _, range } | Self::LoneBrace { range } => range.clone(),
        }
    }
}

impl NameText {
    /// The placeholders in the order of the text.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Slot(slot) => Some(*slot),
        })
    }

    /// Whether a placeholder occurs.
    pub fn has(&self, slot: Slot) -> bool {
        self.slots().any(|own| own == slot)
    }

    /// The literal parts in order.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(literal) => Some(literal.as_str()),
            Part::Slot(_) => None,
        })
    }

    /// The text with every placeholder replaced.
    pub fn render(&self, mut value: impl FnMut(Slot) -> String) -> String {
        let part_text = |part: &Part| match part {
            Part::Literal(literal) => literal.clone(),
            Part::Slot(slot) => value(*slot),
        };
        self.parts.iter().map(part_text).collect()
    }

    /// A regular expression, without anchors; `value` gives the expression for each placeholder.
    pub fn pattern(&self, mut value: impl FnMut(Slot) -> String) -> String {
        let part_text = |part: &Part| match part {
            Part::Literal(literal) => regex::escape(literal),
            Part::Slot(slot) => value(*slot),
        };
        self.parts.iter().map(part_text).collect()
    }
}

impl FromStr for NameText {
    type Err = NotANameText;

    fn from_str(text: &str) -> Result<Self, NotANameText> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let start = text.len() - rest.len() + brace;
            let (literal, opened) = rest.split_at(brace);
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let closed = opened.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let Some((word, after)) = closed else {
                return Err(NotANameText::LoneBrace { range: start..start + 1 });
            };
            let Some(slot) = Slot::ALL.into_iter().find(|slot| slot.word() == word) else {
                let range = start..start + word.len() + 2;
                return Err(NotANameText::UnknownSlot { word: word.to_owned(), range });
            };
            parts.push(Part::Slot(slot));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_and_literals_kept() {
        let text: NameText = "prod-{version}.{tenant}.{name}".parse().unwrap();
        assert_eq!(text.slots().collect::<Vec<_>>(), [Slot::Version, Slot::Tenant, Slot::Name]);
        assert_eq!(text.render(|slot| slot.word().to_uppercase()), "prod-VERSION.TENANT.NAME");
        assert_eq!(text.pattern(|_| "x".to_owned()), r"prod\-x\.x\.x");
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let mistake = |text: &str| text.parse::<NameText>().unwrap_err();
        assert_eq!(mistake("a-{tennant}-b").range(), 2..11);
        assert_eq!(mistake("a-{tenant").range(), 2..3);
        assert_eq!(mistake("a-tenant}").range(), 8..9);
        assert_eq!(mistake("{}").to_string(), "`{}` is not a placeholder");
    }
}
