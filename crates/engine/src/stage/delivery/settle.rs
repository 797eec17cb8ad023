//! Settle: an index holds as many documents as are addressed to it; what no envelope holds any more is deleted.
//!
//! Nothing tells of a document that an envelope held before. Where the numbers differ, the ids of both sides are compared. All that
//! is in envelopes was delivered and read back, each in one envelope only, so equal numbers are the same documents.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::compare::entry_hash;
use lockstep_elastic::{BulkBody, Key, Version};

use super::{
    Deliveries, Inbox,
    follow::deliver,
    index_name,
    read_back::{Hand, read_back},
};
use crate::{
    error::EngineError,
    stage::{
        StageContext,
        carry::write_body,
        follow::Follower,
        mend::Place,
        quarantine::place,
        side::Depth,
        window::{WindowReader, WindowWidth},
    },
};

/// Hashes of ids that are held at the same time, 16 bytes each.
const IDS_HELD_MAX: u64 = 4_000_000;
/// Documents that are looked up, and deleted, at the same time.
const IDS_AT_ONCE: usize = 1_000;

/// Delivers what is in envelopes, reads it back, and deletes what is in none. Gives what isn't right yet, in words.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with.
pub(in crate::stage) async fn settle_deliveries(
    follower: &mut Follower<'_>,
) -> Result<Option<String>, EngineError> {
    if follower.deliveries.is_empty() {
        return Ok(None);
    }
    deliver(follower).await?;
    let context = follower.context;
    let deliveries = &mut follower.deliveries;
    let seen = read_back(context, deliveries, Hand::Write).await?;
    if let Some(clash) = seen.clash {
        return Ok(Some(clash.told()));
    }
    let unsettled = unsettled(context, deliveries).await?;
    let mut deleted = 0;
    for one in &unsettled {
        deleted += delete_strays(context, deliveries, one).await?;
    }
    let unsettled =
        if unsettled.is_empty() { unsettled } else { self::unsettled(context, deliveries).await? };
    deliveries.write(context).await?;
    follower.count(deleted, seen.count());
    if let Some(first) = seen.documents.first() {
        return Ok(Some(format!(
            "`{}` of `{}` {} and was written anew",
            first.id, first.index, first.reason
        )));
    }
    Ok(unsettled.first().map(Counted::told))
}

/// The same, and everything is read back anew.
///
/// # Errors
/// As [`settle_deliveries`].
pub(in crate::stage) async fn settle_deliveries_anew(
    follower: &mut Follower<'_>,
) -> Result<Option<String>, EngineError> {
    follower.deliveries.forget_read_back();
    settle_deliveries(follower).await
}

/// An index, and how many documents are addressed to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    /// Its place among the boxes.
    at: usize,
    /// Its name.
    pub(super) index: String,
    /// Documents addressed to it.
    pub(super) expected: u64,
    /// Documents that it has.
    pub(super) found: u64,
}

impl Counted {
    pub(super) fn told(&self) -> String {
        let Self { index, expected, found, .. } = self;
        format!("{expected} documents are addressed to `{index}`, and it has {found}")
    }
}

/// The indices that don't hold as many documents as are addressed to them.
async fn unsettled(
    context: &StageContext,
    deliveries: &Deliveries,
) -> Result<Vec<Counted>, EngineError> {
    let mut counted = count(context, deliveries).await?;
    counted.retain(|one| one.expected != one.found);
    Ok(counted)
}

/// Counts all indices and what is addressed to them.
pub(super) async fn count(
    context: &StageContext,
    deliveries: &Deliveries,
) -> Result<Vec<Counted>, EngineError> {
    let mut fields = Vec::new();
    for (at, inbox) in deliveries.boxes.iter().enumerate() {
        let logs = inbox.logs.iter().filter_map(|log| deliveries.logs.get(*log));
        let field = format!("counts.{}", inbox.logical);
        fields.extend(logs.map(|log| (at, log.pair.target.clone(), field.clone())));
    }
    let mut refreshed: BTreeSet<&str> = deliveries.targets().collect();
    refreshed.extend(fields.iter().map(|(_, index, _)| index.as_str()));
    let refreshed: Vec<&str> = refreshed.into_iter().collect();
    context.cluster.refresh(&refreshed).await?;
    let wanted: Vec<(&str, &str)> =
        fields.iter().map(|(_, index, field)| (index.as_str(), field.as_str())).collect();
    let targets: Vec<&str> = deliveries.targets().collect();
    let cluster = &context.cluster;
    let (sums, counts) = tokio::try_join!(cluster.sums(&wanted), cluster.counts(&targets))?;
    let mut expected: BTreeMap<usize, u64> = BTreeMap::new();
    for ((at, ..), sum) in fields.iter().zip(sums) {
        *expected.entry(*at).or_default() += sum;
    }
    let compared = deliveries.boxes.iter().zip(counts).enumerate().map(|(at, (inbox, found))| {
        let expected = expected.get(&at).copied().unwrap_or_default();
        Counted { at, index: inbox.index.clone(), expected, found }
    });
    Ok(compared.collect())
}

