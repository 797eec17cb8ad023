//! Switch and abort: all aliases move in one call, or the new set is dropped.

use std::collections::BTreeSet;

use lockstep_core::run::state::Event;

use super::{
    super::{
        request::{Answer, Request},
        rules::Change,
        shape::Set,
    },
    ELSEWHERE, NO_EFFECT,
    follow::Way,
    link::{Attempt, Link, Stop, problem},
};

/// Alias calls whose outcome is looked at.
const ATTEMPTS_MAX: usize = 3;

/// Moves all aliases, and sees that they are moved.
pub(super) async fn move_aliases(link: &Link, way: &Way) -> Result<Event, Stop> {
    for _ in 0..ATTEMPTS_MAX {
        let aliases = link.call(Request::Aliases).await?.aliases();
        if aliases.iter().all(|set| *set == way.to) {
            return Ok(Event::AliasesMoved);
        }
        let positions: Vec<usize> =
            (0..aliases.len()).filter(|position| aliases[*position] == way.from).collect();
        if link.is(Change::AliasesOneByOne) {
            for position in positions {
                let request = Request::MoveAliases { from: way.from, positions: vec![position] };
                link.attempt(request).await?;
            }
            continue;
        }
        if positions.len() < aliases.len() {
            return Ok(Event::Stuck(problem(ELSEWHERE, "some aliases are on either set")));
        }
        // Whatever is answered, the next look tells what happened.
        let request = Request::MoveAliases { from: way.from, positions };
        if matches!(link.attempt(request).await?, Attempt::Answered(Answer::Forbidden)) {
            return Err(Stop::Failed);
        }
    }
    let aliases = link.call(Request::Aliases).await?.aliases();
    if aliases.iter().all(|set| *set == way.to) {
        return Ok(Event::AliasesMoved);
    }
    Ok(Event::Stuck(problem(NO_EFFECT, "the alias call had no effect")))
}

/// Lifts the block of the old set, and drops the new one.
pub(super) async fn drop_targets(link: &Link) -> Result<Event, Stop> {
    let there = Way::there(link);
    link.call(Request::Unblock(Set::Old)).await?;
    if link.follows_dead() && !link.is(Change::NoSilence) {
        // A request of a dead driver may still block the live set or a part of it, and make a clone of that.
        link.silence().await?;
        link.call(Request::Unblock(Set::Old)).await?;
    }
    for position in 0..there.steps.len() {
        for set in BTreeSet::from([there.into, there.to]) {
            link.call(Request::DropIndex((set, position))).await?;
        }
    }
    Ok(Event::TargetsDropped)
}
