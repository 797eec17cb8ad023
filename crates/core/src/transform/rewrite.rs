//! Values that are changed where they stand: the way to them, through arrays, and what becomes of those that can't be.
//!
//! What is made of one value is not here but in the file of each operation.

use super::{
    document::{NodeId, Shape, Workspace},
    operation::Otherwise,
    place::behind,
    rejection::{Refusal, RejectionCode},
    search::{ArrayOnTheWay, Found},
};
use crate::json::{inner, unescape};

/// Characters of a value that a message shows.
const GLIMPSE_CHARACTERS_MAX: usize = 60;

/// What becomes of a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// It stays, with its bytes.
    Same,
    /// This JSON text, a single value.
    Json(String),
    /// This JSON text, with so many levels of nesting.
    Value { json: String, levels: u8 },
    /// Nothing can be made of it.
    Impossible,
}

/// Makes another value of a single value.
pub(super) trait Rewrite {
    /// The code of a rejection.
    const CODE: RejectionCode;

    /// What becomes of a single value, `null` included. `json` is how it is written.
    fn rewrite(&self, shape: Shape, json: &str) -> Rewritten;

    /// What can't be done with a value, as a sentence goes on behind it.
    fn problem(&self) -> String;
}

impl Workspace {
    /// Changes a field's value, in every element where arrays are on the way.
    pub(super) fn rewrite_field(
        &mut self,
        frame: NodeId,
        path: &str,
        rewriter: &impl Rewrite,
        otherwise: Otherwise,
    ) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Missing(_) => Ok(()),
            Found::Field(field) => self.rewrite_value(field, rewriter, otherwise),
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                for element in self.frames(array)? {
                    self.rewrite_field(element, behind(path, offset), rewriter, otherwise)?;
                }
                Ok(())
            }
        }
    }

    /// Recursion is bounded by the nesting of the document.
    fn rewrite_value(
        &mut self,
        id: NodeId,
        rewriter: &impl Rewrite,
        otherwise: Otherwise,
    ) -> Result<(), Refusal> {
        let shape = self.shape(id);
        let rewritten = match shape {
            Shape::Object => Rewritten::Impossible,
            Shape::Array => {
                let mut next = self.first_child(id)?;
                while let Some(element) = next {
                    next = self.next_sibling(element);
                    self.rewrite_value(element, rewriter, otherwise)?;
                }
                Rewritten::Same
            }
            Shape::String | Shape::Number | Shape::Boolean | Shape::Null => {
                rewriter.rewrite(shape, self.scalar_text(id))
            }
        };
        match rewritten {
            Rewritten::Same => Ok(()),
            Rewritten::Json(json) => {
                let value = self.make(0, |text| text.push_str(&json))?;
                self.replace(id, value)
            }
            Rewritten::Value { json, levels } => {
                let value = self.make(levels, |text| text.push_str(&json))?;
                self.replace(id, value)
            }
            Rewritten::Impossible => self.leave_otherwise(id, rewriter, otherwise),
        }
    }

    fn leave_otherwise<R: Rewrite>(
        &mut self,
        id: NodeId,
        rewriter: &R,
        otherwise: Otherwise,
    ) -> Result<(), Refusal> {
        match otherwise {
            Otherwise::Keep => Ok(()),
            Otherwise::Remove => {
                self.remove(id);
                Ok(())
            }
            Otherwise::Null => {
                let null = self.make(0, |text| text.push_str("null"))?;
                self.replace(id, null)
            }
            Otherwise::Reject => {
                let value = match self.shape(id) {
                    Shape::Object => "an object".into(),
                    _ => glimpse(self.scalar_text(id)),
                };
                let message = format!(
                    "{value} {}; say `otherwise: keep`, `remove` or `null` if such values may occur",
                    rewriter.problem()
                );
                Err(Refusal::new(R::CODE, message))
            }
        }
    }
}

/// What a string says; text that no `str` can hold is replaced by a mark.
pub(super) fn content(literal: &str) -> String {
    if !literal.contains('\\') {
        return inner(literal).into();
    }
    let mut bytes = Vec::new();
    unescape(literal, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The front of a value, fit for a message.
pub(super) fn glimpse(json: &str) -> String {
    let mut front: String = json.chars().take(GLIMPSE_CHARACTERS_MAX).collect();
    if front.len() < json.len() {
        front.push('…');
    }
    let mut shown = String::from("`");
    shown.push_str(&front);
    shown.push('`');
    shown
}
