//! One drawn document on its way up and back, until it is known what becomes of it.

use lockstep_core::{
    compare::{document_hash, fields_differing},
    fuzz::{Json, Shape},
    trial::{Back, Outcome, Passage},
};

use super::{Subject, Trouble, Verdict};

/// Fields that are named of a document that comes back as another one.
const FIELDS_NAMED_MAX: usize = 5;

/// A document on its way.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) before: String,
    /// Whether it has no field but those that the old mapping names.
    pub(super) is_known: bool,
    up: Option<Passage>,
    back: Back,
    /// Once it is known.
    pub(super) verdict: Option<Verdict>,
}

impl Trial {
    pub(super) fn new(document: &Json, shape: &Shape) -> Self {
        let (before, is_known) = (document.to_string(), shape.knows(document));
        Self { before, is_known, up: None, back: Back::NotTried, verdict: None }
    }

    /// Everything that was made of it, each with the key of the other index that it was sent to.
    pub(super) fn made(&self) -> impl Iterator<Item = (Option<&str>, &[u8])> {
        let one = self.up_document().map(|document| (None, document));
        let several = match &self.up {
            Some(Passage::Documents(made)) => made.as_slice(),
            Some(Passage::Document(_) | Passage::Rejected(_)) | None => &[],
        };
        one.into_iter()
            .chain(several.iter().map(|one| (one.index.as_deref(), one.source.as_slice())))
    }

    pub(super) fn up_document(&self) -> Option<&[u8]> {
        match &self.up {
            Some(Passage::Document(document)) => Some(document),
            Some(Passage::Rejected(_) | Passage::Documents(_)) | None => None,
        }
    }

    pub(super) fn back_document(&self) -> Option<&[u8]> {
        match &self.back {
            Back::Other(Passage::Document(document)) => Some(document),
            Back::Other(Passage::Rejected(_) | Passage::Documents(_))
            | Back::NotTried
            | Back::None { reason: _ }
            | Back::Same => None,
        }
    }

    pub(super) fn go_up(&mut self, passage: Option<Passage>) {
        self.up = passage;
        match self.up.clone() {
            None => self.ends(Trouble::Panicked),
            Some(Passage::Rejected(rejection)) => self.ends(Trouble::Rejected(rejection)),
            Some(Passage::Document(document)) if document_hash(&document).is_err() => {
                self.ends(Trouble::Unreadable);
            }
            Some(Passage::Document(_) | Passage::Documents(_)) => {}
        }
    }

    pub(super) fn come_back(&mut self, passage: Option<Passage>, subject: &Subject<'_>) {
        let Some(passage) = passage else { return self.ends(Trouble::Panicked) };
        self.back = Back::of(&subject.case(&self.before), passage);
        match self.back.clone() {
            Back::Other(Passage::Rejected(rejection)) => {
                self.ends(Trouble::BackRejected(rejection));
            }
            Back::Other(Passage::Document(back)) if subject.is_back_derived() => {
                let differing = fields_differing(self.before.as_bytes(), &back, FIELDS_NAMED_MAX);
                self.ends(differing.map_or(Trouble::Unreadable, Trouble::BackDiffers));
            }
            Back::Other(Passage::Document(_) | Passage::Documents(_))
            | Back::NotTried
            | Back::None { reason: _ }
            | Back::Same => {}
        }
    }

    pub(super) fn ends(&mut self, trouble: Trouble) {
        self.verdict = Some(self.trouble(trouble));
    }

    pub(super) fn trouble(&self, trouble: Trouble) -> Verdict {
        // Of a defect there is nothing to keep: its case holds the document alone.
        let up = self.up.clone().unwrap_or(Passage::Documents(Vec::new()));
        Verdict::Trouble(Box::new((trouble, Outcome { up, back: self.back.clone() })))
    }
}

/// The trials that are still open and have a document, with it.
pub(super) fn open(
    trials: &mut [Trial],
    document: impl Fn(&Trial) -> Option<Vec<u8>>,
) -> (Vec<&mut Trial>, Vec<Vec<u8>>) {
    let open = trials.iter_mut().filter(|trial| trial.verdict.is_none());
    open.filter_map(|trial| document(trial).map(|document| (trial, document))).unzip()
}
