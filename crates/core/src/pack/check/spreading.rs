//! Operations that don't leave one document at its place: where they may stand, and what they name.

use crate::{
    pack::{
        code,
        diagnostic::Findings,
        draft::Draft,
        model::Partitions,
        nearest::suggestion,
        place::Place,
        wire::{Fate, OperationWire},
    },
    transform::operation::{
        Dividing, Documents, JqStep, Operation, Rerouting, Template, TemplatePart,
    },
};

use super::lineage::{Flow, Hop, hops};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for hop in hops(draft) {
        for flow in hop.flows() {
            check_flow(draft, hop, &flow, findings);
        }
    }
}

fn check_flow(draft: &Draft, hop: Hop<'_>, flow: &Flow<'_>, findings: &mut Findings) {
    let Some(Fate::Migrate { from: _, partition: _, operations, way_back }) = &flow.entry.fate
    else {
        return;
    };
    let all: Vec<&OperationWire> =
        operations.all.iter().flat_map(OperationWire::with_inner).collect();
    for wire in &all {
        check_operation(wire, findings);
        check_destinations(hop, (flow.key, wire), findings);
    }
    check_behind_drop(&operations.all, findings);
    check_stop(draft, hop, &all, findings);
    let down = way_back.down.as_ref();
    let down_operations = down.iter().flat_map(|down| &down.operations.all);
    for wire in down_operations.flat_map(OperationWire::with_inner).filter(|wire| does_spread(wire))
    {
        let message = format!(
            "on the way back every document stays one at its place, and {} may not leave it there",
            named(wire)
        );
        let fix = "leave it out, or write `irreversible` with the reason instead of `down`";
        findings.error(code::SPREADING, &wire.place, message, fix);
    }
    check_gathered(hop, flow, findings);
    let Some(first) = all.into_iter().find(|wire| does_spread(wire)) else { return };
    if let Some(down) = down {
        let message = format!(
            "what {} does to documents can't be taken back one by one, so `{}` can't have a way back",
            named(first),
            flow.key
        );
        let fix = "write `irreversible` with the reason instead of `down`";
        findings.error(code::SPREADING, &down.place, message, fix);
    }
    if hop.release.index(flow.key).is_some_and(|index| index.table.is_some()) {
        let message = format!(
            "`{}` has a table, in which every document is one row, and {} may not leave it so",
            flow.key,
            named(first)
        );
        let fix = "do it in a step before the one that leads to the table";
        findings.error(code::SPREADING, &first.place, message, fix);
    }
}

/// Documents of several indices in one: told once, of the first of them.
fn check_gathered(hop: Hop<'_>, flow: &Flow<'_>, findings: &mut Findings) {
    let Some(Fate::Migrate { from, partition: _, operations: _, way_back }) = &flow.entry.fate
    else {
        return;
    };
    let [first, _, ..] = from.as_slice() else { return };
    if first.value != flow.source_key {
        return;
    }
    let tell = |findings: &mut Findings, place: &Place, message: String, fix: &str| {
        findings.error(code::SPREADING, place, message, fix);
    };
    let key = flow.key;
    if let Some(down) = &way_back.down {
        let message = format!(
            "documents of several indices come together in `{key}`, and nothing tells where each came from, so it can't have a way back"
        );
        tell(
            findings,
            &down.place,
            message,
            "write `irreversible` with the reason instead of `down`",
        );
    }
    let Some(index) = hop.release.index(key) else { return };
    if let Some(table) = &index.table {
        let message =
            format!("`{key}` has a table, in which every document of one index is one row");
        tell(
            findings,
            &table.place,
            message,
            "bring them together in a step before the one that leads to the table",
        );
    }
    if index.is_partitioned() {
        let message = format!(
            "`{key}` has partitions, and those of several indices can't be brought together"
        );
        tell(findings, &first.place, message, "bring them together in an index of one piece");
    }
}

/// Whether it is itself one of these; not what is within its branches.
fn does_spread(wire: &OperationWire) -> bool {
    wire.operation.is_spreading() && !matches!(wire.operation, Operation::When(_))
}

fn named(wire: &OperationWire) -> String {
    let name = wire.operation.name();
    match &wire.operation {
        Operation::Jq(_) | Operation::Painless(_) => format!("`{name}` with `documents: any`"),
        _ => format!("`{name}`"),
    }
}

