//! `cast`: a value of another type, with its digits.

use super::{
    document::{NodeId, Shape, Workspace},
    operation::{CastType, Otherwise},
    place::behind,
    rejection::{Refusal, RejectionCode},
    search::{ArrayOnTheWay, Found},
};
use crate::json::{Decimal, Scanner, inner, unescape};

/// Characters of a value that a message shows.
const GLIMPSE_CHARACTERS_MAX: usize = 60;

/// What becomes of a scalar.
#[derive(Debug, PartialEq, Eq)]
enum Conversion {
    /// It has the type already.
    Same,
    /// This JSON text.
    Text(String),
    /// It can't have the type.
    Impossible,
}

impl Workspace {
    /// Turns a field's value into a type, in every element where arrays are on the way.
    pub(super) fn cast_field(
        &mut self,
        frame: NodeId,
        path: &str,
        to: CastType,
        otherwise: Otherwise,
    ) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Missing(_) => Ok(()),
            Found::Field(field) => self.cast_value(field, to, otherwise),
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                for element in self.frames(array)? {
                    self.cast_field(element, behind(path, offset), to, otherwise)?;
                }
                Ok(())
            }
        }
    }

    /// Recursion is bounded by the nesting of the document.
    fn cast_value(
        &mut self,
        id: NodeId,
        to: CastType,
        otherwise: Otherwise,
    ) -> Result<(), Refusal> {
        let shape = self.shape(id);
        let conversion = match shape {
            Shape::Null => Conversion::Same,
            Shape::Object => Conversion::Impossible,
            Shape::Array => {
                let mut next = self.first_child(id)?;
                while let Some(element) = next {
                    next = self.next_sibling(element);
                    self.cast_value(element, to, otherwise)?;
                }
                Conversion::Same
            }
            Shape::String | Shape::Number | Shape::Boolean => {
                convert(shape, self.scalar_text(id), to)
            }
        };
        match conversion {
            Conversion::Same => Ok(()),
            Conversion::Text(json) => {
                let value = self.make(0, |text| text.push_str(&json))?;
                self.replace(id, value)
            }
            Conversion::Impossible => self.cast_otherwise(id, to, otherwise),
        }
    }

    fn cast_otherwise(
        &mut self,
        id: NodeId,
        to: CastType,
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
                    "{value} can't become a {}; say `otherwise: keep`, `remove` or `null` if such \
                     values may occur",
                    type_name(to)
                );
                Err(Refusal::new(RejectionCode::Cast, message))
            }
        }
    }
}

fn convert(shape: Shape, json: &str, to: CastType) -> Conversion {
    match (to, shape) {
        (CastType::String, Shape::String)
        | (CastType::Double, Shape::Number)
        | (CastType::Boolean, Shape::Boolean) => Conversion::Same,
        (CastType::String, Shape::Number | Shape::Boolean) => {
            Conversion::Text(format!("\"{json}\""))
        }
        (CastType::Long, Shape::Number) => number_to_long(json),
        (CastType::Long, Shape::String) => string_to_long(&content(json)),
        (CastType::Double, Shape::String) => {
            let content = content(json);
            if is_number(&content) { Conversion::Text(content) } else { Conversion::Impossible }
        }
        (CastType::Boolean, Shape::String) => {
            let content = content(json);
            let known = matches!(content.as_str(), "true" | "false");
            if known { Conversion::Text(content) } else { Conversion::Impossible }
        }
        (
            CastType::String | CastType::Long | CastType::Double | CastType::Boolean,
            Shape::Object | Shape::Array | Shape::Null | Shape::Number | Shape::Boolean,
        ) => Conversion::Impossible,
    }
}

fn number_to_long(json: &str) -> Conversion {
    let is_integer = !json.contains(['.', 'e', 'E']);
    match Decimal::of(json).to_i64() {
        Some(_) if is_integer => Conversion::Same,
        Some(long) => Conversion::Text(long.to_string()),
        None => Conversion::Impossible,
    }
}

fn string_to_long(content: &str) -> Conversion {
    // The standard parser takes exactly this: a sign or none, then at least one decimal digit.
    match content.parse::<i64>() {
        Ok(long) => Conversion::Text(long.to_string()),
        Err(_) => Conversion::Impossible,
    }
}

fn is_number(content: &str) -> bool {
    let mut scanner = Scanner::new(content);
    scanner.number().is_ok() && scanner.position() == content.len()
}

/// What a string says. Text that no `str` can hold is no number and no boolean either.
fn content(literal: &str) -> String {
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

fn type_name(to: CastType) -> &'static str {
    match to {
        CastType::String => "string",
        CastType::Long => "long",
        CastType::Double => "double",
        CastType::Boolean => "boolean",
    }
}
