//! What came of an upgrade, a demo or a comparison, as people read it.

use std::{fmt::Debug, time::Duration};

use lockstep_core::{pack::model::SwitchMode, plan::model::Plan};
use lockstep_demo::{CheckReport, TrafficCounts, TrafficReport};
use lockstep_engine::{journal::SwitchRecord, stage::compare::Verdict};
use serde::Serialize;

use super::{
    BOLD, GREEN, RED, Text, problem,
    quantity::{bytes, count, counted, duration},
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
    /// Documents that the application wrote meanwhile, carried over.
    pub(crate) carried: u64,
    /// Documents that it deleted meanwhile.
    pub(crate) deleted: u64,
    /// Documents that a comparison put right although they had been carried over.
    pub(crate) repaired: u64,
    /// Rejected documents that somebody decided to leave out.
    pub(crate) discarded: u64,
    /// Documents that both sets were found to have in common before the switch.
    pub(crate) verified: u64,
    /// How often verification began: once, and again for each fence that was missed.
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
    /// How long writes were blocked by the way back, where it was gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) back: Option<SwitchRecord>,
}

fn as_seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Sum of the parts of a switch, in milliseconds.
pub(crate) fn switch_ms(switch: &SwitchRecord) -> u64 {
    let SwitchRecord { block_ms, watermark_ms, carry_ms, gate_ms, template_ms, alias_ms } = switch;
    block_ms + watermark_ms + carry_ms + gate_ms + template_ms + alias_ms
}

/// A report of an upgrade that ended in a switch.
pub(crate) fn upgraded(report: &UpgradeReport) -> Text {
    let mut text = Text::default();
    text.line(styled(GREEN, format_args!("{} is on {}", report.application, report.to)));
    facts(report, &mut text);
    let old = format!("the old set ({}) stays, blocked for writes", report.from);
    let to = &report.to;
    match report.mode {
        SwitchMode::Alias => {
            text.advice(
                "next",
                format_args!("{old}; start the image of {to} if it isn't running yet"),
            );
        }
        SwitchMode::Versioned => {
            text.advice("next", format_args!("start the image of {to}; {old}"));
        }
    }
    text
}

fn facts(report: &UpgradeReport, text: &mut Text) {
    let tenants = counted(report.tenants, "tenant", "tenants");
    text.fact(
        "switched",
        format_args!("{tenants}, {}", counted(report.indices, "index", "indices")),
    );
    let documents = counted(report.documents, "document", "documents");
    let (size, rate) = (bytes(report.bytes), count(report.docs_per_second));
    text.fact("copied", format_args!("{documents} ({size}), {rate} documents/s"));
    if report.carried > 0 || report.deleted > 0 {
        let carried = counted(report.carried, "write", "writes");
        let deleted = counted(report.deleted, "delete", "deletes");
        text.fact("followed", format_args!("{carried} and {deleted} of the application meanwhile"));
    }
    if report.discarded > 0 {
        let documents = counted(report.discarded, "document", "documents");
        let how = "as was decided (lockstep quarantine list)";
        text.fact("left out", format_args!("{documents}, {how}"));
    }
    let verified = counted(report.verified, "document", "documents");
    text.fact("verified", format_args!("{verified} equal in both sets"));
    text.fact("fence", fence(&report.switch));
    text.fact("time", duration(report.time));
}

/// A report of a way back that was gone.
pub(crate) fn returned(plan: &Plan, times: &SwitchRecord) -> Text {
    let mut text = Text::default();
    let (from, to) = (&plan.to, &plan.from);
    text.line(styled(GREEN, format_args!("{} is back on {to}", plan.application)));
    text.fact("fence", fence(times));
    text.advice(
        "next",
        format_args!(
            "start the image of {to} if it isn't running yet; the new set ({from}) stays, blocked for writes: lockstep abort drops it"
        ),
    );
    text
}

/// How long writes were blocked, by part.
fn fence(times: &SwitchRecord) -> String {
    let SwitchRecord { block_ms, watermark_ms, carry_ms, gate_ms, template_ms, alias_ms } = times;
    format!(
        "{} ms (block {block_ms}, look {watermark_ms}, carry {carry_ms}, gate {gate_ms}, templates {template_ms}, aliases {alias_ms})",
        switch_ms(times)
    )
}

