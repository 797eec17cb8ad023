//! L1: data that is lost.

use std::slice;

use super::{
    effect::Effect,
    passage::Passage,
    rule,
    trace::{Event, Loss, is_at},
};
use crate::{
    pack::{
        check::lineage::{Hop, hops},
        diagnostic::Findings,
        draft::Draft,
        place::Place,
        wire::{Fate, OperationWire},
    },
    transform::operation::{
        CastType, Casting, Coding, FieldPath, Operation, Otherwise, Several, Unwrapping,
    },
};

/// What a passage loses.
pub(super) fn check_passage(passage: &Passage<'_>, findings: &mut Findings) {
    for (position, event) in &passage.events {
        let Some(wire) = passage.operation(*position) else { continue };
        match event {
            Event::Lost { origin, path, by } => {
                note_lost(passage, (wire, *position), (origin, path, *by), findings);
            }
            Event::Kept { from, to } => {
                let message =
                    format!("where documents have `{to}` already, the value of `{from}` is lost");
                let fix = "put it where nothing is, or leave `existing` out so that such documents are set aside";
                let place = wire.value_place("existing");
                passage.tell((rule::KEPT, from.as_str()), place, (message, fix), findings);
            }
            Event::InVain { path, writer } => {
                let earlier = passage.operation(*writer).map_or("", |wire| wire.operation.name());
                let message = format!(
                    "this takes away `{path}`, which a `{earlier}` of the same step has just written"
                );
                let fix = "leave one of the two out, or correct the path";
                passage.tell((rule::WRITTEN_IN_VAIN, path), &wire.place, (message, fix), findings);
            }
            Event::Taken { .. } => {}
        }
    }
    check_otherwise(passage, findings);
}

/// The value of `origin` went with what stood at `path`. Of several values in one object it is told once.
fn note_lost(
    passage: &Passage<'_>,
    (wire, position): (&OperationWire, usize),
    (origin, path, by): (&str, &str, Loss),
    findings: &mut Findings,
) {
    let (rule, place, message, fix) = match by {
        Loss::Removed if is_missed(passage, position, origin) => (
            rule::REMOVED_YET_MAPPED,
            removed_place(wire, path),
            format!(
                "`{path}` is taken out of every document, but the mapping of {} still has it",
                passage.hop.release.version
            ),
            "keep the field, or take it out of the mapping as well",
        ),
        // That a field goes which the new mapping has no place for is no surprise.
        Loss::Removed => return,
        Loss::Set => (
            rule::SET_OVER,
            wire.value_place("field"),
            format!("documents had `{path}`, and `set` puts the same value over all of theirs"),
            "write `default` to keep what is there, or carry the old value elsewhere before",
        ),
        Loss::Overwritten => (
            rule::OVERWRITTEN,
            wire.value_place("existing"),
            format!(
                "what documents had as `{path}` is lost where this `{}` finds a value",
                wire.operation.name()
            ),
            "carry the old value elsewhere before, or leave `existing` out so that such documents are set aside",
        ),
    };
    passage.tell((rule, path), place, (message, fix), findings);
}

/// Whether the new mapping has a field and nothing brings it a value again.
fn is_missed(passage: &Passage<'_>, position: usize, origin: &str) -> bool {
    let is_written_later = passage.trace.written().any(|(path, writing)| {
        writing.operation > position && (is_at(origin, path) || is_at(path, origin))
    });
    let arrives = passage.trace.origins().any(|(_, places)| places.contains(origin));
    let is_mapped = passage.new.fields.contains_key(origin);
    is_mapped && !is_written_later && !arrives && !passage.trace.is_lost()
}

/// Where a `remove` names a field.
fn removed_place<'a>(wire: &'a OperationWire, path: &str) -> &'a Place {
    let Operation::Remove(removal) = &wire.operation else { return &wire.place };
    let index = removal.fields.iter().position(|field| field.as_str() == path);
    index.and_then(|index| wire.value_places("fields").nth(index)).unwrap_or(&wire.place)
}

