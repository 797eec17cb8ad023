//! The cases of a pack when they are tried: which operations lead a case's document up and back, and what came of it is held
//! against what the case says.
//!
//! Pure: taking documents through is the engine's, as scripts may take part, and so is asking mappings, of the documents
//! that [`Outcome::fittings`] lists. What a
//! case is and how it is read is in [`crate::pack::cases`].

mod verdict;

pub use verdict::{Problem, judge, problems_left, updates};

use crate::{
    compare::document_hash,
    pack::{
        cases::{AFTER, BACK, BEFORE, Case},
        model::{IndexStep, Pack},
    },
    plan::{model::WayBack, ways_back},
    transform::{Document, Made, Rejection, Transform, envelope::Envelope, operation::Operation},
};

/// What became of the document of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the step made of it.
    pub up: Passage,
    /// What came back.
    pub back: Back,
}

/// What a program made of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// This document: JSON, nested no deeper than any document may be.
    Document(Vec<u8>),
    /// It was rejected.
    Rejected(Rejection),
    /// Anything but one document at its place.
    Documents(Vec<Made>),
}

/// What became of a document on the way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// Nothing went up, so nothing comes back.
    NotTried,
    /// There is no way back.
    None {
        /// Why: the pack's word, or what can't be derived.
        reason: String,
    },
    /// The document that came back is the one that was there.
    Same,
    /// Something else came of it.
    Other(Passage),
}

/// A document and the mapping that has to take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitting<'a> {
    /// The file that the document belongs to.
    pub file: &'static str,
    /// Position of the release in the pack.
    pub position: usize,
    /// Key of the index there.
    pub index: &'a str,
    /// The document.
    pub document: &'a [u8],
}

impl Passage {
    /// What was made of a document of an index with this key.
    pub fn of((key, document): (&str, Document<'_>), mut made: Vec<Made>) -> Self {
        let is_in_place = |one: &Made| {
            one.index.is_none()
                && one.id == document.id
                && one.routing.as_deref() == document.routing
        };
        if let [one] = made.as_mut_slice()
            && is_in_place(one)
        {
            return Self::Document(std::mem::take(&mut one.source));
        }
        // What would be lost when it is carried over is rejected there.
        let documents: Vec<Document<'_>> = made.iter().map(Made::document).collect();
        match Envelope::write(key, &documents) {
            Ok(_) => Self::Documents(made),
            Err(rejection) => Self::Rejected(rejection),
        }
    }
}

impl Back {
    /// What came back of a case's document.
    pub fn of(case: &Case, passage: Passage) -> Self {
        match passage {
            Passage::Document(back) if is_equal(&back, case.before.as_bytes()) => Self::Same,
            other @ (Passage::Document(_) | Passage::Rejected(_) | Passage::Documents(_)) => {
                Self::Other(other)
            }
        }
    }
}

impl Outcome {
    /// The documents that mappings have to take: the case's own in the release before, what the step made of it in
    /// the new one, and what came back, where that is another one, in the release before.
    pub fn fittings<'a>(&'a self, case: &'a Case) -> Vec<Fitting<'a>> {
        let older = case.position.saturating_sub(1);
        let mut fittings = vec![Fitting {
            file: BEFORE,
            position: older,
            index: &case.from,
            document: case.before.as_bytes(),
        }];
        let (position, index) = (case.position, case.index.as_str());
        match &self.up {
            Passage::Document(document) => {
                fittings.push(Fitting { file: AFTER, position, index, document });
            }
            Passage::Documents(made) => fittings.extend(made.iter().map(|one| {
                let index = one.index.as_deref().unwrap_or(index);
                Fitting { file: AFTER, position, index, document: &one.source }
            })),
            Passage::Rejected(_) => {}
        }
        if let Back::Other(Passage::Document(document)) = &self.back {
            fittings.push(Fitting { file: BACK, position: older, index: &case.from, document });
        }
        fittings
    }
}

/// Whether a case can only be tried in an engine, because scripts take part in its step or in the way back.
pub fn needs_scripts(pack: &Pack, case: &Case) -> bool {
    let has_scripts = |operations| Transform::new(operations).scripts().next().is_some();
    let is_back_scripted = match way_back(pack, case) {
        WayBack::Program { operations } => has_scripts(operations),
        WayBack::None { step: _, reason: _ } => false,
    };
    is_back_scripted || has_scripts(up_operations(pack, case))
}

/// The operations that lead a case's document to its release.
pub fn up_operations(pack: &Pack, case: &Case) -> Vec<Operation> {
    let step = pack.releases.get(case.position).and_then(|release| release.step.as_ref());
    match step.and_then(|step| step.indices.get(&case.index)) {
        Some(IndexStep::Migrate { from: _, partition: _, operations, down: _ }) => {
            operations.iter().cloned().map(|one| one.bound(&case.from)).collect()
        }
        // A case is only read for an index that gets documents; here they stay as they are.
        Some(IndexStep::Unchanged | IndexStep::New | IndexStep::NewLike { like: _ }) | None => {
            Vec::new()
        }
    }
}

/// What leads a case's document back, over this step alone.
pub fn way_back(pack: &Pack, case: &Case) -> WayBack {
    let pair =
        pack.releases.get(case.position.saturating_sub(1)..=case.position).unwrap_or_default();
    let mut ways = ways_back(pair);
    ways.remove(&case.index).unwrap_or_else(|| WayBack::None {
        step: case.release.clone(),
        reason: "no document gets into this index".to_owned(),
    })
}

/// Whether two documents say the same, as verification has it.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    matches!((document_hash(one), document_hash(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests;
