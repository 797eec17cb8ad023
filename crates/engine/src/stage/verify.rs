//! Verify: what the application wrote since is caught up, both sets are compared and put right, until one comparison finds
//! nothing that had been carried over and isn't right.
//!
//! The application goes on writing and deleting meanwhile: only what stays different counts as a difference. What this
//! can't detect: two different documents with the same 128-bit hash.

use std::collections::BTreeMap;

use lockstep_core::{
    compare::Difference,
    run::state::{Event, Problem},
};

use super::{
    Direction, StageContext,
    back::back_key,
    catch_up::catch_up,
    compare::{Comparison, Verdict, Way, compare_all, comparisons},
    delivery::compare_deliveries,
    delta::foreign,
    follow::{Follower, ShardKey},
    mend::Mode,
    position::Covered,
    problem,
    review::review,
    side::Depth,
    table::compare_tables,
};
use crate::{
    error::{EngineError, SETS_DIFFER},
    journal::{PairTerms, VerdictRecord, Write},
    report::Event as ReportEvent,
};

/// Comparisons that may find something to put right before somebody is asked.
const COMPARISONS_MAX: u32 = 3;

/// Catches up and compares both sets until a comparison is clean; past `round_last` somebody is asked first.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub async fn compare_sets(
    context: &StageContext,
    round: u32,
    round_last: u32,
) -> Result<Event, EngineError> {
    if round > round_last {
        return Ok(Event::Stuck(problem(
            "R0501",
            format!("the fence was missed {} times", context.plan.limits.rounds_max),
            "writes are allowed again; look what it was missed for, or try again when the application writes less",
        )));
    }
    let mut follower = Follower::open(context, Direction::Forward).await?;
    Ok(compare_until_clean(&mut follower, round).await?.map_or(Event::SetsEqual, Event::Stuck))
}

/// Catches up and compares until a comparison is clean. Gives a problem when that doesn't come about.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(super) async fn compare_until_clean(
    follower: &mut Follower<'_>,
    round: u32,
) -> Result<Option<Problem>, EngineError> {
    let context = follower.context;
    let mut last = Verdict::default();
    for _ in 0..COMPARISONS_MAX {
        if let Some(problem) = context.find_unplanned(follower.direction).await? {
            return Ok(Some(problem));
        }
        if let Some(problem) = catch_up(follower).await? {
            return Ok(Some(problem));
        }
        // What is undecided stops nothing yet.
        review(follower).await?;
        let (verdict, seen) = compare_once(follower).await?;
        record(follower, round, &verdict).await?;
        if verdict.foreign > 0 {
            follower.write().await?;
            return Ok(Some(foreign(verdict.documents, verdict.foreign)));
        }
        if verdict.is_clean() {
            accept(follower, seen);
            follower.write().await?;
            if let Some(problem) = compare_deliveries(follower).await? {
                return Ok(Some(problem));
            }
            return compare_tables(follower).await;
        }
        let message = mended(follower.direction, &verdict);
        context.reporter.report(ReportEvent::Notice { message });
        last = verdict;
    }
    follower.write().await?;
    Ok(Some(differing(last)))
}

/// What a comparison looked at.
struct Seen {
    covered: BTreeMap<ShardKey, i64>,
    terms: Vec<PairTerms>,
}

async fn compare_once(follower: &mut Follower<'_>) -> Result<(Verdict, Seen), EngineError> {
    let context = follower.context;
    // Before anything is read: whatever is lost from here on changes a term.
    let seen = Seen { terms: follower.terms().await?, covered: follower.covered() };
    let whole = match follower.direction {
        Direction::Forward => comparisons(context)?,
        Direction::Back => follower.pairs.values().cloned().map(Comparison::from).collect(),
    };
    let cloned = match follower.direction {
        Direction::Forward => context.cloned().await?,
        Direction::Back => Covered::new(),
    };
    let way = Way {
        mode: Mode::Mend,
        depth: Depth::Contents,
        covered: Some(&seen.covered),
        cloned: Some(&cloned),
    };
    let verdict = compare_all(context, whole, way).await?;
    let Difference { missing_count, differing_count, .. } = verdict.difference;
    follower.count(verdict.deleted, missing_count + differing_count);
    Ok((verdict, seen))
}

/// Notes that both sets were found equal.
fn accept(follower: &mut Follower<'_>, seen: Seen) {
    for (key, mark) in &mut follower.marks {
        let compared = seen.covered.get(key).copied().unwrap_or(-1);
        mark.settled = mark.settled.max(compared);
        mark.compared = mark.compared.max(compared);
    }
    follower.note_terms(seen.terms);
}

fn mended(direction: Direction, verdict: &Verdict) -> String {
    let Difference { missing_count, differing_count, .. } = verdict.difference;
    let example = verdict.documents.first().map(|document| {
        format!("; for example `{}` of `{}` {}", document.id, document.index, document.reason)
    });
    format!(
        "the comparison found {missing_count} documents missing and {differing_count} differing in {}, and put them right; comparing once more{}",
        direction.target_set(),
        example.unwrap_or_default()
    )
}

async fn record(follower: &Follower<'_>, round: u32, verdict: &Verdict) -> Result<(), EngineError> {
    let context = follower.context;
    let key = match follower.direction {
        Direction::Forward => context.round_key(round),
        Direction::Back => format!("{}:{round}", back_key(&context.run)),
    };
    let record = VerdictRecord {
        round,
        documents: verdict.expected,
        missing: verdict.difference.missing_count,
        extra: verdict.difference.extra_count + verdict.foreign,
        differing: verdict.difference.differing_count,
        deleted: verdict.deleted,
        at: jiff::Timestamp::now().to_string(),
    };
    let kept = context.journal.read::<VerdictRecord>(&key).await?;
    match context.journal.put(&key, kept.as_ref(), record).await? {
        Write::Kept(_) => Ok(()),
        Write::Conflict => Err(EngineError::LeaseLost),
    }
}

fn differing(verdict: Verdict) -> Problem {
    let Difference { missing_count, extra_count, differing_count, .. } = verdict.difference;
    Problem {
        code: SETS_DIFFER.to_owned(),
        message: format!(
            "both sets differ again after they were put right {COMPARISONS_MAX} times: {missing_count} documents are missing, {extra_count} are extra, {differing_count} differ"
        ),
        hint: "look whether somebody else writes into the new set, its shards were lost, or a script of a step gives something else every time; run the same command again, and report it if it stays".to_owned(),
        documents: verdict.documents,
        document_count: missing_count + extra_count + differing_count,
    }
}
