//! `rename`, `move`, `copy` and `remove`.

use super::{
    document::{NodeId, Workspace},
    operation::Existing,
    place::{across_array, behind, exists},
    rejection::Refusal,
    search::{ArrayOnTheWay, Found},
};
use crate::json::quote;

/// How a value gets to its new place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Under another name in the same parent.
    Rename,
    /// Away from the old place.
    Move,
    /// At both places.
    Copy,
}

/// From where to where within a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route<'p> {
    pub(super) manner: Manner,
    pub(super) from: &'p str,
    pub(super) to: &'p str,
    pub(super) existing: Existing,
}

impl Workspace {
    /// Takes a value to its new place, in every element where arrays are on the way.
    pub(super) fn relocate(&mut self, frame: NodeId, route: Route<'_>) -> Result<(), Refusal> {
        match self.find(frame, route.from)? {
            Found::Missing(_) => Ok(()),
            Found::Field(field) => match route.manner {
                Manner::Rename => self.rename_field(frame, field, route),
                Manner::Move => {
                    let value = self.value_of(field)?;
                    self.remove_with_parents(frame, field)?;
                    self.write_once(frame, route.to, value, route.existing)
                }
                Manner::Copy => {
                    let value = self.value_of(field)?;
                    self.write_once(frame, route.to, value, route.existing)
                }
            },
            Found::InArray(on_the_way) => {
                let to = self.target_in_array(frame, on_the_way, route.from, route.to)?;
                let route = Route { from: behind(route.from, on_the_way.offset), to, ..route };
                for element in self.frames(on_the_way.array)? {
                    self.relocate(element, route)?;
                }
                Ok(())
            }
        }
    }

    /// Takes a field away, in every element where arrays are on the way.
    pub(super) fn remove_field(&mut self, frame: NodeId, path: &str) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Missing(_) => {}
            Found::Field(field) => self.remove(field),
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                for element in self.frames(array)? {
                    self.remove_field(element, behind(path, offset))?;
                }
            }
        }
        Ok(())
    }

    /// The rest of a target's path for the elements of an array that a source's path goes through. The target must lead
    /// through the same array, and must not stand anywhere else as well.
    pub(super) fn target_in_array<'p>(
        &mut self,
        frame: NodeId,
        on_the_way: ArrayOnTheWay,
        from: &str,
        to: &'p str,
    ) -> Result<&'p str, Refusal> {
        let shared = from.get(..on_the_way.offset).unwrap_or_default();
        let rest = to.strip_prefix(shared).ok_or_else(|| across_array(to))?;
        match self.find(frame, to)? {
            Found::Field(_) => Err(Refusal::ambiguous(to)),
            Found::InArray(other) if other != on_the_way => Err(Refusal::ambiguous(to)),
            Found::InArray(_) | Found::Missing(_) => Ok(rest),
        }
    }

    /// Does something to every element of an array that one of several fields goes through, of which all and the target must
    /// lead through it; it gets their paths within an element.
    pub(super) fn through_array(
        &mut self,
        frame: NodeId,
        (on_the_way, from): (ArrayOnTheWay, &str),
        (fields, into): (&[&str], &str),
        mut each: impl FnMut(&mut Self, NodeId, (&[&str], &str)) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut inner = Vec::with_capacity(fields.len());
        for field in fields {
            inner.push(self.target_in_array(frame, on_the_way, from, field)?);
        }
        let into = self.target_in_array(frame, on_the_way, from, into)?;
        for element in self.frames(on_the_way.array)? {
            each(self, element, (&inner, into))?;
        }
        Ok(())
    }

    fn rename_field(
        &mut self,
        frame: NodeId,
        field: NodeId,
        route: Route<'_>,
    ) -> Result<(), Refusal> {
        match self.find(frame, route.to)? {
            Found::Field(target) if target == field => return Ok(()),
            Found::Field(target) => match route.existing {
                Existing::Reject => return Err(exists(route.to)),
                Existing::Overwrite => self.remove(target),
                Existing::Keep => {
                    self.remove(field);
                    return Ok(());
                }
            },
            Found::InArray(_) => return Err(across_array(route.to)),
            Found::Missing(_) => {}
        }
        // A dotted key holds the end of the path; what stands before it is the same in both paths.
        let before = route.from.len().saturating_sub(self.key(field).len());
        let mut key = String::with_capacity(route.to.len() + 2);
        quote(behind(route.to, before), &mut key);
        self.replace_key(field, &key)
    }
}
