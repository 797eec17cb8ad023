//! The runs of an application, the newest first.

use std::time::Duration;

use jiff::Timestamp;
use lockstep_engine::history::{History, PastRun, Retired};

use super::{
    BOLD, Text,
    quantity::{bytes, count, counted, duration},
    quarantine::counts_text,
    report::switch_ms,
    styled,
};

/// All runs, each in a few lines.
pub(crate) fn render(history: &History) -> Text {
    let History { application, live, runs } = history;
    let mut text = Text::default();
    let live = live.as_ref().map_or_else(String::new, |live| format!(", {live} is live"));
    let runs_text = counted(runs.len() as u64, "run", "runs");
    text.line(format_args!("{}: {runs_text}{live}", styled(BOLD, application)));
    for run in runs {
        past_run(&mut text, run);
    }
    text
}

fn past_run(text: &mut Text, run: &PastRun) {
    let title = format!("{} → {}: {}", run.from, run.to, run.state);
    text.line(styled(BOLD, title));
    text.fact("run", &run.id);
    text.fact("when", when(&run.started_at, &run.changed_at));
    text.fact(
        "what",
        format_args!(
            "{}, {}",
            counted(run.tenant_count as u64, "tenant", "tenants"),
            counted(run.document_count, "document", "documents")
        ),
    );
    if let Some(verdict) = &run.verdict {
        let differences = verdict.missing + verdict.extra + verdict.differing;
        let verdict = if differences == 0 {
            format!("{} documents equal in both sets", count(verdict.documents))
        } else {
            counted(differences, "document differs", "documents differ")
        };
        text.fact("verified", verdict);
    }
    for (name, times) in [("fence", run.switch), ("return", run.back)] {
        if let Some(times) = times {
            text.fact(name, format_args!("writes were blocked for {} ms", switch_ms(&times)));
        }
    }
    if run.quarantine.total() > 0 {
        text.fact("quarantine", counts_text(run.quarantine));
    }
    if let Some(snapshot) = &run.snapshot {
        text.fact("snapshot", format_args!("{} in {}", snapshot.name, snapshot.repository));
    }
    if let Some(retired) = &run.retired {
        retired_facts(text, retired);
    }
}

/// What was deleted of an old set, and where its documents are.
pub(super) fn retired_facts(text: &mut Text, retired: &Retired) {
    text.fact("retired", retired_text(retired));
    if let Some(archive) = &retired.archive {
        text.fact("archive", format_args!("{}, BLAKE3 {}", archive.location, archive.blake3));
    }
}

/// When it began, and how long it took until its state changed last.
fn when(started_at: &str, changed_at: &str) -> String {
    let both = (started_at.parse::<Timestamp>(), changed_at.parse::<Timestamp>());
    let (Ok(started), Ok(changed)) = both else { return started_at.to_owned() };
    // Clocks of two machines may disagree; nothing ends before it begins.
    let took = Duration::try_from(changed.duration_since(started)).unwrap_or_default();
    format!("{started_at}, its state changed last {} later", duration(took))
}

fn retired_text(retired: &Retired) -> String {
    let Retired { index_count, open_count, document_count, bytes: size, at, archive: _ } = retired;
    let open = match open_count {
        0 => String::new(),
        open => format!("; of {open} nobody saw the end, `lockstep retire` goes on"),
    };
    format!(
        "{}, {}, {}, at {at}{open}",
        counted(*index_count as u64, "index", "indices"),
        counted(*document_count, "document", "documents"),
        bytes(*size)
    )
}

#[cfg(test)]
mod tests {
    use lockstep_core::run::state::RunState;
    use lockstep_engine::{
        journal::{ArchiveReference, SnapshotReference, SwitchRecord, VerdictRecord},
        quarantine::Counts,
    };

    use super::*;

    #[test]
    fn runs_are_told_with_what_became_of_them() {
        let verdict = VerdictRecord {
            round: 1,
            documents: 1_200,
            missing: 0,
            extra: 0,
            differing: 0,
            deleted: 0,
            at: "2026-01-02T03:04:05Z".to_owned(),
        };
        let plain = PastRun {
            id: "0190e".to_owned(),
            from: "1.0".to_owned(),
            to: "1.1".to_owned(),
            state: RunState::Aborted,
            started_at: "2026-01-01T03:04:05Z".to_owned(),
            changed_at: "2026-01-01T03:05:45Z".to_owned(),
            tenant_count: 3,
            document_count: 1_200,
            verdict: None,
            switch: None,
            back: None,
            quarantine: Counts::default(),
            snapshot: None,
            retired: None,
        };
        let archive = ArchiveReference {
            location: "/var/old/event-store-1.0-0190f".to_owned(),
            blake3: "b3".to_owned(),
        };
        let full = PastRun {
            id: "0190f".to_owned(),
            to: "2.0".to_owned(),
            state: RunState::Finalized,
            verdict: Some(verdict),
            switch: Some(SwitchRecord { block_ms: 20, gate_ms: 30, ..SwitchRecord::default() }),
            quarantine: Counts { discarded: 2, ..Counts::default() },
            snapshot: Some(SnapshotReference {
                repository: "nightly".to_owned(),
                name: "lockstep-event-store-1.0-0190f".to_owned(),
            }),
            retired: Some(Retired {
                index_count: 12,
                open_count: 1,
                document_count: 1_200,
                bytes: 5_000_000,
                at: "2026-02-01T00:00:00Z".to_owned(),
                archive: Some(archive),
            }),
            ..plain.clone()
        };
        let history = History {
            application: "event-store".to_owned(),
            live: Some("2.0".to_owned()),
            runs: vec![full, plain],
        };
        let text = anstream::adapter::strip_str(render(&history).as_str()).to_string();
        insta::assert_snapshot!("history", text);
    }
}
