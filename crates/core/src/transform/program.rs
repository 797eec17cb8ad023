//! A program: the operations of one step or of several, ready to take documents through.

use super::{
    coding::Decoder,
    date::Redating,
    decide::Decision,
    document::{ROOT, Workspace},
    flatten::Flattening,
    hash,
    join::Seam,
    operation::{
        Algorithm, Assignment, CastType, Coding, Dating, Empty, Existing, FieldPath, Hashing,
        Joining, Lists, Operation, Otherwise, Relocation, Respelling, Several,
    },
    rejection::{Refusal, Rejection, RejectionCode},
    relocate::{Manner, Route},
    rewrite::Rewrite,
    spelling::Spelling,
    split::Cut,
    spread::{Turn, spread},
    table::Table,
};
use crate::json::{DEPTH_MAX, Scanner};

/// A document with its place in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// Key of the logical index of the new release that it is sent to; `None`: the one that the program leads to.
    pub index: Option<&'a str>,
    /// `_id`.
    pub id: &'a str,
    /// `_routing`, where the document has one.
    pub routing: Option<&'a str>,
    /// `_source`: a JSON object.
    pub source: &'a [u8],
}

/// Operations, compiled once. A pure function of a document: no clock, no randomness, nothing from outside.
#[derive(Debug, Clone)]
pub struct Program {
    operations: Vec<Operation>,
    work: Work,
    /// Position of the first operation in the list that a plan has, of which this may be a part.
    first_index: usize,
}

/// The operations with everything worked out that does not depend on a document.
#[derive(Debug, Clone)]
enum Work {
    /// Each leaves one document at its place.
    Plain(Vec<Action>),
    /// Some may not.
    Spreading(Vec<Turn>),
}

/// An operation with everything worked out that does not depend on a document.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Relocate {
        manner: Manner,
        from: String,
        to: String,
        existing: Existing,
    },
    Remove {
        fields: Vec<String>,
    },
    Assign {
        field: String,
        json: String,
        levels: u8,
        overwrite: bool,
    },
    Cast {
        field: String,
        to: CastType,
        otherwise: Otherwise,
    },
    Respell {
        spelling: Spelling,
        fields: Vec<String>,
        otherwise: Otherwise,
    },
    Map {
        field: String,
        table: Table,
        otherwise: Otherwise,
    },
    Date {
        field: String,
        redating: Redating,
        otherwise: Otherwise,
    },
    Decode {
        field: String,
        decoder: Decoder,
        otherwise: Otherwise,
    },
    Encode {
        field: String,
        to: Coding,
        otherwise: Otherwise,
    },
    Wrap {
        fields: Vec<String>,
    },
    Unwrap {
        fields: Vec<String>,
        several: Several,
        empty: Empty,
    },
    Nest {
        moves: Vec<(String, String)>,
        existing: Existing,
    },
    Flatten {
        field: String,
        front: String,
        existing: Existing,
    },
    Split {
        field: String,
        separator: String,
        into: Vec<String>,
    },
    Join {
        fields: Vec<String>,
        separator: String,
        into: String,
        lists: Lists,
    },
    Hash {
        fields: Vec<String>,
        into: String,
        existing: Existing,
    },
    When {
        decision: Decision,
        then: Vec<Branch>,
        otherwise: Vec<Branch>,
    },
    /// A script, which only the engine can run.
    Elsewhere,
    /// A program in jq, which runs in a process of its own.
    Apart,
    /// What doesn't leave one document at its place, which `spread` does.
    Astray,
}

/// An operation of a branch.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    name: &'static str,
    action: Action,
}

impl Program {
    /// Compiles operations, which are done in this order.
    ///
    /// Neither a script nor a program in jq can be done here: a document that comes to one is rejected.
    /// [`Transform`](super::Transform) takes operations apart so that none does.
    pub fn new(operations: Vec<Operation>) -> Self {
        Self::part(operations, 0)
    }

    /// The same for operations of which the first has this position in a longer list.
    pub(super) fn part(operations: Vec<Operation>, first_index: usize) -> Self {
        let work = if operations.iter().any(Operation::is_spreading) {
            Work::Spreading(Turn::all(&operations))
        } else {
            Work::Plain(operations.iter().map(Action::of).collect())
        };
        Self { operations, work, first_index }
    }

