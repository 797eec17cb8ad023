//! What a program in jq sees of a document, and how what it makes gets back into the document.
//!
//! Programs run elsewhere, in a process that somebody watches; here is what happens before and after.

use super::{
    document::{NodeId, ROOT, Workspace},
    operation::JqStep,
    place::behind,
    rejection::{Refusal, Rejection, RejectionCode},
    search::{ArrayOnTheWay, Found},
};
use crate::{
    jq::Failure,
    json::{DEPTH_MAX, NotJson, Scanner, text_of},
};

/// A program in jq at its place among the operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JqPart {
    /// Position in the list of operations.
    pub index: usize,
    /// What it does.
    pub step: JqStep,
}

impl JqPart {
    /// The values that the program has to be run for: the document, or each value of the field, which may be none.
    ///
    /// # Errors
    /// [`Rejection`] when the document can't be read, or the field is there twice.
    pub fn take(
        &self,
        workspace: &mut Workspace,
        source: &[u8],
    ) -> Result<Vec<Vec<u8>>, Rejection> {
        let Some(field) = &self.step.field else {
            // It may be nested deeper than programs should ever see.
            check(source).map_err(|fault| self.rejection(Refusal::from(fault)))?;
            return Ok(vec![source.to_vec()]);
        };
        let mut found = Vec::new();
        workspace
            .load(source)
            .and_then(|()| workspace.find_all(ROOT, field.as_str(), &mut found))
            .map_err(|refusal| self.rejection(refusal))?;
        Ok(found.into_iter().map(|node| workspace.scalar_text(node).as_bytes().to_vec()).collect())
    }

    /// The document with what the program made of its values, as many as were taken and in the same order.
    ///
    /// # Errors
    /// [`Rejection`] when what was made has no place in a document.
    pub fn put(
        &self,
        workspace: &mut Workspace,
        source: &[u8],
        made: Vec<Vec<u8>>,
    ) -> Result<Vec<u8>, Rejection> {
        match &self.step.field {
            None => self.whole(made),
            Some(field) => {
                if made.is_empty() {
                    return Ok(source.to_vec());
                }
                let replaced = workspace.replace_all((source, field.as_str()), &made);
                replaced.map_err(|refusal| self.rejection(refusal))
            }
        }
    }

    /// That the program made nothing of a value.
    pub fn failed(&self, failure: Failure) -> Rejection {
        self.rejection(Refusal::new(failure.code, failure.message))
    }

    fn whole(&self, mut made: Vec<Vec<u8>>) -> Result<Vec<u8>, Rejection> {
        match (made.pop(), made.is_empty()) {
            (Some(document), true) if document.starts_with(b"{") => Ok(document),
            _ => {
                let message = "the program gives something else than an object";
                Err(self.rejection(Refusal::new(RejectionCode::JqResult, message)))
            }
        }
    }

    fn rejection(&self, refusal: Refusal) -> Rejection {
        Rejection {
            code: refusal.code,
            operation_index: Some(self.index),
            operation: Some("jq".to_owned()),
            field: self.step.field.as_ref().map(ToString::to_string),
            message: refusal.message,
        }
    }
}

fn check(source: &[u8]) -> Result<(), NotJson> {
    let mut scanner = Scanner::new(text_of(source)?);
    scanner.whitespace();
    scanner.value(DEPTH_MAX)?;
    scanner.end()
}

impl Workspace {
    /// The nodes of a field, one in every element where arrays are on the way.
    fn find_all(
        &mut self,
        frame: NodeId,
        path: &str,
        found: &mut Vec<NodeId>,
    ) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Missing(_) => Ok(()),
            Found::Field(field) => {
                found.push(field);
                Ok(())
            }
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                for element in self.frames(array)? {
                    self.find_all(element, behind(path, offset), found)?;
                }
                Ok(())
            }
        }
    }

    fn replace_all(
        &mut self,
        (source, path): (&[u8], &str),
        made: &[Vec<u8>],
    ) -> Result<Vec<u8>, Refusal> {
        self.load(source)?;
        let mut found = Vec::new();
        self.find_all(ROOT, path, &mut found)?;
        for (node, json) in found.into_iter().zip(made) {
            let json = text_of(json)?;
            let levels = Scanner::new(json).value(DEPTH_MAX)?;
            let value = self.make(levels, |text| text.push_str(json))?;
            self.replace(node, value)?;
        }
        Ok(self.render()?.to_vec())
    }
}
