//! L5: operations whose order or repetition gives something else than was meant.

use serde_json::Value;

use super::{effect::Effect, passage::Passage, rule, trace::Event};
use crate::{
    pack::{diagnostic::Findings, place::Place, wire::OperationWire},
    transform::operation::FieldPath,
};

pub(super) fn check(passage: &Passage<'_>, findings: &mut Findings) {
    for (position, event) in &passage.events {
        let Event::Taken { path } = event else { continue };
        let Some(wire) = passage.operation(*position) else { continue };
        note_taken(passage, (wire, *position, path), findings);
    }
    for wire in passage.operations.iter().flat_map(OperationWire::with_inner) {
        check_date(passage, wire, findings);
    }
}

fn note_taken(
    passage: &Passage<'_>,
    (wire, position, path): (&OperationWire, usize, &FieldPath),
    findings: &mut Findings,
) {
    let name = wire.operation.name();
    let place = target_place(wire, path);
    let rest = passage.operations.get(position + 1..).unwrap_or_default();
    let freeing = rest.iter().find(|later| takes_away(&Effect::of(&later.operation), path));
    if let Some(later) = freeing {
        let message = format!(
            "this `{name}` writes `{path}` before a later `{}` takes away what documents have there: those with both are set aside",
            later.operation.name()
        );
        let fix = format!("put the `{}` first", later.operation.name());
        passage.tell((rule::FREED_TOO_LATE, path.as_str()), place, (message, fix), findings);
    } else {
        let message = format!(
            "documents may have `{path}` already: then this `{name}` can't write it, and they are set aside"
        );
        let fix = "carry away what is there before, write elsewhere, or say with `existing` which of the two stays";
        passage.tell((rule::TARGET_TAKEN, path.as_str()), place, (message, fix), findings);
    }
}

fn takes_away(effect: &Effect<'_>, path: &FieldPath) -> bool {
    match effect {
        Effect::Carried { ways, existing: _, stay } => {
            !*stay && ways.iter().any(|way| way.from == *path)
        }
        Effect::Removed(fields) => fields.contains(path),
        Effect::Spread { from, into: _ } => from.contains(path),
        Effect::Opened { field, front: _, existing: _ } => *field == path,
        Effect::Either { then, otherwise } => {
            then.iter().chain(otherwise).any(|effect| takes_away(effect, path))
        }
        Effect::Written { .. } | Effect::Filled { .. } | Effect::Changed(_) | Effect::Anything => {
            false
        }
    }
}

/// Where an operation names the field that it writes.
fn target_place<'a>(wire: &'a OperationWire, path: &FieldPath) -> &'a Place {
    match Effect::of(&wire.operation) {
        Effect::Carried { .. } => {
            let places = ["to", "into"].into_iter().flat_map(|name| wire.value_places(name));
            places.into_iter().next().unwrap_or(&wire.place)
        }
        Effect::Spread { from: _, into } => {
            let position = into.iter().position(|part| part == path);
            position
                .and_then(|position| wire.value_places("into").nth(position))
                .unwrap_or(&wire.place)
        }
        Effect::Removed(_)
        | Effect::Written { .. }
        | Effect::Filled { .. }
        | Effect::Changed(_)
        | Effect::Opened { .. }
        | Effect::Either { .. }
        | Effect::Anything => &wire.place,
    }
}

/// A date that stands in a pack says when the pack was written, not when the document was.
fn check_date(passage: &Passage<'_>, wire: &OperationWire, findings: &mut Findings) {
    let (Effect::Written { field, value } | Effect::Filled { field, value }) =
        Effect::of(&wire.operation)
    else {
        return;
    };
    let is_date_field = passage
        .new
        .fields
        .get(field.as_str())
        .is_some_and(|definition| matches!(definition.kind(), "date" | "date_nanos"));
    let is_number = value.is_number();
    if is_date_field && (is_number || is_date(value)) {
        let message =
            format!("`{field}` gets the same date in every document, whenever the upgrade runs");
        let fix = "`copy` a date that the document has, or leave the field out where none is known";
        passage.tell(
            (rule::CONSTANT_DATE, field.as_str()),
            wire.value_place("value"),
            (message, fix),
            findings,
        );
    }
}

/// Whether a constant is written as a date.
fn is_date(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let mut parts = text.get(..10).unwrap_or_default().split('-');
    let is_number = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    is_number(parts.next(), 4) && is_number(parts.next(), 2) && is_number(parts.next(), 2)
}
