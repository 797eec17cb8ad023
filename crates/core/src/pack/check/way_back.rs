//! The way back of an index is said once: by operations, or by the reason why there is none.

use crate::pack::{
    code,
    diagnostic::Findings,
    draft::Draft,
    wire::{Fate, WayBackWire},
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let files = draft.releases.iter().filter_map(|release| release.file.as_ref());
    let steps = files.filter_map(|file| file.step.as_ref());
    for (key, entry) in steps.flat_map(|step| &step.indices) {
        let Some(Fate::Migrate { from: _, partition: _, operations: _, way_back }) = &entry.fate
        else {
            continue;
        };
        let WayBackWire { down, irreversible } = way_back;
        if let (Some(_), Some(reason)) = (down, irreversible) {
            let message = format!(
                "the index `{key}` has a way back by `down`, and `irreversible` says that there is none"
            );
            let fix =
                "keep `down` if its operations lead back, else `irreversible` with the reason";
            findings.error(code::WAY_BACK_TWICE, &reason.place, message, fix);
        }
    }
}
