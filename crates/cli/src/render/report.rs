//! What came of an upgrade, a demo or a comparison, as people read it.

use std::time::Duration;

use lockstep_core::pack::model::SwitchMode;
use lockstep_demo::CheckReport;
use lockstep_engine::{journal::SwitchRecord, stage::verify::Verdict};
use serde::Serialize;

use super::{
    BOLD, CYAN, GREEN, RED, fact, problem,
    quantity::{bytes, count, counted, duration, per_second},
    styled,
};

/// Documents that a comparison shows.
const DOCUMENTS_IN_VERDICT: usize = 20;

/// What came of an upgrade.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct UpgradeReport {
    /// The application.
    pub(crate) application: String,
    /// From which version.
    pub(crate) from: String,
    /// To which version.
    pub(crate) to: String,
    /// The run's id.
    pub(crate) run: String,
    /// How the application finds its indices.
    pub(crate) mode: SwitchMode,
    /// Tenants that were switched.
    pub(crate) tenants: u64,
    /// Indices of the new set.
    pub(crate) indices: u64,
    /// Documents that were read from the live set, repeated reads included.
    pub(crate) documents: u64,
    /// Bytes of these documents.
    pub(crate) bytes: u64,
    /// Documents that both sets were found to have in common before the switch.
    pub(crate) verified: u64,
    /// How often copying began.
    pub(crate) rounds: u32,
    /// Time that this command took.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub(crate) time: Duration,
    /// Time that was spent copying, of this command.
    #[serde(rename = "copy_seconds", serialize_with = "as_seconds")]
    pub(crate) copy_time: Duration,
    /// Documents read a second while copying.
    pub(crate) docs_per_second: u64,
    /// How long writes were blocked, by part.
    pub(crate) switch: SwitchRecord,
    /// How long in all.
    pub(crate) switch_ms: u64,
}

fn as_seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Sum of the parts of a switch, in milliseconds.
pub(crate) fn switch_ms(switch: &SwitchRecord) -> u64 {
    let SwitchRecord { block_ms, watermark_ms, template_ms, alias_ms } = switch;
    block_ms + watermark_ms + template_ms + alias_ms
}

/// A report of an upgrade that ended in a switch.
pub(crate) fn upgraded(report: &UpgradeReport) -> String {
    let title = format!("{} is on {}", report.application, report.to);
    let mut text = format!("{}\n", styled(GREEN, title));
    text.push_str(&facts(report));
    let old = format!("the old set ({}) stays, blocked for writes", report.from);
    let next = match report.mode {
        SwitchMode::Alias => {
            format!("{old}; start the image of {} if it isn't running yet", report.to)
        }
        SwitchMode::Versioned => format!("start the image of {}; {old}", report.to),
    };
    text.push_str(&format!("{}: {next}\n", styled(CYAN, "next")));
    text
}

fn facts(report: &UpgradeReport) -> String {
    let mut text = fact(
        "switched",
        format!(
            "{}, {}",
            counted(report.tenants, "tenant", "tenants"),
            counted(report.indices, "index", "indices")
        ),
    );
    text.push_str(&fact(
        "copied",
        format!(
            "{} ({}) in {}, {} documents/s",
            counted(report.documents, "document", "documents"),
            bytes(report.bytes),
            counted(u64::from(report.rounds), "round", "rounds"),
            count(report.docs_per_second)
        ),
    ));
    text.push_str(&fact(
        "verified",
        format!("{} equal in both sets", counted(report.verified, "document", "documents")),
    ));
    let SwitchRecord { block_ms, watermark_ms, template_ms, alias_ms } = report.switch;
    text.push_str(&fact(
        "fence",
        format!(
            "{} ms (block {block_ms}, look {watermark_ms}, templates {template_ms}, aliases {alias_ms})",
            report.switch_ms
        ),
    ));
    text.push_str(&fact("time", duration(report.time)));
    text
}

/// A report of the demo.
pub(crate) fn demo(report: &UpgradeReport, check: &CheckReport) -> String {
    let title =
        format!("The demo's {} went from {} to {}", report.application, report.from, report.to);
    let mut text = format!("{}\n", styled(BOLD, title));
    text.push_str(&facts(report));
    text.push_str(&fact(
        "checked",
        format!(
            "{} by a reader that shares no code with Lockstep",
            counted(check.documents, "document", "documents")
        ),
    ));
    text.push_str(&fact("differing", count(check.differing)));
    text.push_str(&fact("missing", count(check.missing)));
    text.push_str(&fact("extra", count(check.extra)));
    for example in &check.examples {
        text.push_str(&format!("  {} {}: {:?}\n", example.index, example.id, example.verdict));
        for field in &example.fields {
            text.push_str(&format!("    {field}\n"));
        }
    }
    for problem in &check.problems {
        text.push_str(&format!("  {}\n", styled(RED, problem)));
    }
    let end = if check.is_clean() {
        styled(GREEN, "every document is as it must be")
    } else {
        styled(RED, "something is not as it must be")
    };
    text.push_str(&format!("{end}\n"));
    text
}

/// What a comparison found.
pub(crate) fn compared(application: &str, verdict: &Verdict) -> String {
    let difference = &verdict.difference;
    let title = if difference.is_empty() {
        styled(GREEN, format_args!("both sets of {application} are equal"))
    } else {
        styled(RED, format_args!("both sets of {application} differ"))
    };
    let mut text = format!("{title}\n");
    text.push_str(&fact("expected", count(verdict.expected)));
    text.push_str(&fact("found", count(verdict.found)));
    text.push_str(&fact("differing", count(difference.differing_count)));
    text.push_str(&fact("missing", count(difference.missing_count)));
    text.push_str(&fact("extra", count(difference.extra_count)));
    let total = difference.differing_count + difference.missing_count + difference.extra_count;
    text.push_str(&problem::listed(&verdict.documents, total, DOCUMENTS_IN_VERDICT));
    text
}

/// Documents a second, of those that were copied in this time.
pub(crate) fn rate(documents: u64, time: Duration) -> u64 {
    per_second(documents, time)
}
