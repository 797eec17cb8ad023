//! Verify: what the application wrote since is caught up, both sets are compared and put right, until one comparison finds
//! nothing that had been carried over and isn't right.
//!
//! The application goes on writing and deleting meanwhile: only what stays different counts as a difference. What this
//! can't detect: two different documents with the same 128-bit hash.

use lockstep_core::{
    compare::Difference,
    run::state::{Event, Problem},
};

use super::{
    Direction, StageContext,
    catch_up::catch_up,
    compare::{Verdict, Way, compare_sets as compare_whole},
    delta::foreign,
    follow::Follower,
    mend::Mode,
    problem,
    review::review,
    side::Depth,
};
use crate::{
    error::{EngineError, SETS_DIFFER},
    journal::{VerdictRecord, Write},
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
    let mut last = Verdict::default();
    for _ in 0..COMPARISONS_MAX {
        if let Some(problem) = context.find_unplanned(Direction::Forward).await? {
            return Ok(Event::Stuck(problem));
        }
        if let Some(problem) = catch_up(&mut follower).await? {
            return Ok(Event::Stuck(problem));
        }
        // What is undecided stops nothing yet.
        review(&mut follower).await?;
        let covered = follower.covered();
        let way = Way { mode: Mode::Mend, depth: Depth::Contents, covered: Some(&covered) };
        let verdict = compare_whole(context, way).await?;
        let Difference { missing_count, differing_count, .. } = verdict.difference;
        follower.count(verdict.deleted, missing_count + differing_count);
        record(context, round, &verdict).await?;
        if verdict.foreign > 0 {
            follower.write().await?;
            return Ok(Event::Stuck(foreign(verdict.documents, verdict.foreign)));
        }
        if verdict.is_clean() {
            for (key, mark) in &mut follower.marks {
                let compared = covered.get(key).copied().unwrap_or(-1);
                mark.settled = mark.settled.max(compared);
                mark.compared = mark.compared.max(compared);
            }
            follower.write().await?;
            return Ok(Event::SetsEqual);
        }
        context.reporter.report(ReportEvent::Notice { message: mended(&verdict) });
        last = verdict;
    }
    follower.write().await?;
    Ok(Event::Stuck(differing(last)))
}

fn mended(verdict: &Verdict) -> String {
    let Difference { missing_count, differing_count, .. } = verdict.difference;
    let example = verdict.documents.first().map(|document| {
        format!("; for example `{}` of `{}` {}", document.id, document.index, document.reason)
    });
    format!(
        "the comparison found {missing_count} documents missing and {differing_count} differing in the new set, and put them right; comparing once more{}",
        example.unwrap_or_default()
    )
}

async fn record(context: &StageContext, round: u32, verdict: &Verdict) -> Result<(), EngineError> {
    let key = context.round_key(round);
    let record = VerdictRecord {
        round,
        documents: verdict.expected,
        missing: verdict.difference.missing_count,
        extra: verdict.difference.extra_count + verdict.foreign,
        differing: verdict.difference.differing_count,
        deleted: verdict.deleted,
        at: jiff::Timestamp::now().to_string(),
    };
    let write = match context.journal.read::<VerdictRecord>(&key).await? {
        Some(kept) => context.journal.replace(&key, &kept, record).await?,
        None => context.journal.create(&key, record).await?,
    };
    match write {
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
        hint: "look whether somebody else writes into the new set or its shards were lost; run the same command again, and report it if it stays".to_owned(),
        documents: verdict.documents,
        document_count: missing_count + extra_count + differing_count,
    }
}
