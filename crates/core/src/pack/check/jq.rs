//! Programs in jq: whether each compiles, with a place within its text where it doesn't.

use crate::{
    jq::compile,
    pack::{
        code,
        diagnostic::Findings,
        draft::Draft,
        load::PackFiles,
        wire::{Fate, OperationWire},
    },
    transform::operation::Operation,
};

pub(super) fn check(draft: &Draft, files: &PackFiles, findings: &mut Findings) {
    let all = draft.releases.iter().filter_map(|release| release.file.as_ref());
    let steps = all.filter_map(|file| file.step.as_ref());
    for entry in steps.flat_map(|step| step.indices.values()) {
        if let Some(Fate::Migrate { from: _, partition: _, operations, way_back }) = &entry.fate {
            let down = way_back.down.iter().flat_map(|down| &down.operations.all);
            operations.all.iter().chain(down).for_each(|wire| check_program(wire, files, findings));
        }
    }
}

/// Programs stand in no `when`, so nothing within an operation has to be looked at.
fn check_program(wire: &OperationWire, files: &PackFiles, findings: &mut Findings) {
    let Operation::Jq(step) = &wire.operation else { return };
    let place = wire.value_place("program");
    if step.program.trim().is_empty() {
        let fix = "write one, or leave the operation out";
        findings.error(code::OPERATION_EMPTY, place, "this `jq` has no program", fix);
        return;
    }
    let Err(mistakes) = compile(&step.program) else { return };
    let file = files.text(&place.file).unwrap_or_default();
    for mistake in mistakes {
        let within = place.within_lines(file, &step.program, mistake.span);
        findings.error(code::JQ, &within, mistake.message, mistake.fix);
    }
}
