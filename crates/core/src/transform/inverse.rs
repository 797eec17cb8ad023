//! The way back: from operations to those that undo them.
//!
//! Strict on purpose: operations have an inverse only where every document that they take comes back with the content
//! that it had. Where they have none, a pack's author may know what is good enough and write it; that is not here.

use super::operation::{
    Branching, Coding, Decoding, Encoding, Existing, FieldPath, JqStep, Nesting, Operation,
    Otherwise, Pair, Relocation, Removal, Translation,
};

/// What is known of documents before operations are done to them.
#[derive(Clone, Copy)]
pub struct Outset<'a> {
    /// Operations that they went through already.
    pub earlier: &'a [Operation],
    /// Whether no document had a field, nor anything below it, before the earlier operations.
    pub is_ruled_out: &'a dyn Fn(&FieldPath) -> bool,
}

impl std::fmt::Debug for Outset<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Outset").field("earlier", &self.earlier).finish_non_exhaustive()
    }
}

/// Why operations have no inverse: the first one that has none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} can't be undone: {reason}", what = self.what())]
pub struct NotInvertible {
    /// The operation's name in a pack.
    pub operation: &'static str,
    /// The field that it is about, the first one of several; empty for none.
    pub field: String,
    /// What is lost.
    pub reason: String,
}

impl NotInvertible {
    fn what(&self) -> String {
        let Self { operation, field, reason: _ } = self;
        match field.as_str() {
            "" => format!("`{operation}`"),
            field => format!("`{operation}` of `{field}`"),
        }
    }
}

/// The operations that undo others, the last one first.
///
/// # Errors
/// [`NotInvertible`] when some document would come back with another content.
pub fn inverse(
    operations: &[Operation],
    outset: Outset<'_>,
) -> Result<Vec<Operation>, NotInvertible> {
    let written = outset.earlier.iter().flat_map(targets).collect();
    undone_all(operations, written, outset.is_ruled_out)
}

/// The same for operations after others that may have written these fields.
fn undone_all(
    operations: &[Operation],
    mut written: Vec<Target>,
    is_ruled_out: &dyn Fn(&FieldPath) -> bool,
) -> Result<Vec<Operation>, NotInvertible> {
    let mut undoing = Vec::with_capacity(operations.len());
    for operation in operations {
        let is_free = |path: &FieldPath| {
            is_ruled_out(path) && !written.iter().any(|target| target.touches(path))
        };
        undoing.extend(undone(operation, &is_free)?);
        written.extend(targets(operation));
    }
    undoing.reverse();
    Ok(undoing)
}

/// Each branch is undone where the condition still tells which one it was: if none of them changes what it looks at.
fn undone_branching(
    branching: &Branching,
    is_free: &dyn Fn(&FieldPath) -> bool,
) -> Result<Branching, NotInvertible> {
    let Branching { condition, then, otherwise } = branching;
    let changed: Vec<Target> = then.iter().chain(otherwise).flat_map(changes).collect();
    let looked_at = condition.fields();
    let lost = looked_at.iter().find(|field| changed.iter().any(|target| target.touches(field)));
    if let Some(field) = lost {
        let reason = "its operations change the field, so that afterwards it doesn't tell which of them were done";
        return Err(NotInvertible {
            operation: "when",
            field: field.to_string(),
            reason: reason.to_owned(),
        });
    }
    let undo = |branch| undone_all(branch, Vec::new(), is_free);
    Ok(Branching { condition: condition.clone(), then: undo(then)?, otherwise: undo(otherwise)? })
}

