//! `flatten`: the members of an object become fields beside it. (`nest` is several moves, so it is in `relocate`.)

use std::collections::BTreeSet;

use super::{
    document::{NodeId, Shape, Value, Workspace},
    operation::{Existing, FieldPath},
    place::behind,
    rejection::{Refusal, RejectionCode},
    rewrite::glimpse,
    search::Found,
};

/// What is flattened within a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flattening<'p> {
    pub(super) field: &'p str,
    /// What stands before a member's name in its new path: the field's parent, and the prefix.
    pub(super) front: &'p str,
    pub(super) existing: Existing,
}

impl Workspace {
    /// Puts an object's members beside it, in every element where arrays are on the way. Gives the paths that were
    /// written.
    pub(super) fn flatten_field(
        &mut self,
        frame: NodeId,
        flattening: Flattening<'_>,
    ) -> Result<BTreeSet<String>, Refusal> {
        let Flattening { field: path, front, existing } = flattening;
        match self.find(frame, path)? {
            Found::Missing(_) => Ok(BTreeSet::new()),
            Found::Field(field) => {
                let members = self.members(field, front)?;
                self.remove_with_parents(frame, field)?;
                let mut written = BTreeSet::new();
                for (path, value) in members {
                    self.write_once(frame, &path, value, existing)?;
                    written.insert(path);
                }
                Ok(written)
            }
            Found::InArray(on_the_way) => {
                let shared = path.get(..on_the_way.offset).unwrap_or_default();
                let field = behind(path, on_the_way.offset);
                let front = behind(front, on_the_way.offset);
                let mut written = BTreeSet::new();
                for element in self.frames(on_the_way.array)? {
                    written.append(
                        &mut self.flatten_field(element, Flattening { field, front, existing })?,
                    );
                }
                let written: BTreeSet<String> =
                    written.into_iter().map(|path| format!("{shared}{path}")).collect();
                // None of them may stand outside of the array as well.
                for path in &written {
                    self.find(frame, path)?;
                }
                Ok(written)
            }
        }
    }

    /// The members of an object with their new paths; none for `null`.
    fn members(&mut self, field: NodeId, front: &str) -> Result<Vec<(String, Value)>, Refusal> {
        match self.shape(field) {
            Shape::Object => {}
            Shape::Null => return Ok(Vec::new()),
            Shape::Array => return Err(not_an_object("an array")),
            Shape::String | Shape::Number | Shape::Boolean => {
                return Err(not_an_object(&glimpse(self.scalar_text(field))));
            }
        }
        let mut members = Vec::new();
        let mut next = self.first_child(field)?;
        while let Some(member) = next {
            next = self.next_sibling(member);
            let name = self.key(member);
            let path = str::from_utf8(name).ok().map(|name| format!("{front}{name}"));
            let path = path.and_then(|path| FieldPath::try_from(path).ok());
            let path = path.ok_or_else(|| no_path(&String::from_utf8_lossy(name)))?;
            members.push((path.into(), self.value_of(member)?));
        }
        Ok(members)
    }
}

fn not_an_object(value: &str) -> Refusal {
    let message = format!("{value} is not an object and can't be flattened; unwrap or move it");
    Refusal::new(RejectionCode::Flatten, message)
}

fn no_path(name: &str) -> Refusal {
    let message = format!(
        "its member {} has a name that can't be part of a path; remove it first",
        glimpse(name)
    );
    Refusal::new(RejectionCode::Flatten, message)
}
