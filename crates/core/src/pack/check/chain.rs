//! Releases form one chain: each has a step from the one before, and only the first has none.

use crate::pack::{
    code,
    diagnostic::Findings,
    draft::{Draft, DraftRelease},
    load::PACK_FILE,
    place::Place,
    wire::StepWire,
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let Some(first) = draft.releases.first() else {
        let message = "the pack has no release";
        let fix = "add a folder such as `releases/1.0` with a `release.yaml`";
        findings.error(code::RELEASES_NONE, &Place::file(PACK_FILE), message, fix);
        return;
    };
    if let Some(step) = first.file.as_ref().and_then(|file| file.step.as_ref()) {
        let from = step.from.as_ref().map_or("nothing", |from| from.value.as_str());
        let message = format!(
            "{} is the first release of the pack, but has a step from {from}",
            first.version
        );
        let fix = "add the release before it, or remove the step";
        findings.error(code::STEP_FIRST, &step.place, message, fix);
    }
    let Some(data_parts) = data_parts(draft) else { return };
    for (before, release) in draft.pairs() {
        if before.version.data(data_parts) == release.version.data(data_parts) {
            let message = format!(
                "the releases {} and {} have the same data version: their first {data_parts} numbers are equal",
                before.version, release.version
            );
            let fix = "keep one of them, or raise `data_parts` in pack.yaml";
            findings.error(code::RELEASE_TWICE, &release.place, message, fix);
            continue;
        }
        match release.file.as_ref().map(|file| &file.step) {
            Some(Some(step)) => check_from(draft, (before, release), (step, data_parts), findings),
            Some(None) => {
                let message =
                    format!("the release {} has no step, so no data gets there", release.version);
                let fix = format!("add `step: {{from: \"{}\", indices: {{…}}}}`", before.version);
                findings.error(code::STEP_MISSING, &release.place, message, fix);
            }
            None => {}
        }
    }
}

/// The number of parts, if it can be worked with.
pub(super) fn data_parts(draft: &Draft) -> Option<usize> {
    let written = draft.pack.as_ref()?.data_parts.as_ref()?.value;
    usize::try_from(written).ok().filter(|parts| *parts > 0)
}

fn check_from(
    draft: &Draft,
    (before, release): (&DraftRelease, &DraftRelease),
    (step, data_parts): (&StepWire, usize),
    findings: &mut Findings,
) {
    let Some(from) = &step.from else { return };
    let wanted = from.value.data(data_parts);
    if wanted == before.version.data(data_parts) {
        return;
    }
    let is_there = draft.releases.iter().any(|other| other.version.data(data_parts) == wanted);
    let (message, fix) = if is_there {
        (
            format!(
                "the step into {} starts at {}, but the release before it is {}",
                release.version, from.value, before.version
            ),
            format!("write `from: \"{}\"` and describe the step from there", before.version),
        )
    } else {
        (
            format!(
                "the step into {} starts at {}, which the pack lacks",
                release.version, from.value
            ),
            format!("add the release {}, or start the step at {}", from.value, before.version),
        )
    };
    findings.error(code::STEP_FROM, &from.place, message, fix);
}