/// Where an operation may write, and what it takes away or changes where it stands.
fn changes(operation: &Operation) -> Vec<Target> {
    let fields = |fields: &[FieldPath]| fields.iter().cloned().map(Target::Field).collect();
    let mut changes: Vec<Target> = match operation {
        Operation::Rename(relocation) | Operation::Move(relocation) => {
            vec![Target::Field(relocation.from.clone())]
        }
        Operation::Remove(removal) => fields(&removal.fields),
        Operation::Cast(casting) => vec![Target::Field(casting.field.clone())],
        Operation::Lower(respelling)
        | Operation::Upper(respelling)
        | Operation::Trim(respelling) => fields(&respelling.fields),
        Operation::Map(translation) => vec![Target::Field(translation.field.clone())],
        Operation::Date(dating) => vec![Target::Field(dating.field.clone())],
        Operation::Encode(encoding) => vec![Target::Field(encoding.field.clone())],
        Operation::Wrap(wrapping) => fields(&wrapping.fields),
        Operation::Unwrap(unwrapping) => fields(&unwrapping.fields),
        Operation::Nest(nesting) => fields(&nesting.fields),
        Operation::Flatten(flattening) => vec![Target::Field(flattening.field.clone())],
        Operation::Split(splitting) => vec![Target::Field(splitting.field.clone())],
        Operation::Join(joining) => fields(&joining.fields),
        Operation::When(branching) => {
            branching.then.iter().chain(&branching.otherwise).flat_map(changes).collect()
        }
        // All that these change, they write.
        Operation::Copy(_)
        | Operation::Decode(_)
        | Operation::Set(_)
        | Operation::Default(_)
        | Operation::Hash(_)
        | Operation::Jq(_)
        | Operation::Painless(_)
        // These change no field.
        | Operation::Drop(_)
        | Operation::Rekey(_)
        | Operation::Reroute(_)
        | Operation::Send(_) => Vec::new(),
        Operation::Each(dividing) => vec![Target::Field(dividing.field.clone())],
    };
    changes.extend(targets(operation));
    changes
}

/// Where an operation may write.
#[derive(Debug, Clone)]
enum Target {
    Field(FieldPath),
    /// Any path that begins like this.
    Front(String),
}

impl Target {
    /// Whether a path may be written by it, or something above or below it.
    fn touches(&self, path: &FieldPath) -> bool {
        match self {
            Self::Field(field) => path == field || path.is_within(field) || field.is_within(path),
            Self::Front(front) => {
                let inside = front.strip_prefix(path.as_str());
                path.as_str().starts_with(front) || inside.is_some_and(|rest| rest.starts_with('.'))
            }
        }
    }
}

/// Where an operation may write.
fn targets(operation: &Operation) -> Vec<Target> {
    let fields = |fields: &[FieldPath]| fields.iter().cloned().map(Target::Field).collect();
    match operation {
        Operation::Rename(relocation)
        | Operation::Move(relocation)
        | Operation::Copy(relocation) => vec![Target::Field(relocation.to.clone())],
        Operation::Set(assignment) | Operation::Default(assignment) => {
            vec![Target::Field(assignment.field.clone())]
        }
        Operation::Nest(nesting) => nesting.moves().map(|one| Target::Field(one.to)).collect(),
        Operation::Flatten(flattening) => vec![Target::Front(flattening.front())],
        Operation::Split(splitting) => fields(&splitting.into),
        Operation::Join(joining) => vec![Target::Field(joining.into.clone())],
        Operation::Hash(hashing) => vec![Target::Field(hashing.into.clone())],
        // What it reads may have fields below it.
        Operation::Decode(decoding) => vec![Target::Field(decoding.field.clone())],
        Operation::When(branching) => {
            branching.then.iter().chain(&branching.otherwise).flat_map(targets).collect()
        }
        Operation::Jq(JqStep { field: Some(field), .. }) => {
            vec![Target::Field(field.clone())]
        }
        // It may have written any field.
        Operation::Jq(JqStep { field: None, .. }) | Operation::Painless(_) => {
            vec![Target::Front(String::new())]
        }
        Operation::Each(dividing) => {
            vec![Target::Field(dividing.into.as_ref().unwrap_or(&dividing.field).clone())]
        }
        // What they leave stands where it stood.
        Operation::Remove(_)
        | Operation::Cast(_)
        | Operation::Lower(_)
        | Operation::Upper(_)
        | Operation::Trim(_)
        | Operation::Map(_)
        | Operation::Date(_)
        | Operation::Encode(_)
        | Operation::Wrap(_)
        | Operation::Unwrap(_)
        | Operation::Drop(_)
        | Operation::Rekey(_)
        | Operation::Reroute(_)
        | Operation::Send(_) => Vec::new(),
    }
}

