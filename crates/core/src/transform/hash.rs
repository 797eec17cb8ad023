//! `hash`: a digest of strings, which any other program can make of them as well.

use sha2::{Digest as _, Sha256};

use super::{
    document::{NodeId, Shape, Workspace},
    operation::Existing,
    rejection::{Refusal, RejectionCode},
    rewrite::glimpse,
    search::Found,
};

/// What is hashed within a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hashing<'p> {
    pub(super) fields: &'p [&'p str],
    pub(super) into: &'p str,
    pub(super) existing: Existing,
}

impl Workspace {
    /// Writes the digest of strings, in every element where arrays are on the way; nothing where none is there.
    pub(super) fn hash_fields(
        &mut self,
        frame: NodeId,
        hashing: Hashing<'_>,
    ) -> Result<(), Refusal> {
        let mut texts = Vec::with_capacity(hashing.fields.len());
        let mut array = None;
        for path in hashing.fields {
            match self.find(frame, path)? {
                Found::Missing(_) => texts.push(None),
                Found::Field(field) => texts.push(self.text_to_hash(path, field)?),
                Found::InArray(on_the_way) => array = array.or(Some((on_the_way, *path))),
            }
        }
        if let Some(way) = array {
            let paths = (hashing.fields, hashing.into);
            return self.through_array(frame, way, paths, |workspace, element, (fields, into)| {
                workspace.hash_fields(element, Hashing { fields, into, ..hashing })
            });
        }
        if texts.iter().all(Option::is_none) {
            return Ok(());
        }
        let digest = digest(&texts);
        let value = self.make(0, |text| {
            text.push('"');
            text.push_str(&digest);
            text.push('"');
        })?;
        self.write_once(frame, hashing.into, value, hashing.existing)
    }

    /// What a field says; `null` says nothing.
    fn text_to_hash(&self, path: &str, field: NodeId) -> Result<Option<String>, Refusal> {
        let value = match self.shape(field) {
            Shape::Null => return Ok(None),
            Shape::String => {
                let mut content = Vec::new();
                self.push_content(field, &mut content);
                match String::from_utf8(content) {
                    Ok(text) => return Ok(Some(text)),
                    Err(_) => glimpse(self.scalar_text(field)),
                }
            }
            Shape::Object => "an object".to_owned(),
            Shape::Array => "an array".to_owned(),
            Shape::Number | Shape::Boolean => glimpse(self.scalar_text(field)),
        };
        let message =
            format!("`{path}` is {value}, no text, and can't be hashed; cast it to string first");
        Err(Refusal::new(RejectionCode::Hash, message))
    }
}

/// Of one field its text alone, of several a netstring each (`3:abc,`), and `-,` for one that has none. So no two lists
/// of the same length give the same bytes.
fn digest(texts: &[Option<String>]) -> String {
    let mut hasher = Sha256::new();
    match texts {
        [Some(text)] => hasher.update(text),
        _ => {
            for text in texts {
                match text {
                    Some(text) => hasher.update(format!("{}:{text},", text.len())),
                    None => hasher.update("-,"),
                }
            }
        }
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        for digit in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    hex
}
