//! Carry: one window of documents goes through the steps and is written, item by item.
//!
//! Documents are written under the version that their sequence number gives, so carrying may be repeated, in any order, by
//! anybody: an older state never overwrites a newer one. What is rejected goes into [`quarantine`](super::quarantine).

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::{
    run::{
        quarantine::RejectedBy,
        state::{BadDocument, Problem},
        task::Tally,
    },
    transform::Workspace,
};
use lockstep_elastic::{BulkBody, Hit, IndexName, Key, Page, Poison, Version, WriteReport};

use super::{
    CopyPair, Direction, StageContext,
    mend::Place,
    quarantine::{Rejected, Withheld, place},
    review::by_index,
    steps::Steps,
};
use crate::error::{EngineError, REJECTED_DOCUMENTS};

/// Rejected documents that are kept by id for one list; all are counted.
const REJECTIONS_KEPT: usize = 100;

/// Takes the documents of a page through the steps and writes them. Those that a step or the target rejects go into
/// quarantine; those that it doesn't take are counted as unkept, and added to `unkept` up to a bound.
pub(super) async fn carry(
    context: &StageContext,
    pair: &CopyPair,
    page: Page,
    unkept: &mut Vec<BadDocument>,
) -> Result<Tally, EngineError> {
    let (tally, found) = carry_many(context, vec![(pair.clone(), page)]).await?;
    let room = REJECTIONS_KEPT.saturating_sub(unkept.len());
    unkept.extend(found.documents.into_iter().take(room));
    Ok(tally)
}

/// The same for pages that nothing may be left of: a document that can't be carried is a problem that halts the run.
///
/// # Errors
/// [`EngineError::Halted`] with the documents that nothing takes; what could be carried was.
pub(super) async fn carry_whole(
    context: &StageContext,
    pages: Vec<(CopyPair, Page)>,
) -> Result<Tally, EngineError> {
    let Some((first, _)) = pages.first() else { return Ok(Tally::default()) };
    let direction = first.direction;
    let (tally, unkept) = carry_many(context, pages).await?;
    if tally.unkept == 0 {
        return Ok(tally);
    }
    let counts: Vec<(&str, u64)> =
        unkept.counts.iter().map(|(index, count)| (index.as_str(), *count)).collect();
    let problem = rejected_documents(context, direction, unkept.documents, &counts);
    Err(EngineError::Halted(Box::new(problem)))
}

/// Documents that nothing takes.
#[derive(Debug, Default)]
struct Unkept {
    /// Some of them.
    documents: Vec<BadDocument>,
    /// Index → how many there are.
    counts: BTreeMap<String, u64>,
}

/// Pages of several indices are written together: to an engine, few requests for many indices are less work than one for
/// each.
async fn carry_many(
    context: &StageContext,
    pages: Vec<(CopyPair, Page)>,
) -> Result<(Tally, Unkept), EngineError> {
    let documents: u64 = pages.iter().map(|(_, page)| page.len() as u64).sum();
    context.pace.take(documents, &context.stop).await;
    context.check_stop()?;
    let mut loads = Vec::with_capacity(pages.len());
    for (pair, page) in pages {
        let target = index_name(&pair)?;
        let withheld = context.quarantine.withheld(&pair.source.index);
        let place = (pair.source.index.as_str(), &page);
        let steps = Steps::of(&context.cluster, &pair.course, place).await?;
        loads.push(Load { pair, page, steps, target, withheld });
    }
    let bytes_max = context.pace.body_bytes();
    // Off the threads that wait for the network.
    let work = move || transform(loads, bytes_max);
    let (bodies, transformed) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EngineError::Bug(error.to_string()))?;
    write(context, bodies, transformed).await
}

fn index_name(pair: &CopyPair) -> Result<IndexName, EngineError> {
    IndexName::parse(&pair.target).map_err(|error| EngineError::Bug(error.to_string()))
}

/// A page before the steps.
struct Load {
    pair: CopyPair,
    page: Page,
    steps: Steps,
    target: IndexName,
    withheld: Withheld,
}

/// A page after the steps.
struct Transformed {
    pair: CopyPair,
    page: Page,
    rejected: Vec<Rejected>,
    /// Documents that somebody decided to leave out, with the numbers of their last writes.
    discarded: Vec<(Place, i64)>,
    bytes: u64,
}

