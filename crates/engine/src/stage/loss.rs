//! Loss: whether shards of the set that is carried into are gone with a node.
//!
//! While documents are copied the new set has no replicas, so a node that dies takes some of its shards along. Writes to
//! these would be waited for, a minute each, until every repetition was used up. So it is looked for them beside the stages
//! that write, and somebody is asked: nobody but an operator knows whether the node comes back. Nothing of the live set is
//! touched by that.

use std::time::Duration;

use lockstep_core::run::state::{Event, Problem};
use lockstep_elastic::{Failure, FailureKind, HealthStatus};
use tokio::time;

use super::{
    Direction, StageContext,
    fence::live_names,
    problem,
    settle::{find_replaced, target_plans},
};
use crate::error::EngineError;

/// Time between two looks at the shards.
const LOOK_TIME: Duration = Duration::from_secs(5);
/// For how long shards may be away before somebody is asked. A primary that moves to another copy, or a process that
/// starts again at once, is back before; whoever takes longer costs a repetition of the command.
const AWAY_TIME_MAX: Duration = Duration::from_secs(30);

/// Does a stage as long as the set that it carries into has its shards. Where it lost some, the stage ends where it is, as
/// if the driver had been killed within it, which it has to stand anyway.
///
/// # Errors
/// What the stage comes to.
pub(crate) async fn unless_lost(
    context: &StageContext,
    direction: Direction,
    stage: impl Future<Output = Result<Event, EngineError>>,
) -> Result<Event, EngineError> {
    let outcome = tokio::select! {
        outcome = stage => outcome,
        problem = watch(context, direction) => return Ok(Event::Stuck(problem)),
    };
    match outcome {
        // The stage's own bounds on repeating may be reached first.
        Err(EngineError::Cluster(failure)) if may_tell_of_loss(&failure) => {
            let lost = lost(context, direction).await;
            lost.map_or(Err(EngineError::Cluster(failure)), |problem| Ok(Event::Stuck(problem)))
        }
        outcome => outcome,
    }
}

/// Whether the cluster answered, and the answer may be that a shard is away.
fn may_tell_of_loss(failure: &Failure) -> bool {
    failure.status() == Some(503)
}

/// Ends when shards are lost.
async fn watch(context: &StageContext, direction: Direction) -> Problem {
    loop {
        time::sleep(LOOK_TIME).await;
        if let Some(problem) = lost(context, direction).await {
            return problem;
        }
    }
}

/// Waits until all primaries are there. Gives a problem when they don't come; when the cluster can't be asked, the stage
/// finds that out by itself.
async fn lost(context: &StageContext, direction: Direction) -> Option<Problem> {
    let names = names(context, direction);
    if names.is_empty() {
        return None;
    }
    let look = context.cluster.wait_for_health(&names, HealthStatus::Yellow, AWAY_TIME_MAX).await;
    match look {
        Err(failure) if failure.kind() == FailureKind::NotAcknowledged => {}
        Ok(()) | Err(_) => return None,
    }
    if direction == Direction::Forward
        && let Ok(Some(replaced)) = find_replaced(context, &target_plans(context)).await
    {
        return Some(replaced);
    }
    let mut away = Vec::new();
    for name in &names {
        let alone = [*name];
        let look = context.cluster.wait_for_health(&alone, HealthStatus::Yellow, Duration::ZERO);
        if look.await.is_err_and(|failure| failure.kind() == FailureKind::NotAcknowledged) {
            away.push(*name);
        }
    }
    // All of them came back meanwhile.
    let first = away.first()?;
    Some(lost_problem(direction, first, away.len()))
}

fn lost_problem(direction: Direction, first: &str, count: usize) -> Problem {
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    let seconds = AWAY_TIME_MAX.as_secs();
    let set = direction.target_set();
    let message = format!(
        "primary shards of {set} have been away for {seconds} s, in `{first}`{more}; the node that held their only copy is gone"
    );
    let hint = match direction {
        Direction::Forward => {
            "if that node comes back with its data, run the same command again; else give this run up with `lockstep abort` and start again: the live set is whole, and only what was copied is lost"
        }
        Direction::Back => {
            "if that node comes back with its data, run the same command again; else stay on the new set with `lockstep abort`: it is whole"
        }
    };
    problem("R0303", message, hint)
}

fn names(context: &StageContext, direction: Direction) -> Vec<&str> {
    match direction {
        Direction::Forward => {
            target_plans(context).into_iter().map(|target| target.index.as_str()).collect()
        }
        Direction::Back => live_names(context, Direction::Forward),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_problem_says_what_is_whole() {
        let problem = lost_problem(Direction::Forward, "acme-order-v2.0", 3);
        assert_eq!(
            problem.message,
            "primary shards of the new set have been away for 30 s, in `acme-order-v2.0` and 2 more; the node that held their only copy is gone"
        );
        assert!(problem.hint.contains("`lockstep abort`"), "{}", problem.hint);
        let problem = lost_problem(Direction::Back, "acme-order-v1.0", 1);
        assert!(problem.message.contains("of the old set") && !problem.message.contains("more"));
    }
}
