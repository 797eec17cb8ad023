//! Where a value is written: over a field, behind the members of its parent, or in parents that are made.

use super::{
    document::{NodeId, Shape, Value, Workspace},
    operation::Existing,
    rejection::{Refusal, RejectionCode},
    search::{ArrayOnTheWay, Found, Reached},
};
use crate::json::quote;

impl Workspace {
    /// Writes a value at a path, in every element where arrays are on the way. A field that exists is overwritten, or
    /// left alone.
    pub(super) fn assign(
        &mut self,
        frame: NodeId,
        path: &str,
        value: Value,
        overwrite: bool,
    ) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Field(field) if overwrite => self.replace(field, value),
            Found::Field(_) => Ok(()),
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                self.assign_in_array(array, behind(path, offset), value, overwrite)
            }
            Found::Missing(reached) if self.shape(reached.node) == Shape::Array => {
                check_once(reached, path)?;
                self.assign_in_array(reached.node, behind(path, reached.offset), value, overwrite)
            }
            Found::Missing(reached) => self.put(reached, path, value),
        }
    }

    /// Writes a value at a path within the frame; it can't go into the elements of an array.
    pub(super) fn write_once(
        &mut self,
        frame: NodeId,
        path: &str,
        value: Value,
        existing: Existing,
    ) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Field(field) => match existing {
                Existing::Reject => Err(exists(path)),
                Existing::Overwrite => self.replace(field, value),
                Existing::Keep => Ok(()),
            },
            Found::InArray(_) => Err(across_array(path)),
            Found::Missing(reached) if self.shape(reached.node) == Shape::Array => {
                Err(across_array(path))
            }
            Found::Missing(reached) => self.put(reached, path, value),
        }
    }

    /// Takes a field away, and every parent that is empty then, up to the frame.
    pub(super) fn remove_with_parents(
        &mut self,
        frame: NodeId,
        field: NodeId,
    ) -> Result<(), Refusal> {
        self.remove(field);
        let mut next = self.parent(field);
        while let Some(parent) = next {
            if parent == frame || self.first_child(parent)?.is_some() {
                break;
            }
            self.remove(parent);
            next = self.parent(parent);
        }
        Ok(())
    }

    fn assign_in_array(
        &mut self,
        array: NodeId,
        path: &str,
        value: Value,
        overwrite: bool,
    ) -> Result<(), Refusal> {
        let mut next = self.first_child(array)?;
        while let Some(element) = next {
            match self.shape(element) {
                Shape::Object => self.assign(element, path, value, overwrite)?,
                Shape::Array => self.assign_in_array(element, path, value, overwrite)?,
                // Says that nothing is there, and goes on saying so.
                Shape::Null => {}
                Shape::String | Shape::Number | Shape::Boolean => {
                    let message = format!(
                        "an element of the array is no object, so `{path}` can't be made in it"
                    );
                    return Err(Refusal::new(RejectionCode::ParentNotAnObject, message));
                }
            }
            next = self.next_sibling(element);
        }
        Ok(())
    }

    /// Makes a field, with the parents that are missing. A parent that is `null` becomes an object.
    fn put(&mut self, reached: Reached, path: &str, value: Value) -> Result<(), Refusal> {
        check_once(reached, path)?;
        let rest = behind(path, reached.offset);
        match self.shape(reached.node) {
            Shape::Object => {
                let (name, inside) = rest.split_once('.').unwrap_or((rest, ""));
                let value = self.within_parents(inside, value)?;
                let mut key = String::with_capacity(name.len() + 2);
                quote(name, &mut key);
                self.append(reached.node, &key, value)
            }
            Shape::Null => {
                let object = self.within_parents(rest, value)?;
                self.replace(reached.node, object)
            }
            Shape::Array | Shape::String | Shape::Number | Shape::Boolean => {
                let parent = path.get(..reached.offset.saturating_sub(1)).unwrap_or_default();
                let message = format!(
                    "`{parent}` is no object, so `{path}` can't be made; move or remove it first"
                );
                Err(Refusal::new(RejectionCode::ParentNotAnObject, message))
            }
        }
    }

    /// `{"a":{"b":value}}` for the path `a.b`; the value itself for an empty one.
    fn within_parents(&mut self, path: &str, value: Value) -> Result<Value, Refusal> {
        if path.is_empty() {
            return Ok(value);
        }
        let mut before = String::new();
        let mut parent_count = 0_u8;
        for name in path.split('.') {
            before.push('{');
            quote(name, &mut before);
            before.push(':');
            parent_count = parent_count.saturating_add(1);
        }
        let after = "}".repeat(usize::from(parent_count));
        let levels = value.levels.checked_add(parent_count).ok_or_else(Refusal::too_deep)?;
        self.make_around(&before, value, &after, levels)
    }
}

/// The rest of a path.
pub(super) fn behind(path: &str, offset: usize) -> &str {
    path.get(offset..).unwrap_or_default()
}

pub(super) fn exists(path: &str) -> Refusal {
    let message = format!(
        "`{path}` exists already; say `existing: overwrite` or `existing: keep` where the \
         operation has it, or remove the field first"
    );
    Refusal::new(RejectionCode::Exists, message)
}

pub(super) fn across_array(path: &str) -> Refusal {
    let message = format!(
        "`{path}` is not in the same element of an array as the value; a value stays within its \
         element"
    );
    Refusal::new(RejectionCode::AcrossArray, message)
}

fn check_once(reached: Reached, path: &str) -> Result<(), Refusal> {
    if reached.twice { Err(Refusal::ambiguous(path)) } else { Ok(()) }
}
