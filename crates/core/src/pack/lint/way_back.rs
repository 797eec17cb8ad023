//! L6: the way back from the new release to the one before.

use super::{effect::Effect, passage::Passage, rule, trace::is_at};
use crate::{
    pack::{
        check::schema,
        diagnostic::Findings,
        nearest::listed,
        wire::{DownWire, WayBackWire},
    },
    transform::{
        inverse::{NotInvertible, Outset, inverse},
        operation::{Existing, FieldPath, Nesting, Operation, Relocation},
    },
};

pub(super) fn check(passage: &Passage<'_>, findings: &mut Findings) {
    let Some(WayBackWire { down, irreversible }) = passage.way_back else { return };
    let operations: Vec<Operation> =
        passage.operations.iter().map(|wire| wire.operation.clone()).collect();
    match (down, irreversible) {
        (Some(down), _) => check_down(passage, down, findings),
        (None, Some(reason)) => {
            // What the application writes to a table can't be followed, whatever the operations are.
            let has_table = passage.new_index.table.is_some();
            if !has_table && derived(passage, &operations).is_ok() {
                let message = format!(
                    "`{}` is said to be irreversible, though every operation can be undone",
                    passage.key
                );
                let fix = "leave `irreversible` out: the way back is derived";
                passage.tell((rule::REVERSIBLE, ""), &reason.place, (message, fix), findings);
            }
        }
        (None, None) => match derived(passage, &operations) {
            Ok(back) => check_derived(passage, &back, findings),
            Err(obstacle) => note_none(passage, (&operations, &obstacle), findings),
        },
    }
}

/// The operations that undo others, by what this step alone tells.
fn derived(
    passage: &Passage<'_>,
    operations: &[Operation],
) -> Result<Vec<Operation>, NotInvertible> {
    let is_ruled_out = |path: &FieldPath| schema::rules_out(passage.old_mapping, path);
    inverse(operations, Outset { earlier: &[], is_ruled_out: &is_ruled_out })
}

fn note_none(
    passage: &Passage<'_>,
    (operations, obstacle): (&[Operation], &NotInvertible),
    findings: &mut Findings,
) {
    // Where the strict old mapping rules the target out, nothing exists there to be overwritten or kept.
    let strict: Vec<Operation> =
        operations.iter().map(|one| strictly(one).unwrap_or_else(|| one.clone())).collect();
    let loose = passage.operations.iter().find(|wire| strictly(&wire.operation).is_some());
    if let Some(wire) = loose
        && derived(passage, &strict).is_ok()
    {
        let place = wire.value_place("existing");
        let message = format!(
            "`{}` has no way back because of `existing`, which never applies: no document can have the target before",
            passage.key
        );
        let fix = "leave `existing` out; then the way back is derived";
        passage.tell((rule::EXISTING_IN_VAIN, ""), place, (message, fix), findings);
        return;
    }
    let message =
        format!("`{}` has no way back, and the pack does not say why: {obstacle}", passage.key);
    let fix = "write `down` with the operations that lead back as well as can be, or `irreversible: \"reason\"`";
    passage.tell((rule::NO_WAY_BACK, ""), &passage.entry.place, (message, fix), findings);
}

