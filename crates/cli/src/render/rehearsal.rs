//! What a rehearsal came to: whether an upgrade can be begun, what it would need, and what stands in its way.

use std::time::Duration;

use lockstep_core::rehearsal::{
    cause::{Cause, Group},
    forecast::{FenceMeasure, Forecast, LogicalForecast, NodeForecast},
};
use lockstep_engine::rehearsal::RehearsalReport;

use super::{
    BOLD, DIM, GREEN, RED, Text, YELLOW,
    plan::{SUBJECTS_NAMED, findings},
    problem::documents,
    quantity::{bytes, count, counted, duration, percent},
    styled,
    table::{Column, table},
};

/// Documents that are shown of a problem.
const DOCUMENTS_SHOWN: usize = 10;
/// Letters of a document that are shown.
const LETTERS_SHOWN: usize = 500;

/// A report; `next` is the command that carries the upgrade out.
pub(crate) fn rehearsed(report: &RehearsalReport, next: &str, width: Option<u16>) -> Text {
    let mut text = Text::default();
    let RehearsalReport { application, from, to, .. } = report;
    text.line(if report.is_ready() {
        styled(GREEN, format_args!("{application} is ready to go from {from} to {to}"))
    } else {
        styled(RED, format_args!("{application} is not ready to go from {from} to {to}"))
    });
    facts(report, &mut text);
    if let Some(forecast) = &report.forecast {
        text.add(&by_index(forecast, width));
    }
    for group in &report.causes {
        cause(group, &mut text);
    }
    text.add(&findings(&report.warnings, SUBJECTS_NAMED));
    for node in report.forecast.iter().flat_map(|forecast| &forecast.nodes) {
        watermark(node, &mut text);
    }
    if let Some(problem) = &report.problem {
        let label = styled(RED, format_args!("stopped[{}]", problem.code));
        text.line(format_args!("{label}: {}", problem.message));
        text.add(&documents(problem, DOCUMENTS_SHOWN));
    }
    let figures = if report.forecast.is_some() { "; times and sizes are estimates" } else { "" };
    text.line(styled(DIM, format_args!("everything that was made for it is removed{figures}")));
    text.advice("next", advice(report, next));
    text
}

fn advice(report: &RehearsalReport, next: &str) -> String {
    if report.is_ready() {
        return next.to_owned();
    }
    let again = "and rehearse again";
    if report.rejected > 0 {
        format!("mend what stands above, in the pack or in the documents, {again}")
    } else if report.problem.is_some() {
        format!("mend what it stopped for, {again}")
    } else {
        format!("rehearse when the application writes less, or give the fence more time; {next}")
    }
}

fn facts(report: &RehearsalReport, text: &mut Text) {
    let RehearsalReport { documents, copied, followed, .. } = report;
    let share = match percent(copied.read, *documents) {
        0 if copied.read > 0 => "less than 1 %".to_owned(),
        share => format!("{share} %"),
    };
    let what = if report.sample.is_some() { "a sample" } else { "all" };
    text.fact(
        "taken",
        format_args!(
            "{what}: {} of {} ({share}), {}; {} followed meanwhile",
            count(copied.read),
            counted(*documents, "document", "documents"),
            bytes(copied.bytes),
            counted(*followed, "write", "writes")
        ),
    );
    match report.verified {
        Some(verified) if report.fence.is_some() => {
            let repaired = match report.repaired {
                0 => String::new(),
                more => format!("; {} put right", counted(more, "document", "documents")),
            };
            let verified = counted(verified, "document", "documents");
            text.fact("verified", format_args!("{verified} equal in both sets{repaired}"));
        }
        Some(_) | None => text.fact("verified", "it did not come to that"),
    }
    text.fact("rejected", rejected(report));
    if let Some(forecast) = &report.forecast {
        needs(forecast, text);
    }
    if let Some(fence) = &report.fence {
        text.fact("fence", fence_text(fence, report.fence_ms_max));
    }
}

fn rejected(report: &RehearsalReport) -> String {
    let RehearsalReport { rejected, causes, quarantine_max, .. } = report;
    if *rejected == 0 {
        let which = if report.sample.is_some() { " of the sample; --full tries all" } else { "" };
        return format!("no document{which}");
    }
    let documents = counted(*rejected, "document", "documents");
    let causes = counted(causes.len() as u64, "cause", "causes");
    let stops = if rejected > quarantine_max {
        format!("; an upgrade sets {} aside, and would stop after copying", count(*quarantine_max))
    } else {
        String::new()
    };
    format!("{documents} for {causes}{stops}")
}

