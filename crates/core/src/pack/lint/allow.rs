//! Which lints are allowed, and which `allow` nothing needs.
//!
//! An `allow` holds for what is told of its own release, or in pack.yaml of the pack itself, and no further: a reason
//! for one release says nothing of the next one.

use std::collections::BTreeSet;

use super::{Allowed, Lints, rule};
use crate::{
    names::Glob,
    pack::{
        diagnostic::{Diagnostics, Findings, Severity},
        draft::Draft,
        load::{PACK_FILE, PackFiles},
        wire::AllowWire,
    },
};

/// Parts what was told into errors, and warnings and what is allowed.
pub(super) fn sort_out(
    draft: &Draft,
    told: Diagnostics,
    files: &PackFiles,
) -> (Diagnostics, Lints) {
    let written = written(draft);
    let mut used = BTreeSet::new();
    let mut allowed = Vec::new();
    let left = told.without(|diagnostic| {
        let at = diagnostic.at.as_deref().unwrap_or_default();
        let covering = written.iter().position(|(folder, allow)| {
            allow.rule.code == diagnostic.code
                && diagnostic.file.starts_with(folder)
                && Glob::new(&allow.at).matches(at)
        });
        let Some((index, (_, allow))) =
            covering.and_then(|index| Some((index, written.get(index)?)))
        else {
            return false;
        };
        used.insert(index);
        let reason = allow.reason.clone();
        allowed.push(Allowed { diagnostic: diagnostic.clone(), reason });
        true
    });
    let mut findings = Findings::default();
    for (index, (_, allow)) in written.iter().enumerate() {
        if !used.contains(&index) {
            note_unused(allow, &mut findings);
        }
    }
    let (errors, warnings) = left.by_severity(Severity::Error);
    (errors, Lints { warnings: warnings.and(&findings.into_diagnostics(files)), allowed })
}

/// All of them, each with what the files begin with that it holds for.
fn written(draft: &Draft) -> Vec<(&str, &AllowWire)> {
    let pack = draft.pack.iter().flat_map(|pack| &pack.allow).map(|allow| (PACK_FILE, allow));
    let releases = draft.releases.iter().flat_map(|release| {
        let allow = release.file.iter().flat_map(|file| &file.allow);
        allow.map(|allow| (release.folder(), allow))
    });
    pack.chain(releases).collect()
}

fn note_unused(allow: &AllowWire, findings: &mut Findings) {
    let message =
        format!("nothing here needs to be allowed as {} at `{}`", allow.rule.code, allow.at);
    let fix = "remove it, or correct `at`: a key of `indices`, then a dot and the field if the lint names one";
    findings.warning(rule::ALLOW_UNUSED.code, &allow.place, message, fix);
}