/// Deletes the documents of an index that no envelope holds, and has read back anew what it lacks. Gives how many were deleted.
async fn delete_strays(
    context: &StageContext,
    deliveries: &mut Deliveries,
    unsettled: &Counted,
) -> Result<u64, EngineError> {
    let Some(inbox) = deliveries.boxes.get(unsettled.at) else { return Ok(0) };
    if inbox.logs.is_empty() {
        // Nobody has anything to put there: it is somebody else's, and told as what it is.
        return Ok(0);
    }
    let (mut deleted, mut is_lacking) = (0, false);
    // Where there are too many to hold, a part of all ids is looked at at a time.
    let parts = u128::from(unsettled.expected.max(unsettled.found) / IDS_HELD_MAX + 1);
    for part in 0..parts {
        let is_of_part = |hash: u128| hash % parts == part;
        // In this order: what is delivered in between has a higher version than was seen.
        let found = found_ids(context, inbox, is_of_part).await?;
        let expected = expected_ids(context, (deliveries, inbox), is_of_part).await?;
        is_lacking |= expected.iter().any(|hash| !found.contains_key(hash));
        let versions = deliveries.versions();
        let covered = |log: usize| deliveries.logs.get(log).map(|log| log.covered);
        let strays: Vec<(Place, u64)> = found
            .into_iter()
            .filter(|(hash, _)| !expected.contains(hash))
            .map(|(_, stray)| stray)
            .filter(|(_, version)| versions.knows(*version, covered))
            .collect();
        for strays in strays.chunks(IDS_AT_ONCE) {
            deleted += delete(context, inbox, strays).await?;
        }
    }
    if is_lacking {
        deliveries.forget(&inbox.logs.clone());
    }
    Ok(deleted)
}

/// The ids of an index, by their hashes, with the versions that they have there.
async fn found_ids(
    context: &StageContext,
    inbox: &Inbox,
    is_wanted: impl Fn(u128) -> bool,
) -> Result<BTreeMap<u128, (Place, u64)>, EngineError> {
    let limits = &context.plan.limits;
    let mut all = BTreeMap::new();
    for shard in context.cluster.watermark(&inbox.index).await? {
        let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
        let range = (0, shard.max_seq_no);
        let mut reader =
            WindowReader::new(&context.cluster, (inbox.index.as_str(), shard.number), range, width)
                .at_depth(Depth::Identities);
        while let Some((page, _)) = reader.next().await? {
            context.check_stop()?;
            for hit in page.hits() {
                let hash = entry_hash(&hit.id, hit.routing.as_deref(), 0);
                if is_wanted(hash) {
                    all.insert(hash, (place(&hit), hit.version));
                }
            }
        }
    }
    Ok(all)
}

/// Hashes of the ids that are addressed to an index.
async fn expected_ids(
    context: &StageContext,
    (deliveries, inbox): (&Deliveries, &Inbox),
    is_wanted: impl Fn(u128) -> bool,
) -> Result<BTreeSet<u128>, EngineError> {
    let limits = &context.plan.limits;
    let mut all = BTreeSet::new();
    for log in inbox.logs.iter().filter_map(|at| deliveries.logs.get(*at)) {
        let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
        let range = (0, log.covered);
        let mut reader =
            WindowReader::new(&context.cluster, (log.pair.target.as_str(), 0), range, width);
        while let Some((page, _)) = reader.next().await? {
            context.check_stop()?;
            for letter in log.open(&page)? {
                let hash = entry_hash(&letter.id, letter.routing.as_deref(), 0);
                if letter.index.as_str() == inbox.index && is_wanted(hash) {
                    all.insert(hash);
                }
            }
        }
    }
    Ok(all)
}

/// Deletes documents as they were seen.
async fn delete(
    context: &StageContext,
    inbox: &Inbox,
    strays: &[(Place, u64)],
) -> Result<u64, EngineError> {
    let target = index_name(&inbox.index)?;
    let mut body = BulkBody::default();
    for ((id, routing), version) in strays {
        let key = Key { id, routing: routing.as_deref() };
        // One above what was seen: a late delivery of the same is refused, and so is this where a later one came meanwhile.
        let version = Version::AtLeast(version.saturating_add(1));
        body.delete(&target, key, version).map_err(|error| EngineError::Bug(error.to_string()))?;
    }
    if body.is_empty() {
        return Ok(0);
    }
    let report = write_body(context, body).await?;
    if let Some(poison) = report.poison.first() {
        return Err(EngineError::Bug(format!(
            "`{}` of `{}` can't be deleted: {}",
            poison.item.id, inbox.index, poison.rejection.reason
        )));
    }
    Ok(report.done_count as u64)
}