/// Values that an operation can't work on and does not keep.
fn check_otherwise(passage: &Passage<'_>, findings: &mut Findings) {
    for (position, outer) in passage.operations.iter().enumerate() {
        let earlier = passage.operations.get(..position).unwrap_or_default();
        for wire in outer.with_inner() {
            match &wire.operation {
                // Under a condition only some of the values come here.
                Operation::Cast(casting) if std::ptr::eq(wire, outer) => {
                    check_cast(passage, (wire, casting), earlier, findings);
                }
                Operation::Unwrap(unwrapping) => {
                    check_unwrap(passage, (wire, unwrapping), findings);
                }
                // What is neither tells by itself whether it loses something.
                _ => note_silent(passage, wire, findings),
            }
        }
    }
}

fn check_cast(
    passage: &Passage<'_>,
    (wire, casting): (&OperationWire, &Casting),
    earlier: &[OperationWire],
    findings: &mut Findings,
) {
    let Some(outcome) = outcome(casting.otherwise) else { return };
    let Some(kind) = refused_kind(passage, (casting, earlier)) else {
        note_silent(passage, wire, findings);
        return;
    };
    let field = casting.field.as_str();
    let message = format!(
        "`{field}` is {kind}, of which no value can be cast to this type: every one {outcome}"
    );
    let fix =
        "keep the values as they are and choose another type, or say with `remove` that they go";
    let place = wire.value_place("otherwise");
    passage.tell((rule::CAST_LOSES_ALL, field), place, (message, fix), findings);
}

/// Values that an operation takes no further.
struct Silent<'a> {
    fields: &'a [FieldPath],
    /// Which ones.
    which: &'static str,
    otherwise: Otherwise,
}

fn lost_in_silence(operation: &Operation) -> Option<Silent<'_>> {
    let (fields, which, otherwise) = match operation {
        Operation::Cast(casting) => {
            (slice::from_ref(&casting.field), "that can't be cast", casting.otherwise)
        }
        Operation::Map(translation) => (
            slice::from_ref(&translation.field),
            "that the table does not have",
            translation.otherwise,
        ),
        Operation::Date(dating) => (
            slice::from_ref(&dating.field),
            "that is no such date, or can't be written as one",
            dating.otherwise,
        ),
        Operation::Decode(decoding) => (
            slice::from_ref(&decoding.field),
            "that is not kept so, or stands for too much,",
            decoding.otherwise,
        ),
        // Of any other form there is no value that can't be.
        Operation::Encode(encoding) if encoding.to == Coding::Base64 => {
            (slice::from_ref(&encoding.field), "that is no text", encoding.otherwise)
        }
        Operation::Lower(respelling)
        | Operation::Upper(respelling)
        | Operation::Trim(respelling) => {
            (respelling.fields.as_slice(), "that is no string", respelling.otherwise)
        }
        Operation::Rename(_)
        | Operation::Move(_)
        | Operation::Copy(_)
        | Operation::Remove(_)
        | Operation::Set(_)
        | Operation::Default(_)
        | Operation::Encode(_)
        | Operation::Wrap(_)
        | Operation::Unwrap(_)
        | Operation::Nest(_)
        | Operation::Flatten(_)
        | Operation::Hash(_)
        | Operation::Split(_)
        | Operation::Join(_)
        | Operation::Drop(_)
        | Operation::Rekey(_)
        | Operation::Reroute(_)
        | Operation::Each(_)
        | Operation::Send(_)
        | Operation::When(_)
        | Operation::Jq(_)
        | Operation::Painless(_) => return None,
    };
    Some(Silent { fields, which, otherwise })
}

/// What becomes of a value, if it is lost.
fn outcome(otherwise: Otherwise) -> Option<&'static str> {
    match otherwise {
        Otherwise::Reject | Otherwise::Keep => None,
        Otherwise::Remove => Some("is removed"),
        Otherwise::Null => Some("becomes `null`"),
    }
}

