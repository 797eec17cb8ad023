//! `each`: one document becomes several, one for every element of a list.

use super::{
    document::{ROOT, Shape, Workspace},
    operation::{Dividing, Elementless, Existing, Template},
    rejection::{Refusal, RejectionCode},
    relocate::{Manner, Route},
    search::Found,
};

/// What `each` does, with everything worked out that does not depend on a document.
#[derive(Debug, Clone)]
pub(super) struct Division {
    field: String,
    into: Option<String>,
    id: Template,
    empty: Elementless,
}

/// A document without its list, and the elements.
#[derive(Debug)]
pub(super) struct Divided {
    /// The document with `null` in the place of the list: a list of many is not read again for each of them.
    shell: Vec<u8>,
    /// The elements as they are written, with their levels.
    elements: Vec<(String, u8)>,
}

impl Divided {
    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }
}

impl Division {
    pub(super) fn of(dividing: &Dividing) -> Self {
        let Dividing { field, into, id, empty } = dividing;
        let into = into.as_ref().filter(|into| *into != field).map(ToString::to_string);
        Self { field: field.to_string(), into, id: id.clone(), empty: *empty }
    }

    pub(super) fn id(&self) -> &Template {
        &self.id
    }

    /// Whether a document without elements goes on.
    pub(super) fn keeps(&self) -> bool {
        self.empty == Elementless::Keep
    }

    /// Takes the elements out of the document at hand; `None` when there are none, and that is no rejection.
    pub(super) fn take_apart(
        &self,
        workspace: &mut Workspace,
    ) -> Result<Option<Divided>, (Refusal, &str)> {
        let divided = workspace.take_elements(&self.field);
        let divided = divided.map_err(|refusal| (refusal, self.field.as_str()))?;
        match (divided, self.empty) {
            (None, Elementless::Reject) => {
                let message = "there is no element to make a document of; say `empty: keep` or `drop` if that may be";
                let refusal = Refusal::new(RejectionCode::Elements, message);
                Err((refusal, self.field.as_str()))
            }
            (divided, Elementless::Reject | Elementless::Keep | Elementless::Drop) => Ok(divided),
        }
    }

    /// Makes the document of one element the one at hand.
    pub(super) fn put_together(
        &self,
        workspace: &mut Workspace,
        (divided, position): (&Divided, usize),
    ) -> Result<(), (Refusal, &str)> {
        let Some((element, levels)) = divided.elements.get(position) else { return Ok(()) };
        workspace
            .load(&divided.shell)
            .and_then(|()| workspace.put_element(&self.field, (element, *levels)))
            .map_err(|refusal| (refusal, self.field.as_str()))?;
        let Some(into) = &self.into else { return Ok(()) };
        let (from, existing) = (self.field.as_str(), Existing::Reject);
        let route = Route { manner: Manner::Move, from, to: into, existing };
        workspace.relocate(ROOT, route).map_err(|refusal| (refusal, into.as_str()))
    }
}

impl Workspace {
    /// The elements of a list, and the document without it. Of a document without elements nothing is changed.
    fn take_elements(&mut self, path: &str) -> Result<Option<Divided>, Refusal> {
        let list = match self.find(ROOT, path)? {
            Found::Missing(_) => return Ok(None),
            Found::Field(list) => list,
            Found::InArray(_) => {
                let message = "it stands in the elements of another list; divide that one first";
                return Err(Refusal::new(RejectionCode::Elements, message));
            }
        };
        match self.shape(list) {
            Shape::Null => return Ok(None),
            Shape::Array => {}
            Shape::Object | Shape::String | Shape::Number | Shape::Boolean => {
                let message = "it is no list; `wrap` makes a list of a single value";
                return Err(Refusal::new(RejectionCode::Elements, message));
            }
        }
        let mut elements = Vec::new();
        let mut next = self.first_child(list)?;
        while let Some(element) = next {
            let value = self.value_of(element)?;
            elements.push((self.value_text(value).to_owned(), value.levels));
            next = self.next_sibling(element);
        }
        if elements.is_empty() {
            return Ok(None);
        }
        let null = self.make(0, |text| text.push_str("null"))?;
        self.replace(list, null)?;
        Ok(Some(Divided { shell: self.render()?.to_vec(), elements }))
    }

    fn put_element(&mut self, path: &str, (json, levels): (&str, u8)) -> Result<(), Refusal> {
        // It was there when the document was taken apart.
        let Found::Field(field) = self.find(ROOT, path)? else { return Ok(()) };
        let value = self.make(levels, |text| text.push_str(json))?;
        self.replace(field, value)
    }
}
