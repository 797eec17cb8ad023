//! The documents that a program in jq makes of one: objects in a list, which may say where they belong.

use super::{
    document::{NodeId, ROOT, Shape, Workspace},
    fill::check_id,
    rejection::{Refusal, RejectionCode},
    spread::Made,
};
use crate::json::{DEPTH_MAX, NotJson, Scanner, part, text_of};

/// What a program makes of a document.
#[derive(Debug)]
pub(super) struct Outputs<'a> {
    /// Keys of the logical indices that it may name.
    pub(super) to: &'a [String],
    /// The document that it was given: what an output doesn't say is as there.
    pub(super) document: &'a Made,
}

impl Outputs<'_> {
    /// Reads the one value that was made of the document: a list.
    pub(super) fn read(
        &self,
        workspace: &mut Workspace,
        values: &[Vec<u8>],
    ) -> Result<Vec<Made>, Refusal> {
        let [list] = values else {
            let message = "the program gives no list of documents";
            return Err(Refusal::new(RejectionCode::JqResult, message));
        };
        let elements = elements(text_of(list)?)?;
        elements.into_iter().map(|element| self.output(workspace, element)).collect()
    }

    /// Takes `_id`, `_routing` and `_index` out of an output.
    fn output(&self, workspace: &mut Workspace, text: &str) -> Result<Made, Refusal> {
        if !text.starts_with('{') {
            let message = "the program gives something else than an object";
            return Err(Refusal::new(RejectionCode::JqResult, message));
        }
        workspace.load(text.as_bytes())?;
        let Made { index, id, routing, source: _ } = self.document;
        let (mut index, mut id, mut routing) = (index.clone(), id.clone(), routing.clone());
        let mut next = workspace.first_child(ROOT)?;
        while let Some(member) = next {
            next = workspace.next_sibling(member);
            let name = workspace.key(member);
            let name = ["_id", "_routing", "_index"].into_iter().find(|own| own.as_bytes() == name);
            let Some(name) = name else { continue };
            match name {
                "_id" => {
                    id = workspace.place_text(member, name)?;
                    check_id(&id)?;
                }
                "_routing" if workspace.shape(member) == Shape::Null => routing = None,
                "_routing" => routing = Some(workspace.place_text(member, name)?),
                _ => {
                    let key = workspace.place_text(member, name)?;
                    if let Some(message) = not_a_destination(self.to, &key) {
                        return Err(Refusal::new(RejectionCode::Destination, message));
                    }
                    index = Some(key);
                }
            }
            workspace.remove(member);
        }
        Ok(Made { index, id, routing, source: workspace.render()?.to_vec() })
    }
}

/// Why a program or a script can't send a document to the logical index with this key.
pub fn not_a_destination(to: &[String], key: &str) -> Option<String> {
    let is_named = to.iter().any(|known| known == key);
    (!is_named).then(|| {
        format!(
            "it is sent to `{key}`, which the step doesn't name; add the key of an index of the release to `to`"
        )
    })
}

/// The elements of a list as they are written.
fn elements(list: &str) -> Result<Vec<&str>, NotJson> {
    let mut scanner = Scanner::new(list);
    scanner.whitespace();
    scanner.open();
    let (mut elements, mut first) = (Vec::new(), true);
    while scanner.element(&mut first)? {
        let start = scanner.position();
        scanner.value(DEPTH_MAX)?;
        elements.push(part(list, start..scanner.position()));
    }
    Ok(elements)
}

impl Workspace {
    /// A single value as the text of an id, a routing or a key.
    fn place_text(&self, member: NodeId, name: &str) -> Result<String, Refusal> {
        let refused = |message: String| Err(Refusal::new(RejectionCode::Place, message));
        let text = match self.shape(member) {
            Shape::String => {
                let mut content = Vec::new();
                self.push_content(member, &mut content);
                match String::from_utf8(content) {
                    Ok(text) => text,
                    Err(_) => return refused(format!("`{name}` holds half a character")),
                }
            }
            Shape::Number | Shape::Boolean => self.scalar_text(member).to_owned(),
            Shape::Null | Shape::Object | Shape::Array => {
                return refused(format!("`{name}` is no text, number or boolean"));
            }
        };
        if text.is_empty() {
            return refused(format!("`{name}` is empty"));
        }
        Ok(text)
    }
}
