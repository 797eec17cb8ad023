//! What an operation does to the fields that documents have, as far as lints ask.

use std::slice;

use serde_json::Value;

use crate::transform::operation::{Existing, FieldPath, JqStep, Operation, Relocation};

/// What becomes of fields.
pub(super) enum Effect<'a> {
    /// Values go elsewhere, one after the other, or, if they `stay`, stand in both places.
    Carried { ways: Vec<Way>, existing: Existing, stay: bool },
    /// Fields go.
    Removed(&'a [FieldPath]),
    /// A value is written, whatever was there.
    Written { field: &'a FieldPath, value: &'a Value },
    /// A value is written where none was.
    Filled { field: &'a FieldPath, value: &'a Value },
    /// Values are changed where they stand.
    Changed(&'a [FieldPath]),
    /// Values become others, in other fields, which must not be there before.
    Spread { from: &'a [FieldPath], into: &'a [FieldPath] },
    /// The members of an object, which goes, stand behind what is put before their names.
    Opened { field: &'a FieldPath, front: String, existing: Existing },
    /// One list or the other.
    Either { then: Vec<Self>, otherwise: Vec<Self> },
    /// A script or a program: anything.
    Anything,
}

/// From where a value goes, and to where.
pub(super) struct Way {
    pub(super) from: FieldPath,
    pub(super) to: FieldPath,
}

impl<'a> Effect<'a> {
    pub(super) fn of(operation: &'a Operation) -> Self {
        match operation {
            Operation::Rename(relocation) | Operation::Move(relocation) => {
                Self::carried(relocation, false)
            }
            Operation::Copy(relocation) => Self::carried(relocation, true),
            Operation::Remove(removal) => Self::Removed(&removal.fields),
            Operation::Set(assignment) => {
                Self::Written { field: &assignment.field, value: &assignment.value }
            }
            Operation::Default(assignment) => {
                Self::Filled { field: &assignment.field, value: &assignment.value }
            }
            Operation::Cast(casting) => Self::Changed(slice::from_ref(&casting.field)),
            Operation::Lower(respelling)
            | Operation::Upper(respelling)
            | Operation::Trim(respelling) => Self::Changed(&respelling.fields),
            // The fields stay; what stands at `into` is another value afterwards.
            Operation::Hash(hashing) => Self::Changed(slice::from_ref(&hashing.into)),
            Operation::Date(dating) => Self::Changed(slice::from_ref(&dating.field)),
            Operation::Decode(decoding) => Self::Changed(slice::from_ref(&decoding.field)),
            Operation::Encode(encoding) => Self::Changed(slice::from_ref(&encoding.field)),
            Operation::Map(translation) => Self::Changed(slice::from_ref(&translation.field)),
            Operation::Wrap(wrapping) => Self::Changed(&wrapping.fields),
            Operation::Unwrap(unwrapping) => Self::Changed(&unwrapping.fields),
            Operation::Nest(nesting) => Self::Carried {
                ways: nesting.moves().map(|one| Way { from: one.from, to: one.to }).collect(),
                existing: nesting.existing,
                stay: false,
            },
            Operation::Flatten(flattening) => Self::Opened {
                field: &flattening.field,
                front: flattening.front(),
                existing: flattening.existing,
            },
            Operation::Split(splitting) => {
                Self::Spread { from: slice::from_ref(&splitting.field), into: &splitting.into }
            }
            Operation::Join(joining) => {
                Self::Spread { from: &joining.fields, into: slice::from_ref(&joining.into) }
            }
            // What stands at `field` is another value afterwards, there or elsewhere.
            Operation::Each(dividing) => match &dividing.into {
                None => Self::Changed(slice::from_ref(&dividing.field)),
                Some(into) => Self::Spread {
                    from: slice::from_ref(&dividing.field),
                    into: slice::from_ref(into),
                },
            },
            Operation::Drop(_)
            | Operation::Rekey(_)
            | Operation::Reroute(_)
            | Operation::Send(_) => Self::Changed(&[]),
            Operation::When(branching) => Self::Either {
                then: branching.then.iter().map(Self::of).collect(),
                otherwise: branching.otherwise.iter().map(Self::of).collect(),
            },
            Operation::Jq(JqStep { field: Some(field), .. }) => {
                Self::Changed(slice::from_ref(field))
            }
            Operation::Jq(JqStep { field: None, .. }) | Operation::Painless(_) => Self::Anything,
        }
    }

    fn carried(relocation: &Relocation, stay: bool) -> Self {
        let Relocation { from, to, existing } = relocation;
        let way = Way { from: from.clone(), to: to.clone() };
        Self::Carried { ways: vec![way], existing: *existing, stay }
    }

    /// Whether it has to do with a field, with something in it, or with what it is in.
    pub(super) fn touches(&self, path: &FieldPath) -> bool {
        let meets = |own: &FieldPath| own == path || own.is_within(path) || path.is_within(own);
        match self {
            Self::Carried { ways, existing: _, stay: _ } => {
                ways.iter().any(|Way { from, to }| meets(from) || meets(to))
            }
            Self::Removed(fields) | Self::Changed(fields) => fields.iter().any(meets),
            Self::Written { field, value: _ } | Self::Filled { field, value: _ } => meets(field),
            Self::Spread { from, into } => from.iter().chain(*into).any(meets),
            Self::Opened { field, front, existing: _ } => {
                meets(field) || path.as_str().starts_with(front.as_str())
            }
            Self::Either { then, otherwise } => {
                then.iter().chain(otherwise).any(|effect| effect.touches(path))
            }
            Self::Anything => true,
        }
    }
}