fn check_operation(wire: &OperationWire, findings: &mut Findings) {
    let place = |findings: &mut Findings, name: &str, message: &str, fix: &str| {
        findings.error(code::PLACE, wire.value_place(name), message, fix);
    };
    let has = |template: &Template, part: &TemplatePart| template.parts().contains(part);
    match &wire.operation {
        Operation::Rekey(rekeying) => {
            if has(&rekeying.id, &TemplatePart::Position) {
                place(findings, "id", ONLY_EACH, "name a field, or `{_id}`");
            } else if is_constant(&rekeying.id) {
                let fix = "name a field, or `{_id}`";
                place(findings, "id", "every document would get the same id", fix);
            }
        }
        Operation::Reroute(Rerouting { routing: Some(routing) })
            if has(routing, &TemplatePart::Position) =>
        {
            place(findings, "routing", ONLY_EACH, "name a field, or leave it out");
        }
        Operation::Each(dividing) => {
            let Dividing { field, into, id, empty: _ } = dividing;
            if !has(id, &TemplatePart::Position) && id.fields().next().is_none() {
                let message = "all documents that are made of one would get the same id";
                let fix = "name `{_position}`, or a field of the element";
                place(findings, "id", message, fix);
            }
            if let Some(into) =
                into.as_ref().filter(|into| into.is_within(field) || field.is_within(into))
            {
                let message = format!(
                    "this `each` leads from `{field}` to `{into}`: one lies within the other"
                );
                let fix = "leave `into` out, or put the element beside the list";
                findings.error(code::PATHS_NESTED, wire.value_place("into"), message, fix);
            }
        }
        Operation::Jq(JqStep { field: Some(_), documents: Documents::Any, .. }) => {
            let message = "a field's value becomes one other, so `documents: any` says nothing";
            place(findings, "field", message, "leave one of the two out");
        }
        _ => {}
    }
}

const ONLY_EACH: &str = "only the `id` of `each` knows a `{_position}`";

/// Whether it is the same text for every document of an index.
fn is_constant(template: &Template) -> bool {
    template.parts().iter().all(|part| match part {
        TemplatePart::Text(_) | TemplatePart::Index => true,
        TemplatePart::Field(_)
        | TemplatePart::Id
        | TemplatePart::Routing
        | TemplatePart::Position => false,
    })
}

/// Documents are sent to indices of the release that are another one's, and of which there is one.
fn check_destinations(hop: Hop<'_>, (own, wire): (&str, &OperationWire), findings: &mut Findings) {
    if matches!(wire.operation, Operation::When(_)) {
        return;
    }
    for (position, to) in wire.operation.destinations().into_iter().enumerate() {
        let place = wire.value_places("to").nth(position).unwrap_or(&wire.place);
        let Some(index) = hop.release.index(to) else {
            let message = format!("the release {} has no index `{to}`", hop.release.version);
            let known = hop.release.indices().map(|(key, _)| key).filter(|key| *key != own);
            findings.error(code::PLACE, place, message, suggestion(to, known));
            continue;
        };
        if to == own {
            let message = format!("documents of `{own}` are in `{own}` anyway");
            findings.error(code::PLACE, place, message, "name another index, or leave it out");
        } else if index.is_partitioned() && !is_cut_alike(hop, own, index.partitions) {
            let message =
                format!("`{to}` has partitions, and nothing says in which one a document belongs");
            let fix =
                "send documents to an index of one piece, or from one with the same `partition`";
            findings.error(code::PLACE, place, message, fix);
        } else if index.table.is_some() {
            let message =
                format!("`{to}` has a table, in which every document of one index is one row");
            let fix = "send documents in a step before the one that leads to the table";
            findings.error(code::SPREADING, place, message, fix);
        }
    }
}

/// Whether an index has the same partitions, so that a document stays in the one that it is in.
fn is_cut_alike(hop: Hop<'_>, own: &str, partitions: Option<Partitions>) -> bool {
    let own = hop.release.index(own).and_then(|own| own.partitions);
    own.zip(partitions).is_some_and(|(own, other)| !own.is_none() && own.is_alike(other))
}

/// What stands behind a `drop` in the same list is never done.
fn check_behind_drop(wires: &[OperationWire], findings: &mut Findings) {
    let mut has_ended = false;
    for wire in wires {
        if has_ended {
            let message = format!(
                "a `drop` stands before this `{}`, which is never done",
                wire.operation.name()
            );
            let fix = "put the `drop` into a `when`, or leave out what follows it";
            findings.error(code::OPERATION_EMPTY, &wire.place, message, fix);
            return;
        }
        has_ended = matches!(wire.operation, Operation::Drop(_));
        check_behind_drop(&wire.branches.then, findings);
        check_behind_drop(&wire.branches.otherwise, findings);
    }
}

/// A document that was sent to another index would have to go on through that one's next step.
fn check_stop(draft: &Draft, hop: Hop<'_>, all: &[&OperationWire], findings: &mut Findings) {
    let is_last = draft.releases.last().is_some_and(|last| last.version == hop.release.version);
    if is_last || hop.step.required_stop.value {
        return;
    }
    let sends = |wire: &&&OperationWire| {
        !matches!(wire.operation, Operation::When(_)) && !wire.operation.destinations().is_empty()
    };
    if let Some(wire) = all.iter().find(sends) {
        let message = format!(
            "{} sends documents to other indices, and a chain that goes on to a later release would not do that release's steps to them",
            named(wire)
        );
        let fix =
            "write `required_stop: true` in this step: an upgrade then goes to this release first";
        findings.error(code::SPREADING, wire.value_place("to"), message, fix);
    }
}