fn note_silent(passage: &Passage<'_>, wire: &OperationWire, findings: &mut Findings) {
    let lost = lost_in_silence(&wire.operation);
    let Some(Silent { fields, which, otherwise }) = lost else { return };
    let Some(outcome) = outcome(otherwise) else { return };
    for field in fields {
        let message = format!("a value of `{field}` {which} {outcome} in silence");
        let fix = "leave `otherwise` out: such documents are set aside, where they can be looked at and put right";
        let place = wire.value_place("otherwise");
        passage.tell((rule::LOST_IN_SILENCE, field.as_str()), place, (message, fix), findings);
    }
}

fn check_unwrap(
    passage: &Passage<'_>,
    (wire, unwrapping): (&OperationWire, &Unwrapping),
    findings: &mut Findings,
) {
    if unwrapping.several != Several::First {
        return;
    }
    for field in &unwrapping.fields {
        let message = format!("of several values of `{field}` all but the first are lost");
        let fix = "leave `several` out: such documents are set aside, where they can be looked at and put right";
        let place = wire.value_place("several");
        passage.tell((rule::LIST_CUT, field.as_str()), place, (message, fix), findings);
    }
}

/// What the field is when no value of it can be cast: a boolean as a number, a number as a boolean, an object.
fn refused_kind(
    passage: &Passage<'_>,
    (casting, earlier): (&Casting, &[OperationWire]),
) -> Option<&'static str> {
    let definition = passage.old.fields.get(casting.field.as_str())?;
    // What it is now, only the old mapping tells, and that only if it takes nothing else.
    let is_touched = earlier.iter().any(|wire| Effect::of(&wire.operation).touches(&casting.field));
    let takes_anything = definition.flag("ignore_malformed").is_some()
        || passage.old_index.settings.contains_key("mapping.ignore_malformed");
    if is_touched || takes_anything {
        return None;
    }
    let is_boolean = casting.to == CastType::Boolean;
    match definition.kind() {
        "object" | "nested" if definition.flag("enabled") != Some(false) => Some("an object"),
        "boolean" if matches!(casting.to, CastType::Long | CastType::Double) => Some("a boolean"),
        "long" | "integer" | "short" | "byte" | "unsigned_long" | "double" | "float"
        | "half_float" | "scaled_float"
            if is_boolean =>
        {
            Some("a number")
        }
        _ => None,
    }
}

/// What a release loses as a whole.
pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for hop in hops(draft) {
        for (key, entry) in &hop.step.indices {
            if let Some(Fate::Dropped) = entry.fate {
                note_dropped(hop, key, &entry.place, findings);
            }
        }
    }
    for release in draft.made() {
        for (key, index) in release.indices() {
            if let Some(replicas) = index.replicas.as_ref().filter(|replicas| replicas.value == 0) {
                let message =
                    format!("`{key}` has no replica: it is lost with the first node that fails");
                let fix = "write 1 or more, or leave it out to take over what the source has";
                findings.lint(
                    (rule::NO_REPLICA, key.to_owned()),
                    &replicas.place,
                    message,
                    fix.to_owned(),
                );
            }
        }
    }
}

fn note_dropped(hop: Hop<'_>, key: &str, place: &Place, findings: &mut Findings) {
    let Some(old) = hop.before.index(key) else { return };
    let heir = hop.step.indices.iter().find(|(other, entry)| {
        let starts_empty = matches!(entry.fate, Some(Fate::New | Fate::NewLike { .. }));
        let new = hop.release.index(other).filter(|_| starts_empty);
        new.is_some_and(|new| (new.name(other), new.naming()) == (old.name(key), old.naming()))
    });
    let (rule, message, fix) = match heir {
        Some((heir, _)) => (
            rule::NAME_EMPTIED,
            format!(
                "`{key}` is dropped, and `{heir}` starts empty under its name: readers find nothing there"
            ),
            format!("write `{heir}: {{migrate: {{from: {key}, …}}}}` to carry the documents on"),
        ),
        None => (
            rule::DROPPED,
            format!("`{key}` ends here, and its documents with it"),
            "carry it on, or say why nobody needs them".to_owned(),
        ),
    };
    findings.lint((rule, key.to_owned()), place, message, fix);
}