/// Takes pages through the steps, into bodies of about `bytes_max`.
fn transform(loads: Vec<Load>, bytes_max: usize) -> (Vec<BulkBody>, Vec<Transformed>) {
    let mut workspace = Workspace::default();
    let room = loads.iter().map(|load| load.page.len_bytes()).sum::<usize>().min(bytes_max);
    let mut bodies = Vec::new();
    let mut body = BulkBody::with_capacity(room);
    let mut transformed = Vec::with_capacity(loads.len());
    for load in loads {
        let (mut rejected, mut discarded, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (position, hit) in load.page.hits().enumerate() {
            bytes += hit.source.len() as u64;
            if load.withheld.is_discarded(&hit) {
                discarded.push((place(&hit), hit.seq_no));
                continue;
            }
            let made = transform_one(&load, (position, &hit), &mut workspace, &mut body);
            if let Err((by, reason)) = made {
                let (seq_no, source) = (hit.seq_no, hit.source.to_vec());
                rejected.push(Rejected { place: place(&hit), seq_no, source, by, reason });
            }
            if body.len_bytes() >= bytes_max {
                bodies.push(std::mem::replace(&mut body, BulkBody::with_capacity(room)));
            }
        }
        let Load { pair, page, .. } = load;
        transformed.push(Transformed { pair, page, rejected, discarded, bytes });
    }
    if !body.is_empty() {
        bodies.push(body);
    }
    (bodies, transformed)
}

fn transform_one(
    load: &Load,
    (position, hit): (usize, &Hit<'_>),
    workspace: &mut Workspace,
    body: &mut BulkBody,
) -> Result<(), (RejectedBy, String)> {
    let version = Version::AtLeast(load.pair.version_of(hit.seq_no));
    let mut unwritable = None;
    let outcome = load.steps.take((position, hit), workspace, &mut |made| {
        let key = Key { id: made.id, routing: made.routing };
        if let Err(error) = body.index(&load.target, key, version, made.source) {
            unwritable = Some((RejectedBy::Form, error.to_string()));
        }
    });
    outcome.map_err(|by| (RejectedBy::from(&by), by.to_string()))?;
    unwritable.map_or(Ok(()), Err)
}

async fn write(
    context: &StageContext,
    bodies: Vec<BulkBody>,
    mut transformed: Vec<Transformed>,
) -> Result<(Tally, Unkept), EngineError> {
    let (mut tally, mut unkept) = (Tally::default(), Unkept::default());
    let mut poisons = Vec::new();
    for body in bodies {
        let report = write_body(context, body).await?;
        tally.written += report.done_count as u64;
        tally.newer += report.newer_count as u64;
        poisons.extend(report.poison);
    }
    give_to_pages(&mut transformed, poisons)?;
    for one in transformed {
        tally.read += one.page.len() as u64;
        tally.bytes += one.bytes;
        tally.rejected += one.rejected.len() as u64;
        let beyond = set_aside(context, one).await?;
        tally.unkept += beyond.len() as u64;
        for document in beyond {
            *unkept.counts.entry(document.index.clone()).or_default() += 1;
            if unkept.documents.len() < REJECTIONS_KEPT {
                unkept.documents.push(document);
            }
        }
    }
    Ok((tally, unkept))
}

/// Sets aside what was rejected of a page, and takes out what is left out of the new set. Gives documents that nothing
/// takes.
async fn set_aside(
    context: &StageContext,
    transformed: Transformed,
) -> Result<Vec<BadDocument>, EngineError> {
    let Transformed { pair, page, rejected, discarded, .. } = transformed;
    if pair.direction == Direction::Back {
        // Nothing that was written since the switch may be lost by going back, so such a document stops it.
        let bad = |one: Rejected| BadDocument {
            index: pair.source.index.clone(),
            id: one.place.0,
            reason: one.reason,
        };
        return Ok(rejected.into_iter().map(bad).collect());
    }
    let mut left_out: BTreeMap<Place, i64> = discarded.into_iter().collect();
    left_out.extend(rejected.iter().map(|one| (one.place.clone(), one.seq_no)));
    let beyond = if rejected.is_empty() {
        Vec::new()
    } else {
        context.quarantine.take(&pair, rejected).await?
    };
    leave_out(context, &pair, &left_out).await?;
    let left_out: BTreeSet<Place> = left_out.into_keys().collect();
    context.quarantine.carried(&pair, &page, &left_out).await?;
    Ok(beyond)
}

/// Writes a body as the pace allows, which learns from it.
pub(super) async fn write_body(
    context: &StageContext,
    body: BulkBody,
) -> Result<WriteReport, EngineError> {
    let permit = context.pace.enter(body.len_bytes(), &context.stop).await?;
    let report = context.cluster.write_all_telling(body, &|| context.pace.pushed_back()).await?;
    permit.done();
    Ok(report)
}

/// Documents that the target rejected, each with the page that it is in.
fn give_to_pages(transformed: &mut [Transformed], poisons: Vec<Poison>) -> Result<(), EngineError> {
    if poisons.is_empty() {
        return Ok(());
    }
    let mut rejected = BTreeMap::new();
    for Poison { item, rejection } in poisons {
        // Steps change neither ids nor routing.
        rejected.insert((item.index, (item.id, item.routing)), rejection);
    }
    for one in transformed {
        let target = &one.pair.target;
        for hit in one.page.hits() {
            let place = place(&hit);
            let Some(rejection) = rejected.remove(&(target.clone(), place.clone())) else {
                continue;
            };
            one.rejected.push(Rejected {
                place,
                seq_no: hit.seq_no,
                source: hit.source.to_vec(),
                reason: format!("{}: {}", rejection.error_type, rejection.reason),
                by: RejectedBy::Mapping { error_type: rejection.error_type },
            });
        }
    }
    match rejected.first_key_value() {
        None => Ok(()),
        Some(((index, (id, _)), _)) => {
            Err(EngineError::Bug(format!("`{index}` rejected `{id}`, which was never sent")))
        }
    }
}

/// Deletes copies of earlier states of documents that are left out, so that the new set doesn't show them. Under the
/// version that the rejected state would have: a late copy of an earlier one is refused, and another try is not.
pub(super) async fn leave_out(
    context: &StageContext,
    pair: &CopyPair,
    left_out: &BTreeMap<Place, i64>,
) -> Result<(), EngineError> {
    let target = index_name(pair)?;
    let mut body = BulkBody::default();
    for ((id, routing), seq_no) in left_out {
        let key = Key { id, routing: routing.as_deref() };
        // An id that can't be an item can't have a copy either.
        let _unwritable = body.delete(&target, key, Version::AtLeast(pair.version_of(*seq_no)));
    }
    if body.is_empty() {
        return Ok(());
    }
    let report = write_body(context, body).await?;
    if let Some(poison) = report.poison.first() {
        return Err(EngineError::Bug(format!(
            "an older copy of `{}` can't be deleted: {}",
            poison.item.id, poison.rejection.reason
        )));
    }
    Ok(())
}

/// The problem of documents that were rejected and are in no quarantine.
pub(super) fn rejected_documents(
    context: &StageContext,
    direction: Direction,
    documents: Vec<BadDocument>,
    counts: &[(&str, u64)],
) -> Problem {
    let document_count = counts.iter().map(|(_, count)| count).sum();
    let indices = by_index(counts.iter().copied());
    let (message, hint) = match direction {
        Direction::Forward => (
            format!(
                "{document_count} documents more than the {} that the quarantine takes were rejected by a step or by the new mapping: {indices}",
                context.plan.limits.quarantine_max
            ),
            "so many are mostly a mistake of the pack: give the run up with `lockstep abort`, mend the pack, and start again; or mend these documents, and those of `lockstep quarantine list`, then run the same command again",
        ),
        Direction::Back => (
            format!(
                "{document_count} documents were rejected by a step or by the old mapping: {indices}"
            ),
            "mend these documents, then run the same command again; or stay on the new set with `lockstep abort`",
        ),
    };
    Problem {
        code: REJECTED_DOCUMENTS.to_owned(),
        message,
        hint: hint.to_owned(),
        documents,
        document_count,
    }
}
