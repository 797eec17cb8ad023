//! `wrap` and `unwrap`: a value becomes a list of one, and back.

use super::{
    document::{NodeId, Shape, Workspace},
    operation::{Empty, Several},
    place::behind,
    rejection::{Refusal, RejectionCode},
    search::{ArrayOnTheWay, Found},
};

impl Workspace {
    /// Puts a field's value into an array, in every element where arrays are on the way. Arrays and `null` stay.
    pub(super) fn wrap_field(&mut self, frame: NodeId, path: &str) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Missing(_) => Ok(()),
            Found::Field(field) => match self.shape(field) {
                Shape::Array | Shape::Null => Ok(()),
                Shape::Object | Shape::String | Shape::Number | Shape::Boolean => {
                    let value = self.value_of(field)?;
                    let levels = value.levels.checked_add(1).ok_or_else(Refusal::too_deep)?;
                    let list = self.make_around("[", value, "]", levels)?;
                    self.replace(field, list)
                }
            },
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                for element in self.frames(array)? {
                    self.wrap_field(element, behind(path, offset))?;
                }
                Ok(())
            }
        }
    }

    /// Takes the one element out of a field's array, in every element where arrays are on the way.
    pub(super) fn unwrap_field(
        &mut self,
        frame: NodeId,
        path: &str,
        several: Several,
        empty: Empty,
    ) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Field(field) if self.shape(field) == Shape::Array => {
                self.unwrap_list(field, several, empty)
            }
            Found::Field(_) | Found::Missing(_) => Ok(()),
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                for element in self.frames(array)? {
                    self.unwrap_field(element, behind(path, offset), several, empty)?;
                }
                Ok(())
            }
        }
    }

    fn unwrap_list(&mut self, list: NodeId, several: Several, empty: Empty) -> Result<(), Refusal> {
        let Some(first) = self.first_child(list)? else {
            match empty {
                Empty::Remove => self.remove(list),
                Empty::Null => {
                    let null = self.make(0, |text| text.push_str("null"))?;
                    self.replace(list, null)?;
                }
            }
            return Ok(());
        };
        if self.next_sibling(first).is_some() {
            match several {
                Several::Keep => return Ok(()),
                Several::First => {}
                Several::Reject => {
                    let message = "the list has more than one element; say `several: first` or \
                                   `several: keep` if such lists may occur";
                    return Err(Refusal::new(RejectionCode::SeveralElements, message));
                }
            }
        }
        let value = self.value_of(first)?;
        self.replace(list, value)
    }
}
