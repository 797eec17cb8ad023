//! Follow: what came into envelopes since is delivered, window by window.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::run::quarantine::RejectedBy;
use lockstep_elastic::{BulkBody, IndexPosition, Key, Page, Version};

use super::{
    Deliveries, EnvelopeLog, Letter,
    read_back::{LETTERS_AT_ONCE, may_clash},
    version::Versions,
};
use crate::{
    error::EngineError,
    report::Unit,
    stage::{
        StageContext,
        carry::write_body,
        follow::Follower,
        gate::on_every_copy,
        mend::Place,
        meter::Meter,
        quarantine::place,
        rejected::{RejectedCopy, set_aside},
        window::{WindowReader, WindowWidth},
    },
};

/// Windows that are read before any of them is waited for; each is bounded in bytes.
const WINDOWS_AT_ONCE: usize = 8;
/// Passes over fewer numbers are over before anybody could read how far they are.
const NUMBERS_TOLD_MIN: u64 = 5_000;
/// How often positions are written to the journal.
const WRITE_TIME: Duration = Duration::from_secs(1);

/// Delivers everything that is in envelopes now.
///
/// # Errors
/// [`EngineError`] when the cluster or the journal can't be worked with, or a rejected document can't be set aside.
pub(in crate::stage) async fn deliver(follower: &mut Follower<'_>) -> Result<(), EngineError> {
    let context = follower.context;
    let deliveries = &mut follower.deliveries;
    let logs = deliveries.logs.iter().map(|log| (log.pair.target.as_str(), log.uuid.as_str()));
    let positions = context.made_positions(&logs.collect::<Vec<_>>()).await?;
    let end = |position: &IndexPosition| {
        position.shards.iter().map(|shard| shard.global_checkpoint).max().unwrap_or(-1)
    };
    let ends: Vec<i64> = positions.iter().map(end).collect();
    let numbers: u64 = deliveries
        .logs
        .iter()
        .zip(&ends)
        .map(|(log, end)| u64::try_from(end.saturating_sub(log.covered)).unwrap_or_default())
        .sum();
    let meter = (numbers >= NUMBERS_TOLD_MIN)
        .then(|| Meter::start("delivering", Unit::Documents, numbers, &context.reporter));
    let mut written_at = Instant::now();
    for (at, end) in ends.into_iter().enumerate() {
        while let Some(log) = deliveries.logs.get(at).filter(|log| log.covered < end) {
            let (before, log) = (log.covered, log.clone());
            let covered = deliver_some(context, deliveries, (&log, end)).await?;
            if let Some(log) = deliveries.logs.get_mut(at) {
                log.covered = covered;
            }
            if let Some(meter) = &meter {
                meter.add(covered.abs_diff(before), 0);
            }
            if written_at.elapsed() >= WRITE_TIME {
                written_at = Instant::now();
                deliveries.write(context).await?;
            }
        }
    }
    if let Some(meter) = meter {
        meter.finish(&context.reporter);
    }
    deliveries.write(context).await
}

/// Delivers a few windows at the same time. Gives how far that got.
async fn deliver_some(
    context: &StageContext,
    deliveries: &mut Deliveries,
    (log, end): (&EnvelopeLog, i64),
) -> Result<i64, EngineError> {
    context.check_stop()?;
    let limits = &context.plan.limits;
    let at_once = limits.windows_in_flight.max(1);
    let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
    let range = (log.covered.saturating_add(1), end);
    let mut reader =
        WindowReader::new(&context.cluster, (log.pair.target.as_str(), 0), range, width);
    let (mut covered, mut pages) = (log.covered, Vec::new());
    while pages.len() < WINDOWS_AT_ONCE {
        let Some((page, last)) = reader.next().await? else { break };
        covered = last;
        let letters = log.open(&page)?;
        pages.push((page, letters));
    }
    for (_, letters) in &pages {
        note_clashes(context, deliveries, letters).await?;
    }
    let versions = deliveries.versions();
    stream::iter(pages.into_iter().map(Ok::<_, EngineError>))
        .try_for_each_concurrent(at_once, |(page, letters)| async move {
            deliver_page(context, (log, &page), (versions, letters)).await
        })
        .await?;
    Ok(covered)
}