/// What an independent reader found after the demo's upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Nobody wrote: the old set against the new one.
    Still(CheckReport),
    /// The application wrote: everything that was acknowledged against the live set.
    Live {
        /// What is there, and what isn't.
        report: TrafficReport,
        /// What the application did.
        counts: TrafficCounts,
    },
}

impl Checked {
    /// Whether everything is as it must be.
    pub(crate) fn is_clean(&self) -> bool {
        match self {
            Self::Still(check) => check.is_clean(),
            Self::Live { report, counts: _ } => report.is_clean(),
        }
    }
}

/// A report of the demo.
pub(crate) fn demo(report: &UpgradeReport, checked: &Checked) -> Text {
    let UpgradeReport { application, from, to, .. } = report;
    let mut text = Text::default();
    let and_back = if report.back.is_some() { " and back" } else { "" };
    text.line(styled(
        BOLD,
        format_args!("The demo's {application} went from {from} to {to}{and_back}"),
    ));
    facts(report, &mut text);
    if let Some(times) = &report.back {
        text.fact("way back", fence(times));
    }
    match checked {
        Checked::Still(check) => still(check, &mut text),
        Checked::Live { report, counts } => live(report, counts, &mut text),
    }
    text.line(if checked.is_clean() {
        styled(GREEN, "every document is as it must be")
    } else {
        styled(RED, "something is not as it must be")
    });
    text
}

fn still(check: &CheckReport, text: &mut Text) {
    by_reader(check.documents, text);
    text.fact("differing", count(check.differing));
    text.fact("missing", count(check.missing));
    text.fact("extra", count(check.extra));
    for example in &check.examples {
        bad_document((&example.index, &example.id), example.verdict, &example.fields, text);
    }
    problems(&check.problems, text);
}

fn live(report: &TrafficReport, counts: &TrafficCounts, text: &mut Text) {
    let operations = counted(report.operations, "operation", "operations");
    let (rate, refused) = (count(counts.operations_per_second()), count(report.refused_writes));
    text.fact(
        "traffic",
        format_args!(
            "{operations} by the application meanwhile ({rate}/s); {refused} refused for a moment and repeated; \
             longest wait {} ms",
            count(report.longest_wait_ms)
        ),
    );
    let (apart, looks) = (count(report.split_observations), count(report.observations));
    text.fact("apart", format_args!("tenants on two releases at once: {apart} of {looks} looks"));
    by_reader(report.documents, text);
    text.fact("lost", count(report.lost));
    text.fact("resurrected", count(report.resurrected));
    text.fact("differing", count(report.differing));
    text.fact("extra", count(report.extra));
    for example in &report.examples {
        bad_document((&example.index, &example.id), example.verdict, &example.fields, text);
    }
    problems(&report.problems, text);
}

fn by_reader(document_count: u64, text: &mut Text) {
    let documents = counted(document_count, "document", "documents");
    text.fact("checked", format_args!("{documents} by a reader that shares no code with Lockstep"));
}

fn bad_document(
    (index, id): (&str, &str),
    verdict: impl Debug,
    fields: &[String],
    text: &mut Text,
) {
    text.line(format_args!("  {index} {id}: {verdict:?}"));
    for field in fields {
        text.line(format_args!("    {field}"));
    }
}

fn problems(problems: &[String], text: &mut Text) {
    for problem in problems {
        text.line(format_args!("  {}", styled(RED, problem)));
    }
}

/// What a comparison found.
pub(crate) fn compared(application: &str, verdict: &Verdict) -> Text {
    let difference = &verdict.difference;
    let mut text = Text::default();
    text.line(if difference.is_empty() {
        styled(GREEN, format_args!("both sets of {application} are equal"))
    } else {
        styled(RED, format_args!("both sets of {application} differ"))
    });
    text.fact("expected", count(verdict.expected));
    text.fact("found", count(verdict.found));
    text.fact("differing", count(difference.differing_count));
    text.fact("missing", count(difference.missing_count));
    text.fact("extra", count(difference.extra_count));
    let total = difference.differing_count + difference.missing_count + difference.extra_count;
    text.add(&problem::listed(&verdict.documents, total, DOCUMENTS_IN_VERDICT));
    text
}