    /// One program that does what several do one after the other: each document is read and written once.
    pub fn fuse<'a>(steps: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::new(steps.into_iter().flat_map(|step| step.operations.iter().cloned()).collect())
    }

    /// Position of its first operation in the list that it is a part of.
    #[cfg(test)]
    pub(super) fn first_index(&self) -> usize {
        self.first_index
    }

    /// Whether documents pass unchanged and unread.
    pub fn is_identity(&self) -> bool {
        self.operations.is_empty()
    }

    /// The operations, in the order they are done.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Whether it may make anything but one document at its place.
    pub fn is_spreading(&self) -> bool {
        matches!(self.work, Work::Spreading(_))
    }

    /// Takes a document through all operations and hands what becomes of it to `emit`: one document, or any number if the
    /// program is spreading. Nothing is emitted of a rejected document.
    ///
    /// A document that no operation changes is emitted with the bytes it came with.
    pub fn apply(
        &self,
        workspace: &mut Workspace,
        document: Document<'_>,
        emit: &mut dyn FnMut(Document<'_>),
    ) -> Result<(), Rejection> {
        if self.is_identity() {
            emit(document);
            return Ok(());
        }
        let actions = match &self.work {
            Work::Plain(actions) => actions,
            Work::Spreading(turns) => {
                let made = spread(workspace, (turns, self.first_index), document)?;
                for one in &made {
                    emit(one.document());
                }
                return Ok(());
            }
        };
        workspace.load(document.source)?;
        for (index, (action, operation)) in actions.iter().zip(&self.operations).enumerate() {
            action.execute(workspace).map_err(|(refusal, field)| {
                refusal.into_rejection(self.first_index + index, operation.name(), field)
            })?;
        }
        if workspace.is_changed() {
            emit(Document { source: workspace.render()?, ..document });
        } else {
            emit(document);
        }
        Ok(())
    }
}