/// The same operation, refused where its target exists; `None` where it is so already or writes no target.
fn strictly(operation: &Operation) -> Option<Operation> {
    let plain = |relocation: &Relocation| {
        let is_loose = relocation.existing != Existing::Reject;
        is_loose.then(|| Relocation { existing: Existing::Reject, ..relocation.clone() })
    };
    match operation {
        Operation::Rename(relocation) => plain(relocation).map(Operation::Rename),
        Operation::Move(relocation) => plain(relocation).map(Operation::Move),
        Operation::Copy(relocation) => plain(relocation).map(Operation::Copy),
        Operation::Nest(nesting) => (nesting.existing != Existing::Reject)
            .then(|| Operation::Nest(Nesting { existing: Existing::Reject, ..nesting.clone() })),
        Operation::Remove(_)
        | Operation::Set(_)
        | Operation::Default(_)
        | Operation::Cast(_)
        | Operation::Lower(_)
        | Operation::Upper(_)
        | Operation::Trim(_)
        | Operation::Map(_)
        | Operation::Wrap(_)
        | Operation::Hash(_)
        | Operation::Date(_)
        | Operation::Decode(_)
        | Operation::Encode(_)
        | Operation::Unwrap(_)
        | Operation::Flatten(_)
        | Operation::Split(_)
        | Operation::Join(_)
        | Operation::Drop(_)
        | Operation::Rekey(_)
        | Operation::Reroute(_)
        | Operation::Each(_)
        | Operation::Send(_)
        | Operation::When(_)
        | Operation::Jq(_)
        | Operation::Painless(_) => None,
    }
}

/// What was written is followed through `operations` and `down`, there and back.
fn check_down(passage: &Passage<'_>, down: &DownWire, findings: &mut Findings) {
    let mut trace = passage.trace.clone();
    for wire in &down.operations.all {
        trace.apply(&Effect::of(&wire.operation));
    }
    let up = passage.operations.len();
    for (path, writing) in trace.written().filter(|(_, writing)| writing.operation < up) {
        let is_known =
            passage.old.fields.keys().any(|known| is_at(known, path) || is_at(path, known));
        if is_known {
            continue;
        }
        let fix = format!("add `remove: {{fields: [{path}]}}` to `down`");
        if writing.needs_room {
            let message = format!(
                "`down` leaves `{path}` in documents, and the next upgrade sets them aside: it finds the field that it wants to write"
            );
            passage.tell((rule::DOWN_BLOCKS, path), &down.place, (message, fix), findings);
        } else {
            let message = format!(
                "`down` leaves `{path}` in documents, which {} does not know",
                passage.hop.before.version
            );
            passage.tell((rule::DOWN_LEAVES, path), &down.place, (message, fix), findings);
        }
    }
    for ((origin, after), (_, back)) in passage.trace.origins().zip(trace.origins()) {
        if !after.is_empty() && !back.contains(origin) {
            let places = listed(after.iter().map(String::as_str));
            let message = format!(
                "`operations` carry `{origin}` to {places}, but `down` does not bring it back: {} misses it",
                passage.hop.before.version
            );
            let fix = format!("undo it in `down`, so that `{origin}` has its value again");
            passage.tell((rule::DOWN_MISPLACES, origin), &down.place, (message, fix), findings);
        }
    }
}

/// A derived way back undoes operations only. A field that is new with this release stays in documents on it.
fn check_derived(passage: &Passage<'_>, back: &[Operation], findings: &mut Findings) {
    let removed: Vec<&FieldPath> = back
        .iter()
        .filter_map(|operation| {
            if let Operation::Remove(removal) = operation { Some(&removal.fields) } else { None }
        })
        .flatten()
        .collect();
    let refused: Vec<&str> = passage
        .new
        .values()
        .map(|(path, _)| path)
        .filter(|path| {
            let comes_from_before = passage.trace.origins().any(|(_, places)| {
                places.iter().any(|place| is_at(path, place) || is_at(place, path))
            });
            let is_removed = removed.iter().any(|field| is_at(path, field.as_str()));
            let path = FieldPath::try_from((*path).to_owned());
            let is_ruled_out = path.is_ok_and(|path| schema::rules_out(passage.old_mapping, &path));
            !comes_from_before && !is_removed && is_ruled_out
        })
        .collect();
    if refused.is_empty() {
        return;
    }
    let fields = listed(refused.iter().copied());
    let message = format!(
        "on the derived way back the strict mapping of {} refuses documents in which {} wrote {fields}",
        passage.hop.before.version, passage.hop.release.version
    );
    let fix = format!("write `down`, and there `remove: {{fields: [{}]}}`", refused.join(", "));
    passage.tell((rule::BACK_REFUSED, ""), &passage.entry.place, (message, fix), findings);
}
