//! Templates are filled: what a document's id and routing are made of.

use super::{
    document::{ROOT, Shape, Workspace},
    operation::{FieldPath, Template, TemplatePart},
    rejection::{Refusal, RejectionCode},
    search::Found,
    spread::Place,
};

/// Bytes of an id, as engines take them.
pub const ID_BYTES_MAX: usize = 512;

/// A refusal and the field that it is about.
type Outcome = Result<String, (Refusal, String)>;

impl Workspace {
    /// The `_id` that a template gives the document at hand; with the position of its element, if it was made of one.
    pub(super) fn fill_id(
        &mut self,
        (template, position): (&Template, Option<usize>),
        place: &Place<'_>,
    ) -> Outcome {
        let id = self.fill((template, position), place)?;
        check_id(&id).map_err(|refusal| (refusal, "_id".to_owned()))?;
        Ok(id)
    }

    /// The `_routing` that a template gives the document at hand.
    pub(super) fn fill_routing(&mut self, template: &Template, place: &Place<'_>) -> Outcome {
        let routing = self.fill((template, None), place)?;
        if routing.is_empty() {
            let refusal = Refusal::new(RejectionCode::Place, "its routing would be empty");
            return Err((refusal, "_routing".to_owned()));
        }
        Ok(routing)
    }

    fn fill(
        &mut self,
        (template, position): (&Template, Option<usize>),
        place: &Place<'_>,
    ) -> Outcome {
        let mut filled = String::new();
        for part in template.parts() {
            match part {
                TemplatePart::Text(text) => filled.push_str(text),
                TemplatePart::Id => filled.push_str(&place.id),
                TemplatePart::Routing => match &place.routing {
                    Some(routing) => filled.push_str(routing),
                    None => return Err(missing("_routing", "the document has no routing")),
                },
                TemplatePart::Field(field) => self.fill_field(field, &mut filled)?,
                TemplatePart::Position => match position {
                    Some(position) => filled.push_str(&position.to_string()),
                    None => return Err(missing("_position", "only `each` knows a position")),
                },
                // Steps are bound to the index that documents come from before they are compiled.
                TemplatePart::Index => {
                    return Err(missing("_index", "where the document comes from isn't known"));
                }
            }
        }
        Ok(filled)
    }

    fn fill_field(
        &mut self,
        path: &FieldPath,
        filled: &mut String,
    ) -> Result<(), (Refusal, String)> {
        let told = |refusal| (refusal, path.to_string());
        let refused = |message: &str| Err(missing(path.as_str(), message));
        let field = match self.find(ROOT, path.as_str()).map_err(told)? {
            Found::Field(field) => field,
            Found::Missing(_) => {
                return refused("it is missing, and an id or a routing is made of it");
            }
            Found::InArray(_) => return refused(SEVERAL),
        };
        match self.shape(field) {
            Shape::String => {
                let mut content = Vec::new();
                self.push_content(field, &mut content);
                match String::from_utf8(content) {
                    Ok(text) => filled.push_str(&text),
                    Err(_) => return refused("it holds half a character"),
                }
            }
            Shape::Number | Shape::Boolean => filled.push_str(self.scalar_text(field)),
            Shape::Null => return refused("it is `null`, and an id or a routing is made of it"),
            Shape::Object | Shape::Array => return refused(SEVERAL),
        }
        Ok(())
    }
}

const SEVERAL: &str =
    "it is no single value; an id or a routing is made of texts, numbers and booleans";

fn missing(field: &str, message: &str) -> (Refusal, String) {
    (Refusal::new(RejectionCode::Template, message), field.to_owned())
}

/// Whether a document can have this id.
pub(super) fn check_id(id: &str) -> Result<(), Refusal> {
    not_an_id(id).map_or(Ok(()), |message| Err(Refusal::new(RejectionCode::Place, message)))
}

/// Why no document can have this id.
pub fn not_an_id(id: &str) -> Option<String> {
    match id.len() {
        0 => Some("its id would be empty".to_owned()),
        bytes if bytes > ID_BYTES_MAX => {
            Some(format!("its id would have {bytes} bytes, and an engine takes {ID_BYTES_MAX}"))
        }
        _ => None,
    }
}
