//! Rejected documents that were set aside, as people read them.

use lockstep_core::run::quarantine::{Decision, Entry, EntryEnding, EntryState, RejectedBy};
use lockstep_engine::quarantine::Counts;

use super::{
    BOLD, DIM, GREEN, Text, YELLOW,
    quantity::{bytes, count, counted},
    styled,
};

/// A list of entries, of `total` that there are.
pub(crate) fn listed(application: &str, entries: &[Entry], total: u64) -> Text {
    let mut text = Text::default();
    if total == 0 {
        text.line(styled(GREEN, format_args!("nothing of {application} is in quarantine")));
        return text;
    }
    let documents = counted(total, "document", "documents");
    text.line(styled(BOLD, format_args!("{application}: {documents} in quarantine")));
    for entry in entries {
        let Entry { key, index, document, reason, .. } = entry;
        let name = format!("{:<9}", entry.state.name());
        let name = if entry.is_undecided() { styled(YELLOW, name) } else { styled(DIM, name) };
        let document = styled(BOLD, format_args!("{index} {document}"));
        text.line(format_args!("  {key}  {name}  {document}: {reason}"));
        if let EntryState::Discarded { reason, by, at } = &entry.state {
            text.line(format_args!("      left out by {by} ({at}): {reason}"));
        }
    }
    let shown = entries.len() as u64;
    if total > shown {
        let more = counted(total - shown, "more document", "more documents");
        text.line(format_args!("  {}", styled(DIM, format_args!("and {more}"))));
    }
    if entries.iter().any(Entry::is_undecided) {
        text.advice(
            "next",
            "mend them in the application, or lockstep quarantine retry ID, or lockstep quarantine discard --reason TEXT ID",
        );
    }
    text
}

/// One entry.
pub(crate) fn shown(entry: &Entry, has_original: bool) -> Text {
    let mut text = Text::default();
    text.line(styled(BOLD, format_args!("{}: {}", entry.key, entry.state.name())));
    text.fact("document", format_args!("{} of {}", entry.document, entry.index));
    if let Some(routing) = &entry.routing {
        text.fact("routing", routing);
    }
    text.fact(
        "size",
        format_args!("{}, write {} of its shard", bytes(entry.bytes), count_of(entry)),
    );
    text.fact("rejected", format_args!("{} ({})", rejected_by(&entry.rejected_by), entry.at));
    text.fact("reason", &entry.reason);
    match &entry.state {
        EntryState::Open => {}
        EntryState::Retry { by, at } => {
            text.fact("retry", format_args!("asked for by {by} ({at})"));
        }
        EntryState::Discarded { reason, by, at } => {
            text.fact("left out", format_args!("by {by} ({at}): {reason}"));
        }
        EntryState::Over { ending, at } => {
            let ending = match ending {
                EntryEnding::Carried => "the document was carried over after all",
                EntryEnding::Superseded => "the application wrote or deleted the document since",
            };
            text.fact("over", format_args!("{ending} ({at})"));
        }
    }
    if has_original {
        text.advice("original", "--json shows the document as it was");
    }
    text
}

fn count_of(entry: &Entry) -> String {
    count(u64::try_from(entry.seq_no).unwrap_or_default())
}

fn rejected_by(by: &RejectedBy) -> String {
    match by {
        RejectedBy::Step { code, operation: Some(operation), field: Some(field), .. } => {
            format!("by a step: {code}, `{operation}` of `{field}`")
        }
        RejectedBy::Step { code, .. } => format!("by a step: {code}"),
        RejectedBy::Mapping { error_type } => format!("by the new mapping: {error_type}"),
        RejectedBy::Table { table } => format!("by the table {table}"),
        RejectedBy::Form => "as it can't be sent".to_owned(),
    }
}

/// What was decided.
pub(crate) fn decided(decision: &Decision, document_count: u64) -> Text {
    let mut text = Text::default();
    let documents = counted(document_count, "document", "documents");
    match decision {
        Decision::Retry => {
            text.line(format_args!("{documents} to be tried again"));
            text.advice("next", "whoever drives the run does it; else lockstep upgrade");
        }
        Decision::Discard { reason } => {
            text.line(format_args!("{documents} left out of the new set: {reason}"));
            text.advice("next", "lockstep upgrade, if nobody drives the run");
        }
    }
    text
}

/// Counts of entries, in one line.
pub(crate) fn counts_text(counts: Counts) -> String {
    let Counts { open, retry, discarded } = counts;
    let mut texts = Vec::new();
    if open > 0 {
        texts.push(format!("{} undecided", count(open)));
    }
    if retry > 0 {
        texts.push(format!("{} to be tried again", count(retry)));
    }
    if discarded > 0 {
        texts.push(format!("{} left out of the new set", count(discarded)));
    }
    format!("{} (lockstep quarantine list)", texts.join(", "))
}
