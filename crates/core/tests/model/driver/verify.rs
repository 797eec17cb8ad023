//! Verify and hold: the sets are compared until one comparison finds nothing to mend, and then kept in step.

use lockstep_core::run::state::Event;

use super::{
    super::{request::Request, rules::Change},
    FOREIGN, UNSTABLE,
    compare::{Depth, compare_delta, compare_one, reconcile_deletes},
    deliver::compare_deliveries,
    follow::{Follower, Way},
    link::{Link, Stop, problem},
    mend::Outcome,
};

/// Comparisons that may find something to put right before somebody is asked.
const COMPARISONS_MAX: usize = 3;
/// A pass that begins with so few numbers leaves little enough for a fence.
const LAG_NUMBERS_MAX: u64 = 3;
/// Passes until it is enough, come what may: the model's writers have no rate that could be too high.
const PASSES_MAX: usize = 4;
/// Passes that in the end bring the sets in step before the fence.
const LAST_PASSES: usize = 3;

/// Catches up and compares both sets until a comparison is clean.
pub(super) async fn compare_sets(link: &Link, way: &Way) -> Result<Event, Stop> {
    let mut follower = Follower::open(link, way).await?;
    compare_until_clean(&mut follower).await
}

/// Compares again and again, a few times.
pub(super) async fn compare_until_clean(follower: &mut Follower<'_>) -> Result<Event, Stop> {
    for _ in 0..COMPARISONS_MAX {
        catch_up(follower).await?;
        let covered = follower.marks.clone();
        // Before anything is read: whatever is lost from here on changes the term.
        let terms = follower.terms(false).await?;
        let mut all = Outcome::default();
        for position in 0..follower.way.steps.len() {
            all.merge(&compare_one(follower, position, Depth::Contents).await?);
        }
        if all.foreign > 0 {
            follower.write().await?;
            return Ok(Event::Stuck(problem(FOREIGN, "somebody else writes into the new set")));
        }
        if all.differing == 0 {
            for (key, mark) in &mut follower.marks {
                let compared = covered[key].covered;
                mark.settled = mark.settled.max(compared);
                mark.compared = mark.compared.max(compared);
                mark.terms = terms[key];
            }
            follower.write().await?;
            return Ok(compare_deliveries(follower).await?.map_or(Event::SetsEqual, Event::Stuck));
        }
    }
    follower.write().await?;
    Ok(Event::Stuck(problem(UNSTABLE, "both sets differ again after they were put right")))
}

async fn catch_up(follower: &mut Follower<'_>) -> Result<(), Stop> {
    for _ in 0..PASSES_MAX {
        if follower.pass().await? <= LAG_NUMBERS_MAX {
            break;
        }
    }
    Ok(())
}

/// Keeps the sets in step until nobody asks to hold any more.
pub(super) async fn keep_in_step(link: &Link, way: &Way) -> Result<Event, Stop> {
    let mut follower = Follower::open(link, way).await?;
    loop {
        catch_up(&mut follower).await?;
        compare_delta(&mut follower).await?;
        if !link.world.borrow().is_held {
            break;
        }
        reconcile(&follower).await?;
        // Less often than passes are made.
        if link.chance(300) {
            settle(&mut follower).await?;
        }
        follower.write().await?;
        link.call(Request::Nap).await?;
    }
    if link.follows_dead() && !link.is(Change::NoSilence) {
        link.silence().await?;
        if let Some(deliveries) = &mut follower.deliveries
            && !link.is(Change::TakeoverTrustsReadBack)
        {
            // What arrived since may have come over what was read back.
            deliveries.forget_read_back();
            deliveries.settle(link).await?;
        }
    }
    bring_in_step(&mut follower).await?;
    Ok(Event::Released)
}

/// The last passes before a fence, quick after one another.
pub(super) async fn bring_in_step(follower: &mut Follower<'_>) -> Result<(), Stop> {
    for _ in 0..LAST_PASSES {
        let deleted = reconcile(follower).await?;
        let numbers = follower.pass().await?;
        compare_delta(follower).await?;
        if deleted == 0 && numbers <= LAG_NUMBERS_MAX {
            break;
        }
    }
    settle(follower).await?;
    follower.write().await
}

async fn settle(follower: &mut Follower<'_>) -> Result<(), Stop> {
    let link = follower.link;
    if let Some(deliveries) = &mut follower.deliveries {
        deliveries.settle(link).await?;
    }
    Ok(())
}

async fn reconcile(follower: &Follower<'_>) -> Result<usize, Stop> {
    let moved = follower.positions(|_, mark| mark.compared < mark.covered);
    reconcile_deletes(follower, &moved).await
}
