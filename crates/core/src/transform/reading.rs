//! Reads single fields of a document that nothing is done to: for whoever makes something else of them.

use super::{
    document::{ROOT, Workspace},
    rejection::Refusal,
    search::Found,
};

impl Workspace {
    /// Takes in a document; all of it is validated.
    ///
    /// # Errors
    /// With its code, in words, when it is no document.
    pub(crate) fn read_document(&mut self, source: &[u8]) -> Result<(), String> {
        self.load(source).map_err(told)
    }

    /// The JSON text of what stands at a path, nested or dotted; `None` when nothing does.
    ///
    /// # Errors
    /// In words, when two fields or several elements of a list are meant.
    pub(crate) fn value_at(&mut self, path: &str) -> Result<Option<String>, String> {
        match self.find(ROOT, path).map_err(told)? {
            Found::Field(field) => Ok(Some(self.scalar_text(field).to_owned())),
            Found::InArray(_) => {
                Err(format!("the field `{path}` stands in a list, and a column takes one value"))
            }
            Found::Missing(_) => Ok(None),
        }
    }
}

fn told(refusal: Refusal) -> String {
    let Refusal { code, message } = refusal;
    format!("{code}: {message}")
}