/// What undoes one operation, the first thing that it does first. `is_free`: no document has the field, nor anything
/// below it.
fn undone(
    operation: &Operation,
    is_free: &dyn Fn(&FieldPath) -> bool,
) -> Result<Vec<Operation>, NotInvertible> {
    let lost = |field: Option<&FieldPath>, reason: &str| {
        let field = field.map(ToString::to_string).unwrap_or_default();
        Err(NotInvertible { operation: operation.name(), field, reason: reason.to_owned() })
    };
    let relocated = |relocation: &Relocation, reason: Option<String>, undoing: Operation| {
        reason.map_or(Ok(vec![undoing]), |reason| lost(Some(&relocation.from), &reason))
    };
    match operation {
        Operation::Rename(relocation) if relocation.from.parent() == relocation.to.parent() => {
            let reason = overwritten(relocation.existing, &relocation.to)
                .or_else(|| taken(&relocation.to, is_free));
            relocated(relocation, reason, Operation::Rename(turned(relocation)))
        }
        // A rename that leaves the parent is a move.
        Operation::Rename(relocation) | Operation::Move(relocation) => {
            let reason = overwritten(relocation.existing, &relocation.to)
                .or_else(|| two_forms(&relocation.from))
                .or_else(|| taken(&relocation.to.root(), is_free));
            relocated(relocation, reason, Operation::Move(turned(relocation)))
        }
        Operation::Copy(relocation) => {
            // With all that was made for it: `remove` would leave an empty parent.
            let made = relocation.to.root();
            let reason =
                overwritten(relocation.existing, &relocation.to).or_else(|| taken(&made, is_free));
            relocated(relocation, reason, Operation::Remove(Removal { fields: vec![made] }))
        }
        Operation::Hash(hashing) => {
            let made = hashing.into.root();
            let reason = overwritten(hashing.existing, &hashing.into);
            match reason.or_else(|| taken(&made, is_free)) {
                None => Ok(vec![Operation::Remove(Removal { fields: vec![made] })]),
                Some(reason) => lost(hashing.fields.first(), &reason),
            }
        }
        Operation::Nest(nesting) => undone_nesting(nesting, is_free),
        Operation::Map(translation) => match turned_table(translation) {
            Ok(turned) => Ok(vec![Operation::Map(turned)]),
            Err(reason) => lost(Some(&translation.field), &reason),
        },
        Operation::Remove(removal) => lost(removal.fields.first(), "its value is lost"),
        Operation::Set(assignment) => lost(Some(&assignment.field), OVERWRITTEN),
        Operation::Default(assignment) => lost(Some(&assignment.field), NO_TRACE_OF_DEFAULT),
        Operation::Cast(casting) => lost(Some(&casting.field), NO_TRACE_OF_TYPE),
        Operation::Lower(respelling) | Operation::Upper(respelling) => {
            lost(respelling.fields.first(), NO_TRACE_OF_LETTERS)
        }
        Operation::Trim(respelling) => lost(respelling.fields.first(), WHITE_SPACE_LOST),
        Operation::Date(dating) => lost(Some(&dating.field), NO_TRACE_OF_FORM),
        Operation::Decode(decoding) => lost(Some(&decoding.field), NO_TRACE_OF_CODING),
        Operation::Encode(encoding) => match turned_encoding(encoding) {
            Some(decoding) => Ok(vec![Operation::Decode(decoding)]),
            None => lost(Some(&encoding.field), NO_TRACE_OF_OTHERS),
        },
        Operation::Wrap(wrapping) => lost(wrapping.fields.first(), NO_TRACE_OF_ONE),
        Operation::Unwrap(unwrapping) => lost(unwrapping.fields.first(), NO_TRACE_OF_LIST),
        Operation::Flatten(flattening) => lost(Some(&flattening.field), NO_TRACE_OF_OBJECT),
        Operation::Split(splitting) => lost(Some(&splitting.field), PARTS_UNCLEAR),
        Operation::Join(joining) => lost(joining.fields.first(), NO_TRACE_OF_SEAMS),
        Operation::When(branching) => {
            undone_branching(branching, is_free).map(|undoing| vec![Operation::When(undoing)])
        }
        Operation::Drop(_) => lost(None, "it drops documents"),
        Operation::Rekey(_) => lost(None, "it gives documents other ids"),
        Operation::Reroute(_) => lost(None, "it gives documents another routing"),
        Operation::Each(dividing) => lost(Some(&dividing.field), SEVERAL_OF_ONE),
        Operation::Send(_) => lost(None, "it sends documents into another index"),
        Operation::Jq(step) => lost(step.field.as_ref(), "nothing tells what a program did"),
        Operation::Painless(_) => lost(None, "nothing tells what a script did"),
    }
}

fn undone_nesting(
    nesting: &Nesting,
    is_free: &dyn Fn(&FieldPath) -> bool,
) -> Result<Vec<Operation>, NotInvertible> {
    let moves = nesting.moves().map(|one| undone(&Operation::Move(one), is_free));
    let undoing: Result<Vec<_>, NotInvertible> = moves.collect();
    let undoing = undoing.map_err(|error| NotInvertible { operation: "nest", ..error })?;
    Ok(undoing.into_iter().flatten().collect())
}