/// Where two envelopes hold a document for one id, the later one comes over the other one. Should it go again, the other one has to
/// be read back, which may long have been done: so that is noted before any of them is delivered. Nothing has to be noted of an
/// index of which nothing was read back yet.
async fn note_clashes(
    context: &StageContext,
    deliveries: &mut Deliveries,
    letters: &[Letter],
) -> Result<(), EngineError> {
    let mut clashing = Vec::new();
    for inbox in &deliveries.boxes {
        let of_log = |at: &usize| deliveries.logs.get(*at);
        if inbox.logs.iter().filter_map(of_log).all(|log| log.settled < 0) {
            continue;
        }
        let own = letters.iter().filter(|letter| letter.index.as_str() == inbox.index);
        let own: Vec<&Letter> = own.collect();
        for letters in own.chunks(LETTERS_AT_ONCE) {
            if may_clash(context, deliveries, inbox, letters).await? {
                clashing.extend(inbox.logs.iter().copied());
                break;
            }
        }
    }
    if clashing.is_empty() {
        return Ok(());
    }
    deliveries.forget(&clashing);
    deliveries.write(context).await
}

/// Waits until every copy of every envelope is there: what some copies lack is not delivered yet. The caller bounds the time.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with.
pub(in crate::stage) async fn wait_for_envelopes(
    follower: &Follower<'_>,
) -> Result<(), EngineError> {
    let logs = follower.deliveries.logs.iter().map(|log| log.pair.target.as_str());
    let logs: Vec<&str> = logs.collect();
    if logs.is_empty() {
        return Ok(());
    }
    on_every_copy(&follower.context.cluster, &logs).await.map(drop)
}

async fn deliver_page(
    context: &StageContext,
    (log, page): (&EnvelopeLog, &Page),
    (versions, letters): (Versions, Vec<Letter>),
) -> Result<(), EngineError> {
    let rejected = write_letters(context, versions, letters).await?;
    set_envelopes_aside(context, (log, page), &rejected).await
}

/// Sets the documents aside that envelopes of a page were made of of which a document was rejected.
pub(super) async fn set_envelopes_aside(
    context: &StageContext,
    (log, page): (&EnvelopeLog, &Page),
    rejected: &RejectedLetters,
) -> Result<(), EngineError> {
    if rejected.is_empty() {
        return Ok(());
    }
    let copies = page.hits().filter_map(|hit| {
        let (by, reason) = rejected.get(&place(&hit))?;
        Some(RejectedCopy::of(&hit, by.clone(), reason.clone()))
    });
    set_aside(context, &log.pair, copies.collect()).await
}

/// Envelopes of which a document was rejected, with who did it and why.
pub(super) type RejectedLetters = BTreeMap<Place, (RejectedBy, String)>;

/// Writes documents under the versions of an epoch.
pub(super) async fn write_letters(
    context: &StageContext,
    versions: Versions,
    letters: Vec<Letter>,
) -> Result<RejectedLetters, EngineError> {
    let bytes_max = context.pace.body_bytes();
    let mut rejected = RejectedLetters::new();
    let mut sent: BTreeMap<(String, String), BTreeSet<Place>> = BTreeMap::new();
    let (mut bodies, mut body) = (Vec::new(), BulkBody::default());
    for letter in letters {
        let version = versions.of(letter.log, letter.seq_no)?;
        let Letter { envelope, index, id, routing, source, .. } = letter;
        let key = Key { id: &id, routing: routing.as_deref() };
        if let Err(error) = body.index(&index, key, Version::AtLeast(version), &source) {
            rejected.insert(envelope, (RejectedBy::Form, error.to_string()));
            continue;
        }
        sent.entry((index.as_str().to_owned(), id)).or_default().insert(envelope);
        if body.len_bytes() >= bytes_max {
            bodies.push(std::mem::take(&mut body));
        }
    }
    if !body.is_empty() {
        bodies.push(body);
    }
    let reports: Vec<_> =
        stream::iter(bodies).then(|body| write_body(context, body)).try_collect().await?;
    for poison in reports.into_iter().flat_map(|report| report.poison) {
        let (item, rejection) = (poison.item, poison.rejection);
        let envelopes = sent.get(&(item.index.clone(), item.id.clone()));
        let Some(envelopes) = envelopes else {
            let message = format!("`{}` rejected `{}`, which was never sent", item.index, item.id);
            return Err(EngineError::Bug(message));
        };
        let reason = format!(
            "`{}` in `{}`: {}: {}",
            item.id, item.index, rejection.error_type, rejection.reason
        );
        let by = RejectedBy::Mapping { error_type: rejection.error_type };
        for envelope in envelopes {
            rejected.insert(envelope.clone(), (by.clone(), reason.clone()));
        }
    }
    Ok(rejected)
}
