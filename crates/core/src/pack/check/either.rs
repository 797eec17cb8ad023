//! What stands at fields after one of two ways, of which nobody knows which one a document took.

use crate::transform::operation::{Condition, Question, Test};

use super::schema::{Field, Fields, Others, Shape};

impl Fields {
    /// The fields of documents that come from either side.
    pub(super) fn or(mut self, other: Self) -> Self {
        let Self { known, others, is_nested } = other;
        for (name, field) in known {
            let field = match self.known.remove(&name) {
                Some(there) => there.or(field),
                None => field,
            };
            self.known.insert(name, field);
        }
        if others == Others::Taken {
            self.others = Others::Taken;
        }
        self.is_nested |= is_nested;
        self
    }
}

impl Fields {
    /// Takes away what documents can't have of which a condition holds, or doesn't.
    pub(super) fn narrow(&mut self, condition: &Condition, holds: bool) {
        match condition {
            Condition::Not(part) => self.narrow(part, !holds),
            Condition::All(parts) if holds => {
                for part in parts {
                    self.narrow(part, true);
                }
            }
            Condition::Any(parts) if !holds => {
                for part in parts {
                    self.narrow(part, false);
                }
            }
            // One of them, but which?
            Condition::All(_) | Condition::Any(_) => {}
            Condition::Field(Question { field, test }) => {
                let is_missing = match test {
                    Test::Missing => holds,
                    Test::Exists => !holds,
                    Test::In(_) | Test::Matches(_) => false,
                };
                if is_missing {
                    self.remove(&field.segments().collect::<Vec<_>>());
                }
            }
        }
    }
}

impl Field {
    /// What stands there on either side.
    pub(super) fn or(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        let writer = if self.writer == other.writer { self.writer } else { None };
        match (self, other) {
            (
                Self { shape: Shape::Object(one), writer: _ },
                Self { shape: Shape::Object(other), writer: _ },
            ) => Self { shape: Shape::Object(one.or(other)), writer },
            (one, other) => {
                let mut all = one.alternatives();
                for alternative in other.alternatives() {
                    if !all.contains(&alternative) {
                        all.push(alternative);
                    }
                }
                Self { shape: Shape::Either(all), writer }
            }
        }
    }

    fn alternatives(self) -> Vec<Self> {
        match self.shape {
            Shape::Either(all) => all,
            Shape::Object(_) | Shape::Value(_) | Shape::Anything | Shape::FieldAlias => vec![self],
        }
    }
}
