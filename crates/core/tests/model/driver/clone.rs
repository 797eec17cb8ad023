//! Clone: an index that no step changes is made of the old one's files while that one is blocked for a moment. What makes it
//! right is what is looked at: the clone's log ends at the number up to which every copy of the old index had everything.

use lockstep_core::run::state::RunState;

use super::{
    super::{
        journal::{Clones, Kept, Key, Record},
        request::{Answer, Request, ShardPosition},
        rules::Change,
        shape::Set,
        world::Sight,
    },
    link::{Attempt, Link, Stop},
};

/// Up to which numbers shards were cloned, by index.
pub(super) async fn cloned(link: &Link) -> Result<Clones, Stop> {
    match link.read(Key::Clones).await?.map(|kept| kept.record) {
        Some(Record::Clones { made, driver: _ }) => Ok(made),
        Some(other) => panic!("not clones: {other:?}"),
        None => Ok(Clones::new()),
    }
}

/// Makes the targets that begin as clones. Those that can't be cloned are left for copying.
pub(super) async fn clone_targets(link: &Link) -> Result<(), Stop> {
    let indices = link.indices();
    let wanted: Vec<usize> = (0..indices.len()).filter(|at| indices[*at].is_cloned).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    // A driver of before may have died with one of them blocked.
    link.call(Request::UnblockCloned(wanted.clone())).await?;
    let driver = driver_of(link).await?;
    let (mut known, expected) = match link.read(Key::Clones).await? {
        Some(Kept { version, record: Record::Clones { made, .. } }) => (made, Some(version)),
        Some(other) => panic!("not clones: {other:?}"),
        None => (Clones::new(), None),
    };
    let record = |made: &Clones| Record::Clones { driver, made: made.clone() };
    let is_new = expected.is_none() || !link.is(Change::ClonesOfSleepersKept);
    // From here on nobody who cloned before can say so: what he made is dropped.
    let mut version = match expected {
        Some(version) if !is_new => version,
        _other => link.write(Key::Clones, expected, record(&known)).await?.version,
    };
    for position in &wanted {
        if known.contains_key(position) {
            continue;
        }
        let numbers = clone_one(link, *position, driver).await?;
        link.see(if numbers.is_empty() { Sight::CloneDropped } else { Sight::Cloned });
        if numbers.is_empty() {
            continue;
        }
        known.insert(*position, numbers);
        version = link.write(Key::Clones, Some(version), record(&known)).await?.version;
    }
    // A request of a dead driver may still block one of them.
    if link.follows_dead() && !link.is(Change::CloneWithoutSilence) {
        link.silence().await?;
        link.call(Request::UnblockCloned(wanted)).await?;
    }
    Ok(())
}

/// The number of the driver that the run has, as long as it prepares.
async fn driver_of(link: &Link) -> Result<u64, Stop> {
    match link.read(Key::Run).await?.map(|kept| kept.record) {
        Some(Record::Run { state: RunState::Preparing, driver }) => Ok(driver),
        _other => Err(Stop::LeaseLost),
    }
}

/// Gives up to which numbers the clone has everything; nothing when the index has to be copied.
async fn clone_one(link: &Link, position: usize, driver: u64) -> Result<Vec<i64>, Stop> {
    // One of an attempt before: what it holds isn't known any more.
    if !link.is(Change::CloneUnseen) {
        link.call(Request::DropIndex((Set::New, position))).await?;
    }
    let outcome = under_block(link, position, driver).await;
    if !link.knows_lost() {
        link.call(Request::UnblockCloned(vec![position])).await?;
    }
    let numbers = outcome?;
    if numbers.is_empty() {
        link.call(Request::DropIndex((Set::New, position))).await?;
    }
    Ok(numbers)
}

async fn under_block(link: &Link, position: usize, driver: u64) -> Result<Vec<i64>, Stop> {
    if driver_of(link).await? != driver {
        return Err(Stop::LeaseLost);
    }
    link.call(Request::BlockToClone(position)).await?;
    let Some(before) = settled(link, (Set::Old, position)).await? else { return Ok(Vec::new()) };
    match link.attempt(Request::Clone(position)).await? {
        // Whether it is there after a lost answer is seen below.
        Attempt::Answered(Answer::Done) | Attempt::Unknown => {}
        Attempt::Answered(_) | Attempt::Refused => {
            if !link.is(Change::CloneUnseen) {
                return Ok(Vec::new());
            }
        }
    }
    let after = settled(link, (Set::New, position)).await?;
    let is_same = after.as_ref() == Some(&before);
    let is_taken = is_same || (after.is_some() && link.is(Change::CloneUnseen));
    Ok(if is_taken { before } else { Vec::new() })
}

/// Where the shards of an index stand, if it is there and everything is on every copy.
async fn settled(link: &Link, (set, position): (Set, usize)) -> Result<Option<Vec<i64>>, Stop> {
    let mut positions = link.call(Request::Positions(set)).await?.positions();
    let shards = positions.swap_remove(position);
    let lags = |shard: &ShardPosition| {
        shard.checkpoint < shard.highest && !link.is(Change::CloneOfLaggingCopies)
    };
    if shards.is_empty() || shards.iter().any(lags) {
        return Ok(None);
    }
    Ok(Some(shards.iter().map(|shard| shard.highest).collect()))
}
