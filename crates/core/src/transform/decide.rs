//! `when`: whether a condition holds for a document.

use std::collections::BTreeSet;

use super::{
    document::{NodeId, Shape, Workspace},
    operation::{Condition, Pattern, Question, Scalar, ScalarKey, Test},
    place::behind,
    rejection::Refusal,
    search::{ArrayOnTheWay, Found},
};

/// A condition with everything worked out that does not depend on a document.
#[derive(Debug, Clone)]
pub(super) enum Decision {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Field { path: String, check: Check },
}

/// A test of one value.
#[derive(Debug, Clone)]
pub(super) enum Check {
    In(BTreeSet<ScalarKey>),
    Exists,
    Missing,
    Matches(Pattern),
}

impl Decision {
    pub(super) fn of(condition: &Condition) -> Self {
        let all = |parts: &[Condition]| parts.iter().map(Self::of).collect();
        match condition {
            Condition::All(parts) => Self::All(all(parts)),
            Condition::Any(parts) => Self::Any(all(parts)),
            Condition::Not(part) => Self::Not(Box::new(Self::of(part))),
            Condition::Field(Question { field, test }) => {
                let check = match test {
                    Test::In(values) => Check::In(values.iter().map(Scalar::key).collect()),
                    Test::Exists => Check::Exists,
                    Test::Missing => Check::Missing,
                    Test::Matches(pattern) => Check::Matches(pattern.clone()),
                };
                Self::Field { path: field.to_string(), check }
            }
        }
    }
}

impl Workspace {
    /// Whether a condition holds; a refusal comes with the field it is about. Everything is looked at, so that what is
    /// refused does not depend on what was found before. Recursion is bounded by the pack format.
    pub(super) fn decide<'d>(
        &mut self,
        frame: NodeId,
        decision: &'d Decision,
    ) -> Result<bool, (Refusal, &'d str)> {
        match decision {
            Decision::All(parts) => {
                parts.iter().try_fold(true, |holds, part| Ok(self.decide(frame, part)? && holds))
            }
            Decision::Any(parts) => {
                parts.iter().try_fold(false, |holds, part| Ok(self.decide(frame, part)? || holds))
            }
            Decision::Not(part) => Ok(!self.decide(frame, part)?),
            Decision::Field { path, check } => {
                let found = self.any_value(frame, path, check);
                let found = found.map_err(|refusal| (refusal, path.as_str()))?;
                Ok(found != matches!(check, Check::Missing))
            }
        }
    }

    /// Whether any value that the path leads to fits.
    fn any_value(&mut self, frame: NodeId, path: &str, check: &Check) -> Result<bool, Refusal> {
        match self.find(frame, path)? {
            Found::Missing(_) => Ok(false),
            Found::Field(field) => self.fits(field, check),
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                let mut any = false;
                for element in self.frames(array)? {
                    any |= self.any_value(element, behind(path, offset), check)?;
                }
                Ok(any)
            }
        }
    }

    /// Recursion is bounded by the nesting of the document.
    fn fits(&mut self, id: NodeId, check: &Check) -> Result<bool, Refusal> {
        let shape = self.shape(id);
        match (check, shape) {
            (Check::Exists | Check::Missing, _) => Ok(true),
            (Check::In(_) | Check::Matches(_), Shape::Array) => {
                let mut any = false;
                let mut next = self.first_child(id)?;
                while let Some(element) = next {
                    next = self.next_sibling(element);
                    any |= self.fits(element, check)?;
                }
                Ok(any)
            }
            (Check::In(_), Shape::Object)
            | (Check::Matches(_), Shape::Object | Shape::Number | Shape::Boolean | Shape::Null) => {
                Ok(false)
            }
            (Check::In(keys), Shape::String | Shape::Number | Shape::Boolean | Shape::Null) => {
                Ok(keys.contains(&ScalarKey::of(self.scalar_text(id))))
            }
            (Check::Matches(pattern), Shape::String) => {
                let mut content = Vec::new();
                self.push_content(id, &mut content);
                Ok(pattern.fits(&content))
            }
        }
    }
}
