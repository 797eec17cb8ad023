//! The way back: what the application wrote on the new set is carried into the old one, or it stays where it is.

use lockstep_core::run::state::Event;

use super::{
    super::{
        request::Request,
        rules::{Change, Gap},
        shape::Set,
    },
    REJECTED,
    compare::compare_delta,
    flow_back::{block_again, open_to_all, retry_rejected, set_guard},
    follow::{Follower, Way},
    link::{Link, Stop, problem},
    switch,
    verify::{bring_in_step, compare_until_clean},
};

/// Opens the old set for Lockstep alone, and brings it in step with the new one.
pub(super) async fn follow_back(link: &Link) -> Result<Event, Stop> {
    let way = Way::back(link).await?;
    if link.follows_dead() {
        link.silence().await?;
    }
    set_guard(link, &all(&way), Change::ReturnOpensToAll).await?;
    let mut follower = Follower::open(link, &way).await?;
    if !retry_rejected(link, &way).await?.is_empty() {
        return Ok(Event::Stuck(problem(REJECTED, "documents can't go back")));
    }
    follower.pass().await?;
    let terms = follower.terms(false).await?;
    if !link.has(Gap::FailoverUnseen) && !follower.is_of(&terms) {
        // A primary of the new set failed since both sets were equal: what it hid is found by comparing all.
        if let Event::Stuck(problem) = compare_until_clean(&mut follower).await? {
            return Ok(Event::Stuck(problem));
        }
    }
    compare_delta(&mut follower).await?;
    bring_in_step(&mut follower).await?;
    Ok(Event::BackInStep)
}

/// Moves all aliases back, and then opens the old set to everybody.
pub(super) async fn return_to_sources(link: &Link) -> Result<Event, Stop> {
    let way = Way::back(link).await?;
    let event = switch::move_aliases(link, &way).await?;
    if event == Event::AliasesMoved {
        open_to_all(link, &all(&way)).await?;
    }
    Ok(event)
}

/// Lifts the block of the new set, and blocks the old one again.
pub(super) async fn stay_on_targets(link: &Link) -> Result<Event, Stop> {
    link.call(Request::Unblock(Set::New)).await?;
    block_again(link, &all(&Way::there(link))).await?;
    Ok(Event::Stayed)
}

/// All positions.
pub(super) fn all(way: &Way) -> Vec<usize> {
    (0..way.steps.len()).collect()
}