const SEVERAL_OF_ONE: &str = "it makes several documents of one";
const OVERWRITTEN: &str = "what stood there before is lost";
const NO_TRACE_OF_DEFAULT: &str = "afterwards nothing tells whether the field was there before";
const NO_TRACE_OF_TYPE: &str = "afterwards nothing tells which type the value had";
const NO_TRACE_OF_LETTERS: &str =
    "afterwards nothing tells which letters were small and which were capitals";
const WHITE_SPACE_LOST: &str = "the white space at its ends is lost";
const NO_TRACE_OF_FORM: &str =
    "afterwards nothing tells with which digits and zone the date was written";
const NO_TRACE_OF_CODING: &str =
    "afterwards nothing tells how the text was written and compressed that it was read from";
const NO_TRACE_OF_OTHERS: &str = "what is no text is lost, or stays as if it were encoded";
const NO_TRACE_OF_ONE: &str = "afterwards nothing tells whether the value was a list of one before";
const NO_TRACE_OF_LIST: &str = "afterwards nothing tells whether the value was in a list before";
const NO_TRACE_OF_OBJECT: &str =
    "afterwards nothing tells which fields it had, and whether it was there with none";
const PARTS_UNCLEAR: &str = "a `null` leaves no part, and a part may have been there before";
const NO_TRACE_OF_SEAMS: &str =
    "afterwards nothing tells where one part ended and which ones were missing";

/// The same way in the other direction.
fn turned(relocation: &Relocation) -> Relocation {
    let Relocation { from, to, existing: _ } = relocation;
    Relocation { from: to.clone(), to: from.clone(), existing: Existing::Reject }
}

/// What reads the texts again; none where others may stand between them.
fn turned_encoding(encoding: &Encoding) -> Option<Decoding> {
    let Encoding { field, to, otherwise } = encoding;
    let takes_all = match to {
        Coding::Base64 => *otherwise == Otherwise::Reject,
        Coding::Base64Json | Coding::Base64GzipJson => true,
    };
    let decoding = Decoding { field: field.clone(), from: *to, otherwise: Otherwise::Reject };
    takes_all.then_some(decoding)
}

/// The same table from right to left. Every value that stands there afterwards must have come from one value only.
fn turned_table(translation: &Translation) -> Result<Translation, String> {
    let Translation { field, values, otherwise } = translation;
    match otherwise {
        Otherwise::Reject => {}
        Otherwise::Keep => {
            return Err("a value may have been kept that another one has become".to_owned());
        }
        Otherwise::Remove | Otherwise::Null => {
            return Err("values that are not in the table are lost".to_owned());
        }
    }
    for (index, pair) in values.iter().enumerate() {
        let earlier = values.get(..index).unwrap_or_default();
        if let Some(other) = earlier.iter().find(|other| other.to.equals(&pair.to)) {
            let (one, other, to) = (other.from.value(), pair.from.value(), pair.to.value());
            return Err(format!("both {one} and {other} become {to}"));
        }
    }
    // Of `null` only a pair makes anything else.
    let is_null_turned = values.iter().any(|pair| pair.from.is_null());
    if let Some(pair) = values.iter().find(|pair| pair.to.is_null() && !is_null_turned) {
        return Err(format!("both {} and null become null", pair.from.value()));
    }
    let turn = |Pair { from, to }: &Pair| Pair { from: to.clone(), to: from.clone() };
    let values = values.iter().map(turn).collect();
    Ok(Translation { field: field.clone(), values, otherwise: Otherwise::Reject })
}

fn overwritten(existing: Existing, to: &FieldPath) -> Option<String> {
    match existing {
        Existing::Reject => None,
        Existing::Overwrite => Some(format!("what stood at `{to}` is lost")),
        Existing::Keep => Some(format!("its value is lost where something stood at `{to}`")),
    }
}

/// What stands at the target afterwards need not have come there by this operation.
fn taken(path: &FieldPath, is_free: &dyn Fn(&FieldPath) -> bool) -> Option<String> {
    (!is_free(path)).then(|| {
        format!("a document may have had `{path}` before; only a strict mapping without it rules that out")
    })
}

/// A path of several names can be written with dots or as objects, and a parent may be left empty.
fn two_forms(path: &FieldPath) -> Option<String> {
    path.parent().map(|parent| {
        format!("afterwards nothing tells whether `{parent}` was an object, empty without it, or part of a dotted name")
    })
}
