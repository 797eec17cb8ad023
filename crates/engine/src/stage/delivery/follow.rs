//! Follow: what came into envelopes since is delivered, window by window.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::run::quarantine::RejectedBy;
use lockstep_elastic::{BulkBody, IndexPosition, Key, Page, Version};

use super::{EnvelopeLog, Letter};
use crate::{
    error::EngineError,
    report::Unit,
    stage::{
        StageContext,
        carry::write_body,
        follow::Follower,
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
        while let Some(log) = deliveries.logs.get_mut(at).filter(|log| log.covered < end) {
            let before = log.covered;
            log.covered = deliver_some(context, log, end).await?;
            if let Some(meter) = &meter {
                meter.add(log.covered.abs_diff(before), 0);
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
    log: &EnvelopeLog,
    end: i64,
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
        pages.push(page);
    }
    stream::iter(pages.iter().map(Ok::<_, EngineError>))
        .try_for_each_concurrent(at_once, |page| deliver_page(context, log, page))
        .await?;
    Ok(covered)
}

async fn deliver_page(
    context: &StageContext,
    log: &EnvelopeLog,
    page: &Page,
) -> Result<(), EngineError> {
    let letters = log.open(page)?;
    let write = |letter: &Letter| (EnvelopeLog::version_of(letter.seq_no), letter.clone());
    let rejected = write_letters(context, letters.iter().map(write)).await?;
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

/// Writes documents under versions.
pub(super) async fn write_letters(
    context: &StageContext,
    letters: impl Iterator<Item = (u64, Letter)>,
) -> Result<RejectedLetters, EngineError> {
    let bytes_max = context.pace.body_bytes();
    let mut rejected = RejectedLetters::new();
    let mut sent: BTreeMap<(String, String), BTreeSet<Place>> = BTreeMap::new();
    let (mut bodies, mut body) = (Vec::new(), BulkBody::default());
    for (version, letter) in letters {
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
