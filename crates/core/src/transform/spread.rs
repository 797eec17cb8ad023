//! Operations that don't leave one document at its place: a document goes on until it is made, ends, or becomes several, each
//! of which goes on with what is left.
//!
//! A document counts as a whole: what is made of it is handed on when all of it was made, and nothing when one part is
//! rejected. Of several rejections that of the earliest operation counts, so that steps at once say what steps one by one say.

use super::{
    decide::Decision,
    divide::Division,
    document::{ROOT, Workspace},
    operation::{Branching, Operation, Rekeying, Rerouting, Sending, Template},
    program::{Action, Document},
    rejection::{Refusal, Rejection, RejectionCode},
};

/// Bytes that all documents together may have that are made of one: they have to fit into one request.
pub const MADE_BYTES_MAX: usize = 32 << 20;

/// What a made document counts for beside its text and its id.
const MADE_OVERHEAD: usize = 64;

/// A document that steps made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Key of the logical index that it is sent to; `None`: the one that the steps lead to.
    pub index: Option<String>,
    /// `_id`.
    pub id: String,
    /// `_routing`, where it has one.
    pub routing: Option<String>,
    /// `_source`: a JSON object.
    pub source: Vec<u8>,
}

impl Made {
    /// A copy of a document.
    pub fn of(document: Document<'_>) -> Self {
        Self {
            index: document.index.map(str::to_owned),
            id: document.id.to_owned(),
            routing: document.routing.map(str::to_owned),
            source: document.source.to_vec(),
        }
    }

    /// It, borrowed.
    pub fn document(&self) -> Document<'_> {
        Document {
            index: self.index.as_deref(),
            id: &self.id,
            routing: self.routing.as_deref(),
            source: &self.source,
        }
    }

    /// What it counts for where [`MADE_BYTES_MAX`] is held.
    pub fn bytes(&self) -> usize {
        self.source.len() + self.id.len() + MADE_OVERHEAD
    }
}

/// That more is made of one document than may be.
pub fn made_too_much() -> Rejection {
    let message =
        format!("the documents that are made of it have more than {MADE_BYTES_MAX} bytes together");
    Rejection::of_made(RejectionCode::TooLarge, message)
}

/// An operation of a program that spreads.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    name: &'static str,
    deed: Deed,
}

#[derive(Debug, Clone)]
enum Deed {
    /// The document stays one, at its place.
    Plain(Action),
    Drop,
    Rekey(Template),
    Reroute(Option<Template>),
    Send(String),
    Each(Division),
    When {
        decision: Decision,
        then: Vec<Turn>,
        otherwise: Vec<Turn>,
    },
}

impl Turn {
    pub(super) fn all(operations: &[Operation]) -> Vec<Self> {
        operations.iter().map(Self::of).collect()
    }

    fn of(operation: &Operation) -> Self {
        let deed = match operation {
            Operation::Drop(_) => Deed::Drop,
            Operation::Rekey(Rekeying { id }) => Deed::Rekey(id.clone()),
            Operation::Reroute(Rerouting { routing }) => Deed::Reroute(routing.clone()),
            Operation::Send(Sending { to }) => Deed::Send(to.clone()),
            Operation::Each(dividing) => Deed::Each(Division::of(dividing)),
            Operation::When(Branching { condition, then, otherwise })
                if operation.is_spreading() =>
            {
                let decision = Decision::of(condition);
                Deed::When { decision, then: Self::all(then), otherwise: Self::all(otherwise) }
            }
            plain => Deed::Plain(Action::of(plain)),
        };
        Self { name: operation.name(), deed }
    }
}

/// Takes a document through, and gives all that is made of it, in order.
pub(super) fn spread(
    workspace: &mut Workspace,
    (turns, first_index): (&[Turn], usize),
    document: Document<'_>,
) -> Result<Vec<Made>, Rejection> {
    workspace.load(document.source)?;
    let place = Place {
        index: document.index,
        id: document.id.to_owned(),
        routing: document.routing.map(str::to_owned),
    };
    let made = Vec::new();
    let mut walk =
        Walk { first_index, workspace, source: document.source, made, bytes: 0, rejection: None };
    walk.go_on(Rest { turns, at: 0, within: None }, place)?;
    match walk.rejection {
        Some(rejection) => Err(rejection),
        None => Ok(walk.made),
    }
}

/// Where a document is to go.
#[derive(Debug, Clone)]
pub(super) struct Place<'p> {
    pub(super) index: Option<&'p str>,
    pub(super) id: String,
    pub(super) routing: Option<String>,
}

/// What is left to do for a document: the turns of a list from a position on, then what is left behind the `when` that the
/// list is a branch of.
#[derive(Debug, Clone, Copy)]
struct Rest<'p, 'r> {
    turns: &'p [Turn],
    at: usize,
    /// The branch's name, and its `when`.
    within: Option<(&'static str, &'r Self)>,
}

