//! `join`: several strings become one field, as `split` would have to find them.

use super::{
    document::{NodeId, Shape, Workspace},
    operation::{Existing, Lists},
    rejection::{Refusal, RejectionCode},
    rewrite::glimpse,
    search::Found,
};
use crate::json::quote_bytes;

/// What is joined within a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seam<'p> {
    pub(super) fields: &'p [&'p str],
    pub(super) separator: &'p str,
    pub(super) into: &'p str,
    pub(super) lists: Lists,
}

/// A part that is there.
#[derive(Debug, Clone, Copy)]
struct Part<'p> {
    path: &'p str,
    field: NodeId,
}

impl Workspace {
    /// Joins strings, in every element where arrays are on the way. Parts that are missing or `null` have no text.
    pub(super) fn join_fields(&mut self, frame: NodeId, seam: Seam<'_>) -> Result<(), Refusal> {
        let mut parts = Vec::with_capacity(seam.fields.len());
        let mut array = None;
        for path in seam.fields {
            match self.find(frame, path)? {
                Found::Missing(_) => {}
                Found::Field(field) => parts.push(Part { path, field }),
                Found::InArray(on_the_way) => array = array.or(Some((on_the_way, *path))),
            }
        }
        match array {
            Some(way) => {
                let paths = (seam.fields, seam.into);
                self.through_array(frame, way, paths, |workspace, element, (fields, into)| {
                    workspace.join_fields(element, Seam { fields, into, ..seam })
                })
            }
            None => self.join_parts(frame, &parts, seam),
        }
    }

    fn join_parts(
        &mut self,
        frame: NodeId,
        parts: &[Part<'_>],
        seam: Seam<'_>,
    ) -> Result<(), Refusal> {
        let whole = self.joined(parts, (seam.separator, seam.lists))?;
        let in_place = parts.iter().find(|part| part.path == seam.into);
        let value = match whole {
            Some(whole) => Some(self.make(0, |text| quote_bytes(&whole, text))?),
            None => None,
        };
        if let (Some(part), Some(value)) = (in_place, value) {
            self.replace(part.field, value)?;
        }
        for part in parts.iter().filter(|part| part.path != seam.into) {
            self.remove_with_parents(frame, part.field)?;
        }
        match value {
            Some(value) if in_place.is_none() => {
                self.write_once(frame, seam.into, value, Existing::Reject)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The content of the whole; nothing where no part has a text.
    fn joined(
        &mut self,
        parts: &[Part<'_>],
        (separator, lists): (&str, Lists),
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let mut whole: Option<Vec<u8>> = None;
        for part in parts {
            let text = match self.shape(part.field) {
                Shape::Array if lists == Lists::Join => Some(self.joined_list(*part, separator)?),
                Shape::Array => return Err(not_a_string(part.path, "an array")),
                Shape::Object | Shape::String | Shape::Number | Shape::Boolean | Shape::Null => {
                    self.part_text(*part)?
                }
            };
            let Some(text) = text else { continue };
            add(&mut whole, &text, separator);
        }
        Ok(whole)
    }

    /// The texts of a list, joined; one that is `null` is left out.
    fn joined_list(&mut self, list: Part<'_>, separator: &str) -> Result<Vec<u8>, Refusal> {
        let mut whole: Option<Vec<u8>> = None;
        let mut next = self.first_child(list.field)?;
        while let Some(element) = next {
            next = self.next_sibling(element);
            let Some(text) = self.part_text(Part { field: element, ..list })? else { continue };
            add(&mut whole, &text, separator);
        }
        Ok(whole.unwrap_or_default())
    }

    /// The content of a string; nothing of `null`.
    fn part_text(&self, part: Part<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        match self.shape(part.field) {
            Shape::String => {
                let mut text = Vec::new();
                self.push_content(part.field, &mut text);
                Ok(Some(text))
            }
            Shape::Null => Ok(None),
            Shape::Object => Err(not_a_string(part.path, "an object")),
            Shape::Array => Err(not_a_string(part.path, "an array")),
            Shape::Number | Shape::Boolean => {
                Err(not_a_string(part.path, &glimpse(self.scalar_text(part.field))))
            }
        }
    }
}

fn add(whole: &mut Option<Vec<u8>>, text: &[u8], separator: &str) {
    if let Some(before) = whole {
        before.extend_from_slice(separator.as_bytes());
    }
    whole.get_or_insert_default().extend_from_slice(text);
}

fn not_a_string(path: &str, value: &str) -> Refusal {
    let message =
        format!("`{path}` is {value}, no string, and can't be joined; cast it to string first");
    Refusal::new(RejectionCode::PartNotAString, message)
}
