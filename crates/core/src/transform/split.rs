//! `split`: one string becomes several fields.

use super::{
    document::{NodeId, Shape, Value, Workspace},
    operation::Existing,
    place::behind,
    rejection::{Refusal, RejectionCode},
    rewrite::glimpse,
    search::Found,
};
use crate::json::{inner, quote_bytes, unescape};

/// What is split within a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<'p> {
    pub(super) field: &'p str,
    pub(super) separator: &'p str,
    pub(super) into: &'p [&'p str],
}

impl Workspace {
    /// Splits a string, in every element where arrays are on the way.
    pub(super) fn split_field(&mut self, frame: NodeId, cut: Cut<'_>) -> Result<(), Refusal> {
        let field = match self.find(frame, cut.field)? {
            Found::Missing(_) => return Ok(()),
            Found::Field(field) => field,
            Found::InArray(on_the_way) => {
                let mut into = Vec::with_capacity(cut.into.len());
                for target in cut.into {
                    into.push(self.target_in_array(frame, on_the_way, cut.field, target)?);
                }
                let field = behind(cut.field, on_the_way.offset);
                for element in self.frames(on_the_way.array)? {
                    self.split_field(element, Cut { field, into: &into, ..cut })?;
                }
                return Ok(());
            }
        };
        let parts = self.parts(field, cut)?;
        let in_place = cut.into.iter().position(|target| *target == cut.field);
        match (in_place, in_place.and_then(|position| parts.get(position))) {
            (Some(_), Some(part)) => self.replace(field, *part)?,
            (Some(_), None) if parts.is_empty() => {}
            _ => self.remove_with_parents(frame, field)?,
        }
        for (target, part) in cut.into.iter().zip(&parts) {
            if *target != cut.field {
                self.write_once(frame, target, *part, Existing::Reject)?;
            }
        }
        Ok(())
    }

    /// Appends what a string says; bytes, as content need not be UTF-8.
    pub(super) fn push_content(&self, field: NodeId, content: &mut Vec<u8>) {
        let literal = self.scalar_text(field);
        if literal.contains('\\') {
            unescape(literal, content);
        } else {
            content.extend_from_slice(inner(literal).as_bytes());
        }
    }

    /// The parts as values; none for `null`.
    fn parts(&mut self, field: NodeId, cut: Cut<'_>) -> Result<Vec<Value>, Refusal> {
        match self.shape(field) {
            Shape::String => {}
            Shape::Null => return Ok(Vec::new()),
            Shape::Object => return Err(not_a_string("an object")),
            Shape::Array => return Err(not_a_string("an array")),
            Shape::Number | Shape::Boolean => {
                return Err(not_a_string(&glimpse(self.scalar_text(field))));
            }
        }
        let mut content = Vec::new();
        self.push_content(field, &mut content);
        let parts = split_bytes(&content, cut.separator.as_bytes(), cut.into.len());
        parts.into_iter().map(|part| self.make(0, |text| quote_bytes(part, text))).collect()
    }
}

fn not_a_string(value: &str) -> Refusal {
    let message = format!("{value} is not a string and can't be split; cast it to string first");
    Refusal::new(RejectionCode::NotAString, message)
}

/// At most `count_max` parts, the last one with all that is left. Works on bytes, as content need not be UTF-8.
fn split_bytes<'a>(content: &'a [u8], separator: &[u8], count_max: usize) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = content;
    while parts.len() + 1 < count_max && !separator.is_empty() {
        let Some(at) = memchr::memmem::find(rest, separator) else { break };
        parts.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}
