//! Guard: while something is carried back, the old set takes writes from Lockstep alone. Whoever else writes to it, because he
//! missed the switch, waits and is refused by the block when it comes back; nothing is acknowledged that would be lost.
//!
//! What the guard replaces is journalled before it is set, so that whoever comes next can give it back.

use std::collections::BTreeMap;

use lockstep_elastic::CopyRule;

use super::{StageContext, problem};
use crate::{
    error::EngineError,
    journal::{GuardRecord, Write},
};

/// Lifts the write block of indices for Lockstep alone.
///
/// # Errors
/// [`EngineError::Halted`] when the cluster has no room for a guard, else when it or the journal can't be worked with.
pub(super) async fn set_guard(
    context: &StageContext,
    names: &[impl AsRef<str>],
) -> Result<(), EngineError> {
    if names.is_empty() {
        return Ok(());
    }
    let found = context.cluster.copy_rules(names).await?;
    let kept = context.journal.read::<GuardRecord>(&context.run).await?;
    let mut record = kept.as_ref().map(|kept| kept.record.clone()).unwrap_or_default();
    for (name, rule) in found {
        // One that has our guard already was left by somebody who died; what it had before is known.
        let is_ours = record.rules.get(&name).is_some_and(|before| before.guarded() == rule);
        if !is_ours {
            record.rules.insert(name, rule);
        }
    }
    if kept.as_ref().is_none_or(|kept| kept.record != record)
        && let Write::Conflict =
            context.journal.put(&context.run, kept.as_ref(), record.clone()).await?
    {
        return Err(EngineError::LeaseLost);
    }
    for (rule, names) in by_rule(&record, names, |_| true).0 {
        match context.cluster.guard(&names, rule).await {
            Err(failure) if failure.status() == Some(400) => {
                return Err(EngineError::Halted(Box::new(problem(
                    "R0704",
                    format!("the old set can't be opened for Lockstep alone: {failure}"),
                    "each of its shards needs room for one copy more, which is never built: raise `cluster.max_shards_per_node`, then go on with the same command",
                ))));
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Who may write to indices when their guard is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Nobody.
    Blocked,
    /// Everybody.
    Open,
}

/// Gives back what a guard replaced, where there was one, and leaves the indices blocked for writes or open.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(super) async fn take_guard_away(
    context: &StageContext,
    names: &[impl AsRef<str>],
    after: After,
) -> Result<(), EngineError> {
    let kept = context.journal.read::<GuardRecord>(&context.run).await?;
    let record = kept.map(|kept| kept.record).unwrap_or_default();
    // What nobody guards now has the rule that its operator gave it, maybe since the last guard was taken away.
    let found = context.cluster.copy_rules(names).await?;
    let is_guarded = |name: &str| found.get(name).is_some_and(CopyRule::is_guarded);
    let (guarded, others) = by_rule(&record, names, is_guarded);
    for (rule, names) in guarded {
        match after {
            After::Blocked => context.cluster.block_guarded(&names, rule).await?,
            After::Open => context.cluster.open_guarded(&names, rule).await?,
        }
    }
    match after {
        After::Blocked => context.cluster.block_writes(&others).await?,
        After::Open => context.cluster.unblock_writes(&others).await?,
    }
    Ok(())
}

/// Names that are chosen by the rule that they had before their guard, so that many indices take few calls; and the others.
fn by_rule<'a>(
    record: &'a GuardRecord,
    names: &'a [impl AsRef<str>],
    is_chosen: impl Fn(&str) -> bool,
) -> (BTreeMap<&'a CopyRule, Vec<&'a str>>, Vec<&'a str>) {
    let mut groups: BTreeMap<&CopyRule, Vec<&str>> = BTreeMap::new();
    let mut others = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        match record.rules.get(name).filter(|_| is_chosen(name)) {
            Some(rule) => groups.entry(rule).or_default().push(name),
            None => others.push(name),
        }
    }
    (groups, others)
}