impl Rest<'_, '_> {
    fn behind(self) -> Self {
        Self { at: self.at + 1, ..self }
    }
}

struct Walk<'w> {
    first_index: usize,
    workspace: &'w mut Workspace,
    source: &'w [u8],
    made: Vec<Made>,
    /// Of all that is made.
    bytes: usize,
    /// That of the earliest operation, and there the first one.
    rejection: Option<Rejection>,
}

impl Walk<'_> {
    /// Does what is left for the document at hand. Recursion is bounded by the number of operations.
    ///
    /// # Errors
    /// When too much is made; what else is rejected is noted.
    fn go_on<'p>(&mut self, rest: Rest<'p, '_>, mut place: Place<'p>) -> Result<(), Rejection> {
        let mut here = rest;
        while let Some(turn) = here.turns.get(here.at) {
            let done = match &turn.deed {
                Deed::Plain(action) => {
                    let done = action.execute(self.workspace);
                    done.map_err(|(refusal, field)| (refusal, field.to_owned()))
                }
                Deed::Drop => return Ok(()),
                Deed::Rekey(id) => self.workspace.fill_id((id, None), &place).map(|id| {
                    place.id = id;
                }),
                Deed::Reroute(None) => {
                    place.routing = None;
                    Ok(())
                }
                Deed::Reroute(Some(routing)) => {
                    self.workspace.fill_routing(routing, &place).map(|routing| {
                        place.routing = Some(routing);
                    })
                }
                Deed::Send(to) => {
                    place.index = Some(to);
                    Ok(())
                }
                Deed::Each(division) => return self.divide(here, division, place),
                Deed::When { decision, then, otherwise } => {
                    match self.workspace.decide(ROOT, decision) {
                        Ok(holds) => {
                            let (name, turns) =
                                if holds { ("then", then) } else { ("else", otherwise) };
                            let branch = Rest { turns, at: 0, within: Some((name, &here)) };
                            return self.go_on(branch, place);
                        }
                        Err((refusal, field)) => Err((refusal, field.to_owned())),
                    }
                }
            };
            if let Err((refusal, field)) = done {
                self.refuse(here, refusal, &field);
                return Ok(());
            }
            here = here.behind();
        }
        match here.within {
            Some((_, outer)) => self.go_on(outer.behind(), place),
            None => self.emit(place),
        }
    }

    /// One document becomes several, each of which goes on.
    fn divide<'p>(
        &mut self,
        here: Rest<'p, '_>,
        division: &'p Division,
        place: Place<'p>,
    ) -> Result<(), Rejection> {
        let divided = match division.take_apart(self.workspace) {
            Ok(divided) => divided,
            Err((refusal, field)) => {
                self.refuse(here, refusal, field);
                return Ok(());
            }
        };
        let Some(divided) = divided else {
            return if division.keeps() { self.go_on(here.behind(), place) } else { Ok(()) };
        };
        for position in 0..divided.len() {
            let made = division
                .put_together(self.workspace, (&divided, position))
                .map_err(|(refusal, field)| (refusal, field.to_owned()))
                .and_then(|()| self.workspace.fill_id((division.id(), Some(position)), &place));
            match made {
                Ok(id) => self.go_on(here.behind(), Place { id, ..place.clone() })?,
                Err((refusal, field)) => self.refuse(here, refusal, &field),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, at: Rest<'_, '_>, refusal: Refusal, field: &str) {
        let Refusal { code, mut message } = refusal;
        let mut here = at;
        while let Some((list, outer)) = here.within {
            message =
                format!("in `{list}`, operation {} (`{}`): {message}", here.at + 1, name(here));
            here = *outer;
        }
        let index = self.first_index + here.at;
        let is_earlier = self
            .rejection
            .as_ref()
            .and_then(|rejection| rejection.operation_index)
            .is_none_or(|other| index < other);
        if is_earlier {
            let refusal = Refusal::new(code, message);
            self.rejection = Some(refusal.into_rejection(index, name(here), field));
        }
    }

    fn emit(&mut self, place: Place<'_>) -> Result<(), Rejection> {
        let source = if self.workspace.is_changed() {
            self.workspace.render()?.to_vec()
        } else {
            self.source.to_vec()
        };
        let Place { index, id, routing } = place;
        let made = Made { index: index.map(str::to_owned), id, routing, source };
        self.bytes += made.bytes();
        if self.bytes > MADE_BYTES_MAX {
            return Err(made_too_much());
        }
        // Nothing is handed on any more of a document that is rejected.
        if self.rejection.is_none() {
            self.made.push(made);
        }
        Ok(())
    }
}

fn name(rest: Rest<'_, '_>) -> &'static str {
    rest.turns.get(rest.at).map_or("", |turn| turn.name)
}
