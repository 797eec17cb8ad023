//! The way back: what the application wrote on the new set is carried into the old one, or it stays where it is.

use lockstep_core::run::state::Event;

use super::{
    super::{request::Request, rules::Gap, shape::Set},
    compare::compare_delta,
    follow::{Follower, Way},
    link::{Link, Stop},
    verify::{bring_in_step, compare_until_clean},
};

/// Lets the old set take writes, which only the way back sends there, and brings it in step with the new one.
pub(super) async fn follow_back(link: &Link) -> Result<Event, Stop> {
    let way = Way::back(link).await?;
    link.call(Request::Unblock(Set::Old)).await?;
    let mut follower = Follower::open(link, &way).await?;
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

/// Lifts the block of the new set, and blocks the old one again.
pub(super) async fn stay_on_targets(link: &Link) -> Result<Event, Stop> {
    link.call(Request::Unblock(Set::New)).await?;
    link.call(Request::Block(Set::Old)).await?;
    Ok(Event::Stayed)
}
