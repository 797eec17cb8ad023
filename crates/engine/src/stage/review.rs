//! Review: what is in quarantine is looked at before it matters: what is over is ended, what somebody wants tried again is
//! tried, and what nobody decided about stops the switch.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::run::{
    quarantine::{Entry, EntryState},
    state::{BadDocument, Problem},
};

use super::{CopyPair, Direction, StageContext, follow::Follower, mend, problem};
use crate::{
    error::{EngineError, UNDECIDED_DOCUMENTS},
    report::Event as ReportEvent,
};

/// Documents that are shown when the switch waits for decisions.
const DOCUMENTS_SHOWN: usize = 50;
/// Indices that are named.
const INDICES_NAMED: usize = 10;

/// Looks at the quarantine as it is now, and tries again what somebody wants tried again. Gives what is undecided, as the
/// problem that stops the switch. Does nothing on the way back: there everything is decided.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(super) async fn review(follower: &mut Follower<'_>) -> Result<Option<Problem>, EngineError> {
    let context = follower.context;
    if follower.pairs.values().any(|pair| pair.direction == Direction::Back) {
        return Ok(None);
    }
    context.quarantine.tidy(&context.cluster, follower.pairs.values()).await?;
    let mut wanted: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in context.quarantine.entries() {
        if matches!(entry.state, EntryState::Retry { .. }) {
            wanted.entry(entry.index.clone()).or_default().push(entry);
        }
    }
    let pairs: Vec<CopyPair> = follower
        .pairs
        .values()
        .filter(|pair| wanted.contains_key(&pair.source.index))
        .cloned()
        .collect();
    for pair in pairs {
        let Some(entries) = wanted.remove(&pair.source.index) else { continue };
        let ids: BTreeSet<String> = entries.iter().map(|entry| entry.document.clone()).collect();
        mend::write(context, &pair, &ids, mend::Mode::Mend).await?;
        // What is carried only now has to be compared as well; in which shard it is, nobody knows here.
        let lowest = entries.iter().map(|entry| entry.seq_no).min().unwrap_or_default();
        for (key, mark) in &mut follower.marks {
            if key.0 == pair.position {
                mark.settled = mark.settled.min(lowest.saturating_sub(1));
            }
        }
    }
    Ok(undecided(context))
}

/// What is undecided.
pub(super) fn undecided(context: &StageContext) -> Option<Problem> {
    let mut entries = context.quarantine.entries();
    entries.retain(Entry::is_undecided);
    if entries.is_empty() {
        return None;
    }
    let document_count = entries.len() as u64;
    let bad = |entry: &Entry| BadDocument {
        index: entry.index.clone(),
        id: entry.document.clone(),
        reason: entry.reason.clone(),
    };
    Some(Problem {
        documents: entries.iter().take(DOCUMENTS_SHOWN).map(bad).collect(),
        document_count,
        ..problem(
            UNDECIDED_DOCUMENTS,
            format!(
                "{document_count} documents are in quarantine and nobody decided about them: {}",
                by_index(entries.iter().map(|entry| (entry.index.as_str(), 1)))
            ),
            "look at them with `lockstep quarantine list`; mend them in the application, or try again with `lockstep quarantine retry`, or leave them out with `lockstep quarantine discard --reason TEXT`; then run the same command again",
        )
    })
}

/// Tells how many are undecided, when that changed since it was told last.
pub(super) fn tell(context: &StageContext, told: &mut u64) {
    if context.plan.rehearsal.is_some() {
        // Nobody can decide about them, and nothing waits.
        return;
    }
    let problem = undecided(context);
    let count = problem.as_ref().map_or(0, |problem| problem.document_count);
    if count == *told {
        return;
    }
    *told = count;
    let message = match problem {
        Some(problem) => format!("{}; the switch waits for that", problem.message),
        None => "nothing in quarantine is undecided any more".to_owned(),
    };
    context.reporter.report(ReportEvent::Notice { message });
}

/// Counts by index, those with the most first, as `NAME (COUNT), …`.
pub(super) fn by_index<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (index, count) in counts {
        *sums.entry(index).or_default() += count;
    }
    let mut sums: Vec<(&str, u64)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut names: Vec<String> = sums
        .iter()
        .take(INDICES_NAMED)
        .map(|(index, count)| format!("{index} ({count})"))
        .collect();
    if sums.len() > INDICES_NAMED {
        names.push(format!("{} more indices", sums.len() - INDICES_NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_named_with_the_most_first() {
        let counts = [("a", 1), ("b", 2), ("a", 3), ("c", 2)];
        assert_eq!(by_index(counts.into_iter()), "a (4), b (2), c (2)");
        let names: Vec<String> = (0..12).map(|number| format!("i{number:02}")).collect();
        let many = by_index(names.iter().map(|name| (name.as_str(), 1)));
        assert!(many.starts_with("i00 (1), i01 (1)") && many.ends_with("i09 (1), 2 more indices"));
    }
}