impl Action {
    pub(super) fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Rename(relocation) => Self::relocate(Manner::Rename, relocation),
            Operation::Move(relocation) => Self::relocate(Manner::Move, relocation),
            Operation::Copy(relocation) => Self::relocate(Manner::Copy, relocation),
            Operation::Remove(removal) => Self::Remove { fields: texts(&removal.fields) },
            Operation::Set(assignment) => Self::assign(assignment, true),
            Operation::Default(assignment) => Self::assign(assignment, false),
            Operation::Cast(casting) => Self::Cast {
                field: casting.field.to_string(),
                to: casting.to,
                otherwise: casting.otherwise,
            },
            Operation::Lower(respelling) => Self::respell(Spelling::Lower, respelling),
            Operation::Upper(respelling) => Self::respell(Spelling::Upper, respelling),
            Operation::Trim(respelling) => Self::respell(Spelling::Trim, respelling),
            Operation::Map(translation) => Self::Map {
                field: translation.field.to_string(),
                table: Table::new(&translation.values),
                otherwise: translation.otherwise,
            },
            Operation::Date(dating) => Self::date(dating),
            Operation::Decode(decoding) => Self::Decode {
                field: decoding.field.to_string(),
                decoder: Decoder(decoding.from),
                otherwise: decoding.otherwise,
            },
            Operation::Encode(encoding) => Self::Encode {
                field: encoding.field.to_string(),
                to: encoding.to,
                otherwise: encoding.otherwise,
            },
            Operation::Wrap(wrapping) => Self::Wrap { fields: texts(&wrapping.fields) },
            Operation::Unwrap(unwrapping) => Self::Unwrap {
                fields: texts(&unwrapping.fields),
                several: unwrapping.several,
                empty: unwrapping.empty,
            },
            Operation::Nest(nesting) => Self::Nest {
                moves: nesting.moves().map(|one| (one.from.into(), one.to.into())).collect(),
                existing: nesting.existing,
            },
            Operation::Flatten(flattening) => Self::Flatten {
                field: flattening.field.to_string(),
                front: flattening.front(),
                existing: flattening.existing,
            },
            Operation::Split(splitting) => Self::Split {
                field: splitting.field.to_string(),
                separator: splitting.separator.clone(),
                into: texts(&splitting.into),
            },
            Operation::Join(joining) => Self::join(joining),
            Operation::Hash(Hashing { fields, into, algorithm: Algorithm::Sha256, existing }) => {
                Self::Hash { fields: texts(fields), into: into.to_string(), existing: *existing }
            }
            Operation::When(branching) => Self::When {
                decision: Decision::of(&branching.condition),
                then: Self::branch(&branching.then),
                otherwise: Self::branch(&branching.otherwise),
            },
            Operation::Jq(_) => Self::Apart,
            Operation::Painless(_) => Self::Elsewhere,
            Operation::Drop(_)
            | Operation::Rekey(_)
            | Operation::Reroute(_)
            | Operation::Each(_)
            | Operation::Send(_) => Self::Astray,
        }
    }

    fn date(dating: &Dating) -> Self {
        let Dating { field, from: _, to: _, zone: _, otherwise } = dating;
        let redating = Redating::of(dating);
        Self::Date { field: field.to_string(), redating, otherwise: *otherwise }
    }

    fn relocate(manner: Manner, relocation: &Relocation) -> Self {
        let (from, to) = (relocation.from.to_string(), relocation.to.to_string());
        // A pack whose `rename` leaves the parent is refused when it is read; here it can only mean a move.
        let manner = match manner {
            Manner::Rename if parent_path(&from) != parent_path(&to) => Manner::Move,
            Manner::Rename | Manner::Move | Manner::Copy => manner,
        };
        Self::Relocate { manner, from, to, existing: relocation.existing }
    }

    fn assign(assignment: &Assignment, overwrite: bool) -> Self {
        let json = assignment.value.to_string();
        // A value that is too deep gets more levels than any document may have, and is refused where it is written.
        let levels = Scanner::new(&json).value(DEPTH_MAX).unwrap_or(u8::MAX);
        Self::Assign { field: assignment.field.to_string(), json, levels, overwrite }
    }

    fn join(joining: &Joining) -> Self {
        let Joining { fields, separator, into, lists } = joining;
        let (separator, into) = (separator.clone(), into.to_string());
        Self::Join { fields: texts(fields), separator, into, lists: *lists }
    }

    fn branch(operations: &[Operation]) -> Vec<Branch> {
        let branch =
            |operation: &Operation| Branch { name: operation.name(), action: Self::of(operation) };
        operations.iter().map(branch).collect()
    }

    fn respell(spelling: Spelling, respelling: &Respelling) -> Self {
        let Respelling { fields, otherwise } = respelling;
        Self::Respell { spelling, fields: texts(fields), otherwise: *otherwise }
    }

    /// Does it to the document at hand; a refusal comes with the field it is about.
    pub(super) fn execute(&self, workspace: &mut Workspace) -> Result<(), (Refusal, &str)> {
        match self {
            Self::Relocate { manner, from, to, existing } => {
                let route = Route { manner: *manner, from, to, existing: *existing };
                workspace.relocate(ROOT, route).map_err(|refusal| (refusal, from.as_str()))
            }
            Self::Remove { fields } => each(fields, |field| workspace.remove_field(ROOT, field)),
            Self::Assign { field, json, levels, overwrite } => workspace
                .make(*levels, |text| text.push_str(json))
                .and_then(|value| workspace.assign(ROOT, field, value, *overwrite))
                .map_err(|refusal| (refusal, field.as_str())),
            Self::Cast { field, to, otherwise } => rewrite(workspace, field, (to, *otherwise)),
            Self::Respell { spelling, fields, otherwise } => {
                each(fields, |field| workspace.rewrite_field(ROOT, field, spelling, *otherwise))
            }
            Self::Map { field, table, otherwise } => rewrite(workspace, field, (table, *otherwise)),
            Self::Date { field, redating, otherwise } => {
                rewrite(workspace, field, (redating, *otherwise))
            }
            Self::Decode { field, decoder, otherwise } => {
                rewrite(workspace, field, (decoder, *otherwise))
            }
            Self::Encode { field, to, otherwise } => workspace
                .encode_field(ROOT, field, (*to, *otherwise))
                .map_err(|refusal| (refusal, field.as_str())),
            Self::Wrap { fields } => each(fields, |field| workspace.wrap_field(ROOT, field)),
            Self::Unwrap { fields, several, empty } => {
                each(fields, |field| workspace.unwrap_field(ROOT, field, *several, *empty))
            }
            Self::Nest { moves, existing } => moves.iter().try_for_each(|(from, to)| {
                let route = Route { manner: Manner::Move, from, to, existing: *existing };
                workspace.relocate(ROOT, route).map_err(|refusal| (refusal, from.as_str()))
            }),
            Self::Flatten { field, front, existing } => {
                let flattening = Flattening { field, front, existing: *existing };
                let outcome = workspace.flatten_field(ROOT, flattening);
                outcome.map(|_written| ()).map_err(|refusal| (refusal, field.as_str()))
            }
            Self::Split { field, separator, into } => {
                let into: Vec<&str> = into.iter().map(String::as_str).collect();
                workspace
                    .split_field(ROOT, Cut { field, separator, into: &into })
                    .map_err(|refusal| (refusal, field.as_str()))
            }
            Self::Join { fields, separator, into, lists } => {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                workspace
                    .join_fields(ROOT, Seam { fields: &fields, separator, into, lists: *lists })
                    .map_err(|refusal| (refusal, into.as_str()))
            }
            Self::Hash { fields, into, existing } => {
                let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
                workspace
                    .hash_fields(ROOT, hash::Hashing { fields: &fields, into, existing: *existing })
                    .map_err(|refusal| (refusal, into.as_str()))
            }
            Self::When { decision, then, otherwise } => {
                if workspace.decide(ROOT, decision)? {
                    execute_branch(("then", then), workspace)
                } else {
                    execute_branch(("else", otherwise), workspace)
                }
            }
            Self::Elsewhere => Err(elsewhere()),
            Self::Apart => Err(apart()),
            Self::Astray => Err(astray()),
        }
    }
}