fn needs(forecast: &Forecast, text: &mut Text) {
    let time = |milliseconds| duration(Duration::from_millis(milliseconds));
    let Forecast { prepare_ms, copy_ms, settle_ms, verify_ms, follow_ms, total_ms, .. } = forecast;
    let else_ms = prepare_ms + settle_ms + follow_ms;
    text.fact(
        "time",
        format_args!(
            "{} up to the fence: {} copying, {} comparing, {} for all else; without building replicas",
            time(*total_ms),
            time(*copy_ms),
            time(*verify_ms),
            time(else_ms)
        ),
    );
    let clones: u64 = forecast.indices.iter().map(|one| one.clone_count).sum();
    if clones > 0 {
        text.fact(
            "clones",
            format_args!(
                "{} that an upgrade clones, with writes to each refused for about a second; copied here",
                counted(clones, "index", "indices")
            ),
        );
    }
    text.fact(
        "disk",
        format_args!(
            "{} for the new set, and up to {} for a while for merges and translogs",
            bytes(forecast.disk_bytes),
            bytes(forecast.headroom_bytes)
        ),
    );
}

fn fence_text(fence: &FenceMeasure, fence_ms_max: u64) -> String {
    let FenceMeasure { block_ms, watermark_ms, carry_ms, gate_ms, operations } = fence;
    let verdict = if fence.total_ms() <= fence_ms_max { " of the" } else { ", more than the" };
    format!(
        "{} ms{verdict} {} ms that are allowed (block {block_ms}, look {watermark_ms}, carry {carry_ms}, gate {gate_ms}); {} were left",
        count(fence.total_ms()),
        count(fence_ms_max),
        counted(*operations, "operation", "operations")
    )
}

fn by_index(forecast: &Forecast, width: Option<u16>) -> Text {
    let columns = [
        Column::Words("index"),
        Column::Numbers("indices"),
        Column::Numbers("documents"),
        Column::Numbers("taken"),
        Column::Numbers("documents/s"),
        Column::Numbers("a second"),
        Column::Numbers("on disk"),
    ];
    let row = |one: &LogicalForecast| {
        vec![
            one.logical.clone(),
            count(one.index_count),
            count(one.documents),
            count(one.taken),
            count(one.documents_per_second),
            bytes(one.bytes_per_second),
            bytes(one.disk_bytes),
        ]
    };
    table(&columns, forecast.indices.iter().map(row).collect(), width)
}

fn cause(group: &Group, text: &mut Text) {
    let Group { cause, document_count, indices, examples, fix } = group;
    let label = styled(RED, format_args!("rejected[{}]", cause.code));
    let documents = counted(*document_count, "document", "documents");
    let places = counted(indices.len() as u64, "index", "indices");
    let what = about(cause);
    text.line(format_args!("{label}: {documents} of `{}` in {places}{what}", cause.logical));
    for example in examples {
        let name = styled(BOLD, format_args!("{} {}", example.index, example.id));
        text.line(format_args!("  {name}: {}", example.reason));
        if let Some(source) = &example.source {
            let mut letters = source.chars();
            let shown: String = letters.by_ref().take(LETTERS_SHOWN).collect();
            let more = if letters.next().is_some() { " …" } else { "" };
            text.line(format_args!("    {shown}{more}"));
        }
    }
    text.advice("  fix", fix);
}

/// The operation and the field, as far as they are known.
fn about(cause: &Cause) -> String {
    let operation = match (&cause.operation, cause.operation_number) {
        (Some(name), Some(number)) => format!(", by operation {number} (`{name}`)"),
        (Some(name), None) => format!(", by `{name}`"),
        (None, _) => String::new(),
    };
    let field = cause.field.as_ref().map(|field| format!(", at `{field}`")).unwrap_or_default();
    format!("{operation}{field}")
}

fn watermark(node: &NodeForecast, text: &mut Text) {
    if !node.is_over_watermark {
        return;
    }
    let label = styled(YELLOW, "warning");
    text.line(format_args!(
        "{label}: {} has {} free, and would have {} left: over its high watermark, where the upgrade waits for room",
        node.name,
        bytes(node.free_bytes),
        bytes(node.free_after_bytes)
    ));
}