/// What only the engine can do.
fn elsewhere() -> (Refusal, &'static str) {
    let message = "a script runs in the engine only";
    (Refusal::new(RejectionCode::ScriptElsewhere, message), "ctx")
}

/// What only a process of its own can do.
fn apart() -> (Refusal, &'static str) {
    let message = "a program in jq runs in a process of its own only";
    (Refusal::new(RejectionCode::JqElsewhere, message), ".")
}

/// What can't be done to one document that stays at its place.
fn astray() -> (Refusal, &'static str) {
    let message = "it doesn't leave one document at its place";
    (Refusal::new(RejectionCode::NotInPlace, message), "_id")
}

/// Does the operations of a branch; a refusal says which of them it is about.
fn execute_branch<'a>(
    (list, branch): (&str, &'a [Branch]),
    workspace: &mut Workspace,
) -> Result<(), (Refusal, &'a str)> {
    branch.iter().enumerate().try_for_each(|(index, Branch { name, action })| {
        action.execute(workspace).map_err(|(refusal, field)| {
            let Refusal { code, message } = refusal;
            let message = format!("in `{list}`, operation {} (`{name}`): {message}", index + 1);
            (Refusal::new(code, message), field)
        })
    })
}

/// Changes a field where it stands.
fn rewrite<'a>(
    workspace: &mut Workspace,
    field: &'a str,
    (rewriter, otherwise): (&impl Rewrite, Otherwise),
) -> Result<(), (Refusal, &'a str)> {
    let outcome = workspace.rewrite_field(ROOT, field, rewriter, otherwise);
    outcome.map_err(|refusal| (refusal, field))
}

/// Does it to one field after the other.
fn each(
    fields: &[String],
    mut action: impl FnMut(&str) -> Result<(), Refusal>,
) -> Result<(), (Refusal, &str)> {
    fields.iter().try_for_each(|field| action(field).map_err(|refusal| (refusal, field.as_str())))
}

fn texts(paths: &[FieldPath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

fn parent_path(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}
